//! What the wire costs: messages between peers from bytes to messages and back, and the reading of a torrent.
//!
//! `cargo bench -p bittorrent --bench wire [-- --quick]`
//!
//! Fair? The stream is what a seed and a leecher say to each other while they trade: a request and the head of a piece, one after the
//! other, without the blocks, which no codec sees. The bytes are in the cache, which those of a socket are too, just copied from
//! the kernel. A torrent of 2,000 pieces is one of half a gigabyte; its info hash is part of reading it.

use std::hint::black_box;

use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::wire::{BLOCK_BYTES, Block, Handshake, InfoHash, Message, PeerId, Reserved, Setup};
use bytes::BytesMut;
use common::wire::Wire;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tokio_util::codec::{Decoder, Encoder};

/// Requests of the stream, and as many pieces.
const BLOCKS: u32 = 1_000;
const PIECES: u32 = 2_000;
const PIECE_LENGTH: u32 = 256 * 1024;

type Codec = <Message as Wire>::Codec;

/// A reader past the handshake.
fn reader() -> Codec {
    let (mut codec, mut wire) = (Message::codec(Setup::Peer), BytesMut::new());
    let handshake =
        Handshake { reserved: Reserved::ours(true), info_hash: InfoHash([1; 20]), peer_id: PeerId([2; 20]) };
    wire.extend_from_slice(&handshake.encode());
    codec.decode(&mut wire).expect("it is legal").expect("it is whole");
    codec
}

fn messages() -> impl Iterator<Item = Message> {
    (0..BLOCKS).flat_map(|n| {
        let block = Block { piece: n / 16, begin: n % 16 * BLOCK_BYTES, len: BLOCK_BYTES };
        [Message::Request(block), Message::Piece(block)]
    })
}

fn stream(c: &mut Criterion) {
    let mut group = c.benchmark_group("1,000 requests and heads of pieces");
    group.throughput(Throughput::Elements(2 * u64::from(BLOCKS)));
    let (mut codec, mut out) = (Message::codec(Setup::Peer), BytesMut::with_capacity(64 * 1024));
    group.bench_function("encode", |b| {
        b.iter(|| {
            out.clear();
            messages().for_each(|message| codec.encode(message, &mut out).expect("a message of legal size"));
            black_box(&out);
        });
    });
    let wire = out.clone();
    let mut codec = reader();
    let mut decode = |mut wire: BytesMut| {
        while let Some(message) = codec.decode(&mut wire).expect("it was encoded here") {
            black_box(message);
        }
        assert!(wire.is_empty());
    };
    group.bench_function("decode", |b| b.iter_batched(|| wire.clone(), &mut decode, BatchSize::SmallInput));
    group.finish();
}

fn torrent(c: &mut Criterion) {
    let length = u64::from(PIECES) * u64::from(PIECE_LENGTH);
    let draft = Draft {
        name: "a file.bin".into(),
        piece_length: PIECE_LENGTH,
        pieces: (0..PIECES).map(|n| [n as u8; 20]).collect(),
        files: vec![FileEntry { path: Box::default(), length }],
        trackers: vec![vec!["http://127.0.0.1:6969/announce".into()]],
        ..Draft::default()
    };
    let file = Metainfo::new(draft).expect("it is legal").to_bytes();
    let mut group = c.benchmark_group("torrent of 2,000 pieces");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| black_box(Metainfo::parse(black_box(&file)).expect("it was made here")));
    });
    group.finish();
}

criterion_group!(benches, stream, torrent);
criterion_main!(benches);
