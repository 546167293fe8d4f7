//! Addresses of six bytes each (BEP 23).

use std::net::{Ipv4Addr, SocketAddrV4};

/// Those of a byte string; bytes at its end that make none are passed over.
pub(crate) fn peers(bytes: &[u8]) -> impl Iterator<Item = SocketAddrV4> + '_ {
    bytes.as_chunks::<6>().0.iter().map(|&[a, b, c, d, high, low]| {
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
    })
}

/// The byte string of these.
pub(crate) fn encode(peers: impl IntoIterator<Item = SocketAddrV4>) -> Vec<u8> {
    let bytes = |peer: SocketAddrV4| peer.ip().octets().into_iter().chain(peer.port().to_be_bytes());
    peers.into_iter().flat_map(bytes).collect()
}
