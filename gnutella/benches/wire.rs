//! What a link's bytes cost: a query and a query hit from bytes to message and back, without socket and routing.
//!
//! `cargo bench -p gnutella --bench wire [-- --quick]`
//!
//! Fair? `decode` is what every copy of a descriptor costs that comes in, the ones soon dropped as duplicates included;
//! `decode and read` adds what only a servent does that looks through its files, or the asker. The bytes are in the cache,
//! which those of a socket are too, just copied from the kernel.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use bytes::BytesMut;
use common::wire::Wire;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gnutella::guid::Guid;
use gnutella::wire::{
    Entry, Header, HitBuilder, Message, Query, QueryBuilder, QueryHit, Setup, Sha1Urn, Trailer,
};
use tokio_util::codec::{Decoder, Encoder};

const HEADER: Header = Header { guid: Guid([7; 16]), ttl: 7, hops: 0 };
/// Results of the hit: as many as a usual holder has.
const RESULTS: u32 = 5;

fn query() -> Arc<Query> {
    Arc::new(QueryBuilder::words("some words of a song").build())
}

fn hit() -> Arc<QueryHit> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6346);
    let mut hit = HitBuilder::new(address, 1000, Guid([9; 16]), Trailer::OURS);
    for index in 0..RESULTS {
        let name = "some band - some words of a song.mp3".into();
        assert!(hit.push(&Entry { index, size: 4_000_000, name, urn: Some(Sha1Urn([3; 20])) }));
    }
    Arc::new(hit.build().expect("it has results"))
}

fn encoded(message: Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    Message::codec(Setup::Descriptors).encode(message, &mut bytes).expect("a message of legal size");
    bytes
}

fn decoded(mut bytes: BytesMut) -> Message {
    let message = Message::codec(Setup::Descriptors).decode(&mut bytes);
    message.expect("it was encoded here").expect("it is whole")
}

fn descriptor(c: &mut Criterion, name: &str, message: &Message, read: fn(&Message) -> usize) {
    let bytes = encoded(message.clone());
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let fresh = || bytes.clone();
    group.bench_function("decode", |b| b.iter_batched(fresh, decoded, BatchSize::SmallInput));
    group.bench_function("decode and read", |b| {
        b.iter_batched(fresh, |bytes| read(black_box(&decoded(bytes))), BatchSize::SmallInput);
    });
    let mut codec = Message::codec(Setup::Descriptors);
    let mut out = BytesMut::with_capacity(64 * 1024);
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            codec.encode(black_box(message.clone()), &mut out).expect("a message of legal size");
        });
    });
    group.finish();
}

fn descriptors(c: &mut Criterion) {
    descriptor(c, "query", &Message::Query(HEADER, query()), |message| match message {
        Message::Query(_, query) => query.words().len(),
        _ => 0,
    });
    descriptor(c, "hit of five results", &Message::Hit(HEADER, hit()), |message| match message {
        Message::Hit(_, hit) => hit.entries().map(|entry| entry.name.len()).sum(),
        _ => 0,
    });
}

criterion_group!(benches, descriptors);
criterion_main!(benches);
