//! The TOML form, and worlds drawn from it.

use std::time::Duration;

use bench::compare::Backend;
use bench::overlays::overlays;
use bench::scenario::{
    Arrivals, DURATION_MAX_S, Fault, Harm, LIBRARY, Law, Scenario, ScenarioError, Sessions, Turn, Whom,
    named, timeline,
};
use bench::world::World;
use proptest::prelude::*;

use crate::kit;

#[test]
fn every_scenario_of_the_library_is_one_and_comes_back_from_its_text() {
    for listed in LIBRARY {
        let scenario = Scenario::parse(listed.text).unwrap();
        assert_eq!(scenario.name, listed.name);
        assert!(!scenario.about.is_empty());
        assert_eq!(Scenario::parse(&scenario.to_text()).unwrap(), scenario);
        assert_eq!(Scenario::parse(&scenario.annotated()).unwrap(), scenario, "what is printed to be edited");
    }
}

/// Times with a fraction, as people write them.
fn seconds() -> impl Strategy<Value = Duration> {
    (1u64..10_000_000).prop_map(Duration::from_millis)
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![
        Just(Whom::Busiest),
        Just(Whom::Server),
        (0.001f64..=100.0).prop_map(Whom::Random),
        (0.001f64..=100.0).prop_map(Whom::Top),
    ]
}

fn harm() -> impl Strategy<Value = Harm> {
    let percent = || 0.001f64..=100.0;
    prop_oneof![
        whom().prop_map(Harm::Crash),
        Just(Harm::Back),
        (percent(), seconds()).prop_map(|(percent, lasting)| Harm::Cut { percent, lasting }),
        (whom(), 1.001f64..=1e6, prop::option::of(seconds())).prop_map(|(whom, by, lasting)| Harm::Slow {
            whom,
            by,
            lasting
        }),
        (percent(), prop::option::of(seconds()))
            .prop_map(|(percent, lasting)| Harm::Corrupt { percent, lasting }),
    ]
}

fn law() -> impl Strategy<Value = Law> {
    prop_oneof![
        (0.0f64..1e7).prop_map(Law::Fixed),
        (1e-3f64..1e7).prop_map(Law::Exponential),
        (0.1f64..=10.0, 1e-3f64..1e7).prop_map(|(shape, scale_s)| Law::Weibull { shape, scale_s }),
    ]
}

fn backend() -> impl Strategy<Value = Backend> {
    prop_oneof![Just(Backend::Tcp), Just(Backend::Processes), Just(Backend::Sim)]
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    let rate = || 1e-6f64..1e6;
    prop_oneof![
        Just(Arrivals::Together),
        (0.0f64..1e7).prop_map(|over_s| Arrivals::Uniform { over_s }),
        rate().prop_map(|per_s| Arrivals::Poisson { per_s }),
        (rate(), 0.0f64..1e7, rate()).prop_map(|(per_s, lasting_s, then_per_s)| Arrivals::FlashCrowd {
            per_s,
            lasting_s,
            then_per_s
        }),
        (0.0f64..70.0, 1e-3f64..76.0, 0.0f64..1e7).prop_map(|(from_day, days, over_s)| Arrivals::Redhat9 {
            from_day,
            days,
            over_s
        }),
    ]
}

proptest! {
    #[test]
    fn every_fault_law_and_shape_comes_back_from_its_text(
        faults in prop::collection::vec((harm(), seconds()), 0..5), arrivals in arrivals(),
        linger_s in prop::option::of(law()), patience_s in prop::option::of(law()),
        publisher in any::<bool>(), repeats in prop::option::of(1u32..=1_000), backends in prop::collection::vec(backend(), 0..4),
    ) {
        let mut faults: Vec<Fault> = faults.into_iter().map(|(harm, at)| Fault { harm, at }).collect();
        let first = faults.iter().filter(|fault| matches!(fault.harm, Harm::Crash(_))).map(|fault| fault.at).min();
        // Nobody comes back before somebody has gone.
        faults.retain(|fault| fault.harm != Harm::Back || first.is_some_and(|first| first < fault.at));
        let sessions = Sessions { linger_s, patience_s };
        let scenario =
            Scenario { faults, arrivals, sessions, publisher, repeats, backends, duration_limit_s: DURATION_MAX_S, ..Scenario::default() };
        prop_assert_eq!(&Scenario::parse(&scenario.to_text()).unwrap(), &scenario);
        prop_assert_eq!(&Scenario::parse(&scenario.annotated()).unwrap(), &scenario);
        let turns = timeline(&scenario.faults);
        prop_assert!(turns.is_sorted() && turns.iter().filter(|(_, turn, _)| *turn == Turn::Begins).count() == scenario.faults.len());
    }

    #[test]
    fn changed_scenarios_come_back_from_their_text(
        seed in any::<u64>().prop_map(|seed| seed >> 1), peers in 1u32..1_000_000, share in 0.0f64..=1.0,
        latency in 0.0f64..1_000.0, linger in prop::option::of(0.0f64..1e6), percent in 0.1f64..=100.0, at_s in 0u32..10_000,
    ) {
        let mut scenario = Scenario { seed, peers, duration_limit_s: 1e4, ..Scenario::default() };
        scenario.lines.firewalled = share;
        scenario.lines.latency_ms = latency;
        scenario.sessions.linger_s = linger.map(Law::Fixed);
        let at = Duration::from_secs(at_s.into());
        scenario.faults.push(Fault::crash(Whom::Random(percent), at));
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
    let spoilt: [(Spoil, &str); 28] = [
        (|s| s.faults = vec!["back@5s".parse().unwrap()], "nobody has gone before"),
        (
            |s| s.faults = ["back@5s", "server@5s"].map(|fault| fault.parse().unwrap()).to_vec(),
            "nobody has gone before",
        ),
        (|s| s.searches.settle_s = s.duration_limit_s, "searches.settle_s must be below duration_limit_s"),
        (|s| s.peers = 0, "peers"),
        (|s| s.version = 2, "version"),
        (|s| s.name = "../x".to_owned(), "name"),
        (|s| s.duration_limit_s = f64::NAN, "duration_limit_s"),
        (|s| s.lines.mix.clear(), "mix"),
        (|s| s.lines.firewalled = 1.5, "firewalled"),
        (|s| s.catalog.titles = 0, "titles"),
        (|s| s.searches.downloads_per_peer = 99, "downloads_per_peer"),
        (|s| s.searches.pause_s = 1e300, "pause_s"),
        (|s| s.arrivals = Arrivals::Uniform { over_s: f64::INFINITY }, "arrivals.over_s"),
        (|s| s.arrivals = Arrivals::Poisson { per_s: 0.0 }, "arrivals.per_s"),
        (|s| s.arrivals = Arrivals::FlashCrowd { per_s: 1.0, lasting_s: 1.0, then_per_s: 0.0 }, "then_per_s"),
        (|s| s.arrivals = Arrivals::Redhat9 { from_day: 140.0, days: 7.0, over_s: 1.0 }, "146 days"),
        (|s| s.sessions.linger_s = Some(Law::Fixed(-1.0)), "linger_s"),
        (|s| s.sessions.patience_s = Some(Law::Weibull { shape: 1e-9, scale_s: 1.0 }), "patience_s"),
        (|s| s.repeats = Some(0), "repeats"),
        (|s| (s.publisher, s.peers) = (true, 1), "publisher"),
        (|s| s.faults = vec![Fault::crash(Whom::Server, Duration::ZERO); 101], "at most 100"),
        (
            |s| s.faults = vec!["busiest@1000s".parse().unwrap()],
            "busiest@1000s would come when the run is over",
        ),
        (|s| s.catalog.words = 1, "catalog.words"),
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
    let text = scenario.annotated();
    for line in
        ["# [overlay.mirror]", "# mirrors = 1", "[overlay.napster]", "selection = \"random\"", "# probes = 5"]
    {
        assert!(text.lines().any(|shown| shown == line), "{line} is missing:\n{text}");
    }
    // Whoever takes the comment signs away has set everything to what it was.
    let (plain, knobs) = text.split_once("# What can be set").unwrap();
    let bare: String =
        knobs.lines().skip(1).map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let full = Scenario::parse(&format!("{plain}{bare}")).unwrap();
    assert_eq!(full.annotated().replace("# ", ""), text.replace("# ", ""));
    assert!(overlays().iter().all(|overlay| overlay.knobs(&full) == overlay.knobs(&scenario)));
}

#[test]
fn what_was_changed_in_a_scenario_is_told_and_nothing_else() {
    let mut scenario = Scenario::default();
    (scenario.peers, scenario.seed, scenario.about) = (7, 9, "mine".to_owned());
    assert_eq!(scenario.changed(), Vec::<String>::new());
    set(&mut scenario, "gnutella", "ttl", 3);
    scenario.placement.free_riders = 0.5;
    assert_eq!(scenario.changed(), ["overlay.gnutella.ttl = 3", "placement.free_riders = 0.5"]);
    for listed in LIBRARY {
        assert_eq!(Scenario::parse(listed.text).unwrap().changed(), Vec::<String>::new(), "{}", listed.name);
    }
    let mut unset = Scenario::parse(named("redhat9").unwrap().text).unwrap();
    unset.sessions = Sessions::default();
    assert!(
        unset.changed().iter().any(|line| line.starts_with("without sessions.")),
        "{:?}",
        unset.changed()
    );
}

#[test]
fn hostile_text_is_refused_in_one_line_that_names_its_own() {
    let with = |line: &str| {
        let key = line.split(' ').next().unwrap();
        let is_key = |text: &str| text.starts_with(&format!("{key} ="));
        let text = LIBRARY[0].text.lines().map(|text| if is_key(text) { line } else { text });
        text.collect::<Vec<_>>().join("\n")
    };
    for (line, words) in [
        ("peers = 1e9", "invalid type"),
        ("peers = 99999999999999999999", "line 5"),
        ("peers = -1", "-1"),
        ("duration_limit_s = nan", "duration_limit_s"),
        ("duration_limit_s = inf", "duration_limit_s"),
        ("seed = -1", "line 4"),
        ("zipf_alpha = 1e308", "catalog.zipf_alpha must be from 0 to 4"),
        ("free_riders = 1.5", "placement.free_riders is a share"),
        ("latency_ms = -1", "lines.latency_ms must be"),
        ("files_mean = \"x\"", "expected a number"),
        ("files_sigma = 9", "placement.files_sigma must be from 0 to 3"),
        ("pause_s = 1e308", "pause_s"),
        ("over_s = nan", "over_s"),
        ("shape = \"flashcrowd\"", "did you mean `flash_crowd`?"),
    ] {
        let error = Scenario::parse(&with(line)).unwrap_err().to_string();
        assert!(error.starts_with("line "), "{line}: {error}");
        assert!(error.contains(words) && !error.contains('\n'), "{line}: {error}");
    }
    let added = |text: &str| Scenario::parse(&format!("{}{text}\n", LIBRARY[0].text)).unwrap_err();
    let lines = LIBRARY[0].text.lines().count();
    for (text, line, words) in [
        ("[sessions]\nlinger_s = \"exponental 3\"", 2, "known are a number of seconds"),
        ("[sessions]\nlinger_s = \"weibull 0.3\"", 2, "weibull SHAPE SCALE"),
        ("[sessions]\nlinger_s = inf", 2, "no length of time"),
        ("[sessions]\npatience_s = [1]", 2, "no length of time"),
        ("[sessions]\npatience = 1", 2, "did you mean `patience_s`?"),
    ] {
        let error = added(text);
        let ScenarioError::Text { line: found, .. } = &error else { panic!("{text}: {error}") };
        assert_eq!(*found, lines + line, "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = added(&deep).to_string();
    assert!(error.len() < 1_000 && !error.contains('\n'), "{error}");
}

#[test]
fn faults_are_read_and_mistyped_ones_explained() {
    for text in [
        "busiest@10s",
        "server@0.5s",
        "random 10%@20s",
        "top 5%@20s",
        "back@40s",
        "cut 50%@10s for 30s",
        "slow random 10% by 8@20s for 60s",
        "slow server by 1.5@0s",
        "corrupt 2%@0s",
        "corrupt 2%@0s for 5s",
    ] {
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
    }
    for (text, why) in [
        ("", "it does not say when"),
        ("busy@10s", "nobody is called that"),
        ("busiest", "it does not say when"),
        ("busiest@10", "not a number of seconds"),
        ("busiest@-1s", "from 0s to half a year"),
        ("busiest@nans", "from 0s to half a year"),
        ("busiest@1e99s", "from 0s to half a year"),
        ("busiest@10s for 5s", "`back` brings back"),
        ("back@10s for 5s", "`back` brings back"),
        ("random@3s", "nobody is called that"),
        ("random 0%@3s", "above 0%"),
        ("top nan%@3s", "above 0%"),
        ("random 101%@3s", "at most 100%"),
        ("cut 50%@3s", "has to end"),
        ("cut 50%@3s for 0s", "over at once"),
        ("slow 10%@3s", "by what"),
        ("slow 10% by 8@3s", "nobody is called that"),
        ("slow server by 1@3s", "more than 1"),
        ("slow server by inf@3s", "more than 1"),
        ("corrupt@3s", "nobody is called that"),
    ] {
        let words = text.parse::<Fault>().unwrap_err();
        assert!(words.contains("known are") && words.contains(why) && !words.contains('\n'), "{words}");
    }
}

#[test]
fn a_publisher_has_everything_comes_first_and_asks_for_nothing() {
    let scenario = Scenario { publisher: true, ..kit::small(20, 1) };
    let world = World::new(&scenario).unwrap();
    assert_eq!(world.shared_by(0).len(), scenario.catalog.titles as usize);
    assert_eq!(world.people[0].attachment.line, scenario.server.line());
    assert!((1..20).all(|person| world.shared_by(person).is_empty()));
    assert_eq!((world.workload.searches_of(0).count(), world.workload.downloads_of(0).count()), (0, 0));
    for person in 1..20 {
        assert!(world.workload.searches_of(person).all(|(_, search)| search.person == person));
        assert!(world.workload.downloads_of(person).all(|(_, download)| download.person == person));
    }
    assert_eq!(world.workload.searches.len(), 19 * scenario.searches.per_peer as usize);
}

#[test]
fn people_stay_as_long_as_the_laws_say_and_other_draws_do_not_change() {
    let plain = kit::small(2_000, 3);
    let mut scenario = plain.clone();
    scenario.sessions.linger_s = Some(Law::Exponential(10.0));
    scenario.sessions.patience_s = Some(Law::Weibull { shape: 0.34, scale_s: 21.3 });
    let (world, other) = (World::new(&scenario).unwrap(), World::new(&plain).unwrap());
    let mean = |times: &mut dyn Iterator<Item = Duration>| {
        times.map(|time| time.as_secs_f64()).sum::<f64>() / 2_000.0
    };
    let lingers = mean(&mut world.people.iter().filter_map(|person| person.lingers));
    assert!((lingers / 10.0 - 1.0).abs() < 0.1, "{lingers}");
    let mut patience: Vec<Duration> = world.people.iter().filter_map(|person| person.patience).collect();
    patience.sort();
    // The median of that law: 21.3 * ln(2)^(1/0.34).
    let median = patience[1_000].as_secs_f64();
    assert!((median / 7.25 - 1.0).abs() < 0.2, "{median}");
    let lines = |world: &World| {
        world.people.iter().map(|person| (person.arrival, person.attachment)).collect::<Vec<_>>()
    };
    assert_eq!(lines(&world), lines(&other));
}

#[test]
fn one_seed_gives_one_world_and_another_gives_another() {
    let world = |seed| World::new(&kit::small(40, seed)).unwrap();
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
    let scenario = kit::small(40, 3);
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
    let scenario = kit::small(30, 5);
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
    let mut scenario = kit::small(50, 1);
    scenario.faults = vec!["random 20%@1s".parse().unwrap(), "random 20%@2s".parse().unwrap()];
    let world = World::new(&scenario).unwrap();
    assert_eq!(world.drawn(0).len(), 10);
    assert_eq!(world.drawn(0), World::new(&scenario).unwrap().drawn(0));
    assert_ne!(world.drawn(0), world.drawn(1), "two faults draw twice");
}
