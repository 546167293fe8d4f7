//! Comparisons in simulation: repeatable to the byte, and what faults do to them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bench::compare::{Backend, Column, Comparison, Options, compare};
use bench::measure::FlowRow;
use bench::report::{Folder, Look, render, to_json};
use bench::scenario::{LIBRARY, Law, Scenario, Searches, Sessions};
use bench::watch::Watch;

use crate::kit;

const NARROW: Look = Look { coloured: false, columns: 100 };

fn simulated(scenario: Scenario, repeats: u32) -> Comparison {
    let options = Options {
        scenario,
        backends: vec![Backend::Sim],
        repeats: Some(repeats),
        executable: PathBuf::new(),
        agents: None,
    };
    compare(&options, &Watch::new(false)).unwrap()
}

fn value(column: &Column, key: &str) -> f64 {
    column.runs[0].measured.sheet.get(key).unwrap_or_else(|| panic!("{} has no {key}", column.overlay))
}

#[test]
fn two_comparisons_of_one_seed_are_the_same_to_the_byte_in_every_file() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for dir in &dirs {
        let scenario = kit::small(20, 1);
        let folder = Folder::open(dir.path()).unwrap();
        folder.put_scenario(&scenario).unwrap();
        folder.fill(&simulated(scenario, 2)).unwrap();
    }
    let names: Vec<_> =
        std::fs::read_dir(dirs[0].path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for name in names {
        let read = |dir: &tempfile::TempDir| std::fs::read(dir.path().join(&name)).unwrap();
        assert!(!read(&dirs[0]).is_empty());
        assert_eq!(read(&dirs[0]), read(&dirs[1]), "{name:?}");
    }
}

#[test]
fn another_seed_gives_other_digests() {
    let (one, other) = (simulated(kit::small(20, 1), 1), simulated(kit::small(20, 2), 1));
    for (a, b) in one.columns.iter().zip(&other.columns) {
        assert!(a.runs[0].digest.is_some());
        assert_ne!(a.runs[0].digest, b.runs[0].digest, "{}", a.overlay);
    }
    assert_ne!(to_json(&one), to_json(&other));
}

#[test]
fn everything_that_must_be_true_is_exercised_and_is_true() {
    let comparison = simulated(kit::small(30, 1), 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    let exercised = |name: &str| {
        let runs = comparison.columns.iter().flat_map(|column| &column.runs);
        runs.flat_map(|run| &run.checks).filter(|v| v.name == name).map(|v| v.exercised).sum::<u64>()
    };
    for verdict in &comparison.columns[0].runs[0].checks {
        assert!(exercised(verdict.name) > 0, "{} was never exercised", verdict.name);
    }
    for column in &comparison.columns {
        assert_eq!(value(column, "fetched"), 30.0, "{}", column.overlay);
        assert!(value(column, "over_bound") >= 1.0);
        assert!(value(column, "recall_items") > 0.9);
        // A server is one hop away; who answers a flood is somewhere; and a supernode may find it in its own index, its
        // neighbour's, or that of one behind.
        let hops = match column.overlay {
            "gnutella" => 1.0..=7.0,
            "kazaa" => 0.0..=2.0,
            _ => 1.0..=1.0,
        };
        assert!(hops.contains(&value(column, "search_hops")), "{}", column.overlay);
        let used = value(column, "uplink_use");
        assert!(used > 0.0 && used <= 1.0, "{}: {used}", column.overlay);
        let measured = &column.runs[0].measured;
        let sum = |of: fn(&FlowRow) -> f64| measured.flow.iter().map(of).sum::<f64>();
        let size: u64 = measured.downloads.iter().map(|row| row.size).sum();
        let took: f64 = measured.downloads.iter().filter_map(|row| row.took_s).sum();
        assert!((sum(|row| row.bytes_per_s) - size as f64).abs() < 1e-3, "all that was fetched arrived");
        assert!((sum(|row| row.downloads) - took).abs() < 1e-6, "all its time is there");
    }
    let table = render(&comparison, NARROW);
    assert!(!table.contains('\u{1b}'), "no colours were asked for");
    assert!(comparison.columns.iter().all(|column| table.contains(column.overlay)));
    assert!(table.contains("- [1]") && table.contains("\n[1] "), "what is missing has a reason");
    assert!(table.contains('█'), "the best second reaches the top");
}

#[test]
fn intervals_are_shown_where_they_fit_and_five_columns_of_medians_fit_120_characters() {
    let comparison = simulated(kit::small(10, 1), 6);
    let table = |columns| render(&comparison, Look { columns, ..NARROW });
    assert!(table(240).contains("95 % interval"));
    let narrow = table(120);
    assert!(!narrow.contains("95 % interval"));
    let measures = narrow.lines().take_while(|line| !line.is_empty());
    assert!(measures.map(|line| line.chars().count()).max().unwrap() <= 120, "{narrow}");
}

#[test]
fn content_comes_from_the_server_in_one_world_and_never_in_the_other() {
    let comparison = simulated(kit::small(30, 4), 1);
    let shares: Vec<f64> = comparison.columns.iter().map(|column| value(column, "server_share")).collect();
    assert_eq!(shares, [1.0, 0.0, 0.0, 0.0, 0.0], "the mirror's alone");
}

#[test]
fn a_knob_of_one_overlay_changes_its_runs_and_nobody_elses() {
    let plain = simulated(kit::small(20, 1), 1);
    let changed = |knobs: &str| {
        let text = kit::small(20, 1).to_text() + knobs;
        simulated(Scenario::parse(&text).unwrap(), 1)
    };
    let digests = |comparison: &Comparison| {
        let digest = |column: &Column| (column.overlay, column.runs[0].digest.clone());
        comparison.columns.iter().map(digest).collect::<BTreeMap<_, _>>()
    };
    for (knobs, overlay) in [
        ("[overlay.napster]\nselection = \"random\"", "napster"),
        ("[overlay.napster]\nprobes = 1", "napster"),
        ("[overlay.mirror]\nmirrors = 3", "mirror"),
        ("[overlay.gnutella]\nttl = 2", "gnutella"),
        ("[overlay.gnutella]\nstrategy = \"random_walk\"", "gnutella"),
        ("[overlay.kazaa]\nsupernodes = 3", "kazaa"),
        ("[overlay.kazaa]\nchildren_max = 5", "kazaa"),
        ("[overlay.bittorrent]\npiece_kib = 64", "bittorrent"),
        ("[overlay.bittorrent]\nhandout = 1", "bittorrent"),
    ] {
        let (before, after) = (digests(&plain), digests(&changed(knobs)));
        for name in before.keys() {
            assert_eq!(before[name] != after[name], *name == overlay, "{knobs}: {name}");
        }
    }
    let default = changed("[overlay.napster]\nselection = \"ping\"\nprobes = 5\nupload_slots = 3");
    assert_eq!(digests(&plain), digests(&default), "what is set to its default changes nothing");
}

#[test]
fn a_lost_server_ends_searches_with_a_word_and_no_checker_minds() {
    let mut scenario = kit::small(20, 1);
    scenario.searches.pause_s = 2.0;
    scenario.faults = vec!["server@2s".parse().unwrap()];
    let comparison = simulated(scenario, 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    assert!(comparison.losses.is_empty(), "a scenario with faults has those and no others");
    for column in &comparison.columns {
        assert!(
            column.runs[0].measured.searches.iter().all(|search| search.end.is_some()),
            "{}",
            column.overlay
        );
        let [strike] = &column.runs[0].measured.strikes[..] else { panic!("one fault, one strike") };
        assert_eq!((strike.fault.as_str(), &strike.victims[..]), ("server@2s", &["server 0".to_owned()][..]));
        assert_eq!(strike.at_s, 2.0);
        assert!(strike.before.answered > 0 && strike.after.asked > 0, "{strike:?}");
        assert_eq!(strike.before.asked + strike.after.asked, column.runs[0].measured.searches.len() as u32);
        if matches!(column.overlay, "gnutella" | "kazaa") {
            // Once all are in, nobody needs the web cache, nor the list of supernodes.
            assert_eq!(value(column, "searches_complete"), 1.0);
            assert_eq!(strike.after.answered, strike.after.asked);
            continue;
        }
        assert!(value(column, "searches_complete") < 1.0, "{}", column.overlay);
        assert_eq!(strike.after.answered, 0);
        assert_eq!(strike.after.unanswered["unreachable"], strike.after.asked);
    }
    assert!(render(&comparison, NARROW).contains("server@2s"));
}

#[test]
fn the_busiest_node_of_an_index_is_its_server_and_without_one_it_is_somebody() {
    let mut scenario = kit::small(20, 1);
    scenario.faults = vec!["busiest@2s".parse().unwrap()];
    scenario.searches.pause_s = 2.0;
    for column in simulated(scenario, 1).columns {
        let strike = &column.runs[0].measured.strikes[0];
        let after = strike.after.answered as f64 / f64::from(strike.after.asked);
        if matches!(column.overlay, "gnutella" | "kazaa") {
            assert!(strike.victims[0].starts_with("peer ") && after > 0.9, "{strike:?}");
        } else {
            // A tracker is not what is searched.
            let expected = if column.overlay == "bittorrent" { 1.0 } else { 0.0 };
            assert!(strike.victims[0].starts_with("server ") && after == expected, "{strike:?}");
        }
    }
}

#[test]
fn people_who_leave_are_gone_and_those_who_vanish_leave_stale_results_at_most() {
    let mut scenario = kit::small(30, 1);
    scenario.sessions.linger_s = Some(Law::Fixed(0.5));
    // Where files come from many holders, each that has vanished is tried again for a while.
    scenario.duration_limit_s = 300.0;
    scenario.faults = vec!["random 30%@1.5s".parse().unwrap()];
    let comparison = simulated(scenario, 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    for column in &comparison.columns {
        assert!(!column.runs[0].cut_short, "{}", column.overlay);
        assert!(value(column, "fetched") < 30.0, "{}", column.overlay);
    }
}

#[test]
fn a_run_ends_at_its_limit_and_says_what_is_open() {
    let mut scenario = kit::small(10, 1);
    scenario.duration_limit_s = 1.3;
    let comparison = simulated(scenario, 1);
    assert!(comparison.columns.iter().all(|column| column.runs[0].cut_short));
    assert_eq!(comparison.failures(), Vec::<String>::new());
}

#[test]
fn those_who_come_back_share_again_and_are_found_again() {
    let mut scenario = kit::small(30, 1);
    scenario.searches = Searches { per_peer: 8, downloads_per_peer: 2, pause_s: 1.0, settle_s: 1.0 };
    scenario.duration_limit_s = 120.0;
    scenario.faults = vec!["random 40%@3s".parse().unwrap()];
    let gone = simulated(scenario.clone(), 1);
    scenario.faults.push("back@5s".parse().unwrap());
    let back = simulated(scenario, 1);
    assert_eq!(back.failures(), Vec::<String>::new());
    for (gone, back) in gone.columns.iter().zip(&back.columns) {
        let asked = |column: &Column| value(column, "searches");
        assert!(asked(back) > asked(gone), "{}: who is back asks again", back.overlay);
        let victims = |column: &Column| column.runs[0].measured.strikes[0].victims.len();
        assert_eq!((victims(gone), victims(back)), (12, 12));
        let last = |column: &Column| {
            let searches = column.runs[0].measured.searches.iter().filter(|row| row.started_s > 7.0);
            let (there, found) = searches
                .filter(|row| row.items_there > 0)
                .fold((0, 0), |(there, found), row| (there + row.items_there, found + row.items_found));
            (there, f64::from(found) / f64::from(there))
        };
        let ((_, recall_gone), (there, recall_back)) = (last(gone), last(back));
        assert!(there > 0 && recall_back > 0.8, "{}: {recall_back} beside {recall_gone}", back.overlay);
    }
}

#[test]
fn the_server_is_searched_again_once_it_is_back() {
    let mut scenario = kit::small(20, 1);
    scenario.searches = Searches { per_peer: 20, downloads_per_peer: 0, pause_s: 2.0, settle_s: 1.0 };
    scenario.duration_limit_s = 120.0;
    scenario.faults = vec!["server@5s".parse().unwrap(), "back@10s".parse().unwrap()];
    let comparison = simulated(scenario, 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    for column in comparison.columns.iter().filter(|column| matches!(column.overlay, "mirror" | "napster")) {
        let strikes = &column.runs[0].measured.strikes;
        assert_eq!(strikes[0].victims, ["server 0"]);
        let part = |from: f64, to: f64| {
            let rows =
                column.runs[0].measured.searches.iter().filter(|row| (from..to).contains(&row.started_s));
            let (all, found) =
                rows.fold((0, 0), |(all, found), row| (all + 1, found + u32::from(row.results > 0)));
            f64::from(found) / f64::from(all)
        };
        // They dial again after pauses that double.
        let (during, after) = (part(5.1, 9.9), part(25.0, 60.0));
        assert!(during == 0.0 && after > 0.8, "{}: {during} and then {after}", column.overlay);
    }
}

#[test]
fn a_cut_is_felt_while_it_lasts_and_a_slow_server_by_its_own_clients_alone() {
    let mut scenario = kit::small(30, 1);
    scenario.searches = Searches { per_peer: 6, downloads_per_peer: 2, pause_s: 1.0, settle_s: 1.0 };
    scenario.duration_limit_s = 300.0;
    let plain = simulated(scenario.clone(), 1);
    let with = |fault: &str| {
        let faults = vec![fault.parse().unwrap()];
        let comparison = simulated(Scenario { faults, ..scenario.clone() }, 1);
        assert_eq!(comparison.failures(), Vec::<String>::new(), "{fault}");
        comparison
    };
    let (cut, slow) = (with("cut 50%@2s for 10s"), with("slow server by 50@0s"));
    for (at, plain) in plain.columns.iter().enumerate() {
        let (cut, slow) = (&cut.columns[at], &slow.columns[at]);
        assert!(
            value(cut, "recall_items") < value(plain, "recall_items")
                || value(cut, "search_last_s") > value(plain, "search_last_s"),
            "{}",
            plain.overlay
        );
        let ratio = value(slow, "download_s") / value(plain, "download_s");
        assert!(
            if plain.overlay == "mirror" { ratio > 5.0 } else { ratio < 2.0 },
            "{}: {ratio}",
            plain.overlay
        );
    }
    let over = with("slow server by 50@0s for 1s");
    let mirror = |comparison: &Comparison| value(&comparison.columns[0], "download_s");
    assert!(mirror(&over) < 2.0 * mirror(&plain), "what is over is over");
}

#[test]
fn corrupt_content_is_never_taken_for_complete() {
    let mut scenario = kit::small(20, 1);
    scenario.duration_limit_s = 300.0;
    scenario.faults = vec!["corrupt 10%@0s".parse().unwrap()];
    let comparison = simulated(scenario, 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    let plain = simulated(Scenario { duration_limit_s: 300.0, ..kit::small(20, 1) }, 1);
    for (column, plain) in comparison.columns.iter().zip(&plain.columns) {
        let received = |column: &Column| value(column, "download_p95_s").max(value(column, "failed"));
        assert!(received(column) > received(plain), "{}: wrong bytes cost something", column.overlay);
    }
}

#[test]
fn the_impatient_go_and_the_others_are_served() {
    let mut scenario = kit::small(30, 1);
    scenario.publisher = true;
    (scenario.catalog.titles, scenario.catalog.artists) = (1, 1);
    let sizes = &mut scenario.catalog.sizes;
    (sizes.mean, sizes.sigma, sizes.min, sizes.max) = (2e6, 0.0, 2_000_000, 2_000_000);
    (scenario.searches.per_peer, scenario.searches.downloads_per_peer) = (1, 1);
    scenario.server.up_kbps = 5_000;
    scenario.sessions = Sessions { linger_s: Some(Law::Fixed(1.0)), patience_s: Some(Law::Fixed(40.0)) };
    scenario.duration_limit_s = 200.0;
    let comparison = simulated(scenario, 1);
    assert_eq!(comparison.failures(), Vec::<String>::new());
    for column in &comparison.columns {
        assert!(!column.runs[0].cut_short, "{}: all have gone", column.overlay);
        assert_eq!(value(column, "downloads"), 29.0);
        // Of 29 times 2 MB the server's line carries less than a half in that time.
        let fetched = value(column, "fetched");
        assert!(
            if column.overlay == "mirror" { fetched < 29.0 } else { fetched > 0.0 },
            "{}: {fetched}",
            column.overlay
        );
        assert!(column.runs[0].measured.searches.iter().all(|row| row.started_s < 45.0));
    }
}

#[test]
fn every_scenario_of_the_library_runs_small_and_passes_its_checks() {
    for listed in LIBRARY {
        let mut scenario = Scenario::parse(listed.text).unwrap();
        scenario.peers = scenario.peers.min(24);
        // The whole of redhat9 takes hours of its own time.
        scenario.duration_limit_s = scenario.duration_limit_s.min(1_200.0);
        let comparison = simulated(scenario, 1);
        assert_eq!(comparison.failures(), Vec::<String>::new(), "{}", listed.name);
        for column in &comparison.columns {
            assert!(value(column, "searches") > 0.0, "{} of {}", column.overlay, listed.name);
        }
    }
}

#[test]
fn what_only_a_simulator_can_do_is_refused_on_real_sockets_in_one_line() {
    let faults = vec!["server@1s".parse().unwrap(), "cut 50%@1s for 2s".parse().unwrap()];
    let options = Options {
        scenario: Scenario { faults, ..kit::small(5, 1) },
        backends: vec![Backend::Tcp, Backend::Sim],
        repeats: Some(1),
        executable: PathBuf::new(),
        agents: None,
    };
    let words = compare(&options, &Watch::new(false)).unwrap_err().to_string();
    assert!(
        words.contains("\"cut 50%@1s for 2s\" cannot be shown on tcp") && !words.contains('\n'),
        "{words}"
    );
}
