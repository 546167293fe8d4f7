//! Transfers over loopback sockets and real files, every byte of which is compared.

mod kit;

use std::sync::Arc;

use common::digest::Fingerprint;
use common::store::{Disk, Storage as _};
use common::testing::files::{content, hit};
use common::testing::live::Live;
use common::user::{FileInfo, Hit};
use gnutella::servent::ServentConfig;
use kit::live::{find_one, start};
use kit::quiet;

const SIZE: usize = 4_000_000;

/// Holders of one file, and an empty folder for who fetches it.
struct Scene {
    holders: Vec<Live>,
    info: FileInfo,
    bytes: Vec<u8>,
    _shared: Vec<tempfile::TempDir>,
    out: tempfile::TempDir,
}

impl Scene {
    async fn set(count: u32) -> Scene {
        let bytes = content(SIZE);
        let (mut holders, mut dirs, mut info) = (Vec::new(), Vec::new(), FileInfo::default());
        for number in 0..count {
            let holder = start(number, quiet()).await;
            let dir = tempfile::tempdir().unwrap();
            info = holder.share(dir.path(), "Deep Blue.ogg", &bytes, Fingerprint::GNUTELLA).await;
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
async fn one_holder_or_three_send_the_file_byte_for_byte() {
    for count in [1, 3] {
        let scene = Scene::set(count).await;
        let mut asker = start(9, quiet()).await;
        let disk = scene.disk();
        asker.fetch(scene.hits(), &disk).await;
        assert_eq!(asker.end().await, Ok(()));
        scene.check(&disk);
        asker.stop().await;
        for holder in scene.holders {
            assert!(holder.stop().await.load.body_sent > 0, "every holder has sent something");
        }
    }
}

#[tokio::test]
async fn a_holder_that_vanishes_costs_nothing_but_time() {
    let mut scene = Scene::set(3).await;
    let mut asker = start(9, quiet()).await;
    let disk = scene.disk();
    asker.fetch(scene.hits(), &disk).await;
    asker.wait_for_bytes(SIZE as u64 / 4).await;
    scene.holders.remove(0).stop().await;
    assert_eq!(asker.end().await, Ok(()));
    scene.check(&disk);
}

#[tokio::test]
async fn gaps_are_filled_byte_for_byte() {
    let mut scene = Scene::set(1).await;
    let mut asker = start(9, quiet()).await;
    let disk = scene.disk();
    for (start, end) in [(0, 100_000), (1_000_000, 2_500_000), (3_999_999, SIZE)] {
        disk.write_at(start as u64, &scene.bytes[start..end]).unwrap();
    }
    let have = disk.have().bytes();
    assert_eq!(have, 100_000 + 1_500_000 + 1);
    asker.fetch(scene.hits(), &disk).await;
    assert_eq!(asker.end().await, Ok(()));
    scene.check(&disk);
    let sent = scene.holders.remove(0).stop().await.load.body_sent;
    assert_eq!(sent, SIZE as u64 - have, "only what was missing");
}

#[tokio::test]
async fn a_firewalled_holder_brings_the_file_byte_for_byte() {
    let hub = start(0, quiet()).await;
    let connect: Box<[_]> = [hub.address()].into();
    let config = ServentConfig { connect: connect.clone(), firewalled: true, ..quiet() };
    let mut holder = start(1, config).await;
    let mut asker = start(2, ServentConfig { connect, ..quiet() }).await;
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = content(SIZE);
    holder.share(source.path(), "Deep Blue.ogg", &bytes, Fingerprint::GNUTELLA).await;
    holder.online().await;
    asker.online().await;
    let hit = find_one(&mut asker, "deep blue").await;
    assert_eq!(hit.holder.address, None);
    let disk = Arc::new(Disk::create(out.path(), &hit.info).unwrap());
    asker.fetch(vec![hit], &disk).await;
    assert_eq!(asker.end().await, Ok(()));
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
    assert_eq!(holder.stop().await.load.body_sent, SIZE as u64);
    assert_eq!(hub.stop().await.load.body_sent, 0);
}
