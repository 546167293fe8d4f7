//! The index gives what a scan of everything by the definition gives, whatever was added, removed and asked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use common::index::{AddError, Index, IndexConfig, SearchOptions, UserId, WordRules};
use common::user::{FileInfo, Media, Query, Range};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Few words and users, so that replicas, shared words and repeated names happen all the time.
const WORDS: [&str; 9] = ["sun", "moon", "Über", "l'été", "a", "the", "THE", "x1", "мир"];
const USERS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Add(u32, Arc<FileInfo>),
    /// The n-th file of the user, if any.
    Remove(u32, usize),
    RemoveUser(u32),
    Search(Query, Option<u32>, u32),
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WORDS[..])
}

fn file() -> impl Strategy<Value = Arc<FileInfo>> {
    let name =
        (prop::collection::vec(word(), 1..3), prop::collection::vec(word(), 1..4), ".mp3|\\.ogg||\\. x");
    (name, 1u64..4, 1u32..4).prop_map(|((dir, song, suffix), size, bitrate_kbps)| {
        let name = format!("top/{}/{}{suffix}", dir.join(" "), song.join("-")).into();
        let media = Media { bitrate_kbps, ..Media::default() };
        Arc::new(FileInfo { name, size, media, ..FileInfo::default() })
    })
}

fn query() -> impl Strategy<Value = Query> {
    let words = prop::collection::vec((prop::bool::weighted(0.2), word()), 0..4);
    (words, 0u32..3, prop::bool::weighted(0.3)).prop_map(|(words, least, filtered)| {
        let text: Vec<String> = words
            .into_iter()
            .map(|(minus, word)| format!("{}{word}", if minus { "-" } else { "" }))
            .collect();
        let mut query = Query::words(text.join(" "));
        if filtered {
            query.bitrate_kbps = Range::at_least(least);
            query.size = Range::at_most(2);
        }
        query
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..USERS, file()).prop_map(|(user, info)| Step::Add(user, info)),
        2 => (0..USERS, any::<usize>()).prop_map(|(user, at)| Step::Remove(user, at)),
        1 => (0..USERS).prop_map(Step::RemoveUser),
        4 => (query(), prop::option::of(0..USERS), 0..USERS).prop_map(|(q, own, slow)| Step::Search(q, own, slow)),
    ]
}

type Model = BTreeMap<u32, Vec<Arc<FileInfo>>>;

fn results(index: &Index, query: &Query, options: &SearchOptions<'_>) -> Vec<(u32, String, u64, u32)> {
    let mut results = Vec::new();
    let outcome = index.search(query, options, |user, info| {
        results.push((user.0, info.name.to_string(), info.size, info.media.bitrate_kbps));
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.results as usize, results.len());
    assert!(!outcome.cut);
    results
}

fn expected(model: &Model, query: &Query, own: Option<u32>, slow: u32) -> BTreeSet<(u32, String, u64, u32)> {
    let rules = WordRules::default();
    let all = model.iter().flat_map(|(user, files)| files.iter().map(move |info| (*user, info)));
    all.filter(|(user, info)| Some(*user) != own && *user != slow && rules.matches(query, info))
        .map(|(user, info)| (user, info.name.to_string(), info.size, info.media.bitrate_kbps))
        .collect()
}

fn check_search(index: &Index, model: &Model, query: &Query, own: Option<u32>, slow: u32) {
    let eligible = |user: UserId| user.0 != slow;
    let options = SearchOptions {
        exclude: own.map(UserId),
        results_max: u32::MAX,
        eligible: Some(&eligible),
        ..SearchOptions::default()
    };
    let found = results(index, query, &options);
    let expected = expected(model, query, own, slow);
    assert_eq!(found.len(), expected.len(), "{query:?}");
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected, "{query:?}");
    // A limit gives the first of them.
    let limited = results(index, &Query { results_max: 2, ..query.clone() }, &options);
    assert_eq!(limited, found[..found.len().min(2)]);
}

fn check_totals(index: &Index, model: &Model) {
    let totals = index.totals();
    let files = || model.values().flatten();
    assert_eq!(totals.users, model.values().filter(|files| !files.is_empty()).count() as u64);
    assert_eq!(totals.files, files().count() as u64);
    assert_eq!(totals.bytes, files().map(|info| info.size).sum::<u64>());
    let records: BTreeSet<_> = files().map(|info| (&info.name, info.size, info.media.bitrate_kbps)).collect();
    assert_eq!(totals.records, records.len() as u64);
    let words: BTreeSet<_> = files().flat_map(|info| WordRules::default().of_name(&info.name)).collect();
    assert_eq!(totals.words, words.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_index_is_a_fast_scan(steps in prop::collection::vec(step(), 1..120)) {
        let mut index = Index::new(IndexConfig { files_per_user_max: 12, ..IndexConfig::default() });
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Add(user, info) => {
                    let files = model.entry(user).or_default();
                    let expected = if files.len() >= 12 {
                        Err(AddError::TooManyFiles)
                    } else if files.iter().any(|file| file.name == info.name) {
                        Err(AddError::Duplicate)
                    } else {
                        files.push(info.clone());
                        Ok(())
                    };
                    // A replica often arrives as an equal description, not as the same allocation.
                    prop_assert_eq!(index.add(UserId(user), Arc::new((*info).clone())), expected);
                }
                Step::Remove(user, at) => {
                    let files = model.entry(user).or_default();
                    if files.is_empty() {
                        prop_assert!(!index.remove(UserId(user), "no such name"));
                    } else {
                        let gone = files.remove(at % files.len());
                        prop_assert!(index.remove(UserId(user), &gone.name));
                    }
                }
                Step::RemoveUser(user) => {
                    let files = model.remove(&user).unwrap_or_default();
                    prop_assert_eq!(index.remove_user(UserId(user)), files.len());
                }
                Step::Search(query, own, slow) => check_search(&index, &model, &query, own, slow),
            }
        }
        check_totals(&index, &model);
        for user in 0..USERS {
            let files = model.get(&user).map_or(&[][..], Vec::as_slice);
            prop_assert!(index.files_of(UserId(user)).eq(files.iter()));
            prop_assert!(files.iter().all(|info| index.get(UserId(user), &info.name) == Some(info)));
            prop_assert_eq!(index.get(UserId(user), "no such name"), None);
        }
        (0..USERS).for_each(|user| { index.remove_user(UserId(user)); });
        prop_assert_eq!(index.totals(), common::index::Totals::default());
    }
}
