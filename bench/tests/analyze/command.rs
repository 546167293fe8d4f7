//! `analyze` as a user types it.

use std::fs;
use std::path::Path;

use common::testing::process::Program;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

const REPORTS: &str = "\
0.000 started de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 -TB0001-000000000001 10.0.0.1:6881 0 0 0
9.000 started de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 -TB0001-000000000002 10.0.0.2:6881 0 0 1000000
99.000 completed de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 -TB0001-000000000002 10.0.0.2:6881 0 1000000 0
";
const LINES: &str = "\
1.000 self torrent de3edc1dfa1958affac1dbdc8f34d4d6dac43f00 16384 16384 0
2.000 sent dial 10.0.0.1:6881 -TB0001-000000000001
3.000 got piece 10.0.0.1:6881 0 0 16384
3.000 self complete
";

fn written(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_log_becomes_tables_and_a_folder_of_plots() {
    let dir = tempfile::tempdir().unwrap();
    for (command, text, plots) in [
        (
            "tracker-log",
            REPORTS,
            &["clients", "arrivals", "volume", "throughput", "aggregate", "sessions", "stays", "load"][..],
        ),
        ("client-log", LINES, &["rates", "volume", "partners", "concentration", "peers"]),
    ] {
        let log = written(dir.path(), "log", text);
        let out = dir.path().join(command);
        let args = ["analyze", command, &log, "--out", out.to_str().unwrap()];
        let output = BENCH.run(&args);
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(
            printed.contains("de3edc1dfa1958affac1dbdc8f34d4d6dac43f00") && printed.contains("L: "),
            "{printed}"
        );
        for plot in plots {
            let svg = fs::read_to_string(out.join(format!("{plot}.svg"))).unwrap();
            assert!(roxmltree::Document::parse(&svg).is_ok(), "{plot}");
            assert!(
                fs::read_to_string(out.join(format!("{plot}.csv"))).unwrap().starts_with("series,"),
                "{plot}"
            );
        }
        assert_eq!(fs::read_dir(&out).unwrap().count(), 2 * plots.len() + 1);
        let json = BENCH.run(&[&args[..], &["--json", "--quiet"]].concat());
        assert_eq!(fs::read(out.join("results.json")).unwrap(), json.stdout);
        assert!(json.stderr.is_empty());
        let results: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(results["torrent"], "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00");
    }
}

#[test]
fn lines_that_are_none_are_left_out_and_the_first_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = written(dir.path(), "log", format!("{REPORTS}half a li\n\n{REPORTS}"));
    let output = BENCH.run(&["analyze", "tracker-log", &log, "--out", dir.path().to_str().unwrap()]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("log: line 4: no line of this log: its time; left out: 2 of 8 lines"), "{said}");
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let reports = written(dir.path(), "reports", REPORTS);
    let lines = written(dir.path(), "lines", LINES);
    let empty = written(dir.path(), "empty", "");
    let noise = written(dir.path(), "noise", b"\xff\xfe\0\n".repeat(1_000));
    let one_line = written(dir.path(), "one_line", "x".repeat(3_000_000));
    let out = dir.path().join("out").to_str().unwrap().to_owned();
    let elsewhere = "11".repeat(20);
    for (args, part) in [
        (&["tracker-log", "no/such"][..], "cannot read no/such"),
        (&["tracker-log", path], "this is no file"),
        (&["client-log", "/dev/null"], "this is no file"),
        (&["tracker-log", &empty], "the file is empty"),
        (&["tracker-log", &noise], "not a tracker's log; line 1"),
        (&["client-log", &one_line], "not a client's log; line 1: no line of this log: its length"),
        (&["tracker-log", &lines], "analyze client-log is for this one"),
        (&["client-log", &reports], "analyze tracker-log is for this one"),
        (
            &["tracker-log", &reports, "--torrent", &elsewhere],
            "nothing of this torrent; most reports are of de3edc1d",
        ),
        (&["tracker-log", &reports, "--torrent", "x"], "--torrent"),
        (&["tracker-log", &reports, "--expire", "soon"], "30m"),
        (&["tracker-log", &reports, "--mirror", "10MB"], "10Mbit"),
    ] {
        let said = BENCH.mistake(&[&["analyze"], args, &["--out", &out, "--quiet"]].concat());
        assert!(said.starts_with("bench: ") && said.contains(part), "{args:?} said: {said}");
    }
    let said = BENCH.mistake(&["analyze", "tracker-log", &reports, "--out", &format!("{reports}/x")]);
    assert!(said.contains("--out"), "{said}");
}
