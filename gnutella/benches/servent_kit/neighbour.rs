//! A neighbour that speaks bytes: light, so that it is the far side that is measured.

use std::net::Ipv4Addr;
use std::net::SocketAddrV4;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::Child;

const HEADER: usize = 23;
const PING: u8 = 0x00;
const PONG: u8 = 0x01;
pub const QUERY: u8 = 0x80;
pub const HIT: u8 = 0x81;
/// Where a hit bears the time: the index and size of its only result.
const HIT_TIME: usize = HEADER + 11;

/// A link with the measured process.
pub struct Neighbour {
    pub reader: Reader,
    pub writer: Writer,
}

pub struct Reader {
    socket: OwnedReadHalf,
    buffer: Vec<u8>,
    /// What stands before has been looked at.
    at: usize,
}

pub struct Writer(OwnedWriteHalf);

/// A descriptor.
pub struct Frame<'a> {
    pub kind: u8,
    bytes: &'a [u8],
}

impl Neighbour {
    /// Links from an address of its own. When this returns, the servent counts us among its neighbours.
    pub async fn join(child: &Child, number: u8) -> Neighbour {
        let socket = TcpSocket::new_v4().expect("a descriptor");
        let from = SocketAddrV4::new(Ipv4Addr::new(127, 1, 1, 1 + number), 0);
        socket.bind(from.into()).expect("an address in 127/8");
        let stream = socket.connect(child.address().into()).await.expect("somebody listens there");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        let (socket, writer) = stream.into_split();
        let reader = Reader { socket, buffer: Vec::with_capacity(256 * 1024), at: 0 };
        let mut neighbour = Neighbour { reader, writer: Writer(writer) };
        if child.speaks() {
            neighbour.greet().await;
        }
        neighbour
    }

    async fn greet(&mut self) {
        self.writer.write(b"GNUTELLA CONNECT/0.6\r\nUser-Agent: bench\r\n\r\n").await;
        while !self.reader.buffer.ends_with(b"\r\n\r\n") {
            self.reader.fill().await;
        }
        assert!(self.reader.buffer.starts_with(b"GNUTELLA/0.6 200"), "the servent refuses");
        self.reader.buffer.clear();
        self.writer.write(b"GNUTELLA/0.6 200 OK\r\n\r\n").await;
        let mut ping = Vec::new();
        put(&mut ping, id(u32::MAX, 0), PING, 1, &[]);
        self.writer.write(&ping).await;
        self.until(PONG, 1).await;
    }

    /// Reads until so many descriptors of a kind have come.
    pub async fn until(&mut self, kind: u8, count: u32) {
        let mut came = 0;
        while came < count {
            while let Some(frame) = self.reader.next() {
                came += u32::from(frame.kind == kind);
            }
            if came < count {
                self.reader.fill().await;
            }
        }
    }
}

impl Reader {
    /// Waits for more bytes.
    pub async fn fill(&mut self) {
        self.buffer.drain(..self.at);
        self.at = 0;
        let read = self.socket.read_buf(&mut self.buffer).await.expect("the far side stays");
        assert!(read > 0, "the far side hung up");
    }

    /// The next descriptor of those that have come.
    pub fn next(&mut self) -> Option<Frame<'_>> {
        let rest = &self.buffer[self.at..];
        let len = u32::from_le_bytes(*rest.get(19..HEADER)?.first_chunk()?) as usize;
        let bytes = rest.get(..HEADER + len)?;
        self.at += bytes.len();
        Some(Frame { kind: bytes[16], bytes })
    }
}

impl Writer {
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the far side reads");
    }
}

impl Frame<'_> {
    /// When it was sent: a hit has borrowed its id, and bears the time elsewhere, unless it answers a query that does.
    pub fn sent_ns(&self) -> u64 {
        let in_id = self.u64_at(0);
        if self.kind == HIT && in_id == 0 { self.u64_at(HIT_TIME) } else { in_id }
    }

    /// The number in its id.
    pub fn number(&self) -> u32 {
        (self.u64_at(8) >> 16) as u32
    }

    fn u64_at(&self, at: usize) -> u64 {
        self.bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// An id that bears a time and a number, and the marks of a modern servent.
fn id(number: u32, sent_ns: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&sent_ns.to_le_bytes());
    id[8] = 0xff;
    id[10..14].copy_from_slice(&number.to_le_bytes());
    id
}

fn put(bytes: &mut Vec<u8>, id: [u8; 16], kind: u8, ttl: u8, payload: &[u8]) {
    bytes.extend(id);
    bytes.extend([kind, ttl, 0]);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
}

pub fn query(bytes: &mut Vec<u8>, number: u32, sent_ns: u64, ttl: u8, text: &str) {
    let payload = [&[0x80, 0], text.as_bytes(), &[0]].concat();
    put(bytes, id(number, sent_ns), QUERY, ttl, &payload);
}

/// A hit for the query of this number that was sent at time zero.
pub fn hit(bytes: &mut Vec<u8>, number: u32, sent_ns: u64, servent: u8) {
    let mut payload = vec![1, 0xca, 0x18, 127, 1, 1, 1 + servent, 0, 1, 0, 0];
    payload.extend(sent_ns.to_le_bytes());
    payload.extend(b"Somebody - Somewhere and nowhere.ogg\0\0");
    payload.extend([servent; 16]);
    put(bytes, id(number, 0), HIT, 7, &payload);
}
