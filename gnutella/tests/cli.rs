//! The command line as a user has it: real processes, exit codes, and one clear line for each mistake.

use std::path::Path;

use common::testing::process::Program;

const GNUTELLA: Program = Program(env!("CARGO_BIN_EXE_gnutella"));

/// Searches until it finds something: nobody tells a searcher when the overlay around it has grown together.
fn search_until_found(words: &str, at: &[&str]) -> String {
    for _ in 0..60 {
        let output = GNUTELLA.run(&[&["search", words, "--wait", "1"], at].concat());
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
    }
    panic!("`{words}` is not found");
}

fn is_equal(a: &Path, b: &Path) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn files_are_found_and_fetched_across_an_overlay_of_processes() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two, out] = ["one", "two", "out"].map(|name| dir.path().join(name));
    for folder in [&one, &two] {
        std::fs::create_dir(folder).unwrap();
    }
    let zebra = one.join("Zebra Concerto.ogg");
    std::fs::write(&zebra, numbers(700_000)).unwrap();
    std::fs::copy(&zebra, two.join("The Zebra, a Concerto.ogg")).unwrap();
    let narwhal = two.join("Narwhal Polka.mp3");
    std::fs::write(&narwhal, numbers(100_000)).unwrap();
    let [one, two, out_arg] = [&one, &two, &out].map(|path| path.to_str().unwrap());

    let mut cache = GNUTELLA.start(&["host-cache", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/", cache.address());
    let node = |more: &[&str]| {
        GNUTELLA.start(&[&["node", "--listen", "127.0.0.1:0", "--host-cache", &url], more].concat())
    };
    let mut rider = node(&[]);
    let at_rider = rider.address();
    let mut sharer = node(&["--share", one, "--connect", &at_rider]);
    assert!(sharer.line().starts_with("sharing 1 file on "));
    let mut firewalled = node(&["--share", two, "--connect", &at_rider, "--firewalled"]);
    assert!(firewalled.line().starts_with("sharing 2 files on "));

    let at = ["--connect", &at_rider];
    let found = search_until_found("narwhal polka", &at);
    assert!(found.contains("Narwhal Polka.mp3") && found.contains("400000"), "{found}");
    assert!(found.contains("by push") && found.contains("urn:sha1:"), "{found}");
    for strategy in ["expanding-ring", "random-walk"] {
        let found = search_until_found("zebra", &[&at[..], &["--strategy", strategy]].concat());
        assert!(found.contains("2800000"), "{strategy}: {found}");
    }
    let by_cache = search_until_found("zebra", &["--host-cache", &url]);
    assert!(by_cache.contains("Zebra Concerto.ogg"), "{by_cache}");

    let got = GNUTELLA.run(&["get", "narwhal", "--wait", "1", "--out", out_arg, at[0], at[1]]);
    assert!(got.status.success(), "a firewalled holder brings it: {got:?}");
    assert!(is_equal(&narwhal, &out.join("Narwhal Polka.mp3")));
    let urn = by_cache.split_whitespace().find(|word| word.starts_with("urn:sha1:")).unwrap();
    let got = GNUTELLA.run(&["get", urn, "--wait", "1", "--out", out_arg, at[0], at[1]]);
    assert!(got.status.success(), "by its hash: {got:?}");
    let said = String::from_utf8(got.stdout).unwrap();
    assert!(is_equal(&zebra, Path::new(said.lines().last().unwrap())), "{said}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "no part is left");

    for (process, what) in
        [(sharer, "sharer"), (firewalled, "firewalled"), (rider, "rider"), (cache, "cache")]
    {
        assert!(process.interrupt(), "the {what} leaves in good order");
    }
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("no/such");
    let (nowhere, here) = (nowhere.to_str().unwrap(), dir.path().to_str().unwrap());
    let mut node = GNUTELLA.start(&["node", "--listen", "127.0.0.1:0"]);
    let at = node.address();
    for (args, part) in [
        (&["search", "zebra"][..], "--connect"),
        (&["search", "x y", "--connect", &at], "too short"),
        (&["search", "-x", "--connect", &at], "no word"),
        (&["search", "zebra", "--connect", "nobody"], "HOST:PORT"),
        (&["search", "zebra", "--connect", "127.0.0.1:1"], "cannot join"),
        (&["search", "zebra", "--host-cache", "127.0.0.1:8080"], "http://"),
        (&["search", "zebra", "--connect", &at, "--ttl", "11"], "11"),
        (&["search", "zebra", "--connect", &at, "--strategy", "luck"], "luck"),
        (&["search", "zebra", "--connect", &at, "--wait", "1"], "nothing found"),
        (&["get", "zebra", "--connect", &at, "--wait", "1", "--out", here], "nothing found"),
        (&["get", "zebra", "--connect", &at, "--out", nowhere], "no/such"),
        (&["get", "urn:sha1:TOOSHORT", "--connect", &at, "--out", here], "urn:sha1:"),
        (&["node", "--share", nowhere], "no/such"),
        (&["node", "--listen", &at], "in use"),
        (&["host-cache", "--listen", &at], "in use"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let said = GNUTELLA.mistake(args);
        assert!(said.starts_with("gnutella: ") && said.contains(part), "{args:?} said: {said}");
    }
    assert!(node.interrupt());
}
