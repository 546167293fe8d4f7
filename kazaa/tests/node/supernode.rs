//! What a supernode bears of its children and neighbours, and what it does not.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::overlay::{Overlay, info};
use crate::kit::raw::{OURS, Raw, link_hello, remote};
use common::user::{FileInfo, SearchEnd};
use kazaa::config::{Config, Knobs};
use kazaa::supernode::Refused;
use kazaa::wire::{Link, Message, NETWORK, NodeEntry, Query, Reply, UserInfo};

fn config(change: impl FnOnce(&mut Knobs)) -> Config {
    let mut config = Config::default();
    change(Arc::make_mut(&mut config.knobs));
    config
}

fn words(words: &str, id: u16) -> Query {
    Query::of_user(&common::user::Query::words(words), id, 100)
}

#[test]
fn a_full_one_names_others_and_a_node_goes_there() {
    let mut overlay = Overlay::with(1, |knobs| knobs.children_max = 2);
    let supernodes = overlay.mesh(2);
    overlay.swarm.run_s(120);
    let child_beginning_at_the_first = |overlay: &mut Overlay| {
        let child = overlay.child(&supernodes[..1]);
        overlay.online(child);
    };
    (0..2).for_each(|_| child_beginning_at_the_first(&mut overlay));
    let refused =
        overlay.node(supernodes[0]).refused().children + overlay.node(supernodes[1]).refused().children;
    // One of them may have gone to the other, whichever was nearer.
    (0..2).for_each(|_| child_beginning_at_the_first(&mut overlay));
    let children = supernodes.clone().into_iter().map(|node| overlay.node(node).children());
    assert_eq!(children.collect::<Vec<_>>(), [2, 2]);
    let late = overlay.child(&supernodes);
    overlay.swarm.run_s(60);
    assert!(overlay.swarm.offline(late)[0].starts_with("every known supernode is full; trying again in "));
    let after =
        overlay.node(supernodes[0]).refused().children + overlay.node(supernodes[1]).refused().children;
    assert!(after > refused);
    let leaver = overlay.nodes[2];
    overlay.swarm.command(leaver, common::user::Command::Leave);
    overlay.online(late);
}

#[test]
fn who_is_refused_is_told_why_not_and_where_else() {
    let mut raw = Raw::supernode(config(|knobs| knobs.children_max = 1));
    let _neighbour = raw.neighbour(50);
    let _first = raw.child(1);
    let mut second = raw.hello(2);
    raw.say(&mut second, Message::Network(NETWORK.into()));
    let told = raw.heard(&mut second);
    let entry = NodeEntry { address: remote(50), age_min: 0, free_percent: 50 };
    assert_eq!(told, [Message::Network(NETWORK.into()), Message::Nodes(Arc::new([entry]))]);
    assert!(raw.is_closed(&second));
    assert_eq!(raw.node().refused(), Refused { children: 1, ..Refused::default() });
}

#[test]
fn a_child_may_share_and_ask_so_much_and_no_more() {
    let mut raw = Raw::supernode(config(|knobs| {
        knobs.files_per_child_max = 100;
        (knobs.queries_per_s, knobs.queries_burst) = (1, 5);
    }));
    let mut child = raw.child(1);
    for number in 0..1_000 {
        raw.say(&mut child, Message::Share(number, Arc::new(info(&format!("Song {number}.mp3")))));
    }
    assert_eq!(raw.node().files_indexed(), 100);
    for id in 0..20 {
        raw.say(&mut child, Message::Query(Arc::new(words("song", id))));
    }
    let ends: Vec<Message> = (0..20).map(Message::QueryEnd).collect();
    assert_eq!(raw.heard(&mut child), ends, "each query has its end, and its own files are not told");
    assert_eq!(raw.node().refused(), Refused { shares: 900, queries: 15, ..Refused::default() });
    assert!(!raw.is_closed(&child));
    raw.hang_up(child);
    assert_eq!((raw.node().files_indexed(), raw.node().children()), (0, 0));
}

#[test]
fn files_of_one_name_are_found_both_and_go_one_by_one() {
    let file = |album: &str, hash: u8| {
        let digest = Some(common::digest::Digest::UuHash([hash; 20]));
        Arc::new(FileInfo { about: album.into(), digest, ..info("01 Intro.mp3") })
    };
    let (first, second) = (file("albumone", 1), file("albumtwo", 2));
    let mut raw = Raw::supernode(Config::default());
    let (mut child, mut asker) = (raw.child(1), raw.child(2));
    raw.say(
        &mut child,
        Message::User(Arc::new(UserInfo { address: remote(1), bandwidth: 0xb0, user: "one".into() })),
    );
    let mut found = |raw: &mut Raw, id: u16, asked: &str| {
        raw.say(&mut asker, Message::Query(Arc::new(words(asked, id))));
        let told = raw.heard(&mut asker);
        let of = |message: &Message| match message {
            Message::Reply(reply) => {
                reply.hits.iter().map(|hit| (hit.file, hit.info.name.to_string())).collect()
            }
            _ => Vec::new(),
        };
        told.iter().flat_map(of).collect::<Vec<_>>()
    };
    // Once more the same is nothing new.
    for (number, file) in [(7, &first), (7, &first), (8, &second), (8, &second), (9, &second), (7, &first)] {
        raw.say(&mut child, Message::Share(number, Arc::clone(file)));
    }
    assert_eq!(raw.node().files_indexed(), 2);
    let intro = |number: u32| (number, "01 Intro.mp3".to_owned());
    assert_eq!(found(&mut raw, 1, "albumone"), [intro(7)]);
    assert_eq!(found(&mut raw, 2, "albumtwo"), [intro(8)]);
    assert_eq!(found(&mut raw, 3, "intro").len(), 2);
    raw.say(&mut child, Message::Unshare(8, second));
    assert_eq!(found(&mut raw, 4, "intro"), [intro(7)]);
    // Who says no more than the content means it.
    raw.say(&mut child, Message::Unshare(0, Arc::new(FileInfo { name: "".into(), ..(*first).clone() })));
    assert_eq!(found(&mut raw, 5, "intro"), []);
    // A number that was given before, to a file of a short name.
    raw.say(&mut child, Message::Share(7, Arc::clone(&first)));
    raw.say(&mut child, Message::Share(8, file("albumtwo", 2)));
    raw.say(
        &mut child,
        Message::Share(8, Arc::new(FileInfo { name: "\u{e9}".into(), ..(*file("x", 3)).clone() })),
    );
    assert_eq!(found(&mut raw, 6, "\u{e9}"), [(8, "\u{e9}".to_owned())]);
    assert_eq!(found(&mut raw, 7, "albumtwo"), [intro(8)]);
    raw.hang_up(child);
    assert_eq!(raw.node().files_indexed(), 0);
}

#[test]
fn callers_do_not_keep_others_off_the_port() {
    let mut raw = Raw::supernode(config(|knobs| {
        (knobs.callers_max, knobs.callers_per_address_max) = (20, 4);
    }));
    let from_one: Vec<_> = (0..10).map(|_| raw.lone.accept(remote(1))).collect();
    assert_eq!(from_one.iter().filter(|conn| raw.lone.closed(**conn)).count(), 6);
    let from_many: Vec<_> = (2..40).map(|host| raw.lone.accept(remote(host))).collect();
    assert_eq!(from_many.iter().filter(|conn| !raw.lone.closed(**conn)).count(), 16);
    raw.lone.advance(Duration::from_secs(15));
    let _child = raw.child(60);
}

#[test]
fn links_are_bounded_and_the_refused_are_told_of_others() {
    let mut raw = Raw::supernode(config(|knobs| knobs.links_max = 2));
    let (_first, mut second) = (raw.neighbour(1), raw.neighbour(2));
    let mut third = raw.link(3);
    raw.say_link(&mut third, link_hello(3));
    let told = raw.links_heard(&mut third);
    let [Link::Refused(others)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(others.len(), 2);
    assert!(raw.is_closed(&third));
    let mut again = raw.link(2);
    raw.say_link(&mut again, link_hello(2));
    assert!(matches!(&raw.links_heard(&mut again)[..], [Link::Refused(_)]), "one link for two");
    assert!(!raw.is_closed(&second) && raw.node().links() == 2);
    let mut visitor = raw.link(4);
    let Link::Hello { version, address, pass, children, free_percent, .. } = link_hello(4) else {
        unreachable!()
    };
    raw.say_link(&mut visitor, Link::Hello { version, address, pass, children, free_percent, visit: true });
    assert!(matches!(&raw.links_heard(&mut visitor)[..], [Link::Hello { .. }]), "a visitor takes no place");
    raw.say_link(&mut second, Link::Ping);
    assert_eq!(raw.links_heard(&mut second), [Link::Pong]);
}

#[test]
fn visitors_and_half_made_links_are_bounded_too() {
    let mut raw = Raw::supernode(config(|knobs| (knobs.visits_max, knobs.callers_max) = (2, 5)));
    for host in 1..=3 {
        let mut visitor = raw.link(host);
        let Link::Hello { version, address, pass, children, free_percent, .. } = link_hello(host) else {
            unreachable!()
        };
        raw.say_link(
            &mut visitor,
            Link::Hello { version, address, pass, children, free_percent, visit: true },
        );
        let told = raw.links_heard(&mut visitor);
        assert_eq!(matches!(told[..], [Link::Hello { .. }]), host <= 2, "visitor {host}: {told:?}");
        assert_eq!(raw.is_closed(&visitor), host > 2);
    }
    let _begun: Vec<_> = (10..15).map(|host| raw.link(host)).collect();
    let late = raw.lone.accept(remote(20));
    assert!(raw.lone.closed(late));
    raw.lone.advance(Duration::from_secs(15));
    let _neighbour = raw.neighbour(21);
}

#[test]
fn a_neighbour_that_lies_about_itself_or_is_us_is_none() {
    let mut raw = Raw::supernode(Config::default());
    let lies: [(u8, &str, u16); 3] = [(1, OURS, 1), (2, "10.0.1.2:0", 1), (3, "10.0.1.3:1214", 99)];
    for (host, address, version) in lies {
        let mut link = raw.link(host);
        let Link::Hello { pass, children, free_percent, visit, .. } = link_hello(host) else {
            unreachable!()
        };
        let address = address.parse().unwrap();
        raw.say_link(&mut link, Link::Hello { version, address, pass, children, free_percent, visit });
        assert!(raw.is_closed(&link), "{address} {version}");
    }
    assert_eq!(raw.node().links(), 0);
}

/// A neighbour that is asked; its query's number.
fn asked(
    raw: &mut Raw,
    neighbour: &mut crate::kit::raw::Far,
    child: &mut crate::kit::raw::Far,
    id: u16,
) -> u32 {
    raw.say(child, Message::Query(Arc::new(words("song", id))));
    let told = raw.links_heard(neighbour);
    match &told[..] {
        [Link::Query { id, ttl: 0, .. }] => *id,
        _ => panic!("{told:?}"),
    }
}

fn result(host: u8) -> kazaa::wire::Hit {
    let info = Arc::new(info("A Song.mp3"));
    kazaa::wire::Hit { address: remote(host), bandwidth: 9, user: "holder".into(), file: 1, info }
}

#[test]
fn results_of_a_neighbour_are_its_own_and_asked_for() {
    let mut raw = Raw::supernode(config(|knobs| knobs.enough = 3));
    let (mut neighbour, mut stranger) = (raw.neighbour(1), raw.neighbour(2));
    let mut child = raw.child(3);
    raw.say(&mut child, Message::Query(Arc::new(words("song", 7))));
    let [Link::Query { id, .. }] = raw.links_heard(&mut neighbour)[..] else { panic!("it was not asked") };
    raw.links_heard(&mut stranger);
    // In another's name, twice more than it has ended, for another query: only the first counts, and bears its own address.
    raw.say_link(&mut neighbour, Link::Reply { id, reply: Reply::new(remote(99), 0, [result(5)]) });
    raw.say_link(&mut neighbour, Link::Reply { id: id + 1, reply: Reply::new(remote(1), 0, [result(6)]) });
    raw.say_link(&mut neighbour, Link::QueryEnd { id, asked: 1 });
    raw.say_link(&mut neighbour, Link::Reply { id, reply: Reply::new(remote(1), 0, [result(7)]) });
    let told = raw.heard(&mut child);
    let [Message::Reply(reply)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((reply.supernode, reply.id, reply.hits.len()), (remote(1), 7, 1));
    raw.say_link(&mut stranger, Link::QueryEnd { id, asked: 1 });
    assert_eq!(raw.heard(&mut child), [Message::QueryEnd(7)]);
}

#[test]
fn a_neighbour_that_does_not_answer_holds_up_a_query_for_so_long_and_no_longer() {
    let mut raw = Raw::supernode(Config::default());
    let mut neighbour = raw.neighbour(1);
    let mut child = raw.child(2);
    asked(&mut raw, &mut neighbour, &mut child, 1);
    raw.lone.advance(Duration::from_millis(4_900));
    assert!(raw.heard(&mut child).is_empty());
    raw.lone.advance(Duration::from_millis(100));
    assert_eq!(raw.heard(&mut child), [Message::QueryEnd(1)]);
    asked(&mut raw, &mut neighbour, &mut child, 2);
    raw.hang_up(neighbour);
    assert_eq!(raw.heard(&mut child), [Message::QueryEnd(2)], "one that is gone is not waited for");
}

#[test]
fn more_results_than_were_wanted_are_not_told() {
    let mut raw = Raw::supernode(Config::default());
    let mut neighbour = raw.neighbour(1);
    let mut child = raw.child(2);
    let id = asked(&mut raw, &mut neighbour, &mut child, 1);
    for _ in 0..10 {
        let hits: Vec<_> = (0..60).map(result).collect();
        raw.say_link(&mut neighbour, Link::Reply { id, reply: Reply::new(remote(1), 0, hits) });
    }
    let told = raw.heard(&mut child);
    let count = |message: &Message| if let Message::Reply(reply) = message { reply.hits.len() } else { 0 };
    assert_eq!(told.iter().map(count).sum::<usize>(), 100);
    assert_eq!(told.last(), Some(&Message::QueryEnd(1)));
}

#[test]
fn a_neighbour_floods_in_vain() {
    let mut raw = Raw::supernode(config(|knobs| (knobs.queries_per_s, knobs.queries_burst) = (1, 2)));
    let mut neighbour = raw.neighbour(1);
    for id in 0..1_000 {
        let query =
            Link::Query { id, ttl: 200, fan_out: 255, origin: (remote(1), id), query: words("song", 0) };
        raw.say_link(&mut neighbour, query);
    }
    let ends: Vec<Link> = (0..1_000).map(|id| Link::QueryEnd { id, asked: u32::from(id < 100) }).collect();
    assert_eq!(raw.links_heard(&mut neighbour), ends);
    assert_eq!(raw.node().refused().queries, 900);
}

#[test]
fn a_query_that_came_by_another_way_is_not_answered_again() {
    let mut raw = Raw::supernode(Config::default());
    let (mut first, mut second) = (raw.neighbour(1), raw.neighbour(2));
    let mut holder = raw.child(3);
    let who = UserInfo { address: remote(3), bandwidth: 9, user: "holder".into() };
    raw.say(&mut holder, Message::User(Arc::new(who)));
    raw.say(&mut holder, Message::Share(1, Arc::new(info("A Song.mp3"))));
    let query = |id| Link::Query { id, ttl: 0, fan_out: 5, origin: (remote(77), 4), query: words("song", 0) };
    raw.say_link(&mut first, query(1));
    assert!(matches!(
        raw.links_heard(&mut first)[..],
        [Link::Reply { id: 1, .. }, Link::QueryEnd { id: 1, asked: 1 }]
    ));
    raw.say_link(&mut second, query(9));
    assert_eq!(raw.links_heard(&mut second), [Link::QueryEnd { id: 9, asked: 0 }]);
}

#[test]
fn where_tickets_are_required_guests_stay_outside() {
    let mut raw = Raw::supernode(config(|knobs| knobs.requires_ticket = true));
    let mut guest = raw.hello(1);
    raw.say(&mut guest, Message::Network(NETWORK.into()));
    raw.say(&mut guest, Message::Share(1, Arc::new(info("A Song.mp3"))));
    assert!(raw.is_closed(&guest));
    let mut waits = raw.hello(2);
    raw.say(&mut waits, Message::Network(NETWORK.into()));
    raw.lone.advance(Duration::from_secs(15));
    assert!(raw.is_closed(&waits) && raw.node().children() == 0);
    let mut link = raw.link(3);
    raw.say_link(&mut link, link_hello(3));
    assert!(raw.is_closed(&link) && raw.links_heard(&mut link).is_empty());
}

#[test]
fn the_size_of_the_network_is_told_as_it_is_once_it_is_large_enough() {
    let mut overlay = Overlay::with(1, |knobs| knobs.reported_users_min = 3);
    let supernodes = overlay.mesh(2);
    for at in [0, 0, 0, 1, 1] {
        overlay.holder(supernodes[at], &["Band/Song.mp3"]);
    }
    overlay.swarm.run_s(120);
    let stats = overlay.node(supernodes[0]).network_size();
    assert_eq!((stats.users, stats.files), (7, 5), "five children and two supernodes");
    assert_eq!(overlay.search(overlay.nodes[2], "song").1, SearchEnd::Complete);
}
