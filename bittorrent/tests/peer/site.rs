//! The web site: what it lists, finds and serves, and whom it asks for figures.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::web_kit::{Reply, Web, replies};
use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::site::{Listed, Listing, SiteConfig, SiteKnobs, search_target};
use bittorrent::tracker::TrackerConfig;
use bittorrent::wire::{AnnounceReply, InfoHash, ScrapeEntry, ScrapeReply};
use common::http::{Request, Target};
use common::peer::{CloseReason, ConnId};
use common::testing::Lone;
use proptest::prelude::*;

const TRACKER: &str = "http://10.0.0.9:6969/announce";
const NOW_S: u64 = 1_000_000_000;

/// A torrent of one small file, made so many seconds ago.
fn torrent(name: &str, age_s: u64, trackers: &[&str]) -> Listed {
    let draft = Draft {
        name: name.into(),
        piece_length: 16_384,
        pieces: vec![[7; 20]],
        files: vec![FileEntry { path: Box::default(), length: 1_500 }],
        trackers: trackers.iter().map(|url| vec![(*url).into()]).collect(),
        creation_date_s: Some(NOW_S - age_s),
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap()).into()
}

/// A torrent of a folder of such files.
fn folder(name: &str, paths: &[&str]) -> Listed {
    let path = |path: &&str| path.split('/').map(Into::into).collect();
    let draft = Draft {
        name: name.into(),
        piece_length: 16_384,
        pieces: vec![[7; 20]],
        files: paths.iter().map(|of| FileEntry { path: path(of), length: 100 }).collect(),
        ..Draft::default()
    };
    Arc::new(Metainfo::new(draft).unwrap()).into()
}

fn site(torrents: Vec<Listed>) -> Web {
    site_with(torrents, |_| {})
}

fn site_with(torrents: Vec<Listed>, turn: impl FnOnce(&mut SiteKnobs)) -> Web {
    Web::site(SiteConfig { torrents, started_s: NOW_S, ..SiteConfig::default() }, turn)
}

fn listings(reply: &Reply) -> Vec<Listing> {
    reply.text().lines().map(|line| Listing::parse(line).expect(line)).collect()
}

fn names(reply: &Reply) -> Vec<String> {
    listings(reply).into_iter().map(|listing| listing.name.into()).collect()
}

/// The cells of a page's table, row by row, without markup.
fn rows(reply: &Reply) -> Vec<Vec<String>> {
    let strip = |cell: &str| {
        let mut text = String::new();
        let mut is_tag = false;
        // What is left of the tag of the cell itself comes first.
        for c in format!("<{cell}").chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text.trim().to_owned()
    };
    let table = reply.text().split("<tr>").skip(2);
    table.map(|row| row.split("<td").skip(1).map(strip).collect()).collect()
}

#[test]
fn the_page_lists_the_newest_first() {
    let named = [("old", 3 * 86_400), ("new", 30), ("hours", 7_300), ("minutes", 130)];
    let mut web = site(named.iter().map(|(name, age_s)| torrent(name, *age_s, &[])).collect());
    let page = web.get("10.0.0.1", "/");
    assert_eq!((page.status, page.line("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let row =
        |name: &str, age: &str| [name, "1.46 KiB", "1", "?", "?", age, "torrent magnet"].map(str::to_owned);
    assert_eq!(
        rows(&page),
        [row("new", "new"), row("minutes", "2 min"), row("hours", "2 h"), row("old", "3 days")]
    );
    assert!(page.text().contains("<p>4 torrents</p>"));
    // It ages.
    web.advance_s(86_400);
    assert_eq!(rows(&web.get("10.0.0.1", "/"))[0], row("new", "24 h"));
    let mut empty = site(Vec::new());
    assert!(empty.get("10.0.0.1", "/").text().contains("<p>0 torrents</p>"));
    assert_eq!(empty.get("10.0.0.1", "/search.txt").body, b"");
}

#[test]
fn files_are_served_byte_for_byte() {
    // Not as it would be written here: another order, and keys of others.
    let file = b"d4:infod6:lengthi5e4:name5:a.txt12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaa1:xi1ee1:zi9e8:announce1:ae";
    let listed = Listed { torrent: Arc::new(Metainfo::parse(file).unwrap()), file: file.as_slice().into() };
    let mut web = site(vec![torrent("first", 0, &[]), listed]);
    let reply = web.get("10.0.0.1", "/torrent/1.torrent");
    assert_eq!(reply.body, file);
    assert_eq!(reply.line("Content-Type"), Some("application/x-bittorrent"));
    assert_eq!(reply.line("Content-Disposition"), Some("attachment; filename*=UTF-8''a.txt.torrent"));
    for unknown in [
        "/torrent/2.torrent",
        "/torrent/-1.torrent",
        "/torrent/01.torrent",
        "/torrent/+1.torrent",
        "/torrent/.torrent",
        "/torrent/1",
        "/torrent/99999999999.torrent",
        "/torrent/../../etc/passwd",
        "/etc/passwd",
        "/search",
        "//",
        "/index.html",
    ] {
        assert_eq!(web.get("10.0.0.1", unknown).status, 404, "{unknown}");
    }
    for malformed in
        ["/?page=x", "/?page=-1", "/search.txt?q=a&max=x", "/search.txt?max=99999999999999999999999"]
    {
        assert_eq!(web.get("10.0.0.1", malformed).status, 400, "{malformed}");
    }
    let conn = web.dial("10.0.0.1");
    web.lone.feed(conn, b"HEAD /torrent/1.torrent HTTP/1.1\r\nConnection: close\r\n\r\n");
    let head = String::from_utf8(web.lone.take(conn)).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", file.len())), "{head}");
}

#[test]
fn hostile_names_are_shown_as_they_are() {
    let name = "<script>alert(\"x\")<img> & 'more'\u{202e}\u{1b}[2J\ttab\r\nline";
    let mut web = site(vec![torrent(name, 0, &["http://a.example/\"><script>/announce"])]);
    let page = web.get("10.0.0.1", "/");
    assert!(!page.text().contains("<script") && !page.text().contains("<img"), "{}", page.text());
    assert!(
        page.text().contains(
            "&lt;script&gt;alert(&quot;x&quot;)&lt;img&gt; &amp; &#39;more&#39;\u{fffd}\u{fffd}[2J"
        )
    );
    assert!(!page.text().contains(['\u{202e}', '\u{1b}', '\t', '\r']));
    let words = "\"><script>";
    let mut target = search_target(words, 0).replacen("/search.txt", "/", 1);
    let found = web.get("10.0.0.1", &target);
    assert!(found.text().contains("value=\"&quot;&gt;&lt;script&gt;\"") && !found.text().contains("<script"));
    // A program has one line for each, whatever the name.
    let found = web.get("10.0.0.1", &search_target("script", 0));
    assert_eq!(found.text().lines().count(), 1);
    assert_eq!(
        names(&found),
        ["<script>alert(\"x\")<img> & 'more'\u{202e}\u{fffd}[2J\u{fffd}tab\u{fffd}\u{fffd}line"]
    );
    // Neither does it end a line of a head.
    let head = web.get("10.0.0.1", "/torrent/0.torrent").head;
    assert_eq!(head.lines().filter(|line| line.starts_with("line")).count(), 0);
    assert!(head.contains("filename*=UTF-8''%3Cscript%3E"), "{head}");
    target.push_str("&page=7");
    assert_eq!(rows(&web.get("10.0.0.1", &target)), [[""; 0]; 0]);
}

#[test]
fn links_lead_to_the_torrent() {
    let tracker = "http://a.example:6969/announce?key=1&x=\"2\"";
    let listed = torrent("some name", 0, &[tracker]);
    let info_hash = listed.torrent.info_hash;
    let mut web = site(vec![listed]);
    let page = web.get("10.0.0.1", "/");
    let link = page.text().split("href=\"magnet:").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let magnet: Magnet = format!("magnet:{}", link.replace("&amp;", "&")).parse().unwrap();
    assert_eq!((magnet.info_hash, magnet.name.as_deref()), (info_hash, Some("some name")));
    assert_eq!(magnet.trackers, [tracker.into()]);
}

#[test]
fn words_find_torrents_and_their_files() {
    let mut web = site(vec![
        torrent("Red Hat 9 shrike-i386-disc1.iso", 300, &[]),
        torrent("Red Hat 8 psyche.iso", 200, &[]),
        torrent("Debian woody.iso", 100, &[]),
        folder("album", &["cd1/blue song.ogg", "cd2/red song.ogg"]),
    ]);
    let mut found = |words: &str| {
        let mut found = names(&web.get("10.0.0.1", &search_target(words, 0)));
        found.iter_mut().for_each(|name| name.truncate(9));
        found
    };
    assert_eq!(found("red hat"), ["Red Hat 8", "Red Hat 9"], "the newest first");
    assert_eq!(found("RED -hat"), ["album"], "by the name of a file");
    assert_eq!(found("red hat -psyche"), ["Red Hat 9"]);
    assert_eq!(found("iso").len(), 3, "what a name ends with is a word too");
    assert_eq!(found("hat woody"), [""; 0]);
    assert_eq!(found("-red"), [""; 0]);
    assert_eq!(found("  ").len(), 4, "no words are all torrents");
    let found = web.get("10.0.0.1", &search_target("red hat", 1));
    assert_eq!(found.line("Content-Type"), Some("text/tab-separated-values; charset=utf-8"));
    let [one] = &listings(&found)[..] else { panic!("{found:?}") };
    assert_eq!((one.index, one.size, one.seeds, one.leechers), (1, 1_500, None, None));
    let page = web.get("10.0.0.1", "/?q=red+hat");
    assert_eq!(
        rows(&page).iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
        ["Red Hat 8 psyche.iso", "Red Hat 9 shrike-i386-disc1.iso"]
    );
    assert!(page.text().contains("2 torrents found") && page.text().contains("value=\"red hat\""));
}

#[test]
fn pages_have_a_hundred() {
    let all: Vec<Listed> = (0..250).map(|n| torrent(&format!("some {n}"), 1_000 - n, &[])).collect();
    let mut web = site_with(all, |knobs| knobs.results_max = 220);
    let mut page = |target: &str| {
        let page = web.get("10.0.0.1", target);
        let rows = rows(&page);
        let first = rows.first().map(|row| row[0].clone()).unwrap_or_default();
        let links = page.text().matches("\">the one ").count();
        (rows.len(), first, links)
    };
    assert_eq!(page("/"), (100, "some 249".into(), 1));
    assert_eq!(page("/?page=2"), (100, "some 149".into(), 2));
    assert_eq!(page("/?page=3"), (50, "some 49".into(), 1));
    assert_eq!(page("/?page=4"), (0, "".into(), 1));
    assert_eq!(page(&format!("/?page={}", usize::MAX)), (0, "".into(), 1));
    assert_eq!(page("/?q=some&page=3"), (20, "some 49".into(), 1));
    let second = web.get("10.0.0.1", "/?q=some&page=2");
    assert!(second.text().contains("<a href=\"/?q=some&amp;page=3\">the one after</a>"), "{}", second.text());
    let lines = |web: &mut Web, max| names(&web.get("10.0.0.1", &search_target("some", max))).len();
    assert_eq!([0, 7, 100, 10_000].map(|max| lines(&mut web, max)), [100, 7, 100, 220]);
}

/// A scrape that is under way: the connection, and which torrents it is about.
struct Asked {
    conn: ConnId,
    request: Request,
    hashes: Vec<InfoHash>,
}

/// The next tracker that is asked, and what.
fn asked(web: &mut Web, at: &str) -> Asked {
    let (conn, to) = web.lone.next_dial().expect("the tracker is asked");
    assert_eq!(to, at.parse::<SocketAddrV4>().unwrap());
    web.lone.answer((conn, to));
    let request = Request::parse(&web.lone.take(conn)).unwrap();
    let target = Target::parse(&request.target);
    let hashes = bittorrent::wire::Scrape::from_query(target.query).unwrap().info_hashes;
    Asked { conn, hashes, request }
}

fn tell(web: &mut Web, asked: &Asked, figures: &[(InfoHash, u32, u32)]) {
    let entry = |(hash, complete, incomplete): &(InfoHash, u32, u32)| {
        (*hash, ScrapeEntry { complete: *complete, downloaded: 0, incomplete: *incomplete })
    };
    let body = ScrapeReply { entries: figures.iter().map(entry).collect() }.encode();
    say(web, asked, &body);
}

fn say(web: &mut Web, asked: &Asked, body: &[u8]) {
    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    web.lone.feed(asked.conn, &[head.as_bytes(), body].concat());
}

fn figures(reply: &Reply) -> Vec<String> {
    rows(reply).iter().map(|row| format!("{} {} {}", row[0], row[3], row[4])).collect()
}

#[test]
fn a_page_waits_for_figures_and_keeps_them_for_a_minute() {
    let (a, b) = (torrent("a", 20, &[TRACKER]), torrent("b", 10, &[TRACKER]));
    let (hash_a, hash_b) = (a.torrent.info_hash, b.torrent.info_hash);
    let mut web = site(vec![a, b, torrent("c", 0, &["wss://10.0.0.9:6969/announce"])]);
    assert!(web.lone.next_dial().is_none(), "nothing is asked before somebody looks");
    let first = web.dial("10.0.0.1");
    web.ask(first, "/");
    assert_eq!(web.heard(first), []);
    let scrape = asked(&mut web, "10.0.0.9:6969");
    assert!(
        scrape.request.target.starts_with("/scrape?info_hash=")
            && scrape.request.headers.get("Host") == Some("10.0.0.9:6969")
    );
    assert_eq!(scrape.hashes, [hash_b, hash_a], "both at once");
    let second = web.dial("10.0.0.2");
    web.ask(second, "/?q=a");
    assert!(web.heard(second).is_empty() && web.lone.next_dial().is_none(), "it is being asked for");
    tell(&mut web, &scrape, &[(hash_a, 1_234, 5)]);
    assert!(web.lone.closed(scrape.conn));
    let page = web.heard(first).remove(0);
    assert_eq!(figures(&page), ["c ? ?", "b 0 0", "a 1,234 5"], "whom the tracker does not know nobody has");
    assert_eq!(figures(&web.heard(second)[0]), ["a 1,234 5"]);
    web.advance_s(59);
    let third = web.dial("10.0.0.3");
    web.ask(third, "/");
    assert_eq!(web.heard(third), [page], "in the same minute");
    assert!(web.lone.next_dial().is_none());
    web.advance_s(1);
    web.ask(third, "/");
    let scrape = asked(&mut web, "10.0.0.9:6969");
    tell(&mut web, &scrape, &[(hash_a, 0, 1), (hash_b, 2, 0)]);
    assert_eq!(figures(&web.heard(third)[0]), ["c ? ?", "b 2 0", "a 0 1"]);
}

#[test]
fn programs_do_not_wait() {
    let listed = torrent("a", 0, &[TRACKER]);
    let hash = listed.torrent.info_hash;
    let mut web = site(vec![listed]);
    let told = |web: &mut Web| {
        let [one] = &listings(&web.get("10.0.0.1", "/search.txt?q=a"))[..] else { panic!("one") };
        (one.seeds, one.leechers, one.info_hash)
    };
    assert_eq!(told(&mut web), (None, None, hash));
    let scrape = asked(&mut web, "10.0.0.9:6969");
    tell(&mut web, &scrape, &[(hash, 3, 4)]);
    assert_eq!(told(&mut web), (Some(3), Some(4), hash));
}

#[test]
fn a_page_waits_for_three_seconds_and_a_tracker_has_ten() {
    let listed = torrent("a", 0, &[TRACKER]);
    let hash = listed.torrent.info_hash;
    let mut web = site(vec![listed]);
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    let scrape = asked(&mut web, "10.0.0.9:6969");
    web.lone.advance(Duration::from_millis(2_999));
    assert!(web.heard(conn).is_empty());
    web.lone.advance(Duration::from_millis(1));
    assert_eq!(figures(&web.heard(conn)[0]), ["a ? ?"]);
    // Figures that come later are for the next page.
    web.advance_s(6);
    tell(&mut web, &scrape, &[(hash, 1, 1)]);
    web.ask(conn, "/");
    assert_eq!(figures(&web.heard(conn)[0]), ["a 1 1"]);
    web.advance_s(60);
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    let scrape = asked(&mut web, "10.0.0.9:6969");
    web.advance_s(9);
    assert!(!web.lone.closed(scrape.conn));
    web.advance_s(1);
    assert!(web.lone.closed(scrape.conn));
    assert_eq!(figures(&web.heard(conn)[0]), ["a 1 1"], "after three seconds it had what there was");
    web.ask(conn, "/");
    assert_eq!(figures(&web.heard(conn)[0]), ["a ? ?"], "what may not be so any more is not said");
}

#[test]
fn a_tracker_that_fails_in_any_way_is_left_alone_for_a_minute() {
    type Answer = fn(&mut Web, &Asked);
    let answers: [Answer; 6] = [
        |web, asked| web.lone.hang_up(asked.conn, CloseReason::Refused),
        |web, asked| say(web, asked, &AnnounceReply::encode_failure("no")),
        |web, asked| say(web, asked, b"<html>"),
        |web, asked| say(web, asked, b"de"),
        |web, asked| {
            web.lone.feed(asked.conn, b"HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n\r\nd5:filesdee");
        },
        |web, asked| web.lone.feed(asked.conn, b"\0\0\0\0\r\n\r\n"),
    ];
    for answer in answers {
        let mut web = site(vec![torrent("a", 0, &[TRACKER]), torrent("b", 9, &[TRACKER])]);
        let conn = web.dial("10.0.0.1");
        web.ask(conn, "/?q=a");
        let scrape = asked(&mut web, "10.0.0.9:6969");
        answer(&mut web, &scrape);
        assert_eq!(figures(&web.heard(conn)[0]), ["a ? ?"]);
        web.ask(conn, "/");
        assert_eq!(figures(&web.heard(conn)[0]), ["a ? ?", "b ? ?"]);
        assert!(web.lone.next_dial().is_none(), "neither is it asked of others of its torrents");
        web.advance_s(60);
        let conn = web.dial("10.0.0.1");
        web.ask(conn, "/");
        assert_eq!(asked(&mut web, "10.0.0.9:6969").hashes.len(), 2);
    }
}

#[test]
fn many_torrents_are_asked_for_in_few_questions() {
    let all: Vec<Listed> = (0..150).map(|n| torrent(&format!("{n}"), n, &[TRACKER])).collect();
    let mut web = site_with(all, |knobs| knobs.page_rows = 150);
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    for (number, len) in [64, 64, 22].into_iter().enumerate() {
        assert!(web.heard(conn).is_empty(), "before question {number}");
        let scrape = asked(&mut web, "10.0.0.9:6969");
        assert_eq!(scrape.hashes.len(), len);
        assert!(web.lone.next_dial().is_none(), "one after the other");
        let told: Vec<_> = scrape.hashes.iter().map(|hash| (*hash, 1, 1)).collect();
        tell(&mut web, &scrape, &told);
    }
    assert!(figures(&web.heard(conn)[0]).iter().all(|row| row.ends_with(" 1 1")));
}

#[test]
fn few_trackers_are_asked_at_a_time() {
    let url = |n: u64| format!("http://10.0.1.{n}:80/announce");
    let all: Vec<Listed> = (0..20).map(|n| torrent(&format!("{n}"), n, &[&url(n)])).collect();
    let mut web = site(all);
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    let under_way: Vec<Asked> = (0..8).map(|n| asked(&mut web, &format!("10.0.1.{n}:80"))).collect();
    assert!(web.lone.next_dial().is_none());
    for (n, scrape) in (8..).zip(&under_way) {
        tell(&mut web, scrape, &[]);
        asked(&mut web, &format!("10.0.1.{n}:80"));
        assert!(web.lone.next_dial().is_none());
    }
}

#[test]
fn trackers_are_found_by_name_and_the_one_counts_that_knows_most() {
    let names = [
        "http://a.example/x/announce.php?k=1",
        "http://10.0.0.9/announce",
        "http://nowhere.example/announce",
    ];
    let others = ["wss://10.0.0.7/announce", "http://10.0.0.7/other", "nonsense"];
    let listed = torrent("a", 0, &[&names[..], &others[..]].concat());
    let hash = listed.torrent.info_hash;
    let hosts = BTreeMap::from([("a.example:80".into(), "10.0.0.5:80".parse().unwrap())]);
    let config = SiteConfig {
        torrents: vec![listed],
        hosts: Arc::new(hosts),
        started_s: NOW_S,
        ..SiteConfig::default()
    };
    let mut web = Web::site(config, |_| {});
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    let (first, second) = (asked(&mut web, "10.0.0.5:80"), asked(&mut web, "10.0.0.9:80"));
    assert!(web.lone.next_dial().is_none());
    assert!(first.request.target.starts_with("/x/scrape.php?k=1&info_hash="), "{}", first.request.target);
    tell(&mut web, &first, &[(hash, 2, 1)]);
    assert!(web.heard(conn).is_empty(), "the other one may know more");
    tell(&mut web, &second, &[(hash, 1, 9)]);
    assert_eq!(figures(&web.heard(conn)[0]), ["a 1 9"]);
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let mut web = site(vec![torrent("a", 0, &[TRACKER])]);
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/?q=a");
    web.ask(conn, "/nowhere");
    let heard = web.heard(conn);
    assert_eq!(heard.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 404]);
    assert_eq!(figures(&heard[0]), ["a ? ?"], "who cannot wait has what there is");
    // Who leaves while he waits is forgotten.
    web.ask(conn, "/");
    web.lone.hang_up(conn, CloseReason::Remote);
    let scrape = asked(&mut web, "10.0.0.9:6969");
    tell(&mut web, &scrape, &[]);
    assert_eq!(web.lone.take(conn), b"");
}

#[test]
fn callers_are_bounded_and_silence_ends_them() {
    let mut web = site_with(vec![torrent("a", 0, &[])], |knobs| knobs.callers_max = 2);
    let (first, second) = (web.dial("10.0.0.1"), web.dial("10.0.0.1"));
    let third = web.dial("10.0.0.2");
    assert!(web.lone.closed(third));
    web.advance_s(15);
    web.ask(first, "/");
    web.advance_s(15);
    assert!(!web.lone.closed(first) && web.lone.closed(second));
    web.lone.feed(first, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(web.lone.closed(first), "an answer is no question");
}

/// A tracker and a site, each alone, that are let talk to each other.
#[test]
fn our_site_reads_what_our_tracker_says() {
    let listed = torrent("a", 0, &[TRACKER]);
    let announce =
        bittorrent::wire::Announce { info_hash: listed.torrent.info_hash, ..crate::web_kit::report(1, 9) };
    let mut web = site(vec![listed]);
    let mut tracker = Web { lone: Lone::new(Node::tracker(TrackerConfig::default())) };
    tracker.announce("10.0.0.3", &announce).unwrap();
    let conn = web.dial("10.0.0.1");
    web.ask(conn, "/");
    let (out, to) = web.lone.next_dial().unwrap();
    web.lone.answer((out, to));
    let question = web.lone.take(out);
    let into = tracker.dial("10.0.0.2");
    tracker.lone.feed(into, &question);
    let answer = tracker.lone.take(into);
    assert_eq!(replies(&answer).len(), 1);
    web.lone.feed(out, &answer);
    assert_eq!(figures(&web.heard(conn)[0]), ["a 0 1"]);
}

proptest! {
    #[test]
    fn no_question_panics_and_each_is_answered(target in "/(search.txt|torrent/|)(\\?(q=|page=|max=|&|[!-~]){0,8})?") {
        let mut web = site(vec![torrent("a b", 0, &[]), torrent("b c", 0, &[])]);
        let reply = web.get("10.0.0.1", &target);
        prop_assert!(matches!(reply.status, 200 | 400 | 404), "{}", target);
    }

    #[test]
    fn any_name_is_one_row_and_one_line(name in "[^/\\x00]{1,60}") {
        prop_assume!(name != "." && name != ".." && name.len() <= 255);
        let mut web = site(vec![torrent(&name, 0, &[])]);
        let page = web.get("10.0.0.1", "/");
        prop_assert_eq!(rows(&page).len(), 1);
        let lines = web.get("10.0.0.1", "/search.txt");
        prop_assert_eq!(names(&lines).len(), 1);
        prop_assert_eq!(web.get("10.0.0.1", "/torrent/0.torrent").status, 200);
    }
}
