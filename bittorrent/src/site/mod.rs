//! An ordinary web site that lists torrents, finds them by words, and serves them.

mod listing;

pub use listing::{Listing, search_target, torrent_target};
