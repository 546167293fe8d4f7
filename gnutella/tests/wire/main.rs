//! The codec: every message at every split point, the bytes of real traffic, foreign habits, and malformed input.

mod corpus;
mod fixtures;
mod foreign;
mod payloads;
mod properties;

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use gnutella::guid::Guid;
use gnutella::wire::*;
use tokio_util::codec::{Decoder, Encoder};

const SETUPS: [Setup; 8] = [
    Setup::Accepted,
    Setup::Dialled,
    Setup::Answered,
    Setup::Descriptors,
    Setup::Client,
    Setup::Server,
    Setup::CacheClient,
    Setup::CacheServer,
];

/// The id of all examples of the protocol's text.
const ID: Guid =
    Guid([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0xff, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0]);

fn header(ttl: u8, hops: u8) -> Header {
    Header { guid: ID, ttl, hops }
}

fn encoded(message: Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    Message::codec(Setup::default()).encode(message, &mut bytes).expect("a message of legal size");
    bytes
}

/// Decodes until an error or the end of the stream; what came out, and the error.
fn exhaust(setup: Setup, bytes: &[u8]) -> (Vec<Message>, Option<WireError>) {
    let mut codec = Message::codec(setup);
    let mut buffer = BytesMut::from(bytes);
    let mut messages = Vec::new();
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// The one message that these bytes are.
fn one(setup: Setup, bytes: &[u8]) -> Message {
    let (mut messages, error) = exhaust(setup, bytes);
    assert!(error.is_none(), "{error:?} after {messages:?}");
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// Bytes written as in the protocol's text: hexadecimal pairs, and words in quotes.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (nth, part) in text.split('"').enumerate() {
        match nth % 2 {
            0 => {
                let digits: String = part.split_whitespace().collect();
                assert!(digits.len().is_multiple_of(2), "{part:?}");
                let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
                out.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits")));
            }
            _ => out.extend_from_slice(part.as_bytes()),
        }
    }
    out
}

/// A descriptor of the protocol's text: the id, then these bytes.
fn descriptor(text: &str) -> Vec<u8> {
    [&ID.0[..], &bytes(text)].concat()
}
