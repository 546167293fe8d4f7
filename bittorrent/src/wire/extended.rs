//! The extension protocol's own handshake (BEP 10).

use std::net::Ipv4Addr;

use common::wire::WireError;

use super::compact;
use crate::bencode::{Dict, Value, dict};

/// The id of the extension protocol's handshake. Others are what each side has numbered.
pub const EXTENDED_HANDSHAKE: u8 = 0;
/// The most values in a message of the extension protocol. A peer's handshake has a few dozen.
const VALUES_MAX: usize = 4_096;

const METADATA: &[u8] = b"ut_metadata";
const EXCHANGE: &[u8] = b"ut_pex";

/// What a client says of its extensions. It may be said again, and then only of what has changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtendedHandshake {
    /// The id under which it takes messages of metadata (BEP 9). 0 switches them off; `None` says nothing, and what was said
    /// before holds.
    pub metadata_id: Option<u8>,
    /// The same for peer exchange (BEP 11).
    pub exchange_id: Option<u8>,
    /// Where it listens; of use to whom it has dialled.
    pub port: Option<u16>,
    /// Its name and version, at most 512 bytes.
    pub client: Option<Box<str>>,
    /// The address of whoever hears this, as it is seen by whoever says it.
    pub yourip: Option<Ipv4Addr>,
    /// Requests that it keeps waiting at most.
    pub reqq: Option<u32>,
    /// Bytes of the torrent's `info`, if it has that. Not yet bounded: whoever asks for it knows what to do with how much.
    pub metadata_size: Option<u32>,
    /// It wants nothing (BEP 21).
    pub upload_only: bool,
}

impl ExtendedHandshake {
    /// What goes on the wire behind the id.
    pub fn encode(&self) -> Vec<u8> {
        let mut names = dict();
        let ids = [(METADATA, self.metadata_id), (EXCHANGE, self.exchange_id)];
        for (name, id) in ids.into_iter().filter_map(|(name, id)| Some((name, id?))) {
            names.put_integer(name, i64::from(id));
        }
        let mut message = dict();
        message.put_raw(b"m", &names.finish());
        let numbers: [(&[u8], Option<u32>); 4] = [
            (b"p", self.port.map(u32::from)),
            (b"reqq", self.reqq),
            (b"metadata_size", self.metadata_size),
            (b"upload_only", self.upload_only.then_some(1)),
        ];
        for (key, number) in numbers.into_iter().filter_map(|(key, number)| Some((key, number?))) {
            message.put_integer(key, i64::from(number));
        }
        if let Some(client) = &self.client {
            message.put_bytes(b"v", client.as_bytes());
        }
        if let Some(ip) = self.yourip {
            message.put_bytes(b"yourip", ip.octets());
        }
        message.finish()
    }

    /// Reads it. Entries of the wrong kind or out of their range say nothing.
    ///
    /// # Errors
    /// What is no dictionary.
    pub fn parse(payload: &[u8]) -> Result<ExtendedHandshake, WireError> {
        let (message, _) = parse_dict(payload, "extension handshake")?;
        let names = message.get(b"m").and_then(Value::as_dict);
        let id = |name: &[u8]| names.and_then(|names| number(names, name));
        Ok(ExtendedHandshake {
            metadata_id: id(METADATA),
            exchange_id: id(EXCHANGE),
            port: number(&message, b"p").filter(|port| *port != 0),
            client: message.get(b"v").and_then(Value::as_bytes).map(compact::text),
            yourip: message.get(b"yourip").and_then(Value::as_bytes).and_then(ipv4),
            reqq: number(&message, b"reqq"),
            metadata_size: number(&message, b"metadata_size"),
            upload_only: message
                .get(b"upload_only")
                .and_then(Value::as_integer)
                .is_some_and(|only| only != 0),
        })
    }
}

/// A dictionary at the start of a message of the extension protocol, and its length.
pub(super) fn parse_dict<'a>(payload: &'a [u8], what: &'static str) -> Result<(Dict<'a>, usize), WireError> {
    match Value::parse_within(payload, VALUES_MAX) {
        Ok((Value::Dict(dict), len)) => Ok((dict, len)),
        _ => Err(WireError::Malformed(what)),
    }
}

/// A number of a dictionary, if it is there and in the range of its kind.
pub(super) fn number<N: TryFrom<i64>>(dict: &Dict<'_>, key: &[u8]) -> Option<N> {
    dict.get(key).and_then(Value::as_integer).and_then(|number| N::try_from(number).ok())
}

fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}
