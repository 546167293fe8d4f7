//! Trackers and sites under TLS, as peers and sites ask for them: by which name, and what comes of one that is not believed.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use crate::kit::fetch;
use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::site::{Listed, SiteConfig};
use common::peer::CloseReason;
use common::store::Memory;
use common::testing::Lone;
use common::user::{Command, Note, Query, SearchEnd, SearchId};

fn torrent(trackers: &[&str]) -> Arc<Metainfo> {
    let draft = Draft {
        name: "content.bin".into(),
        piece_length: 262_144,
        pieces: vec![[0; 20]; 4],
        files: vec![FileEntry { path: Box::default(), length: 1_000_000 }],
        trackers: trackers.iter().map(|url| vec![(*url).into()]).collect(),
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap())
}

fn hosts() -> Arc<BTreeMap<Box<str>, SocketAddrV4>> {
    let known = [("tracker.example:443", "10.0.0.9:443"), ("tracker.example:80", "10.0.0.9:80")];
    Arc::new(known.map(|(host, at)| (host.into(), at.parse().unwrap())).into())
}

fn leecher(trackers: &[&str]) -> Lone<Node> {
    let torrent = torrent(trackers);
    let mut lone = Lone::new(Node::peer(Config {
        torrents: Arc::new([Arc::clone(&torrent)]),
        hosts: hosts(),
        knobs: Arc::new(Knobs::default()),
        ..Config::default()
    }));
    lone.store.add(Arc::new(Memory::with_max(1_000_000)));
    lone.command(fetch(&torrent));
    lone
}

#[test]
fn a_tracker_is_dialled_by_the_name_in_its_url() {
    for (url, at, host) in [
        ("https://tracker.example/announce", "10.0.0.9:443", "tracker.example"),
        ("https://10.0.0.8:6969/announce", "10.0.0.8:6969", "10.0.0.8:6969"),
    ] {
        let mut lone = leecher(&[url]);
        let dial = lone.next_dial().unwrap();
        assert_eq!(dial.1, at.parse().unwrap());
        assert_eq!(lone.tls_name(dial.0), Some(host.split(':').next().unwrap()));
        let conn = lone.answer(dial);
        let asked = String::from_utf8(lone.take(conn)).unwrap();
        assert!(asked.starts_with("GET /announce?info_hash="), "{asked}");
        assert!(asked.contains(&format!("\r\nHost: {host}\r\n")), "{asked}");
        let body = b"d8:intervali900e5:peers6:\x0a\0\0\x05\x1a\xe1e";
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        lone.feed(conn, &[head.as_bytes(), body].concat());
        let (peer, to) = lone.next_dial().unwrap();
        assert_eq!((to, lone.tls_name(peer)), ("10.0.0.5:6881".parse().unwrap(), None));
    }
    let mut plain = leecher(&["http://tracker.example/announce"]);
    let (conn, _) = plain.next_dial().unwrap();
    assert_eq!(plain.tls_name(conn), None);
}

#[test]
fn a_tracker_that_is_not_believed_is_told_and_the_next_one_has_its_turn() {
    let mut lone = leecher(&["https://tracker.example/announce", "http://10.0.0.8/announce"]);
    let (conn, _) = lone.next_dial().unwrap();
    lone.hang_up(conn, CloseReason::Untrusted);
    let said = "tracker.example shows no certificate that can be trusted";
    assert!(
        lone.notes.iter().any(|note| matches!(note, Note::Text(text) if &**text == said)),
        "{:?}",
        lone.notes
    );
    let (conn, to) = lone.next_dial().unwrap();
    assert_eq!((to, lone.tls_name(conn)), ("10.0.0.8:80".parse().unwrap(), None));
}

#[test]
fn a_torrent_is_fetched_by_its_https_url() {
    let mut lone = Lone::new(Node::peer(Config { hosts: hosts(), ..Config::default() }));
    let search = SearchId(1);
    let link = "https://tracker.example/some/album.torrent";
    lone.command(Command::Search(search, Arc::new(Query::words(link))));
    let dial = lone.next_dial().unwrap();
    assert_eq!(lone.tls_name(dial.0), Some("tracker.example"));
    let conn = lone.answer(dial);
    assert!(lone.take(conn).starts_with(b"GET /some/album.torrent HTTP/1.0\r\n"));
    let file = torrent(&[]).to_bytes();
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", file.len());
    lone.feed(conn, &[head.as_bytes(), &file].concat());
    let is_end = |note: &Note| matches!(note, Note::SearchEnded(id, SearchEnd::Complete) if *id == search);
    assert!(lone.notes.iter().any(is_end), "{:?}", lone.notes);
}

#[test]
fn a_site_asks_https_trackers_for_figures() {
    let listed = Listed::from(torrent(&["https://tracker.example/announce"]));
    let config = SiteConfig { torrents: vec![listed], hosts: hosts(), ..SiteConfig::default() };
    let mut lone = Lone::new(Node::site(config));
    let visitor = lone.accept("10.0.0.1:2000".parse().unwrap());
    lone.feed(visitor, b"GET / HTTP/1.0\r\n\r\n");
    let dial = lone.next_dial().unwrap();
    assert_eq!((dial.1, lone.tls_name(dial.0)), ("10.0.0.9:443".parse().unwrap(), Some("tracker.example")));
    let conn = lone.answer(dial);
    assert!(lone.take(conn).starts_with(b"GET /scrape?info_hash="));
    lone.hang_up(conn, CloseReason::Untrusted);
    assert!(String::from_utf8(lone.take(visitor)).unwrap().contains('?'), "the page goes out without");
}
