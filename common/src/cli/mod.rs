//! What the command lines share: a mistake gets one line; one node over the tcp driver under the hand of a user.
//!
//! | part | file |
//! |---|---|
//! | the whole of `main`: arguments, logs, and what is said of what went wrong | `mistake.rs` |
//! | what is printed | `output.rs` |
//! | completions and manual pages, which every program writes | `pages.rs` |
//! | a node that is started, heard and ended | `client.rs` |
//! | the folder that is shared, and what happens to it | `share.rs` |
//! | a file fetched with a progress bar, kept and resumed | `get.rs` |
//! | sizes, rates and times as users write them | `size.rs` |
//! | what outlives a node: private files of records | `records.rs` |
//! | addresses as users write them, remote text for a terminal | `address.rs`, `text.rs` |
//!
//! Only binaries want this: it is behind the feature `cli`.

mod address;
mod client;
mod get;
mod mistake;
mod output;
mod pages;
mod records;
mod share;
pub mod size;
mod text;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddrV4;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

pub use address::resolve;
pub use client::{Client, Interrupted};
pub use get::{fetch_into, make_folder, most_common};
pub use mistake::{arguments, failed, log_to_stderr, main};
pub use output::{print, say, tell};
pub use records::{PRIVATE, Recorder, beside, check_private, open_private, read_records, rewrite_records};
pub use share::{offer, read_folder, serve_until_interrupted};
pub use text::{counted, known, printable};

use crate::net::{Attachment, NodeId};
use crate::peer::Peer;
use crate::say;
use crate::tcp::{Clock, Handle, Identity, Limits, NodeConfig, NoteSink, SharedStore};

/// A number that differs from run to run: the standard library seeds its hash tables from the system.
pub fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What a user waits for good-byes that nobody takes, before what has been said has some seconds to leave.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts a node that listens on `listen`.
///
/// # Errors
/// If it cannot listen there; the text says why.
pub async fn start<P: Peer + Send + 'static>(
    node: P,
    listen: SocketAddrV4,
    firewalled: bool,
    store: SharedStore,
    notes: NoteSink,
) -> anyhow::Result<Handle> {
    start_as(|config| config.attachment.firewalled = firewalled, node, listen, store, notes).await
}

/// The same for a node that is to be otherwise than usual: `turn` says how.
///
/// # Errors
/// As [`start`].
pub async fn start_as<P: Peer + Send + 'static>(
    turn: impl FnOnce(&mut NodeConfig),
    node: P,
    listen: SocketAddrV4,
    store: SharedStore,
    notes: NoteSink,
) -> anyhow::Result<Handle> {
    // Each connection takes a descriptor, and the usual first limit is soon used up; where it cannot be raised, it is as it was.
    let _ = crate::tcp::raise_fd_limit();
    let mut config = NodeConfig {
        node: NodeId(0),
        listen: Some(listen),
        datagrams: None,
        tls: crate::tcp::Tls::default(),
        attachment: Attachment::default(),
        limits: Limits { leave_timeout: PATIENCE, ..Limits::default() },
        seed: entropy(),
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    turn(&mut config);
    Ok(crate::tcp::spawn(node, config, store, notes).await?)
}

/// Runs a node that only serves until Ctrl-C; `what` says who does, as in "the server listens".
///
/// # Errors
/// If it cannot wait for Ctrl-C, or the node has crashed.
pub async fn serve(handle: Handle, what: &str) -> anyhow::Result<()> {
    serve_until(handle, what, std::future::pending()).await.map(|_| ())
}

/// The same, but only until something has happened; true if that has ended it.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until(
    handle: Handle,
    what: &str,
    until: impl Future<Output = ()>,
) -> anyhow::Result<bool> {
    // Before anybody is told that it can be pressed.
    let mut interrupts = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    say!("{what} on {}; Ctrl-C ends it", handle.address());
    let has_happened = tokio::select! {
        _ = interrupts.recv() => false,
        () = handle.ended() => false,
        () = until => true,
    };
    handle.shutdown().await?;
    Ok(has_happened)
}
