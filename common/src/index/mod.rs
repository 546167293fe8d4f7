//! The keyword index of Napster's server, KaZaA's supernodes and the torrent site: who shares which files.
//!
//! A **user** shares files. The same content under the same path (equal [`FileInfo`]) is one **record** with a list of
//! **holders**, however many users share it: its words are indexed once, and a replica costs a dozen bytes. A word
//! leads to its **postings**, the numbers of the records that hold it. Record numbers only rise (and are compacted now
//! and then), so that the newest record has the largest number and results come newest first.
//!
//! What a hostile user can make it do is bounded: the length of a name, files of a user, words of a name
//! ([`IndexConfig`]), and the records a search looks at ([`SearchOptions::work_max`]; searches cut short are counted).
//!
//! ```
//! use std::{ops::ControlFlow, sync::Arc};
//! use common::index::{Index, SearchOptions, UserId};
//! use common::user::{FileInfo, Query};
//!
//! let mut index = Index::default();
//! let song = FileInfo { name: "The Band/The Band - A Song.mp3".into(), size: 4_000_000, ..FileInfo::default() };
//! index.add(UserId(7), Arc::new(song))?;
//! let mut holders = Vec::new();
//! index.search(&Query::words("song band -live"), &SearchOptions::default(), |user, _| {
//!     holders.push(user);
//!     ControlFlow::Continue(())
//! });
//! assert_eq!(holders, [UserId(7)]);
//! assert_eq!(index.remove_user(UserId(7)), 1);
//! # Ok::<(), common::index::AddError>(())
//! ```

mod holders;
mod postings;
mod search;
mod words;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rustc_hash::FxHasher;

use holders::Holders;
use postings::Postings;
pub use search::{SearchOptions, SearchOutcome};
pub use words::{Terms, WordRules, filters_match};

use crate::user::FileInfo;

/// A user of an index: a dense number given by its owner, used again after the user has left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UserId(pub u32);

/// The rules and limits of an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexConfig {
    /// Which words of a name are searched.
    pub rules: WordRules,
    /// User numbers are below this.
    pub users_max: usize,
    /// So many files a user may share.
    pub files_per_user_max: usize,
    /// So long a name may be, in bytes, and so long what else is said about a file.
    pub name_bytes_max: usize,
}

impl Default for IndexConfig {
    /// As many users as a node can have connections; 5,000 files each, OpenNap's `max_shared`; names of 1,024 bytes,
    /// more than any file system's path components of its time.
    fn default() -> Self {
        IndexConfig {
            rules: WordRules::default(),
            users_max: crate::peer::ConnId::SLOTS_MAX,
            files_per_user_max: 5_000,
            name_bytes_max: 1_024,
        }
    }
}

/// Why a file was not added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddError {
    /// The user shares as many files as allowed.
    #[error("too many files are shared")]
    TooManyFiles,
    /// The name, or what is said about the file, is too long.
    #[error("the file's name is too long")]
    NameTooLong,
    /// The user shares a file of this name already.
    #[error("a file of this name is shared already")]
    Duplicate,
    /// The user's number is beyond the limit.
    #[error("there are too many users")]
    TooManyUsers,
}

/// What an index holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Users who share at least one file.
    pub users: u64,
    /// Shared files, each replica counted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Different files.
    pub records: u64,
    /// Different words.
    pub words: u64,
    /// Searches that were cut short by their bound on work.
    pub searches_cut: u64,
}

/// The keyword index.
pub struct Index {
    config: IndexConfig,
    /// By record number; `None` once nobody holds it any more.
    records: Vec<Option<Record>>,
    contents: HashMap<Content, u32>,
    words: Vec<Word>,
    words_free: Vec<u32>,
    /// Keyed by words that strangers choose, so hashed with a random key; nobody sees its order.
    word_ids: HashMap<Arc<str>, u32>,
    users: Vec<User>,
    totals: Totals,
    searches_cut: AtomicU64,
}

/// One file, whoever has it.
struct Record {
    info: Arc<FileInfo>,
    holders: Holders,
}

/// A record's identity: equal information is the same record.
#[derive(PartialEq, Eq)]
struct Content(Arc<FileInfo>);

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Digest and attributes follow from name and size, nearly always.
        self.0.name.hash(state);
        self.0.size.hash(state);
    }
}

struct Word {
    text: Arc<str>,
    postings: Postings,
}

/// The files of one user, in the order they were added.
#[derive(Default)]
struct User {
    files: Vec<Shared>,
}

/// A file of a user: its record, and a hash of its name so that names are only compared when they are likely equal.
#[derive(Clone, Copy)]
struct Shared {
    record: u32,
    name_hash: u32,
}

/// Vacant record numbers that are tolerated before the records are numbered anew, apart from as many as are in use.
const VACANT_MIN: usize = 65_536;

impl Default for Index {
    fn default() -> Self {
        Index::new(IndexConfig::default())
    }
}

impl Index {
    /// An empty index.
    pub fn new(config: IndexConfig) -> Self {
        Index {
            config,
            records: Vec::new(),
            contents: HashMap::new(),
            words: Vec::new(),
            words_free: Vec::new(),
            word_ids: HashMap::new(),
            users: Vec::new(),
            totals: Totals::default(),
            searches_cut: AtomicU64::new(0),
        }
    }

    /// A user shares one more file.
    pub fn add(&mut self, user: UserId, info: Arc<FileInfo>) -> Result<(), AddError> {
        let slot = user.0 as usize;
        if slot >= self.config.users_max {
            return Err(AddError::TooManyUsers);
        }
        if info.name.len().max(info.about.len()) > self.config.name_bytes_max {
            return Err(AddError::NameTooLong);
        }
        if self.users.len() <= slot {
            self.users.resize_with(slot + 1, User::default);
        }
        if self.users[slot].files.len() >= self.config.files_per_user_max {
            return Err(AddError::TooManyFiles);
        }
        let name_hash = hash_of_name(&info.name);
        if self.position(slot, &info.name, name_hash).is_some() {
            return Err(AddError::Duplicate);
        }
        let size = info.size;
        let record = self.intern(info);
        if let Some(entry) = &mut self.records[record as usize] {
            entry.holders.push(user.0);
        }
        let files = &mut self.users[slot].files;
        files.push(Shared { record, name_hash });
        self.totals.users += u64::from(files.len() == 1);
        self.totals.files += 1;
        self.totals.bytes = self.totals.bytes.saturating_add(size);
        Ok(())
    }

    /// A user shares a file no longer; false if there was none of that name.
    pub fn remove(&mut self, user: UserId, name: &str) -> bool {
        let slot = user.0 as usize;
        let Some(at) = self.position(slot, name, hash_of_name(name)) else { return false };
        let files = &mut self.users[slot].files;
        let shared = files.remove(at);
        self.totals.users -= u64::from(files.is_empty());
        self.release(shared.record, user);
        true
    }

    /// A user leaves with all files; returns how many there were.
    pub fn remove_user(&mut self, user: UserId) -> usize {
        let Some(entry) = self.users.get_mut(user.0 as usize) else { return 0 };
        let files = std::mem::take(&mut entry.files);
        self.totals.users -= u64::from(!files.is_empty());
        for shared in &files {
            self.release(shared.record, user);
        }
        files.len()
    }

    /// The files of a user, in the order they were added.
    pub fn files_of(&self, user: UserId) -> impl ExactSizeIterator<Item = &Arc<FileInfo>> {
        let files = self.users.get(user.0 as usize).map_or(&[][..], |user| &user.files);
        files.iter().map(|shared| &self.record(shared.record).info)
    }

    /// Where in a user's list, in the order of [`Index::files_of`], a name stands.
    pub fn place_of(&self, user: UserId, name: &str) -> Option<usize> {
        self.position(user.0 as usize, name, hash_of_name(name))
    }

    /// A user's file by its name.
    pub fn get(&self, user: UserId, name: &str) -> Option<&Arc<FileInfo>> {
        let slot = user.0 as usize;
        let at = self.position(slot, name, hash_of_name(name))?;
        Some(&self.record(self.users[slot].files[at].record).info)
    }

    /// What the index holds.
    pub fn totals(&self) -> Totals {
        Totals {
            words: self.word_ids.len() as u64,
            records: self.contents.len() as u64,
            searches_cut: self.searches_cut.load(std::sync::atomic::Ordering::Relaxed),
            ..self.totals
        }
    }

    /// The rules by which words are found.
    pub fn rules(&self) -> &WordRules {
        &self.config.rules
    }

    /// Bytes of memory the index takes, about, the file information itself included. Walks over everything.
    pub fn memory_bytes(&self) -> usize {
        /// What an allocation costs beside its content: reference counts, and the allocator's own header.
        const ALLOCATION_BYTES: usize = 24;
        let records: usize = (self.records.iter().flatten())
            .map(|record| {
                let text = record.info.name.len() + record.info.about.len();
                let info = size_of::<FileInfo>() + text + 2 * ALLOCATION_BYTES;
                info + record.holders.heap_bytes()
            })
            .sum();
        let words: usize = (self.words.iter())
            .map(|word| word.text.len() + ALLOCATION_BYTES + word.postings.heap_bytes())
            .sum();
        let users: usize = self.users.iter().map(|user| user.files.capacity() * size_of::<Shared>()).sum();
        records
            + words
            + users
            + self.records.capacity() * size_of::<Option<Record>>()
            + self.words.capacity() * size_of::<Word>()
            + self.users.capacity() * size_of::<User>()
            + self.contents.capacity() * (size_of::<(Content, u32)>() + 1)
            + self.word_ids.capacity() * (size_of::<(Arc<str>, u32)>() + 1)
    }

    /// Where in a user's list a name stands.
    fn position(&self, slot: usize, name: &str, name_hash: u32) -> Option<usize> {
        let files = &self.users.get(slot)?.files;
        files.iter().position(|shared| {
            shared.name_hash == name_hash && *self.record(shared.record).info.name == *name
        })
    }

    fn record(&self, record: u32) -> &Record {
        self.records[record as usize].as_ref().expect("a record that is referred to exists")
    }

    /// The number of a file's record, a new one if nobody has had this file.
    fn intern(&mut self, info: Arc<FileInfo>) -> u32 {
        if self.records.len() == self.records.capacity()
            && self.records.len() >= 2 * self.contents.len() + VACANT_MIN
        {
            self.compact();
        }
        let next = u32::try_from(self.records.len()).expect("fewer records than 2^32");
        match self.contents.entry(Content(info)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let info = entry.key().0.clone();
                entry.insert(next);
                self.enter_words(&info, next);
                self.records.push(Some(Record { info, holders: Holders::default() }));
                next
            }
        }
    }

    /// A user holds a record no longer; the last one takes it along.
    fn release(&mut self, record: u32, user: UserId) {
        let entry = self.records[record as usize].as_mut().expect("a record that is referred to exists");
        entry.holders.remove(user.0);
        self.totals.files -= 1;
        self.totals.bytes = self.totals.bytes.saturating_sub(entry.info.size);
        if entry.holders.is_empty() {
            let info = self.records[record as usize].take().expect("just seen").info;
            self.remove_words(&info, record);
            self.contents.remove(&Content(info));
        }
    }

    /// Enters a record under each word that its file is found by. It is the newest, so its number goes to the end everywhere.
    fn enter_words(&mut self, info: &FileInfo, record: u32) {
        let mut different = 0;
        let Index { config, words, words_free, word_ids, .. } = self;
        config.rules.each_of_file(info, |text| {
            let id = match word_ids.get(text) {
                Some(id) => *id,
                None => {
                    let text: Arc<str> = text.into();
                    let word = Word { text: text.clone(), postings: Postings::default() };
                    let id = match words_free.pop() {
                        Some(id) => {
                            words[id as usize] = word;
                            id
                        }
                        None => {
                            words.push(word);
                            words.len() as u32 - 1
                        }
                    };
                    word_ids.insert(text, id);
                    id
                }
            };
            let postings = &mut words[id as usize].postings;
            let before = postings.len();
            postings.insert(record);
            different += postings.len() - before;
            different < config.rules.words_max
        });
    }

    /// Takes a record out from under each word that its file is found by; a word that has no record left is forgotten.
    fn remove_words(&mut self, info: &FileInfo, record: u32) {
        let mut different = 0;
        let Index { config, words, words_free, word_ids, .. } = self;
        config.rules.each_of_file(info, |text| {
            // A word that the file has twice is gone already, or no longer has this record.
            if let Some(id) = word_ids.get(text).copied() {
                let word = &mut words[id as usize];
                let before = word.postings.len();
                word.postings.remove(record);
                different += before - word.postings.len();
                if word.postings.len() == 0 {
                    word.postings = Postings::default();
                    word.text = Arc::default();
                    word_ids.remove(text);
                    words_free.push(id);
                }
            }
            different < config.rules.words_max
        });
    }

    /// Numbers the records anew without gaps, in their order. Happens at most once for as many new records as there
    /// are in all, so that each pays a constant share of it.
    fn compact(&mut self) {
        let mut renumbered = vec![0; self.records.len()];
        let mut next = 0;
        for (old, record) in self.records.iter().enumerate() {
            renumbered[old] = next;
            next += u32::from(record.is_some());
        }
        self.records.retain(Option::is_some);
        for (new, record) in self.records.iter().flatten().enumerate() {
            if let Some(number) = self.contents.get_mut(&Content(record.info.clone())) {
                *number = new as u32;
            }
        }
        for word in &mut self.words {
            word.postings.renumber(|old| renumbered[old as usize]);
        }
        for shared in self.users.iter_mut().flat_map(|user| &mut user.files) {
            shared.record = renumbered[shared.record as usize];
        }
    }
}

/// A short hash that is the same in every process, so that nothing a user sees depends on one.
fn hash_of_name(name: &str) -> u32 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    (hasher.finish() >> 32) as u32
}
