//! The notation of metainfo, trackers' answers and extension messages (BEP 3): integers, byte strings, lists, dictionaries.
//!
//! Reading is tolerant where old programs are not exact, since their files are there: keys in any order, the first of two equal
//! ones counts. It is bounded in all respects. Writing is exact: keys are sorted, numbers have no leading zeros.
//!
//! ```
//! use bittorrent::bencode::{Value, Writer};
//!
//! let value = Value::parse(b"d3:cow3:moo4:spaml1:ai-3eee").unwrap();
//! let dict = value.as_dict().unwrap();
//! assert_eq!(dict.get(b"cow").and_then(Value::as_bytes), Some(&b"moo"[..]));
//! assert_eq!(dict.raw(b"spam"), Some(&b"l1:ai-3ee"[..]));
//!
//! let mut writer = Writer::default();
//! writer.bytes(b"cow", b"moo").integer(b"age", 7);
//! assert_eq!(writer.finish(), b"d3:agei7e3:cow3:mooe");
//! ```

use std::collections::BTreeMap;

/// The deepest nesting. A `.torrent` has five levels.
pub const DEPTH_MAX: usize = 32;
/// The most values in one text: a torrent of 100,000 files with paths of some components has fewer.
pub const VALUES_MAX: usize = 2_000_000;

/// A value, borrowed from its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// `i-3e`. Larger ones than fit are refused.
    Integer(i64),
    /// `4:spam`.
    Bytes(&'a [u8]),
    /// `l…e`.
    List(Vec<Value<'a>>),
    /// `d…e`.
    Dict(Dict<'a>),
}

/// A dictionary, its entries in the order of the text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dict<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry<'a> {
    key: &'a [u8],
    /// The value as it stands in the text.
    raw: &'a [u8],
    value: Value<'a>,
}

/// Why a text is not bencoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BencodeError {
    /// It ends too early.
    #[error("it ends in the middle of a value")]
    Truncated,
    /// A character that cannot stand where it does.
    #[error("byte {0} cannot be where it is")]
    Unexpected(usize),
    /// An integer with a leading zero, of minus zero, or too large.
    #[error("the number at byte {0} is not written as it must be")]
    Number(usize),
    /// Too deeply nested, or too many values.
    #[error("it is nested too deeply, or has too many values")]
    TooMuch,
    /// Something follows the value.
    #[error("something follows its end at byte {0}")]
    Trailing(usize),
}

impl<'a> Value<'a> {
    /// Reads a text that is one value.
    ///
    /// # Errors
    /// Whatever is none, or goes on after it.
    pub fn parse(text: &'a [u8]) -> Result<Self, BencodeError> {
        match Value::parse_prefix(text)? {
            (value, len) if len == text.len() => Ok(value),
            (_, len) => Err(BencodeError::Trailing(len)),
        }
    }

    /// Reads the value that a text begins with, and says how long it is.
    ///
    /// # Errors
    /// If it begins with none.
    pub fn parse_prefix(text: &'a [u8]) -> Result<(Self, usize), BencodeError> {
        let mut reader = Reader { text, at: 0, values: 0 };
        let value = reader.value(0)?;
        Ok((value, reader.at))
    }

    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The integer, if it is one that is not negative and fits.
    pub fn as_unsigned<N: TryFrom<i64>>(&self) -> Option<N> {
        self.as_integer().filter(|integer| *integer >= 0).and_then(|integer| integer.try_into().ok())
    }

    /// The byte string, if it is one.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The byte string as text, if it is one of UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The byte string as text, with substitutes for what is not UTF-8.
    pub fn as_text(&self) -> Option<Box<str>> {
        self.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into())
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    pub fn as_dict(&self) -> Option<&Dict<'a>> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

impl<'a> Dict<'a> {
    /// The value of a key; of the first, if it is there more than once.
    pub fn get(&self, key: &[u8]) -> Option<&Value<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key as it stands in the text.
    pub fn raw(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.entry(key).map(|entry| entry.raw)
    }

    /// Keys and values as they stand in the text.
    pub fn iter_raw(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.entries.iter().map(|entry| (entry.key, entry.raw))
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &Value<'a>)> {
        self.entries.iter().map(|entry| (entry.key, &entry.value))
    }

    /// True if the keys are in the order that they must be written in, each once.
    pub fn is_canonical(&self) -> bool {
        self.entries.is_sorted_by(|a, b| a.key < b.key)
    }

    fn entry(&self, key: &[u8]) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Result<u8, BencodeError> {
        self.text.get(self.at).copied().ok_or(BencodeError::Truncated)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        self.values += 1;
        if depth >= DEPTH_MAX || self.values > VALUES_MAX {
            return Err(BencodeError::TooMuch);
        }
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.integer(b'e').map(Value::Integer)
            }
            b'0'..=b'9' => self.string().map(Value::Bytes),
            b'l' => {
                self.at += 1;
                let mut list = Vec::new();
                while !self.ends()? {
                    list.push(self.value(depth + 1)?);
                }
                Ok(Value::List(list))
            }
            b'd' => {
                self.at += 1;
                let mut entries = Vec::new();
                while !self.ends()? {
                    let key = self.string()?;
                    let start = self.at;
                    let value = self.value(depth + 1)?;
                    entries.push(Entry { key, raw: &self.text[start..self.at], value });
                }
                Ok(Value::Dict(Dict { entries }))
            }
            _ => Err(BencodeError::Unexpected(self.at)),
        }
    }

    /// Takes the end of a list or a dictionary, if that is next.
    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    /// Digits up to `end`, which is taken too.
    fn integer(&mut self, end: u8) -> Result<i64, BencodeError> {
        let (start, text) = (self.at, self.text);
        // The longest there is, sign and end included.
        let digits = text[start..].iter().take(21).position(|byte| *byte == end);
        let Some(len) = digits else {
            return Err(if text.len() - start < 21 {
                BencodeError::Truncated
            } else {
                BencodeError::Number(start)
            });
        };
        let digits = &text[start..start + len];
        let (is_negative, unsigned) = match digits.strip_prefix(b"-") {
            Some(unsigned) => (true, unsigned),
            None => (false, digits),
        };
        let is_right = match unsigned {
            [] => false,
            [b'0'] => !is_negative,
            [b'0', ..] => false,
            digits => digits.iter().all(u8::is_ascii_digit),
        };
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        self.at += len + 1;
        number.filter(|_| is_right).ok_or(BencodeError::Number(start))
    }

    fn string(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.at;
        if !self.peek()?.is_ascii_digit() {
            return Err(BencodeError::Unexpected(start));
        }
        let len = self.integer(b':')?;
        let len = usize::try_from(len).map_err(|_| BencodeError::Number(start))?;
        let end = self.at.checked_add(len).ok_or(BencodeError::Truncated)?;
        let bytes = self.text.get(self.at..end).ok_or(BencodeError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }
}

/// Writes a dictionary; the keys may come in any order.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    entries: BTreeMap<Box<[u8]>, Vec<u8>>,
}

impl Writer {
    /// A byte string.
    pub fn bytes(&mut self, key: &[u8], value: &[u8]) -> &mut Self {
        self.raw(key, encode_bytes(value))
    }

    /// An integer.
    pub fn integer(&mut self, key: &[u8], value: i64) -> &mut Self {
        self.raw(key, format!("i{value}e").into_bytes())
    }

    /// Something that is encoded already.
    pub fn raw(&mut self, key: &[u8], encoded: Vec<u8>) -> &mut Self {
        self.entries.insert(key.into(), encoded);
        self
    }

    /// The text.
    pub fn finish(&self) -> Vec<u8> {
        let mut text = vec![b'd'];
        for (key, value) in &self.entries {
            text.extend(encode_bytes(key));
            text.extend(value);
        }
        text.push(b'e');
        text
    }
}

/// A byte string.
pub fn encode_bytes(value: &[u8]) -> Vec<u8> {
    let mut text = value.len().to_string().into_bytes();
    text.push(b':');
    text.extend(value);
    text
}

/// A list of what is encoded already.
pub fn encode_list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut text = vec![b'l'];
    items.into_iter().for_each(|item| text.extend(item));
    text.push(b'e');
    text
}
