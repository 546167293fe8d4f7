//! Searching and browsing.

use crate::kit::{Net, Raw, song};
use common::user::{Command, Media, Note, Query, Range, SearchEnd};
use napster::server::ServerConfig;

const MD5: &str = "00112233445566778899aabbccddeeff";

/// A server with one sharer of four files, and who asks.
fn library() -> (Raw, common::peer::ConnId) {
    let mut raw = Raw::new(ServerConfig::default());
    let owner = raw.user(2, "owner");
    for file in [
        "\"/music/Deep\\Blue Sea.mp3\" 00000000000000000000000000000000 4000000 128 44100 250",
        "\"/music/Deep\\Red Sea (live).mp3\" 00000000000000000000000000000000 6000000 192 44100 300",
        "\"/music/Shallow\\Blue.mp3\" 00000000000000000000000000000000 2000000 64 22050 100",
    ] {
        assert_eq!(raw.say(owner, 100, file), [], "a share has no answer");
    }
    assert_eq!(raw.say(owner, 10300, &format!("\"/x/Deep\\Notes.txt\" 99 {MD5} text/plain")), []);
    let asker = raw.user(3, "asker");
    (raw, asker)
}

#[test]
fn a_hit_has_all_its_fields_and_the_name_byte_for_byte() {
    let (mut raw, asker) = library();
    let answer = raw.say(asker, 200, "FILENAME CONTAINS \"blue sea\"");
    // 10.0.0.2, its octets little-endian.
    let ip = 10 + (2 << 24);
    let hit = format!(
        "\"/music/Deep\\Blue Sea.mp3\" 00000000000000000000000000000000 4000000 128 44100 250 owner {ip} 4"
    );
    assert_eq!(answer, [(201, hit), (202, String::new())]);
}

#[test]
fn the_grammar_filters() {
    let (mut raw, asker) = library();
    let mut count = |query: &str| {
        let answer = raw.say(asker, 200, query);
        assert_eq!(answer.last(), Some(&(202, String::new())));
        assert!(answer[..answer.len() - 1].iter().all(|(code, _)| *code == 201), "{answer:?}");
        answer.len() - 1
    };
    for (query, hits) in [
        ("FILENAME CONTAINS \"sea\"", 2),
        ("filename contains \"SEA deep\"", 2),
        ("FILENAME CONTAINS \"sea\" FILENAME CONTAINS \"blue\"", 1),
        ("FILENAME CONTAINS \"sea\" FILENAME EXCLUDES \"live\"", 1),
        ("FILENAME CONTAINS \"sea -live\"", 1),
        ("FILENAME CONTAINS \"dee\"", 0),
        ("FILENAME CONTAINS \"mp3\"", 0),
        ("FILENAME CONTAINS \"music\"", 0),
        ("MAX_RESULTS 1 FILENAME CONTAINS \"sea\"", 1),
        ("MAX_RESULTS 0 FILENAME CONTAINS \"sea\"", 2),
        ("FILENAME CONTAINS \"blue\" BITRATE \"AT LEAST\" \"128\"", 1),
        ("FILENAME CONTAINS \"blue\" BITRATE \"AT BEST\" 64", 1),
        ("FILENAME CONTAINS \"deep\" SIZE \"AT LEAST\" 5000000", 1),
        ("FILENAME CONTAINS \"blue\" FREQ \"EQUAL TO\" \"22050\"", 1),
        ("FILENAME CONTAINS \"sea\" DURATION \"AT BEST\" 299", 1),
        ("FILENAME CONTAINS \"sea\" LINESPEED \"AT LEAST\" 5", 0),
        ("FILENAME CONTAINS \"sea\" LINESPEED \"EQUAL TO\" 4 LOCAL_ONLY", 2),
        ("FILENAME CONTAINS \"deep\"", 2),
        ("FILENAME CONTAINS \"deep\" TYPE any", 3),
        ("FILENAME CONTAINS \"deep\" TYPE text/plain", 1),
        ("FILENAME CONTAINS \"deep\" TYPE mp3", 2),
        // Sloppy clients: numbers left out or negative, the NUL of a C string, a line's end.
        ("FILENAME CONTAINS \"sea\" BITRATE \"AT LEAST\" \"\" LOCAL", 2),
        ("FILENAME CONTAINS \"sea\" BITRATE \"AT LEAST\" \"-1\"", 2),
        ("FILENAME CONTAINS \"sea\" MAX_RESULTS 1\0", 1),
        ("  FILENAME  CONTAINS sea\r\n", 2),
    ] {
        assert_eq!(count(query), hits, "{query}");
    }
}

#[test]
fn a_search_that_fails_says_why_and_ends() {
    let (mut raw, asker) = library();
    for (query, why) in [
        ("COLOUR \"AT LEAST\" 3", "invalid search request"),
        ("FILENAME CONTAINS \"sea\" MAX_RESULTS 1x", "invalid search request"),
        ("FILENAME CONTAINS \"sea", "parameters are unparsable"),
        ("FILENAME CONTAINS \"-live\"", "search failed: request contained no valid words"),
        ("", "search failed: request contained no valid words"),
    ] {
        assert_eq!(raw.say(asker, 200, query), [(404, why.into()), (202, String::new())], "{query}");
    }
}

#[test]
fn results_come_newest_first_and_up_to_the_limit() {
    let mut raw = Raw::new(ServerConfig { results_max: 3, ..ServerConfig::default() });
    let owner = raw.user(2, "owner");
    for n in 0..9 {
        raw.say(owner, 100, &format!("\"d\\Song {n}.mp3\" {MD5} {n} 128 44100 1"));
    }
    let asker = raw.user(3, "asker");
    let answer = raw.say(asker, 200, "FILENAME CONTAINS \"song\" MAX_RESULTS 50");
    let names: Vec<&str> = answer.iter().filter_map(|(_, text)| text.split('"').nth(1)).collect();
    assert_eq!(names, ["d\\Song 8.mp3", "d\\Song 7.mp3", "d\\Song 6.mp3"]);
    assert_eq!(
        raw.say(owner, 200, "FILENAME CONTAINS \"song\""),
        [(202, String::new())],
        "one's own never match"
    );
}

#[test]
fn two_firewalled_users_do_not_find_each_other() {
    let mut raw = Raw::new(ServerConfig::default());
    let (owner, open, closed) = (raw.user(2, "OWNER"), raw.user(3, "open"), raw.user(4, "CLOSED"));
    raw.say(owner, 100, &format!("\"d\\Song.mp3\" {MD5} 1 128 44100 1"));
    assert_eq!(raw.say(open, 200, "FILENAME CONTAINS \"song\"").len(), 2);
    assert_eq!(raw.say(closed, 200, "FILENAME CONTAINS \"song\"").len(), 1);
    // Once his port is open he finds it.
    assert_eq!(raw.say(closed, 703, "6699"), []);
    assert_eq!(raw.say(closed, 200, "FILENAME CONTAINS \"song\"").len(), 2);
}

#[test]
fn shares_are_limited_joined_dropped_and_forgotten_with_their_owner() {
    let mut raw = Raw::new(ServerConfig { shared_max: 3, ..ServerConfig::default() });
    let owner = raw.user(2, "owner");
    let file = |name: &str| format!("\"{name}\" {MD5} 1 128 44100 1");
    let list = format!("\"/dir/sub\" {} {}", file("one.mp3"), file("two.mp3"));
    assert_eq!(raw.say(owner, 870, &list), []);
    assert_eq!(raw.say(owner, 100, &file("/dir/sub\\one.mp3")), [(404, "duplicate file".into())]);
    assert_eq!(raw.say(owner, 100, &file("a\\three.mp3")), []);
    assert_eq!(raw.say(owner, 100, &file("a\\four.mp3")), [(404, "You may only share 3 files".into())]);
    assert_eq!(raw.say(owner, 100, &file("a\\five.mp3")), [], "complained about once");
    let asker = raw.user(3, "asker");
    assert_eq!(raw.say(asker, 200, "FILENAME CONTAINS \"sub one\"").len(), 2);
    assert_eq!(
        raw.say(owner, 102, "\"a\\three.mp3\""),
        [(404, "Not sharing that file".into())],
        "no quotes here"
    );
    assert_eq!(raw.say(owner, 102, "a\\three.mp3"), []);
    assert_eq!(raw.say(asker, 200, "FILENAME CONTAINS \"three\"").len(), 1);
    let long = "x".repeat(1100);
    assert_eq!(raw.say(owner, 100, &file(&long)), [(404, "filename too long".into())]);
    assert_eq!(raw.say(asker, 214, ""), [(214, "2 2 0".into())]);
    assert_eq!(raw.say(owner, 110, ""), [(110, "2".into())]);
    assert_eq!(raw.say(owner, 100, &file("a\\last.mp3")), []);
    raw.lone.hang_up(owner, common::peer::CloseReason::Remote);
    assert_eq!(raw.say(asker, 200, "FILENAME CONTAINS \"last\"").len(), 1);
    assert_eq!(raw.say(asker, 215, &format!("{MD5} 1")), [(217, String::new())]);
}

#[test]
fn a_directory_is_joined_with_one_backslash_or_none() {
    let mut raw = Raw::new(ServerConfig::default());
    let owner = raw.user(2, "owner");
    for (dir, name) in [("C:\\Music\\", "one.mp3"), ("C:\\Music", "two.mp3"), ("", "d\\three.mp3")] {
        assert_eq!(raw.say(owner, 870, &format!("\"{dir}\" \"{name}\" {MD5} 1 128 44100 1")), []);
    }
    let listed = raw.say(owner, 211, "owner");
    let names: Vec<&str> = listed.iter().filter_map(|(_, text)| text.split('"').nth(1)).collect();
    assert_eq!(names, ["C:\\Music\\one.mp3", "C:\\Music\\two.mp3", "d\\three.mp3"]);
}

#[test]
fn attributes_that_are_no_numbers_are_zero_and_a_size_must_be_one() {
    let mut raw = Raw::new(ServerConfig::default());
    let owner = raw.user(2, "owner");
    for (attributes, listed) in [
        ("5000000000 -1 -1 -1", Some("5000000000 0 0 0")),
        ("7 VBR 44.1kHz 3:20", Some("7 0 44 3")),
        ("7 128 44100 200\0", Some("7 128 44100 200")),
        ("-7 128 44100 200", None),
        ("seven 128 44100 200", None),
        ("7 128 44100", None),
    ] {
        let answer = raw.say(owner, 100, &format!("\"d\\x.mp3\" {MD5} {attributes}"));
        assert_eq!(answer.is_empty(), listed.is_some(), "{attributes:?}: {answer:?}");
        let hits = raw.say(owner, 211, "owner\r\n");
        let hit = listed.map(|listed| (212, format!("owner \"d\\x.mp3\" {MD5} {listed}")));
        assert_eq!(hits[..hits.len() - 1], Vec::from_iter(hit), "{attributes:?}");
        raw.say(owner, 102, "d\\x.mp3\0");
        assert_eq!(raw.say(owner, 211, "owner").len(), 1, "unshared, whatever ends the name");
    }
}

#[test]
fn browsing_lists_everything_and_an_absent_user_has_gone() {
    let (mut raw, asker) = library();
    let answer = raw.say(asker, 211, "OWNER");
    let codes: Vec<u16> = answer.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [212, 212, 212, 212, 213]);
    assert!(answer[0].1.starts_with("owner \"/music/Deep\\Blue Sea.mp3\" 0000"));
    assert_eq!(raw.say(asker, 211, "owner 2").len(), 3);
    assert_eq!(raw.say(asker, 211, "nobody"), [(210, "nobody".into()), (213, "nobody".into())]);
    assert_eq!(raw.say(asker, 211, "asker"), [(213, "asker 0".into())], "who shares nothing has no address");
}

#[test]
fn other_holders_of_one_content_are_found_by_checksum_and_size() {
    let mut raw = Raw::new(ServerConfig::default());
    let (one, two) = (raw.user(2, "one"), raw.user(3, "two"));
    raw.say(one, 100, &format!("\"d\\A.mp3\" {MD5}-77 77 128 44100 1"));
    raw.say(two, 100, &format!("\"e\\B.mp3\" {} 77 128 44100 1", MD5.to_uppercase()));
    raw.say(two, 100, &format!("\"e\\C.mp3\" {MD5} 78 128 44100 1"));
    let ip = 10 + (3 << 24);
    let hit = format!("two {ip} 6699 \"e\\B.mp3\" {MD5} 77 4");
    assert_eq!(raw.say(one, 215, &format!("{MD5} 77")), [(216, hit), (217, String::new())]);
}

#[test]
fn a_peer_finds_by_words_and_filters() {
    let mut net = Net::default();
    let fast = std::sync::Arc::new(common::user::FileInfo {
        media: Media { bitrate_kbps: 256, ..song("", 0).media },
        ..(*song("Deep/Blue (live).mp3", 9_000_000)).clone()
    });
    net.sharer("owner", &[song("Deep/Blue.mp3", 4_000_000), fast, song("loose blue.mp3", 1_000)]);
    let asker = net.join("asker");
    let with = |words: &str, change: fn(&mut Query)| {
        let mut query = Query::words(words);
        change(&mut query);
        query
    };
    let all = ["Deep/Blue (live).mp3", "Deep/Blue.mp3", "loose blue.mp3"];
    assert_eq!(net.names(asker, Query::words("blue")), all);
    assert_eq!(net.names(asker, Query::words("blue -live")), all[1..]);
    assert_eq!(net.names(asker, with("blue", |q| q.bitrate_kbps = Range::at_least(200))), all[..1]);
    assert_eq!(net.names(asker, with("blue", |q| q.size = Range::at_most(5_000))), all[2..]);
    assert_eq!(net.names(asker, with("blue", |q| q.results_max = 1)).len(), 1);
    assert_eq!(net.names(asker, with("blue", |q| q.speed = Range::at_least(3))), [""; 0]);
    let hit = &net.find(asker, "loose")[0];
    assert_eq!(hit.info, *song("loose blue.mp3", 1_000), "what is found is what was shared");
    assert_eq!((&*hit.holder.nick, hit.holder.address.map(|a| a.port())), ("owner", Some(0)));
}

#[test]
fn a_search_costs_two_messages_and_its_results() {
    let mut net = Net::default();
    net.sharer("owner", &[song("Deep/Blue.mp3", 4_000_000)]);
    let asker = net.join("asker");
    for (words, hits) in [("blue", 1), ("absent", 0)] {
        let before = (net.swarm.sent("search"), net.swarm.sent("search hit"), net.swarm.sent("search end"));
        assert_eq!(net.find(asker, words).len() as u64, hits);
        let after = (net.swarm.sent("search"), net.swarm.sent("search hit"), net.swarm.sent("search end"));
        assert_eq!(after, (before.0 + 1, before.1 + hits, before.2 + 1));
    }
}

#[test]
fn a_peer_browses_and_lists_more_than_a_frame_holds() {
    let mut net = Net::default();
    let files: Vec<_> = (0..120).map(|n| song(&format!("Dir {}/Song {n}.mp3", n / 60), 1000 + n)).collect();
    let owner = net.sharer("owner", &files);
    assert!(net.swarm.sent("share directory") < 20, "files of one directory go together");
    let asker = net.join("asker");
    let browse = net.search_id();
    net.swarm.command(asker, Command::Browse(browse, "owner".into()));
    assert_eq!(net.swarm.search_end(asker, browse), SearchEnd::Complete);
    let found: Vec<_> = net.swarm.found(asker, browse).iter().map(|hit| hit.info.clone()).collect();
    assert_eq!(found, files.iter().map(|info| (**info).clone()).collect::<Vec<_>>());
    assert_eq!(net.names(asker, Query::words("song 119")).len(), 1);
    net.swarm.command(owner, Command::Unshare(common::peer::FileId(119)));
    net.run_s(1);
    assert_eq!(net.names(asker, Query::words("song 119")), [""; 0]);
}

#[test]
fn searches_without_words_or_without_a_server_end_with_a_reason() {
    let mut net = Net::default();
    let asker = net.join("asker");
    assert_eq!(net.search(asker, Query::words("-only")).1, SearchEnd::Refused);
    assert_eq!(net.search(asker, Query::words("...")).1, SearchEnd::Refused);
    let now = net.swarm.sim.now();
    net.swarm.sim.crash_at(now, net.server);
    assert_eq!(net.search(asker, Query::words("blue")).1, SearchEnd::Offline, "asked while it died");
    assert_eq!(net.search(asker, Query::words("blue")).1, SearchEnd::Offline, "asked after it had died");
}

#[test]
fn a_server_that_falls_silent_costs_a_search_its_time_out() {
    let mut net = Net::default();
    let asker = net.join("asker");
    let (now, server) = (net.swarm.sim.now(), net.server);
    let end = now + std::time::Duration::from_secs(200);
    net.swarm.sim.cut(&[asker], &[server], now, end);
    let (_, how) = net.search(asker, Query::words("blue"));
    assert!(matches!(how, SearchEnd::Timeout | SearchEnd::Offline), "{how:?}");
    net.run_s(400);
    assert_eq!(net.swarm.notes(asker).filter(|note| matches!(note, Note::Online)).count(), 2);
    assert_eq!(net.search(asker, Query::words("blue")).1, SearchEnd::Complete);
}

#[test]
fn a_search_given_while_joining_waits_for_the_server() {
    let mut net = Net::default();
    net.sharer("owner", &[song("Deep/Blue.mp3", 4_000_000)]);
    let config = net.config("asker");
    let asker = net.add(config);
    net.swarm.run_for(std::time::Duration::from_millis(1));
    assert_eq!(net.find(asker, "blue").len(), 1);
}
