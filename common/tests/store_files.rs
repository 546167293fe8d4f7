//! Memory, synthetic, checking and faulty files, the set of ranges, names and scans.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use common::digest::{Algorithm, Fingerprint};
use common::store::{
    Checking, Faulty, Memory, NAME_BYTES_MAX, Ranges, ScanLimits, SkipReason, Storage, StoreFault, Synthetic,
    safe_name, scan,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn read(file: &dyn Storage, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_at(offset, &mut bytes).unwrap();
    bytes
}

#[test]
fn memory_grows_up_to_its_maximum() {
    let file = Memory::with_max(10);
    file.write_at(6, b"abc").unwrap();
    assert_eq!((file.size(), file.to_vec()), (9, b"\0\0\0\0\0\0abc".to_vec()));
    assert_eq!(file.write_at(9, b"de"), Err(StoreFault::Full));
    assert_eq!(file.write_at(u64::MAX, b"de"), Err(StoreFault::Full));
    assert_eq!(file.write_at(5, b""), Ok(()));
    assert_eq!(file.read_at(7, &mut [0; 3]), Err(StoreFault::Missing));
    assert_eq!(file.read_at(u64::MAX, &mut [0; 3]), Err(StoreFault::Missing));
    assert_eq!(read(&file, 7, 2), b"bc");
}

#[test]
fn synthetic_content_never_changes() {
    // Written down once: results and partial downloads of older versions stay valid.
    assert_eq!(read(&Synthetic::new(1, 100), 3, 12), [219, 176, 104, 6, 54, 149, 242, 112, 27, 248, 37, 90]);
    let file = Synthetic::new(1, 100);
    assert_eq!(file.read_at(99, &mut [0; 2]), Err(StoreFault::Missing));
    assert_eq!(file.write_at(0, b"x"), Err(StoreFault::Io));
    // Every byte value occurs about as often as any other, and no two files look alike.
    let (one, two) =
        (read(&Synthetic::new(1, 1 << 16), 0, 1 << 16), read(&Synthetic::new(2, 1 << 16), 0, 1 << 16));
    let mut counts = [0; 256];
    one.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    assert!(counts.iter().all(|count| (170..350).contains(count)), "{counts:?}");
    let equal = one.iter().zip(&two).filter(|(a, b)| a == b).count();
    assert!((150..370).contains(&equal), "{equal} of 65,536 bytes are equal, 256 are expected");
}

#[test]
fn a_token_stands_for_a_range_that_is_there() {
    let source = Arc::new(Synthetic::new(5, 1 << 40));
    let sink = Checking::new(source.clone());
    assert_eq!(sink.digest(0, 10, Algorithm::Sha1), Err(StoreFault::Missing));
    sink.write_at(0, &read(&*source, 0, 10)).unwrap();
    assert_eq!(sink.digest(0, 10, Algorithm::Sha1), source.digest(0, 10, Algorithm::Sha1));
    assert_ne!(source.digest(0, 10, Algorithm::Sha1), source.digest(0, 11, Algorithm::Sha1));
    assert_ne!(
        source.digest(0, 10, Algorithm::Sha1),
        Synthetic::new(6, 1 << 40).digest(0, 10, Algorithm::Sha1)
    );
    // A terabyte in two calls: nothing is moved.
    sink.copy_from(&*source, 10, (1 << 40) - 10).unwrap();
    assert!(sink.finish().is_ok() && sink.is_complete());
    assert_eq!(Fingerprint::GNUTELLA.of(&sink), Fingerprint::GNUTELLA.of(&*source));
}

#[test]
fn a_checking_sink_refuses_what_is_not_its_original() {
    let source = Arc::new(Synthetic::new(5, 20_000));
    let sink = Checking::new(source.clone());
    let mut bytes = read(&*source, 0, 20_000);
    bytes[9_999] ^= 0x80;
    assert_eq!(sink.write_at(0, &bytes), Err(StoreFault::Corrupt));
    assert_eq!(sink.arrived(), Ranges::default());
    assert_eq!(sink.copy_from(&Synthetic::new(6, 20_000), 0, 10), Err(StoreFault::Corrupt));
    assert_eq!(sink.copy_from(&Faulty::over(source).corrupt_at(3), 0, 10), Err(StoreFault::Corrupt));
    assert_eq!(sink.write_at(19_999, &[0; 2]), Err(StoreFault::Missing));
    sink.write_at(10_000, &bytes[10_000..]).unwrap();
    assert_eq!((sink.size(), sink.finish()), (20_000, Err(StoreFault::Missing)));
    assert_eq!(sink.read_at(9_999, &mut [0; 2]), Err(StoreFault::Missing));
    assert_eq!(read(&sink, 10_000, 10_000), &bytes[10_000..]);
}

#[test]
fn faults_come_on_schedule() {
    let full = Faulty::new(Memory::default()).full_after(10);
    assert_eq!(full.write_at(0, &[1; 8]), Ok(()));
    assert_eq!(full.write_at(8, &[1; 3]), Err(StoreFault::Full));
    assert_eq!(full.write_at(8, &[1; 2]), Ok(()));
    assert_eq!(full.write_at(0, &[1]), Err(StoreFault::Full));

    let failing = Faulty::new(Memory::from(vec![7; 10])).failing_call(2);
    let calls = [(); 3].map(|()| failing.read_at(0, &mut [0; 4]));
    assert_eq!(calls, [Ok(()), Err(StoreFault::Io), Ok(())]);

    let cut = Faulty::new(Memory::from(vec![7; 10])).cut_at(6);
    assert_eq!((cut.size(), cut.read_at(0, &mut [0; 6])), (10, Ok(())));
    assert_eq!(cut.read_at(1, &mut [0; 6]), Err(StoreFault::Io));
    assert_eq!(cut.digest(0, 10, Algorithm::Md5), Err(StoreFault::Io));

    let corrupt = Faulty::new(Memory::from(vec![7; 10])).corrupt_at(4);
    assert_eq!((read(&corrupt, 0, 4), read(&corrupt, 3, 3)), (vec![7; 4], vec![7, 6, 7]));
    let clean = Memory::from(vec![7; 10]);
    assert_eq!(corrupt.digest(0, 4, Algorithm::Md5), clean.digest(0, 4, Algorithm::Md5));
    assert_ne!(corrupt.digest(0, 5, Algorithm::Md5), clean.digest(0, 5, Algorithm::Md5));
    assert_eq!(Faulty::new(Synthetic::new(1, 9)).content(), Some(1));
    assert_eq!(Faulty::new(Synthetic::new(1, 9)).corrupt_at(0).content(), None);
}

#[test]
fn fingerprints_cover_what_the_protocols_say() {
    assert_eq!(Fingerprint::NAPSTER.len(1_000_000), 299_008);
    assert_eq!(Fingerprint::NAPSTER.len(1_000), 1_000);
    let file = Memory::from(b"abc".to_vec());
    assert_eq!(Fingerprint::NAPSTER.of(&file).unwrap().to_string(), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(
        Fingerprint::GNUTELLA.of(&file).unwrap().to_string(),
        "a9993e364706816aba3e25717850c26c9cd0d89d"
    );
}

#[test]
fn a_scan_takes_files_and_reports_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["b", "a/deep/deeper", ".hidden", "locked"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in
        ["b/2.mp3", "b/1.mp3", "a/x.mp3", "a/deep/y.mp3", "a/deep/deeper/z.mp3", ".hidden/h", "c.mp3.part"]
    {
        fs::write(at(file), file).unwrap();
    }
    fs::write(at("c.mp3.part.state"), "").unwrap();
    fs::write(at(".dot"), "").unwrap();
    fs::write(at("bad\\name"), "").unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
    symlink("/etc/passwd", at("link")).unwrap();
    symlink("..", at("b/up")).unwrap();
    fs::set_permissions(at("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    let locked_out = fs::read_dir(at("locked")).is_err();

    let found = scan(dir.path(), ScanLimits { depth_max: 3, files_max: 100, empty_too: true }).unwrap();
    fs::set_permissions(at("locked"), fs::Permissions::from_mode(0o700)).unwrap();
    let names: Vec<&str> = found.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a/deep/y.mp3", "a/x.mp3", "b/1.mp3", "b/2.mp3"]);
    assert_eq!((found.files[0].size, &found.files[0].path), (12, &at("a/deep/y.mp3")));
    let mut skipped = vec![
        (at("a/deep/deeper"), SkipReason::TooDeep),
        (at("b/up"), SkipReason::Link),
        (at("bad\\name"), SkipReason::Name),
        (at("link"), SkipReason::Link),
    ];
    if locked_out {
        // The administrator may read everything.
        skipped.push((at("locked"), SkipReason::Unreadable(std::io::ErrorKind::PermissionDenied)));
    }
    skipped.push((dir.path().join(OsStr::from_bytes(b"\xff")), SkipReason::Name));
    assert_eq!(
        found.skipped.iter().map(|skip| (skip.path.clone(), skip.reason)).collect::<Vec<_>>(),
        skipped
    );

    let few = scan(dir.path(), ScanLimits { depth_max: 9, files_max: 2, empty_too: true }).unwrap();
    assert_eq!((few.files.len(), few.skipped.len()), (2, 1));
    assert_eq!(few.skipped[0].reason, SkipReason::TooMany);
    fs::write(at("a/empty"), "").unwrap();
    let taken = |empty_too| {
        let found = scan(&at("a"), ScanLimits { depth_max: 1, files_max: 9, empty_too }).unwrap();
        found.files.into_iter().map(|file| file.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (taken(true), taken(false)),
        (vec!["empty".to_owned(), "x.mp3".to_owned()], vec!["x.mp3".to_owned()])
    );
    let missing = scan(Path::new("/no/such/folder"), ScanLimits::default()).unwrap_err();
    assert!(missing.to_string().starts_with("/no/such/folder: "), "{missing}");
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn synthetic_content_is_a_function_of_the_offset(content: u64, offset in 0u64..200, len in 0usize..200) {
        let file = Synthetic::new(content, 400);
        let whole = read(&file, 0, 400);
        prop_assert_eq!(read(&file, offset, len), &whole[offset as usize..offset as usize + len]);
    }

    #[test]
    fn a_checking_sink_sees_any_wrong_byte(at in 0usize..9_000, flip in 1u8..=255, offset in 0u64..1_000) {
        let source = Arc::new(Synthetic::new(3, 10_000));
        let sink = Checking::new(source.clone());
        let mut bytes = read(&*source, offset, 9_000);
        prop_assert_eq!(sink.write_at(offset, &bytes), Ok(()));
        bytes[at] ^= flip;
        prop_assert_eq!(sink.write_at(offset, &bytes), Err(StoreFault::Corrupt));
    }

    #[test]
    fn ranges_are_a_set_of_bytes(ops in prop::collection::vec((prop::bool::weighted(0.7), 0u64..60, 0u64..20), 0..40)) {
        let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
        for (add, start, len) in ops {
            let end = start + len;
            if add {
                ranges.insert(start, end).unwrap();
                model.extend(start..end);
            } else {
                ranges.remove(start, end);
                model.retain(|byte| !(start..end).contains(byte));
            }
            prop_assert_eq!(ranges.bytes(), model.len() as u64);
            prop_assert_eq!(ranges.contains(start, end), (start..end).all(|byte| model.contains(&byte)));
        }
        prop_assert!(ranges.iter().flat_map(|(start, end)| start..end).eq(model.iter().copied()));
        // Sorted, not empty, and with a gap between.
        let spans: Vec<_> = ranges.iter().collect();
        prop_assert!(spans.iter().all(|(start, end)| start < end));
        prop_assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0));
        prop_assert_eq!(ranges.prefix(), (0..).take_while(|byte| model.contains(byte)).count() as u64);
        prop_assert_eq!(ranges.end(), model.last().map_or(0, |byte| byte + 1));
        prop_assert_eq!(ranges.is_empty(), model.is_empty());
        for size in [0, 30, 100] {
            let missing = ranges.gaps(size).flat_map(|(start, end)| start..end);
            prop_assert!(missing.eq((0..size).filter(|byte| !model.contains(byte))));
            prop_assert!(ranges.gaps(size).all(|(start, end)| start < end));
        }
    }

    #[test]
    fn a_name_is_never_a_path(name in prop_oneof![".*", "[./\\\\ a-c\0\u{1}]{0,12}", "(CON|com1|LpT9|a|…){0,3}[. ]{0,2}(part|mp3|.{300})?"]) {
        let Ok(safe) = safe_name(&name) else { return Ok(()) };
        prop_assert!(!safe.is_empty() && safe.len() <= NAME_BYTES_MAX);
        prop_assert!(!safe.contains(['/', '\\', '\0', ':']) && !safe.chars().any(char::is_control));
        prop_assert!(!safe.starts_with('.') && !safe.ends_with(['.', ' ']));
        prop_assert!(!safe.ends_with(".part"));
        let joined = Path::new("/dir").join(&safe);
        prop_assert_eq!(joined.parent(), Some(Path::new("/dir")));
        prop_assert_eq!(joined.components().count(), 3);
        // What is safe stays as it is.
        prop_assert_eq!(safe_name(&safe), Ok(safe));
    }
}

#[test]
fn too_many_separate_ranges_are_refused() {
    let mut ranges = Ranges::default();
    for n in 0..common::store::RANGES_MAX as u64 {
        ranges.insert(2 * n, 2 * n + 1).unwrap();
    }
    assert_eq!(ranges.insert(1 << 40, (1 << 40) + 1), Err(StoreFault::Full));
    assert_eq!(ranges.insert(1, 2), Ok(()));
    assert_eq!(ranges.insert(1 << 40, (1 << 40) + 1), Ok(()));
}
