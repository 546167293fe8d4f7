//! Pushes on their way to holders that cannot be dialled.

use std::sync::Arc;

use crate::kit::raw::{Far, OURS, Raw, remote};
use kazaa::config::Config;
use kazaa::supernode::Refused;
use kazaa::wire::{Link, Message, PushAsk, PushOrder, UserInfo};

fn ask(to: u8, holder: u8, supernode: &str) -> PushAsk {
    PushAsk {
        id: 77,
        to: remote(to),
        holder: std::net::SocketAddrV4::new(*remote(holder).ip(), 0),
        supernode: supernode.parse().unwrap(),
        user: format!("user{holder}").into(),
    }
}

/// A child that cannot be dialled.
fn walled(raw: &mut Raw, host: u8) -> Far {
    let mut child = raw.child(host);
    let address = std::net::SocketAddrV4::new(*remote(host).ip(), 0);
    let who = UserInfo { address, bandwidth: 9, user: format!("user{host}").into() };
    raw.say(&mut child, Message::User(Arc::new(who)));
    child
}

#[test]
fn between_two_children_of_one_supernode_it_takes_one_order() {
    let mut raw = Raw::supernode(Config::default());
    let (mut asker, mut holder, mut other) = (raw.child(1), walled(&mut raw, 2), walled(&mut raw, 3));
    raw.say(&mut asker, Message::PushAsk(Arc::new(ask(1, 2, OURS))));
    assert_eq!(raw.heard(&mut holder), [Message::PushOrder(PushOrder { id: 77, to: remote(1) })]);
    assert!(raw.heard(&mut other).is_empty() && raw.heard(&mut asker).is_empty());
}

#[test]
fn a_childs_goes_over_the_link_to_the_holders_supernode_and_is_delivered_there() {
    let mut raw = Raw::supernode(Config::default());
    let (mut asker, mut neighbour) = (raw.child(1), raw.neighbour(50));
    let wanted = ask(1, 9, "10.0.1.50:1214");
    raw.say(&mut asker, Message::PushAsk(Arc::new(wanted.clone())));
    assert_eq!(raw.links_heard(&mut neighbour), [Link::Push(wanted)]);

    let mut holder = walled(&mut raw, 2);
    raw.say_link(&mut neighbour, Link::Push(ask(99, 2, OURS)));
    assert_eq!(raw.heard(&mut holder), [Message::PushOrder(PushOrder { id: 77, to: remote(99) })]);
}

#[test]
fn a_stranger_among_supernodes_is_visited_for_it() {
    let mut raw = Raw::supernode(Config::default());
    let mut asker = raw.child(1);
    let wanted = ask(1, 9, "10.0.1.60:1214");
    raw.say(&mut asker, Message::PushAsk(Arc::new(wanted.clone())));
    let (mut visited, to) = raw.visited().expect("it is dialled");
    assert_eq!(to, remote(60));
    let told = raw.links_heard(&mut visited);
    assert!(matches!(told[..], [Link::Hello { visit: true, .. }]), "{told:?}");
    raw.say_link(&mut visited, crate::kit::raw::link_hello(60));
    assert_eq!(raw.links_heard(&mut visited), [Link::Push(wanted)]);
    assert!(raw.is_closed(&visited), "all is said");
    assert_eq!(raw.node().links(), 0);
}

#[test]
fn who_asks_in_anothers_name_or_for_nobody_or_without_end_is_not_served() {
    let mut raw = Raw::supernode(Config::default());
    let (mut asker, mut holder) = (raw.child(1), walled(&mut raw, 2));
    for wrong in [ask(5, 2, OURS), ask(1, 4, OURS), PushAsk { user: "other".into(), ..ask(1, 2, OURS) }] {
        raw.say(&mut asker, Message::PushAsk(Arc::new(wrong)));
    }
    assert!(raw.heard(&mut holder).is_empty());
    assert_eq!(raw.node().refused(), Refused { pushes: 3, ..Refused::default() });
    for _ in 0..100 {
        raw.say(&mut asker, Message::PushAsk(Arc::new(ask(1, 2, OURS))));
    }
    let orders = raw.heard(&mut holder).len();
    assert!(orders < 50, "{orders} of a hundred at once");
    assert!(!raw.is_closed(&asker));
}
