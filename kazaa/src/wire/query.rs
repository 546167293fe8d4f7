//! The query (message 06).

use serde::{Deserialize, Serialize};

/// What somebody looks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Query {
    /// At most so many results; KaZaA asks for 50, giFT for 1,000.
    pub results_max: u16,
    /// The searcher's number for it.
    pub id: u16,
    /// Which kind of media.
    pub realm: Realm,
    /// All must hold.
    pub terms: Box<[Term]>,
}

/// A kind of media.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Realm {
    /// bf
    #[default]
    Any,
    /// a1
    Audio,
    /// a2
    Video,
    /// a3
    Image,
    /// a4
    Document,
    /// a5
    Software,
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
}

/// The number of a tag; 0 means any.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field(pub u32);
