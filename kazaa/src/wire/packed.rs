//! Numbers in as few bytes as they need, and other fields: base 128, the most significant digit first, the high bit set on all
//! digits but the last.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::{Buf, BufMut};

/// Digits of the largest number.
const DIGITS_MAX: usize = 10;

/// Bytes of a number.
pub(super) fn len(number: u64) -> u32 {
    let bits = u64::BITS - number.leading_zeros();
    bits.div_ceil(7).max(1)
}

/// Writes a number.
pub(super) fn put(number: u64, dst: &mut impl BufMut) {
    for digit in (0..len(number)).rev() {
        let more = if digit == 0 { 0 } else { 0x80 };
        dst.put_u8((number >> (7 * digit)) as u8 & 0x7f | more);
    }
}

/// Reads a number; `None` if it is cut off, or too large or too long to be one.
pub(super) fn take(src: &mut &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    for _ in 0..DIGITS_MAX {
        let digit = src.try_get_u8().ok()?;
        if number.leading_zeros() < 7 {
            return None;
        }
        number = number << 7 | u64::from(digit & 0x7f);
        if digit & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Reads a number of 32 bits.
pub(super) fn take_u32(src: &mut &[u8]) -> Option<u32> {
    take(src)?.try_into().ok()
}

/// Reads what begins with its length.
pub(super) fn take_bytes<'a>(src: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(src)?).ok()?;
    src.split_off(..len)
}

/// Bytes of an address.
pub(super) const ADDRESS_BYTES: u32 = 6;

/// Writes an address.
pub(super) fn put_address(address: SocketAddrV4, dst: &mut impl BufMut) {
    dst.put_slice(&address.ip().octets());
    dst.put_u16(address.port());
}

/// Reads an address.
pub(super) fn take_address(src: &mut &[u8]) -> Option<SocketAddrV4> {
    let ip = Ipv4Addr::from_bits(src.try_get_u32().ok()?);
    Some(SocketAddrV4::new(ip, src.try_get_u16().ok()?))
}
