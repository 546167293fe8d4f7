//! Many files as one stream: what is written is where it belongs, what is right is found again, and nothing else is touched.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;

use common::digest::{Algorithm, Digest};
use common::store::{PlannedFile, ScanLimits, Storage, StoreFault, Volume, VolumeError, VolumePlan, scan};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const PIECE: u32 = 16 * 1024;

fn plan(name: &str, files: &[(&str, u64)]) -> VolumePlan {
    let files = files.iter().map(|(path, len)| PlannedFile {
        path: path.split('/').filter(|part| !part.is_empty()).map(Into::into).collect(),
        len: *len,
    });
    VolumePlan { name: name.into(), mark: 0xbeef, files: files.collect() }
}

/// Files of all kinds: of no bytes, of less than a piece, of several, in folders.
fn album() -> VolumePlan {
    plan(
        "album",
        &[
            ("cover.jpg", 20_000),
            ("empty", 0),
            ("cd1/a.ogg", 100_000),
            ("cd1/b.ogg", 3),
            ("cd2/x/c.ogg", 70_000),
        ],
    )
}

/// Bytes that differ from their neighbours.
fn content(length: u64) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8 | 1).collect()
}

fn length(plan: &VolumePlan) -> u64 {
    plan.files.iter().map(|file| file.len).sum()
}

fn hashes(bytes: &[u8]) -> Vec<[u8; 20]> {
    let hash = |piece| match Algorithm::Sha1.of(piece) {
        Digest::Sha1(hash) => hash,
        other => panic!("{other:?}"),
    };
    bytes.chunks(PIECE as usize).map(hash).collect()
}

/// The numbers of the pieces that are right.
fn right(volume: &Volume, bytes: &[u8]) -> Vec<usize> {
    let (mut told, size) = (Vec::new(), bytes.len() as u64);
    let right = volume.check(PIECE, &hashes(bytes), |done, all| told.push((done, all)));
    assert!(told.is_sorted() && told.last() == Some(&(size, size)), "{told:?}");
    right.iter().enumerate().filter_map(|(at, is_right)| is_right.then_some(at)).collect()
}

fn all(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len().div_ceil(PIECE as usize)).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A finished volume in `dir`.
fn written(dir: &Path, plan: &VolumePlan) -> (Volume, Vec<u8>) {
    let (volume, bytes) = (Volume::create(dir, plan).unwrap(), content(length(plan)));
    volume.write_at(0, &bytes).unwrap();
    volume.finish().unwrap();
    (volume, bytes)
}

#[test]
fn a_folder_gets_its_name_when_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, bytes) = (album(), content(length(&album())));
    let volume = Volume::create(dir.path(), &plan).unwrap();
    assert_eq!((volume.size(), volume.finish()), (bytes.len() as u64, Err(StoreFault::Missing)));
    volume.write_at(15_000, &bytes[15_000..160_000]).unwrap();
    assert_eq!(names(dir.path()), ["album.0000beef.part"]);
    let mut buf = vec![0; 90_000];
    assert_eq!(volume.read_at(50_000, &mut buf), Ok(()));
    assert_eq!(buf, &bytes[50_000..140_000]);
    assert_eq!(
        volume.read_at(150_000, &mut buf[..20_000]),
        Err(StoreFault::Missing),
        "beyond what was written"
    );
    assert_eq!(volume.write_at(190_003, b"x"), Err(StoreFault::Missing), "beyond the end");
    volume.write_at(0, &bytes[..15_000]).unwrap();
    volume.write_at(160_000, &bytes[160_000..]).unwrap();
    volume.finish().unwrap();
    volume.finish().unwrap();
    assert_eq!((names(dir.path()), volume.path()), (vec!["album".to_owned()], dir.path().join("album")));
    assert_eq!(names(&dir.path().join("album")), ["cd1", "cd2", "cover.jpg", "empty"]);
    assert_eq!(fs::read(dir.path().join("album/cd1/b.ogg")).unwrap(), &bytes[120_000..120_003]);
    assert_eq!(fs::read(dir.path().join("album/empty")).unwrap(), b"");
    assert_eq!(volume.write_at(0, b"x"), Err(StoreFault::Io), "finished");
    assert_eq!(right(&volume, &bytes), all(&bytes), "read on under its new name");
    let last = volume.files().last().unwrap();
    assert_eq!(last, (dir.path().join("album/cd2/x/c.ogg"), 70_000));
}

#[test]
fn a_single_file_has_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan("../../a?.iso", &[("", 50_000)]);
    let (volume, bytes) = (Volume::create(dir.path(), &plan).unwrap(), content(50_000));
    volume.write_at(0, &bytes).unwrap();
    assert_eq!(names(dir.path()), ["a_.iso.0000beef.part"]);
    volume.finish().unwrap();
    assert_eq!(fs::read(dir.path().join("a_.iso")).unwrap(), bytes);
    let sha1 = volume.digest(10, 20_000, Algorithm::Sha1);
    assert_eq!(sha1, Ok(Algorithm::Sha1.of(&bytes[10..20_010])));
}

#[test]
fn what_is_right_is_found_again_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, bytes) = (album(), content(length(&album())));
    let volume = Volume::create(dir.path(), &plan).unwrap();
    assert_eq!(right(&volume, &bytes), [], "new");
    for piece in [0usize, 3, 4, 11] {
        let start = piece * PIECE as usize;
        volume.write_at(start as u64, &bytes[start..(start + PIECE as usize).min(bytes.len())]).unwrap();
    }
    assert_eq!(right(&volume, &bytes), [0, 3, 4, 11]);
    drop(volume);
    let volume = Volume::create(dir.path(), &plan).unwrap();
    assert_eq!(right(&volume, &bytes), [0, 3, 4, 11], "the next process");
    volume.write_at(0, &bytes).unwrap();
    assert_eq!(right(&volume, &bytes), all(&bytes));
    // One wrong byte, at the end of the first file: in piece 1, for the file has 20,000.
    let part = volume.path();
    let file = |name: &str| fs::OpenOptions::new().write(true).open(part.join(name)).unwrap();
    file("cover.jpg").write_all_at(&[0], 19_999).unwrap();
    // ... a file cut in its last byte, that of the last piece, and one that is gone.
    file("cd2/x/c.ogg").set_len(69_999).unwrap();
    fs::remove_file(part.join("cd1/b.ogg")).unwrap();
    drop(volume);
    let volume = Volume::create(dir.path(), &plan).unwrap();
    // 120,000 bytes lie before that one: it is in piece 7.
    assert_eq!(right(&volume, &bytes), [0, 2, 3, 4, 5, 6, 8, 9, 10]);
}

#[test]
fn holes_are_known_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan("zeros", &[("", 40 << 20)]);
    let volume = Volume::create(dir.path(), &plan).unwrap();
    let mut bytes = vec![0; 40 << 20];
    *bytes.last_mut().unwrap() = 1;
    assert_eq!(right(&volume, &bytes), [], "what is not there is not zeros");
    volume.write_at((40 << 20) - 1, &[1]).unwrap();
    assert_eq!(right(&volume, &bytes), all(&bytes));
    let on_disk = fs::metadata(volume.path()).unwrap().blocks() * 512;
    assert!(on_disk < 1 << 20, "nothing was written: {on_disk}");
    assert_eq!(volume.hash(PIECE, |_, _| {}).unwrap(), hashes(&bytes));
    bytes[20 << 20] = 1;
    assert_eq!(
        right(&volume, &bytes).len(),
        all(&bytes).len() - 1,
        "zeros where there must be something else"
    );
}

#[test]
fn nothing_is_ever_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let single = plan("a.ogg", &[("", 3)]);
    fs::write(dir.path().join("a.ogg"), b"another one").unwrap();
    fs::create_dir(dir.path().join("album")).unwrap();
    for (plan, name) in [(&single, "a (2).ogg"), (&single, "a (3).ogg"), (&album(), "album (2)")] {
        let (volume, _) = written(dir.path(), plan);
        assert_eq!(volume.path(), dir.path().join(name));
    }
    assert_eq!(fs::read(dir.path().join("a.ogg")).unwrap(), b"another one");
    assert_eq!(names(&dir.path().join("album")), Vec::<String>::new());
    let found = |plan: &VolumePlan| -> Vec<_> {
        let found = Volume::finished(dir.path(), plan).unwrap();
        found.iter().map(|volume| volume.path().file_name().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&single), ["a (2).ogg", "a (3).ogg"], "those of the right length");
    assert_eq!((found(&album()), found(&plan("b", &[("", 1)]))), (vec!["album (2)".into()], vec![]));
    // Another content of the same name has a part of its own.
    let first = Volume::create(dir.path(), &single).unwrap();
    first.write_at(0, b"x").unwrap();
    let second = Volume::create(dir.path(), &VolumePlan { mark: 1, ..single }).unwrap();
    second.write_at(0, b"yyy").unwrap();
    let mut byte = [0];
    first.read_at(0, &mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn a_second_process_is_refused_while_the_first_one_writes() {
    let dir = tempfile::tempdir().unwrap();
    for plan in [album(), plan("a.ogg", &[("", 3)])] {
        let volume = Volume::create(dir.path(), &plan).unwrap();
        let refused = Volume::create(dir.path(), &plan).unwrap_err().to_string();
        assert!(refused.ends_with(".0000beef.part: is being downloaded by another process"), "{refused}");
        drop(volume);
        // What nothing has arrived of has left nothing behind.
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let volume = Volume::create(dir.path(), &plan).unwrap();
        volume.write_at(0, b"x").unwrap();
        drop(volume);
        assert_eq!(names(dir.path()).len(), 1);
        assert_eq!(scan(dir.path(), ScanLimits::default()).unwrap().files, [], "parts are not shared");
        written(dir.path(), &plan);
        fs::remove_dir_all(dir.path().join("album")).ok();
    }
}

#[test]
fn links_are_not_followed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let victim = other.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let single = plan("a", &[("", 3)]);
    symlink(&victim, dir.path().join("a.0000beef.part")).unwrap();
    assert!(matches!(Volume::create(dir.path(), &single), Err(VolumeError::Link(_))));
    symlink(other.path(), dir.path().join("album.0000beef.part")).unwrap();
    assert!(matches!(Volume::create(dir.path(), &album()), Err(VolumeError::Io { .. })));
    fs::remove_file(dir.path().join("album.0000beef.part")).unwrap();
    let volume = Volume::create(dir.path(), &album()).unwrap();
    symlink(&victim, volume.path().join("cover.jpg")).unwrap();
    symlink(other.path(), volume.path().join("cd1")).unwrap();
    assert_eq!(volume.write_at(0, b"x"), Err(StoreFault::Io));
    assert_eq!(volume.write_at(20_000, b"x"), Err(StoreFault::Io));
    assert_eq!(right(&volume, &content(length(&album()))), []);
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(names(other.path()), ["victim"]);
    // A pipe would be waited for.
    fs::remove_file(volume.path().join("cover.jpg")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, volume.path().join("cover.jpg"), 0o600.into()).unwrap();
    assert_eq!(volume.write_at(0, b"x"), Err(StoreFault::Io));
}

#[test]
fn a_source_is_there_as_planned_or_says_in_one_line_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (volume, bytes) = written(dir.path(), &album());
    let path = volume.path();
    let source = Volume::open(&path, &album()).unwrap();
    assert_eq!(right(&source, &bytes), all(&bytes));
    assert_eq!((source.write_at(0, b"x"), source.finish()), (Err(StoreFault::Io), Ok(())));
    let line = |plan: &VolumePlan| Volume::open(&path, plan).unwrap_err().to_string();
    let mut longer = album();
    longer.files[2].len += 1;
    assert_eq!(line(&longer), format!("{}/cd1/a.ogg: has 100000 bytes instead of 100001", path.display()));
    assert!(line(&plan("x", &[("cd1/none", 1)])).contains("cd1/none: No such file"));
    assert!(line(&plan("x", &[("cd1", 1)])).contains("cd1: not a regular file"));
    assert!(line(&plan("x", &[("", 1)])).contains("album: not a regular file"));
    symlink(path.join("cover.jpg"), path.join("link")).unwrap();
    assert!(line(&plan("x", &[("link", 20_000)])).contains("link: is a symbolic link"));
    assert!(line(&plan("..", &[("", 1)])).contains("cannot be used"));
    assert!(line(&plan("x", &[("a", u64::MAX), ("b", 1)])).contains("too large"));
    // All that is wrong, for whoever wants to know more than the first of it.
    fs::remove_file(path.join("cd2/x/c.ogg")).unwrap();
    let (surveyed, faults) = Volume::survey(&path, &longer).unwrap();
    let lines: Vec<(usize, String)> = faults.iter().map(|(at, fault)| (*at, fault.to_string())).collect();
    assert!(matches!(&lines[..], [(2, a), (4, c)] if a.contains("instead") && c.contains("c.ogg: No such")));
    assert_eq!(surveyed.check(PIECE, &hashes(&bytes), |_, _| {})[..6], [true; 6]);
    assert!(Volume::survey(&path.join("none"), &longer).is_err());
    // Names that a download could not have, as their owner has them.
    fs::write(path.join("what?"), b"abc").unwrap();
    let original = Volume::open(&path, &plan("x", &[("what?", 3)])).unwrap();
    assert_eq!(original.files().next().unwrap().0, path.join("what?"));
    fs::rename(path.join("what?"), path.join("what_")).unwrap();
    Volume::open(&path, &plan("x", &[("what?", 3)])).unwrap();
}

#[test]
fn plans_that_cannot_be_stored_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let line = |plan: &VolumePlan| Volume::create(dir.path(), plan).unwrap_err().to_string();
    assert!(line(&plan("x", &[("a?", 1), ("a_", 1)])).contains("in each other's way"));
    assert!(line(&plan("x", &[("d/a", 1), ("d", 1)])).contains("in each other's way"));
    assert!(line(&plan("x", &[("a", 1), ("..", 1)])).contains("`..` cannot be used"));
    assert!(line(&plan("x", &[("a", 1), ("", 1)])).contains("no name"));
    let away = Volume::create(&dir.path().join("none"), &album()).unwrap_err().to_string();
    assert!(away.contains("none/album.0000beef.part: No such file"), "{away}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn more_files_than_are_kept_open() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<String> = (0..300).map(|n| format!("{}/{n}", n % 7)).collect();
    let files: Vec<(&str, u64)> = paths.iter().map(|path| (path.as_str(), 100)).collect();
    let (volume, bytes) = written(dir.path(), &plan("many", &files));
    assert_eq!(right(&volume, &bytes), all(&bytes));
    assert_eq!(fs::read(dir.path().join("many/4/298")).unwrap(), &bytes[29_800..29_900]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    /// Beside the same writes to one flat stretch of memory, resumed in between.
    #[test]
    fn a_volume_is_one_stream(
        lengths in prop::collection::vec(0u64..3_000, 1..12),
        writes in prop::collection::vec((0u64..20_000, 0usize..4_000, any::<u8>()), 0..12),
        resumed_after in 0usize..12,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<String> = (0..lengths.len()).map(|n| format!("{}/{n}", n % 3)).collect();
        let files: Vec<(&str, u64)> =
            paths.iter().zip(&lengths).map(|(path, length)| (path.as_str(), *length)).collect();
        let plan = plan("v", &files);
        let size = lengths.iter().sum::<u64>();
        let mut model = vec![0; size as usize];
        let mut volume = Volume::create(dir.path(), &plan).unwrap();
        for (at, (offset, len, byte)) in writes.into_iter().enumerate() {
            if at == resumed_after {
                drop(volume);
                volume = Volume::create(dir.path(), &plan).unwrap();
            }
            let (start, end) = (offset as usize, offset as usize + len);
            let fits = end <= model.len();
            prop_assert_eq!(volume.write_at(offset, &vec![byte; len]).is_ok(), fits);
            if fits {
                model[start..end].fill(byte);
            }
        }
        // The last byte of each file, so that all are there in their lengths.
        let mut end = 0;
        for length in lengths.iter().filter(|length| **length > 0) {
            end += length;
            volume.write_at(end - 1, &model[end as usize - 1..end as usize]).unwrap();
        }
        volume.finish().unwrap();
        let mut read = vec![7; model.len()];
        volume.read_at(0, &mut read).unwrap();
        prop_assert_eq!(&read, &model);
        let source = Volume::open(&volume.path(), &plan).unwrap();
        prop_assert_eq!(source.hash(PIECE, |_, _| {}).unwrap(), hashes(&model));
    }
}

#[test]
fn parts_are_written_in_one_go_across_files_and_hashed_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let volume = Volume::create(dir.path(), &plan("v", &[("a", 5), ("b", 20)])).unwrap();
    let parts: Vec<bytes::Bytes> = ["ab", "cdefg", "hij"].map(|part| part.as_bytes().into()).to_vec();
    volume.write_parts_at(1, &parts).unwrap();
    let of = |bytes: &[u8]| Ok(Algorithm::Sha1.of(bytes));
    assert_eq!(volume.digest(1, 10, Algorithm::Sha1), of(b"abcdefghij"));
    assert_eq!(volume.digest(1, 10, Algorithm::Sha1), of(b"abcdefghij"), "the second time from the files");
    volume.write_parts_at(1, &parts).unwrap();
    volume.write_at(3, b"X").unwrap();
    assert_eq!(
        volume.digest(1, 10, Algorithm::Sha1),
        of(b"abXdefghij"),
        "what was written over is not believed"
    );
    assert_eq!(volume.write_parts_at(16, &parts), Err(StoreFault::Missing), "it ends beyond the end");
    assert_eq!(volume.digest(20, 10, Algorithm::Sha1), Err(StoreFault::Missing));
}
