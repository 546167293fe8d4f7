//! The programs that the bench starts, and what they cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::testing::process::{Program, Running, cpu_time};

pub const OURS: Program = Program(env!("CARGO_BIN_EXE_bittorrent"));

/// A libtorrent session that seeds for ever, or fetches and ends at once. Over TCP, as the others; on one machine all peers have
/// one address.
const LIBTORRENT: &str = "
import libtorrent as lt, os, sys, time
what, torrent, folder = sys.argv[1:]
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
    'enable_natpmp': False, 'allow_multiple_connections_per_ip': True, 'enable_outgoing_utp': False, 'enable_incoming_utp': False})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
handle = session.add_torrent(params)
while what == 'seed' or not handle.status().is_seeding:
    time.sleep(0.01)
os._exit(0)
";

/// Whose client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    Ours,
    Libtorrent,
    Aria,
}

impl Whose {
    pub const ALL: [Whose; 3] = [Whose::Ours, Whose::Libtorrent, Whose::Aria];

    pub fn name(self) -> &'static str {
        match self {
            Whose::Ours => "this one",
            Whose::Libtorrent => "libtorrent",
            Whose::Aria => "aria2",
        }
    }

    /// What it says of its version; `None` if it is not installed.
    pub fn version(self) -> Option<String> {
        let mut command = match self {
            Whose::Ours => return Some(env!("CARGO_PKG_VERSION").to_owned()),
            Whose::Libtorrent => Command::new("/usr/bin/python3"),
            Whose::Aria => Command::new("aria2c"),
        };
        let args: &[&str] = match self {
            Whose::Libtorrent => &["-c", "import libtorrent; print(libtorrent.__version__)"],
            _ => &["--version"],
        };
        let output = command.args(args).output().ok().filter(|output| output.status.success())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().next()?.split_whitespace().last().map(str::to_owned)
    }

    /// Serves what is in a folder; it hashes all of it first.
    fn seed(self, torrent: &Path, folder: &Path) -> Command {
        match self {
            Whose::Ours => {
                let mut command = OURS.command(&["seed", "--listen", "127.0.0.1:0", "--data"]);
                command.arg(folder).arg(torrent);
                command
            }
            Whose::Libtorrent => libtorrent("seed", torrent, folder),
            Whose::Aria => aria(torrent, folder, &["--check-integrity=true", "--seed-ratio=0.0"]),
        }
    }

    /// Fetches into a folder, and ends.
    fn get(self, torrent: &Path, folder: &Path) -> Command {
        match self {
            Whose::Ours => {
                let mut command = OURS.command(&["get", "--listen", "127.0.0.1:0", "--out"]);
                command.arg(folder).arg(torrent);
                command
            }
            Whose::Libtorrent => libtorrent("get", torrent, folder),
            Whose::Aria => aria(torrent, folder, &["--seed-time=0", "--file-allocation=none"]),
        }
    }

    /// Makes a torrent of a file, if it can.
    pub fn create(self, content: &Path, torrent: &Path) -> Option<Command> {
        let script = "
import libtorrent as lt, os, sys
content, out = sys.argv[1:]
files = lt.file_storage()
lt.add_files(files, content)
torrent = lt.create_torrent(files, 262144, flags=lt.create_torrent.v1_only)
lt.set_piece_hashes(torrent, os.path.dirname(content))
open(out, 'wb').write(lt.bencode(torrent.generate()))
";
        match self {
            Whose::Ours => {
                let mut command = OURS.command(&["create", "--force", "--piece-length", "256KiB", "-o"]);
                command.arg(torrent).arg(content);
                Some(command)
            }
            Whose::Libtorrent => {
                let mut command = Command::new("/usr/bin/python3");
                command.args(["-c", script]).arg(content).arg(torrent);
                Some(command)
            }
            Whose::Aria => None,
        }
    }
}

fn libtorrent(what: &str, torrent: &Path, folder: &Path) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", LIBTORRENT, what]).arg(torrent).arg(folder);
    command
}

fn aria(torrent: &Path, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new("aria2c");
    command.args(["-q", "--enable-dht=false", "--bt-enable-lpd=false", "--listen-port=20000-29999"]);
    command.arg(format!("--dir={}", folder.display())).args(more).arg(torrent);
    command
}

/// A process that is ended with the bench.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Started {
    fn start(command: &mut Command) -> Started {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Started(quiet.spawn().expect("it has told its version"))
    }

    fn cpu_s(&self) -> f64 {
        cpu_time(self.0.id()).as_secs_f64()
    }
}

/// Processor time of all processes that this one has waited for.
fn waited_for_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// The most memory that a process has had at a time, in megabytes.
fn peak_mb(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
}

/// Processes are looked at so often that what is missed of their memory is little, and so seldom that looking costs nothing.
#[expect(clippy::disallowed_methods, reason = "nobody tells when the memory of another process changes")]
fn rest() {
    std::thread::sleep(Duration::from_millis(2));
}

/// Where all of it happens: a content, and a tracker that prints each report.
pub struct Lab {
    pub dir: tempfile::TempDir,
    tracker: Running,
    url: String,
    pub bytes: u64,
}

/// What a run has cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub seconds: f64,
    /// Of seed and leechers, while the leechers lived.
    pub cpu_s: f64,
    /// Of the leecher that had most.
    pub memory_mb: f64,
}

impl Lab {
    pub fn new(bytes: u64) -> Lab {
        // In memory, so that no disk is measured, if there is such a folder.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let dir = dir.expect("a folder");
        fs::create_dir(dir.path().join("seed")).expect("a folder");
        let mut file = fs::File::create(dir.path().join("seed/content.bin")).expect("a file");
        let random = fs::File::open("/dev/urandom").expect("random bytes");
        std::io::copy(&mut std::io::Read::take(random, bytes), &mut file).expect("there is room for it");
        let mut tracker = OURS.start(&["tracker", "--listen", "127.0.0.1:0", "--log", "/dev/stdout"]);
        let line = tracker.line();
        let url =
            line.split_whitespace().find(|word| word.starts_with("http://")).expect("its URL").to_owned();
        Lab { dir, tracker, url, bytes }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn torrent(&self, piece: &str) -> PathBuf {
        let path = self.path(&format!("{piece}.torrent"));
        let mut command =
            OURS.command(&["create", "--force", "--tracker", &self.url, "--piece-length", piece, "-o"]);
        let made =
            command.arg(&path).arg(self.path("seed/content.bin")).output().expect("it was built with this");
        assert!(made.status.success(), "{made:?}");
        path
    }

    /// One seed, and so many leechers that start at the same time. The clock runs from the last leecher's first report to the
    /// tracker, when it has read what there is and is ready to fetch, until the last one has ended.
    pub fn run(&mut self, whose: Whose, leechers: usize, torrent: &Path) -> Cost {
        let seed = Started::start(&mut whose.seed(torrent, &self.path("seed")));
        self.wait_for(1, "started");
        let (seed_before, waited_before) = (seed.cpu_s(), waited_for_s());
        let outs: Vec<PathBuf> = (0..leechers).map(|at| self.path(&format!("out-{at}"))).collect();
        let start = |out: &PathBuf| {
            fs::create_dir_all(out).expect("a folder");
            Started::start(&mut whose.get(torrent, out))
        };
        let mut running: Vec<Started> = outs.iter().map(start).collect();
        self.wait_for(leechers, "started");
        let begun = Instant::now();
        let mut memory_mb = 0.0f64;
        while !running.is_empty() {
            for leecher in &running {
                memory_mb = memory_mb.max(peak_mb(leecher.0.id()).unwrap_or(0.0));
            }
            running.retain_mut(|leecher| match leecher.0.try_wait().expect("it was started") {
                Some(status) => {
                    assert!(status.success(), "{} ended with {status}", whose.name());
                    false
                }
                None => true,
            });
            rest();
        }
        let cost = Cost {
            seconds: begun.elapsed().as_secs_f64(),
            cpu_s: seed.cpu_s() - seed_before + waited_for_s() - waited_before,
            memory_mb,
        };
        for out in outs {
            let length = fs::metadata(out.join("content.bin")).map(|metadata| metadata.len()).ok();
            assert_eq!(length, Some(self.bytes), "{} has fetched something else", whose.name());
            fs::remove_dir_all(out).expect("it was made here");
        }
        cost
    }

    fn wait_for(&mut self, reports: usize, event: &str) {
        let event = format!(" {event} ");
        for _ in 0..reports {
            while !self.tracker.line().contains(&event) {}
        }
    }
}
