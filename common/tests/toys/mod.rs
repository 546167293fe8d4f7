//! Toy protocols that the simulator's tests run.

use std::net::SocketAddrV4;

use bytes::BytesMut;
use common::peer::{ConnId, Cx, Event, Peer};
use common::user::Command;
use common::wire::{Wire, WireError};
use tokio_util::codec::{Decoder, Encoder};

/// Simulated messages are never encoded.
pub struct NoCodec;

impl Decoder for NoCodec {
    type Item = Flood;
    type Error = WireError;
    fn decode(&mut self, _: &mut BytesMut) -> Result<Option<Flood>, WireError> {
        unreachable!("the simulator moves values")
    }
}

impl Encoder<Flood> for NoCodec {
    type Error = WireError;
    fn encode(&mut self, _: Flood, _: &mut BytesMut) -> Result<(), WireError> {
        unreachable!("the simulator moves values")
    }
}

/// A query that is passed on to everybody.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    id: u64,
    ttl: u8,
}

impl Wire for Flood {
    type Setup = ();
    type Codec = NoCodec;
    const KINDS: &'static [&'static str] = &["query"];
    fn codec((): ()) -> NoCodec {
        NoCodec
    }
    fn wire_len(&self) -> u32 {
        23
    }
    fn kind(&self) -> u8 {
        0
    }
}

/// Passes each query on to all neighbours but the one it came from, once.
pub struct Flooder {
    dials: Vec<SocketAddrV4>,
    neighbours: Vec<ConnId>,
    seen: Vec<u64>,
    ttl: u8,
}

impl Flooder {
    pub fn new(dials: Vec<SocketAddrV4>, ttl: u8) -> Self {
        Flooder { dials, neighbours: Vec::new(), seen: Vec::new(), ttl }
    }

    fn pass_on(&mut self, id: u64, ttl: u8, from: Option<ConnId>, cx: &mut Cx<'_, Self>) {
        if self.seen.contains(&id) {
            return;
        }
        self.seen.push(id);
        if ttl > 0 {
            for conn in self.neighbours.iter().filter(|conn| Some(**conn) != from) {
                cx.send(*conn, Flood { id, ttl });
            }
        }
    }
}

impl Peer for Flooder {
    type Message = Flood;
    type Timer = ();

    fn handle(&mut self, event: Event<Flood, ()>, cx: &mut Cx<'_, Self>) {
        match event {
            Event::Start => {
                for to in std::mem::take(&mut self.dials) {
                    cx.dial(to, ());
                }
            }
            Event::Opened { conn, .. } => self.neighbours.push(conn),
            Event::Command(Command::Search(id, _)) => self.pass_on(u64::from(id.0), self.ttl, None, cx),
            Event::Message { conn, message } => self.pass_on(message.id, message.ttl - 1, Some(conn), cx),
            _ => {}
        }
    }
}
