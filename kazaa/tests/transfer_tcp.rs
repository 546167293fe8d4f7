//! Transfers over loopback sockets and real files, every byte of which is compared.

mod kit;

use std::sync::Arc;

use common::digest::Fingerprint;
use common::store::{Disk, Storage as _};
use common::testing::files::{content, hit};
use common::testing::live::Live;
use common::testing::tap::Tap;
use common::user::{FileInfo, Hit, Query};
use kazaa::config::{Config, Role};
use kit::alone::with;
use kit::live::{child_of, start};

const SIZE: usize = 4_000_000;

/// Holders of one file, and an empty folder for who fetches it.
struct Scene {
    holders: Vec<Live>,
    info: FileInfo,
    bytes: Vec<u8>,
    _shared: Vec<tempfile::TempDir>,
    out: tempfile::TempDir,
}

fn sealing(seals: bool) -> Config {
    with(|knobs| knobs.seals_transfers = seals)
}

impl Scene {
    async fn set(count: u32, seals: bool) -> Scene {
        let bytes = content(SIZE);
        let (mut holders, mut dirs, mut info) = (Vec::new(), Vec::new(), FileInfo::default());
        for number in 0..count {
            let holder = start(number, sealing(seals)).await;
            let dir = tempfile::tempdir().unwrap();
            info = holder.share(dir.path(), "Deep Blue.ogg", &bytes, Fingerprint::KAZAA).await;
            dirs.push(dir);
            holders.push(holder);
        }
        Scene { holders, info, bytes, _shared: dirs, out: tempfile::tempdir().unwrap() }
    }

    fn hits(&self) -> Vec<Arc<Hit>> {
        self.holders.iter().map(|holder| hit(&self.info, holder.address())).collect()
    }

    fn disk(&self) -> Arc<Disk> {
        Arc::new(Disk::create(self.out.path(), &self.info).unwrap())
    }

    fn check(&self, disk: &Disk) {
        assert!(std::fs::read(disk.path()).unwrap() == self.bytes, "the copy differs");
    }
}

#[tokio::test]
async fn one_holder_or_three_send_the_file_byte_for_byte_sealed_or_not() {
    for (count, holders_seal, asker_seals) in
        [(1, true, true), (3, true, true), (3, false, true), (1, true, false)]
    {
        let scene = Scene::set(count, holders_seal).await;
        let mut asker = start(9, sealing(asker_seals)).await;
        let disk = scene.disk();
        asker.fetch(scene.hits(), &disk).await;
        assert_eq!(asker.end().await, Ok(()));
        scene.check(&disk);
        asker.stop().await;
        for holder in scene.holders {
            let sent = holder.stop().await;
            assert!(sent.load.body_sent > 0, "every holder has sent something");
            assert_eq!(sent.sealing.sent > 0, holders_seal && asker_seals);
        }
    }
}

#[tokio::test]
async fn a_holder_that_vanishes_costs_nothing_but_time() {
    let mut scene = Scene::set(3, true).await;
    let mut asker = start(9, sealing(true)).await;
    let disk = scene.disk();
    asker.fetch(scene.hits(), &disk).await;
    asker.wait_for_bytes(SIZE as u64 / 4).await;
    scene.holders.remove(0).stop().await;
    assert_eq!(asker.end().await, Ok(()));
    scene.check(&disk);
}

#[tokio::test]
async fn who_is_killed_in_the_middle_goes_on_where_it_was() {
    let scene = Scene::set(1, true).await;
    let mut asker = start(8, sealing(true)).await;
    let disk = scene.disk();
    asker.fetch(scene.hits(), &disk).await;
    asker.wait_for_bytes(SIZE as u64 / 2).await;
    let Live { handle, store, .. } = asker;
    handle.kill().await.unwrap();
    drop((store, disk));
    let disk = scene.disk();
    let have = disk.have().bytes();
    assert!(have >= SIZE as u64 / 2, "{have} bytes are known to be there");
    let mut again = start(9, sealing(true)).await;
    again.fetch(scene.hits(), &disk).await;
    assert_eq!(again.end().await, Ok(()));
    scene.check(&disk);
    let received = again.handle.shutdown().await.unwrap().load.body_received;
    assert_eq!(received, SIZE as u64 - have, "only what was missing");
}

#[tokio::test]
async fn gaps_are_filled_byte_for_byte() {
    let mut scene = Scene::set(1, true).await;
    let mut asker = start(9, sealing(true)).await;
    let disk = scene.disk();
    for (start, end) in [(0, 100_000), (1_000_000, 2_500_000), (3_999_999, SIZE)] {
        disk.write_at(start as u64, &scene.bytes[start..end]).unwrap();
    }
    let have = disk.have().bytes();
    assert_eq!(have, 100_000 + 1_500_000 + 1);
    asker.fetch(scene.hits(), &disk).await;
    assert_eq!(asker.end().await, Ok(()));
    scene.check(&disk);
    let sent = scene.holders.remove(0).stop().await;
    assert_eq!(sent.load.body_sent, SIZE as u64 - have, "only what was missing");
}

#[tokio::test]
async fn a_firewalled_holder_brings_the_file_byte_for_byte() {
    let supernode = start(0, Config { force: Some(Role::Supernode), ..Config::default() }).await;
    let holder = child_of(&supernode, 1, true).await;
    let mut asker = child_of(&supernode, 2, false).await;
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = content(SIZE);
    holder.share(source.path(), "Deep Blue.ogg", &bytes, Fingerprint::KAZAA).await;
    let hits = asker.find(&Query::words("deep blue")).await;
    assert_eq!(hits[0].holder.address.map(|address| address.port()), Some(0));
    let disk = Arc::new(Disk::create(out.path(), &hits[0].info).unwrap());
    asker.fetch(hits, &disk).await;
    assert_eq!(asker.end().await, Ok(()));
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
    let sent = holder.stop().await;
    assert_eq!(sent.load.body_sent, SIZE as u64);
    assert!(sent.sealing.sent > 0);
    assert_eq!(supernode.stop().await.load.body_sent, 0, "files never pass a supernode");
}

#[tokio::test]
async fn who_listens_in_learns_no_name_and_under_seal_no_byte_of_the_file() {
    for seals in [true, false] {
        let scene = Scene::set(1, seals).await;
        let tap = Tap::before(scene.holders[0].address()).await;
        let mut asker = start(9, sealing(seals)).await;
        let disk = scene.disk();
        asker.fetch(vec![hit(&scene.info, tap.address())], &disk).await;
        assert_eq!(asker.end().await, Ok(()));
        scene.check(&disk);
        asker.stop().await;
        let heard: Vec<u8> =
            tap.heard().await.into_iter().flat_map(|heard| [heard.there, heard.back]).flatten().collect();
        let has = |needle: &[u8]| heard.windows(needle.len()).any(|window| window == needle);
        assert!(has(b"GET /.hash="), "what is open is HTTP's");
        for name in ["Deep Blue", "Deep%20Blue", "Blue.ogg", "Songs/"] {
            assert!(!has(name.as_bytes()), "{name} was said");
        }
        // Any part of the content that is long enough to be no accident.
        let parts = scene.bytes.chunks_exact(SIZE / 8).filter(|part| has(&part[..32])).count();
        assert_eq!(parts, if seals { 0 } else { 8 });
    }
}
