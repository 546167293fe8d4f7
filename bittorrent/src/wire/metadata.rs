//! Metadata messages (BEP 9).

use crate::bencode::{BencodeError, Value, Writer};

/// A block of the `info` dictionary asked for, given or refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetadataMessage<'a> {
    /// Send me this block of 16 KiB.
    Request {
        /// Its number.
        piece: u32,
    },
    /// Here it is.
    Data {
        /// Its number.
        piece: u32,
        /// Bytes of all blocks.
        total_size: u32,
        /// Its bytes.
        data: &'a [u8],
    },
    /// You will not get it.
    Reject {
        /// Its number.
        piece: u32,
    },
    /// Of a type that is not known, which is to be passed over.
    Unknown,
}

const REQUEST: i64 = 0;
const DATA: i64 = 1;
const REJECT: i64 = 2;

impl<'a> MetadataMessage<'a> {
    /// Reads what follows the number of the extension.
    ///
    /// # Errors
    /// If it does not begin with a bencoded value.
    pub fn parse(payload: &'a [u8]) -> Result<Self, BencodeError> {
        let (value, len) = Value::parse_prefix(payload)?;
        let number = |key: &[u8]| value.as_dict().and_then(|dict| dict.get(key));
        let piece = number(b"piece").and_then(Value::as_unsigned);
        let (kind, Some(piece)) = (number(b"msg_type").and_then(Value::as_integer), piece) else {
            return Ok(MetadataMessage::Unknown);
        };
        Ok(match kind {
            Some(REQUEST) => MetadataMessage::Request { piece },
            Some(DATA) => {
                let total_size = number(b"total_size").and_then(Value::as_unsigned).unwrap_or(0);
                MetadataMessage::Data { piece, total_size, data: &payload[len..] }
            }
            Some(REJECT) => MetadataMessage::Reject { piece },
            _ => MetadataMessage::Unknown,
        })
    }

    /// What follows the number of the extension.
    ///
    /// # Panics
    /// For [`MetadataMessage::Unknown`], which nobody can say.
    pub fn encode(&self) -> Vec<u8> {
        let mut dict = Writer::default();
        let mut head = |kind, piece: u32| {
            dict.integer(b"msg_type", kind);
            dict.integer(b"piece", piece.into());
        };
        let mut following: &[u8] = &[];
        match *self {
            MetadataMessage::Request { piece } => head(REQUEST, piece),
            MetadataMessage::Reject { piece } => head(REJECT, piece),
            MetadataMessage::Data { piece, total_size, data } => {
                head(DATA, piece);
                dict.integer(b"total_size", total_size.into());
                following = data;
            }
            MetadataMessage::Unknown => unreachable!("nobody says what he does not know"),
        }
        let mut payload = dict.finish();
        payload.extend(following);
        payload
    }
}
