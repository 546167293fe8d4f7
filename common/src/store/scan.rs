//! What a folder has to share.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::names::is_in_progress;

/// Bounds of a [`scan`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanLimits {
    /// How deep below the folder files are looked for; its own files have depth one.
    pub depth_max: usize,
    /// How many files are taken.
    pub files_max: usize,
    /// Whether files without a byte are taken; a torrent of one cannot be made.
    pub empty_too: bool,
}

impl Default for ScanLimits {
    /// Sixteen levels and 100,000 files, empty ones too; about as many as the largest sharers of 2000 had.
    fn default() -> Self {
        ScanLimits { depth_max: 16, files_max: 100_000, empty_too: true }
    }
}

/// A file found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scanned {
    /// Where it is.
    pub path: PathBuf,
    /// Its path within the folder, `/` between components.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Something that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// Where it is.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why something was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SkipReason {
    /// It could not be opened or listed.
    Unreadable(io::ErrorKind),
    /// A symbolic link: it may lead out of the folder.
    Link,
    /// Neither a file nor a directory.
    Special,
    /// Its name is not UTF-8, or holds a backslash or a control character, which no protocol here can carry.
    Name,
    /// It has no byte.
    Empty,
    /// Deeper than the limit.
    TooDeep,
    /// More files than the limit; those that would follow are not listed.
    TooMany,
}

/// The result of a [`scan`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scan {
    /// The files, sorted by name within each directory, a directory's content at its own place.
    pub files: Vec<Scanned>,
    /// What was left out, hidden files and parts of downloads excepted.
    pub skipped: Vec<Skipped>,
}

/// The folder itself could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ScanError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Lists the files below `dir` in an order that depends on their names alone. Hidden files, downloads in progress
/// and symbolic links are left out; what cannot be read is reported and does not stop the rest.
pub fn scan(dir: &Path, limits: ScanLimits) -> Result<Scan, ScanError> {
    let mut found = Scan::default();
    let listed = list(dir).map_err(|source| ScanError { path: dir.to_owned(), source })?;
    walk(&listed, "", 1, limits, &mut found);
    Ok(found)
}

/// The entries of a directory, sorted.
fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable();
    Ok(entries)
}

/// Takes the entries of one directory; false once the limit on files is reached. Recursion is bounded by `depth_max`.
fn walk(entries: &[PathBuf], prefix: &str, depth: usize, limits: ScanLimits, found: &mut Scan) -> bool {
    for path in entries {
        let file_name = path.file_name().unwrap_or(OsStr::new(""));
        if file_name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let skip = |found: &mut Scan, reason| found.skipped.push(Skipped { path: path.clone(), reason });
        let Some(name) = file_name.to_str().filter(|name| is_carried(name)) else {
            skip(found, SkipReason::Name);
            continue;
        };
        let kind = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) => {
                skip(found, SkipReason::Unreadable(error.kind()));
                continue;
            }
        };
        if kind.is_symlink() {
            skip(found, SkipReason::Link);
        } else if is_in_progress(name) {
            // Downloads that are not finished, files and folders.
        } else if kind.is_dir() && depth >= limits.depth_max {
            skip(found, SkipReason::TooDeep);
        } else if kind.is_dir() {
            match list(path) {
                Err(error) => skip(found, SkipReason::Unreadable(error.kind())),
                Ok(inner) if !walk(&inner, &format!("{prefix}{name}/"), depth + 1, limits, found) => {
                    return false;
                }
                Ok(_) => {}
            }
        } else if !kind.is_file() {
            skip(found, SkipReason::Special);
        } else {
            if found.files.len() >= limits.files_max {
                skip(found, SkipReason::TooMany);
                return false;
            }
            match fs::File::open(path).and_then(|file| file.metadata()) {
                Err(error) => skip(found, SkipReason::Unreadable(error.kind())),
                Ok(metadata) if metadata.len() == 0 && !limits.empty_too => skip(found, SkipReason::Empty),
                Ok(metadata) => {
                    let name = format!("{prefix}{name}");
                    found.files.push(Scanned { path: path.clone(), name, size: metadata.len() });
                }
            }
        }
    }
    true
}

fn is_carried(name: &str) -> bool {
    !name.contains(|c: char| c == '\\' || c.is_control())
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::Unreadable(kind) => write!(f, "could not be read: {kind}"),
            SkipReason::Link => f.write_str("is a symbolic link"),
            SkipReason::Special => f.write_str("is no file"),
            SkipReason::Empty => f.write_str("is empty"),
            SkipReason::Name => f.write_str("has a name that is not plain text"),
            SkipReason::TooDeep => f.write_str("lies too deep"),
            SkipReason::TooMany => f.write_str("is one file too many; it and those after it are left out"),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.reason)
    }
}
