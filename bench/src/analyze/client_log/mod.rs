//! A client's log: whom one peer could fetch from and serve, what it got and gave, and who gave the file.
//!
//! The log of a **run** of the peer begins with its torrent, and when it goes on after a pause all links are new. Between two runs
//! nothing is known, and that time counts for nothing; neither do lines about other torrents in the same file.
//!
//! | part | file |
//! |---|---|
//! | which torrent, from when to when | `census.rs` |
//! | the links, and what holds of them at a time | `links.rs` |
//! | what each of the others gave and took | `others.rs` |
//! | all of it, line by line | `diary.rs` |
//! | figures and plots | `figures.rs`, `plots.rs` |

mod census;
mod diary;
mod figures;
mod links;
mod others;
mod plots;

pub use census::{About, Census};

use std::io::{self, BufRead};

use bittorrent::log::client::Entry;

use super::lines::{Read, read};
use super::study::Study;
use diary::Diary;

/// Reads a log for what it is about.
///
/// # Errors
/// If it cannot be read on.
pub fn census(log: impl BufRead) -> io::Result<(Census, Read)> {
    let mut census = Census::default();
    let read = read(log, |entry: Entry| census.add(&entry))?;
    Ok((census, read))
}

/// Studies what a log that has been read before says of a torrent.
///
/// # Errors
/// If the log cannot be read on.
pub fn study(log: impl BufRead, about: &About) -> io::Result<Study> {
    let mut diary = Diary::new(about);
    let read = read(log, |entry: Entry| diary.add(&entry))?;
    Ok(Study {
        title: figures::title(about),
        torrent: about.torrent.map(|torrent| torrent.to_string()),
        read,
        figures: figures::figures(&diary),
        courses: plots::courses(&diary),
        plots: plots::plots(&diary),
    })
}
