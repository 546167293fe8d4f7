//! What a query costs and finds, to the last message.

use crate::kit::overlay::Overlay;
use common::user::{Query, Range, SearchEnd, SearchId};
use kazaa::widening::WideningKind;

const KINDS: [&str; 6] = ["query", "reply", "query end", "link query", "link reply", "link query end"];

#[test]
fn answered_by_the_own_supernode_a_query_costs_three_messages() {
    let mut overlay = Overlay::with(1, |knobs| knobs.enough = 1);
    let supernodes = overlay.mesh(4);
    let holder = overlay.holder(supernodes[0], &["Band/A Song.mp3"]);
    let asker = overlay.child_of(supernodes[0]);
    let (sent, found) = overlay.counted(&KINDS, |overlay| overlay.find(asker, "band song"));
    assert_eq!((sent, found), (vec![1, 1, 1, 0, 0, 0], vec![holder]));
}

#[test]
fn widened_it_costs_two_for_each_supernode_asked_and_two_more_for_each_that_has_it() {
    let mut overlay = Overlay::with(1, |knobs| (knobs.enough, knobs.fan_out) = (3, 2));
    let supernodes = overlay.mesh(6);
    let mut holders = vec![overlay.holder(supernodes[0], &["Band/A Song.mp3"])];
    holders.extend([2, 4].map(|at| overlay.holder(supernodes[at], &["Band/A Song.mp3"])));
    let asker = overlay.child_of(supernodes[0]);
    let (sent, found) = overlay.counted(&KINDS, |overlay| overlay.find(asker, "band song"));
    assert_eq!(found, holders);
    // By twos until both of the others have been asked: with the first, the second or the third pair.
    let asked = sent[3];
    assert!((2..=5).contains(&asked), "{asked}");
    assert_eq!(sent, [1, 3, 1, asked, 2, asked]);
}

#[test]
fn what_nobody_has_is_asked_of_everybody_once() {
    let mut overlay = Overlay::with(1, |knobs| knobs.fan_out = 2);
    let supernodes = overlay.mesh(6);
    let asker = overlay.child_of(supernodes[0]);
    let (sent, found) = overlay.counted(&KINDS, |overlay| overlay.find(asker, "band song"));
    assert_eq!((sent, found), (vec![1, 0, 1, 5, 0, 5], vec![]));
}

#[test]
fn at_most_so_many_supernodes_are_asked() {
    let mut overlay = Overlay::with(1, |knobs| (knobs.fan_out, knobs.asked_max) = (2, 3));
    let supernodes = overlay.mesh(6);
    let asker = overlay.child_of(supernodes[0]);
    let (sent, _) = overlay.counted(&KINDS, |overlay| overlay.find(asker, "band song"));
    assert_eq!(sent, [1, 0, 1, 3, 0, 3]);
}

#[test]
fn results_name_their_supernode_and_how_far_it_is() {
    let mut overlay = Overlay::seeded(1);
    let supernodes = overlay.mesh(2);
    let near = overlay.holder(supernodes[0], &["Band/Near Song.mp3"]);
    let far = overlay.holder(supernodes[1], &["Band/Far Song.mp3"]);
    let asker = overlay.child_of(supernodes[0]);
    let (hits, end) = overlay.search(asker, "song");
    assert_eq!((overlay.holders(&hits), end), (vec![near, far], SearchEnd::Complete));
    for (hit, supernode, hops) in [(&hits[0], supernodes[0], 1), (&hits[1], supernodes[1], 2)] {
        assert_eq!((hit.holder.via, hit.hops), (Some(overlay.address(supernode)), Some(hops)));
        assert!(
            (370..400).contains(&hit.speed),
            "384 kbit/s and a little, since a byte says it: {}",
            hit.speed
        );
    }
    assert_eq!((&*hits[0].holder.nick, hits[0].holder.index), ("user2", 1));
    assert_eq!(hits[0].info.digest, Some(crate::kit::overlay::hash_of("Band/Near Song.mp3")));
}

#[test]
fn a_supernode_searches_and_shares_like_everybody() {
    let mut overlay = Overlay::seeded(1);
    let supernodes = overlay.mesh(2);
    overlay.share(supernodes[0], &["Band/One Song.mp3"]);
    overlay.share(supernodes[1], &["Band/Other Song.mp3"]);
    let child = overlay.holder(supernodes[0], &["Band/Third Song.mp3"]);
    let asked = overlay.child_of(supernodes[1]);
    assert_eq!(overlay.find(asked, "song"), [supernodes[0], supernodes[1], child]);
    assert_eq!(overlay.find(supernodes[0], "song"), [supernodes[1], child], "but for its own");
}

#[test]
fn a_supernode_that_is_no_neighbour_is_visited() {
    let mut overlay = Overlay::with(1, |knobs| {
        (knobs.links, knobs.fan_out) = (1, 3);
        knobs.load_every = std::time::Duration::from_secs(10);
    });
    // A chain: each dials the one before it, and hears of the others from it.
    let mut chain = vec![overlay.supernode(&[])];
    for at in 0..4 {
        let next = overlay.supernode(&[chain[at]]);
        chain.push(next);
    }
    overlay.swarm.run_s(300);
    let links: usize = chain.iter().map(|node| overlay.node(*node).links()).sum();
    assert_eq!(links, 8, "four links");
    let holders = [3, 4].map(|at| overlay.holder(chain[at], &["Band/A Song.mp3"]));
    let asker = overlay.child_of(chain[0]);
    let (sent, found) = overlay.counted(&KINDS, |overlay| overlay.find(asker, "song"));
    assert_eq!(found, holders);
    assert_eq!(sent, [1, 2, 1, 4, 2, 4]);
    // Who was visited a moment ago visits back.
    let far = overlay.child_of(chain[4]);
    let (sent, found) = overlay.counted(&KINDS, |overlay| overlay.find(far, "song"));
    assert_eq!((sent, found), (vec![1, 2, 1, 4, 1, 4], holders.to_vec()));
    overlay.swarm.run_s(1);
    let after: usize = chain.iter().map(|node| overlay.node(*node).links()).sum();
    assert_eq!(after, 8, "visitors do not stay");
}

#[test]
fn recursively_a_query_is_passed_on_and_nobody_looks_twice() {
    let mut overlay = Overlay::with(1, |knobs| {
        knobs.widening = WideningKind::Recursive;
        (knobs.fan_out, knobs.query_ttl) = (3, 4);
    });
    let supernodes = overlay.mesh(5);
    let holder = overlay.holder(supernodes[4], &["Band/A Song.mp3"]);
    let asker = overlay.child_of(supernodes[0]);
    let (sent, (hits, end)) = overlay.counted(&KINDS, |overlay| overlay.search(asker, "song"));
    assert_eq!((overlay.holders(&hits), end), (vec![holder], SearchEnd::Complete));
    assert_eq!(hits[0].hops, None, "by which way it came nobody says");
    assert_eq!(sent[..3], [1, 1, 1]);
    assert_eq!(sent[3], sent[5], "each query has its end");
    assert!(sent[3] >= 4 && sent[4] >= 1, "{sent:?}");
}

#[test]
fn a_content_is_found_by_its_hash() {
    let mut overlay = Overlay::seeded(1);
    let supernodes = overlay.mesh(2);
    let holder = overlay.holder(supernodes[1], &["Band/A Song.mp3", "Band/Another.mp3"]);
    let asker = overlay.child_of(supernodes[0]);
    let hash = crate::kit::overlay::hash_of("Band/A Song.mp3");
    let (hits, _) = overlay.search(asker, &format!("uuhash:{hash}"));
    assert_eq!(overlay.holders(&hits), [holder]);
    assert_eq!(hits[0].info.digest, Some(hash));
}

#[test]
fn filters_and_excluded_words_hold() {
    let mut overlay = Overlay::seeded(1);
    let supernode = overlay.supernode(&[]);
    let holder = overlay.holder(supernode, &["Band/Song.mp3", "Band/Song live.mp3", "Band/Song.mpg"]);
    let asker = overlay.child_of(supernode);
    assert_eq!(overlay.find(asker, "song"), [holder; 3]);
    assert_eq!(overlay.find(asker, "song -live"), [holder; 2]);
    let too_large = Query { size: Range::at_most(1_000), ..Query::words("song") };
    let search = overlay.ask(asker, too_large);
    assert_eq!(overlay.swarm.search_end(asker, search), SearchEnd::Complete);
    assert!(overlay.swarm.found(asker, search).is_empty());
}

#[test]
fn a_search_ends_with_as_many_results_as_were_wanted() {
    let mut overlay = Overlay::with(1, |knobs| knobs.enough = 100);
    let supernodes = overlay.mesh(3);
    for supernode in &supernodes {
        for _ in 0..3 {
            overlay.holder(*supernode, &["Band/A Song.mp3"]);
        }
    }
    let asker = overlay.child_of(supernodes[0]);
    for wanted in [1, 4] {
        let query = Query { results_max: wanted, ..Query::words("song") };
        let search = overlay.ask(asker, query);
        assert_eq!(overlay.swarm.search_end(asker, search), SearchEnd::Complete);
        overlay.swarm.run_s(10);
        assert_eq!(overlay.swarm.found(asker, search).len(), wanted as usize);
    }
    assert_eq!(overlay.find(supernodes[1], "song").len(), 9);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let mut overlay = Overlay::with(1, |knobs| knobs.searches_max = 2);
    let supernode = overlay.supernode(&[]);
    let asker = overlay.child_of(supernode);
    assert_eq!(overlay.search(asker, " -song ").1, SearchEnd::Refused);
    overlay.swarm.crash(supernode);
    let searches: Vec<SearchId> = (0..3).map(|_| overlay.ask(asker, Query::words("song"))).collect();
    assert_eq!(overlay.swarm.search_end(asker, searches[2]), SearchEnd::Refused);
    for search in &searches[..2] {
        assert_eq!(overlay.swarm.search_end(asker, *search), SearchEnd::Offline);
    }
    assert_eq!(overlay.search(asker, "song").1, SearchEnd::Offline, "the user knows by now");
}
