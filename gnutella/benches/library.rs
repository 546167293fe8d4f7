//! Queries against the files of one servent: ten thousand shared, and the case that decides how large a simulation can be,
//! a servent with twenty files that has none of what is looked for.
//!
//! ```text
//! cargo bench -p gnutella --bench library [-- --quick]
//! ```
//!
//! Titles, and what is looked for, are drawn by Zipf popularity (exponent 0.8) from 100,000. A query costs what its
//! payload costs to read, once, and then each servent that sees it a match; the two are measured apart, because in a
//! simulation one copy of the bytes serves everybody, while over TCP each servent reads its own.
//!
//! *Many servents* match one query after the other, as a flood reaches them, so that their tables are not in the
//! processor's cache. *Scan* is what needs no index at all: every name's words compared with the query's, in advance cut
//! and hashed.

use std::hint::black_box;

use common::catalog::{Catalog, CatalogConfig};
use common::peer::FileId;
use common::user::SharedFile;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gnutella::library::{Library, RULES, word_hash};
use gnutella::wire::{Query, QueryBuilder};
use rand::SeedableRng;
use rand_pcg::Pcg32;

const QUERIES: usize = 1_000;
/// Results in one answer.
const RESULTS_MAX: usize = 64;
const SERVENTS: usize = 20_000;
const FILES_OF_MANY: usize = 20;

fn catalog() -> Catalog {
    let config = CatalogConfig { titles: 100_000, ..CatalogConfig::default() };
    Catalog::synthetic(&config, 1)
}

fn draw(catalog: &Catalog, files: usize, rng: &mut Pcg32) -> Vec<SharedFile> {
    let file =
        |number| SharedFile { file: FileId(number as u32), info: catalog.info(catalog.draw(rng)).clone() };
    (0..files).map(file).collect()
}

fn library(catalog: &Catalog, files: usize, rng: &mut Pcg32) -> Library {
    let mut library = Library::default();
    library.add(&draw(catalog, files, rng));
    library
}

fn texts(catalog: &Catalog, rng: &mut Pcg32) -> Vec<String> {
    (0..QUERIES).map(|_| catalog.query_for(catalog.draw(rng), rng).words).collect()
}

/// Their payloads have been read.
fn read(texts: &[String]) -> Vec<Query> {
    let queries: Vec<Query> = texts.iter().map(|text| QueryBuilder::words(text).build()).collect();
    queries.iter().for_each(|query| assert!(!query.words().is_empty()));
    queries
}

fn results(library: &Library, queries: &[Query]) -> usize {
    queries.iter().map(|query| library.matching(black_box(query), RESULTS_MAX).len()).sum()
}

fn one_servent(c: &mut Criterion) {
    let catalog = catalog();
    let rng = &mut Pcg32::seed_from_u64(2);
    let texts = texts(&catalog, rng);
    let queries = read(&texts);
    let mut group = c.benchmark_group("one servent");
    group.throughput(Throughput::Elements(QUERIES as u64));
    group.bench_function("queries read", |bencher| bencher.iter(|| read(black_box(&texts)).len()));
    for files in [20, 1_000, 10_000] {
        let library = library(&catalog, files, rng);
        println!("{files} files: {:.2} results a query", results(&library, &queries) as f64 / QUERIES as f64);
        group.bench_with_input(BenchmarkId::new("matched", files), &library, |bencher, library| {
            bencher.iter(|| results(library, &queries));
        });
    }
    group.finish();
}

fn scanned(c: &mut Criterion) {
    let catalog = catalog();
    let rng = &mut Pcg32::seed_from_u64(2);
    let queries = read(&texts(&catalog, rng)[..50]);
    let files = draw(&catalog, 10_000, rng);
    let words_of = |file: &SharedFile| -> Vec<u64> {
        RULES.of_name(&file.info.name).iter().map(|word| word_hash(word)).collect()
    };
    let words: Vec<Vec<u64>> = files.iter().map(words_of).collect();
    let mut group = c.benchmark_group("one servent");
    group.throughput(Throughput::Elements(queries.len() as u64));
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("scan", files.len()), |bencher| {
        bencher.iter(|| {
            let has_all =
                |query: &Query, name: &Vec<u64>| query.words().iter().all(|word| name.contains(word));
            let of = |query| words.iter().filter(|name| has_all(query, name)).take(RESULTS_MAX).count();
            queries.iter().map(|query| of(black_box(query))).sum::<usize>()
        });
    });
    group.finish();
}

fn many_servents(c: &mut Criterion) {
    let catalog = catalog();
    let rng = &mut Pcg32::seed_from_u64(3);
    let libraries: Vec<Library> = (0..SERVENTS).map(|_| library(&catalog, FILES_OF_MANY, rng)).collect();
    let queries = read(&texts(&catalog, rng));
    let mut group = c.benchmark_group("many servents");
    group.throughput(Throughput::Elements(SERVENTS as u64));
    let mut turn = 0;
    group.bench_function(BenchmarkId::new("matched", FILES_OF_MANY), |bencher| {
        bencher.iter(|| {
            turn = (turn + 1) % QUERIES;
            let query = &queries[turn];
            libraries
                .iter()
                .map(|library| library.matching(black_box(query), RESULTS_MAX).len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, one_servent, scanned, many_servents);
criterion_main!(benches);
