//! `Range` and `Content-Range`.

use std::fmt;

use super::parse_decimal;

/// What a `Range` line asks for. Lists of ranges are not understood, as a server may decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteRange {
    /// `bytes=first-`: from there to the end.
    From(u64),
    /// `bytes=first-last`, both included.
    Between(u64, u64),
    /// `bytes=-len`: the last so many bytes.
    Last(u64),
}

impl ByteRange {
    /// Reads the value of a `Range` line.
    pub fn parse(value: &str) -> Option<ByteRange> {
        let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", last) => parse_decimal(last).map(ByteRange::Last),
            (first, "") => parse_decimal(first).map(ByteRange::From),
            (first, last) => {
                let (first, last) = (parse_decimal(first)?, parse_decimal(last)?);
                (first <= last).then_some(ByteRange::Between(first, last))
            }
        }
    }

    /// The `(offset, len)` it selects of a file of `size` bytes, never empty; `None` if nothing of it is inside.
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let (first, end) = match self {
            ByteRange::From(first) => (first, size),
            ByteRange::Between(first, last) => (first, last.saturating_add(1).min(size)),
            ByteRange::Last(len) => (size.saturating_sub(len), size),
        };
        (first < end).then(|| (first, end - first))
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ByteRange::From(first) => write!(f, "bytes={first}-"),
            ByteRange::Between(first, last) => write!(f, "bytes={first}-{last}"),
            ByteRange::Last(len) => write!(f, "bytes=-{len}"),
        }
    }
}

/// What a `Content-Range` line says a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, included.
    pub last: u64,
    /// The size of the whole file, if the server says it.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads the value of a `Content-Range` line. `bytes first-last/total`; some servents of the time wrote `=`
    /// for the space, so both are understood.
    pub fn parse(value: &str) -> Option<ContentRange> {
        let rest = value.trim().strip_prefix("bytes")?;
        let (range, total) = rest.trim_start_matches([' ', '=']).split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (parse_decimal(first.trim())?, parse_decimal(last.trim())?);
        let total = match total.trim() {
            "*" => None,
            digits => Some(parse_decimal(digits)?),
        };
        let inside = first <= last && total.is_none_or(|total| last < total);
        inside.then_some(ContentRange { first, last, total })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {}-{}/", self.first, self.last)?;
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}
