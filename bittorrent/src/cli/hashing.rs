//! Pieces hashed on all cores: to make a torrent, and to see what of one is there.

use std::sync::atomic::{AtomicU32, Ordering};

use bittorrent::metainfo::Info;
use common::digest::{Algorithm, Digest};
use common::store::{Ranges, Storage, StoreFault, Volume};
use indicatif::{ProgressBar, ProgressStyle};

/// The SHA-1 of each piece of a stream of `length` bytes.
///
/// # Errors
/// What the store says of the first piece, by number, that cannot be read.
pub fn hash_all(
    store: &dyn Storage,
    length: u64,
    piece_length: u32,
    bar: &ProgressBar,
) -> Result<Vec<[u8; 20]>, StoreFault> {
    let count = u32::try_from(length.div_ceil(piece_length.into())).map_err(|_| StoreFault::Missing)?;
    let hashed = on_all_cores(count, |piece| {
        let start = u64::from(piece) * u64::from(piece_length);
        let len = u64::from(piece_length).min(length - start);
        let digest = store.digest(start, len, Algorithm::Sha1);
        bar.inc(len);
        digest
    });
    let sha1 = |digest| match digest? {
        Digest::Sha1(hash) => Ok(hash),
        _ => Err(StoreFault::Corrupt),
    };
    hashed.into_iter().map(sha1).collect()
}

/// Which bytes lie in pieces that are what they should be.
pub fn check(volume: &Volume, info: &Info, bar: &ProgressBar) -> Ranges {
    let right = on_all_cores(info.piece_count(), |piece| {
        let (start, len) = (info.offset(piece), u64::from(info.piece_len(piece)));
        let expected = Digest::Sha1(info.pieces[piece as usize]);
        let is_right =
            !volume.is_hole(start, len) && volume.digest(start, len, Algorithm::Sha1) == Ok(expected);
        bar.inc(len);
        is_right
    });
    let mut ranges = Ranges::default();
    for (piece, _) in (0..).zip(&right).filter(|(_, is_right)| **is_right) {
        let span = info.span(piece);
        // More separate ranges than a set can hold: what does not fit is fetched again.
        let _ = ranges.insert(span.start, span.end);
    }
    ranges
}

/// A progress bar for so many bytes.
pub fn bar(length: u64, doing: &'static str) -> anyhow::Result<ProgressBar> {
    let style = "{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    Ok(ProgressBar::new(length).with_style(ProgressStyle::with_template(style)?).with_message(doing))
}

/// Does `work` for each number below `count`, on all cores; the results in order.
fn on_all_cores<T: Send>(count: u32, work: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let next = AtomicU32::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let run = || {
        let mut results = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return results;
            }
            results.push((at, work(at)));
        }
    };
    let mut all: Vec<(u32, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..threads.min(count as usize)).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for thread in threads {
            all.extend(thread.join().expect("hashing does not panic"));
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}
