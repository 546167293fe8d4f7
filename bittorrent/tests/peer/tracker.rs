//! The tracker: whom it counts, whom it tells of whom, and what it writes down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::web_kit::{Web, again, hash, id, report};
use bittorrent::log::tracker::Report;
use bittorrent::wire::{
    Announce, AnnounceError, AnnounceEvent, AnnounceReply, PeerId, Scrape, ScrapeEntry, ScrapeReply,
};
use common::user::Note;
use proptest::prelude::*;

const REFUSED: &str = "Requested download is not authorized for use with this tracker.";

fn host(number: u32) -> String {
    format!("10.0.{}.{}", number / 256, number % 256)
}

/// A tracker with so many leechers and seeds, from 10.0.0.0 on.
fn crowd(leechers: u32, seeds: u32) -> Web {
    crowd_of(Web::tracker(|_| {}), leechers, seeds)
}

fn crowd_of(mut web: Web, leechers: u32, seeds: u32) -> Web {
    for number in 0..leechers + seeds {
        let left = u64::from(number < leechers);
        web.announce(&host(number), &Announce { numwant: Some(0), ..report(number, left) }).unwrap();
    }
    web
}

#[test]
fn who_comes_completes_and_goes_is_counted() {
    let mut web = Web::tracker(|_| {});
    assert_eq!(web.scrape(hash(1)), None);
    let (first, second) = (report(1, 1_000), report(2, 0));
    let reply = web.announce("10.0.0.1", &first).unwrap();
    assert_eq!((reply.interval_s, reply.min_interval_s), (1_800, Some(300)));
    assert_eq!((reply.complete, reply.incomplete, reply.peers), (Some(0), Some(1), vec![]));
    let reply = web.announce("10.0.0.2", &second).unwrap();
    assert_eq!((reply.complete, reply.incomplete), (Some(1), Some(1)));
    assert_eq!(reply.peers, [("10.0.0.1:6881".parse().unwrap(), None)]);
    let done = Announce { left: 0, ..again(&first, AnnounceEvent::Completed) };
    web.announce("10.0.0.1", &done).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((2, 1, 0)));
    let reply = web.announce("10.0.0.2", &again(&second, AnnounceEvent::Stopped)).unwrap();
    assert_eq!((reply.complete, reply.incomplete, reply.peers.len()), (Some(1), Some(0), 0));
    web.announce("10.0.0.1", &again(&done, AnnounceEvent::Stopped)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((0, 1, 0)), "what was completed is remembered");
    assert_eq!(web.the_tracker().peers(), 0);
}

#[test]
fn a_download_is_completed_once() {
    let mut web = Web::tracker(|_| {});
    let leecher = report(1, 1_000);
    web.announce("10.0.0.1", &leecher).unwrap();
    let done = Announce { left: 0, ..again(&leecher, AnnounceEvent::Completed) };
    for _ in 0..3 {
        web.announce("10.0.0.1", &done).unwrap();
    }
    assert_eq!(web.scrape(hash(1)), Some((1, 1, 0)));
    // A client whose word of it was lost has nothing left all the same.
    web.announce("10.0.0.2", &report(2, 7)).unwrap();
    web.announce("10.0.0.2", &Announce { left: 0, ..again(&report(2, 7), AnnounceEvent::None) }).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((2, 2, 0)));
    // Another, whom the tracker had forgotten.
    web.announce("10.0.0.3", &again(&report(3, 0), AnnounceEvent::Completed)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((3, 3, 0)));
    // Whoever has all from the start has completed nothing; who has lost something is a leecher again.
    web.announce("10.0.0.4", &report(4, 0)).unwrap();
    web.announce("10.0.0.4", &again(&report(4, 9), AnnounceEvent::None)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((3, 3, 1)));
}

#[test]
fn others_are_told_at_random_and_never_oneself() {
    const OTHERS: u32 = 400;
    const ASKED: u32 = 600;
    let mut web = crowd(OTHERS / 2, OTHERS / 2);
    let mut asker = Announce { numwant: Some(40), ..report(9_999, 1) };
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..ASKED {
        let some = web.told("10.1.0.1", &asker);
        assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), 40, "40 different ones");
        some.into_iter().for_each(|address| *told.entry(address).or_default() += 1);
        asker.event = AnnounceEvent::None;
    }
    assert!(!told.contains_key("10.1.0.1:6881"));
    assert_eq!(told.len(), OTHERS as usize, "everyone is told at some time");
    // Each is told 60 times, give or take 7.3 (binomial): chi-square over 400 of them is 360 with a deviation of 27.
    let mean = f64::from(ASKED) * 40.0 / f64::from(OTHERS);
    let spread: f64 = told.values().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
    assert!((250.0..470.0).contains(&spread), "chi-square of {spread}");
    // Two draws have four in common on average, if they know nothing of each other.
    let draws: Vec<BTreeSet<String>> =
        (0..200).map(|_| web.told("10.1.0.1", &asker).into_iter().collect()).collect();
    let common: usize = draws.windows(2).map(|two| two[0].intersection(&two[1]).count()).sum();
    assert!((700..900).contains(&common), "{common} of 199 pairs in common");
}

#[test]
fn as_many_are_told_as_are_wanted_within_bounds() {
    let mut web = crowd(300, 0);
    let mut count = |numwant, event| {
        let announce = Announce { numwant, ..again(&report(9_999, 1), event) };
        web.announce("10.1.0.1", &announce).unwrap().peers.len()
    };
    assert_eq!(count(None, AnnounceEvent::Started), 40);
    for (wanted, told) in [(0, 0), (1, 1), (40, 40), (200, 200), (201, 200), (u32::MAX, 200)] {
        assert_eq!(count(Some(wanted), AnnounceEvent::None), told);
    }
    assert_eq!(count(None, AnnounceEvent::Stopped), 0);
    let reply = web.get("10.1.0.1", &(report(9_999, 1).to_target("/announce") + "&numwant=-1"));
    assert_eq!(AnnounceReply::parse(&reply.body).unwrap().peers.len(), 40, "as the tracker likes");
    let mut few = crowd(3, 2);
    assert_eq!(few.told(&host(0), &report(0, 1)).len(), 4, "all others");
}

#[test]
fn seeds_are_told_of_leechers_unless_the_knob_says_otherwise() {
    let mut web = crowd(3, 5);
    let seed = report(7, 0);
    assert_eq!(web.told(&host(7), &seed), ["10.0.0.0:6881", "10.0.0.1:6881", "10.0.0.2:6881"]);
    assert_eq!(web.told(&host(0), &report(0, 1)).len(), 7);
    // Who begins may have a magnet link only, and not know what is left.
    let mut web = crowd_of(Web::tracker(|knobs| knobs.seeds_for_beginners = 3), 3, 5);
    let told = |web: &mut Web, event| web.told(&host(7), &Announce { event, ..seed.clone() }).len();
    assert_eq!(told(&mut web, AnnounceEvent::Started), 6, "three leechers, and three of four seeds");
    assert_eq!(told(&mut web, AnnounceEvent::None), 3);
    let mut web = crowd_of(Web::tracker(|knobs| knobs.seeds_for_seeds = true), 3, 5);
    assert_eq!(web.told(&host(7), &seed).len(), 7);
}

#[test]
fn the_answer_has_the_form_that_is_asked_for() {
    let mut web = crowd(1, 0);
    let mut body = |compact, no_peer_id| {
        let announce = Announce { compact, no_peer_id, ..report(9, 1) };
        String::from_utf8_lossy(&web.get("10.0.0.9", &announce.to_target("/announce")).body).into_owned()
    };
    let common = "d8:completei0e10:incompletei2e8:intervali1800e12:min intervali300e5:peers";
    assert_eq!(body(false, true), format!("{common}ld2:ip8:10.0.0.04:porti6881eeee"));
    let long = format!("{common}ld2:ip8:10.0.0.07:peer id20:-XX0001-00000000\0\0\0\0");
    assert_eq!(body(false, false), format!("{long}4:porti6881eeee"));
    assert_eq!(
        body(true, false),
        String::from_utf8_lossy(&[common.as_bytes(), b"6:\n\0\0\0\x1a\xe1e"].concat())
    );
}

#[test]
fn whoever_is_silent_for_two_intervals_is_gone() {
    let mut web = Web::tracker(|knobs| knobs.interval = Duration::from_secs(100));
    let (first, second, third) = (report(1, 1), report(2, 1), report(3, 0));
    web.announce("10.0.0.1", &first).unwrap();
    web.advance_s(50);
    web.announce("10.0.0.2", &second).unwrap();
    web.advance_s(50);
    web.announce("10.0.0.1", &again(&first, AnnounceEvent::None)).unwrap();
    web.announce("10.0.0.3", &third).unwrap();
    web.advance_s(149);
    assert_eq!(web.scrape(hash(1)), Some((1, 0, 2)));
    web.advance_s(1);
    assert_eq!(web.scrape(hash(1)), Some((1, 0, 1)), "the second, 200 s after its word");
    web.advance_s(49);
    assert_eq!(web.the_tracker().peers(), 2);
    web.advance_s(1);
    assert_eq!(web.the_tracker().peers(), 0, "the others, 200 s after their last");
    assert_eq!(web.the_tracker().swarms(), 0, "nobody has completed anything here");
    // It begins anew.
    web.announce("10.0.0.1", &first).unwrap();
    web.advance_s(199);
    assert_eq!(web.the_tracker().peers(), 1);
    web.advance_s(1);
    assert_eq!(web.the_tracker().peers(), 0);
}

#[test]
fn a_program_that_has_started_again_is_one_peer() {
    let mut web = crowd(1, 0);
    web.announce("10.0.0.9", &report(1, 9)).unwrap();
    web.announce("10.0.0.9", &report(2, 9)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((0, 0, 2)));
    web.announce("10.0.0.9", &again(&report(1, 9), AnnounceEvent::Stopped)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((0, 0, 2)), "the good-bye of the run before says nothing");
    web.announce("10.0.0.9", &again(&report(2, 9), AnnounceEvent::Stopped)).unwrap();
    assert_eq!(web.scrape(hash(1)), Some((0, 0, 1)));
    // One that has another address now is not told of its old one.
    web.announce("10.0.0.9", &report(5, 9)).unwrap();
    assert_eq!(web.told("10.0.0.77", &report(5, 9)), ["10.0.0.0:6881"]);
    // Two of one address are two, and so are those in two swarms.
    let neighbour = Announce { port: 6882, ..report(6, 9) };
    assert_eq!(web.told("10.0.0.9", &neighbour).len(), 3);
    assert_eq!(web.told("10.0.0.9", &Announce { info_hash: hash(2), ..report(6, 9) }), [""; 0]);
}

#[test]
fn a_peer_is_where_it_is_seen_unless_it_is_near() {
    let mut web = Web::tracker(|_| {});
    let named = |ip: &str| Announce { ip: Some(ip.parse().unwrap()), ..report(1, 1) };
    let mut seen = |from: &str, ip: &str| {
        web.announce(from, &named(ip)).unwrap();
        let told = web.told("203.0.113.99", &report(99, 1));
        web.announce(from, &again(&named(ip), AnnounceEvent::Stopped)).unwrap();
        told
    };
    assert_eq!(seen("203.0.113.5", "198.51.100.1"), ["203.0.113.5:6881"], "nobody sends others elsewhere");
    assert_eq!(seen("203.0.113.5", "10.0.0.1"), ["203.0.113.5:6881"]);
    assert_eq!(seen("192.168.0.5", "198.51.100.1"), ["198.51.100.1:6881"], "behind one translator with us");
    assert_eq!(seen("127.0.0.1", "198.51.100.1"), ["198.51.100.1:6881"], "on our machine");
}

#[test]
fn a_closed_tracker_takes_its_own_torrents_only() {
    let mut web = Web::tracker_with(Some(BTreeSet::from([hash(1), hash(2)])), |knobs| knobs.swarms_max = 0);
    web.announce("10.0.0.1", &report(1, 1)).unwrap();
    let other = web.announce("10.0.0.1", &Announce { info_hash: hash(3), ..report(1, 1) });
    assert_eq!(other, Err(AnnounceError::Failure(REFUSED.into())));
    web.announce("10.0.0.1", &again(&report(1, 1), AnnounceEvent::Stopped)).unwrap();
    web.announce("10.0.0.1", &report(1, 1)).expect("a torrent that everyone has left is still allowed");
    assert_eq!(web.scrape(hash(2)), Some((0, 0, 0)));
    assert_eq!(web.scrape(hash(3)), None);
}

#[test]
fn figures_of_some_swarms_or_of_all() {
    let mut web = Web::tracker(|knobs| knobs.scrape_all_max = 3);
    for number in [3, 1, 2] {
        web.announce("10.0.0.1", &Announce { info_hash: hash(number), ..report(1, 1) }).unwrap();
    }
    let mut scrape = |numbers: &[u8]| {
        let scrape = Scrape { info_hashes: numbers.iter().map(|number| hash(*number)).collect() };
        let reply = web.get("10.0.0.9", &scrape.to_target("/announce").unwrap());
        let entries = ScrapeReply::parse(&reply.body).unwrap().entries;
        let one = ScrapeEntry { incomplete: 1, ..ScrapeEntry::default() };
        entries.into_iter().map(|(hash, entry)| (hash.0[0], entry == one)).collect::<Vec<_>>()
    };
    assert_eq!(scrape(&[2]), [(2, true)]);
    assert_eq!(scrape(&[2, 9, 1, 2]), [(1, true), (2, true)], "sorted, none twice, none unknown");
    assert_eq!(scrape(&[]), [(1, true), (2, true), (3, true)]);
    web.announce("10.0.0.1", &Announce { info_hash: hash(4), ..report(1, 1) }).unwrap();
    let all = ScrapeReply::parse(&web.get("10.0.0.9", "/scrape").body);
    assert!(matches!(all, Err(AnnounceError::Failure(why)) if why.contains("name them")));
}

#[test]
fn a_connection_goes_on_as_its_caller_likes() {
    let mut web = Web::tracker(|_| {});
    let conn = web.dial("10.0.0.1");
    let target = report(1, 1).to_target("/secret/path/announce");
    web.ask(conn, &target);
    web.ask(conn, "/secret/path/scrape");
    web.ask(conn, "/favicon.ico");
    let heard = web.heard(conn);
    assert_eq!(heard.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 200, 404]);
    assert!(heard.iter().all(|reply| reply.line("Connection") == Some("keep-alive")));
    assert!(!web.lone.closed(conn));
    web.lone.feed(conn, format!("GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes());
    assert_eq!(web.heard(conn)[0].line("Connection"), Some("close"));
    assert!(web.lone.closed(conn));
    let conn = web.dial("10.0.0.1");
    web.lone.feed(conn, b"GET /scrape HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(web.heard(conn).len() == 1 && !web.lone.closed(conn));
    // HEAD is told how long the answer would be, and gets none of it.
    let len = web.get("10.0.0.1", "/scrape").body.len();
    web.lone.feed(conn, b"HEAD /scrape HTTP/1.0\r\n\r\n");
    let head = String::from_utf8(web.lone.take(conn)).unwrap();
    assert!(head.contains(&format!("Content-Length: {len}\r\n")) && head.ends_with("\r\n\r\n"), "{head}");
    assert!(web.lone.closed(conn));
}

#[test]
fn browsers_get_a_page() {
    let mut web = crowd(1_234, 1);
    web.announce("10.0.0.9", &Announce { uploaded: 5 << 30, ..again(&report(9, 1), AnnounceEvent::None) })
        .unwrap();
    let page = web.get("10.0.0.1", "/");
    assert_eq!(page.line("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("1,235 peers in 1 swarm."), "{}", page.text());
    for cell in [hash(1).to_string().as_str(), ">1<", ">1,234<", ">0<", ">5.00 GiB"] {
        assert!(page.text().contains(cell), "{cell} is missing in {}", page.text());
    }
    // It is made every other second, however often it is asked for.
    web.announce("10.3.0.1", &report(5_000, 1)).unwrap();
    assert_eq!(web.get("10.0.0.1", "/"), page);
    web.advance_s(2);
    assert_ne!(web.get("10.0.0.1", "/"), page);
    for number in 0..=120 {
        web.announce("10.3.0.1", &Announce { info_hash: hash(number), ..report(1, 1) }).unwrap();
    }
    web.advance_s(2);
    let page = web.get("10.0.0.1", "/");
    assert!(page.text().contains("of which the 100 largest are shown"));
    assert_eq!(page.text().matches("<tr><td").count(), 100);
    let first = page.text().split("<tr><td class=\"m\">").nth(1).unwrap();
    assert!(first.starts_with(&hash(1).to_string()), "the largest first");
}

#[test]
fn each_report_is_a_line_of_the_log() {
    let mut web = Web::tracker(|knobs| knobs.log = true);
    web.lone.advance(Duration::from_millis(1_250));
    let leecher = Announce { peer_id: PeerId(*b"-X %01-\0bcdefghijkl\xff"), ..report(1, 500) };
    web.announce("10.0.0.1", &leecher).unwrap();
    let half = Announce { uploaded: 70, downloaded: 250, left: 250, ..leecher };
    for event in [AnnounceEvent::None, AnnounceEvent::Completed, AnnounceEvent::Stopped] {
        web.advance_s(100);
        web.announce("10.0.0.1", &again(&half, event)).unwrap();
    }
    web.get("10.0.0.1", "/announce?info_hash=nonsense");
    let lines: Vec<String> = (web.lone.notes.iter())
        .filter_map(|note| match note {
            Note::Keep(line) => Some(line.to_string()),
            _ => None,
        })
        .collect();
    let swarm = "01".repeat(20);
    let who = format!("{swarm} -X%20%2501-%00bcdefghijkl%ff 10.0.0.1:6881");
    assert_eq!(
        lines,
        [
            format!("1000000001.250 started {who} 0 0 500"),
            format!("1000000101.250 update {who} 70 250 250"),
            format!("1000000201.250 completed {who} 70 250 250"),
            format!("1000000301.250 stopped {who} 70 250 250"),
        ]
    );
    let read: Report = lines[1].parse().unwrap();
    assert_eq!((read.time_ms, read.event, read.left), (1_000_000_101_250, AnnounceEvent::None, 250));
    assert_eq!(read.peer_id, half.peer_id);
    let mut silent = Web::tracker(|_| {});
    silent.announce("10.0.0.1", &report(1, 1)).unwrap();
    assert!(!silent.lone.notes.iter().any(|note| matches!(note, Note::Keep(_))));
}

fn an_event() -> impl Strategy<Value = AnnounceEvent> {
    prop_oneof![
        3 => Just(AnnounceEvent::None),
        3 => Just(AnnounceEvent::Started),
        2 => Just(AnnounceEvent::Completed),
        2 => Just(AnnounceEvent::Stopped),
    ]
}

/// A report of somebody: swarm, host, port, run of the program, bytes left, and why.
type Step = (u8, u8, u16, u32, u64, AnnounceEvent, u64);

fn a_step() -> impl Strategy<Value = Step> {
    (0u8..3, 1u8..5, 1u16..3, 0u32..2, 0u64..3, an_event(), prop_oneof![4 => Just(0u64), 1 => 0u64..150])
}

/// The tracker as one would write it that has never more than a few peers.
#[derive(Default)]
struct Model {
    /// By swarm and address: whose, how much is left, and when it was heard of.
    peers: BTreeMap<(u8, String), (u32, u64, u64)>,
    completed: BTreeMap<u8, u32>,
}

impl Model {
    fn report(&mut self, now_s: u64, (swarm, host, port, run, left, event, _): Step) -> Vec<String> {
        self.peers.retain(|_, (_, _, seen)| *seen + 200 > now_s);
        let key = (swarm, format!("10.0.0.{host}:{port}"));
        let known = self.peers.get(&key).copied();
        if event == AnnounceEvent::Stopped {
            if known.is_some_and(|(of, ..)| of == run) {
                self.peers.remove(&key);
            }
            return Vec::new();
        }
        let is_completion = match known {
            Some((_, before, _)) => before > 0 && left == 0,
            None => event == AnnounceEvent::Completed,
        };
        *self.completed.entry(swarm).or_default() += u32::from(is_completion);
        self.peers.insert(key.clone(), (run, left, now_s));
        let others = self.peers.iter().filter(|(other, _)| other.0 == swarm && other.1 != key.1);
        others.filter(|(_, peer)| left > 0 || peer.1 > 0).map(|(other, _)| other.1.clone()).collect()
    }

    fn figures(&mut self, swarm: u8) -> Option<(u32, u32, u32)> {
        let count = |is_seed: bool| {
            let of_swarm = self.peers.iter().filter(|((of, _), _)| *of == swarm);
            of_swarm.filter(|(_, peer)| (peer.1 == 0) == is_seed).count() as u32
        };
        let (seeds, leechers) = (count(true), count(false));
        let completed = self.completed.get(&swarm).copied().unwrap_or_default();
        if seeds + leechers + completed == 0 {
            self.completed.remove(&swarm);
            return None;
        }
        Some((seeds, completed, leechers))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tracker_knows_what_a_simple_one_knows(steps in prop::collection::vec(a_step(), 1..80)) {
        let mut web = Web::tracker(|knobs| knobs.interval = Duration::from_secs(100));
        let (mut model, mut now_s) = (Model::default(), 0);
        for step in steps {
            let (swarm, host, port, run, left, event, wait) = step;
            web.advance_s(wait);
            now_s += wait;
            // Each address has names of its own, so that nobody is taken for one that has moved.
            let peer_id = id(u32::from(host) << 16 | u32::from(port) << 8 | run);
            let announce = Announce { info_hash: hash(swarm), peer_id, port, left, event, ..report(0, 0) };
            let told = web.told(&format!("10.0.0.{host}"), &announce);
            prop_assert_eq!(told, model.report(now_s, step));
            for swarm in 0..3 {
                prop_assert_eq!(web.scrape(hash(swarm)), model.figures(swarm));
            }
        }
        prop_assert_eq!(web.the_tracker().peers(), model.peers.len());
    }
}
