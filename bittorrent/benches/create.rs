//! Hashing the pieces of a new torrent, and checking those of one, beside bare SHA-1 on one core over bytes in memory.
//!
//! ```text
//! cargo bench -p bittorrent --bench create [-- --quick]
//! ```
//!
//! Fair? Nobody can hash a byte without SHA-1, so as many times the bare loop as there are cores is the most that there can be. It
//! gets its bytes for nothing; ours come out of files, which have just been written and are in the system's memory, so that no disk
//! is measured.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use common::store::{PlannedFile, Storage as _, Synthetic, Volume, VolumePlan};
use sha1::{Digest as _, Sha1};

const PIECE: u32 = 256 * 1024;
/// Files of the content, of different lengths, none of which is a number of pieces.
const FILES: u64 = 50;
const ROUNDS: usize = 5;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let unit = if quick { 10_007 } else { 500_009 };
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let plan = VolumePlan { name: "content".into(), mark: 0, files: Vec::new() };
    let files = (1..=FILES).map(|n| PlannedFile { path: [format!("{n}").into()].into(), len: n * unit });
    let plan = VolumePlan { files: files.collect(), ..plan };
    for (n, file) in (1..).zip(&plan.files) {
        let mut bytes = vec![0; file.len as usize];
        Synthetic::new(n, file.len).read_at(0, &mut bytes).expect("within the file");
        fs::write(dir.path().join(&*file.path[0]), bytes).expect("written");
    }
    let size: u64 = plan.files.iter().map(|file| file.len).sum();
    let volume = Volume::open(dir.path(), &plan).expect("just written");
    let block = vec![7u8; PIECE as usize];
    let bare = median(|| {
        for _ in 0..size / u64::from(PIECE) {
            black_box(Sha1::digest(black_box(&block)));
        }
    });
    let hashes = volume.hash(PIECE, |_, _| {}).expect("just written");
    let hashed = median(|| drop(volume.hash(PIECE, |_, _| {})));
    let checked =
        median(|| assert!(volume.check(PIECE, &hashes, |_, _| {}).iter().all(|is_right| *is_right)));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("{} MB in {FILES} files, {cores} cores, median of {ROUNDS} rounds", size / 1_000_000);
    for (what, seconds) in
        [("bare SHA-1, one core", bare), ("hashed for a new torrent", hashed), ("checked", checked)]
    {
        println!("{what:<26} {:>8.0} MB/s", size as f64 / seconds / 1e6);
    }
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2]
}
