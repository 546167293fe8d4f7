//! The codec: every message, every split point, the bytes of real traffic, and malformed input.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::BytesMut;
use common::wire::{Wire, WireError};
use napster::wire::*;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

/// Values that messages are built from.
#[derive(Debug, Clone)]
struct Parts {
    token: Token,
    quoted: Quoted,
    line: Line,
    number: u32,
    large: u64,
    port: u16,
    ip: Ipv4Addr,
    checksum: Checksum,
}

fn parts() -> impl Strategy<Value = Parts> {
    let token = "[a-z0-9_\\[\\]{}^é-]{1,12}".prop_map(|s| Token::from_text(&s).unwrap());
    let quoted =
        prop::collection::vec(any::<u8>().prop_filter("no quote", |b| *b != b'"' && *b != b'\n'), 0..30)
            .prop_map(|bytes| Quoted::new(&bytes).unwrap());
    let line = prop::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), 0..40)
        .prop_map(|mut bytes| {
            // A redirector's line loses a carriage return at its end.
            while bytes.ends_with(b"\r") {
                bytes.pop();
            }
            Line::new(&bytes).unwrap()
        });
    let checksum = prop_oneof![
        Just(Checksum::Unknown),
        Just(Checksum::FirewallError),
        any::<[u8; 16]>().prop_filter("not unknown", |md5| *md5 != [0; 16]).prop_map(Checksum::Md5),
    ];
    let numbers = (any::<u32>(), any::<u64>(), any::<u16>(), any::<u32>());
    (token, quoted, line, numbers, checksum).prop_map(|(token, quoted, line, numbers, checksum)| {
        let (number, large, port, ip) = numbers;
        Parts { token, quoted, line, number, large, port, ip: Ipv4Addr::from(ip), checksum }
    })
}

fn record(p: &Parts) -> FileRecord {
    FileRecord {
        file: p.quoted.clone(),
        checksum: p.checksum,
        size: p.large,
        bitrate_kbps: p.number,
        frequency_hz: p.number / 3,
        duration_s: p.number % 7,
    }
}

/// White space alone does not come back: it is nothing.
fn pinged(p: &Parts) -> Box<Pinged> {
    let text = Some(p.line.clone()).filter(|line| !line.trimmed().is_empty());
    Box::new(Pinged { nick: p.token.clone(), text })
}

/// Messages that clients send to servers.
fn of_clients(p: &Parts) -> Vec<Message> {
    let nick = || p.token.clone();
    let file = || p.quoted.clone();
    let named = || Arc::new(Named { nick: nick(), file: file() });
    let login = |email| {
        let (client, speed, port) = (file(), p.number, p.port);
        Box::new(Login { nick: nick(), password: nick(), port, client, speed, email })
    };
    let mut directory = Directory::new(file());
    for _ in 0..3 {
        directory.push(record(p), 2048).unwrap();
    }
    vec![
        Message::UnshareAll,
        Message::StatsAsk,
        Message::DownloadBegun,
        Message::DownloadEnded,
        Message::UploadBegun,
        Message::UploadEnded,
        Message::MotdAsk,
        Message::Login(login(None)),
        Message::Version(p.line.clone()),
        Message::Register(login(Some(nick()))),
        Message::NickCheck(p.line.clone()),
        Message::Share(Arc::new(record(p))),
        Message::Unshare(p.line.clone()),
        Message::Search(p.line.clone()),
        Message::Get(named()),
        Message::PrivateMessage(Box::new(Private { nick: nick(), text: p.line.clone() })),
        Message::HotlistAdd(nick()),
        Message::Hotlist(nick()),
        Message::Browse(Box::new(Browse { nick: nick(), max: (p.port > 100).then_some(p.number) })),
        Message::ResumeSearch(Box::new(ResumeSearch { checksum: p.checksum, size: p.large })),
        Message::HotlistRemove(nick()),
        Message::GetPush(named()),
        Message::SpeedAsk(nick()),
        Message::WhoisAsk(nick()),
        Message::UploadAccept(named()),
        Message::UploadRefuse(named()),
        Message::QueueLimit(Box::new(QueueLimit { nick: nick(), file: file(), limit: p.number })),
        Message::PortError(nick()),
        Message::DirectBrowseAsk(nick()),
        Message::DirectBrowseAccept(nick()),
        Message::DirectBrowseError(Box::new(DirectBrowseError { nick: nick(), why: file() })),
        Message::SpeedChange(p.number),
        Message::PortChange(p.port),
        Message::ServerPing(p.line.clone()),
        Message::Ping(pinged(p)),
        Message::Pong(pinged(p)),
        Message::ShareDirectory(Arc::new(directory)),
        Message::ShareMedia(Arc::new(MediaRecord {
            file: file(),
            size: p.large,
            checksum: p.checksum,
            mime: nick(),
        })),
        Message::Unknown(Box::new(Raw { code: 9999, data: p.line.clone() })),
        Message::Unparsable(Box::new(Raw { code: 203, data: Line::from("\"no end") })),
    ]
}

/// Messages that servers send to clients.
fn of_servers(p: &Parts) -> Vec<Message> {
    let nick = || p.token.clone();
    let file = || p.quoted.clone();
    let named = || Arc::new(Named { nick: nick(), file: file() });
    let offer = || {
        let (ip, port, checksum, speed) = (p.ip, p.port, p.checksum, p.number);
        Arc::new(Offer { nick: nick(), ip, port, file: file(), checksum, speed })
    };
    let user_speed = || Box::new(UserSpeed { nick: nick(), speed: p.number });
    let ask =
        DirectBrowse { nick: nick(), ip: (p.port > 9).then_some(p.ip), port: (p.port > 9).then_some(p.port) };
    vec![
        Message::VersionAck,
        Message::NickFree,
        Message::NickTaken,
        Message::SearchEnd,
        Message::ResumeEnd,
        Message::GhostKilled,
        Message::LoginError(p.line.clone()),
        Message::LoginAck(p.line.clone()),
        Message::Upgrade(p.line.clone()),
        Message::NickInvalid(p.line.clone()),
        Message::UnsharedAll(p.number),
        Message::SearchHit(Arc::new(Found { record: record(p), nick: nick(), ip: p.ip, speed: p.number })),
        Message::Offer(offer()),
        Message::PrivateMessage(Box::new(Private { nick: nick(), text: p.line.clone() })),
        Message::GetError(named()),
        Message::SignedOn(user_speed()),
        Message::SignedOff(nick()),
        Message::BrowseHit(Arc::new(BrowseHit { nick: nick(), record: record(p) })),
        Message::BrowseEnd(Box::new(BrowseEnd { nick: nick(), ip: (p.port > 9).then_some(p.ip) })),
        Message::Stats(Stats { users: p.number, files: 3, gigabytes: 0 }),
        Message::ResumeHit(Box::new(ResumeHit {
            nick: nick(),
            ip: p.ip,
            port: p.port,
            file: file(),
            checksum: p.checksum,
            size: p.large,
            speed: p.number,
        })),
        Message::HotlistAck(nick()),
        Message::Disconnecting(p.line.clone()),
        Message::Notice(p.line.clone()),
        Message::Push(offer()),
        Message::Speed(user_speed()),
        Message::Whois(Box::new(Whois {
            nick: nick(),
            level: file(),
            online_s: p.large,
            channels: Quoted::lossy(" "),
            status: file(),
            shared: p.number,
            downloads: 1,
            uploads: 2,
            speed: p.number,
            client: file(),
        })),
        Message::Whowas(Box::new(Whowas { nick: nick(), level: file(), last_seen_s: p.large })),
        Message::UploadAsk(named()),
        Message::UploadRefuse(named()),
        Message::QueueLimited(Box::new(QueueLimited {
            nick: nick(),
            file: file(),
            size: p.large,
            limit: p.number,
        })),
        Message::Motd(p.line.clone()),
        Message::PortError(nick()),
        Message::DirectBrowse(Box::new(ask)),
        Message::DirectBrowseAddress(Box::new(DirectBrowseAddress { nick: nick(), ip: p.ip, port: p.port })),
        Message::DirectBrowseError(Box::new(DirectBrowseError { nick: nick(), why: file() })),
        Message::ServerPong(p.line.clone()),
        Message::Ping(pinged(p)),
        Message::Pong(pinged(p)),
        Message::Unknown(Box::new(Raw { code: 2, data: p.line.clone() })),
        Message::Unparsable(Box::new(Raw { code: 214, data: Line::from("many") })),
    ]
}

/// What data connections carry: setup, bytes to be read before, message, and after how many of its last bytes no
/// split can be recognised, for want of an end mark.
fn of_peers(p: &Parts) -> Vec<(Setup, &'static [u8], Message, usize)> {
    let digits = |number: u64| number.to_string().len();
    let nick = || p.token.clone();
    let file = || p.quoted.clone();
    let request = Request { nick: nick(), file: file(), offset: p.large };
    let size = p.large;
    vec![
        (Setup::Data, b"", Message::Hello, 0),
        (Setup::Accepted, b"", Message::Request(Arc::new(request)), digits(p.large)),
        (Setup::Accepted, b"", Message::Delivery(Arc::new(Named { nick: nick(), file: file() })), 0),
        (Setup::Download { size, offset: 0 }, b"", Message::Size(size), 0),
        (Setup::Pushed { size }, b"", Message::Size(size), 0),
        (Setup::Upload, b"", Message::Offset(size), digits(size)),
        (Setup::Upload, b"", Message::Refusal(Refusal::Invalid), 0),
        (Setup::Download { size, offset: 0 }, b"", Message::Refusal(Refusal::NotShared), 0),
        (Setup::Accepted, b"", Message::ListAsk, 0),
        (Setup::Accepted, b"", Message::ListDelivery(nick()), 0),
        (Setup::List, b"", Message::ListNick(nick()), 0),
        (Setup::List, b"nick\n", Message::ListFile(Arc::new(record(p))), 0),
        (Setup::List, b"nick\n", Message::ListEnd, 0),
        (Setup::Redirector, b"", Message::Redirect(p.line.clone()), 0),
    ]
}

fn all(p: &Parts) -> Vec<(Setup, &'static [u8], Message, usize)> {
    let client = of_clients(p).into_iter().map(|message| (Setup::Accepted, &b""[..], message, 0));
    let server = of_servers(p).into_iter().map(|message| (Setup::Session, &b""[..], message, 0));
    client.chain(server).chain(of_peers(p)).collect()
}

fn encoded(message: Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    Message::codec(Setup::default()).encode(message, &mut bytes).expect("a message of legal size");
    bytes
}

/// Decodes `bytes`, which come in the given portions.
fn decoded(setup: Setup, before: &[u8], portions: &[&[u8]]) -> Result<Option<Message>, WireError> {
    let mut codec = Message::codec(setup);
    let mut buffer = BytesMut::from(before);
    if !before.is_empty() {
        codec.decode(&mut buffer)?.expect("what comes before is a message");
    }
    for (at, portion) in portions.iter().enumerate() {
        buffer.extend_from_slice(portion);
        match codec.decode(&mut buffer)? {
            Some(message) => {
                assert_eq!(
                    (at, buffer.len()),
                    (portions.len() - 1, 0),
                    "early or with bytes left: {message:?}"
                );
                return Ok(Some(message));
            }
            None => continue,
        }
    }
    Ok(None)
}

fn sample() -> Parts {
    Parts {
        token: Token::from_text("alice").unwrap(),
        quoted: Quoted::new(b"a\\b.mp3").unwrap(),
        line: Line::from("some text"),
        number: 42,
        large: 1_234_567,
        port: 6699,
        ip: Ipv4Addr::LOCALHOST,
        checksum: Checksum::Unknown,
    }
}

#[test]
fn the_samples_hold_every_kind() {
    let mut seen = vec![false; Message::KINDS.len()];
    for (_, _, message, _) in all(&sample()) {
        seen[usize::from(message.kind())] = true;
    }
    let missing: Vec<_> = Message::KINDS.iter().zip(&seen).filter(|(_, seen)| !**seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_comes_back_at_every_split_and_its_length_is_known(parts in parts()) {
        for (setup, before, message, unmarked) in all(&parts) {
            let bytes = encoded(message.clone());
            prop_assert_eq!(bytes.len(), message.wire_len() as usize, "{:?}", message);
            let whole = decoded(setup, before, &[&bytes]);
            prop_assert!(matches!(&whole, Ok(Some(back)) if *back == message), "{:?}: {:?}", message, whole);
            for split in 1..(bytes.len() + 1 - unmarked).min(bytes.len()) {
                let (head, tail) = bytes.split_at(split);
                let back = decoded(setup, before, &[head, tail]);
                prop_assert!(matches!(&back, Ok(Some(back)) if *back == message), "{:?} at {}", back, split);
            }
        }
    }

    #[test]
    fn no_bytes_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for setup in SETUPS {
            exhaust(setup, &bytes);
        }
    }
}

const SETUPS: [Setup; 9] = [
    Setup::Accepted,
    Setup::Session,
    Setup::Redirector,
    Setup::Data,
    Setup::Download { size: 1_234_567, offset: 1000 },
    Setup::Pushed { size: u64::MAX },
    Setup::Upload,
    Setup::List,
    Setup::Silent,
];

/// Decodes until an error or the end; says how many messages there were, and the error.
fn exhaust(setup: Setup, bytes: &[u8]) -> (Vec<Message>, Option<WireError>) {
    let mut codec = Message::codec(setup);
    let mut buffer = BytesMut::from(bytes);
    let mut messages = Vec::new();
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
        .collect()
}

/// Bytes seen between real programs.
#[test]
fn real_traffic_reads_and_writes_byte_for_byte() {
    let nick = Token::from_text("alice").unwrap();
    let login = Login {
        nick: nick.clone(),
        password: Token::from_text("pw").unwrap(),
        port: 6699,
        client: Quoted::lossy("probe v0.1"),
        speed: 4,
        email: None,
    };
    let file = Quoted::new(b"a\\b.mp3").unwrap();
    let share = FileRecord {
        file: file.clone(),
        checksum: Checksum::Unknown,
        size: 5,
        bitrate_kbps: 128,
        frequency_hz: 44_100,
        duration_s: 1,
    };
    let from_client = [
        (
            "1c 00 02 00 61 6c 69 63 65 20 70 77 20 36 36 39 39 20 22 70 72 6f 62 65 20 76 30 2e 31 22 20 34",
            Message::Login(Box::new(login)),
        ),
        (
            "27 00 c8 00 46 49 4c 45 4e 41 4d 45 20 43 4f 4e 54 41 49 4e 53 20 22 74 65 73 74 22 20 4d 41 58 5f \
             52 45 53 55 4c 54 53 20 31 30",
            Message::Search(Line::from("FILENAME CONTAINS \"test\" MAX_RESULTS 10")),
        ),
        (
            "0f 00 cb 00 61 6c 69 63 65 20 22 61 5c 62 2e 6d 70 33 22",
            Message::Get(Arc::new(Named { nick, file })),
        ),
        ("00 00 da 00", Message::DownloadBegun),
    ];
    for (bytes, message) in from_client {
        assert_eq!(encoded(message.clone()), hex(bytes), "{message:?}");
        assert_eq!(exhaust(Setup::Accepted, &hex(bytes)).0, [message]);
    }
    let shared = encoded(Message::Share(Arc::new(share)));
    assert_eq!(shared[..4], [0x38, 0, 0x64, 0]);
    assert_eq!(&shared[4..], b"\"a\\b.mp3\" 00000000000000000000000000000000 5 128 44100 1");
    let from_server = [
        (
            "0e 00 03 00 61 6e 6f 6e 40 6c 6f 63 61 6c 68 6f 73 74",
            Message::LoginAck(Line::from("anon@localhost")),
        ),
        ("00 00 ca 00", Message::SearchEnd),
    ];
    for (bytes, message) in from_server {
        assert_eq!(encoded(message.clone()), hex(bytes), "{message:?}");
        assert_eq!(exhaust(Setup::Session, &hex(bytes)).0, [message]);
    }
}

#[test]
fn an_address_is_a_little_endian_number() {
    let bytes = b"\x38\x00\xcc\x00bob 16777343 6699 \"f\" 00000000000000000000000000000000 4";
    let (messages, error) = exhaust(Setup::Session, bytes);
    assert!(error.is_none(), "{error:?}");
    let [Message::Offer(offer)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((offer.ip, offer.port), (Ipv4Addr::LOCALHOST, 6699));
}

#[test]
fn foreign_habits_are_understood() {
    let take = |setup, bytes: &[u8]| exhaust(setup, bytes).0.into_iter().next();
    // A checksum with the size appended, and no checksum at all.
    for (text, known) in [("b9280000000000000000000000000001-443332", true), ("WMA-FILE", false)] {
        let data = format!("\"x\\y\" {text} 5 128 44100 1");
        let bytes = [&[data.len() as u8, 0, 100, 0][..], data.as_bytes()].concat();
        let Some(Message::Share(record)) = take(Setup::Accepted, &bytes) else { panic!("{text}") };
        assert_eq!(record.checksum != Checksum::Unknown, known, "{text}");
    }
    // A port beyond 16 bits wraps.
    let Some(Message::PortChange(port)) = take(Setup::Accepted, b"\x05\x00\xbf\x0265537") else { panic!() };
    assert_eq!(port, 1);
    // GET in one write with the rest, with a blank, or a nick that begins with LIST.
    for request in
        [&b"GETbob \"a b\" 0"[..], b"GET bob \"a b\" 0", b"GETLISTER \"a b\" 0", b"GETLIST \"a b\" 7"]
    {
        assert!(matches!(take(Setup::Accepted, request), Some(Message::Request(_))));
    }
    assert!(matches!(take(Setup::Accepted, b"SENDLIST \"a b\" 7"), Some(Message::Delivery(_))));
    assert!(matches!(take(Setup::Accepted, b"SENDLIST bob\n"), Some(Message::ListDelivery(_))));
}

#[test]
fn a_size_is_read_to_its_last_promised_digit_and_no_further() {
    let read = |size, offset, bytes: &[u8]| {
        let mut buffer = BytesMut::from(bytes);
        let message = Message::codec(Setup::Download { size, offset }).decode(&mut buffer);
        (message.ok().flatten(), buffer.to_vec())
    };
    // The file begins with digits of its own.
    assert_eq!(read(1234, 0, b"12345678"), (Some(Message::Size(1234)), b"5678".to_vec()));
    // With an offset, both the whole and the rest are heard of.
    assert_eq!(read(1234, 1000, b"1234abc"), (Some(Message::Size(1234)), b"abc".to_vec()));
    assert_eq!(read(1234, 1000, b"234abc"), (Some(Message::Size(234)), b"abc".to_vec()));
    assert_eq!(read(1234, 0, b"12"), (None, b"12".to_vec()));
    assert_eq!(read(1234, 0, b"999").0, None);
}

#[test]
fn a_redirectors_line_ends_with_a_line_feed_or_the_connection() {
    for line in [&b"10.0.0.1:8888\n"[..], b"10.0.0.1:8888\r\n", b"10.0.0.1:8888"] {
        let (messages, error) = exhaust(Setup::Redirector, line);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(messages, [Message::Redirect(Line::from("10.0.0.1:8888"))]);
    }
    assert!(exhaust(Setup::Redirector, &[b'1'; 301]).1.is_some());
}

/// Each file of `tests/corpus` is fed to every mode, whole and byte by byte. Its name says what it is; what must not
/// happen is a panic, a message too long, or a decoder that waits for ever with more than a request at hand.
#[test]
fn the_corpus_of_malformed_input_is_refused_or_understood() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is gone");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        for setup in SETUPS {
            let (messages, _) = exhaust(setup, &bytes);
            assert!(messages.iter().all(|message| message.wire_len() < 10_000), "{}", path.display());
            let mut codec = Message::codec(setup);
            let mut buffer = BytesMut::new();
            for byte in &bytes {
                buffer.extend_from_slice(&[*byte]);
                if codec.decode(&mut buffer).is_err() {
                    break;
                }
                assert!(buffer.len() < 10_000, "{} in {setup:?}", path.display());
            }
        }
        let refused = exhaust(Setup::Accepted, &bytes);
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name.starts_with("refused-") {
            assert!(refused.1.is_some(), "{name} was taken: {:?}", refused.0);
        }
    }
}
