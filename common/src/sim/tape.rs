//! A recording of what goes over the wires of a run: connections, messages, chunks of bodies, datagrams, each with its times.
//!
//! [`Sim::record`] starts it and [`Sim::take_recording`] brings what was recorded. It changes nothing of the run: two runs of one seed
//! have one digest, recorded or not. Without it the loop pays for one comparison at each event.
//!
//! A message is told of three times, and an entry has two of them:
//!
//! | when | what the tape does |
//! |---|---|
//! | the peer sends it | encodes it by the codec of that end, as a driver over sockets would there and then |
//! | it has left through the uplink | makes the entry, with that time |
//! | the far peer takes it, or its codec would | writes the time of that into the entry |
//!
//! Since order is kept on a connection, what is taken first is what left first: nothing has to be carried along by what is on its way.
//! Chunks go the same way, without bytes: the content of a file is its store's business. A busy line puts short messages on their way before
//! it has sent them, so entries are made in another order than that of their times; in the end they are sorted.
//!
//! What the tape does not have: ends of connections that are cut off by a cut of the network (they hear of it by themselves, which is
//! there), handshakes and records of sealed connections (their messages are there as under the seal), and the moment at which a datagram
//! was taken (it has that of its arrival at the node's line).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use bytes::BytesMut;
use tokio_util::codec::Encoder;

use super::Sim;
use crate::net::NodeId;
use crate::peer::{CloseReason, ConnId, Peer, Place, Span, Time};
use crate::wire::Wire;

/// How much of a run is recorded at most. What is beyond is counted, and its connections go on without being recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TapeLimits {
    /// Entries; each takes some 80 bytes.
    pub entries_max: usize,
    /// Bytes of encoded messages.
    pub bytes_max: usize,
}

impl Default for TapeLimits {
    /// Together some 150 MB: half a minute of a hundred people with songs.
    fn default() -> Self {
        TapeLimits { entries_max: 1 << 20, bytes_max: 64 << 20 }
    }
}

/// What was recorded of a run.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Every connection, in the order of the dials.
    pub links: Vec<Link>,
    /// What happened, in the order in which it began; of one moment, in that in which it was done.
    pub entries: Vec<Entry>,
    /// What came when the tape was full.
    pub left_out: u64,
    /// Messages that their codec refused to write. A peer that sends such a thing has a bug.
    pub unencodable: u64,
    bytes: Vec<u8>,
}

/// A connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Who has dialled.
    pub dialler: NodeId,
    /// Whom.
    pub to: SocketAddrV4,
    /// Who has that address, if anybody.
    pub acceptor: Option<NodeId>,
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Of who has dialled.
    Dialler = 0,
    /// Of who was dialled.
    Acceptor = 1,
}

/// Something that happened.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry {
    /// When it began: of what goes over the wire, when it had left through the sender's uplink.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// The other one, if there is such a node.
    pub far: Option<NodeId>,
    /// On which connection, by its number, and at which of its ends; `None` for datagrams.
    pub link: Option<(u32, Side)>,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happening {
    /// The node has dialled.
    Dialled,
    /// The node has accepted.
    Accepted,
    /// The node's dial has been answered.
    Opened,
    /// A message has left the node.
    Message {
        /// Which, and its bytes.
        text: Text,
        /// When the far side took it; `None` if it never did.
        taken: Option<Time>,
    },
    /// A part of a body has left the node.
    Chunk {
        /// Which part of which of the node's files.
        span: Span,
        /// When the far side took it; `None` if it never did.
        taken: Option<Time>,
        /// Where the far side has put it; `None` if nowhere.
        into: Option<Place>,
    },
    /// A datagram has left the node, on the way to an address that it has said; `far` if somebody has that.
    Datagram {
        /// Which, and its bytes.
        text: Text,
        /// When it was at the far node's line; `None` if it got lost.
        arrived: Option<Time>,
    },
    /// The node has ended the connection: in good order (`Remote` is what the far side hears of it), or by vanishing from it.
    Closed(CloseReason),
    /// The node has heard that the connection has ended.
    Ended(CloseReason),
}

/// A message on the tape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// The index of its kind in [`Wire::KINDS`].
    pub kind: u8,
    /// Its bytes on the wire.
    pub len: u32,
    at: usize,
}

impl Recording {
    /// The bytes of a message, as its codec has written them.
    pub fn bytes(&self, text: Text) -> &[u8] {
        &self.bytes[text.at..text.at + text.len as usize]
    }
}

/// The recorder.
pub(super) struct Tape<M: Wire> {
    limits: TapeLimits,
    made: Recording,
    is_full: bool,
    /// What is under way on each link: there, and back.
    ways: Vec<[Way<M>; 2]>,
    /// Live ends by node and slot: the link, and whether they are the dialler's.
    ends: BTreeMap<(u32, usize), (u32, Side)>,
    encode: fn(&mut M::Codec, &M, &mut BytesMut) -> bool,
    written: BytesMut,
}

/// One direction of a link.
struct Way<M: Wire> {
    /// Of the end that sends, while it lives.
    codec: Option<Box<M::Codec>>,
    /// Sent by the peer and still waiting for the uplink.
    unsent: VecDeque<Text>,
    /// Entries of what has left and has not been taken.
    under_way: VecDeque<usize>,
    /// The time of the last entry of the end that sends: what comes later is no earlier.
    last: Time,
}

impl<M: Wire> Way<M> {
    fn new(codec: Option<Box<M::Codec>>) -> Self {
        Way { codec, unsent: VecDeque::new(), under_way: VecDeque::new(), last: Time::ZERO }
    }
}

impl<P: Peer<Message: Clone>> Sim<P> {
    /// Records what happens from now on. Connections that are there already are not in it.
    pub fn record(&mut self, limits: TapeLimits) {
        let encode = |codec: &mut <P::Message as Wire>::Codec, message: &P::Message, into: &mut BytesMut| {
            codec.encode(message.clone(), into).is_ok()
        };
        self.tape = Some(Box::new(Tape {
            limits,
            made: Recording::default(),
            is_full: false,
            ways: Vec::new(),
            ends: BTreeMap::new(),
            encode,
            written: BytesMut::new(),
        }));
    }
}

impl<P: Peer> Sim<P> {
    /// Ends the recording and hands it over.
    pub fn take_recording(&mut self) -> Option<Recording> {
        let mut made = self.tape.take()?.made;
        made.entries.sort_by_key(|entry| entry.at);
        Some(made)
    }

    /// Tells the tape what has just happened, if one runs.
    #[inline(always)]
    pub(super) fn on_tape(&mut self, tell: impl FnOnce(&mut Tape<P::Message>, Time)) {
        if let Some(tape) = &mut self.tape {
            tell(tape, self.now);
        }
    }
}

impl<M: Wire> Tape<M> {
    /// A node dials.
    pub fn dials(
        &mut self,
        at: Time,
        end: (u32, ConnId),
        to: SocketAddrV4,
        far: Option<u32>,
        setup: M::Setup,
    ) {
        let link = Link { dialler: NodeId(end.0), to, acceptor: far.map(NodeId) };
        let number = self.made.links.len() as u32;
        if self.enter(at, end.0, link.acceptor, Some((number, Side::Dialler)), Happening::Dialled).is_some() {
            self.made.links.push(link);
            self.ways.push([Way::new(Some(Box::new(M::codec(setup)))), Way::new(None)]);
            self.ends.insert((end.0, end.1.slot()), (number, Side::Dialler));
        }
    }

    /// A node accepts what another has dialled.
    pub fn accepts(&mut self, at: Time, end: (u32, ConnId), dialled: (u32, ConnId)) {
        let Some((link, _)) = self.end(dialled) else { return };
        let here = Some((link, Side::Acceptor));
        if self.enter(at, end.0, Some(NodeId(dialled.0)), here, Happening::Accepted).is_some() {
            self.ends.insert((end.0, end.1.slot()), (link, Side::Acceptor));
            self.ways[link as usize][Side::Acceptor as usize].codec =
                Some(Box::new(M::codec(M::Setup::default())));
        }
    }

    /// A node's dial is answered.
    pub fn opens(&mut self, at: Time, end: (u32, ConnId)) {
        self.enter_at(at, end, Happening::Opened);
    }

    /// A node speaks something else from here on.
    pub fn speaks(&mut self, end: (u32, ConnId), setup: M::Setup) {
        if let Some(way) = self.way(end) {
            way.codec = Some(Box::new(M::codec(setup)));
        }
    }

    /// A node sends a message: these are its bytes, whenever they leave.
    pub fn sends(&mut self, end: (u32, ConnId), message: &M) {
        let Some((link, side)) = self.end(end).filter(|_| !self.is_full) else { return };
        let way = &mut self.ways[link as usize][side as usize];
        let Some(codec) = &mut way.codec else { return };
        let text = self.made.write(&mut self.written, message, |into| (self.encode)(codec, message, into));
        way.unsent.push_back(text);
        self.is_full = self.made.bytes.len() > self.limits.bytes_max;
    }

    /// The message that has waited longest at this end leaves.
    pub fn leaves(&mut self, at: Time, end: (u32, ConnId)) {
        match self.way(end).and_then(|way| way.unsent.pop_front()) {
            Some(text) => self.sets_out(at, end, Happening::Message { text, taken: None }),
            // Sent when the tape was full, or on a connection that is not on it.
            None => self.made.left_out += u64::from(self.is_full),
        }
    }

    /// What left last never arrives.
    pub fn loses(&mut self, end: (u32, ConnId)) {
        self.way(end).map(|way| way.under_way.pop_back());
    }

    /// A part of a body leaves.
    pub fn chunk_leaves(&mut self, at: Time, end: (u32, ConnId), span: Span) {
        self.sets_out(at, end, Happening::Chunk { span, taken: None, into: None });
    }

    /// What has been under way longest to this end is taken: a message, or a chunk into some place.
    pub fn takes(&mut self, at: Time, end: (u32, ConnId), place: Option<Place>) {
        let Some((link, side)) = self.end(end) else { return };
        let Some(entry) = self.ways[link as usize][1 - side as usize].under_way.pop_front() else { return };
        match &mut self.made.entries[entry].what {
            Happening::Message { taken, .. } => *taken = Some(at),
            Happening::Chunk { taken, into, .. } => (*taken, *into) = (Some(at), place),
            _ => unreachable!("nothing else is under way"),
        }
    }

    /// This end ends the connection.
    pub fn closes(&mut self, at: Time, end: (u32, ConnId), reason: CloseReason) {
        self.enter_at(at, end, Happening::Closed(reason));
        self.forget(end);
    }

    /// This end hears that the connection has ended, unless it has ended it itself.
    pub fn ends(&mut self, at: Time, end: (u32, ConnId), reason: CloseReason) {
        self.enter_at(at, end, Happening::Ended(reason));
        self.forget(end);
    }

    /// A datagram leaves a node.
    pub fn datagram(&mut self, at: Time, node: u32, far: Option<u32>, arrived: Option<Time>, message: &M) {
        let Some(setup) = M::datagrams().filter(|_| !self.is_full) else {
            self.made.left_out += 1;
            return;
        };
        let encode = |into: &mut BytesMut| (self.encode)(&mut M::codec(setup), message, into);
        let text = self.made.write(&mut self.written, message, encode);
        self.is_full = self.made.bytes.len() > self.limits.bytes_max;
        self.enter(at, node, far.map(NodeId), None, Happening::Datagram { text, arrived });
    }

    /// Something goes on its way to the far end.
    fn sets_out(&mut self, at: Time, end: (u32, ConnId), what: Happening) {
        if let Some(entry) = self.enter_at(at, end, what)
            && let Some(way) = self.way(end)
        {
            way.under_way.push_back(entry);
        }
    }

    fn enter_at(&mut self, at: Time, end: (u32, ConnId), what: Happening) -> Option<usize> {
        let Some((link, side)) = self.end(end) else {
            // Of a connection whose beginning is not on the tape, or whose end is.
            self.made.left_out += u64::from(self.is_full);
            return None;
        };
        let Link { dialler, acceptor, .. } = self.made.links[link as usize];
        let far = if side == Side::Dialler { acceptor } else { Some(dialler) };
        // An end may close, or hear of a close, while its line still sends what is on its way already.
        let last = &mut self.ways[link as usize][side as usize].last;
        let at = at.max(*last);
        *last = at;
        self.enter(at, end.0, far, Some((link, side)), what)
    }

    /// Makes an entry; `None` if there is no room.
    fn enter(
        &mut self,
        at: Time,
        node: u32,
        far: Option<NodeId>,
        link: Option<(u32, Side)>,
        what: Happening,
    ) -> Option<usize> {
        // Once something is missing, what comes later would be out of its context.
        self.is_full |= self.made.entries.len() >= self.limits.entries_max;
        if self.is_full {
            self.made.left_out += 1;
            return None;
        }
        self.made.entries.push(Entry { at, node: NodeId(node), far, link, what });
        Some(self.made.entries.len() - 1)
    }

    fn end(&self, (node, conn): (u32, ConnId)) -> Option<(u32, Side)> {
        self.ends.get(&(node, conn.slot())).copied()
    }

    /// What this end sends.
    fn way(&mut self, end: (u32, ConnId)) -> Option<&mut Way<M>> {
        let (link, side) = self.end(end)?;
        Some(&mut self.ways[link as usize][side as usize])
    }

    /// This end is no more. What it has sent may still arrive.
    fn forget(&mut self, (node, conn): (u32, ConnId)) {
        if let Some((link, side)) = self.ends.remove(&(node, conn.slot())) {
            let way = &mut self.ways[link as usize][side as usize];
            (way.codec, way.unsent) = (None, VecDeque::new());
        }
    }
}

impl Recording {
    /// Writes a message down. One that its codec refuses has no bytes.
    fn write<M: Wire>(
        &mut self,
        written: &mut BytesMut,
        message: &M,
        encode: impl FnOnce(&mut BytesMut) -> bool,
    ) -> Text {
        written.clear();
        if !encode(written) {
            self.unencodable += 1;
            written.clear();
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(written);
        Text { kind: message.kind(), len: written.len() as u32, at }
    }
}
