//! Downloads of which some is there: only what is missing is asked for, wherever the gaps are.

use crate::kit::files::file;
use crate::kit::overlay::Overlay;
use crate::kit::quiet;
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
        &[(0, 10 * MB - 1)],
    ] {
        for count in [1, 3] {
            let mut net = Overlay::default();
            let info = file("Deep/Blue.mp3", 10 * MB);
            let holders: Vec<_> = (0..count).map(|_| net.holder(&info)).collect();
            for holder in &holders {
                net.swarm.slow(*holder);
            }
            let asker = net.add_as(quiet());
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
    let holder = net.holder(&info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&[holder], &info);
    net.swarm.crash(holder);
    let fetch = net.swarm.resume(asker, hits, ranges(&[(0, MB)]));
    assert_eq!(net.swarm.end(asker, fetch), Ok(()));
    assert_eq!(net.swarm.body_received(asker), 0);
}

#[test]
fn more_than_the_file_has_is_not_believed() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", MB);
    let holder = net.holder(&info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&[holder], &info);
    let fetch =
        net.swarm.resume(asker, hits, ranges(&[(0, 10), (MB - 10, MB + 10), (u64::MAX - 1, u64::MAX)]));
    assert_eq!(net.swarm.end(asker, fetch), Ok(()));
}
