//! Sweeps: the same to the byte however they are made, and nothing is made twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::page::{checked, files, named, parsed, text};
use bench::overlays::overlays;
use bench::report::Folder;
use bench::scenario::{Scenario, find};
use bench::sweep::{Plan, Point, Progress, Sweep, sweep, to_json, write};
use common::testing::process::Program;

use crate::kit;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

fn plan(vary: &[&str], repeats: u32) -> Plan {
    let axes = vary.iter().map(|axis| axis.parse().unwrap()).collect();
    Plan { scenario: kit::small(10, 1), axes, overlays: overlays().to_vec(), repeats }
}

/// Sweeps into a folder; also returns how many runs were made.
fn swept(plan: &Plan, dir: &Path, at_a_time: usize) -> (Sweep, usize) {
    let folder = Folder::open(dir).unwrap();
    let told: Mutex<Vec<Progress>> = Mutex::default();
    let progress = |progress| told.lock().unwrap().push(progress);
    let found = sweep(plan, &folder, Some(at_a_time), &progress, &AtomicBool::new(false)).unwrap();
    write(&found, &folder).unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.windows(2).all(|pair| pair[0].runs + 1 == pair[1].runs && pair[1].left.is_some()));
    assert!(
        told.iter().all(|progress| (progress.left == Some(Duration::ZERO)) == (progress.runs == progress.of)
            || told.len() == 1)
    );
    (found, told.len() - 1)
}

fn of<'a>(found: &'a Sweep, overlay: &'a str) -> impl Iterator<Item = &'a Point> {
    found.points.iter().filter(move |point| point.overlay == overlay)
}

#[test]
fn results_are_the_same_to_the_byte_however_many_run_side_by_side_and_however_often_it_was_stopped() {
    let plan = plan(&["peers=8,16", "placement.free_riders=0.0,0.5"], 2);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (first, made) = swept(&plan, dirs[0].path(), 1);
    assert_eq!(made, 2 * 2 * 2 * overlays().len());
    assert_eq!(first.failures, Vec::<String>::new());
    let all = files(dirs[0].path());
    let (_, made_beside) = swept(&plan, dirs[1].path(), 3);
    assert!(made_beside == made && files(dirs[1].path()) == all);
    // Some are lost, one was written by somebody else, one by another version, and one is half there.
    let points: Vec<&String> = all.keys().filter(|name| name.starts_with("points/")).collect();
    assert_eq!(points.len(), made);
    let path = |name: &str| dirs[0].path().join(name);
    points.iter().step_by(4).for_each(|name| fs::remove_file(path(name)).unwrap());
    fs::write(path(points[1]), "{\"format\": 1}").unwrap();
    let other = String::from_utf8(all[points[2]].clone()).unwrap().replace("\"format\":1", "\"format\":999");
    fs::write(path(points[2]), other).unwrap();
    fs::write(path(points[3]), &all[points[3]][..99]).unwrap();
    let (again, made_again) = swept(&plan, dirs[0].path(), 2);
    assert_eq!(made_again, made.div_ceil(4) + 3, "what is there is not made again");
    assert!(again == first && files(dirs[0].path()) == all);
    assert_eq!(swept(&plan, dirs[0].path(), 2).1, 0);
}

#[test]
fn a_sweep_that_is_stopped_has_the_points_that_are_whole_and_goes_on_from_there() {
    let plan = plan(&["peers=8,16"], 1);
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = Folder::open(dir.path()).unwrap();
    let stop = AtomicBool::new(false);
    // One run of the second point is made too; what is begun is finished.
    let progress = |progress: Progress| stop.store(progress.runs > overlays().len(), Ordering::Relaxed);
    let part = sweep(&plan, &folder, Some(1), &progress, &stop).unwrap();
    let whole = swept(&plan, other.path(), 1).0;
    assert_eq!((part.points.len(), part.unfinished), (overlays().len(), 1));
    assert_eq!(part.points[..], whole.points[..overlays().len()]);
    let (rest, made) = swept(&plan, dir.path(), 1);
    assert_eq!((rest, made), (whole, overlays().len() - 1));
}

#[test]
fn a_knob_of_one_overlay_is_varied_without_a_run_of_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(&["overlay.gnutella.ttl=1..3"], 2);
    plan.scenario.peers = 30;
    let (found, made) = swept(&plan, dir.path(), 2);
    assert_eq!(made, 2 * (3 + overlays().len() - 1));
    for overlay in overlays() {
        let messages: Vec<f64> =
            of(&found, overlay.name()).map(|point| mean(point, "search_messages").unwrap()).collect();
        assert_eq!(messages.len(), 3);
        if overlay.name() == "gnutella" {
            assert!(messages.windows(2).all(|pair| pair[0] < pair[1]), "further is dearer: {messages:?}");
        } else {
            assert!(messages.iter().all(|count| *count == messages[0]), "{}: {messages:?}", overlay.name());
        }
    }
    // More runs of the same: only those are made that are not there.
    let (_, made) = swept(&Plan { repeats: 3, ..plan }, dir.path(), 2);
    assert_eq!(made, 3 + overlays().len() - 1);
}

fn mean(point: &Point, key: &str) -> Option<f64> {
    point.estimates.iter().find(|estimate| estimate.key == key).unwrap().mean
}

#[test]
fn another_seed_is_another_sweep() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut plan = plan(&["peers=8"], 1);
    let (first, _) = swept(&plan, one.path(), 1);
    plan.scenario.seed = 2;
    let (second, made) = swept(&plan, other.path(), 1);
    assert_eq!(made, overlays().len());
    for (a, b) in first.points.iter().zip(&second.points) {
        assert!(a.digests[0].is_some() && a.digests != b.digests, "{}", a.overlay);
    }
    assert_ne!(to_json(&first), to_json(&second));
}

#[test]
fn the_page_has_a_picture_of_each_measure_and_every_mean() {
    let dir = tempfile::tempdir().unwrap();
    let (path, scenario) = (dir.path().to_str().unwrap(), dir.path().join("mine.toml"));
    let mine = Scenario { about: "Mine <b>&</b> mine.".to_owned(), ..kit::small(8, 1) };
    fs::write(&scenario, mine.annotated()).unwrap();
    let command = ["sweep", scenario.to_str().unwrap(), "--vary", "peers=8..16 +4", "--vary"];
    let command = [
        &command[..],
        &["overlay.gnutella.strategy=flood,random_walk", "--repeat", "2", "-q", "--out", path],
    ];
    // A picture of an earlier page, and one that is none of ours.
    fs::create_dir(dir.path().join("plots")).unwrap();
    ["stale-9.svg", "mine.svg"]
        .iter()
        .for_each(|name| fs::write(dir.path().join("plots").join(name), "").unwrap());
    let output = BENCH.run(&command.concat());
    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("messages per search") && shown.contains("random_walk"), "{shown}");
    let all = files(dir.path());
    let page = String::from_utf8(all["index.html"].clone()).unwrap();
    checked(&page, dir.path());
    assert!(
        page.contains("Mine &lt;b>&amp;&lt;/b> mine.")
            || page.contains("Mine &lt;b&gt;&amp;&lt;/b&gt; mine.")
    );
    // What is stored is enough to draw all of it once more, but for what was no part of it.
    fs::remove_file(dir.path().join("index.html")).unwrap();
    assert!(BENCH.run(&["report", path]).status.success());
    assert!(files(dir.path()) == all, "it is drawn the same once more");
    let document = parsed(&page);
    let pictures = named(&document, "figure").count();
    assert!(pictures >= 20, "{pictures}: a picture for each measure and strategy");
    let csv = String::from_utf8(all["sweep.csv"].clone()).unwrap();
    let mut lines = csv.lines();
    let head = "peers,overlay.gnutella.strategy,overlay,measure,unit,runs,mean,low_95,high_95";
    assert_eq!(lines.next(), Some(head));
    let mut means: BTreeMap<(&str, &str, &str, &str), &str> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 9, "{line}");
        assert!(means.insert((cells[0], cells[1], cells[2], cells[3]), cells[6]).is_none(), "{line}");
    }
    // The table of one measure, cell by cell.
    let caption = named(&document, "caption").find(|one| text(*one) == "messages per search.").unwrap();
    let table = caption.parent().unwrap();
    let rows =
        table.descendants().filter(|node| node.tag_name().name() == "tbody").flat_map(|body| body.children());
    let mut compared = 0;
    for row in rows.filter(|node| node.tag_name().name() == "tr") {
        let cells: Vec<String> = row.children().filter(|node| node.is_element()).map(text).collect();
        for (overlay, cell) in overlays().iter().zip(&cells[2..]) {
            let stored: f64 =
                means[&(&*cells[0], &*cells[1], overlay.name(), "search_messages")].parse().unwrap();
            let shown: f64 = cell.split(' ').next().unwrap().replace(',', "").parse().unwrap();
            assert!((shown - stored).abs() <= 0.005_001, "{cells:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 3 * 2 * overlays().len());
    let plot = String::from_utf8(all["plots/search-messages-2.csv"].clone()).unwrap();
    assert!(plot.starts_with("series,peers,messages_per_search"), "{plot}");
}

#[test]
fn a_sweep_over_a_real_folder_goes_on_from_there_until_a_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    let songs = dir.path().join("songs");
    std::fs::create_dir(&songs).unwrap();
    let write_song = |n: u8, byte: u8| {
        std::fs::write(songs.join(format!("artist {} - title number{n}.mp3", n % 3)), [byte; 30_000])
    };
    (0..12).for_each(|n| write_song(n, n).unwrap());
    std::fs::write(dir.path().join("small.toml"), kit::small(10, 1).to_text()).unwrap();
    let run = || {
        let args = [
            "sweep",
            "small.toml",
            "--files",
            "songs",
            "--vary",
            "peers=4,6",
            "--repeat",
            "2",
            "--out",
            "out",
        ];
        let output = BENCH.command(&args).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        files(&dir.path().join("out/points"))
    };
    let first = run();
    assert_eq!(first.len(), 2 * 2 * overlays().len());
    assert_eq!(run(), first);
    // Of the same name and size.
    write_song(3, 99).unwrap();
    let second = run();
    assert_eq!(second.len(), 2 * first.len(), "every run is made anew");
    assert!(first.keys().all(|name| second.contains_key(name)));
}

#[test]
fn each_mistake_gets_one_line_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    for (args, words) in [
        (&["nowhere", "--vary", "peers=1"][..], "no scenario is called"),
        (&["classroom", "--vary", "peers"], "there is no `=`"),
        (&["classroom", "--vary", "peers=1..1000000000"], "1000000000 values, and at most 1000"),
        (
            &["classroom", "--vary", "seed=1..1000", "--vary", "peers=1..1000"],
            "1000000 points are 30000000 runs",
        ),
        (&["classroom", "--vary", "peers=1", "--vary", "peers=2"], "varied twice"),
        (&["classroom", "--vary", "peers=1", "--overlay", "napstr"], "no overlay is called \"napstr\""),
        (&["classroom", "--vary", "peers=1", "--files", "/nowhere"], "--files /nowhere: No such file"),
        (&["classroom", "--vary", "peers=1", "--seed", "18446744073709551615"], "seed must be below"),
    ] {
        let output = BENCH.run(&[&["sweep"], args, &["--out", out]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{args:?}: {said}");
        assert!(!Path::new(out).exists() && output.stdout.is_empty());
    }
    for (vary, words) in [
        ("peers=10,0", "--vary peers=0: peers must be at least 1"),
        ("peerz=10", "--vary peerz=10: unknown field `peerz`"),
        (
            "overlay.gnutella.ttl=7,99",
            "--vary overlay.gnutella.ttl=99: overlay.gnutella: ttl must be 1 to 15",
        ),
    ] {
        let output = BENCH.run(&["sweep", "classroom", "--vary", vary, "--out", out]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{said}");
        assert!(!files(Path::new(out)).keys().any(|name| name.starts_with("points/")));
    }
}

#[test]
fn a_scenario_that_was_printed_is_run_like_the_one_that_comes_with_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let shown = BENCH.run(&["scenarios", "show", "slashdot"]);
    assert!(shown.status.success(), "{shown:?}");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(Scenario::parse(&text).unwrap(), find("slashdot").unwrap());
    let mine = dir.path().join("mine.toml");
    fs::write(&mine, &text).unwrap();
    let digests = |name: &str, out: &Path| {
        let args = ["run", name, "--peers", "12", "--repeat", "1", "--quiet", "--out", out.to_str().unwrap()];
        let output = BENCH.run(&args);
        assert!(output.status.success(), "{output:?}");
        let results = fs::read_to_string(out.join("results.json")).unwrap();
        let results: serde_json::Value = serde_json::from_str(&results).unwrap();
        let columns = results["columns"].as_array().unwrap();
        // It says itself that it is for the simulator.
        assert!(columns.iter().all(|column| column["backend"] == "sim"));
        columns
            .iter()
            .map(|column| column["runs"][0]["digest"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    assert_eq!(digests("slashdot", &a), digests(mine.to_str().unwrap(), &b));
    let page = fs::read_to_string(a.join("index.html")).unwrap();
    assert!(page.contains("<code>run slashdot --backend sim --peers 12 --seed 1 --repeat 1</code>"));
}
