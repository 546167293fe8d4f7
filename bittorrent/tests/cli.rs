//! The program as users run it: torrents made, looked at, checked, served and fetched; and their mistakes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::process::Command;

use bittorrent::log::client::{Act, Entry, Happening, Side};
use bittorrent::metainfo::Metainfo;
use common::testing::process::{Program, Running};

const BITTORRENT: Program = Program(env!("CARGO_BIN_EXE_bittorrent"));
const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// Bytes that differ from one another and from those of other seeds.
fn content(len: usize, seed: u32) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_add(seed).wrapping_mul(0x9e37_79b1) >> 23) as u8).collect()
}

/// An album: files of several pieces, of less than one, of no bytes, and what is to be left out.
fn album(dir: &Path) -> String {
    let album = dir.join("album");
    fs::create_dir_all(album.join("cd2")).unwrap();
    fs::write(album.join("cd2/a.ogg"), content(700_000, 1)).unwrap();
    fs::write(album.join("b.ogg"), content(1_500_000, 2)).unwrap();
    fs::write(album.join("cover.jpg"), content(3_000, 3)).unwrap();
    fs::write(album.join("empty.txt"), b"").unwrap();
    fs::write(album.join(".hidden"), b"x").unwrap();
    symlink("/etc/passwd", album.join("link")).unwrap();
    album.to_str().unwrap().to_owned()
}

/// What it prints if all goes well.
fn said(args: &[&str]) -> String {
    let output = BITTORRENT.run(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A torrent of what is at `path`, with pieces of 32 KiB; its path and its magnet link.
fn created(dir: &Path, path: &str, more: &[&str]) -> (String, String) {
    let torrent = dir.join("made.torrent").to_str().unwrap().to_owned();
    let args = ["create", path, "-o", &torrent, "--piece-length", "32KiB", "--force"];
    let printed = said(&[&args[..], more].concat());
    let magnet = printed.lines().last().unwrap().to_owned();
    (torrent, magnet)
}

/// A client's log.
fn logged(path: &Path) -> Vec<Entry> {
    fs::read_to_string(path).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// Bytes of the blocks that have come.
fn received(entries: &[Entry]) -> u64 {
    let len = |entry: &Entry| match entry.what {
        Happening::Link(Side::Got, _, Act::Piece(block)) => u64::from(block.len),
        _ => 0,
    };
    entries.iter().map(len).sum()
}

/// A tracker and its URL.
fn tracker() -> (Running, String) {
    let mut tracker = BITTORRENT.start(&["tracker", "--listen", "127.0.0.1:0"]);
    let line = tracker.line();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (tracker, url)
}

/// A tracker, and its URL for datagrams.
fn udp_tracker() -> (Running, String) {
    let mut tracker = BITTORRENT.start(&["tracker", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    tracker.line();
    let line = tracker.line();
    let url = line.split_whitespace().find(|word| word.starts_with("udp://")).unwrap().to_owned();
    (tracker, url)
}

/// A seed of a torrent and its address.
fn seed(torrent: &str, data: &str) -> (Running, String) {
    let mut seed = BITTORRENT.start(&[&["seed", torrent, "--data", data], &ANY_PORT[..]].concat());
    let address = seed.address();
    (seed, address)
}

fn assert_same(a: &Path, b: &Path) {
    for name in ["cd2/a.ogg", "b.ogg", "cover.jpg", "empty.txt"] {
        assert_eq!(fs::read(a.join(name)).unwrap(), fs::read(b.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn a_torrent_is_made_looked_at_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let torrent = dir.path().join("x.torrent").to_str().unwrap().to_owned();
    let trackers = ["--tracker", "http://a.example:6969/announce", "--tracker", "udp://b.example:1"];
    let args =
        [&["create", &path, "-o", &torrent, "--comment", "two CDs", "--private"], &trackers[..]].concat();
    let output = BITTORRENT.run(&args);
    assert!(output.status.success(), "{output:?}");
    let left_out = String::from_utf8(output.stderr).unwrap();
    assert_eq!(left_out, format!("left out: {path}/link is a symbolic link\n"));

    let meta = Metainfo::parse(&fs::read(&torrent).unwrap()).unwrap();
    let paths: Vec<String> = meta.info.files.iter().map(|file| file.path.join("/")).collect();
    assert_eq!(paths, ["b.ogg", "cd2/a.ogg", "cover.jpg", "empty.txt"], "in their order");
    assert_eq!((&*meta.info.name, meta.info.piece_length, meta.info.is_private), ("album", 32_768, true));
    assert_eq!(meta.trackers.len(), 2, "each in a tier of its own");

    let printed = said(&["info", &torrent]);
    let magnet = format!("magnet:?xt=urn:btih:{}&dn=album", meta.info_hash);
    for part in [
        &meta.info_hash.to_string(),
        "album",
        "2203000 bytes",
        "68 of 32.0 KiB",
        "http://a.example:6969/announce",
        "udp://b.example:1",
        "two CDs",
        "only",
        "UTC",
        "cd2/a.ogg",
        &magnet,
    ] {
        assert!(printed.contains(part), "`{part}` is not in: {printed}");
    }

    // The same content is the same torrent, whoever makes it and when.
    let again = said(&["create", &path, "-o", &torrent, "--private", "--force"]);
    assert!(again.contains(&meta.info_hash.to_string()), "{again}");
    assert!(!dir.path().join("x.torrent.new").exists());
    for data in [&path, dir.path().to_str().unwrap()] {
        let right = said(&["verify", &torrent, "--data", data]);
        assert!(right.contains("complete, 68 pieces right"), "{right}");
    }
}

#[test]
fn what_is_wrong_is_named_file_by_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (torrent, _) = created(dir.path(), &path, &[]);
    let album = Path::new(&path);
    let b = fs::OpenOptions::new().write(true).open(album.join("b.ogg")).unwrap();
    b.write_all_at(b"wrong", 200_000).unwrap();
    b.write_all_at(b"wrong", 1_000_000).unwrap();
    fs::write(album.join("cover.jpg"), content(3_001, 3)).unwrap();
    fs::remove_file(album.join("empty.txt")).unwrap();
    let output = BITTORRENT.run(&["verify", &torrent, "--data", &path]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        format!("{path}/b.ogg: 2 of its 46 pieces wrong"),
        format!("{path}/cover.jpg: has 3001 bytes instead of 3000"),
        format!("{path}/empty.txt: No such file or directory (os error 2)"),
    ];
    assert_eq!(lines, expected);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        format!("bittorrent: {path}: 3 of 4 files not complete; 66 of 68 pieces right, 2 wrong\n")
    );
    let refused = BITTORRENT.mistake(&["seed", &torrent, "--data", &path]);
    assert!(refused.contains("cover.jpg: has 3001 bytes instead of 3000"), "{refused}");
    fs::write(album.join("cover.jpg"), content(3_000, 3)).unwrap();
    fs::write(album.join("empty.txt"), b"").unwrap();
    let refused = BITTORRENT.mistake(&["seed", &torrent, "--data", &path]);
    assert!(refused.contains("only 66 of 68 pieces are right"), "{refused}");
}

#[test]
fn a_content_is_fetched_by_its_torrent_and_by_links() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (tracker, url) = tracker();
    let (torrent, magnet) = created(dir.path(), &path, &["--tracker", &url]);
    let (seed, _) = seed(&torrent, &path);
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let get = |source: &str, out: &str| said(&[&["get", source, "--out", out], &ANY_PORT[..]].concat());

    let log = dir.path().join("client.log");
    let args = ["get", &torrent, "--out", &out("one"), "--log", log.to_str().unwrap()];
    let printed = said(&[&args[..], &ANY_PORT[..]].concat());
    assert_eq!(printed.lines().last(), Some(&*format!("{}/album", out("one"))), "{printed}");
    assert_same(Path::new(&path), &dir.path().join("one/album"));
    let entries = logged(&log);
    assert!(matches!(entries[0].what, Happening::Torrent { length: 2_203_000, have: 0, .. }));
    assert_eq!(received(&entries), 2_203_000);
    assert!(entries.iter().any(|entry| entry.what == Happening::Complete));
    assert_eq!(fs::read_dir(out("one")).unwrap().count(), 1, "no part is left");
    // Again, there is nothing to be done.
    let printed = get(&torrent, &out("one"));
    assert!(printed.contains("is complete already"), "{printed}");

    // The peer that seeks the torrent of a link logs nothing; the one that then fetches does.
    let log = dir.path().join("link.log");
    said(&[&["get", &magnet, "--out", &out("two"), "--log", log.to_str().unwrap()], &ANY_PORT[..]].concat());
    assert_same(Path::new(&path), &dir.path().join("two/album"));
    let entries = logged(&log);
    assert!(matches!(entries[0].what, Happening::Torrent { length: 2_203_000, have: 0, .. }));
    assert_eq!(received(&entries), 2_203_000);

    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = format!("http://{}/some/album.torrent", site.local_addr().unwrap());
    let bytes = fs::read(&torrent).unwrap();
    let serving = std::thread::spawn(move || {
        let (mut visitor, _) = site.accept().unwrap();
        let mut head = [0; 1_024];
        let read = visitor.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        visitor
            .write_all(format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len()).as_bytes())
            .unwrap();
        visitor.write_all(&bytes).unwrap();
        head
    });
    get(&link, &out("three"));
    assert!(serving.join().unwrap().starts_with("GET /some/album.torrent HTTP/1.0\r\n"));
    assert_same(Path::new(&path), &dir.path().join("three/album"));

    // Whoever has it goes on for others, with no seed left.
    assert!(seed.interrupt(), "it leaves in good order");
    let args = ["get", &torrent, "--out", &out("one"), "--seed-for", "1h"];
    let mut kept = BITTORRENT.start(&[&args[..], &ANY_PORT[..]].concat());
    let lines = [kept.line(), kept.line(), kept.line()];
    assert!(lines[2].starts_with("serving others for 3600 s"), "{lines:?}");
    get(&torrent, &out("four"));
    assert_same(Path::new(&path), &dir.path().join("four/album"));
    assert!(kept.interrupt() && tracker.interrupt(), "they leave in good order");
}

#[test]
fn a_swarm_meets_at_a_udp_tracker_by_torrent_and_by_link() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (mut tracker, url) = udp_tracker();
    let web = tracker.address();
    let (torrent, magnet) = created(dir.path(), &path, &["--tracker", &url]);
    assert!(said(&["info", &torrent]).contains(&url));
    let (seed, _) = seed(&torrent, &path);
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (name, source) in [("one", &torrent), ("two", &magnet)] {
        said(&[&["get", source, "--out", &out(name)], &ANY_PORT[..]].concat());
        assert_same(Path::new(&path), &dir.path().join(name).join("album"));
    }
    let figures = || {
        let mut visitor = TcpStream::connect(&web).unwrap();
        visitor.write_all(b"GET /scrape HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        visitor.read_to_end(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split("d8:").nth(1).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    assert_eq!(figures(), "completei1e10:downloadedi2e10:incompletei0eeee", "who has it has said good-bye");
    assert!(seed.interrupt());
    assert_eq!(figures(), "completei0e10:downloadedi2e10:incompletei0eeee", "and so has the seed");
    assert!(tracker.interrupt());
}

#[test]
fn a_swarm_meets_at_an_https_tracker_whose_authority_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let certificate = |name: &str| format!("{}/../common/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (shown, key, authority) =
        (certificate("server.pem"), certificate("server.key"), certificate("authority.pem"));
    let mut tracker = BITTORRENT.start(&["tracker", "--listen", "127.0.0.1:0", "--tls", &shown, &key]);
    let lines = tracker.line() + &tracker.line();
    let url = |scheme| lines.split_whitespace().find(|word| word.starts_with(scheme)).unwrap().to_owned();
    let (torrent, magnet) = created(dir.path(), &path, &["--tracker", &url("https://")]);
    let believing = ["--tls-ca", &authority];
    let args = ["seed", &torrent, "--data", &path];
    let mut seed = BITTORRENT.start(&[&args[..], &ANY_PORT, &believing].concat());
    seed.address();
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (name, source) in [("one", &torrent), ("two", &magnet)] {
        said(&[&["get", source, "--out", &out(name)], &ANY_PORT[..], &believing].concat());
        assert_same(Path::new(&path), &dir.path().join(name).join("album"));
    }
    // Who does not believe it is told so; in the plain the same tracker is there for him.
    let mut doubting = BITTORRENT.start(&[&args[..], &ANY_PORT].concat());
    doubting.address();
    assert_eq!(doubting.line(), "127.0.0.1 shows no certificate that can be trusted\n");
    let (plain, _) = created(dir.path(), &path, &["--tracker", &url("http://")]);
    said(&[&["get", &plain, "--out", &out("three")], &ANY_PORT[..]].concat());
    assert_same(Path::new(&path), &dir.path().join("three/album"));
    assert!(seed.interrupt() && tracker.interrupt());
}

#[test]
fn a_udp_tracker_that_cannot_be_found_is_told_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (tracker, url) = tracker();
    let (torrent, _) =
        created(dir.path(), &path, &["--tracker", "udp://nowhere.invalid:1/announce", "--tracker", &url]);
    let (seed, _) = seed(&torrent, &path);
    let out = dir.path().join("out");
    let args = ["get", &torrent, "--out", out.to_str().unwrap()];
    let output = BITTORRENT.run(&[&args[..], &ANY_PORT[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("nowhere.invalid"), "a name that cannot be found is told: {told}");
    assert_same(Path::new(&path), &out.join("album"));
    assert!(seed.interrupt() && tracker.interrupt());
}

#[test]
fn a_download_that_was_ended_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (torrent, _) = created(dir.path(), &path, &[]);
    let (seed, at) = seed(&torrent, &path);
    let out = dir.path().join("out");
    let out_arg = out.to_str().unwrap();
    let get = [&["get", &torrent, "--out", out_arg, "--peer", &at], &ANY_PORT[..]].concat();
    // Its log goes through a pipe, so that the test hears of each line as it comes.
    let log = dir.path().join("log").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let slowly = ["--max-download", "400kB/s", "--log", &log];
    let first = BITTORRENT.start(&[&get[..], &slowly].concat());
    let lines = BufReader::new(fs::File::open(&log).unwrap()).lines();
    let mut entries = lines.map_while(Result::ok).map(|line| line.parse::<Entry>().unwrap());
    let has_some = entries.any(|entry| matches!(entry.what, Happening::Verified(_)));
    assert!(has_some, "it ended before it had anything");
    let busy = BITTORRENT.mistake(&get);
    assert!(busy.contains("is being downloaded by another process"), "{busy}");
    // Without any chance to do anything more.
    drop(first);
    assert!(!out.join("album").exists());
    // A finished content of the same name and lengths that is not the same is never written to.
    fs::create_dir_all(out.join("album/cd2")).unwrap();
    for (name, bytes) in [
        ("cd2/a.ogg", content(700_000, 9)),
        ("b.ogg", content(1_500_000, 2)),
        ("cover.jpg", content(3_000, 9)),
        ("empty.txt", vec![]),
    ] {
        fs::write(out.join("album").join(name), bytes).unwrap();
    }
    let second = dir.path().join("second.log");
    let printed = said(&[&get[..], &["--log", second.to_str().unwrap()]].concat());
    assert!(printed.contains("right pieces; it stays as it is"), "{printed}");
    let got = received(&logged(&second));
    assert!(got < 2_203_000 - 1_400_000, "what was right was not fetched again: {got}");
    assert!(printed.ends_with("out/album (2)\n"), "{printed}");
    assert_same(Path::new(&path), &out.join("album (2)"));
    assert_eq!(fs::read(out.join("album/cover.jpg")).unwrap(), content(3_000, 9));
    let printed = said(&get);
    assert!(printed.contains("album (2) is complete already"), "{printed}");
    assert!(seed.interrupt());
}

#[test]
fn each_mistake_gets_one_line_that_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (torrent, _) = created(dir.path(), &path, &[]);
    let text = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (nowhere, here, other) = (text("no/such"), text("."), text("other"));
    fs::create_dir(dir.path().join("nothing")).unwrap();
    fs::write(&other, b"no torrent").unwrap();
    let mut bytes = fs::read(&torrent).unwrap();
    bytes.pop();
    fs::write(text("cut"), bytes).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let inside = format!("{path}/x.torrent");
    let unknown = format!("magnet:?xt=urn:btih:{}", "ab".repeat(20));
    for (args, part) in [
        (&["create", &nowhere][..], "no/such"),
        (&["create", "/dev/null", "-o", &nowhere], "cannot write"),
        (&["create", "/dev/null", "-o", &text("n")], "neither a file nor a folder"),
        (&["create", &text("nothing"), "-o", &text("n")], "nothing in"),
        (&["create", &path, "-o", &torrent], "there already"),
        (&["create", &path, "-o", &here], "is a folder"),
        (&["create", &path, "-o", &inside], "part of its own content"),
        (&["create", &other, "-o", &other, "--force"], "part of its own content"),
        (&["create", &path, "-o", "/dev/null/x"], "cannot write"),
        (&["create", &path, "-o", &text("n"), "--piece-length", "100kB"], "power of two"),
        (&["create", &path, "-o", &text("n"), "--piece-length", "much"], "256KiB"),
        (&["create", &path, "-o", &text("n"), "--tracker", "example.org"], "a tracker is a URL"),
        (&["create", &path, "-o", &text("n"), "--tracker", "udp://example.org/announce"], "has a port"),
        (&["info", &nowhere], "cannot read"),
        (&["info", &other], "not a torrent"),
        (&["info", &text("cut")], "not a torrent"),
        (&["info", &here], "cannot read"),
        (&["verify", &torrent, "--data", &nowhere], "no/such"),
        (&["verify", &torrent, "--data", &other], "Not a directory"),
        (&["verify", &torrent], "--data"),
        (&["seed", &torrent, "--data", &nowhere], "no/such"),
        (&["seed", &torrent, "--data", &path, "--listen", &taken], "in use"),
        (&["seed", &torrent, "--data", &path, "--max-upload", "0"], "never end"),
        (&["seed", &torrent, "--data", &path, "--max-download", "0"], "never end"),
        (&["seed", &torrent, "--data", &path, "--peer", "nobody"], "HOST:PORT"),
        (&["get", &nowhere, "--out", &here], "cannot read"),
        (&["get", &other, "--out", &here], "not a torrent"),
        (&["get", &torrent, "--out", &nowhere], "cannot make the folder"),
        (&["get", &torrent, "--out", &other], "other"),
        (&["get", &torrent, "--out", "/proc"], "/proc/album"),
        (&["get", &torrent, "--out", &text("n"), "--log", &nowhere], "cannot write"),
        (&["get", &torrent, "--out", &text("n"), "--seed-for", "ages"], "30m"),
        (&["get", &torrent, "--out", &text("n"), "--listen", &taken], "in use"),
        (&["get", "magnet:?dn=x", "--out", &text("n")], "xt=urn:btih:"),
        (
            &["get", &unknown, "--out", &text("n"), "--peer", &taken, "--give-up-after", "1s"],
            "nothing has come for 1 s",
        ),
        (
            &["get", "http://127.0.0.1:1/x.torrent", "--out", &text("n"), "--listen", "127.0.0.1:0"],
            "x.torrent: nobody answers there",
        ),
        (
            &["get", "https://127.0.0.1:1/x.torrent", "--out", &text("n"), "--listen", "127.0.0.1:0"],
            "x.torrent: nobody answers there",
        ),
        (&["get", &torrent, "--out", &text("n"), "--tls-ca", &other], "no certificate in"),
        (&["tracker", "--listen", "127.0.0.1:0", "--tls", &other, &other], "no certificate in"),
        (&["tracker", "--listen", "127.0.0.1:0", "--tls", &nowhere, &other], "cannot read"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let said = BITTORRENT.mistake(args);
        assert!(said.starts_with("bittorrent: ") && said.contains(part), "{args:?} said: {said}");
    }
    assert_eq!(fs::read_dir(text("n")).unwrap().count(), 0, "nothing is left of what was not begun");
}

#[test]
fn policies_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let (torrent, _) = created(dir.path(), &path, &[]);
    let policy = ["--super-seed", "--seed-choker", "rotation"];
    let mut seed = BITTORRENT.start(&[&["seed", &torrent, "--data", &path], &ANY_PORT[..], &policy].concat());
    let peer = seed.address();
    let (out, log) = (dir.path().join("got"), dir.path().join("log"));
    let args =
        ["get", &torrent, "--out", out.to_str().unwrap(), "--peer", &peer, "--log", log.to_str().unwrap()];
    said(&[&args[..], &ANY_PORT, &["--picker", "sequential", "--choker", "tit-for-tat"]].concat());
    assert_same(Path::new(&path), &out.join("album"));
    let verified = |entry: &Entry| match entry.what {
        Happening::Verified(piece) => Some(piece),
        _ => None,
    };
    let order: Vec<u32> = logged(&log).iter().filter_map(verified).collect();
    assert!(order.len() > 60 && order.is_sorted(), "{order:?}");
}

/// What a browser gets.
fn page(url: &str) -> String {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn a_site_lists_what_comes_into_its_folder_and_no_longer_what_goes() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("torrents");
    fs::create_dir(&folder).unwrap();
    let put = |name: &str, seed: u32| {
        let song = dir.path().join(name);
        fs::write(&song, content(100_000, seed)).unwrap();
        let torrent = folder.join(format!("{name}.torrent"));
        said(&["create", song.to_str().unwrap(), "-o", torrent.to_str().unwrap()]);
        torrent
    };
    let first = put("okapi.ogg", 1);
    let mut site = BITTORRENT.start(&["site", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    // How many, where, and that it listens.
    let mut opened = |count: &str| {
        let line = site.line();
        assert!(line.starts_with(count), "{line}");
        let url = site.line().trim().to_owned();
        assert!(site.line().starts_with("the site listens"));
        url
    };
    let url = opened("1 torrent ");
    assert!(page(&url).contains("okapi.ogg"));
    put("quagga.ogg", 2);
    assert_eq!(opened("2 torrents "), url, "at the same place");
    let both = page(&url);
    assert!(both.contains("okapi.ogg") && both.contains("quagga.ogg"), "{both}");
    fs::remove_file(first).unwrap();
    opened("1 torrent ");
    let one = page(&url);
    assert!(!one.contains("okapi.ogg") && one.contains("quagga.ogg"), "{one}");
}

/// A web server that has nothing but says of everything that it is at another place; its URL.
fn redirecting(location: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_tracker_that_has_moved_is_followed_and_one_that_moves_for_ever_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = album(dir.path());
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (_tracker, at) = tracker();
    let (torrent, _) = created(dir.path(), &path, &["--tracker", &redirecting(at)]);
    let (_seed, _) = seed(&torrent, &path);
    said(&[&["get", &torrent, "--out", &out("got")], &ANY_PORT[..]].concat());
    assert_same(Path::new(&path), &dir.path().join("got/album"));

    let (torrent, _) = created(dir.path(), &path, &["--tracker", &redirecting("/announce".into())]);
    let none = out("none");
    let args = [&["get", &torrent, "--out", &none, "--give-up-after", "1s"], &ANY_PORT[..]].concat();
    let output = BITTORRENT.run(&args);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("it has moved to /announce; asking again in 15 s"), "{told}");
    assert_eq!(output.status.code(), Some(1));
}
