//! The same over sockets: whoever is bad speaks bytes to a servent in the middle of an upload.

use std::sync::Arc;
use std::time::Duration;

use common::digest::Fingerprint;
use common::store::Disk;
use common::testing::fake::FakePeer;
use common::testing::files::{content, hit};
use common::testing::live::Live;
use common::user::FileInfo;
use gnutella::servent::{Knobs, ServentConfig};

use crate::head;
use crate::kit::live::{find_one, start};
use crate::kit::raw::{Descriptor, QUERY};
use crate::scene::{nth, query};

const SIZE: usize = 4_000_000;

/// A servent under attack that serves a good neighbour, who searches through it and fetches from it.
struct Stage {
    victim: Live,
    friend: Live,
    bytes: Vec<u8>,
    disk: Arc<Disk>,
    _dirs: [tempfile::TempDir; 2],
}

impl Stage {
    async fn set() -> Stage {
        Stage::with(Knobs::default()).await
    }

    /// With these knobs of the victim.
    async fn with(knobs: Knobs) -> Stage {
        let victim = start(1, ServentConfig { knobs: Arc::new(knobs), ..ServentConfig::default() }).await;
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let bytes = content(SIZE);
        let info: FileInfo =
            victim.share(dirs[0].path(), "Deep Blue.ogg", &bytes, Fingerprint::GNUTELLA).await;
        let connect = [victim.address()].into();
        let mut friend = start(2, ServentConfig { connect, ..ServentConfig::default() }).await;
        friend.online().await;
        let disk = Arc::new(Disk::create(dirs[1].path(), &info).unwrap());
        friend.fetch(vec![hit(&info, victim.address())], &disk).await;
        friend.wait_for_bytes(SIZE as u64 / 8).await;
        Stage { victim, friend, bytes, disk, _dirs: dirs }
    }

    async fn bad(&self) -> FakePeer {
        FakePeer::connect(self.victim.address()).await
    }

    async fn bad_neighbour(&self) -> FakePeer {
        let mut bad = self.bad().await;
        bad.send(b"GNUTELLA CONNECT/0.6\r\n\r\n").await;
        assert!(bad.read_until(b"\r\n\r\n").await.starts_with(b"GNUTELLA/0.6 200"));
        bad.send(b"GNUTELLA/0.6 200 OK\r\n\r\n").await;
        bad
    }

    /// The download ends well, and what is searched for is found.
    async fn unharmed(mut self) {
        assert_eq!(self.friend.end().await, Ok(()));
        assert!(std::fs::read(self.disk.path()).unwrap() == self.bytes, "the copy differs");
        let found = find_one(&mut self.friend, "deep blue").await;
        assert_eq!(found.holder.address, Some(self.victim.address()));
    }
}

#[tokio::test]
async fn header_bombs_over_tcp() {
    let stage = Stage::set().await;
    for beginning in ["GNUTELLA CONNECT/0.6\r\n", "GET / HTTP/1.1\r\n", "GIV 0:"] {
        let mut bad = stage.bad().await;
        bad.send(beginning.as_bytes()).await;
        bad.flood(&b"A: b\r\n".repeat(1_000), 100_000).await;
        bad.expect_close().await;
    }
    stage.unharmed().await;
}

#[tokio::test]
async fn slow_handshakes_over_tcp() {
    // Shorter than by default, which would only be waited for, and longer than a machine stalls that the good use too.
    let stage = Stage::with(Knobs { step_timeout: Duration::from_secs(5), ..Knobs::default() }).await;
    let mut slow = Vec::new();
    for words in ["", "GNUTELLA CONN", "GNUTELLA CONNECT/0.6\r\n\r\n", "GET /get/0/Deep"] {
        let mut bad = stage.bad().await;
        bad.send(words.as_bytes()).await;
        slow.push(bad);
    }
    for bad in slow {
        let mut bad = bad;
        bad.read_to_end().await;
    }
    stage.unharmed().await;
}

#[tokio::test]
async fn forged_lengths_over_tcp() {
    let stage = Stage::set().await;
    for len in [4097, u32::MAX >> 1] {
        let mut bad = stage.bad_neighbour().await;
        bad.send(&head(QUERY, len)).await;
        bad.read_to_end().await;
    }
    stage.unharmed().await;
}

#[tokio::test]
async fn guid_reuse_over_tcp() {
    let stage = Stage::set().await;
    let mut bad = stage.bad_neighbour().await;
    let again: Vec<u8> = (0..100).flat_map(|_| query(nth(1), 5, 0, "nothing").bytes()).collect();
    bad.send(&again).await;
    bad.read_to_end().await;
    // And who repeats a ping no faster than is honoured is borne.
    let mut dull = stage.bad_neighbour().await;
    dull.send(&Descriptor::ping(1, 1, 0).bytes()).await;
    dull.read_some().await;
    stage.unharmed().await;
}
