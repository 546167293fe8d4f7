//! Metadata: the `info` of a torrent from peer to peer, for whoever has only its info hash (BEP 9).

use common::wire::WireError;

use super::extended::{number, parse_dict};
use crate::bencode::dict;

/// Bytes of each piece of metadata but the last.
pub const METADATA_PIECE_BYTES: u32 = 16 * 1024;

/// What is said of metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetadataMessage<'a> {
    /// Send me this piece.
    Request {
        /// Which.
        piece: u32,
    },
    /// Here it is.
    Data {
        /// Which.
        piece: u32,
        /// Bytes of all pieces together, as whoever says it has them.
        total_size: u32,
        /// At most [`METADATA_PIECE_BYTES`]: it stands behind the dictionary in the same message.
        data: &'a [u8],
    },
    /// You will not get it.
    Reject {
        /// Which.
        piece: u32,
    },
    /// A type that is not known here, and that the text wants ignored.
    Unknown,
}

const REQUEST: u8 = 0;
const DATA: u8 = 1;
const REJECT: u8 = 2;

impl<'a> MetadataMessage<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// No dictionary, one without a type or a piece, or data beyond a piece.
    pub fn parse(payload: &'a [u8]) -> Result<MetadataMessage<'a>, WireError> {
        const WHAT: &str = "metadata message";
        let (message, len) = parse_dict(payload, WHAT)?;
        let kind: i64 = number(&message, b"msg_type").ok_or(WireError::Malformed(WHAT))?;
        let piece = || number(&message, b"piece").ok_or(WireError::Malformed(WHAT));
        Ok(match u8::try_from(kind) {
            Ok(REQUEST) => MetadataMessage::Request { piece: piece()? },
            Ok(DATA) => {
                let data = &payload[len..];
                if data.len() > METADATA_PIECE_BYTES as usize {
                    let (len, max) = (data.len() as u64, u64::from(METADATA_PIECE_BYTES));
                    return Err(WireError::TooLong { what: "piece of metadata", len, max });
                }
                let total_size = number(&message, b"total_size").ok_or(WireError::Malformed(WHAT))?;
                MetadataMessage::Data { piece: piece()?, total_size, data }
            }
            Ok(REJECT) => MetadataMessage::Reject { piece: piece()? },
            _ => MetadataMessage::Unknown,
        })
    }

    /// What goes on the wire behind the id.
    ///
    /// # Panics
    /// Asked for [`MetadataMessage::Unknown`], which is only heard.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = dict();
        let (kind, piece) = match self {
            MetadataMessage::Request { piece } => (REQUEST, piece),
            MetadataMessage::Data { piece, total_size, .. } => {
                message.put_integer(b"total_size", i64::from(*total_size));
                (DATA, piece)
            }
            MetadataMessage::Reject { piece } => (REJECT, piece),
            MetadataMessage::Unknown => panic!("nobody says what he does not know"),
        };
        message.put_integer(b"msg_type", i64::from(kind)).put_integer(b"piece", i64::from(*piece));
        let mut bytes = message.finish();
        if let MetadataMessage::Data { data, .. } = self {
            bytes.extend_from_slice(data);
        }
        bytes
    }
}
