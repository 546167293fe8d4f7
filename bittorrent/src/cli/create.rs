//! `bittorrent create`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::wire::BLOCK_BYTES;
use common::cli::{counted, printable};
use common::store::{ScanLimits, Volume, scan};

use super::{hashing, join, size};

/// The most pieces that the default piece length makes, as long as pieces of 16 MiB are enough: a .torrent of 40 kB.
const PIECES_AIM: u64 = 2_048;
const PIECE_LENGTH_MIN: u64 = BLOCK_BYTES as u64;
const PIECE_LENGTH_MAX: u64 = 16 << 20;
/// The smallest piece that is made without being asked for: the lecture's 256 kB are the middle of what is usual.
const PIECE_LENGTH_DEFAULT_MIN: u64 = 32 << 10;
/// Names of left-out files that are told; a folder may have thousands.
const SKIPPED_TOLD_MAX: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// The file or the folder.
    path: PathBuf,
    /// A tracker's URL; several are tried one after the other.
    #[arg(long, value_name = "URL")]
    tracker: Vec<String>,
    /// Bytes of each piece, a power of two [default: by the size of the content].
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    piece_length: Option<u64>,
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

pub fn run(args: Args) -> anyhow::Result<()> {
    let path = args.path.canonicalize().with_context(|| format!("cannot read {}", args.path.display()))?;
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        bail!("{} has no name that a torrent could have", path.display());
    };
    let files = files(&path)?;
    let length: u64 = files.iter().map(|file| file.length).sum();
    if length == 0 {
        bail!("there is nothing in {}: a torrent needs at least one byte", args.path.display());
    }
    let output = args.output.unwrap_or_else(|| PathBuf::from(format!("{name}.torrent")));
    if output.exists() && !args.force {
        bail!("{} is there already; name another with -o, or replace it with --force", output.display());
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
    write(&output, &torrent.to_bytes(), args.force)?;
    println!(
        "{}: {}, {}",
        output.display(),
        size::shown(length),
        counted(torrent.info.pieces.len(), "piece")
    );
    println!("info hash {}", torrent.info_hash);
    println!("{}", magnet(&torrent));
    Ok(())
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

fn files(path: &Path) -> anyhow::Result<Vec<FileEntry>> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_file() {
        return Ok(vec![FileEntry { path: Box::default(), length: metadata.len() }]);
    }
    let scan =
        scan(path, ScanLimits::default()).with_context(|| format!("cannot read {}", path.display()))?;
    for skipped in scan.skipped.iter().take(SKIPPED_TOLD_MAX) {
        eprintln!("left out: {} {}", printable(&skipped.path.display().to_string()), skipped.reason);
    }
    if let Some(more) = scan.skipped.len().checked_sub(SKIPPED_TOLD_MAX).filter(|more| *more > 0) {
        eprintln!("left out: {more} more");
    }
    let entry = |file: common::store::Scanned| FileEntry {
        path: file.name.split('/').map(Into::into).collect(),
        length: file.size,
    };
    Ok(scan.files.into_iter().map(entry).collect())
}

fn piece_length(asked: Option<u64>, length: u64) -> anyhow::Result<u32> {
    let Some(asked) = asked else {
        let wanted = length.div_ceil(PIECES_AIM).next_power_of_two();
        return Ok(wanted.clamp(PIECE_LENGTH_DEFAULT_MIN, PIECE_LENGTH_MAX) as u32);
    };
    if !asked.is_power_of_two() || !(PIECE_LENGTH_MIN..=PIECE_LENGTH_MAX).contains(&asked) {
        bail!("a piece length is a power of two from 16KiB to 16MiB, and {asked} is not");
    }
    Ok(asked as u32)
}

fn hashed(path: &Path, mut draft: Draft, length: u64) -> anyhow::Result<Metainfo> {
    let planned = draft
        .files
        .iter()
        .map(|file| common::store::PlannedFile { path: file.path.clone(), len: file.length });
    let plan = common::store::VolumePlan { name: draft.name.clone(), files: planned.collect() };
    let volume = Volume::open(path, &plan)?;
    let bar = hashing::bar(length, "hashing")?;
    let pieces = hashing::hash_all(&volume, length, draft.piece_length, &bar);
    bar.finish_and_clear();
    draft.pieces = pieces.with_context(|| format!("cannot read all of {}", path.display()))?;
    Metainfo::new(draft).context("no torrent can be made of it")
}

fn write(output: &Path, bytes: &[u8], replace: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    match replace {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options.open(output).and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("cannot write {}", output.display()))
}

/// How a torrent's content lies at the path that a user has named: that itself, or in it under the torrent's name.
pub fn open_data(path: &Path, torrent: &Metainfo) -> anyhow::Result<Volume> {
    let plan = join::plan(&torrent.info);
    let inside = path.join(&*torrent.info.name);
    match Volume::open(path, &plan) {
        Ok(volume) => Ok(volume),
        Err(_) if path.is_dir() && inside.exists() => Ok(Volume::open(&inside, &plan)?),
        Err(error) => Err(error.into()),
    }
}
