//! Joining: who is let in, and with which words who is not.

use std::time::Duration;

use crate::kit::{Net, Raw};
use common::user::Note;
use napster::peer::PeerConfig;
use napster::server::ServerConfig;

fn registering() -> ServerConfig {
    ServerConfig { auto_register: true, motd: vec!["be nice".into()], ..ServerConfig::default() }
}

#[test]
fn a_login_is_greeted_with_acknowledgement_motd_and_statistics() {
    let mut raw = Raw::new(registering());
    let conn = raw.dial(2);
    let answer = raw.say(conn, 2, "alice pw 6699 \"probe v0.1\" 4");
    let codes: Vec<u16> = answer.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [3, 621, 621, 621, 621, 214]);
    assert_eq!(answer[0].1, "anon@napster");
    assert_eq!(answer[3].1, "Welcome alice!");
    assert_eq!(answer[4].1, "be nice");
    assert_eq!(answer[5].1, "1 0 0");
    // Nobody else may be alice now, nor log in again on this session.
    assert_eq!(raw.say(conn, 2, "alice pw 6699 \"x\" 4"), [(404, "you are already logged in".into())]);
    assert!(!raw.lone.closed(conn));
}

#[test]
fn every_refusal_has_its_words_and_ends_the_connection() {
    let refuse = |before: &[(&str, u8)], code: u16, data: &str| {
        let mut raw = Raw::new(ServerConfig { users_max: 3, ..registering() });
        for (nick, host) in before {
            raw.user(*host, nick);
        }
        let conn = raw.dial(2);
        let answer = raw.say(conn, code, data);
        assert!(raw.lone.closed(conn), "{data}: {answer:?}");
        assert_eq!(answer.len(), 1, "{answer:?}");
        answer.into_iter().next().unwrap()
    };
    let zero = |text: &str| (0, text.to_owned());
    let login = "alice wrong 6699 \"x\" 4";
    assert_eq!(refuse(&[("bob", 2)], 200, "FILENAME CONTAINS \"x\""), zero("invalid command"));
    assert_eq!(refuse(&[("alice", 2)], 2, login), zero("Invalid Password"));
    assert_eq!(refuse(&[("alice", 3)], 2, "ALICE pw 1 \"x\" 4"), zero("alice is already active"));
    assert_eq!(refuse(&[("alice", 2)], 2, "alice pw 1 \"x\" 4"), zero("Connecting too fast"));
    assert_eq!(refuse(&[], 2, "alice pw 1 \"x\" 11"), zero("11: invalid speed"));
    assert_eq!(
        refuse(&[("a", 3), ("b", 4), ("c", 5)], 2, login),
        zero("This server is full (3 connections)")
    );
    assert_eq!(refuse(&[("alice", 3)], 6, "Alice pw 1 \"x\" 4 a@b"), zero("Nick registered to another user"));
    assert_eq!(refuse(&[], 2, "alice pw 6699"), (404, "Too few parameters for login.".into()));
    assert_eq!(refuse(&[], 2, "alice pw 6699 \"x 4"), (404, "parameters are unparsable".into()));
    for nick in ["al*ce", "#alice", "operserv", "abcdefghijklmnopqrst", "napster"] {
        assert_eq!(refuse(&[], 2, &format!("{nick} pw 1 \"x\" 4")), (10, format!("Invalid nick: {nick}")));
    }
    let mut raw = Raw::new(ServerConfig { restricted: true, ..ServerConfig::default() });
    let conn = raw.dial(2);
    assert_eq!(raw.say(conn, 2, login), [zero("this is a restricted server")]);
    let conn = raw.dial(2);
    assert_eq!(raw.say(conn, 6, "alice pw 1 \"x\" 4 a@b")[0].0, 3);
}

#[test]
fn nick_checks_and_versions_are_answered_before_login() {
    let mut raw = Raw::new(registering());
    raw.user(9, "bob");
    let conn = raw.dial(2);
    assert_eq!(raw.say(conn, 7, "alice"), [(8, String::new())]);
    assert_eq!(raw.say(conn, 7, "BOB"), [(9, String::new())]);
    assert_eq!(raw.say(conn, 7, "no good"), [(10, String::new())]);
    assert_eq!(raw.say(conn, 7, "bob\0"), [(9, String::new())], "the NUL of a C string is no part of a nick");
    assert_eq!(raw.say(conn, 4, "2.0"), [(4, String::new())]);
    for ignored in [11, 14, 15, 300, 920] {
        assert_eq!(raw.say(conn, ignored, "whatever"), []);
    }
    assert_eq!(raw.say(conn, 2, "alice pw 6699 \"x\" 4")[0].0, 3);
}

#[test]
fn every_character_that_real_servers_take_may_stand_in_a_nick() {
    let mut raw = Raw::new(registering());
    for (at, nick) in
        ["a`b", "[x]", "{y}|~", "_z^", "a@b", "it's", "(v)", "1+1=2", "a/b;<>&:#-"].iter().enumerate()
    {
        let conn = raw.dial(2 + at as u8);
        assert_eq!(raw.say(conn, 2, &format!("{nick} pw 6699 \"x\" 4"))[0].0, 3, "{nick}");
    }
}

#[test]
fn sloppy_logins_are_taken_as_real_servers_take_them() {
    for (at, login) in [
        "alice pw 6699 \"x\" 4\0",
        "alice pw 6699 \"x\" 4 \r\n",
        "  alice\tpw  6699 x 4 a@b 67 extra",
        "alice \"pw\" \"6699\" \"\" \"4\"",
        "alice pw 72235 \"x\" unknown",
    ]
    .iter()
    .enumerate()
    {
        let mut raw = Raw::new(registering());
        let conn = raw.dial(2);
        assert_eq!(raw.say(conn, 2, login)[0].0, 3, "{login:?}");
        let whois = raw.say(conn, 603, "ALICE\0");
        assert_eq!(whois[0].0, 604, "{at}: {whois:?}");
        assert!(whois[0].1.starts_with("alice \"User\" 0 \" \" \"Active\" 0 0 0 "), "{whois:?}");
    }
}

#[test]
fn who_does_not_log_in_is_shown_the_door() {
    let mut raw = Raw::new(ServerConfig::default());
    let (silent, quick) = (raw.dial(2), raw.user(3, "alice"));
    raw.lone.advance(Duration::from_secs(61));
    assert!(raw.lone.closed(silent) && !raw.lone.closed(quick));
}

#[test]
fn a_ghost_is_replaced_once_it_is_old_enough() {
    let mut raw = Raw::new(ServerConfig::default());
    let ghost = raw.user(2, "alice");
    raw.lone.advance(Duration::from_secs(451));
    raw.heard(ghost);
    let conn = raw.dial(2);
    assert_eq!(raw.say(conn, 2, "alice pw 6699 \"x\" 4")[0].0, 3);
    assert_eq!(raw.heard(ghost), [(748, String::new())]);
    assert!(raw.lone.closed(ghost));
}

#[test]
fn a_peer_says_why_it_is_not_let_in() {
    let mut net = Net::with(registering());
    net.join("alice");
    let wrong = PeerConfig { password: "other".into(), ..net.config("alice") };
    let wrong = net.add(wrong);
    net.wait_for_text(wrong, "(Invalid Password)");
    let taken = net.config("alice");
    let taken = net.add(taken);
    net.wait_for_text(taken, "in use, or was a moment ago; next try in");
    let bad = net.config("al?ce");
    let bad = net.add(bad);
    net.wait_for_text(bad, "Invalid nick: al?ce");
}

#[test]
fn a_peer_comes_back_after_the_server_has() {
    let mut net = Net::default();
    let alice = net.sharer("alice", &[crate::kit::song("A/Deep Blue.mp3", 5000)]);
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now + Duration::from_secs(5), net.server);
    let server = napster::node::Node::server(ServerConfig::default());
    net.swarm.sim.restart_at(now + Duration::from_secs(60), net.server, server);
    net.wait_for_text(alice, "the server is gone");
    net.run_s(400);
    assert_eq!(net.swarm.notes(alice).filter(|note| matches!(note, Note::Online)).count(), 2);
    let bob = net.join("bob");
    assert_eq!(net.find(bob, "deep blue").len(), 1, "the list was shared anew");
}

#[test]
fn a_redirector_names_the_servers_in_turn() {
    let mut net = Net::default();
    let servers = vec![net.swarm.address(net.server), net.swarm.address_of(77)];
    let redirector = net.swarm.add(napster::node::Node::redirector(servers));
    let config =
        PeerConfig { via_redirector: true, server: net.swarm.address(redirector), ..net.config("alice") };
    net.join_as(config.clone());
    let second = net.add(PeerConfig { nick: "bob".into(), ..config });
    net.wait_for_text(second, "cannot be reached");
}
