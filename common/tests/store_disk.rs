//! Downloads on disk: resumed after any end without a wrong byte, never in place of another file.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::digest::Algorithm;
use common::store::{Disk, DiskError, Ranges, Shared, Storage, StoreFault, Synthetic};
use common::user::FileInfo;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn info(name: &str, size: u64) -> FileInfo {
    FileInfo { name: name.into(), size, ..FileInfo::default() }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_download_gets_its_name_when_it_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::create(dir.path(), &info("far/away\\song.mp3", 6)).unwrap();
    disk.write_at(3, b"def").unwrap();
    assert_eq!((disk.have().prefix(), disk.size(), disk.finish()), (0, 6, Err(StoreFault::Missing)));
    assert_eq!(names(dir.path()), ["song.mp3.part", "song.mp3.part.state"]);
    disk.write_at(0, b"abc").unwrap();
    assert_eq!(disk.write_at(6, b"g"), Err(StoreFault::Missing));
    let mut bytes = [0; 4];
    disk.read_at(1, &mut bytes).unwrap();
    assert_eq!(&bytes, b"bcde");
    disk.finish().unwrap();
    disk.finish().unwrap();
    assert_eq!(names(dir.path()), ["song.mp3"]);
    assert_eq!((disk.path(), disk.write_at(0, b"x")), (dir.path().join("song.mp3"), Err(StoreFault::Io)));
    drop(disk);
    let source = Disk::open(&dir.path().join("song.mp3")).unwrap();
    assert_eq!((source.size(), source.write_at(0, b"x")), (6, Err(StoreFault::Io)));
    assert_eq!(fs::read(dir.path().join("song.mp3")).unwrap(), b"abcdef");
}

#[test]
fn another_file_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let get = |content: &[u8]| {
        let disk = Disk::create(dir.path(), &info("a.mp3", content.len() as u64)).unwrap();
        disk.write_at(0, content).unwrap();
        disk.finish().unwrap();
        disk.path().file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(get(b"one"), "a.mp3");
    assert_eq!(get(b"two"), "a (2).mp3");
    // The very same content needs no second copy.
    assert_eq!(get(b"two"), "a (2).mp3");
    assert_eq!(get(b"three"), "a (3).mp3");
    assert_eq!(names(dir.path()), ["a (2).mp3", "a (3).mp3", "a.mp3"]);
    assert_eq!(fs::read(dir.path().join("a.mp3")).unwrap(), b"one");
}

#[test]
fn only_the_same_content_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = FileInfo { digest: Some(Algorithm::Md5.of(b"content")), ..info("a.mp3", 100) };
    let disk = Disk::create(dir.path(), &wanted).unwrap();
    disk.write_at(0, &[1; 60]).unwrap();
    // While it is being written nobody else gets it.
    let second = Disk::create(dir.path(), &wanted).unwrap();
    assert_eq!((second.have().bytes(), second.path()), (0, dir.path().join("a (2).mp3.part")));
    drop(second);
    drop(disk);
    assert_eq!(Disk::create(dir.path(), &info("a.mp3", 100)).unwrap().have().bytes(), 0);
    assert_eq!(Disk::create(dir.path(), &FileInfo { size: 99, ..wanted.clone() }).unwrap().have().bytes(), 0);
    let resumed = Disk::create(dir.path(), &wanted).unwrap();
    assert_eq!((resumed.have().prefix(), resumed.path()), (60, dir.path().join("a.mp3.part")));
    resumed.restart().unwrap();
    assert_eq!((resumed.have().bytes(), resumed.size()), (0, 0));
    drop(resumed);
    // What never got a byte leaves nothing behind.
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn parts_that_are_not_ours_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.part"), b"somebody's novel").unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.path().join("a (2).part")).unwrap();
    fs::create_dir(dir.path().join("a (3).part")).unwrap();
    fs::write(dir.path().join("a (4).part"), b"x").unwrap();
    fs::write(dir.path().join("a (4).part.state"), [7; 5000]).unwrap();
    let disk = Disk::create(dir.path(), &info("a", 1)).unwrap();
    assert_eq!((disk.path(), disk.have().bytes()), (dir.path().join("a (5).part"), 0));
    disk.write_at(0, b"y").unwrap();
    disk.finish().unwrap();
    assert_eq!(disk.path(), dir.path().join("a"));
    assert_eq!(fs::read(dir.path().join("a.part")).unwrap(), b"somebody's novel");
}

#[test]
fn a_file_of_unknown_size_ends_where_it_was_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::create(dir.path(), &info("a", 0)).unwrap();
    disk.write_at(0, b"abc").unwrap();
    drop(disk);
    let disk = Disk::create(dir.path(), &info("a", 0)).unwrap();
    assert_eq!(disk.have(), Ranges::from_start(3));
    disk.finish().unwrap();
    assert_eq!(fs::read(disk.path()).unwrap(), b"abc");
}

#[test]
fn a_shared_file_that_has_changed_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, b"abcdef").unwrap();
    let shared = Shared::open(&path).unwrap();
    let mut bytes = [0; 3];
    shared.read_at(2, &mut bytes).unwrap();
    assert_eq!((&bytes, shared.size(), shared.path()), (b"cde", 6, &*path));
    assert_eq!(shared.read_at(4, &mut bytes), Err(StoreFault::Missing));
    assert_eq!(shared.write_at(0, b"x"), Err(StoreFault::Io));
    fs::write(&path, b"abcdefg").unwrap();
    assert_eq!(shared.read_at(0, &mut bytes), Err(StoreFault::Io));
    fs::remove_file(&path).unwrap();
    assert_eq!(shared.read_at(0, &mut bytes), Err(StoreFault::Io));
    assert!(matches!(Shared::open(dir.path()), Err(DiskError::NotAFile(_))));
}

#[test]
fn a_users_mistake_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let line = |result: Result<Disk, DiskError>| result.err().unwrap().to_string();
    assert_eq!(line(Disk::open(dir.path())), format!("{}: not a file", dir.path().display()));
    assert!(line(Disk::open(&dir.path().join("x"))).contains("x: No such file"));
    assert_eq!(
        line(Disk::create(dir.path(), &info("a/..", 1))),
        "the name `a/..` cannot be used: `.` and `..` are not file names"
    );
    assert!(
        line(Disk::create(&dir.path().join("none"), &info("a", 1))).contains("none/a.part: No such file")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    /// The two files are copied after each write, as a crash would leave them, and resumed from the copy.
    #[test]
    fn a_crash_after_any_write_resumes_right(writes in prop::collection::vec((0u64..12, 1usize..6), 1..12)) {
        const UNIT: usize = 1 << 20;
        let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wanted = info("a", 0);
        let disk = Disk::create(dir.path(), &wanted).unwrap();
        let mut model = [None; 17];
        for (turn, (at, units)) in writes.into_iter().enumerate() {
            disk.write_at(at * UNIT as u64, &vec![turn as u8; units * UNIT]).unwrap();
            model[at as usize..at as usize + units].fill(Some(turn as u8));
            for name in ["a.part", "a.part.state"] {
                fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
            }
            let resumed = Disk::create(copy.path(), &wanted).unwrap();
            for (start, end) in resumed.have().iter() {
                prop_assert!(disk.have().contains(start, end));
                let mut bytes = vec![0; (end - start) as usize];
                resumed.read_at(start, &mut bytes).unwrap();
                for (unit, bytes) in bytes.chunks(UNIT).enumerate() {
                    let unit = unit + start as usize / UNIT;
                    prop_assert!(bytes.iter().all(|byte| Some(*byte) == model[unit]), "unit {}", unit);
                }
            }
        }
        let have = disk.have();
        drop(disk);
        prop_assert_eq!(fs::exists(dir.path().join("a.part")).unwrap(), true);
        prop_assert_eq!(Disk::create(dir.path(), &wanted).unwrap().have(), have);
    }
}

#[test]
fn a_damaged_journal_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::create(dir.path(), &info("a", 0)).unwrap();
    disk.write_at(0, &[1; 500]).unwrap();
    disk.write_at(700, &[1; 300]).unwrap();
    drop(disk);
    let [part, state] = ["a.part", "a.part.state"].map(|name| dir.path().join(name));
    let (content, journal) = (fs::read(&part).unwrap(), fs::read(&state).unwrap());
    let have_of = |damaged: &[u8]| {
        fs::write(&part, &content).unwrap();
        fs::write(&state, damaged).unwrap();
        Disk::create(dir.path(), &info("a", 0)).unwrap().have().bytes()
    };
    assert_eq!(have_of(&journal), 800);
    // Magic, sequence, identity, count, two ranges, checksum: every bit of the newer slot matters; without it the older
    // one counts, which vouches for nothing.
    let slot = 8 + 8 + 16 + 8 + 2 * 16 + 16;
    for at in 0..slot {
        for bit in 0..8 {
            let mut damaged = journal.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(have_of(&damaged), 0, "byte {at} bit {bit}");
        }
    }
    // The older slot does not, nor does what lies between.
    for at in (slot..journal.len()).step_by(97) {
        let mut damaged = journal.clone();
        damaged[at] ^= 1;
        assert_eq!(have_of(&damaged), 800, "byte {at}");
    }
    for cut in [0, 10, 39, 40, slot - 1, slot, 4_100] {
        assert!([0, 800].contains(&have_of(&journal[..cut])), "cut at {cut}");
    }
    // A part shorter than its journal says is believed only as far as it goes.
    fs::write(&state, &journal).unwrap();
    fs::write(&part, &content[..400]).unwrap();
    let disk = Disk::create(dir.path(), &info("a", 0)).unwrap();
    assert_eq!(disk.have(), Ranges::from_start(400));
    // ... also after a write behind a gap, which the journal of old would have vouched for.
    disk.write_at(900, &[1; 100]).unwrap();
    drop(disk);
    let again = Disk::create(dir.path(), &info("a", 0)).unwrap();
    assert_eq!(again.have().iter().collect::<Vec<_>>(), [(0, 400), (900, 1000)]);
}

/// Where the child of the next test writes; unset in an ordinary run.
const CHILD_DIR: &str = "STORE_DISK_CHILD_DIR";
const CHILD_BYTES: u64 = 48 << 20;
const CHILD_BLOCK: u64 = 100_000;

/// Not a test by itself: the process that the next test kills. It goes on from what is there, at both ends of what is
/// missing in turn, and says how far it is.
#[test]
fn the_child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let source = Synthetic::new(11, CHILD_BYTES);
    let disk = Disk::create(Path::new(&dir), &info("big", CHILD_BYTES)).unwrap();
    let mut out = std::io::stdout();
    let gap_of = |have: Ranges| have.gaps(CHILD_BYTES).next();
    while let Some((start, end)) = gap_of(disk.have()) {
        let block = CHILD_BLOCK.min(end - start);
        disk.copy_from(&source, end - block, block).unwrap();
        disk.copy_from(&source, start, block).unwrap();
        writeln!(out, "at {}", disk.have().bytes()).unwrap();
    }
    disk.finish().unwrap();
    writeln!(out, "finished").unwrap();
}

#[test]
fn a_kill_in_the_middle_costs_no_wrong_byte() {
    let dir = tempfile::tempdir().unwrap();
    let source = Synthetic::new(11, CHILD_BYTES);
    let mut seen_resumes = 0;
    for round in 1..=8u64 {
        let (before, behind_a_gap) = check_and_count(dir.path(), &source);
        seen_resumes += u32::from(behind_a_gap > 0);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["the_child_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stop = before + round * (1 << 20);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reached = lines.map_while(Result::ok).any(|line| {
            line.strip_prefix("at ").is_some_and(|at| at.parse::<u64>().unwrap() >= stop.min(CHILD_BYTES - 1))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached, "the child ended before it was killed");
    }
    assert!(seen_resumes >= 3, "nothing was ever resumed");
    let disk = Disk::create(dir.path(), &info("big", CHILD_BYTES)).unwrap();
    for (start, end) in disk.have().gaps(CHILD_BYTES) {
        disk.copy_from(&source, start, end - start).unwrap();
    }
    disk.finish().unwrap();
    let sum = |file: &dyn Storage| {
        let mut bytes = vec![0; CHILD_BYTES as usize];
        file.read_at(0, &mut bytes).unwrap();
        Algorithm::Sha1.of(&bytes)
    };
    assert_eq!(sum(&Disk::open(&dir.path().join("big")).unwrap()), sum(&source));
    assert_eq!(names(dir.path()), ["big"]);
}

/// How many bytes a resume has, and how many of them behind a gap; all compared with what they must be.
fn check_and_count(dir: &Path, source: &Synthetic) -> (u64, u64) {
    let disk = Disk::create(dir, &info("big", CHILD_BYTES)).unwrap();
    let have = disk.have();
    for (start, end) in have.iter() {
        let len = (end - start) as usize;
        let (mut bytes, mut expected) = (vec![0; len], vec![0; len]);
        disk.read_at(start, &mut bytes).unwrap();
        source.read_at(start, &mut expected).unwrap();
        assert!(bytes == expected, "a wrong byte between {start} and {end}");
    }
    (have.bytes(), have.bytes() - have.prefix())
}
