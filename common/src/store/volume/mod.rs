//! Many files as one stream of bytes: the content of a torrent.
//!
//! | part | file |
//! |---|---|
//! | the stream's ranges as ranges of files | `layout.rs` |
//! | files opened without following links, the last ones kept open | `folder.rs` |
//! | hashes of pieces, on all cores | `check.rs` |

mod check;
mod folder;
mod layout;
mod recent;

use std::fs::{self, File, TryLockError};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};

use super::disk::{COPIES_MAX, fault_of, rename_to_new};
use super::names::{NameError, numbered};
use super::{Storage, StoreFault, digest_by_reading, range_within};
use crate::digest::{Algorithm, Digest};
use folder::{Access, Folder, OpenFiles, SAFELY, regular};
use layout::Layout;
use recent::Recent;

/// What files a volume has. Nothing of it is trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VolumePlan {
    /// Of the file, or of the folder.
    pub name: Box<str>,
    /// What tells unfinished downloads of one name apart: something that follows from the content.
    pub mark: u32,
    /// The files in the order of the stream; one without a path if there is no folder.
    pub files: Vec<PlannedFile>,
}

/// One file of a volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedFile {
    /// Below the folder, component by component.
    pub path: Box<[Box<str>]>,
    /// Bytes.
    pub len: u64,
}

/// Why a volume cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// A remote's name for something cannot be used.
    #[error("the name `{0}` cannot be used: {1}")]
    Name(String, NameError),
    /// One of several files has no path.
    #[error("a file has no name")]
    Nameless,
    /// Two files would be written over each other.
    #[error("`{0}` and `{1}` cannot both be stored: they would be in each other's way")]
    Overlap(String, String),
    /// The lengths add up to more than there are numbers for.
    #[error("the files are too large")]
    TooLarge,
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file has another length.
    #[error("{}: has {found} bytes instead of {expected}", path.display())]
    Length {
        /// Which.
        path: PathBuf,
        /// Bytes that it has.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// A link where a file should be: it may lead anywhere.
    #[error("{}: is a symbolic link, which is not followed", .0.display())]
    Link(PathBuf),
    /// Somebody else is writing it.
    #[error("{}: is being downloaded by another process", .0.display())]
    Busy(PathBuf),
    /// A hundred of that name are there already.
    #[error("{}: too many of this name", .0.display())]
    TooManyCopies(PathBuf),
}

impl VolumeError {
    fn io(path: PathBuf, source: io::Error) -> VolumeError {
        if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            return VolumeError::Link(path);
        }
        VolumeError::Io { path, source }
    }

    /// What it means to a peer; its words go to the log.
    fn fault(&self) -> StoreFault {
        tracing::warn!(error = %self, "a volume failed");
        match self {
            VolumeError::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => StoreFault::Missing,
                _ => fault_of(source),
            },
            VolumeError::Length { .. } => StoreFault::Missing,
            _ => StoreFault::Io,
        }
    }
}

/// Files on disk as one stream of bytes.
///
/// A **source** ([`Volume::open`]) is read-only. A **download** ([`Volume::create`]) is written to `NAME.MARK.part`, a file or
/// a folder, which [`Storage::finish`] gives its final name, without ever replacing anything. Nothing records what has arrived:
/// that is what [`Volume::check`] finds out, so whoever creates the same download again, after whatever end of the
/// process before, goes on from there. For the same reason `finish` takes the user's word that all has arrived; it
/// refuses only what is too short.
///
/// A file is made when its first byte is written (one of no bytes when all is finished), and what is never written
/// takes no room. No link below the folder is followed.
#[derive(Debug)]
pub struct Volume {
    layout: Layout,
    root: Root,
    open: Mutex<OpenFiles>,
    /// What of a download was written last.
    recent: Mutex<Recent>,
    state: RwLock<State>,
}

/// What is held open of it.
#[derive(Debug)]
enum Root {
    File(Arc<File>),
    Folder(Folder),
}

#[derive(Debug)]
struct State {
    /// Where it stands now.
    path: PathBuf,
    /// It is being written, in this folder.
    writing_in: Option<PathBuf>,
}

impl Volume {
    /// A download into the folder `dir`, new or resumed.
    ///
    /// # Errors
    /// If names cannot be used or files would be in each other's way, if another process has it, or the file system refuses.
    pub fn create(dir: &Path, plan: &VolumePlan) -> Result<Volume, VolumeError> {
        let layout = Layout::of(plan)?;
        layout.apart()?;
        let part = dir.join(format!("{}.{:08x}.part", layout.name, plan.mark));
        let io = |source| VolumeError::io(part.clone(), source);
        let root = if layout.is_single {
            let flags = OFlags::RDWR | OFlags::CREATE | SAFELY;
            let opened = rustix::fs::open(&part, flags, Mode::from_raw_mode(0o666));
            Root::File(Arc::new(opened.map_err(io::Error::from).and_then(regular).map_err(io)?))
        } else {
            Root::Folder(Folder::make(&part).map_err(io)?)
        };
        match root.handle().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(VolumeError::Busy(part)),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        // Whoever had it until now may have given it its final name between our opening and locking it.
        let ours = root.handle().metadata().map_err(io)?;
        let is_same = |named: fs::Metadata| (named.dev(), named.ino()) == (ours.dev(), ours.ino());
        if !fs::symlink_metadata(&part).is_ok_and(is_same) {
            return Err(VolumeError::Busy(part));
        }
        let state = State { path: part, writing_in: Some(dir.to_owned()) };
        Ok(Volume {
            layout,
            root,
            open: Mutex::default(),
            recent: Mutex::default(),
            state: RwLock::new(state),
        })
    }

    /// The file or folder at `path`, to be read: every file must be there in its length. Files are looked for by the names of
    /// the plan, and by the safe ones that a download of it has.
    ///
    /// # Errors
    /// The first file that is not as it must be.
    pub fn open(path: &Path, plan: &VolumePlan) -> Result<Volume, VolumeError> {
        Volume::look(path, plan, |_, fault| Err(fault))
    }

    /// The same, whatever state the files are in; also what is not as it must be, by the files' numbers.
    ///
    /// # Errors
    /// If the file, or the folder, cannot be read at all.
    pub fn survey(
        path: &Path,
        plan: &VolumePlan,
    ) -> Result<(Volume, Vec<(usize, VolumeError)>), VolumeError> {
        let mut faults = Vec::new();
        let volume = Volume::look(path, plan, |at, fault| {
            faults.push((at, fault));
            Ok(())
        })?;
        Ok((volume, faults))
    }

    fn look(
        path: &Path,
        plan: &VolumePlan,
        mut fault: impl FnMut(usize, VolumeError) -> Result<(), VolumeError>,
    ) -> Result<Volume, VolumeError> {
        let mut layout = Layout::of(plan)?;
        let io = |path: &Path, source| VolumeError::io(path.to_owned(), source);
        let root = if layout.is_single {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
            let file = opened.and_then(regular).map_err(|error| io(path, error))?;
            expect_length(&file, layout.length, path).or_else(|error| fault(0, error))?;
            Root::File(Arc::new(file))
        } else {
            let folder = Folder::open(path).map_err(|error| io(path, error))?;
            for (at, (entry, planned)) in layout.entries.iter_mut().zip(&plan.files).enumerate() {
                let mut opened = folder.file(&entry.path, Access::Read);
                if let Some(as_planned) = plain(&planned.path).filter(|plain| **plain != *entry.path)
                    && let Ok(file) = folder.file(&as_planned, Access::Read)
                {
                    opened = Ok(file);
                    entry.path = as_planned.into();
                }
                let file_path = path.join(&*entry.path);
                let opened = opened.map_err(|error| io(&file_path, error));
                opened
                    .and_then(|file| expect_length(&file, entry.length, &file_path))
                    .or_else(|error| fault(at, error))?;
            }
            Root::Folder(folder)
        };
        let state = State { path: path.to_owned(), writing_in: None };
        Ok(Volume {
            layout,
            root,
            open: Mutex::default(),
            recent: Mutex::default(),
            state: RwLock::new(state),
        })
    }

    /// What may be finished downloads of the plan in `dir`: of its name, numbered or not, and its lengths.
    ///
    /// # Errors
    /// If names cannot be used.
    pub fn finished(dir: &Path, plan: &VolumePlan) -> Result<Vec<Volume>, VolumeError> {
        let name = Layout::of(plan)?.name;
        let paths = (1..=COPIES_MAX).map(|n| dir.join(numbered(&name, n)));
        let kinds = paths.map_while(|path| Some((fs::symlink_metadata(&path).ok()?.file_type(), path)));
        let own = kinds.filter(|(kind, _)| !kind.is_symlink());
        Ok(own.filter_map(|(_, path)| Volume::open(&path, plan).ok()).collect())
    }

    /// Where it stands now.
    pub fn path(&self) -> PathBuf {
        self.state.read().unwrap_or_else(PoisonError::into_inner).path.clone()
    }

    /// True unless it is a download that has not got its final name yet.
    pub fn is_finished(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).writing_in.is_none()
    }

    /// Where each file stands now, and its bytes.
    pub fn files(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        let path = self.path();
        self.layout.entries.iter().map(move |entry| (below(&path, &entry.path), entry.length))
    }

    fn io(&self, at: usize, source: io::Error) -> VolumeError {
        VolumeError::io(below(&self.path(), &self.layout.entries[at].path), source)
    }

    /// A file that is there.
    fn file(&self, at: usize) -> Result<Arc<File>, VolumeError> {
        self.opened(at, if self.is_finished() { Access::Read } else { Access::Modify })
    }

    fn opened(&self, at: usize, access: Access) -> Result<Arc<File>, VolumeError> {
        let folder = match &self.root {
            Root::File(file) => return Ok(Arc::clone(file)),
            Root::Folder(folder) => folder,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = open.get(at, || folder.file(&self.layout.entries[at].path, access));
        drop(open);
        opened.map_err(|error| self.io(at, error))
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), VolumeError> {
        let mut rest = buf;
        for part in self.layout.parts(offset, rest.len() as u64) {
            let (now, later) = rest.split_at_mut(part.len as usize);
            let read = self.file(part.at)?.read_exact_at(now, part.offset);
            read.map_err(|error| self.io(part.at, error))?;
            rest = later;
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), VolumeError> {
        let mut rest = bytes;
        for part in self.layout.parts(offset, bytes.len() as u64) {
            let (now, later) = rest.split_at(part.len as usize);
            let written = self.opened(part.at, Access::Make)?.write_all_at(now, part.offset);
            written.map_err(|error| self.io(part.at, error))?;
            rest = later;
        }
        Ok(())
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Nothing panics while it is held.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what lies in one file in one go.
    fn write_together(&self, offset: u64, parts: &[Bytes]) -> Result<(), VolumeError> {
        let len: usize = parts.iter().map(Bytes::len).sum();
        let mut whole = self.layout.parts(offset, len as u64);
        let mut done = 0;
        if let Some(part) = whole.next().filter(|part| part.len == len as u64) {
            let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let written = rustix::io::pwritev(&*self.opened(part.at, Access::Make)?, &slices, part.offset);
            done = written.map_err(|error| self.io(part.at, error.into()))?;
        }
        // What is left of it, should the system have taken a part only, or if it lies in several files.
        let mut at = 0;
        for part in parts {
            let skip = done.saturating_sub(at).min(part.len());
            if skip < part.len() {
                self.write(offset + (at + skip) as u64, &part[skip..])?;
            }
            at += part.len();
        }
        Ok(())
    }

    /// Gives every file its length, and has all of them be on disk.
    fn sync(&self, part: &Path) -> Result<(), VolumeError> {
        for entry in &self.layout.entries {
            let path = below(part, &entry.path);
            let io = |source| VolumeError::io(path.clone(), source);
            let file = match &self.root {
                Root::File(file) => Arc::clone(file),
                Root::Folder(folder) => {
                    // Not through `opened`, which asks for the state that `finish` holds.
                    let access = if entry.length == 0 { Access::Make } else { Access::Modify };
                    Arc::new(folder.file(&entry.path, access).map_err(io)?)
                }
            };
            let found = file.metadata().map_err(io)?.len();
            if found < entry.length {
                return Err(VolumeError::Length { path, found, expected: entry.length });
            }
            // Whatever lies behind the end was there before.
            if found > entry.length {
                file.set_len(entry.length).map_err(io)?;
            }
            file.sync_all().map_err(io)?;
        }
        match &self.root {
            Root::File(_) => Ok(()),
            Root::Folder(folder) => folder
                .sync(self.layout.entries.iter().map(|entry| &*entry.path))
                .map_err(|source| VolumeError::io(part.to_owned(), source)),
        }
    }

    /// Renames to the first free name.
    fn name(&self, part: &Path, dir: &Path) -> Result<PathBuf, VolumeError> {
        for n in 1..=COPIES_MAX {
            let path = dir.join(numbered(&self.layout.name, n));
            match rename_to_new(part, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(VolumeError::io(path, error)),
                Ok(()) => {
                    let synced = File::open(dir).and_then(|dir| dir.sync_all());
                    return synced.map(|()| path).map_err(|error| VolumeError::io(dir.to_owned(), error));
                }
            }
        }
        Err(VolumeError::TooManyCopies(dir.join(&self.layout.name)))
    }
}

impl Storage for Volume {
    /// Bytes of all files, whether they have arrived or not.
    fn size(&self) -> u64 {
        self.layout.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        range_within(offset, buf.len() as u64, self.layout.length)?;
        self.read(offset, buf).map_err(|error| error.fault())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        range_within(offset, bytes.len() as u64, self.layout.length)?;
        if self.is_finished() {
            return Err(StoreFault::Io);
        }
        self.recent().forget(offset, bytes.len() as u64);
        self.write(offset, bytes).map_err(|error| error.fault())
    }

    fn write_parts_at(&self, offset: u64, parts: &[Bytes]) -> Result<(), StoreFault> {
        range_within(offset, parts.iter().map(|part| part.len() as u64).sum(), self.layout.length)?;
        if self.is_finished() {
            return Err(StoreFault::Io);
        }
        self.write_together(offset, parts).map_err(|error| error.fault())?;
        let (mut recent, mut at) = (self.recent(), offset);
        for part in parts {
            recent.add(at, part);
            at += part.len() as u64;
        }
        Ok(())
    }

    fn digest(&self, offset: u64, len: u64, algorithm: Algorithm) -> Result<Digest, StoreFault> {
        range_within(offset, len, self.layout.length)?;
        let recent = self.recent().take(offset, len);
        match recent.and_then(|parts| recent::digest(&parts, len, algorithm)) {
            Some(digest) => Ok(digest),
            None => digest_by_reading(self, offset, len, algorithm),
        }
    }

    /// Refuses with [`StoreFault::Missing`] while a file is missing or too short.
    fn finish(&self) -> Result<(), StoreFault> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let Some(dir) = &state.writing_in else { return Ok(()) };
        let named = self.sync(&state.path).and_then(|()| self.name(&state.path, dir));
        state.path = named.map_err(|error| error.fault())?;
        state.writing_in = None;
        Ok(())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.writing_in.is_none() {
            return;
        }
        // What nothing has arrived of leaves nothing behind. That a folder is not empty is for the system to say.
        match &self.root {
            Root::File(file) if file.metadata().is_ok_and(|metadata| metadata.len() == 0) => {
                let _ = fs::remove_file(&state.path);
            }
            Root::File(_) => {}
            Root::Folder(_) => {
                let _ = fs::remove_dir(&state.path);
            }
        }
        // Closing alone would not do: a process just being started may hold the descriptor for a moment longer.
        if let Err(error) = self.root.handle().unlock() {
            tracing::warn!(path = %state.path.display(), %error, "could not unlock");
        }
    }
}

impl Root {
    /// What is locked.
    fn handle(&self) -> &File {
        match self {
            Root::File(file) => file,
            Root::Folder(folder) => &folder.0,
        }
    }
}

/// The path of a file; the one that has no folder is the root itself.
fn below(root: &Path, path: &str) -> PathBuf {
    if path.is_empty() { root.to_owned() } else { root.join(path) }
}

/// A path as it was planned, if no component of it leads elsewhere.
fn plain(path: &[Box<str>]) -> Option<String> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['/', '\0']);
    path.iter().all(|part| is_plain(part)).then(|| path.join("/"))
}

fn expect_length(file: &File, expected: u64, path: &Path) -> Result<(), VolumeError> {
    let io = |source| VolumeError::io(path.to_owned(), source);
    let found = file.metadata().map_err(io)?.len();
    if found == expected {
        Ok(())
    } else {
        Err(VolumeError::Length { path: path.to_owned(), found, expected })
    }
}

// Elsewhere there is no device that is always full.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = |path: &str| PlannedFile { path: [path.into()].into(), len: 50 };
        let plan = VolumePlan { name: "v".into(), mark: 0, files: vec![file("a"), file("b")] };
        let volume = Volume::create(dir.path(), &plan).unwrap();
        volume.write_at(0, &[1; 50]).unwrap();
        let full = || fs::OpenOptions::new().write(true).open("/dev/full");
        volume.open.lock().unwrap().get(1, full).unwrap();
        assert_eq!(volume.write_at(40, &[1; 20]), Err(StoreFault::Full));
        *volume.open.lock().unwrap() = OpenFiles::default();
        volume.open.lock().unwrap().get(1, || File::open("/dev/null")).unwrap();
        assert_eq!(volume.write_at(40, &[1; 20]), Err(StoreFault::Io));
        *volume.open.lock().unwrap() = OpenFiles::default();
        // Once there is room it goes on.
        volume.write_at(50, &[2; 50]).unwrap();
        volume.finish().unwrap();
        assert_eq!(fs::read(dir.path().join("v/b")).unwrap(), [2; 50]);
    }
}
