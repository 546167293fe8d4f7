//! A toy protocol, and a peer that does what a test tells it and reports what happens to it.
// Each test file is a program of its own and uses a part of this.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use common::net::{Attachment, Line, NodeId};
use common::peer::{
    Announced, Arrival, BodyState, CloseReason, ConnId, Cx, Event, FileId, Peer, PublicKey, Slots, Time,
};
use common::seal::Seal;
use common::store::{Storage, StoreFault};
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, SharedStore, StartError, spawn};
use common::user::{Command, FetchId};
use common::wire::{Wire, WireError};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The longest text.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Messages of the toy protocol: a kind, a length in four bytes, and so many bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toy {
    /// A number.
    Number(u64),
    /// A body of so many bytes follows.
    Body(u64),
    /// From here on something else is spoken.
    Switch,
    /// Bytes.
    Text(Box<[u8]>),
}

/// How toys are spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Speech {
    /// As they are.
    #[default]
    Plain,
    /// Every byte inverted.
    Inverted,
    /// As they are, on a connection that is to be sealed.
    Sealed(Seal),
}

/// Frames, plain or inverted.
pub struct ToyCodec {
    inverted: bool,
}

impl Decoder for ToyCodec {
    type Item = Toy;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Toy>, WireError> {
        let clear = |byte: u8| if self.inverted { !byte } else { byte };
        if src.len() < 5 {
            return Ok(None);
        }
        let len = u32::from_be_bytes([src[1], src[2], src[3], src[4]].map(clear)) as usize;
        if len > TEXT_BYTES_MAX {
            return Err(WireError::TooLong { what: "a toy", len: len as u64, max: TEXT_BYTES_MAX as u64 });
        }
        if src.len() < 5 + len {
            return Ok(None);
        }
        let kind = clear(src[0]);
        src.advance(5);
        let payload: Box<[u8]> = src.split_to(len).iter().map(|byte| clear(*byte)).collect();
        let number = || {
            let bytes = payload[..].try_into().map_err(|_| WireError::Malformed("number"))?;
            Ok::<u64, WireError>(u64::from_be_bytes(bytes))
        };
        match kind {
            0 => Ok(Some(Toy::Number(number()?))),
            1 => Ok(Some(Toy::Body(number()?))),
            2 => Ok(Some(Toy::Switch)),
            3 => Ok(Some(Toy::Text(payload))),
            _ => Err(WireError::Malformed("kind")),
        }
    }
}

impl Encoder<Toy> for ToyCodec {
    type Error = WireError;

    fn encode(&mut self, toy: Toy, dst: &mut BytesMut) -> Result<(), WireError> {
        let start = dst.len();
        dst.put_u8(toy.kind());
        dst.put_u32(toy.wire_len() - 5);
        match &toy {
            Toy::Number(n) | Toy::Body(n) => dst.put_u64(*n),
            Toy::Switch => {}
            Toy::Text(text) => dst.put_slice(text),
        }
        if self.inverted {
            dst[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
        Ok(())
    }
}

impl Wire for Toy {
    type Setup = Speech;
    type Codec = ToyCodec;
    const KINDS: &'static [&'static str] = &["number", "body", "switch", "text"];

    fn codec(speech: Speech) -> ToyCodec {
        ToyCodec { inverted: speech == Speech::Inverted }
    }

    fn seal(speech: Speech) -> Option<Seal> {
        match speech {
            Speech::Sealed(side) => Some(side),
            Speech::Plain | Speech::Inverted => None,
        }
    }

    fn datagrams() -> Option<Speech> {
        Some(Speech::Plain)
    }

    fn wire_len(&self) -> u32 {
        5 + match self {
            Toy::Number(_) | Toy::Body(_) => 8,
            Toy::Switch => 0,
            Toy::Text(text) => text.len() as u32,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Toy::Number(_) => 0,
            Toy::Body(_) => 1,
            Toy::Switch => 2,
            Toy::Text(_) => 3,
        }
    }

    fn pauses(&self) -> bool {
        matches!(self, Toy::Body(_) | Toy::Switch)
    }

    /// Bodies are told apart by their lengths alone.
    fn announces(&self) -> Option<Announced> {
        match self {
            Toy::Body(len) => Some(announced(*len as u32)),
            _ => None,
        }
    }
}

/// What a message says of a body of so many bytes.
pub fn announced(len: u32) -> Announced {
    Announced { key: len.into(), len }
}

/// What a test does on the peer's side.
type Action = Box<dyn FnOnce(&mut Cx<'_, Probe>) + Send>;
type Reaction = Box<dyn FnMut(&Event<Toy, u32>, &mut Cx<'_, Probe>) + Send>;

/// A peer that does what a test tells it and reports each event with its time.
pub struct Probe {
    actions: Arc<Mutex<VecDeque<Action>>>,
    react: Reaction,
    open: Slots<()>,
    seen: mpsc::UnboundedSender<(Time, Event<Toy, u32>)>,
}

impl Peer for Probe {
    type Message = Toy;
    type Timer = u32;

    fn handle(&mut self, event: Event<Toy, u32>, cx: &mut Cx<'_, Self>) {
        match &event {
            Event::Opened { conn, .. } => self.open.insert(*conn, ()),
            Event::Closed { conn, .. } => {
                self.open.remove(*conn);
            }
            Event::Command(Command::Leave) => self.open.iter().for_each(|(conn, ())| cx.close(conn)),
            _ => {}
        }
        (self.react)(&event, cx);
        if let Event::Command(Command::Cancel(FetchId(0))) = event {
            let action = self.actions.lock().unwrap().pop_front();
            return action.expect("an action for each kick")(cx);
        }
        let _ = self.seen.send((cx.now(), event));
    }
}

/// A running probe.
pub struct Node {
    pub handle: Handle,
    pub store: SharedStore,
    actions: Arc<Mutex<VecDeque<Action>>>,
    seen: mpsc::UnboundedReceiver<(Time, Event<Toy, u32>)>,
    pub notes: mpsc::UnboundedReceiver<common::user::Note>,
}

/// How a probe is started.
pub struct Setting {
    pub listen: Option<SocketAddrV4>,
    pub datagrams: Option<SocketAddrV4>,
    pub line: Line,
    pub firewalled: bool,
    pub limits: Limits,
    pub clock: Clock,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            listen: Some(own_address()),
            datagrams: None,
            line: Line::default(),
            firewalled: false,
            limits: Limits::default(),
            clock: Clock::start(),
        }
    }
}

/// An address in 127/8 that no other node of this test program has, and hardly one of another.
pub fn own_address() -> SocketAddrV4 {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let program = 16 + (std::process::id() % 200) as u8;
    SocketAddrV4::new(Ipv4Addr::new(127, program, high, low), 0)
}

/// Starts a probe that only does what it is told.
pub async fn node(setting: Setting) -> Node {
    reacting(setting, |_, _| {}).await
}

/// Starts a probe that also reacts.
pub async fn reacting(
    setting: Setting,
    react: impl FnMut(&Event<Toy, u32>, &mut Cx<'_, Probe>) + Send + 'static,
) -> Node {
    try_reacting(setting, react).await.expect("the addresses are free")
}

/// Starts a probe whose addresses may not be free.
pub async fn try_node(setting: Setting) -> Result<Node, StartError> {
    try_reacting(setting, |_, _| {}).await
}

async fn try_reacting(
    setting: Setting,
    react: impl FnMut(&Event<Toy, u32>, &mut Cx<'_, Probe>) + Send + 'static,
) -> Result<Node, StartError> {
    let actions = Arc::new(Mutex::new(VecDeque::new()));
    let (seen_sender, seen) = mpsc::unbounded_channel();
    let (notes_sender, notes) = mpsc::unbounded_channel();
    let peer = Probe {
        actions: Arc::clone(&actions),
        react: Box::new(react),
        open: Slots::default(),
        seen: seen_sender,
    };
    let store = SharedStore::default();
    let config = NodeConfig {
        node: NodeId(0),
        listen: setting.listen,
        datagrams: setting.datagrams,
        attachment: Attachment { line: setting.line, firewalled: setting.firewalled },
        limits: setting.limits,
        seed: 1,
        clock: setting.clock,
        identity: Identity::generate(),
    };
    let sink: common::tcp::NoteSink = Arc::new(move |_, _, note| {
        let _ = notes_sender.send(note);
    });
    let handle = spawn(peer, config, store.clone(), sink).await?;
    let mut node = Node { handle, store, actions, seen, notes };
    node.expect("Start", |event| matches!(event, Event::Start).then_some(())).await;
    Ok(node)
}

impl Node {
    pub fn address(&self) -> SocketAddrV4 {
        self.handle.address()
    }

    /// Lets the peer do something and returns what that gives.
    pub async fn act<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Cx<'_, Probe>) -> T + Send + 'static,
    ) -> T {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let action: Action = Box::new(move |cx| {
            let _ = sender.send(action(cx));
        });
        self.actions.lock().unwrap().push_back(action);
        self.handle.command(Command::Cancel(FetchId(0))).await.expect("the node lives");
        receiver.await.expect("the node lives")
    }

    /// Waits until what the peer has done is carried out: what it does next is done after that.
    pub async fn settled(&self) {
        self.act(|_| ()).await;
    }

    /// The next event, with its time.
    pub async fn next(&mut self) -> (Time, Event<Toy, u32>) {
        let next = tokio::time::timeout(PATIENCE, self.seen.recv()).await;
        next.expect("an event in time").expect("the node lives")
    }

    /// The next event, which must be what `is` recognises.
    pub async fn expect<T>(&mut self, what: &str, is: impl FnOnce(Event<Toy, u32>) -> Option<T>) -> T {
        let (at, event) = self.next().await;
        let seen = format!("{at:?} {event:?}");
        is(event).unwrap_or_else(|| panic!("expected {what}, saw {seen}"))
    }

    /// Dials and waits until the connection is open.
    pub async fn connect(&mut self, to: SocketAddrV4) -> ConnId {
        let dialled_conn = self.act(move |cx| cx.dial(to, Speech::Plain)).await;
        self.expect("Opened", |event| match event {
            Event::Opened { conn, remote, dialled: true } if conn == dialled_conn && remote == to => Some(()),
            _ => None,
        })
        .await;
        dialled_conn
    }

    /// Waits for an accepted connection.
    pub async fn accepted(&mut self) -> (ConnId, SocketAddrV4) {
        self.expect("an accepted connection", |event| match event {
            Event::Opened { conn, remote, dialled: false } => Some((conn, remote)),
            _ => None,
        })
        .await
    }

    pub async fn message(&mut self) -> (ConnId, Toy) {
        self.expect("a message", |event| match event {
            Event::Message { conn, message } => Some((conn, message)),
            _ => None,
        })
        .await
    }

    /// Waits for a datagram.
    pub async fn datagram(&mut self) -> (SocketAddrV4, Toy) {
        self.expect("a datagram", |event| match event {
            Event::Datagram { from, message } => Some((from, message)),
            _ => None,
        })
        .await
    }

    /// The next expected body.
    pub async fn arrived(&mut self) -> (Announced, Arrival) {
        self.expect("Arrived", |event| match event {
            Event::Arrived { body, arrival, .. } => Some((body, arrival)),
            _ => None,
        })
        .await
    }

    /// Waits until a connection is sealed.
    pub async fn sealed(&mut self) -> (ConnId, PublicKey) {
        self.expect("Sealed", |event| match event {
            Event::Sealed { conn, key } => Some((conn, key)),
            _ => None,
        })
        .await
    }

    pub async fn closed(&mut self) -> (ConnId, CloseReason) {
        self.expect("Closed", |event| match event {
            Event::Closed { conn, reason } => Some((conn, reason)),
            _ => None,
        })
        .await
    }

    /// Waits for a body's end and returns its length and end.
    pub async fn body(&mut self) -> (u64, BodyState) {
        let mut sum = 0;
        loop {
            let (len, state) = self
                .expect("part of a body", |event| match event {
                    Event::Body { len, state, .. } => Some((len, state)),
                    _ => None,
                })
                .await;
            sum += u64::from(len);
            if state != BodyState::More {
                return (sum, state);
            }
        }
    }

    /// Adds a file in memory.
    pub fn file(&self, bytes: Vec<u8>) -> (FileId, Arc<Ram>) {
        let file = Arc::new(Ram { bytes: Mutex::new(bytes), room: u64::MAX });
        (self.store.add(file.clone()), file)
    }
}

/// A file in memory with so much room.
pub struct Ram {
    pub bytes: Mutex<Vec<u8>>,
    pub room: u64,
}

impl Storage for Ram {
    fn size(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        let bytes = self.bytes.lock().unwrap();
        let start = usize::try_from(offset).map_err(|_| StoreFault::Missing)?;
        let end = start.checked_add(buf.len()).ok_or(StoreFault::Missing)?;
        buf.copy_from_slice(bytes.get(start..end).ok_or(StoreFault::Missing)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, new: &[u8]) -> Result<(), StoreFault> {
        let mut bytes = self.bytes.lock().unwrap();
        let end = offset + new.len() as u64;
        if end > self.room {
            return Err(StoreFault::Full);
        }
        if bytes.len() < end as usize {
            bytes.resize(end as usize, 0);
        }
        bytes[offset as usize..end as usize].copy_from_slice(new);
        Ok(())
    }

    fn finish(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}

/// A toy message as bytes.
pub fn encoded(toy: Toy) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    Toy::codec(Speech::Plain).encode(toy, &mut bytes).unwrap();
    bytes.to_vec()
}

/// Content in which every misplaced byte shows.
pub fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}
