//! Bytes to messages and back.

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

use super::{Message, Setup};

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Message>, WireError> {
        Ok(None)
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, _: Message, _: &mut BytesMut) -> Result<(), WireError> {
        Ok(())
    }
}

impl Wire for Message {
    type Setup = Setup;
    type Codec = Codec;

    const KINDS: &'static [&'static str] = &[
        "hello",
        "accept",
        "network",
        "ping",
        "pong",
        "nodes",
        "user",
        "share",
        "unshare",
        "query",
        "reply",
        "query end",
        "stats",
        "push",
        "push order",
        "network name",
        "version",
        "outside address",
        "ticket",
        "challenge",
        "proof",
        "unknown",
        "request",
        "response",
        "give",
        "link hello",
        "link refused",
        "link nodes",
        "link query",
        "link reply",
        "link query end",
        "link push",
        "link ping",
        "link pong",
        "service",
    ];

    fn codec(_: Setup) -> Codec {
        Codec {}
    }

    fn wire_len(&self) -> u32 {
        20
    }

    fn kind(&self) -> u8 {
        use super::Link;
        match self {
            Message::Hello(_) => 0,
            Message::Accept(_) => 1,
            Message::Network(_) => 2,
            Message::Ping => 3,
            Message::Pong => 4,
            Message::Nodes(_) => 5,
            Message::User(_) => 6,
            Message::Share(..) => 7,
            Message::Unshare(..) => 8,
            Message::Query(_) => 9,
            Message::Reply(_) => 10,
            Message::QueryEnd(_) => 11,
            Message::Stats(_) => 12,
            Message::PushAsk(_) => 13,
            Message::PushOrder(_) => 14,
            Message::NetworkName(_) => 15,
            Message::Version(_) => 16,
            Message::OutsideAddress(_) => 17,
            Message::Ticket(_) => 18,
            Message::Challenge(_) => 19,
            Message::Proof(_) => 20,
            Message::Unknown(..) => 21,
            Message::Request(_) => 22,
            Message::Response(_) => 23,
            Message::Give(_) => 24,
            Message::Link(frame) => match frame.link {
                Link::Hello { .. } => 25,
                Link::Refused(_) => 26,
                Link::Nodes { .. } => 27,
                Link::Query { .. } => 28,
                Link::Reply { .. } => 29,
                Link::QueryEnd { .. } => 30,
                Link::Push(_) => 31,
                Link::Ping => 32,
                Link::Pong => 33,
            },
            Message::Service(_) => 34,
        }
    }

    fn pauses(&self) -> bool {
        matches!(
            self,
            Message::Hello(_)
                | Message::Accept(_)
                | Message::Request(_)
                | Message::Response(_)
                | Message::Give(_)
        )
    }
}
