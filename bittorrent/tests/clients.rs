//! Real programs of others: aria2, Transmission and libtorrent fetch from us, and we from them; and opentracker is our tracker.
//!
//! Each case runs a tracker, one seed and one leecher, of which one is somebody else's program, and compares what has arrived. All of
//! it needs those programs, so nothing here runs unless it is asked for; on Debian they are the packages `aria2`, `transmission-cli`,
//! `python3-libtorrent` and `opentracker`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::testing::process::{Program, Running};

const BITTORRENT: Program = Program(env!("CARGO_BIN_EXE_bittorrent"));
/// Some pieces of 64 KiB, and a short one.
const LENGTH: u32 = 3_000_001;

/// A libtorrent session that seeds, or fetches and then ends: `what`, the torrent or the link, and the folder.
const LIBTORRENT: &str = "
import libtorrent as lt, sys, time
what, source, folder = sys.argv[1:]
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
    'enable_natpmp': False, 'allow_multiple_connections_per_ip': True})
if source.startswith('magnet:'):
    params = lt.parse_magnet_uri(source)
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(source)
params.save_path = folder
handle = session.add_torrent(params)
until = time.time() + 60
while what == 'seed' or not handle.status().is_seeding:
    if time.time() > until: sys.exit('not finished in a minute')
    time.sleep(0.05)
";

/// A program that is ended with the test.
struct Foreign(Child);

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Foreign {
    fn start(command: &mut Command) -> Foreign {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Foreign(quiet.spawn().expect("the program is installed"))
    }
}

/// A folder with content, its torrent, and our tracker, if it is ours, that prints each report it gets.
struct Lab {
    dir: tempfile::TempDir,
    tracker: Option<Running>,
    /// The tracker that the torrent names.
    url: String,
    magnet: String,
}

impl Lab {
    fn new() -> Lab {
        Lab::reporting("http://")
    }

    /// One whose torrent names our tracker by a URL that begins so.
    fn reporting(scheme: &str) -> Lab {
        let address = ["--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
        let tls = ["--tls", &certificate("server.pem"), &certificate("server.key")];
        let mut tracker =
            BITTORRENT.start(&[&["tracker", "--log", "/dev/stdout"], &address[..], &tls].concat());
        let lines = tracker.line() + &tracker.line() + &tracker.line();
        let url = lines.split_whitespace().find(|word| word.starts_with(scheme)).unwrap().to_owned();
        Lab::at(&url, Some(tracker))
    }

    /// One whose torrent names this tracker.
    fn at(url: &str, tracker: Option<Running>) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..LENGTH).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 23) as u8).collect();
        let album = dir.path().join("seed/album");
        fs::create_dir_all(album.join("more")).unwrap();
        let (one, other) = content.split_at(1_000_000);
        fs::write(album.join("one.ogg"), one).unwrap();
        fs::write(album.join("more/other.ogg"), other).unwrap();
        Lab { dir, tracker, url: url.to_owned(), magnet: String::new() }.in_pieces_of("64KiB")
    }

    /// The same content in other pieces.
    fn in_pieces_of(mut self, length: &str) -> Lab {
        let (album, torrent) = (self.path("seed/album"), self.torrent());
        let what = ["create", album.to_str().unwrap(), "--tracker", &self.url, "-o", &torrent];
        let made = BITTORRENT.run(&[&what[..], &["--piece-length", length, "--force"]].concat());
        assert!(made.status.success(), "{made:?}");
        self.magnet = String::from_utf8(made.stdout).unwrap().lines().last().unwrap().to_owned();
        self
    }

    /// A folder that has a third of the content.
    fn part(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("album")).unwrap();
        let mut one = fs::read(self.path("seed/album/one.ogg")).unwrap();
        one[500_000..].fill(0);
        fs::write(folder.join("album/one.ogg"), one).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn torrent(&self) -> String {
        self.path("album.torrent").to_str().unwrap().to_owned()
    }

    /// Waits until somebody reports that he has come.
    fn wait_for_report(&mut self) {
        let tracker = self.tracker.as_mut().expect("our tracker");
        while !tracker.line().contains(" started ") {}
    }

    /// Our seed, known to the tracker.
    fn our_seed(&mut self, more: &[&str]) -> Running {
        let seed = self.our_seed_somewhere(more);
        self.wait_for_report();
        seed
    }

    /// Our seed, whichever tracker it reports to.
    fn our_seed_somewhere(&self, more: &[&str]) -> Running {
        let (torrent, data) = (self.torrent(), self.path("seed/album"));
        let args = ["seed", &torrent, "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let mut seed = BITTORRENT.start(&[&args[..], more].concat());
        seed.line();
        seed
    }

    /// Fetches with our leecher from whoever is there.
    fn our_get(&self, source: &str, out: &str) {
        let out = self.path(out);
        let output =
            BITTORRENT.run(&["get", source, "--out", out.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        assert!(output.status.success(), "{output:?}");
        self.assert_same(&out);
    }

    fn assert_same(&self, out: &Path) {
        for file in ["one.ogg", "more/other.ogg"] {
            let (ours, theirs) = (self.path("seed/album").join(file), out.join("album").join(file));
            assert_eq!(fs::read(ours).unwrap(), fs::read(theirs).unwrap(), "{file}");
        }
    }

    fn libtorrent(&self, what: &str, source: &str, folder: &Path) -> Command {
        fs::create_dir_all(folder).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", LIBTORRENT, what, source]).arg(folder);
        command
    }

    fn aria(&self, source: &str, folder: &Path, more: &[&str]) -> Command {
        let mut command = Command::new("aria2c");
        command.args(["-q", "--bt-enable-lpd=false", "--listen-port=20000-29999"]);
        // It speaks to UDP trackers only with its hash table on, in which it knows nobody here.
        command.args(["--enable-dht=true", "--dht-listen-port=30000-30999"]);
        command.arg(format!("--dht-file-path={}", self.path("aria.dht").display()));
        command.arg(format!("--dir={}", folder.display())).args(more).arg(source);
        command
    }

    fn transmission(&self, name: &str, folder: &Path, port: &str) -> Command {
        let config = self.path(name);
        fs::create_dir_all(&config).unwrap();
        // Of its ways to reach others those that need more than this machine are off.
        let settings = r#"{"utp-enabled": false, "dht-enabled": false, "lpd-enabled": false}"#;
        fs::write(config.join("settings.json"), settings).unwrap();
        fs::create_dir_all(folder).unwrap();
        let mut command = Command::new("transmission-cli");
        command.arg("-g").arg(config).arg("-w").arg(folder).args(["-p", port, "-M"]).arg(self.torrent());
        command
    }
}

impl Lab {
    /// A tracker of others at that port, which serves the lab's swarm as soon as this returns.
    fn opentracker(&self, port: u16) -> Foreign {
        let hash = self.magnet.split(['&', ':']).find(|part| part.len() == 40).unwrap();
        let folder = self.path("opentracker");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("list"), format!("{hash}\n")).unwrap();
        // Started by root it goes to live in its folder, which is then all that there is.
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let list = if is_root { PathBuf::from("/list") } else { folder.join("list") };
        let port = port.to_string();
        let mut command = Command::new("opentracker");
        command.args(["-i", "127.0.0.1", "-p", &port, "-P", &port, "-d"]).arg(&folder).arg("-w").arg(list);
        let running = Foreign::start(&mut command);
        let escaped: String =
            hash.as_bytes().chunks(2).flat_map(|pair| ['%', pair[0] as char, pair[1] as char]).collect();
        let question = format!(
            "GET /announce?info_hash={escaped}&peer_id=-XX0001-abcdefghijkl&port=1&uploaded=0&downloaded=0&left=0\
             &event=stopped&compact=1 HTTP/1.0\r\n\r\n"
        );
        let is_ready = || {
            let Ok(mut stream) = TcpStream::connect(format!("127.0.0.1:{port}")) else { return false };
            let mut answer = Vec::new();
            let asked = stream.write_all(question.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
            asked.is_ok() && String::from_utf8_lossy(&answer).contains("8:interval")
        };
        while !is_ready() {
            finishes(Command::new("sleep").arg("0.1"));
        }
        running
    }
}

/// A certificate of the tests, its key, or its authority.
fn certificate(name: &str) -> String {
    format!("{}/../common/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn finishes(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.expect("the program is installed").success(), "{command:?}");
}

#[test]
#[ignore = "needs aria2c"]
fn aria2_fetches_from_us_and_we_from_it() {
    let mut lab = Lab::new();
    let seed = lab.our_seed(&[]);
    finishes(&mut lab.aria(&lab.torrent(), &lab.path("aria"), &["--seed-time=0"]));
    lab.assert_same(&lab.path("aria"));
    finishes(&mut lab.aria(&lab.magnet, &lab.path("by-link"), &["--seed-time=0"]));
    lab.assert_same(&lab.path("by-link"));
    drop(seed);

    let mut lab = Lab::new();
    let _seed = Foreign::start(&mut lab.aria(
        &lab.torrent(),
        &lab.path("seed"),
        &["--check-integrity=true", "--seed-ratio=0.0"],
    ));
    lab.wait_for_report();
    lab.our_get(&lab.torrent(), "ours");
}

#[test]
#[ignore = "needs libtorrent for python3"]
fn libtorrent_fetches_from_us_and_we_from_it_by_torrent_and_by_link() {
    let mut lab = Lab::new();
    let seed = lab.our_seed(&[]);
    finishes(&mut lab.libtorrent("get", &lab.torrent(), &lab.path("theirs")));
    lab.assert_same(&lab.path("theirs"));
    finishes(&mut lab.libtorrent("get", &lab.magnet, &lab.path("by-link")));
    lab.assert_same(&lab.path("by-link"));
    drop(seed);

    let mut lab = Lab::new();
    let _seed = Foreign::start(&mut lab.libtorrent("seed", &lab.torrent(), &lab.path("seed")));
    lab.wait_for_report();
    lab.our_get(&lab.torrent(), "ours");
    lab.our_get(&lab.magnet, "ours-by-link");
}

#[test]
#[ignore = "needs transmission-cli"]
fn transmission_fetches_from_us_and_we_from_it() {
    let mut lab = Lab::new();
    let theirs = lab.path("theirs");
    let leecher = Foreign::start(&mut lab.transmission("leecher", &theirs, "20911"));
    lab.wait_for_report();
    // It dials nobody on its own machine, so we do.
    let seed = lab.our_seed(&["--peer", "127.0.0.1:20911"]);
    // It tells nobody when it has all, but a file has its name only then.
    let files = ["one.ogg", "more/other.ogg"].map(|file| theirs.join("album").join(file));
    while !files.iter().all(|file| file.exists()) {
        finishes(Command::new("sleep").arg("0.1"));
    }
    drop((leecher, seed));
    lab.assert_same(&theirs);

    let mut lab = Lab::new();
    let _seed = Foreign::start(&mut lab.transmission("seeder", &lab.path("seed"), "20912"));
    lab.wait_for_report();
    lab.our_get(&lab.torrent(), "ours");
}

#[test]
#[ignore = "needs aria2c, libtorrent for python3 and transmission-cli"]
fn all_report_to_our_tracker_in_datagrams() {
    let mut lab = Lab::reporting("udp://");
    let _seed = lab.our_seed(&[]);
    finishes(&mut lab.aria(&lab.torrent(), &lab.path("aria"), &["--seed-time=0"]));
    lab.assert_same(&lab.path("aria"));
    lab.wait_for_report();
    finishes(&mut lab.libtorrent("get", &lab.torrent(), &lab.path("theirs")));
    lab.assert_same(&lab.path("theirs"));
    lab.wait_for_report();
    finishes(&mut lab.libtorrent("get", &lab.magnet, &lab.path("by-link")));
    lab.assert_same(&lab.path("by-link"));
    lab.wait_for_report();
    let _other = Foreign::start(&mut lab.transmission("seeder", &lab.path("seed"), "20913"));
    lab.wait_for_report();
    lab.our_get(&lab.torrent(), "ours");
}

#[test]
#[ignore = "needs aria2c"]
fn aria2_reports_to_our_tracker_under_tls() {
    let mut lab = Lab::reporting("https://");
    let _seed = lab.our_seed(&["--tls-ca", &certificate("authority.pem")]);
    let authority = format!("--ca-certificate={}", certificate("authority.pem"));
    finishes(&mut lab.aria(&lab.torrent(), &lab.path("aria"), &["--seed-time=0", &authority]));
    lab.assert_same(&lab.path("aria"));
    lab.wait_for_report();
}

#[test]
#[ignore = "needs opentracker"]
fn we_report_to_opentracker_over_http_and_in_datagrams() {
    for scheme in ["udp", "http"] {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lab = Lab::at(&format!("{scheme}://127.0.0.1:{port}/announce"), None);
        let _opentracker = lab.opentracker(port);
        let seed = lab.our_seed_somewhere(&[]);
        lab.our_get(&lab.torrent(), "ours");
        lab.our_get(&lab.magnet, "by-link");
        assert!(seed.interrupt());
    }
}

#[test]
#[ignore = "needs aria2c and libtorrent for python3"]
fn pieces_of_any_length_go_both_ways() {
    for length in ["16KiB", "256KiB", "2MiB"] {
        let mut lab = Lab::new().in_pieces_of(length);
        let seed = lab.our_seed(&[]);
        finishes(&mut lab.aria(&lab.torrent(), &lab.path("aria"), &["--seed-time=0"]));
        lab.assert_same(&lab.path("aria"));
        finishes(&mut lab.libtorrent("get", &lab.torrent(), &lab.path("theirs")));
        lab.assert_same(&lab.path("theirs"));
        drop(seed);

        let mut lab = Lab::new().in_pieces_of(length);
        let _seed = Foreign::start(&mut lab.libtorrent("seed", &lab.torrent(), &lab.path("seed")));
        lab.wait_for_report();
        lab.our_get(&lab.torrent(), "ours");
    }
}

#[test]
#[ignore = "needs aria2c and libtorrent for python3"]
fn whoever_has_a_part_already_gets_the_rest_from_us() {
    let mut lab = Lab::new();
    let _seed = lab.our_seed(&[]);
    let (aria, libtorrent) = (lab.part("aria"), lab.part("theirs"));
    finishes(&mut lab.aria(&lab.torrent(), &aria, &["--seed-time=0", "--check-integrity=true"]));
    lab.assert_same(&aria);
    finishes(&mut lab.libtorrent("get", &lab.torrent(), &libtorrent));
    lab.assert_same(&libtorrent);
}

#[test]
#[ignore = "needs aria2c and libtorrent for python3"]
fn a_mixed_swarm_finishes() {
    let mut lab = Lab::new();
    let _seed = lab.our_seed(&["--max-upload", "2MB/s"]);
    let (aria, libtorrent) = (lab.path("aria"), lab.path("theirs"));
    let mut others = [
        Foreign::start(&mut lab.aria(&lab.torrent(), &aria, &["--seed-time=0"])),
        Foreign::start(&mut lab.libtorrent("get", &lab.torrent(), &libtorrent)),
    ];
    lab.our_get(&lab.torrent(), "ours");
    for other in &mut others {
        assert!(other.0.wait().unwrap().success());
    }
    lab.assert_same(&aria);
    lab.assert_same(&libtorrent);
}
