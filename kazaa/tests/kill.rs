//! `kazaa get`, killed at several moments: each run goes on with what is durable, and the last one has no wrong byte.

mod kit;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use common::digest::Fingerprint;
use common::net::Attachment;
use common::store::{Disk, Memory};
use common::testing::files::content;
use common::testing::gated::Gated;
use common::testing::live::{Live, PATIENCE};
use common::testing::process::Program;
use common::transfer::SPAN_BYTES;
use common::user::{Command, FileInfo, Query, SharedFile};
use kazaa::config::{Config, Role};
use kazaa::node::Node;
use kit::live::{child_of, start};

const KAZAA: Program = Program(env!("CARGO_BIN_EXE_kazaa"));
const SIZE: usize = 16_000_000;
/// A run is killed when the part has more than this; the holder sends no more than [`AHEAD`] beyond it. Before the first
/// checkpoint, behind it, soon again, behind two more at once, and shortly before the end.
const KILLED_AT: [u64; 5] = [0, 5_000_000, 6_000_000, 14_000_000, 15_300_000];
/// Two spans of the holder: the first that reaches beyond the gate is not sent, and part of one may be on its way.
const AHEAD: u64 = 2 * SPAN_BYTES;
/// What may be there without being durable: a download is synced after each 4 MiB, and the bytes that bring it there come
/// within one span.
const AT_RISK: u64 = (4 << 20) + SPAN_BYTES;

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Starts the program, and kills it when the part is longer than that.
fn run_and_kill(get: &[&str], part: &Path, at: u64) {
    let running = KAZAA.start(get);
    let begun = Instant::now();
    while len(part) <= at {
        assert!(begun.elapsed() < PATIENCE, "{} of {at} bytes of the part are there", len(part));
        std::thread::yield_now();
    }
    // SIGKILL: it has no chance to do anything more.
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_killed_goes_on_with_what_is_durable_and_has_no_wrong_byte() {
    let supernode = start(0, Config { force: Some(Role::Supernode), ..Config::default() }).await;
    let bytes = content(SIZE);
    let file = Memory::from(bytes.clone());
    let info = Arc::new(FileInfo {
        name: "Artist/Deep Blue.ogg".into(),
        size: SIZE as u64,
        digest: Some(Fingerprint::KAZAA.of(&file).unwrap()),
        ..FileInfo::default()
    });
    let config =
        Config { supernodes: [supernode.address()].into(), force: Some(Role::Ordinary), ..Config::default() };
    let mut holder = Live::start(Node::ordinary(config), 1, Live::LOCALHOST, Attachment::default()).await;
    holder.online().await;
    let gated = Arc::new(Gated::new(file, 0));
    let shared = SharedFile { file: holder.store.add(gated.clone()), info };
    holder.command(Command::Share(Arc::new([shared]))).await;
    let mut asker = child_of(&supernode, 2, false).await;
    let hit = asker.find(&Query::words("deep blue")).await.swap_remove(0);
    asker.stop().await;

    let out = tempfile::tempdir().unwrap();
    let (at, folder) = (supernode.address().to_string(), out.path().to_str().unwrap());
    let get = ["get", "deep blue", "--connect", &at, "--out", folder];
    let part = out.path().join("Deep Blue.ogg.part");
    let mut there = 0;
    for kill in KILLED_AT {
        gated.open_to(kill + AHEAD);
        run_and_kill(&get, &part, kill);
        assert_eq!(gated.first_read(), Some(there), "what was durable before the kill at {kill} is kept");
        there = Disk::create(out.path(), &hit.info).unwrap().have().bytes();
        assert!(kill <= there + AT_RISK, "of {kill} bytes {there} are durable");
    }
    gated.open_to(u64::MAX);
    let output = KAZAA.run(&get);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(gated.first_read(), Some(there));
    assert!(std::fs::read(out.path().join("Deep Blue.ogg")).unwrap() == bytes, "the copy differs");
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "no part is left");
}
