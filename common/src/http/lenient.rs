//! Heads as old servents write them.
//!
//! | what they do | seen from | here |
//! |---|---|---|
//! | raw spaces in the request line: `GET /get/7/narwhal polka.ogg HTTP/1.1` | mldonkey 3.2.1 | the target goes from the first space to the last ` HTTP/` |
//! | names in Latin-1 or whatever their users' machines have | Gnutella 0.4 clients | such bytes are percent-encoded, as they should have come |
//! | a status line without version: `HTTP 200 OK` | Gnutella 0.4, its specification | read as of HTTP/1.0 |
//! | lines that go on in the next one, which starts with a space | RFC 822, allowed by Gnutella 0.6 | joined by a space |
//! | lines that are no header at all | | skipped |
//!
//! Limits are those of the strict parsers.

use super::{HEAD_BYTES_MAX, HEADERS_MAX, Headers, Request, Response, Version, target, too_long};
use crate::wire::WireError;

const REQUEST: &str = "HTTP request";
const RESPONSE: &str = "HTTP response";

impl Request {
    /// Reads one whole head, as [`HeadScan::find`](super::HeadScan::find) found it, with the patience that old servents
    /// need: spaces and bytes that no target may have are percent-encoded, header lines may be continued, and lines that
    /// are no headers are skipped.
    ///
    /// # Errors
    /// Whatever is not a request head even so.
    pub fn parse_lenient(head: &[u8]) -> Result<Request, WireError> {
        let (line, rest) = first_line(head)?;
        let space = line.iter().position(|byte| *byte == b' ').ok_or(WireError::Malformed(REQUEST))?;
        let mark = b" HTTP/";
        let end = line
            .windows(mark.len())
            .rposition(|window| window == mark)
            .ok_or(WireError::Malformed(REQUEST))?;
        let version = version(&line[end + mark.len()..]).ok_or(WireError::Malformed(REQUEST))?;
        let (method, target) =
            (&line[..space], line.get(space..end).ok_or(WireError::Malformed(REQUEST))?.trim_ascii());
        let method = std::str::from_utf8(method).map_err(|_| WireError::Malformed(REQUEST))?;
        if !is_token(method) || target.is_empty() {
            return Err(WireError::Malformed(REQUEST));
        }
        let target = target::clean(target).into();
        Ok(Request {
            method: method.into(),
            target,
            version,
            headers: Headers::parse_lenient(rest, REQUEST)?,
        })
    }
}

impl Response {
    /// Reads one whole head, as [`HeadScan::find`](super::HeadScan::find) found it, with the patience that old servents
    /// need: the status line may lack its version, header lines may be continued, and lines that are no headers are
    /// skipped.
    ///
    /// # Errors
    /// Whatever is not a response head even so.
    pub fn parse_lenient(head: &[u8]) -> Result<Response, WireError> {
        let (line, rest) = first_line(head)?;
        let after = line.strip_prefix(b"HTTP").ok_or(WireError::Malformed(RESPONSE))?;
        let space = after.iter().position(|byte| *byte == b' ').ok_or(WireError::Malformed(RESPONSE))?;
        let version = match &after[..space] {
            b"" => Version::Http10,
            [b'/', number @ ..] => version(number).ok_or(WireError::Malformed(RESPONSE))?,
            _ => return Err(WireError::Malformed(RESPONSE)),
        };
        let words = after[space..].trim_ascii();
        let digits = words.split(|byte| *byte == b' ').next().unwrap_or_default();
        let status = match digits {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
                digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))
            }
            _ => return Err(WireError::Malformed(RESPONSE)),
        };
        Ok(Response { status, version, headers: Headers::parse_lenient(rest, RESPONSE)? })
    }
}

impl Headers {
    /// Reads header lines up to the empty one, with the same patience. `what` they are the head of is for the error.
    ///
    /// # Errors
    /// More than [`HEADERS_MAX`] lines, or no empty one.
    pub fn parse_lenient(lines: &[u8], what: &'static str) -> Result<Headers, WireError> {
        let (mut rest, mut read) = (lines, Vec::<(String, String)>::new());
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n').ok_or(WireError::Truncated)?;
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(line);
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = read.last_mut() {
                    value.push(' ');
                    value.push_str(text.trim());
                }
            } else if let Some((name, value)) = text.split_once(':').filter(|(name, _)| is_token(name.trim()))
            {
                if read.len() >= HEADERS_MAX {
                    return Err(WireError::Malformed(what));
                }
                read.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        let mut headers = Headers::default();
        read.iter().for_each(|(name, value)| headers.push(name, value));
        Ok(headers)
    }
}

/// The first line without its end, and what follows.
fn first_line(head: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    if head.len() > HEAD_BYTES_MAX {
        return Err(too_long(head.len()));
    }
    let end = head.iter().position(|byte| *byte == b'\n').ok_or(WireError::Truncated)?;
    Ok((head[..end].trim_ascii_end(), &head[end + 1..]))
}

/// `1.0`, `1.1`; later ones are understood as 1.1, earlier ones as 1.0.
fn version(number: &[u8]) -> Option<Version> {
    match number.trim_ascii() {
        [b'0', b'.', b'0'..=b'9'] | b"1.0" => Some(Version::Http10),
        [b'1'..=b'9', b'.', b'0'..=b'9'] => Some(Version::Http11),
        _ => None,
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
