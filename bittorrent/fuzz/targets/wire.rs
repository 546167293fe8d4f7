//! Bytes on a connection make the same messages whether they come at once or one by one. The first byte says what is spoken.
#![no_main]

use bittorrent::wire::{Message, Setup};
use bytes::{Buf as _, BytesMut};
use common::wire::Wire as _;
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder as _;

/// The messages, and whether they end in an error. Blocks are passed over as a driver would.
fn messages(setup: Setup, bytes: &[u8], step: usize) -> (Vec<String>, bool) {
    let (mut codec, mut buffer, mut block) = (Message::codec(setup), BytesMut::new(), 0);
    let mut messages = Vec::new();
    for part in bytes.chunks(step.max(1)) {
        buffer.extend_from_slice(part);
        loop {
            let pass = block.min(buffer.len());
            buffer.advance(pass);
            block -= pass;
            if block > 0 {
                break;
            }
            match codec.decode(&mut buffer) {
                Ok(Some(message)) => {
                    block = message.announces().map_or(0, |body| body.len as usize);
                    messages.push(format!("{message:?}"));
                }
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let setup = match first % 3 {
        0 => Setup::Accepted,
        1 => Setup::Peer,
        _ => Setup::Http,
    };
    assert_eq!(messages(setup, bytes, bytes.len()), messages(setup, bytes, 1));
});
