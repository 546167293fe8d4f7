//! Malformed input, one file each; its name says what it is.

use std::fmt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

/// Reads every file of a folder of the corpus, given its name and its bytes. With `refused` in its name it must be refused; without,
/// it must be understood.
pub fn each<E: fmt::Debug>(folder: &str, least: usize, read: impl Fn(&str, &[u8]) -> Result<(), E>) {
    let files = files(folder);
    assert!(files.len() >= least, "the corpus is gone");
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let result = read(name, &std::fs::read(&path).unwrap());
        assert_eq!(result.is_err(), name.contains("refused-"), "{name}: {result:?}");
    }
}

/// The files of a folder, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A file of the corpus that something has happened to.
#[derive(Clone, Debug)]
pub struct Change {
    file: prop::sample::Index,
    at: prop::sample::Index,
    cut: prop::sample::Index,
    put: Vec<u8>,
}

/// Any change.
pub fn change() -> impl Strategy<Value = Change> {
    let put = prop::collection::vec(any::<u8>(), 0..6);
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), put)
        .prop_map(|(file, at, cut, put)| Change { file, at, cut, put })
}

impl Change {
    /// The bytes that come of it.
    pub fn of(&self, folder: &str) -> Vec<u8> {
        let files = files(folder);
        let mut bytes = std::fs::read(&files[self.file.index(files.len())]).unwrap();
        let at = self.at.index(bytes.len() + 1);
        let end = at + self.cut.index(8).min(bytes.len() - at);
        bytes.splice(at..end, self.put.iter().copied());
        bytes
    }
}
