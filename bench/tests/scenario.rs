//! The TOML form, and worlds drawn from it.

mod common;

use bench::overlays::overlays;
use bench::scenario::{Fault, LIBRARY, Scenario, ScenarioError, Victim};
use bench::world::World;
use proptest::prelude::*;

#[test]
fn every_scenario_of_the_library_is_one_and_comes_back_from_its_text() {
    for listed in LIBRARY {
        let scenario = Scenario::parse(listed.text).unwrap();
        assert_eq!(scenario.name, listed.name);
        assert!(!scenario.about.is_empty());
        assert_eq!(Scenario::parse(&scenario.to_text()).unwrap(), scenario);
    }
}

proptest! {
    #[test]
    fn changed_scenarios_come_back_from_their_text(
        seed in any::<u64>().prop_map(|seed| seed >> 1), peers in 1u32..1_000_000, share in 0.0f64..=1.0,
        latency in 0.0f64..1_000.0, linger in prop::option::of(0.0f64..1e6), percent in 0.1f64..=100.0, at_s in 0u32..10_000,
    ) {
        let mut scenario = Scenario { seed, peers, ..Scenario::default() };
        scenario.lines.firewalled = share;
        scenario.lines.latency_ms = latency;
        scenario.sessions.linger_s = linger;
        let at = std::time::Duration::from_secs(at_s.into());
        scenario.faults.push(Fault { victim: Victim::Random(percent), at });
        prop_assert_eq!(Scenario::parse(&scenario.to_text()).unwrap(), scenario);
    }

    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text in "\\PC{0,200}", fault in "\\PC{0,30}") {
        prop_assert!(Scenario::parse(&text).is_err());
        let _ = fault.parse::<Fault>();
    }
}

#[test]
fn an_unknown_field_is_named_with_its_line_and_what_was_meant() {
    let text = LIBRARY[0].text.replace("peers = 60", "peerz = 60");
    let line = text.lines().position(|line| line.starts_with("peerz")).unwrap() + 1;
    let ScenarioError::Text { line: found, what, hint } = Scenario::parse(&text).unwrap_err() else {
        panic!("refused for another reason");
    };
    assert_eq!(found, line);
    assert!(what.contains("peerz"), "{what}");
    assert!(hint.contains("`peers`"), "{hint}");
    let nested = LIBRARY[0].text.replace("zipf_alpha", "zipf");
    let words = Scenario::parse(&nested).unwrap_err().to_string();
    assert!(words.contains("did you mean `zipf_alpha`?"), "{words}");
}

#[test]
fn senseless_values_are_refused_in_words() {
    type Spoil = fn(&mut Scenario);
    let spoilt: [(Spoil, &str); 13] = [
        (|s| s.peers = 0, "peers"),
        (|s| s.version = 2, "version"),
        (|s| s.name = "../x".to_owned(), "name"),
        (|s| s.duration_limit_s = f64::NAN, "duration_limit_s"),
        (|s| s.lines.mix.clear(), "mix"),
        (|s| s.lines.firewalled = 1.5, "firewalled"),
        (|s| s.catalog.titles = 0, "titles"),
        (|s| s.searches.downloads_per_peer = 99, "downloads_per_peer"),
        (|s| set(s, "mirror", "mirrors", 0), "overlay.mirror: mirrors must be"),
        (|s| set(s, "napster", "upload_slots", 0), "overlay.napster: upload_slots must be"),
        (|s| set(s, "napster", "slots", 1), "overlay.napster.slots: unknown field"),
        (|s| set(s, "kazaa", "supernodes", 0), "overlay.kazaa: supernodes must be"),
        (|s| set(s, "kazaa", "supernodes", "electd"), "expected \"elected\" or a number"),
    ];
    for (spoil, word) in spoilt {
        let mut scenario = Scenario::default();
        spoil(&mut scenario);
        let words = scenario.check().unwrap_err().to_string();
        assert!(words.contains(word) && !words.contains('\n'), "{word}: {words}");
    }
}

fn set(scenario: &mut Scenario, overlay: &str, knob: &str, value: impl Into<toml::Value>) {
    scenario.overlay.entry(overlay.to_owned()).or_default().insert(knob.to_owned(), value.into());
}

#[test]
fn a_mistaken_knob_is_named_with_its_line_and_what_was_meant() {
    let lines = LIBRARY[0].text.lines().count();
    // What follows the classroom's text, in which line of it the mistake is, and what is said of it.
    for (text, line, words) in [
        ("[overlay.napstr]\nprobes = 2", 1, &["unknown overlay `napstr`", "did you mean `napster`?"][..]),
        ("[overlay.napster]\nprobes = 2\nslots = 2", 3, &["unknown field `slots`", "`upload_slots`"]),
        ("[overlay.napster]\n\nselection = \"rnadom\"", 3, &["`rnadom`", "did you mean `random`?"]),
        ("[overlay]\nnapster = { probes = \"two\" }", 2, &["overlay.napster.probes", "invalid type"]),
        ("[overlay.napster]\nprobes = 256", 2, &["overlay.napster.probes", "256"]),
        ("[overlay.napster]\nupload_slots = 0", 1, &["upload_slots must be at least 1"]),
        ("[overlay]\nnapster = 3", 2, &["expected a map"]),
        ("[overlays.napster]", 1, &["unknown field `overlays`", "did you mean `overlay`?"]),
    ] {
        let error = Scenario::parse(&format!("{}{text}\n", LIBRARY[0].text)).unwrap_err();
        let ScenarioError::Text { line: found, .. } = &error else { panic!("{text}: {error}") };
        assert_eq!(*found, lines + line, "{text}: {error}");
        let said = error.to_string();
        assert!(words.iter().all(|word| said.contains(word)) && !said.contains('\n'), "{text}: {said}");
    }
}

#[test]
fn every_overlay_has_a_default_for_each_of_its_knobs_and_refuses_what_is_none() {
    let default = Scenario::default();
    for overlay in overlays() {
        let knobs = overlay.knobs(&default).unwrap();
        for (knob, value) in knobs.clone() {
            let mut alone = default.clone();
            set(&mut alone, overlay.name(), &knob, value);
            assert_eq!(overlay.knobs(&alone).as_ref(), Ok(&knobs), "{} {knob}", overlay.name());
            set(&mut alone, overlay.name(), &knob, toml::Table::new());
            let words = alone.check().unwrap_err().to_string();
            assert!(words.starts_with(&format!("overlay.{}.{knob}: ", overlay.name())), "{words}");
        }
        let mut unknown = default.clone();
        set(&mut unknown, overlay.name(), "no_such_knob", 1);
        assert!(unknown.check().unwrap_err().to_string().contains("unknown field"), "{}", overlay.name());
    }
}

#[test]
fn knobs_come_back_from_their_text_and_what_is_not_set_is_shown() {
    let mut scenario = Scenario::default();
    assert!(!scenario.to_text().contains("overlay"), "nothing is set");
    set(&mut scenario, "napster", "selection", "random");
    scenario.check().unwrap();
    assert_eq!(Scenario::parse(&scenario.to_text()).unwrap(), scenario);
    let comments = scenario.knobs_as_comments();
    for line in [
        "# [overlay.mirror]",
        "# mirrors = 1",
        "# [overlay.napster]",
        "# selection = \"random\"",
        "# probes = 5",
    ] {
        assert!(comments.lines().any(|shown| shown == line), "{line} is missing:\n{comments}");
    }
    // Whoever takes the comment signs away has set everything to what it was.
    let bare = comments.replace("# ", "");
    let full = Scenario::parse(&format!("{}{bare}", LIBRARY[0].text)).unwrap();
    assert_eq!(full.knobs_as_comments(), comments);
}

#[test]
fn faults_are_read_and_mistyped_ones_explained() {
    for text in ["busiest@10s", "server@0.5s", "random 10%@20s"] {
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "busy@10s",
        "busiest",
        "busiest@10",
        "busiest@-1s",
        "random@3s",
        "random 0%@3s",
        "random 101%@3s",
    ] {
        let words = text.parse::<Fault>().unwrap_err();
        assert!(words.contains("known are"), "{words}");
    }
}

#[test]
fn one_seed_gives_one_world_and_another_gives_another() {
    let world = |seed| World::new(&common::small(40, seed)).unwrap();
    let fingerprint = |world: &World| {
        let searches: Vec<_> =
            world.workload.searches.iter().map(|s| (s.at, s.query.words.clone(), s.download)).collect();
        let people: Vec<_> = world.people.iter().map(|p| (p.arrival, p.attachment)).collect();
        (format!("{searches:?} {people:?}"), world.workload.downloads.clone())
    };
    assert_eq!(fingerprint(&world(1)), fingerprint(&world(1)));
    assert_ne!(fingerprint(&world(1)).0, fingerprint(&world(2)).0);
    assert_ne!(fingerprint(&world(1)).1, fingerprint(&world(2)).1);
}

#[test]
fn people_look_for_what_they_lack_and_others_have() {
    let scenario = common::small(40, 3);
    let world = World::new(&scenario).unwrap();
    assert_eq!(world.workload.searches.len(), 40 * scenario.searches.per_peer as usize);
    assert_eq!(world.workload.downloads.len(), 40 * scenario.searches.downloads_per_peer as usize);
    for (number, download) in world.workload.downloads.iter().enumerate() {
        let search = &world.workload.searches[download.search.0 as usize];
        assert_eq!((search.person, search.download.map(|f| f.0 as usize)), (download.person, Some(number)));
        assert!(search.matches.contains(&download.item), "the query finds what is wanted");
        assert!(!world.shared_by(download.person).contains(&download.item));
        assert!(!world.holders(download.item).is_empty());
    }
}

#[test]
fn a_change_of_the_searches_leaves_people_and_files_as_they_were() {
    let scenario = common::small(30, 5);
    let mut more = scenario.clone();
    more.searches.per_peer += 4;
    let (a, b) = (World::new(&scenario).unwrap(), World::new(&more).unwrap());
    for person in 0..30 {
        assert_eq!(a.shared_by(person), b.shared_by(person));
        assert_eq!(a.people[person].attachment, b.people[person].attachment);
    }
}

#[test]
fn random_faults_take_the_share_they_say_and_the_same_people_each_time() {
    let mut scenario = common::small(50, 1);
    scenario.faults = vec!["random 20%@1s".parse().unwrap(), "random 20%@2s".parse().unwrap()];
    let world = World::new(&scenario).unwrap();
    assert_eq!(world.victims(0).len(), 10);
    assert_eq!(world.victims(0), World::new(&scenario).unwrap().victims(0));
    assert_ne!(world.victims(0), world.victims(1), "two faults draw twice");
}
