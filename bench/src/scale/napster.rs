//! Napster at its largest: a million and a half people on 140 servers that know nothing of each other.

use std::sync::Arc;
use std::time::Duration;

use common::catalog::PlacementConfig;
use common::metrics::Traffic;
use common::net::{Attachment, NodeId};
use common::sim::{Config, Sim};
use common::user::Command;
use common::wire::Wire as _;
use napster::node::Node;
use napster::peer::{self, PeerConfig};
use napster::server::ServerConfig;
use napster::wire::Message;

use super::meter::{Deaf, Meter};
use super::searches::Searches;
use super::shelves::Shelves;
use super::{Asked, Evenly, Network, distant};
use crate::claims::finding::{Mark, Published, Reading};
use crate::measure::Unit;
use crate::world::below;

const USERS: u32 = 1_500_000;
const SERVERS: u32 = 140;
/// Searches of a person in a second, as of Gnutella's (Yang and Garcia-Molina, from memory).
const SEARCHES_PER_S: f64 = 9.26e-3;
/// Half of all sessions were longer than an hour; ours have this mean, the same whenever one looks.
const SESSION_S: f64 = 3_600.0 / std::f64::consts::LN_2;
/// Somebody else takes the place of whoever has gone, so much later.
const PAUSE: Duration = Duration::from_secs(2);
const TITLES: u32 = 200_000;
/// The ports of servers and of peers.
const SERVER_PORT: u16 = 8888;
const PEER_PORT: u16 = 6699;
/// Virtual time in which all come.
const JOINING: Duration = Duration::from_secs(300);
/// After the last search answers still come for so long.
const ANSWERS: Duration = Duration::from_secs(10);
const PRESS: &str = "the press, February 2001";
const ADAR: &str = "Adar and Huberman 2000, of Gnutella";

/// Napster.
pub static NETWORK: Network = Network {
    name: "napster",
    about: |asked| {
        format!(
            "{} users, servers: {}, files as Gnutella's people had; each searches every {:.0} s, half of all stay longer than an hour; for {:?}",
            asked.of(USERS, 100),
            servers(asked),
            1.0 / SEARCHES_PER_S,
            asked.lasting
        )
    },
    run,
    lasting: Duration::from_secs(10),
};

fn servers(asked: &Asked) -> u32 {
    asked.of(SERVERS, 1)
}

fn run(asked: &Asked, meter: &mut Meter<'_>) -> Vec<Reading> {
    let (users, servers) = (asked.of(USERS, 100), servers(asked));
    let mut sim = Sim::new(Config { count_reach: false, ..Config::seeded(asked.seed) });
    let shelves = Shelves::new(users, TITLES, &PlacementConfig::default(), asked.seed);
    let knobs = Arc::new(peer::Knobs::default());
    let server = ServerConfig { users_max: usize::MAX, flood: None, ..ServerConfig::default() };
    for _ in 0..servers {
        sim.add(Node::server(server.clone()), SERVER_PORT, Attachment::default());
    }
    let network = sim.config().network;
    let somebody = |user: u32, times: u32| {
        Node::peer(PeerConfig {
            server: NodeId(user % servers).address(network, SERVER_PORT),
            nick: format!("u{user}t{times}"),
            knobs: Arc::clone(&knobs),
            ..PeerConfig::default()
        })
    };
    let (slice, mut coming, mut rng) = (Duration::from_secs(1), 0..users, asked.rng(1));
    let each_s = users.div_ceil(JOINING.as_secs() as u32);
    let joining = (JOINING + Duration::from_secs(30), slice);
    meter.pass("joining", &mut sim, joining, &mut Deaf, |sim, _, _| {
        for user in coming.by_ref().take(each_s as usize) {
            let node = sim.add(somebody(user, 0), PEER_PORT, distant(&mut rng));
            sim.command(node, Command::Share(shelves.of(user)));
        }
    });
    let (mut searches, mut rng, mut changes) = (Searches::default(), asked.rng(2), 0);
    let (before, loads) = (Sent::of(&sim), loads(&sim, servers));
    let mut asking = Evenly::new(SEARCHES_PER_S * f64::from(users));
    let mut leaving = Evenly::new(f64::from(users) / SESSION_S);
    let slice = Duration::from_millis(100);
    meter.pass("searching", &mut sim, (asked.lasting, slice), &mut searches, |sim, searches, slice| {
        for at in asking.of(slice) {
            let node = NodeId(servers + below(&mut rng, users as usize) as u32);
            searches.ask(sim, sim.now() + at, node, shelves.query(&mut rng));
        }
        for at in leaving.of(slice) {
            changes += 1;
            let (user, at) = (below(&mut rng, users as usize) as u32, sim.now() + at);
            let node = NodeId(servers + user);
            sim.command_at(at, node, Command::Leave);
            sim.restart_at(at + PAUSE, node, somebody(user, changes));
            sim.command_at(at + PAUSE, node, Command::Share(shelves.of(user)));
        }
    });
    let busiest = busiest(&sim, &loads) / asked.lasting.as_secs_f64();
    meter.pass("last answers", &mut sim, (ANSWERS, slice), &mut searches, |_, _, _| {});
    let count = searches.len().max(1) as f64;
    let spent = Sent::of(&sim).since(&before);
    let bodies: u64 =
        (0..servers).map(|server| sim.load(NodeId(server))).map(|l| l.body_sent + l.body_received).sum();
    let mut readings = searches.readings();
    readings.extend([
        Reading::new("messages of a search", Unit::Count, spent.messages as f64 / count),
        Reading::new("their bytes", Unit::Bytes, spent.bytes as f64 / count),
        Reading::new("users online", Unit::Count, f64::from(users)).published(Published::new(
            640_000.0,
            PRESS,
            Mark::Primary,
        )),
        Reading::new("users of a server", Unit::Count, f64::from(users) / f64::from(servers))
            .published(Published::new(640_000.0 / 114.0, PRESS, Mark::Primary)),
        Reading::new("files of a user", Unit::Count, shelves.mean()).published(Published::new(
            93.0,
            ADAR,
            Mark::Secondary,
        )),
        Reading::new("files in all indexes", Unit::Count, shelves.mean() * f64::from(users)),
        Reading::new("users who left, others in their place", Unit::Count, f64::from(changes)),
        Reading::new("traffic of the busiest server", Unit::Kbps, 8.0 * busiest / 1e3),
        Reading::new("content bytes through servers", Unit::Bytes, bodies as f64).theory(0.0),
    ]);
    readings
}

/// What searches have cost: questions, results, ends.
struct Sent(Traffic);

impl Sent {
    fn of(sim: &Sim<Node>) -> Sent {
        let mut sum = Traffic::default();
        for (at, name) in Message::KINDS.iter().enumerate() {
            if matches!(*name, "search" | "search hit" | "search end") {
                sum += sim.by_kind().kind(at as u8);
            }
        }
        Sent(sum)
    }

    fn since(&self, before: &Sent) -> Traffic {
        Traffic { messages: self.0.messages - before.0.messages, bytes: self.0.bytes - before.0.bytes }
    }
}

/// What has crossed the lines of the servers.
fn loads(sim: &Sim<Node>, servers: u32) -> Vec<u64> {
    (0..servers).map(|server| sim.load(NodeId(server)).control_bytes()).collect()
}

/// The most bytes that have crossed the line of one of them since.
fn busiest(sim: &Sim<Node>, before: &[u64]) -> f64 {
    let now = loads(sim, before.len() as u32);
    now.iter().zip(before).map(|(now, before)| now - before).max().unwrap_or(0) as f64
}
