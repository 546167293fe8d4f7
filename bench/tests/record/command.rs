//! The command: files that appear whole, and mistakes that are told in a line.

use common::testing::process::Program;

use crate::reader::packets;

const BENCH: Program = Program(env!("CARGO_BIN_EXE_bench"));

#[test]
fn the_command_writes_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (pcap, trace) = (path("run.pcapng"), path("run.json"));
    let run =
        ["record", "napster", "--scenario", "dozen", "--peers", "5", "--pcap", &pcap, "--trace", &trace];
    let said = String::from_utf8(BENCH.run(&run).stdout).unwrap();
    let count = packets(&std::fs::read(&pcap).unwrap()).len();
    assert!(said.starts_with(&format!("{pcap}: {count} packets of ")), "{said}");
    let events: serde_json::Value = serde_json::from_slice(&std::fs::read(&trace).unwrap()).unwrap();
    let count = events["traceEvents"].as_array().unwrap().len();
    assert!(said.ends_with(&format!("{trace}: {count} events\n")), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-written is left");
}

#[test]
fn mistakes_are_told_in_a_line() {
    for (args, wanted) in [
        (&["record", "napstr", "--pcap", "x"][..], "napster"),
        (&["record", "napster"], "--trace"),
        (&["record", "napster", "--pcap", "/nonexistent/x"], "--pcap /nonexistent/x"),
        (&["record", "napster", "--pcap", "x", "--scenario", "nothing"], "nothing"),
    ] {
        let said = BENCH.mistake(args);
        assert!(said.contains(wanted), "{said}");
    }
}
