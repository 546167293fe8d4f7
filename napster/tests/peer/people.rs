//! What users want of each other, through the server.

use crate::kit::{Net, Raw};
use common::user::{Command, Note};
use napster::peer::PeerConfig;
use napster::server::ServerConfig;

fn none() -> Vec<(u16, String)> {
    Vec::new()
}

#[test]
fn a_hotlist_tells_who_comes_and_goes() {
    let mut raw = Raw::new(ServerConfig { hotlist_max: 2, ..ServerConfig::default() });
    let alice = raw.user(2, "alice");
    assert_eq!(raw.say(alice, 207, "Bob"), [(301, "Bob".into())]);
    let bob = raw.user(3, "bob");
    assert_eq!(raw.heard(alice), [(209, "bob 4".into())]);
    assert_eq!(raw.say(alice, 208, "carol"), none());
    assert_eq!(raw.say(alice, 207, "dave"), [(404, "Your hotlist is full (2 entries)".into())]);
    assert_eq!(raw.say(alice, 207, "bob"), [(301, "bob".into()), (209, "bob 4".into())]);
    raw.lone.hang_up(bob, common::peer::CloseReason::Remote);
    assert_eq!(raw.heard(alice), [(210, "bob".into())]);
    assert_eq!(raw.say(alice, 303, "BOB"), none());
    raw.user(3, "bob");
    assert_eq!(raw.heard(alice), none());
}

#[test]
fn messages_and_pings_are_relayed_with_the_senders_nick() {
    let mut raw = Raw::new(ServerConfig::default());
    let (alice, bob) = (raw.user(2, "alice"), raw.user(3, "bob"));
    for (code, sent, heard) in [
        (205, "bob how are  you?", "alice how are  you?"),
        (751, "BOB", "alice"),
        (752, "bob", "alice"),
        (751, "bob 12:00 \"x\"", "alice 12:00 \"x\""),
        (752, "bob  12:00", "alice  12:00"),
        (626, "bob", "alice"),
    ] {
        assert_eq!(raw.say(alice, code, sent), none());
        assert_eq!(raw.heard(bob), [(code, heard.to_owned())]);
    }
    for code in [205, 751, 752, 626, 600, 603] {
        let absent = (404, "User is not currently online.".to_owned());
        assert_eq!(raw.say(alice, code, "nobody x"), [absent]);
    }
    assert_eq!(raw.say(alice, 750, "abc"), [(750, "napster abc".into())]);
}

#[test]
fn users_are_described() {
    let mut raw = Raw::new(ServerConfig { auto_register: true, epoch_s: 1_000, ..ServerConfig::default() });
    let (alice, bob) = (raw.user(2, "alice"), raw.user(3, "bob"));
    raw.lone.advance(std::time::Duration::from_secs(10));
    raw.say(bob, 100, "\"a\\b.mp3\" 00000000000000000000000000000000 5 128 44100 1");
    for (code, _) in [(218, 0), (220, 0), (220, 0), (221, 0)] {
        assert_eq!(raw.say(bob, code, ""), none());
    }
    assert_eq!(raw.say(bob, 700, "9"), none());
    assert_eq!(raw.say(bob, 700, "12"), [(404, "12: invalid speed".into())]);
    assert_eq!(raw.say(alice, 600, "bob"), [(601, "bob 9".into())]);
    assert_eq!(
        raw.say(alice, 603, "Bob"),
        [(604, "bob \"User\" 10 \" \" \"Active\" 1 1 1 9 \"test\"".into())]
    );
    raw.lone.hang_up(bob, common::peer::CloseReason::Reset);
    assert_eq!(raw.say(alice, 603, "bob"), [(605, "bob \"User\" 1010".into())]);
}

#[test]
fn direct_browsing_is_brokered() {
    let mut raw = Raw::new(ServerConfig::default());
    let (alice, bob) = (raw.user(2, "alice"), raw.user(3, "bob"));
    let (closed, shut) = (raw.user(4, "CLOSED"), raw.user(5, "SHUT"));
    assert_eq!(raw.say(alice, 640, "bob"), none());
    assert_eq!(raw.heard(bob), [(640, "alice".into())]);
    assert_eq!(raw.say(bob, 641, "alice"), none());
    let ip = |host: u32| 10 + (host << 24);
    assert_eq!(raw.heard(alice), [(641, format!("bob {} 6699", ip(3)))]);
    // A firewalled owner is told where to dial.
    raw.say(alice, 640, "closed");
    assert_eq!(raw.heard(closed), [(640, format!("alice {} 6699", ip(2)))]);
    assert_eq!(raw.say(closed, 642, "alice \"not now\""), none());
    assert_eq!(raw.heard(alice), [(642, "CLOSED \"not now\"".into())]);
    assert_eq!(raw.say(shut, 640, "closed"), [(642, "closed \"both sides are firewalled\"".into())]);
    assert_eq!(raw.say(alice, 640, "nobody"), [(642, "nobody \"User is not currently online.\"".into())]);
}

#[test]
fn unknown_and_unparsable_messages_keep_the_session() {
    let mut raw = Raw::new(ServerConfig::default());
    let alice = raw.user(2, "alice");
    assert_eq!(raw.say(alice, 9999, "x"), [(404, "Unknown command code 9999".into())]);
    assert_eq!(raw.say(alice, 203, "bob \"no end"), [(404, "parameters are unparsable".into())]);
    assert_eq!(raw.say(alice, 920, "1"), none());
    assert_eq!(raw.say(alice, 214, ""), [(214, "1 0 0".into())]);
    let motd = raw.say(alice, 621, "");
    assert_eq!(motd, none(), "this server has none");
    assert!(!raw.lone.closed(alice));
}

#[test]
fn everybody_hears_the_statistics_each_minute() {
    let mut raw = Raw::new(ServerConfig::default());
    let (alice, bob) = (raw.user(2, "alice"), raw.user(3, "bob"));
    raw.lone.advance(std::time::Duration::from_secs(121));
    let twice = [(214, "2 0 0".to_owned()), (214, "2 0 0".to_owned())];
    assert_eq!(raw.heard(alice), twice);
    assert_eq!(raw.heard(bob), twice);
}

#[test]
fn a_peer_is_told_of_its_friends() {
    let mut net = Net::default();
    let config = PeerConfig { hotlist: ["bob".into()].into(), ..net.config("alice") };
    let alice = net.join_as(config);
    let bob = net.join("bob");
    net.wait_for_text(alice, "bob is online");
    net.swarm.command(bob, Command::Leave);
    net.wait_for_text(alice, "bob is offline");
}

#[test]
fn a_peer_that_was_replaced_does_not_fight_for_its_nick() {
    let mut raw = common::testing::Lone::new(napster::node::Node::peer(PeerConfig::default()));
    let dial = raw.next_dial().unwrap();
    let conn = raw.answer(dial);
    raw.feed(conn, &crate::kit::frame(3, "anon@napster"));
    raw.feed(conn, &crate::kit::frame(748, ""));
    assert!(raw.closed(conn));
    raw.advance(std::time::Duration::from_secs(3600));
    assert!(raw.next_dial().is_none());
    let last = raw.notes.last().unwrap();
    assert!(matches!(last, Note::ShutOut(why) if why.contains("somebody else")), "{last:?}");
}
