//! A scripted peer that speaks raw bytes over a real socket, for malformed, hostile and foreign traffic.
//!
//! Every wait has a time-out far beyond what any machine needs, and a wait that fails panics with what was
//! expected and, in hexadecimal, what has arrived so far.
//!
//! ```no_run
//! # async fn example(server: std::net::SocketAddrV4) {
//! use common::testing::fake::FakePeer;
//!
//! let mut peer = FakePeer::connect(server).await;
//! peer.send(b"GET / HTTP/1.1\r\n\r\n").await;
//! peer.expect(b"HTTP/1.1 404").await;
//! peer.expect_close().await;
//! # }
//! ```

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a fake peer waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The most bytes a fake peer keeps while it waits for a pattern.
const RECEIVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A peer without a mind: it sends and expects what the test says.
#[derive(Debug)]
pub struct FakePeer {
    stream: TcpStream,
    remote: SocketAddr,
    /// Arrived and not yet expected.
    received: Vec<u8>,
    /// How many bytes were expected before those.
    consumed: u64,
}

/// Where a fake peer waits to be dialled.
#[derive(Debug)]
pub struct FakeListener {
    listener: TcpListener,
    address: SocketAddrV4,
}

impl FakeListener {
    /// Listens; port 0 takes any free one.
    ///
    /// # Panics
    /// If the address cannot be had.
    pub fn listen(at: SocketAddrV4) -> Self {
        let listen = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(at.into())?;
            socket.listen(64)
        };
        let listener: TcpListener = listen().unwrap_or_else(|error| panic!("cannot listen on {at}: {error}"));
        let address = match listener.local_addr() {
            Ok(SocketAddr::V4(address)) => address,
            other => panic!("listening on {at} gave the address {other:?}"),
        };
        FakeListener { listener, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// The next peer that dials.
    ///
    /// # Panics
    /// If nobody dials in time.
    pub async fn accept(&self) -> FakePeer {
        match timeout(PATIENCE, self.listener.accept()).await {
            Ok(Ok((stream, _))) => FakePeer::over(stream),
            Ok(Err(error)) => panic!("accepting on {} failed: {error}", self.address),
            Err(_) => panic!("nobody dialled {} in {PATIENCE:?}", self.address),
        }
    }
}

impl FakePeer {
    /// Dials.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn connect(to: SocketAddrV4) -> Self {
        Self::dial(None, to).await
    }

    /// Dials from an address of its own, such as any in 127/8.
    ///
    /// # Panics
    /// If nobody answers, or the address is not one of this machine.
    pub async fn connect_from(from: Ipv4Addr, to: SocketAddrV4) -> Self {
        Self::dial(Some(from), to).await
    }

    async fn dial(from: Option<Ipv4Addr>, to: SocketAddrV4) -> Self {
        let dial = async {
            let socket = TcpSocket::new_v4()?;
            if let Some(from) = from {
                socket.bind(SocketAddrV4::new(from, 0).into())?;
            }
            socket.connect(to.into()).await
        };
        let dialled: Result<io::Result<TcpStream>, _> = timeout(PATIENCE, dial).await;
        match dialled {
            Ok(Ok(stream)) => Self::over(stream),
            Ok(Err(error)) => panic!("cannot dial {to}: {error}"),
            Err(_) => panic!("{to} did not answer in {PATIENCE:?}"),
        }
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a fresh socket takes TCP_NODELAY");
        let remote = stream.peer_addr().expect("a fresh socket has a far side");
        FakePeer { stream, remote, received: Vec::new(), consumed: 0 }
    }

    /// The far side's address.
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// This side's address.
    ///
    /// # Panics
    /// If the system has forgotten it.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("an open socket has an address")
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// If the far side has closed, or takes none.
    pub async fn send(&mut self, bytes: &[u8]) {
        match timeout(PATIENCE, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(&format!("sending {} bytes failed: {error}", bytes.len())),
            Err(_) => self.fail(&format!("{} bytes were not taken", bytes.len())),
        }
    }

    /// Sends bytes unless the far side has closed; says whether the system took them.
    ///
    /// # Panics
    /// If the far side takes none.
    pub async fn send_if_open(&mut self, bytes: &[u8]) -> bool {
        match timeout(PATIENCE, self.stream.write_all(bytes)).await {
            Ok(result) => result.is_ok(),
            Err(_) => self.fail(&format!("{} bytes were not taken", bytes.len())),
        }
    }

    /// Sends bytes one by one, each in a packet of its own.
    ///
    /// # Panics
    /// As [`FakePeer::send`].
    pub async fn send_slowly(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(std::slice::from_ref(byte)).await;
            // Lets the far side, if it lives in this process, read what is there before the next one comes.
            tokio::task::yield_now().await;
        }
    }

    /// Sends the same bytes again and again until the far side has closed the connection.
    ///
    /// # Panics
    /// If it takes `rounds_max` rounds and is still there, or stops taking.
    pub async fn flood(&mut self, bytes: &[u8], rounds_max: usize) {
        for _ in 0..rounds_max {
            match timeout(PATIENCE, self.stream.write_all(bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => self.fail("the flood was neither taken nor refused"),
            }
        }
        self.fail(&format!("the far side took {rounds_max} rounds of {} bytes", bytes.len()));
    }

    /// Expects exactly these bytes next.
    ///
    /// # Panics
    /// At the first byte that differs, at the end of the stream, and if they do not come in time.
    pub async fn expect(&mut self, bytes: &[u8]) {
        loop {
            let have = self.received.len().min(bytes.len());
            if self.received[..have] != bytes[..have] {
                self.fail(&format!("expected {}", hex(bytes)));
            }
            if have == bytes.len() {
                self.consume(have);
                return;
            }
            if self.more(&format!("expected {}", hex(bytes))).await == 0 {
                self.fail(&format!("the stream ended, expected {}", hex(bytes)));
            }
        }
    }

    /// The next `len` bytes, whatever they are.
    ///
    /// # Panics
    /// If fewer come.
    pub async fn read_exact(&mut self, len: usize) -> Vec<u8> {
        while self.received.len() < len {
            if self.more(&format!("expected {len} bytes")).await == 0 {
                self.fail(&format!("the stream ended, expected {len} bytes"));
            }
        }
        self.consume(len)
    }

    /// Everything up to and including `pattern`.
    ///
    /// # Panics
    /// If the pattern does not come.
    pub async fn read_until(&mut self, pattern: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.received[searched..].windows(pattern.len()).position(|w| w == pattern) {
                return self.consume(searched + at + pattern.len());
            }
            searched = self.received.len().saturating_sub(pattern.len().saturating_sub(1));
            if self.more(&format!("expected … {}", hex(pattern))).await == 0 {
                self.fail(&format!("the stream ended, expected … {}", hex(pattern)));
            }
        }
    }

    /// Whatever comes next, at least a byte; nothing at the end of the stream.
    ///
    /// # Panics
    /// If neither comes.
    pub async fn read_some(&mut self) -> Vec<u8> {
        if self.received.is_empty() {
            self.more("expected anything").await;
        }
        self.consume(self.received.len())
    }

    /// Everything up to the end of the stream.
    ///
    /// # Panics
    /// If the stream does not end.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.more("expected the end of the stream").await > 0 {}
        self.consume(self.received.len())
    }

    /// Expects the far side to close or reset the connection, without another byte.
    ///
    /// # Panics
    /// If bytes come, or nothing does.
    pub async fn expect_close(&mut self) {
        if !self.received.is_empty() || self.more("expected the end of the stream").await > 0 {
            self.fail("expected the end of the stream");
        }
    }

    /// Ends this direction: the far side reads the end of the stream, and can still send.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn end(&mut self) {
        if let Err(error) = self.stream.shutdown().await {
            self.fail(&format!("ending the stream failed: {error}"));
        }
    }

    /// Vanishes: the connection is reset, as by a crash.
    ///
    /// # Panics
    /// If the socket does not take the option.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("an open socket can be told to reset");
    }

    /// Reads once; zero at the end of the stream, be it in good order or a reset.
    async fn more(&mut self, expected: &str) -> usize {
        assert!(self.received.len() < RECEIVED_BYTES_MAX, "a fake peer is flooded by {}", self.remote);
        match timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await {
            Ok(Ok(len)) => len,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Ok(Err(error)) => self.fail(&format!("reading failed: {error}; {expected}")),
            Err(_) => self.fail(&format!("nothing came in {PATIENCE:?}; {expected}")),
        }
    }

    fn consume(&mut self, len: usize) -> Vec<u8> {
        self.consumed += len as u64;
        let rest = self.received.split_off(len);
        std::mem::replace(&mut self.received, rest)
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "fake peer of {}: {what}; after {} bytes that were right there came {}",
            self.remote,
            self.consumed,
            hex(&self.received)
        )
    }
}

/// Bytes as a reader of a failed test wants them: hexadecimal, and as text where they are. The first 256 of
/// them.
fn hex(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 256;
    let shown = &bytes[..bytes.len().min(SHOWN_MAX)];
    let mut out = format!("{} bytes [", bytes.len());
    for byte in shown {
        let _ = write!(out, "{byte:02x}");
    }
    let _ = write!(
        out,
        "{}] {:?}",
        if shown.len() < bytes.len() { "…" } else { "" },
        String::from_utf8_lossy(shown)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (FakePeer, FakePeer) {
        let listener = FakeListener::listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        tokio::join!(FakePeer::connect(listener.address()), listener.accept())
    }

    #[tokio::test]
    async fn what_one_sends_the_other_expects() {
        let (mut a, mut b) = pair().await;
        a.send_slowly(b"hello, ").await;
        a.send(b"world\r\n\r\nrest").await;
        b.expect(b"hello").await;
        assert_eq!(b.read_until(b"\r\n\r\n").await, b", world\r\n\r\n");
        assert_eq!(b.read_exact(4).await, b"rest");
        a.end().await;
        b.expect_close().await;
        b.send(b"still open this way").await;
        drop(b);
        assert_eq!(a.read_to_end().await, b"still open this way");
    }

    #[tokio::test]
    #[should_panic(
        expected = "expected 2 bytes [6f6b] \"ok\"; after 0 bytes that were right there came 2 bytes [6e6f]"
    )]
    async fn a_wrong_byte_fails_with_both_sides_in_hexadecimal() {
        let (mut a, mut b) = pair().await;
        a.send(b"no").await;
        b.read_exact(0).await;
        b.expect(b"ok").await;
    }

    #[tokio::test]
    async fn a_reset_counts_as_a_close() {
        let (a, mut b) = pair().await;
        a.reset();
        b.expect_close().await;
    }
}
