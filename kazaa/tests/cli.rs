//! The command line as a user has it: real processes, exit codes, and one clear line for each mistake.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::testing::process::{Program, Running};

const KAZAA: Program = Program(env!("CARGO_BIN_EXE_kazaa"));

/// Services that keep nothing unless told to; the key that they print, and where they listen.
fn services(more: &[&str]) -> (Running, String, String) {
    let mut services = KAZAA.start(&[&["services", "--listen", "127.0.0.1:0"], more].concat());
    let line = services.line();
    let key = line.trim_end().strip_prefix("the services' key is ").expect("they print it first").to_owned();
    let address = services.address();
    (services, key, address)
}

/// A node that has been taken on, or is a supernode; it must print nothing else first.
fn online(args: &[&str]) -> (Running, String) {
    let mut node = KAZAA.start(&[&["node", "--listen", "127.0.0.1:0"], args].concat());
    let address = node.address();
    loop {
        match node.line().trim_end() {
            "online" => return (node, address),
            "this node is a supernode now" => {}
            line => panic!("{args:?} said: {line}"),
        }
    }
}

/// Searches until it finds something: nobody tells a searcher when the files of others are known.
fn search_until_found(words: &str, at: &[&str]) -> String {
    for _ in 0..60 {
        let output = KAZAA.run(&[&["search", words], at].concat());
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

/// A file with this text that only its owner can read, or anybody.
fn file(path: &Path, text: &str, mode: u32) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_are_found_and_fetched_across_supernodes_and_from_behind_firewalls() {
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

    let (services, key, at) = services(&[]);
    let at = ["--services", at.as_str(), "--services-key", key.as_str()];
    let (supernode, first) = online(&[&at[..], &["--force", "supernode", "--share", one]].concat());
    let (other, _) = online(&["--force", "supernode", "--connect", &first]);
    let (firewalled, _) =
        online(&[&at[..], &["--force", "ordinary", "--share", two, "--firewalled"]].concat());

    let found = search_until_found("narwhal polka", &at);
    assert!(found.contains("Narwhal Polka.mp3") && found.contains("400000"), "{found}");
    assert!(found.contains("kzhash:"), "{found}");
    let by_other = search_until_found("zebra concerto", &["--connect", &first]);
    assert!(by_other.contains("2800000"), "{by_other}");

    let got = KAZAA.run(&[&["get", "narwhal", "--out", out_arg], &at[..]].concat());
    assert!(got.status.success(), "a firewalled holder brings it: {got:?}");
    assert!(is_equal(&narwhal, &out.join("Narwhal Polka.mp3")));
    let hash = by_other.split_whitespace().find(|word| word.starts_with("kzhash:")).unwrap();
    let got = KAZAA.run(&[&["get", hash, "--out", out_arg], &at[..]].concat());
    assert!(got.status.success(), "by its hash: {got:?}");
    let said = String::from_utf8(got.stdout).unwrap();
    assert!(is_equal(&zebra, Path::new(said.lines().last().unwrap())), "{said}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "no part is left");

    // The services go; who is there notices nothing, and a supernode that is known is enough to come in.
    assert!(services.interrupt(), "the services leave in good order");
    search_until_found("narwhal", &["--connect", &first]);
    for (process, what) in [(firewalled, "firewalled"), (other, "other"), (supernode, "supernode")] {
        assert!(process.interrupt(), "the {what} leaves in good order");
    }
}

#[test]
fn accounts_and_supernodes_are_kept_from_one_run_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let accounts = path("accounts").to_str().unwrap().to_owned();
    let password = file(&path("password"), "correct horse\n", 0o600);
    let nodes = path("nodes").to_str().unwrap().to_owned();
    let (first, key, at) = services(&["--accounts", &accounts]);
    let (supernode, address) = online(&["--force", "supernode", "--services", &at]);
    let login = ["--services", &at, "--user", "alice", "--password-file", &password, "--nodes", &nodes];
    let (alice, _) = online(&[&["--register"], &login[..]].concat());
    assert!(alice.interrupt());
    let said = KAZAA.mistake(&[&["search", "zebra", "--register"], &login[..]].concat());
    assert!(said.contains("somebody has that name already"), "{said}");

    let kept = std::fs::read_to_string(&accounts).unwrap();
    assert!(
        kept.starts_with("account alice $argon2id$v=19$m=19456,t=2,p=1$") && !kept.contains("correct"),
        "{kept}"
    );
    for secret in ["accounts", "accounts.key"] {
        let mode = std::fs::metadata(path(secret)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    let listed = std::fs::read_to_string(&nodes).unwrap();
    let line = listed.lines().nth(1).unwrap();
    let (ip, port) = address.split_once(':').unwrap();
    assert!(line.starts_with(&format!("{ip} {port} 1 ")), "{listed}");

    // The same services, after a while.
    assert!(first.interrupt());
    let (second, same, at) = services(&["--accounts", &accounts]);
    assert_eq!(key, same);
    let login = ["--services", &at, "--services-key", &key, "--user", "ALICE", "--nodes", &nodes];
    let (alice, _) = online(&[&login[..], &["--password-file", &password]].concat());
    assert!(alice.interrupt());
    let wrong = file(&path("wrong"), "battery staple", 0o600);
    let said =
        KAZAA.mistake(&["search", "zebra", "--services", &at, "--user", "alice", "--password-file", &wrong]);
    assert!(said.contains("refuse the login of alice"), "{said}");
    let other = "00".repeat(32);
    let said = KAZAA.mistake(&["search", "zebra", "--services", &at, "--services-key", &other]);
    assert!(said.contains("not those that we know"), "{said}");

    // Without any services, by what was kept.
    assert!(second.interrupt());
    let (bob, _) = online(&["--nodes", &nodes, "--force", "ordinary"]);
    assert!(bob.interrupt() && supernode.interrupt());
}

#[test]
fn where_only_users_are_taken_a_guest_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let password = file(&dir.path().join("password"), "correct horse", 0o600);
    let (services, _, at) = services(&[]);
    let (club, door) = online(&["--force", "supernode", "--services", &at, "--users-only"]);
    let at = ["--services", &at, "--connect", &door];
    let user = ["--user", "alice", "--password-file", &password, "--register"];
    let said = KAZAA.mistake(&[&["search", "zebra"], &at[..], &user[..]].concat());
    assert!(said.contains("nothing found"), "it was taken, and asked: {said}");
    let said = KAZAA.mistake(&[&["search", "zebra"], &at[..]].concat());
    assert!(said.contains("cannot join"), "{said}");
    assert!(club.interrupt() && services.interrupt());
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("no/such");
    let (nowhere, here) = (nowhere.to_str().unwrap(), dir.path().to_str().unwrap());
    let open = file(&dir.path().join("open"), "secret", 0o644);
    let empty = file(&dir.path().join("empty"), "", 0o600);
    let bad = file(&dir.path().join("bad"), "account alice secret\n", 0o600);
    let keyed = file(&dir.path().join("keyed"), "", 0o600);
    file(&dir.path().join("keyed.key"), "no key", 0o600);
    let (node, at) = online(&["--force", "supernode"]);
    let login =
        |file| ["search", "zebra", "--services", "127.0.0.1:1", "--user", "alice", "--password-file", file];
    for (args, part) in [
        (&["search", "x y"][..], "--services"),
        (&["search", "-x", "--connect", &at], "no word"),
        (&["search", "zebra", "--connect", "nobody"], "HOST:PORT"),
        (&["search", "zebra", "--connect", "127.0.0.1:1"], "cannot join"),
        (&["search", "zebra", "--services", "127.0.0.1:1"], "the services at 127.0.0.1:1 cannot be used"),
        (&["search", "zebra", "--services", &at], "broke the protocol"),
        (&["search", "zebra", "--services", &at, "--services-key", "00"], "64 hexadecimal digits"),
        (&["search", "zebra", "--connect", &at, "--matches", "0"], "0"),
        (&["search", "zebra", "--connect", &at], "nothing found"),
        (&["search", "uuhash:00", "--connect", &at], "40 hexadecimal digits"),
        (&["get", "zebra", "--connect", &at, "--out", here], "nothing found"),
        (&["get", "zebra", "--connect", &at, "--out", nowhere], "no/such"),
        (&["get", "kzhash:TOOSHORT", "--connect", &at, "--out", here], "kzhash:"),
        (&["node", "--share", nowhere], "no/such"),
        (&["node", "--listen", &at], "in use"),
        (&["node", "--bandwidth", "fast"], "DOWN/UP"),
        (&["node", "--force", "emperor"], "emperor"),
        (&["node", "--user", "two words"], "two words"),
        (&["node", "--register"], "--services"),
        (&["node", "--nodes", here], "cannot read supernodes"),
        (&login(&open), "chmod 600"),
        (&login(&empty), "a password has 1 to 128 bytes"),
        (&login(nowhere), "no/such"),
        (&["search", "zebra", "--services", "127.0.0.1:1", "--user", "alice", "--login"], "no terminal"),
        (&["services", "--listen", &at], "in use"),
        (&["services", "--accounts", &open], "chmod 600"),
        (&["services", "--accounts", &bad], "line 1"),
        (&["services", "--accounts", &keyed], "keyed.key is no file with a key"),
        (&["services", "--accounts", nowhere], "no/such"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let said = KAZAA.mistake(args);
        assert!(said.starts_with("kazaa: ") && said.contains(part), "{args:?} said: {said}");
    }
    assert!(node.interrupt());
}

#[test]
fn a_node_outlives_whoever_reads_what_it_says_and_results_that_cannot_be_written_are_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("Okapi March.ogg"), numbers(1_000)).unwrap();
    let share = dir.path().to_str().unwrap();
    let node = ["node", "--listen", "127.0.0.1:0", "--force", "supernode", "--share", share];
    let mut child = KAZAA.command(&node).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.split(" on ").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    // Its next lines reach nobody.
    let found = search_until_found("okapi", &["--connect", address]);
    assert!(found.contains("Okapi March.ogg"), "{found}");
    assert!(child.try_wait().unwrap().is_none(), "it still serves");
    child.kill().unwrap();
    child.wait().unwrap();

    let into =
        |output: std::fs::File| KAZAA.command(&["completions", "bash"]).stdout(output).output().unwrap();
    let full = into(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let said = String::from_utf8(full.stderr).unwrap();
    assert!(full.status.code() == Some(1) && said.lines().count() == 1, "{said}");
    assert!(said.contains("cannot be written to standard output"), "{said}");
}
