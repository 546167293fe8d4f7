//! The handshake of the extension protocol (BEP 10).

use std::net::Ipv4Addr;

use crate::bencode::{BencodeError, Value, Writer};

/// The number of the handshake among extended messages.
pub const EXTENDED_HANDSHAKE: u8 = 0;
const METADATA: &[u8] = b"ut_metadata";
const EXCHANGE: &[u8] = b"ut_pex";

/// What somebody says of his extensions. It may come again, and says then only what has changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtendedHandshake {
    /// By which number he wants to get metadata messages (BEP 9); 0 switches them off.
    pub metadata_id: Option<u8>,
    /// By which number he wants peer exchange (BEP 11); 0 switches it off.
    pub exchange_id: Option<u8>,
    /// Where he listens.
    pub port: Option<u16>,
    /// His program.
    pub client: Option<Box<str>>,
    /// How he sees our address.
    pub yourip: Option<Ipv4Addr>,
    /// How many requests he takes without dropping any.
    pub reqq: Option<u32>,
    /// Bytes of the metadata that he has (BEP 9).
    pub metadata_size: Option<u32>,
    /// He wants nothing (BEP 21).
    pub upload_only: bool,
}

impl ExtendedHandshake {
    /// Reads what follows the number.
    ///
    /// # Errors
    /// If it is not bencoded. Values of a wrong kind are as good as none.
    pub fn parse(payload: &[u8]) -> Result<Self, BencodeError> {
        let value = Value::parse(payload)?;
        let Some(dict) = value.as_dict() else { return Ok(Self::default()) };
        let ids = dict.get(b"m").and_then(Value::as_dict);
        let id = |name: &[u8]| ids.and_then(|ids| ids.get(name)).and_then(Value::as_unsigned);
        let ip = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
        Ok(ExtendedHandshake {
            metadata_id: id(METADATA),
            exchange_id: id(EXCHANGE),
            port: dict.get(b"p").and_then(Value::as_unsigned).filter(|port| *port != 0),
            client: dict.get(b"v").and_then(Value::as_text),
            yourip: dict.get(b"yourip").and_then(Value::as_bytes).and_then(ip),
            reqq: dict.get(b"reqq").and_then(Value::as_unsigned),
            metadata_size: dict.get(b"metadata_size").and_then(Value::as_unsigned),
            upload_only: dict.get(b"upload_only").and_then(Value::as_integer).is_some_and(|flag| flag != 0),
        })
    }

    /// What follows the number.
    pub fn encode(&self) -> Vec<u8> {
        let mut ids = Writer::default();
        for (name, id) in [(METADATA, self.metadata_id), (EXCHANGE, self.exchange_id)] {
            if let Some(id) = id {
                ids.integer(name, id.into());
            }
        }
        let mut dict = Writer::default();
        dict.raw(b"m", ids.finish());
        if let Some(port) = self.port {
            dict.integer(b"p", port.into());
        }
        if let Some(client) = &self.client {
            dict.bytes(b"v", client.as_bytes());
        }
        if let Some(ip) = self.yourip {
            dict.bytes(b"yourip", &ip.octets());
        }
        if let Some(requests) = self.reqq {
            dict.integer(b"reqq", requests.into());
        }
        if let Some(size) = self.metadata_size {
            dict.integer(b"metadata_size", size.into());
        }
        if self.upload_only {
            dict.integer(b"upload_only", 1);
        }
        dict.finish()
    }
}
