//! The messages of the peer wire: a length, a number that says which, and what belongs to it.
//!
//! | where a reader is | what comes next |
//! |---|---|
//! | between messages | a length and a number; both are judged before more is taken |
//! | in a bitfield, or a message of the extension protocol | its payload, collected as it comes: it may be longer than a driver's buffer |
//! | in a message of an unknown number | its payload, passed over as it comes |
//!
//! A piece ends for the reader with its head: its block is a body, and the driver's.

use bytes::{Buf, BufMut, BytesMut};
use common::wire::WireError;

use super::{Block, EXTENDED_BYTES_MAX, Message, PIECES_MAX, REQUEST_BYTES_MAX};

/// The numbers of messages.
mod id {
    pub(super) const CHOKE: u8 = 0;
    pub(super) const UNCHOKE: u8 = 1;
    pub(super) const INTERESTED: u8 = 2;
    pub(super) const NOT_INTERESTED: u8 = 3;
    pub(super) const HAVE: u8 = 4;
    pub(super) const BITFIELD: u8 = 5;
    pub(super) const REQUEST: u8 = 6;
    pub(super) const PIECE: u8 = 7;
    pub(super) const CANCEL: u8 = 8;
    pub(super) const PORT: u8 = 9;
    pub(super) const SUGGEST: u8 = 13;
    pub(super) const HAVE_ALL: u8 = 14;
    pub(super) const HAVE_NONE: u8 = 15;
    pub(super) const REJECT: u8 = 16;
    pub(super) const ALLOWED_FAST: u8 = 17;
    pub(super) const EXTENDED: u8 = 20;
}

/// Bytes of the length that each message starts with.
const LENGTH_BYTES: usize = 4;
/// Length and number.
const HEAD_BYTES: usize = LENGTH_BYTES + 1;
/// Number, piece and offset: what the length of a piece message counts beside the block.
const PIECE_HEAD_LEN: u32 = 9;
/// The longest message of a number that is not known here.
const UNKNOWN_LEN_MAX: u32 = 1 << 20;
/// The longest payload of a bitfield.
const BITFIELD_BYTES_MAX: u32 = PIECES_MAX / 8;

/// Takes messages from a stream as it comes.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    inside: Option<Inside>,
}

/// Inside which message a reader is, and how much of it is still to come.
#[derive(Debug)]
enum Inside {
    Bitfield { payload: Vec<u8>, left: usize },
    Extended { payload: Vec<u8>, left: usize },
    Unknown { id: u8, left: usize },
}

impl FrameReader {
    /// Takes what has come, and gives the message that is whole with it.
    pub(super) fn take(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if self.inside.is_none() {
            match head(src)? {
                Head::Partial => return Ok(None),
                Head::Whole(message) => return Ok(Some(message)),
                Head::Before(inside) => self.inside = Some(inside),
            }
        }
        let inside = self.inside.as_mut().expect("it was just put there, or was there");
        Ok(if inside.collect(src) { self.inside.take().and_then(Inside::finish) } else { None })
    }

    /// True if a message has begun that has not ended.
    pub(super) fn is_inside(&self) -> bool {
        self.inside.is_some()
    }
}

impl Inside {
    /// Takes what belongs to the message; true if nothing is missing any more.
    fn collect(&mut self, src: &mut BytesMut) -> bool {
        let (Inside::Bitfield { left, .. } | Inside::Extended { left, .. } | Inside::Unknown { left, .. }) =
            self;
        let len = src.len().min(*left);
        *left -= len;
        let is_whole = *left == 0;
        match self {
            // Memory grows with what has come, not with what was announced.
            Inside::Bitfield { payload, .. } | Inside::Extended { payload, .. } => {
                payload.extend_from_slice(&src[..len]);
            }
            Inside::Unknown { .. } => {}
        }
        src.advance(len);
        is_whole
    }

    fn finish(self) -> Option<Message> {
        match self {
            Inside::Bitfield { payload, .. } => Some(Message::Bitfield(payload.into())),
            Inside::Extended { payload, .. } => {
                let (id, payload) = payload.split_first()?;
                Some(Message::Extended { id: *id, payload: payload.into() })
            }
            Inside::Unknown { id, .. } => Some(Message::Unknown(id)),
        }
    }
}

/// What the start of a message tells.
enum Head {
    /// Too little has come.
    Partial,
    /// All there is of it, but for a block.
    Whole(Message),
    /// It goes on.
    Before(Inside),
}

/// Takes the head of a message, or all of a short one.
fn head(src: &mut BytesMut) -> Result<Head, WireError> {
    let Some(len) = src.first_chunk().map(|len| u32::from_be_bytes(*len)) else { return Ok(Head::Partial) };
    if len == 0 {
        src.advance(LENGTH_BYTES);
        return Ok(Head::Whole(Message::KeepAlive));
    }
    let Some(id) = src.get(LENGTH_BYTES).copied() else { return Ok(Head::Partial) };
    check_len(id, len)?;
    let left = len as usize - 1;
    let inside = match id {
        id::BITFIELD => Inside::Bitfield { payload: Vec::new(), left },
        id::EXTENDED => Inside::Extended { payload: Vec::new(), left },
        _ if is_known(id) => return Ok(short(id, len, src).map_or(Head::Partial, Head::Whole)),
        _ => Inside::Unknown { id, left },
    };
    src.advance(HEAD_BYTES);
    Ok(Head::Before(inside))
}

fn is_known(id: u8) -> bool {
    matches!(id, id::CHOKE..=id::PORT | id::SUGGEST..=id::ALLOWED_FAST | id::EXTENDED)
}

/// Refuses a message that is longer or shorter than one of its number can be.
fn check_len(id: u8, len: u32) -> Result<(), WireError> {
    let (what, allowed) = match id {
        id::CHOKE..=id::NOT_INTERESTED | id::HAVE_ALL | id::HAVE_NONE => ("message without payload", 1..=1),
        id::HAVE | id::SUGGEST | id::ALLOWED_FAST => ("message of one piece", 5..=5),
        id::REQUEST | id::CANCEL | id::REJECT => ("message of one block", 13..=13),
        id::PORT => ("port message", 3..=3),
        // A block of no bytes would be an answer to nothing.
        id::PIECE => ("piece message", PIECE_HEAD_LEN + 1..=PIECE_HEAD_LEN + REQUEST_BYTES_MAX),
        id::BITFIELD => ("bitfield message", 1..=1 + BITFIELD_BYTES_MAX),
        id::EXTENDED => ("extended message", 2..=EXTENDED_BYTES_MAX as u32),
        _ => ("unknown message", 1..=UNKNOWN_LEN_MAX),
    };
    match len {
        len if len > *allowed.end() => {
            Err(WireError::TooLong { what, len: len.into(), max: (*allowed.end()).into() })
        }
        len if len < *allowed.start() => Err(WireError::Malformed(what)),
        _ => Ok(()),
    }
}

/// Takes a message of a few numbers, once it is there; of a piece the head.
fn short(id: u8, len: u32, src: &mut BytesMut) -> Option<Message> {
    let head_len = if id == id::PIECE { PIECE_HEAD_LEN } else { len };
    let whole = LENGTH_BYTES + head_len as usize;
    let mut payload = src.get(HEAD_BYTES..whole)?;
    let message = match id {
        id::CHOKE => Message::Choke,
        id::UNCHOKE => Message::Unchoke,
        id::INTERESTED => Message::Interested,
        id::NOT_INTERESTED => Message::NotInterested,
        id::HAVE => Message::Have(payload.get_u32()),
        id::REQUEST => Message::Request(take_block(&mut payload)),
        id::PIECE => Message::Piece(Block {
            piece: payload.get_u32(),
            begin: payload.get_u32(),
            len: len - PIECE_HEAD_LEN,
        }),
        id::CANCEL => Message::Cancel(take_block(&mut payload)),
        id::PORT => Message::Port(payload.get_u16()),
        id::SUGGEST => Message::Suggest(payload.get_u32()),
        id::HAVE_ALL => Message::HaveAll,
        id::HAVE_NONE => Message::HaveNone,
        id::REJECT => Message::Reject(take_block(&mut payload)),
        id::ALLOWED_FAST => Message::AllowedFast(payload.get_u32()),
        _ => unreachable!("{id} is the number of no short message"),
    };
    src.advance(whole);
    Some(message)
}

fn take_block(payload: &mut &[u8]) -> Block {
    Block { piece: payload.get_u32(), begin: payload.get_u32(), len: payload.get_u32() }
}

/// Bytes of a message on the wire; of a piece without its block. 0 for what is not of the peer wire, or the handshake.
pub(super) fn wire_len(message: &Message) -> u32 {
    let payload = match message {
        Message::KeepAlive => return LENGTH_BYTES as u32,
        Message::Handshake(_) | Message::Ask(_) | Message::Answer(_) | Message::Udp(_) => return 0,
        Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone
        | Message::Unknown(_) => 0,
        Message::Have(_) | Message::Suggest(_) | Message::AllowedFast(_) => 4,
        Message::Request(_) | Message::Cancel(_) | Message::Reject(_) => 12,
        Message::Piece(_) => 8,
        Message::Port(_) => 2,
        Message::Bitfield(bits) => bits.len() as u32,
        Message::Extended { payload, .. } => 1 + payload.len() as u32,
    };
    HEAD_BYTES as u32 + payload
}

/// Writes a message of the peer wire. Refuses one that nobody could read: to say it would be a bug of ours.
pub(super) fn put(message: &Message, dst: &mut BytesMut) -> Result<(), WireError> {
    let id = match message {
        Message::KeepAlive => {
            dst.put_u32(0);
            return Ok(());
        }
        Message::Choke => id::CHOKE,
        Message::Unchoke => id::UNCHOKE,
        Message::Interested => id::INTERESTED,
        Message::NotInterested => id::NOT_INTERESTED,
        Message::Have(_) => id::HAVE,
        Message::Bitfield(_) => id::BITFIELD,
        Message::Request(_) => id::REQUEST,
        Message::Piece(_) => id::PIECE,
        Message::Cancel(_) => id::CANCEL,
        Message::Port(_) => id::PORT,
        Message::Suggest(_) => id::SUGGEST,
        Message::HaveAll => id::HAVE_ALL,
        Message::HaveNone => id::HAVE_NONE,
        Message::Reject(_) => id::REJECT,
        Message::AllowedFast(_) => id::ALLOWED_FAST,
        Message::Extended { .. } => id::EXTENDED,
        Message::Unknown(id) if !is_known(*id) => *id,
        Message::Unknown(_)
        | Message::Handshake(_)
        | Message::Ask(_)
        | Message::Answer(_)
        | Message::Udp(_) => {
            return Err(WireError::Malformed("peer wire: a message that belongs elsewhere"));
        }
    };
    let block_len = if let Message::Piece(block) = message { block.len } else { 0 };
    let len = (wire_len(message) - LENGTH_BYTES as u32).saturating_add(block_len);
    check_len(id, len)?;
    dst.put_u32(len);
    dst.put_u8(id);
    put_payload(message, dst);
    Ok(())
}

fn put_payload(message: &Message, dst: &mut BytesMut) {
    match message {
        Message::Have(piece) | Message::Suggest(piece) | Message::AllowedFast(piece) => dst.put_u32(*piece),
        Message::Bitfield(bits) => dst.put_slice(bits),
        Message::Request(block) | Message::Cancel(block) | Message::Reject(block) => {
            dst.put_u32(block.piece);
            dst.put_u32(block.begin);
            dst.put_u32(block.len);
        }
        Message::Piece(block) => {
            dst.put_u32(block.piece);
            dst.put_u32(block.begin);
        }
        Message::Port(port) => dst.put_u16(*port),
        Message::Extended { id, payload } => {
            dst.put_u8(*id);
            dst.put_slice(payload);
        }
        _ => {}
    }
}
