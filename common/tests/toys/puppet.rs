//! A peer whose every move a test writes as a closure, and that keeps a log of what happened to it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use common::net::{Attachment, Line, NodeId};
use common::peer::{
    Announced, Arrival, BodyState, CloseReason, ConnId, Cx, Event, FileId, Peer, Place, PublicKey, Span, Time,
};
use common::seal::Seal;
use common::testing::Swarm;
use common::user::{Command, FetchId};
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

/// A message of any length; a negative number pauses its connection, and one below -999 announces a body of as many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Word(pub i32, pub u32);

/// Writes words for those who record them. Nobody reads them: the simulator moves values.
pub struct Scribe;

impl Decoder for Scribe {
    type Item = Word;
    type Error = WireError;
    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Word>, WireError> {
        unreachable!("the simulator moves values")
    }
}

impl Encoder<Word> for Scribe {
    type Error = WireError;
    fn encode(&mut self, word: Word, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.put_bytes(word.0 as u8, word.1 as usize);
        Ok(())
    }
}

impl Wire for Word {
    /// The side that it takes in sealing its connection, if it does.
    type Setup = Option<Seal>;
    type Codec = Scribe;
    const KINDS: &'static [&'static str] = &["word", "pause"];
    fn codec(_: Option<Seal>) -> Scribe {
        Scribe
    }
    fn seal(side: Option<Seal>) -> Option<Seal> {
        side
    }
    fn datagrams() -> Option<Option<Seal>> {
        Some(None)
    }
    fn wire_len(&self) -> u32 {
        self.1
    }
    fn kind(&self) -> u8 {
        u8::from(self.pauses())
    }
    fn pauses(&self) -> bool {
        self.0 < 0
    }
    fn announces(&self) -> Option<Announced> {
        let len = self.0.unsigned_abs();
        (self.0 < -999).then_some(Announced { key: len.into(), len })
    }
}

/// What has happened to a puppet, without the connection ids that tests have no need of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Seen {
    Start,
    Command,
    Dialled,
    Accepted,
    Word(i32),
    Datagram(i32),
    Sealed(PublicKey),
    Body(u32),
    Done(u32),
    Sent(u32),
    Arrived(u32, Arrival),
    Closed(CloseReason),
    Timer(u32),
    Verified(bool),
    Finished,
    /// So many bytes.
    Computed(usize),
}

pub type Hands<'a> = Cx<'a, Puppet>;
type Reaction = Box<dyn FnMut(Seen, Option<ConnId>, &mut Hands<'_>)>;

pub struct Puppet {
    pub log: Vec<(Time, Seen)>,
    react: Reaction,
}

impl Puppet {
    /// A puppet that does nothing.
    pub fn idle() -> Self {
        Puppet::new(|_, _, _| {})
    }

    pub fn new(react: impl FnMut(Seen, Option<ConnId>, &mut Hands<'_>) + 'static) -> Self {
        Puppet { log: Vec::new(), react: Box::new(react) }
    }

    pub fn events(&self) -> Vec<Seen> {
        self.log.iter().map(|(_, seen)| *seen).collect()
    }

    /// The time of the first such event.
    pub fn time_of(&self, wanted: Seen) -> Time {
        match self.log.iter().find(|(_, seen)| *seen == wanted) {
            Some((at, _)) => *at,
            None => panic!("no {wanted:?} in {:?}", self.log),
        }
    }

    /// The time of the last byte of the first body.
    pub fn done_at(&self) -> Time {
        match self.log.iter().find(|(_, seen)| matches!(seen, Seen::Done(_))) {
            Some((at, _)) => *at,
            None => panic!("no body has ended in {:?}", self.log),
        }
    }
}

impl Peer for Puppet {
    type Message = Word;
    type Timer = u32;

    fn handle(&mut self, event: Event<Word, u32>, cx: &mut Cx<'_, Self>) {
        let (seen, conn) = match event {
            Event::Start => (Seen::Start, None),
            Event::Command(_) => (Seen::Command, None),
            Event::Opened { conn, dialled: true, .. } => (Seen::Dialled, Some(conn)),
            Event::Opened { conn, dialled: false, .. } => (Seen::Accepted, Some(conn)),
            Event::Message { conn, message } => (Seen::Word(message.0), Some(conn)),
            Event::Datagram { message, .. } => (Seen::Datagram(message.0), None),
            Event::Sealed { conn, key } => (Seen::Sealed(key), Some(conn)),
            Event::Body { conn, len, state: BodyState::Done } => (Seen::Done(len), Some(conn)),
            Event::Body { conn, len, .. } => (Seen::Body(len), Some(conn)),
            Event::Arrived { conn, body, arrival } => (Seen::Arrived(body.len, arrival), Some(conn)),
            Event::Sent { conn, len } => (Seen::Sent(len), Some(conn)),
            Event::Verified { ok, .. } => (Seen::Verified(ok), None),
            Event::Finished { .. } => (Seen::Finished, None),
            Event::Computed { result, .. } => (Seen::Computed(result.map_or(0, |result| result.len())), None),
            Event::Closed { conn, reason } => (Seen::Closed(reason), Some(conn)),
            Event::Timer(timer) => (Seen::Timer(timer), None),
        };
        self.log.push((cx.now(), seen));
        (self.react)(seen, conn, cx);
    }
}

/// The first `len` bytes of file 0.
pub fn span(len: u64) -> Span {
    Span { file: FileId(0), offset: 0, len }
}

/// The start of file 0.
pub const INTO: Option<Place> = Some(Place { file: FileId(0), offset: 0 });

/// A command that means whatever the puppet takes it for.
pub fn poke() -> Command {
    Command::Cancel(FetchId(0))
}

/// Sends a body of `len` bytes, announced by a word of one byte, to everybody who connects.
pub fn sender(len: u64) -> Puppet {
    Puppet::new(move |seen, conn, cx| {
        if seen == Seen::Accepted {
            cx.send(conn.unwrap(), Word(-1, 1));
            cx.send_body(conn.unwrap(), span(len));
        }
    })
}

/// Dials each of `nodes` at its start and takes a body of `len` bytes from each.
pub fn taker(nodes: &[u32], len: u64) -> Puppet {
    let dials: Vec<_> = nodes.iter().map(|node| address(*node)).collect();
    Puppet::new(move |seen, conn, cx| match seen {
        Seen::Start => dial_all(&dials, cx),
        Seen::Word(-1) => cx.receive(conn.unwrap(), len, INTO),
        _ => {}
    })
}

/// Dials one after the other.
pub fn dial_all(nodes: &[SocketAddrV4], cx: &mut Hands<'_>) {
    for to in nodes {
        cx.dial(*to, None);
    }
}

/// Where a node of the default network listens.
pub fn address(node: u32) -> SocketAddrV4 {
    NodeId(node).address(Ipv4Addr::new(10, 0, 0, 0), 7000)
}

/// A line of so many bytes per second in each direction, without delay.
pub fn bytes_per_second(up: u64, down: u64) -> Line {
    Line { up_bps: Some(up * 8), down_bps: Some(down * 8), delay: Duration::ZERO }
}

/// An ideal line with a delay.
pub fn far_away(delay: Duration) -> Attachment {
    Attachment { line: Line { delay, ..Line::default() }, firewalled: false }
}

pub fn seconds(s: f64) -> Time {
    Time((s * 1e9) as u64)
}

pub fn millis(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

/// Adds puppets on ideal lines and runs until nothing is to come.
pub fn run(puppets: Vec<Puppet>) -> Swarm<Puppet> {
    let mut swarm = Swarm::seeded(1);
    for puppet in puppets {
        swarm.add(puppet);
    }
    swarm.settle();
    swarm
}
