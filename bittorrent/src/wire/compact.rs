//! Addresses of six bytes, and the text of strangers: what several messages have in common.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::BufMut;

/// Bytes of an address: IPv4 and port.
pub(super) const ADDRESS_BYTES: usize = 6;
/// The most bytes of a stranger's text that are kept.
const TEXT_BYTES_MAX: usize = 512;

/// The address in six bytes.
pub(super) fn address([a, b, c, d, high, low]: [u8; ADDRESS_BYTES]) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
}

/// Addresses one behind the other. A rest of fewer than six bytes says nothing, and neither does an address without a port, which
/// nobody can dial.
pub(super) fn addresses(bytes: &[u8]) -> impl Iterator<Item = SocketAddrV4> {
    bytes.as_chunks().0.iter().map(|bytes| address(*bytes)).filter(|address| address.port() != 0)
}

/// Writes an address.
pub(super) fn put_address(address: SocketAddrV4, into: &mut impl BufMut) {
    into.put_slice(&address.ip().octets());
    into.put_u16(address.port());
}

/// All of them.
pub(super) fn put_addresses(addresses: impl IntoIterator<Item = SocketAddrV4>) -> Vec<u8> {
    let mut bytes = Vec::new();
    addresses.into_iter().for_each(|address| put_address(address, &mut bytes));
    bytes
}

/// Text as it can be shown: cut to 512 bytes, and without anything that would move a terminal's cursor.
pub(super) fn text(bytes: &[u8]) -> Box<str> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES_MAX)]);
    text.chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect::<String>()
        .into()
}
