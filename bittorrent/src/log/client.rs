//! The client log: what happens on the links of one peer with one torrent, a line each.
//!
//! ```text
//! 1048982400.000 self torrent de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 1855094951 262144 0
//! 1048982400.250 sent dial 10.0.0.5:6881 -TB0001-abcdefghijkl
//! 1048982400.250 got all 10.0.0.5:6881
//! 1048982400.250 sent interested 10.0.0.5:6881
//! 1048982400.500 got unchoke 10.0.0.5:6881
//! 1048982401.000 got piece 10.0.0.5:6881 17 32768 16384
//! 1048982409.000 self verified 17
//! ```
//!
//! The time; who did it, `self` for what happens here, `sent` for what goes out on a link, `got` for what comes in; and what:
//!
//! | who | what | fields | means |
//! |---|---|---|---|
//! | `self` | `torrent` | info hash, bytes, bytes of a piece, bytes that are there | the log begins, or goes on after a pause: no link is left |
//! | `self` | `verified`, `wrong` | piece | a whole piece is what it should be, or is not |
//! | `self` | `complete` | | the last piece is verified |
//! | `sent`, `got` | `dial` | peer, its id | the two have met; `sent` if this peer has dialled |
//! | `sent`, `got` | `close` | peer | they part; `sent` if this peer has hung up |
//! | `got` | `all` | peer | it has all pieces, from here on or from the start: a seed |
//! | `sent`, `got` | `choke`, `unchoke`, `interested`, `not-interested` | peer | as the messages say; both begin choked and not interested |
//! | `sent`, `got` | `piece` | peer, piece, offset in it, bytes | a block has gone or come, whole |
//! | `got` | `waste` | peer, piece, offset in it, bytes | so has one that was not wanted |
//!
//! A peer is the far end of its connection: `IP:port`, where it listens only if this peer has dialled.

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use super::{Fields, Id, LineError, Seconds};
use crate::wire::{Block, InfoHash, PeerId};

/// A line of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When, milliseconds of the Unix epoch, or of the run.
    pub time_ms: u64,
    /// What.
    pub what: Happening,
}

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The log begins or goes on, with this torrent.
    Torrent {
        /// Which.
        info_hash: InfoHash,
        /// Its bytes.
        length: u64,
        /// Bytes of each of its pieces but the last.
        piece_length: u32,
        /// Bytes that are there and right.
        have: u64,
    },
    /// A piece is there, and right.
    Verified(u32),
    /// A piece was there, and wrong.
    Wrong(u32),
    /// All are there.
    Complete,
    /// Something on a link with this peer.
    Link(Side, SocketAddrV4, Act),
}

/// Who does something on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This peer.
    Sent,
    /// The other.
    Got,
}

/// What is done on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// To dial, and to meet somebody of this id.
    Dial(PeerId),
    /// To hang up.
    Close,
    /// To have all.
    All,
    /// No longer to serve.
    Choke,
    /// To serve.
    Unchoke,
    /// To want something.
    Interested,
    /// To want nothing any more.
    NotInterested,
    /// To send a block that is wanted.
    Piece(Block),
    /// To send one that is not.
    Waste(Block),
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Act::Dial(_) => "dial",
            Act::Close => "close",
            Act::All => "all",
            Act::Choke => "choke",
            Act::Unchoke => "unchoke",
            Act::Interested => "interested",
            Act::NotInterested => "not-interested",
            Act::Piece(_) => "piece",
            Act::Waste(_) => "waste",
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", Seconds(self.time_ms))?;
        match self.what {
            Happening::Torrent { info_hash, length, piece_length, have } => {
                write!(f, "self torrent {info_hash} {length} {piece_length} {have}")
            }
            Happening::Verified(piece) => write!(f, "self verified {piece}"),
            Happening::Wrong(piece) => write!(f, "self wrong {piece}"),
            Happening::Complete => f.write_str("self complete"),
            Happening::Link(side, peer, act) => {
                let side = match side {
                    Side::Sent => "sent",
                    Side::Got => "got",
                };
                write!(f, "{side} {} {peer}", act.word())?;
                match act {
                    Act::Dial(id) => write!(f, " {}", Id(&id)),
                    Act::Piece(Block { piece, begin, len }) | Act::Waste(Block { piece, begin, len }) => {
                        write!(f, " {piece} {begin} {len}")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl FromStr for Entry {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let mut fields = Fields::of(line)?;
        let time_ms = fields.time()?;
        let what = match fields.next("side")? {
            "self" => own(&mut fields)?,
            "sent" => link(Side::Sent, &mut fields)?,
            "got" => link(Side::Got, &mut fields)?,
            _ => return Err(LineError("side")),
        };
        fields.end()?;
        Ok(Entry { time_ms, what })
    }
}

fn own(fields: &mut Fields<'_>) -> Result<Happening, LineError> {
    Ok(match fields.next("event")? {
        "torrent" => Happening::Torrent {
            info_hash: fields.info_hash()?,
            length: fields.number("bytes")?,
            piece_length: fields.number("bytes of a piece")?,
            have: fields.number("bytes that are there")?,
        },
        "verified" => Happening::Verified(fields.number("piece")?),
        "wrong" => Happening::Wrong(fields.number("piece")?),
        "complete" => Happening::Complete,
        _ => return Err(LineError("event")),
    })
}

fn link(side: Side, fields: &mut Fields<'_>) -> Result<Happening, LineError> {
    let word = fields.next("event")?;
    let peer = fields.address()?;
    let act = match (side, word) {
        (_, "dial") => Act::Dial(fields.peer_id()?),
        (_, "close") => Act::Close,
        (Side::Got, "all") => Act::All,
        (_, "choke") => Act::Choke,
        (_, "unchoke") => Act::Unchoke,
        (_, "interested") => Act::Interested,
        (_, "not-interested") => Act::NotInterested,
        (_, "piece") => Act::Piece(block(fields)?),
        (Side::Got, "waste") => Act::Waste(block(fields)?),
        _ => return Err(LineError("event")),
    };
    Ok(Happening::Link(side, peer, act))
}

fn block(fields: &mut Fields<'_>) -> Result<Block, LineError> {
    let (piece, begin, len) = (fields.number("piece")?, fields.number("offset")?, fields.number("bytes")?);
    Ok(Block { piece, begin, len })
}
