//! HTTP/1.1 heads without I/O: requests, responses, byte ranges, query strings.
//!
//! Whoever downloads by HTTP here (the mirror; Gnutella, KaZaA and the torrent site) frames its codec with a
//! [`HeadScan`], which finds the end of a head in bytes that come in pieces, and parses it with
//! [`Request::parse`] or [`Response::parse`], or with the `parse_lenient` of both where old programs may be on the other
//! side. Bodies are the driver's business: a head only says how long
//! they are ([`Headers::content_length`]).
//!
//! ```
//! use common::http::{ByteRange, Request};
//!
//! let request = Request::get("/files/7").with("Host", "127.0.0.1").with("Range", ByteRange::From(100));
//! let mut wire = Vec::new();
//! request.encode(&mut wire);
//! assert_eq!(wire.len() as u32, request.encoded_len());
//! assert_eq!(Request::parse(&wire).unwrap(), request);
//! ```

use std::fmt;

use bytes::BufMut;

use crate::wire::WireError;

mod lenient;
mod queue;
mod range;
mod target;

pub use queue::QueuePlace;
pub use range::{ByteRange, ContentRange};
pub use target::{Target, percent_decode, percent_decode_bytes, percent_encode, percent_encode_bytes};

/// The most bytes a head may have. Servers of the time took 8 to 16 KiB.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header lines a head may have.
pub const HEADERS_MAX: usize = 64;

/// What follows is spoken in another protocol, which both sides have named.
pub const SWITCHING_PROTOCOLS: u16 = 101;
/// Everything is fine and the body is the whole file.
pub const OK: u16 = 200;
/// The body is the range asked for.
pub const PARTIAL_CONTENT: u16 = 206;
/// The request makes no sense.
pub const BAD_REQUEST: u16 = 400;
/// There is no such file.
pub const NOT_FOUND: u16 = 404;
/// The range lies outside the file.
pub const RANGE_NOT_SATISFIABLE: u16 = 416;
/// A method that is not spoken here.
pub const NOT_IMPLEMENTED: u16 = 501;
/// All slots are taken; come again later.
pub const SERVICE_UNAVAILABLE: u16 = 503;
/// `X-Queue` of who waits for a slot on the connection on which it has asked: LimeWire's.
pub const QUEUE_ON_CONNECTION: &str = "0.1";

/// The reason phrase that goes with a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        SWITCHING_PROTOCOLS => "Switching Protocols",
        OK => "OK",
        PARTIAL_CONTENT => "Partial Content",
        BAD_REQUEST => "Bad Request",
        NOT_FOUND => "Not Found",
        RANGE_NOT_SATISFIABLE => "Range Not Satisfiable",
        NOT_IMPLEMENTED => "Not Implemented",
        SERVICE_UNAVAILABLE => "Service Unavailable",
        _ => "Other",
    }
}

/// What a head says it speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Version {
    /// 1.0, or none at all: a connection ends with the body, unless both sides say otherwise.
    Http10,
    /// 1.1: a connection goes on, unless one side says otherwise.
    #[default]
    Http11,
}

impl Version {
    fn parsed(minor: Option<u8>) -> Version {
        if minor == Some(0) { Version::Http10 } else { Version::Http11 }
    }

    fn bytes(self) -> &'static [u8; 8] {
        match self {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        }
    }
}

/// Finds the end of a head without looking at any byte twice, so that a sender of one byte at a time costs
/// no more than others.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    seen: usize,
}

impl HeadScan {
    /// The length of the head at the start of `src`, its empty line included; `None` if its end has not come
    /// yet. `src` is the same buffer every time, grown at its end, until a head is found.
    ///
    /// # Errors
    /// [`WireError::TooLong`] beyond [`HEAD_BYTES_MAX`].
    pub fn find(&mut self, src: &[u8]) -> Result<Option<usize>, WireError> {
        let within = &src[..src.len().min(HEAD_BYTES_MAX)];
        for at in self.seen..within.len() {
            let head = &within[..=at];
            if head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n") {
                self.seen = 0;
                return Ok(Some(at + 1));
            }
        }
        self.seen = within.len();
        if src.len() >= HEAD_BYTES_MAX {
            return Err(too_long(src.len()));
        }
        Ok(None)
    }
}

fn too_long(len: usize) -> WireError {
    WireError::TooLong { what: "HTTP head", len: len as u64, max: HEAD_BYTES_MAX as u64 }
}

/// Header lines in their order. Names compare without case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headers(Vec<(Box<str>, Box<str>)>);

impl Headers {
    /// Adds a line. Characters that would end the line early are replaced by spaces, so that no value, whoever
    /// chose it, can smuggle in another line.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        let value: String = value.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.0.push((name.into(), value.trim().into()));
    }

    /// The value of the first line of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All lines, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The length of the body that follows, zero if none is announced.
    ///
    /// # Errors
    /// A length that is no number, two that differ, or a transfer coding (which nobody here speaks): to guess
    /// would be to take a body for a head.
    pub fn content_length(&self) -> Result<u64, WireError> {
        let mut length = None;
        for (name, value) in self.iter() {
            if name.eq_ignore_ascii_case("Transfer-Encoding") {
                return Err(WireError::Malformed("HTTP head: transfer codings are not spoken here"));
            }
            if !name.eq_ignore_ascii_case("Content-Length") {
                continue;
            }
            let parsed = parse_decimal(value).ok_or(WireError::Malformed("Content-Length"))?;
            if length.is_some_and(|before| before != parsed) {
                return Err(WireError::Malformed("Content-Length: two that differ"));
            }
            length = Some(parsed);
        }
        Ok(length.unwrap_or(0))
    }

    /// True if the connection is to go on after this message: what `Connection` says, else what the version does.
    fn keep_alive(&self, version: Version) -> bool {
        let says = |word: &str| {
            let lines = self.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Connection"));
            lines.flat_map(|(_, value)| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
        };
        !says("close") && (version == Version::Http11 || says("keep-alive"))
    }

    /// Bytes of the lines on the wire, the empty one included.
    pub fn encoded_len(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + 2 + value.len() + 2).sum::<usize>() + 2
    }

    /// Writes the lines and the empty one.
    pub fn encode(&self, dst: &mut impl BufMut) {
        for (name, value) in self.iter() {
            dst.put_slice(name.as_bytes());
            dst.put_slice(b": ");
            dst.put_slice(value.as_bytes());
            dst.put_slice(b"\r\n");
        }
        dst.put_slice(b"\r\n");
    }

    fn parsed(headers: &[httparse::Header<'_>]) -> Self {
        let line = |h: &httparse::Header<'_>| (h.name.into(), String::from_utf8_lossy(h.value).trim().into());
        Headers(headers.iter().map(line).collect())
    }
}

/// Digits only: no sign, no space, no overflow.
fn parse_decimal(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// `GET`, `HEAD`, `GIV`, …
    pub method: Box<str>,
    /// Path and query, still percent-encoded; see [`Target`].
    pub target: Box<str>,
    /// What it is written in.
    pub version: Version,
    /// The lines.
    pub headers: Headers,
}

impl Request {
    /// A `GET`. Spaces and control characters of the target are percent-encoded; everything else must be already.
    pub fn get(target: &str) -> Self {
        let (target, version) = (target::clean(target.as_bytes()).into(), Version::default());
        Request { method: "GET".into(), target, version, headers: Headers::default() }
    }

    /// With one more line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The range asked for; `None` if none is, or one that is not understood, which a server must then ignore.
    pub fn range(&self) -> Option<ByteRange> {
        self.headers.get("Range").and_then(ByteRange::parse)
    }

    /// True if whoever sent it wants the connection to go on after the answer.
    pub fn keeps_alive(&self) -> bool {
        self.headers.keep_alive(self.version)
    }

    /// True if whoever sent it waits for a slot on this connection, and gives its place up by closing it: LimeWire's queue.
    /// gtk-gnutella names a later version of it, and hangs up to come again.
    pub fn queues_on_connection(&self) -> bool {
        self.keeps_alive() && self.headers.get("X-Queue") == Some(QUEUE_ON_CONNECTION)
    }

    /// Bytes of the head on the wire.
    pub fn encoded_len(&self) -> u32 {
        (self.method.len() + 1 + self.target.len() + " HTTP/1.1\r\n".len() + self.headers.encoded_len())
            as u32
    }

    /// Writes the head.
    pub fn encode(&self, dst: &mut impl BufMut) {
        dst.put_slice(self.method.as_bytes());
        dst.put_slice(b" ");
        dst.put_slice(self.target.as_bytes());
        dst.put_slice(b" ");
        dst.put_slice(self.version.bytes());
        dst.put_slice(b"\r\n");
        self.headers.encode(dst);
    }

    /// Reads one whole head, as [`HeadScan::find`] found it.
    ///
    /// # Errors
    /// Whatever is not a request head.
    pub fn parse(head: &[u8]) -> Result<Request, WireError> {
        if head.len() > HEAD_BYTES_MAX {
            return Err(too_long(head.len()));
        }
        let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut lines);
        let status = parsed.parse(head).map_err(|_| WireError::Malformed("HTTP request"))?;
        match (status, parsed.method, parsed.path) {
            (httparse::Status::Complete(_), Some(method), Some(target)) => Ok(Request {
                method: method.into(),
                target: target.into(),
                version: Version::parsed(parsed.version),
                headers: Headers::parsed(parsed.headers),
            }),
            _ => Err(WireError::Truncated),
        }
    }
}

/// The head of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// What it is written in.
    pub version: Version,
    /// The lines.
    pub headers: Headers,
}

impl Response {
    /// A head with no lines yet.
    ///
    /// # Panics
    /// If the status is not of three digits.
    pub fn new(status: u16) -> Self {
        assert!((100..1000).contains(&status), "HTTP knows no status {status}");
        Response { status, version: Version::default(), headers: Headers::default() }
    }

    /// With one more line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The answer to a `GET` of a file of `size` bytes that asked for `range`: status and lines of a 200, 206 or
    /// 416, and the bytes to send as `(offset, len)`.
    pub fn to_range(range: Option<ByteRange>, size: u64) -> (Response, Option<(u64, u64)>) {
        let Some(range) = range else {
            return (Response::new(OK).with("Content-Length", size), Some((0, size)));
        };
        match range.within(size) {
            Some((offset, len)) => {
                let lines = ContentRange { first: offset, last: offset + len - 1, total: Some(size) };
                let head = Response::new(PARTIAL_CONTENT).with("Content-Length", len);
                (head.with("Content-Range", lines), Some((offset, len)))
            }
            None => {
                let head = Response::new(RANGE_NOT_SATISFIABLE).with("Content-Length", 0);
                (head.with("Content-Range", format_args!("bytes */{size}")), None)
            }
        }
    }

    /// The range that the body is, of a 206.
    pub fn content_range(&self) -> Option<ContentRange> {
        self.headers.get("Content-Range").and_then(ContentRange::parse)
    }

    /// True if whoever sent it keeps the connection after the body.
    pub fn keeps_alive(&self) -> bool {
        self.headers.keep_alive(self.version)
    }

    /// The place in the server's queue, of a 503.
    pub fn queue_place(&self) -> Option<QueuePlace> {
        self.headers.get("X-Queue").and_then(QueuePlace::parse)
    }

    /// Seconds after which to come again, of a 503.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.headers.get("Retry-After").and_then(parse_decimal)
    }

    /// Bytes of the head on the wire.
    pub fn encoded_len(&self) -> u32 {
        ("HTTP/1.1 200 \r\n".len() + reason(self.status).len() + self.headers.encoded_len()) as u32
    }

    /// Writes the head.
    pub fn encode(&self, dst: &mut impl BufMut) {
        let digit = |place: u16| b'0' + (self.status / place % 10) as u8;
        dst.put_slice(self.version.bytes());
        dst.put_slice(&[b' ', digit(100), digit(10), digit(1), b' ']);
        dst.put_slice(reason(self.status).as_bytes());
        dst.put_slice(b"\r\n");
        self.headers.encode(dst);
    }

    /// Reads one whole head, as [`HeadScan::find`] found it. The reason phrase is for human eyes and is dropped.
    ///
    /// # Errors
    /// Whatever is not a response head.
    pub fn parse(head: &[u8]) -> Result<Response, WireError> {
        if head.len() > HEAD_BYTES_MAX {
            return Err(too_long(head.len()));
        }
        let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut lines);
        let status = parsed.parse(head).map_err(|_| WireError::Malformed("HTTP response"))?;
        match (status, parsed.code) {
            (httparse::Status::Complete(_), Some(code)) if (100..1000).contains(&code) => {
                let version = Version::parsed(parsed.version);
                Ok(Response { status: code, version, headers: Headers::parsed(parsed.headers) })
            }
            _ => Err(WireError::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
