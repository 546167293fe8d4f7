//! Many files as one stream of bytes: the content of a torrent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom, mkdirat, openat, statat};

use super::disk::rename_to_new;
use super::names::{NameError, numbered, safe_name};
use super::{Storage, StoreFault, range_within};

/// Files that are kept open at a time. 128: far below what a process may have, and more than the files that a download's
/// pieces in progress lie in.
const OPEN_MAX: usize = 128;
/// The most contents of one name in a folder, ` (2)` to ` (100)` among them.
const COPIES_MAX: u32 = 100;
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// What a volume is to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VolumePlan {
    /// Of the file, or of the folder that the files are in, as somebody else has called it.
    pub name: Box<str>,
    /// The files in the order of the stream; one without a path if the volume is a file, else each with its path in the folder.
    pub files: Vec<PlannedFile>,
}

/// A file of a volume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedFile {
    /// Its path, component by component, as somebody else has called them.
    pub path: Box<[Box<str>]>,
    /// Bytes.
    pub len: u64,
}

/// Why a volume cannot be had; one line for the user.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// A name cannot be used.
    #[error("the name `{0}` cannot be used: {1}")]
    Name(String, NameError),
    /// Two files would be one here, or one would be where the other has a folder.
    #[error("two of its files would both be {}", .0.display())]
    Overlap(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another process downloads it.
    #[error("{}: another process is downloading into it", .0.display())]
    InUse(PathBuf),
    /// A file has another length than it must have.
    #[error("{}: it has {found} bytes where {expected} are expected", path.display())]
    Length {
        /// Which.
        path: PathBuf,
        /// What it has.
        found: u64,
        /// What it should have.
        expected: u64,
    },
    /// A hundred contents of that name are there already.
    #[error("{}: too many of this name", .0.display())]
    TooManyCopies(PathBuf),
}

/// The content of a torrent on disk.
///
/// A **source** ([`Volume::open`]) is read-only. A **download** ([`Volume::create`]) is written to `name.part`, a file or a folder,
/// which gets its final name by [`Storage::finish`]. It has no journal: a torrent has a hash for each piece, so what is there is
/// found by hashing it, after whatever end of the process before, and nothing needs to be synced for that.
///
/// Below the part no symbolic link is followed. A part is locked: nobody else downloads into it at the same time.
pub struct Volume {
    files: Box<[Entry]>,
    len: u64,
    /// Files may be written and made.
    is_download: bool,
    root: Mutex<Root>,
    handles: Mutex<Handles>,
}

/// A file within the stream.
struct Entry {
    /// Below the folder; empty for a volume that is a file.
    path: Box<[Box<str>]>,
    start: u64,
    len: u64,
}

struct Root {
    /// The file or the folder, where it stands now.
    path: PathBuf,
    /// The name it is to have; `None` once it has it.
    target: Option<(PathBuf, String)>,
    /// Holds the lock.
    lock: File,
}

/// Files that are open, with the moment of their last use.
#[derive(Default)]
struct Handles {
    open: BTreeMap<usize, (u64, Arc<File>)>,
    uses: u64,
}

impl Volume {
    /// A download into the folder `dir`, new or to go on with.
    ///
    /// # Errors
    /// Names that cannot be used, or what the file system says.
    pub fn create(dir: &Path, plan: &VolumePlan) -> Result<Volume, VolumeError> {
        let name = safe(&plan.name)?;
        let files = entries(plan, safe)?;
        let is_file = is_file(plan);
        let part = dir.join(format!("{name}.part"));
        let lock = if is_file { open_part(dir, &format!("{name}.part")) } else { open_folder(&part) };
        let lock = lock.map_err(|source| VolumeError::Io { path: part.clone(), source })?;
        if lock.try_lock().is_err() {
            return Err(VolumeError::InUse(part));
        }
        let root = Root { path: part, target: Some((dir.to_owned(), name)), lock };
        Ok(Volume::new(files, true, root))
    }

    /// What stands at `path`, the file or the folder itself, to be read. All files must be there with their lengths.
    ///
    /// # Errors
    /// The first file that is not as it should be.
    pub fn open(path: &Path, plan: &VolumePlan) -> Result<Volume, VolumeError> {
        let as_it_is = |name: &str| Ok(name.to_owned());
        // Somebody else may have named the files as they are called, or as they were downloaded here.
        let found = Volume::open_named(path, plan, as_it_is);
        if found.is_err() && !is_file(plan) {
            return Volume::open_named(path, plan, safe).or(found);
        }
        found
    }

    fn open_named(
        path: &Path,
        plan: &VolumePlan,
        named: impl Fn(&str) -> Result<String, VolumeError>,
    ) -> Result<Volume, VolumeError> {
        let files = entries(plan, named)?;
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| VolumeError::Io { path, source }
        };
        for file in &files {
            let path = file.path.iter().fold(path.to_owned(), |path, part| path.join(&**part));
            let metadata = fs::metadata(&path).map_err(io(&path))?;
            if !metadata.is_file() {
                return Err(io(&path)(io::Error::other("not a file")));
            }
            if metadata.len() != file.len {
                return Err(VolumeError::Length { path, found: metadata.len(), expected: file.len });
            }
        }
        let lock = File::open(path).map_err(io(path))?;
        let root = Root { path: path.to_owned(), target: None, lock };
        Ok(Volume::new(files, false, root))
    }

    /// What stands under its final name in the folder `dir`, if all of it does.
    pub fn finished(dir: &Path, plan: &VolumePlan) -> Option<Volume> {
        let path = dir.join(safe(&plan.name).ok()?);
        Volume::open(&path, plan).ok()
    }

    fn new(files: Vec<Entry>, is_download: bool, root: Root) -> Volume {
        let len = files.last().map_or(0, |last| last.start + last.len);
        let (root, handles) = (Mutex::new(root), Mutex::default());
        Volume { files: files.into(), len, is_download, root, handles }
    }

    /// Bytes of all files together.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it stands now.
    pub fn path(&self) -> PathBuf {
        self.lock_root().path.clone()
    }

    /// True if it stands under its final name.
    pub fn is_finished(&self) -> bool {
        self.lock_root().target.is_none()
    }

    /// True if nothing was ever written there: what is read would be zeros, or not be there. False of a source.
    pub fn is_hole(&self, offset: u64, len: u64) -> bool {
        self.is_download
            && self.parts(offset, len).all(|(at, inner, len)| {
                self.handle(at, false).map_or(true, |file| {
                    let data = rustix::fs::seek(&*file, SeekFrom::Data(inner));
                    data.map_or_else(|error| error == rustix::io::Errno::NXIO, |data| data >= inner + len)
                })
            })
    }

    /// The files that a range lies in: which, from where in it, how many bytes. Empty files are in no range.
    fn parts(&self, offset: u64, len: u64) -> impl Iterator<Item = (usize, u64, u64)> {
        let first = self.files.partition_point(|file| file.start + file.len <= offset);
        let end = offset + len;
        let overlap = move |(at, file): (usize, &Entry)| {
            let from = offset.max(file.start);
            (at, from - file.start, end.min(file.start + file.len).saturating_sub(from))
        };
        let files = self.files.iter().enumerate().skip(first);
        files.take_while(move |(_, file)| file.start < end).map(overlap).filter(|(.., len)| *len > 0)
    }

    fn lock_root(&self) -> MutexGuard<'_, Root> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file, opened if it is not open; made, if it is to be written and is not there.
    fn handle(&self, at: usize, to_write: bool) -> io::Result<Arc<File>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.uses += 1;
        let now = handles.uses;
        if let Some((used, file)) = handles.open.get_mut(&at) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.open_file(at, to_write)?);
        if handles.open.len() >= OPEN_MAX
            && let Some(oldest) = handles.open.iter().min_by_key(|(_, (used, _))| *used).map(|(at, _)| *at)
        {
            handles.open.remove(&oldest);
        }
        handles.open.insert(at, (now, Arc::clone(&file)));
        Ok(file)
    }

    fn open_file(&self, at: usize, to_write: bool) -> io::Result<File> {
        let path = &self.files[at].path;
        let root = self.lock_root();
        let Some((name, folders)) = path.split_last() else { return root.lock.try_clone() };
        if !self.is_download {
            let path = path.iter().fold(root.path.clone(), |path, part| path.join(&**part));
            return File::open(path);
        }
        let mut folder = root.lock.try_clone()?;
        drop(root);
        for part in folders {
            if to_write {
                match mkdirat(&folder, &**part, FOLDER_MODE) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
            folder = openat(&folder, &**part, flags, Mode::empty())?.into();
        }
        let make = if to_write { OFlags::CREATE } else { OFlags::empty() };
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | make;
        let file: File = openat(&folder, &**name, flags, FILE_MODE)?.into();
        // Something else of that name may be there, which somebody has put in the way.
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a file")) }
    }

    /// Does something with each file that a range lies in.
    fn each_part(
        &self,
        offset: u64,
        len: usize,
        to_write: bool,
        mut act: impl FnMut(&File, u64, std::ops::Range<usize>) -> io::Result<()>,
    ) -> Result<(), StoreFault> {
        range_within(offset, len as u64, self.len)?;
        let mut done = 0;
        for (at, inner, part) in self.parts(offset, len as u64) {
            let end = done + part as usize;
            let acted = self.handle(at, to_write).and_then(|file| act(&file, inner, done..end));
            acted.map_err(|error| self.fault(&error, to_write))?;
            done = end;
        }
        Ok(())
    }

    fn fault(&self, error: &io::Error, to_write: bool) -> StoreFault {
        let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof);
        if !to_write && is_missing {
            return StoreFault::Missing;
        }
        tracing::warn!(path = %self.path().display(), %error, "a torrent's files failed");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreFault::Full
            }
            _ => StoreFault::Io,
        }
    }

    /// Makes the files that no byte was written to, and cuts off what lies behind the end of others.
    fn complete(&self) -> io::Result<()> {
        for (at, file) in self.files.iter().enumerate() {
            if file.len == 0 {
                self.open_file(at, true)?.set_len(0)?;
            }
        }
        Ok(())
    }
}

impl Storage for Volume {
    fn size(&self) -> u64 {
        self.len
    }

    /// What was never written is missing, or zeros.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), StoreFault> {
        let len = buf.len();
        self.each_part(offset, len, false, |file, inner, range| file.read_exact_at(&mut buf[range], inner))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        if !self.is_download || self.lock_root().target.is_none() {
            return Err(StoreFault::Io);
        }
        self.each_part(offset, bytes.len(), true, |file, inner, range| {
            file.write_all_at(&bytes[range], inner)
        })
    }

    /// Gives it its final name; a number is added if that is taken. Whether all bytes are right, the hashes must have said.
    fn finish(&self) -> Result<(), StoreFault> {
        let target = self.lock_root().target.clone();
        let Some((dir, name)) = target else { return Ok(()) };
        self.complete().map_err(|error| self.fault(&error, true))?;
        let mut root = self.lock_root();
        for n in 1..=COPIES_MAX {
            let path = dir.join(numbered(&name, n));
            match rename_to_new(&root.path, &path) {
                Ok(()) => {
                    (root.path, root.target) = (path, None);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    drop(root);
                    return Err(self.fault(&error, true));
                }
            }
        }
        drop(root);
        Err(self.fault(&io::Error::new(io::ErrorKind::AlreadyExists, "a hundred have this name"), true))
    }
}

impl Drop for Volume {
    /// A download that nothing was written to leaves nothing behind.
    fn drop(&mut self) {
        let root = self.lock_root();
        if root.target.is_some() {
            let is_file = root.lock.metadata().is_ok_and(|metadata| metadata.is_file());
            let removed = match is_file {
                true if root.lock.metadata().is_ok_and(|metadata| metadata.len() == 0) => {
                    fs::remove_file(&root.path)
                }
                true => Ok(()),
                false => fs::remove_dir(&root.path),
            };
            if let Err(error) = removed {
                tracing::debug!(path = %root.path.display(), %error, "the part stays");
            }
        }
        // Closing alone would not do: a process just being started may hold the descriptor for a moment longer.
        let _ = root.lock.unlock();
    }
}

fn is_file(plan: &VolumePlan) -> bool {
    matches!(&plan.files[..], [single] if single.path.is_empty())
}

fn safe(name: &str) -> Result<String, VolumeError> {
    safe_name(name).map_err(|error| VolumeError::Name(name.to_owned(), error))
}

/// The files in the stream, none of which is in another's way.
fn entries(
    plan: &VolumePlan,
    named: impl Fn(&str) -> Result<String, VolumeError>,
) -> Result<Vec<Entry>, VolumeError> {
    let mut entries = Vec::with_capacity(plan.files.len());
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    let mut start: u64 = 0;
    for file in &plan.files {
        let mut path = PathBuf::new();
        let mut parts = Vec::with_capacity(file.path.len());
        for (at, part) in file.path.iter().enumerate() {
            let part = named(part)?;
            path.push(&part);
            parts.push(part.into_boxed_str());
            if at + 1 < file.path.len() {
                folders.insert(path.clone());
            }
        }
        if !files.insert(path.clone()) {
            return Err(VolumeError::Overlap(path));
        }
        entries.push(Entry { path: parts.into(), start, len: file.len });
        start = start.checked_add(file.len).ok_or(VolumeError::Overlap(path))?;
    }
    match files.intersection(&folders).next() {
        Some(both) => Err(VolumeError::Overlap(both.clone())),
        None => Ok(entries),
    }
}

/// Opens, or makes, the file that a download is written to.
fn open_part(dir: &Path, name: &str) -> io::Result<File> {
    let folder = File::open(dir)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file: File = openat(&folder, name, flags, FILE_MODE)?.into();
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a file")) }
}

/// Opens, or makes, the folder that a download is written to.
fn open_folder(path: &Path) -> io::Result<File> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let kind = statat(rustix::fs::CWD, path, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
    match rustix::fs::FileType::from_raw_mode(kind).is_dir() {
        true => File::open(path),
        false => Err(io::Error::other("something else of this name is there")),
    }
}
