//! Claims: the graphs they are tried on, the theory they are held against, and the whole way from a command line to a file.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bench::claims::bittorrent::swarm::{self, Has, Person, Plan, Swarm};
use bench::claims::distribution::lone::{self, Offer};
use bench::claims::draw::{Weighted, sample};
use bench::claims::finding::Verdict;
use bench::claims::gnutella::network::{Network, file, fixed};
use bench::claims::graph::{Graph, UNREACHABLE};
use bench::claims::kazaa::network as supernodes;
use bench::claims::napster::network as central;
use bench::claims::show::to_json;
use bench::claims::theory::{drawn_reach, flood_messages, poisson_reach};
use bench::claims::{Claim, Report, Size, Trial, Tried, claims, run};
use bench::mirror;
use common::net::Attachment;
use common::sim::Config;
use common::user::{Note, Query, SearchEnd};
use gnutella::servent::Knobs;
use gnutella::strategy::StrategyKind;
use kazaa::config::Role;
use napster::peer::PeerConfig;
use napster::server::ServerConfig;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;

fn claim(id: &str) -> &'static Claim {
    claims().into_iter().find(|claim| claim.id == id).expect("a claim of that name")
}

fn tried(ids: &[&str]) -> Report {
    let chosen: Vec<&Claim> = ids.iter().map(|id| claim(id)).collect();
    run(&chosen, Size::Quick, 1, &|_| {})
}

/// The largest part, found another way: by painting over and over.
fn largest_part(graph: &Graph) -> usize {
    let mut part: Vec<u32> = (0..graph.nodes()).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for (a, b) in graph.edges() {
            let least = part[*a as usize].min(part[*b as usize]);
            changed |= part[*a as usize] != least || part[*b as usize] != least;
            (part[*a as usize], part[*b as usize]) = (least, least);
        }
    }
    let count = |of: u32| part.iter().filter(|other| **other == of).count();
    (0..graph.nodes()).map(count).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_random_graph_has_the_edges_it_was_asked_for(nodes in 4u32..200, density in 0.0f64..0.5, seed in any::<u64>()) {
        let pairs = nodes as usize * (nodes as usize - 1) / 2;
        let edges = (density * pairs as f64) as usize;
        let graph = Graph::random(nodes, edges, seed);
        let different: BTreeSet<_> = graph.edges().iter().copied().collect();
        prop_assert_eq!(different.len(), edges);
        prop_assert!(different.iter().all(|(a, b)| a < b && *b < nodes));
        let degrees: u32 = (0..nodes).map(|node| graph.degree(node)).sum();
        prop_assert_eq!(degrees as usize, 2 * edges);
        for (a, b) in graph.edges() {
            prop_assert!(graph.neighbours(*a).contains(b) && graph.neighbours(*b).contains(a));
        }
        prop_assert_eq!(&graph, &Graph::random(nodes, edges, seed));
    }

    #[test]
    fn what_is_left_when_nodes_go_is_what_a_graph_without_them_has(nodes in 2u32..60, edges in 0usize..80, seed in any::<u64>()) {
        let pairs = nodes as usize * (nodes as usize - 1) / 2;
        let graph = Graph::random(nodes, edges.min(pairs / 2), seed);
        let order = sample(nodes, nodes as usize, &mut Pcg64::seed_from_u64(seed));
        let giants = graph.giants_as_nodes_go(&order);
        prop_assert_eq!(giants.len(), nodes as usize + 1);
        for gone in 0..=nodes as usize {
            let rest = graph.without(&order[..gone]);
            prop_assert_eq!(rest.nodes() as usize, nodes as usize - gone);
            prop_assert_eq!(giants[gone] as usize, largest_part(&rest));
            prop_assert_eq!(giants[gone] as usize, rest.giant().len());
        }
    }

    #[test]
    fn distances_differ_by_at_most_one_over_an_edge(nodes in 4u32..80, edges in 0usize..120, seed in any::<u64>()) {
        let pairs = nodes as usize * (nodes as usize - 1) / 2;
        let graph = Graph::random(nodes, edges.min(pairs / 2), seed);
        let distances = graph.distances(0);
        prop_assert_eq!(distances[0], 0);
        for (a, b) in graph.edges() {
            prop_assert!(distances[*a as usize].abs_diff(distances[*b as usize]) <= 1);
        }
        for node in 1..nodes {
            let nearer = graph.neighbours(node).iter().map(|other| distances[*other as usize]).min();
            let expected = nearer.filter(|nearer| *nearer != UNREACHABLE).map_or(UNREACHABLE, |nearer| nearer + 1);
            prop_assert_eq!(distances[node as usize], expected);
        }
    }
}

#[test]
fn a_power_law_has_its_exponent_and_a_grid_its_corners() {
    let graph = Graph::power_law(50_000, 2.3, 7);
    let with =
        |degree| (0..graph.nodes()).filter(|node| graph.degree(*node) == degree).count() as f64 / 50_000.0;
    // 1/ζ(2.3) = 0.698 of all nodes have one neighbour, and 2^-2.3 times as many two.
    assert!((with(1) - 0.698).abs() < 0.01, "{}", with(1));
    assert!((with(2) / with(1) - 0.203).abs() < 0.02, "{}", with(2));
    let grid = Graph::grid(10);
    assert_eq!((grid.nodes(), grid.edges().len()), (100, 180));
    assert_eq!(grid.distances(0)[99], 18);
    assert_eq!((0..100).filter(|node| grid.degree(*node) == 2).count(), 4);
}

#[test]
fn nodes_have_the_links_they_were_to_have_but_for_those_that_fall_together() {
    let wanted = |node: u32| if node.is_multiple_of(20) { 128 } else { 3 };
    let graph = Graph::of_degrees((0..5_000).map(wanted), 7);
    assert!((0..5_000).all(|node| graph.degree(node) <= wanted(node)));
    let ends: u32 = (0..5_000).map(wanted).sum();
    assert!(graph.edges().len() as f64 > 0.45 * f64::from(ends), "{} of {ends}", graph.edges().len());
}

#[test]
fn weights_are_kept() {
    let weights = Weighted::new([1.0, 0.0, 3.0]);
    let mut rng = Pcg64::seed_from_u64(1);
    let mut counts = [0; 3];
    (0..40_000).for_each(|_| counts[weights.draw(&mut rng)] += 1);
    assert_eq!(counts[1], 0);
    assert!((f64::from(counts[0]) / 10_000.0 - 1.0).abs() < 0.05, "{counts:?}");
    assert_eq!(weights.probabilities(), [0.25, 0.0, 0.75]);
}

#[test]
fn sources_that_differ_reach_less_on_average_than_an_average_one() {
    let mut rng = Pcg64::seed_from_u64(1);
    let (drawn, average) = (drawn_reach(50_000, 3.4, 10, 20_000, &mut rng), poisson_reach(50_000, 3.4, 10));
    for hop in 1..=3 {
        assert!((drawn[hop] / average[hop] - 1.0).abs() < 0.02, "{hop}");
    }
    assert!((7..=10).all(|hop| drawn[hop] < average[hop]), "{drawn:?} {average:?}");
}

#[test]
fn servents_flood_a_graph_as_theory_has_it() {
    let graph = Graph::random(600, 2_000, 3);
    let graph = graph.of_nodes(&graph.giant());
    let knobs = [3, 30].map(|ttl| Arc::new(Knobs { ttl, ..fixed(30) }));
    let mut network = Network::new(&graph, 1, StrategyKind::Flood, |node| knobs[node as usize % 2].clone());
    let distances = graph.distances(0);
    let near = distances.iter().filter(|hops| **hops <= 3).count() as u64;
    assert_eq!(network.search(0, "nothing").reached, near - 1);
    let everybody = network.search(1, "nothing");
    assert_eq!(everybody.reached, u64::from(graph.nodes()) - 1);
    let links = graph.edges().len() as u64;
    assert_eq!(everybody.queries, flood_messages(u64::from(graph.nodes()), links));
    let far = (0..graph.nodes()).max_by_key(|node| distances[*node as usize]).unwrap();
    for holder in [far, graph.neighbours(0)[0]] {
        network.share(holder, [file("a sought song.mp3")]);
    }
    // Only the neighbour is within three hops, and its answer crosses one link.
    let searched = network.search(0, "sought song");
    assert_eq!((searched.results.len(), searched.hits), (1, 1));
    assert_eq!(network.holder(&searched.results[0]), Some(graph.neighbours(0)[0]));
    network.crash(&[graph.neighbours(0)[0]]);
    assert!(network.search(0, "sought song").results.is_empty());
}

#[test]
fn supernodes_widen_a_search_by_the_messages_that_the_rule_has_it_take() {
    let knobs = Arc::new(kazaa::config::Knobs {
        links: 8,
        links_max: 8,
        fan_out: 3,
        enough: 1,
        asked_max: 8,
        ..supernodes::fixed()
    });
    let mut network = supernodes::clusters(Config::seeded(1), 9, 18, |_| Arc::clone(&knobs));
    // The first child of the first supernode asks; the second has what is found at once.
    network.share(18, [supernodes::file("a song near.mp3")]);
    network.run_for(Duration::from_secs(1));
    let near = network.search(9, "song near");
    assert_eq!((near.questions, near.supernodes, near.visits, near.results.len()), (1, 1, 0, 1));
    // Question, reply, end.
    assert_eq!(near.messages, 3);
    // What nobody has is asked of all eight others, three at a time, and each says that it has nothing.
    let nothing = network.search(9, "nothing");
    assert_eq!((nothing.questions, nothing.answers, nothing.supernodes), (1 + 8, 0, 9));
    assert_eq!(nothing.messages, 1 + 8 + 8 + 1);
    network.share(12, [supernodes::file("a song far.mp3")]);
    network.run_for(Duration::from_secs(1));
    let far = network.search(9, "song far");
    assert_eq!((far.results.len(), far.results[0].hops, far.answers), (1, Some(2), 2));
    assert!(matches!(far.questions, 4 | 7 | 9), "{}", far.questions);
    assert_eq!(network.at(far.results[0].holder.address.unwrap()), Some(12));
}

#[test]
fn children_of_a_supernode_that_goes_find_another() {
    let knobs = Arc::new(supernodes::fixed());
    let mut network = supernodes::Network::new(Config::seeded(1));
    let knows: Arc<[_]> = (0..3).map(|node| network.address(node)).collect();
    let member = |role| supernodes::Member {
        role: Some(role),
        knows: Arc::clone(&knows),
        ..supernodes::Member::new(Arc::clone(&knobs))
    };
    (0..3).for_each(|_| _ = network.add(&member(Role::Supernode)));
    network.run_for(Duration::from_secs(30));
    (0..6).for_each(|_| _ = network.add(&member(Role::Ordinary)));
    network.run_for(Duration::from_secs(30));
    let first = network.parents(3)[0];
    network.crash(first);
    network.run_for(Duration::from_secs(5));
    for child in 3..9 {
        let parents = network.parents(child);
        assert!(parents.len() == 1 && network.is_supernode(parents[0]), "{child}: {parents:?}");
    }
    assert!(!network.is_supernode(first));
}

/// A server and so many users, each with a song of 100,000 bytes under a word of its own.
fn users(count: u32, server: ServerConfig) -> central::Network {
    let mut network = central::Network::new(Config::seeded(1), server);
    for user in 1..=count {
        assert_eq!(network.add(PeerConfig::default(), Attachment::default()), user);
        network.share(user, [central::song(&format!("song of number{user}.mp3"), 100_000)]);
    }
    network.run_for(Duration::from_secs(2));
    network
}

#[test]
fn a_search_at_the_central_index_takes_two_messages_and_one_for_each_result() {
    let mut network = users(5, central::open());
    let all = network.search(1, Query::words("song"));
    let holders: BTreeSet<_> = all.results.iter().filter_map(|hit| network.holder(hit)).collect();
    assert_eq!(holders, (2..=5).collect());
    assert_eq!((all.messages, all.without_results, all.end), (6, 2, SearchEnd::Complete));
    // There and back over the core's 20 ms.
    assert!((all.first_s.unwrap() - 0.04).abs() < 0.001, "{:?}", all.first_s);
    let nothing = network.search(1, Query::words("nothing"));
    assert_eq!((nothing.messages, nothing.without_results, nothing.results.len()), (2, 2, 0));
    let fetch = network.fetch(1, all.results);
    assert!(network.finish(&[fetch])[0].is_some());
    let server = network.server_load();
    assert_eq!((network.load(1).body_received, server.body_received, server.body_sent), (100_000, 0, 0));
}

#[test]
fn who_is_switched_off_stays_in_the_index_until_the_server_has_spoken_in_vain() {
    let mut network = users(4, ServerConfig { stats_every: Duration::from_secs(100), ..central::open() });
    network.leave(4);
    network.silence(3, Duration::from_secs(1_000));
    network.run_for(Duration::from_secs(1));
    // Who logs off is gone at once.
    assert_eq!((network.users(), network.search(1, Query::words("song")).results.len()), (3, 2));
    let told = network.run_for(Duration::from_secs(120));
    let lost: Vec<(u32, u64)> = told
        .into_iter()
        .filter(|(_, _, note)| matches!(note, Note::Offline(_)))
        .map(|(at, user, _)| (user, at.0 / 1_000_000_000))
        .collect();
    // Statistics after 100 s, and the 20 s of a connection's patience.
    assert_eq!(lost, [(3, 120)]);
    assert_eq!((network.users(), network.search(1, Query::words("song")).results.len()), (2, 1));
}

#[test]
fn without_the_server_nobody_finds_anything_until_it_is_back() {
    let mut network = users(3, central::open());
    network.lose_server();
    network.run_for(Duration::from_secs(1));
    let searched = network.search(1, Query::words("song"));
    assert_eq!((searched.end, searched.results.len()), (SearchEnd::Offline, 0));
    network.bring_back_server();
    network.run_for(Duration::from_secs(60));
    assert_eq!(network.search(1, Query::words("song")).results.len(), 2);
}

/// A flash crowd of a dozen people for sixteen pieces.
fn a_dozen(smart: bool, seed: u64) -> Swarm {
    swarm::after(Plan { smart, ..Plan::flash(16) }, &swarm::crowd(12, swarm::DSL), seed)
}

#[test]
fn a_swarm_brings_everybody_everything_and_beats_no_bound() {
    for smart in [true, false] {
        let mut swarm = a_dozen(smart, 3);
        let outcome = swarm.outcome();
        assert_eq!((outcome.finished(), swarm.leeching()), (1.0, 0));
        assert!(outcome.by_bound() >= 1.0 && swarm.utilisation() <= 1.0);
        // Each byte once for each, and hardly more; of those at least one copy came from the origin.
        let needed = 12 * swarm.plan().bytes();
        assert!((needed..needed * 11 / 10).contains(&swarm.delivered()), "{}", swarm.delivered());
        assert!((1.0..12.0).contains(&swarm.origin_copies()), "{}", swarm.origin_copies());
        // Who leaves takes along what it has.
        swarm.pass(Duration::from_secs(1));
        assert!(swarm.tally().iter().all(|copies| copies <= 1), "only the origin's are left");
    }
}

#[test]
fn a_swarm_is_a_function_of_its_seed() {
    let print = |seed| {
        let swarm = a_dozen(true, seed);
        (swarm.events(), swarm.outcome().times_s)
    };
    assert_eq!(print(5), print(5));
    assert_ne!(print(5), print(6));
}

#[test]
fn the_oracle_of_a_swarm_knows_what_its_peers_have() {
    let mut swarm = Swarm::new(Plan::flash(16), 2);
    let mut people = swarm::crowd(8, swarm::DSL);
    people[3].has = Has::Any(5);
    people.iter_mut().for_each(|person| person.stays = None);
    let mut looks = 0;
    swarm.run(&people, Duration::from_secs(120), Duration::from_secs(20), &mut |swarm| {
        let have = |at| swarm.view(at).and_then(|view| view.have()).map_or(0, |have| have.count());
        let counted = 16 + swarm.present().map(have).sum::<u32>();
        assert_eq!(swarm.tally().iter().sum::<u32>(), counted);
        looks += 1;
    });
    assert!(looks >= 3);
}

#[test]
fn whoever_has_wrong_bytes_deceives_nobody() {
    let mut swarm = Swarm::new(Plan::flash(8), 4);
    let liar = Person { has: Has::Any(8), stays: None, ..Person::new(Duration::ZERO, swarm::DSL) };
    let liar = swarm.join(&liar);
    swarm.spoil(liar);
    swarm.run_all(&swarm::crowd(6, swarm::DSL), swarm::LIMIT);
    assert_eq!((swarm.leeching(), swarm.deceived()), (0, 0));
    assert!(swarm.delivered() > 6 * swarm.plan().bytes(), "some came in vain");
}

#[test]
fn without_its_origin_a_swarm_that_lacks_something_is_given_up() {
    let plan = Plan { copies_max: Some(0.5), smart: false, ..Plan::flash(16) };
    let swarm = swarm::after(plan, &swarm::crowd(6, swarm::DSL), 1);
    assert_eq!((swarm.outcome().finished(), swarm.leeching()), (0.0, 6));
    assert!(swarm.origin_left().is_some() && swarm.now_s() < 2_000.0);
}

#[test]
fn those_of_a_swarm_who_are_left_finish_when_others_vanish() {
    let mut swarm = Swarm::new(Plan::flash(16), 6);
    let soon = Duration::from_secs(20);
    swarm.run(&swarm::crowd(12, swarm::DSL), soon, soon, &mut |_| {});
    (0..4).for_each(|member| swarm.lose(member));
    swarm.run_all(&[], swarm::LIMIT);
    let finished = swarm.members().iter().map(|member| member.finished.is_some());
    assert!(finished.eq((0..12).map(|member| member >= 4)));
}

/// A server of 800 kbit/s with a content of a megabyte, ten seconds of its line.
fn a_server(config: mirror::ServerConfig) -> Offer {
    Offer { bytes: 1_000_000, up_kbps: 800, config }
}

#[test]
fn a_server_alone_takes_as_long_as_its_line_does_for_all_copies() {
    for (slots, waiting_max) in [(256, 511), (2, 3), (1, 0)] {
        let config = mirror::ServerConfig { slots, waiting_max, ..mirror::ServerConfig::default() };
        let server = lone::after(a_server(config), &swarm::crowd(12, swarm::DSL), 1);
        assert_eq!((server.times_s().len(), server.present()), (12, 0));
        assert_eq!(server.refusals() > 0, slots + waiting_max < 12);
        // Whoever was sent away comes back after a while, in which the line may be idle.
        let most = if slots < 12 { 10.0 } else { 1.05 };
        let last_s = server.last_s();
        assert!((120.0..120.0 * most).contains(&last_s), "{slots} at a time: {last_s} s");
    }
}

#[test]
fn whoever_loses_patience_with_a_server_has_gone() {
    let patience = Some(Duration::from_secs(30));
    let people: Vec<Person> =
        swarm::crowd(12, swarm::DSL).into_iter().map(|person| Person { patience, ..person }).collect();
    // All at a time get too little each; one at a time, three get all of it.
    let all = lone::after(a_server(mirror::ServerConfig::default()), &people, 1);
    let config = mirror::ServerConfig { slots: 1, ..mirror::ServerConfig::default() };
    let one = lone::after(a_server(config), &people, 1);
    assert_eq!((all.times_s().len(), all.present()), (0, 0));
    assert!((2..=3).contains(&one.times_s().len()) && one.present() == 0, "{:?}", one.times_s());
    assert!(one.times_s().iter().all(|time_s| *time_s <= 30.0));
}

#[test]
fn a_cache_answers_no_more_than_knowing_what_is_popular_would() {
    let readings = (claim("M2").trial)(&Trial { seed: 1, size: Size::Quick });
    let named = |alpha: f64, what: &str| {
        let what = format!("α = {alpha}: {what}");
        readings.iter().find(|reading| reading.what == what).expect("a reading").value
    };
    for alpha in [0.0, 0.4, 0.8, 1.2] {
        let (top, cached) = (
            named(alpha, "requests for the top 1 % of titles"),
            named(alpha, "requests that a cache of 1 % answers"),
        );
        assert!(cached > 0.0 && cached < top + 0.005, "{alpha}: {cached} of {top}");
        // One question of the child's, and one for each supernode beyond its own at the most.
        let questions = named(alpha, "questions of a search among supernodes");
        assert!((1.0..=16.0).contains(&questions), "{questions}");
    }
}

#[test]
fn the_same_comes_out_on_one_core_and_on_four() {
    let on = |cores| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(cores).build().unwrap();
        pool.install(|| to_json(&tried(&["G4", "R15", "G5"])))
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn what_must_hold_by_arithmetic_holds() {
    let report = tried(&["N1", "N5", "G3", "G4", "R14", "B2"]);
    for tried in &report.claims {
        assert_eq!(tried.verdict, Verdict::Holds, "{}: {:?}", tried.id, tried.findings);
    }
    let exact =
        |tried: &Tried| tried.findings.iter().filter(|f| f.rule.is_some_and(|r| r.low == r.high)).count();
    assert!(report.claims.iter().map(exact).sum::<usize>() >= 3);
}

#[test]
fn what_peers_take_over_symmetric_lines_is_what_they_give() {
    let readings = (claim("Q3").trial)(&Trial { seed: 1, size: Size::Quick });
    let named = |what: String| readings.iter().find(|reading| reading.what == what).expect("a reading").value;
    let used = |lines: &str| ["up", "down"].map(|way| named(format!("use of {way}links, {lines}")));
    for lines in ["400/400", "950/950", "100 Mbit/s"] {
        let [up, down] = used(lines);
        // The origin gives too, and by that much more comes down.
        assert!(up < down && down < up + 0.1 && down < 1.0, "{lines}: {up} up, {down} down");
    }
    // What comes down an asymmetric line is bounded by what goes up the others.
    let [up, down] = used("1,500/400");
    assert!(down > up * 400.0 / 1_500.0 && down < (up + 0.1) * 400.0 / 1_500.0, "{up} up, {down} down");
}

#[test]
fn claims_have_names_of_their_own_and_say_what_they_do() {
    let all = claims();
    let names: BTreeSet<&str> = all.iter().map(|claim| claim.id).collect();
    assert_eq!(names.len(), all.len());
    for claim in all {
        assert!(claim.sentence.ends_with('.') && !claim.varied.is_empty(), "{}", claim.id);
        for size in [Size::Quick, Size::Normal, Size::Full] {
            assert!(!(claim.setup)(size).is_empty() && (claim.seeds)(size) >= 2, "{}", claim.id);
        }
    }
}

fn program(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.current_dir(folder).env_remove("RUST_LOG").arg("claims").args(arguments).output().unwrap()
}

#[test]
fn a_claim_is_tried_from_the_command_line_and_leaves_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = program(folder.path(), &["r15", "--quick", "--quiet", "--out", "made"]);
    let words = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && words.contains("R15") && words.contains("holds"), "{words}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join("made").join(name)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("claims.json")).unwrap();
    let findings = json["claims"][0]["findings"].as_array().unwrap();
    assert_eq!(json["claims"][0]["id"], "R15");
    assert_eq!(read("claims.csv").lines().count(), findings.len() + 1);
    let columns = |line: &str| csv_columns(line);
    let csv = read("claims.csv");
    let widths: BTreeSet<usize> = csv.lines().map(columns).collect();
    assert_eq!(widths.len(), 1, "{csv}");
    let list = String::from_utf8(program(folder.path(), &["--list"]).stdout).unwrap();
    // Sentences are broken where a line ends.
    let cells = list.lines().filter_map(|line| line.split('\u{2506}').nth(1));
    let words: Vec<&str> = cells.flat_map(str::split_whitespace).collect();
    let told = words.join(" ");
    assert!(claims().iter().all(|claim| told.contains(claim.sentence)), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 110), "{list}");
}

fn csv_columns(line: &str) -> usize {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    reader.records().next().unwrap().unwrap().len()
}

#[test]
fn an_unknown_claim_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = program(folder.path(), &["G99"]);
    let words = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(words.lines().count(), 1, "{words}");
    assert!(words.contains("G99") && words.contains("R17"), "{words}");
}
