//! What a tracker answers in a second.
//!
//! `cargo bench -p bittorrent --bench tracker [-- --quick]`
//!
//! | row | who asks |
//! |---|---|
//! | state machine | nobody: requests are handed to it as messages, and its answers are dropped |
//! | kept, tracker | 64 clients over loopback, each on one connection, one report after the other |
//! | kept, yardstick | the same clients of a process that sends a fixed answer of the same length for each head it sees |
//! | each, tracker | 64 clients at a time, each report on a connection of its own, as BitTorrent's clients make them |
//! | each, yardstick | the same clients of the same process |
//! | each, opentracker | the same clients of opentracker (Debian's package), where it is installed; it keeps no connections |
//!
//! Fair? The yardstick does to the sockets what any tracker has to do at least, one task for each connection, and looks at nothing: the
//! ratio of two rows is what it costs to be a tracker. Both are processes of their own; the clients share the machine's cores with
//! them, so a rate is what both sides reach together, and the processor time of the server alone is the better figure. Loopback
//! has no latency to hide. All reports are of one swarm of 5,000 peers, the RedHat 9 torrent's largest crowd and some more, and
//! each is told of 50 others in the compact form.

mod tracker_kit;

use std::time::Duration;

use tracker_kit::{Child, Outcome, Role, bare, each, kept, run_role};

/// Peers of the swarm.
pub const PEERS: u32 = 5_000;
/// Clients at a time.
const CLIENTS: u32 = 64;
const REPEATS: usize = 3;

#[derive(Default)]
struct Row(Vec<Outcome>);

impl Row {
    /// Prints the medians; processor time in microseconds for each report.
    fn print(&self, name: &str) -> f64 {
        let of = |figure: fn(&Outcome) -> f64| {
            let mut figures: Vec<f64> = self.0.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let cpu_us = of(|outcome| outcome.cpu_us);
        println!(
            "{name:>17} {:>10.0} {cpu_us:>9.2} {:>9.3} {:>9.3}",
            of(|outcome| outcome.per_s),
            of(|outcome| outcome.p50_ms),
            of(|outcome| outcome.p99_ms),
        );
        cpu_us
    }
}

#[tokio::main]
async fn main() {
    if run_role().await {
        return;
    }
    // `cargo test --benches` and `cargo bench` hand over flags of their own; only this one is ours.
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let time = if quick { Duration::from_millis(300) } else { Duration::from_secs(3) };
    let repeats = if quick { 1 } else { REPEATS };
    let folder = tempfile::tempdir().expect("a folder of our own");
    let mut rows: [Row; 6] = Default::default();
    for _ in 0..repeats {
        rows[0].0.push(bare(time));
        for (at, role) in [(0, Role::Tracker), (1, Role::Yardstick)] {
            rows[1 + at].0.push(kept(&Child::start(role), CLIENTS, time).await);
            rows[3 + at].0.push(each(&Child::start(role), CLIENTS, time).await);
        }
        if let Some(foreign) = Child::opentracker(folder.path()) {
            rows[5].0.push(each(&foreign, CLIENTS, time).await);
        }
    }
    println!("medians of {repeats} alternating repeats; processor time of the server alone, for each report");
    println!("{:>17} {:>10} {:>9} {:>9} {:>9}", "", "reports/s", "cpu us", "p50 ms", "p99 ms");
    rows[0].print("state machine");
    let kept = rows[1].print("kept, tracker") / rows[2].print("kept, yardstick");
    let each = rows[3].print("each, tracker") / rows[4].print("each, yardstick");
    match rows[5].0.is_empty() {
        true => println!("each, opentracker: not installed"),
        false => drop(rows[5].print("each, opentracker")),
    }
    println!(
        "processor time, tracker beside yardstick: {kept:.2} on kept connections, {each:.2} on one for each"
    );
}
