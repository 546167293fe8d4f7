//! The replay: a film of what happened, a page that holds up whatever names are in it, and a browser that shows all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use ::common::testing::process::Program;
use bench::overlays::overlays;
use bench::replay::{FILE, Film, PAGE, Reel, film, page, small_one};
use bench::report::{Folder, draw};
use bench::scenario::Scenario;
use bench::watch::Watch;
use bench::world::World;
use serde_json::Value;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

fn filmed(seed: u64) -> Film {
    let of = Scenario { seed, ..Scenario::default() };
    film(&small_one(&of), &Watch::new(false)).unwrap()
}

/// Bytes of each file that have come, by the film alone.
fn covered(reel: &Reel) -> Vec<u64> {
    let mut ranges: BTreeMap<i64, Vec<(u64, u64)>> = BTreeMap::new();
    for (_, _, _, bytes, _, taken, file, offset) in &reel.chunks {
        if *taken >= 0 {
            ranges.entry(*file).or_default().push((*offset, offset + u64::from(*bytes)));
        }
    }
    let sum = |file: usize| {
        let mut ranges = ranges.get(&(file as i64)).cloned().unwrap_or_default();
        ranges.sort_unstable();
        let mut reached = 0;
        let new = |(start, end): &(u64, u64)| {
            let bytes = end.saturating_sub(reached.max(*start));
            reached = reached.max(*end);
            bytes
        };
        ranges.iter().map(new).sum()
    };
    (0..reel.files.len()).map(sum).collect()
}

#[test]
fn what_is_replayed_is_small_and_like_what_it_stands_beside() {
    let mut of = Scenario { seed: 9, ..Scenario::default() };
    of.lines.latency_ms = 10.0;
    of.faults = vec!["busiest@6s".parse().unwrap()];
    let text = of.to_text() + "[overlay.gnutella]\nstrategy = \"random_walk\"\ndegree = 8\n";
    let of = Scenario::parse(&text).unwrap();
    let small = small_one(&of);
    small.check().unwrap();
    assert_eq!((small.peers, small.seed), (12, 9));
    assert_eq!((&small.lines, &small.faults), (&of.lines, &of.faults));
    let gnutella = &small.overlay["gnutella"];
    assert_eq!(gnutella["strategy"].as_str(), Some("random_walk"));
    assert_eq!(gnutella["degree"].as_integer(), Some(3), "everybody would be everybody's neighbour");
}

#[test]
fn a_film_has_all_that_happened_in_the_run() {
    let of = small_one(&Scenario::default());
    let world = World::new(&of).unwrap();
    let film = film(&of, &Watch::new(false)).unwrap();
    assert_eq!(film.reels.len(), overlays().len());
    for (reel, overlay) in film.reels.iter().zip(overlays()) {
        let outcome = overlay.simulate(&world, &Watch::new(false));
        assert_eq!((&*reel.overlay, reel.left_out), (overlay.name(), 0));
        assert_eq!(reel.nodes.len(), outcome.loads.len());
        let mut sent = vec![0; reel.kinds.len()];
        reel.messages.iter().for_each(|message| sent[usize::from(message.3)] += 1);
        for ((count, kind), sent) in outcome.kinds.iter().zip(&reel.kinds).zip(sent) {
            assert_eq!((&count.kind, count.purpose), (&kind.name, kind.purpose));
            // What waited for an uplink when its connection ended never left.
            assert!(sent <= count.traffic.messages, "{count:?}: {sent}");
        }
        let heard: u64 = outcome.loads.iter().map(|load| load.received.messages).sum();
        assert_eq!(reel.messages.iter().filter(|message| message.6 >= 0).count() as u64, heard);
        let received: u64 = outcome.loads.iter().map(|load| load.body_received).sum();
        let taken = reel.chunks.iter().filter(|chunk| chunk.5 >= 0).map(|chunk| u64::from(chunk.3));
        assert_eq!(taken.sum::<u64>(), received);
        let whole = covered(reel).iter().zip(&reel.files).filter(|(bytes, file)| **bytes == file.2).count();
        let fetched =
            reel.notes.iter().filter(|note| note.2.starts_with("has ") && !note.2.starts_with("has given"));
        let fetched = fetched.filter(|note| !note.2.starts_with("has not")).count();
        assert_eq!(whole, fetched, "{}", reel.overlay);
        assert!(fetched >= 8, "{}: {fetched}", reel.overlay);
        let open = |link: &(u32, i64, u64, i64, i64)| {
            link.3 < 0 || (link.2 as i64 <= link.3 && (link.4 < 0 || link.3 <= link.4))
        };
        assert!(reel.links.iter().all(open));
        assert!(reel.nodes.iter().all(|node| node.came >= 0));
    }
}

#[test]
fn the_structure_of_each_overlay_can_be_seen() {
    let film = filmed(1);
    let roles = |name: &str| {
        let reel = film.reels.iter().find(|reel| reel.overlay == name).unwrap();
        let mut roles: Vec<&str> =
            reel.nodes.iter().map(|node| &*node.role).filter(|role| !role.is_empty()).collect();
        roles.sort_unstable();
        roles
    };
    assert_eq!(roles("napster"), ["server"]);
    assert_eq!(roles("bittorrent"), ["tracker", "web site"]);
    let kazaa = roles("kazaa");
    assert!((3..=5).contains(&kazaa.len()), "{kazaa:?}: the services, and some supernodes");
}

/// A film whose every text would be markup, or the end of a script.
fn hostile() -> (Film, String) {
    const MARKUP: &str = "</script><script>alert(1)</script><!-- {script} {film} & \" ' \u{2028}";
    let mut value: Value = serde_json::from_str(&filmed(2).to_json()).unwrap();
    value["scenario"] = MARKUP.into();
    for reel in value["reels"].as_array_mut().unwrap() {
        reel["about"] = MARKUP.into();
        reel["notes"][0][2] = MARKUP.into();
    }
    let film: Film = serde_json::from_value(value).unwrap();
    let page = page(&film);
    (film, page)
}

#[test]
fn no_text_of_a_film_is_markup_on_the_page() {
    let (film, page) = hostile();
    assert_eq!(page.matches("</script").count(), 2, "the film's and the player's");
    assert!(!page.contains("<script>alert") && !page.contains("<!--"));
    let (_, rest) = page.split_once("id=\"film\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    assert_eq!(serde_json::from_str::<Film>(json).unwrap(), film);
}

#[test]
fn the_page_asks_for_nothing_from_elsewhere() {
    let page = page(&filmed(1));
    for (at, _) in page.match_indices("http") {
        assert!(page[at..].starts_with("http://www.w3.org/2000/svg'"), "{}", &page[at..at + 60]);
    }
    assert!(!page.contains(" src=") && !page.contains("@import") && !page.contains("url("));
    assert_eq!(page.matches("href=").count(), 1, "the empty icon");
}

#[test]
fn a_comparison_leaves_a_replay_that_its_page_links_and_the_same_bytes_again() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        let out = dir.path().to_str().unwrap();
        let run = [
            "compare",
            "--backend",
            "sim",
            "--peers",
            "5",
            "--repeat",
            "1",
            "--seed",
            "3",
            "--quiet",
            "--out",
            out,
        ];
        BENCH.run(&run);
        assert!(fs::read_to_string(dir.path().join("index.html")).unwrap().contains("href=\"replay.html\""));
    }
    for name in [FILE, PAGE] {
        let [one, other] = dirs.each_ref().map(|dir| fs::read(dir.path().join(name)).unwrap());
        assert!(!one.is_empty() && one == other, "{name}");
    }
    // Of another comparison, without a simulation, there is none.
    let dir = dirs[0].path();
    Folder::open(dir).unwrap().put_film(None).unwrap();
    draw(&[dir.to_path_buf()], dir).unwrap();
    assert!(!dir.join(PAGE).exists());
    assert!(!fs::read_to_string(dir.join("index.html")).unwrap().contains("replay.html"));
}

#[test]
fn a_broken_film_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let whole: Value = serde_json::from_str(&filmed(1).to_json()).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut film = whole.clone();
        change(&mut film);
        film.to_string()
    };
    let far_node = with(&|film| film["reels"][2]["messages"][0][1] = 99.into());
    let far_kind = with(&|film| film["reels"][2]["messages"][0][3] = 200.into());
    let other_form = with(&|film| film["format"] = 99.into());
    for (text, wanted) in [
        (far_node.as_str(), "names a node, a kind or a file that it does not have"),
        (far_kind.as_str(), "names a node, a kind or a file that it does not have"),
        (other_form.as_str(), "its form is 99"),
        ("{", "no such file"),
    ] {
        fs::write(dir.path().join(FILE), text).unwrap();
        let error = draw(&[dir.path().to_path_buf()], dir.path()).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains(FILE) && error.lines().count() == 1, "{error}");
    }
}

/// What a browser has after it has played a page to its end, and what it had to say of it.
fn played(page: &Path, hash: &str) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        // Time that the browser lets pass as fast as it can.
        .args(["--virtual-time-budget=1200000", "--dump-dom"])
        .arg(format!("file://{}#{hash}", page.display()))
        .output()
        .expect("chromium is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (String::from_utf8(output.stdout).unwrap(), words)
}

/// What the page says that it has shown of an overlay.
fn shown(dom: &str, overlay: &str) -> Value {
    let (_, rest) =
        dom.split_once(&format!("data-reel=\"{overlay}\">")).expect("the overlay was played to its end");
    serde_json::from_str(rest.split_once('<').unwrap().0).unwrap()
}

#[test]
#[ignore = "needs Chromium (Debian package chromium); .ci/run installs it and runs this"]
fn a_browser_shows_every_message_and_every_byte_and_complains_of_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let film = filmed(4);
    fs::write(dir.path().join(PAGE), page(&film)).unwrap();
    let (dom, words) = played(&dir.path().join(PAGE), "tour&speed=16&timer");
    assert!(!words.contains("CONSOLE"), "{words}");
    assert!(dom.contains("data-state=\"over\""), "it has come to the end");
    for reel in &film.reels {
        let seen = shown(&dom, &reel.overlay);
        let mut drawn = vec![0_u64; reel.kinds.len()];
        // Nothing can be drawn on the way to nobody.
        let messages = reel.messages.iter().filter(|message| message.2 >= 0);
        messages.for_each(|message| drawn[usize::from(message.3)] += 1);
        assert_eq!(seen["drawn"], Value::from(drawn), "{}", reel.overlay);
        assert_eq!(seen["chunks"], reel.chunks.len() as u64, "{}", reel.overlay);
        let cells = seen["full"].as_array().unwrap().iter().map(|cells| cells.as_u64().unwrap());
        for ((cells, bytes), (_, name, size)) in cells.zip(covered(reel)).zip(&reel.files) {
            assert_eq!(cells == 20, bytes == *size, "{}: {name}, {cells} cells, {bytes} bytes", reel.overlay);
        }
    }
}

/// Otherwise its silence above would mean nothing.
#[test]
#[ignore = "needs Chromium (Debian package chromium); .ci/run installs it and runs this"]
fn a_browser_complains_of_a_broken_page_and_not_of_a_hostile_film() {
    let dir = tempfile::tempdir().unwrap();
    let (_, page) = hostile();
    fs::write(dir.path().join(PAGE), &page).unwrap();
    let (dom, words) = played(&dir.path().join(PAGE), "overlay=gnutella&t=2&event&timer");
    assert!(!words.contains("CONSOLE"), "{words}");
    assert!(dom.contains("class=\"way\"") || dom.contains("current"), "an event is shown");
    fs::write(dir.path().join(PAGE), page.replace("'use strict';", "nonsense();")).unwrap();
    assert!(played(&dir.path().join(PAGE), "tour&timer").1.contains("CONSOLE"));
}
