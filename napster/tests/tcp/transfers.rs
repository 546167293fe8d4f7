//! Server, sharer, getter, and strangers who speak raw bytes.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::frame;
use crate::kit::live::{find, peer, peer_at, start};
use common::digest::Fingerprint;
use common::net::{Attachment, Line};
use common::store::{Disk, Ranges, Storage};
use common::testing::fake::FakePeer;
use common::testing::live::Live;
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Note, Query, SearchEnd, SearchId, SharedFile,
};
use napster::node::Node;
use napster::server::ServerConfig;

/// Shares one file of these bytes.
async fn share(owner: &Live, dir: &std::path::Path, bytes: &[u8]) {
    let path = dir.join("Deep Blue.mp3");
    std::fs::write(&path, bytes).unwrap();
    let disk = Disk::open(&path).unwrap();
    let info = Arc::new(FileInfo {
        name: "Artist/Deep Blue.mp3".into(),
        size: bytes.len() as u64,
        digest: Some(Fingerprint::NAPSTER.of(&disk).unwrap()),
        ..FileInfo::default()
    });
    let file = owner.store.add(Arc::new(disk));
    owner.handle.command(Command::Share(Arc::new([SharedFile { file, info }]))).await.unwrap();
}

fn content(len: usize) -> Vec<u8> {
    // The file begins with digits, which nothing but the promised size keeps apart from the size before it.
    let mut bytes = b"1234567890".to_vec();
    bytes.extend((0..len as u64 - 10).map(|n| (n * 31 % 251) as u8));
    bytes
}

async fn transfer(owner_firewalled: bool, resume_at: usize) {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = content(3_000_000);
    let mut server = start(Node::server(ServerConfig::default()), 0, false).await;
    server.online().await;
    let mut owner = peer(&server, "owner", 1, owner_firewalled).await;
    share(&owner, source.path(), &bytes).await;
    let mut asker = peer(&server, "asker", 2, false).await;
    let candidates = find(&mut asker, "deep blue").await;
    assert_eq!(candidates.len(), 1);
    let disk = Arc::new(Disk::create(target.path(), &candidates[0].info).unwrap());
    if resume_at > 0 {
        disk.write_at(0, &bytes[..resume_at]).unwrap();
    }
    let into = asker.store.add(disk.clone());
    let fetch = Fetch { fetch: FetchId(1), candidates, into, have: disk.have() };
    asker.handle.command(Command::Fetch(Box::new(fetch))).await.unwrap();
    let failure = asker
        .wait_for(|note| match note {
            Note::Fetched(_) => Some(None),
            Note::Failed(_, why) => Some(Some(*why)),
            _ => None,
        })
        .await;
    assert_eq!(failure, None);
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
    let sent = |note: &Note| if let Note::Uploaded(_, sent) = note { Some(*sent) } else { None };
    assert_eq!(owner.wait_for(sent).await, (bytes.len() - resume_at) as u64);
    let load = server.handle.shutdown().await.unwrap().load;
    assert_eq!((load.body_received, load.body_sent), (0, 0));
    asker.handle.shutdown().await.unwrap();
    owner.handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_file_is_found_and_fetched_byte_for_byte() {
    transfer(false, 0).await;
}

#[tokio::test]
async fn a_firewalled_owner_delivers_byte_for_byte() {
    transfer(true, 0).await;
}

#[tokio::test]
async fn a_broken_off_download_is_resumed_byte_for_byte() {
    transfer(false, 1_000_000).await;
    transfer(true, 1_000_000).await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_closes_without_a_word_and_hurts_nobody_else() {
    let server = start(Node::server(ServerConfig::default()), 0, false).await;
    let mut good = FakePeer::connect(server.handle.address()).await;
    good.send(&frame(2, "good x 0 \"t\" 0")).await;
    good.expect(b"\x0c\x00\x03\x00anon@napster").await;
    let mut hostile = FakePeer::connect(server.handle.address()).await;
    hostile.send(&[0xb8, 0x0b, 200, 0]).await;
    hostile.expect_close().await;
    good.read_until(b"\xd6\x00").await;
    good.send(&frame(750, "still here")).await;
    good.read_until(b"napster still here").await;
    assert_eq!(server.handle.snapshot().protocol_errors, 1);
    drop((good, hostile));
    server.handle.shutdown().await.unwrap();
}

/// A line on which the files of these tests take about a second, so that something can happen meanwhile.
fn eight_megabits() -> Attachment {
    Attachment { line: Line::kbps(8_000, 8_000, Duration::from_millis(1)), firewalled: false }
}

/// Starts a download of `bytes` from all who have it, and waits until a tenth is there.
async fn begin(asker: &mut Live, candidates: Vec<Arc<Hit>>, dir: &std::path::Path) -> Arc<Disk> {
    let size = candidates[0].info.size;
    let disk = Arc::new(Disk::create(dir, &candidates[0].info).unwrap());
    let into = asker.store.add(disk.clone());
    let fetch = Fetch { fetch: FetchId(1), candidates, into, have: Ranges::default() };
    asker.handle.command(Command::Fetch(Box::new(fetch))).await.unwrap();
    asker.wait_for(|note| matches!(note, Note::Progress(_, have) if *have > size / 10).then_some(())).await;
    disk
}

async fn ended(asker: &mut Live) -> Option<Failure> {
    asker
        .wait_for(|note| match note {
            Note::Fetched(_) => Some(None),
            Note::Failed(_, why) => Some(Some(*why)),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_killed_server_ends_searches_and_no_transfer() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = content(1_000_000);
    let server = start(Node::server(ServerConfig::default()), 0, false).await;
    let owner = peer_at(&server, "owner", 1, eight_megabits()).await;
    share(&owner, source.path(), &bytes).await;
    let mut asker = peer(&server, "asker", 2, false).await;
    let candidates = find(&mut asker, "deep blue").await;
    let disk = begin(&mut asker, candidates, target.path()).await;
    server.handle.kill().await.unwrap();
    let why =
        asker.wait_for(|note| if let Note::Offline(why) = note { Some(why.clone()) } else { None }).await;
    assert!(why.starts_with("the server is gone"), "{why}");
    let search = Command::Search(SearchId(2), Arc::new(Query::words("deep blue")));
    asker.handle.command(search).await.unwrap();
    // The download may end before or after; notes are read in order, so both are waited for together.
    let (mut search_end, mut fetched) = (None, false);
    while search_end.is_none() || !fetched {
        let is_end =
            |note: &Note| matches!(note, Note::SearchEnded(..) | Note::Fetched(_) | Note::Failed(..));
        match asker.wait_for(|note| is_end(note).then(|| note.clone())).await {
            Note::SearchEnded(_, end) => search_end = Some(end),
            Note::Fetched(_) => fetched = true,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(search_end, Some(SearchEnd::Offline));
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
}

#[tokio::test]
async fn a_killed_holder_is_replaced_in_the_middle() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let bytes = content(1_000_000);
    let server = start(Node::server(ServerConfig::default()), 0, false).await;
    let mut owners = Vec::new();
    for (at, nick) in ["one", "two"].into_iter().enumerate() {
        let owner = peer_at(&server, nick, 1 + at as u32, eight_megabits()).await;
        share(&owner, dirs[at].path(), &bytes).await;
        owners.push(owner);
    }
    let mut asker = peer(&server, "asker", 3, false).await;
    let mut candidates = find(&mut asker, "deep blue").await;
    while candidates.len() < 2 {
        candidates = find(&mut asker, "deep blue").await;
    }
    let disk = begin(&mut asker, candidates, dirs[2].path()).await;
    let serving = usize::from(owners[1].handle.snapshot().load.body_sent > 0);
    owners.remove(serving).handle.kill().await.unwrap();
    assert_eq!(ended(&mut asker).await, None);
    assert!(std::fs::read(disk.path()).unwrap() == bytes, "the copy differs");
    let rest = owners[0].handle.snapshot().load.body_sent;
    assert!(rest > 0 && rest < bytes.len() as u64, "{rest} bytes came from the second holder");
}
