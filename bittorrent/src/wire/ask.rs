//! HTTP as it is spoken to trackers and sites: short answers, one a connection.

use bytes::{BufMut, BytesMut};
use common::http::{HeadScan, Headers, Request, Response, Version};
use common::wire::WireError;

use super::{ANSWER_BYTES_MAX, Answer};

const CONTENT_LENGTH: &str = "Content-Length";

/// A `GET` to a tracker or a site, whose `host` stands in its address with the port. In HTTP/1.0, so that the answer comes in one
/// piece: who speaks 1.1 must understand chunks.
pub fn ask(host: &str, target: &str, user_agent: &str) -> Request {
    let request = Request::get(target).with("Host", host).with("User-Agent", user_agent);
    Request { version: Version::Http10, ..request.with("Connection", "close") }
}

/// Takes an answer from a stream as it comes.
#[derive(Debug, Default)]
pub(super) struct AnswerReader {
    scan: HeadScan,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    head: Response,
    collected: BytesMut,
    /// `None` is until the stream ends.
    len: Option<usize>,
}

impl AnswerReader {
    /// Takes what has come, and gives the answer that is whole with it.
    pub(super) fn take(&mut self, src: &mut BytesMut) -> Result<Option<Answer>, WireError> {
        if self.body.is_none() {
            let Some(head) = head(&mut self.scan, src)? else { return Ok(None) };
            self.body = Some(Body::of(Response::parse_lenient(&head)?)?);
        }
        let body = self.body.as_mut().expect("there is one, or it was just made");
        body.collect(src)?;
        if body.len == Some(body.collected.len()) {
            return Ok(self.body.take().map(Body::finish));
        }
        Ok(None)
    }

    /// The stream has ended: so has an answer that says no length.
    pub(super) fn end(&mut self) -> Result<Option<Answer>, WireError> {
        match self.body.take() {
            Some(body) if body.len.is_some() => Err(WireError::Truncated),
            body => Ok(body.map(Body::finish)),
        }
    }
}

impl Body {
    fn of(mut head: Response) -> Result<Body, WireError> {
        let announced = head.headers.content_length()?;
        let has_none = matches!(head.status, 204 | 304);
        let len = match head.headers.get(CONTENT_LENGTH) {
            _ if has_none => Some(0),
            Some(_) => Some(bounded(announced)?),
            None => None,
        };
        if head.status < 200 {
            return Err(WireError::Malformed("HTTP answer: of an interim kind, which nobody has asked for"));
        }
        let mut headers = Headers::default();
        let lines = head.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(CONTENT_LENGTH));
        lines.for_each(|(name, value)| headers.push(name, value));
        head.headers = headers;
        Ok(Body { head, collected: BytesMut::new(), len })
    }

    /// Takes no more than belongs to it.
    fn collect(&mut self, src: &mut BytesMut) -> Result<(), WireError> {
        let wanted = self.len.map_or(usize::MAX, |len| len - self.collected.len());
        let bytes = src.split_to(src.len().min(wanted));
        bounded((self.collected.len() + bytes.len()) as u64)?;
        self.collected.extend_from_slice(&bytes);
        Ok(())
    }

    fn finish(self) -> Answer {
        Answer { head: self.head, body: self.collected.freeze() }
    }
}

fn bounded(len: u64) -> Result<usize, WireError> {
    match usize::try_from(len) {
        Ok(len) if len <= ANSWER_BYTES_MAX => Ok(len),
        _ => Err(WireError::TooLong { what: "body of an HTTP answer", len, max: ANSWER_BYTES_MAX as u64 }),
    }
}

/// Takes a head, up to its empty line. Line ends before it are passed over: some end what came before with one too many.
pub(super) fn head(scan: &mut HeadScan, src: &mut BytesMut) -> Result<Option<BytesMut>, WireError> {
    let blank = src.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank > 0 {
        let _ = src.split_to(blank);
        *scan = HeadScan::default();
    }
    Ok(scan.find(src)?.map(|len| src.split_to(len)))
}

/// Takes a request, which here has no body.
pub(super) fn take_request(scan: &mut HeadScan, src: &mut BytesMut) -> Result<Option<Request>, WireError> {
    let Some(head) = head(scan, src)? else { return Ok(None) };
    let request = Request::parse_lenient(&head)?;
    match request.headers.content_length()? {
        0 => Ok(Some(request)),
        _ => Err(WireError::Malformed("HTTP request: with a body, which nobody here takes")),
    }
}

impl Answer {
    /// Bytes on the wire.
    pub(super) fn encoded_len(&self) -> u32 {
        let line = match self.says_length() {
            true => 0,
            false => CONTENT_LENGTH.len() + ": \r\n".len() + digits(self.body.len()),
        };
        self.head.encoded_len() + (line + self.body.len()) as u32
    }

    /// Writes it with the length of its body, but for an answer to `HEAD`: that says the length of what it does not send.
    pub(super) fn encode(&self, dst: &mut BytesMut) -> Result<(), WireError> {
        match self.says_length() {
            true if self.body.is_empty() => self.head.encode(dst),
            true => return Err(WireError::Malformed("HTTP answer: it gives the length of its body itself")),
            false => self.head.clone().with(CONTENT_LENGTH, self.body.len()).encode(dst),
        }
        dst.put_slice(&self.body);
        Ok(())
    }

    fn says_length(&self) -> bool {
        self.head.headers.get(CONTENT_LENGTH).is_some()
    }
}

/// Decimal digits of a number.
fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}
