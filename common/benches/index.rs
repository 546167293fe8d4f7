//! The keyword index with a million files of ten thousand users, beside SQLite's full-text search.
//!
//! ```text
//! cargo bench -p common --bench index [-- --quick]
//! ```
//!
//! Users share a hundred titles each, drawn by Zipf popularity (exponent 0.8) from half a million, so that popular
//! titles have hundreds of replicas. Each file comes to the index as a description of its own, as off the wire; memory is
//! what the allocator was asked for and includes the descriptions.
//!
//! Queries are drawn by the same popularity: *distinctive* ones as the catalog makes them, and *common* ones of the two
//! commonest words of a title, whose lists are long and seldom meet. Every system gives at most 100 results for a query,
//! with user and name of each, and must give as many as the others.
//!
//! Fair? SQLite (FTS5, in memory, contentless, `detail=none`, the leanest it has) parses and plans each statement once and
//! binds the words; the index splits and lower-cases the query's text each time. SQLite runs in two layouts: *rows*, one
//! row for each shared file, which is how a table of shares is usually made, and *interned*, one row for each different file
//! and a table of holders, which is how this index does it. Neither gets concurrent writes. Both are asked for the newest
//! first. SQLite could persist and query in many other ways, and pays for that; an index server needs none of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig, TitleId};
use common::index::{Index, SearchOptions, UserId, WordRules};
use common::user::{FileInfo, Query};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use rusqlite::{Connection, params};

/// The system's allocator, with a count of the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Results of a query, at most.
const RESULTS_MAX: u32 = 100;
/// Files of a user.
const FILES: u32 = 100;
const SEED: u64 = 1;

struct Sizes {
    users: u32,
    titles: u32,
    queries: usize,
    rounds: usize,
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let sizes = match quick {
        true => Sizes { users: 300, titles: 15_000, queries: 200, rounds: 3 },
        false => Sizes { users: 10_000, titles: 500_000, queries: 2_000, rounds: 5 },
    };
    let (catalog, placement) = workload(&sizes);
    let mut index = fill(&catalog, &placement);
    change_users(&mut index, &catalog, &placement);
    let rows = rows_database(&catalog, &placement);
    let interned = interned_database(&catalog, &placement);
    for (what, queries) in queries(&catalog, sizes.queries) {
        compare(what, &queries, sizes.rounds, &index, &rows, &interned);
    }
}

fn workload(sizes: &Sizes) -> (Catalog, Placement) {
    let config = CatalogConfig {
        titles: sizes.titles,
        artists: sizes.titles / 20,
        words: sizes.titles / 20,
        zipf_alpha: 0.8,
        ..CatalogConfig::default()
    };
    let catalog = Catalog::synthetic(&config, SEED);
    let shares = PlacementConfig {
        free_riders: 0.0,
        files_mean: f64::from(FILES),
        files_sigma: 0.0,
        ..PlacementConfig::default()
    };
    let placement = Placement::draw(&catalog, sizes.users, &shares, SEED);
    println!("{} files of {} users, {} titles", placement.total_files(), sizes.users, sizes.titles);
    (catalog, placement)
}

/// A user's files as they come off the wire: descriptions of their own.
fn described(catalog: &Catalog, placement: &Placement, user: u32) -> Vec<Arc<FileInfo>> {
    placement.titles(user).iter().map(|title| Arc::new((**catalog.info(*title)).clone())).collect()
}

fn fill(catalog: &Catalog, placement: &Placement) -> Index {
    let before = IN_USE.load(Ordering::Relaxed);
    let start = Instant::now();
    let mut index = Index::default();
    for user in 0..placement.peers() {
        for info in described(catalog, placement, user) {
            index.add(UserId(user), info).expect("a new file");
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let bytes = IN_USE.load(Ordering::Relaxed) - before;
    let totals = index.totals();
    println!("index: {} different files, {} words, filled in {seconds:.2} s", totals.records, totals.words);
    println!(
        "index: {:.1} bytes per shared file, {:.1} per different file ({:.1} MB; it estimates {:.1} MB)",
        bytes as f64 / totals.files as f64,
        bytes as f64 / totals.records as f64,
        bytes as f64 / 1e6,
        index.memory_bytes() as f64 / 1e6,
    );
    index
}

/// Users leave and come back, one after the other.
fn change_users(index: &mut Index, catalog: &Catalog, placement: &Placement) {
    let (mut added, mut dropped) = (Vec::new(), Vec::new());
    for user in (0..placement.peers()).step_by(7) {
        let files = described(catalog, placement, user);
        let start = Instant::now();
        let gone = index.remove_user(UserId(user));
        dropped.push(start.elapsed().as_secs_f64() * 1e6);
        assert_eq!(gone, FILES as usize);
        let start = Instant::now();
        for info in files {
            index.add(UserId(user), info).expect("a new file");
        }
        added.push(start.elapsed().as_secs_f64() * 1e6);
    }
    for (what, micros) in [("adding", &mut added), ("dropping", &mut dropped)] {
        micros.sort_by(f64::total_cmp);
        let (median, p99) = (micros[micros.len() / 2], micros[micros.len() * 99 / 100]);
        println!("index: {what} a user with {FILES} files: median {median:.1} µs, p99 {p99:.1} µs");
    }
}

/// The two kinds of queries.
fn queries(catalog: &Catalog, count: usize) -> [(&'static str, Vec<Query>); 2] {
    let mut rng = Pcg64::seed_from_u64(SEED);
    let rules = WordRules::default();
    let mut occurrences: HashMap<String, u32> = HashMap::new();
    for title in catalog.ids() {
        rules
            .of_name(&catalog.info(title).name)
            .into_iter()
            .for_each(|word| *occurrences.entry(word).or_default() += 1);
    }
    let common = |title: TitleId| {
        let mut words = rules.of_name(&catalog.info(title).name);
        words.sort_by_key(|word| std::cmp::Reverse(occurrences[word]));
        Query::words(words[..words.len().min(2)].join(" "))
    };
    let titles: Vec<TitleId> = (0..count).map(|_| catalog.draw(&mut rng)).collect();
    let distinctive = titles.iter().map(|title| catalog.query_for(*title, &mut rng)).collect();
    [("distinctive", distinctive), ("common", titles.iter().map(|title| common(*title)).collect())]
}

const FTS: &str = "CREATE VIRTUAL TABLE words USING fts5(name, content='', detail=none, columnsize=0, \
                   tokenize=\"unicode61 remove_diacritics 0 tokenchars ''''\");";

fn database(tables: &str) -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    database
        .execute_batch(&format!("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {FTS} {tables} BEGIN;"))
        .expect("tables");
    database
}

/// Ends the loading, and puts the full-text index into its best shape.
fn loaded(database: Connection, what: &str, start: Instant) -> Connection {
    database.execute_batch("COMMIT; INSERT INTO words(words) VALUES('optimize'); ANALYZE;").expect("loaded");
    let number =
        |pragma| database.query_row(pragma, [], |row| row.get::<_, i64>(0)).expect("a number") as f64;
    let megabytes = number("PRAGMA page_count") * number("PRAGMA page_size") / 1e6;
    println!("sqlite {what}: filled in {:.2} s, {megabytes:.1} MB", start.elapsed().as_secs_f64());
    database
}

/// The part of a name that is searched; the titles here have neither deeper folders nor other suffixes.
fn searched(info: &FileInfo) -> &str {
    info.name.strip_suffix(".mp3").unwrap_or(&info.name)
}

fn rows_database(catalog: &Catalog, placement: &Placement) -> Connection {
    let start = Instant::now();
    let database =
        database("CREATE TABLE files(id INTEGER PRIMARY KEY, user INTEGER, name TEXT, size INTEGER);");
    {
        let mut words = database.prepare("INSERT INTO words(rowid, name) VALUES(?, ?)").expect("SQL");
        let mut files = database.prepare("INSERT INTO files VALUES(?, ?, ?, ?)").expect("SQL");
        let mut id = 0i64;
        for user in 0..placement.peers() {
            for title in placement.titles(user) {
                let info = catalog.info(*title);
                id += 1;
                words.execute(params![id, searched(info)]).expect("inserted");
                files.execute(params![id, user, &*info.name, info.size as i64]).expect("inserted");
            }
        }
    }
    loaded(database, "rows", start)
}

fn interned_database(catalog: &Catalog, placement: &Placement) -> Connection {
    let start = Instant::now();
    let database = database(
        "CREATE TABLE files(id INTEGER PRIMARY KEY, name TEXT, size INTEGER);
         CREATE TABLE holders(file INTEGER, user INTEGER, PRIMARY KEY(file, user)) WITHOUT ROWID;",
    );
    {
        let mut words = database.prepare("INSERT INTO words(rowid, name) VALUES(?, ?)").expect("SQL");
        let mut files = database.prepare("INSERT INTO files VALUES(?, ?, ?)").expect("SQL");
        let mut holders = database.prepare("INSERT INTO holders VALUES(?, ?)").expect("SQL");
        for title in catalog.ids() {
            let (id, info) = (i64::from(title.0), catalog.info(title));
            for user in placement.holders(title) {
                holders.execute(params![id, user]).expect("inserted");
            }
            if !placement.holders(title).is_empty() {
                words.execute(params![id, searched(info)]).expect("inserted");
                files.execute(params![id, &*info.name, info.size as i64]).expect("inserted");
            }
        }
    }
    loaded(database, "interned", start)
}

const ROWS_QUERY: &str = "SELECT files.user, files.name FROM words JOIN files ON files.id = words.rowid
                          WHERE words MATCH ?1 ORDER BY words.rowid DESC LIMIT ?2";
const INTERNED_QUERY: &str = "SELECT holders.user, files.name FROM words JOIN files ON files.id = words.rowid
                              JOIN holders ON holders.file = files.id
                              WHERE words MATCH ?1 ORDER BY words.rowid DESC LIMIT ?2";

/// Asks all three the same queries, checks that they give as many results, and prints how fast each was.
fn compare(
    what: &str,
    queries: &[Query],
    rounds: usize,
    index: &Index,
    rows: &Connection,
    interned: &Connection,
) {
    let (ours, our_counts) = median(rounds, || {
        let options = SearchOptions { results_max: RESULTS_MAX, ..SearchOptions::default() };
        let ask = |query| {
            let mut bytes = 0;
            let outcome = index.search(query, &options, |user, info| {
                bytes += black_box(user.0 as usize) + info.name.len();
                ControlFlow::Continue(())
            });
            assert!(!outcome.cut);
            black_box(bytes);
            outcome.results
        };
        queries.iter().map(ask).collect()
    });
    let results: u64 = our_counts.iter().map(|count| u64::from(*count)).sum();
    let rate = queries.len() as f64 / ours;
    println!("{what}: {:.1} results per query", results as f64 / queries.len() as f64);
    println!("{what}: index           {rate:>12.0} searches/s");
    for (layout, database, sql) in [("rows", rows, ROWS_QUERY), ("interned", interned, INTERNED_QUERY)] {
        let (theirs, their_counts) = median(rounds.min(3), || ask_sqlite(database, sql, queries));
        assert_eq!(our_counts, their_counts, "{what}, {layout}: the results differ");
        let their_rate = queries.len() as f64 / theirs;
        println!(
            "{what}: sqlite {layout:<8} {their_rate:>12.0} searches/s: the index makes {:.0} times as many",
            rate / their_rate
        );
    }
}

fn ask_sqlite(database: &Connection, sql: &str, queries: &[Query]) -> Vec<u32> {
    let mut statement = database.prepare(sql).expect("SQL");
    let mut ask = |query: &Query| {
        let words: Vec<String> = query.words.split(' ').map(|word| format!("\"{word}\"")).collect();
        let mut rows = statement.query(params![words.join(" "), RESULTS_MAX]).expect("a query");
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next().expect("a row") {
            bytes += row.get_ref(0).and_then(|user| Ok(user.as_i64()?)).expect("a user") as usize;
            bytes += row.get_ref(1).and_then(|name| Ok(name.as_str()?.len())).expect("a name");
            count += 1;
        }
        black_box(bytes);
        count
    };
    queries.iter().map(&mut ask).collect()
}

/// The median of the seconds of several rounds, and the result of the last.
fn median(rounds: usize, mut work: impl FnMut() -> Vec<u32>) -> (f64, Vec<u32>) {
    let mut seconds = Vec::new();
    let mut result = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        result = work();
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    (seconds[rounds / 2], result)
}
