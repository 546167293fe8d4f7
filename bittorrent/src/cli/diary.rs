//! The log of a download, as its client sees it.
//!
//! ```text
//! 12.000 1048576 1130496 163840 23
//! ```
//!
//! Seconds since the start; bytes of right pieces; bytes of blocks got and sent since the start; connections, those to trackers
//! among them.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use common::tcp::Snapshot;

/// Where the lines go, if anywhere.
pub struct Diary {
    file: Option<File>,
    started: Instant,
}

impl Diary {
    /// Adds to the file of that name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Diary> {
        let open = |path: &Path| {
            let opened = OpenOptions::new().append(true).create(true).open(path);
            opened.with_context(|| format!("cannot write {}", path.display()))
        };
        Ok(Diary { file: path.map(open).transpose()?, started: Instant::now() })
    }

    /// Adds a line.
    pub fn write(&mut self, have: u64, counted: &Snapshot) {
        let Some(file) = &mut self.file else { return };
        let load = &counted.load;
        let seconds = self.started.elapsed().as_secs_f64();
        let (got, sent) = (load.body_received, load.body_sent);
        let line = format!("{seconds:.3} {have} {got} {sent} {}\n", counted.connections);
        if let Err(error) = file.write_all(line.as_bytes()) {
            // The download goes on: the user wants that more than its log.
            eprintln!("bittorrent: the log cannot be written any more: {error}");
            self.file = None;
        }
    }
}
