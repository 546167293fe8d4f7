//! Bytes that a real client sent and took: hellos, ciphers, frames.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use kazaa::wire::*;
use tokio_util::codec::Encoder;

use super::{Line, bytes, encoded, exhaust, keys, one, payload, payload_of, uncovered};

#[test]
fn hellos_of_a_real_client_and_ours_are_the_same_bytes() {
    let wire = bytes("fa00b62b facb1238 3209d232");
    assert_eq!(encoded(Setup::Dialled, Message::Hello(Hello::OURS)), wire);
    assert_eq!(one(Setup::Accepted, &wire), Message::Hello(Hello::OURS));
    // giFT-FastTrack asks for 29, and takes whatever it is given.
    assert_eq!(Hello::OURS.types(), Some(0x29));
    let wire = bytes("12345678 0a560343");
    assert_eq!(encoded(Setup::Accepted, Message::Accept(Accept::OURS)), wire);
    assert_eq!(one(Setup::Dialled, &wire), Message::Accept(Accept::OURS));
    assert_eq!(Accept::OURS.types(), Some(0x01));
}

#[test]
fn a_choice_that_is_not_spoken_makes_no_session() {
    let accept = |types| Accept { seed: 0x1234_5678, masked_types: 0x0a56_0342 ^ types };
    for types in [0x00, 0x01, 0x08, 0x09] {
        let key = accept(types).session(&Hello::OURS).unwrap();
        assert_eq!(
            key,
            SessionKey { is_supernode: false, child_seed: 0xfacb_1238, supernode_seed: 0x1234_5678, types }
        );
    }
    for types in [0x02, 0x20, 0x29, 0x80, 0xb0, 0x100] {
        assert_eq!(accept(types).session(&Hello::OURS), None, "{types:02x}");
    }
    // Nobody can tell what is behind the mask of a seed that is not in the table.
    assert_eq!(Accept { seed: 0x1234_5679, masked_types: 0 }.session(&Hello::OURS), None);
    assert_eq!((mask(0), mask(0xdead_beef), mask(2)), (Some(0x48a0_0a33), Some(0x4c00_0410), None));
    // A codec for such a session refuses to speak, and does not panic.
    let odd = SessionKey { types: 0x29, ..keys().0 };
    assert!(exhaust(Setup::Session(odd), b"anything").1.is_some());
}

#[test]
fn networks_names_under_both_ciphers() {
    let (child, supernode) = keys();
    let name = Message::Network("KaZaA".into());
    let from_supernode = bytes("79 14 72 55 e1 2b");
    let from_child = bytes("18 20 66 88 f6 5f");
    assert_eq!(encoded(Setup::Session(supernode), name.clone()), from_supernode);
    assert_eq!(encoded(Setup::Session(child), name.clone()), from_child);
    assert_eq!(one(Setup::Session(child), &from_supernode), name);
    assert_eq!(one(Setup::Session(supernode), &from_child), name);
}

#[test]
fn the_header_changes_its_order_as_it_does_between_real_programs() {
    let user = |name: &str| {
        let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 1214);
        Message::User(Arc::new(UserInfo { address, bandwidth: 0xd1, user: name.into() }))
    };
    let (child, supernode) = keys();
    let mut codec = Message::codec(Setup::Session(child));
    let mut wire = BytesMut::new();
    let unknown = |kind, len: usize| Message::Unknown(kind, vec![0; len].into());
    let said = [
        Message::Network("KaZaA".into()),
        user("giFTed"),
        Message::Ping,
        unknown(0x77, 55),
        unknown(0x7801, 25),
    ];
    for message in said.clone() {
        codec.encode(message, &mut wire).unwrap();
    }
    assert_eq!(exhaust(Setup::Session(supernode), &wire).0, said);
    // Types 02, 22 and 06 of these lengths followed each other in a recorded session.
    let frames = uncovered(false, [unknown(0x02, 14), unknown(0x22, 55), unknown(0x06, 25)]);
    let headers = [0, 19, 79].map(|at| frames[at..at + 5].to_vec());
    assert_eq!(headers, [bytes("4b 02 00 00 0e"), bytes("4b 00 00 22 37"), bytes("4b 06 00 00 19")]);
    // The third order: after a type and a length whose sum makes it so.
    let frames = uncovered(false, [unknown(0x02, 7), unknown(0x2c, 4)]);
    assert_eq!(frames[12..17], bytes("4b 00 04 00 2c"));
}

#[test]
fn what_a_real_client_says_of_itself() {
    let told = "c6336407 0bb8 b0 00 \"giFTed\"";
    let address = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 3000);
    let message = Message::User(Arc::new(UserInfo { address, bandwidth: 0xb0, user: "giFTed".into() }));
    assert_eq!(payload(false, 0x02, told), message);
    assert_eq!(payload_of(false, message), bytes(told));
    assert_eq!((kbps_of_bandwidth(0xb0), bandwidth_of_kbps(328)), (328, 0xb0));
    // giFT-FastTrack tells infinity so, "actually, 1680 kbps".
    assert_eq!(
        (kbps_of_bandwidth(BANDWIDTH_UNLIMITED), bandwidth_of_kbps(1680)),
        (1680, BANDWIDTH_UNLIMITED)
    );
    assert_eq!((bandwidth_of_kbps(0), kbps_of_bandwidth(0)), (0, 0));
    assert_eq!((bandwidth_of_kbps(1), bandwidth_of_kbps(u32::MAX)), (59, BANDWIDTH_UNLIMITED));
    for kbps in [33, 56, 128, 384, 768, 1500] {
        let told = kbps_of_bandwidth(bandwidth_of_kbps(kbps));
        assert!(told.abs_diff(kbps) * 20 <= kbps, "{kbps} becomes {told}");
    }
}

#[test]
fn small_messages() {
    let node = |last, age_min, free_percent| NodeEntry {
        address: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, last), 1214),
        age_min,
        free_percent,
    };
    let push = PushAsk {
        id: 7,
        to: node(1, 0, 0).address,
        holder: node(2, 0, 0).address,
        supernode: node(3, 0, 0).address,
        user: "seeker".into(),
    };
    let order = PushOrder { id: 7, to: node(1, 0, 0).address };
    let stats = Stats { users: 100_000, files: 5_000_000, gigabytes: 40_000 };
    for (from_supernode, kind, text, message) in [
        (true, 0x00, "c6336401 04be 05 20 c6336402 04be 00 64", {
            Message::Nodes([node(1, 5, 32), node(2, 0, 100)].into())
        }),
        (true, 0x08, "03e8", Message::QueryEnd(1000)),
        (true, 0x1d, "\"KaZaA\"", Message::NetworkName("KaZaA".into())),
        (true, 0x26, "00000022", Message::Version(0x22)),
        (true, 0x2c, "c6336407", Message::OutsideAddress(Ipv4Addr::new(198, 51, 100, 7))),
        (
            false,
            0x0d,
            "00000007 c6336401 04be c6336402 04be c6336403 04be \"seeker\"",
            Message::PushAsk(Arc::new(push)),
        ),
        (true, 0x0d, "00000007 c6336401 04be", Message::PushOrder(order)),
        (
            true,
            0x09,
            &format!("000186a0 004c4b40 9c40 001e {}", "00".repeat(48)),
            Message::Stats(Arc::new(stats)),
        ),
        (true, 0x1f, "01020304", Message::Unknown(0x1f, bytes("01020304").into())),
        (true, 0x8000, "", Message::Unknown(0x8000, [].into())),
    ] {
        assert_eq!(payload(from_supernode, kind, text), message);
        assert_eq!(payload_of(from_supernode, message), bytes(text));
    }
    // Sizes beyond sixteen digits lose the last ones, and beyond all measure are the largest.
    let size = |text: &str| match payload(true, 0x09, &format!("00000000 00000000 {text}")) {
        Message::Stats(stats) => stats.gigabytes,
        other => panic!("{other:?}"),
    };
    assert_eq!(size("0001 0022"), 16);
    assert_eq!(size("8000 001d"), 0x4000);
    assert_eq!(size("8000 0000"), 0);
    assert_eq!(size("ffff 001f"), 0x1_fffe);
    assert_eq!(size("0001 ffff"), u32::MAX);
    assert_eq!(size("0000 ffff"), 0);
}

#[test]
fn a_session_takes_what_is_legal_in_it_and_nothing_else() {
    let (child, supernode) = keys();
    // A name of noise, a frame of noise.
    let mut line = Line::new(true);
    let mut wire = line.write(Message::Ping);
    wire[0] ^= 1;
    assert!(matches!(line.read(&mut wire), Err(WireError::Malformed(_))));
    assert!(matches!(exhaust(Setup::Session(child), &[0; 64]).1, Some(WireError::Malformed(_))));
    // Too short for their types.
    for (kind, text) in [(0x02, "0102030405"), (0x08, "00"), (0x09, "0000000000000000"), (0x26, "000000")] {
        let refused = Line::new(true).carry_payload(kind, &bytes(text));
        assert!(matches!(refused, Err(WireError::Malformed(_))), "{kind:02x}: {refused:?}");
    }
    // More than their fields need is passed over: later versions have added some.
    assert_eq!(payload(true, 0x08, "0007 ffff"), Message::QueryEnd(7));
    assert_eq!(payload(true, 0x00, "0102"), Message::Nodes([].into()));
    // Too long for its type: refused at the header.
    let mut codec = Message::codec(Setup::Session(supernode));
    let long = Message::NetworkName("x".repeat(2000).into());
    let mut wire = BytesMut::new();
    codec.encode(Message::Network("KaZaA".into()), &mut wire).unwrap();
    assert!(matches!(codec.encode(long, &mut wire), Err(WireError::TooLong { .. })));
    // The name comes first, and once.
    let mut codec = Message::codec(Setup::Session(supernode));
    assert!(codec.encode(Message::Ping, &mut BytesMut::new()).is_err());
    codec.encode(Message::Network("KaZaA".into()), &mut BytesMut::new()).unwrap();
    assert!(codec.encode(Message::Network("KaZaA".into()), &mut BytesMut::new()).is_err());
    // What is said elsewhere is not said here, nor the other way round.
    assert!(codec.encode(Message::Give(1), &mut BytesMut::new()).is_err());
    for setup in super::setups() {
        if !matches!(setup, Setup::Session(_)) {
            assert!(Message::codec(setup).encode(Message::Ping, &mut BytesMut::new()).is_err(), "{setup:?}");
        }
    }
}

/// A supernode of ours is met by somebody with another seed for every session.
#[test]
fn any_seed_of_a_child_makes_a_session() {
    for seed in [0, 1, 0x1234_5678, 0xffff_ffff, 0x4745_5420] {
        let hello = Hello { rand: 5, seed, masked_types: 0x77 };
        let (supernode, child) = (hello.accepted(), Accept::OURS.session(&hello).unwrap());
        assert_eq!((supernode.child_seed, child.child_seed), (seed, seed));
        let wire = encoded(Setup::Session(child), Message::Network("Grokster".into()));
        assert_eq!(one(Setup::Session(supernode), &wire), Message::Network("Grokster".into()));
    }
}
