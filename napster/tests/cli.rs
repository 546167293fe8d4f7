//! The program itself: what it prints, and with which code it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_napster");

/// A program in the background, killed at the end of the test.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program and returns the last word of the first line that begins with `sign`.
fn start(args: &[&str], sign: &str) -> (Background, String) {
    let mut child = Command::new(PROGRAM).args(args).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map_while(Result::ok).find(|line| line.starts_with(sign));
    let word = line.and_then(|line| line.split(' ').next_back().map(str::to_owned));
    (Background(child), word.expect("the program says that it has begun"))
}

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

/// One line on the error output, code 1.
fn complains(args: &[&str], words: &str) {
    let output = run(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
    assert!(text.starts_with("error: ") && text.contains(words), "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_shared_file_is_found_and_fetched_and_mistakes_get_one_line() {
    let (server, address) = start(&["server", "--listen", "127.0.0.1:0"], "server on");
    let at = ["--server", address.as_str()];
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes: Vec<u8> = (0..500_000u32).map(|n| (n % 253) as u8).collect();
    std::fs::create_dir(source.path().join("Artist")).unwrap();
    std::fs::write(source.path().join("Artist/Deep Blue.mp3"), &bytes).unwrap();
    let dir = source.path().to_str().unwrap();
    let (_sharer, _) = start(&[&["share", dir, "--nick", "alice"], &at[..]].concat(), "alice shares 1 files");

    let out = target.path().to_str().unwrap();
    // The server may not have the list yet; nothing acknowledges it.
    let found = (0..1_000).any(|_| {
        let output = run(&[&["search", "deep"], &at[..]].concat());
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().contains("Artist/Deep Blue.mp3")
    });
    assert!(found);
    let output = run(&[&["get", "deep", "blue", "--out", out], &at[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(target.path().join("Deep Blue.mp3")).unwrap() == bytes);
    let nothing = run(&[&["search", "absent"], &at[..]].concat());
    assert_eq!((nothing.status.code(), &nothing.stdout[..]), (Some(0), &b"nothing found\n"[..]));

    complains(&[&["get", "absent", "--out", out], &at[..]].concat(), "nothing found for `absent`");
    complains(&[&["browse", "nobody"], &at[..]].concat(), "`nobody` is not online");
    complains(&[&["share", "/no/such/folder"], &at[..]].concat(), "/no/such/folder: No such file");
    complains(&[&["search", "x", "--nick", "a b"], &at[..]].concat(), "without blanks");
    complains(&[&["search", "x", "--speed", "11"], &at[..]].concat(), "--speed 11");
    complains(&["search", "x", "--server", "nowhere"], "not a host and port");
    complains(&["server", "--listen", &address], "is in use");
    drop(server);
    complains(&[&["search", "x"], &at[..]].concat(), "cannot be reached");
}
