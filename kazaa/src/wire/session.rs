//! The session's smaller messages.

use std::net::SocketAddrV4;

/// One supernode of a list (message 00).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeEntry {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Minutes since it was last seen.
    pub age_min: u8,
    /// Percent of its places that are free.
    pub free_percent: u8,
}

/// Who an ordinary node is (message 02).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserInfo {
    /// Where it can be dialled.
    pub address: SocketAddrV4,
    /// Its line, about 14·log2(kbps)+59; d1 is unlimited.
    pub bandwidth: u8,
    /// The user's name.
    pub user: Box<str>,
}

/// How large the network is (message 09).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Users on line.
    pub users: u32,
    /// Files they share.
    pub files: u32,
    /// Their size.
    pub gigabytes: u32,
}

/// A request that somebody dial me (message 0d to the supernode).
#[derive(Clone, PartialEq, Eq, Debug)]
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

/// Dial there and say `GIVE` (message 0d to the ordinary node).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushOrder {
    /// The number to say.
    pub id: u32,
    /// Where to dial.
    pub to: SocketAddrV4,
}
