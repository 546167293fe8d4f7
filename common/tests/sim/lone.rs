//! The kit that plays everybody else keeps the contract: order, pauses, bodies, time.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Peer, Place, PublicKey, Span};
use common::seal::Seal;
use common::store::{Storage, StoreFault};
use common::testing::Lone;
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

/// A box: four bytes of length, then so many bytes of content. It gives back what it was given.
#[derive(Debug, Clone, Copy)]
struct Announce(u32);

struct Lengths;

impl Decoder for Lengths {
    type Item = Announce;
    type Error = WireError;
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Announce>, WireError> {
        if src.len() < 4 {
            return Ok(None);
        }
        match src.get_u32() {
            len @ 0..=1000 => Ok(Some(Announce(len))),
            len => Err(WireError::TooLong { what: "content", len: len.into(), max: 1000 }),
        }
    }
}

impl Encoder<Announce> for Lengths {
    type Error = WireError;
    fn encode(&mut self, message: Announce, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.put_u32(message.0);
        Ok(())
    }
}

impl Wire for Announce {
    /// The side that it takes in sealing its connection, if it does.
    type Setup = Option<Seal>;
    type Codec = Lengths;
    const KINDS: &'static [&'static str] = &["announce"];
    fn codec(_: Option<Seal>) -> Lengths {
        Lengths
    }
    fn seal(side: Option<Seal>) -> Option<Seal> {
        side
    }
    fn datagrams() -> Option<Option<Seal>> {
        Some(None)
    }
    fn wire_len(&self) -> u32 {
        4
    }
    fn kind(&self) -> u8 {
        0
    }
    fn pauses(&self) -> bool {
        true
    }
}

#[derive(Default)]
struct Mirror {
    len: u64,
    closed: Vec<CloseReason>,
    patient: bool,
    waiting: Option<ConnId>,
}

const FILE: FileId = FileId(0);

impl Peer for Mirror {
    type Message = Announce;
    type Timer = ();
    fn handle(&mut self, event: Event<Announce, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Message { conn, message } => {
                self.len = message.0.into();
                self.waiting = Some(conn);
                cx.wake(Duration::from_secs(if self.patient { 5 } else { 0 }), ());
            }
            Event::Timer(()) => {
                let conn = self.waiting.take().expect("a timer is set only for a waiting connection");
                cx.receive(conn, self.len, Some(Place { file: FILE, offset: 0 }));
            }
            Event::Datagram { from, message: Announce(number) } => cx.send_to(from, Announce(number + 1)),
            Event::Body { conn, state: BodyState::Done, .. } => {
                cx.send(conn, Announce(self.len as u32));
                cx.send_body(conn, Span { file: FILE, offset: 0, len: self.len });
            }
            Event::Closed { reason, .. } => self.closed.push(reason),
            _ => {}
        }
    }
}

#[derive(Default)]
struct Bytes(Mutex<Vec<u8>>);

impl Storage for Bytes {
    fn size(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        buf.copy_from_slice(&self.0.lock().unwrap()[offset as usize..][..buf.len()]);
        Ok(())
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        let mut all = self.0.lock().unwrap();
        let end = offset as usize + bytes.len();
        let len = all.len().max(end);
        all.resize(len, 0);
        all[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }
    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}

fn lone(patient: bool) -> (Lone<Mirror>, ConnId) {
    let mut lone = Lone::new(Mirror { patient, ..Mirror::default() });
    lone.store.add(Arc::new(Bytes::default()));
    let conn = lone.accept(SocketAddrV4::new([10, 0, 0, 9].into(), 1));
    (lone, conn)
}

#[test]
fn content_comes_back_at_every_split() {
    let stream = b"\0\0\0\x05hello\0\0\0\0\0\0\0\x02yo";
    for split in 0..stream.len() {
        let (mut lone, conn) = lone(false);
        for part in [&stream[..split], &stream[split..]] {
            lone.feed(conn, part);
            for _ in 0..3 {
                lone.advance(Duration::ZERO);
            }
        }
        assert_eq!(lone.take(conn), stream, "split at {split}");
    }
}

#[test]
fn a_pause_holds_what_follows_until_the_peer_goes_on() {
    let (mut lone, conn) = lone(true);
    lone.feed(conn, b"\0\0\0\x05hello");
    lone.advance(Duration::from_millis(4_999));
    assert_eq!(lone.take(conn), b"");
    lone.advance(Duration::from_millis(1));
    assert_eq!(lone.take(conn), b"\0\0\0\x05hello");
}

#[test]
fn what_the_codec_refuses_closes_that_connection_only() {
    let (mut lone, bad) = lone(false);
    let good = lone.accept(SocketAddrV4::new([10, 0, 0, 8].into(), 1));
    lone.feed(bad, &u32::MAX.to_be_bytes());
    assert!(lone.closed(bad));
    assert_eq!(lone.peer.closed, [CloseReason::Protocol]);
    lone.feed(good, b"\0\0\0\x01x");
    lone.advance(Duration::ZERO);
    assert_eq!(lone.take(good), b"\0\0\0\x01x");
}

#[test]
fn datagrams_come_from_whomever_the_test_says_and_are_taken_one_by_one() {
    let (mut lone, _) = lone(false);
    let from = [1, 2].map(|port| SocketAddrV4::new([10, 0, 0, 8].into(), port));
    assert!(!lone.datagram(from[0], &[0, 0, 0]) && !lone.datagram(from[0], &[9; 4]), "they are none");
    assert_eq!(lone.next_datagram(), None);
    assert!(lone.datagram(from[0], &[0, 0, 0, 5]) && lone.datagram(from[1], &[0, 0, 0, 7, 1]));
    assert_eq!(lone.next_datagram(), Some((from[0], vec![0, 0, 0, 6])));
    assert_eq!(lone.next_datagram(), Some((from[1], vec![0, 0, 0, 8])));
}

/// Seals each connection at its first message, and then says who it is talking to, and its own name.
#[derive(Default)]
struct Guarded {
    sealed: Vec<PublicKey>,
    heard: Vec<u32>,
}

impl Peer for Guarded {
    type Message = Announce;
    type Timer = ();
    fn handle(&mut self, event: Event<Announce, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Message { conn, message: Announce(0) } => {
                cx.send(conn, Announce(1));
                cx.resume_as(conn, Some(Seal::Acceptor));
                cx.send(conn, Announce(u32::from(cx.public_key().0[0])));
                cx.send_body(conn, Span { file: FILE, offset: 0, len: 3 });
            }
            Event::Message { conn, message } => {
                self.heard.push(message.0);
                cx.resume_as(conn, Some(Seal::Acceptor));
            }
            Event::Sealed { key, .. } => self.sealed.push(key),
            Event::Sent { len, .. } => self.heard.push(1_000 + len),
            _ => {}
        }
    }
}

#[test]
fn nothing_goes_either_way_until_the_test_says_that_a_connection_is_sealed() {
    let mut lone = Lone::new(Guarded::default());
    assert_eq!(lone.store.add(Arc::new(Bytes(Mutex::new(b"abc".to_vec())))), FILE);
    let conn = lone.accept(SocketAddrV4::new([10, 0, 0, 9].into(), 1));
    assert_eq!(lone.awaits_seal(conn), None);
    lone.feed(conn, &[0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(lone.awaits_seal(conn), Some(Seal::Acceptor));
    assert_eq!(lone.take(conn), [0, 0, 0, 1], "what was said before");
    assert!(lone.peer.heard.is_empty());
    let key = PublicKey([7; 32]);
    lone.seal(conn, key);
    assert_eq!((&lone.peer.sealed, lone.awaits_seal(conn)), (&vec![key], None));
    assert_eq!(lone.take(conn), [&[0, 0, 0, lone.public_key().0[0]], &b"abc"[..]].concat());
    lone.feed(conn, &[0, 0, 0, 8]);
    assert_eq!(lone.peer.heard, [1_003, 9, 8], "and it stays sealed");
    assert_eq!(lone.peer.sealed.len(), 1);
}
