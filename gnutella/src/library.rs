//! The files a servent shares, and which of them a query means.

use std::collections::BTreeMap;

use common::digest::Digest;
use common::index::WordRules;
use common::peer::FileId;
use common::user::SharedFile;

use crate::wire::{Query, Sha1Urn};

/// Which words of a file's path are searched: those of its last directory and of its name, the suffix too, since modern
/// searchers look for `ogg`.
pub const RULES: WordRules =
    WordRules { path_depth: 2, ignore_suffix: false, words_max: 32, word_bytes_max: 64 };

/// The hash by which a word of a name and a word of a query are compared; the word is lower-case already.
pub fn word_hash(word: &str) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault};
    BuildHasherDefault::<rustc_hash::FxHasher>::default().hash_one(word)
}

/// The hashes of the different words of a query. They are cut by the rules of names; nothing excludes a word, since most
/// servents take a `-` for a blank.
pub fn query_words(text: &str) -> Vec<u64> {
    const QUERY_RULES: WordRules = WordRules { path_depth: usize::MAX, ..RULES };
    QUERY_RULES.of_name(text).iter().map(|word| word_hash(word)).collect()
}

/// True if a text has a word of two characters: anything less would match half of what is shared.
pub fn is_searchable(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word.chars().nth(1).is_some())
}

/// Shared files by word and by hash.
///
/// Made for two extremes. Most servents share a handful of files and see every query of the overlay: a word that no file
/// has costs them one look into a filter of some hundred bytes. And some share ten thousand: their words are sorted
/// hashes, a word's files a range of rising numbers, and the ranges of a query's words are intersected from the shortest.
/// Sharing is rare beside that and costs a merge of everything.
///
/// On the wire a file is known by its [`FileId`], which it keeps as long as it is shared.
#[derive(Debug, Default)]
pub struct Library {
    /// By rising number.
    files: Vec<SharedFile>,
    bytes: u64,
    /// The words of all names and all contents, by hash, each as often as there are files that have it.
    keys: Vec<u64>,
    /// Beside each key, the number of a file.
    numbers: Vec<u32>,
    filter: Filter,
}

impl Library {
    /// Offers these files too. One whose number is shared already takes the other's place.
    pub fn add(&mut self, files: &[SharedFile]) {
        let added: BTreeMap<FileId, &SharedFile> = files.iter().map(|file| (file.file, file)).collect();
        if added.keys().any(|file| self.position(*file).is_some()) {
            self.drop_files(|file| added.contains_key(&file));
        }
        let mut pairs: Vec<(u64, u32)> = self.keys.drain(..).zip(self.numbers.drain(..)).collect();
        for file in added.values() {
            self.bytes = self.bytes.saturating_add(file.info.size);
            pairs.extend(keys_of(file).map(|key| (key, file.file.0)));
        }
        // Two sorted runs, which this sort merges in linear time.
        pairs.sort();
        pairs.dedup();
        (self.keys, self.numbers) = pairs.into_iter().unzip();
        self.files.extend(added.into_values().cloned());
        self.files.sort_by_key(|file| file.file);
        self.filter = Filter::new(&self.keys);
    }

    /// Offers this file no longer.
    pub fn remove(&mut self, file: FileId) {
        self.drop_files(|known| known == file);
        self.filter = Filter::new(&self.keys);
    }

    /// The file of this number.
    pub fn get(&self, file: FileId) -> Option<&SharedFile> {
        self.position(file).map(|at| &self.files[at])
    }

    /// A file of this content.
    pub fn by_urn(&self, urn: &Sha1Urn) -> Option<&SharedFile> {
        let key = urn_key(&urn.0);
        if !self.filter.may_have(key) {
            return None;
        }
        let files = self.having(key).iter().filter_map(|number| self.get(FileId(*number)));
        files.into_iter().find(|file| file.info.digest == Some(Digest::Sha1(urn.0)))
    }

    /// All files, by rising number.
    pub fn files(&self) -> &[SharedFile] {
        &self.files
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At most `max` of the files that a query means, by rising number; a query that means none costs no allocation.
    ///
    /// A query for contents means the files that have them, whatever words it brings along. One without a word of two
    /// characters means nothing.
    pub fn matching(&self, query: &Query, max: usize) -> Vec<&SharedFile> {
        if self.files.is_empty() {
            return Vec::new();
        }
        match query.urns() {
            [] => self.matching_words(query, max),
            urns => urns.iter().filter_map(|urn| self.by_urn(urn)).take(max).collect(),
        }
    }

    fn matching_words(&self, query: &Query, max: usize) -> Vec<&SharedFile> {
        let words = query.words();
        let words = &words[..words.len().min(RULES.words_max)];
        if words.is_empty() || !words.iter().all(|word| self.filter.may_have(*word)) {
            return Vec::new();
        }
        let mut lists = [[].as_slice(); RULES.words_max];
        let lists = &mut lists[..words.len()];
        for (list, word) in lists.iter_mut().zip(words) {
            *list = self.having(*word);
            if list.is_empty() {
                return Vec::new();
            }
        }
        if !is_searchable(&query.text()) {
            return Vec::new();
        }
        lists.sort_by_key(|list| list.len());
        let (shortest, others) = lists.split_first_mut().expect("there is a word");
        let in_all = |number: &&u32| others.iter_mut().all(|list| advance_to(list, **number));
        shortest.iter().filter(in_all).take(max).filter_map(|number| self.get(FileId(*number))).collect()
    }

    /// The numbers of the files that have this key, rising.
    fn having(&self, key: u64) -> &[u32] {
        let start = self.keys.partition_point(|known| *known < key);
        let len = self.keys[start..].partition_point(|known| *known == key);
        &self.numbers[start..start + len]
    }

    fn position(&self, file: FileId) -> Option<usize> {
        self.files.binary_search_by_key(&file, |known| known.file).ok()
    }

    /// Takes files out, of everything but the filter.
    fn drop_files(&mut self, dropped: impl Fn(FileId) -> bool) {
        let kept = self.keys.iter().zip(&self.numbers).filter(|(_, number)| !dropped(FileId(**number)));
        (self.keys, self.numbers) = kept.map(|(key, number)| (*key, *number)).unzip();
        self.files.retain(|file| !dropped(file.file));
        self.bytes = self.files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.info.size));
    }
}

/// Drops what is smaller than `number` from the front of a list; true if it then starts with it.
fn advance_to(list: &mut &[u32], number: u32) -> bool {
    *list = &list[list.partition_point(|known| *known < number)..];
    list.first() == Some(&number)
}

/// What a file is found by.
fn keys_of(file: &SharedFile) -> impl Iterator<Item = u64> {
    let content = match &file.info.digest {
        Some(Digest::Sha1(sha1)) => Some(urn_key(sha1)),
        _ => None,
    };
    RULES.of_name(&file.info.name).into_iter().map(|word| word_hash(&word)).chain(content)
}

/// A content among the words. Its first bytes are as good as any hash; the rest is compared where it matters.
fn urn_key(sha1: &[u8; 20]) -> u64 {
    let (head, _) = sha1.split_first_chunk().expect("20 bytes are more than 8");
    u64::from_le_bytes(*head)
}

/// A Bloom filter whose bits for one key lie in one word of memory: two bits of at least eight for each key, so that one
/// strange word in twenty passes.
#[derive(Debug, Default)]
struct Filter {
    /// A power of two, or nothing.
    blocks: Box<[u64]>,
}

impl Filter {
    /// A filter for sorted keys.
    fn new(keys: &[u64]) -> Self {
        let distinct = keys.chunk_by(|a, b| a == b).count();
        if distinct == 0 {
            return Filter::default();
        }
        let mut filter = Filter { blocks: vec![0; distinct.div_ceil(8).next_power_of_two()].into() };
        for key in keys {
            let (block, bits) = filter.place(*key);
            filter.blocks[block] |= bits;
        }
        filter
    }

    /// False if no file has this key.
    fn may_have(&self, key: u64) -> bool {
        let (block, bits) = self.place(key);
        self.blocks.get(block).is_some_and(|block| block & bits == bits)
    }

    fn place(&self, key: u64) -> (usize, u64) {
        // Multiplied by the golden ratio, a key's bits reach the upper half, from which all three numbers are taken.
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let block = (mixed >> 44) as usize & self.blocks.len().wrapping_sub(1);
        (block, 1 << (mixed >> 38 & 63) | 1 << (mixed >> 32 & 63))
    }
}
