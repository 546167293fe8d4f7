//! The files a servent shares, and which of them a query means.

use common::index::WordRules;

/// The hash by which a word of a name and a word of a query are compared; the word is lower-case already.
pub fn word_hash(word: &str) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault};
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one(word)
}

/// What counts as a word: every run of letters and digits of a name, folders and suffix included, since old servents
/// compared the whole of it. The words of a query are cut by the same rules; nothing excludes a word.
pub const WORD_RULES: WordRules =
    WordRules { path_depth: usize::MAX, ignore_suffix: false, words_max: 32, word_bytes_max: 64 };

/// The hashes of the different words of a query.
pub fn query_words(text: &str) -> Vec<u64> {
    WORD_RULES.of_name(text).iter().map(|word| word_hash(word)).collect()
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
