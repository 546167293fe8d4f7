//! How answers come back, and who is seen by whom.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::peer::ConnId;
use common::testing::Lone;
use common::user::{Command, Query, SearchId};
use gnutella::node::Node;
use gnutella::servent::ServentConfig;
use gnutella::strategy::StrategyKind;

use super::flooding::connected;
use super::network::{Network, file, fixed};
use crate::claims::draw::sample;
use crate::claims::finding::{Mark, Reading, Rule};
use crate::claims::{Claim, Size, Trial};
use crate::measure::Unit;

/// G4.
pub(super) const HITS: Claim = Claim {
    id: "G4",
    sentence: "Answers go back the way the search came; nobody learns from a search who asks, until the download shows it.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "servents on the giant component of a random graph of {} nodes, a file at 1 % of them; the bytes that one servent writes for a search and for an answer, looked through for its address",
            nodes(size)
        )
    },
    varied: "who searches",
    seeds: crate::claims::HEAVY,
    trial: hits,
};

fn nodes(size: Size) -> u32 {
    size.pick(2_000, 10_000, 20_000)
}

fn hits(trial: &Trial) -> Vec<Reading> {
    let graph = connected(nodes(trial.size), 6.8, trial.seed_of(1));
    let knobs = std::sync::Arc::new(fixed(7));
    let mut network = Network::new(&graph, trial.seed_of(2), StrategyKind::Flood, |_| knobs.clone());
    let mut everybody = sample(graph.nodes(), graph.nodes() as usize, &mut trial.rng(3));
    let holders = everybody.split_off(everybody.len() - everybody.len() / 100);
    holders.iter().for_each(|holder| network.share(*holder, [file("a sought song.mp3")]));
    let (mut beyond, mut crossed, mut found, mut seen_by) = (0.0, 0, 0, 0);
    let sources = trial.size.pick(3, 5, 10);
    for source in everybody.into_iter().take(sources) {
        let distances = graph.distances(source);
        let near = holders.iter().map(|holder| distances[*holder as usize]).filter(|hops| *hops <= 7);
        let expected: u32 = near.sum();
        let searched = network.search(source, "sought song");
        beyond += (searched.hits as f64 - f64::from(expected)).abs();
        crossed += searched.hits;
        found += searched.results.len();
        seen_by += network.download(source, &searched.results[0]);
    }
    let shown = shown();
    let exactly = |value| Rule::exactly(value, Mark::Derived);
    vec![
        Reading::new("links that an answer crosses", Unit::Count, crossed as f64 / found as f64),
        Reading::new("links crossed beyond the holders' distances, all searches", Unit::Count, beyond)
            .rule(exactly(0.0)),
        Reading::new(
            "times a search's bytes hold the searcher's address",
            Unit::Count,
            f64::from(shown.asking),
        )
        .rule(exactly(0.0)),
        Reading::new(
            "times an answer's bytes hold the holder's address",
            Unit::Count,
            f64::from(shown.answering),
        )
        .rule(exactly(1.0)),
        Reading::new(
            "peers that a download shows the address to",
            Unit::Count,
            seen_by as f64 / sources as f64,
        )
        .rule(exactly(1.0)),
    ]
}

/// How often a servent's address stands in what it writes.
struct Shown {
    asking: u32,
    answering: u32,
}

/// Listens to one servent byte by byte: to a search of its user's, and to its answer to somebody else's.
fn shown() -> Shown {
    const ADDRESS: [u8; 4] = [10, 0, 0, 1];
    let config = ServentConfig { knobs: std::sync::Arc::new(fixed(7)), ..ServentConfig::default() };
    let mut lone = Lone::new(Node::servent(config));
    let neighbour = |last| SocketAddrV4::new(Ipv4Addr::new(10, 9, 9, last), 6346);
    let link = |lone: &mut Lone<Node>, last| -> ConnId {
        let conn = lone.accept(neighbour(last));
        lone.feed(conn, b"GNUTELLA CONNECT/0.6\r\nUser-Agent: ear\r\n\r\n");
        lone.take(conn);
        lone.feed(conn, b"GNUTELLA/0.6 200 OK\r\n\r\n");
        lone.take(conn);
        conn
    };
    let (one, other) = (link(&mut lone, 1), link(&mut lone, 2));
    let seen = |bytes: &[u8]| bytes.windows(4).filter(|window| *window == ADDRESS).count() as u32;
    lone.command(Command::Search(SearchId(1), Query::words("sought song").into()));
    let asked = lone.take(one);
    assert!(!asked.is_empty(), "the servent asks its neighbour");
    // The same question comes from somebody else, under another id.
    let mut question = asked.clone();
    question[0] ^= 0xff;
    let shared = common::user::SharedFile { file: common::peer::FileId(0), info: file("a sought song.mp3") };
    lone.command(Command::Share([shared].into()));
    lone.feed(other, &question);
    let answered = lone.take(other);
    // Its own search went to this neighbour, too.
    let answer = &answered[asked.len().min(answered.len())..];
    assert!(!answer.is_empty(), "the servent answers");
    Shown { asking: seen(&asked), answering: seen(answer) }
}
