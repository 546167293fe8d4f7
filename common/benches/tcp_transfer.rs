//! One large file between two processes over loopback: through two nodes of the tcp driver, plain and sealed, with and
//! without SHA-1 over every piece, beside a plain copy of the same file in the same run.
//!
//! ```text
//! cargo bench -p common --bench tcp_transfer [-- [--quick] [--mib N] [--rounds N] [--dir DIR]]
//! ```
//!
//! Is it fair? All methods move the same file, from the page cache into a new file in the same folder,
//! between two processes with two worker threads each; none waits for the disk at the end (`fsync` would
//! measure the disk). The node answers one request for each piece of 1 MiB, as a real overlay does, and eight
//! are on the way; the plain copies stream without asking. `tokio::io::copy` moves 8 KiB at a time; since
//! that is less than anyone who cares would take, the same loop with blocking calls and 256 KiB stands beside
//! it: about the best that copying through user space can do. Methods take turns, the medians of the rounds
//! count, CPU time is that of both processes together.
//!
//! Where does the time go? On two cores that were also busy otherwise, SHA-1 alone took 0.56 CPU seconds
//! for 1 GiB, the blocking copy 0.55, the node 0.70, and 1.30 with SHA-1 (medians of two to eight short
//! runs): all but 0.2 s is the hash and what any copy through user space costs. Sealed, the node took 1.34 CPU
//! seconds for 512 MiB where it took 0.86 plain, in one run of five rounds on two cores busy with other work: the
//! cipher at both ends, and a copy more at each. Two changes were tried and
//! did not pay enough to be kept:
//!
//! - `sendfile` from the source's file, 256 KiB at a time, instead of reading and writing: 0.78 CPU seconds
//!   instead of 0.70, and 1.39 instead of 1.30 with SHA-1. Over loopback: a network card may differ.
//! - Bodies read into one block of 256 KiB per thread instead of the connection's own buffer: with SHA-1
//!   0.29 instead of 0.31 for 256 MiB, but 0.59 instead of 0.60 for 512 MiB, and no faster.

mod tcp_transfer_toy;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tcp_transfer_toy::{fetch, offer};

/// What a plain blocking copy moves at a time.
const BLOCK_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Two nodes.
    Node,
    /// Two nodes, the receiver verifies each piece.
    NodeHashed,
    /// Two nodes whose connection is sealed.
    NodeSealed,
    /// The same, and the receiver verifies each piece.
    NodeSealedHashed,
    /// `tokio::io::copy` at both ends.
    TokioCopy,
    /// Blocking reads and writes at both ends.
    Blocking,
}

const METHODS: [(Method, &str); 6] = [
    (Method::Node, "tcp nodes"),
    (Method::NodeHashed, "tcp nodes, SHA-1 of every piece"),
    (Method::NodeSealed, "tcp nodes, sealed"),
    (Method::NodeSealedHashed, "tcp nodes, sealed, SHA-1"),
    (Method::TokioCopy, "tokio::io::copy"),
    (Method::Blocking, "blocking copy, 256 KiB"),
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
    let number = |name: &str| value(name).map(|text| text.parse().expect("a number"));
    let quick = args.iter().any(|arg| arg == "--quick");
    Options {
        mib: number("--mib").unwrap_or(if quick { 128 } else { 1024 }),
        rounds: number("--rounds").map_or(if quick { 3 } else { 5 }, |rounds| rounds as usize),
        dir: value("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

fn compare(options: &Options) {
    let dir = tempfile::tempdir_in(&options.dir).expect("a folder for the files");
    let source = dir.path().join("source");
    write_source(&source, options.mib);
    let digests = tcp_transfer_toy::piece_digests(&source);
    println!(
        "{} MiB from process to process over loopback, {} rounds, medians, {} cores; files in {}",
        options.mib,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from),
        options.dir.display()
    );
    println!("SHA-1 alone, in cache: {:.0} MB/s on one core", sha1_rate() / 1e6);
    let (sealing, opening) = seal_rates();
    println!("the seal alone, in cache: {:.0} MB/s on one core, {:.0} to open", sealing / 1e6, opening / 1e6);
    let mut servers: Vec<Server> =
        METHODS.iter().map(|(method, _)| Server::start(*method, &source)).collect();
    let mut samples = vec![Vec::new(); METHODS.len()];
    for round in 0..=options.rounds {
        for (index, (method, _)) in METHODS.iter().enumerate() {
            let target = dir.path().join("target");
            let sample = measure(*method, &servers[index], &target, options.mib << 20, &digests);
            // The first round warms caches and connections.
            if round > 0 {
                samples[index].push(sample);
            }
            std::fs::remove_file(&target).expect("the target is ours to remove");
        }
    }
    servers.iter_mut().for_each(Server::stop);
    report(options.mib << 20, &samples);
}

fn report(bytes: u64, samples: &[Vec<Sample>]) {
    let of = |method: Method| METHODS.iter().position(|(m, _)| *m == method).expect("each method is listed");
    let seconds = |index: usize| median(samples[index].iter().map(|sample| sample.seconds));
    let yardstick = seconds(of(Method::TokioCopy));
    println!(
        "{:<34}{:>10}{:>20}{:>12}{:>20}",
        "", "MB/s", "(slowest, fastest)", "CPU s", "x tokio::io::copy"
    );
    for (index, (_, name)) in METHODS.iter().enumerate() {
        let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
        let all = || samples[index].iter().map(|sample| rate(sample.seconds));
        println!(
            "{name:<34}{:>10.0}{:>20}{:>12.2}{:>20.2}",
            rate(seconds(index)),
            format!("({:.0}, {:.0})", all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max)),
            median(samples[index].iter().map(|sample| sample.cpu_seconds)),
            yardstick / seconds(index)
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

fn sha1_rate() -> f64 {
    use common::digest::{Algorithm, Hasher};
    let block = vec![7; BLOCK_BYTES];
    let start = Instant::now();
    let mut bytes = 0;
    let mut hasher = Hasher::new(Algorithm::Sha1, u64::MAX);
    while start.elapsed() < Duration::from_millis(200) {
        hasher.update(&block);
        bytes += block.len();
    }
    std::hint::black_box(hasher.finish());
    bytes as f64 / start.elapsed().as_secs_f64()
}

/// Bytes a second that one core seals, and that it opens, in records as long as they get.
fn seal_rates() -> (f64, f64) {
    use common::seal::{Handshake, Identity, Opener, Progress, RECORD_BYTES_MAX, Seal};
    let mut dialler = Handshake::new(Seal::Dialler, &Identity::generate());
    let first = dialler.start();
    let answered = Handshake::new(Seal::Acceptor, &Identity::generate()).take(&first);
    let Ok((answer, Progress::Awaits(acceptor))) = answered else { panic!("both know the handshake") };
    let Ok((last, Progress::Through(mut dialler))) = dialler.take(&answer) else { panic!("as above") };
    let Ok((_, Progress::Through(mut acceptor))) = acceptor.take(&last) else { panic!("as above") };
    let (plain, mut sealed, mut opened) = (vec![7; RECORD_BYTES_MAX], Vec::new(), bytes::BytesMut::new());
    let (mut seal_time, mut open_time, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    while seal_time < Duration::from_millis(200) {
        let start = Instant::now();
        let len = dialler.sealer.seal(&plain, &mut sealed);
        let between = Instant::now();
        assert_eq!(Opener::record_len(&sealed), Some(len));
        opened.clear();
        bytes += acceptor.opener.open(&sealed[..len], &mut opened).expect("it is the next record");
        seal_time += between - start;
        open_time += between.elapsed();
    }
    (bytes as f64 / seal_time.as_secs_f64(), bytes as f64 / open_time.as_secs_f64())
}

/// A sending process.
struct Server {
    process: Child,
    address: SocketAddrV4,
}

impl Server {
    fn start(method: Method, source: &Path) -> Self {
        let name = match method {
            Method::Node | Method::NodeHashed | Method::NodeSealed | Method::NodeSealedHashed => "node",
            Method::TokioCopy => "tokio",
            Method::Blocking => "blocking",
        };
        let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--serve", name])
            .arg(source)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs twice");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("the sender speaks");
        Server { process, address: line.trim().parse().expect("the sender says its address") }
    }

    fn stop(&mut self) {
        // The sender ends with its input.
        drop(self.process.stdin.take());
        self.process.wait().expect("the sender ends");
    }
}

fn measure(
    method: Method,
    server: &Server,
    target: &Path,
    bytes: u64,
    digests: &[common::digest::Digest],
) -> Sample {
    let cpu = || cpu_seconds(std::process::id()) + cpu_seconds(server.process.id());
    let (cpu_before, start) = (cpu(), Instant::now());
    match method {
        Method::Node | Method::NodeHashed | Method::NodeSealed | Method::NodeSealedHashed => {
            let hashed = matches!(method, Method::NodeHashed | Method::NodeSealedHashed);
            let sealed = matches!(method, Method::NodeSealed | Method::NodeSealedHashed);
            let digests = hashed.then_some(digests);
            runtime().block_on(fetch(server.address, target, bytes, digests, sealed));
        }
        Method::TokioCopy => runtime().block_on(async {
            let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("connects");
            let mut file = tokio::fs::File::create(target).await.expect("creates");
            tokio::io::copy(&mut stream, &mut file).await.expect("copies");
            tokio::io::AsyncWriteExt::flush(&mut file).await.expect("writes");
        }),
        Method::Blocking => {
            let stream = TcpStream::connect(server.address).expect("connects");
            pump(stream, File::create(target).expect("creates"));
        }
    }
    let sample = Sample { seconds: start.elapsed().as_secs_f64(), cpu_seconds: cpu() - cpu_before };
    assert_eq!(std::fs::metadata(target).expect("the target is there").len(), bytes, "all of it arrived");
    sample
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

/// Processor seconds that a process has used, of all its threads, user and system.
fn cpu_seconds(process: u32) -> f64 {
    // The fields after the name, which stands in parentheses and may hold anything; hundredths of a second
    // each.
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux' process table");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

/// The sending process: says where it listens, sends the file to everyone who comes, ends with its input.
fn serve(method: &str, path: &Path) {
    let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let runtime = runtime();
    match method {
        "node" => {
            let handle = runtime.block_on(offer(any, path));
            println!("{}", handle.address());
            wait_for_end_of_input();
            runtime.block_on(handle.kill()).expect("the sender's peer is sound");
        }
        "tokio" => {
            let listener = runtime.block_on(tokio::net::TcpListener::bind(any)).expect("listens");
            println!("{}", listener.local_addr().expect("an address"));
            let path = path.to_owned();
            runtime.spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.expect("accepts");
                    let mut file = tokio::fs::File::open(&path).await.expect("opens");
                    tokio::io::copy(&mut file, &mut stream).await.expect("copies");
                }
            });
            wait_for_end_of_input();
        }
        _ => {
            let listener = TcpListener::bind(any).expect("listens");
            println!("{}", listener.local_addr().expect("an address"));
            let path = path.to_owned();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    pump(File::open(&path).expect("opens"), stream.expect("accepts"));
                }
            });
            wait_for_end_of_input();
        }
    }
}

fn wait_for_end_of_input() {
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an input");
}
