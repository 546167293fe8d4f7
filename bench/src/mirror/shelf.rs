//! What a mirror has, and where to find it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use common::index::{Index, SearchOptions, UserId};
use common::peer::FileId;
use common::user::{Query, SharedFile};

use super::wire::RESULTS_MAX;

/// Files by number, and an index over their names. Numbers are never used again.
#[derive(Default)]
pub struct Shelf {
    files: Vec<Option<SharedFile>>,
    numbers: BTreeMap<FileId, u32>,
    index: Index,
}

impl Shelf {
    /// Puts files on the shelf, each under the next number. A file the index refuses (its name is too long, there
    /// are a million) gets a number but is not found by searches.
    pub fn add(&mut self, files: &[SharedFile]) {
        for file in files {
            let number = self.files.len() as u32;
            // To the index each file is a user of its own: what it finds is then a file's number.
            if let Err(refused) = self.index.add(UserId(number), file.info.clone()) {
                tracing::warn!(name = &*file.info.name, %refused, "a file will not be found by searches");
            }
            self.numbers.insert(file.file, number);
            self.files.push(Some(file.clone()));
        }
    }

    /// Takes a file from the shelf.
    pub fn remove(&mut self, file: FileId) {
        if let Some(number) = self.numbers.remove(&file) {
            self.index.remove_user(UserId(number));
            self.files[number as usize] = None;
        }
    }

    /// A file by its number.
    pub fn get(&self, number: u32) -> Option<&SharedFile> {
        self.files.get(number as usize)?.as_ref()
    }

    /// The files a query asks for, with their numbers, at most [`RESULTS_MAX`].
    pub fn find(&self, query: &Query) -> Vec<(u32, &SharedFile)> {
        let mut found = Vec::new();
        let options = SearchOptions { results_max: RESULTS_MAX as u32, ..SearchOptions::default() };
        self.index.search(query, &options, |UserId(number), _| {
            found.extend(self.get(number).map(|file| (number, file)));
            ControlFlow::Continue(())
        });
        found
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf of {} files", self.numbers.len())
    }
}
