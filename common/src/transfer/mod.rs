//! Moving files between peers, without I/O: downloads from many holders at once, uploads through slots and a queue.
//!
//! | part | what it does |
//! |---|---|
//! | [`Download`] | fetches one file in ranges from many sources at once |
//! | [`Answer`] | what an HTTP response means for a download |
//! | [`UploadQueue`] | who may upload now, and who waits at which place |
//! | [`Feed`] | keeps a driver's queue filled with one body, and notices when nobody takes it |
//!
//! None of them knows an overlay, a connection or a byte on the wire: the overlay tells them what happened and
//! translates what they want into dials, requests, `cx.receive`, `cx.verify` and timers.

mod answer;
mod assign;
mod download;
mod feed;
mod knobs;
mod origin;
mod queue;
mod source;

use crate::user::Failure;

pub use answer::{Answer, Busy, Offered};
pub use download::{Action, Download, Taken};
pub use feed::{Feed, PROGRESS_BYTES_MIN, QUEUED_BYTES_MAX, SPAN_BYTES};
pub use knobs::DownloadKnobs;
pub use queue::{Admission, QueueKnobs, SlotId, UploadQueue};
pub use source::{Lost, SourceId};

/// How much a reason tells the user, compared with others: of all the reasons why sources have failed, a download
/// that fails tells the weightiest.
pub fn weight(why: Failure) -> u8 {
    match why {
        Failure::Corrupt => 3,
        Failure::Refused => 2,
        Failure::Timeout => 1,
        _ => 0,
    }
}
