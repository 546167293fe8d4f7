//! The index where lists are long, numbers are given anew and somebody means harm; in sizes that a scan can still follow.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::index::{AddError, Index, IndexConfig, SearchOptions, UserId, WordRules};
use common::user::{FileInfo, Media, Query, Range};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

fn file(name: impl Into<Box<str>>) -> Arc<FileInfo> {
    Arc::new(FileInfo { name: name.into(), size: 1, ..FileInfo::default() })
}

/// The results as (user, name), in their order.
fn found(index: &Index, query: &Query, options: &SearchOptions<'_>) -> Vec<(u32, String)> {
    let mut results = Vec::new();
    index.search(query, options, |user, info| {
        results.push((user.0, info.name.to_string()));
        ControlFlow::Continue(())
    });
    results
}

fn all() -> SearchOptions<'static> {
    SearchOptions { results_max: u32::MAX, work_max: u32::MAX, ..SearchOptions::default() }
}

#[test]
fn words_of_every_frequency_intersect_as_a_scan_does() {
    // From words that all files have to such as a handful have: all forms of lists meet all others.
    const FILES: u32 = 8_000;
    let words: Vec<String> = (0..40).map(|n| format!("w{n}")).collect();
    let mut rng = Pcg32::seed_from_u64(1);
    let mut index = Index::default();
    let mut files = Vec::new();
    for n in 0..FILES {
        let mut name = format!("dir/n{n}");
        for (at, word) in words.iter().enumerate() {
            let one_in = 1 + (at * at * at / 8) as u32;
            if rng.next_u32() % one_in == 0 {
                name += " ";
                name += word;
            }
        }
        let media = Media { bitrate_kbps: n % 3, ..Media::default() };
        let info = Arc::new(FileInfo { name: name.into(), size: 1, media, ..FileInfo::default() });
        index.add(UserId(n / 500), info.clone()).unwrap();
        files.push((n / 500, info));
    }
    // Some leave, so that lists shrink too.
    for user in [3, 7, 15] {
        assert_eq!(index.remove_user(UserId(user)), 500);
        files.retain(|(holder, _)| *holder != user);
    }
    let rules = WordRules::default();
    let mut matches = 0;
    for turn in 0..120 {
        let mut text = String::new();
        for _ in 0..1 + turn % 4 {
            let minus = if rng.next_u32().is_multiple_of(5) { "-" } else { "" };
            // Common words are asked for more often.
            let word = (rng.next_u32() % 40).min(rng.next_u32() % 40) as usize;
            text += &format!("{minus}{} ", words[word]);
        }
        let mut query = Query::words(text);
        if turn % 5 == 0 {
            query.bitrate_kbps = Range::exactly(1);
        }
        let expected: Vec<(u32, String)> = (files.iter().rev())
            .filter(|(_, info)| rules.matches(&query, info))
            .map(|(user, info)| (*user, info.name.to_string()))
            .collect();
        let results = found(&index, &query, &all());
        assert!(results == expected, "{}: {} results, not {}", query.words, results.len(), expected.len());
        matches += expected.len();
        // A limit gives the newest.
        let limited = found(&index, &query, &SearchOptions::default());
        assert_eq!(limited, expected[..expected.len().min(100)]);
    }
    assert!(matches > 20_000, "queries that find nothing prove nothing: {matches}");
}

#[test]
fn records_are_numbered_anew_without_anybody_noticing() {
    // Long-lived files among a stream of others that come and go, many times as many as the numbers kept vacant.
    let mut index = Index::default();
    let mut kept: Vec<(u32, String)> = Vec::new();
    for round in 0..150u32 {
        let name = format!("kept/all of round{round} r{}", round % 7);
        index.add(UserId(0), file(name.clone())).unwrap();
        index.add(UserId(1), file(name.clone())).unwrap();
        kept.push((0, name.clone()));
        kept.push((1, name));
        for n in 0..1_000 {
            index.add(UserId(2), file(format!("gone/all of r{} n{n} t{round}", n % 7))).unwrap();
        }
        assert_eq!(index.remove_user(UserId(2)), 1_000);
    }
    let newest_first: Vec<_> = kept.iter().rev().cloned().collect();
    assert_eq!(found(&index, &Query::words("all of"), &all()), newest_first);
    assert_eq!(found(&index, &Query::words("r3"), &all()).len(), 2 * 21);
    assert_eq!(index.totals().records, 150);
    assert!(index.memory_bytes() < 8_000_000, "{}", index.memory_bytes());
    for round in 0..150u32 {
        let name = format!("kept/all of round{round} r{}", round % 7);
        assert!(index.remove(UserId(0), &name));
        // A replica that comes back is the record it was.
        index.add(UserId(0), file(name)).unwrap();
    }
    assert_eq!(index.totals().records, 150);
    index.remove_user(UserId(0));
    index.remove_user(UserId(1));
    assert_eq!(index.totals(), common::index::Totals::default());
}

#[test]
fn results_come_newest_first() {
    let mut index = Index::default();
    for (user, name) in [(1, "a/x old"), (2, "a/x new"), (3, "a/x old"), (4, "a/x new")] {
        index.add(UserId(user), file(name)).unwrap();
    }
    let order: Vec<u32> =
        found(&index, &Query::words("x"), &all()).into_iter().map(|(user, _)| user).collect();
    assert_eq!(order, [4, 2, 3, 1]);
}

#[test]
fn limits_are_errors_that_say_which() {
    let config =
        IndexConfig { users_max: 2, files_per_user_max: 2, name_bytes_max: 8, ..IndexConfig::default() };
    let mut index = Index::new(config);
    let user = UserId(1);
    assert_eq!(index.add(UserId(2), file("a/b")), Err(AddError::TooManyUsers));
    assert_eq!(index.add(user, file("a/bcdefgh")), Err(AddError::NameTooLong));
    assert_eq!(index.add(user, file("a/b")), Ok(()));
    assert_eq!(index.add(user, file("a/b")), Err(AddError::Duplicate));
    assert_eq!(index.add(user, file("a/c")), Ok(()));
    assert_eq!(index.add(user, file("a/d")), Err(AddError::TooManyFiles));
    assert!(!index.remove(user, "a/d") && !index.remove(UserId(77), "a/b"));
    assert_eq!(index.remove_user(UserId(77)), 0);
    assert_eq!(index.files_of(UserId(77)).len(), 0);
    let totals = index.totals();
    assert_eq!((totals.users, totals.files, totals.bytes, totals.words), (1, 2, 2, 3));
}

#[test]
fn equal_names_of_different_content_are_different_files() {
    let mut index = Index::default();
    let sized = |size| Arc::new(FileInfo { size, ..(*file("a/song")).clone() });
    index.add(UserId(0), sized(1)).unwrap();
    index.add(UserId(1), sized(2)).unwrap();
    index.add(UserId(2), sized(2)).unwrap();
    assert_eq!((index.totals().records, index.totals().bytes), (2, 5));
    let small = Query { size: Range::at_most(1), ..Query::words("song") };
    assert_eq!(found(&index, &small, &all()), [(0, "a/song".to_owned())]);
}

#[test]
fn a_search_ends_where_it_is_told() {
    let mut index = Index::default();
    for user in 0..50 {
        for n in 0..40 {
            index.add(UserId(user), file(format!("a/x{n} common"))).unwrap();
        }
    }
    let query = Query::words("common");
    let mut seen = 0;
    let outcome = index.search(&query, &all(), |_, _| {
        seen += 1;
        if seen == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((seen, outcome.results, outcome.cut), (7, 7, false));
    let outcome =
        index.search(&query, &SearchOptions { work_max: 500, ..all() }, |_, _| ControlFlow::Continue(()));
    assert!(outcome.cut && outcome.results > 300 && outcome.work == 500, "{outcome:?}");
    let outcome =
        index.search(&query, &SearchOptions { results_max: 0, ..all() }, |_, _| ControlFlow::Continue(()));
    assert_eq!((outcome.results, outcome.cut), (0, false));
    assert_eq!(index.totals().searches_cut, 1);
    for words in ["", "-common", "' - ", "common nothing"] {
        let outcome = index.search(&Query::words(words), &all(), |_, _| panic!("nothing matches {words:?}"));
        assert_eq!(outcome.no_words, words != "common nothing", "{words:?}");
    }
}

#[test]
fn a_user_who_means_harm_costs_what_the_limits_say() {
    let mut index = Index::new(IndexConfig { files_per_user_max: 2_000, ..IndexConfig::default() });
    // Names of nothing but different words: only the first 32 count.
    for n in 0..2_000 {
        let words: Vec<String> = (0..90).map(|at| format!("{:x}", n * 90 + at)).collect();
        index.add(UserId(0), file(format!("a/{}", words.join(" ")))).unwrap();
    }
    assert!(index.totals().words <= 2_000 * 32);
    // One word of the longest kind, and nothing that is a word.
    index.add(UserId(1), file(format!("{}/'", "ß".repeat(500)))).unwrap();
    assert_eq!(found(&index, &Query::words("ß".repeat(400)), &all()).len(), 1);
    // A query of ten thousand words and exclusions.
    let words: BTreeSet<String> = (0..10_000).map(|n| format!("{n:x} -z{n:x}")).collect();
    let query = Query::words(words.into_iter().collect::<Vec<_>>().join(" "));
    assert_eq!(found(&index, &query, &all()), []);
    index.remove_user(UserId(0));
    index.remove_user(UserId(1));
    assert_eq!(index.totals(), common::index::Totals::default());
}
