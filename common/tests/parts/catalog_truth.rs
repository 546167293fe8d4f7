//! A catalog repeats from its seed, agrees with the definition of a match, and has the published shape.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use common::catalog::{Catalog, CatalogConfig, Placement, PlacementConfig, Sizes, TitleId};
use common::digest::Fingerprint;
use common::index::{Index, SearchOptions, UserId, WordRules};
use common::store::{ScanLimits, StoreFault};
use common::user::{Query, Range};
use rand::SeedableRng;
use rand_pcg::Pcg32;

fn small() -> Catalog {
    Catalog::synthetic(&CatalogConfig { titles: 800, artists: 60, words: 200, ..CatalogConfig::default() }, 7)
}

#[test]
fn one_seed_gives_one_catalog_on_any_machine() {
    let (one, two) = (small(), small());
    assert!(one.ids().all(|title| one.info(title) == two.info(title)));
    let other = Catalog::synthetic(&CatalogConfig { titles: 800, ..CatalogConfig::default() }, 8);
    assert!(one.ids().all(|title| one.info(title).name != other.info(title).name));
    let names: BTreeSet<_> = one.ids().map(|title| one.info(title).name.clone()).collect();
    assert_eq!(names.len(), 800);
    // Written down once: a change means that results of older runs cannot be repeated.
    let first = one.info(TitleId(0));
    assert_eq!(&*first.name, "Rouleebreen/Rouleebreen - Hemshourgra Mondbru Maickfeevaind.mp3");
    assert_eq!((first.size, first.media.bitrate_kbps), (4_271_582, 256));
    assert_eq!(first.digest.unwrap().to_string(), "0fe0e835ee9c832a1613882393ea7c94");
    let mut rng = Pcg32::seed_from_u64(1);
    let drawn: Vec<u32> = (0..8).map(|_| one.draw(&mut rng).0).collect();
    assert_eq!(drawn, [66, 1, 4, 1, 0, 16, 0, 417]);
}

#[test]
fn attributes_fit_together() {
    let catalog = small();
    for title in catalog.ids() {
        let info = catalog.info(title);
        assert!(info.name.ends_with(".mp3") && info.name.contains('/'), "{}", info.name);
        let played = u64::from(info.media.bitrate_kbps) * 125 * u64::from(info.media.duration_s);
        assert!(played <= info.size && info.size - played < 40_000, "{info:?}");
        assert_eq!(Fingerprint::NAPSTER.of(&*catalog.storage(title)).ok(), info.digest);
    }
    let mean = catalog.ids().map(|title| catalog.info(title).size).sum::<u64>() / 800;
    assert!((3_800_000..4_600_000).contains(&mean), "{mean}");
    assert!(catalog.ids().any(|title| !catalog.info(title).name.is_ascii()));
}

#[test]
fn every_query_finds_its_title_and_the_truth_is_the_definition() {
    let catalog = small();
    let rules = WordRules::default();
    let mut rng = Pcg32::seed_from_u64(3);
    for _ in 0..300 {
        let title = catalog.draw(&mut rng);
        let mut query = catalog.query_for(title, &mut rng);
        let words = query.words.split(' ').count();
        assert!((1..=3).contains(&words), "{}", query.words);
        assert!(catalog.matching(&query).contains(&title));
        query.words += " -ba";
        query.bitrate_kbps = Range::at_least(128);
        let defined: Vec<TitleId> =
            catalog.ids().filter(|title| rules.matches(&query, catalog.info(*title))).collect();
        assert_eq!(catalog.matching(&query), defined, "{}", query.words);
    }
    assert_eq!(catalog.matching(&Query::words("")), []);
    assert_eq!(catalog.matching(&Query::words("-ba")), []);
    assert_eq!(catalog.matching(&Query::words("nosuchword")), []);
}

#[test]
fn popularity_is_zipf() {
    let catalog =
        Catalog::synthetic(&CatalogConfig { titles: 100, zipf_alpha: 1.0, ..CatalogConfig::default() }, 1);
    let harmonic: f64 = (1..=100).map(|rank| 1.0 / f64::from(rank)).sum();
    let mut rng = Pcg32::seed_from_u64(2);
    let mut drawn = [0u32; 100];
    (0..100_000).for_each(|_| drawn[catalog.draw(&mut rng).0 as usize] += 1);
    for rank in [0, 1, 9, 99] {
        let wanted = 1.0 / (rank + 1) as f64 / harmonic;
        assert!((catalog.probability(TitleId(rank as u32)) - wanted).abs() < 1e-9);
        let share = f64::from(drawn[rank]) / 1e5;
        assert!((share - wanted).abs() < 4.0 * (wanted / 1e5).sqrt(), "rank {rank}: {share} for {wanted}");
    }
    let even =
        Catalog::synthetic(&CatalogConfig { titles: 100, zipf_alpha: 0.0, ..CatalogConfig::default() }, 1);
    assert!((even.probability(TitleId(99)) - 0.01).abs() < 1e-12);
}

#[test]
fn a_placement_has_the_published_shape() {
    let config = CatalogConfig { titles: 200_000, artists: 5_000, words: 5_000, ..CatalogConfig::default() };
    let catalog = Catalog::synthetic(&config, 1);
    let peers = 33_335;
    let placement = Placement::draw(&catalog, peers, &PlacementConfig::default(), 1);
    let mut counts: Vec<usize> = (0..peers).map(|peer| placement.titles(peer).len()).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let total = placement.total_files();
    assert_eq!(total, counts.iter().sum::<usize>());
    let none = counts.iter().filter(|count| **count == 0).count() as f64 / f64::from(peers);
    assert!((none - 0.663).abs() < 0.001, "{none}");
    let top = |share: f64| {
        counts[..(f64::from(peers) * share) as usize].iter().sum::<usize>() as f64 / total as f64
    };
    assert!((0.34..0.41).contains(&top(0.01)), "top 1 %: {}", top(0.01));
    assert!((0.95..1.0).contains(&top(0.20)), "top 20 %: {}", top(0.20));
    // 3,100,464 files were counted.
    assert!((2_800_000..3_400_000).contains(&total), "{total}");
    // Popular titles have more replicas, and nobody has one twice.
    assert!(placement.holders(TitleId(0)).len() > 10 * placement.holders(TitleId(150_000)).len());
    for title in [TitleId(0), TitleId(1_000)] {
        assert!(placement.holders(title).is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn a_placement_repeats_and_its_two_sides_agree() {
    let catalog = small();
    let config = PlacementConfig {
        files_mean: 30.0,
        files_max: 700,
        every_title_held: true,
        ..PlacementConfig::default()
    };
    let placement = Placement::draw(&catalog, 50, &config, 9);
    assert_eq!(placement, Placement::draw(&catalog, 50, &config, 9));
    assert_ne!(placement, Placement::draw(&catalog, 50, &config, 10));
    assert_eq!((0..50).filter(|peer| !placement.titles(*peer).is_empty()).count(), 17);
    let by_peer: BTreeSet<(u32, TitleId)> =
        (0..50).flat_map(|peer| placement.titles(peer).iter().map(move |title| (peer, *title))).collect();
    let by_title: BTreeSet<(u32, TitleId)> = catalog
        .ids()
        .flat_map(|title| placement.holders(title).iter().map(move |peer| (*peer, title)))
        .collect();
    assert_eq!(by_peer, by_title);
    assert_eq!(by_peer.len(), placement.total_files());
    assert!(catalog.ids().all(|title| !placement.holders(title).is_empty()));
}

#[test]
fn peers_may_share_everything_or_nothing() {
    let catalog = Catalog::synthetic(&CatalogConfig { titles: 40, ..CatalogConfig::default() }, 1);
    let all =
        PlacementConfig { free_riders: 0.0, files_mean: 1e9, files_sigma: 0.1, ..PlacementConfig::default() };
    let placement = Placement::draw(&catalog, 3, &all, 1);
    assert_eq!(placement.total_files(), 120);
    let none = PlacementConfig { free_riders: 1.0, every_title_held: true, ..PlacementConfig::default() };
    assert_eq!(Placement::draw(&catalog, 3, &none, 1).total_files(), 0);
    assert_eq!(Placement::draw(&catalog, 0, &all, 1).peers(), 0);
}

#[test]
fn an_index_of_the_placement_finds_exactly_the_truth() {
    let catalog = small();
    let config = PlacementConfig { files_mean: 40.0, ..PlacementConfig::default() };
    let placement = Placement::draw(&catalog, 60, &config, 4);
    let mut index = Index::default();
    for peer in 0..60 {
        for title in placement.titles(peer) {
            index.add(UserId(peer), catalog.info(*title).clone()).unwrap();
        }
    }
    let mut rng = Pcg32::seed_from_u64(5);
    let mut results = 0;
    for searcher in 0..60 {
        let query = catalog.query_for(catalog.draw(&mut rng), &mut rng);
        let truth: BTreeSet<(u32, _)> = (placement.truth(&catalog, &query, searcher))
            .map(|(peer, title)| (peer, catalog.info(title).name.clone()))
            .collect();
        let mut found = BTreeSet::new();
        let options = SearchOptions {
            exclude: Some(UserId(searcher)),
            results_max: u32::MAX,
            ..SearchOptions::default()
        };
        index.search(&query, &options, |user, info| {
            found.insert((user.0, info.name.clone()));
            ControlFlow::Continue(())
        });
        assert_eq!(found, truth, "{}", query.words);
        results += found.len();
    }
    assert!(results > 60, "queries that find next to nothing prove nothing: {results}");
}

#[test]
fn a_real_folder_is_a_catalog_too() {
    let dir = tempfile::tempdir().unwrap();
    let music = dir.path().join("My Music");
    std::fs::create_dir_all(music.join("Band")).unwrap();
    std::fs::write(music.join("Band/Band - Song.mp3"), b"0123456789").unwrap();
    std::fs::write(music.join("intro.mp3"), b"").unwrap();
    let (catalog, skipped) =
        Catalog::from_dir(&music, ScanLimits::default(), 0.8, Fingerprint::GNUTELLA).unwrap();
    assert!(skipped.is_empty());
    let names: Vec<&str> = catalog.ids().map(|title| &*catalog.info(title).name).collect();
    assert_eq!(names, ["My Music/Band/Band - Song.mp3", "My Music/intro.mp3"]);
    let song = TitleId(0);
    assert_eq!(catalog.info(song).digest.unwrap().to_string(), "87acec17cd9dcd20a716cc2cf67417b71c8a7016");
    let sink = catalog.sink(song);
    sink.write_at(5, b"56789").unwrap();
    assert_eq!(sink.write_at(0, b"0123x"), Err(StoreFault::Corrupt));
    assert_eq!(sink.finish(), Err(StoreFault::Missing));
    sink.copy_from(&*catalog.storage(song), 0, 5).unwrap();
    sink.finish().unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let error = Catalog::from_dir(&empty, ScanLimits::default(), 0.8, Fingerprint::GNUTELLA).err().unwrap();
    assert!(error.to_string().ends_with("empty: no file to share in it"), "{error}");
}

#[test]
fn sizes_are_bounded_as_told() {
    let sizes = Sizes { mean: 1e5, sigma: 3.0, min: 50_000, max: 60_000 };
    let catalog = Catalog::synthetic(&CatalogConfig { titles: 300, sizes, ..CatalogConfig::default() }, 1);
    assert!(catalog.ids().all(|title| (50_000..=60_000).contains(&catalog.info(title).size)));
}
