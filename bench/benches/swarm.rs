//! Flash crowds of BitTorrent in the simulator, up to the largest of Bharambe, Herley and Padmanabhan (2006): how long a run takes
//! on this machine, what a peer costs in memory, and how near the swarm comes to what no swarm can beat.
//!
//! ```text
//! cargo bench -p bench --bench swarm [-- --quick | [--told N] PEOPLE...]
//! ```
//!
//! The set-up is the paper's: 400 pieces of 256 KiB, lines of 1,500 kbit/s down and 400 up, a smart origin of 6,000, a hundred people a second,
//! forty others told to each or N, five places, and everybody leaves when done. Every request, block and have is a message of its own that a peer handles; the
//! network moves a block in one step. A run is one thread.

use std::time::{Duration, Instant};

use bench::claims::bittorrent::swarm::{DSL, LIMIT, Plan, Swarm, crowd};
use common::testing::process::resident_bytes;

const PIECES: u32 = 400;

fn main() {
    // `cargo bench` hands over a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |arg: &&str| arg.parse::<u32>().expect("a number");
    let (told, crowds) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (40, vec![100, 1_000, 8_000]),
        ["--quick"] => (40, vec![100]),
        ["--told", ref told, ref people @ ..] => (number(told), people.iter().map(number).collect()),
        ref people => (40, people.iter().map(number).collect()),
    };
    println!(
        "last and mean: when the last one and the mean one had all, by the bound; memory: what the run added, at its largest"
    );
    println!(
        "{:>7} {:>9} {:>8} {:>8} {:>9} {:>6} {:>6} {:>6} {:>7} {:>9} {:>9}",
        "people",
        "virtual s",
        "wall s",
        "events M",
        "M events/s",
        "last",
        "mean",
        "uplink",
        "copies",
        "MB",
        "KB a peer"
    );
    for people in crowds {
        measure(people, told);
    }
}

fn measure(people: u32, told: u32) {
    let before = resident_bytes(std::process::id());
    let mut swarm = Swarm::new(Plan { handout: told, ..Plan::flash(PIECES) }, 1);
    let mut most = 0;
    let begun = Instant::now();
    swarm.run(&crowd(people, DSL), LIMIT, Duration::from_secs(100), &mut |_| {
        most = most.max(resident_bytes(std::process::id()));
    });
    let wall_s = begun.elapsed().as_secs_f64();
    let outcome = swarm.outcome();
    assert!(outcome.finished() >= 1.0, "all have finished");
    let (events, added) = (swarm.events() as f64, most.saturating_sub(before) as f64);
    println!(
        "{people:>7} {:>9.0} {wall_s:>8.1} {:>8.1} {:>9.2} {:>6.3} {:>6.3} {:>6.3} {:>7.2} {:>9.0} {:>9.1}",
        swarm.now_s(),
        events / 1e6,
        events / 1e6 / wall_s,
        outcome.by_bound(),
        outcome.mean_s() / outcome.bound.least_s(),
        swarm.utilisation(),
        swarm.origin_copies(),
        added / 1e6,
        added / 1e3 / f64::from(people),
    );
}
