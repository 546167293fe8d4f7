//! What trackers answer, over HTTP and over UDP, and what is asked of them.
#![no_main]

use bittorrent::wire::{AnnounceReply, ScrapeReply, udp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (AnnounceReply::parse(bytes), ScrapeReply::parse(bytes));
    let _ = (udp::Ask::decode(bytes), udp::Reply::decode(bytes), udp::Packet::decode(bytes));
});
