//! KaZaA's hashes: known values, and that neither portions nor gaps change them.

use std::sync::Arc;

use common::digest::{Algorithm, Digest, Fingerprint, Hasher, SAMPLE_BYTES, checksum};
use common::store::{Checking, Disk, Faulty, Memory, Shared, Storage, StoreFault, Synthetic};
use proptest::prelude::*;

fn hex(digest: Digest) -> String {
    digest.to_string()
}

/// Values that giFT-FastTrack computed of the same bytes.
#[test]
fn known_files_have_their_known_hashes() {
    let counted: Vec<u8> = (0..5_000_000u32).map(|at| (at % 251) as u8).collect();
    let cases: [(&[u8], &str, u16, &str); 4] = [
        (b"", "d41d8cd98f00b204e9800998ecf8427effffffff", 10881, "d41d8cd98f00b204e9800998ecf8427e"),
        (
            b"hello world\n",
            "6f5902ac237024bdd0c176cb93063dc4f3ffffff",
            4734,
            "8d780cfbcd9622aa77011564e615065f",
        ),
        (
            &[0; 2_000_000],
            "90aeded9922cf8946ea78586354937242fc8b739",
            378,
            "b1228a6ea7dccdf251026c5115243bfb",
        ),
        (&counted, "b79ea70797fef4f144daad8687c5a2fd7174f995", 15402, "78b41e5afd6c0e786ec7062706dcb323"),
    ];
    for (bytes, uuhash, short, root) in cases {
        let kzhash = Algorithm::KzHash.of(bytes);
        assert_eq!(hex(Algorithm::UuHash.of(bytes)), uuhash);
        assert_eq!(hex(kzhash), format!("{uuhash}{root}"));
        assert_eq!(checksum(kzhash.uuhash().unwrap()), short);
        let file = Memory::from(bytes.to_vec());
        assert_eq!(Fingerprint::KAZAA.of(&file).unwrap(), kzhash);
        assert_eq!(hex(file.digest(0, file.size(), Algorithm::UuHash).unwrap()), uuhash);
    }
}

/// Trees of one, two, three and more leaves, whole and not.
#[test]
fn a_tree_is_what_its_definition_says() {
    fn md5(bytes: &[u8]) -> Vec<u8> {
        Algorithm::Md5.of(bytes).as_bytes().to_vec()
    }
    const LEAF: usize = 32_768;
    for len in
        [1, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 3 * LEAF - 5, 4 * LEAF, 5 * LEAF, 7 * LEAF + 1, 8 * LEAF]
    {
        let bytes: Vec<u8> = (0..len).map(|at| (at / 7) as u8).collect();
        let mut nodes: Vec<_> = bytes.chunks(LEAF).map(md5).collect();
        loop {
            nodes = nodes.chunks(2).map(|children| md5(&children.concat())).collect();
            if nodes.len() == 1 {
                break;
            }
        }
        assert_eq!(Algorithm::KzHash.of(&bytes).as_bytes()[20..], nodes[0], "{len} bytes");
    }
}

#[test]
fn the_samples_are_apart_and_the_last_one_ends_the_file() {
    const S: u64 = SAMPLE_BYTES;
    let sizes = [
        0,
        1,
        S - 1,
        S,
        S + 1,
        2 * S,
        (1 << 20) + 2 * S - 1,
        (1 << 20) + 2 * S,
        700 << 20,
        1 << 40,
        u64::MAX,
    ];
    for size in sizes {
        let parts: Vec<_> = Algorithm::UuHash.parts(size).collect();
        assert_eq!(parts[0], 0..size.min(S), "{size}");
        assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start), "{size}: {parts:?}");
        assert_eq!(parts.last().unwrap().end, size);
        assert!(parts.len() <= 46, "{size}: {parts:?}");
    }
    assert_eq!(Algorithm::UuHash.parts((1 << 20) + 2 * S - 1).count(), 2);
    assert_eq!(Algorithm::UuHash.parts((1 << 20) + 2 * S).count(), 3);
    assert!(Algorithm::KzHash.parts(7).eq(std::iter::once(0..7)));
}

/// What makes poisoned files possible, and what the tree is for.
#[test]
fn a_byte_between_the_samples_changes_the_tree_alone() {
    let good = vec![1; 5_000_000];
    let mut bad = good.clone();
    bad[600_000] = 2;
    assert_eq!(Algorithm::UuHash.of(&good), Algorithm::UuHash.of(&bad));
    assert_ne!(Algorithm::KzHash.of(&good), Algorithm::KzHash.of(&bad));
    // A store that corrupts this byte gives the same.
    for algorithm in [Algorithm::UuHash, Algorithm::KzHash] {
        let faulty = Faulty::new(Memory::from(good.clone())).corrupt_at(600_000);
        let same = faulty.digest(0, 5_000_000, algorithm) == Ok(algorithm.of(&good));
        assert_eq!(same, algorithm == Algorithm::UuHash);
    }
}

/// A store of each kind, with the same bytes.
#[test]
fn every_store_gives_the_same_value() {
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at / 1000) as u8).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, &bytes).unwrap();
    let original: Arc<dyn Storage> = Arc::new(Memory::from(bytes.clone()));
    let checking = Checking::new(original.clone());
    checking.copy_from(&*original, 0, 3_000_000).unwrap();
    let stores: [Arc<dyn Storage>; 4] = [
        original,
        Arc::new(checking),
        Arc::new(Disk::open(&path).unwrap()),
        Arc::new(Shared::open(&path).unwrap()),
    ];
    for algorithm in [Algorithm::UuHash, Algorithm::KzHash] {
        for store in &stores {
            assert_eq!(store.digest(0, 3_000_000, algorithm), Ok(algorithm.of(&bytes)));
            // A range counts as a whole file does, and must be there.
            assert_eq!(store.digest(7, 2_000_000, algorithm), Ok(algorithm.of(&bytes[7..2_000_007])));
            for (offset, len) in [(1, 3_000_000), (3_000_001, 0), (u64::MAX, 2)] {
                assert_eq!(store.digest(offset, len, algorithm), Err(StoreFault::Missing));
            }
        }
    }
}

#[test]
fn an_invented_file_of_terabytes_has_its_hash_at_once() {
    let file = Synthetic::new(7, 1 << 42);
    let kzhash = Fingerprint::KAZAA.of(&file).unwrap();
    assert_eq!(kzhash.algorithm(), Algorithm::KzHash);
    let uuhash = file.digest(0, file.size(), Algorithm::UuHash).unwrap();
    assert_eq!(kzhash.uuhash(), uuhash.uuhash());
    assert_ne!(Fingerprint::KAZAA.of(&Synthetic::new(8, 1 << 42)).unwrap(), kzhash);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn portions_make_no_difference(
        size in prop_oneof![0..200_000usize, 300_000..320_000usize, 1_600_000..1_700_000usize],
        portions in prop::collection::vec(1..400_000usize, 1..20),
    ) {
        let bytes: Vec<u8> = (0..size as u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for algorithm in [Algorithm::UuHash, Algorithm::KzHash] {
            let mut hasher = Hasher::new(algorithm, size as u64);
            let mut rest = &bytes[..];
            for portion in portions.iter().cycle() {
                let (now, later) = rest.split_at((*portion).min(rest.len()));
                hasher.update(now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(hasher.finish(), algorithm.of(&bytes));
        }
        // Of the samples alone, as a store reads them.
        let file = Memory::from(bytes.clone());
        prop_assert_eq!(file.digest(0, size as u64, Algorithm::UuHash).unwrap(), Algorithm::UuHash.of(&bytes));
    }

    #[test]
    fn digests_survive_serialisation(bytes in any::<[u8; 20]>(), more in any::<[u8; 16]>()) {
        let mut whole = [0; 36];
        whole[..20].copy_from_slice(&bytes);
        whole[20..].copy_from_slice(&more);
        for digest in [Digest::UuHash(bytes), Digest::KzHash(whole)] {
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }
    }
}
