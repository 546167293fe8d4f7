//! Files go from peer to peer: directly, pushed through a firewall, resumed, and from the next holder when one fails.

mod town;

use std::time::Duration;

use common::user::{Command, Failure, Note, SearchEnd};
use town::{Town, info, slow};
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::selection::Selection;

const SIZE: u64 = 1_000_003;

#[test]
fn a_file_is_shared_found_and_fetched() {
    let mut town = Town::new();
    let (alice, bob) = (town.peer("alice"), town.peer("bob"));
    town.share(alice, info("Deep Blue/Something.mp3", SIZE));
    town.settle();
    let (hits, end) = town.search(bob, "something blue");
    assert_eq!((hits.len(), end), (1, SearchEnd::Complete));
    assert_eq!((&*hits[0].info.name, &*hits[0].holder.nick), ("Deep Blue/Something.mp3", "alice"));
    let fetch = town.begin(bob, hits, 0);
    assert_eq!(town.end(bob, fetch), Ok(()));
    town.settle();
    assert_eq!(town.uploaded(alice), SIZE);
    let sent = |kind| town.swarm.sent(kind);
    let broker = ["get", "upload ask", "upload accept", "offer", "hello", "request", "size"].map(sent);
    assert_eq!(broker, [1; 7], "one of each");
    let counted = ["download begun", "download ended", "upload begun", "upload ended"].map(sent);
    assert_eq!(counted, [1; 4], "the server's counters are told of each side once");
}

#[test]
fn no_content_passes_the_server() {
    let mut town = Town::new();
    let (alice, bob, carol) = (town.peer("alice"), town.peer("bob"), town.firewalled("carol"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.share(carol, info("a/two.mp3", SIZE));
    town.settle();
    for words in ["one", "two"] {
        let (hits, _) = town.search(bob, words);
        let fetch = town.begin(bob, hits, 0);
        assert_eq!(town.end(bob, fetch), Ok(()));
    }
    town.settle();
    let load = town.swarm.sim.load(town.server);
    assert_eq!((load.body_received, load.body_sent), (0, 0));
    assert!(load.received.bytes < 10_000, "{} bytes of index traffic", load.received.bytes);
    assert_eq!(town.uploaded(alice) + town.uploaded(carol), 2 * SIZE);
}

#[test]
fn a_firewalled_owner_brings_the_file() {
    let mut town = Town::new();
    let (alice, bob) = (town.firewalled("alice"), town.peer("bob"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let fetch = town.begin(bob, hits, 300);
    assert_eq!(town.end(bob, fetch), Ok(()));
    town.settle();
    assert_eq!(town.uploaded(alice), SIZE - 300);
    let kinds = ["get by push", "upload accept", "push", "delivery", "offset"].map(|kind| town.swarm.sent(kind));
    assert_eq!((kinds, town.swarm.sent("request")), ([1; 5], 0));
}

#[test]
fn two_firewalled_peers_cannot_meet() {
    let mut town = Town::new();
    let (alice, bob, carol) = (town.firewalled("alice"), town.firewalled("bob"), town.peer("carol"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    assert!(town.search(bob, "one").0.is_empty(), "the server withholds what cannot be fetched");
    let (hits, _) = town.search(carol, "one");
    let fetch = town.begin(bob, hits, 0);
    assert_eq!(town.end(bob, fetch), Err(Failure::NoHolder));
}

#[test]
fn a_download_resumes_where_it_stopped() {
    let mut town = Town::new();
    let (alice, bob) = (town.peer_behind("alice", slow()), town.peer("bob"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let fetch = town.begin(bob, hits.clone(), 0);
    town.reach(bob, fetch, SIZE / 2);
    town.swarm.command(bob, Command::Cancel(fetch));
    assert_eq!(town.end(bob, fetch), Err(Failure::Cancelled));
    let have = progress(&town, bob);
    let again = town.begin(bob, hits, have);
    assert_eq!(town.end(bob, again), Ok(()));
    town.swarm.run_for(Duration::from_secs(120));
    let uploads: Vec<u64> = uploads(&town, alice);
    assert_eq!(uploads[1], SIZE - have, "the second upload was the rest: {uploads:?}");
}

fn progress(town: &Town, node: common::net::NodeId) -> u64 {
    let have = |note: &Note| if let Note::Progress(_, have) = note { Some(*have) } else { None };
    town.swarm.notes(node).filter_map(have).last().unwrap_or(0)
}

fn uploads(town: &Town, node: common::net::NodeId) -> Vec<u64> {
    let bytes = |note: &Note| if let Note::Uploaded(_, bytes) = note { Some(*bytes) } else { None };
    town.swarm.notes(node).filter_map(bytes).collect()
}

#[test]
fn when_a_holder_vanishes_the_next_one_goes_on() {
    let mut town = Town::new();
    let holders = [town.peer_behind("alice", slow()), town.peer_behind("adam", slow())];
    let bob = town.peer("bob");
    for holder in holders {
        town.share(holder, info("a/one.mp3", SIZE));
    }
    town.settle();
    let (hits, _) = town.search(bob, "one");
    assert_eq!(hits.len(), 2);
    let fetch = town.begin(bob, hits, 0);
    town.reach(bob, fetch, SIZE / 2);
    let now = town.swarm.sim.now();
    let serving = if town.swarm.sim.load(holders[0]).body_sent > 0 { 0 } else { 1 };
    town.swarm.sim.crash_at(now, holders[serving]);
    assert_eq!(town.end(bob, fetch), Ok(()));
    town.settle();
    let rest = town.uploaded(holders[1 - serving]);
    assert!(rest < SIZE / 2 + 20_000, "only the rest was fetched from the other: {rest}");
}

#[test]
fn the_quickest_of_the_pinged_holders_is_taken() {
    let mut town = Town::new();
    let far = |ms| common::net::Line { delay: Duration::from_millis(ms), ..common::net::Line::default() };
    let holders: Vec<_> =
        [200, 10, 90].iter().enumerate().map(|(i, ms)| town.peer_behind(&format!("h{i}"), far(*ms))).collect();
    let hidden = town.firewalled("hidden");
    let bob = town.peer("bob");
    for holder in holders.iter().chain([&hidden]) {
        town.share(*holder, info("a/one.mp3", SIZE));
    }
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let visible = hits.iter().filter(|hit| &*hit.holder.nick != "hidden").cloned().collect();
    let fetch = town.begin(bob, visible, 0);
    assert_eq!(town.end(bob, fetch), Ok(()));
    town.settle();
    let served: Vec<u64> = holders.iter().map(|holder| town.uploaded(*holder)).collect();
    assert_eq!(served, [0, SIZE, 0]);
    // A firewalled holder on an ideal line answers its ping through the server faster than the far ones do theirs.
    let (far_and_hidden, _): (Vec<_>, Vec<_>) = hits.into_iter().partition(|hit| &*hit.holder.nick != "h1");
    let fetch = town.begin(bob, far_and_hidden, 0);
    assert_eq!(town.end(bob, fetch), Ok(()));
    town.settle();
    assert_eq!(town.uploaded(hidden), SIZE);
    assert_eq!((town.swarm.sent("ping"), town.swarm.sent("pong")), (2, 2), "each relayed once");
}

#[test]
fn the_policy_decides_who_serves() {
    let mut town = Town::new();
    for (nick, speed) in [("modem", 3), ("cable", 7), ("unknown", 0)] {
        let config = PeerConfig { speed, ..town.config(nick) };
        let node = town.swarm.add(Node::peer(config));
        town.share(node, info("a/one.mp3", SIZE));
    }
    let config = PeerConfig { selection: Selection::ClaimedSpeed, ..town.config("bob") };
    let bob = town.swarm.add(Node::peer(config));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let fetch = town.begin(bob, hits, 0);
    assert_eq!(town.end(bob, fetch), Ok(()));
    assert_eq!(town.swarm.sent("get"), 1, "nobody else is asked");
    town.settle();
    assert_eq!(town.uploaded(common::net::NodeId(2)), SIZE);
}

#[test]
fn a_full_queue_is_asked_again_until_it_has_room() {
    let mut town = Town::new();
    let config = PeerConfig { upload_slots: 1, ..town.config("alice") };
    let alice = town.swarm.add_behind(Node::peer(config), slow());
    let (bob, carol) = (town.peer("bob"), town.peer("carol"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let first = town.begin(bob, hits.clone(), 0);
    town.reach(bob, first, 10_000);
    let second = town.begin(carol, hits, 0);
    town.settle();
    assert_eq!((town.swarm.sent("queue limit"), town.swarm.sent("queue limited")), (1, 1));
    assert_eq!(town.end(bob, first), Ok(()));
    assert_eq!(town.end(carol, second), Ok(()));
}

#[test]
fn a_queue_that_stays_full_is_a_refusal() {
    let mut town = Town::new();
    let config = PeerConfig { upload_slots: 0, ..town.config("alice") };
    let alice = town.swarm.add(Node::peer(config));
    let config = PeerConfig { queue_retries_max: 2, ..town.config("bob") };
    let bob = town.swarm.add(Node::peer(config));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let fetch = town.begin(bob, hits, 0);
    assert_eq!(town.end(bob, fetch), Err(Failure::Refused));
    assert_eq!(town.swarm.sent("queue limit"), 3);
}

#[test]
fn a_dead_server_ends_searches_and_no_transfer() {
    let mut town = Town::new();
    let (alice, bob) = (town.peer_behind("alice", slow()), town.peer("bob"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let fetch = town.begin(bob, hits.clone(), 0);
    town.reach(bob, fetch, 10_000);
    let now = town.swarm.sim.now();
    town.swarm.sim.crash_at(now, town.server);
    town.swarm.wait_for(bob, |note| matches!(note, Note::Offline(_)));
    assert_eq!(town.search(bob, "one"), (vec![], SearchEnd::Offline));
    assert_eq!(town.end(bob, fetch), Ok(()));
    let late = town.begin(bob, hits, 0);
    assert_eq!(town.end(bob, late), Err(Failure::Offline));
}

#[test]
fn when_the_server_comes_back_everything_goes_on() {
    let mut town = Town::new();
    let (alice, bob) = (town.peer("alice"), town.peer("bob"));
    town.share(alice, info("a/one.mp3", SIZE));
    town.settle();
    let (hits, _) = town.search(bob, "one");
    let now = town.swarm.sim.now();
    town.swarm.sim.crash_at(now, town.server);
    town.swarm.wait_for(bob, |note| matches!(note, Note::Offline(_)));
    let fetch = town.begin(bob, hits, 0);
    let restart = town.swarm.sim.now() + Duration::from_secs(1);
    town.swarm.sim.restart_at(restart, town.server, Node::server(Default::default()));
    assert_eq!(town.end(bob, fetch), Ok(()), "a download waits for the server");
    town.swarm.run_for(Duration::from_secs(30));
    assert_eq!(town.search(bob, "one").0.len(), 1, "the list was pushed to the new server");
}
