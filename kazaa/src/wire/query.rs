//! The query (message 06).
//!
//! ```text
//! 00 01, results at most, id, 01, realm, count of terms
//! per term: comparison, field, length, value
//! ```
//!
//! Between this and what a user asks ([`common::user::Query`]):
//!
//! | the user's | on the wire |
//! |---|---|
//! | words | one term: the words are a substring of any tag |
//! | `uuhash:` and 40 hexadecimal digits, `kzhash:` and 72 | a term: the hash equals these 20 bytes, the first of a kzhash |
//! | bit rate, duration, size | terms: at least, at most, equals |
//! | words excluded by `-`, sampling rate, the holder's line | nothing: there is no word for them, and they are left to whoever gets the results |

use bytes::{Buf, BufMut};
use common::digest::Digest;
use common::user;
use serde::{Deserialize, Serialize};

use super::tag::{self, Field};
use super::text::text;
use super::transfer::from_hex;
use super::{Realm, ours, packed};

/// The most terms of a query; KaZaA's forms have some ten.
pub const TERMS_MAX: usize = 32;
/// The words of a user's query are cut at so many bytes.
const WORDS_BYTES_MAX: usize = 512;
const UUHASH: &str = "uuhash:";
const KZHASH: &str = "kzhash:";
const HASH_BYTES: usize = 20;

/// What somebody looks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Parts")]
pub struct Query {
    /// At most so many results; KaZaA asks for 50, giFT for 1,000.
    pub results_max: u16,
    /// The searcher's number for it.
    pub id: u16,
    /// Which kind of media.
    pub realm: Realm,
    /// All must hold. At most [`TERMS_MAX`]; fixed once the length is known.
    pub terms: Box<[Term]>,
    #[serde(skip)]
    len: u32,
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Term {
    /// How to compare.
    pub comparison: Comparison,
    /// With which tag's value.
    pub field: Field,
    /// The value: text, 20 bytes of a hash, or a packed number.
    pub value: Box<[u8]>,
}

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Comparison {
    /// 00
    Equals,
    /// 02
    AtMost,
    /// 03
    Approximately,
    /// 04
    AtLeast,
    /// 05: all words occur.
    Substring,
    /// Another: every KaZaA sends a term with 06 and field 25, and nobody else knows what for. Such terms are passed over.
    Other(u8),
}

/// A query without its length.
#[derive(Deserialize)]
struct Parts {
    results_max: u16,
    id: u16,
    realm: Realm,
    #[serde(deserialize_with = "ours::bounded::<_, _, { TERMS_MAX }>")]
    terms: Box<[Term]>,
}

impl From<Parts> for Query {
    fn from(Parts { results_max, id, realm, terms }: Parts) -> Query {
        Query::new(results_max, id, realm, terms)
    }
}

impl Query {
    /// A query of these parts.
    pub fn new(results_max: u16, id: u16, realm: Realm, terms: impl Into<Box<[Term]>>) -> Query {
        let terms = terms.into();
        let len = 2 + 2 + 2 + 1 + 1 + 1 + terms.iter().map(Term::len).sum::<u32>();
        Query { results_max, id, realm, terms, len }
    }

    /// What a user asks, as far as there are words for it; at most `results_max` results unless the user says otherwise.
    pub fn of_user(asked: &user::Query, id: u16, results_max: u16) -> Query {
        let mut terms = Vec::new();
        let mut words = String::new();
        for word in asked.words.split_whitespace().filter(|word| !word.starts_with('-')) {
            if let Some(hash) = content_named(word).as_ref().and_then(Digest::uuhash) {
                terms.push(Term::hash(hash));
            } else if words.len() + 1 + word.len() <= WORDS_BYTES_MAX {
                tag::append(word.as_bytes(), &mut words);
            }
        }
        if !words.is_empty() {
            terms.insert(0, Term::words(&words));
        }
        for (field, range) in [
            (Field::BITRATE, asked.bitrate_kbps),
            (Field::DURATION, asked.duration_s),
            (Field::SIZE, asked.size),
        ] {
            terms.extend(Term::range(field, range));
        }
        // A user may type any number of hashes.
        terms.truncate(TERMS_MAX);
        let results_max = match asked.results_max {
            0 => results_max,
            wanted => u16::try_from(wanted).unwrap_or(u16::MAX),
        };
        Query::new(results_max, id, Realm::Any, terms)
    }

    /// What is asked, in a user's words. Nothing excludes a word here: a `-` before it is none.
    pub fn to_user(&self) -> user::Query {
        let mut asked = user::Query { results_max: u32::from(self.results_max), ..user::Query::default() };
        for term in &self.terms {
            let range = match term.field {
                Field::BITRATE => &mut asked.bitrate_kbps,
                Field::DURATION => &mut asked.duration_s,
                Field::SIZE => &mut asked.size,
                Field::HASH => {
                    if let Some(hash) = term.as_hash() {
                        let hash = Digest::UuHash(*hash);
                        tag::append(format!("{UUHASH}{hash}").as_bytes(), &mut asked.words);
                    }
                    continue;
                }
                _ => {
                    if term.is_text() {
                        let text = text(&term.value);
                        let words = text.split_whitespace().map(|word| word.trim_start_matches('-'));
                        words
                            .filter(|word| !word.is_empty())
                            .for_each(|word| tag::append(word.as_bytes(), &mut asked.words));
                    }
                    continue;
                }
            };
            term.narrow(range);
        }
        asked
    }

    /// The content that is asked for, if it is asked for by its hash.
    pub fn content(&self) -> Option<&[u8; HASH_BYTES]> {
        self.terms.iter().find_map(Term::as_hash)
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Writes a query of at most [`TERMS_MAX`] terms.
    pub(super) fn put(&self, dst: &mut impl BufMut) {
        dst.put_slice(&[0, 1]);
        dst.put_u16(self.results_max);
        dst.put_u16(self.id);
        dst.put_slice(&[1, self.realm.byte(), self.terms.len() as u8]);
        self.terms.iter().for_each(|term| term.put(dst));
    }

    pub(super) fn take(mut src: &[u8]) -> Option<Query> {
        src.split_off(..2)?;
        let (results_max, id) = (src.try_get_u16().ok()?, src.try_get_u16().ok()?);
        src.split_off(..1)?;
        let realm = Realm::of_byte(src.try_get_u8().ok()?);
        let count = usize::from(src.try_get_u8().ok()?);
        if count > TERMS_MAX {
            return None;
        }
        let terms = (0..count).map(|_| Term::take(&mut src)).collect::<Option<Box<[Term]>>>()?;
        Some(Query::new(results_max, id, realm, terms))
    }
}

impl Term {
    /// All these words occur somewhere.
    pub fn words(words: &str) -> Term {
        Term { comparison: Comparison::Substring, field: Field::ANY, value: words.as_bytes().into() }
    }

    /// The content has this UUHash.
    pub fn hash(uuhash: &[u8; HASH_BYTES]) -> Term {
        Term { comparison: Comparison::Equals, field: Field::HASH, value: (*uuhash).into() }
    }

    /// A tag's value compared with a number.
    pub fn number(comparison: Comparison, field: Field, number: u32) -> Term {
        let mut value = Vec::new();
        packed::put(u64::from(number), &mut value);
        Term { comparison, field, value: value.into() }
    }

    /// A tag's value is in a range: no, one or two terms.
    fn range(field: Field, range: user::Range) -> impl Iterator<Item = Term> {
        let any = user::Range::default();
        let terms = if range.min == range.max {
            [Some((Comparison::Equals, range.min)), None]
        } else {
            let at_least = (range.min != any.min).then_some((Comparison::AtLeast, range.min));
            [at_least, (range.max != any.max).then_some((Comparison::AtMost, range.max))]
        };
        let terms = terms.into_iter().flatten();
        terms.map(move |(comparison, number)| Term::number(comparison, field, number))
    }

    /// The hash that it asks for.
    fn as_hash(&self) -> Option<&[u8; HASH_BYTES]> {
        let is_hash = self.field == Field::HASH && self.comparison == Comparison::Equals;
        if is_hash { (&*self.value).try_into().ok() } else { None }
    }

    /// True if it compares text in a way that is understood.
    fn is_text(&self) -> bool {
        matches!(self.comparison, Comparison::Equals | Comparison::Substring | Comparison::Approximately)
    }

    /// Narrows a range to what it allows.
    fn narrow(&self, range: &mut user::Range) {
        let Some(number) = packed::take(&mut &*self.value) else { return };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        match self.comparison {
            Comparison::Equals => *range = user::Range::exactly(number),
            Comparison::AtLeast => range.min = range.min.max(number),
            Comparison::AtMost => range.max = range.max.min(number),
            // How near is near enough nobody knows.
            Comparison::Approximately | Comparison::Substring | Comparison::Other(_) => {}
        }
    }

    fn len(&self) -> u32 {
        let value = self.value.len();
        1 + packed::len(u64::from(self.field.0)) + packed::len(value as u64) + value as u32
    }

    fn put(&self, dst: &mut impl BufMut) {
        dst.put_u8(self.comparison.byte());
        packed::put(u64::from(self.field.0), dst);
        packed::put(self.value.len() as u64, dst);
        dst.put_slice(&self.value);
    }

    fn take(src: &mut &[u8]) -> Option<Term> {
        let comparison = Comparison::of_byte(src.try_get_u8().ok()?);
        let field = Field(packed::take_u32(src)?);
        Some(Term { comparison, field, value: packed::take_bytes(src)?.into() })
    }
}

impl Comparison {
    fn byte(self) -> u8 {
        match self {
            Comparison::Equals => 0x00,
            Comparison::AtMost => 0x02,
            Comparison::Approximately => 0x03,
            Comparison::AtLeast => 0x04,
            Comparison::Substring => 0x05,
            Comparison::Other(byte) => byte,
        }
    }

    fn of_byte(byte: u8) -> Comparison {
        match byte {
            0x00 => Comparison::Equals,
            0x02 => Comparison::AtMost,
            0x03 => Comparison::Approximately,
            0x04 => Comparison::AtLeast,
            0x05 => Comparison::Substring,
            other => Comparison::Other(other),
        }
    }
}

/// The content that a user's word names: `uuhash:` or `kzhash:` and the hash in hexadecimal.
pub fn content_named(word: &str) -> Option<Digest> {
    match (word.strip_prefix(UUHASH), word.strip_prefix(KZHASH)) {
        (Some(digits), _) => from_hex(digits.as_bytes()).map(Digest::UuHash),
        (_, Some(digits)) => from_hex(digits.as_bytes()).map(Digest::KzHash),
        _ => None,
    }
}
