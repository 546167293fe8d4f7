//! The mirror's messages: HTTP/1.1, plus one plain text format for search results.
//!
//! | request | answer |
//! |---|---|
//! | `GET /search?q=words&n=20` | 200, `text/plain`: a [`Listing`] |
//! | `GET /files/7`, with or without `Range` | 200 or 206 and the bytes; 404, 416; 503 with `Retry-After` when full |

use bytes::{BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use common::digest::Digest;
use common::http::{self, HeadScan, Request, Response, Target, percent_decode, percent_encode};
use common::user::{FileInfo, Media, Query, Range};
use common::wire::{Wire, WireError};

/// The most bytes a listing may have: about a thousand results.
pub const LISTING_BYTES_MAX: usize = 128 * 1024;
/// The most results a listing may have, whatever the query asks for.
pub const RESULTS_MAX: usize = 500;

/// One HTTP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A request.
    Request(Box<Request>),
    /// The head of a response; a body may follow.
    Response(Box<Response>),
    /// A response with search results, as a whole.
    Listing(Box<Listing>),
}

/// Search results: one line each, `number size digest bitrate frequency duration name`, separated by tabs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    head: Response,
    text: Box<str>,
}

/// One line of a [`Listing`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The server's number for the file.
    pub number: u32,
    /// What the file is.
    pub info: FileInfo,
}

impl Listing {
    /// A listing of files by their numbers. Ends early where it would become too long.
    pub fn of<'a>(files: impl Iterator<Item = (u32, &'a FileInfo)>) -> Self {
        let mut text = String::new();
        for (number, info) in files.take(RESULTS_MAX) {
            let before = text.len();
            push_line(number, info, &mut text);
            if text.len() > LISTING_BYTES_MAX {
                text.truncate(before);
                break;
            }
        }
        let head = Response::new(http::OK).with("Content-Type", LISTING_TYPE);
        Listing { head: head.with("Content-Length", text.len()), text: text.into() }
    }

    /// The lines; those that make no sense are left out.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.text.lines().take(RESULTS_MAX).filter_map(parse_line)
    }
}

const LISTING_TYPE: &str = "text/plain";

fn push_line(number: u32, info: &FileInfo, text: &mut String) {
    use std::fmt::Write as _;
    let digest = info.digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
    let Media { bitrate_kbps, frequency_hz, duration_s } = info.media;
    write!(text, "{number}\t{}\t{digest}\t{bitrate_kbps}\t{frequency_hz}\t{duration_s}\t", info.size)
        .expect("a String takes everything");
    percent_encode(&info.name, text);
    text.push('\n');
}

fn parse_line(line: &str) -> Option<Line> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let number = next()?.parse().ok()?;
    let size = next()?.parse().ok()?;
    let digest = match next()? {
        "-" => None,
        hex => Some(parse_digest(hex)?),
    };
    let media = Media {
        bitrate_kbps: next()?.parse().ok()?,
        frequency_hz: next()?.parse().ok()?,
        duration_s: next()?.parse().ok()?,
    };
    let name = percent_decode(next()?).into();
    Some(Line { number, info: FileInfo { name, size, digest, media, ..FileInfo::default() } })
}

/// The overlays' functions differ in length, so the digits alone say which it is.
fn parse_digest(hex: &str) -> Option<Digest> {
    if !hex.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok();
    let bytes = (0..hex.len() / 2).map(byte).collect::<Option<Vec<u8>>>()?;
    match hex.len() {
        32 => Some(Digest::Md5(bytes.try_into().ok()?)),
        40 => Some(Digest::Sha1(bytes.try_into().ok()?)),
        72 => Some(Digest::KzHash(bytes.try_into().ok()?)),
        _ => None,
    }
}

const FILTERS: [&str; 5] = ["bitrate", "frequency", "duration", "size", "speed"];

/// The request for a search.
pub fn search_request(query: &Query, host: &str) -> Request {
    let mut target = "/search?q=".to_owned();
    percent_encode(&query.words, &mut target);
    let ranges = [query.bitrate_kbps, query.frequency_hz, query.duration_s, query.size, query.speed];
    for (name, range) in FILTERS.iter().zip(ranges).filter(|(_, range)| !range.is_any()) {
        target.push_str(&format!("&{name}={}-{}", range.min, range.max));
    }
    if query.results_max != 0 {
        target.push_str(&format!("&n={}", query.results_max));
    }
    Request::get(&target).with("Host", host)
}

/// The request for a file from `have` on.
pub fn file_request(number: u32, have: u64, host: &str) -> Request {
    let request = Request::get(&format!("/files/{number}")).with("Host", host);
    if have == 0 { request } else { request.with("Range", http::ByteRange::From(have)) }
}

/// What a request asks a mirror for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// A search.
    Search(Query),
    /// A file by its number.
    File(u32),
    /// Something that no mirror has.
    Unknown,
}

impl Asked {
    /// Reads a request.
    pub fn of(request: &Request) -> Asked {
        let target = Target::parse(&request.target);
        if &*request.method != "GET" {
            return Asked::Unknown;
        }
        if let Some(number) = target.path.strip_prefix("/files/") {
            return number.parse().map_or(Asked::Unknown, Asked::File);
        }
        if target.path != "/search" {
            return Asked::Unknown;
        }
        let range = |name: &str| {
            let parse = |text: String| {
                let (min, max) = text.split_once('-')?;
                Some(Range { min: min.parse().ok()?, max: max.parse().ok()? })
            };
            target.parameter(name).and_then(parse).unwrap_or_default()
        };
        let [bitrate_kbps, frequency_hz, duration_s, size, speed] = FILTERS.map(range);
        let results_max = target.parameter("n").and_then(|n| n.parse().ok()).unwrap_or(0);
        let words = target.parameter("q").unwrap_or_default();
        Asked::Search(Query { words, bitrate_kbps, frequency_hz, duration_s, size, speed, results_max })
    }
}

/// Which side of HTTP a connection is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Side {
    /// Reads requests.
    #[default]
    Server,
    /// Reads responses.
    Client,
}

/// Frames one side of a connection.
#[derive(Debug)]
pub struct Codec {
    side: Side,
    scan: HeadScan,
    /// A listing's head, and the bytes of text that it announced.
    listing: Option<(Response, usize)>,
}

impl Codec {
    fn response(&mut self, head: Response, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let length = head.headers.content_length()?;
        if head.status != http::OK || head.headers.get("Content-Type") != Some(LISTING_TYPE) {
            return Ok(Some(Message::Response(Box::new(head))));
        }
        if length > LISTING_BYTES_MAX as u64 {
            return Err(WireError::TooLong { what: "listing", len: length, max: LISTING_BYTES_MAX as u64 });
        }
        self.listing = Some((head, length as usize));
        self.text(src)
    }

    /// The text of the listing whose head has come, once all of it is there.
    fn text(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let Some((head, len)) = self.listing.take_if(|(_, len)| src.len() >= *len) else { return Ok(None) };
        let text = src.split_to(len);
        let text = std::str::from_utf8(&text).map_err(|_| WireError::Malformed("listing: not UTF-8"))?;
        Ok(Some(Message::Listing(Box::new(Listing { head, text: text.into() }))))
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if self.listing.is_some() {
            return self.text(src);
        }
        let Some(len) = self.scan.find(src)? else { return Ok(None) };
        let head = src.split_to(len);
        match self.side {
            Side::Client => self.response(Response::parse(&head)?, src),
            Side::Server => {
                let request = Request::parse(&head)?;
                if request.headers.content_length()? != 0 {
                    return Err(WireError::Malformed("HTTP request: one with a body"));
                }
                Ok(Some(Message::Request(Box::new(request))))
            }
        }
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), WireError> {
        match message {
            Message::Request(request) => request.encode(dst),
            Message::Response(response) => response.encode(dst),
            Message::Listing(listing) => {
                listing.head.encode(dst);
                dst.put_slice(listing.text.as_bytes());
            }
        }
        Ok(())
    }
}

impl Wire for Message {
    type Setup = Side;
    type Codec = Codec;
    const KINDS: &'static [&'static str] = &["search", "get", "listing", "content", "busy", "refused"];

    fn codec(side: Side) -> Codec {
        Codec { side, scan: HeadScan::default(), listing: None }
    }

    fn wire_len(&self) -> u32 {
        match self {
            Message::Request(request) => request.encoded_len(),
            Message::Response(response) => response.encoded_len(),
            Message::Listing(listing) => listing.head.encoded_len() + listing.text.len() as u32,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Message::Request(request) if request.target.starts_with("/search") => 0,
            Message::Request(_) => 1,
            Message::Listing(_) => 2,
            Message::Response(head) => match head.status {
                http::OK | http::PARTIAL_CONTENT => 3,
                http::SERVICE_UNAVAILABLE => 4,
                _ => 5,
            },
        }
    }

    fn pauses(&self) -> bool {
        match self {
            Message::Response(head) => head.headers.content_length().is_ok_and(|len| len > 0),
            Message::Request(_) | Message::Listing(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info() -> impl Strategy<Value = FileInfo> {
        let digest = any::<([u8; 20], [u8; 16])>().prop_flat_map(|(head, tail)| {
            let kzhash = [&head[..], &tail].concat().try_into().expect("these are 36 bytes");
            prop::sample::select(vec![Digest::Md5(tail), Digest::Sha1(head), Digest::KzHash(kzhash)])
        });
        ("\\PC{1,30}", any::<u64>(), prop::option::of(digest), any::<(u32, u32, u32)>()).prop_map(
            |(name, size, digest, (bitrate_kbps, frequency_hz, duration_s))| FileInfo {
                name: name.into(),
                size,
                digest,
                media: Media { bitrate_kbps, frequency_hz, duration_s },
                ..FileInfo::default()
            },
        )
    }

    fn query() -> impl Strategy<Value = Query> {
        let range = || prop::option::of(any::<(u32, u32)>());
        ("\\PC{0,30}", range(), range(), any::<u32>()).prop_map(|(words, bitrate, size, results_max)| {
            let range =
                |r: Option<(u32, u32)>| r.map_or_else(Range::default, |(min, max)| Range { min, max });
            Query { words, bitrate_kbps: range(bitrate), size: range(size), results_max, ..Query::default() }
        })
    }

    fn message() -> impl Strategy<Value = (Side, Message)> {
        let request = |r| (Side::Server, Message::Request(Box::new(r)));
        let listing = |files: Vec<(u32, FileInfo)>| {
            Message::Listing(Box::new(Listing::of(files.iter().map(|(number, info)| (*number, info)))))
        };
        prop_oneof![
            query().prop_map(move |q| request(search_request(&q, "127.0.0.1:80"))),
            any::<(u32, u64)>().prop_map(move |(n, have)| request(file_request(n, have, "127.0.0.1:80"))),
            prop::collection::vec((any::<u32>(), info()), 0..5).prop_map(move |f| (Side::Client, listing(f))),
            (any::<Option<u32>>(), any::<u32>()).prop_map(|(first, size)| {
                let range = first.map(|first| http::ByteRange::From(first.into()));
                (Side::Client, Message::Response(Box::new(Response::to_range(range, size.into()).0)))
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_message_survives_every_cut((side, message) in message(), step in 1usize..64) {
            let mut wire = BytesMut::new();
            Message::codec(side).encode(message.clone(), &mut wire).unwrap();
            prop_assert_eq!(wire.len() as u32, message.wire_len());
            let mut codec = Message::codec(side);
            let mut src = BytesMut::new();
            let mut found = None;
            for piece in wire.chunks(step) {
                prop_assert!(found.is_none());
                src.extend_from_slice(piece);
                found = codec.decode(&mut src).unwrap();
            }
            prop_assert!(src.is_empty());
            prop_assert_eq!(found, Some(message));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for side in [Side::Server, Side::Client] {
                let _ = Message::codec(side).decode(&mut BytesMut::from(&bytes[..]));
            }
        }

        #[test]
        fn results_come_back_as_listed(files in prop::collection::vec((any::<u32>(), info()), 0..9)) {
            let listing = Listing::of(files.iter().map(|(number, info)| (*number, info)));
            let lines = files.into_iter().map(|(number, info)| Line { number, info });
            prop_assert_eq!(listing.lines().collect::<Vec<_>>(), lines.collect::<Vec<_>>());
        }

        #[test]
        fn a_query_is_understood_as_meant(query in query()) {
            prop_assert_eq!(Asked::of(&search_request(&query, "h")), Asked::Search(query));
        }
    }

    #[test]
    fn nonsense_lines_are_left_out() {
        for line in ["", "1", "1\t2\tzz\t0\t0\t0\tx", "1\t2\té0\t0\t0\t0\tx", "-1\t2\t-\t0\t0\t0\tx"] {
            assert_eq!(parse_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_listing_beyond_the_limit_is_refused_before_it_is_read() {
        let head = Response::new(http::OK).with("Content-Type", LISTING_TYPE);
        let mut wire = BytesMut::new();
        head.with("Content-Length", LISTING_BYTES_MAX + 1).encode(&mut wire);
        assert!(matches!(Message::codec(Side::Client).decode(&mut wire), Err(WireError::TooLong { .. })));
    }
}
