//! The wire: known bytes, every message there and back, and what hostile bytes can do.

mod corpus;
mod files;
mod ours;
mod properties;
mod queries;
mod session;

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use kazaa::wire::*;
use tokio_util::codec::{Decoder, Encoder};

/// Both ends of a session between giFT-FastTrack, or a child of ours, and a supernode of ours.
pub fn keys() -> (SessionKey, SessionKey) {
    let child = Accept::OURS.session(&Hello::OURS).expect("our own choice is spoken");
    (child, Hello::OURS.accepted())
}

/// Every conversation there is.
pub fn setups() -> Vec<Setup> {
    let (child, supernode) = keys();
    let permuted = SessionKey { types: 0x09, ..supernode };
    vec![
        Setup::Accepted,
        Setup::Dialled,
        Setup::Session(child),
        Setup::Session(supernode),
        Setup::Session(permuted),
        Setup::Client,
        Setup::Server,
        Setup::SealedClient,
        Setup::SealedServer,
        Setup::LinkDialler,
        Setup::LinkAcceptor,
        Setup::ServiceClient,
        Setup::ServiceServer,
    ]
}

/// Bytes written as hexadecimal digits and quoted text.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (nth, part) in text.split('"').enumerate() {
        if nth % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        bytes.extend(digits.chunks(2).map(pair));
    }
    bytes
}

/// A message as an end of this conversation writes it.
pub fn encoded(setup: Setup, message: Message) -> Vec<u8> {
    let mut wire = BytesMut::new();
    Message::codec(setup).encode(message, &mut wire).expect("a message that can be said here");
    wire.to_vec()
}

/// Everything that can be made of these bytes, and how it ended.
pub fn exhaust(setup: Setup, wire: &[u8]) -> (Vec<Message>, Option<WireError>) {
    let (mut codec, mut buffer, mut messages) = (Message::codec(setup), BytesMut::from(wire), Vec::new());
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

/// The only message in these bytes.
pub fn one(setup: Setup, wire: &[u8]) -> Message {
    let (mut messages, error) = exhaust(setup, wire);
    assert!(error.is_none() && messages.len() == 1, "{messages:?}, {error:?}");
    messages.remove(0)
}

/// Two ends of a session, past their names, with nothing lost between what one writes and the other reads.
pub struct Line {
    writer: <Message as Wire>::Codec,
    reader: <Message as Wire>::Codec,
}

impl Line {
    /// From a child to its supernode, or the other way.
    pub fn new(from_supernode: bool) -> Line {
        let (child, supernode) = keys();
        let (writing, reading) = if from_supernode { (supernode, child) } else { (child, supernode) };
        let (writer, reader) =
            (Message::codec(Setup::Session(writing)), Message::codec(Setup::Session(reading)));
        let mut line = Line { writer, reader };
        let name = Message::Network(NETWORK.into());
        assert_eq!(line.carry(name.clone()), name);
        line
    }

    /// A message as it is written next.
    pub fn write(&mut self, message: Message) -> BytesMut {
        let mut wire = BytesMut::new();
        self.writer.encode(message, &mut wire).expect("a message of legal size");
        wire
    }

    /// What arrives of a message.
    pub fn carry(&mut self, message: Message) -> Message {
        let mut wire = self.write(message);
        let message = self.reader.decode(&mut wire).expect("it is legal").expect("it is whole");
        assert!(wire.is_empty());
        message
    }

    /// What arrives of a payload, which the sender need not understand.
    pub fn carry_payload(&mut self, kind: u16, payload: &[u8]) -> Result<Option<Message>, WireError> {
        let mut wire = self.write(Message::Unknown(kind, payload.into()));
        self.reader.decode(&mut wire)
    }

    /// What the reader makes of bytes.
    pub fn read(&mut self, wire: &mut BytesMut) -> Result<Option<Message>, WireError> {
        self.reader.decode(wire)
    }
}

/// The message that a payload is, on its way to the supernode or from it.
pub fn payload(from_supernode: bool, kind: u16, text: &str) -> Message {
    let message = Line::new(from_supernode).carry_payload(kind, &bytes(text));
    message.expect("a legal payload").expect("a whole one")
}

/// What one end says after its network's name, without the cipher.
pub fn uncovered(from_supernode: bool, messages: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let mut line = Line::new(from_supernode);
    let covered: Vec<u8> = messages.into_iter().flat_map(|message| line.write(message)).collect();
    // A ping is one byte, so that pings show the key stream.
    let mut pings = Line::new(from_supernode);
    covered.into_iter().map(|byte| byte ^ pings.write(Message::Ping)[0] ^ 0x50).collect()
}

/// The payload that a message becomes.
pub fn payload_of(from_supernode: bool, message: Message) -> Vec<u8> {
    uncovered(from_supernode, [message]).split_off(5)
}
