//! What this node shares, and what its parents are told of it.
//!
//! A parent is told each file by itself (22), once it has taken us on; files that come or go later are told at once. A node
//! that is its own supernode enters its files straight into its index.

use std::sync::Arc;

use common::digest::Digest;
use common::peer::{ConnId, FileId};
use common::user::{FileInfo, Note, SharedFile};

use super::{Hands, Ordinary};
use crate::wire::Message;

/// The shared files, by rising number.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    files: Vec<SharedFile>,
}

impl Shares {
    /// All files, by rising number.
    pub(crate) fn files(&self) -> &[SharedFile] {
        &self.files
    }

    /// The file of this number.
    pub(crate) fn get(&self, file: FileId) -> Option<&SharedFile> {
        self.position(file).ok().map(|at| &self.files[at])
    }

    /// A file whose UUHash this is.
    pub(crate) fn by_hash(&self, hash: &[u8; 20]) -> Option<&SharedFile> {
        self.files.iter().find(|shared| uuhash(&shared.info) == Some(hash))
    }

    /// Adds a file, or puts it in place of the one that had its number, which is returned.
    fn add(&mut self, file: &SharedFile) -> Option<SharedFile> {
        match self.position(file.file) {
            Ok(at) => Some(std::mem::replace(&mut self.files[at], file.clone())),
            Err(at) => {
                self.files.insert(at, file.clone());
                None
            }
        }
    }

    fn remove(&mut self, file: FileId) -> Option<SharedFile> {
        self.position(file).ok().map(|at| self.files.remove(at))
    }

    fn position(&self, file: FileId) -> Result<usize, usize> {
        self.files.binary_search_by_key(&file, |shared| shared.file)
    }
}

/// What names a file's content on the network: the first 20 bytes of its hash.
pub(crate) fn uuhash(info: &FileInfo) -> Option<&[u8; 20]> {
    info.digest.as_ref().and_then(Digest::uuhash)
}

impl Ordinary {
    /// The user offers these files too.
    pub(super) fn share(&mut self, files: &[SharedFile], cx: Hands) {
        for file in files {
            if let Some(replaced) = self.shares.add(file) {
                self.tell_unshared(&replaced, cx);
            }
            self.tell_shared(file, cx);
        }
    }

    /// The user offers this file no longer.
    pub(super) fn unshare(&mut self, file: FileId, cx: Hands) {
        if let Some(removed) = self.shares.remove(file) {
            self.tell_unshared(&removed, cx);
        }
    }

    /// Tells a supernode all we share.
    pub(super) fn tell_shares(&self, conn: ConnId, cx: Hands) {
        let (all, max) = (self.shares.files().len(), self.me.knobs.shared_max);
        if all > max {
            cx.note(Note::Text(
                format!("a supernode is told of {max} files at most: {} are not found", all - max).into(),
            ));
        }
        for shared in self.shares.files().iter().take(max) {
            cx.send(conn, Message::Share(shared.file.0, Arc::clone(&shared.info)));
        }
    }

    fn tell_shared(&mut self, shared: &SharedFile, cx: Hands) {
        if let Some(supernode) = &mut self.supernode {
            supernode.register.add_own(shared);
        }
        if self.shares.files().len() > self.me.knobs.shared_max {
            return;
        }
        for parent in &self.join.parents {
            cx.send(*parent, Message::Share(shared.file.0, Arc::clone(&shared.info)));
        }
    }

    fn tell_unshared(&mut self, shared: &SharedFile, cx: Hands) {
        if let Some(supernode) = &mut self.supernode {
            supernode.register.remove_own(shared);
        }
        for parent in &self.join.parents {
            cx.send(*parent, Message::Unshare(shared.file.0, Arc::clone(&shared.info)));
        }
    }
}
