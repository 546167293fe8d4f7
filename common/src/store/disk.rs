//! Files of the file system: shared ones, and downloads that survive a crash.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};

use super::journal::{Found, Identity, Journal};
use super::names::{NameError, numbered, safe_name};
use super::{BLOCK_BYTES, Ranges, Storage, StoreFault, range_within};
use crate::user::FileInfo;

/// The most files of one name in a folder, ` (2)` to ` (100)` among them, before a download is refused.
pub(super) const COPIES_MAX: u32 = 100;
/// A download is synced and its journal written after so many new bytes at the earliest: what a crash can cost a
/// small file.
const CHECKPOINT_BYTES_MIN: u64 = 4 << 20;
/// ... and after the fourth part of what is already there, so that large files are synced some dozens of times in all.
const CHECKPOINT_FRACTION: u64 = 4;

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The remote's name for it cannot be used.
    #[error("the name `{0}` cannot be used: {1}")]
    Name(String, NameError),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A directory, a device or the like.
    #[error("{}: not a file", .0.display())]
    NotAFile(PathBuf),
    /// A hundred files of that name are there already.
    #[error("{}: too many files of this name", .0.display())]
    TooManyCopies(PathBuf),
}

/// A file on disk.
///
/// A **source** ([`Disk::open`]) is read-only. A **download** ([`Disk::create`]) is written to `name.part`, with a
/// journal `name.part.state` beside it that says which bytes are surely on disk; whoever creates
/// the same download again, after whatever end of the process before, goes on from there ([`Disk::have`]).
/// [`Storage::finish`] gives it its final name, without ever replacing another file.
///
/// A download dropped unfinished is synced and stays; if nothing has arrived its two files are removed.
pub struct Disk {
    file: File,
    role: Role,
}

enum Role {
    Source { size: u64, path: PathBuf },
    Download(Box<Mutex<Download>>),
}

struct Download {
    dir: PathBuf,
    /// The name it should have in the end.
    name: String,
    part: PathBuf,
    state: PathBuf,
    /// Its announced size; zero if unknown.
    size: u64,
    arrived: Ranges,
    journal: Journal,
    /// Bytes written since the journal was.
    unrecorded: u64,
    finished: Option<PathBuf>,
}

impl Disk {
    /// A file to be read, kept open: for one of many use [`Shared`](super::Shared).
    pub fn open(path: &Path) -> Result<Disk, DiskError> {
        let (file, size) = open_source(path)?;
        Ok(Disk { file, role: Role::Source { size, path: path.to_owned() } })
    }

    /// A download into the folder `dir`, new or resumed: `info` gives its name (made safe by [`safe_name`]), its size
    /// (zero if unknown) and its digest. What is already there of exactly this content is kept.
    ///
    /// A part of other content, or one that another process is writing, is left alone; the download then gets a
    /// number in its name.
    pub fn create(dir: &Path, info: &FileInfo) -> Result<Disk, DiskError> {
        let name = safe_name(&info.name).map_err(|error| DiskError::Name(info.name.to_string(), error))?;
        let identity = Identity::of(info);
        for n in 1..=COPIES_MAX {
            let part = dir.join(numbered(&name, n) + ".part");
            let state = dir.join(numbered(&name, n) + ".part.state");
            let io = |source| DiskError::Io { path: part.clone(), source };
            let Some(file) = open_part(&part).map_err(io)? else { continue };
            let mut journal = match Journal::open(&state, identity).map_err(io)? {
                Found::Ours(journal) => journal,
                // The journal is written before the first byte, so bytes without one are not ours.
                Found::Nothing if file.metadata().map_err(io)?.len() == 0 => {
                    Journal::create(&state, identity).map_err(io)?
                }
                Found::Nothing | Found::Other => continue,
            };
            let mut arrived = journal.ranges().clone();
            arrived.remove(file.metadata().map_err(io)?.len(), u64::MAX);
            if arrived != *journal.ranges() {
                // Somebody cut the part, or finished it and was killed before the journal was removed.
                journal.retract(&arrived).map_err(io)?;
            }
            let (dir, size) = (dir.to_owned(), info.size);
            let download =
                Download { dir, name, part, state, size, arrived, journal, unrecorded: 0, finished: None };
            return Ok(Disk { file, role: Role::Download(Box::new(Mutex::new(download))) });
        }
        Err(DiskError::TooManyCopies(dir.join(name)))
    }

    /// What is there: for a download just resumed, all that need not be fetched again.
    pub fn have(&self) -> Ranges {
        match &self.role {
            Role::Source { size, .. } => Ranges::from_start(*size),
            Role::Download(download) => lock(download).arrived.clone(),
        }
    }

    /// Where the file stands now.
    pub fn path(&self) -> PathBuf {
        match &self.role {
            Role::Source { path, .. } => path.clone(),
            Role::Download(download) => {
                let download = lock(download);
                download.finished.as_ref().unwrap_or(&download.part).clone()
            }
        }
    }

    /// Forgets all that has arrived of a download, after it turned out to be corrupt.
    pub fn restart(&self) -> Result<(), StoreFault> {
        let Role::Download(download) = &self.role else { return Err(StoreFault::Io) };
        let mut download = lock(download);
        if download.finished.is_some() {
            return Err(StoreFault::Io);
        }
        download
            .journal
            .retract(&Ranges::default())
            .map_err(|error| download.fault("start again", &error))?;
        download.arrived = Ranges::default();
        self.file.set_len(0).map_err(|error| download.fault("start again", &error))
    }
}

impl Storage for Disk {
    fn size(&self) -> u64 {
        match &self.role {
            Role::Source { size, .. } => *size,
            Role::Download(download) => lock(download).arrived.end(),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        range_within(offset, buf.len() as u64, self.size())?;
        self.file.read_exact_at(buf, offset).map_err(|error| {
            tracing::warn!(path = %self.path().display(), %error, "could not read");
            StoreFault::Io
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        let Role::Download(download) = &self.role else { return Err(StoreFault::Io) };
        // Held across the write: the journal must not vouch for a range that is being overwritten.
        let mut download = lock(download);
        if download.finished.is_some() {
            return Err(StoreFault::Io);
        }
        let limit = if download.size == 0 { u64::MAX } else { download.size };
        let end = range_within(offset, bytes.len() as u64, limit)?;
        if bytes.is_empty() {
            return Ok(());
        }
        download.retract(offset, end).map_err(|error| download.fault("write", &error))?;
        if let Err(error) = self.file.write_all_at(bytes, offset) {
            // Some of it may have been written.
            download.arrived.remove(offset, end);
            return Err(download.fault("write", &error));
        }
        download.arrived.insert(offset, end)?;
        download.unrecorded += end - offset;
        download.checkpoint_if_due(&self.file)
    }

    /// Refuses with [`StoreFault::Missing`] while bytes are missing.
    fn finish(&self) -> Result<(), StoreFault> {
        let Role::Download(download) = &self.role else { return Ok(()) };
        let mut download = lock(download);
        if download.finished.is_some() {
            return Ok(());
        }
        let size = if download.size == 0 { download.arrived.end() } else { download.size };
        if !download.arrived.contains(0, size) {
            return Err(StoreFault::Missing);
        }
        let named = download.finish(&self.file, size).map_err(|error| download.fault("finish", &error))?;
        download.finished = Some(named);
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let Role::Download(download) = &self.role else { return };
        lock(download).close(&self.file);
        // Closing alone would not do: a process just being started may hold the descriptor for a moment longer.
        if let Err(error) = self.file.unlock() {
            lock(download).fault("unlock", &error);
        }
    }
}

impl Download {
    /// Leaves an unfinished download so that it can be resumed; one that nothing has arrived of is removed.
    fn close(&mut self, file: &File) {
        if self.finished.is_some() {
            return;
        }
        if self.arrived.end() == 0 {
            // Part first: a part without a journal is never taken for ours, an orphaned journal does no harm.
            let removed = fs::remove_file(&self.part).and_then(|()| fs::remove_file(&self.state));
            if let Err(error) = removed {
                self.fault("remove", &error);
            }
        } else {
            // A failure was logged and costs bytes to be fetched again, no more.
            let _ = self.checkpoint(file);
        }
    }

    /// What a refusal of the file system means to a peer; its words go to the log.
    fn fault(&self, doing: &str, error: &io::Error) -> StoreFault {
        tracing::warn!(path = %self.part.display(), %error, doing, "a download's file failed");
        fault_of(error)
    }

    /// Has the journal no longer vouch for what is about to be overwritten. The range that it belongs to loses all that
    /// follows, too: who begins to overwrite a range mostly goes on, and each time costs a sync.
    fn retract(&mut self, start: u64, end: u64) -> io::Result<()> {
        let vouched = self.journal.ranges();
        let touched = vouched.iter().filter(|range| range.0 < end && start < range.1);
        let Some(last) = touched.map(|range| range.1).last() else { return Ok(()) };
        let mut kept = vouched.clone();
        kept.remove(start, last);
        self.journal.retract(&kept)
    }

    fn checkpoint_if_due(&mut self, file: &File) -> Result<(), StoreFault> {
        let due = CHECKPOINT_BYTES_MIN.max(self.journal.ranges().bytes() / CHECKPOINT_FRACTION);
        if self.unrecorded < due { Ok(()) } else { self.checkpoint(file) }
    }

    /// Syncs the content, then has the journal vouch for what has arrived.
    fn checkpoint(&mut self, file: &File) -> Result<(), StoreFault> {
        if self.arrived == *self.journal.ranges() {
            return Ok(());
        }
        let done = file.sync_data().and_then(|()| self.journal.record(&self.arrived));
        done.map_err(|error| self.fault("sync", &error))?;
        self.unrecorded = 0;
        Ok(())
    }

    /// Syncs, renames to the first free name, removes the journal, syncs the folder.
    fn finish(&self, file: &File, size: u64) -> io::Result<PathBuf> {
        // Untrusted bytes of an earlier run may lie behind the end.
        file.set_len(size)?;
        file.sync_all()?;
        for n in 1..=COPIES_MAX {
            let path = self.dir.join(numbered(&self.name, n));
            match rename_to_new(&self.part, &path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !same_content(file, size, &path)? {
                        continue;
                    }
                    fs::remove_file(&self.part)?;
                }
                Err(error) => return Err(error),
            }
            fs::remove_file(&self.state)?;
            File::open(&self.dir)?.sync_all()?;
            return Ok(path);
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "a hundred files have this name"))
    }
}

/// Opens a regular file for reading; also its size.
pub(super) fn open_source(path: &Path) -> Result<(File, u64), DiskError> {
    let io = |source| DiskError::Io { path: path.to_owned(), source };
    // Opening a pipe would wait for its other end.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(DiskError::NotAFile(path.to_owned()));
    }
    Ok((file, metadata.len()))
}

fn lock(download: &Mutex<Download>) -> MutexGuard<'_, Download> {
    download.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a refusal of the file system means to a peer.
pub(super) fn fault_of(error: &io::Error) -> StoreFault {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreFault::Full
        }
        _ => StoreFault::Io,
    }
}

/// Opens a part and claims it for this process; `None` if somebody else has it.
fn open_part(part: &Path) -> io::Result<Option<File>> {
    let nofollow = OFlags::NOFOLLOW.bits().cast_signed();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(nofollow)
        .open(part);
    let file = match opened {
        Ok(file) => file,
        // A link or a directory of that name is somebody else's.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if file.try_lock().is_err() {
        return Ok(None);
    }
    // Whoever had it until now may have given it its final name between our opening and locking it.
    let (ours, named) = (file.metadata()?, fs::metadata(part));
    let same = named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
    Ok(same.then_some(file))
}

/// Renames a file or a folder without replacing: `AlreadyExists` if there is something.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some file systems cannot.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => claim_and_rename(from, to),
        Err(error) => Err(error.into()),
    }
}

/// A second link to a file refuses in the same way and is as atomic; so does making a folder, which another one may replace
/// while it is empty.
fn claim_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_dir() {
        fs::create_dir(to)?;
        return fs::rename(from, to);
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// True if the file at `path` holds the same `size` bytes as `file`.
fn same_content(file: &File, size: u64, path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let other = File::open(path)?;
    if other.metadata()?.len() != size {
        return Ok(false);
    }
    let (mut mine, mut theirs) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let mut offset = 0;
    while offset < size {
        let take = (size - offset).min(BLOCK_BYTES as u64) as usize;
        file.read_exact_at(&mut mine[..take], offset)?;
        other.read_exact_at(&mut theirs[..take], offset)?;
        if mine[..take] != theirs[..take] {
            return Ok(false);
        }
        offset += take as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced_where_the_file_system_has_no_word_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, b"x").unwrap();
        claim_and_rename(&from, &to).unwrap();
        assert_eq!((from.exists(), fs::read(&to).unwrap()), (false, b"x".to_vec()));
        fs::write(&from, b"y").unwrap();
        assert_eq!(claim_and_rename(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"x");
        let (folder, other) = (dir.path().join("folder"), dir.path().join("other"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("in it"), b"x").unwrap();
        assert_eq!(claim_and_rename(&folder, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        claim_and_rename(&folder, &other).unwrap();
        assert_eq!((folder.exists(), fs::read(other.join("in it")).unwrap()), (false, b"x".to_vec()));
    }

    // Elsewhere there is no device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let dir = tempfile::tempdir().unwrap();
        let info = FileInfo { name: "a".into(), size: 100, ..FileInfo::default() };
        let mut disk = Disk::create(dir.path(), &info).unwrap();
        disk.write_at(0, &[1; 50]).unwrap();
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        std::mem::swap(&mut disk.file, &mut full);
        assert_eq!(disk.write_at(50, &[1; 50]), Err(StoreFault::Full));
        std::mem::swap(&mut disk.file, &mut full);
        drop(disk);
        // Once there is room it goes on.
        let disk = Disk::create(dir.path(), &info).unwrap();
        assert_eq!(disk.have(), Ranges::from_start(50));
        disk.write_at(50, &[2; 50]).unwrap();
        disk.finish().unwrap();
    }

    #[test]
    fn a_dropped_download_can_be_resumed_though_a_child_still_holds_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let info = FileInfo { name: "a".into(), size: 100, ..FileInfo::default() };
        let disk = Disk::create(dir.path(), &info).unwrap();
        disk.write_at(0, &[1; 50]).unwrap();
        let held = disk.file.try_clone().unwrap();
        drop(disk);
        assert_eq!(Disk::create(dir.path(), &info).unwrap().have(), Ranges::from_start(50));
        drop(held);
    }

    #[test]
    fn the_journal_does_not_vouch_for_bytes_that_are_being_overwritten() {
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let info = FileInfo { name: "a".into(), size: 100, ..FileInfo::default() };
        let disk = Disk::create(dir.path(), &info).unwrap();
        disk.write_at(0, &[1; 80]).unwrap();
        drop(disk);
        let mut disk = Disk::create(dir.path(), &info).unwrap();
        assert_eq!(disk.have(), Ranges::from_start(80));
        // A handle that cannot write stands for a process that dies in the middle of a write.
        let mut handle = File::open(dir.path().join("a.part")).unwrap();
        std::mem::swap(&mut disk.file, &mut handle);
        assert_eq!(disk.write_at(30, &[2; 10]), Err(StoreFault::Io));
        assert_eq!(disk.have().iter().collect::<Vec<_>>(), [(0, 30), (40, 80)]);
        for name in ["a.part", "a.part.state"] {
            fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
        }
        assert_eq!(Disk::create(copy.path(), &info).unwrap().have(), Ranges::from_start(30));
        drop(handle);
    }
}
