//! One servent over loopback TCP: what it passes on, leads back and answers.
//!
//! `cargo bench -p gnutella --bench servent [-- --quick]`
//!
//! | row | one neighbour | and the servent |
//! |---|---|---|
//! | queries | sends queries, all different | passes each on to six others |
//! | relay | sends the same bytes | is none: a process that copies what comes to six sockets |
//! | hits | receives hits for queries that it sent before | leads back what six others send |
//! | answers | sends queries that go no further | answers them from 10,000 files |
//!
//! Fair? The relay does what any servent has to do to the sockets at least, reading as much as there is at a time, and does not look at a byte: the
//! ratio of the two rows says what it costs to be a servent. The servent and the relay are processes of their own; the
//! neighbours share the machine's cores with them, so a rate is what both sides reach together, and the processor time
//! beside it, of the servent alone, is the better figure. Loopback has no latency to hide.
//!
//! *Flat out*, 512 descriptors may be under way, so the latency is that of a saturated servent; *one at a time*, it is
//! that of an idle one. A latency is counted from before the write to after the read, at every receiver.
//! Queries and files of the last row are drawn by Zipf popularity (exponent 0.8) from 100,000 titles.

mod servent_kit;

use std::time::Duration;

use common::catalog::{Catalog, CatalogConfig};
use rand::SeedableRng;
use rand_pcg::Pcg32;
use servent_kit::{Child, Neighbour, Outcome, Role, run_role};

/// Neighbours that a query is passed on to.
pub const OTHERS: usize = 6;
/// Files shared where answers are measured.
pub const FILES: usize = 10_000;
const WINDOW: usize = 512;
const REPEATS: usize = 3;

/// What files and queries are drawn from.
pub fn catalog() -> Catalog {
    Catalog::synthetic(&CatalogConfig { titles: 100_000, ..CatalogConfig::default() }, 1)
}

/// What is measured for each row.
#[derive(Default)]
struct Row {
    flat_out: Vec<Outcome>,
    one_at_a_time: Vec<Outcome>,
}

impl Row {
    fn print(&mut self, name: &str) -> f64 {
        let of = |outcomes: &[Outcome], figure: fn(&Outcome) -> f64| {
            let mut figures: Vec<f64> = outcomes.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let flat = |figure| of(&self.flat_out, figure);
        let cpu = flat(|outcome| outcome.cpu_us);
        println!(
            "{name:>8} {:>10.0} {:>10.0} {cpu:>9.2} {:>11.3} {:>11.3} {:>13.3}",
            flat(|outcome| outcome.in_per_s),
            flat(|outcome| outcome.out_per_s),
            flat(|outcome| outcome.p50_ms),
            flat(|outcome| outcome.p99_ms),
            of(&self.one_at_a_time, |outcome| outcome.p99_ms),
        );
        cpu
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
    let mut rows: [Row; 4] = Default::default();
    for _ in 0..if quick { 1 } else { REPEATS } {
        for (row, role) in [(0, Role::Servent), (1, Role::Relay)] {
            rows[row].flat_out.push(passed_on(role, WINDOW, time).await);
            rows[row].one_at_a_time.push(passed_on(role, 1, time / 3).await);
        }
        rows[2].flat_out.push(led_back(WINDOW, time).await);
        rows[2].one_at_a_time.push(led_back(1, time / 3).await);
        rows[3].flat_out.push(answered(WINDOW, time).await);
        rows[3].one_at_a_time.push(answered(1, time / 3).await);
    }
    println!(
        "medians of {REPEATS} alternating repeats; processor time of the servent alone, for each descriptor that comes in"
    );
    println!(
        "{:>8} {:>10} {:>10} {:>9} {:>11} {:>11} {:>13}",
        "", "in/s", "out/s", "cpu us", "p50 ms", "p99 ms", "p99 ms, single"
    );
    let [queries, relay, hits, answers] = ["queries", "relay", "hits", "answers"];
    let cpu = rows[0].print(queries) / rows[1].print(relay);
    rows[2].print(hits);
    rows[3].print(answers);
    println!("processor time, servent beside relay: {cpu:.2}");
    let share = rows[3].flat_out.iter().map(|outcome| outcome.out_per_s / outcome.in_per_s).next();
    println!("queries that had an answer: {:.0} %", 100.0 * share.unwrap_or(f64::NAN));
}

/// One neighbour sends queries, six receive them.
async fn passed_on(role: Role, window: usize, time: Duration) -> Outcome {
    let child = Child::start(role);
    let (sender, others) = neighbours(&child).await;
    servent_kit::one_to_many(&child, sender, others, window, time).await
}

/// Six neighbours answer what one has asked.
async fn led_back(window: usize, time: Duration) -> Outcome {
    let child = Child::start(Role::Servent);
    let (asker, others) = neighbours(&child).await;
    servent_kit::many_to_one(&child, asker, others, window, time).await
}

/// One neighbour asks for what the servent shares.
async fn answered(window: usize, time: Duration) -> Outcome {
    let child = Child::start(Role::Holder);
    let asker = Neighbour::join(&child, 0).await;
    let (catalog, mut rng) = (catalog(), Pcg32::seed_from_u64(2));
    let texts = (0..1_000).map(|_| catalog.query_for(catalog.draw(&mut rng), &mut rng).words).collect();
    servent_kit::ask(&child, asker, texts, window, time).await
}

async fn neighbours(child: &Child) -> (Neighbour, Vec<Neighbour>) {
    let first = Neighbour::join(child, 0).await;
    let mut others = Vec::new();
    for number in 1..=OTHERS {
        others.push(Neighbour::join(child, number as u8).await);
    }
    (first, others)
}
