//! Bytes to messages and back. One codec for peers and for HTTP; see [`Setup`].

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::http::{HeadScan, Request, Response};
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    ANSWER_BYTES_MAX, Answer, Block, EXTENDED_BYTES_MAX, Handshake, Message, PIECES_MAX, REQUEST_BYTES_MAX,
    Setup,
};

/// Bytes of a length.
const PREFIX: usize = 4;
/// The longest message of a number that is not known; it is passed over.
const UNKNOWN_BYTES_MAX: usize = 1 << 20;

/// The numbers of messages on the peer wire.
mod id {
    pub const CHOKE: u8 = 0;
    pub const UNCHOKE: u8 = 1;
    pub const INTERESTED: u8 = 2;
    pub const NOT_INTERESTED: u8 = 3;
    pub const HAVE: u8 = 4;
    pub const BITFIELD: u8 = 5;
    pub const REQUEST: u8 = 6;
    pub const PIECE: u8 = 7;
    pub const CANCEL: u8 = 8;
    pub const PORT: u8 = 9;
    pub const SUGGEST: u8 = 13;
    pub const HAVE_ALL: u8 = 14;
    pub const HAVE_NONE: u8 = 15;
    pub const REJECT: u8 = 16;
    pub const ALLOWED_FAST: u8 = 17;
    pub const EXTENDED: u8 = 20;
}

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    mode: Mode,
    scan: HeadScan,
}

#[derive(Debug)]
enum Mode {
    /// Nothing has come yet.
    Port,
    Handshake,
    Peer,
    /// Within a message that may be longer than what a driver holds: it is gathered here.
    Gather(Gather),
    /// Within a message that is passed over: so much is still to come.
    Skip {
        id: u8,
        left: usize,
    },
    Requests,
    Answers,
    /// Within the body of an answer.
    Body(Box<Body>),
}

#[derive(Debug)]
struct Gather {
    /// 0 for a bitfield's, else the extended message's number.
    kind: Gathered,
    bytes: Vec<u8>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
enum Gathered {
    Bitfield,
    Extended,
}

#[derive(Debug)]
struct Body {
    head: Response,
    bytes: BytesMut,
    /// Its length; `None` if it ends with the connection.
    len: Option<usize>,
}

impl Codec {
    fn new(setup: Setup) -> Codec {
        let mode = match setup {
            Setup::Accepted => Mode::Port,
            Setup::Peer => Mode::Handshake,
            Setup::Http => Mode::Answers,
        };
        Codec { mode, scan: HeadScan::default() }
    }

    fn peer(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Some(len) = src.first_chunk().map(|prefix| u32::from_be_bytes(*prefix) as usize) else {
            return Ok(None);
        };
        if len == 0 {
            src.advance(PREFIX);
            return Ok(Some(Message::KeepAlive));
        }
        let Some(&id) = src.get(PREFIX) else { return Ok(None) };
        limit(id, len)?;
        match id {
            id::BITFIELD | id::EXTENDED => {
                src.advance(PREFIX + 1);
                let kind = if id == id::BITFIELD { Gathered::Bitfield } else { Gathered::Extended };
                self.mode = Mode::Gather(Gather { kind, bytes: Vec::new(), len: len - 1 });
                self.gather(src)
            }
            id::PIECE => Ok(take_piece(src, len)),
            known if fixed(known).is_some() => match src.len() < PREFIX + len {
                true => Ok(None),
                false => {
                    src.advance(PREFIX + 1);
                    Ok(Some(take_fixed(known, src)))
                }
            },
            unknown => {
                src.advance(PREFIX + 1);
                self.mode = Mode::Skip { id: unknown, left: len - 1 };
                Ok(self.skip(src))
            }
        }
    }

    fn gather(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Mode::Gather(Gather { kind, bytes, len }) = &mut self.mode else { return Ok(None) };
        let take = src.len().min(*len - bytes.len());
        bytes.extend_from_slice(&src[..take]);
        src.advance(take);
        if bytes.len() < *len {
            return Ok(None);
        }
        let message = match (*kind, &bytes[..]) {
            (Gathered::Bitfield, bytes) => Message::Bitfield(bytes.into()),
            (Gathered::Extended, [id, payload @ ..]) => {
                Message::Extended { id: *id, payload: payload.into() }
            }
            (Gathered::Extended, []) => {
                return Err(WireError::Malformed("extended message without a number"));
            }
        };
        self.mode = Mode::Peer;
        Ok(Some(message))
    }

    fn skip(&mut self, src: &mut BytesMut) -> Option<Message> {
        let Mode::Skip { id, left } = &mut self.mode else { return None };
        let take = src.len().min(*left);
        src.advance(take);
        *left -= take;
        if *left > 0 {
            return None;
        }
        let id = *id;
        self.mode = Mode::Peer;
        Some(Message::Unknown(id))
    }

    fn request(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let head = self.scan.find(src)?.map(|len| src.split_to(len));
        let request = head.map(|head| Request::parse_lenient(&head)).transpose()?;
        Ok(request.map(|request| Message::Ask(Arc::new(request))))
    }

    fn answer(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Some(len) = self.scan.find(src)? else { return Ok(None) };
        let head = Response::parse_lenient(&src.split_to(len))?;
        let len = match head.headers.get("Content-Length") {
            Some(_) => Some(body_len(head.headers.content_length()?)?),
            None => {
                // Refuses a coding that nobody has asked for.
                head.headers.content_length()?;
                None
            }
        };
        self.mode = Mode::Body(Box::new(Body { head, bytes: BytesMut::new(), len }));
        self.body(src, false)
    }

    fn body(&mut self, src: &mut BytesMut, is_end: bool) -> Result<Option<Message>, WireError> {
        let Mode::Body(body) = &mut self.mode else { return Ok(None) };
        let room = body.len.unwrap_or(ANSWER_BYTES_MAX) - body.bytes.len();
        let take = src.len().min(room);
        body.bytes.extend_from_slice(&src[..take]);
        src.advance(take);
        let is_whole = match body.len {
            Some(len) => body.bytes.len() == len,
            None if !src.is_empty() => {
                return Err(too_long("HTTP body", ANSWER_BYTES_MAX + 1, ANSWER_BYTES_MAX));
            }
            None => is_end,
        };
        if !is_whole {
            return Ok(None);
        }
        let Mode::Body(body) = std::mem::replace(&mut self.mode, Mode::Answers) else { return Ok(None) };
        Ok(Some(Message::Answer(Arc::new(Answer { head: body.head, body: body.bytes.freeze() }))))
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        match self.mode {
            Mode::Port => match src.first() {
                None => Ok(None),
                Some(first) => {
                    self.mode = match first {
                        19 => Mode::Handshake,
                        b'A'..=b'Z' => Mode::Requests,
                        // Most likely somebody who would rather speak obfuscated: told at once, he tries again in the clear.
                        _ => {
                            return Err(WireError::Malformed(
                                "first byte: of no protocol that is spoken here",
                            ));
                        }
                    };
                    self.decode(src)
                }
            },
            Mode::Handshake => {
                let handshake = Handshake::take(src)?;
                if handshake.is_some() {
                    self.mode = Mode::Peer;
                }
                Ok(handshake.map(|handshake| Message::Handshake(Box::new(handshake))))
            }
            Mode::Peer => self.peer(src),
            Mode::Gather(_) => self.gather(src),
            Mode::Skip { .. } => Ok(self.skip(src)),
            Mode::Requests => self.request(src),
            Mode::Answers => self.answer(src),
            Mode::Body(_) => self.body(src, false),
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if let Some(message) = self.decode(src)? {
            return Ok(Some(message));
        }
        match self.mode {
            Mode::Body(_) => match self.body(src, true)? {
                Some(message) => Ok(Some(message)),
                None => Err(WireError::Truncated),
            },
            Mode::Gather(_) | Mode::Skip { .. } => Err(WireError::Truncated),
            _ if !src.is_empty() => Err(WireError::Truncated),
            _ => Ok(None),
        }
    }
}

/// Bytes that follow the number of a message that always has as many.
fn fixed(id: u8) -> Option<usize> {
    match id {
        id::CHOKE | id::UNCHOKE | id::INTERESTED | id::NOT_INTERESTED | id::HAVE_ALL | id::HAVE_NONE => {
            Some(0)
        }
        id::HAVE | id::SUGGEST | id::ALLOWED_FAST => Some(4),
        id::REQUEST | id::CANCEL | id::REJECT => Some(12),
        id::PORT => Some(2),
        _ => None,
    }
}

/// Refuses lengths that a message of this number cannot have, before anything is kept for it.
fn limit(id: u8, len: usize) -> Result<(), WireError> {
    let (what, least, most) = match id {
        id::BITFIELD => ("bitfield", 1, 1 + PIECES_MAX.div_ceil(8) as usize),
        id::PIECE => ("piece", 10, 9 + REQUEST_BYTES_MAX as usize),
        id::EXTENDED => ("extended message", 2, EXTENDED_BYTES_MAX),
        known => match fixed(known) {
            Some(payload) => ("message of fixed length", 1 + payload, 1 + payload),
            None => ("unknown message", 1, UNKNOWN_BYTES_MAX),
        },
    };
    if len > most {
        return Err(too_long(what, len, most));
    }
    if len < least {
        return Err(WireError::Malformed("message that is too short"));
    }
    Ok(())
}

fn too_long(what: &'static str, len: usize, max: usize) -> WireError {
    WireError::TooLong { what, len: len as u64, max: max as u64 }
}

fn body_len(len: u64) -> Result<usize, WireError> {
    let fits = usize::try_from(len).ok().filter(|len| *len <= ANSWER_BYTES_MAX);
    fits.ok_or(WireError::TooLong { what: "HTTP body", len, max: ANSWER_BYTES_MAX as u64 })
}

/// The head of a piece message of `len` bytes; the block follows as a body.
fn take_piece(src: &mut BytesMut, len: usize) -> Option<Message> {
    const HEAD: usize = 9;
    if src.len() < PREFIX + HEAD {
        return None;
    }
    src.advance(PREFIX + 1);
    let (piece, begin) = (src.get_u32(), src.get_u32());
    Some(Message::Piece(Block { piece, begin, len: (len - HEAD) as u32 }))
}

fn take_fixed(id: u8, src: &mut BytesMut) -> Message {
    let block = |src: &mut BytesMut| Block { piece: src.get_u32(), begin: src.get_u32(), len: src.get_u32() };
    match id {
        id::CHOKE => Message::Choke,
        id::UNCHOKE => Message::Unchoke,
        id::INTERESTED => Message::Interested,
        id::NOT_INTERESTED => Message::NotInterested,
        id::HAVE => Message::Have(src.get_u32()),
        id::REQUEST => Message::Request(block(src)),
        id::CANCEL => Message::Cancel(block(src)),
        id::PORT => Message::Port(src.get_u16()),
        id::SUGGEST => Message::Suggest(src.get_u32()),
        id::HAVE_ALL => Message::HaveAll,
        id::HAVE_NONE => Message::HaveNone,
        id::REJECT => Message::Reject(block(src)),
        id::ALLOWED_FAST => Message::AllowedFast(src.get_u32()),
        other => Message::Unknown(other),
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.reserve(message.wire_len() as usize);
        match &message {
            Message::Handshake(handshake) => handshake.put(dst),
            Message::KeepAlive => dst.put_u32(0),
            Message::Choke => put(id::CHOKE, &[], dst),
            Message::Unchoke => put(id::UNCHOKE, &[], dst),
            Message::Interested => put(id::INTERESTED, &[], dst),
            Message::NotInterested => put(id::NOT_INTERESTED, &[], dst),
            Message::Have(piece) => put(id::HAVE, &[*piece], dst),
            Message::Bitfield(bytes) => put_bytes(id::BITFIELD, &[], bytes, dst),
            Message::Request(block) => put_block(id::REQUEST, *block, dst),
            Message::Piece(Block { piece, begin, len }) => {
                dst.put_u32(9 + len);
                dst.put_u8(id::PIECE);
                dst.put_u32(*piece);
                dst.put_u32(*begin);
            }
            Message::Cancel(block) => put_block(id::CANCEL, *block, dst),
            Message::Port(port) => put_bytes(id::PORT, &[], &port.to_be_bytes(), dst),
            Message::Suggest(piece) => put(id::SUGGEST, &[*piece], dst),
            Message::HaveAll => put(id::HAVE_ALL, &[], dst),
            Message::HaveNone => put(id::HAVE_NONE, &[], dst),
            Message::Reject(block) => put_block(id::REJECT, *block, dst),
            Message::AllowedFast(piece) => put(id::ALLOWED_FAST, &[*piece], dst),
            Message::Extended { id, payload } => put_bytes(id::EXTENDED, &[*id], payload, dst),
            Message::Unknown(id) => put(*id, &[], dst),
            Message::Ask(request) => request.encode(dst),
            Message::Answer(answer) => {
                answer.head.encode(dst);
                dst.put_slice(&answer.body);
            }
        }
        Ok(())
    }
}

fn put(id: u8, numbers: &[u32], dst: &mut BytesMut) {
    dst.put_u32(1 + 4 * numbers.len() as u32);
    dst.put_u8(id);
    numbers.iter().for_each(|number| dst.put_u32(*number));
}

fn put_block(id: u8, Block { piece, begin, len }: Block, dst: &mut BytesMut) {
    put(id, &[piece, begin, len], dst);
}

fn put_bytes(id: u8, more: &[u8], bytes: &[u8], dst: &mut BytesMut) {
    dst.put_u32((1 + more.len() + bytes.len()) as u32);
    dst.put_u8(id);
    dst.put_slice(more);
    dst.put_slice(bytes);
}

impl Answer {
    /// An answer; its head gets the line that says how long the body is.
    pub fn new(head: Response, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Answer { head: head.with("Content-Length", body.len()), body }
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;

    #[rustfmt::skip]
    const KINDS: &'static [&'static str] = &[
        "handshake", "keep-alive", "choke", "unchoke", "interested", "not interested", "have", "bitfield", "request",
        "piece", "cancel", "port", "suggest", "have all", "have none", "reject", "allowed fast", "extended", "unknown",
        "ask", "answer",
    ];

    fn codec(setup: Setup) -> Codec {
        Codec::new(setup)
    }

    fn wire_len(&self) -> u32 {
        match self {
            Message::Handshake(_) => Handshake::BYTES as u32,
            Message::KeepAlive => 4,
            Message::Choke
            | Message::Unchoke
            | Message::Interested
            | Message::NotInterested
            | Message::HaveAll
            | Message::HaveNone
            | Message::Unknown(_) => 5,
            Message::Have(_) | Message::Suggest(_) | Message::AllowedFast(_) => 9,
            Message::Bitfield(bytes) => 5 + bytes.len() as u32,
            Message::Request(_) | Message::Cancel(_) | Message::Reject(_) => 17,
            Message::Piece(_) => 13,
            Message::Port(_) => 7,
            Message::Extended { payload, .. } => 6 + payload.len() as u32,
            Message::Ask(request) => request.encoded_len(),
            Message::Answer(answer) => answer.head.encoded_len() + answer.body.len() as u32,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Message::Handshake(_) => 0,
            Message::KeepAlive => 1,
            Message::Choke => 2,
            Message::Unchoke => 3,
            Message::Interested => 4,
            Message::NotInterested => 5,
            Message::Have(_) => 6,
            Message::Bitfield(_) => 7,
            Message::Request(_) => 8,
            Message::Piece(_) => 9,
            Message::Cancel(_) => 10,
            Message::Port(_) => 11,
            Message::Suggest(_) => 12,
            Message::HaveAll => 13,
            Message::HaveNone => 14,
            Message::Reject(_) => 15,
            Message::AllowedFast(_) => 16,
            Message::Extended { .. } => 17,
            Message::Unknown(_) => 18,
            Message::Ask(_) => 19,
            Message::Answer(_) => 20,
        }
    }

    fn pauses(&self) -> bool {
        matches!(self, Message::Piece(_))
    }
}
