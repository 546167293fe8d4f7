//! What a session costs: its start, its ciphers, and its three largest messages from bytes to message and back.
//!
//! `cargo bench -p kazaa --bench wire [-- --quick]`
//!
//! Fair? The starts are what a supernode pays for each child: `known seed` where the child is giFT-FastTrack or ours, `new seed`
//! where it is KaZaA, which draws its own; both directions, as two codecs of the driver pay for them. The messages are encoded and
//! decoded with the cipher, which every byte of a session passes twice. The bytes are in the cache, which those of a
//! socket are too, just copied from the kernel.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::BytesMut;
use common::digest::Digest;
use common::user::{FileInfo, Media};
use common::wire::Wire;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kazaa::wire::{
    Accept, Hello, Hit, LinkFrame, Message, NETWORK, Query, Realm, Reply, SessionKey, Setup, Term,
};
use tokio_util::codec::{Decoder, Encoder};

/// Results of the reply: the most that one reply has.
const RESULTS: u32 = 200;
const CIPHER_BYTES: usize = 64 * 1024;

type Codec = <Message as Wire>::Codec;

fn info() -> Arc<FileInfo> {
    Arc::new(FileInfo {
        name: "Some Band - Some Words of a Song.mp3".into(),
        about: "Some Band".into(),
        size: 4_000_000,
        digest: Some(Digest::KzHash([7; 36])),
        media: Media { bitrate_kbps: 128, frequency_hz: 0, duration_s: 250 },
    })
}

fn reply() -> Reply {
    let hit = |file| Hit {
        address: SocketAddrV4::new(Ipv4Addr::from(0xc633_6400 + file / 2), 1214),
        bandwidth: 0xb0,
        user: format!("user{}", file / 2).into(),
        file,
        info: info(),
    };
    let supernode = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 3000);
    Reply::new(supernode, 1, (0..RESULTS).map(hit).collect::<Vec<_>>())
}

/// An end of a session past its network's name.
fn end(key: SessionKey) -> Codec {
    let mut codec = Message::codec(Setup::Session(key));
    named(&mut codec);
    codec
}

fn named(codec: &mut Codec) -> BytesMut {
    let mut name = BytesMut::new();
    codec.encode(Message::Network(NETWORK.into()), &mut name).expect("the name comes first");
    name
}

fn keys() -> (SessionKey, SessionKey) {
    let child = Accept::OURS.session(&Hello::OURS).expect("our own choice is spoken");
    (child, Hello::OURS.accepted())
}

fn starts(c: &mut Criterion) {
    let mut group = c.benchmark_group("start of a session at a supernode");
    let mut start = |name: &str, hello: fn(u32) -> Hello| {
        let mut seed = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seed += 1;
                let hello = hello(seed);
                let child = Accept::OURS.session(&hello).expect("our own choice is spoken");
                let mut name = named(&mut Message::codec(Setup::Session(child)));
                let key = hello.accepted();
                named(&mut Message::codec(Setup::Session(key)));
                black_box(Message::codec(Setup::Session(key)).decode(&mut name)).expect("it is legal");
            });
        });
    };
    start("known seed", |_| Hello::OURS);
    start("new seed, both ends", |seed| Hello { seed, ..Hello::OURS });
    group.finish();
}

fn cipher(c: &mut Criterion) {
    let mut group = c.benchmark_group("cipher");
    group.throughput(Throughput::Bytes(CIPHER_BYTES as u64));
    for (name, types) in [("cubed", 0x01), ("cubed and permuted", 0x09)] {
        let key = SessionKey { types, ..keys().1 };
        let payload: Arc<[u8]> = vec![0; 16 * 1024].into();
        let mut codec = end(key);
        let mut out = BytesMut::with_capacity(2 * CIPHER_BYTES);
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                for _ in 0..CIPHER_BYTES / payload.len() {
                    let message = Message::Unknown(0x33, Arc::clone(&payload));
                    codec.encode(black_box(message), &mut out).expect("a message of legal size");
                }
            });
        });
    }
    group.finish();
}

fn message(c: &mut Criterion, name: &str, from_supernode: bool, message: &Message) {
    let (child, supernode) = keys();
    let (writing, reading) = if from_supernode { (supernode, child) } else { (child, supernode) };
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(u64::from(message.wire_len())));
    let mut codec = end(writing);
    let mut out = BytesMut::with_capacity(128 * 1024);
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            codec.encode(black_box(message.clone()), &mut out).expect("a message of legal size");
        });
    });
    // Each decoding starts a stream of a known seed and reads its name, some hundred nanoseconds.
    let mut codec = Message::codec(Setup::Session(writing));
    let mut wire = named(&mut codec);
    codec.encode(message.clone(), &mut wire).expect("a message of legal size");
    let decode = |mut wire: BytesMut| {
        let mut codec = Message::codec(Setup::Session(reading));
        assert!(matches!(codec.decode(&mut wire), Ok(Some(Message::Network(_)))));
        codec.decode(&mut wire).expect("it was encoded here").expect("it is whole")
    };
    group.bench_function("decode", |b| b.iter_batched(|| wire.clone(), decode, BatchSize::SmallInput));
    group.finish();
}

fn messages(c: &mut Criterion) {
    let query = Query::new(50, 1, Realm::Any, [Term::words("some words of a song")]);
    message(c, "share", false, &Message::Share(7, info()));
    message(c, "query", false, &Message::Query(Arc::new(query)));
    message(c, "reply of 200 results", true, &Message::Reply(Arc::new(reply())));
}

fn links(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply of 200 results between supernodes");
    let link = kazaa::wire::Link::Reply { id: 1, reply: reply() };
    group.bench_function("length", |b| {
        b.iter_batched(|| link.clone(), |link| LinkFrame::new(link).wire_len(), BatchSize::SmallInput);
    });
    let message = Message::Link(Arc::new(LinkFrame::new(link)));
    group.throughput(Throughput::Bytes(u64::from(message.wire_len())));
    let (mut codec, mut out) = (Message::codec(Setup::LinkDialler), BytesMut::with_capacity(128 * 1024));
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            codec.encode(black_box(message.clone()), &mut out).expect("a message of legal size");
        });
    });
    let wire = out.clone();
    let decode = |mut wire: BytesMut| {
        let message = Message::codec(Setup::LinkAcceptor).decode(&mut wire);
        message.expect("it was encoded here").expect("it is whole")
    };
    group.bench_function("decode", |b| b.iter_batched(|| wire.clone(), decode, BatchSize::SmallInput));
    group.finish();
}

criterion_group!(benches, starts, cipher, messages, links);
criterion_main!(benches);
