//! Bytes to messages and back. One codec with a mode for every kind of conversation; see [`Setup`].

use bytes::BytesMut;
use common::wire::WireError;
use tokio_util::codec::{Decoder, Encoder};

use super::{Message, Setup};

/// The codec of one direction of a connection.
#[derive(Debug)]
pub struct Codec {
    setup: Setup,
}

impl Codec {
    /// A codec that starts in this mode.
    pub fn new(setup: Setup) -> Codec {
        Codec { setup }
    }
}

impl Decoder for Codec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Message>, WireError> {
        let _ = self.setup;
        todo!()
    }
}

impl Encoder<Message> for Codec {
    type Error = WireError;

    fn encode(&mut self, _: Message, _: &mut BytesMut) -> Result<(), WireError> {
        todo!()
    }
}
