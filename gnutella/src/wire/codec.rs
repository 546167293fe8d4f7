//! Bytes to messages and back. One codec with a mode for every kind of conversation; see [`Setup`].

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use common::http::{HeadScan, Request, Response};
use common::wire::{Wire as _, WireError};
use tokio_util::codec::{Decoder, Encoder};

use super::handshake::{self, Answer, Greeting, Version};
use super::transfer::{Giv, PAGE_BYTES_MAX, Page};
use super::{Bye, HEADER_BYTES, Header, Message, Pong, Push, Query, QueryHit, Raw, Setup, Vendor};
use crate::guid::Guid;

const PING: u8 = 0x00;
const PONG: u8 = 0x01;
const BYE: u8 = 0x02;
const QRP: u8 = 0x30;
const VENDOR: u8 = 0x31;
const VENDOR_PASSED_ON: u8 = 0x32;
const PUSH: u8 = 0x40;
const QUERY: u8 = 0x80;
const HIT: u8 = 0x81;

/// The most bytes of any payload. gtk-gnutella, too, takes a greater length for a sign that the stream is out of step.
const PAYLOAD_BYTES_MAX: u32 = 65_535;
/// Draft 0.6's bound for payloads of every kind, and for queries the length beyond which they "should" be dropped. Nobody's
/// bye or unknown message is longer.
const PAYLOAD_BYTES_USUAL: u32 = 4 * 1024;
/// For vendors' messages.
const PAYLOAD_BYTES_VENDOR: u32 = 16 * 1024;
/// Set if the upper half of a length is flags (gtk-gnutella, `gmsg.c`). None has ever been defined, so they are not passed
/// on.
const LENGTH_HAS_FLAGS: u32 = 1 << 31;

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    mode: Mode,
    scan: HeadScan,
    /// A page's head, whose text has not come yet.
    page: Option<PageHead>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Accepted,
    Answer,
    Descriptors,
    Requests,
    Responses,
    Pages,
}

#[derive(Debug)]
struct PageHead {
    head: Response,
    /// `None`: the text ends with the connection.
    len: Option<usize>,
}

impl Codec {
    /// A codec that starts in this mode.
    pub fn new(setup: Setup) -> Codec {
        let mode = match setup {
            Setup::Accepted => Mode::Accepted,
            Setup::Dialled | Setup::Answered => Mode::Answer,
            Setup::Descriptors => Mode::Descriptors,
            Setup::Client => Mode::Responses,
            Setup::Server | Setup::CacheServer => Mode::Requests,
            Setup::CacheClient => Mode::Pages,
        };
        Codec { mode, scan: HeadScan::default(), page: None }
    }

    /// After this message the same codec expects something else; a paused connection may override it.
    fn advance(&mut self, message: &Message) {
        self.mode = match message {
            Message::Connect(greeting) if greeting.version == Version::V06 => Mode::Answer,
            Message::Connect(_) | Message::Answer(_) => Mode::Descriptors,
            Message::Request(_) => Mode::Requests,
            Message::Giv(_) => Mode::Responses,
            _ => return,
        };
    }

    /// Takes a head, up to its empty line.
    fn head(&mut self, src: &mut BytesMut) -> Result<Option<BytesMut>, WireError> {
        Ok(self.scan.find(src)?.map(|len| src.split_to(len)))
    }

    /// What the first bytes on our port are.
    fn first_lines(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let starts = [handshake::CONNECT, b"GET ", b"HEAD ", b"GIV "].map(|word| starts_with(src, word));
        if starts == [Some(false); 4] {
            return Err(WireError::Malformed("first line: no greeting, no request, no GIV"));
        }
        if !starts.contains(&Some(true)) {
            return Ok(None);
        }
        let Some(head) = self.head(src)? else { return Ok(None) };
        let message = match head[..2] {
            [b'G', b'N'] => Message::Connect(Box::new(Greeting::parse(&head)?)),
            [b'G', b'I'] => Message::Giv(Box::new(Giv::parse(&head)?)),
            _ => Message::Request(Box::new(Request::parse_lenient(&head)?)),
        };
        Ok(Some(message))
    }

    /// A page, whose text ends after the bytes that its head announces, or at the end of the stream.
    fn page(&mut self, src: &mut BytesMut, at_end: bool) -> Result<Option<Message>, WireError> {
        if self.page.is_none() {
            let Some(head) = self.head(src)? else { return Ok(None) };
            let head = Response::parse_lenient(&head)?;
            let announced = head.headers.content_length()?;
            if announced > PAGE_BYTES_MAX as u64 {
                return Err(page_too_long(announced));
            }
            let len = head.headers.get("Content-Length").map(|_| announced as usize);
            self.page = Some(PageHead { head, len });
        }
        let len = match self.page.as_ref().and_then(|page| page.len) {
            Some(len) if src.len() < len => return Ok(None),
            Some(len) => len,
            None if src.len() > PAGE_BYTES_MAX => return Err(page_too_long(src.len() as u64)),
            None if !at_end => return Ok(None),
            None => src.len(),
        };
        let Some(PageHead { head, .. }) = self.page.take() else { return Ok(None) };
        let text = String::from_utf8_lossy(&src.split_to(len)).into();
        Ok(Some(Message::Page(Box::new(Page { head, text }))))
    }

    fn take(&mut self, src: &mut BytesMut, at_end: bool) -> Result<Option<Message>, WireError> {
        let message = match self.mode {
            Mode::Descriptors => descriptor(src)?,
            Mode::Accepted => self.first_lines(src)?,
            Mode::Answer => {
                let head = self.head(src)?.map(|head| Answer::parse(&head)).transpose()?;
                head.map(|answer| Message::Answer(Box::new(answer)))
            }
            Mode::Requests => {
                let head = self.head(src)?.map(|head| Request::parse_lenient(&head)).transpose()?;
                head.map(|request| Message::Request(Box::new(request)))
            }
            Mode::Responses => {
                let head = self.head(src)?.map(|head| Response::parse_lenient(&head)).transpose()?;
                head.map(|response| Message::Response(Box::new(response)))
            }
            Mode::Pages => self.page(src, at_end)?,
        };
        if let Some(message) = &message {
            self.advance(message);
        }
        Ok(message)
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        self.take(src, false)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        match self.take(src, true)? {
            None if !src.is_empty() || self.page.is_some() => Err(WireError::Truncated),
            message => Ok(message),
        }
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        dst.reserve(message.wire_len() as usize);
        match &message {
            Message::Connect(greeting) => greeting.put(dst),
            Message::Answer(answer) => answer.put(dst),
            Message::Request(request) => request.encode(dst),
            Message::Response(response) => response.encode(dst),
            Message::Giv(giv) => giv.put(dst),
            Message::Page(page) => {
                if page.text.len() > PAGE_BYTES_MAX {
                    return Err(page_too_long(page.text.len() as u64));
                }
                page.head.encode(dst);
                dst.put_slice(page.text.as_bytes());
            }
            Message::Ping(header, raw) => {
                let len = raw.as_ref().map_or(0, |raw| raw.len());
                put_header(header, PING, len, dst)?;
                dst.put_slice(raw.as_ref().map_or(&[], |raw| &raw.0));
            }
            Message::Pong(header, pong) => {
                put_header(header, PONG, pong.len(), dst)?;
                pong.put(dst);
            }
            Message::Bye(header, bye) => {
                put_header(header, BYE, bye.len(), dst)?;
                bye.put(dst);
            }
            Message::Qrp(header, raw) => put_raw(header, QRP, raw, dst)?,
            Message::Unknown(header, kind, raw) => put_raw(header, *kind, raw, dst)?,
            Message::Vendor(header, vendor) => {
                let kind = if vendor.standard { VENDOR } else { VENDOR_PASSED_ON };
                put_header(header, kind, vendor.len(), dst)?;
                vendor.put(dst);
            }
            Message::Push(header, push) => {
                put_header(header, PUSH, push.len(), dst)?;
                push.put(dst);
            }
            Message::Query(header, query) => {
                put_header(header, QUERY, query.len(), dst)?;
                dst.put_slice(query.payload());
            }
            Message::Hit(header, hit) => {
                put_header(header, HIT, hit.len(), dst)?;
                dst.put_slice(hit.payload());
            }
        }
        Ok(())
    }
}

/// The most bytes that a payload of this type may have. A longer one is refused before a byte of it is kept: either the
/// sender is hostile, or sender and reader are out of step.
fn payload_bytes_max(kind: u8) -> u32 {
    match kind {
        VENDOR | VENDOR_PASSED_ON => PAYLOAD_BYTES_VENDOR,
        QRP | HIT => PAYLOAD_BYTES_MAX,
        _ => PAYLOAD_BYTES_USUAL,
    }
}

fn checked(kind: u8, len: u32) -> Result<u32, WireError> {
    let max = payload_bytes_max(kind);
    if len > max {
        return Err(WireError::TooLong { what: "payload", len: u64::from(len), max: u64::from(max) });
    }
    Ok(len)
}

/// Takes one descriptor.
fn descriptor(src: &mut BytesMut) -> Result<Option<Message>, WireError> {
    let Some(bytes) = src.first_chunk::<{ HEADER_BYTES as usize }>() else { return Ok(None) };
    let [guid @ .., kind, ttl, hops, a, b, c, d] = *bytes;
    let length = u32::from_le_bytes([a, b, c, d]);
    let length = if length & LENGTH_HAS_FLAGS == 0 { length } else { length & PAYLOAD_BYTES_MAX };
    let end = (HEADER_BYTES + checked(kind, length)?) as usize;
    if src.len() < end {
        return Ok(None);
    }
    let header = Header { guid: Guid(guid), ttl, hops };
    let message = message(header, kind, &src[HEADER_BYTES as usize..end])?;
    src.advance(end);
    Ok(Some(message))
}

fn message(header: Header, kind: u8, payload: &[u8]) -> Result<Message, WireError> {
    let raw = || Arc::new(Raw(payload.into()));
    let message = match kind {
        PING => Some(Message::Ping(header, Raw::some(payload).map(Arc::new))),
        PONG => Pong::take(payload).map(|pong| Message::Pong(header, Arc::new(pong))),
        BYE => Bye::take(payload).map(|bye| Message::Bye(header, Arc::new(bye))),
        QRP => Some(Message::Qrp(header, raw())),
        VENDOR | VENDOR_PASSED_ON => {
            Vendor::take(kind == VENDOR, payload).map(|vendor| Message::Vendor(header, Arc::new(vendor)))
        }
        PUSH => Push::take(payload).map(|push| Message::Push(header, Arc::new(push))),
        QUERY => Query::from_payload(payload).map(|query| Message::Query(header, Arc::new(query))),
        HIT => QueryHit::from_payload(payload).map(|hit| Message::Hit(header, Arc::new(hit))),
        _ => Some(Message::Unknown(header, kind, raw())),
    };
    message.ok_or(WireError::Malformed("payload: too short for its type"))
}

fn put_header(header: &Header, kind: u8, len: u32, dst: &mut BytesMut) -> Result<(), WireError> {
    let len = checked(kind, len)?;
    dst.put_slice(&header.guid.0);
    dst.put_slice(&[kind, header.ttl, header.hops]);
    dst.put_u32_le(len);
    Ok(())
}

fn put_raw(header: &Header, kind: u8, raw: &Raw, dst: &mut BytesMut) -> Result<(), WireError> {
    put_header(header, kind, raw.len(), dst)?;
    dst.put_slice(&raw.0);
    Ok(())
}

/// Whether `src` starts with `word`; `None` while it could still come to.
fn starts_with(src: &[u8], word: &[u8]) -> Option<bool> {
    match src.get(..word.len()) {
        Some(start) => Some(start == word),
        None if word.starts_with(src) => None,
        None => Some(false),
    }
}

fn page_too_long(len: u64) -> WireError {
    WireError::TooLong { what: "page", len, max: PAGE_BYTES_MAX as u64 }
}
