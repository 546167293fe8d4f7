//! The files a servent shares, and which of them a query means.

/// The hash by which a word of a name and a word of a query are compared; the word is lower-case already.
pub fn word_hash(word: &str) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault};
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one(word)
}

/// Shared files by word and by hash.
#[derive(Debug, Default)]
pub struct Library {}

impl Library {
    /// Offers these files too.
    pub fn add(&mut self, files: &[common::user::SharedFile]) {
        let _ = files;
    }

    /// Offers this file no longer.
    pub fn remove(&mut self, file: common::peer::FileId) {
        let _ = file;
    }
}
