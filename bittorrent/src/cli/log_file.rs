//! A file that grows by lines: the tracker's log, or a client's.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Where lines go. Each is written at once, so that none is lost however the program ends.
pub struct LogFile {
    /// Gone once it could not be written any more.
    file: Option<File>,
}

impl LogFile {
    /// Adds to the file of that name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<LogFile> {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        Ok(LogFile { file: Some(opened.with_context(|| format!("cannot write {}", path.display()))?) })
    }

    /// Adds a line.
    pub fn add(&mut self, line: &str) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
        {
            // Whatever is logged goes on: users want that more than its log.
            common::tell!("bittorrent: the log cannot be written any more: {error}");
            self.file = None;
        }
    }
}
