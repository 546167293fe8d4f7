//! Downloads of which some is there: only what is missing is asked for, wherever the gaps are.

use crate::kit::files::file;
use crate::kit::overlay::Overlay;
use common::store::Ranges;
use common::testing::files::MB;
use common::user::Note;

fn ranges(spans: &[(u64, u64)]) -> Ranges {
    let mut ranges = Ranges::default();
    for (start, end) in spans {
        ranges.insert(*start, *end).unwrap();
    }
    ranges
}

#[test]
fn only_the_gaps_are_fetched() {
    for have in [
        &[(0, 7 * MB)][..],
        &[(3 * MB, 10 * MB)],
        &[(0, MB), (2 * MB, 3 * MB), (9 * MB, 10 * MB)],
        &[(1, 2), (5 * MB, 5 * MB + 1), (10 * MB - 1, 10 * MB)],
    ] {
        for count in [1, 3] {
            let mut net = Overlay::default();
            let info = file("Deep/Blue.mp3", 10 * MB);
            let holders = net.slow_loners(count, &info);
            let asker = net.loner();
            let hits = net.swarm.hits(&holders, &info);
            let have = ranges(have);
            let fetch = net.swarm.resume(asker, hits, have.clone());
            assert_eq!(net.swarm.end(asker, fetch), Ok(()));
            let (missing, received) = (10 * MB - have.bytes(), net.swarm.body_received(asker));
            assert!(received >= missing, "{received} of {missing} bytes");
            assert!(count > 1 || received == missing, "{received} of {missing} bytes, from one holder");
            assert!(received < missing + MB / 2, "{received} of {missing} bytes");
            let told = |note: &Note| if let Note::Progress(_, bytes) = note { Some(*bytes) } else { None };
            let told: Vec<u64> = net.swarm.notes(asker).filter_map(told).collect();
            assert!(told.is_sorted() && told.iter().all(|told| *told >= have.bytes()), "{told:?}");
            assert_eq!(told.last(), Some(&(10 * MB)));
        }
    }
}

#[test]
fn what_is_whole_already_needs_no_holder() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", MB);
    let holder = net.loner_with_file(&info);
    let asker = net.loner();
    let hits = net.swarm.hits(&[holder], &info);
    net.swarm.crash(holder);
    let fetch = net.swarm.resume(asker, hits, ranges(&[(0, MB)]));
    assert_eq!(net.swarm.end(asker, fetch), Ok(()));
    assert_eq!(net.swarm.body_received(asker), 0);
}

#[test]
fn a_download_that_was_left_goes_on_with_other_holders() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = net.slow_loners(2, &info);
    let asker = net.loner();
    let hits = net.swarm.hits(&holders, &info);
    let fetch = net.swarm.start(asker, hits[..1].to_vec());
    net.swarm.wait_for_bytes(asker, fetch, 4 * MB);
    net.swarm.crash(holders[0]);
    assert!(net.swarm.end(asker, fetch).is_err());
    let told = |note: &Note| if let Note::Progress(_, bytes) = note { Some(*bytes) } else { None };
    let have = net.swarm.notes(asker).filter_map(told).last().unwrap();
    let fetch = net.swarm.resume(asker, hits, ranges(&[(0, have)]));
    assert_eq!(net.swarm.end(asker, fetch), Ok(()));
    assert_eq!(net.swarm.body_sent(holders[1]), 10 * MB - have);
}
