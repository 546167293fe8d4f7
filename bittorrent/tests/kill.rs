//! A download that is killed fifty times, wherever it happens to be, and still comes out right, with no verified piece fetched
//! twice.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;

use bittorrent::log::client::{Act, Entry, Happening, Side};
use common::testing::process::Program;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

const BITTORRENT: Program = Program(env!("CARGO_BIN_EXE_bittorrent"));
const KILLS: usize = 50;
/// Pieces of two blocks, so many that fifty runs do not end before they are killed.
const PIECE_KIB: usize = 32;
const BYTES: usize = 768 * PIECE_KIB * 1024;
/// Some runs end in their first block, some in their tenth piece. The pipe holds what comes after the last line that is read.
const BLOCKS_MAX: usize = 12;

/// What the download said in its log until it was killed, after so many blocks of its own choice: all, if it was not.
fn run(args: &[&str], log: &str, blocks: Option<usize>) -> Vec<Entry> {
    let running = BITTORRENT.start(args);
    let lines = BufReader::new(fs::File::open(log).unwrap()).lines();
    let mut entries = lines.map(|line| line.unwrap().parse::<Entry>().unwrap());
    let is_block = |entry: &Entry| matches!(entry.what, Happening::Link(Side::Got, _, Act::Piece(_)));
    let mut said = Vec::new();
    let mut left = blocks;
    while left != Some(0) {
        let Some(entry) = entries.next() else { return said };
        left = left.map(|left| left - usize::from(is_block(&entry)));
        said.push(entry);
    }
    // SIGKILL: it has no chance to do anything more. What it has said already still comes through the pipe.
    drop(running);
    said.extend(entries);
    said
}

#[test]
fn a_download_survives_being_killed_fifty_times() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let mut rng = Pcg32::seed_from_u64(7);
    let content: Vec<u8> = (0..BYTES).map(|_| rng.random()).collect();
    fs::write(path("content.bin"), &content).unwrap();
    let (torrent, out, log) = (path("made.torrent"), path("out"), path("log"));
    let create = BITTORRENT.run(&["create", &path("content.bin"), "-o", &torrent, "--piece-length", "32KiB"]);
    assert!(create.status.success(), "{create:?}");
    let any_port = ["--listen", "127.0.0.1:0"];
    let mut seed =
        BITTORRENT.start(&[&["seed", &torrent, "--data", &path("content.bin")], &any_port[..]].concat());
    let at = seed.address();
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let get = [&["get", &torrent, "--out", &out, "--peer", &at, "--log", &log], &any_port[..]].concat();
    let slowly = [&get[..], &["--max-download", "1MB/s"]].concat();

    let mut verified = BTreeSet::new();
    let mut check = |entries: &[Entry]| {
        let Happening::Torrent { have, .. } = entries[0].what else { panic!("{:?}", entries[0]) };
        let there = (have / (PIECE_KIB as u64 * 1024)) as usize;
        assert!(there >= verified.len(), "{there} pieces are there, of {} verified ones", verified.len());
        for entry in entries {
            match entry.what {
                Happening::Verified(piece) => assert!(verified.insert(piece), "{piece} was verified twice"),
                Happening::Link(Side::Got, _, Act::Piece(block)) => {
                    assert!(!verified.contains(&block.piece), "{block:?} was fetched again");
                }
                Happening::Wrong(piece) => panic!("{piece} was wrong"),
                Happening::Complete => {}
                Happening::Torrent { .. } | Happening::Link(..) => {}
            }
        }
        verified.len()
    };
    for kill in 0..KILLS {
        let entries = run(&slowly, &log, Some(rng.random_range(1..=BLOCKS_MAX)));
        let there = check(&entries);
        assert!(
            !Path::new(&out).join("content.bin").exists(),
            "complete at kill {kill}, with {there} pieces"
        );
    }
    let entries = run(&get, &log, None);
    check(&entries);
    assert!(
        entries.iter().any(|entry| entry.what == Happening::Complete),
        "it ended after {}",
        entries.len()
    );
    assert!(fs::read(Path::new(&out).join("content.bin")).unwrap() == content);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "no part is left");
    assert!(seed.interrupt());
}
