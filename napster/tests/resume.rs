//! `napster get`, killed and interrupted in the middle: the next run goes on from there.

mod kit;

use std::path::Path;
use std::process::{Child, Output};
use std::sync::Arc;
use std::time::Instant;

use common::digest::Fingerprint;
use common::store::Memory;
use common::testing::gated::Gated;
use common::testing::live::{Live, PATIENCE};
use common::testing::process::{Program, signal};
use common::user::{Command, FileInfo, Note, SharedFile};
use kit::live::{find, peer, start};

use napster::node::Node;
use napster::server::ServerConfig;

const NAPSTER: Program = Program(env!("CARGO_BIN_EXE_napster"));
const SIZE: usize = 8_000_000;
/// Where the holder stops sending, until it is let go on. More than the 4 MiB after which a download is first made durable.
const GATE: u64 = 6_000_000;
/// A part of this length has been written to after it was made durable.
const DURABLE: u64 = 5_000_000;

/// A server, a holder whose file is gated, and a folder for the getter.
struct Scene {
    server: Live,
    owner: Live,
    gate: Arc<Gated>,
    content: Vec<u8>,
    out: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Scene {
        let server = start(Node::server(ServerConfig::default()), 0, false).await;
        let owner = peer(&server, "owner", 1, false).await;
        let content: Vec<u8> = (0..SIZE as u32 / 4).flat_map(u32::to_le_bytes).collect();
        let gate = Arc::new(Gated::new(Memory::from(content.clone()), GATE));
        let info = Arc::new(FileInfo {
            name: "Artist/Deep Blue.mp3".into(),
            size: SIZE as u64,
            digest: Some(Fingerprint::NAPSTER.of(&*gate).unwrap()),
            ..FileInfo::default()
        });
        let file = owner.store.add(gate.clone());
        owner.handle.command(Command::Share(Arc::new([SharedFile { file, info }]))).await.unwrap();
        let mut asker = peer(&server, "asker", 2, false).await;
        find(&mut asker, "deep blue").await;
        asker.handle.shutdown().await.unwrap();
        Scene { server, owner, gate, content, out: tempfile::tempdir().unwrap() }
    }

    fn arguments(&self) -> Vec<String> {
        let (at, out) = (self.server.handle.address().to_string(), self.out.path().to_str().unwrap());
        ["get", "deep blue", "--server", &at, "--out", out].map(str::to_owned).to_vec()
    }

    /// Starts the program and waits until the holder has stopped sending.
    fn begin(&self) -> Child {
        let child = NAPSTER.command(&strs(&self.arguments())).spawn().unwrap();
        let (part, begun) = (self.part(), Instant::now());
        while len(&part) < DURABLE {
            assert!(begun.elapsed() < PATIENCE, "{} bytes of the part are there", len(&part));
            std::thread::yield_now();
        }
        child
    }

    fn part(&self) -> std::path::PathBuf {
        self.out.path().join("Deep Blue.mp3.part")
    }

    /// Runs the program again and says how many bytes each of the two runs has cost the holder.
    async fn resume(mut self) -> [u64; 2] {
        self.gate.open_to(u64::MAX);
        let output = NAPSTER.run(&strs(&self.arguments()));
        assert!(output.status.success(), "{output:?}");
        assert!(std::fs::read(self.out.path().join("Deep Blue.mp3")).unwrap() == self.content);
        assert_eq!(std::fs::read_dir(self.out.path()).unwrap().count(), 1, "no part is left");
        let sent = |note: &Note| if let Note::Uploaded(_, sent) = note { Some(*sent) } else { None };
        let mut costs = [self.owner.wait_for(sent).await, self.owner.wait_for(sent).await];
        // The holder may notice the end of the first after that of the second, which is always the shorter.
        costs.sort_unstable_by(|a, b| b.cmp(a));
        costs
    }
}

fn strs(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn assert_rest_only([first, second]: [u64; 2]) {
    assert!(first >= DURABLE && first < SIZE as u64, "the first run fetched {first} bytes");
    assert!(second <= SIZE as u64 - (4 << 20), "the second run fetched {second} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_next_run_fetches_only_what_is_not_durable() {
    let scene = Scene::set().await;
    let mut child = scene.begin();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert_rest_only(scene.resume().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ctrl_c_the_part_is_kept_and_one_line_says_how_to_go_on() {
    let scene = Scene::set().await;
    let child = scene.begin();
    signal(&child, "INT");
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("interrupted") && said.contains("run the same command again"), "{said}");
    assert!(said.contains(scene.part().to_str().unwrap()), "{said}");
    let kept = len(&scene.part());
    let [first, second] = scene.resume().await;
    assert_rest_only([first, second]);
    assert_eq!(second, SIZE as u64 - kept, "all that was kept is used");
}
