//! A scripted sender and receiver of datagrams over a real socket, as [`fake`](super::fake) is for connections.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::fake::PATIENCE;

/// How long a fake post listens before it says that nothing has come. Over loopback a datagram is there, or never will be.
const SILENCE: Duration = Duration::from_millis(200);

/// A peer without a mind that sends and expects datagrams.
#[derive(Debug)]
pub struct FakePost {
    socket: UdpSocket,
}

impl FakePost {
    /// At an address of this machine, such as any in 127/8; port 0 takes any free one.
    ///
    /// # Panics
    /// If the address cannot be had.
    pub async fn at(address: SocketAddrV4) -> Self {
        match UdpSocket::bind(address).await {
            Ok(socket) => FakePost { socket },
            Err(error) => panic!("no datagrams at {address}: {error}"),
        }
    }

    /// At any free port of an address.
    ///
    /// # Panics
    /// If the address cannot be had.
    pub async fn on(ip: impl Into<Ipv4Addr>) -> Self {
        Self::at(SocketAddrV4::new(ip.into(), 0)).await
    }

    /// Where it is.
    ///
    /// # Panics
    /// If the system has forgotten it.
    pub fn address(&self) -> SocketAddrV4 {
        ipv4(self.socket.local_addr().expect("an open socket has an address"))
    }

    /// Sends a datagram.
    ///
    /// # Panics
    /// If the system does not take it.
    pub async fn send(&self, to: SocketAddrV4, bytes: &[u8]) {
        let sent = self.socket.send_to(bytes, to).await;
        assert_eq!(sent.ok(), Some(bytes.len()), "a datagram to {to} was not taken");
    }

    /// The next datagram, and from whom.
    ///
    /// # Panics
    /// If none comes.
    pub async fn next(&self) -> (SocketAddrV4, Vec<u8>) {
        match timeout(PATIENCE, self.take()).await {
            Ok(datagram) => datagram,
            Err(_) => panic!("no datagram came to {} in {PATIENCE:?}", self.address()),
        }
    }

    /// Sends a datagram and returns the next that comes, which must be from there.
    ///
    /// # Panics
    /// If none comes, or one from elsewhere.
    pub async fn ask(&self, to: SocketAddrV4, bytes: &[u8]) -> Vec<u8> {
        self.send(to, bytes).await;
        let (from, answer) = self.next().await;
        assert_eq!(from, to, "somebody else answered");
        answer
    }

    /// Expects that nothing comes.
    ///
    /// # Panics
    /// If something does.
    pub async fn expect_silence(&self) {
        if let Ok((from, bytes)) = timeout(SILENCE, self.take()).await {
            panic!("{} bytes came from {from}, where silence was expected", bytes.len());
        }
    }

    async fn take(&self) -> (SocketAddrV4, Vec<u8>) {
        let mut bytes = vec![0; 65_536];
        let (len, from) = self.socket.recv_from(&mut bytes).await.expect("an open socket reads");
        bytes.truncate(len);
        (ipv4(from), bytes)
    }
}

fn ipv4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => panic!("{address} came to a socket of IPv4"),
    }
}
