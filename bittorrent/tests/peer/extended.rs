//! What the extension protocol carries: known messages, every one there and back, and what hostile ones can do.

use std::net::{Ipv4Addr, SocketAddrV4};

use bittorrent::wire::*;
use bytes::BytesMut;
use common::wire::Wire;
use proptest::prelude::*;
use tokio_util::codec::Encoder;

#[test]
fn the_extension_handshake_is_read_and_written() {
    let known =
        b"d1:ei0e1:md11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e4:reqqi250e1:v9:probe 0.1e";
    let read = ExtendedHandshake::parse(known).unwrap();
    let expected = ExtendedHandshake {
        metadata_id: Some(2),
        exchange_id: Some(1),
        port: Some(6881),
        client: Some("probe 0.1".into()),
        yourip: None,
        reqq: Some(250),
        metadata_size: Some(31235),
        upload_only: false,
    };
    assert_eq!(read, expected);
    let ours = String::from_utf8(known.to_vec()).unwrap().replace("1:ei0e", "");
    assert_eq!(String::from_utf8(read.encode()).unwrap(), ours);
    let message = Message::Extended { id: EXTENDED_HANDSHAKE, payload: known[..].into() };
    let mut framed = BytesMut::new();
    Message::codec(Setup::Peer).encode(message, &mut framed).unwrap();
    assert_eq!(framed[..6], [0, 0, 0, 0x64, 20, 0]);
    // What is of the wrong kind or out of range says nothing; 0 switches off.
    let odd = b"d1:md11:ut_metadatai256e6:ut_pexi0ee13:metadata_sizei-1e1:pi65536e4:reqq1:x1:v3:a\x1bb11:upload_onlyi1e6:yourip4:\x7f\0\0\x01e";
    let read = ExtendedHandshake::parse(odd).unwrap();
    let expected = ExtendedHandshake {
        exchange_id: Some(0),
        client: Some("a\u{fffd}b".into()),
        yourip: Some(Ipv4Addr::LOCALHOST),
        upload_only: true,
        ..ExtendedHandshake::default()
    };
    assert_eq!(read, expected);
    assert!(ExtendedHandshake::parse(b"le").is_err() && ExtendedHandshake::parse(b"").is_err());
    let flood = [&b"d1:ml"[..], &b"le".repeat(10_000), b"ee"].concat();
    assert!(ExtendedHandshake::parse(&flood).is_err(), "of more values than such a message has");
}

#[test]
fn metadata_follows_its_dictionary() {
    let known: [(&[u8], MetadataMessage<'_>); 4] = [
        (b"d8:msg_typei0e5:piecei0ee", MetadataMessage::Request { piece: 0 }),
        (b"d8:msg_typei2e5:piecei7ee", MetadataMessage::Reject { piece: 7 }),
        (
            b"d8:msg_typei1e5:piecei1e10:total_sizei16390eeedata",
            MetadataMessage::Data { piece: 1, total_size: 16390, data: b"edata" },
        ),
        (
            b"d8:msg_typei1e5:piecei1e10:total_sizei1ee",
            MetadataMessage::Data { piece: 1, total_size: 1, data: b"" },
        ),
    ];
    for (bytes, message) in known {
        assert_eq!(MetadataMessage::parse(bytes).unwrap(), message);
        assert_eq!(message.encode(), bytes);
    }
    assert_eq!(MetadataMessage::parse(b"d8:msg_typei9ee").unwrap(), MetadataMessage::Unknown);
    assert_eq!(MetadataMessage::parse(b"d8:msg_typei-1ee").unwrap(), MetadataMessage::Unknown);
    let long = [&b"d8:msg_typei1e5:piecei1e10:total_sizei1ee"[..], &[0; 16 * 1024 + 1]].concat();
    assert!(
        MetadataMessage::parse(&long).is_err() && MetadataMessage::parse(&long[..long.len() - 1]).is_ok()
    );
    let refused: [&[u8]; 5] = [
        b"de",
        b"d8:msg_typei0ee",
        b"d8:msg_typei0e5:piecei-1ee",
        b"d8:msg_typei1e5:piecei0ee",
        b"d8:msg_typei0e5:piecei4294967296ee",
    ];
    for bytes in refused {
        assert!(MetadataMessage::parse(bytes).is_err(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn an_exchange_is_bounded_and_leaves_out_who_cannot_be_dialled() {
    let known = b"d5:added12:\x7f\0\0\x01\x1a\xe1\x7f\0\0\x02\0\x017:added.f2:\x12\x006:added60:7:dropped6:\x7f\0\0\x03\0\x02e";
    let at = |last, port| SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), port);
    let both = PeerFlags::SEED.and(PeerFlags::REACHABLE);
    let exchange =
        Exchange { added: vec![(at(1, 6881), both), (at(2, 1), PeerFlags(0))], dropped: vec![at(3, 2)] };
    assert_eq!(Exchange::parse(known).unwrap(), exchange);
    assert_eq!(Exchange::parse(&exchange.encode()).unwrap(), exchange);
    assert!(both.has(PeerFlags::SEED) && !both.has(PeerFlags::UTP));
    // The flags of an address without a port go with it; missing ones say nothing.
    let odd = b"d5:added19:\x7f\0\0\x01\0\0\x7f\0\0\x02\0\x01\x7f\0\0\x03\0\x01\x7f7:added.f2:\x01\x02e";
    let added = vec![(at(2, 1), PeerFlags::SEED), (at(3, 1), PeerFlags(0))];
    assert_eq!(Exchange::parse(odd).unwrap(), Exchange { added, dropped: Vec::new() });
    let many: Vec<_> = (0..1_000).map(|port| (at(1, port + 1), PeerFlags(0))).collect();
    let dropped = many.iter().map(|(address, _)| *address).collect();
    let read = Exchange::parse(&Exchange { added: many, dropped }.encode()).unwrap();
    assert_eq!((read.added.len(), read.dropped.len()), (200, 200));
    assert!(Exchange::parse(b"i1e").is_err());
}

proptest! {
    #[test]
    fn every_extension_message_comes_back(
        ids in any::<(Option<u8>, Option<u8>)>(),
        (port, reqq, metadata_size) in (prop::option::of(1u16..), any::<Option<u32>>(), any::<Option<u32>>()),
        (client, yourip, upload_only) in (prop::option::of("\\PC{0,30}"), any::<Option<u32>>(), any::<bool>()),
        (piece, total_size, data) in (any::<u32>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..99)),
        added in prop::collection::vec((any::<u32>(), 1u16.., any::<u8>()), 0..60),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let handshake = ExtendedHandshake {
            metadata_id: ids.0, exchange_id: ids.1, port, client: client.map(Into::into),
            yourip: yourip.map(Ipv4Addr::from), reqq, metadata_size, upload_only,
        };
        prop_assert_eq!(ExtendedHandshake::parse(&handshake.encode()).unwrap(), handshake);
        let messages = [
            MetadataMessage::Request { piece },
            MetadataMessage::Reject { piece },
            MetadataMessage::Data { piece, total_size, data: &data },
        ];
        for message in messages {
            let bytes = message.encode();
            prop_assert_eq!(MetadataMessage::parse(&bytes).unwrap(), message);
        }
        let added: Vec<_> = added
            .into_iter()
            .map(|(ip, port, flags)| (SocketAddrV4::new(ip.into(), port), PeerFlags(flags)))
            .collect();
        let exchange = Exchange { dropped: added.iter().map(|(address, _)| *address).collect(), added };
        prop_assert_eq!(Exchange::parse(&exchange.encode()).unwrap(), exchange);
        let _ = (ExtendedHandshake::parse(&bytes).is_ok(), MetadataMessage::parse(&bytes).is_ok(), Exchange::parse(&bytes).is_ok());
    }
}
