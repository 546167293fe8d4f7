//! Strangers who mean harm, against each state machine. At worst they lose their own connection.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::{Raw, frame, frames, raw_frame, shared, song};
use common::peer::{CloseReason, ConnId, FileId};
use common::store::{Memory, Ranges, Storage};
use common::testing::Lone;
use common::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Holder, Note, SearchEnd, SearchId};
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::selection::Selection;
use napster::server::{Flood, ServerConfig};

const ZEROS: &str = "00000000000000000000000000000000";

fn server_of(raw: &Raw) -> &napster::server::Server {
    match &raw.lone.peer {
        Node::Server(server) => server,
        _ => unreachable!("a server was started"),
    }
}

#[test]
fn a_flood_is_cut_off_and_counted_and_others_do_not_notice() {
    let flood = Some(Flood { per_s: 10, burst: 50 });
    let mut raw = Raw::new(ServerConfig { flood, ..ServerConfig::default() });
    let (good, bad) = (raw.user(2, "good"), raw.user(3, "bad"));
    raw.lone.feed(bad, &frame(214, "").repeat(200));
    let answers = raw.heard(bad);
    assert_eq!(answers.len(), 50, "49 answers after the login, then the end");
    assert_eq!(answers.last(), Some(&(316, "0".into())));
    assert!(raw.lone.closed(bad));
    assert_eq!((server_of(&raw).refused().floods, server_of(&raw).users()), (1, 1));
    // At the allowed rate one may go on for ever.
    for _ in 0..100 {
        raw.lone.advance(Duration::from_millis(100));
        raw.say(good, 214, "");
    }
    assert!(!raw.lone.closed(good));
    raw.lone.advance(Duration::from_secs(61));
    let told = |note: &Note| matches!(note, Note::Text(text) if text.contains("1 sessions cut for flooding"));
    assert!(raw.lone.notes.iter().any(told));
}

#[test]
fn a_million_shares_end_at_the_limit() {
    let config = ServerConfig { flood: None, ..ServerConfig::default() };
    let mut raw = Raw::new(config);
    let bad = raw.user(2, "bad");
    for batch in 0..1_000 {
        let mut bytes = Vec::new();
        for n in 0..1_000 {
            bytes.extend(frame(100, &format!("\"d{batch}\\{n}\" {ZEROS} 1 1 1 1")));
        }
        raw.lone.feed(bad, &bytes);
        // The refusals are taken as a client would, so that they do not pile up here.
        assert!(raw.heard(bad).len() <= 1, "complained about once");
    }
    assert_eq!(server_of(&raw).index().totals().files, 5_000);
    assert_eq!(server_of(&raw).refused().shares, 995_000);
    raw.lone.hang_up(bad, CloseReason::Reset);
    assert_eq!(server_of(&raw).index().totals().files, 0);
}

#[test]
fn overlong_frames_close_without_a_word_before_and_after_login() {
    let mut raw = Raw::new(ServerConfig::default());
    let before = raw.dial(2);
    let after = raw.user(3, "bad");
    for conn in [before, after] {
        raw.lone.feed(conn, &raw_frame(200, &[b'A'; 2049]));
        assert!(raw.lone.closed(conn) && raw.heard(conn).is_empty());
    }
    let exact = raw.user(4, "exact");
    assert_eq!(raw.say(exact, 9999, &"A".repeat(2048)).len(), 1);
}

#[test]
fn numbers_beyond_all_bounds_and_names_with_dots_are_only_text_to_a_server() {
    let mut raw = Raw::new(ServerConfig::default());
    let bad = raw.user(2, "bad");
    let huge = "9".repeat(40);
    raw.say(bad, 100, &format!("\"..\\..\\etc\\passwd\" {ZEROS} {huge} {huge} {huge} {huge}"));
    raw.say(bad, 100, &format!("\"b\\second\" {ZEROS} {huge} 1 1 1"));
    let good = raw.user(3, "good");
    let answer = raw.say(good, 200, "FILENAME CONTAINS \"passwd\"");
    assert!(answer[0].1.starts_with("\"..\\..\\etc\\passwd\" "), "{answer:?}");
    assert_eq!(raw.say(good, 214, "")[0].0, 214, "the sum of sizes saturates");
    for (code, data) in
        [(700, huge.as_str()), (200, "MAX_RESULTS 99999999999999999999"), (211, "bad 4294967296")]
    {
        assert!(!raw.say(good, code, data).is_empty());
    }
    assert!(!raw.lone.closed(good));
}

#[test]
fn transfer_words_on_a_servers_port_end_the_connection() {
    let mut raw = Raw::new(ServerConfig::default());
    for words in [&b"GETbob \"a\" 0"[..], b"SENDLIST bob\n", b"GETLIST", b"SENDbob \"a\" 5"] {
        let conn = raw.dial(2);
        raw.lone.feed(conn, words);
        assert!(raw.lone.closed(conn));
    }
}

#[test]
fn every_byte_may_come_alone() {
    let mut raw = Raw::new(ServerConfig::default());
    let conn = raw.dial(2);
    for byte in frame(2, "slow pw 6699 \"drip\" 4") {
        raw.lone.feed(conn, &[byte]);
    }
    assert_eq!(raw.heard(conn)[0].0, 3);
}

/// A peer alone, logged in at a server that the test plays.
struct Victim {
    lone: Lone<Node>,
    server: ConnId,
}

const OFFERED: &str = "bob 16777343 6699 \"d\\Song.mp3\"";

impl Victim {
    fn new(change: impl FnOnce(&mut PeerConfig)) -> Victim {
        let mut config =
            PeerConfig { nick: "alice".into(), selection: Selection::First, ..PeerConfig::default() };
        change(&mut config);
        let mut lone = Lone::new(Node::peer(config));
        let dial = lone.next_dial().expect("it dials its server");
        let server = lone.answer(dial);
        lone.feed(server, &frame(3, "anon@napster"));
        lone.take(server);
        Victim { lone, server }
    }

    /// Shares one file of this content as `d\Song.mp3`.
    fn sharing(content: &[u8]) -> Victim {
        Victim::sharing_as(content, |_| {})
    }

    fn sharing_as(content: &[u8], change: impl FnOnce(&mut PeerConfig)) -> Victim {
        let mut victim = Victim::new(change);
        let memory = Memory::default();
        memory.write_at(0, content).unwrap();
        assert_eq!(victim.lone.store.add(Arc::new(memory)), FileId(0));
        let file = song("d/Song.mp3", content.len() as u64);
        victim.lone.command(Command::Share(shared(&[file])));
        victim.lone.take(victim.server);
        victim
    }

    /// Wants `d\Song.mp3` of `size` bytes from bob, and has got as far as the dial to him.
    fn fetching(size: u64) -> (Victim, ConnId) {
        let mut victim = Victim::new(|config| Arc::make_mut(&mut config.knobs).attempts_max = 1);
        victim.lone.store.add(Arc::new(Memory::default()));
        let info = FileInfo { name: "d/Song.mp3".into(), size, ..FileInfo::default() };
        let holder = Holder { nick: "bob".into(), ..Holder::default() };
        let candidates = vec![Arc::new(Hit { info, holder, ..Hit::default() })];
        let fetch = Fetch { fetch: FetchId(1), candidates, into: FileId(0), have: Ranges::default() };
        victim.lone.command(Command::Fetch(Box::new(fetch)));
        assert_eq!(victim.heard(), [(203, "bob \"d\\Song.mp3\"".into())]);
        victim.tell(204, &format!("{OFFERED} {ZEROS} 4"));
        let dial = victim.lone.next_dial().expect("it dials the owner");
        assert_eq!(dial.1.to_string(), "127.0.0.1:6699");
        let conn = victim.lone.answer(dial);
        (victim, conn)
    }

    fn tell(&mut self, code: u16, data: &str) {
        self.lone.feed(self.server, &frame(code, data));
    }

    fn heard(&mut self) -> Vec<(u16, String)> {
        frames(&self.lone.take(self.server))
    }

    fn caller(&mut self) -> ConnId {
        let conn = self.lone.accept(SocketAddrV4::new([10, 0, 0, 9].into(), 4000));
        assert_eq!(self.lone.take(conn), b"1");
        conn
    }

    fn failure(&self) -> Option<Failure> {
        self.lone.notes.iter().find_map(|note| match note {
            Note::Failed(_, why) => Some(*why),
            _ => None,
        })
    }

    fn fetched(&self) -> bool {
        self.lone.notes.iter().any(|note| matches!(note, Note::Fetched(_)))
    }
}

#[test]
fn a_transfer_is_spoken_byte_for_byte() {
    let (mut getter, conn) = Victim::fetching(5);
    getter.lone.feed(conn, b"1");
    assert_eq!(getter.lone.take(conn), b"GETalice \"d\\Song.mp3\" 0");
    getter.lone.feed(conn, b"555555");
    // Size 5, then five bytes of content.
    assert!(getter.fetched());
    assert_eq!(getter.heard(), [(218, String::new()), (219, String::new())]);

    let mut owner = Victim::sharing(b"hello");
    owner.tell(607, "bob \"d\\Song.mp3\"");
    assert_eq!(owner.heard(), [(608, "bob \"d\\Song.mp3\"".into())]);
    let conn = owner.caller();
    owner.lone.feed(conn, b"GET");
    assert_eq!(owner.lone.take(conn), b"");
    owner.lone.feed(conn, b"bob \"d\\Song.mp3\" 2");
    assert_eq!(owner.lone.take(conn), b"5llo");
    assert!(owner.lone.closed(conn));
}

#[test]
fn a_holder_that_lies_about_the_size_or_refuses_is_dropped() {
    for (answer, why) in [
        (&b"4abcd"[..], Failure::Refused),
        (b"99999999999999999999999", Failure::Refused),
        (b"FILE NOT SHARED", Failure::Refused),
        (b"INVALID REQUEST", Failure::Refused),
        (b"garbage", Failure::Refused),
    ] {
        let (mut victim, conn) = Victim::fetching(5);
        victim.lone.feed(conn, b"1");
        victim.lone.feed(conn, answer);
        assert_eq!(victim.failure(), Some(why), "{}", answer.escape_ascii());
        assert!(victim.lone.closed(conn));
    }
}

#[test]
fn a_holder_that_does_not_begin_with_a_one_or_says_nothing_is_given_up() {
    let (mut victim, conn) = Victim::fetching(5);
    victim.lone.feed(conn, b"HTTP/1.1 200 OK\r\n");
    assert_eq!(victim.failure(), Some(Failure::NoHolder));
    for said in [&b""[..], b"1", b"15ab"] {
        let (mut victim, conn) = Victim::fetching(5);
        if said.len() > 1 {
            victim.lone.feed(conn, &said[..1]);
            victim.lone.feed(conn, &said[1..]);
        } else {
            victim.lone.feed(conn, said);
        }
        victim.lone.advance(Duration::from_secs(301));
        assert_eq!(victim.failure(), Some(Failure::Timeout));
        assert!(victim.lone.closed(conn));
    }
}

#[test]
fn unasked_offers_pushes_and_deliveries_are_ignored() {
    let mut victim = Victim::sharing(b"hello");
    victim.tell(204, &format!("{OFFERED} {ZEROS} 4"));
    victim.tell(501, &format!("{OFFERED} {ZEROS} 4"));
    assert_eq!(victim.lone.next_dial(), None, "nobody makes us dial a third party");
    let conn = victim.caller();
    victim.lone.feed(conn, b"SENDmallory \"d\\Song.mp3\" 5");
    assert!(victim.lone.closed(conn));
}

#[test]
fn requests_for_what_is_not_shared_or_beyond_the_end_are_refused() {
    let answers: [(&[u8], &[u8]); 5] = [
        (b"GETbob \"..\\..\\etc\\passwd\" 0", b"FILE NOT SHARED"),
        (b"GETbob \"/etc/passwd\" 0", b"FILE NOT SHARED"),
        (b"GETbob \"d\\Song.mp3\" 6", b"INVALID REQUEST"),
        (b"GETbob \"d\\Song.mp3\" 18446744073709551615", b"INVALID REQUEST"),
        (b"GETbob \"d\\Song.mp3\" 5", b"5"),
    ];
    for (request, answer) in answers {
        let mut victim = Victim::sharing(b"hello");
        let conn = victim.caller();
        victim.lone.feed(conn, request);
        assert_eq!(victim.lone.take(conn), answer, "{}", request.escape_ascii());
        assert!(victim.lone.closed(conn));
    }
}

#[test]
fn silent_callers_are_bounded_and_shown_the_door() {
    let mut victim = Victim::new(|config| Arc::make_mut(&mut config.knobs).callers_max = 3);
    let first: Vec<ConnId> = (0..3).map(|_| victim.caller()).collect();
    let fourth = victim.lone.accept(SocketAddrV4::new([10, 0, 0, 9].into(), 4000));
    assert!(victim.lone.closed(fourth));
    victim.lone.advance(Duration::from_secs(31));
    assert!(first.iter().all(|conn| victim.lone.closed(*conn)));
    victim.caller();
}

#[test]
fn only_a_fresh_acceptance_makes_a_firewalled_owner_dial() {
    let push = "bob 16777343 6699 \"d\\Song.mp3\" 0 4";
    let mut victim = Victim::sharing_as(b"hello", |config| config.firewalled = true);
    victim.tell(607, "bob \"d\\Song.mp3\"");
    assert_eq!(victim.heard(), [(608, "bob \"d\\Song.mp3\"".into())]);
    victim.tell(501, push);
    let dial = victim.lone.next_dial().expect("it brings the file");
    let conn = victim.lone.answer(dial);
    victim.lone.feed(conn, b"1");
    assert_eq!(victim.lone.take(conn), b"SENDalice \"d\\Song.mp3\" 5");
    victim.lone.feed(conn, b"2");
    assert_eq!(victim.lone.take(conn), b"llo");
    victim.tell(501, push);
    assert_eq!(victim.lone.next_dial(), None, "an acceptance is for one dial");
    victim.tell(607, "bob \"d\\Song.mp3\"");
    victim.lone.advance(Duration::from_secs(31));
    victim.tell(501, push);
    assert_eq!(victim.lone.next_dial(), None, "and not for ever");
}

#[test]
fn full_slots_and_unknown_files_are_answered_by_their_own_words() {
    let mut victim = Victim::sharing_as(b"hello", |config| Arc::make_mut(&mut config.knobs).upload_slots = 0);
    victim.tell(607, "bob \"d\\Song.mp3\"");
    assert_eq!(victim.heard(), [(619, "bob \"d\\Song.mp3\" 0".into())]);
    victim.tell(607, "bob \"d\\Other.mp3\"");
    assert_eq!(victim.heard(), [(609, "bob \"d\\Other.mp3\"".into())]);
    // Whoever comes all the same is parked, and in the end shown the door; too many are refused.
    let callers: Vec<ConnId> = (0..17).map(|_| victim.caller()).collect();
    for caller in &callers {
        victim.lone.feed(*caller, b"GETbob \"d\\Song.mp3\" 0");
    }
    assert_eq!(victim.lone.take(callers[16]), b"INVALID REQUEST");
    assert!(!victim.lone.closed(callers[15]));
    victim.lone.advance(Duration::from_secs(31));
    assert!(callers.iter().all(|caller| victim.lone.closed(*caller)));
}

#[test]
fn a_list_is_given_to_who_asks_for_it() {
    let mut victim = Victim::sharing(b"hello");
    let conn = victim.caller();
    victim.lone.feed(conn, b"GETLIST");
    let list = String::from_utf8(victim.lone.take(conn)).unwrap();
    assert!(list.starts_with("alice\n\"d\\Song.mp3\" "), "{list}");
    assert!(list.ends_with(" 5 128 44100 0\n\n"), "{list}");
    assert!(victim.lone.closed(conn));
}

#[test]
fn a_server_that_talks_nonsense_does_no_harm() {
    let mut victim = Victim::new(|_| {});
    victim.lone.command(Command::Browse(SearchId(7), "bob".into()));
    for (code, data) in [
        (202, ""),
        (201, "\"no end"),
        (213, "nobody 0"),
        (204, "bob"),
        (620, "bob \"x\" 5 5"),
        (206, "bob \"x\""),
        (9999, "?"),
        (316, "0"),
        (5, "2.0 evil.example:virus.exe"),
        (640, "bob 16777343 0"),
    ] {
        victim.tell(code, data);
    }
    // A search's end does not end a browse; the first end of a browse does.
    let ends = victim.lone.notes.iter().filter(|note| matches!(note, Note::SearchEnded(..))).count();
    assert_eq!(ends, 1);
    assert_eq!(victim.lone.next_dial(), None);
    victim.lone.feed(victim.server, &[0xff, 0xff, 0, 0]);
    assert!(victim.lone.closed(victim.server));
    assert!(matches!(victim.lone.notes.last(), Some(Note::Offline(_))));
}

#[test]
fn a_warning_does_not_turn_an_answered_search_into_a_refused_one() {
    for (hits, end) in [(1, SearchEnd::Complete), (0, SearchEnd::Refused)] {
        let mut victim = Victim::new(|_| {});
        victim.lone.command(Command::Search(SearchId(1), Arc::new(common::user::Query::words("deep"))));
        victim.tell(
            404,
            "search failed: Your client is thrashing on the network ( 3.0 searches per minute 2 max)",
        );
        for _ in 0..hits {
            victim.tell(201, &format!("\"d\\Deep.mp3\" {ZEROS} 5 -1 44100 1 bob 16777343 4 99"));
        }
        victim.tell(202, "");
        let ended = |note: &Note| matches!(note, Note::SearchEnded(_, how) if *how == end);
        assert!(victim.lone.notes.iter().any(ended), "{:?}", victim.lone.notes);
        let found = victim.lone.notes.iter().filter(|note| matches!(note, Note::Found(..))).count();
        assert_eq!(found, hits);
    }
}

#[test]
fn a_refusal_that_time_may_heal_is_tried_again() {
    for (words, again) in [
        ("Connection handler overload", true),
        ("Exceeded maximum connections", true),
        ("reconnecting too fast", true),
        ("This server is full (9 connections)", true),
        ("Invalid Password", false),
        ("You are banned", false),
    ] {
        let mut lone = Lone::new(Node::peer(PeerConfig::default()));
        let dial = lone.next_dial().unwrap();
        let server = lone.answer(dial);
        lone.feed(server, &frame(0, words));
        lone.advance(Duration::from_secs(60));
        assert_eq!(lone.next_dial().is_some(), again, "{words}");
    }
}

#[test]
fn what_a_peer_does_not_know_changes_nothing() {
    let mut victim = Victim::sharing(b"hello");
    for (code, data) in [
        (750, "server 123"),
        (10112, "a b c"),
        (404, "Server x set your user level to Elite (4)."),
        (404, ""),
        (0, "something after login"),
        (3, "\"anon@again\" 0"),
        (8, ""),
        (209, "carol 4"),
        (301, "carol"),
        (405, "#chan"),
        (403, "#chan carol \"hi"),
        (627, "carol hi"),
        (821, "elsewhere 8888"),
        (607, "bob"),
        (501, ""),
    ] {
        victim.tell(code, data);
    }
    victim.tell(621, &"x".repeat(8_000));
    assert_eq!(victim.heard(), []);
    victim.tell(751, "carol 12:00");
    assert_eq!(victim.heard(), [(752, "carol 12:00".into())], "what came with a ping goes back");
    victim.tell(607, "bob \"d\\Song.mp3\" 4");
    assert_eq!(victim.heard(), [(608, "bob \"d\\Song.mp3\"".into())]);
    let conn = victim.caller();
    victim.lone.feed(conn, b"GET bob \"d\\Song.mp3\" 0\0");
    assert_eq!(victim.lone.take(conn), b"5hello");
}

#[test]
fn what_opennap_would_spoil_in_a_directory_is_told_alone() {
    let long = |len: usize| song(&format!("d/{}.mp3", "x".repeat(len - 6)), 7);
    for (songs, codes) in [
        (
            [song("d/a.mp3", 3 << 30), song("d/b.mp3", 0), song("d/c.mp3", 5), song("d/e.mp3", 6)],
            &[100, 100, 870][..],
        ),
        ([song("d/a.mp3", 1), long(254), long(255), long(256)], &[100, 870]),
    ] {
        let mut victim = Victim::new(|_| {});
        victim.lone.command(Command::Share(shared(&songs)));
        let heard: Vec<u16> = victim.heard().iter().map(|(code, _)| *code).collect();
        assert_eq!(heard, codes);
    }
}

#[test]
fn a_server_that_never_answers_costs_a_time_out_each() {
    let mut victim = Victim::new(|_| {});
    let query = Arc::new(common::user::Query::words("deep"));
    victim.lone.command(Command::Search(SearchId(1), query));
    victim.lone.advance(Duration::from_secs(181));
    let timed_out = |note: &Note| matches!(note, Note::SearchEnded(SearchId(1), SearchEnd::Timeout));
    assert!(victim.lone.notes.iter().any(timed_out));
    assert!(victim.lone.closed(victim.server), "a late answer must not be taken for the next one's");

    let mut lone = Lone::new(Node::peer(PeerConfig::default()));
    let dial = lone.next_dial().unwrap();
    lone.answer(dial);
    lone.advance(Duration::from_secs(61));
    assert!(lone.notes.iter().any(|note| matches!(note, Note::Offline(_))));
    lone.advance(Duration::from_secs(60));
    assert!(lone.next_dial().is_some(), "it tries again");
}

/// Random bytes in random portions to every kind of connection, of a server and of a peer.
#[test]
fn noise_never_panics() {
    use proptest::prelude::*;
    let noise = prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            (0u16..900, "[ -~]{0,40}").prop_map(|(code, data)| frame(code, &data)),
            Just(b"GETx \"d\\Song.mp3\" 0".to_vec()),
            Just(b"SENDx \"d\\Song.mp3\" 5".to_vec()),
            Just(b"1".to_vec()),
            Just(b"5".to_vec()),
        ],
        0..12,
    );
    proptest!(ProptestConfig::with_cases(200), |(noise in noise)| {
        let mut raw = Raw::new(ServerConfig::default());
        let (fresh, user) = (raw.dial(2), raw.user(3, "user"));
        let mut victim = Victim::sharing(b"hello");
        let caller = victim.caller();
        let (mut getter, holder) = Victim::fetching(5);
        for bytes in &noise {
            raw.lone.feed(fresh, bytes);
            raw.lone.feed(user, bytes);
            victim.lone.feed(victim.server, bytes);
            victim.lone.feed(caller, bytes);
            getter.lone.feed(holder, bytes);
            getter.lone.feed(getter.server, bytes);
        }
        raw.lone.advance(Duration::from_secs(100));
        victim.lone.advance(Duration::from_secs(1000));
        getter.lone.advance(Duration::from_secs(1000));
        prop_assert!(getter.fetched() || getter.failure().is_some(), "every download ends");
    });
}
