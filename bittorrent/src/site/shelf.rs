//! The torrents, in the order in which they are listed, and found by words.

use std::ops::ControlFlow;
use std::sync::Arc;

use common::index::{Index, IndexConfig, SearchOptions, UserId, WordRules};
use common::user::{FileInfo, Query};

use super::config::Listed;

/// What is searched beside a torrent's name: the names of its files, up to so many bytes.
const ABOUT_BYTES_MAX: usize = 1_024;
/// Words by which one torrent is found.
const WORDS_MAX: usize = 128;

/// All torrents.
pub(super) struct Shelf {
    torrents: Vec<Listed>,
    /// Numbers of torrents, the newest first.
    order: Vec<u32>,
    index: Index,
}

impl Shelf {
    pub(super) fn new(torrents: Vec<Listed>) -> Self {
        let mut order: Vec<u32> = (0..torrents.len() as u32).collect();
        let age = |torrent: &u32| torrents[*torrent as usize].torrent.creation_date_s;
        order.sort_by_key(|torrent| std::cmp::Reverse((age(torrent), *torrent)));
        // A name says the suffix only where it is one of a file's, and then it may be looked for.
        let rules =
            WordRules { path_depth: 1, ignore_suffix: false, words_max: WORDS_MAX, ..WordRules::default() };
        let config = IndexConfig { rules, users_max: torrents.len(), ..IndexConfig::default() };
        let mut index = Index::new(config);
        // Results come the other way round: what was added last is first.
        for number in order.iter().rev() {
            // Names beyond all reason are listed, but not found.
            let _ = index.add(UserId(*number), Arc::new(described(&torrents[*number as usize])));
        }
        Shelf { torrents, order, index }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Listed> {
        self.torrents.get(number as usize)
    }

    /// All torrents, the newest first.
    pub(super) fn all(&self) -> &[u32] {
        &self.order
    }

    /// Those found by all of these words, the newest first.
    pub(super) fn find(&self, words: &str, results_max: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let options = SearchOptions { results_max, ..SearchOptions::default() };
        self.index.search(&Query::words(words), &options, |torrent, _| {
            found.push(torrent.0);
            ControlFlow::Continue(())
        });
        found
    }
}

/// What a torrent is found by.
fn described(listed: &Listed) -> FileInfo {
    let info = &listed.torrent.info;
    let mut about = String::new();
    for name in info.files.iter().flat_map(|file| file.path.iter()) {
        if about.len() + 1 + name.len() > ABOUT_BYTES_MAX {
            break;
        }
        about.push(' ');
        about.push_str(name);
    }
    FileInfo { name: info.name.clone(), size: info.length, about: about.into(), ..FileInfo::default() }
}
