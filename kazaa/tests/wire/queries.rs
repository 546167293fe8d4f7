//! Queries: as clients send them, and as users mean them.

use std::sync::Arc;

use common::user::{Query as Asked, Range};
use kazaa::wire::*;

use super::{Line, bytes, payload, payload_of};

fn query(text: &str) -> Arc<Query> {
    match payload(false, 0x06, text) {
        Message::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_query_as_a_real_client_sends_it() {
    let text = "00 01 03e8 0000 01 bf 01 05 00 0d \"quetzal tango\"";
    let read = query(text);
    assert_eq!((read.results_max, read.id, read.realm), (1000, 0, Realm::Any));
    assert_eq!(*read.terms, [Term::words("quetzal tango")]);
    assert_eq!(payload_of(false, Message::Query(read.clone())), bytes(text));
    assert_eq!(read.to_user(), Asked { results_max: 1000, ..Asked::words("quetzal tango") });
    assert_eq!(*read, Query::of_user(&read.to_user(), 0, 1));
    // By content.
    let text = "00 01 0010 0007 01 a1 01 00 03 14 7ee574a5effcce5e2ac7105a6d92ea12b1b34136";
    let read = query(text);
    assert_eq!(
        read.content().map(|hash| hash.to_vec()),
        Some(bytes("7ee574a5effcce5e2ac7105a6d92ea12b1b34136"))
    );
    assert_eq!((read.realm, payload_of(false, Message::Query(read.clone()))), (Realm::Audio, bytes(text)));
    assert_eq!(read.to_user().words, "uuhash:7ee574a5effcce5e2ac7105a6d92ea12b1b34136");
    // As KaZaA sends them: with a term that nobody else knows.
    let kazaa = query("00 01 0032 0001 01 a2 03 05 04 03 \"foo\" 04 15 02 8100 06 25 01 02");
    let asked = kazaa.to_user();
    assert_eq!((&*asked.words, asked.bitrate_kbps, asked.results_max), ("foo", Range::at_least(128), 50));
}

#[test]
fn all_that_a_user_can_ask() {
    let hash = "00112233445566778899aabbccddeeff00112233";
    let asked = Asked {
        words: format!(
            "some -live words uuhash:{hash} -kzhash:x kzhash:{hash}ffffffffffffffffffffffffffffffff uuhash:1"
        ),
        bitrate_kbps: Range::at_least(128),
        duration_s: Range { min: 60, max: 300 },
        size: Range::exactly(5_000_000),
        frequency_hz: Range::exactly(44_100),
        speed: Range::at_least(3),
        results_max: 20,
    };
    let query = Query::of_user(&asked, 9, 50);
    let number = Term::number;
    let content = Term::hash(&bytes(hash).try_into().unwrap());
    assert_eq!(
        *query.terms,
        [
            Term::words("some words uuhash:1"),
            content.clone(),
            content,
            number(Comparison::AtLeast, Field::BITRATE, 128),
            number(Comparison::AtLeast, Field::DURATION, 60),
            number(Comparison::AtMost, Field::DURATION, 300),
            number(Comparison::Equals, Field::SIZE, 5_000_000),
        ]
    );
    assert_eq!((query.id, query.results_max, query.realm), (9, 20, Realm::Any));
    let back = query.to_user();
    assert_eq!(
        (back.bitrate_kbps, back.duration_s, back.size),
        (asked.bitrate_kbps, asked.duration_s, asked.size)
    );
    // Left to whoever gets the results.
    assert_eq!((back.frequency_hz, back.speed), (Range::default(), Range::default()));
    // A thousand words, hashes, or results are cut to what a query may have.
    let endless = Asked {
        results_max: 100_000,
        ..Asked::words("word ".repeat(1000) + &format!("uuhash:{hash} ").repeat(99))
    };
    let query = Query::of_user(&endless, 0, 50);
    assert_eq!((query.results_max, query.terms.len()), (u16::MAX, TERMS_MAX));
    assert_eq!(query.terms[0].value.len(), 509);
    let said = Message::Query(Arc::new(query));
    assert_eq!(Line::new(false).carry(said.clone()), said);
    assert_eq!(Query::of_user(&Asked::default(), 0, 50), Query::new(50, 0, Realm::Any, []));
}

#[test]
fn a_minus_of_somebody_elses_excludes_nothing() {
    let read = query("00 01 0032 0001 01 bf 02 05 00 0e \"a - b -c --d -\" 00 06 01 \"e\"");
    assert_eq!(read.to_user().words, "a b c d e");
}

#[test]
fn terms_that_contradict_each_other_leave_nothing() {
    let terms = [
        Term::number(Comparison::AtLeast, Field::BITRATE, 200),
        Term::number(Comparison::AtMost, Field::BITRATE, 100),
        Term {
            comparison: Comparison::AtLeast,
            field: Field::SIZE,
            value: bytes("81ffffffffffffffff7f").into(),
        },
        Term { comparison: Comparison::AtMost, field: Field::DURATION, value: [].into() },
    ];
    let asked = Query::new(1, 1, Realm::Any, terms).to_user();
    assert!(asked.bitrate_kbps.min > asked.bitrate_kbps.max);
    assert_eq!((asked.size.min, asked.duration_s), (u32::MAX, Range::default()));
}

#[test]
fn hostile_queries() {
    let refused = |text: &str| Line::new(false).carry_payload(0x06, &bytes(text)).is_err();
    assert!(refused("00 01 0032 0001 01 bf"));
    assert!(refused("00 01 0032 0001 01 bf ff"), "terms that are not there");
    assert!(refused(&format!("00 01 0032 0001 01 bf 21 {}", "05 00 01 61".repeat(33))), "a term too many");
    assert!(refused("00 01 0032 0001 01 bf 01 05 00 8fffffff7f 61"), "a term of gigabytes");
    assert!(refused("00 01 0032 0001 01 bf 01 05 ffffffffffffffffffff00 01 61"), "a field beyond numbers");
    // A hash of another length asks for nothing, and text need not be text.
    let odd = query("00 01 0032 0001 01 00 02 00 03 03 010203 05 00 02 e9ff");
    assert_eq!((odd.content(), odd.realm, odd.to_user().words), (None, Realm::Any, "éÿ".to_owned()));
}

#[test]
fn kinds_of_media_go_by_suffix() {
    for (name, realm, content_type) in [
        ("a.MP3", Realm::Audio, "audio/mpeg"),
        ("b.c.avi", Realm::Video, "video/x-msvideo"),
        ("d.jpg", Realm::Image, "image/jpeg"),
        ("e.pdf", Realm::Document, "application/pdf"),
        ("f.zip", Realm::Software, "application/zip"),
        ("mp3", Realm::Any, "application/octet-stream"),
        ("g.xyz", Realm::Any, "application/octet-stream"),
    ] {
        assert_eq!((Realm::of_name(name), kazaa::wire::content_type(name)), (realm, content_type), "{name}");
        assert!(Realm::Any.admits(name) && realm.admits(name));
        assert_eq!(Realm::Image.admits(name), realm == Realm::Image);
    }
}
