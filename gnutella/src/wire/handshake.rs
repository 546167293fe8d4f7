//! The first lines on a link.
//!
//! ```text
//! 0.6   dialler   GNUTELLA CONNECT/0.6 CR LF  headers  CR LF
//!       acceptor  GNUTELLA/0.6 200 OK CR LF   headers  CR LF
//!       dialler   GNUTELLA/0.6 200 OK CR LF   headers  CR LF     then descriptors, perhaps in the same segment
//! 0.4   dialler   GNUTELLA CONNECT/0.4 LF LF
//!       acceptor  GNUTELLA OK LF LF                              then descriptors
//! ```
//!
//! A refusal has another number than 200, and is the last that is said. 0.4 knows none: who refuses closes.

use std::borrow::Cow;

use bytes::BufMut;
use common::http::Headers;
use common::wire::WireError;

use super::extension;

/// What a dialler says first, up to the version.
pub(super) const CONNECT: &[u8] = b"GNUTELLA CONNECT/";
const GREETING_04: &[u8] = b"GNUTELLA CONNECT/0.4\n\n";
const GREETING_06: &[u8] = b"GNUTELLA CONNECT/0.6\r\n";
const ANSWER_04: &[u8] = b"GNUTELLA OK\n\n";
const ANSWER_06: &[u8] = b"GNUTELLA/0.6 ";

/// What the handshake speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// `GNUTELLA CONNECT/0.4`: two lines, then descriptors.
    V04,
    /// Three steps with headers.
    V06,
}

/// The dialler's first lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// A higher one than 0.6 reads as 0.6.
    pub version: Version,
    /// None in 0.4.
    pub headers: Headers,
}

/// The acceptor's answer, or the dialler's confirmation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// `GNUTELLA OK`, or lines with headers. A refusal has lines, whatever stands here.
    pub version: Version,
    /// 200 is yes, whatever else no. Three digits.
    pub status: u16,
    /// For human eyes.
    pub reason: Box<str>,
    /// None in 0.4.
    pub headers: Headers,
}

/// All values of the headers of that name; those of repeated lines joined with a comma, as HTTP has it.
pub fn joined<'a>(headers: &'a Headers, name: &str) -> Option<Cow<'a, str>> {
    let values =
        headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| Cow::Borrowed(value));
    values.reduce(|all, value| Cow::Owned(format!("{all}, {value}")))
}

impl Greeting {
    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        match self.version {
            Version::V04 => GREETING_04.len() as u32,
            Version::V06 => (GREETING_06.len() + self.headers.encoded_len()) as u32,
        }
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        match self.version {
            Version::V04 => dst.put_slice(GREETING_04),
            Version::V06 => {
                dst.put_slice(GREETING_06);
                self.headers.encode(dst);
            }
        }
    }

    /// Reads all lines, the empty one included.
    pub(super) fn parse(head: &[u8]) -> Result<Greeting, WireError> {
        let (first, lines) = first_line(head);
        let number = first.strip_prefix(CONNECT).and_then(version);
        let version = number.ok_or(WireError::Malformed("greeting: version"))?;
        let headers = if version == Version::V06 {
            Headers::parse_lenient(lines, "handshake")?
        } else {
            Headers::default()
        };
        Ok(Greeting { version, headers })
    }
}

impl Answer {
    /// Yes.
    pub const OK: u16 = 200;
    /// No: no slot is free, or one of many other reasons.
    pub const BUSY: u16 = 503;

    /// Yes, with headers.
    pub fn ok(headers: Headers) -> Answer {
        Answer { version: Version::V06, status: Answer::OK, reason: "OK".into(), headers }
    }

    /// Yes, in 0.4.
    pub fn ok_04() -> Answer {
        Answer { version: Version::V04, ..Answer::ok(Headers::default()) }
    }

    /// No, with headers that say who else might take the link.
    pub fn refusal(status: u16, reason: &str, headers: Headers) -> Answer {
        Answer { version: Version::V06, status, reason: reason.into(), headers }
    }

    /// True for a yes.
    pub fn is_ok(&self) -> bool {
        self.status == Answer::OK
    }

    /// True if this has the form of 0.4.
    fn is_short(&self) -> bool {
        self.version == Version::V04 && self.is_ok()
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> u32 {
        if self.is_short() {
            return ANSWER_04.len() as u32;
        }
        let status = Decimal(u32::from(self.status)).len();
        (ANSWER_06.len() + status + 1 + self.reason.len() + 2 + self.headers.encoded_len()) as u32
    }

    pub(super) fn put(&self, dst: &mut impl BufMut) {
        if self.is_short() {
            return dst.put_slice(ANSWER_04);
        }
        dst.put_slice(ANSWER_06);
        Decimal(u32::from(self.status)).put(dst);
        dst.put_slice(b" ");
        put_line_part(&self.reason, dst);
        dst.put_slice(b"\r\n");
        self.headers.encode(dst);
    }

    /// Reads all lines, the empty one included.
    pub(super) fn parse(head: &[u8]) -> Result<Answer, WireError> {
        let (first, lines) = first_line(head);
        if first.trim_ascii_end() == b"GNUTELLA OK" {
            return Ok(Answer::ok_04());
        }
        let parsed = || {
            let rest = first.strip_prefix(b"GNUTELLA/")?;
            let blank = rest.iter().position(|byte| *byte == b' ')?;
            version(&rest[..blank])?;
            let rest = rest[blank..].trim_ascii_start();
            let (status, reason) =
                rest.split_at(rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()));
            let status = Decimal::parse(status).filter(|status| (100..1000).contains(&status.0))?;
            Some((status.0 as u16, extension::text(reason.trim_ascii())))
        };
        let (status, reason) = parsed().ok_or(WireError::Malformed("answer to a greeting"))?;
        Ok(Answer {
            version: Version::V06,
            status,
            reason: reason.into(),
            headers: Headers::parse_lenient(lines, "handshake")?,
        })
    }
}

/// The first line without its end, and the others.
fn first_line(head: &[u8]) -> (&[u8], &[u8]) {
    let end = head.iter().position(|byte| *byte == b'\n').unwrap_or(head.len());
    (head[..end].trim_ascii_end(), head.get(end + 1..).unwrap_or_default())
}

/// `major.minor`: 0.6 or more, or less.
fn version(number: &[u8]) -> Option<Version> {
    let dot = number.iter().position(|byte| *byte == b'.')?;
    let (major, minor) = (Decimal::parse(&number[..dot])?, Decimal::parse(&number[dot + 1..])?);
    Some(if (major.0, minor.0) >= (0, 6) { Version::V06 } else { Version::V04 })
}

/// Writes text that somebody else may have chosen so that it cannot end the line.
pub(super) fn put_line_part(text: &str, dst: &mut impl BufMut) {
    for byte in text.bytes() {
        dst.put_u8(if byte.is_ascii_control() { b' ' } else { byte });
    }
}

/// A number in decimal digits.
#[derive(Clone, Copy)]
pub(super) struct Decimal(pub u32);

impl Decimal {
    /// Digits only: no sign, no blank, no overflow.
    pub(super) fn parse(digits: &[u8]) -> Option<Decimal> {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok().map(Decimal)
    }

    /// Bytes of the digits.
    pub(super) fn len(self) -> usize {
        self.0.checked_ilog10().map_or(1, |log| log as usize + 1)
    }

    pub(super) fn put(self, dst: &mut impl BufMut) {
        dst.put_slice(self.0.to_string().as_bytes());
    }
}
