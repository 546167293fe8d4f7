//! Malformed input, one file each; its name says what it is.

use bytes::BytesMut;
use common::wire::Wire;
use gnutella::wire::*;
use tokio_util::codec::Decoder;

use super::{SETUPS, exhaust};

/// Each file is fed to every mode, whole and byte by byte. What must not happen is a panic, a message beyond the bounds,
/// or a decoder that keeps waiting with more at hand than any message has.
///
/// `link-` is for an established link, `port-` for our port; with `-refused-` behind it the input must end the connection.
#[test]
fn the_corpus_of_malformed_input_is_refused_or_understood() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40, "the corpus is gone");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        for setup in SETUPS {
            let (messages, _) = exhaust(setup, &bytes);
            assert!(messages.iter().all(|message| message.wire_len() < 70_000), "{}", path.display());
            let mut codec = Message::codec(setup);
            let mut buffer = BytesMut::new();
            for byte in &bytes {
                buffer.extend_from_slice(&[*byte]);
                match codec.decode(&mut buffer) {
                    Ok(Some(message)) => super::properties::look_at(&message),
                    Ok(None) => {}
                    Err(_) => break,
                }
                assert!(buffer.len() < 66_000, "{} in {setup:?}", path.display());
            }
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let setup = match name.split_once('-').unwrap().0 {
            "link" => Setup::Descriptors,
            "port" => Setup::Accepted,
            "dialled" => Setup::Dialled,
            "cache" => Setup::CacheClient,
            "client" => Setup::Client,
            other => panic!("{other}: no such kind of input"),
        };
        let (messages, error) = exhaust(setup, &bytes);
        if name.contains("-refused-") {
            assert!(error.is_some(), "{name} was taken: {messages:?}");
        } else {
            assert!(
                error.is_none() && !messages.is_empty(),
                "{name} was refused: {error:?} after {messages:?}"
            );
        }
    }
}
