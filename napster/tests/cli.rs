//! The command line as a user has it: real processes, exit codes, and one clear line for each mistake.

use std::io::Write as _;
use std::path::Path;

use common::testing::process::Program;

const NAPSTER: Program = Program(env!("CARGO_BIN_EXE_napster"));

fn search_until_found(words: &str, server: &str, limits: &[&str]) -> String {
    // Nothing acknowledges a list, so the user would try again too.
    for _ in 0..200 {
        let output = NAPSTER.run(&[&["search", words, "--server", server], limits].concat());
        if output.status.success() {
            return String::from_utf8(output.stdout).unwrap();
        }
    }
    panic!("`{words}` is not found");
}

fn is_equal(a: &Path, b: &Path) -> bool {
    std::fs::read(a).unwrap() == std::fs::read(b).unwrap()
}

#[test]
fn files_are_shared_found_listed_and_fetched_by_processes() {
    let dir = tempfile::tempdir().unwrap();
    let (songs, out) = (dir.path().join("songs"), dir.path().join("out"));
    std::fs::create_dir_all(songs.join("Deep Blue")).unwrap();
    std::fs::create_dir(&out).unwrap();
    let song = songs.join("Deep Blue/Some Thing.mp3");
    std::fs::write(&song, (0..700_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let mut server = NAPSTER.start(&["server", "--listen", "127.0.0.1:0"]);
    let at = server.address();
    let (songs_arg, out_arg) = (songs.to_str().unwrap(), out.to_str().unwrap());
    let mut alice = NAPSTER.start(&["share", songs_arg, "--server", &at, "--nick", "alice"]);
    assert!(alice.line().starts_with("sharing 1 file on "));

    let found = search_until_found("some thing", &at, &[]);
    assert!(found.contains("songs/Deep Blue/Some Thing.mp3") && found.contains("2800000"), "{found}");
    let listed = NAPSTER.run(&["browse", "alice", "--server", &at]);
    assert!(String::from_utf8(listed.stdout).unwrap().contains("Some Thing.mp3"));
    let got = NAPSTER.run(&["get", "some thing", "--server", &at, "--out", out_arg]);
    assert!(got.status.success(), "{got:?}");
    assert!(is_equal(&song, &out.join("Some Thing.mp3")));
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1, "no part is left");

    // Through a redirector, from a firewalled sharer, with a bound that rules it out and one that does not.
    let mut redirector = NAPSTER.start(&["redirector", "--listen", "127.0.0.1:0", "--servers", &at]);
    let via = redirector.address();
    let found = NAPSTER.run(&["search", "some", "--server", &via, "--redirector", "--max-size", "2800000"]);
    assert!(found.status.success(), "{found:?}");
    assert!(
        NAPSTER
            .mistake(&["search", "some", "--server", &at, "--min-size", "2800001"])
            .contains("nothing found")
    );
    assert!(
        NAPSTER
            .mistake(&["search", "some", "--server", &at, "--nick", "alice"])
            .contains("`alice` is in use")
    );

    assert!(alice.interrupt(), "the sharer leaves in good order");
    assert!(NAPSTER.mistake(&["get", "some", "--server", &at, "--out", out_arg]).contains("nothing found"));
    assert!(NAPSTER.mistake(&["browse", "alice", "--server", &at]).contains("`alice` is not online"));
    assert!(NAPSTER.mistake(&["server", "--listen", &at]).contains("is in use"));
    assert!(server.interrupt(), "the server ends in good order");
    assert!(redirector.interrupt());
}

#[test]
fn a_registered_nick_is_kept_and_asks_for_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let (records, songs) = (dir.path().join("accounts"), dir.path().join("songs"));
    std::fs::create_dir(&songs).unwrap();
    std::fs::write(songs.join("Tide.mp3"), "a song").unwrap();
    let (kept, songs) = (records.to_str().unwrap(), songs.to_str().unwrap());
    let serve = || {
        let mut server =
            NAPSTER.start(&["server", "--listen", "127.0.0.1:0", "--accounts", kept, "--restricted"]);
        let at = server.address();
        (server, at)
    };
    let (server, at) = serve();
    let stranger = NAPSTER.mistake(&["search", "tide", "--server", &at, "--nick", "alice"]);
    assert!(stranger.contains("this is a restricted server"), "{stranger}");
    let alice = ["--server", &at, "--nick", "alice", "--password", "secret"];
    let mut sharer = NAPSTER.start(&[&["share", songs], &alice[..], &["--register", "a@b.example"]].concat());
    assert!(sharer.line().starts_with("sharing 1 file on "));
    assert!(sharer.interrupt());
    assert!(server.interrupt());

    // Registered, gone, and gone with the server: the last of two lines counts.
    let text = std::fs::read_to_string(&records).unwrap();
    assert!(text.lines().count() >= 2 && text.lines().all(|line| line.starts_with("alice ")), "{text}");
    assert!(!text.contains("secret"));

    let (server, at) = serve();
    let as_alice = |password: &str| {
        NAPSTER.mistake(&["browse", "bob", "--server", &at, "--nick", "ALICE", "--password", password])
    };
    let wrong = as_alice("guess");
    assert!(wrong.contains("`ALICE` has another password (Invalid Password)"), "{wrong}");
    assert!(as_alice("secret").contains("`bob` is not online"));
    let again = ["search", "x", "--server", &at, "--nick", "alice", "--password", "x", "--register", "m@b"];
    assert!(NAPSTER.mistake(&again).contains("`alice` belongs to somebody else"));
    assert!(server.interrupt());

    std::fs::write(&records, "no account at all\n").unwrap();
    let bad = NAPSTER.mistake(&["server", "--listen", "127.0.0.1:0", "--accounts", kept]);
    assert!(bad.contains("line 1 of") && bad.contains("is no account"), "{bad}");
}

#[test]
fn the_program_completes_itself_and_writes_its_manual() {
    let script = NAPSTER.run(&["completions", "bash"]);
    assert!(script.status.success() && String::from_utf8(script.stdout).unwrap().contains("redirector"));
    assert!(NAPSTER.mistake(&["completions", "edlin"]).contains("edlin"));
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("man1");
    assert!(NAPSTER.run(&["man", man.to_str().unwrap()]).status.success());
    let page = std::fs::read_to_string(man.join("napster-share.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("\\-\\-nick"), "{page}");
    assert!(NAPSTER.mistake(&["man", "no/such/dir"]).contains("no/such/dir"));
}

#[test]
fn who_has_lost_the_nick_for_good_stops_sharing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("Tide.mp3"), "a song").unwrap();
    // A server that lets everybody in, and then says that somebody else has the nick.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let sharer = NAPSTER.command(&["share", dir.path().to_str().unwrap(), "--server", &at]).spawn().unwrap();
    let (mut conn, _) = listener.accept().unwrap();
    conn.write_all(b"\x04\0\x03\0a@b \0\0\xec\x02").unwrap();
    let output = sharer.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing is shared any more: somebody else has logged in"), "{said}");
}

#[test]
fn what_an_mp3_says_of_itself_can_be_searched_for() {
    // Frames of MPEG 1 layer III, 128 kbps at 44,100 Hz without padding: 417 bytes each, 100 KB make six seconds.
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("Low Tide.mp3"), frame.repeat(240)).unwrap();
    std::fs::write(dir.path().join("Tide Tables.txt"), "no music at all").unwrap();
    let mut server = NAPSTER.start(&["server", "--listen", "127.0.0.1:0"]);
    let at = server.address();
    let mut sharer = NAPSTER.start(&["share", dir.path().to_str().unwrap(), "--server", &at]);
    assert!(sharer.line().starts_with("sharing 2 files on "));
    let found = search_until_found("tide", &at, &["--min-bitrate", "128"]);
    let row: Vec<&str> = found.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[row.len() - 5..row.len() - 2], ["100080", "128", "6"], "{found}");
    assert!(found.ends_with("\n1 found\n"), "{found}");
    assert!(
        NAPSTER
            .mistake(&["search", "tide", "--server", &at, "--min-bitrate", "129"])
            .contains("nothing found")
    );
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    for (args, what) in [
        (&["share", "no/such/dir", "--server", "127.0.0.1:1"][..], "no/such/dir"),
        (&["share", empty, "--server", "127.0.0.1:1"], empty),
        (&["get", "x", "--server", "127.0.0.1:1", "--out", "no/such/dir"], "no/such/dir"),
        (&["get", "x", "--server", "127.0.0.1:1", "--out", empty], "127.0.0.1:1"),
        (&["search", "x", "--server", "127.0.0.1"], "HOST:PORT"),
        (&["search"], "<WORDS>"),
        (&["search", "x", "y"], "unexpected argument 'y'"),
        (&["search", "x", "--speed", "11"], "11 is not in 0..=10"),
        (&["search", &"x".repeat(501)], "501 bytes of words"),
        (&["browse", "a b"], "`a b` cannot be a nick"),
        (&["server", "--max-users", "0"], "0 is not in 1.."),
        (&["server", "--accounts", "no/such/file"], "no/such/file"),
        (&["search", "x", "--password", "a b"], "`a b` cannot be the password"),
        (&["search", "x", "--register", "a@b"], "--nick"),
        (&["search", "x", "--nick", "a", "--register", "a b"], "`a b` cannot be the e-mail address"),
        (&["server", "--listen", "8875"], "HOST:PORT"),
        (&["redirector", "--servers", "nowhere"], "`nowhere` is not an address"),
        (&["surf"], "unrecognized subcommand 'surf'"),
        (&["search", "-x", "--server", "127.0.0.1:1"], "`-x` has no word"),
        (&["search", "x", "--server", "127.0.0.1:1", "--nick", "a b"], "`a b` cannot be a nick"),
        (&["search", "x", "--server", "127.0.0.1:1", "--min-size", "9", "--max-size", "8"], "--min-size 9"),
        (&["server", "--listen", "127.0.0.1:0", "--motd", "no/such/file"], "no/such/file"),
    ] {
        let said = NAPSTER.mistake(args);
        assert!(said.contains(what), "{args:?} said: {said}");
    }
}
