//! `bittorrent create`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{
    Draft, FILES_MAX, FileEntry, Metainfo, NEW_PIECE_LENGTH_MAX, NEW_PIECE_LENGTH_MIN, PATH_DEPTH_MAX,
};
use bittorrent::url::Url;
use bittorrent::wire::PIECES_MAX;
use common::cli::{counted, print, printable};
use common::store::{ScanLimits, Scanned, Volume, scan};

use super::{content, size};

/// The most pieces that the default piece length makes, as long as pieces of 16 MiB are enough: a .torrent of 40 kB.
const PIECES_AIM: u64 = 2_048;
/// The smallest piece that is made without being asked for: the lecture's 256 kB are the middle of what is usual.
const PIECE_LENGTH_DEFAULT_MIN: u32 = 32 << 10;
/// Names of left-out files that are told; a folder may have thousands.
const SKIPPED_TOLD_MAX: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// The file or the folder; hidden files, links and unfinished downloads in it are left out.
    path: PathBuf,
    /// A tracker's URL; several are tried one after the other.
    #[arg(long, value_name = "URL", value_parser = tracker)]
    tracker: Vec<String>,
    /// Bytes of each piece, a power of two [default: by the size of the content].
    #[arg(long, value_name = "SIZE", value_parser = asked_piece_length)]
    piece_length: Option<u32>,
    /// Where the .torrent goes [default: the content's name and .torrent].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Words for who reads the .torrent.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Peers are to come from the trackers only.
    #[arg(long)]
    private: bool,
    /// Replace a .torrent that is there.
    #[arg(long)]
    force: bool,
}

/// What looks like a tracker's URL. Which kinds of them a client can use is its own business.
fn tracker(text: &str) -> Result<String, String> {
    let rest = ["http://", "https://", "udp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_host = |rest: &str| !rest.starts_with(['/', ':', '?']) && !rest.is_empty();
    match rest.filter(|rest| is_host(rest) && !rest.contains(|c: char| c.is_whitespace() || c.is_control())) {
        Some(_) if text.starts_with("udp:") && Url::parse(text).is_none() => {
            Err("a UDP tracker's URL has a port, as in udp://127.0.0.1:6969/announce".to_owned())
        }
        Some(_) => Ok(text.to_owned()),
        None => Err("a tracker is a URL like http://127.0.0.1:6969/announce".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let path = args.path.canonicalize().with_context(|| format!("cannot read {}", args.path.display()))?;
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        bail!("{} has no name that a torrent could have", path.display());
    };
    let output = args.output.unwrap_or_else(|| PathBuf::from(format!("{name}.torrent")));
    may_be_written(&output, &path, args.force)?;
    let files = files(&path)?;
    let length = files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.length));
    let length = length.with_context(|| format!("the files in {} are too large", args.path.display()))?;
    if length == 0 {
        bail!("there is nothing in {}: a torrent needs at least one byte", args.path.display());
    }
    let piece_length = piece_length(args.piece_length, length)?;
    let draft = Draft {
        name: name.into(),
        piece_length,
        files,
        trackers: args.tracker.iter().map(|url| vec![url.as_str().into()]).collect(),
        comment: args.comment.map(Into::into),
        created_by: Some(concat!("p2p testbed ", env!("CARGO_PKG_VERSION")).into()),
        creation_date_s: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        is_private: args.private,
        pieces: Vec::new(),
    };
    let torrent = hashed(&path, draft, length)?;
    write(&beside(&output), &torrent.to_bytes())?;
    fs::rename(beside(&output), &output).with_context(|| format!("cannot write {}", output.display()))?;
    print(format_args!(
        "{}: {}, {}",
        output.display(),
        size::shown(length),
        counted(torrent.info.pieces.len(), "piece")
    ))?;
    print(format_args!("info hash {}", torrent.info_hash))?;
    print(magnet(&torrent))
}

/// A link to a torrent.
pub fn magnet(torrent: &Metainfo) -> Magnet {
    Magnet {
        info_hash: torrent.info_hash,
        name: Some(torrent.info.name.clone()),
        trackers: torrent.trackers.iter().flatten().cloned().collect(),
        peers: Vec::new(),
    }
}

/// Refuses what would be known to fail only after all was hashed.
fn may_be_written(output: &Path, path: &Path, replace: bool) -> anyhow::Result<()> {
    let shown = output.display();
    if output.is_dir() {
        bail!("{shown} is a folder; name a file with -o");
    }
    if output.exists() && !replace {
        bail!("{shown} is there already; name another with -o, or replace it with --force");
    }
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = parent.canonicalize().with_context(|| format!("cannot write {shown}"))?;
    if parent.starts_with(path) || output.canonicalize().is_ok_and(|output| output == path) {
        bail!("{shown} would be a part of its own content; name another place with -o");
    }
    write(&beside(output), b"")
        .and_then(|()| fs::remove_file(beside(output)).context("cannot remove it again"))
}

/// Where a torrent is written before it gets its name.
fn beside(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// The files of the content, in an order that follows from their names.
fn files(path: &Path) -> anyhow::Result<Vec<FileEntry>> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_file() {
        return Ok(vec![FileEntry { path: Box::default(), length: metadata.len() }]);
    }
    if !metadata.is_dir() {
        bail!("{} is neither a file nor a folder", path.display());
    }
    let limits = ScanLimits { depth_max: PATH_DEPTH_MAX, files_max: FILES_MAX, ..ScanLimits::default() };
    let scan = scan(path, limits).context("cannot read the folder")?;
    for skipped in scan.skipped.iter().take(SKIPPED_TOLD_MAX) {
        common::tell!("left out: {} {}", printable(&skipped.path.display().to_string()), skipped.reason);
    }
    if let Some(more) = scan.skipped.len().checked_sub(SKIPPED_TOLD_MAX).filter(|more| *more > 0) {
        common::tell!("left out: {more} more");
    }
    let entry =
        |file: Scanned| FileEntry { path: file.name.split('/').map(Into::into).collect(), length: file.size };
    Ok(scan.files.into_iter().map(entry).collect())
}

fn asked_piece_length(text: &str) -> Result<u32, String> {
    let asked = size::bytes(text)?;
    let lengths = NEW_PIECE_LENGTH_MIN..=NEW_PIECE_LENGTH_MAX;
    let usable = u32::try_from(asked).ok().filter(|asked| asked.is_power_of_two() && lengths.contains(asked));
    usable.ok_or_else(|| format!("a piece length is a power of two from 16KiB to 16MiB, and {asked} is not"))
}

/// What was asked for, or what follows from the size.
fn piece_length(asked: Option<u32>, length: u64) -> anyhow::Result<u32> {
    let by_size = || {
        let wanted = u32::try_from(length.div_ceil(PIECES_AIM)).unwrap_or(u32::MAX);
        wanted.clamp(PIECE_LENGTH_DEFAULT_MIN, NEW_PIECE_LENGTH_MAX).next_power_of_two()
    };
    let chosen = asked.unwrap_or_else(by_size);
    let count = length.div_ceil(chosen.into());
    if count > u64::from(PIECES_MAX) {
        bail!(
            "that would be {count} pieces of {}, and a torrent has at most {PIECES_MAX}",
            size::shown(chosen.into())
        );
    }
    Ok(chosen)
}

fn hashed(path: &Path, mut draft: Draft, length: u64) -> anyhow::Result<Metainfo> {
    let volume = Volume::open(path, &content::plan_of(&draft.name, &draft.files))?;
    let bar = content::bar(length, "hashing");
    let pieces = volume.hash(draft.piece_length, |done, _| bar.set_position(done));
    bar.finish_and_clear();
    draft.pieces = pieces?;
    Metainfo::new(draft).context("no torrent can be made of it")
}

/// Writes a whole file or none: half a torrent is of no use to anybody.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = File::create_new(path).with_context(|| format!("cannot write {}", path.display()))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_length_follows_from_the_size_unless_it_is_asked_for() {
        let chosen = |asked, length| piece_length(asked, length).unwrap();
        assert_eq!(chosen(None, 1), 32 << 10);
        assert_eq!(chosen(None, 700 << 20), 512 << 10);
        assert_eq!(chosen(None, 1 << 40), 16 << 20);
        assert_eq!(chosen(Some(16_384), 700 << 20), 16_384);
        assert_eq!(asked_piece_length("256KiB"), Ok(262_144));
        for wrong in ["0", "8192", "100kB", "32MiB", "16383", "much"] {
            assert!(asked_piece_length(wrong).is_err(), "{wrong}");
        }
        assert!(piece_length(Some(16_384), 1 << 40).unwrap_err().to_string().contains("67108864 pieces"));
        assert!(piece_length(None, u64::MAX).is_err());
    }

    #[test]
    fn a_trackers_url_is_one() {
        for url in ["http://a/announce", "https://a.example:1/x?y", "udp://127.0.0.1:6969", "http://[::1]:1/"]
        {
            assert!(tracker(url).is_ok(), "{url}");
        }
        assert!(tracker("udp://a.example/announce").unwrap_err().contains("port"));
        for wrong in ["", "a.example", "http://", "http:///announce", "ftp://a/", "http://a b/", "http://:1/"]
        {
            assert!(tracker(wrong).is_err(), "{wrong}");
        }
    }
}
