//! Sockets: listening, dialling, and what their errors mean.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use bytes::BufMut;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use super::StartError;
use crate::peer::CloseReason;

/// How a node stands towards those who dial it.
pub(super) enum Entrance {
    /// It answers.
    Open(TcpListener),
    /// It refuses: the socket is bound, so that the address is taken, but does not listen.
    Firewalled(TcpSocket),
    /// It has no address.
    None,
}

/// Takes `address`, to listen there or, behind a firewall, to refuse there. Returns it with its actual port.
pub(super) fn take_address(
    address: SocketAddrV4,
    firewalled: bool,
    backlog: u32,
) -> Result<(Entrance, SocketAddrV4), StartError> {
    let take = || {
        let socket = TcpSocket::new_v4()?;
        // Connections of a former run that still linger in the kernel must not keep a new one from its port.
        socket.set_reuseaddr(true)?;
        socket.bind(address.into())?;
        let local = ipv4(socket.local_addr()?)?;
        let entrance = match firewalled {
            true => Entrance::Firewalled(socket),
            false => Entrance::Open(socket.listen(backlog)?),
        };
        Ok((entrance, local))
    };
    take().map_err(|error: io::Error| start_error(address, error))
}

/// Takes `address`, or with port 0 any port there, for datagrams. Returns it with its actual port.
pub(super) fn take_datagram_address(address: SocketAddrV4) -> Result<(UdpSocket, SocketAddrV4), StartError> {
    let take = || {
        let socket = datagram_socket(address)?;
        let local = ipv4(socket.local_addr()?)?;
        Ok((socket, local))
    };
    take().map_err(|error: io::Error| start_error(address, error))
}

/// A socket for the datagrams of a node that listens at `listens`: at the same port if that is free, else at any.
pub(super) fn datagram_socket_beside(listens: SocketAddrV4) -> io::Result<UdpSocket> {
    let anywhere = SocketAddrV4::new(*listens.ip(), 0);
    datagram_socket(listens).or_else(|_| datagram_socket(anywhere))
}

fn datagram_socket(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// What it means that an address could not be had.
fn start_error(address: SocketAddrV4, error: io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse(address),
        io::ErrorKind::PermissionDenied => StartError::Permission(address),
        io::ErrorKind::AddrNotAvailable => StartError::NotLocal(address),
        _ if out_of_files(&error) => StartError::Files(address),
        _ => StartError::Other(address, error),
    }
}

/// The IPv4 address that every socket of ours has.
pub(super) fn ipv4(address: SocketAddr) -> io::Result<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Opens a connection, from `source` if given.
pub(super) async fn dial(source: Option<Ipv4Addr>, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(source) = source {
        socket.bind(SocketAddrV4::new(source, 0).into())?;
    }
    socket.connect(to.into()).await
}

/// Reads what is there into `buffer`, waiting if nothing is; says also whether it had to wait.
pub(super) async fn read(stream: &TcpStream, buffer: &mut [u8]) -> (io::Result<usize>, bool) {
    let mut waited = false;
    loop {
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return (result, waited),
        }
        waited = true;
        if let Err(error) = stream.readable().await {
            return (Err(error), waited);
        }
    }
}

/// Reads what is there behind `buffer`, at most `max` bytes; `None` if nothing is.
pub(super) fn try_read_buf(stream: &TcpStream, buffer: &mut impl BufMut) -> io::Result<Option<usize>> {
    match stream.try_read_buf(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

/// Writes as much of `bytes` as the socket takes, at least one.
pub(super) async fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            result => return result,
        }
    }
}

/// What a failed dial means.
pub(super) fn dial_failure(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::TimedOut => CloseReason::Timeout,
        _ if out_of_files(error) => CloseReason::Limit,
        // Unreachable networks and hosts, forbidden and impossible addresses: nobody answers there.
        _ => CloseReason::Refused,
    }
}

/// True if the process or the system has no descriptor left.
fn out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().map(Errno::from_raw_os_error).is_some_and(|e| e == Errno::MFILE || e == Errno::NFILE)
}
