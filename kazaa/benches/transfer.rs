//! One large file from one node to another over loopback, in the plain and under seal, beside a plain copy of the same file in the
//! same run.
//!
//! ```text
//! cargo bench -p kazaa --bench transfer [-- [--quick] [--mib N] [--rounds N] [--dir DIR]]
//! ```
//!
//! Is it fair? All methods move the same file, from the page cache into a new file in the same folder, between two processes
//! with two worker threads each, and the clock stops when the last byte stands in it: the comparison with the hash, which
//! comes then, is the same sealed or not; what the tree of MD5 costs is told beside it. The folder is one in memory if there is
//! one: a node syncs what it has of a download now and then, so that a crash costs little, and on a disk that is what
//! would be measured (`--dir` does so). The nodes are whole ones, as users run them: a request for each range, KaZaA's
//! lines, slots, progress; and one holder only, so that between two ranges a request and its answer pass. The blocking copy,
//! 256 KiB at a time, is about the best that copying through user space can do. Methods take turns, the medians of the
//! rounds count, CPU time is that of both processes together.
//!
//! Where does the time go? On two cores, 256 MiB took a node in the plain 0.33 CPU seconds and the copy 0.29, at 829 and
//! 866 MB/s: a whole download costs little more than moving its bytes. Under seal it took 0.56, at 468 MB/s: both processes
//! encrypt or decrypt on one core each, and wait for each other. On a disk the two came to 365 and 291 MB/s. (Medians of five
//! rounds.)

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::digest::{Algorithm, Digest, Hasher};
use common::net::{Attachment, NodeId};
use common::peer::Time;
use common::store::{Disk, Storage as _};
use common::tcp::{Clock, Handle, Identity, Limits, NodeConfig, NoteSink, SharedStore, spawn};
use common::testing::process::{Again, cpu_time, wait_for_end_of_input};
use common::user::{self, Fetch, FetchId, FileInfo, Hit, Holder, Note, SharedFile};
use kazaa::config::{Config, Role};
use kazaa::node::Node;
use tokio::sync::mpsc;

/// What a plain blocking copy moves at a time.
const BLOCK_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Plain,
    Sealed,
    Blocking,
}

const METHODS: [(Method, &str, &str); 3] = [
    (Method::Plain, "plain", "KaZaA nodes, in the plain"),
    (Method::Sealed, "sealed", "KaZaA nodes, sealed"),
    (Method::Blocking, "blocking", "blocking copy, 256 KiB"),
];

struct Options {
    mib: u64,
    rounds: usize,
    dir: PathBuf,
}

/// One transfer.
#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    cpu_seconds: f64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", method, path] => serve(method, Path::new(path)),
        _ => compare(&options(&args)),
    }
}

fn options(args: &[String]) -> Options {
    let value = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let number = |name: &str| value(name).map(|text| text.parse::<u64>().expect("a number"));
    let quick = args.iter().any(|arg| arg == "--quick");
    Options {
        mib: number("--mib").unwrap_or(if quick { 64 } else { 512 }),
        rounds: number("--rounds").map_or(if quick { 3 } else { 7 }, |rounds| rounds as usize),
        dir: value("--dir").map_or_else(in_memory, PathBuf::from),
    }
}

/// A folder that is kept in memory, where there is one.
fn in_memory() -> PathBuf {
    let shared_memory = PathBuf::from("/dev/shm");
    if shared_memory.is_dir() { shared_memory } else { std::env::temp_dir() }
}

fn compare(options: &Options) {
    let dir = tempfile::tempdir_in(&options.dir).expect("a folder for the files");
    let source = dir.path().join("source");
    write_source(&source, options.mib);
    println!(
        "{} MiB from process to process over loopback, {} rounds, medians, {} cores; files in {}",
        options.mib,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from),
        options.dir.display()
    );
    println!("The tree of MD5 alone, in cache: {:.0} MB/s on one core", tree_rate() / 1e6);
    let holders = METHODS
        .map(|(_, argument, _)| Again::start(&["--serve".as_ref(), argument.as_ref(), source.as_os_str()]));
    let info = told_of(&source);
    let mut samples = METHODS.map(|_| Vec::new());
    for round in 0..=options.rounds {
        for (index, (method, ..)) in METHODS.iter().enumerate() {
            let target = dir.path().join(format!("target-{round}-{index}"));
            std::fs::create_dir(&target).expect("a folder for the copy");
            let sample = measure(*method, &holders[index], &target, &info);
            // The first round warms caches.
            if round > 0 {
                samples[index].push(sample);
            }
            std::fs::remove_dir_all(&target).expect("the copy is ours to remove");
        }
    }
    report(info.size, &samples);
}

fn report(bytes: u64, samples: &[Vec<Sample>]) {
    let seconds = |index: usize| median(samples[index].iter().map(|sample| sample.seconds));
    let cpu = |index: usize| median(samples[index].iter().map(|sample| sample.cpu_seconds));
    println!("{:<28}{:>8}{:>20}{:>9}{:>16}", "", "MB/s", "(slowest, fastest)", "CPU s", "x in the plain");
    for (index, (.., name)) in METHODS.iter().enumerate() {
        let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
        let all = || samples[index].iter().map(|sample| rate(sample.seconds));
        println!(
            "{name:<28}{:>8.0}{:>20}{:>9.2}{:>16.2}",
            rate(seconds(index)),
            format!("({:.0}, {:.0})", all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max)),
            cpu(index),
            seconds(0) / seconds(index)
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn write_source(path: &Path, mib: u64) {
    let mut file = File::create(path).expect("room for the source");
    let mut state = 1_u64;
    let mut block = vec![0; 1 << 20];
    for _ in 0..mib {
        for word in block.chunks_exact_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block).expect("room for the source");
    }
}

fn tree_rate() -> f64 {
    let block = vec![7; BLOCK_BYTES];
    let start = Instant::now();
    let mut bytes = 0;
    let mut hasher = Hasher::new(Algorithm::KzHash, u64::MAX);
    while start.elapsed() < Duration::from_millis(200) {
        hasher.update(&block);
        bytes += block.len();
    }
    std::hint::black_box(hasher.finish());
    bytes as f64 / start.elapsed().as_secs_f64()
}

/// What is known of the file, by its UUHash, which reads little.
fn told_of(source: &Path) -> FileInfo {
    let disk = Disk::open(source).expect("it was written");
    let digest = disk.digest(0, disk.size(), Algorithm::UuHash).expect("it can be read");
    FileInfo { name: "Bench/source".into(), size: disk.size(), digest: Some(digest), ..FileInfo::default() }
}

fn measure(method: Method, holder: &Again, target: &Path, info: &FileInfo) -> Sample {
    let cpu = || (cpu_time(std::process::id()) + cpu_time(holder.id())).as_secs_f64();
    let runtime = runtime();
    let (cpu_before, start) = (cpu(), Instant::now());
    let sample = || Sample { seconds: start.elapsed().as_secs_f64(), cpu_seconds: cpu() - cpu_before };
    match method {
        Method::Plain | Method::Sealed => {
            let seals = method == Method::Sealed;
            runtime.block_on(fetch(holder.address, target, info, seals, sample))
        }
        Method::Blocking => {
            let copy = target.join("copy");
            let stream = TcpStream::connect(holder.address).expect("connects");
            pump(stream, File::create(&copy).expect("creates"));
            let sample = sample();
            assert_eq!(std::fs::metadata(copy).expect("it is there").len(), info.size, "all of it arrived");
            sample
        }
    }
}

/// Downloads; the sample is taken when the last byte is there.
async fn fetch(
    from: SocketAddrV4,
    target: &Path,
    info: &FileInfo,
    seals: bool,
    sample: impl Fn() -> Sample,
) -> Sample {
    let (sender, mut notes) = mpsc::unbounded_channel();
    let store = SharedStore::default();
    // Who listens no longer has all it wanted.
    let sink: NoteSink = Arc::new(move |_: Time, _: NodeId, note: Note| drop(sender.send(note)));
    let handle = start(1, seals, &store, sink).await;
    let disk = Arc::new(Disk::create(target, info).expect("a place for the copy"));
    let into = store.add(disk.clone());
    let holder = Holder { address: Some(from), ..Holder::default() };
    let candidates = vec![Arc::new(Hit { info: info.clone(), holder, ..Hit::default() })];
    let fetch = Fetch { fetch: FetchId(0), candidates, into, have: disk.have() };
    handle.command(user::Command::Fetch(Box::new(fetch))).await.expect("the node lives");
    let mut taken = None;
    loop {
        match notes.recv().await.expect("the node lives") {
            Note::Progress(_, bytes) if bytes == info.size => taken = Some(sample()),
            Note::Fetched(_) => break,
            Note::Failed(_, why) => panic!("the transfer failed: {why}"),
            _ => {}
        }
    }
    let told = handle.shutdown().await.expect("the node is sound");
    assert_eq!(told.sealing.received > 0, seals, "what was measured was what was meant");
    taken.expect("progress comes before the end")
}

/// A node that is told what it needs, and looks for nobody.
async fn start(number: u32, seals: bool, store: &SharedStore, sink: NoteSink) -> Handle {
    let mut config = Config { force: Some(Role::Ordinary), ..Config::default() };
    Arc::make_mut(&mut config.knobs).seals_transfers = seals;
    let node = NodeConfig {
        node: NodeId(number),
        listen: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
        datagrams: None,
        attachment: Attachment::default(),
        limits: Limits::default(),
        seed: 1,
        clock: Clock::start(),
        identity: Identity::generate(),
    };
    spawn(Node::ordinary(config), node, store.clone(), sink).await.expect("a port is free")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn pump(mut from: impl Read, mut to: impl Write) {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let len = from.read(&mut block).expect("reads");
        if len == 0 {
            return;
        }
        to.write_all(&block[..len]).expect("writes");
    }
}

/// The sending process: says where it listens, sends the file to everyone who comes, ends with its input.
fn serve(method: &str, path: &Path) {
    if method == "blocking" {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
        println!("{}", listener.local_addr().expect("an address"));
        let path = path.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                pump(File::open(&path).expect("opens"), stream.expect("accepts"));
            }
        });
        return wait_for_end_of_input();
    }
    let runtime = runtime();
    let handle = runtime.block_on(async {
        let store = SharedStore::default();
        let handle = start(0, method == "sealed", &store, Arc::new(|_: Time, _: NodeId, _: Note| {})).await;
        let info = told_of(path);
        debug_assert!(matches!(info.digest, Some(Digest::UuHash(_))));
        let file = store.add(Arc::new(Disk::open(path).expect("it was written")));
        let shared = SharedFile { file, info: Arc::new(info) };
        handle.command(user::Command::Share([shared].into())).await.expect("the node lives");
        handle
    });
    println!("{}", handle.address());
    wait_for_end_of_input();
    runtime.block_on(handle.shutdown()).expect("the holder's node is sound");
}
