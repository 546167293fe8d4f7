//! Where a search goes that the own supernode cannot answer.

use std::sync::Arc;
use std::time::Duration;

use common::sim::Config;
use kazaa::config::Knobs;
use kazaa::widening::WideningKind;

use super::network::{Network, Searched, clusters, file, fixed};
use crate::claims::draw::{Weighted, sample};
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// K7.
pub(super) const LOCAL: Claim = Claim {
    id: "K7",
    sentence: "A supernode answers from what it knows; if it has fewer than x matches it forwards the search to some others, and again if there are still fewer.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} supernodes with {CLUSTER} children each and links to all; {} files on average of {TITLES} titles, shared and searched for by Zipf's law with exponent {ALPHA}; titles by their popularity in ten groups that are searched for equally often, {} searches in each; a question is a message that carries it",
            supernodes(size),
            FILES_MEAN,
            per_decile(size)
        )
    },
    varied: "x, how many matches are enough; how many supernodes are asked at a time; the popularity of what is looked for",
    seeds: crate::claims::HEAVY,
    trial: local,
};

/// K8.
pub(super) const ORIGINAL: Claim = Claim {
    id: "K8",
    sentence: "A search is forwarded by the original supernode, one set of others after the other, rather than recursively.",
    said_by: "lecture (a guess)",
    setup: |size| {
        format!(
            "{} supernodes with {FEW} children each and links to {LINKS} others; a title at one child; {FAN_OUT} supernodes asked at a time, as many by each in turn if it goes on; {} searches each",
            size.pick(100, 200, 400),
            size.pick(20, 40, 100)
        )
    },
    varied: "who forwards: the original supernode until everybody has been asked, or each to others with a TTL of 2, 3 and 4",
    seeds: crate::claims::HEAVY,
    trial: original,
};

const CLUSTER: u32 = 150;
/// Titles that there are.
pub(in crate::claims) const TITLES: u32 = 1_000;
const FILES_MEAN: u32 = 10;
const ALPHA: f64 = 0.8;
/// Combinations of x and of how many are asked at a time; the default's own is among them.
const SETTINGS: [(usize, usize); 8] =
    [(1, 5), (5, 5), (20, 1), (20, 5), (20, 20), (20, 50), (50, 5), (100, 5)];
const DEFAULT: usize = 3;
const DECILES: usize = 10;

const FEW: u32 = 5;
const LINKS: usize = 30;
const FAN_OUT: usize = 5;

fn supernodes(size: Size) -> u32 {
    size.pick(48, 64, 128)
}

fn per_decile(size: Size) -> usize {
    size.pick(6, 12, 40)
}

/// Where the titles of each decile of all searches begin, and the end of the last.
fn deciles(popularity: &Weighted) -> [usize; DECILES + 1] {
    let mut before = 0.0;
    let mut starts = [TITLES as usize; DECILES + 1];
    for (title, share) in popularity.probabilities().iter().enumerate() {
        let decile = (before * DECILES as f64) as usize;
        starts[decile.min(DECILES - 1)] = starts[decile.min(DECILES - 1)].min(title);
        before += share;
    }
    // A title so popular that it fills a decile and more leaves the next one to begin with its follower.
    (0..DECILES).rev().for_each(|at| starts[at] = starts[at].min(starts[at + 1]));
    starts
}

/// All children share songs by their popularity.
pub(in crate::claims) fn fill(
    network: &mut Network,
    supernodes: u32,
    popularity: &Weighted,
    rng: &mut rand_pcg::Pcg64,
) {
    let songs: Vec<_> = (0..TITLES).map(|title| file(&format!("a song number{title}.mp3"))).collect();
    for node in supernodes..network.nodes() {
        let mut titles: Vec<usize> = (0..FILES_MEAN).map(|_| popularity.draw(rng)).collect();
        titles.sort_unstable();
        titles.dedup();
        network.share(node, titles.into_iter().map(|title| Arc::clone(&songs[title])));
    }
    network.run_for(Duration::from_secs(5));
}

fn local(trial: &Trial) -> Vec<Reading> {
    let supernodes = supernodes(trial.size);
    let knobs: Vec<Arc<Knobs>> = SETTINGS
        .iter()
        .map(|(enough, fan_out)| {
            let all = supernodes as usize;
            let knobs = Knobs { enough: *enough, fan_out: *fan_out, links: all, links_max: all, ..fixed() };
            Arc::new(Knobs { asked_max: all, ..knobs })
        })
        .collect();
    // Supernodes differ in nothing but how they forward what their own children ask.
    let setting = |supernode: u32| supernode as usize % SETTINGS.len();
    let config = Config::seeded(trial.seed_of(1));
    let mut network = clusters(config, supernodes, supernodes * CLUSTER, |supernode| {
        Arc::clone(&knobs[setting(supernode)])
    });
    let popularity = Weighted::zipf(TITLES, ALPHA);
    let starts = deciles(&popularity);
    let mut rng = trial.rng(2);
    fill(&mut network, supernodes, &popularity, &mut rng);
    let mut costs = [[0.0; DECILES]; SETTINGS.len()];
    for (at, costs) in costs.iter_mut().enumerate() {
        for (decile, cost) in costs.iter_mut().enumerate() {
            let titles = starts[decile]..starts[decile + 1].max(starts[decile] + 1);
            for _ in 0..per_decile(trial.size) {
                let title = titles.start + below(&mut rng, titles.len());
                // One of the children of a supernode with this setting.
                let of_setting = supernodes as usize / SETTINGS.len();
                let supernode = at + SETTINGS.len() * below(&mut rng, of_setting);
                let child = supernodes as usize * (1 + below(&mut rng, CLUSTER as usize)) + supernode;
                let searched = network.search(child as u32, &format!("number{title}"));
                *cost += searched.questions as f64 / per_decile(trial.size) as f64;
            }
        }
    }
    readings_of(&costs)
}

fn readings_of(costs: &[[f64; DECILES]; SETTINGS.len()]) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (decile, cost) in costs[DEFAULT].iter().enumerate() {
        let what = match decile {
            0 => "x = 20, 5 at a time: questions of a search, the most popular tenth".to_owned(),
            9 => "the same, the rarest tenth".to_owned(),
            _ => format!("the same, tenth {}", decile + 1),
        };
        let reading = Reading::new(what, Unit::Count, *cost);
        // Question and answer, where the lecture counts two messages, are one question.
        let rule = (decile == 0).then_some(Rule::at_most(1.0, Mark::Derived));
        readings.push(Reading { rule, ..reading });
    }
    for (at, (enough, fan_out)) in SETTINGS.iter().enumerate().filter(|(at, _)| *at != DEFAULT) {
        let cost = &costs[at];
        let name = format!("x = {enough}, {fan_out} at a time");
        readings.push(Reading::new(format!("{name}: the most popular tenth"), Unit::Count, cost[0]));
        readings.push(Reading::new(format!("{name}: the rarest tenth"), Unit::Count, cost[DECILES - 1]));
        let mean = cost.iter().sum::<f64>() / DECILES as f64;
        readings.push(Reading::new(format!("{name}: all searches"), Unit::Count, mean));
    }
    let of_default = &costs[DEFAULT];
    readings.push(
        Reading::new(
            "the rarest by the most popular tenth",
            Unit::Ratio,
            of_default[DECILES - 1] / of_default[0],
        )
        .rule(Rule::at_least(20.0, Mark::Derived)),
    );
    readings
}

/// What one way of forwarding costs and gives, on average.
#[derive(Default)]
struct Way {
    searches: f64,
    questions: f64,
    supernodes: f64,
    found: f64,
    ended_s: f64,
    first_s: f64,
    /// Messages that the searcher's own supernode sent and received.
    origin: f64,
}

impl Way {
    fn add(&mut self, searched: &Searched, origin: u64) {
        self.searches += 1.0;
        self.questions += searched.questions as f64;
        self.supernodes += searched.supernodes as f64;
        self.ended_s += searched.ended_s;
        self.origin += origin as f64;
        if let Some(first_s) = searched.first_s {
            self.found += 1.0;
            self.first_s += first_s;
        }
    }

    fn mean(self) -> Way {
        let of = |sum: f64| sum / self.searches;
        Way {
            searches: 1.0,
            questions: of(self.questions),
            supernodes: of(self.supernodes),
            found: of(self.found),
            ended_s: of(self.ended_s),
            first_s: self.first_s / self.found,
            origin: of(self.origin),
        }
    }
}

fn original(trial: &Trial) -> Vec<Reading> {
    let supernodes = trial.size.pick(100, 200, 400);
    let searches = trial.size.pick(20, 40, 100);
    let base = Knobs {
        links: LINKS,
        links_max: LINKS,
        fan_out: FAN_OUT,
        asked_max: supernodes as usize,
        supernodes_max: supernodes as usize,
        ..fixed()
    };
    let mut ways = Vec::new();
    let recursive = |ttl| (WideningKind::Recursive, ttl);
    for (widening, query_ttl) in [(WideningKind::Iterative, 4), recursive(2), recursive(3), recursive(4)] {
        let knobs = Arc::new(Knobs { widening, query_ttl, ..base.clone() });
        let config = Config::seeded(trial.seed_of(1));
        let children = supernodes * FEW;
        let mut network = clusters(config, supernodes, children, |_| Arc::clone(&knobs));
        let mut rng = trial.rng(2);
        let mut way = Way::default();
        for title in 0..searches {
            let pair = sample(children, 2, &mut rng);
            network.share(supernodes + pair[1], [file(&format!("a song rare{title}.mp3"))]);
            network.run_for(Duration::from_secs(1));
            let own = pair[0] % supernodes;
            let handled = |network: &Network| {
                let load = network.load(own);
                load.received.messages + load.sent.messages
            };
            let before = handled(&network);
            let searched = network.search(supernodes + pair[0], &format!("rare{title}"));
            way.add(&searched, handled(&network) - before);
        }
        ways.push(way.mean());
    }
    let mut readings = Vec::new();
    let names = ["original", "recursive, TTL 2", "recursive, TTL 3", "recursive, TTL 4"];
    for (name, way) in names.iter().zip(&ways) {
        let mut put = |what: &str, unit, value| {
            readings.push(Reading::new(format!("{name}: {what}"), unit, value));
        };
        put("supernodes that hear of it", Unit::Count, way.supernodes);
        put("titles at one child found", Unit::Share, way.found);
        put("questions for each supernode", Unit::Ratio, way.questions / way.supernodes);
        put("time to the result", Unit::Seconds, way.first_s);
        put("time to the end", Unit::Seconds, way.ended_s);
        put("messages at the original supernode", Unit::Count, way.origin);
    }
    // The longest way is the one that reaches about as many as the original supernode asks.
    let (iterative, recursive) = (&ways[0], &ways[3]);
    let each = |way: &Way| way.questions / way.supernodes;
    readings.push(
        Reading::new(
            "original by recursive: questions for each supernode",
            Unit::Ratio,
            each(iterative) / each(recursive),
        )
        .rule(Rule::at_most(1.0, Mark::Derived)),
    );
    readings.push(
        Reading::new(
            "original by recursive: time to the end",
            Unit::Ratio,
            iterative.ended_s / recursive.ended_s,
        )
        .rule(Rule::at_least(1.0, Mark::Derived)),
    );
    readings.push(
        Reading::new(
            "original by recursive: messages at the original supernode",
            Unit::Ratio,
            iterative.origin / recursive.origin,
        )
        .rule(Rule::at_least(1.0, Mark::Derived)),
    );
    readings
}
