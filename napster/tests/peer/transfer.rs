//! Downloads: every way two peers can meet, and every way it can go wrong.

use std::time::Duration;

use crate::kit::{Net, is_fetched, song};
use common::net::Line;
use common::peer::FileId;
use common::sim::Config;
use common::user::{Failure, Note, Query, SearchEnd};
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::selection::Selection;
use napster::server::ServerConfig;

const MB: u64 = 1_000_000;

fn uploaded(net: &Net, node: common::net::NodeId) -> u64 {
    let bytes = |note: &Note| if let Note::Uploaded(_, bytes) = note { *bytes } else { 0 };
    net.swarm.notes(node).map(bytes).sum()
}

#[test]
fn a_download_asks_the_owner_through_the_server_and_its_bytes_never_pass_there() {
    let mut net = Net::default();
    let owner = net.sharer("owner", &[song("Deep/Blue.mp3", 4 * MB)]);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    assert!(is_fetched(&net.fetch(asker, hits)));
    net.run_s(1);
    assert_eq!(uploaded(&net, owner), 4 * MB);
    for (kind, count) in [
        ("get", 1),
        ("upload ask", 1),
        ("upload accept", 1),
        ("offer", 1),
        ("hello", 1),
        ("request", 1),
        ("size", 1),
        ("download begun", 1),
        ("download ended", 1),
        ("upload begun", 1),
        ("upload ended", 1),
        ("ping", 0),
    ] {
        assert_eq!(net.swarm.sent(kind), count, "{kind}");
    }
    let (server, asker_load) = (net.swarm.sim.load(net.server), net.swarm.sim.load(asker));
    assert_eq!((server.body_received, server.body_sent), (0, 0));
    assert!(server.received.bytes < 10_000, "{} bytes of index traffic", server.received.bytes);
    assert_eq!(asker_load.body_received, 4 * MB);
}

#[test]
fn a_firewalled_owner_brings_the_file() {
    let mut net = Net::default();
    let owner = net.join_firewalled("owner");
    net.share(owner, &[song("Deep/Blue.mp3", 4 * MB)]);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    assert!(is_fetched(&net.fetch(asker, hits)));
    for (kind, count) in [
        ("get by push", 1),
        ("upload accept", 1),
        ("push", 1),
        ("delivery", 1),
        ("offset", 1),
        ("offer", 1),
        ("request", 0),
    ] {
        assert_eq!(net.swarm.sent(kind), count, "{kind}");
    }
    net.run_s(1);
    assert_eq!(uploaded(&net, owner), 4 * MB);
    let server = net.swarm.sim.load(net.server);
    assert_eq!((server.body_received, server.body_sent), (0, 0));
}

#[test]
fn two_firewalled_users_cannot_exchange_files_and_are_told_so() {
    let mut net = Net::default();
    let owner = net.join_firewalled("owner");
    net.share(owner, &[song("Deep/Blue.mp3", 4 * MB)]);
    let open = net.join("open");
    let hits = net.find(open, "blue");
    let asker = net.join_firewalled("asker");
    assert!(net.find(asker, "blue").is_empty(), "the server withholds the hit");
    // With a hit from elsewhere he learns it at once, not by a time-out.
    let before = net.swarm.sim.now();
    assert!(matches!(net.fetch(asker, hits), Note::Failed(_, Failure::NoHolder)));
    assert!(net.swarm.sim.now().since(before) < Duration::from_secs(1));
}

#[test]
fn a_download_resumes_where_it_stopped_in_both_directions() {
    for firewalled in [false, true] {
        let mut net = Net::default();
        let owner = if firewalled { net.join_firewalled("owner") } else { net.join("owner") };
        net.share(owner, &[song("Deep/Blue.mp3", 4 * MB)]);
        let asker = net.join("asker");
        let hits = net.find(asker, "blue");
        let fetch = net.start_fetch(asker, hits, 3 * MB);
        assert!(is_fetched(&net.fetch_end(asker, fetch)));
        assert_eq!(net.swarm.sim.load(asker).body_received, MB);
        let first = net.swarm.notes(asker).find_map(|note| match note {
            Note::Progress(_, have) => Some(*have),
            _ => None,
        });
        assert!(first > Some(3 * MB));
    }
}

#[test]
fn a_download_that_is_whole_already_needs_no_transfer() {
    let mut net = Net::default();
    net.sharer("owner", &[song("Deep/Blue.mp3", MB), song("Deep/Empty.mp3", 0)]);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    let fetch = net.start_fetch(asker, hits, MB);
    assert!(is_fetched(&net.fetch_end(asker, fetch)));
    let hits = net.find(asker, "empty");
    assert!(is_fetched(&net.fetch(asker, hits)));
    assert_eq!(net.swarm.sim.load(asker).body_received, 0);
}

#[test]
fn a_holder_that_vanishes_is_replaced_and_the_rest_comes_from_the_other() {
    let mut net = Net::default();
    let file = [song("Deep/Blue.mp3", 10 * MB)];
    let line = Line::kbps(1_000, 1_000, Duration::from_millis(10));
    let (one, two) = (net.sharer("one", &file), net.sharer("two", &file));
    for node in [one, two] {
        let now = net.swarm.sim.now();
        net.swarm.sim.set_line_at(now, node, line);
    }
    let config = PeerConfig { selection: Selection::First, ..net.config("asker") };
    let asker = net.join_as(config);
    let hits = net.find(asker, "blue");
    let first = if &*hits[0].holder.nick == "one" { one } else { two };
    let fetch = net.start_fetch(asker, hits, 0);
    let half = |note: &Note| matches!(note, Note::Progress(_, have) if *have > 5 * MB);
    net.swarm.wait_for(asker, half);
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now, first);
    assert!(is_fetched(&net.fetch_end(asker, fetch)));
    let load = net.swarm.sim.load(asker);
    assert!(load.body_received < 11 * MB, "{} bytes: nothing is fetched twice", load.body_received);
    let second = if first == one { two } else { one };
    assert!(net.swarm.sim.load(second).body_sent < 6 * MB);
}

#[test]
fn running_transfers_survive_the_server_and_new_ones_say_that_it_is_gone() {
    let mut net = Net::default();
    let owner = net.sharer("owner", &[song("Deep/Blue.mp3", 4 * MB), song("Deep/Red.mp3", MB)]);
    let now = net.swarm.sim.now();
    net.swarm.sim.set_line_at(now, owner, Line::kbps(1_000, 1_000, Duration::from_millis(10)));
    let asker = net.join("asker");
    let (blue, red) = (net.find(asker, "blue"), net.find(asker, "red"));
    let fetch = net.start_fetch(asker, blue, 0);
    net.swarm.wait_for(asker, |note| matches!(note, Note::Progress(..)));
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now, net.server);
    net.wait_for_text(asker, "the server is gone");
    assert_eq!(net.search(asker, Query::words("blue")), (vec![], SearchEnd::Offline));
    assert!(matches!(net.fetch(asker, red), Note::Failed(_, Failure::Offline)));
    assert!(is_fetched(&net.fetch_end(asker, fetch)));
}

#[test]
fn when_the_server_comes_back_everything_goes_on() {
    let mut net = Net::default();
    net.sharer("owner", &[song("Deep/Blue.mp3", MB)]);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now, net.server);
    net.wait_for_text(asker, "the server is gone");
    let fetch = net.start_fetch(asker, hits, 0);
    let restart = net.swarm.sim.now() + Duration::from_secs(1);
    net.swarm.sim.restart_at(restart, net.server, Node::server(ServerConfig::default()));
    assert!(is_fetched(&net.fetch_end(asker, fetch)), "a download waits for the server");
    net.run_s(30);
    assert_eq!(net.find(asker, "blue").len(), 1, "the list was pushed to the new server");
}

#[test]
fn a_full_queue_is_waited_for() {
    let mut net = Net::default();
    let config = net.config_with("owner", |knobs| knobs.upload_slots = 1);
    let owner = net.join_as(config);
    net.share(owner, &[song("Deep/Blue.mp3", 4 * MB)]);
    let now = net.swarm.sim.now();
    net.swarm.sim.set_line_at(now, owner, Line::kbps(1_000, 1_000, Duration::from_millis(10)));
    let (first, second) = (net.join("first"), net.join("second"));
    let hits = net.find(first, "blue");
    let one = net.start_fetch(first, hits.clone(), 0);
    net.run_s(1);
    let two = net.start_fetch(second, hits, 0);
    assert!(is_fetched(&net.fetch_end(first, one)));
    assert!(is_fetched(&net.fetch_end(second, two)));
    assert!(net.swarm.sent("queue limit") >= 1);
    assert_eq!(net.swarm.sent("queue limit"), net.swarm.sent("queue limited"));
}

#[test]
fn a_queue_that_stays_full_is_given_up_after_so_many_times() {
    let mut net = Net::default();
    let config = net.config_with("owner", |knobs| knobs.upload_slots = 0);
    let owner = net.join_as(config);
    net.share(owner, &[song("Deep/Blue.mp3", MB)]);
    let config = net.config_with("asker", |knobs| knobs.queue_retries_max = 2);
    let asker = net.join_as(config);
    let hits = net.find(asker, "blue");
    assert!(matches!(net.fetch(asker, hits), Note::Failed(_, Failure::Refused)));
    assert_eq!(net.swarm.sent("queue limit"), 3);
}

#[test]
fn an_owner_that_has_left_or_no_longer_shares_is_no_holder() {
    let mut net = Net::default();
    let owner = net.sharer("owner", &[song("Deep/Blue.mp3", MB)]);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    net.swarm.command(owner, common::user::Command::Unshare(FileId(0)));
    net.run_s(1);
    assert!(matches!(net.fetch(asker, hits.clone()), Note::Failed(_, Failure::Refused)));
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now, owner);
    net.run_s(1);
    assert!(matches!(net.fetch(asker, hits), Note::Failed(_, Failure::NoHolder)));
    assert_eq!(net.swarm.sent("get error"), 3, "it might have come back");
}

#[test]
fn the_nearest_holder_by_ping_is_taken() {
    let mut net = Net::on(Config::default(), ServerConfig::default());
    let file = [song("Deep/Blue.mp3", MB)];
    let mut holders = Vec::new();
    for (nick, delay) in [("far", 200), ("near", 5), ("middle", 50)] {
        let config = net.config(nick);
        let line = Line { delay: Duration::from_millis(delay), ..Line::default() };
        let node = net.swarm.add_behind(Node::peer(config), line);
        net.swarm.wait_for(node, |note| matches!(note, Note::Online));
        net.share(node, &file);
        holders.push(node);
    }
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    assert_eq!(hits.len(), 3);
    assert!(is_fetched(&net.fetch(asker, hits)));
    net.run_s(1);
    let sent: Vec<u64> = holders.iter().map(|node| net.swarm.sim.load(*node).body_sent).collect();
    assert_eq!(sent, [0, MB, 0]);
    let probes = ["get", "hello", "request", "ping"].map(|kind| net.swarm.sent(kind));
    assert_eq!(probes, [3, 3, 1, 0], "all are dialled, one is asked, and none is pinged through the server");
}

#[test]
fn a_firewalled_holder_is_pinged_through_the_server() {
    let mut net = Net::default();
    let file = [song("Deep/Blue.mp3", MB)];
    let line = Line { delay: Duration::from_millis(200), ..Line::default() };
    let config = net.config("far");
    let far = net.swarm.add_behind(Node::peer(config), line);
    net.swarm.wait_for(far, |note| matches!(note, Note::Online));
    net.share(far, &file);
    let hidden = net.join_firewalled("hidden");
    net.share(hidden, &file);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    assert_eq!(hits.len(), 2);
    assert!(is_fetched(&net.fetch(asker, hits)));
    net.run_s(1);
    assert_eq!((uploaded(&net, far), uploaded(&net, hidden)), (0, MB), "the nearer one");
    assert_eq!((net.swarm.sent("ping"), net.swarm.sent("pong")), (2, 2), "each relayed once");
}

#[test]
fn the_claimed_speed_can_decide_instead() {
    let mut net = Net::default();
    let file = [song("Deep/Blue.mp3", MB)];
    let mut holders = Vec::new();
    for (nick, speed) in [("modem", 2), ("t3", 10), ("cable", 7)] {
        let config = PeerConfig { speed, ..net.config(nick) };
        let node = net.join_as(config);
        net.share(node, &file);
        holders.push(node);
    }
    let config = PeerConfig { selection: Selection::ClaimedSpeed, ..net.config("asker") };
    let asker = net.join_as(config);
    let hits = net.find(asker, "blue");
    assert!(is_fetched(&net.fetch(asker, hits)));
    net.run_s(1);
    assert_eq!(holders.iter().map(|n| net.swarm.sim.load(*n).body_sent).collect::<Vec<_>>(), [0, MB, 0]);
    assert_eq!((net.swarm.sent("ping"), net.swarm.sent("get")), (0, 1), "nobody else is asked");
}

#[test]
fn a_holder_behind_an_undeclared_firewall_is_reported_and_passed_over() {
    let mut net = Net::default();
    let file = [song("Deep/Blue.mp3", MB)];
    let config = net.config("liar");
    let liar = net.swarm.add_firewalled(Node::peer(config));
    net.swarm.wait_for(liar, |note| matches!(note, Note::Online));
    net.share(liar, &file);
    let config = PeerConfig { selection: Selection::First, ..net.config("asker") };
    let asker = net.join_as(config);
    let mut hits = net.find(asker, "blue");
    net.sharer("honest", &file);
    hits.extend(net.find(asker, "blue").into_iter().filter(|hit| &*hit.holder.nick == "honest"));
    assert_eq!(hits.len(), 2);
    assert!(is_fetched(&net.fetch(asker, hits)));
    net.wait_for_text(liar, "asker cannot reach our data port");
}

#[test]
fn corrupt_content_is_noticed_and_never_called_complete() {
    let network = Config { corruption: 1.0, ..Config::default() };
    let mut net = Net::on(network, ServerConfig::default());
    let file = [song("Deep/Blue.mp3", MB)];
    net.sharer("one", &file);
    net.sharer("two", &file);
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    let end = net.fetch(asker, hits);
    assert!(matches!(end, Note::Failed(_, Failure::Corrupt)), "{end:?}");
    // Both were tried, and each was dropped once its head was there.
    assert!(net.swarm.sent("request") == 2);
}

#[test]
fn a_cancelled_download_stops_and_can_be_resumed() {
    let mut net = Net::default();
    let owner = net.sharer("owner", &[song("Deep/Blue.mp3", 40 * MB)]);
    let now = net.swarm.sim.now();
    net.swarm.sim.set_line_at(now, owner, Line::kbps(1_000, 1_000, Duration::from_millis(10)));
    let asker = net.join("asker");
    let hits = net.find(asker, "blue");
    let fetch = net.start_fetch(asker, hits.clone(), 0);
    net.swarm.wait_for(asker, |note| matches!(note, Note::Progress(..)));
    net.swarm.command(asker, common::user::Command::Cancel(fetch));
    assert!(matches!(net.fetch_end(asker, fetch), Note::Failed(_, Failure::Cancelled)));
    net.run_s(5);
    let received = net.swarm.sim.load(asker).body_received;
    net.run_s(60);
    assert_eq!(net.swarm.sim.load(asker).body_received, received);
    let have = |note: &Note| if let Note::Progress(_, have) = note { Some(*have) } else { None };
    let have = net.swarm.notes(asker).filter_map(have).last().unwrap();
    let again = net.start_fetch(asker, hits, have);
    assert!(is_fetched(&net.fetch_end(asker, again)));
    assert_eq!(net.swarm.sim.load(asker).body_received - received, 40 * MB - have, "only the rest");
}

#[test]
fn many_downloads_at_once_all_end() {
    let mut net = Net::default();
    let files: Vec<_> = (0..20).map(|n| song(&format!("Dir/Song {n}.mp3"), 500_000 + n)).collect();
    net.sharer("one", &files);
    net.sharer("two", &files);
    let asker = net.join("asker");
    let fetches: Vec<_> = (0..20)
        .map(|n| {
            let hits = net.search(asker, Query::words(format!("song {n}"))).0;
            assert_eq!(hits.len(), 2);
            net.start_fetch(asker, hits, 0)
        })
        .collect();
    for fetch in fetches {
        assert!(is_fetched(&net.fetch_end(asker, fetch)));
    }
}

#[test]
fn two_runs_of_one_seed_are_the_same_run() {
    let run = |seed| {
        let mut net = Net::on(Config::seeded(seed), ServerConfig::default());
        let file = [song("Deep/Blue.mp3", MB)];
        net.sharer("one", &file);
        net.sharer("two", &file);
        let config = PeerConfig { selection: Selection::Random, ..net.config("asker") };
        let asker = net.join_as(config);
        let hits = net.find(asker, "blue");
        assert!(is_fetched(&net.fetch(asker, hits)));
        net.swarm.sim.digest()
    };
    assert_eq!(run(7), run(7));
}
