//! The toy overlay of the transfer benchmark: one peer asks for pieces, the other sends them.

use std::fs::File;
use std::net::SocketAddrV4;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use common::digest::{Algorithm, Digest};
use common::net::{Attachment, NodeId};
use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Peer, Place, Span};
use common::seal::Seal;
use common::store::{Storage, StoreFault};
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, NoteSink, SharedStore, spawn};
use common::user::{FetchId, Note};
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

/// Bytes of a piece.
const PIECE_BYTES: u64 = 1 << 20;
/// Pieces asked for and not yet here.
const PIECES_AHEAD: u64 = 8;

/// The number of a piece, asked for by one side and announced by the other; and before all that, if the receiver wants the
/// connection sealed, its wish and the sender's consent.
#[derive(Clone, Copy, Debug)]
enum Toy {
    Want(u64),
    Piece(u64),
    Seal,
}

struct ToyCodec;

impl Decoder for ToyCodec {
    type Item = Toy;
    type Error = WireError;
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Toy>, WireError> {
        if src.len() < 9 {
            return Ok(None);
        }
        match src.get_u8() {
            0 => Ok(Some(Toy::Want(src.get_u64()))),
            1 => Ok(Some(Toy::Piece(src.get_u64()))),
            2 if src.get_u64() == 0 => Ok(Some(Toy::Seal)),
            _ => Err(WireError::Malformed("toy")),
        }
    }
}

impl Encoder<Toy> for ToyCodec {
    type Error = WireError;
    fn encode(&mut self, toy: Toy, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.put_u8(toy.kind());
        dst.put_u64(match toy {
            Toy::Want(piece) | Toy::Piece(piece) => piece,
            Toy::Seal => 0,
        });
        Ok(())
    }
}

impl Wire for Toy {
    type Setup = Option<Seal>;
    type Codec = ToyCodec;
    const KINDS: &'static [&'static str] = &["want", "piece", "seal"];
    fn codec(_: Option<Seal>) -> ToyCodec {
        ToyCodec
    }
    fn seal(side: Option<Seal>) -> Option<Seal> {
        side
    }
    fn wire_len(&self) -> u32 {
        9
    }
    fn kind(&self) -> u8 {
        match self {
            Toy::Want(_) => 0,
            Toy::Piece(_) => 1,
            Toy::Seal => 2,
        }
    }
    fn pauses(&self) -> bool {
        matches!(self, Toy::Piece(_) | Toy::Seal)
    }
}

const FILE: FileId = FileId(0);

fn span(piece: u64, size: u64) -> Span {
    let offset = piece * PIECE_BYTES;
    Span { file: FILE, offset, len: PIECE_BYTES.min(size - offset) }
}

/// Sends what it is asked for.
struct Sender {
    size: u64,
}

impl Peer for Sender {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, event: Event<Toy, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Message { conn, message: Toy::Want(piece) } => {
                cx.send(conn, Toy::Piece(piece));
                cx.send_body(conn, span(piece, self.size));
            }
            Event::Message { conn, message: Toy::Seal } => {
                cx.send(conn, Toy::Seal);
                cx.resume_as(conn, Some(Seal::Acceptor));
            }
            _ => {}
        }
    }
}

/// Asks for all pieces and, if it knows their digests, verifies each as it comes.
struct Receiver {
    from: SocketAddrV4,
    size: u64,
    digests: Option<Vec<Digest>>,
    sealed: bool,
    asked: u64,
    stored: u64,
    verified: u64,
    current: u64,
}

impl Receiver {
    fn pieces(&self) -> u64 {
        self.size.div_ceil(PIECE_BYTES)
    }

    fn ask(&mut self, conn: ConnId, cx: &mut Cx<'_, Self>) {
        while self.asked < self.pieces() && self.asked < self.stored + PIECES_AHEAD {
            cx.send(conn, Toy::Want(self.asked));
            self.asked += 1;
        }
    }

    fn end_if_complete(&self, cx: &mut Cx<'_, Self>) {
        if self.stored == self.pieces() && (self.digests.is_none() || self.verified == self.pieces()) {
            cx.note(Note::Fetched(FetchId(0)));
        }
    }
}

impl Peer for Receiver {
    type Message = Toy;
    type Timer = ();
    fn handle(&mut self, event: Event<Toy, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Start => {
                cx.dial(self.from, None);
            }
            Event::Opened { conn, .. } if self.sealed => cx.send(conn, Toy::Seal),
            Event::Message { conn, message: Toy::Seal } => cx.resume_as(conn, Some(Seal::Dialler)),
            Event::Opened { conn, .. } | Event::Sealed { conn, .. } => self.ask(conn, cx),
            Event::Message { conn, message: Toy::Piece(piece) } => {
                self.current = piece;
                let Span { file, offset, len } = span(piece, self.size);
                cx.receive(conn, len, Some(Place { file, offset }));
            }
            Event::Body { conn, state: BodyState::Done, .. } => {
                self.stored += 1;
                if let Some(digests) = &self.digests {
                    let check = u32::try_from(self.current).expect("few pieces");
                    cx.verify(check, span(self.current, self.size), digests[check as usize]);
                }
                self.ask(conn, cx);
                self.end_if_complete(cx);
            }
            Event::Body { state: BodyState::Failed(fault), .. } => panic!("cannot store: {fault}"),
            Event::Verified { check, ok } => {
                assert!(ok, "piece {check} is corrupt");
                self.verified += 1;
                self.end_if_complete(cx);
            }
            Event::Closed { reason, .. } => assert_eq!(reason, CloseReason::Remote, "the transfer broke off"),
            _ => {}
        }
    }
}

/// A file on disk, by positional reads and writes.
struct OnDisk(File);

impl Storage for OnDisk {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        self.0.read_exact_at(buf, offset).map_err(|_| StoreFault::Io)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        self.0.write_all_at(bytes, offset).map_err(|_| StoreFault::Io)
    }
    fn finish(&self) -> Result<(), StoreFault> {
        self.0.sync_all().map_err(|_| StoreFault::Io)
    }
}

fn config(node: u32, listen: Option<SocketAddrV4>) -> NodeConfig {
    let (attachment, limits) = (Attachment::default(), Limits::default());
    NodeConfig {
        node: NodeId(node),
        listen,
        datagrams: None,
        attachment,
        limits,
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    }
}

fn store_with(file: File) -> SharedStore {
    let store = SharedStore::default();
    assert_eq!(store.add(Arc::new(OnDisk(file))), FILE);
    store
}

/// Starts the sending node.
pub async fn offer(at: SocketAddrV4, path: &Path) -> Handle {
    let file = File::open(path).expect("the source is there");
    let size = file.metadata().expect("a size").len();
    let silent: NoteSink = Arc::new(|_, _, _| {});
    spawn(Sender { size }, config(0, Some(at)), store_with(file), silent).await.expect("listens")
}

/// Runs the receiving node until it has everything.
pub async fn fetch(from: SocketAddrV4, target: &Path, size: u64, digests: Option<&[Digest]>, sealed: bool) {
    let (done_sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    let notes: NoteSink = Arc::new(move |_, _, note| {
        let _ = done_sender.send(note);
    });
    let file = File::options().read(true).write(true).create_new(true).open(target).expect("a new target");
    let digests = digests.map(<[Digest]>::to_vec);
    let peer = Receiver { from, size, digests, sealed, asked: 0, stored: 0, verified: 0, current: 0 };
    let handle = spawn(peer, config(1, None), store_with(file), notes).await.expect("starts");
    tokio::select! {
        note = done.recv() => assert!(matches!(note, Some(Note::Fetched(_))), "{note:?}"),
        () = handle.ended() => panic!("{:?}", handle.kill().await),
    }
    let snapshot = handle.kill().await.expect("the receiver's peer is sound");
    assert_eq!(snapshot.load.body_received, size);
    assert_eq!(snapshot.sealing.received > 0, sealed);
}

/// The SHA-1 of every piece of a file.
pub fn piece_digests(path: &Path) -> Vec<Digest> {
    let file = OnDisk(File::open(path).expect("the source is there"));
    let size = file.size();
    (0..size.div_ceil(PIECE_BYTES))
        .map(|piece| {
            let Span { offset, len, .. } = span(piece, size);
            file.digest(offset, len, Algorithm::Sha1).expect("the source can be read")
        })
        .collect()
}
