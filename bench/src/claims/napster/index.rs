//! What the central index takes and gives: bytes through the server, messages of a search.

use std::sync::Arc;
use std::time::Duration;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig};
use common::net::Attachment;
use common::sim::Config;
use common::user::{FileInfo, Query};
use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;
use napster::peer::PeerConfig;

use super::network::{Network, open, song};
use crate::claims::finding::{Mark, Reading, Rule, mean};
use crate::claims::gnutella::{connected, network as servents};
use crate::claims::graph::Graph;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;
use crate::world::below;

/// N1.
pub(super) const NO_FILES: Claim = Claim {
    id: "N1",
    sentence: "The server has the index and never a file: it hears of each file once from each who shares it.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a server and {} users with songs of {SONG_BYTES} bytes; everybody searches for one of another's and downloads it. A record is what message 100 of the protocol has of a file: its name, 32 digits of checksum and four numbers",
            users(size)
        )
    },
    varied: "how many files each user shares",
    seeds: crate::claims::HEAVY,
    trial: no_files,
};

/// N2.
pub(super) const QUICK: Claim = Claim {
    id: "N2",
    sentence: "A search is quick: one question to the server finds what there is, where Gnutella asks thousands of peers and may miss it.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "the same {} people with the same files on both, as many as Gnutella's people had in August 2000 (V2), the same {} searches by popularity (Zipf 0.8); Gnutella's on a random graph, mean degree 6.8; all lines alike, 20 ms one way; no limit on results. Nobody goes: what the index still says of those who have gone is N3",
            nodes(size),
            searches(size)
        )
    },
    varied: "the overlay; Gnutella's TTL",
    seeds: crate::claims::HEAVY,
    trial: quick,
};

const SONG_BYTES: u64 = 65_536;
/// Files of each user in N1.
const FILES: [u32; 4] = [1, 10, 100, 1_000];

fn users(size: Size) -> u32 {
    size.pick(20, 50, 200)
}

/// Bytes of message 100 for a file, by the protocol: a header of two 16-bit numbers, the name in quotes, and the other fields, each
/// after a blank. Before a name without a folder stands a backslash: there were servers that never indexed one without.
fn record_bytes(info: &FileInfo) -> u64 {
    const HEADER: usize = 4;
    const CHECKSUM: usize = 32;
    let numbers = [
        info.size.to_string(),
        info.media.bitrate_kbps.to_string(),
        info.media.frequency_hz.to_string(),
        info.media.duration_s.to_string(),
    ];
    let numbers: usize = numbers.iter().map(|number| 1 + number.len()).sum();
    (HEADER + 2 + 1 + info.name.len() + 1 + CHECKSUM + numbers) as u64
}

fn no_files(trial: &Trial) -> Vec<Reading> {
    let users = users(trial.size);
    let mut readings = Vec::new();
    let (mut through_server, mut content) = (0, 0);
    for files in FILES {
        let mut network = Network::new(Config::seeded(trial.seed_of(1)), open());
        (0..users).for_each(|_| _ = network.add(PeerConfig::default(), Attachment::default()));
        network.run_for(Duration::from_secs(1));
        let mut by_theory = 0;
        for user in 1..=users {
            let songs: Vec<Arc<FileInfo>> =
                (0..files).map(|at| song(&format!("song {at} of number{user}.mp3"), SONG_BYTES)).collect();
            by_theory += songs.iter().map(|song| record_bytes(song)).sum::<u64>();
            network.share(user, songs);
        }
        network.run_for(Duration::from_secs(30));
        let told: u64 = ["share", "share directory"].iter().map(|kind| network.sent(kind).bytes).sum();
        let each = |bytes: u64| bytes as f64 / f64::from(users);
        readings.push(
            Reading::new(format!("index, bytes from a user with {files} files"), Unit::Bytes, each(told))
                .theory(each(by_theory)),
        );
        readings.push(
            Reading::new(
                format!("the same by files times a record, {files} files"),
                Unit::Ratio,
                told as f64 / by_theory as f64,
            )
            .rule(Rule::exactly(1.0, Mark::Derived)),
        );
        let mut rng = trial.rng(2);
        let mut found = Vec::new();
        for user in 1..=users {
            let other = 1 + (user + below(&mut rng, users as usize - 1) as u32) % users;
            let wanted = Query::words(format!("number{other}"));
            found.push((user, network.search(user, wanted).results));
        }
        let fetches: Vec<_> =
            found.iter().map(|(user, results)| network.fetch(*user, results[..1].to_vec())).collect();
        let finished = network.finish(&fetches).iter().flatten().count();
        let load = network.server_load();
        through_server += load.body_sent + load.body_received;
        content += (1..=users).map(|user| network.load(user).body_received).sum::<u64>();
        let what = format!("downloads that are complete, {files} files");
        readings.push(Reading::new(what, Unit::Share, finished as f64 / f64::from(users)));
    }
    readings.push(Reading::new("content between users", Unit::Bytes, content as f64));
    readings.push(
        Reading::new("content through the server", Unit::Bytes, through_server as f64)
            .rule(Rule::exactly(0.0, Mark::Lecture)),
    );
    readings
}

fn nodes(size: Size) -> u32 {
    size.pick(500, 2_000, 10_000)
}

fn searches(size: Size) -> usize {
    size.pick(30, 60, 100)
}

/// Titles that there are: some five copies of each.
fn titles(size: Size) -> u32 {
    20 * nodes(size)
}

/// Of Gnutella: two that do not reach everybody, and the usual one.
const TTLS: [u8; 3] = [3, 4, 7];

/// What people have, and who asks for what.
struct Scene {
    catalog: Catalog,
    placement: Placement,
    /// Who searches, for what, and how many copies others have of it.
    questions: Vec<(u32, Query, usize)>,
}

impl Scene {
    fn new(trial: &Trial, nodes: u32) -> Scene {
        let titles = titles(trial.size);
        let config =
            CatalogConfig { titles, artists: titles / 8, words: titles / 2, ..CatalogConfig::default() };
        let catalog = Catalog::synthetic(&config, trial.seed_of(2));
        // What a server takes of one user.
        let most = PlacementConfig { files_max: 5_000, ..PlacementConfig::default() };
        let placement = Placement::draw(&catalog, nodes, &most, trial.seed_of(3));
        let mut rng = trial.rng(5);
        let mut questions = Vec::new();
        while questions.len() < searches(trial.size) {
            let node = below(&mut rng, nodes as usize) as u32;
            let query = catalog.query_for(catalog.draw(&mut rng), &mut rng);
            let copies = placement.truth(&catalog, &query, node).count();
            // What nobody else has can be found nowhere.
            if copies > 0 {
                questions.push((node, query, copies));
            }
        }
        Scene { catalog, placement, questions }
    }

    fn files(&self, node: u32) -> impl Iterator<Item = Arc<FileInfo>> {
        self.placement.titles(node).iter().map(|title| Arc::clone(self.catalog.info(*title)))
    }
}

/// How the searches went, on average.
#[derive(Default)]
struct Cost {
    without_results: Vec<f64>,
    messages: Vec<f64>,
    recall: Vec<f64>,
    first_s: Vec<f64>,
    /// The share of all others that are within the TTL.
    reach: Vec<f64>,
}

impl Cost {
    fn readings(&self, name: &str) -> [Reading; 4] {
        [
            ("messages apart from results, for each search", Unit::Count, &self.without_results),
            ("all messages, for each search", Unit::Count, &self.messages),
            ("copies found of those there are", Unit::Share, &self.recall),
            ("time to the first result", Unit::Seconds, &self.first_s),
        ]
        .map(|(what, unit, values)| Reading::new(format!("{name}: {what}"), unit, mean(values)))
    }
}

fn napster(trial: &Trial, scene: &Scene) -> Cost {
    let mut network = Network::new(Config::seeded(trial.seed_of(4)), open());
    let nodes = scene.placement.peers();
    (0..nodes).for_each(|_| _ = network.add(PeerConfig::default(), Attachment::default()));
    network.run_for(Duration::from_secs(10));
    // The server is the network's first node.
    (0..nodes).for_each(|node| network.share(node + 1, scene.files(node)));
    network.run_for(Duration::from_secs(60));
    let mut cost = Cost::default();
    for (node, query, copies) in &scene.questions {
        let searched = network.search(node + 1, query.clone());
        cost.without_results.push(searched.without_results as f64);
        cost.messages.push(searched.messages as f64);
        cost.recall.push(searched.results.len() as f64 / *copies as f64);
        cost.first_s.extend(searched.first_s);
    }
    cost
}

/// Gnutella, by TTL.
fn gnutella(trial: &Trial, scene: &Scene, graph: &Graph) -> [Cost; 3] {
    let most = TTLS[TTLS.len() - 1];
    let fixed = Knobs { search_results_max: usize::MAX, search_enough: usize::MAX, ..servents::fixed(most) };
    TTLS.map(|ttl| {
        let knobs = Arc::new(Knobs { ttl, ..fixed.clone() });
        let mut network =
            servents::Network::new(graph, trial.seed_of(4), StrategyKind::Flood, |_| Arc::clone(&knobs));
        (0..graph.nodes()).for_each(|node| network.share(node, scene.files(node)));
        let mut cost = Cost::default();
        for (node, query, copies) in &scene.questions {
            let searched = network.search(*node, &query.words);
            cost.without_results.push(searched.queries as f64);
            cost.messages.push(searched.messages as f64);
            cost.recall.push(searched.results.len() as f64 / *copies as f64);
            cost.first_s.extend(searched.first_s);
            let near = graph.distances(*node).into_iter().filter(|hops| *hops <= u32::from(ttl)).count();
            cost.reach.push((near - 1) as f64 / f64::from(graph.nodes() - 1));
        }
        cost
    })
}

fn quick(trial: &Trial) -> Vec<Reading> {
    let graph = connected(nodes(trial.size), 6.8, trial.seed_of(1));
    let scene = Scene::new(trial, graph.nodes());
    let central = napster(trial, &scene);
    let round_trip_s = 2.0 * Config::default().core_delay.as_secs_f64();
    let [without, all, recall, first] = central.readings("napster");
    let mut readings = vec![
        without.theory(2.0).rule(Rule::exactly(2.0, Mark::Lecture)),
        all,
        recall.theory(1.0).rule(Rule::exactly(1.0, Mark::Lecture)),
        first.theory(round_trip_s).rule(Rule::within(
            0.95 * round_trip_s,
            1.05 * round_trip_s,
            Mark::Derived,
        )),
    ];
    let floods = gnutella(trial, &scene, &graph);
    for (ttl, cost) in TTLS.iter().zip(&floods) {
        let reach = mean(&cost.reach);
        let [without, all, recall, first] = cost.readings(&format!("gnutella, TTL {ttl}"));
        let recall = recall.theory(reach);
        // Where a flood ends before it has reached everybody, it cannot find everything.
        let is_short = *ttl < TTLS[TTLS.len() - 1];
        let recall = if is_short { recall.rule(Rule::at_most(0.99, Mark::Derived)) } else { recall };
        readings.extend([without, all, recall, first]);
    }
    let usual = &floods[TTLS.len() - 1];
    let times = |of: fn(&Cost) -> &Vec<f64>| mean(of(usual)) / mean(of(&central));
    readings.extend([
        Reading::new(
            "messages apart from results, gnutella with TTL 7 by napster",
            Unit::Ratio,
            times(|cost| &cost.without_results),
        )
        .rule(Rule::at_least(1_000.0, Mark::Derived)),
        Reading::new(
            "all messages, gnutella with TTL 7 by napster",
            Unit::Ratio,
            times(|cost| &cost.messages),
        ),
        Reading::new(
            "time to the first result, gnutella with TTL 7 by napster",
            Unit::Ratio,
            times(|cost| &cost.first_s),
        )
        .rule(Rule::at_least(1.0, Mark::Lecture)),
    ]);
    readings
}
