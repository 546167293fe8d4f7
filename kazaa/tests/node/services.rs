//! The services' port: who is answered, and whose supernodes are listed.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;

use crate::services_kit::{Alone, OURS, entry, message, request, response, services_key, services_of};
use common::http::Request;
use common::peer::{CloseReason, ConnId, PublicKey};
use kazaa::wire::upgrade::{SERVICES, SUPERNODE, agree, agrees, asks_seal, sealed_get};
use kazaa::wire::{Hello, Message, Refusal, Service, Setup};

const UNREACHABLE: [Service; 1] = [Service::Refused(Refusal::Unreachable)];
const BUSY: [Service; 1] = [Service::Refused(Refusal::Busy)];

fn at(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

/// A client announces an address; who is dialled for it.
fn announce(services: &mut Alone, conn: ConnId, address: &str) -> (ConnId, SocketAddrV4) {
    assert_eq!(services.ask(conn, Service::Announce(entry(at(address)))), []);
    services.next_dial().expect("an announced address is dialled")
}

#[test]
fn the_services_say_who_they_are_before_anything_is_told_them() {
    let mut services = Alone::services();
    let conn = services.accept(at("10.0.0.2:2000"));
    services.say(conn, request(sealed_get(SERVICES, at(OURS))));
    assert!(matches!(&services.heard(conn)[..], [Message::Response(head)] if agrees(head)));
    assert_eq!(services.heard(conn), [], "nothing before the seal");
    services.seal(conn, PublicKey([2; 32]));
    let said = services_of(services.heard(conn));
    let [Service::Hello { version: 1, key, proof, seen_at }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(seen_at, at("10.0.0.2:2000").ip());
    assert_eq!(*key, services_key());
    assert!(key.owns_seal(&[1; 32], proof), "the key of their end of the seal");
    assert!(!key.owns_seal(&[2; 32], proof), "not of ours");
}

#[test]
fn whoever_speaks_otherwise_is_hung_up_on() {
    let mut services = Alone::services();
    let dial = |services: &mut Alone| services.accept(at("10.0.0.2:2000"));
    for (target, status) in [("/", 404), (SUPERNODE, 404), ("/.hash=00", 404), (SERVICES, 404)] {
        let conn = dial(&mut services);
        services.say(conn, request(Request::get(target)));
        assert!(services.is_closed(conn), "{target}");
        let heard = services.heard(conn);
        assert!(matches!(&heard[..], [Message::Response(head)] if head.status == status), "{heard:?}");
    }
    for first in [Message::Give(7), message(Service::List), Message::Ping, response(101)] {
        let conn = dial(&mut services);
        services.say(conn, first);
        assert!(services.is_closed(conn));
    }
    let nonsense = [
        message(Service::Supernodes(Box::default())),
        message(Service::Refused(Refusal::Busy)),
        Message::Ping,
        request(Request::get("/")),
    ];
    for after in nonsense {
        let conn = services.client("10.0.0.2", 2);
        services.say(conn, after);
        assert!(services.is_closed(conn));
    }
    let conn = dial(&mut services);
    services.seal(conn, PublicKey([2; 32]));
    assert_eq!(services.heard(conn), [], "a seal that nobody asked for opens nothing");
}

#[test]
fn clients_of_fasttrack_are_told_of_supernodes() {
    let mut services = Alone::services();
    services.list("10.0.0.2:1214", 2);
    let conn = services.accept(at("10.0.0.3:2000"));
    services.say(conn, Message::Hello(Hello::OURS));
    assert!(matches!(services.setup(conn), Some(Setup::Session(key)) if key.is_supernode));
    let heard = services.heard(conn);
    let [Message::Accept(_), Message::Network(name), Message::Nodes(nodes)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!((&**name, nodes.len(), nodes[0].address), ("KaZaA", 1, at("10.0.0.2:1214")));
    // Such clients leave now; one that stays is not waited for, whatever it says.
    for _ in 0..3 {
        services.advance_s(4);
        services.say(conn, Message::Network(name.clone()));
        services.say(conn, Message::Ping);
        assert!(!services.is_closed(conn) && services.heard(conn).is_empty());
    }
    services.advance_s(4);
    assert!(services.is_closed(conn));
}

#[test]
fn silence_talk_and_crowds_have_their_bounds() {
    let mut services = Alone::services_with(|knobs| {
        (knobs.connections_max, knobs.connections_per_address_max, knobs.messages_max) = (10, 4, 3);
    });
    let (caller, sealing) = (services.accept(at("10.0.0.2:2000")), services.accept(at("10.0.0.2:2001")));
    services.say(sealing, request(sealed_get(SERVICES, at(OURS))));
    let (client, talker) = (services.client("10.0.0.2", 2), services.client("10.0.0.2", 3));
    let fifth = services.accept(at("10.0.0.2:2002"));
    assert!(services.is_closed(fifth), "one address");
    for port in 0..6 {
        let conn = services.accept(at(&format!("127.0.0.1:{}", 3000 + port)));
        assert!(!services.is_closed(conn), "one's own machine may have all");
    }
    let more = services.accept(at("127.0.0.1:4000"));
    assert!(services.is_closed(more), "in all");
    for _ in 0..3 {
        services.advance_s(10);
        assert!(matches!(&services.ask(talker, Service::List)[..], [Service::Supernodes(_)]));
        assert!(!services.is_closed(talker));
    }
    assert!([caller, sealing, client].into_iter().all(|conn| services.is_closed(conn)), "15 s of silence");
    assert_eq!(services.ask(talker, Service::List), []);
    assert!(services.is_closed(talker), "three messages");
}

#[test]
fn a_supernode_is_listed_once_it_answers_where_it_says() {
    let mut services = Alone::services();
    let conn = services.client("10.0.0.2", 2);
    let check = announce(&mut services, conn, "10.0.0.2:1214");
    let dialled = services.open(check);
    let heard = services.heard(dialled);
    assert!(matches!(&heard[..], [Message::Request(head)] if &*head.target == SUPERNODE && asks_seal(head)));
    services.say(dialled, Message::Response(Box::new(agree())));
    assert_eq!(services.setup(dialled), Some(Setup::LinkDialler));
    assert_eq!(services.the_services().supernodes(), 0, "not before the key is proved");
    services.seal(dialled, PublicKey([2; 32]));
    assert!(services.is_closed(dialled));
    assert_eq!(
        services_of(services.heard(conn)),
        [Service::Supernodes(Box::default())],
        "nobody else is there"
    );
    assert_eq!(services.told_supernodes(), ["10.0.0.2:1214"]);
    // From then on its word is enough.
    assert!(matches!(
        &services.ask(conn, Service::Announce(entry(at("10.0.0.2:1214"))))[..],
        [Service::Supernodes(_)]
    ));
    assert_eq!(services.next_dial(), None);
}

#[test]
fn who_listens_on_all_addresses_is_listed_where_we_see_it() {
    let mut services = Alone::services();
    let conn = services.client("10.0.0.2", 2);
    let check = announce(&mut services, conn, "0.0.0.0:1214");
    assert_eq!(check.1, at("10.0.0.2:1214"));
    services.answer_check(check, 2);
    assert_eq!(services.told_supernodes(), ["10.0.0.2:1214"]);
}

#[test]
fn nobody_lists_an_address_that_is_not_theirs() {
    let mut services = Alone::services();
    services.list("10.0.0.2:1214", 2);
    // Others' addresses are not even dialled.
    let mallory = services.client("10.0.0.66", 66);
    for address in ["10.0.0.2:1214", "10.0.0.3:1214", "198.51.100.1:80", "10.0.0.66:0", "255.255.255.255:1"] {
        assert_eq!(services.ask(mallory, Service::Announce(entry(at(address)))), UNREACHABLE, "{address}");
        assert_eq!(services.next_dial(), None, "{address}");
    }
    // Somebody else listens on that port of one's own address, behind the same translator, say.
    let behind = services.client("10.0.0.2", 66);
    let check = announce(&mut services, behind, "10.0.0.2:1214");
    services.answer_check(check, 2);
    assert_eq!(services_of(services.heard(behind)), UNREACHABLE);
    services.ask(behind, Service::Retire);
    assert_eq!(services.told_supernodes(), ["10.0.0.2:1214"], "it is still the owner's");
    // Whoever listens there now has it.
    let heir = services.client("10.0.0.2", 5);
    let check = announce(&mut services, heir, "10.0.0.2:1214");
    services.answer_check(check, 5);
    let old = services.client("10.0.0.2", 2);
    services.ask(old, Service::Retire);
    assert_eq!(services.told_supernodes(), ["10.0.0.2:1214"]);
    services.ask(heir, Service::Retire);
    assert_eq!(services.told_supernodes(), [""; 0]);
}

#[test]
fn a_check_that_fails_in_any_way_lists_nobody() {
    let mut services = Alone::services();
    type Answer = fn(&mut Alone, ConnId);
    let answers: [Answer; 6] = [
        |services, conn| services.hang_up(conn, CloseReason::Refused),
        |services, conn| services.say(conn, response(404)),
        |services, conn| services.say(conn, response(200)),
        |services, conn| services.say(conn, Message::Ping),
        |services, conn| {
            services.say(conn, Message::Response(Box::new(agree())));
            services.hang_up(conn, CloseReason::Protocol);
        },
        |services, _| services.advance_s(15),
    ];
    for answer in answers {
        let conn = services.client("10.0.0.2", 2);
        let check = announce(&mut services, conn, "10.0.0.2:1214");
        let dialled = services.open(check);
        answer(&mut services, dialled);
        assert_eq!(services_of(services.heard(conn)), UNREACHABLE);
        assert!(!services.is_closed(conn), "it may ask for something else");
        services.hang_up(conn, CloseReason::Remote);
    }
    assert_eq!(services.the_services().supernodes(), 0);
}

#[test]
fn a_check_ends_with_whoever_waits_for_it() {
    let mut services = Alone::services_with(|knobs| knobs.checks_max = 1);
    let conn = services.client("10.0.0.2", 2);
    let check = announce(&mut services, conn, "10.0.0.2:1214");
    let second = services.client("10.0.0.3", 3);
    assert_eq!(services.ask(second, Service::Announce(entry(at("10.0.0.3:1214")))), BUSY, "one at a time");
    services.hang_up(conn, CloseReason::Remote);
    assert!(services.is_closed(check.0));
    let check = announce(&mut services, second, "10.0.0.3:1214");
    // Who cannot wait breaks the protocol.
    services.ask(second, Service::List);
    assert!(services.is_closed(second) && services.is_closed(check.0));
    let third = services.client("10.0.0.4", 4);
    let check = announce(&mut services, third, "10.0.0.4:1214");
    services.answer_check(check, 4);
    assert_eq!(services.told_supernodes(), ["10.0.0.4:1214"]);
}

#[test]
fn the_dead_are_listed_no_longer_than_three_announcements() {
    let mut services = Alone::services();
    services.list("10.0.0.2:1214", 2);
    services.list("10.0.0.3:1214", 3);
    for _ in 0..3 {
        services.advance_s(300);
        let conn = services.client("10.0.0.2", 2);
        services.ask(conn, Service::Announce(entry(at("10.0.0.2:1214"))));
        services.hang_up(conn, CloseReason::Remote);
        assert_eq!(services.the_services().supernodes(), 2);
    }
    services.advance_s(300);
    assert_eq!(services.told_supernodes(), ["10.0.0.2:1214"]);
    services.advance_s(900);
    assert_eq!(services.told_supernodes(), [""; 0]);
}

#[test]
fn a_list_is_some_of_many_others_each_time() {
    let mut services = Alone::services_with(|knobs| (knobs.supernodes_max, knobs.told_max) = (60, 20));
    for host in 1..=60 {
        services.list(&format!("10.0.1.{host}:1214"), host);
    }
    let full = services.client("10.0.1.61", 61);
    assert_eq!(services.ask(full, Service::Announce(entry(at("10.0.1.61:1214")))), BUSY);
    let mut ever = BTreeSet::new();
    for _ in 0..30 {
        let told = services.told_supernodes();
        assert_eq!(told.len(), 20);
        ever.extend(told);
    }
    assert!(ever.len() > 55, "only {} of 60 were ever told", ever.len());
    // A supernode is told others, not itself.
    for _ in 0..3 {
        let conn = services.client("10.0.1.1", 1);
        let answer = services.ask(conn, Service::Announce(entry(at("10.0.1.1:1214"))));
        let [Service::Supernodes(entries)] = &answer[..] else { panic!("{answer:?}") };
        assert!(entries.len() == 20 && entries.iter().all(|entry| entry.address != at("10.0.1.1:1214")));
    }
}

#[test]
fn one_address_lists_few() {
    let mut services = Alone::services();
    for port in 1..=8 {
        services.list(&format!("10.0.0.2:{port}"), 2);
    }
    let ninth = services.client("10.0.0.2", 2);
    assert_eq!(services.ask(ninth, Service::Announce(entry(at("10.0.0.2:9")))), BUSY);
    let conn = services.client("10.0.0.2", 2);
    services.ask(conn, Service::Retire);
    assert_eq!(services.the_services().supernodes(), 0, "all that this key has announced");
}

#[test]
fn a_free_share_beyond_all_is_all() {
    let mut services = Alone::services();
    let conn = services.client("10.0.0.2", 2);
    let mut full = entry(at("10.0.0.2:1214"));
    (full.free_percent, full.age_min) = (255, 200);
    assert_eq!(services.ask(conn, Service::Announce(full)), []);
    let check = services.next_dial().unwrap();
    services.answer_check(check, 2);
    let other = services.client("10.0.0.3", 3);
    services.advance_s(10);
    let answer = services.ask(other, Service::List);
    let [Service::Supernodes(entries)] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(
        (entries[0].free_percent, entries[0].age_min),
        (100, 0),
        "what it says of its age does not count"
    );
}
