//! How many others a supernode has to be linked with.

use std::sync::Arc;
use std::time::Duration;

use common::sim::Config;
use kazaa::config::Knobs;

use super::network::{Network, clusters, file, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// K3.
pub(super) const MESH: Claim = Claim {
    id: "K3",
    sentence: "Supernodes need not be an almost complete mesh, as the lecture guessed: links to 30 or 50 others do.",
    said_by: "Liang, Kumar and Ross 2004",
    setup: |size| {
        format!(
            "{} supernodes with {CHILDREN} children each; a title at one child and one at 10 % of them; searches want {} results; upkeep over {} min without searches",
            supernodes(size),
            Knobs::default().enough,
            UPKEEP.as_secs() / 60
        )
    },
    varied: "links of each supernode, up to all others; whether a supernode asks its neighbours only, or also dials others for the question",
    seeds: crate::claims::HEAVY,
    trial: mesh,
};

const CHILDREN: u32 = 10;
/// How long supernodes are watched while nobody searches.
const UPKEEP: Duration = Duration::from_secs(1_200);
/// Links of each supernode; the last is the mesh.
const DEGREES: [usize; 5] = [5, 10, 30, 50, usize::MAX];

fn supernodes(size: Size) -> u32 {
    size.pick(80, 150, 300)
}

fn titles(size: Size) -> u32 {
    size.pick(10, 20, 40)
}

/// What a number of links gives and costs.
struct Outcome {
    /// Links that there are, on average.
    links: f64,
    /// Messages of a supernode in an hour without searches, if it was watched.
    upkeep: f64,
    /// Of titles at one child, those found; and of popular ones, those of which as many were found as were wanted.
    rare_found: f64,
    popular_found: f64,
    /// Messages of a search for a title at one child, and its seconds.
    messages: f64,
    ended_s: f64,
}

fn outcome(trial: &Trial, degree: usize, visits_max: usize) -> Outcome {
    let supernodes = supernodes(trial.size);
    let links = degree.min(supernodes as usize - 1);
    let knobs = Knobs {
        links,
        links_max: links,
        visits_max,
        asked_max: supernodes as usize,
        supernodes_max: supernodes as usize,
        ..fixed()
    };
    let enough = knobs.enough;
    let knobs = Arc::new(knobs);
    let children = supernodes * CHILDREN;
    let config = Config::seeded(trial.seed_of(1));
    let mut network = clusters(config, supernodes, children, |_| Arc::clone(&knobs));
    let upkeep = if visits_max == 0 { upkeep(&mut network, supernodes) } else { f64::NAN };
    let linked: usize = (0..supernodes).filter_map(|node| Some(network.peer(node)?.links())).sum();
    let mut rng = trial.rng(2);
    let copies = children as usize / 10;
    let searchers: Vec<u32> = (0..titles(trial.size))
        .map(|title| {
            let mut nodes =
                sample(children, copies + 2, &mut rng).into_iter().map(|child| supernodes + child);
            let (searcher, holder) = (nodes.next(), nodes.next());
            let name = file(&format!("a song popular{title}.mp3"));
            nodes.for_each(|node| network.share(node, [Arc::clone(&name)]));
            let rare = file(&format!("a song rare{title}.mp3"));
            network.share(holder.expect("more than there are copies"), [rare]);
            searcher.expect("more than there are copies")
        })
        .collect();
    network.run_for(Duration::from_secs(1));
    let mut sums = [0.0; 4];
    for (title, searcher) in searchers.iter().enumerate() {
        let popular = network.search(*searcher, &format!("popular{title}"));
        let rare = network.search(*searcher, &format!("rare{title}"));
        sums[0] += f64::from(u8::from(!rare.results.is_empty()));
        sums[1] += f64::from(u8::from(popular.results.len() >= enough));
        sums[2] += rare.messages as f64;
        sums[3] += rare.ended_s;
    }
    let [rare_found, popular_found, messages, ended_s] = sums.map(|sum| sum / searchers.len() as f64);
    let links = linked as f64 / f64::from(supernodes);
    Outcome { links, upkeep, rare_found, popular_found, messages, ended_s }
}

/// Messages between supernodes in an hour, for each of them.
fn upkeep(network: &mut Network, supernodes: u32) -> f64 {
    const KINDS: [&str; 6] =
        ["request", "link hello", "link refused", "link nodes", "link ping", "link pong"];
    let sent = |network: &Network| KINDS.map(|kind| network.sent(kind).messages).iter().sum::<u64>();
    let before = sent(network);
    network.run_for(UPKEEP);
    let hours = UPKEEP.as_secs_f64() / 3_600.0;
    (sent(network) - before) as f64 / f64::from(supernodes) / hours
}

fn mesh(trial: &Trial) -> Vec<Reading> {
    let liang = |value, to| Published::range(value, to, "Liang, Kumar and Ross 2004", Mark::Memory);
    let mut readings = Vec::new();
    let (mut found, mut upkeeps) = (Vec::new(), Vec::new());
    for degree in DEGREES {
        let all = degree == usize::MAX;
        let name = if all { "all others".to_owned() } else { format!("{degree} links") };
        let near = outcome(trial, degree, 0);
        let far = outcome(trial, degree, fixed().visits_max);
        let linked = Reading::new(format!("{name}: links there are"), Unit::Count, near.links);
        readings.push(if degree == 30 { linked.published(liang(30.0, 50.0)) } else { linked });
        readings.push(Reading::new(format!("{name}: upkeep, messages an hour"), Unit::Count, near.upkeep));
        let reach = (near.links + 1.0) / f64::from(supernodes(trial.size));
        readings.push(
            Reading::new(
                format!("{name}: titles at one child found by neighbours alone"),
                Unit::Share,
                near.rare_found,
            )
            .theory(reach),
        );
        let what = format!("{name}: popular titles, enough found by neighbours alone");
        readings.push(Reading::new(what, Unit::Share, near.popular_found));
        let what = format!("{name}: titles at one child found with visits");
        readings.push(Reading::new(what, Unit::Share, far.rare_found));
        let what = format!("{name}: messages of such a search");
        readings.push(Reading::new(what, Unit::Count, far.messages));
        readings.push(Reading::new(format!("{name}: its time"), Unit::Seconds, far.ended_s));
        found.push([near.popular_found, far.rare_found]);
        upkeeps.push(near.upkeep);
    }
    let by_mesh = |at: usize| found[2][at] / found[4][at];
    for (at, what) in [(0, "popular titles, neighbours alone"), (1, "titles at one child, with visits")] {
        readings.push(
            Reading::new(format!("30 links by all others: {what}"), Unit::Ratio, by_mesh(at))
                .rule(Rule::at_least(0.95, Mark::Derived)),
        );
    }
    readings.push(
        Reading::new("30 links by all others: upkeep", Unit::Ratio, upkeeps[2] / upkeeps[4])
            .rule(Rule::at_most(1.0, Mark::Derived)),
    );
    readings
}
