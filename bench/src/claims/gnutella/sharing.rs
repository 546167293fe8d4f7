//! Who shares, and who answers.

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig};

use crate::claims::draw::{Weighted, log_normal};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;
use crate::world::unit;

const ADAR: &str = "Adar and Huberman 2000";
/// Peers that were seen in a day of August 2000.
const PEERS: u32 = 33_335;
/// Internet domains they were in.
const DOMAINS: u32 = 2_538;
/// Of those who share, so many never answered.
const NEVER_ANSWER: f64 = 0.63;
/// The standard deviation of the logarithm of the others' answers, fitted to what the busiest 1 % and 25 % had.
const ANSWERS_SIGMA: f64 = 1.85;

/// R13.
pub(super) const FREE_RIDING: Claim = Claim {
    id: "R13",
    sentence: "Most peers share nothing, few share nearly everything, and few answer nearly every query; who shares more does not answer more.",
    said_by: ADAR,
    setup: |_| {
        format!(
            "{PEERS} peers; files by the fitted placement of the catalog; answers drawn beside it: {:.0} % of those who share never answer, the others' answers log-normal with sigma {ANSWERS_SIGMA} (both fitted)",
            NEVER_ANSWER * 100.0
        )
    },
    varied: "nothing: this checks the generators against the measurement they were fitted to",
    seeds: crate::claims::LIGHT,
    trial: free_riding,
};

/// G10.
pub(super) const HYPOTHESES: Claim = Claim {
    id: "G10",
    sentence: "Many ride free, and they are spread evenly over domains; many shared files are such as nobody wants.",
    said_by: "lecture",
    setup: |_| {
        format!(
            "{PEERS} peers in {DOMAINS} domains whose sizes follow Zipf's law; files by the fitted placement; everybody searches for titles by popularity, and all are asked; beside it, answers drawn as in R13, which is what files that nobody wants come to",
        )
    },
    varied: "whether what is shared is what is asked for",
    seeds: crate::claims::LIGHT,
    trial: hypotheses,
};

/// A catalog as large as the files that peers share call for, and who shares what.
fn placed(trial: &Trial) -> (Catalog, Placement) {
    let config = CatalogConfig { titles: 3 * PEERS, artists: PEERS / 4, ..CatalogConfig::default() };
    let catalog = Catalog::synthetic(&config, trial.seed_of(1));
    let placement = Placement::draw(&catalog, PEERS, &PlacementConfig::default(), trial.seed_of(2));
    (catalog, placement)
}

/// Files by peer.
fn files(placement: &Placement) -> Vec<f64> {
    (0..placement.peers()).map(|peer| placement.titles(peer).len() as f64).collect()
}

/// The part of everything that the largest `share` of `loads` has.
pub(super) fn share_of_top(loads: &[f64], share: f64) -> f64 {
    let mut sorted = loads.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let top = (share * loads.len() as f64).round() as usize;
    sorted[..top].iter().sum::<f64>() / sorted.iter().sum::<f64>()
}

/// The square of the linear correlation.
fn r_squared(xs: &[f64], ys: &[f64]) -> f64 {
    let n = xs.len() as f64;
    let (mx, my) = (xs.iter().sum::<f64>() / n, ys.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in xs.iter().zip(ys) {
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
        xy += (x - mx) * (y - my);
    }
    xy * xy / (xx * yy)
}

/// Answers that have nothing to do with how much is shared, for each of `sharers`.
fn unrelated_answers(sharers: usize, trial: &Trial) -> Vec<f64> {
    let mut rng = trial.rng(3);
    (0..sharers)
        .map(|_| {
            let answers = log_normal(&mut rng, 1.0, ANSWERS_SIGMA);
            if unit(&mut rng) < NEVER_ANSWER { 0.0 } else { answers }
        })
        .collect()
}

fn free_riding(trial: &Trial) -> Vec<Reading> {
    let (_, placement) = placed(trial);
    let files = files(&placement);
    let sharers: Vec<f64> = files.iter().copied().filter(|files| *files > 0.0).collect();
    let answers = unrelated_answers(sharers.len(), trial);
    let row = |what: &str, value, published, tolerance| {
        let published = Published::new(published, ADAR, Mark::Secondary);
        let rule = Rule::near(published, tolerance);
        Reading::new(what, Unit::Share, value).published(published).rule(rule)
    };
    let nothing = 1.0 - sharers.len() as f64 / files.len() as f64;
    let related = Published::new(0.001, ADAR, Mark::Secondary);
    vec![
        row("peers that share nothing", nothing, 0.66, 0.05),
        row("of all files at 1 % of peers", share_of_top(&files, 0.01), 0.37, 0.05),
        row("of all files at 20 % of peers", share_of_top(&files, 0.20), 0.98, 0.05),
        row("of all answers by 1 % of sharers", share_of_top(&answers, 0.01), 0.47, 0.05),
        row("of all answers by 25 % of sharers", share_of_top(&answers, 0.25), 0.98, 0.05),
        Reading::new("r² of files and answers", Unit::Share, r_squared(&sharers, &answers))
            .published(related)
            .rule(Rule::at_most(0.05, Mark::Secondary)),
    ]
}

fn hypotheses(trial: &Trial) -> Vec<Reading> {
    let (catalog, placement) = placed(trial);
    let files = files(&placement);
    let nothing = files.iter().filter(|files| **files == 0.0).count() as f64 / files.len() as f64;
    let (mut peers_in, mut files_in) = (vec![0.0; DOMAINS as usize], vec![0.0; DOMAINS as usize]);
    let (domains, mut rng) = (Weighted::zipf(DOMAINS, 1.0), trial.rng(4));
    for files in &files {
        let domain = domains.draw(&mut rng);
        peers_in[domain] += 1.0;
        files_in[domain] += files;
    }
    let mut answers = vec![0.0; files.len()];
    for _ in 0..trial.size.pick(5_000, 20_000, 50_000) {
        for holder in placement.holders(catalog.draw(&mut rng)) {
            answers[*holder as usize] += 1.0;
        }
    }
    let (sharers, wanted): (Vec<f64>, Vec<f64>) =
        files.iter().zip(answers).filter(|(files, _)| **files > 0.0).unzip();
    let never = wanted.iter().filter(|answers| **answers == 0.0).count() as f64 / wanted.len() as f64;
    let unrelated = unrelated_answers(sharers.len(), trial);
    let adar = |value| Published::new(value, ADAR, Mark::Secondary);
    vec![
        Reading::new("H1: peers that share nothing", Unit::Share, nothing)
            .published(adar(0.66))
            .rule(Rule::near(adar(0.66), 0.05)),
        Reading::new("H2: r² of peers and files by domain", Unit::Share, r_squared(&peers_in, &files_in))
            .published(adar(0.93))
            .rule(Rule::at_least(0.83, Mark::Secondary)),
        Reading::new(
            "H3: r² of files and answers, wanted files only",
            Unit::Share,
            r_squared(&sharers, &wanted),
        )
        .published(adar(0.001)),
        Reading::new("H3: sharers who never answer, wanted files only", Unit::Share, never)
            .published(adar(NEVER_ANSWER)),
        Reading::new("H3: r², files nobody wants too", Unit::Share, r_squared(&sharers, &unrelated))
            .published(adar(0.001))
            .rule(Rule::at_most(0.05, Mark::Secondary)),
    ]
}
