//! A torrent's content on disk: where it lies, and which pieces of it are right.

use std::path::{Path, PathBuf};

use bittorrent::metainfo::{FileEntry, Info, Metainfo};
use common::store::{PlannedFile, Ranges, Volume, VolumePlan, safe_name};
use indicatif::{ProgressBar, ProgressStyle};

/// How a torrent's content lies on disk.
pub fn plan(torrent: &Metainfo) -> VolumePlan {
    let mark = u32::from_be_bytes(*torrent.info_hash.0.first_chunk().expect("a hash is longer"));
    VolumePlan { mark, ..plan_of(&torrent.info.name, &torrent.info.files) }
}

/// The same for files of which no torrent has been made yet.
pub fn plan_of(name: &str, files: &[FileEntry]) -> VolumePlan {
    let files = files.iter().map(|file| PlannedFile { path: file.path.clone(), len: file.length });
    VolumePlan { name: name.into(), mark: 0, files: files.collect() }
}

/// Where the content is that a user has said is at `path`: that itself, or what is in that folder under the torrent's name.
pub fn locate(path: &Path, info: &Info) -> PathBuf {
    let first = info.files[0].path.iter().fold(path.to_owned(), |path, part| path.join(&**part));
    // A single file has no path of its own, so a folder is where it lies.
    if !path.is_dir() || first != path && first.exists() {
        return path.to_owned();
    }
    let names = [Some(info.name.to_string()), safe_name(&info.name).ok()];
    let inside = names.into_iter().flatten().map(|name| path.join(name));
    inside.into_iter().find(|inside| inside.exists()).unwrap_or_else(|| path.to_owned())
}

/// Which pieces are right, looked at with a progress bar.
pub fn check(volume: &Volume, info: &Info) -> Vec<bool> {
    let bar = bar(info.length, "checking");
    let right = volume.check(info.piece_length, &info.pieces, |done, _| bar.set_position(done));
    bar.finish_and_clear();
    right
}

/// How many pieces are right.
pub fn count(right: &[bool]) -> usize {
    right.iter().filter(|is_right| **is_right).count()
}

/// The bytes of the right pieces.
pub fn ranges(info: &Info, right: &[bool]) -> Ranges {
    let mut ranges = Ranges::default();
    for (piece, _) in (0..).zip(right).filter(|(_, is_right)| **is_right) {
        let span = info.span(piece);
        // More separate ranges than a set can hold: what does not fit is fetched again.
        let _ = ranges.insert(span.start, span.end);
    }
    ranges
}

/// A progress bar for so many bytes; on a terminal only, elsewhere indicatif draws nothing.
pub fn bar(length: u64, doing: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    ProgressBar::new(length).with_style(style.expect("the template is right")).with_message(doing)
}
