//! A folder whose files are opened step by step, so that no link leads out of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

/// The most files of a volume that are kept open: a torrent has up to 100,000, a process often no more than 1,024
/// descriptors, and its connections need some.
const OPEN_MAX: usize = 128;

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    /// To be read.
    Read,
    /// To be read and written if it is there.
    Modify,
    /// The same, and made with its folders if it is not.
    Make,
}

/// A folder that is held open: renaming it changes nothing for whoever has it.
#[derive(Debug)]
pub(super) struct Folder(pub(super) File);

impl Folder {
    /// The user's own folder: here, and only here, a link is followed.
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Folder(File::from(rustix::fs::open(path, flags, Mode::empty())?)))
    }

    /// The folder of that path, no link, made if it is not there.
    pub(super) fn make(path: &Path) -> io::Result<Folder> {
        Ok(Folder(File::from(step(rustix::fs::CWD, path, true)?)))
    }

    /// A regular file below it.
    pub(super) fn file(&self, path: &str, access: Access) -> io::Result<File> {
        let (folders, name) = path.rsplit_once('/').map_or((None, path), |(dirs, name)| (Some(dirs), name));
        let mut inner: Option<OwnedFd> = None;
        for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
            let at = inner.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
            inner = Some(step(at, Path::new(folder), access == Access::Make)?);
        }
        let at = inner.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Modify => OFlags::RDWR,
            Access::Make => OFlags::RDWR | OFlags::CREATE,
        };
        regular(openat(at, name, flags | SAFELY, Mode::from_raw_mode(0o666))?)
    }

    /// Has what the folders of these files list be on disk, and what this one does.
    pub(super) fn sync<'a>(&self, paths: impl Iterator<Item = &'a str>) -> io::Result<()> {
        let mut folders = BTreeSet::new();
        for path in paths {
            let mut rest = path;
            while let Some((folder, _)) = rest.rsplit_once('/')
                && folders.insert(folder)
            {
                rest = folder;
            }
        }
        for folder in folders {
            let mut inner: Option<OwnedFd> = None;
            for part in folder.split('/') {
                let at = inner.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
                inner = Some(step(at, Path::new(part), false)?);
            }
            inner.map_or(Ok(()), |inner| File::from(inner).sync_all())?;
        }
        self.0.sync_all()
    }
}

/// Without following a link, waiting for a pipe's other end, or leaving the descriptor to child processes.
pub(super) const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Takes a descriptor if it is that of a regular file.
pub(super) fn regular(opened: OwnedFd) -> io::Result<File> {
    let file = File::from(opened);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// One folder further down.
fn step(at: BorrowedFd<'_>, name: &Path, makes: bool) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(at, name, flags, Mode::empty()) {
        Err(Errno::NOENT) if makes => {}
        opened => return Ok(opened?),
    }
    match mkdirat(at, name, Mode::from_raw_mode(0o777)) {
        // Another thread was faster.
        Ok(()) | Err(Errno::EXIST) => Ok(openat(at, name, flags, Mode::empty())?),
        Err(error) => Err(error.into()),
    }
}

/// The files used last, kept open; the one used least recently first.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Vec<(usize, Arc<File>)>);

impl OpenFiles {
    /// The file of this number, opened if it is not.
    pub(super) fn get(
        &mut self,
        at: usize,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        let entry = match self.0.iter().rposition(|(number, _)| *number == at) {
            Some(found) => self.0.remove(found),
            None => {
                let opened = (at, Arc::new(open()?));
                if self.0.len() >= OPEN_MAX {
                    self.0.remove(0);
                }
                opened
            }
        };
        let file = entry.1.clone();
        self.0.push(entry);
        Ok(file)
    }
}
