//! Announces and scrapes over UDP (BEP 15): packets to values and back.
//!
//! | question | bytes | answer | bytes |
//! |---|---|---|---|
//! | connect | 16 | connect | 16 |
//! | announce | 98 | announce | 20, and 6 for each peer |
//! | scrape | 16, and 20 for each torrent | scrape | 8, and 12 for each torrent |
//! | | | error | 8, and text |
//!
//! Packets may be longer than that, for what comes later: only a minimum is checked. A client may use a connection id for a minute, a
//! tracker honours it for two; a question without answer is asked again after 15 · 2^n seconds, n from 0 to 8.
//!
//! An answer begins with its action, a question with the protocol's number or with a connection id. Any id would do, but the tracker here
//! gives none that begins as an answer does ([`CONNECTION_BIT`]), so that whoever gets a datagram can tell which of the two it is.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::{Buf, BufMut};
use common::wire::WireError;

use super::{Announce, AnnounceEvent, InfoHash, PeerId, ScrapeEntry, compact};

/// What stands where a connection id would, before there is one.
const PROTOCOL: u64 = 0x0417_2710_1980;
/// The most torrents of one scrape.
pub const SCRAPE_MAX: usize = 74;
/// The most peers that are taken of an answer: more than a datagram over Ethernet has.
const PEERS_MAX: usize = 1_000;
/// The most peers that are told in an answer: what a datagram over Ethernet has room for, 1,472 bytes.
pub const PEERS_TOLD_MAX: usize = (1_472 - 20) / compact::ADDRESS_BYTES;
/// Set in each connection id that the tracker here gives.
pub const CONNECTION_BIT: u64 = 1 << 63;

/// Bytes of an announce behind its head.
const ANNOUNCE_BYTES: usize = 82;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// A datagram to a tracker, or from one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    /// To one.
    Ask(Ask),
    /// From one.
    Reply(Reply),
}

/// What a client asks. The transaction is any number; the answer repeats it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Give me a connection id: it shows that I am where I say.
    Connect {
        /// Which question.
        transaction: u32,
    },
    /// What a peer tells its tracker.
    Announce {
        /// As given.
        connection: u64,
        /// Which question.
        transaction: u32,
        /// What it tells. The short form is all there is, there is no room for a tracker's id, and who has no key says 0.
        announce: Box<Announce>,
    },
    /// How many there are.
    Scrape {
        /// As given.
        connection: u64,
        /// Which question.
        transaction: u32,
        /// In which swarms; of more than [`SCRAPE_MAX`] the rest is left out.
        info_hashes: Vec<InfoHash>,
    },
}

/// What the tracker answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// A connection id.
    Connect {
        /// Which question.
        transaction: u32,
        /// The id.
        connection: u64,
    },
    /// Whom it names.
    Announce {
        /// Which question.
        transaction: u32,
        /// Seconds until the next announce.
        interval_s: u32,
        /// Others there are.
        leechers: u32,
        /// Seeds there are.
        seeders: u32,
        /// Peers.
        peers: Vec<SocketAddrV4>,
    },
    /// How many there are, in the order of the question.
    Scrape {
        /// Which question.
        transaction: u32,
        /// One for each torrent.
        entries: Vec<ScrapeEntry>,
    },
    /// It refuses.
    Error {
        /// Which question.
        transaction: u32,
        /// In its own words, at most 512 bytes.
        text: Box<str>,
    },
}

impl Packet {
    /// Reads a datagram, whichever it is.
    ///
    /// # Errors
    /// One that is too short, or of a kind that nobody knows.
    pub fn decode(packet: &[u8]) -> Result<Packet, WireError> {
        match u32(&mut &*packet)? {
            CONNECT..=ERROR => Reply::decode(packet).map(Packet::Reply),
            _ => Ask::decode(packet).map(Packet::Ask),
        }
    }

    pub(super) fn encode(&self, into: &mut impl BufMut) {
        match self {
            Packet::Ask(ask) => ask.put(into),
            Packet::Reply(reply) => reply.put(into),
        }
    }

    /// Bytes of the datagram.
    pub(super) fn encoded_len(&self) -> u32 {
        let len = match self {
            Packet::Ask(Ask::Connect { .. }) => 16,
            Packet::Ask(Ask::Announce { .. }) => 16 + ANNOUNCE_BYTES,
            Packet::Ask(Ask::Scrape { info_hashes, .. }) => 16 + 20 * info_hashes.len().min(SCRAPE_MAX),
            Packet::Reply(Reply::Connect { .. }) => 16,
            Packet::Reply(Reply::Announce { peers, .. }) => 20 + compact::ADDRESS_BYTES * peers.len(),
            Packet::Reply(Reply::Scrape { entries, .. }) => 8 + 12 * entries.len(),
            Packet::Reply(Reply::Error { text, .. }) => 8 + text.len(),
        };
        len as u32
    }

    /// Which of the seven it is.
    pub(super) fn kind(&self) -> u8 {
        match self {
            Packet::Ask(Ask::Connect { .. }) => 0,
            Packet::Ask(Ask::Announce { .. }) => 1,
            Packet::Ask(Ask::Scrape { .. }) => 2,
            Packet::Reply(Reply::Connect { .. }) => 3,
            Packet::Reply(Reply::Announce { .. }) => 4,
            Packet::Reply(Reply::Scrape { .. }) => 5,
            Packet::Reply(Reply::Error { .. }) => 6,
        }
    }
}

impl Ask {
    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        self.put(&mut packet);
        packet
    }

    fn put(&self, packet: &mut impl BufMut) {
        match self {
            Ask::Connect { transaction } => {
                packet.put_u64(PROTOCOL);
                packet.put_u32(CONNECT);
                packet.put_u32(*transaction);
            }
            Ask::Announce { connection, transaction, announce } => {
                packet.put_u64(*connection);
                packet.put_u32(ANNOUNCE);
                packet.put_u32(*transaction);
                put_announce(announce, packet);
            }
            Ask::Scrape { connection, transaction, info_hashes } => {
                packet.put_u64(*connection);
                packet.put_u32(SCRAPE);
                packet.put_u32(*transaction);
                info_hashes.iter().take(SCRAPE_MAX).for_each(|InfoHash(hash)| packet.put_slice(hash));
            }
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// One that is too short, or of a kind that nobody knows.
    pub fn decode(mut packet: &[u8]) -> Result<Ask, WireError> {
        let rest = &mut packet;
        let connection = rest.try_get_u64().map_err(|_| WireError::Truncated)?;
        let action = u32(rest)?;
        let transaction = u32(rest)?;
        match action {
            CONNECT if connection == PROTOCOL => Ok(Ask::Connect { transaction }),
            ANNOUNCE => {
                let announce = Box::new(take_announce(rest)?);
                Ok(Ask::Announce { connection, transaction, announce })
            }
            SCRAPE => {
                let hashes = rest.as_chunks().0.iter().take(SCRAPE_MAX).map(|hash| InfoHash(*hash));
                Ok(Ask::Scrape { connection, transaction, info_hashes: hashes.collect() })
            }
            _ => Err(WireError::Malformed("question to a tracker")),
        }
    }
}

impl Reply {
    /// Which question it answers.
    pub fn transaction(&self) -> u32 {
        match self {
            Reply::Connect { transaction, .. }
            | Reply::Announce { transaction, .. }
            | Reply::Scrape { transaction, .. }
            | Reply::Error { transaction, .. } => *transaction,
        }
    }

    /// The packet.
    pub fn encode(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        self.put(&mut packet);
        packet
    }

    fn put(&self, packet: &mut impl BufMut) {
        let action = match self {
            Reply::Connect { .. } => CONNECT,
            Reply::Announce { .. } => ANNOUNCE,
            Reply::Scrape { .. } => SCRAPE,
            Reply::Error { .. } => ERROR,
        };
        packet.put_u32(action);
        packet.put_u32(self.transaction());
        match self {
            Reply::Connect { connection, .. } => {
                packet.put_u64(*connection);
            }
            Reply::Announce { interval_s, leechers, seeders, peers, .. } => {
                [interval_s, leechers, seeders].into_iter().for_each(|number| packet.put_u32(*number));
                peers.iter().for_each(|peer| compact::put_address(*peer, packet));
            }
            Reply::Scrape { entries, .. } => {
                for entry in entries {
                    let numbers = [entry.complete, entry.downloaded, entry.incomplete];
                    numbers.into_iter().for_each(|number| packet.put_u32(number));
                }
            }
            Reply::Error { text, .. } => packet.put_slice(text.as_bytes()),
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    /// One that is too short, or of a kind that nobody knows.
    pub fn decode(mut packet: &[u8]) -> Result<Reply, WireError> {
        let rest = &mut packet;
        let action = u32(rest)?;
        let transaction = u32(rest)?;
        match action {
            CONNECT => {
                let connection = rest.try_get_u64().map_err(|_| WireError::Truncated)?;
                Ok(Reply::Connect { transaction, connection })
            }
            ANNOUNCE => {
                let (interval_s, leechers, seeders) = (u32(rest)?, u32(rest)?, u32(rest)?);
                let peers = compact::addresses(rest).take(PEERS_MAX).collect();
                Ok(Reply::Announce { transaction, interval_s, leechers, seeders, peers })
            }
            SCRAPE => {
                let number = |bytes: &[u8; 12], at: usize| {
                    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
                };
                let entry = |bytes: &[u8; 12]| ScrapeEntry {
                    complete: number(bytes, 0),
                    downloaded: number(bytes, 4),
                    incomplete: number(bytes, 8),
                };
                let entries = rest.as_chunks().0.iter().take(SCRAPE_MAX).map(entry).collect();
                Ok(Reply::Scrape { transaction, entries })
            }
            ERROR => Ok(Reply::Error { transaction, text: compact::text(rest) }),
            _ => Err(WireError::Malformed("answer of a tracker")),
        }
    }
}

fn put_announce(announce: &Announce, packet: &mut impl BufMut) {
    packet.put_slice(&announce.info_hash.0);
    packet.put_slice(&announce.peer_id.0);
    [announce.downloaded, announce.left, announce.uploaded]
        .into_iter()
        .for_each(|bytes| packet.put_u64(bytes));
    packet.put_u32(match announce.event {
        AnnounceEvent::None => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    });
    packet.put_u32(announce.ip.map_or(0, u32::from));
    packet.put_u32(announce.key.unwrap_or(0));
    packet.put_i32(announce.numwant.map_or(-1, |want| i32::try_from(want).unwrap_or(i32::MAX)));
    packet.put_u16(announce.port);
}

fn take_announce(rest: &mut &[u8]) -> Result<Announce, WireError> {
    if rest.len() < ANNOUNCE_BYTES {
        return Err(WireError::Truncated);
    }
    let mut name = || {
        let mut name = [0; 20];
        rest.copy_to_slice(&mut name);
        name
    };
    let (info_hash, peer_id) = (InfoHash(name()), PeerId(name()));
    let (downloaded, left, uploaded) = (rest.get_u64(), rest.get_u64(), rest.get_u64());
    let event = match rest.get_u32() {
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        _ => AnnounceEvent::None,
    };
    Ok(Announce {
        info_hash,
        peer_id,
        downloaded,
        left,
        uploaded,
        event,
        ip: Some(rest.get_u32()).filter(|ip| *ip != 0).map(Ipv4Addr::from),
        key: Some(rest.get_u32()),
        numwant: u32::try_from(rest.get_i32()).ok(),
        port: rest.get_u16(),
        compact: true,
        no_peer_id: false,
        tracker_id: None,
    })
}

fn u32(rest: &mut &[u8]) -> Result<u32, WireError> {
    rest.try_get_u32().map_err(|_| WireError::Truncated)
}
