//! Every message there and back, and bytes that can do no harm.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::BytesMut;
use common::digest::Digest;
use common::http::{Headers, Request, Response};
use common::user::{FileInfo, Media};
use common::wire::{Wire, WireError};
use kazaa::ticket::{Pass, Ticket, VerifyingKey};
use kazaa::wire::*;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{encoded, exhaust, keys, setups};

/// What messages are made of.
#[derive(Clone, Debug)]
struct Parts {
    numbers: (u32, u32, u16, u8),
    size: u64,
    addresses: [SocketAddrV4; 3],
    text: String,
    name: String,
    bytes: Vec<u8>,
    key: [u8; 32],
    digest: Option<Digest>,
    count: usize,
}

fn address() -> impl Strategy<Value = SocketAddrV4> {
    (any::<u32>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(Ipv4Addr::from(ip), port))
}

fn digest() -> impl Strategy<Value = Option<Digest>> {
    let uuhash = any::<[u8; 20]>().prop_filter("means none", |hash| *hash != [0; 20]);
    (uuhash, any::<[u8; 16]>(), 0..3u8).prop_map(|(uuhash, root, kind)| match kind {
        0 => None,
        1 => Some(Digest::UuHash(uuhash)),
        _ => Some(Digest::KzHash([&uuhash[..], &root].concat().try_into().unwrap())),
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    let numbers = (any::<u32>(), prop_oneof![0..300u32, any::<u32>()], any::<u16>(), any::<u8>());
    let size = prop_oneof![0..20_000u64, any::<u64>()];
    let addresses = [address(), address(), address()];
    // Printable, without the separators of paths.
    let texts = ("[^\\p{C}/\\\\]{0,40}", "[^\\p{C}/\\\\]{1,60}");
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    (numbers, size, addresses, texts, bytes, any::<[u8; 32]>(), digest(), 0..6usize).prop_map(
        |(numbers, size, addresses, (text, name), bytes, key, digest, count)| Parts {
            numbers,
            size,
            addresses,
            text,
            name,
            bytes,
            key,
            digest,
            count,
        },
    )
}

impl Parts {
    fn info(&self) -> Arc<FileInfo> {
        let media = Media { bitrate_kbps: self.numbers.0, duration_s: self.numbers.1, frequency_hz: 0 };
        let (name, about) = (self.name.as_str().into(), self.text.as_str().into());
        Arc::new(FileInfo { name, about, size: self.size, digest: self.digest, media })
    }

    fn entries(&self) -> Vec<NodeEntry> {
        let entry = |address| NodeEntry { address, age_min: self.numbers.3, free_percent: 7 };
        self.addresses.into_iter().cycle().take(self.count).map(entry).collect()
    }

    fn query(&self) -> Query {
        let comparisons = [
            Comparison::Equals,
            Comparison::AtMost,
            Comparison::Approximately,
            Comparison::AtLeast,
            Comparison::Substring,
            Comparison::Other(0x06),
        ];
        let term =
            |comparison| Term { comparison, field: Field(self.numbers.1), value: self.bytes.clone().into() };
        let realms = [Realm::Any, Realm::Audio, Realm::Video, Realm::Image, Realm::Document, Realm::Software];
        let terms: Vec<Term> = comparisons.into_iter().take(self.count + 1).map(term).collect();
        Query::new(self.numbers.2, 7, realms[self.count], terms)
    }

    fn reply(&self) -> Reply {
        let hit = |nth: usize| Hit {
            address: self.addresses[nth % 2],
            bandwidth: self.numbers.3,
            user: if nth.is_multiple_of(3) { self.name.as_str().into() } else { "x".into() },
            file: self.numbers.0,
            info: self.info(),
        };
        Reply::new(self.addresses[2], self.numbers.2, (0..self.count).map(hit).collect::<Vec<_>>())
    }

    fn push(&self) -> PushAsk {
        let [to, holder, supernode] = self.addresses;
        PushAsk { id: self.numbers.0, to, holder, supernode, user: self.text.as_str().into() }
    }

    fn ticket(&self) -> Ticket {
        let signature = Box::new([self.key, self.key].concat().try_into().unwrap());
        Ticket {
            user: self.text.as_str().into(),
            key: VerifyingKey(self.key),
            expires_s: self.size,
            signature,
        }
    }

    fn headers(&self) -> Headers {
        let mut headers = Headers::default();
        headers.push("X-Kazaa-Username", &self.text);
        headers.push("Range", "bytes=0-");
        headers
    }

    /// What a session's ends say to each other, and which of them.
    fn framed(&self) -> Vec<(bool, Message)> {
        let (info, number) = (self.info(), self.numbers.0);
        let user = UserInfo { address: self.addresses[0], bandwidth: 0xb0, user: self.text.as_str().into() };
        let stats = Stats { users: number, files: 7, gigabytes: self.numbers.1 & 0xffff };
        let proof = Box::new([self.key, self.key].concat().try_into().unwrap());
        vec![
            (true, Message::Ping),
            (false, Message::Pong),
            (true, Message::Nodes(self.entries().into())),
            (false, Message::User(Arc::new(user))),
            (false, Message::Share(number, info.clone())),
            (false, Message::Unshare(number, info)),
            (false, Message::Query(Arc::new(self.query()))),
            (true, Message::Reply(Arc::new(self.reply()))),
            (true, Message::QueryEnd(self.numbers.2)),
            (true, Message::Stats(Arc::new(stats))),
            (false, Message::PushAsk(Arc::new(self.push()))),
            (true, Message::PushOrder(PushOrder { id: number, to: self.addresses[1] })),
            (true, Message::NetworkName(self.text.as_str().into())),
            (true, Message::Version(number)),
            (true, Message::OutsideAddress(*self.addresses[2].ip())),
            (false, Message::Ticket(Arc::new(self.ticket()))),
            (true, Message::Challenge(self.key[..16].try_into().unwrap())),
            (false, Message::Proof(proof)),
            (true, Message::Unknown(0x1e, self.bytes.clone().into())),
            (false, Message::Unknown(0xc00a, self.bytes.clone().into())),
        ]
    }

    fn links(&self) -> Vec<Link> {
        let address = self.addresses[0];
        let pass = Box::new(Pass { ticket: self.ticket(), proof: self.ticket().signature });
        let hello = |pass| Link::Hello {
            version: LINK_VERSION,
            address,
            pass,
            children: self.numbers.0,
            free_percent: 3,
            visit: self.count == 0,
        };
        let (id, nodes) = (self.numbers.0, || self.entries().into());
        let query = self.query();
        vec![
            hello(None),
            hello(Some(pass)),
            Link::Refused(nodes()),
            Link::Nodes { nodes: nodes(), children: 1, files: self.numbers.1, free_percent: 9 },
            Link::Query { id, ttl: 3, fan_out: 2, origin: (address, 5), query },
            Link::Reply { id, reply: self.reply() },
            Link::QueryEnd { id, asked: self.numbers.1 },
            Link::Push(self.push()),
            Link::Ping,
            Link::Pong,
        ]
    }

    fn services(&self) -> Vec<Service> {
        let key = VerifyingKey(self.key);
        let credentials =
            || Credentials { user: self.text.as_str().into(), password: self.name.as_str().into(), key };
        let (proof, seen_at) = (self.ticket().signature, *self.addresses[0].ip());
        vec![
            Service::Hello { version: SERVICE_VERSION, key, proof, seen_at },
            Service::Register(credentials()),
            Service::Login(credentials()),
            Service::Welcome(Box::new(self.ticket())),
            Service::Refused(Refusal::Busy),
            Service::List,
            Service::Supernodes(self.entries().into()),
            Service::Announce(NodeEntry { address: self.addresses[0], age_min: 0, free_percent: 50 }),
            Service::Retire,
        ]
    }

    /// What starts a conversation or is a head: who writes it, who reads it, and the message.
    fn plain(&self) -> Vec<(Setup, Setup, Message)> {
        let mut request = Request::get("/.hash=7ee574a5effcce5e2ac7105a6d92ea12b1b34136");
        request.headers = self.headers();
        let mut response = Response::new(100 + self.numbers.2 % 900);
        response.headers = self.headers();
        let request = || Message::Request(Box::new(request.clone()));
        let response = || Message::Response(Box::new(response.clone()));
        // Four bytes that spell nothing.
        let rand = self.numbers.0 | 0x8080_8080;
        let hello = Hello { rand, seed: self.numbers.1, masked_types: 5 };
        let accept = Accept { seed: self.numbers.0, masked_types: self.numbers.1 };
        vec![
            (Setup::Dialled, Setup::Accepted, Message::Hello(hello)),
            (Setup::Accepted, Setup::Dialled, Message::Accept(accept)),
            (Setup::Client, Setup::Accepted, request()),
            (Setup::Client, Setup::Server, request()),
            (Setup::SealedClient, Setup::SealedServer, request()),
            (Setup::Server, Setup::Client, response()),
            (Setup::Accepted, Setup::Client, response()),
            (Setup::SealedServer, Setup::SealedClient, response()),
            (Setup::Server, Setup::Accepted, Message::Give(self.numbers.0)),
        ]
    }

    /// All that needs no stream before it.
    fn alone(&self) -> Vec<(Setup, Setup, Message)> {
        let links = self.links().into_iter().map(|link| {
            let message = Message::Link(Arc::new(LinkFrame::new(link)));
            (Setup::LinkDialler, Setup::LinkAcceptor, message)
        });
        let services = self.services().into_iter().map(|service| {
            let message = Message::Service(Arc::new(ServiceFrame::new(service)));
            (Setup::ServiceServer, Setup::ServiceClient, message)
        });
        self.plain().into_iter().chain(links).chain(services).collect()
    }
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
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_message_comes_back_at_every_split_and_its_length_is_known(parts in parts()) {
        let mut kinds = vec![false; Message::KINDS.len()];
        for (writer, reader, message) in parts.alone() {
            kinds[usize::from(message.kind())] = true;
            let mut bytes = encoded(writer, message.clone());
            let len = bytes.len();
            prop_assert_eq!(len, message.wire_len() as usize, "{:?}", message);
            // What follows a message in the same segment is not touched.
            bytes.extend_from_slice(b"next");
            for split in 0..len {
                let back = decoded(reader, &bytes[..split], &bytes[split..]);
                let same = matches!(&back, Ok(Some((back, 4))) if *back == message);
                prop_assert!(same, "{:?} is not {:?} at {}", back, message, split);
            }
        }
        for (_, message) in parts.framed() {
            kinds[usize::from(message.kind())] = true;
        }
        kinds[usize::from(Message::Network(NETWORK.into()).kind())] = true;
        prop_assert!(kinds.iter().all(|seen| *seen), "a kind is not tried: {:?}", kinds);
    }

    /// The streams of a session, in one direction and the other, under all ciphers, in portions of any length.
    #[test]
    fn a_session_is_the_same_however_its_bytes_come(
        parts in parts(),
        types in prop::sample::select(vec![0x00, 0x01, 0x08, 0x09]),
        seeds in any::<(u32, u32)>(),
        portions in prop::collection::vec(1..200usize, 1..8),
    ) {
        let key = |is_supernode| SessionKey { is_supernode, child_seed: seeds.0, supernode_seed: seeds.1, types };
        for from_supernode in [false, true] {
            let mut writer = Message::codec(Setup::Session(key(from_supernode)));
            let said = parts.framed().into_iter().filter(|(by_supernode, _)| *by_supernode == from_supernode);
            let said = std::iter::once(Message::Network(NETWORK.into())).chain(said.map(|(_, message)| message));
            let (mut wire, mut messages) = (BytesMut::new(), Vec::new());
            for message in said {
                let before = wire.len();
                writer.encode(message.clone(), &mut wire).unwrap();
                prop_assert_eq!(wire.len() - before, message.wire_len() as usize, "{:?}", message);
                messages.push(message);
            }
            let mut reader = Message::codec(Setup::Session(key(!from_supernode)));
            let (mut buffer, mut read, mut rest) = (BytesMut::new(), Vec::new(), &wire[..]);
            for portion in portions.iter().cycle() {
                while let Some(message) = reader.decode(&mut buffer).unwrap() {
                    read.push(message);
                }
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*portion).min(rest.len()));
                buffer.extend_from_slice(now);
                rest = later;
            }
            prop_assert_eq!(&read, &messages);
            prop_assert!(buffer.is_empty());
        }
    }

    #[test]
    fn no_bytes_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for setup in setups() {
            let (messages, _) = exhaust(setup, &bytes);
            messages.iter().for_each(|message| look_at(setup, message));
        }
    }

    /// The same behind the ciphers, where noise is otherwise noticed at once.
    #[test]
    fn no_payload_can_do_harm(
        payload in prop::collection::vec(prop_oneof![any::<u8>(), 0..4u8, Just(0x80)], 0..400),
        kind in prop_oneof![0..0x2du16, 0x60..0x63u16, any::<u16>()],
        from_supernode in any::<bool>(),
    ) {
        let (child, supernode) = keys();
        let reader = if from_supernode { child } else { supernode };
        let writer = if from_supernode { supernode } else { child };
        let mut codec = Message::codec(Setup::Session(writer));
        let mut wire = BytesMut::new();
        codec.encode(Message::Network(NETWORK.into()), &mut wire).unwrap();
        if codec.encode(Message::Unknown(kind, payload.into()), &mut wire).is_ok() {
            let (messages, _) = exhaust(Setup::Session(reader), &wire);
            messages.iter().for_each(|message| look_at(Setup::Session(writer), message));
        }
    }

    #[test]
    fn messages_with_some_bytes_changed_do_no_harm(parts in parts(), at in any::<usize>(), byte in any::<u8>()) {
        for (writer, reader, message) in parts.alone() {
            let mut bytes = encoded(writer, message);
            let at = at % bytes.len();
            bytes[at] = byte;
            exhaust(reader, &bytes).0.iter().for_each(|message| look_at(writer, message));
        }
    }

    /// Bytes that were meant for another seed, another type or another place of the stream end the session soon.
    #[test]
    fn a_stream_under_another_key_is_noticed(parts in parts(), seed in any::<u32>()) {
        let (child, supernode) = keys();
        prop_assume!(seed != child.child_seed);
        let mut writer = Message::codec(Setup::Session(SessionKey { child_seed: seed, ..child }));
        let mut wire = BytesMut::new();
        writer.encode(Message::Network(NETWORK.into()), &mut wire).unwrap();
        for message in parts.framed().into_iter().filter(|(by_supernode, _)| !by_supernode) {
            writer.encode(message.1, &mut wire).unwrap();
        }
        let (messages, _) = exhaust(Setup::Session(supernode), &wire);
        let ours = |message: &Message| matches!(message, Message::Network(name) if &**name == NETWORK);
        prop_assert!(!messages.iter().any(ours));
    }

    #[test]
    fn users_queries_come_back_as_far_as_there_are_words(parts in parts(), range in any::<(u32, u32)>()) {
        let range = common::user::Range { min: range.0.min(range.1), max: range.0.max(range.1) };
        let words: Vec<_> = parts.name.split_whitespace().map(|word| word.trim_start_matches('-')).collect();
        let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let asked = common::user::Query {
            words,
            bitrate_kbps: range,
            size: range,
            results_max: 1 + u32::from(parts.numbers.2 >> 1),
            ..common::user::Query::default()
        };
        prop_assert_eq!(Query::of_user(&asked, 1, 50).to_user(), asked);
    }

    #[test]
    fn bandwidths_come_back(kbps in 1..3000u32) {
        let told = bandwidth_of_kbps(kbps);
        prop_assert!(told <= BANDWIDTH_UNLIMITED);
        prop_assert_eq!(bandwidth_of_kbps(kbps_of_bandwidth(told)), told);
    }
}

/// Asks everything that can be asked of what came in, and says it again if it can be said.
pub fn look_at(setup: Setup, message: &Message) {
    assert!(message.wire_len() <= 4 * 65_600, "{message:?}");
    match message {
        Message::Query(query) => drop((query.to_user(), query.content())),
        Message::Reply(reply) => drop(Reply::divided(reply.supernode, 1, reply.hits.iter().cloned())),
        Message::Hello(hello) => drop((hello.types(), hello.accepted())),
        Message::Accept(accept) => drop(accept.session(&Hello::OURS)),
        Message::Request(request) => drop(transfer::Asked::of(&request.target)),
        Message::Response(response) => drop(transfer::content_of(&response.headers)),
        _ => {}
    }
    let mut codec = Message::codec(setup);
    let mut wire = BytesMut::new();
    if matches!(setup, Setup::Session(_)) && !matches!(message, Message::Network(_)) {
        let named = codec.encode(Message::Network(NETWORK.into()), &mut wire);
        if named.is_err() {
            return;
        }
        wire.clear();
    }
    if codec.encode(message.clone(), &mut wire).is_ok() {
        assert_eq!(wire.len(), message.wire_len() as usize, "{message:?}");
    }
}
