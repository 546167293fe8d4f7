//! Small clusters over real sockets, in this process and in others, and the command line around them.

mod kit;

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use bench::compare::{Agreement, Backend, Options, compare};
use bench::scenario::{Scenario, Searches};
use bench::watch::Watch;
use bench::world::World;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.arg("--quiet").env_remove("RUST_LOG");
    command
}

#[test]
fn a_cluster_completes_everything_and_counts_the_same_searches_as_the_simulation() {
    let options = Options {
        scenario: kit::small(8, 1),
        backends: vec![Backend::Tcp, Backend::Sim],
        repeats: Some(1),
        executable: env!("CARGO_BIN_EXE_bench").into(),
        agents: None,
    };
    let comparison = compare(&options, &Watch::new(false)).unwrap();
    assert_eq!(comparison.failures(), Vec::<String>::new());
    for column in &comparison.columns {
        assert_eq!(column.runs[0].measured.sheet.get("fetched"), Some(8.0), "{}", column.overlay);
    }
    assert_eq!(comparison.twins.len(), 5);
    // Who meets whom in an overlay without a server is a matter of timing, and so is how often a flood comes by, who is
    // elected, and which piece comes first.
    for twin in
        comparison.twins.iter().filter(|twin| !matches!(twin.overlay, "gnutella" | "kazaa" | "bittorrent"))
    {
        let counts: Vec<_> = twin.rows.iter().filter(|row| row.name.starts_with("messages: ")).collect();
        assert!(counts.len() >= 2, "{}", twin.overlay);
        for row in counts {
            assert_eq!(row.agreement, Agreement::Same, "{} {row:?}", twin.overlay);
        }
    }
}

#[test]
fn nodes_that_vanish_come_back_over_real_sockets_in_one_process_and_in_several() {
    let mut scenario = kit::small(8, 1);
    scenario.searches = Searches { per_peer: 4, downloads_per_peer: 1, pause_s: 1.0, settle_s: 1.0 };
    scenario.faults = ["random 50%@1.5s", "back@2.5s"].map(|text| text.parse().unwrap()).to_vec();
    let options = Options {
        scenario,
        backends: vec![Backend::Tcp, Backend::Processes],
        repeats: Some(1),
        executable: env!("CARGO_BIN_EXE_bench").into(),
        agents: None,
    };
    let comparison = compare(&options, &Watch::new(false)).unwrap();
    assert_eq!(comparison.failures(), Vec::<String>::new());
    for column in &comparison.columns {
        let measured = &column.runs[0].measured;
        assert_eq!(measured.strikes[0].victims.len(), 4, "{}", column.overlay);
        // Four are never gone; whoever else asks has come back.
        let late = measured.searches.iter().filter(|row| row.started_s > 2.5);
        let who: std::collections::BTreeSet<usize> = late.map(|row| row.person).collect();
        assert!(who.len() > 4, "{} on {:?}: only {who:?} ask", column.overlay, column.backend);
    }
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Output {
    std::fs::write(folder.join("small.toml"), kit::small(6, 1).to_text()).unwrap();
    let out = folder.join("out");
    let mut command = program();
    command.current_dir(folder).args(["--scenario", "small.toml", "--out"]).arg(out).args(arguments);
    command.output().unwrap()
}

/// Every overlay ran well among six people, and each of them got what it wanted.
fn all_six_have_fetched(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let columns = json["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 5);
    for column in columns {
        let estimates = column["estimates"].as_array().unwrap();
        let fetched = estimates.iter().find(|estimate| estimate["key"] == "fetched").unwrap();
        assert_eq!(fetched["median"], 6.0, "{}", column["overlay"]);
    }
}

#[test]
fn processes_do_what_one_process_does_and_a_real_folder_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let songs = folder.path().join("songs");
    std::fs::create_dir(&songs).unwrap();
    for n in 0..20u8 {
        std::fs::write(
            songs.join(format!("artist {} - title number{n}.mp3", n % 5)),
            vec![n; 50_000 + usize::from(n)],
        )
        .unwrap();
    }
    // Nobody could make a torrent of it.
    std::fs::write(songs.join("artist 0 - silence.mp3"), "").unwrap();
    let world = World::new(&Scenario { folder: Some(songs), ..kit::small(6, 1) }).unwrap();
    assert_eq!((world.items.len(), world.skipped.len()), (20, 1));
    assert!(world.skipped[0].ends_with("silence.mp3 is empty"), "{:?}", world.skipped);
    let output = in_folder(folder.path(), &["--backend", "processes", "--json", "--files", "songs"]);
    all_six_have_fetched(&output);
    assert!(!String::from_utf8_lossy(&output.stdout).contains(folder.path().to_str().unwrap()));
}

#[test]
fn a_folder_without_a_scenario_gets_lines_on_which_everything_completes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("songs")).unwrap();
    for n in 0..6 {
        // Where nobody indexes, words of one letter are too short to be asked for.
        let song = std::fs::File::create(folder.path().join(format!("songs/singer no{n} - song no{n}.mp3")))
            .unwrap();
        song.set_len(4_000_000 + n).unwrap();
    }
    let mut command = program();
    command.current_dir(folder.path()).args([
        "--files",
        "songs",
        "--backend",
        "sim",
        "--repeat",
        "1",
        "--json",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["scenario"], "real-folder");
    for column in json["columns"].as_array().unwrap() {
        let value = |key| {
            let mut estimates = column["estimates"].as_array().unwrap().iter();
            estimates.find(|estimate| estimate["key"] == key).unwrap()["median"].as_f64().unwrap()
        };
        assert_eq!(value("fetched"), value("downloads"), "{}", column["overlay"]);
        assert!(value("fetched") > 0.0);
    }
}

#[test]
fn a_mistake_is_one_clear_line_and_no_success() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let mistakes: [(&[&str], &str); 13] = [
        (&["--files", "nowhere"], "nowhere"),
        (&["--files", "empty"], "no file to share"),
        (&["--files", "file"], "a folder is wanted"),
        (&["--seed", "one"], "seed"),
        (&["--peers", "0"], "peers"),
        (&["--kill", "everybody@10s"], "known are"),
        (&["--scenario", "nosuch"], "classroom"),
        (&["--out", "file/under"], "file/under"),
        (&["--scenario", "broken.toml"], "line 2"),
        (&["--repeat", "0"], "repeat"),
        (&["--backend", "udp"], "udp"),
        (&["--scenario", "clasroom"], "did you mean `classroom`?"),
        (&["--scenario", "real-folder"], "whose files? --files DIR"),
    ];
    std::fs::write(folder.path().join("broken.toml"), "version = 1\nnme = \"x\"\n").unwrap();
    for (arguments, word) in mistakes {
        let mut command = program();
        if !arguments.contains(&"--out") {
            command.args(["--out", "out"]);
        }
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {words}");
        assert_eq!(words.lines().count(), 1, "{arguments:?}: {words}");
        assert!(words.starts_with("bench: ") && words.contains(word), "{arguments:?}: {words}");
    }
}

/// Children of a process, by the system's own table.
#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name in brackets: state, then the parent.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
    })
    .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_behind_when_the_coordinator_is_killed() {
    let mut killed = |coordinator: &mut Child| {
        coordinator.kill().unwrap();
        assert_eq!(coordinator.wait().unwrap().code(), None);
    };
    nothing_is_left_behind_of(&mut killed);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_behind_when_it_is_interrupted_and_earlier_results_are_as_they_were() {
    let mut interrupted = |coordinator: &mut Child| {
        let sent = Command::new("kill").args(["-INT", &coordinator.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(coordinator.wait().unwrap().code(), Some(130));
    };
    nothing_is_left_behind_of(&mut interrupted);
}

/// Ends a coordinator in the midst of a run.
#[cfg(target_os = "linux")]
fn nothing_is_left_behind_of(end: &mut dyn FnMut(&mut Child)) {
    let folder = tempfile::tempdir().unwrap();
    let mut scenario = kit::small(6, 1);
    scenario.searches.settle_s = 60.0;
    scenario.duration_limit_s = 120.0;
    std::fs::write(folder.path().join("long.toml"), scenario.to_text()).unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/results.json"), "earlier").unwrap();
    let mut command = program();
    command.current_dir(folder.path()).args([
        "--scenario",
        "long.toml",
        "--out",
        "out",
        "--backend",
        "processes",
    ]);
    let mut coordinator = command.spawn().unwrap();
    let wait_until = |what: &str, done: &dyn Fn() -> bool| {
        let patience = std::time::Instant::now();
        while !done() {
            assert!(patience.elapsed().as_secs() < 60, "{what}");
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    };
    // A worker that runs its nodes has threads for its runtime and its channel.
    let threads = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    // How many clusters run side by side is a matter of the machine.
    let begun = || children(coordinator.id()).iter().filter(|pid| threads(pid) >= 5).count();
    wait_until("the workers of one cluster did not begin", &|| begun() >= 4);
    // Those that have only just been started included.
    let workers = children(coordinator.id());
    end(&mut coordinator);
    assert_eq!(std::fs::read(folder.path().join("out/results.json")).unwrap(), b"earlier");
    assert_eq!(std::fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    let lives = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains("(bench)") && !stat.contains(") Z ")
    };
    wait_until("a worker outlived its coordinator", &|| !workers.iter().any(lives));
}

/// A token as anybody may choose one.
const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A coordinator that calls for so many agents, what it says on standard error, and where they join.
fn coordinator(folder: &Path, agents: u32) -> (Child, Lines<BufReader<ChildStderr>>, String) {
    std::fs::write(folder.join("small.toml"), kit::small(6, 1).to_text()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.current_dir(folder).env("BENCH_TOKEN", TOKEN).env_remove("RUST_LOG");
    command.args(["run", "small.toml", "--json", "--backend", "processes", "--control", "127.0.0.1:0"]);
    command.args(["--agents", &agents.to_string()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let waiting = lines.next().unwrap().unwrap();
    let place = waiting.split(' ').skip_while(|word| *word != "--join").nth(1);
    let place = place.unwrap_or_else(|| panic!("{waiting}")).to_owned();
    (child, lines, place)
}

fn agent(place: &str, capacity: u32, network: &str, token: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.env("BENCH_TOKEN", token).env_remove("RUST_LOG").stderr(Stdio::piped());
    command.args(["agent", "--join", place, "--capacity", &capacity.to_string(), "--network", network]);
    command.spawn().unwrap()
}

/// An agent that has begun its first run, and what it says from there on.
fn busy_agent(place: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut agent = agent(place, 20, "127.42.0.0/16", TOKEN);
    let mut said = BufReader::new(agent.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("run 1: ")), "its first run has begun");
    (agent, said)
}

#[test]
fn agents_with_networks_of_their_own_run_what_one_process_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (coordinator, _said, place) = coordinator(folder.path(), 2);
    let stranger = agent(&place, 6, "127.0.0.0/8", &"0".repeat(64)).wait_with_output().unwrap();
    assert_eq!(stranger.status.code(), Some(1));
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(said.lines().last(), Some("bench: this is not the token of the run"));
    let agents = [(4, "127.40.0.0/16"), (8, "127.41.0.0/16")]
        .map(|(capacity, network)| agent(&place, capacity, network, TOKEN));
    let output = coordinator.wait_with_output().unwrap();
    all_six_have_fetched(&output);
    for agent in agents {
        let output = agent.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.ends_with("the coordinator is gone; took part in 5 runs\n"), "{said}");
    }
}

#[test]
fn agents_that_are_too_small_or_die_are_told_of_and_none_outlives_its_coordinator() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, said, place) = coordinator(folder.path(), 1);
    let small = agent(&place, 3, "127.42.0.0/16", TOKEN);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let last = said.map(Result::unwrap).last().unwrap();
    assert!(last.contains("7 nodes are to run, and the agents have room for 3"), "{last}");
    // It had come for nothing, and was hung up on.
    assert_eq!(small.wait_with_output().unwrap().status.code(), Some(1));

    let (mut child, said, place) = coordinator(folder.path(), 1);
    let (mut victim, _) = busy_agent(&place);
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let last = said.map(Result::unwrap).last().unwrap();
    assert!(last.contains("the control channel closed") || last.contains("have not come back"), "{last}");

    let (mut child, _said, place) = coordinator(folder.path(), 1);
    let (mut agent, said) = busy_agent(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(agent.wait().unwrap().success());
    assert_eq!(said.map(Result::unwrap).last().unwrap(), "the coordinator is gone; took part in one run");
}
