//! Whoever asks UDP trackers: when, how often, whom next, and whose answers count.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::{FETCH, fetch, peer, share};
use bittorrent::config::Knobs;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::site::{Listed, SiteConfig};
use bittorrent::tracker::TrackerConfig;
use bittorrent::wire::udp::{Ask, Reply};
use bittorrent::wire::{Announce, AnnounceEvent, ScrapeEntry};
use common::peer::{CloseReason, Time};
use common::sim::Config as SimConfig;
use common::store::Memory;
use common::testing::{Lone, Swarm};
use common::user::{Command, FetchId, Note};

const TRACKER: &str = "udp://10.0.0.9:6969/announce";
/// What a tracker says at most of the time: an interval of half an hour.
const INTERVAL_S: u32 = 1_800;

fn torrent(tiers: &[&[&str]]) -> Arc<Metainfo> {
    let tier = |tier: &&[&str]| tier.iter().map(|url| (*url).into()).collect();
    let draft = Draft {
        name: "content.bin".into(),
        piece_length: 262_144,
        // In simulation nothing is hashed.
        pieces: vec![[0; 20]; 4],
        files: vec![FileEntry { path: Box::default(), length: 1_000_000 }],
        trackers: tiers.iter().map(tier).collect(),
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap())
}

fn at(address: &str) -> SocketAddrV4 {
    address.parse().unwrap()
}

/// A leecher alone, and the hand of its trackers.
struct Stage {
    lone: Lone<Node>,
    tracker: SocketAddrV4,
}

impl Stage {
    fn new(tiers: &[&[&str]], knobs: &Knobs) -> Stage {
        let torrent = torrent(tiers);
        let mut lone = Lone::new(peer(&torrent, &[], knobs));
        lone.store.add(Arc::new(Memory::with_max(1_000_000)));
        lone.command(fetch(&torrent));
        Stage { lone, tracker: at("10.0.0.9:6969") }
    }

    fn usual() -> Stage {
        Stage::new(&[&[TRACKER]], &Knobs::default())
    }

    /// The one question that is waiting to be looked at.
    fn asked(&mut self) -> Ask {
        let (to, bytes) = self.lone.next_datagram().expect("a question");
        assert_eq!(to, self.tracker);
        assert_eq!(self.lone.next_datagram(), None, "one question");
        Ask::decode(&bytes).expect("a question")
    }

    /// The transaction of a question for an id.
    fn connecting(&mut self) -> u32 {
        match self.asked() {
            Ask::Connect { transaction } => transaction,
            other => panic!("{other:?}"),
        }
    }

    /// A report: the id that it shows, its transaction, and what it says.
    fn reported(&mut self) -> (u64, u32, Announce) {
        match self.asked() {
            Ask::Announce { connection, transaction, announce } => (connection, transaction, *announce),
            other => panic!("{other:?}"),
        }
    }

    fn silent(&mut self) -> bool {
        self.lone.next_datagram().is_none()
    }

    fn say(&mut self, reply: &Reply) {
        assert!(self.lone.datagram(self.tracker, &reply.encode()));
    }

    fn give_id(&mut self, transaction: u32, connection: u64) {
        self.say(&Reply::Connect { transaction, connection });
    }

    fn tell(&mut self, transaction: u32, peers: &[&str]) {
        let peers = peers.iter().map(|peer| at(peer)).collect();
        self.say(&Reply::Announce { transaction, interval_s: INTERVAL_S, leechers: 1, seeders: 2, peers });
    }

    fn advance_s(&mut self, seconds: u64) {
        self.lone.advance(Duration::from_secs(seconds));
    }

    fn dialled(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.lone.next_dial()).map(|(_, to)| to.to_string()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Text(text) => Some(text.to_string()),
            _ => None,
        };
        self.lone.notes.iter().filter_map(text).collect()
    }
}

#[test]
fn a_report_shows_the_id_that_was_given_and_its_answer_brings_peers() {
    let mut stage = Stage::usual();
    let transaction = stage.connecting();
    stage.give_id(transaction, 0x0102_0304_0506_0708);
    let (id, again, announce) = stage.reported();
    assert_eq!((id, again), (0x0102_0304_0506_0708, transaction));
    assert_eq!(
        (announce.event, announce.left, announce.numwant),
        (AnnounceEvent::Started, 1_000_000, Some(50))
    );
    assert_eq!((announce.port, announce.ip), (7_000, None), "where it listens, by the sender's address");
    assert!(announce.peer_id.0.starts_with(b"-4P0100-") && announce.key.is_some());
    stage.tell(transaction, &["10.0.0.1:6881", "10.0.0.2:6881", "10.0.0.1:7000"]);
    assert_eq!(stage.dialled(), ["10.0.0.1:6881", "10.0.0.2:6881"], "and not itself");
    assert!(stage.silent());
}

#[test]
fn an_id_is_used_for_a_minute_and_no_longer() {
    let mut stage =
        Stage::new(&[&[TRACKER]], &Knobs { announce_few: Duration::from_secs(59), ..Knobs::default() });
    let transaction = stage.connecting();
    stage.give_id(transaction, 1 << 40);
    let (_, transaction, announce) = stage.reported();
    stage.tell(transaction, &[]);
    stage.advance_s(58);
    assert!(stage.silent());
    // With few peers it asks again after 59 s.
    stage.advance_s(1);
    let (id, transaction, later) = stage.reported();
    assert_eq!((id, later.event, later.key), (1 << 40, AnnounceEvent::None, announce.key));
    stage.tell(transaction, &[]);
    stage.advance_s(59);
    stage.connecting();
}

/// BEP 15: 15 · 2^n seconds, n up to 8.
#[test]
fn a_tracker_that_says_nothing_is_asked_again_at_times_that_double() {
    let mut stage = Stage::new(&[&[TRACKER]], &Knobs { udp_tries: 10, ..Knobs::default() });
    let transaction = stage.connecting();
    for wait in [15, 30, 60, 120, 240, 480, 960, 1_920, 3_840] {
        stage.advance_s(wait - 1);
        assert!(stage.silent(), "before {wait} s");
        stage.advance_s(1);
        assert_eq!(stage.connecting(), transaction, "so that the answer to any of them counts");
    }
    assert_eq!(stage.texts(), [""; 0]);
    stage.advance_s(3_839);
    assert_eq!((stage.silent(), stage.texts().len()), (true, 0));
    stage.advance_s(1);
    assert_eq!(stage.texts(), [format!("the tracker {TRACKER}: no answer; asking again in 15 s")]);
    stage.advance_s(15);
    stage.connecting();
}

#[test]
fn a_report_that_gets_lost_is_sent_again_and_with_a_new_id_once_the_old_one_is_over() {
    let mut stage = Stage::new(&[&[TRACKER]], &Knobs { udp_tries: 9, ..Knobs::default() });
    let transaction = stage.connecting();
    stage.give_id(transaction, 7 << 40);
    let first = stage.reported();
    for wait in [15, 30] {
        stage.advance_s(wait);
        assert_eq!(stage.reported(), first, "the same question");
    }
    stage.advance_s(60);
    assert_eq!(stage.connecting(), transaction, "it is 105 s old");
    stage.give_id(transaction, 8 << 40);
    assert_eq!(stage.reported().0, 8 << 40);
    // Another connect that comes late changes nothing.
    stage.give_id(transaction, 9 << 40);
    assert!(stage.silent());
    stage.tell(transaction, &["10.0.0.1:6881"]);
    assert_eq!(stage.dialled(), ["10.0.0.1:6881"]);
    // An answer is heard once.
    stage.tell(transaction, &["10.0.0.2:6881"]);
    assert_eq!(stage.dialled(), [""; 0]);
}

#[test]
fn an_answer_that_comes_late_still_counts() {
    let mut stage = Stage::new(&[&[TRACKER]], &Knobs { udp_tries: 9, ..Knobs::default() });
    let transaction = stage.connecting();
    stage.give_id(transaction, 7 << 40);
    stage.reported();
    stage.advance_s(15);
    stage.reported();
    stage.advance_s(30);
    stage.reported();
    stage.advance_s(60);
    stage.connecting();
    stage.tell(transaction, &["10.0.0.1:6881"]);
    assert_eq!(stage.dialled(), ["10.0.0.1:6881"]);
    stage.advance_s(200);
    assert!(stage.silent(), "and nothing more is asked");
}

#[test]
fn answers_that_are_none_change_nothing() {
    let mut stage = Stage::usual();
    let transaction = stage.connecting();
    let peers = vec![at("10.6.6.6:6")];
    let lie = |transaction| Reply::Announce {
        transaction,
        interval_s: 1,
        leechers: 0,
        seeders: 0,
        peers: peers.clone(),
    };
    let error = |transaction| Reply::Error { transaction, text: "go away".into() };
    let wrong = transaction.wrapping_add(1);
    // From elsewhere, whatever it says; and of another transaction, from there.
    for from in ["10.0.0.9:6970", "10.0.0.8:6969"] {
        for reply in [Reply::Connect { transaction, connection: 6 }, lie(transaction), error(transaction)] {
            stage.lone.datagram(at(from), &reply.encode());
        }
    }
    for reply in [Reply::Connect { transaction: wrong, connection: 6 }, lie(wrong), error(wrong)] {
        stage.say(&reply);
    }
    stage.say(&Reply::Scrape { transaction, entries: vec![ScrapeEntry::default()] });
    // Questions, and what is nothing at all.
    stage.lone.datagram(stage.tracker, &Ask::Connect { transaction }.encode());
    let whole = Reply::Connect { transaction, connection: 6 }.encode();
    for len in 0..whole.len() {
        assert!(!stage.lone.datagram(stage.tracker, &whole[..len]), "{len}");
    }
    assert!(stage.silent());
    assert_eq!((stage.dialled(), stage.texts()), (vec![], vec![]));
    stage.give_id(transaction, 5 << 40);
    assert_eq!(stage.reported().0, 5 << 40);
}

#[test]
fn a_refusal_is_told_and_the_next_try_begins_with_a_new_id() {
    let mut stage = Stage::usual();
    let transaction = stage.connecting();
    stage.give_id(transaction, 1);
    stage.reported();
    stage.say(&Reply::Error { transaction, text: "connection id\u{1b}[2J mismatch".into() });
    let said = format!(
        "the tracker {TRACKER}: the tracker refuses: connection id\u{fffd}[2J mismatch; asking again in 15 s"
    );
    assert_eq!(stage.texts(), [said]);
    stage.advance_s(15);
    let transaction = stage.connecting();
    stage.say(&Reply::Error { transaction, text: "not now".into() });
    assert!(stage.texts()[1].ends_with("not now; asking again in 30 s"));
}

#[test]
fn the_next_tracker_has_its_turn_whatever_it_speaks() {
    let mut stage = Stage::new(&[&[TRACKER], &["http://10.0.0.8/announce"]], &Knobs::default());
    stage.connecting();
    stage.advance_s(15);
    stage.connecting();
    stage.advance_s(29);
    assert!(stage.dialled().is_empty());
    stage.advance_s(1);
    let call = stage.lone.next_dial().expect("after 45 s the other one");
    assert_eq!(call.1, at("10.0.0.8:80"));
    assert!(stage.silent());
    stage.lone.hang_up(call.0, CloseReason::Refused);
    assert_eq!(stage.texts()[0], format!("the tracker {TRACKER}: no answer; asking the next"));
    assert!(stage.texts()[1].contains("asking again in 15 s"));
    stage.advance_s(15);
    let transaction = stage.connecting();
    stage.give_id(transaction, 1);
    let (_, transaction, announce) = stage.reported();
    assert_eq!(announce.event, AnnounceEvent::Started, "it has still to be told");
    stage.tell(transaction, &["10.0.0.1:6881"]);
    assert_eq!(stage.dialled(), ["10.0.0.1:6881"]);
}

#[test]
fn whoever_has_answered_is_asked_first_in_his_tier() {
    let urls = [TRACKER, "http://10.0.0.8/announce"];
    let mut stage = Stage::new(&[&urls], &Knobs { udp_tries: 1, ..Knobs::default() });
    // Those of one tier are tried in any order; until the one that answers is the one of datagrams.
    for round in 0.. {
        assert!(round < 4, "nobody is asked");
        if let Some((to, bytes)) = stage.lone.next_datagram() {
            assert_eq!(to, stage.tracker);
            let Ok(Ask::Connect { transaction }) = Ask::decode(&bytes) else { panic!("{bytes:?}") };
            stage.give_id(transaction, 1);
            let (_, transaction, _) = stage.reported();
            stage.tell(transaction, &[]);
            break;
        }
        let (conn, to) = stage.lone.next_dial().expect("one of them");
        assert_eq!(to, at("10.0.0.8:80"));
        stage.lone.hang_up(conn, CloseReason::Refused);
    }
    stage.advance_s(300);
    stage.connecting();
    assert!(stage.dialled().is_empty());
}

#[test]
fn who_leaves_says_so_with_the_id_that_there_is() {
    let mut stage = Stage::usual();
    let transaction = stage.connecting();
    stage.give_id(transaction, 1 << 40);
    let (_, transaction, _) = stage.reported();
    stage.tell(transaction, &[]);
    stage.advance_s(30);
    stage.lone.command(Command::Leave);
    let (id, transaction, announce) = stage.reported();
    assert_eq!((id, announce.event, announce.numwant), (1 << 40, AnnounceEvent::Stopped, Some(0)));
    stage.tell(transaction, &[]);
    stage.advance_s(3_600);
    assert!(stage.silent());
}

#[test]
fn who_is_silent_for_long_needs_a_new_id_to_leave() {
    let mut stage = Stage::usual();
    let transaction = stage.connecting();
    stage.give_id(transaction, 1 << 40);
    let (_, transaction, _) = stage.reported();
    stage.tell(transaction, &[]);
    stage.advance_s(100);
    stage.lone.command(Command::Cancel(FetchId(1)));
    let transaction = stage.connecting();
    stage.give_id(transaction, 2 << 40);
    assert_eq!(stage.reported().2.event, AnnounceEvent::Stopped);
}

/// A tracker, a seed and leechers, on a network that loses some of what is sent in datagrams.
fn swarm(seed: u64, loss: f64) -> (Swarm<Node>, Vec<common::net::NodeId>) {
    let mut swarm = Swarm::new(SimConfig { datagram_loss: loss, ..SimConfig::seeded(seed) });
    let tracker = swarm.add(Node::tracker(TrackerConfig::default()));
    let url = format!("udp://{}/announce", swarm.address(tracker));
    let torrent = torrent(&[&[&url]]);
    let knobs = Knobs { give_up: Some(Duration::from_secs(3_600)), ..Knobs::default() };
    let source = swarm.add(peer(&torrent, &[], &knobs));
    swarm.command(source, share(&torrent));
    let leechers: Vec<_> = (0..8).map(|_| swarm.add_firewalled(peer(&torrent, &[], &knobs))).collect();
    leechers.iter().for_each(|leecher| {
        swarm.command(*leecher, fetch(&torrent));
    });
    for leecher in &leechers {
        assert!(swarm.fetched(*leecher, FETCH));
    }
    (swarm, leechers)
}

#[test]
fn a_swarm_meets_by_datagrams_even_from_behind_firewalls() {
    let (mut swarm, leechers) = swarm(1, 0.0);
    // Nine peers, each with its first report and, but for the seed, with the one that it has all; the id of the first is good for both.
    swarm.run_for(Duration::from_secs(5));
    assert_eq!((swarm.sent("udp connect"), swarm.sent("udp connected")), (9, 9));
    assert_eq!((swarm.sent("udp announce"), swarm.sent("udp announced")), (17, 17));
    assert_eq!((swarm.sent("ask"), swarm.sent("udp error"), swarm.sim.dropped().datagrams), (0, 0, 0));
    for leecher in leechers {
        swarm.command(leecher, Command::Leave);
    }
    swarm.run_for(Duration::from_secs(5));
    let Node::Tracker(tracker) = swarm.peer(common::net::NodeId(0)) else { panic!("the first node") };
    assert_eq!((tracker.peers(), tracker.unproven()), (1, 0), "the seed");
}

#[test]
fn a_swarm_that_loses_a_fifth_of_all_datagrams_meets_all_the_same() {
    for seed in 1..6 {
        let (swarm, _) = swarm(seed, 0.2);
        let lost = swarm.sim.dropped().datagrams;
        assert!(lost > 5, "{lost} were lost");
    }
}

#[test]
fn a_site_asks_udp_trackers_for_figures() {
    let mut swarm = Swarm::seeded(1);
    let tracker = swarm.add(Node::tracker(TrackerConfig::default()));
    let torrent = torrent(&[&[&format!("udp://{}/announce", swarm.address(tracker))]]);
    let listed = Listed::from(Arc::clone(&torrent));
    let site = swarm.add(Node::site(SiteConfig { torrents: vec![listed], ..SiteConfig::default() }));
    let seed = swarm.add(peer(&torrent, &[], &Knobs::default()));
    swarm.command(seed, share(&torrent));
    swarm.run_for(Duration::from_secs(1));
    let visitor = swarm.add(Node::peer(bittorrent::config::Config {
        site: Some(swarm.address(site)),
        ..bittorrent::config::Config::default()
    }));
    // Programs do not wait: the first look has the figures asked for.
    let look = |swarm: &mut Swarm<Node>, search| {
        let search = common::user::SearchId(search);
        let query = common::user::Query::words("content");
        swarm.command(visitor, Command::Search(search, Arc::new(query)));
        swarm.search_end(visitor, search);
    };
    look(&mut swarm, 1);
    swarm.run_for(Duration::from_secs(1));
    assert_eq!((swarm.sent("udp scrape"), swarm.sent("udp scraped")), (1, 1));
    look(&mut swarm, 2);
    assert_eq!(swarm.sent("udp scrape"), 1, "they are fresh");
}

#[test]
fn a_tracker_of_datagrams_that_is_dead_leaves_the_page_without_figures() {
    let listed = Listed::from(torrent(&[&[TRACKER]]));
    let mut lone = Lone::new(Node::site(SiteConfig { torrents: vec![listed], ..SiteConfig::default() }));
    let conn = lone.accept(at("10.0.0.1:2000"));
    lone.feed(conn, b"GET / HTTP/1.0\r\n\r\n");
    assert!(lone.next_datagram().is_some() && lone.take(conn).is_empty(), "the page waits");
    lone.advance(Duration::from_secs(3));
    assert!(String::from_utf8(lone.take(conn)).unwrap().contains('?'));
    lone.advance(Duration::from_millis(334));
    assert!(lone.next_datagram().is_some(), "it is asked again after a third of its time");
    lone.advance(Duration::from_millis(6_667));
    assert_eq!(lone.now(), Time::ZERO + Duration::from_millis(10_001));
    let conn = lone.accept(at("10.0.0.1:2000"));
    lone.feed(conn, b"GET / HTTP/1.0\r\n\r\n");
    assert!(!lone.take(conn).is_empty() && lone.next_datagram().is_none(), "it is left alone");
}
