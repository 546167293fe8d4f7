//! The wire: known bytes, every message there and back, and what hostile bytes can do.

use std::sync::Arc;

use bittorrent::wire::*;
use bytes::BytesMut;
use common::http::{Request, Response};
use common::wire::{Wire, WireError};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

const PEER: PeerId = PeerId(*b"-XX0001-abcdefghijkl");
const MIB: usize = 1 << 20;

/// What a reader of a conversation reads, told by who writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Between peers, past the handshake.
    Peers,
    /// To a listening port.
    Port,
    /// From a tracker or a site.
    Answers,
}

impl Way {
    const ALL: [Way; 3] = [Way::Peers, Way::Port, Way::Answers];

    fn reader(self) -> Codec {
        match self {
            Way::Peers => {
                let (mut codec, mut wire) =
                    (Message::codec(Setup::Peer), BytesMut::from(&handshake().encode()[..]));
                assert!(matches!(codec.decode(&mut wire), Ok(Some(Message::Handshake(_)))));
                codec
            }
            Way::Port => Message::codec(Setup::Accepted),
            Way::Answers => Message::codec(Setup::Http),
        }
    }

    fn writer(self) -> Codec {
        Message::codec(match self {
            Way::Peers => Setup::Peer,
            Way::Port => Setup::Http,
            Way::Answers => Setup::Accepted,
        })
    }

    fn of(message: &Message) -> Way {
        match message {
            Message::Ask(_) => Way::Port,
            Message::Answer(_) => Way::Answers,
            _ => Way::Peers,
        }
    }
}

fn handshake() -> Handshake {
    let reserved = Reserved([0, 0, 0, 0, 0, 0x10, 0, 0x05]);
    Handshake { reserved, info_hash: InfoHash([0xaa; 20]), peer_id: PEER }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn block() -> Block {
    Block { piece: 1, begin: 16384, len: 16384 }
}

fn encoded(message: Message) -> Result<Vec<u8>, WireError> {
    let mut wire = BytesMut::new();
    Way::of(&message).writer().encode(message, &mut wire)?;
    Ok(wire.to_vec())
}

/// Everything that can be made of bytes that come in pieces of `step`, and how it ended. Blocks are passed over, as a driver
/// would pass them on.
fn exhaust(way: Way, wire: &[u8], step: usize) -> (Vec<Message>, Option<WireError>) {
    let (mut codec, mut buffer, mut messages, mut block_left) =
        (way.reader(), BytesMut::new(), Vec::new(), 0);
    let mut chunks = wire.chunks(step);
    loop {
        let chunk = chunks.next();
        buffer.extend_from_slice(chunk.unwrap_or_default());
        loop {
            let passed = buffer.len().min(block_left);
            let _ = buffer.split_to(passed);
            block_left -= passed;
            let read = match chunk {
                _ if block_left > 0 => break,
                Some(_) => codec.decode(&mut buffer),
                None => codec.decode_eof(&mut buffer),
            };
            match read {
                Ok(Some(message)) => {
                    block_left = if let Message::Piece(block) = message { block.len as usize } else { 0 };
                    messages.push(message);
                }
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
            assert!(buffer.len() < 32 * 1024 || step > 1024, "bytes are left lying that nobody waits for");
        }
        if chunk.is_none() {
            return (messages, None);
        }
    }
}

fn one(way: Way, wire: &[u8]) -> Message {
    let (mut messages, error) = exhaust(way, wire, usize::MAX);
    assert!(error.is_none() && messages.len() == 1, "{messages:?}, {error:?}");
    messages.remove(0)
}

fn refused(way: Way, wire: &[u8]) -> WireError {
    let (messages, error) = exhaust(way, wire, usize::MAX);
    error.unwrap_or_else(|| panic!("it was taken: {messages:?}"))
}

#[test]
fn the_handshake_is_68_known_bytes() {
    let mut wire = hex("13 426974546f7272656e742070726f746f636f6c 0000000000100005");
    wire.extend([0xaa; 20]);
    wire.extend(PEER.0);
    let message = Message::Handshake(Box::new(handshake()));
    assert_eq!(encoded(message.clone()).unwrap(), wire);
    for setup in [Setup::Peer, Setup::Accepted] {
        let decoded = Message::codec(setup).decode(&mut BytesMut::from(&wire[..])).unwrap();
        assert_eq!(decoded, Some(message.clone()));
    }
    let reserved = handshake().reserved;
    assert!(reserved.extended() && reserved.fast() && reserved.dht());
    let ours = Reserved::ours(false);
    assert!(ours.extended() && !ours.fast() && !ours.dht() && Reserved::ours(true).fast());
}

#[test]
fn every_message_has_its_known_bytes() {
    let known = [
        ("00000000", Message::KeepAlive),
        ("00000001 00", Message::Choke),
        ("00000001 01", Message::Unchoke),
        ("00000001 02", Message::Interested),
        ("00000001 03", Message::NotInterested),
        ("00000005 04 00000005", Message::Have(5)),
        ("00000003 05 c040", Message::Bitfield([0xc0, 0x40].into())),
        ("0000000d 06 00000001 00004000 00004000", Message::Request(block())),
        ("00004009 07 00000001 00004000", Message::Piece(block())),
        ("0000000d 08 00000001 00004000 00004000", Message::Cancel(block())),
        ("00000003 09 1ae1", Message::Port(6881)),
        ("00000005 0d 00000003", Message::Suggest(3)),
        ("00000001 0e", Message::HaveAll),
        ("00000001 0f", Message::HaveNone),
        ("0000000d 10 00000001 00004000 00004000", Message::Reject(block())),
        ("00000005 11 00000423", Message::AllowedFast(0x423)),
        ("00000004 14 00 6465", Message::Extended { id: 0, payload: b"de"[..].into() }),
        ("00000001 15", Message::Unknown(0x15)),
    ];
    for (text, message) in known {
        assert_eq!(encoded(message.clone()).unwrap(), hex(text), "{message:?}");
        let mut buffer = BytesMut::from(&hex(text)[..]);
        assert_eq!(Way::Peers.reader().decode(&mut buffer).unwrap(), Some(message.clone()));
        assert!(buffer.is_empty(), "of a piece, the head is taken and no byte of the block");
        assert_eq!(message.pauses(), matches!(message, Message::Piece(_)));
    }
}

#[test]
fn kinds_have_one_name_each() {
    let mut names = Message::KINDS.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 32);
    let kind = |message: &Message| Message::KINDS[usize::from(message.kind())];
    assert_eq!((kind(&Message::Choke), kind(&answer(b""))), ("choke", "answer"));
    // What a site is asked and answers counts as the search that it is.
    let asked = |target| kind(&Message::Ask(Arc::new(Request::get(target))));
    assert_eq!(asked("/announce?info_hash=x"), "ask");
    assert_eq!((asked("/search.txt?q=x"), asked("/torrent/1.torrent")), ("search", "torrent request"));
    let answered = |content_type| {
        let head = Response::new(200).with("Content-Type", content_type);
        kind(&Message::Answer(Arc::new(Answer { head, body: "".into() })))
    };
    assert_eq!((answered(LISTING_TYPE), answered(TORRENT_TYPE)), ("listing", "torrent"));
}

#[test]
fn lengths_are_judged_before_anything_is_taken() {
    let too_long = [
        "00000002 00",
        "00000006 04",
        "0000000e 06",
        "0002000a 07",
        "00000004 09",
        "00040002 05",
        "00100001 14",
        "00100001 15",
        "ffffffff 05",
        "ffffffff 07",
        "ffffffff 14",
        "7fffffff ff",
        "00000002 0e",
        "00000006 11",
        "0000000e 10",
    ];
    for text in too_long {
        assert!(matches!(refused(Way::Peers, &hex(text)), WireError::TooLong { .. }), "{text}");
    }
    for text in ["00000004 04", "0000000c 06", "00000009 07", "00000001 07", "00000001 14", "00000002 09"] {
        assert!(matches!(refused(Way::Peers, &hex(text)), WireError::Malformed(_)), "{text}");
    }
    let longest = [("00020009 07 00000000 00000000", true), ("00040001 05", false), ("00100000 14", false)];
    for (text, is_whole) in longest {
        let read = Way::Peers.reader().decode(&mut BytesMut::from(&hex(text)[..])).unwrap();
        assert_eq!(read.is_some(), is_whole, "{text}");
    }
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let long = |len: usize| -> Arc<[u8]> { vec![0; len].into() };
    let wrong = [
        Message::Piece(Block { len: 0, ..block() }),
        Message::Piece(Block { len: REQUEST_BYTES_MAX + 1, ..block() }),
        Message::Piece(Block { len: u32::MAX, ..block() }),
        Message::Bitfield(long(PIECES_MAX as usize / 8 + 1)),
        Message::Extended { id: 1, payload: long(EXTENDED_BYTES_MAX - 1) },
        Message::Unknown(4),
    ];
    for message in wrong {
        assert!(encoded(message.clone()).is_err(), "{:?} was written", message.kind());
    }
    let mut wire = BytesMut::new();
    assert!(Message::codec(Setup::Http).encode(Message::Choke, &mut wire).is_err());
    let ask = Message::Ask(Arc::new(Request::get("/")));
    assert!(Message::codec(Setup::Peer).encode(ask.clone(), &mut wire).is_err());
    assert!(Message::codec(Setup::Accepted).encode(ask, &mut wire).is_err());
    assert!(Message::codec(Setup::Peer).encode(answer(b""), &mut wire).is_err());
    assert!(wire.is_empty());
}

#[test]
fn what_is_longer_than_a_buffer_is_collected_and_what_is_unknown_passed_over() {
    let bits: Arc<[u8]> = vec![0x5a; PIECES_MAX as usize / 8].into();
    let payload: Arc<[u8]> = vec![7; EXTENDED_BYTES_MAX - 2].into();
    let mut wire = encoded(Message::Bitfield(Arc::clone(&bits))).unwrap();
    wire.extend(encoded(Message::Extended { id: 3, payload: Arc::clone(&payload) }).unwrap());
    wire.extend(hex("00100000 63"));
    wire.extend(vec![0; MIB - 1]);
    wire.extend(encoded(Message::Choke).unwrap());
    let (messages, error) = exhaust(Way::Peers, &wire, 1000);
    assert!(error.is_none());
    let expected = [
        Message::Bitfield(bits),
        Message::Extended { id: 3, payload },
        Message::Unknown(0x63),
        Message::Choke,
    ];
    assert!(messages == expected, "{:?}", messages.iter().map(Message::kind).collect::<Vec<_>>());
    // A stream that ends inside any of them is cut.
    for at in [4, 1000, wire.len() - 6, wire.len() - 1] {
        assert!(matches!(exhaust(Way::Peers, &wire[..at], 1000).1, Some(WireError::Truncated)), "{at}");
    }
}

#[test]
fn the_first_byte_on_a_port_tells() {
    let mut wire = handshake().encode().to_vec();
    wire.extend(hex("00000001 02"));
    let (messages, error) = exhaust(Way::Port, &wire, 1);
    assert_eq!(messages, [Message::Handshake(Box::new(handshake())), Message::Interested]);
    assert!(error.is_none());
    let wire = b"GET /announce?a HTTP/1.1\r\nHost: x\r\n\r\n\r\nHEAD / HTTP/1.0\n\n";
    let (messages, error) = exhaust(Way::Port, wire, 1);
    let targets = messages.iter().map(|message| match message {
        Message::Ask(request) => (&*request.method, &*request.target, request.keeps_alive()),
        other => panic!("{other:?}"),
    });
    assert_eq!(targets.collect::<Vec<_>>(), [("GET", "/announce?a", true), ("HEAD", "/", false)]);
    assert!(error.is_none());
    assert!(matches!(refused(Way::Port, b"\x13BitTorrent prot0col________"), WireError::Truncated));
    let mut other = handshake().encode();
    other[15] = b'0';
    assert!(matches!(refused(Way::Port, &other), WireError::Malformed(_)));
    let body = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
    assert!(matches!(refused(Way::Port, body), WireError::Malformed(_)));
    let mut early = Message::codec(Setup::Peer);
    assert!(early.decode(&mut BytesMut::from("H")).is_err(), "another protocol is told by its first byte");
}

fn answer(body: &'static [u8]) -> Message {
    let head = Response::new(200).with("Content-Type", "text/plain");
    Message::Answer(Arc::new(Answer { head, body: body.into() }))
}

#[test]
fn an_answer_comes_with_its_body() {
    let wire = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nspam";
    assert_eq!(encoded(answer(b"spam")).unwrap(), wire);
    assert_eq!(one(Way::Answers, wire), answer(b"spam"));
    let two = [&wire[..], wire].concat();
    assert_eq!(exhaust(Way::Answers, &two, 3).0, [answer(b"spam"), answer(b"spam")]);
    // Without a length it ends with the stream.
    let open = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nspam";
    assert_eq!(one(Way::Answers, open), answer(b"spam"));
    assert_eq!(exhaust(Way::Answers, open, 1).0, [answer(b"spam")]);
    assert_eq!(
        one(Way::Answers, b"HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 0\n\n"),
        answer(b"")
    );
    for cut in 1..wire.len() {
        assert!(matches!(refused(Way::Answers, &wire[..cut]), WireError::Truncated), "{cut}");
    }
}

#[test]
fn an_answer_to_head_says_the_length_of_what_it_does_not_send() {
    let head = Response::new(200).with("Content-Length", 5_000);
    let message = Message::Answer(Arc::new(Answer { head: head.clone(), body: Default::default() }));
    let wire = encoded(message.clone()).unwrap();
    assert_eq!(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    assert_eq!(wire.len() as u32, message.wire_len());
    let both = Message::Answer(Arc::new(Answer { head, body: b"x"[..].into() }));
    assert!(encoded(both).is_err());
}

#[test]
fn an_answer_of_doubtful_length_is_refused() {
    let refusals = [
        "HTTP/1.1 200 OK\r\nContent-Length: 33554433\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "d8:intervali1ee\r\n\r\n",
    ];
    for wire in refusals {
        let read = Way::Answers.reader().decode(&mut BytesMut::from(wire));
        assert!(read.is_err(), "{wire:?} was taken: {read:?}");
    }
    let mut endless = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + ANSWER_BYTES_MAX, b'x');
    assert!(matches!(exhaust(Way::Answers, &endless, MIB), (messages, None) if messages.len() == 1));
    endless.push(b'x');
    assert!(matches!(exhaust(Way::Answers, &endless, MIB).1, Some(WireError::TooLong { .. })));
}

#[test]
fn a_question_to_a_tracker_wants_no_chunks() {
    let request = ask("tracker:6969", "/announce?x=1", "client/1");
    let wire = encoded(Message::Ask(Arc::new(request))).unwrap();
    let text = "GET /announce?x=1 HTTP/1.0\r\nHost: tracker:6969\r\nUser-Agent: client/1\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8(wire).unwrap(), text);
}

#[test]
fn names_are_shown_and_read() {
    let hash: InfoHash = "AAAAaaaaAAAAaaaaAAAAaaaaAAAAaaaaAAAAaa01".parse().unwrap();
    assert_eq!(hash.to_string(), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01");
    assert_eq!(format!("{hash:?}"), "InfoHash(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01)");
    assert!("aa".parse::<InfoHash>().is_err() && "g".repeat(40).parse::<InfoHash>().is_err());
    assert!("é".repeat(20).parse::<InfoHash>().is_err() && "é".repeat(10).parse::<PeerId>().is_err());
    assert_eq!(PEER.to_string(), "-XX0001-abcdefghijkl");
    let odd = PeerId([0x1b; 20]);
    assert_eq!(odd.to_string(), "1b".repeat(20));
    for id in [PEER, odd] {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

/// The conversation that a file of the corpus belongs to, by the first word of its name.
fn way_of(name: &str) -> Way {
    match name.split_once('-').expect("a name of several words").0 {
        "peers" => Way::Peers,
        "port" => Way::Port,
        "answers" => Way::Answers,
        other => panic!("{other}: no such conversation"),
    }
}

/// Each file is fed to every conversation, whole and byte by byte. With `-refused-` in its name it must end its own; without, it
/// must be understood to its end.
#[test]
fn the_corpus_is_refused_or_understood() {
    crate::corpus::each("wire", 40, |name, content| {
        for way in Way::ALL {
            let (whole, split) = (exhaust(way, content, usize::MAX), exhaust(way, content, 1));
            assert_eq!((&whole.0, whole.1.is_some()), (&split.0, split.1.is_some()), "{name} as {way:?}");
        }
        match exhaust(way_of(name), content, usize::MAX) {
            (_, Some(error)) => Err(error.to_string()),
            (messages, None) if messages.is_empty() => Err("nothing was made of it".to_owned()),
            _ => Ok(()),
        }
    });
}

fn any_block() -> impl Strategy<Value = Block> {
    any::<(u32, u32, u32)>().prop_map(|(piece, begin, len)| Block { piece, begin, len })
}

fn short() -> impl Strategy<Value = Message> {
    prop_oneof![
        prop::sample::select(vec![
            Message::KeepAlive,
            Message::Choke,
            Message::Unchoke,
            Message::Interested,
            Message::NotInterested,
            Message::HaveAll,
            Message::HaveNone,
        ]),
        any::<u32>().prop_map(Message::Have),
        any::<u32>().prop_map(Message::Suggest),
        any::<u32>().prop_map(Message::AllowedFast),
        any::<u16>().prop_map(Message::Port),
        any_block().prop_map(Message::Request),
        any_block().prop_map(Message::Cancel),
        any_block().prop_map(Message::Reject),
        (any_block(), 1..=REQUEST_BYTES_MAX).prop_map(|(block, len)| Message::Piece(Block { len, ..block })),
        prop::sample::select(vec![10u8, 11, 12, 18, 19, 21, 255]).prop_map(Message::Unknown),
    ]
}

fn framed() -> impl Strategy<Value = Message> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..300);
    prop_oneof![
        4 => short(),
        1 => bytes().prop_map(|bits| Message::Bitfield(bits.into())),
        1 => (any::<u8>(), bytes()).prop_map(|(id, payload)| Message::Extended { id, payload: payload.into() }),
    ]
}

fn http() -> impl Strategy<Value = Message> {
    let ask = ("/[!-~]{0,40}", "[a-z.]{1,20}:[0-9]{1,4}")
        .prop_map(|(target, host)| Message::Ask(Arc::new(ask(&host, &target, "x"))));
    let body = prop::collection::vec(any::<u8>(), 0..1200);
    let answer = (prop::sample::select(vec![200u16, 400, 404, 503]), body).prop_map(|(status, body)| {
        Message::Answer(Arc::new(Answer { head: Response::new(status).with("X", "y"), body: body.into() }))
    });
    prop_oneof![ask, answer]
}

proptest! {
    #[test]
    fn every_message_comes_back_however_it_is_cut(message in prop_oneof![framed(), http()], cut in any::<prop::sample::Index>()) {
        let wire = encoded(message.clone()).unwrap();
        prop_assert_eq!(wire.len() as u32, message.wire_len());
        let way = Way::of(&message);
        for at in [cut.index(wire.len()), wire.len() - 1] {
            let (mut codec, mut buffer) = (way.reader(), BytesMut::from(&wire[..at]));
            prop_assert!(codec.decode(&mut buffer).unwrap().is_none());
            buffer.extend_from_slice(&wire[at..]);
            let read = codec.decode(&mut buffer).unwrap();
            prop_assert_eq!(read.as_ref(), Some(&message));
            prop_assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_conversation_comes_back_however_it_is_cut(messages in prop::collection::vec(framed(), 0..12), step in 1usize..40) {
        let mut wire = Vec::new();
        for message in &messages {
            wire.extend(encoded(message.clone()).unwrap());
            if let Message::Piece(block) = message {
                wire.resize(wire.len() + block.len as usize, 0xff);
            }
        }
        let (read, error) = exhaust(Way::Peers, &wire, step);
        prop_assert!(error.is_none());
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn every_handshake_comes_back(reserved in any::<[u8; 8]>(), hash in any::<[u8; 20]>(), id in any::<[u8; 20]>()) {
        let handshake = Handshake { reserved: Reserved(reserved), info_hash: InfoHash(hash), peer_id: PeerId(id) };
        prop_assert_eq!(Handshake::decode(&handshake.encode()), Some(handshake));
        prop_assert_eq!(handshake.info_hash.to_string().parse(), Ok(handshake.info_hash));
        prop_assert_eq!(handshake.peer_id.to_string().parse(), Ok(handshake.peer_id));
    }

    #[test]
    fn any_bytes_and_any_change_to_the_corpus_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        change in crate::corpus::change(),
        step in 1usize..50,
    ) {
        for wire in [bytes, change.of("wire")] {
            for way in Way::ALL {
                let whole = exhaust(way, &wire, usize::MAX);
                let split = exhaust(way, &wire, step);
                prop_assert_eq!((whole.0, whole.1.is_some()), (split.0, split.1.is_some()));
            }
        }
    }
}
