//! Many peers on a simulated network: a protocol test in ten lines.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::net::{Attachment, Line, NodeId};
use crate::peer::{Peer, Time};
use crate::sim::{Cause, Config, Sim};
use crate::user::{Command, FetchId, Hit, Note, SearchEnd, SearchId};
use crate::wire::Wire;

/// How much virtual time [`Swarm::wait_for`] and [`Swarm::settle`] give before they fail the test.
const PATIENCE: Duration = Duration::from_secs(600);

/// The port every node of a swarm listens on unless told otherwise.
const PORT: u16 = 7000;

/// The most notes a failing wait prints.
const NOTES_SHOWN: usize = 20;

/// A simulated network, everything its users were told, and the questions tests ask.
///
/// ```
/// use common::net::NodeId;
/// use common::peer::{Cx, Event, Peer};
/// use common::testing::Swarm;
/// use common::user::{Command, Note};
/// # use common::wire::{Wire, WireError};
/// # use bytes::{Buf, BufMut, BytesMut};
/// # #[derive(Debug)] struct Hello;
/// # struct OneByte;
/// # impl tokio_util::codec::Decoder for OneByte {
/// #     type Item = Hello;
/// #     type Error = WireError;
/// #     fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Hello>, WireError> {
/// #         Ok(src.has_remaining().then(|| { src.advance(1); Hello }))
/// #     }
/// # }
/// # impl tokio_util::codec::Encoder<Hello> for OneByte {
/// #     type Error = WireError;
/// #     fn encode(&mut self, _: Hello, dst: &mut BytesMut) -> Result<(), WireError> { dst.put_u8(0); Ok(()) }
/// # }
/// # impl Wire for Hello {
/// #     type Setup = ();
/// #     type Codec = OneByte;
/// #     const KINDS: &'static [&'static str] = &["hello"];
/// #     fn codec(_: ()) -> OneByte { OneByte }
/// #     fn wire_len(&self) -> u32 { 1 }
/// #     fn kind(&self) -> u8 { 0 }
/// # }
/// /// Greets its server, and is online when the greeting is answered.
/// enum Greeter { Server, Client(std::net::SocketAddrV4) }
///
/// impl Peer for Greeter {
///     type Message = Hello;
///     type Timer = ();
///     fn handle(&mut self, event: Event<Hello, ()>, cx: &mut Cx<'_, Self>) {
///         match (self, event) {
///             (Greeter::Client(server), Event::Start) => { cx.dial(*server, ()); }
///             (Greeter::Client(_), Event::Opened { conn, .. }) => cx.send(conn, Hello),
///             (Greeter::Client(_), Event::Message { .. }) => cx.note(Note::Online),
///             (Greeter::Server, Event::Message { conn, message }) => cx.send(conn, message),
///             _ => {}
///         }
///     }
/// }
///
/// let mut swarm = Swarm::seeded(7);
/// let server = swarm.add(Greeter::Server);
/// let clients: Vec<NodeId> = (0..9).map(|_| swarm.add(Greeter::Client(swarm.address(server)))).collect();
/// for client in clients {
///     swarm.wait_for(client, |note| matches!(note, Note::Online));
/// }
/// swarm.settle();
/// assert_eq!(swarm.sent("hello"), 18);
/// ```
pub struct Swarm<P: Peer> {
    /// The simulation underneath, for whatever the kit has no shorter words for.
    pub sim: Sim<P>,
    notes: Vec<(Time, NodeId, Note)>,
    /// Downloads started by the kit.
    pub(super) fetches: u32,
}

impl<P: Peer> Default for Swarm<P> {
    fn default() -> Self {
        Swarm::new(Config::default())
    }
}

impl<P: Peer> Swarm<P> {
    /// A swarm on a network of your own making.
    pub fn new(config: Config) -> Self {
        Swarm { sim: Sim::new(config), notes: Vec::new(), fetches: 0 }
    }

    /// A swarm on the default network, with this seed.
    pub fn seeded(seed: u64) -> Self {
        Swarm::new(Config::seeded(seed))
    }

    /// Adds a node on an ideal line, on port 7000.
    pub fn add(&mut self, peer: P) -> NodeId {
        self.add_at(peer, PORT, Attachment::default())
    }

    /// Adds a node behind a line.
    pub fn add_behind(&mut self, peer: P, line: Line) -> NodeId {
        self.add_at(peer, PORT, Attachment { line, firewalled: false })
    }

    /// Adds a node that can dial but not be dialled.
    pub fn add_firewalled(&mut self, peer: P) -> NodeId {
        self.add_at(peer, PORT, Attachment { line: Line::default(), firewalled: true })
    }

    /// Adds a node with everything said.
    pub fn add_at(&mut self, peer: P, port: u16, attachment: Attachment) -> NodeId {
        self.sim.add(peer, port, attachment)
    }

    /// Where a node listens.
    pub fn address(&self, node: NodeId) -> SocketAddrV4 {
        self.sim.address(node)
    }

    /// The address of the node that will be added as number `node`: for peers that must know each other before they exist.
    pub fn address_of(&self, node: u32) -> SocketAddrV4 {
        NodeId(node).address(self.sim.config().network, PORT)
    }

    /// A peer, to look at.
    pub fn peer(&self, node: NodeId) -> &P {
        self.sim.peer(node)
    }

    /// Gives a node a command now.
    pub fn command(&mut self, node: NodeId, command: Command) -> Cause {
        self.sim.command(node, command)
    }

    /// Runs for a while of virtual time.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.sim.now() + time;
        let notes = &mut self.notes;
        self.sim.run_until(until, &mut |at, node, note| notes.push((at, node, note)));
    }

    /// Runs for so many seconds of virtual time.
    pub fn run_s(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    /// Runs for so many milliseconds of virtual time.
    pub fn run_ms(&mut self, milliseconds: u64) {
        self.run_for(Duration::from_millis(milliseconds));
    }

    /// A node vanishes now.
    pub fn crash(&mut self, node: NodeId) {
        self.sim.crash_at(self.sim.now(), node);
    }

    /// Runs until nothing is to come. For protocols that fall silent; one with periodic timers never does.
    ///
    /// # Panics
    /// After ten virtual minutes.
    pub fn settle(&mut self) {
        let limit = self.sim.now() + PATIENCE;
        let notes = &mut self.notes;
        if !self.sim.run_to_idle(limit, &mut |at, node, note| notes.push((at, node, note))) {
            panic!("still busy after {PATIENCE:?} of virtual time\n{}", self.seen(None));
        }
    }

    /// Runs until a node has been told something that `wanted` accepts (at once, if it was told before), and returns it.
    ///
    /// # Panics
    /// After ten virtual minutes, or when nothing more is to come; the message has what the node was told.
    pub fn wait_for(&mut self, node: NodeId, mut wanted: impl FnMut(&Note) -> bool) -> Note {
        let limit = self.sim.now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            for (_, who, note) in &self.notes[looked_at..] {
                if *who == node && wanted(note) {
                    return note.clone();
                }
            }
            looked_at = self.notes.len();
            if !self.step_until(limit) {
                panic!("node {} was not told what the test waits for\n{}", node.0, self.seen(Some(node)));
            }
        }
    }

    /// Runs until `done` is true of the swarm's simulation.
    ///
    /// # Panics
    /// After ten virtual minutes, or when nothing more is to come.
    pub fn run_until(&mut self, mut done: impl FnMut(&Sim<P>) -> bool) {
        let limit = self.sim.now() + PATIENCE;
        while !done(&self.sim) {
            if !self.step_until(limit) {
                panic!("what the test waits for has not happened\n{}", self.seen(None));
            }
        }
    }

    /// What a node's user was told so far, in order.
    pub fn notes(&self, node: NodeId) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |(_, who, _)| *who == node).map(|(_, _, note)| note)
    }

    /// True if the last that a node's user was told of it is that it is part of the overlay.
    pub fn is_online(&self, node: NodeId) -> bool {
        let standing = self
            .notes(node)
            .filter(|note| matches!(note, Note::Online | Note::Offline(_) | Note::ShutOut(_)))
            .last();
        matches!(standing, Some(Note::Online))
    }

    /// Why a node's user was told that it is offline, each time.
    pub fn offline(&self, node: NodeId) -> Vec<String> {
        let why = |note: &Note| match note {
            Note::Offline(why) | Note::ShutOut(why) => Some(why.to_string()),
            _ => None,
        };
        self.notes(node).filter_map(why).collect()
    }

    /// What all users were told so far, in order, with time and node.
    pub fn all_notes(&self) -> &[(Time, NodeId, Note)] {
        &self.notes
    }

    /// The results a search of a node has had so far.
    pub fn found(&self, node: NodeId, search: SearchId) -> Vec<Arc<Hit>> {
        let hit = |note: &Note| match note {
            Note::Found(id, hit) if *id == search => Some(hit.clone()),
            _ => None,
        };
        self.notes(node).filter_map(hit).collect()
    }

    /// Runs until a search of a node has ended, and says how.
    ///
    /// # Panics
    /// As [`Swarm::wait_for`].
    pub fn search_end(&mut self, node: NodeId, search: SearchId) -> SearchEnd {
        match self.wait_for(node, |note| matches!(note, Note::SearchEnded(id, _) if *id == search)) {
            Note::SearchEnded(_, end) => end,
            _ => unreachable!("it was asked for"),
        }
    }

    /// Runs until a download of a node has ended; true if it is complete.
    ///
    /// # Panics
    /// As [`Swarm::wait_for`].
    pub fn fetched(&mut self, node: NodeId, fetch: FetchId) -> bool {
        let ended = |note: &Note| match note {
            Note::Fetched(id) | Note::Failed(id, _) => *id == fetch,
            _ => false,
        };
        matches!(self.wait_for(node, ended), Note::Fetched(_))
    }

    /// How many messages of a kind have been sent in the whole swarm.
    ///
    /// # Panics
    /// If the protocol has no such kind.
    pub fn sent(&self, kind: &str) -> u64 {
        let kinds = P::Message::KINDS;
        let kind = kinds.iter().position(|name| *name == kind).unwrap_or_else(|| {
            panic!("no message kind is called {kind:?}; there are {kinds:?}");
        });
        self.sim.by_kind().kind(kind as u8).messages
    }

    /// Runs the next event if it is not beyond `limit`.
    fn step_until(&mut self, limit: Time) -> bool {
        let notes = &mut self.notes;
        let went_on = self.sim.step(&mut |at, node, note| notes.push((at, node, note)));
        went_on.is_some_and(|at| at <= limit)
    }

    /// The last notes, for the message of a failing test.
    fn seen(&self, node: Option<NodeId>) -> String {
        let wanted: Vec<_> =
            self.notes.iter().filter(|(_, who, _)| node.is_none_or(|node| node == *who)).collect();
        let skipped = wanted.len().saturating_sub(NOTES_SHOWN);
        let mut text = format!("virtual time {:?}, {} notes", self.sim.now(), wanted.len());
        for (at, who, note) in &wanted[skipped..] {
            text += &format!("\n  {at:?} node {}: {note:?}", who.0);
        }
        text
    }
}
