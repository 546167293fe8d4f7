//! The notation of metainfo files, tracker answers and extension messages (BEP 3).
//!
//! | text | value |
//! |---|---|
//! | `i-3e` | an integer |
//! | `4:spam` | a string of bytes |
//! | `l…e` | a list |
//! | `d…e` | a dictionary: keys are strings, in the order of their raw bytes |
//!
//! Reading is bounded, and patient in one point only: keys out of order, or twice, are what some old programs write. The first of
//! two wins, and [`Dict::is_canonical`] tells. Writing sorts keys itself. Values borrow from what they were read from, and each entry
//! of a dictionary keeps the span of its raw bytes: an info hash is one over the bytes as they stand, never over bytes written anew.
//!
//! ```
//! use bittorrent::bencode::{Value, dict};
//!
//! let bytes = dict().put_bytes(b"name", "polka").put_integer(b"length", 7).finish();
//! assert_eq!(bytes, b"d6:lengthi7e4:name5:polkae");
//! let value = Value::parse(&bytes).unwrap();
//! assert_eq!(value.as_dict().unwrap().get(b"length").unwrap().as_integer(), Some(7));
//! ```

mod read;
mod write;

pub use write::{DictWriter, bytes, dict, integer, list};

/// How deep lists and dictionaries may lie in each other. A metainfo needs six levels; libtorrent takes a hundred, as deep as the
/// stack allows there.
pub const NESTING_MAX: usize = 32;
/// The most values of one input, those inside others counted. A torrent of 100,000 files has some 600,000.
pub const VALUES_MAX: usize = 1 << 20;

/// What one piece of text says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value<'a> {
    /// A number. The notation has no limit; here 64 bits are.
    Integer(i64),
    /// Bytes, mostly text in UTF-8.
    Bytes(&'a [u8]),
    /// Values in their order.
    List(Vec<Value<'a>>),
    /// Values by their keys.
    Dict(Dict<'a>),
}

/// A dictionary, in the order of its text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dict<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry<'a> {
    key: &'a [u8],
    value: Value<'a>,
    raw: &'a [u8],
}

/// Why bytes are not one value. Places count from the first byte, which is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BencodeError {
    /// The input ends inside a value.
    #[error("the text ends inside a value")]
    Ended,
    /// A byte that no rule allows here.
    #[error("byte {at} is not what the notation has there")]
    Unexpected {
        /// Where.
        at: usize,
    },
    /// A number with a leading zero, without digits, `-0`, or beyond 64 bits.
    #[error("the number at byte {at} is malformed or too large")]
    Number {
        /// Where it starts.
        at: usize,
    },
    /// More than [`NESTING_MAX`] levels.
    #[error("more than {NESTING_MAX} levels lie in each other at byte {at}")]
    TooDeep {
        /// Where the next one starts.
        at: usize,
    },
    /// More values than are taken.
    #[error("more than {max} values")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Something follows the value.
    #[error("something follows the value, from byte {at} on")]
    Trailing {
        /// Where it starts.
        at: usize,
    },
}

impl<'a> Value<'a> {
    /// Reads one value, which is the whole input.
    ///
    /// # Errors
    /// Input that is no value, or more than one, or beyond the limits.
    pub fn parse(bytes: &'a [u8]) -> Result<Value<'a>, BencodeError> {
        match Value::parse_prefix(bytes)? {
            (value, len) if len == bytes.len() => Ok(value),
            (_, at) => Err(BencodeError::Trailing { at }),
        }
    }

    /// Reads the value that the input starts with, and says how many bytes it has.
    ///
    /// # Errors
    /// As [`Value::parse`], but for what follows.
    pub fn parse_prefix(bytes: &'a [u8]) -> Result<(Value<'a>, usize), BencodeError> {
        Value::parse_within(bytes, VALUES_MAX)
    }

    /// As [`Value::parse_prefix`], with a limit of its own: a value takes up to 64 times its bytes, which a message of
    /// somebody unknown should not.
    ///
    /// # Errors
    /// As [`Value::parse_prefix`].
    pub fn parse_within(bytes: &'a [u8], values_max: usize) -> Result<(Value<'a>, usize), BencodeError> {
        read::prefix(bytes, values_max)
    }

    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if it is a string.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if it is a string in UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        self.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The values, if it is a list.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(values) => Some(values),
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
    /// The value of a key; of a key that is there twice, the first one.
    pub fn get(&self, key: &[u8]) -> Option<&Value<'a>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The bytes that are the value of a key, as they stand in the input.
    pub fn raw(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.entry(key).map(|entry| entry.raw)
    }

    /// All entries in the order of the input: key, value, and the value's raw bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &Value<'a>, &'a [u8])> {
        self.entries.iter().map(|entry| (entry.key, &entry.value, entry.raw))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True if the keys are sorted and none is there twice, as it should be. Dictionaries inside are asked for themselves.
    pub fn is_canonical(&self) -> bool {
        self.entries.is_sorted_by(|one, next| one.key < next.key)
    }

    fn entry(&self, key: &[u8]) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}
