//! The session's smaller messages.

use std::net::SocketAddrV4;

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};

use super::text::{plain, text};
use super::{packed, packed::ADDRESS_BYTES};
use crate::ticket::{Ticket, VerifyingKey};

/// One supernode of a list (message 00).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Minutes since it was last seen.
    pub age_min: u8,
    /// Percent of its places that are free.
    pub free_percent: u8,
}

impl NodeEntry {
    pub(super) const BYTES: u32 = ADDRESS_BYTES + 2;

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        packed::put_address(self.address, dst);
        dst.put_slice(&[self.age_min, self.free_percent]);
    }

    /// Reads whole entries; what is left over is none.
    pub(super) fn take_all(src: &[u8]) -> impl Iterator<Item = NodeEntry> {
        src.chunks_exact(NodeEntry::BYTES as usize).filter_map(|mut entry| {
            let address = packed::take_address(&mut entry)?;
            Some(NodeEntry {
                address,
                age_min: entry.try_get_u8().ok()?,
                free_percent: entry.try_get_u8().ok()?,
            })
        })
    }
}

/// Who an ordinary node is (message 02).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserInfo {
    /// Where it can be dialled.
    pub address: SocketAddrV4,
    /// Its line; see [`bandwidth_of_kbps`].
    pub bandwidth: u8,
    /// The user's name.
    pub user: Box<str>,
}

impl UserInfo {
    pub(super) fn len(&self) -> u32 {
        ADDRESS_BYTES + 2 + self.user.len() as u32
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        packed::put_address(self.address, dst);
        dst.put_slice(&[self.bandwidth, 0]);
        put_name(&self.user, dst);
    }

    pub(super) fn take(mut src: &[u8]) -> Option<UserInfo> {
        let address = packed::take_address(&mut src)?;
        let bandwidth = src.try_get_u8().ok()?;
        src.try_get_u8().ok()?;
        Some(UserInfo { address, bandwidth, user: text(src).into() })
    }
}

/// The line that is told as unlimited, 1,680 kilobits per second or more.
pub const BANDWIDTH_UNLIMITED: u8 = 0xd1;

/// How a line of so many kilobits per second is told: 14·log2(kbps) + 59, at most [`BANDWIDTH_UNLIMITED`].
pub fn bandwidth_of_kbps(kbps: u32) -> u8 {
    if kbps == 0 {
        return 0;
    }
    let told = (14.0 * libm::log2(f64::from(kbps)) + 59.0).round();
    told.min(f64::from(BANDWIDTH_UNLIMITED)) as u8
}

/// The kilobits per second of a line that is told so; zero for zero, which says nothing.
pub fn kbps_of_bandwidth(bandwidth: u8) -> u32 {
    if bandwidth == 0 {
        return 0;
    }
    libm::exp2((f64::from(bandwidth) - 59.0) / 14.0).round() as u32
}

/// How large the network is (message 09).
///
/// The size travels as a mantissa of 16 bits and an exponent, so that only its first 16 digits arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Users on line.
    pub users: u32,
    /// Files they share.
    pub files: u32,
    /// Their size.
    pub gigabytes: u32,
}

/// The exponent of a size in bytes whose mantissa counts gigabytes.
const GIGABYTE_EXPONENT: u16 = 30;

impl Stats {
    /// KaZaA goes on with files and sizes of the six kinds of media, and some versions with users by network. Here those of
    /// the kinds are zero, since nobody counts them, and networks are not told.
    pub(super) const BYTES: u32 = 12 + 6 * 8;

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        let shift = (u32::BITS - self.gigabytes.leading_zeros()).saturating_sub(u16::BITS);
        dst.put_u32(self.users);
        dst.put_u32(self.files);
        dst.put_u16((self.gigabytes >> shift) as u16);
        dst.put_u16(GIGABYTE_EXPONENT + shift as u16);
        dst.put_bytes(0, 6 * 8);
    }

    pub(super) fn take(mut src: &[u8]) -> Option<Stats> {
        let (users, files) = (src.try_get_u32().ok()?, src.try_get_u32().ok()?);
        let mantissa = u64::from(src.try_get_u16().ok()?);
        let exponent = src.try_get_u16().ok()?;
        let gigabytes = match exponent.checked_sub(GIGABYTE_EXPONENT) {
            // Thirty-two places more fill whatever was there.
            Some(up) => mantissa << up.min(32),
            None => mantissa >> (GIGABYTE_EXPONENT - exponent),
        };
        Some(Stats { users, files, gigabytes: gigabytes.try_into().unwrap_or(u32::MAX) })
    }
}

/// A request that somebody dial me (message 0d to the supernode).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PushAsk {
    /// The number that the `GIVE` will bear.
    pub id: u32,
    /// Where to dial.
    pub to: SocketAddrV4,
    /// Who is to dial.
    pub holder: SocketAddrV4,
    /// Whose child the holder is.
    pub supernode: SocketAddrV4,
    /// The holder's name.
    pub user: Box<str>,
}

impl PushAsk {
    pub(super) fn len(&self) -> u32 {
        4 + 3 * ADDRESS_BYTES + self.user.len() as u32
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u32(self.id);
        for address in [self.to, self.holder, self.supernode] {
            packed::put_address(address, dst);
        }
        put_name(&self.user, dst);
    }

    pub(super) fn take(mut src: &[u8]) -> Option<PushAsk> {
        let id = src.try_get_u32().ok()?;
        let mut address = || packed::take_address(&mut src);
        let (to, holder, supernode) = (address()?, address()?, address()?);
        Some(PushAsk { id, to, holder, supernode, user: text(src).into() })
    }
}

/// Dial there and say `GIVE` (message 0d to the ordinary node).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushOrder {
    /// The number to say.
    pub id: u32,
    /// Where to dial.
    pub to: SocketAddrV4,
}

impl PushOrder {
    pub(super) const BYTES: u32 = 4 + ADDRESS_BYTES;

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_u32(self.id);
        packed::put_address(self.to, dst);
    }

    pub(super) fn take(mut src: &[u8]) -> Option<PushOrder> {
        Some(PushOrder { id: src.try_get_u32().ok()?, to: packed::take_address(&mut src)? })
    }
}

/// Bytes of a ticket in a session, without the user's name, which comes last.
const TICKET_BYTES: u32 = 32 + 8 + 64;

/// Bytes of a ticket (message 60).
pub(super) fn ticket_len(ticket: &Ticket) -> u32 {
    TICKET_BYTES + ticket.user.len() as u32
}

/// Writes a ticket: key, end of its time, signature, user.
pub(super) fn put_ticket(ticket: &Ticket, dst: &mut impl BufMut) {
    dst.put_slice(&ticket.key.0);
    dst.put_u64(ticket.expires_s);
    dst.put_slice(&*ticket.signature);
    put_name(&ticket.user, dst);
}

/// Reads a ticket. Whether it holds is another question.
pub(super) fn take_ticket(mut src: &[u8]) -> Option<Ticket> {
    let key = VerifyingKey(*src.split_off(..32)?.first_chunk()?);
    let expires_s = src.try_get_u64().ok()?;
    let signature = Box::new(*src.split_off(..64)?.first_chunk()?);
    Some(Ticket { user: text(src).into(), key, expires_s, signature })
}

/// Writes a user's name. Control characters would divide it where names stand in a row.
pub(super) fn put_name(name: &str, dst: &mut impl BufMut) {
    plain(name).for_each(|byte| dst.put_u8(byte));
}
