//! One peer and those who mean it ill, byte by byte: it keeps its torrent right and loses no more than their connections.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use crate::kit::{FETCH, fetch, peer, share};
use bittorrent::config::Knobs;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::wire::{BLOCK_BYTES, Block, Handshake, InfoHash, Message, PeerId, Reserved, Setup};
use bytes::BytesMut;
use common::digest::{Algorithm, Digest};
use common::peer::ConnId;
use common::store::{Memory, Storage as _};
use common::testing::Lone;
use common::user::Note;
use common::wire::Wire as _;
use proptest::prelude::*;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// Three pieces of two blocks, and a short one.
const PIECE_BYTES: usize = 2 * BLOCK_BYTES as usize;
const LENGTH: usize = 3 * PIECE_BYTES + 100;

fn content() -> Vec<u8> {
    (0..LENGTH as u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 23) as u8).collect()
}

fn torrent() -> Arc<Metainfo> {
    let bytes = content();
    let hash = |piece: &[u8]| match Algorithm::Sha1.of(piece) {
        Digest::Sha1(hash) => hash,
        other => panic!("{other:?}"),
    };
    let draft = Draft {
        name: "content.bin".into(),
        piece_length: PIECE_BYTES as u32,
        pieces: bytes.chunks(PIECE_BYTES).map(hash).collect(),
        files: vec![FileEntry { path: Box::default(), length: LENGTH as u64 }],
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap())
}

fn remote(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, host), 40_000)
}

/// A peer under test, and the hand of everybody else.
struct Stage {
    lone: Lone<Node>,
    torrent: Arc<Metainfo>,
}

impl Stage {
    /// A leecher, with nothing.
    fn leecher() -> Stage {
        let torrent = torrent();
        let mut lone = Lone::new(peer(&torrent, &[], &Knobs::default()));
        lone.store.add(Arc::new(Memory::with_max(LENGTH as u64)));
        lone.command(fetch(&torrent));
        Stage { lone, torrent }
    }

    /// A seed.
    fn seed() -> Stage {
        let torrent = torrent();
        let mut lone = Lone::new(peer(&torrent, &[], &Knobs::default()));
        let file = Memory::with_max(LENGTH as u64);
        file.write_at(0, &content()).unwrap();
        lone.store.add(Arc::new(file));
        lone.command(share(&torrent));
        Stage { lone, torrent }
    }

    fn handshake(&self, host: u8, fast: bool) -> Message {
        Message::Handshake(Box::new(Handshake {
            reserved: if fast { Reserved::ours(true) } else { Reserved::default() },
            info_hash: self.torrent.info_hash,
            peer_id: PeerId([host; 20]),
        }))
    }

    /// Somebody dials, says his handshake, and this.
    fn meet(&mut self, host: u8, fast: bool, said: &[Message]) -> ConnId {
        let conn = self.lone.accept(remote(host));
        self.say(conn, &[self.handshake(host, fast)]);
        self.say(conn, said);
        conn
    }

    fn say(&mut self, conn: ConnId, messages: &[Message]) {
        let mut bytes = BytesMut::new();
        let mut codec = Message::codec(Setup::Peer);
        for message in messages {
            codec.encode(message.clone(), &mut bytes).unwrap();
        }
        self.lone.feed(conn, &bytes);
    }

    /// What the peer has said on a connection since it was last looked at; its handshake is passed over.
    fn heard(&mut self, conn: ConnId) -> Vec<Message> {
        let mut bytes = BytesMut::from(&self.lone.take(conn)[..]);
        let is_first = bytes.first() == Some(&19);
        let mut codec = Message::codec(Setup::Peer);
        if !is_first {
            // The codec begins with a handshake.
            let mut first = BytesMut::new();
            codec.encode(self.handshake(1, false), &mut first).unwrap();
            codec.decode(&mut first).unwrap().unwrap();
        }
        let mut messages = Vec::new();
        while let Some(message) = codec.decode(&mut bytes).unwrap() {
            if let Message::Piece(block) = &message {
                let _ = bytes.split_to(block.len as usize);
            }
            messages.push(message);
        }
        messages
    }

    /// What the peer has asked somebody for since it was last looked at.
    fn asked(&mut self, conn: ConnId) -> Vec<Block> {
        let block = |message| match message {
            Message::Request(block) => Some(block),
            _ => None,
        };
        self.heard(conn).into_iter().filter_map(block).collect()
    }

    /// Sends a block, right or not.
    fn send(&mut self, conn: ConnId, block: Block, is_right: bool) {
        self.say(conn, &[Message::Piece(block)]);
        let start = block.piece as usize * PIECE_BYTES + block.begin as usize;
        let mut bytes = content()[start..start + block.len as usize].to_vec();
        if !is_right {
            bytes[0] ^= 1;
        }
        self.lone.feed(conn, &bytes);
    }

    /// Sends all that the peer asks for until it asks for nothing more.
    fn serve(&mut self, conn: ConnId, is_right: bool) {
        loop {
            let asked = self.asked(conn);
            if asked.is_empty() || self.lone.closed(conn) {
                return;
            }
            for block in asked {
                self.send(conn, block, is_right);
            }
        }
    }

    fn is_fetched(&self) -> bool {
        self.lone.notes.iter().any(|note| matches!(note, Note::Fetched(FETCH)))
    }

    fn assert_right(&self) {
        let mut bytes = vec![0; LENGTH];
        self.lone.store.get(common::peer::FileId(0)).unwrap().read_at(0, &mut bytes).unwrap();
        assert!(bytes == content(), "no wrong byte counts");
    }
}

/// What a seed says.
fn all() -> Vec<Message> {
    vec![Message::Bitfield(Arc::new([0xf0])), Message::Unchoke]
}

#[test]
fn an_honest_seed_is_fetched_from() {
    let mut stage = Stage::leecher();
    let seed = stage.meet(2, false, &all());
    stage.serve(seed, true);
    assert!(stage.is_fetched());
    stage.assert_right();
}

#[test]
fn who_sends_a_wrong_piece_is_shut_out_and_does_not_come_back() {
    let mut stage = Stage::leecher();
    let liar = stage.meet(2, false, &all());
    stage.serve(liar, false);
    assert!(stage.lone.closed(liar));
    // Not under his id from elsewhere, nor from his address under another.
    let again = stage.lone.accept(remote(3));
    stage.say(again, &[stage.handshake(2, false)]);
    assert!(stage.lone.closed(again));
    let again = stage.lone.accept(remote(2));
    stage.say(again, &[stage.handshake(4, false)]);
    assert!(stage.lone.closed(again));
    let honest = stage.meet(5, false, &all());
    stage.serve(honest, true);
    assert!(stage.is_fetched());
    stage.assert_right();
}

#[test]
fn of_two_who_have_sent_a_wrong_piece_the_liar_is_found_and_the_other_goes_on() {
    let mut stage = Stage::leecher();
    let liar = stage.meet(2, false, &all());
    let honest = stage.meet(3, false, &all());
    // Each gets its share of the first requests, and sends it in turn: some piece comes from both.
    let (first, second) = (stage.asked(liar), stage.asked(honest));
    assert!(!first.is_empty() && !second.is_empty(), "{first:?} {second:?}");
    for (conn, blocks, is_right) in [(liar, first, false), (honest, second, true)] {
        for block in blocks {
            stage.send(conn, block, is_right);
        }
    }
    for _ in 0..20 {
        stage.serve(liar, false);
        stage.serve(honest, true);
        stage.lone.advance(Duration::from_secs(10));
    }
    assert!(stage.lone.closed(liar), "it sends alone until it is found out");
    assert!(!stage.lone.closed(honest) || stage.is_fetched(), "who sends alone and right is trusted again");
    assert!(stage.is_fetched());
    stage.assert_right();
}

#[test]
fn blocks_that_nobody_asked_for_are_read_over_and_a_flood_of_them_ends_it() {
    let mut stage = Stage::leecher();
    let remote = stage.meet(2, false, &[]);
    let block = Block { piece: 0, begin: 0, len: BLOCK_BYTES };
    stage.send(remote, block, false);
    assert!(!stage.lone.closed(remote), "a choke and a request may have crossed");
    for _ in 0..600 {
        if !stage.lone.closed(remote) {
            stage.send(remote, block, false);
        }
    }
    assert!(stage.lone.closed(remote));
    let seed = stage.meet(3, false, &all());
    stage.serve(seed, true);
    assert!(stage.is_fetched());
    stage.assert_right();
}

#[test]
fn requests_for_what_there_is_not_end_the_connection() {
    for block in [
        Block { piece: 4, begin: 0, len: 1 },
        Block { piece: 0, begin: PIECE_BYTES as u32, len: 1 },
        Block { piece: 0, begin: u32::MAX, len: 2 },
        Block { piece: 3, begin: 0, len: 101 },
        Block { piece: 0, begin: 0, len: 0 },
        Block { piece: 0, begin: 0, len: u32::MAX },
    ] {
        let mut stage = Stage::seed();
        let remote = stage.meet(2, false, &[Message::Interested]);
        assert!(stage.heard(remote).contains(&Message::Unchoke));
        stage.say(remote, &[Message::Request(block)]);
        assert!(stage.lone.closed(remote), "{block:?}");
    }
}

#[test]
fn a_request_while_choked_is_refused_and_one_while_served_is_answered() {
    let block = Block { piece: 1, begin: 0, len: 5 };
    let mut stage = Stage::seed();
    let remote = stage.meet(2, true, &[Message::HaveNone]);
    stage.heard(remote);
    let allowed = bittorrent::peer::allowed_fast_set(
        Ipv4Addr::new(10, 0, 0, 2),
        stage.torrent.info_hash,
        4,
        Knobs::default().allowed_fast,
    );
    assert_eq!(allowed.len(), 4, "of four pieces all are allowed");
    let plain = stage.meet(3, false, &[]);
    stage.heard(plain);
    stage.say(plain, &[Message::Request(block)]);
    assert_eq!(stage.heard(plain), [], "without the extension a request while choked is void");
    stage.say(plain, &[Message::Interested]);
    assert_eq!(stage.heard(plain), [Message::Unchoke]);
    stage.say(plain, &[Message::Request(block)]);
    assert_eq!(stage.heard(plain), [Message::Piece(block)]);
}

#[test]
fn who_is_not_wanted_is_told_so_by_the_end() {
    let mut stage = Stage::leecher();
    // Another torrent.
    let other = stage.lone.accept(remote(2));
    let handshake =
        Handshake { reserved: Reserved::default(), info_hash: InfoHash([9; 20]), peer_id: PeerId([2; 20]) };
    stage.say(other, &[Message::Handshake(Box::new(handshake))]);
    assert!(stage.lone.closed(other));
    // Another protocol.
    let other = stage.lone.accept(remote(3));
    stage.lone.feed(other, b"\x00\x01\x02");
    assert!(stage.lone.closed(other));
    // A page, which a peer has none of.
    let other = stage.lone.accept(remote(4));
    stage.lone.feed(other, b"GET / HTTP/1.0\r\n\r\n");
    assert!(stage.lone.closed(other));
    // Nothing at all.
    let other = stage.lone.accept(remote(5));
    stage.lone.advance(Duration::from_secs(11));
    assert!(stage.lone.closed(other));
    // The same peer once more.
    let first = stage.meet(6, false, &[]);
    let second = stage.meet(6, false, &[]);
    assert!(!stage.lone.closed(first) && stage.lone.closed(second));
}

#[test]
fn a_peer_that_breaks_the_rules_loses_its_connection() {
    for said in [
        vec![Message::Bitfield(Arc::new([0xf8]))],
        vec![Message::Bitfield(Arc::new([0xf0, 0]))],
        vec![Message::Have(4)],
        vec![Message::HaveAll],
        vec![Message::Extended { id: 0, payload: Arc::new(*b"no dictionary") }],
        vec![Message::Reject(Block { piece: 0, begin: 0, len: 1 })],
    ] {
        let mut stage = Stage::leecher();
        let remote = stage.meet(2, false, &said);
        assert!(stage.lone.closed(remote), "{said:?}");
    }
}

#[test]
fn a_peer_that_says_nothing_more_is_left_in_the_end_and_one_that_lives_is_not() {
    let mut stage = Stage::leecher();
    let (silent, alive) = (stage.meet(2, false, &[]), stage.meet(3, false, &[]));
    for _ in 0..40 {
        stage.lone.advance(Duration::from_secs(10));
        stage.say(alive, &[Message::KeepAlive]);
    }
    assert!(stage.lone.closed(silent) && !stage.lone.closed(alive));
    assert!(stage.heard(alive).contains(&Message::KeepAlive), "and it is told the same");
}

#[test]
fn who_does_not_send_what_it_was_asked_for_does_not_hold_back_the_rest() {
    let mut stage = Stage::leecher();
    let snub = stage.meet(2, false, &all());
    assert!(!stage.asked(snub).is_empty());
    for _ in 0..8 {
        stage.lone.advance(Duration::from_secs(10));
    }
    let seed = stage.meet(3, false, &all());
    stage.serve(seed, true);
    assert!(stage.is_fetched());
    stage.assert_right();
}

fn any_message() -> impl Strategy<Value = Message> {
    let block =
        (0..6u32, 0..40_000u32, 0..40_000u32).prop_map(|(piece, begin, len)| Block { piece, begin, len });
    prop_oneof![
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        Just(Message::HaveAll),
        Just(Message::HaveNone),
        (0..5u32).prop_map(Message::Have),
        (0..5u32).prop_map(Message::AllowedFast),
        any::<u8>().prop_map(|bits| Message::Bitfield(Arc::new([bits]))),
        block.clone().prop_map(Message::Request),
        block.clone().prop_map(Message::Cancel),
        block.prop_map(Message::Reject),
        (any::<u8>(), any::<[u8; 4]>())
            .prop_map(|(id, bytes)| Message::Extended { id, payload: Arc::new(bytes) }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_in_whatever_order_the_download_ends_right(
        said in proptest::collection::vec((0..3u8, any_message()), 0..60),
        fast: bool,
    ) {
        let mut stage = Stage::leecher();
        let conns = [2, 3, 4].map(|host| stage.meet(host, fast, &[]));
        for (who, message) in said {
            let conn = conns[usize::from(who)];
            if !stage.lone.closed(conn) {
                stage.say(conn, &[message]);
            }
        }
        let seed = stage.meet(9, false, &all());
        for _ in 0..12 {
            stage.serve(seed, true);
            stage.lone.advance(Duration::from_secs(10));
        }
        prop_assert!(stage.is_fetched());
        stage.assert_right();
    }
}
