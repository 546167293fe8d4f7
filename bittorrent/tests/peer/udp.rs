//! Trackers over UDP: known packets, every packet there and back, and what hostile ones can do.

use std::net::{Ipv4Addr, SocketAddrV4};

use bittorrent::wire::udp::{Ask, CONNECTION_BIT, PEERS_TOLD_MAX, Packet, Reply, SCRAPE_MAX};
use bittorrent::wire::{Announce, AnnounceEvent, InfoHash, Message, PeerId, ScrapeEntry, Setup};
use bytes::BytesMut;
use common::wire::Wire as _;
use proptest::prelude::*;
use tokio_util::codec::{Decoder as _, Encoder as _};

const PEER: PeerId = PeerId(*b"-XX0001-abcdefghijkl");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn announce() -> Announce {
    Announce {
        info_hash: InfoHash([0xaa; 20]),
        peer_id: PEER,
        port: 6881,
        uploaded: 0,
        downloaded: 0,
        left: 1000,
        event: AnnounceEvent::Started,
        numwant: None,
        key: Some(0xcafe_babe),
        compact: true,
        no_peer_id: false,
        ip: None,
        tracker_id: None,
    }
}

#[test]
fn known_packets_are_written_and_read() {
    let connect = hex("00 00 04 17 27 10 19 80 00 00 00 00 11 22 33 44");
    assert_eq!(Ask::Connect { transaction: 0x1122_3344 }.encode(), connect);
    assert_eq!(Ask::decode(&connect).unwrap(), Ask::Connect { transaction: 0x1122_3344 });

    let mut packet = hex("0102030405060708 00000001 55667788");
    packet.extend([0xaa; 20]);
    packet.extend(PEER.0);
    packet.extend(hex(
        "0000000000000000 00000000000003e8 0000000000000000 00000002 00000000 cafebabe ffffffff 1ae1",
    ));
    assert_eq!(packet.len(), 98);
    let (connection, transaction) = (0x0102_0304_0506_0708, 0x5566_7788);
    let ask = Ask::Announce { connection, transaction, announce: Box::new(announce()) };
    assert_eq!(ask.encode(), packet);
    assert_eq!(Ask::decode(&packet).unwrap(), ask);
    packet.extend(hex("02 00"));
    assert_eq!(Ask::decode(&packet).unwrap(), ask, "what comes later is not understood, and does no harm");

    let packet = hex("00000001 55667788 00000708 00000001 00000002 7f000009 1ae1");
    let peers = vec![SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 9), 6881)];
    let reply = Reply::Announce { transaction, interval_s: 1800, leechers: 1, seeders: 2, peers };
    assert_eq!(reply.encode(), packet);
    assert_eq!(Reply::decode(&packet).unwrap(), reply);
}

#[test]
fn short_and_unknown_packets_are_refused() {
    let ask = Ask::Announce { connection: 1, transaction: 2, announce: Box::new(announce()) }.encode();
    for len in 0..ask.len() {
        assert!(Ask::decode(&ask[..len]).is_err(), "{len} bytes were taken for an announce");
    }
    let reply = Reply::Connect { transaction: 1, connection: 2 }.encode();
    for len in 0..reply.len() {
        assert!(Reply::decode(&reply[..len]).is_err(), "{len} bytes were taken for an answer");
    }
    assert!(Ask::decode(&hex("0000000000000001 00000000 11223344")).is_err(), "another protocol's connect");
    assert!(Ask::decode(&hex("0000041727101980 00000007 11223344")).is_err());
    assert!(Reply::decode(&hex("00000007 11223344")).is_err());
}

#[test]
fn what_is_too_much_is_left_out() {
    let ask = Ask::Scrape { connection: 1, transaction: 2, info_hashes: vec![InfoHash([1; 20]); 80] };
    let packet = ask.encode();
    assert_eq!(packet.len(), 16 + SCRAPE_MAX * 20);
    let text = Reply::Error { transaction: 1, text: "x\u{1b}[2J".repeat(500).into() }.encode();
    let Reply::Error { text, .. } = Reply::decode(&text).unwrap() else { panic!("another answer") };
    assert!(text.chars().count() == 512 && !text.contains('\u{1b}'));
}

/// What a driver does with one: it comes back from its bytes, and is as long as it says.
fn travels(packet: Packet) {
    let message = Message::Udp(Box::new(packet));
    let (mut bytes, len) = (BytesMut::new(), message.wire_len());
    let setup = Message::datagrams().expect("there are datagrams");
    Message::codec(setup).encode(message.clone(), &mut bytes).unwrap();
    assert_eq!(bytes.len(), len as usize, "{message:?}");
    assert_eq!(Message::codec(setup).decode(&mut bytes).unwrap(), Some(message));
    assert!(bytes.is_empty());
}

#[test]
fn a_datagram_is_read_as_what_it_is() {
    let connection = CONNECTION_BIT | 7;
    travels(Packet::Ask(Ask::Connect { transaction: 1 }));
    travels(Packet::Ask(Ask::Announce { connection, transaction: 1, announce: Box::new(announce()) }));
    travels(Packet::Ask(Ask::Scrape { connection, transaction: 1, info_hashes: vec![InfoHash([1; 20]); 3] }));
    travels(Packet::Reply(Reply::Connect { transaction: 1, connection }));
    travels(Packet::Reply(Reply::Scrape { transaction: 1, entries: vec![ScrapeEntry::default(); 3] }));
    travels(Packet::Reply(Reply::Error { transaction: 1, text: "no é".into() }));
    let peers = vec![SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1); PEERS_TOLD_MAX];
    let full = Reply::Announce { transaction: 1, interval_s: 1, leechers: 2, seeders: 3, peers };
    assert_eq!(full.encode().len(), 1_472);
    travels(Packet::Reply(full));
    let mut nothing = BytesMut::new();
    assert_eq!(Message::codec(Setup::Datagram).decode(&mut nothing).unwrap(), None);
    assert!(Message::codec(Setup::Datagram).encode(Message::Choke, &mut nothing).is_err());
    let packet = Message::Udp(Box::new(Packet::Ask(Ask::Connect { transaction: 1 })));
    for setup in [Setup::Accepted, Setup::Peer, Setup::Http] {
        assert!(Message::codec(setup).encode(packet.clone(), &mut nothing).is_err(), "{setup:?}");
    }
    assert!(nothing.is_empty());
}

fn event() -> impl Strategy<Value = AnnounceEvent> {
    use AnnounceEvent::*;
    prop::sample::select(vec![None, Started, Completed, Stopped])
}

fn entry() -> impl Strategy<Value = ScrapeEntry> {
    any::<(u32, u32, u32)>().prop_map(|(complete, downloaded, incomplete)| ScrapeEntry {
        complete,
        downloaded,
        incomplete,
    })
}

proptest! {
    #[test]
    fn every_question_comes_back(
        (connection, transaction, bytes) in any::<(u64, u32, [u64; 3])>(),
        (hash, id, port, event) in (any::<[u8; 20]>(), any::<[u8; 20]>(), any::<u16>(), event()),
        (want, key, ip) in (prop::option::of(0..=i32::MAX as u32), any::<u32>(), prop::option::of(1u32..)),
        hashes in prop::collection::vec(any::<[u8; 20]>(), 0..=SCRAPE_MAX),
    ) {
        let [uploaded, downloaded, left] = bytes;
        let announce = Box::new(Announce {
            info_hash: InfoHash(hash), peer_id: PeerId(id), port, uploaded, downloaded, left, event, numwant: want,
            key: Some(key), ip: ip.map(Ipv4Addr::from), ..announce()
        });
        let info_hashes = hashes.into_iter().map(InfoHash).collect();
        let asks = [
            Ask::Connect { transaction },
            Ask::Announce { connection, transaction, announce },
            Ask::Scrape { connection, transaction, info_hashes },
        ];
        for ask in asks {
            if connection > u64::from(u32::MAX) << 2 || matches!(ask, Ask::Connect { .. }) {
                travels(Packet::Ask(ask.clone()));
            }
            prop_assert_eq!(Ask::decode(&ask.encode()).unwrap(), ask);
        }
    }

    #[test]
    fn every_answer_comes_back(
        (transaction, connection, interval_s, leechers, seeders) in any::<(u32, u64, u32, u32, u32)>(),
        peers in prop::collection::vec((any::<u32>(), 1u16..), 0..90),
        entries in prop::collection::vec(entry(), 0..=SCRAPE_MAX),
        text in "[ -~é]{0,100}",
    ) {
        let peers = peers.into_iter().map(|(ip, port)| SocketAddrV4::new(ip.into(), port)).collect();
        let replies = [
            Reply::Connect { transaction, connection },
            Reply::Announce { transaction, interval_s, leechers, seeders, peers },
            Reply::Scrape { transaction, entries },
            Reply::Error { transaction, text: text.into() },
        ];
        for reply in replies {
            travels(Packet::Reply(reply.clone()));
            prop_assert_eq!(Reply::decode(&reply.encode()).unwrap(), reply);
        }
    }

    #[test]
    fn any_packet_is_read_or_refused(mut packet in prop::collection::vec(any::<u8>(), 0..200), action in 0u8..5) {
        let _ = (Ask::decode(&packet), Reply::decode(&packet), Packet::decode(&packet));
        for at in [3, 11] {
            if let Some(word) = packet.get_mut(at - 3..=at) {
                word.copy_from_slice(&u32::from(action).to_be_bytes());
            }
            let _ = (Ask::decode(&packet), Reply::decode(&packet));
        }
    }
}
