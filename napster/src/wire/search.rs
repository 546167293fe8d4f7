//! The query of a search (type 200): the protocol's small grammar.
//!
//! Keywords in any order and any case: `FILENAME CONTAINS "words"` and `FILENAME EXCLUDES "words"`
//! (repeatable), `MAX_RESULTS n`, `TYPE mime`, `LOCAL_ONLY`, and `LINESPEED`, `BITRATE`, `FREQ`, `SIZE`,
//! `DURATION` each with `"AT LEAST"`, `"AT BEST"` or `"EQUAL TO"` and a number, quoted or not.

use common::user::{Query, Range};

use super::field::{Fields, number};
use super::text::Line;

/// Keyword pairs of one query; more make it invalid. A frame holds few more anyway.
const CLAUSES_MAX: usize = 64;

/// A query, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Words to find, as sent, one entry for each `CONTAINS`; a word prefixed `-` is excluded.
    pub contains: Vec<Box<[u8]>>,
    /// Words to exclude, one entry for each `EXCLUDES`.
    pub excludes: Vec<Box<[u8]>>,
    /// At most so many hits; zero and `None` mean the server's maximum.
    pub results_max: Option<u32>,
    /// Which media; `None` is MP3, what plain shares are.
    pub media: Option<MediaType>,
    /// Not to be asked of linked servers.
    pub local_only: bool,
    /// The owner's link.
    pub speed: Range,
    /// Kilobits per second.
    pub bitrate_kbps: Range,
    /// Samples per second.
    pub frequency_hz: Range,
    /// Bytes.
    pub size: Range,
    /// Seconds.
    pub duration_s: Range,
}

/// Which media a search wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MediaType {
    /// Every file.
    Any,
    /// Files of this type, lower-cased.
    Named(Box<[u8]>),
}

/// Why a query could not be read; servers say which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// A closing quote is missing.
    #[error("parameters are unparsable")]
    Unparsable,
    /// An unknown keyword, or one without what belongs to it.
    #[error("invalid search request")]
    Invalid,
}

impl Request {
    /// Reads a query.
    pub fn parse(data: &[u8]) -> Result<Request, RequestError> {
        if Fields::new(data).is_unterminated() {
            return Err(RequestError::Unparsable);
        }
        let mut fields = Fields::new(data);
        let mut request = Request::default();
        for _ in 0..CLAUSES_MAX {
            match fields.take() {
                Some(keyword) => request.clause(&keyword.to_ascii_uppercase(), &mut fields)?,
                None => return Ok(request),
            }
        }
        Err(RequestError::Invalid)
    }

    fn clause(&mut self, keyword: &[u8], fields: &mut Fields<'_>) -> Result<(), RequestError> {
        match keyword {
            b"FILENAME" => {
                let verb = fields.take().ok_or(RequestError::Invalid)?.to_ascii_uppercase();
                let words = fields.take().ok_or(RequestError::Invalid)?.into();
                match &verb[..] {
                    b"CONTAINS" => self.contains.push(words),
                    b"EXCLUDES" => self.excludes.push(words),
                    _ => return Err(RequestError::Invalid),
                }
            }
            b"MAX_RESULTS" => self.results_max = Some(take_number(fields)?),
            b"TYPE" => {
                let name = fields.take().ok_or(RequestError::Invalid)?.to_ascii_lowercase();
                self.media =
                    Some(if name == b"any" { MediaType::Any } else { MediaType::Named(name.into()) });
            }
            b"LOCAL_ONLY" | b"LOCAL" => self.local_only = true,
            b"LINESPEED" => narrow(&mut self.speed, fields)?,
            b"BITRATE" => narrow(&mut self.bitrate_kbps, fields)?,
            b"FREQ" => narrow(&mut self.frequency_hz, fields)?,
            b"SIZE" => narrow(&mut self.size, fields)?,
            b"DURATION" => narrow(&mut self.duration_s, fields)?,
            _ => return Err(RequestError::Invalid),
        }
        Ok(())
    }
}

/// Digits and nothing else. An empty field is 0, as for real servers, and so is a negative number.
fn take_number(fields: &mut Fields<'_>) -> Result<u32, RequestError> {
    let field = fields.take().ok_or(RequestError::Invalid)?;
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(RequestError::Invalid);
    }
    let is_negative = digits.len() < field.len();
    let number = if is_negative { 0 } else { number(digits).unwrap_or(0) };
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// `op n`: a bound on top of those given before.
fn narrow(range: &mut Range, fields: &mut Fields<'_>) -> Result<(), RequestError> {
    let op = fields.take().ok_or(RequestError::Invalid)?.to_ascii_uppercase();
    let value = take_number(fields)?;
    let bound = match &op[..] {
        b"AT LEAST" => Range::at_least(value),
        b"AT BEST" => Range::at_most(value),
        b"EQUAL TO" => Range::exactly(value),
        _ => return Err(RequestError::Invalid),
    };
    *range = Range { min: range.min.max(bound.min), max: range.max.min(bound.max) };
    Ok(())
}

/// A user's query as clients write it, `None` if it has no word to look for. Words with a leading `-` go into
/// `EXCLUDES`; a `"` cannot be sent and parts words instead.
pub fn request_of(query: &Query) -> Option<Line> {
    let words = query.words.replace(|c: char| c == '"' || c.is_control(), " ");
    let (out, of): (Vec<&str>, Vec<&str>) = words.split_whitespace().partition(|word| word.starts_with('-'));
    if of.is_empty() {
        return None;
    }
    let mut text = format!("FILENAME CONTAINS \"{}\"", of.join(" "));
    let out: Vec<&str> =
        out.iter().map(|word| word.trim_start_matches('-')).filter(|w| !w.is_empty()).collect();
    if !out.is_empty() {
        text += &format!(" FILENAME EXCLUDES \"{}\"", out.join(" "));
    }
    if query.results_max > 0 {
        text += &format!(" MAX_RESULTS {}", query.results_max);
    }
    write_range(&mut text, "LINESPEED", query.speed, "");
    write_range(&mut text, "BITRATE", query.bitrate_kbps, "\"");
    write_range(&mut text, "FREQ", query.frequency_hz, "\"");
    write_range(&mut text, "SIZE", query.size, "");
    write_range(&mut text, "DURATION", query.duration_s, "");
    Some(Line::from(text))
}

fn write_range(text: &mut String, keyword: &str, range: Range, quote: &str) {
    let Range { min, max } = range;
    if min == max {
        *text += &format!(" {keyword} \"EQUAL TO\" {quote}{min}{quote}");
        return;
    }
    if min > 0 {
        *text += &format!(" {keyword} \"AT LEAST\" {quote}{min}{quote}");
    }
    if max < u32::MAX {
        *text += &format!(" {keyword} \"AT BEST\" {quote}{max}{quote}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheets_query_is_read() {
        let request = Request::parse(b"FILENAME CONTAINS \"test\" MAX_RESULTS 10").unwrap();
        assert_eq!((&*request.contains[0], request.results_max), (&b"test"[..], Some(10)));
    }

    #[test]
    fn keywords_come_in_any_order_and_case_and_numbers_quoted_or_not() {
        let text =
            b"bitrate \"at least\" \"128\" SIZE \"AT BEST\" 5000000 freq \"EQUAL TO\" 44100 LOCAL_ONLY \
            filename excludes \"live\" TYPE any LINESPEED \"AT LEAST\" 4 FILENAME CONTAINS \"a b\" \
            BITRATE \"AT BEST\" \"192\"";
        let request = Request::parse(text).unwrap();
        assert_eq!(request.bitrate_kbps, Range { min: 128, max: 192 });
        assert_eq!((request.size, request.frequency_hz), (Range::at_most(5_000_000), Range::exactly(44_100)));
        assert_eq!((request.speed, request.local_only), (Range::at_least(4), true));
        assert_eq!((request.media, &*request.excludes[0]), (Some(MediaType::Any), &b"live"[..]));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, error) in [
            (&b"FILENAME CONTAINS \"test"[..], RequestError::Unparsable),
            (b"COLOUR \"blue\"", RequestError::Invalid),
            (b"FILENAME CONTAINS", RequestError::Invalid),
            (b"BITRATE \"ABOUT\" 128", RequestError::Invalid),
            (b"MAX_RESULTS many", RequestError::Invalid),
            (&b"LOCAL_ONLY ".repeat(CLAUSES_MAX + 1), RequestError::Invalid),
        ] {
            assert_eq!(Request::parse(text), Err(error), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_users_query_comes_out_as_it_went_in() {
        let query = Query {
            words: "deep \"blue\" -live -".into(),
            bitrate_kbps: Range { min: 128, max: 256 },
            size: Range::at_least(1000),
            results_max: 7,
            ..Query::default()
        };
        let request = Request::parse(request_of(&query).unwrap().as_bytes()).unwrap();
        assert_eq!((&*request.contains[0], &*request.excludes[0]), (&b"deep blue"[..], &b"live"[..]));
        assert_eq!((request.bitrate_kbps, request.size), (query.bitrate_kbps, query.size));
        assert_eq!((request.results_max, request.speed), (Some(7), Range::default()));
        assert_eq!(request_of(&Query::words("-only -exclusions")), None);
    }
}
