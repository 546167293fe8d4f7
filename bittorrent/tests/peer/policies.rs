//! Pickers and chokers, each against what it is for.

use std::time::Duration;

use bittorrent::bitfield::Bitfield;
use bittorrent::choker::{LeechChoking, Optimist, SeedChoking, Standing, choose};
use bittorrent::picker::{Availability, Census, PickerKind};
use bittorrent::wire::InfoHash;
use common::peer::{ConnId, ConnIds, Time};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg32;

fn rng() -> Pcg32 {
    Pcg32::seed_from_u64(1)
}

fn field(pieces: u32, has: &[u32]) -> Bitfield {
    let mut field = Bitfield::none(pieces);
    for piece in has {
        field.insert(*piece);
    }
    field
}

#[derive(Clone, Debug)]
enum Step {
    Gained(u32),
    Lost(u32),
    Take(u32),
    PutBack(u32),
}

fn any_step(pieces: u32) -> impl Strategy<Value = Step> {
    (0..4u8, 0..pieces).prop_map(|(kind, piece)| match kind {
        0 => Step::Gained(piece),
        1 => Step::Lost(piece),
        2 => Step::Take(piece),
        _ => Step::PutBack(piece),
    })
}

proptest! {
    /// The sorted vector with its borders against a plain list of counts.
    #[test]
    fn availability_is_what_a_plain_count_says(steps in proptest::collection::vec(any_step(9), 0..200), seeds in 0..3u32) {
        let mut availability = Availability::new(&field(9, &[3]));
        (0..seeds).for_each(|_| availability.seed_joined());
        let (mut counts, mut wanted) = ([0u32; 9], [true; 9]);
        wanted[3] = false;
        for step in steps {
            match step {
                Step::Gained(piece) => {
                    counts[piece as usize] += 1;
                    availability.gained(piece);
                }
                Step::Lost(piece) if counts[piece as usize] > 0 => {
                    counts[piece as usize] -= 1;
                    availability.lost(piece);
                }
                Step::Lost(_) => {}
                Step::Take(piece) => {
                    wanted[piece as usize] = false;
                    availability.take(piece);
                }
                Step::PutBack(piece) => {
                    wanted[piece as usize] = true;
                    availability.put_back(piece);
                }
            }
            let mut sorted = availability.wanted().to_vec();
            prop_assert!(sorted.is_sorted_by_key(|piece| counts[*piece as usize]));
            for level in availability.levels() {
                prop_assert!(level.iter().all(|piece| counts[*piece as usize] == counts[level[0] as usize]));
            }
            prop_assert_eq!(availability.levels().map(<[u32]>::len).sum::<usize>(), sorted.len());
            sorted.sort_unstable();
            let expected: Vec<u32> = (0..9).filter(|piece| wanted[*piece as usize]).collect();
            prop_assert_eq!(sorted, expected);
            for piece in 0..9 {
                prop_assert_eq!(availability.count(piece), counts[piece as usize] + seeds);
                prop_assert_eq!(availability.is_wanted(piece), wanted[piece as usize]);
            }
            prop_assert_eq!(availability.copies(), seeds + counts.iter().min().unwrap());
        }
    }

    /// Whatever a picker chooses is wanted and there; and it finds something if there is something.
    #[test]
    fn a_picker_chooses_among_what_is_wanted_and_there(have: u16, theirs: u16, seed: u64) {
        let pieces = |bits: u16| -> Vec<u32> { (0..16).filter(|piece| bits & (1 << piece) != 0).collect() };
        let (have, theirs) = (field(16, &pieces(have)), field(16, &pieces(theirs)));
        let mut availability = Availability::new(&have);
        availability.joined(&theirs);
        let possible = theirs.has_more_than(&have);
        for kind in [
            PickerKind::RarestFirst,
            PickerKind::Random,
            PickerKind::Sequential,
            PickerKind::GlobalRarest,
            PickerKind::Window { pieces: 4 },
        ] {
            let picked = kind.picker().pick(&availability, &theirs, &mut Pcg32::seed_from_u64(seed));
            prop_assert_eq!(picked.is_some(), possible);
            prop_assert!(picked.is_none_or(|piece| theirs.has(piece) && !have.has(piece)));
        }
    }
}

#[test]
fn the_rarest_piece_is_the_rarest_that_this_peer_has() {
    let mut availability = Availability::new(&Bitfield::none(4));
    availability.joined(&field(4, &[0, 1, 2]));
    availability.joined(&field(4, &[0, 2]));
    availability.joined(&field(4, &[0]));
    let pick =
        |kind: PickerKind, theirs: &[u32]| kind.picker().pick(&availability, &field(4, theirs), &mut rng());
    assert_eq!(pick(PickerKind::RarestFirst, &[0, 1, 2]), Some(1));
    assert_eq!(pick(PickerKind::RarestFirst, &[0, 2]), Some(2));
    assert_eq!(pick(PickerKind::RarestFirst, &[3]), Some(3));
    assert_eq!(pick(PickerKind::Sequential, &[2, 0]), Some(0));
    assert_eq!(pick(PickerKind::Random, &[2]), Some(2));
    assert_eq!(pick(PickerKind::Random, &[]), None);
}

#[test]
fn a_window_takes_the_rarest_of_what_is_played_next() {
    let mut availability = Availability::new(&field(6, &[0]));
    availability.joined(&field(6, &[1, 2, 5]));
    availability.joined(&field(6, &[1, 3]));
    let pick = |pieces, theirs: &[u32]| {
        PickerKind::Window { pieces }.picker().pick(&availability, &field(6, theirs), &mut rng())
    };
    // Of 1 and 2; the fourth and fifth are as rare, and rarer, but not next.
    assert_eq!(pick(2, &[1, 2, 3, 4]), Some(2));
    assert_eq!(pick(1, &[1, 2]), Some(1), "a window of one piece is in order");
    assert_eq!(pick(2, &[1, 3, 4]), Some(1), "the rarest that this peer has within it");
    assert_eq!(pick(2, &[0, 3, 4]), Some(4), "beyond it the rarest, if there is nothing within");
    assert_eq!(pick(6, &[1, 2, 3, 4]), Some(4), "a window over all is rarest first");
    assert_eq!(pick(0, &[0]), None);
}

#[test]
fn the_globally_rarest_piece_is_that_of_the_whole_swarm() {
    let info_hash = InfoHash([1; 20]);
    let census = Census::new([(info_hash, 3)]);
    let tally = census.of(info_hash).unwrap();
    assert!(census.of(InfoHash([2; 20])).is_none(), "of another torrent nobody counts");
    let mut availability = Availability::new(&Bitfield::none(3));
    availability.joined(&field(3, &[0, 1, 2]));
    availability.joined(&field(3, &[0, 1]));
    let pick = |availability: &Availability| {
        PickerKind::GlobalRarest.picker().pick(availability, &Bitfield::all(3), &mut rng())
    };
    assert_eq!(pick(&availability), Some(2), "without an oracle the peer set is all there is");
    tally.joined(&field(3, &[0, 1, 2]));
    tally.joined(&field(3, &[0, 2]));
    tally.gained(2);
    availability.count_swarm(tally);
    assert_eq!(pick(&availability), Some(1));
    availability.tally().unwrap().left(&field(3, &[0, 2]));
    assert_eq!(availability.tally().unwrap().iter().collect::<Vec<_>>(), [1, 1, 2]);
}

fn at(s: u64) -> Time {
    Time::ZERO + Duration::from_secs(s)
}

/// So many interested strangers, of whom `of` tells more.
fn peers(count: usize, of: impl Fn(usize, &mut Standing)) -> Vec<Standing> {
    let mut ids = ConnIds::default();
    let standing = |number| {
        let mut standing = Standing {
            conn: ids.open(),
            is_interested: true,
            is_unchoked: false,
            is_snubbing: false,
            down_bps: 0.0,
            up_bps: 0.0,
            received: 0,
            sent: 0,
            since: Time::ZERO,
            changed: Time::ZERO,
        };
        of(number, &mut standing);
        standing
    };
    (0..count).map(standing).collect()
}

fn numbers(chosen: &[ConnId], peers: &[Standing]) -> Vec<usize> {
    let number = |conn: &ConnId| peers.iter().position(|peer| peer.conn == *conn).unwrap();
    let mut numbers: Vec<usize> = chosen.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Whom a policy serves beside the optimistic one, of these.
fn preferred(choker: &dyn bittorrent::choker::Choker, peers: &[Standing], now: Time) -> Vec<usize> {
    let mut ranked = peers.to_vec();
    let count = choker.rank(&mut ranked, now, &mut rng());
    let chosen: Vec<ConnId> = ranked[..count].iter().map(|peer| peer.conn).collect();
    chosen.iter().map(|conn| peers.iter().position(|peer| peer.conn == *conn).unwrap()).collect()
}

#[test]
fn a_leecher_prefers_those_who_send_and_a_seed_those_who_take() {
    let peers = peers(5, |number, peer| {
        peer.down_bps = 10_000.0 * number as f64;
        peer.up_bps = 10_000.0 * (5 - number) as f64;
        peer.is_snubbing = number == 4;
    });
    assert_eq!(preferred(&*LeechChoking::Reciprocation.choker(), &peers, at(0)), [3, 2, 1]);
    assert_eq!(preferred(&*SeedChoking::Fastest.choker(), &peers, at(0)), [0, 1, 2, 3, 4]);
}

#[test]
fn byte_for_byte_nobody_gets_more_than_his_credit() {
    let credit = 100;
    let peers = peers(4, |number, peer| {
        (peer.received, peer.sent) = [(0, 100), (0, 101), (500, 300), (50, 0)][number];
    });
    let choker = LeechChoking::TitForTat { credit }.choker();
    assert_eq!(preferred(&*choker, &peers, at(0)), [2, 3, 0]);
    // Neither by chance, though there are places for all.
    let mut optimist = Optimist::new(Duration::from_secs(30), 3);
    let mut standings = peers.clone();
    let served = choose(&*choker, &mut optimist, &mut standings, 5, at(0), &mut rng());
    assert!(served.len() == 3 && !served.contains(&peers[1].conn), "{served:?}");
}

#[test]
fn in_rotation_whose_turn_is_not_over_stays_and_who_has_waited_longest_is_next() {
    let peers = peers(4, |number, peer| {
        peer.is_unchoked = number < 2;
        peer.changed = at([0, 50, 10, 20][number]);
    });
    assert_eq!(preferred(&*SeedChoking::Rotation.choker(), &peers, at(60)), [1, 2, 3, 0]);
}

#[test]
fn proportional_places_go_by_what_comes() {
    let peers = peers(2, |number, peer| peer.down_bps = [1_000.0, 9_000.0][number]);
    let choker = LeechChoking::Proportional.choker();
    let mut rng = rng();
    let first = |rng: &mut Pcg32| {
        let mut ranked = peers.clone();
        choker.rank(&mut ranked, at(0), rng);
        ranked[0].conn == peers[1].conn
    };
    let wins = (0..1_000).filter(|_| first(&mut rng)).count();
    assert!((860..940).contains(&wins), "nine times of ten: {wins}");
}

#[test]
fn one_place_is_the_optimistic_one_and_stays_for_thirty_seconds() {
    let mut optimist = Optimist::new(Duration::from_secs(30), 3);
    let peers = peers(20, |number, peer| {
        if number < 6 {
            peer.down_bps = 50_000.0;
        }
    });
    let choker = LeechChoking::Reciprocation.choker();
    let mut rng = rng();
    let mut served = Vec::new();
    for round in 0..9 {
        let mut ranked = peers.clone();
        let chosen = choose(&*choker, &mut optimist, &mut ranked, 5, at(100 + 10 * round), &mut rng);
        let chosen = numbers(&chosen, &peers);
        assert_eq!(chosen.len(), 5);
        assert!(chosen[..4].iter().all(|number| *number < 6), "{chosen:?}");
        served.push(chosen[4]);
    }
    assert!(served.chunks(3).all(|turn| turn.iter().all(|number| number == &turn[0])), "{served:?}");
    assert!(served[0] != served[3] || served[3] != served[6], "it goes on: {served:?}");
}

#[test]
fn newcomers_are_three_times_as_likely_to_be_the_optimistic_one() {
    let peers = peers(2, |number, peer| peer.since = at([0, 990][number]));
    let mut rng = rng();
    let newcomer = |rng: &mut Pcg32| {
        let mut optimist = Optimist::new(Duration::from_secs(30), 3);
        optimist.choose(&peers, 1, at(1_000), rng)[0] == peers[1].conn
    };
    let wins = (0..2_000).filter(|_| newcomer(&mut rng)).count();
    assert!((1_400..1_600).contains(&wins), "three of four: {wins}");
}

#[test]
fn places_that_nobody_deserves_go_by_chance_and_who_wants_nothing_takes_none() {
    let mut optimist = Optimist::new(Duration::from_secs(30), 3);
    let mut peers = peers(9, |number, peer| {
        peer.is_interested = number % 3 != 0;
        peer.down_bps = if number == 3 { 90_000.0 } else { 0.0 };
    });
    let all = peers.clone();
    let choker = LeechChoking::Reciprocation.choker();
    let chosen = numbers(&choose(&*choker, &mut optimist, &mut peers, 5, at(0), &mut rng()), &all);
    assert!(chosen.contains(&3), "it is unchoked, so that it can begin at once");
    assert_eq!(chosen.iter().filter(|number| *number % 3 != 0).count(), 5, "{chosen:?}");
}
