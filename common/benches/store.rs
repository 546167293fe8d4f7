//! Synthetic content: how fast it is made, and checked by a sink, beside copying as many bytes; and a download to disk,
//! with its journal, beside writing and syncing a plain file.
//!
//! ```text
//! cargo bench -p common --bench store [-- --quick]
//! ```
//!
//! Fair? The copy is of blocks that stay in the cache, like the buffers of the other two: it is the most that anything
//! which touches each byte once can reach. The plain file is synced once at its end, the download some dozens of times
//! on the way and at its end; both are written in the same folder, in turn.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use common::store::{Checking, Disk, Storage, Synthetic};
use common::user::FileInfo;

/// A buffer as the tcp driver moves them.
const BLOCK: usize = 256 * 1024;
const ROUNDS: usize = 5;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let blocks = if quick { 64 } else { 8_192 };
    let size = (blocks * BLOCK) as u64;
    let source = Arc::new(Synthetic::new(1, size));
    let mut buf = vec![0; BLOCK];
    let from = vec![1u8; BLOCK];
    let copied = median(|| {
        (0..blocks).for_each(|_| buf.copy_from_slice(black_box(&from)));
        black_box(&buf);
    });
    let mut buf = vec![0; BLOCK];
    let generated = median(|| {
        (0..blocks)
            .for_each(|n| source.read_at((n * BLOCK) as u64, black_box(&mut buf)).expect("within the file"));
    });
    source.read_at(0, &mut buf).expect("within the file");
    let checked = median(|| {
        let sink = Checking::new(source.clone());
        (0..blocks).for_each(|_| sink.write_at(0, black_box(&buf)).expect("the same bytes"));
    });
    let sunk = Checking::new(source.clone());
    let simulated = median(|| sunk.copy_from(&*source, 0, black_box(size)).expect("the same content"));
    // A quarter, so that slow disks end the bench in time.
    let (plain, download) = to_disk(blocks / 4, &buf);
    println!("{blocks} blocks of {BLOCK} bytes, median of {ROUNDS} rounds");
    for (what, seconds) in [("copied", copied), ("generated", generated), ("checked by a sink", checked)] {
        println!("{what:<20} {:>8.2} GB/s", size as f64 / seconds / 1e9);
    }
    for (what, seconds) in [("plain file, synced", plain), ("download to disk", download)] {
        println!("{what:<20} {:>8.2} GB/s", size as f64 / 4.0 / seconds / 1e9);
    }
    println!("{:<20} {:>8.0} ns, whatever the size", "copied in simulation", simulated * 1e9);
}

/// Writes the same blocks to a plain file and to a download; the median seconds of each.
fn to_disk(blocks: usize, block: &[u8]) -> (f64, f64) {
    let size = (blocks * BLOCK) as u64;
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let plain = median(|| {
        let path = dir.path().join("plain");
        let file = File::create(&path).expect("a file");
        (0..blocks).for_each(|n| file.write_all_at(block, (n * BLOCK) as u64).expect("written"));
        file.sync_all().expect("synced");
        std::fs::remove_file(path).expect("removed");
    });
    let download = median(|| {
        let info = FileInfo { name: "download".into(), size, ..FileInfo::default() };
        let disk = Disk::create(dir.path(), &info).expect("a file");
        (0..blocks).for_each(|n| disk.write_at((n * BLOCK) as u64, block).expect("written"));
        disk.finish().expect("finished");
        std::fs::remove_file(disk.path()).expect("removed");
    });
    (plain, download)
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
