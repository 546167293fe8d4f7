//! This client beside others: one large file over loopback, from one seed to one leecher and to four.
//!
//! ```text
//! cargo bench -p bittorrent --bench clients [-- --quick]
//! ```
//!
//! libtorrent is what Debian has as `python3-libtorrent`, aria2 its `aria2`; who is not installed is left out, and it is said.
//!
//! Fair? Each swarm is of one client alone, with its defaults but for what reaches beyond this machine (DHT, local discovery,
//! µTP) or would refuse several peers at one address. Seed and leechers report to one tracker, of which no time is counted. The
//! content lies in memory where the system has a folder for that, so that no disk is measured; libtorrent maps files into
//! memory, and what it has mapped counts as its memory. The clock runs from the leecher's first report until it has ended, for
//! this client with the file durable under its name. Processor time is that of seed and leechers, from the leechers' start, so
//! that the start of a Python interpreter, a tenth of a second, is in libtorrent's. Transmission's command line dials nobody
//! on its own machine and has no row.

mod clients_kit;

use std::process::Stdio;
use std::time::Instant;

use clients_kit::{Cost, Lab, OURS, Whose};

const ROUNDS: usize = 3;

fn main() {
    // `cargo bench` hands over a flag of its own; only this one is ours.
    let quick = std::env::args().any(|arg| arg == "--quick");
    let bytes: u64 = if quick { 64 << 20 } else { 1 << 30 };
    let rounds = if quick { 1 } else { ROUNDS };
    let mut there = Vec::new();
    for whose in Whose::ALL {
        match whose.version() {
            Some(version) => {
                println!("{}: {version}", whose.name());
                there.push(whose);
            }
            None => println!("{}: not installed, left out", whose.name()),
        }
    }
    let mut lab = Lab::new(bytes);
    println!("\n{} MiB, medians of {rounds} alternating rounds", bytes >> 20);
    println!("{:<28} {:>12} {:>10} {:>12} {:>10}", "", "", "MB/s", "CPU s/GiB", "memory MB");
    for leechers in [1, 4] {
        for piece in ["256KiB", "1MiB"] {
            let torrent = lab.torrent(piece);
            let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); there.len()];
            for _ in 0..rounds {
                for (whose, costs) in there.iter().zip(&mut costs) {
                    costs.push(lab.run(*whose, leechers, &torrent));
                }
            }
            let moved = bytes as f64 * leechers as f64;
            for (whose, costs) in there.iter().zip(&costs) {
                println!(
                    "{:<28} {:>12} {:>10.0} {:>12.2} {:>10.1}",
                    format!("{leechers} leecher(s), {piece}"),
                    whose.name(),
                    moved / 1e6 / median(costs, |cost| cost.seconds),
                    median(costs, |cost| cost.cpu_s) / (moved / f64::from(1 << 30)),
                    median(costs, |cost| cost.memory_mb),
                );
            }
        }
    }
    println!();
    for whose in there {
        create(&lab, whose, rounds);
    }
}

/// Hashing of a new torrent, by whole commands.
fn create(lab: &Lab, whose: Whose, rounds: usize) {
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        let torrent = lab.path("created.torrent");
        let Some(mut command) = whose.create(&lab.path("seed/content.bin"), &torrent) else { return };
        let begun = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("it is installed");
        seconds.push(begun.elapsed().as_secs_f64());
        assert!(status.success(), "{status}");
        let right = OURS.command(&["info"]).arg(&torrent).output().expect("it was built with this");
        assert!(right.status.success(), "{right:?}");
    }
    let rate = lab.bytes as f64 / 1e6 / median(&seconds, |seconds| *seconds);
    println!("{:<28} {:>12} {rate:>10.0}", "a new torrent, 256KiB", whose.name());
}

fn median<T>(of: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = of.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
