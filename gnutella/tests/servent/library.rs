//! Which of a servent's files a query means.

use std::sync::Arc;

use bytes::BytesMut;
use common::digest::Digest;
use common::peer::FileId;
use common::user::{FileInfo, Query as Wanted, SharedFile, file_name};
use gnutella::library::{Library, RULES, is_searchable};
use gnutella::wire::{Codec, GgepBuilder, Message, Query, QueryBuilder, Setup, Sha1Urn};
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;

fn file(number: u32, name: &str) -> SharedFile {
    let info = FileInfo { name: name.into(), size: 1_000, ..FileInfo::default() };
    SharedFile { file: FileId(number), info: Arc::new(info) }
}

fn with_content(number: u32, name: &str, content: u8) -> SharedFile {
    let digest = Some(Digest::Sha1([content; 20]));
    let info = FileInfo { name: name.into(), size: 1_000, digest, ..FileInfo::default() };
    SharedFile { file: FileId(number), info: Arc::new(info) }
}

fn query(text: &str) -> Query {
    QueryBuilder::words(text).build()
}

/// A query of this payload, as it comes from a neighbour.
fn heard(payload: &[u8]) -> Arc<Query> {
    let header = [&[9; 16][..], &[0x80, 3, 0], &(payload.len() as u32).to_le_bytes()].concat();
    let mut bytes = BytesMut::from(&[&header, payload].concat()[..]);
    match Codec::new(Setup::Descriptors).decode(&mut bytes) {
        Ok(Some(Message::Query(_, query))) => query,
        other => panic!("no query: {other:?}"),
    }
}

fn found(library: &Library, query: &Query) -> Vec<u32> {
    library.matching(query, usize::MAX).iter().map(|file| file.file.0).collect()
}

#[test]
fn all_words_of_the_name_and_its_directory_count_the_suffix_too() {
    let mut library = Library::default();
    assert_eq!(found(&library, &query("zebra")), []);
    library.add(&[
        file(4, "music/Zebra/Zebra - Concerto.ogg"),
        file(9, "music/Giraffe/Concerto.mp3"),
        file(2, "concerto.ogg"),
    ]);
    let cases: [(&str, &[u32]); 10] = [
        ("zebra", &[4]),
        ("CONCERTO", &[2, 4, 9]),
        ("concerto ogg", &[2, 4]),
        ("giraffe/concerto", &[9]),
        ("zebra giraffe", &[]),
        ("music", &[]),
        ("quokka concerto", &[]),
        ("", &[]),
        ("    ", &[]),
        ("\\", &[]),
    ];
    for (text, numbers) in cases {
        assert_eq!(found(&library, &query(text)), numbers, "{text:?}");
    }
    assert_eq!(library.matching(&query("concerto"), 2).len(), 2);
}

#[test]
fn words_of_one_letter_alone_mean_nothing() {
    let mut library = Library::default();
    library.add(&[file(1, "a b song")]);
    assert_eq!(found(&library, &query("a")), []);
    assert_eq!(found(&library, &query("a b")), []);
    assert_eq!(found(&library, &query("a song")), [1]);
    assert!(is_searchable("né") && !is_searchable("é ö") && !is_searchable("' -"));
}

#[test]
fn contents_are_found_by_hash() {
    let mut library = Library::default();
    library.add(&[with_content(1, "one", 7), with_content(2, "two", 8), file(3, "three")]);
    let mut almost = [7; 20];
    almost[19] = 0;
    assert_eq!(found(&library, &QueryBuilder::urn(Sha1Urn([7; 20])).build()), [1]);
    assert_eq!(found(&library, &QueryBuilder::urn(Sha1Urn(almost)).build()), []);
    assert_eq!(found(&library, &QueryBuilder::urn(Sha1Urn([9; 20])).build()), []);
    // In binary, as servents of another make may ask: the word is of no account.
    let block = GgepBuilder::new(false).with(b"H", &[&[1], &[8; 20][..]].concat()).build();
    assert_eq!(found(&library, &heard(&[b"\x88\x00one\0", &block[..]].concat())), [2]);
    assert_eq!(library.by_urn(&Sha1Urn([8; 20])).map(|file| file.file), Some(FileId(2)));
}

#[test]
fn what_is_no_longer_shared_is_not_found() {
    let mut library = Library::default();
    library.add(&[with_content(1, "first song", 1), file(2, "second song")]);
    assert_eq!((library.files().len(), library.bytes()), (2, 2_000));
    library.add(&[file(1, "other tune")]);
    assert_eq!(found(&library, &query("song")), [2]);
    assert_eq!(found(&library, &query("tune")), [1]);
    assert!(library.by_urn(&Sha1Urn([1; 20])).is_none());
    library.remove(FileId(2));
    library.remove(FileId(77));
    assert_eq!(found(&library, &query("song")), []);
    assert_eq!((library.files().len(), library.bytes()), (1, 1_000));
    assert!(library.get(FileId(2)).is_none());
    library.remove(FileId(1));
    assert_eq!(found(&library, &query("tune")), []);
}

#[test]
fn names_on_the_wire_have_no_path() {
    assert_eq!(file_name("a/b c.ogg"), "b c.ogg");
    assert_eq!(file_name("c:\\a\\b.ogg"), "b.ogg");
    assert_eq!(file_name(""), "");
}

const WORDS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "ogg", "mp3", "x", "ü"];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), 0..4).prop_map(|words| words.join(" "))
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(text(), 1..4).prop_map(|parts| parts.join("/"))
}

#[derive(Clone, Debug)]
enum Step {
    Share(Vec<(u32, String)>),
    Unshare(u32),
    Ask(String),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::collection::vec((0..20u32, path()), 0..8).prop_map(Step::Share),
        (0..20u32).prop_map(Step::Unshare),
        text().prop_map(Step::Ask),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The definition of a match is that of the whole project: `WordRules::matches`.
    #[test]
    fn it_finds_what_the_rules_say(steps in prop::collection::vec(step(), 1..30)) {
        let mut library = Library::default();
        let mut model = std::collections::BTreeMap::new();
        for step in steps {
            match step {
                Step::Share(files) => {
                    let files: Vec<_> = files.iter().map(|(number, name)| file(*number, name)).collect();
                    library.add(&files);
                    model.extend(files.into_iter().map(|file| (file.file.0, file)));
                }
                Step::Unshare(number) => {
                    library.remove(FileId(number));
                    model.remove(&number);
                }
                Step::Ask(text) => {
                    let wanted = Wanted::words(&text);
                    let means = |file: &SharedFile| is_searchable(&text) && RULES.matches(&wanted, &file.info);
                    let expected: Vec<_> = model.iter().filter(|(_, file)| means(file)).map(|(n, _)| *n).collect();
                    prop_assert_eq!(found(&library, &query(&text)), expected, "{:?}", text);
                }
            }
            prop_assert_eq!(library.files().len(), model.len());
        }
    }
}
