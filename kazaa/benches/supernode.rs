//! One supernode over loopback TCP: children that come with their files, and what they ask.
//!
//! `cargo bench -p kazaa --bench supernode [-- --quick]`
//!
//! | row | children, each with a socket of its own | and the supernode |
//! |---|---|---|
//! | registered | come, say who they are and what they share, and ping | has entered all of that when it answers the ping |
//! | searches | ask for 50 results, as KaZaA did, and ask again once they have been told that there are no more | answers from its index |
//! | as many bytes | send as many bytes | is none: a process that answers with as many, and looks at none |
//!
//! Fair? The other process does what any supernode has to do to the sockets at least, so the ratio of two rows is what it costs to be
//! one: both ciphers, parsing, the index. Both are processes of their own; the children share the machine's cores with them, so a
//! rate is what both sides reach together, and the processor time beside it, of the far process alone, is the better figure. What
//! children say at their coming is enciphered before the clock starts; what they ask and are told passes the ciphers while it runs.
//! The supernode knows no other, so that a search ends where it starts. Loopback has no latency to hide.
//!
//! *Flat out*, 32 children come or ask at a time, so the latency is that of a saturated supernode; *one at a time*, it is that of
//! an idle one. Files and searches are drawn by Zipf popularity (exponent 0.8) from 100,000 titles.
//!
//! Memory is what the supernode's process has resident, before the children come and when all are there; what the kernel keeps for
//! their sockets is not in it. Beside it stands the same with children that share nothing.

mod supernode_kit;

use std::time::Duration;

use common::catalog::{Catalog, CatalogConfig};
use common::metrics::Times;
use common::testing::process::resident_bytes;
use rand::SeedableRng;
use rand_pcg::Pcg32;
use supernode_kit::{Asked, Exchange, Far, Newcomer, Role, Sessions, run_role};

/// Files that each child shares.
const FILES: usize = 100;
const REPEATS: usize = 3;

/// What files and searches are drawn from.
fn catalog() -> Catalog {
    Catalog::synthetic(&CatalogConfig { titles: 100_000, ..CatalogConfig::default() }, 1)
}

/// How large the measurement is.
struct Size {
    children: usize,
    repeats: usize,
    time: Duration,
}

/// One measurement of a row.
#[derive(Clone, Copy)]
struct Outcome {
    per_s: f64,
    /// Processor time of the far process for each, in microseconds.
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// The same of an idle one.
    single_p99_ms: f64,
}

/// What is measured at one far process.
struct Measured {
    registered: Outcome,
    searches: Outcome,
    asked: Vec<Asked>,
    /// What a child was told at its coming.
    welcomed: Exchange,
}

#[tokio::main]
async fn main() {
    if run_role().await {
        return;
    }
    // `cargo test --benches` and `cargo bench` hand over flags of their own; only this one is ours.
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let size = if quick {
        Size { children: 50, repeats: 1, time: Duration::from_millis(300) }
    } else {
        Size { children: 500, repeats: REPEATS, time: Duration::from_secs(3) }
    };
    let (catalog, mut rng) = (catalog(), Pcg32::seed_from_u64(2));
    let words: Vec<String> =
        (0..1_000).map(|_| catalog.query_for(catalog.draw(&mut rng), &mut rng).words).collect();
    let mut rows: [Vec<Outcome>; 4] = Default::default();
    let (mut with_files, mut without, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.repeats {
        without.push(memory_of_children(&size, &catalog, 0).await);
        let far = Far::start(Role::Supernode);
        let before = resident_bytes(far.id());
        let (sessions, registered, welcomed) = register(&far, newcomers(&size, &catalog, FILES), None).await;
        with_files.push((resident_bytes(far.id()) - before) as f64 / size.children as f64);
        let supernode = search(&far, sessions, &size, Questions::Words(&words), registered, welcomed).await;
        results.push(
            supernode.asked.iter().map(|asked| asked.results).sum::<usize>() as f64
                / supernode.asked.len() as f64,
        );
        let far = Far::start(Role::AsManyBytes);
        let (sessions, registered, _) =
            register(&far, newcomers(&size, &catalog, FILES), Some(supernode.welcomed)).await;
        let exchanges: Vec<Exchange> = supernode.asked.iter().map(|asked| asked.exchange).collect();
        let questions = Questions::Exchanges(&exchanges);
        let bytes = search(&far, sessions, &size, questions, registered, supernode.welcomed).await;
        for (row, outcome) in
            rows.iter_mut().zip([supernode.registered, bytes.registered, supernode.searches, bytes.searches])
        {
            row.push(outcome);
        }
    }
    print(&size, &rows, [median(results), median(without), median(with_files)]);
}

fn print(size: &Size, rows: &[Vec<Outcome>; 4], [results, without, with_files]: [f64; 3]) {
    println!(
        "{} children of {FILES} files each; medians of {} alternating repeats; processor time of the far process alone",
        size.children, size.repeats
    );
    println!(
        "{:>14} {:>10} {:>9} {:>9} {:>9} {:>15}",
        "", "a second", "cpu us", "p50 ms", "p99 ms", "p99 ms, single"
    );
    let names = ["registered", "as many bytes", "searches", "as many bytes"];
    let mut cpu = Vec::new();
    for (name, row) in names.into_iter().zip(rows) {
        let of = |figure: fn(&Outcome) -> f64| median(row.iter().map(figure).collect());
        cpu.push(of(|outcome| outcome.cpu_us));
        println!(
            "{name:>14} {:>10.0} {:>9.1} {:>9.3} {:>9.3} {:>15.3}",
            of(|outcome| outcome.per_s),
            of(|outcome| outcome.cpu_us),
            of(|outcome| outcome.p50_ms),
            of(|outcome| outcome.p99_ms),
            of(|outcome| outcome.single_p99_ms),
        );
    }
    println!(
        "processor time, supernode beside as many bytes: {:.1} registered, {:.1} searched; {results:.1} results each",
        cpu[0] / cpu[1],
        cpu[2] / cpu[3]
    );
    println!(
        "resident memory: {without:.0} bytes a child without files, {with_files:.0} with them: {:.0} a file",
        (with_files - without) / FILES as f64
    );
}

/// Children that have not come yet, with files of their own.
fn newcomers(size: &Size, catalog: &Catalog, files: usize) -> Vec<Newcomer> {
    let mut rng = Pcg32::seed_from_u64(1);
    (0..size.children).map(|number| Newcomer::draw(number, catalog, files, &mut rng)).collect()
}

/// Bytes that a supernode's process keeps for each child of so many files.
async fn memory_of_children(size: &Size, catalog: &Catalog, files: usize) -> f64 {
    let far = Far::start(Role::Supernode);
    let before = resident_bytes(far.id());
    let (_sessions, ..) = register(&far, newcomers(size, catalog, files), None).await;
    (resident_bytes(far.id()) - before) as f64 / size.children as f64
}

/// All children come; the last ones one at a time.
async fn register(
    far: &Far,
    mut newcomers: Vec<Newcomer>,
    canned: Option<Exchange>,
) -> (Sessions, Outcome, Exchange) {
    let single = newcomers.split_off(newcomers.len() * 9 / 10);
    let (count, cpu, start) = (newcomers.len(), far.cpu(), std::time::Instant::now());
    let mut sessions = Sessions::default();
    let together = sessions.join_together(far, newcomers, canned).await;
    let (took, cpu) = (start.elapsed(), far.cpu() - cpu);
    let one_by_one = sessions.join_one_by_one(far, single, canned).await;
    let outcome = outcome(count, took, cpu, &together, &one_by_one);
    let welcomed = sessions.welcomed();
    (sessions, outcome, welcomed)
}

/// What is asked.
enum Questions<'a> {
    Words(&'a [String]),
    Exchanges(&'a [Exchange]),
}

/// Children ask, some at a time and then one.
async fn search(
    far: &Far,
    mut sessions: Sessions,
    size: &Size,
    questions: Questions<'_>,
    registered: Outcome,
    welcomed: Exchange,
) -> Measured {
    sessions.will_ask(match questions {
        Questions::Words(words) => words.iter().cloned().map(supernode_kit::Question::Words).collect(),
        Questions::Exchanges(all) => all.iter().copied().map(supernode_kit::Question::Bytes).collect(),
    });
    let (cpu, start) = (far.cpu(), std::time::Instant::now());
    let asked = sessions.ask_together(size.time).await;
    let (took, cpu) = (start.elapsed(), far.cpu() - cpu);
    let single = sessions.ask_alone(size.time / 3).await;
    let took_of = |asked: &[Asked]| asked.iter().map(|asked| asked.took).collect::<Vec<_>>();
    let searches = outcome(asked.len(), took, cpu, &took_of(&asked), &took_of(&single));
    Measured { registered, searches, asked, welcomed }
}

fn outcome(
    count: usize,
    took: Duration,
    cpu: Duration,
    together: &[Duration],
    single: &[Duration],
) -> Outcome {
    let quantile_ms = |of: &[Duration], q: f64| {
        let mut times = Times::default();
        of.iter().for_each(|took| times.add(*took));
        times.quantile_s(q).map_or(f64::NAN, |s| s * 1e3)
    };
    Outcome {
        per_s: count as f64 / took.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        p50_ms: quantile_ms(together, 0.5),
        p99_ms: quantile_ms(together, 0.99),
        single_p99_ms: quantile_ms(single, 0.99),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
