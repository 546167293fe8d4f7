//! Moving files between peers, without I/O: downloads from many holders at once, uploads through slots and a queue.
//!
//! | part | what it does |
//! |---|---|
//! | [`Download`] | fetches one file in ranges from many sources at once |
//! | [`Answer`] | what an HTTP response means for a download |
//! | [`UploadQueue`] | who may upload now, and who waits at which place |
//! | [`Feed`] | keeps a driver's queue filled with one body, and notices when nobody takes it |
//!
//! None of these knows an overlay, a connection or a byte on the wire: the overlay tells them what happened and
//! translates what they want into dials, requests, `cx.receive`, `cx.verify` and timers. What of that is the same in
//! every overlay whose nodes serve files by HTTP on their one port:
//!
//! | part | what it does |
//! |---|---|
//! | [`Fetches`] | the downloads of a node, and the way to each of their sources |
//! | [`Uploads`] | the connections on which a node serves |
//! | [`Alternates`] | who else has a content, by hearsay |
//! | [`Knocks`] | bounds the dials that others can have a node make |

mod alternates;
mod answer;
mod assign;
mod download;
mod feed;
mod fetches;
mod knobs;
mod knocks;
mod origin;
mod outcome;
mod queue;
mod source;
mod uploads;
mod verdict;

use crate::user::Failure;

pub use alternates::{ALTERNATES_MAX, Alternates, alternate, alternates_line};
pub use answer::{Answer, Busy, Offered};
pub use download::{Action, Download};
pub use feed::{Feed, PROGRESS_BYTES_MIN, QUEUED_BYTES_MAX, SPAN_BYTES};
pub use fetches::{Errand, Fetches, Holding, Running, SourceConn};
pub use knobs::DownloadKnobs;
pub use knocks::Knocks;
pub use outcome::Taken;
pub use queue::{Admission, QueueKnobs, SlotId, UploadQueue};
pub use source::{Lost, SourceId};
pub use uploads::{Upload, Uploads};

/// How much a reason tells the user, compared with others: of all the reasons why sources were given up, a download
/// that fails tells the weightiest.
pub fn weight(why: Failure) -> u8 {
    match why {
        Failure::Corrupt => 3,
        Failure::Refused => 2,
        Failure::Timeout => 1,
        _ => 0,
    }
}
