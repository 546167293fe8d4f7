//! One simulated run of one overlay, written down for other programs.
//!
//! ```text
//!  scenario ─► world ─► simulate::record ─► outcome, recording ─┬─► packets ─► pcapng      for Wireshark
//!                                                               └─► spans                  for Perfetto
//! ```
//!
//! | part | file |
//! |---|---|
//! | blocks of a capture file | `pcapng.rs` |
//! | the packets of connections and datagrams | `packets.rs` |
//! | trace events | `spans.rs` |
//! | which item a node's file is | `contents.rs` |
//! | the command | `command.rs` |

pub(crate) mod command;
mod contents;
mod packets;
mod pcapng;
mod spans;

pub(crate) use contents::Contents;
pub use packets::{CAPTURE_BYTES_MAX, Capture, capture};
pub use spans::spans;
