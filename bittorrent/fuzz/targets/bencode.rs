//! What is read is written again as it was, or refused.
#![no_main]

use bittorrent::bencode::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((value, len)) = Value::parse_prefix(bytes) {
        assert_eq!(Value::parse(&bytes[..len]).as_ref(), Ok(&value));
    }
});
