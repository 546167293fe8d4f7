//! What is left without the server.

use std::sync::Arc;
use std::time::Duration;

use common::net::{Attachment, Line};
use common::sim::Config;
use common::user::{Hit, Note, Query};
use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;
use napster::peer::PeerConfig;

use super::network::{Network, open, song};
use crate::claims::bittorrent::swarm::{DSL, LIMIT, Plan, Swarm, crowd};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::gnutella::{connected, network as servents};
use crate::claims::kazaa::network as supernodes;
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// N5.
pub(super) const ONE_SERVER: Claim = Claim {
    id: "N5",
    sentence: "There is one server to bring down: without it nobody finds anything or begins a download, and only what runs already goes on.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "{} users of Napster, half of whom download a song of {SONG_BYTES} bytes from the other half over lines of 1,500/400, one from each, when the server goes. Beside it, each with its busiest node gone: {} servents of Gnutella, TTL 7, the song at one in twenty; {SUPERNODES} supernodes of KaZaA with {CHILDREN} children, the song at each supernode; a flash crowd of BitTorrent's in the midst of its download, without its tracker. More on these is in G5, K6, K10 and B5",
            2 * pairs(size),
            servents_of(size)
        )
    },
    varied: "whether the server, or the busiest node of another overlay, is there",
    seeds: crate::claims::HEAVY,
    trial: one_server,
};

const SONG_BYTES: u64 = 1_000_000;
/// Between the begin of the downloads and the death of the server: a quarter of a song has come by then.
const RUNNING: Duration = Duration::from_secs(5);
/// For how long the server is gone: longer than anybody waits for it.
const AWAY: Duration = Duration::from_secs(600);
/// After so long the last user has dialled the server again.
const BACK: Duration = Duration::from_secs(900);
const SUPERNODES: u32 = 9;
const CHILDREN: u32 = 45;

fn pairs(size: Size) -> u32 {
    size.pick(20, 50, 200)
}

fn servents_of(size: Size) -> u32 {
    size.pick(300, 1_000, 5_000)
}

/// The share of users that find a song.
fn find(network: &mut Network, users: &[u32]) -> f64 {
    let found = users.iter().filter(|user| !network.search(**user, Query::words("song")).results.is_empty());
    found.count() as f64 / users.len() as f64
}

fn napster(trial: &Trial) -> Vec<Reading> {
    let pairs = pairs(trial.size);
    let mut network = Network::new(Config::seeded(trial.seed_of(1)), open());
    let line = Line::kbps(DSL.down_kbps.into(), DSL.up_kbps.into(), Duration::ZERO);
    let mut add = || network.add(PeerConfig::default(), Attachment { line, firewalled: false });
    let (holders, users): (Vec<u32>, Vec<u32>) = (0..pairs).map(|_| (add(), add())).unzip();
    network.run_for(Duration::from_secs(1));
    for holder in &holders {
        network.share(*holder, [song(&format!("song of number{holder}.mp3"), SONG_BYTES)]);
    }
    network.run_for(Duration::from_secs(1));
    let before = find(&mut network, &users);
    let offers: Vec<Vec<Arc<Hit>>> = users
        .iter()
        .zip(&holders)
        .map(|(user, holder)| network.search(*user, Query::words(format!("number{holder}"))).results)
        .collect();
    let mut running = Vec::new();
    for (user, offer) in users.iter().zip(&offers) {
        running.push(network.fetch(*user, offer.clone()));
    }
    let mut begun: Vec<u32> = network
        .run_for(RUNNING)
        .into_iter()
        .filter_map(|(_, user, note)| matches!(note, Note::Progress(..)).then_some(user))
        .collect();
    begun.sort_unstable();
    begun.dedup();
    network.lose_server();
    network.run_for(Duration::from_secs(1));
    let after = find(&mut network, &users);
    let finished = network.finish(&running).iter().flatten().count();
    let anew: Vec<_> =
        users.iter().zip(&offers).map(|(user, offer)| network.fetch(*user, offer.clone())).collect();
    let fetched = network.finish(&anew).iter().flatten().count();
    network.run_for(AWAY);
    network.bring_back_server();
    network.run_for(BACK);
    let again = find(&mut network, &users);
    let share = |count: usize| count as f64 / f64::from(pairs);
    let put = |what: &str, value| Reading::new(format!("napster: {what}"), Unit::Share, value);
    vec![
        put("searches that find something, before", before).rule(Rule::exactly(1.0, Mark::Lecture)),
        put("the same, a second after", after).rule(Rule::exactly(0.0, Mark::Lecture)),
        put("downloads that had begun to come", share(begun.len())),
        put("downloads that ran and are completed", share(finished)).rule(Rule::exactly(1.0, Mark::Lecture)),
        put("downloads begun after it, of what had been found before, that are completed", share(fetched))
            .rule(Rule::exactly(0.0, Mark::Lecture)),
        put("searches that find something, after the server has come back", again),
    ]
}

/// Of the searches of Gnutella's that find something those that still do when the node with most links is gone.
fn gnutella(trial: &Trial) -> f64 {
    let graph = connected(servents_of(trial.size), 6.8, trial.seed_of(2));
    let knobs =
        Arc::new(Knobs { search_results_max: usize::MAX, search_enough: usize::MAX, ..servents::fixed(7) });
    let mut network =
        servents::Network::new(&graph, trial.seed_of(2), StrategyKind::Flood, |_| Arc::clone(&knobs));
    let nodes = sample(graph.nodes(), graph.nodes() as usize, &mut trial.rng(2));
    let busiest = (0..graph.nodes()).max_by_key(|node| graph.degree(*node)).expect("there are nodes");
    let others: Vec<u32> = nodes.into_iter().filter(|node| *node != busiest).collect();
    let (holders, searchers) = others.split_at(others.len() / 20);
    holders.iter().for_each(|holder| network.share(*holder, [servents::file("a sought song.mp3")]));
    let find = |network: &mut servents::Network| {
        let found =
            searchers[..40].iter().filter(|node| !network.search(**node, "sought song").results.is_empty());
        found.count() as f64
    };
    let before = find(&mut network);
    network.crash(&[busiest]);
    find(&mut network) / before
}

/// Of the searches of KaZaA's children that find something those that still do a moment after one supernode is gone.
fn kazaa(trial: &Trial) -> f64 {
    let knobs = Arc::new(supernodes::fixed());
    let config = Config::seeded(trial.seed_of(3));
    let mut network = supernodes::clusters(config, SUPERNODES, CHILDREN, |_| Arc::clone(&knobs));
    // The first child of each supernode has the song.
    for child in 0..SUPERNODES {
        network.share(SUPERNODES + child, [supernodes::file("a sought song.mp3")]);
    }
    network.run_for(Duration::from_secs(5));
    let find = |network: &mut supernodes::Network| {
        let searchers = SUPERNODES + SUPERNODES..SUPERNODES + CHILDREN;
        searchers.filter(|node| !network.search(*node, "sought song").results.is_empty()).count() as f64
    };
    let before = find(&mut network);
    network.crash(0);
    network.run_for(Duration::from_secs(1));
    find(&mut network) / before
}

/// The share of a flash crowd that finishes if the tracker goes when all have come.
fn bittorrent(trial: &Trial) -> f64 {
    let came = Duration::from_secs(60);
    let mut swarm = Swarm::new(Plan::flash(32), trial.seed_of(4));
    swarm.run(&crowd(30, DSL), came, came, &mut |_| {});
    swarm.lose_tracker();
    swarm.run_all(&[], LIMIT);
    swarm.outcome().finished()
}

fn one_server(trial: &Trial) -> Vec<Reading> {
    let mut readings = napster(trial);
    let lost_children = 1.0 / f64::from(SUPERNODES);
    readings.extend([
        Reading::new(
            "gnutella: of searches that find something those that still do",
            Unit::Share,
            gnutella(trial),
        )
        .rule(Rule::at_least(0.95, Mark::Derived)),
        Reading::new("kazaa: of searches that find something those that still do", Unit::Share, kazaa(trial))
            .theory(1.0 - lost_children)
            .rule(Rule::at_least(0.5, Mark::Derived)),
        Reading::new("bittorrent: of a swarm finished without its tracker", Unit::Share, bittorrent(trial))
            .rule(Rule::at_least(0.95, Mark::Derived)),
    ]);
    readings
}
