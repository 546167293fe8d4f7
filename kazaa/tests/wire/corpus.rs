//! Malformed input, one file each; its name says what it is.

use bytes::BytesMut;
use common::wire::Wire;
use kazaa::wire::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{bytes, exhaust, keys, setups};

/// The conversation that a file belongs to, by the first word of its name. The files of a session hold what is said after
/// the network's name without the cipher, so that they can be read; the others hold bytes as they come.
fn setup_of(name: &str) -> Setup {
    let (child, supernode) = keys();
    match name.split_once('-').expect("a name of several words").0 {
        "port" => Setup::Accepted,
        "dialled" => Setup::Dialled,
        "child" => Setup::Session(child),
        "supernode" | "covered" => Setup::Session(supernode),
        "client" => Setup::Client,
        "server" => Setup::Server,
        "link" => Setup::LinkAcceptor,
        "service" => Setup::ServiceServer,
        other => panic!("{other}: no such conversation"),
    }
}

/// A session's bytes under the cipher of whoever writes to this end, behind the network's name.
fn covered(reader: SessionKey, clear: &[u8]) -> Vec<u8> {
    let writer = SessionKey { is_supernode: !reader.is_supernode, ..reader };
    let mut codec = Message::codec(Setup::Session(writer));
    let mut wire = BytesMut::new();
    codec.encode(Message::Network(NETWORK.into()), &mut wire).unwrap();
    let named = wire.len();
    // Pings show the key stream.
    clear.iter().for_each(|_| codec.encode(Message::Ping, &mut wire).unwrap());
    wire[named..].iter_mut().zip(clear).for_each(|(key, byte)| *key ^= 0x50 ^ byte);
    wire.to_vec()
}

/// Each file is fed to every conversation, whole and byte by byte. What must not happen is a panic, a message beyond the
/// bounds, or a decoder that keeps waiting with more at hand than any message has. With `-refused-` in its name the input must end
/// its own conversation; without, it must be understood to its end.
#[test]
fn the_corpus_of_malformed_input_is_refused_or_understood() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 60, "the corpus is gone");
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let content = std::fs::read(&path).unwrap();
        let own = setup_of(name);
        let content = match own {
            Setup::Session(key) if !name.starts_with("covered-") => covered(key, &content),
            _ => content,
        };
        for setup in setups() {
            let (messages, _) = exhaust(setup, &content);
            messages.iter().for_each(|message| super::properties::look_at(setup, message));
            let mut codec = Message::codec(setup);
            let mut buffer = BytesMut::new();
            for byte in &content {
                buffer.extend_from_slice(&[*byte]);
                if codec.decode(&mut buffer).is_err() {
                    break;
                }
                assert!(buffer.len() < 66_000, "{name} in {setup:?}");
            }
        }
        let (messages, error) = exhaust(own, &content);
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

#[test]
fn bytes_can_be_written_as_digits_and_as_text() {
    assert_eq!(bytes("4b 00 \"K\" ff"), [0x4b, 0, b'K', 0xff]);
}
