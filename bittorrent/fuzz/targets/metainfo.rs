//! A torrent that is understood says the same once more when it is written and read again.
#![no_main]

use bittorrent::metainfo::Metainfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(torrent) = Metainfo::parse(bytes) {
        let again = Metainfo::parse(&torrent.to_bytes()).expect("it was written by this program");
        assert_eq!((again.info_hash, &again.info), (torrent.info_hash, &torrent.info));
    }
});
