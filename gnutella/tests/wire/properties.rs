//! What holds for every message and for every sequence of bytes.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::BytesMut;
use common::http::{Headers, Request, Response};
use common::wire::{Wire, WireError};
use gnutella::guid::Guid;
use gnutella::wire::*;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{SETUPS, encoded, exhaust};

/// Values that messages are built from.
#[derive(Debug, Clone)]
struct Parts {
    header: Header,
    guid: Guid,
    address: SocketAddrV4,
    numbers: (u32, u32, u16),
    bytes: Vec<u8>,
    text: String,
    lines: Vec<(String, String)>,
    urn: Option<Sha1Urn>,
    flags: [Option<bool>; 4],
}

prop_compose! {
    fn parts()(
        (guid, ttl, hops) in (any::<[u8; 16]>(), any::<u8>(), any::<u8>()),
        servent in any::<[u8; 16]>(),
        (ip, port) in (any::<u32>(), any::<u16>()),
        numbers in (any::<u32>(), any::<u32>(), any::<u16>()),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        text in "[a-zA-Z0-9é世_.'/-]( ?[a-zA-Z0-9é世_.'/-]){0,20}",
        lines in prop::collection::vec(("[A-Za-z-]{1,12}", "[!-~]([ -~]{0,20}[!-~])?"), 0..6),
        urn in prop::option::of(any::<[u8; 20]>()),
        flags in any::<[Option<bool>; 4]>(),
    ) -> Parts {
        let header = Header { guid: Guid(guid), ttl, hops };
        let address = SocketAddrV4::new(Ipv4Addr::from(ip), port);
        let urn = urn.map(Sha1Urn);
        Parts { header, guid: Guid(servent), address, numbers, bytes, text, lines, urn, flags }
    }
}

fn headers(p: &Parts) -> Headers {
    let mut headers = Headers::default();
    p.lines.iter().for_each(|(name, value)| headers.push(name, value));
    headers
}

fn walk(p: &Parts) -> Walk {
    Walk { steps: p.numbers.2, steps_max: p.numbers.0 as u16, check_every: p.header.ttl, origin: p.address }
}

fn trailer(p: &Parts) -> Trailer {
    let [push, busy, uploaded, measured] = p.flags;
    Trailer { vendor: *b"TEST", push, busy, uploaded, measured }
}

fn hit(p: &Parts) -> QueryHit {
    let mut builder = HitBuilder::new(p.address, p.numbers.0, p.guid, trailer(p));
    for index in 0..=u32::from(p.header.hops) {
        let entry = Entry { index, size: p.numbers.1, name: p.text.as_str().into(), urn: p.urn };
        if !builder.push(&entry) {
            break;
        }
    }
    builder.build().expect("there is a result")
}

fn queries(p: &Parts) -> Vec<Query> {
    let words = QueryBuilder::words(&p.text);
    let mut queries = vec![
        words.clone().build(),
        words.clone().flags(Flags::FIREWALLED).build(),
        words.clone().walk(walk(p)).build(),
        words.build().walked(walk(p)),
    ];
    if let Some(urn) = p.urn {
        queries.push(QueryBuilder::urn(urn).build());
        queries.push(QueryBuilder::urn(urn).walk(walk(p)).build());
    }
    queries
}

/// Every kind of descriptor.
fn descriptors(p: &Parts) -> Vec<Message> {
    let h = p.header;
    let raw = || Raw(p.bytes.clone().into());
    let some = || Some(raw()).filter(|raw| raw.len() > 0);
    let (index, number, short) = p.numbers;
    let pong = |extension| Pong { address: p.address, files: index, kilobytes: number, extension };
    let push = |extension| Push { servent: p.guid, index, address: p.address, extension };
    let vendor = |standard| {
        let data = p.bytes.clone().into();
        Vendor { standard, vendor: *b"GTKG", id: short, version: 1, data }
    };
    let mut all = vec![
        Message::Ping(h, None),
        Message::Ping(h, some().map(Arc::new)),
        Message::Pong(h, Arc::new(pong(None))),
        Message::Pong(h, Arc::new(pong(some()))),
        Message::Bye(h, Arc::new(Bye { code: short, text: p.text.as_str().into() })),
        Message::Qrp(h, Arc::new(raw())),
        Message::Vendor(h, Arc::new(vendor(true))),
        Message::Vendor(h, Arc::new(vendor(false))),
        Message::Push(h, Arc::new(push(None))),
        Message::Push(h, Arc::new(push(some()))),
        Message::Hit(h, Arc::new(hit(p))),
        Message::Unknown(h, 0x77, Arc::new(raw())),
    ];
    all.extend(queries(p).into_iter().map(|query| Message::Query(h, Arc::new(query))));
    all
}

/// What is said in lines: setup and message.
fn lines(p: &Parts) -> Vec<(Setup, Message)> {
    let connect = |version, headers| Message::Connect(Box::new(Greeting { version, headers }));
    let answer = |answer| Message::Answer(Box::new(answer));
    let status = 100 + p.numbers.2 % 900;
    let mut request = Request::get("/get/7/a%20song.mp3");
    request.headers = headers(p);
    let mut response = Response::new(status);
    response.headers = headers(p);
    let giv = Giv { index: p.numbers.0, servent: p.guid, name: p.text.as_str().into() };
    vec![
        (Setup::Accepted, connect(Version::V04, Headers::default())),
        (Setup::Accepted, connect(Version::V06, headers(p))),
        (Setup::Dialled, answer(Answer::ok_04())),
        (Setup::Dialled, answer(Answer::ok(headers(p)))),
        (Setup::Answered, answer(Answer::refusal(status, &p.text, headers(p)))),
        (Setup::Accepted, Message::Request(Box::new(request.clone()))),
        (Setup::Server, Message::Request(Box::new(request.clone()))),
        (Setup::CacheServer, Message::Request(Box::new(request))),
        (Setup::Client, Message::Response(Box::new(response))),
        (Setup::Accepted, Message::Giv(Box::new(giv))),
        (Setup::CacheClient, Message::Page(Box::new(Page::new(status, &p.text)))),
    ]
}

fn all(p: &Parts) -> Vec<(Setup, Message)> {
    let descriptors = descriptors(p).into_iter().map(|message| (Setup::Descriptors, message));
    descriptors.chain(lines(p)).collect()
}

/// Decodes bytes that come in two portions, of which the second may hold more than the message.
fn decoded(setup: Setup, first: &[u8], second: &[u8]) -> Result<Option<(Message, usize)>, WireError> {
    let mut codec = Message::codec(setup);
    let mut buffer = BytesMut::from(first);
    if let Some(early) = codec.decode(&mut buffer)? {
        panic!("a message from its first part alone: {early:?}");
    }
    buffer.extend_from_slice(second);
    Ok(codec.decode(&mut buffer)?.map(|message| (message, buffer.len())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_comes_back_at_every_split_and_its_length_is_known(parts in parts()) {
        let mut kinds = vec![false; Message::KINDS.len()];
        for (setup, message) in all(&parts) {
            kinds[usize::from(message.kind())] = true;
            let mut bytes = encoded(message.clone());
            let len = bytes.len();
            prop_assert_eq!(len, message.wire_len() as usize, "{:?}", message);
            // What follows a message in the same segment is not touched.
            bytes.extend_from_slice(b"next");
            let splits = if len < 2000 { 1 } else { len / 97 };
            for split in (0..len).step_by(splits) {
                let back = decoded(setup, &bytes[..split], &bytes[split..]);
                let same = matches!(&back, Ok(Some((back, 4))) if *back == message);
                prop_assert!(same, "{:?} is not {:?} at {}", back, message, split);
            }
        }
        prop_assert!(kinds.iter().all(|seen| *seen), "a kind is not tried: {:?}", kinds);
    }

    #[test]
    fn a_payload_that_is_passed_on_keeps_its_bytes(
        payload in prop::collection::vec(any::<u8>(), 27..400),
        kind in prop::sample::select(vec![0x00, 0x01, 0x30, 0x31, 0x32, 0x40, 0x80, 0x81, 0x99]),
    ) {
        let mut bytes = vec![7; 16];
        bytes.extend_from_slice(&[kind, 3, 4]);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&payload);
        let message = super::one(Setup::Descriptors, &bytes);
        prop_assert_eq!(message.header(), Some(&Header { guid: Guid([7; 16]), ttl: 3, hops: 4 }));
        prop_assert_eq!(message.wire_len() as usize, bytes.len());
        prop_assert_eq!(&encoded(message)[..], &bytes[..]);
    }

    #[test]
    fn no_bytes_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for setup in SETUPS {
            let (messages, _) = exhaust(setup, &bytes);
            messages.iter().for_each(look_at);
        }
    }

    #[test]
    fn no_payload_can_do_harm(
        payload in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0x1c), Just(0xc3)], 27..200),
    ) {
        for kind in [0x80, 0x81] {
            let mut bytes = vec![0; 16];
            bytes.extend_from_slice(&[kind, 3, 4]);
            bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&payload);
            look_at(&super::one(Setup::Descriptors, &bytes));
        }
    }

    #[test]
    fn first_lines_with_some_bytes_changed_do_no_harm(parts in parts(), at in any::<usize>(), byte in any::<u8>()) {
        for (setup, message) in lines(&parts) {
            let mut bytes = encoded(message);
            let at = at % bytes.len();
            bytes[at] = byte;
            exhaust(setup, &bytes);
        }
    }

    #[test]
    fn what_is_built_says_what_it_was_built_from(parts in parts()) {
        let hit = hit(&parts);
        prop_assert_eq!(hit.address(), parts.address);
        prop_assert_eq!(hit.speed_kbps(), parts.numbers.0);
        prop_assert_eq!(hit.servent(), parts.guid);
        prop_assert_eq!(hit.trailer(), Some(trailer(&parts)));
        prop_assert_eq!(usize::from(hit.count()), hit.entries().count());
        for (index, entry) in (0..).zip(hit.entries()) {
            let name = parts.text.as_str().into();
            prop_assert_eq!(entry, Entry { index, size: parts.numbers.1, name, urn: parts.urn });
        }
        let query = QueryBuilder::words(&parts.text).walk(walk(&parts)).build();
        prop_assert_eq!(query.text(), parts.text.as_str());
        prop_assert_eq!(query.walk(), Some(walk(&parts)));
        prop_assert!(query.wants_urns() && query.urns().is_empty());
        prop_assert_eq!(query.words(), gnutella::library::query_words(&parts.text));
    }

    #[test]
    fn a_walker_changes_nothing_but_its_own_extension(parts in parts(), steps in any::<u16>()) {
        let query = QueryBuilder::words(&parts.text).walk(walk(&parts)).build();
        let next = Walk { steps, ..walk(&parts) };
        let walked = query.walked(next);
        prop_assert_eq!(walked.walk(), Some(next));
        prop_assert_eq!(walked.words(), query.words());
        prop_assert_eq!(&walked.payload()[..query.payload().len() - 13], &query.payload()[..query.payload().len() - 13]);
        prop_assert_eq!(walked.len(), query.len());
        // What comes in at the next servent says the same.
        for walked in [walked.clone(), QueryBuilder::words(&parts.text).build().walked(next)] {
            let wire = encoded(Message::Query(parts.header, Arc::new(walked)));
            let Message::Query(_, read) = super::one(Setup::Descriptors, &wire) else { panic!("{wire:?}") };
            prop_assert_eq!(read.walk(), Some(next));
            prop_assert_eq!(read.words(), query.words());
        }
        prop_assert_eq!(&walked, &QueryBuilder::words(&parts.text).walk(next).build());
    }
}

/// Asks everything that can be asked of what came in.
pub fn look_at(message: &Message) {
    match message {
        Message::Query(_, query) => {
            let _ = (query.flags(), query.text(), query.words(), query.wants_urns());
            assert!(query.words().len() <= 32 && query.urns().len() <= 16);
            let walk = Walk {
                steps: 1,
                steps_max: 2,
                check_every: 4,
                origin: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6346),
            };
            let walked = query.walked(walk);
            assert_eq!(walked.walk(), Some(walk));
            assert_eq!(walked.text(), query.text());
        }
        Message::Hit(_, hit) => {
            let _ = (hit.address(), hit.speed_kbps(), hit.servent(), hit.trailer());
            assert!(hit.entries().count() <= usize::from(hit.count()));
        }
        _ => {}
    }
    assert!(message.wire_len() <= HEADER_BYTES + 65_535 || message.header().is_none());
}

#[test]
fn an_encoder_refuses_what_no_decoder_would_take() {
    let header = Header { guid: Guid::default(), ttl: 1, hops: 0 };
    let raw = Arc::new(Raw(vec![0; 70_000].into()));
    let text = "x".repeat(PAGE_BYTES_MAX + 1);
    for message in [
        Message::Qrp(header, raw.clone()),
        Message::Ping(header, Some(raw)),
        Message::Page(Box::new(Page::new(200, &text))),
    ] {
        let result = Message::codec(Setup::default()).encode(message, &mut BytesMut::new());
        assert!(matches!(result, Err(WireError::TooLong { .. })), "{result:?}");
    }
}
