//! Torrents and links to them: known ones, every one there and back, and what hostile ones can do.

use bittorrent::bencode::{self, Value, dict};
use bittorrent::magnet::{Magnet, MagnetError};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo, MetainfoError, PathFault, TRACKERS_MAX};
use bittorrent::wire::InfoHash;
use proptest::prelude::*;

/// SHA-1 of "hello".
const HELLO: [u8; 20] = [
    0xaa, 0xf4, 0xc6, 0x1d, 0xdc, 0xc5, 0xe8, 0xa2, 0xda, 0xbe, 0xde, 0x0f, 0x3b, 0x48, 0x2c, 0xd9, 0xae,
    0xa9, 0x43, 0x4d,
];
const HELLO_HASH: &str = "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00";

fn hello_info() -> Vec<u8> {
    let mut info = b"d6:lengthi5e4:name5:a.txt12:piece lengthi16384e6:pieces20:".to_vec();
    info.extend(HELLO);
    info.push(b'e');
    info
}

/// The `info` of a folder of these files, a byte each.
fn folder(paths: &[&[&str]]) -> Vec<u8> {
    let entry = |path: &&[&str]| {
        let path = bencode::list(path.iter().map(bencode::bytes));
        dict().put_integer(b"length", 1).put_raw(b"path", &path).finish()
    };
    dict()
        .put_raw(b"files", &bencode::list(paths.iter().map(entry)))
        .put_bytes(b"name", "folder")
        .put_integer(b"piece length", 16384)
        .put_bytes(b"pieces", [0; 20])
        .finish()
}

/// The `info` of one file, with some entries changed.
fn changed(change: impl FnOnce(&mut bencode::DictWriter) -> &mut bencode::DictWriter) -> Vec<u8> {
    let mut info = dict();
    info.put_integer(b"length", 5).put_bytes(b"name", "a.txt");
    info.put_integer(b"piece length", 16384).put_bytes(b"pieces", HELLO);
    change(&mut info);
    info.finish()
}

fn refusal(info: &[u8]) -> MetainfoError {
    let with_info = dict().put_raw(b"info", info).finish();
    let error = Metainfo::from_info(info, Vec::new()).expect_err("it should be refused");
    assert_eq!(Metainfo::parse(&with_info), Err(error.clone()));
    error
}

fn file(path: &[&str], length: u64) -> FileEntry {
    FileEntry { path: path.iter().map(|component| (*component).into()).collect(), length }
}

#[test]
fn the_info_hash_is_over_the_bytes_as_they_stand() {
    let metainfo = Metainfo::from_info(&hello_info(), Vec::new()).unwrap();
    assert_eq!(metainfo.info_hash.to_string(), HELLO_HASH);
    assert_eq!((&*metainfo.info.name, metainfo.info.length, metainfo.info.piece_length), ("a.txt", 5, 16384));
    assert_eq!((&*metainfo.info.pieces, &*metainfo.info.files), (&[HELLO][..], &[file(&[], 5)][..]));
    assert_eq!((metainfo.info.piece_count(), metainfo.info.piece_len(0)), (1, 5));
    // The same content, its keys in another order and one more: another torrent.
    let mut other = b"d4:name5:a.txt6:lengthi5e1:zi1e12:piece lengthi16384e6:pieces20:".to_vec();
    other.extend(HELLO);
    other.push(b'e');
    let odd = Metainfo::parse(&[b"d4:info", &other[..], b"e"].concat()).unwrap();
    assert_eq!(odd.info, metainfo.info);
    assert_ne!(odd.info_hash, metainfo.info_hash);
    assert_eq!(
        (&*odd.info_bytes, &*Metainfo::parse(&odd.to_bytes()).unwrap().info_bytes),
        (&other[..], &other[..])
    );
}

#[test]
fn what_stands_beside_the_info_is_read_and_kept() {
    let tiers = bencode::list([
        bencode::list(["http://a/announce", "http://b/announce"].map(bencode::bytes)),
        bencode::list([bencode::bytes("udp://c:1/")]),
        bencode::list([bencode::integer(3)]),
    ]);
    let torrent = dict()
        .put_bytes(b"announce", "http://ignored/")
        .put_raw(b"announce-list", &tiers)
        .put_bytes(b"comment", "a comment")
        .put_bytes(b"created by", "somebody")
        .put_integer(b"creation date", 1_000_000_000)
        .put_raw(b"info", &hello_info())
        .put_raw(b"nodes", b"ll4:hosti1eee")
        .put_bytes(b"url-list", "http://seed/")
        .finish();
    let metainfo = Metainfo::parse(&torrent).unwrap();
    let trackers: Vec<Vec<&str>> =
        metainfo.trackers.iter().map(|tier| tier.iter().map(|url| &**url).collect()).collect();
    assert_eq!(trackers, [vec!["http://a/announce", "http://b/announce"], vec!["udp://c:1/"]]);
    assert_eq!(metainfo.comment.as_deref(), Some("a comment"));
    assert_eq!(metainfo.created_by.as_deref(), Some("somebody"));
    assert_eq!(metainfo.creation_date_s, Some(1_000_000_000));
    let again = metainfo.to_bytes();
    assert_eq!(Metainfo::parse(&again).unwrap(), metainfo);
    let value = Value::parse(&again).unwrap();
    assert_eq!(value.as_dict().unwrap().raw(b"nodes"), Some(&b"ll4:hosti1eee"[..]));

    let one = dict().put_bytes(b"announce", "http://a/").put_raw(b"info", &hello_info()).finish();
    let metainfo = Metainfo::parse(&one).unwrap();
    assert_eq!(metainfo.trackers, [["http://a/".into()]]);
    assert_eq!(metainfo.to_bytes(), one);
}

#[test]
fn of_too_many_trackers_the_first_are_kept() {
    let tier = bencode::list((0..TRACKERS_MAX + 9).map(|n| bencode::bytes(format!("http://{n}/"))));
    let long = bencode::list([bencode::bytes("h".repeat(5_000))]);
    let torrent = dict()
        .put_raw(b"announce-list", &bencode::list([long, tier]))
        .put_raw(b"info", &hello_info())
        .finish();
    let metainfo = Metainfo::parse(&torrent).unwrap();
    assert_eq!((metainfo.trackers.len(), metainfo.trackers[0].len()), (1, TRACKERS_MAX));
    assert_eq!(&*metainfo.trackers[0][0], "http://0/");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let faults = [
        (&["a", ".."][..], PathFault::Dots),
        (&["."], PathFault::Dots),
        (&["a", ""], PathFault::Empty),
        (&[], PathFault::EmptyPath),
        (&["/etc/passwd"], PathFault::Separator),
        (&["a\0b"], PathFault::Separator),
        (&["a"; 65], PathFault::TooDeep),
    ];
    for (path, fault) in faults {
        let error = refusal(&folder(&[&["fine"], path]));
        assert_eq!(error, MetainfoError::Path { file: 2, fault });
    }
    let text = refusal(&folder(&[&["1"], &["2"], &[]])).to_string();
    assert_eq!(text, "the torrent's file 3 has an empty path");
    let long = "x".repeat(256);
    let fault = PathFault::TooLong;
    assert_eq!(refusal(&folder(&[&[&long]])), MetainfoError::Path { file: 1, fault });
    assert!(Metainfo::from_info(&folder(&[&[&long[1..]], &["b"; 64]]), Vec::new()).is_ok());
    for (name, fault) in [("..", PathFault::Dots), ("", PathFault::Empty), ("a/b", PathFault::Separator)] {
        assert_eq!(refusal(&changed(|info| info.put_bytes(b"name", name))), MetainfoError::Name(fault));
    }
}

#[test]
fn paths_that_collide_are_refused() {
    let error = refusal(&folder(&[&["a"], &["b"], &["a"]]));
    assert_eq!(error, MetainfoError::SamePath(1, 3));
    // What sorts between a file and a path below it must not hide the collision.
    let error = refusal(&folder(&[&["a", "b", "c"], &["a!"], &["a", "b"], &["a", "a"]]));
    assert_eq!(error, MetainfoError::BelowFile { file: 1, folder: 3 });
    let text = "the torrent's file 1 lies below its file 3, which is no folder";
    assert_eq!(error.to_string(), text);
    assert!(Metainfo::from_info(&folder(&[&["a", "b"], &["a", "c"], &["ab"]]), Vec::new()).is_ok());
}

#[test]
fn lengths_must_make_the_pieces() {
    let with = |key: &[u8], number| changed(|info| info.put_integer(key, number));
    for length in [0, -1, (64 << 20) + 1, i64::MAX] {
        assert_eq!(refusal(&with(b"piece length", length)), MetainfoError::PieceLength(length));
    }
    assert!(Metainfo::from_info(&with(b"piece length", 5), Vec::new()).is_ok(), "no power of two");
    assert_eq!(refusal(&with(b"length", -1)), MetainfoError::Length(1));
    assert_eq!(refusal(&with(b"length", 0)), MetainfoError::NoContent);
    let error = MetainfoError::PieceCount { hashes: 1, pieces: 2 };
    assert_eq!(refusal(&with(b"length", 16385)), error);
    assert!(Metainfo::from_info(&with(b"length", 16384), Vec::new()).is_ok());
    let hashes = |len| changed(|info| info.put_bytes(b"pieces", vec![0; len]));
    assert_eq!(refusal(&hashes(21)), MetainfoError::Hashes(21));
    assert_eq!(refusal(&hashes(40)), MetainfoError::PieceCount { hashes: 2, pieces: 1 });
    let entry = |name: &str, length| {
        let path = bencode::list([bencode::bytes(name)]);
        dict().put_integer(b"length", length).put_raw(b"path", &path).finish()
    };
    let of = |entries: &[Vec<u8>]| changed(|info| info.put_raw(b"files", &bencode::list(entries)));
    let huge = ["a", "b", "c"].map(|name| entry(name, i64::MAX));
    assert_eq!(refusal(&of(&huge)), MetainfoError::TotalLength);
    assert_eq!(refusal(&of(&[entry("a", 0), entry("b", 0)])), MetainfoError::NoContent);
    assert_eq!(refusal(&of(&[])), MetainfoError::NoFile);
    let many: Vec<_> = (0..100_001).map(|n| entry(&n.to_string(), 0)).collect();
    assert_eq!(refusal(&of(&many)), MetainfoError::TooManyFiles(100_001));
}

#[test]
fn what_is_no_torrent_is_told_so() {
    let error = Metainfo::parse(b"<html>").unwrap_err();
    assert_eq!(error.to_string(), "not a torrent: byte 0 is not what the notation has there");
    assert_eq!(Metainfo::parse(b"de"), Err(MetainfoError::Missing("`info`")));
    assert_eq!(Metainfo::parse(b"le"), Err(MetainfoError::Missing("its dictionary")));
    assert_eq!(refusal(b"de"), MetainfoError::Missing("`name`"));
    let long = vec![b'0'; (32 << 20) + 1];
    assert_eq!(Metainfo::parse(&long), Err(MetainfoError::TooLong(long.len())));
}

#[test]
fn names_of_other_code_pages_are_read_as_well_as_can_be() {
    let latin1 = changed(|info| info.put_bytes(b"name", b"caf\xe9"));
    assert_eq!(&*Metainfo::from_info(&latin1, Vec::new()).unwrap().info.name, "caf\u{fffd}");
    let told = changed(|info| info.put_bytes(b"name", b"caf\xe9").put_bytes(b"name.utf-8", "café"));
    assert_eq!(&*Metainfo::from_info(&told, Vec::new()).unwrap().info.name, "café");
}

#[test]
fn a_new_torrent_is_one_that_can_be_read() {
    let draft = Draft {
        name: "folder".into(),
        piece_length: 16384,
        pieces: vec![[1; 20], [2; 20]],
        files: vec![file(&["b", "x"], 16384), file(&["a"], 0), file(&["c"], 1)],
        trackers: vec![vec!["http://a/announce".into()], vec!["http://b/announce".into()]],
        comment: Some("öffentlich".into()),
        created_by: Some("a test".into()),
        creation_date_s: Some(1),
        is_private: true,
    };
    let metainfo = Metainfo::new(draft.clone()).unwrap();
    assert!(metainfo.info.is_private);
    assert_eq!(*metainfo.info.files, draft.files[..], "in their order");
    assert_eq!(
        (metainfo.info.length, metainfo.info.piece_len(1), metainfo.info.span(1)),
        (16385, 1, 16384..16385)
    );
    assert_eq!(Metainfo::parse(&metainfo.to_bytes()).unwrap(), metainfo);
    for piece_length in [0, 8192, 16385, 24576, 32 << 20] {
        let error = Metainfo::new(Draft { piece_length, ..draft.clone() });
        assert_eq!(error, Err(MetainfoError::NewPieceLength(piece_length)));
    }
    let one = Draft { files: vec![file(&[], 16385)], is_private: false, ..draft.clone() };
    let one = Metainfo::new(one).unwrap();
    let value = Value::parse(&one.info_bytes).unwrap();
    assert!(value.as_dict().unwrap().get(b"files").is_none() && !one.info.is_private);
    let fault = PathFault::EmptyPath;
    let files = vec![file(&["a"], 16384), file(&[], 1)];
    let error = Metainfo::new(Draft { files, ..draft.clone() });
    assert_eq!(error, Err(MetainfoError::Path { file: 2, fault }));
    let files = vec![file(&["a"], u64::MAX)];
    assert_eq!(Metainfo::new(Draft { files, ..draft.clone() }), Err(MetainfoError::Length(1)));
    assert_eq!(Metainfo::new(Draft { files: Vec::new(), ..draft }), Err(MetainfoError::NoFile));
}

#[test]
fn links_are_read_in_every_form() {
    let hex = format!("magnet:?xt=urn:btih:{HELLO_HASH}");
    let link: Magnet = hex.parse().unwrap();
    assert_eq!((link.info_hash.to_string().as_str(), link.to_string()), (HELLO_HASH, hex));
    // The same 20 bytes, in letters of both cases.
    let base32: Magnet = "MAGNET:?xt=urn:btih:3y7nyhp2dfmk76wb3poi6ngu23nmiPYA".parse().unwrap();
    assert_eq!(base32.info_hash, link.info_hash);
    let full = format!(
        "magnet:?dn=Some+%C3%B6+name&xt=urn:ed2k:0&xt.1=urn:btih:{}&tr=http%3A%2F%2Fa%2Fannounce&tr.2=udp://b:1\
         &x.pe=127.0.0.1:6881&x.pe=host:1&x.pe=[::1]:1&so=0",
        HELLO_HASH.to_uppercase()
    );
    let link: Magnet = full.parse().unwrap();
    assert_eq!(
        (link.info_hash.to_string().as_str(), link.name.as_deref()),
        (HELLO_HASH, Some("Some ö name"))
    );
    assert_eq!(link.trackers, ["http://a/announce".into(), "udp://b:1".into()]);
    assert_eq!(link.peers, ["127.0.0.1:6881".parse().unwrap()]);
    assert_eq!(link.to_string().parse::<Magnet>().unwrap(), link);
}

#[test]
fn what_is_no_link_is_told_so() {
    let refused = [
        ("http://a/", MagnetError::Scheme),
        ("magnet", MagnetError::Scheme),
        ("magnet:?dn=x", MagnetError::NoTopic),
        ("magnet:?xt=urn:btmh:1220aa", MagnetError::NoTopic),
        ("magnet:?xt=urn:btih:abc", MagnetError::InfoHash),
        ("magnet:?xt=urn:btih:11111111111111111111111111111111", MagnetError::InfoHash),
    ];
    for (link, error) in refused {
        assert_eq!(link.parse::<Magnet>(), Err(error), "{link}");
    }
    let many = format!("magnet:?xt=urn:btih:{HELLO_HASH}{}", "&tr=x&x.pe=1.2.3.4:5".repeat(1_000));
    let link: Magnet = many.parse().unwrap();
    assert_eq!((link.trackers.len(), link.peers.len()), (TRACKERS_MAX, 100));
    assert_eq!(format!("{many}{many}{many}{many}").parse::<Magnet>(), Err(MagnetError::TooLong));
}

#[test]
fn the_corpus_is_refused_or_understood() {
    crate::corpus::each("metainfo", 10, |_, bytes| Metainfo::parse(bytes).map(|_| ()));
}

proptest! {
    #[test]
    fn every_torrent_comes_back(
        lengths in prop::collection::vec(0u64..100_000, 1..12),
        shift in 14u32..=24,
        (name, comment) in ("[^/\0]{1,60}", prop::option::of("\\PC{0,20}")),
        trackers in prop::collection::vec(prop::collection::vec("http://[a-z]{1,9}/", 1..3), 0..4),
        (date, is_private) in (prop::option::of(0..i64::MAX as u64), any::<bool>()),
    ) {
        prop_assume!(name != "." && name != "..");
        let total: u64 = lengths.iter().sum();
        prop_assume!(total > 0);
        let count = total.div_ceil(1 << shift) as u8;
        let files = lengths.iter().enumerate().map(|(n, length)| file(&["d", &n.to_string()], *length)).collect();
        let urls = |tier: Vec<String>| tier.into_iter().map(Into::into).collect();
        let metainfo = Metainfo::new(Draft {
            name: name.into(),
            piece_length: 1 << shift,
            pieces: (0..count).map(|n| [n; 20]).collect(),
            files,
            trackers: trackers.into_iter().map(urls).collect(),
            comment: comment.map(Into::into),
            created_by: None,
            creation_date_s: date,
            is_private,
        }).unwrap();
        let read = Metainfo::parse(&metainfo.to_bytes()).unwrap();
        prop_assert_eq!(&read, &metainfo);
        let lens: u64 = (0..read.info.piece_count()).map(|piece| u64::from(read.info.piece_len(piece))).sum();
        prop_assert_eq!(lens, total);
    }

    #[test]
    fn every_link_comes_back(
        hash in any::<[u8; 20]>(),
        name in prop::option::of("\\PC{0,30}"),
        trackers in prop::collection::vec("\\PC{1,30}", 0..4),
        peers in prop::collection::vec(any::<(u32, u16)>(), 0..4),
        noise in "\\PC{0,60}",
    ) {
        let peers = peers.into_iter().map(|(ip, port)| std::net::SocketAddrV4::new(ip.into(), port)).collect();
        let trackers = trackers.into_iter().map(Into::into).collect();
        let link = Magnet { info_hash: InfoHash(hash), name: name.map(Into::into), trackers, peers };
        prop_assert_eq!(link.to_string().parse::<Magnet>().unwrap(), link);
        let _ = (noise.parse::<Magnet>(), format!("magnet:?{noise}").parse::<Magnet>());
    }

    #[test]
    fn any_change_to_the_corpus_is_read_or_refused(change in crate::corpus::change()) {
        if let Ok(metainfo) = Metainfo::parse(&change.of("metainfo")) {
            let info = &metainfo.info;
            prop_assert_eq!(info.files.iter().map(|file| file.length).sum::<u64>(), info.length);
            prop_assert!(info.span(info.piece_count() - 1).end == info.length);
            prop_assert_eq!(Metainfo::parse(&metainfo.to_bytes()).unwrap(), metainfo);
        }
    }
}
