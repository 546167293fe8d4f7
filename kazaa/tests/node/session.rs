//! Sessions, byte by byte: what a real client says to a supernode of ours, and what a supernode says to a child of ours.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::overlay::info;
use crate::kit::raw::{Raw, remote};
use common::user::{Command, Note, SharedFile};
use kazaa::config::{Config, Knobs, Role};
use kazaa::wire::{Hello, Message, NETWORK, NodeEntry, Query, Setup, Stats, UserInfo};

fn query(id: u16, words: &str) -> Message {
    Message::Query(Arc::new(Query::of_user(&common::user::Query::words(words), id, 100)))
}

fn who(host: u8, port: u16) -> Message {
    let address = std::net::SocketAddrV4::new([10, 0, 1, host].into(), port);
    Message::User(Arc::new(UserInfo { address, bandwidth: 0xb0, user: format!("user{host}").into() }))
}

fn config(change: impl FnOnce(&mut Knobs)) -> Config {
    let mut config = Config::default();
    change(Arc::make_mut(&mut config.knobs));
    config
}

#[test]
fn a_foreign_client_is_taken_on_as_it_expects_and_to_the_last_bit() {
    let mut raw = Raw::supernode(Config::default());
    let conn = raw.lone.accept(remote(1));
    // giFT-FastTrack's hello, and its name under the ciphers.
    raw.lone.feed(conn, &[0xfa, 0x00, 0xb6, 0x2b, 0xfa, 0xcb, 0x12, 0x38, 0x32, 0x09, 0xd2, 0x32]);
    let answer = raw.lone.take(conn);
    assert_eq!(answer[..8], [0x12, 0x34, 0x56, 0x78, 0x0a, 0x56, 0x03, 0x43]);
    assert_eq!(answer[8..], [0x79, 0x14, 0x72, 0x55, 0xe1, 0x2b], "our network's name, ciphered");
    raw.lone.feed(conn, &[0x18, 0x20, 0x66, 0x88, 0xf6, 0x5f]);
    let frames = raw.lone.take(conn);
    assert!(!frames.is_empty() && !raw.lone.closed(conn));
    assert_eq!(raw.node().children(), 1);
}

#[test]
fn what_a_child_is_told_first() {
    let mut raw = Raw::supernode(Config::default());
    let mut child = raw.hello(7);
    assert_eq!(raw.heard(&mut child), [Message::Network(NETWORK.into())]);
    raw.say(&mut child, Message::Network("kazaa".into()));
    let told = raw.heard(&mut child);
    let [
        Message::OutsideAddress(ip),
        Message::Stats(stats),
        Message::Nodes(nodes),
        name,
        Message::Version(0x22),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!((*ip, name), (Ipv4Addr::new(10, 0, 1, 7), &Message::NetworkName(NETWORK.into())));
    assert_eq!(**stats, Stats { users: 100_000, files: 0, gigabytes: 0 }, "fewer would drive giFT away");
    assert_eq!((nodes.len(), nodes[0].free_percent), (1, 100), "we have room ourselves");
    raw.say(&mut child, Message::Ping);
    assert_eq!(raw.heard(&mut child), [Message::Pong]);
}

#[test]
fn files_are_found_from_when_their_holder_has_said_who_it_is() {
    let mut raw = Raw::supernode(Config::default());
    let (mut holder, mut asker) = (raw.child(1), raw.child(2));
    let file = Arc::new(info("A Song.mp3"));
    raw.say(&mut holder, Message::Share(99, Arc::clone(&file)));
    raw.say(&mut asker, query(5, "song"));
    assert_eq!(raw.heard(&mut asker), [Message::QueryEnd(5)]);
    raw.say(&mut holder, who(1, 1214));
    raw.say(&mut asker, query(6, "song"));
    let told = raw.heard(&mut asker);
    let [Message::Reply(reply), Message::QueryEnd(6)] = &told[..] else { panic!("{told:?}") };
    let hit = &reply.hits[0];
    assert_eq!((reply.id, hit.address, &*hit.user, hit.file), (6, remote(1), "user1", 99));
    assert_eq!((&*hit.info.name, hit.info.size, hit.bandwidth), ("A Song.mp3", 4_000_000, 0xb0));
    raw.say(&mut holder, query(7, "song"));
    assert_eq!(raw.heard(&mut holder), [Message::QueryEnd(7)], "its own files are no news to it");
    raw.say(&mut holder, Message::Unshare(99, file));
    raw.say(&mut asker, query(8, "song"));
    assert_eq!(raw.heard(&mut asker), [Message::QueryEnd(8)]);
}

#[test]
fn a_child_is_believed_no_address_but_its_own_and_a_private_one() {
    let mut raw = Raw::supernode(Config::default());
    let mut asker = raw.child(9);
    for (at, (from, named, stands_as)) in [
        ([203, 0, 113, 5], "203.0.113.5:1214", "203.0.113.5:1214"),
        ([203, 0, 113, 5], "198.51.100.1:80", "203.0.113.5:80"),
        ([203, 0, 113, 5], "192.168.0.7:1214", "192.168.0.7:1214"),
        ([10, 0, 1, 5], "10.0.1.6:1214", "10.0.1.5:1214"),
        ([203, 0, 113, 5], "203.0.113.5:0", "203.0.113.5:0"),
    ]
    .into_iter()
    .enumerate()
    {
        let remote = std::net::SocketAddrV4::new(from.into(), 40_000);
        let mut child = raw.child_from(remote);
        let info = UserInfo { address: named.parse().unwrap(), bandwidth: 1, user: "liar".into() };
        raw.say(&mut child, Message::User(Arc::new(info)));
        raw.say(&mut child, Message::Share(1, Arc::new(crate::kit::overlay::info("Song.mp3"))));
        raw.say(&mut asker, query(at as u16, "song"));
        let told = raw.heard(&mut asker);
        let Message::Reply(reply) = &told[0] else { panic!("{told:?}") };
        assert_eq!(reply.hits[0].address, stands_as.parse().unwrap(), "{named}");
        raw.hang_up(child);
    }
}

#[test]
fn whatever_is_no_childs_to_say_ends_the_session_and_nothing_else() {
    let mut raw = Raw::supernode(Config::default());
    let mut good = raw.child(1);
    let mut other = raw.hello(3);
    raw.say(&mut other, Message::Network("Napster".into()));
    assert!(raw.is_closed(&other), "another network");
    for message in
        [Message::QueryEnd(1), Message::Nodes(Arc::new([])), Message::OutsideAddress([1; 4].into())]
    {
        let mut child = raw.child(4);
        raw.say(&mut child, message);
        assert!(raw.is_closed(&child));
    }
    for unknown in [0x15, 0x1e, 0x23, 0x04] {
        raw.say(&mut good, Message::Unknown(unknown, Arc::new([1, 2, 3])));
    }
    raw.say(&mut good, Message::Version(0x26));
    raw.say(&mut good, Message::NetworkName("KaZaA".into()));
    assert!(!raw.is_closed(&good) && raw.heard(&mut good).is_empty());
    assert_eq!(raw.node().children(), 1);
}

#[test]
fn silence_ends_every_state() {
    let mut raw = Raw::supernode(config(|knobs| knobs.child_silence = Duration::from_secs(100)));
    let caller = raw.lone.accept(remote(1));
    let begun = raw.hello(2);
    let silent = raw.child(3);
    let mut pings = raw.child(4);
    raw.lone.advance(Duration::from_secs(20));
    assert!(raw.lone.closed(caller) && raw.is_closed(&begun));
    for _ in 0..10 {
        raw.say(&mut pings, Message::Ping);
        raw.lone.advance(Duration::from_secs(40));
    }
    assert!(raw.is_closed(&silent) && !raw.is_closed(&pings));
    assert_eq!(raw.node().children(), 1);
}

#[test]
fn an_ordinary_node_takes_nobody_on() {
    let mut raw = Raw::new(Config { force: Some(Role::Ordinary), ..Config::default() });
    let conn = raw.lone.accept(remote(1));
    let mut hello = bytes::BytesMut::new();
    let mut codec = <Message as common::wire::Wire>::codec(Setup::Dialled);
    tokio_util::codec::Encoder::encode(&mut codec, Message::Hello(Hello::OURS), &mut hello).unwrap();
    raw.lone.feed(conn, &hello);
    assert!(raw.lone.closed(conn) && raw.lone.take(conn).is_empty());
}

#[test]
fn a_child_of_ours_says_what_a_supernode_expects() {
    let mut raw = Raw::new(Config {
        force: Some(Role::Ordinary),
        supernodes: [remote(1)].into(),
        user: "alice".into(),
        ..Config::default()
    });
    let file = Arc::new(info("Band/A Song.mp3"));
    let shared = SharedFile { file: common::peer::FileId(3), info: file };
    raw.lone.command(Command::Share([shared].into()));
    let (mut far, to) = raw.dialled().expect("it goes through its list");
    assert_eq!(to, remote(1));
    assert_eq!(raw.heard(&mut far), [Message::Network(NETWORK.into())]);
    raw.say(&mut far, Message::Network("Grokster".into()));
    raw.say(&mut far, Message::OutsideAddress([203, 0, 113, 9].into()));
    assert!(raw.heard(&mut far).is_empty(), "the list might name somebody nearer");
    raw.say(&mut far, Message::Nodes(Arc::new([])));
    let told = raw.heard(&mut far);
    let [Message::User(user), Message::Share(3, told_file), Message::Ping] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (&*user.user, user.address, user.bandwidth),
        ("alice", crate::kit::raw::OURS.parse().unwrap(), 0xb3)
    );
    assert_eq!(&*told_file.name, "A Song.mp3", "no path leaves the machine");
    assert!(matches!(raw.lone.notes[..], [Note::Online]));
    raw.say(&mut far, Message::NetworkName(NETWORK.into()));
    raw.say(&mut far, Message::Version(0x1f));
    raw.say(&mut far, Message::Ping);
    raw.say(&mut far, Message::Stats(Arc::new(Stats::default())));
    raw.say(&mut far, Message::Unknown(0x1f, Arc::new([0; 9])));
    let echoes = [Message::NetworkName(NETWORK.into()), Message::Version(0x1f), Message::Pong];
    assert_eq!(raw.heard(&mut far), echoes);
}

#[test]
fn a_parent_is_pinged_and_left_when_it_does_not_answer() {
    let mut raw =
        Raw::new(Config { force: Some(Role::Ordinary), supernodes: [remote(1)].into(), ..Config::default() });
    let (mut far, _) = raw.dialled().expect("it goes through its list");
    raw.say(&mut far, Message::Network(NETWORK.into()));
    raw.say(&mut far, Message::OutsideAddress([10, 0, 0, 1].into()));
    raw.say(&mut far, Message::Nodes(Arc::new([])));
    raw.heard(&mut far);
    raw.say(&mut far, Message::Pong);
    for _ in 0..3 {
        raw.lone.advance(Duration::from_secs(120));
        assert_eq!(raw.heard(&mut far), [Message::Ping]);
        raw.say(&mut far, Message::Pong);
    }
    raw.lone.advance(Duration::from_secs(120));
    assert!(!raw.is_closed(&far));
    raw.lone.advance(Duration::from_secs(20));
    assert!(raw.is_closed(&far));
}

#[test]
fn a_list_of_strangers_is_dialled_once_a_minute_each_and_not_for_ever() {
    let mut raw =
        Raw::new(Config { force: Some(Role::Ordinary), supernodes: [remote(1)].into(), ..Config::default() });
    let (mut far, _) = raw.dialled().expect("it goes through its list");
    raw.say(&mut far, Message::Network(NETWORK.into()));
    raw.say(&mut far, Message::OutsideAddress([10, 0, 0, 1].into()));
    let victim = |host| NodeEntry { address: remote(host), age_min: 0, free_percent: 100 };
    raw.say(&mut far, Message::Nodes((100..200).map(victim).collect()));
    let mut dialled: Vec<(u64, u8)> = Vec::new();
    raw.hang_up(far);
    for second in 0..3_600 {
        while let Some((conn, to)) = raw.lone.next_dial() {
            dialled.push((second, to.ip().octets()[3]));
            raw.lone.hang_up(conn, common::peer::CloseReason::Refused);
        }
        raw.lone.advance(Duration::from_secs(1));
    }
    for host in 100..200 {
        let times: Vec<u64> = dialled.iter().filter(|(_, to)| *to == host).map(|(at, _)| *at).collect();
        assert!(times.len() <= 3, "{host} was dialled at {times:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 60), "{host} was dialled at {times:?}");
    }
    assert!(dialled.iter().any(|(_, to)| *to == 1), "whom the user has named is not forgotten for them");
}
