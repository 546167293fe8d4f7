//! Downloads between servents on a simulated network: one holder and many, and what goes wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::file;
use crate::kit::overlay::Overlay;
use crate::kit::{quiet, with};
use common::net::{Line, NodeId};
use common::peer::FileId;
use common::sim::Config;
use common::testing::files::MB;
use common::transfer::{DownloadKnobs, QueueKnobs};
use common::user::{Command, Failure, FileInfo, Note};
use gnutella::node::Node;
use gnutella::servent::ServentConfig;

fn holders(net: &mut Overlay, count: usize, file: &Arc<FileInfo>) -> Vec<NodeId> {
    (0..count)
        .map(|_| {
            let node = net.holder(file);
            net.swarm.slow(node);
            node
        })
        .collect()
}

fn slots(slots: usize) -> ServentConfig {
    let knobs = QueueKnobs {
        slots,
        slots_per_address: slots,
        poll_min: Duration::from_secs(5),
        ..QueueKnobs::default()
    };
    with(|all| all.uploads = Arc::new(knobs))
}

#[test]
fn a_file_comes_from_its_only_holder_and_no_byte_twice() {
    for digest in [true, false] {
        let mut net = Overlay::default();
        let mut info = (*file("Deep/Blue.mp3", 10 * MB)).clone();
        info.digest = info.digest.filter(|_| digest);
        let info = Arc::new(info);
        let holder = net.holder(&info);
        let asker = net.add_as(quiet());
        let hits = net.swarm.hits(&[holder], &info);
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        net.swarm.run_s(1);
        assert_eq!((net.swarm.uploaded(holder), net.swarm.body_received(asker)), (10 * MB, 10 * MB));
        assert_eq!(net.swarm.sent("request"), net.swarm.sent("response"));
    }
}

#[test]
fn holders_of_one_content_send_at_once_and_share_the_work() {
    let mut took = Vec::new();
    for count in [1, 2, 5] {
        let mut net = Overlay::default();
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holders = holders(&mut net, count, &info);
        let asker = net.add_as(quiet());
        let hits = net.swarm.hits(&holders, &info);
        let before = net.swarm.sim.now();
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        took.push(net.swarm.sim.now().since(before).as_secs_f64());
        let sent: Vec<u64> = holders.iter().map(|node| net.swarm.body_sent(*node)).collect();
        assert!(sent.iter().all(|sent| *sent > 10 * MB / count as u64 / 2), "{sent:?}");
        let received = net.swarm.body_received(asker);
        assert!(received < 10 * MB + MB / 2, "{received} bytes: little is sent twice");
    }
    // A megabit per second each: 80 s, 40 s and 16 s, if nobody ever idles.
    let ideal = [80.0, 40.0, 16.0];
    for (took, ideal) in took.iter().zip(ideal) {
        assert!(*took < ideal * 1.25, "{took} s instead of {ideal} s");
    }
}

#[test]
fn without_a_digest_one_source_at_a_time_is_used_and_only_of_the_same_name_and_size() {
    let mut net = Overlay::default();
    let named = |name: &str, size| Arc::new(FileInfo { name: name.into(), size, ..FileInfo::default() });
    let (info, other, longer) =
        (named("a/Blue.mp3", 4 * MB), named("a/Green.mp3", 4 * MB), named("a/Blue.mp3", 4 * MB + 1));
    let good = holders(&mut net, 2, &info);
    let (other_holder, longer_holder) = (net.holder(&other), net.holder(&longer));
    let asker = net.add_as(quiet());
    let mut hits = net.swarm.hits(&good, &info);
    hits.extend(net.swarm.hits(&[other_holder], &other));
    hits.extend(net.swarm.hits(&[longer_holder], &longer));
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    let sent = [good[0], good[1], other_holder, longer_holder].map(|node| net.swarm.body_sent(node));
    assert!(sent == [4 * MB, 0, 0, 0] || sent == [0, 4 * MB, 0, 0], "{sent:?}");
}

#[test]
fn candidates_of_another_digest_are_not_asked() {
    let mut net = Overlay::default();
    let (info, other) = (file("Blue.mp3", MB), file("Blue.mp3", MB + 1));
    let mut other = (*other).clone();
    other.size = MB;
    let other = Arc::new(other);
    let nameless = Arc::new(FileInfo { digest: None, ..(*info).clone() });
    let (holder, stranger) = (net.holder(&info), net.holder(&other));
    let unsure = net.holder(&nameless);
    let asker = net.add_as(quiet());
    let hits = [(&nameless, unsure), (&info, holder), (&other, stranger)];
    let hits = hits.into_iter().flat_map(|(info, node)| net.swarm.hits(&[node], info)).collect();
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    assert_eq!([unsure, holder, stranger].map(|node| net.swarm.body_sent(node)), [0, MB, 0]);
}

#[test]
fn a_holder_that_vanishes_is_replaced_and_what_it_sent_is_kept() {
    for count in [2, 3] {
        let mut net = Overlay::default();
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holders = holders(&mut net, count, &info);
        let asker = net.add_as(quiet());
        let hits = net.swarm.hits(&holders, &info);
        let fetch = net.swarm.start(asker, hits);
        net.swarm.wait_for_bytes(asker, fetch, 3 * MB);
        net.swarm.crash(holders[0]);
        assert_eq!(net.swarm.end(asker, fetch), Ok(()));
        let received = net.swarm.body_received(asker);
        assert!(received < 11 * MB, "{received} bytes");
        assert!(net.swarm.body_sent(holders[1]) > 4 * MB);
    }
}

#[test]
fn when_all_are_gone_the_download_says_so_and_goes_on_when_they_are_back() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = holders(&mut net, 2, &info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&holders, &info);
    let fetch = net.swarm.start(asker, hits.clone());
    net.swarm.wait_for_bytes(asker, fetch, 3 * MB);
    for holder in &holders {
        net.swarm.crash(*holder);
    }
    assert_eq!(net.swarm.end(asker, fetch), Err(Failure::NoHolder));
    let nobody = net.swarm.fetch(asker, hits);
    assert_eq!(nobody, Err(Failure::NoHolder));
    assert_eq!(net.swarm.fetch(asker, Vec::new()), Err(Failure::NoHolder));
}

#[test]
fn who_has_to_wait_polls_its_place_and_gets_its_turn() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 5 * MB);
    let holder = net.holder_as(slots(1), std::slice::from_ref(&info));
    net.swarm.slow(holder);
    let askers: Vec<NodeId> = (0..3).map(|_| net.add_as(quiet())).collect();
    let hits = net.swarm.hits(&[holder], &info);
    let fetches: Vec<_> = askers
        .iter()
        .map(|asker| {
            let fetch = net.swarm.start(*asker, hits.clone());
            net.swarm.run_s(1);
            (*asker, fetch)
        })
        .collect();
    for (asker, fetch) in fetches {
        assert_eq!(net.swarm.end(asker, fetch), Ok(()));
    }
    let done = |asker: &NodeId| {
        let fetched = net
            .swarm
            .all_notes()
            .iter()
            .find(|(_, node, note)| node == asker && matches!(note, Note::Fetched(_)));
        fetched.map(|(at, ..)| *at)
    };
    let ends: Vec<_> = askers.iter().map(done).collect();
    assert!(ends.is_sorted(), "in the order in which they came: {ends:?}");
    // 40 s each, with a look at the queue each 5 s at most.
    let looks = net.swarm.sent("request");
    assert!((10..80).contains(&looks), "{looks} requests");
}

#[test]
fn a_busy_holder_is_left_alone_while_others_send() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 5 * MB);
    let full = net.holder_as(slots(0), std::slice::from_ref(&info));
    let free = holders(&mut net, 1, &info)[0];
    let impatient = DownloadKnobs { queue_retries_max: 3, ..DownloadKnobs::default() };
    let asker = net.add_as(with(|all| all.downloads = Arc::new(impatient)));
    let hits = net.swarm.hits(&[full, free], &info);
    assert_eq!(net.swarm.fetch(asker, hits.clone()), Ok(()));
    assert_eq!(net.swarm.body_sent(free), 5 * MB);
    let never = net.swarm.fetch(asker, hits[..1].to_vec());
    assert_eq!(never, Err(Failure::Refused), "a queue that never moves is given up");
}

#[test]
fn a_holder_that_has_a_content_twice_is_one_source() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 2 * MB);
    let holder = net.holder(&info);
    net.swarm.slow(holder);
    let asker = net.add_as(quiet());
    let mut hits = net.swarm.hits(&[holder, holder], &info);
    Arc::make_mut(&mut hits[1]).holder.index = 9;
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    assert_eq!(net.swarm.body_sent(holder), 2 * MB);
    let load = net.swarm.sim.load(holder);
    assert_eq!(load.received.messages, net.swarm.sent("request"), "nobody else was asked");
    // A second connection would have been told to wait, and asked again.
    assert_eq!(
        net.swarm.sent("request"),
        net.swarm.notes(holder).filter(|note| matches!(note, Note::Uploaded(..))).count() as u64
    );
}

#[test]
fn a_downloader_that_takes_nothing_loses_its_slot() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 2 * MB);
    let knobs = QueueKnobs { slots: 1, ..QueueKnobs::default() };
    let config = with(|all| {
        all.uploads = Arc::new(knobs);
        all.data_timeout = Duration::from_secs(5);
    });
    let holder = net.holder_as(config, std::slice::from_ref(&info));
    // A packet of this line takes twelve seconds.
    let dying = net.swarm.add_behind(Node::servent(quiet()), Line::kbps(1, 1, Duration::ZERO));
    let hits = net.swarm.hits(&[holder], &info);
    net.swarm.start(dying, hits.clone());
    net.swarm.run_s(4);
    let other = net.add_as(quiet());
    let before = net.swarm.sim.now();
    assert_eq!(net.swarm.fetch(other, hits), Ok(()));
    let took = net.swarm.sim.now().since(before);
    assert!((5..60).contains(&took.as_secs()), "{took:?}: it had to wait, and not for long");
}

#[test]
fn what_is_no_longer_shared_is_refused() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", MB);
    let holder = net.holder(&info);
    let asker = net.add_as(quiet());
    net.swarm.command(holder, Command::Unshare(FileId(0)));
    let hits = net.swarm.hits(&[holder], &info);
    assert_eq!(net.swarm.fetch(asker, hits), Err(Failure::Refused));
}

#[test]
fn an_empty_file_needs_no_transfer() {
    let mut net = Overlay::default();
    let info = file("Empty.mp3", 0);
    let holder = net.holder(&info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&[holder], &info);
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    assert_eq!(net.swarm.body_received(asker), 0);
}

#[test]
fn corrupt_content_is_never_called_complete() {
    let mut net = Overlay::on(Config { corruption: 1.0, ..Config::default() });
    let info = file("Deep/Blue.mp3", MB);
    let holders: Vec<NodeId> = (0..3).map(|_| net.holder(&info)).collect();
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&holders, &info);
    assert_eq!(net.swarm.fetch(asker, hits.clone()), Err(Failure::Corrupt));
    net.swarm.sim.set_corruption(0.0);
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
}

#[test]
fn a_cancelled_download_ends_at_once_and_its_rest_can_be_fetched_later() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = holders(&mut net, 2, &info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&holders, &info);
    let fetch = net.swarm.start(asker, hits);
    net.swarm.wait_for_bytes(asker, fetch, 3 * MB);
    net.swarm.command(asker, Command::Cancel(fetch));
    assert_eq!(net.swarm.end(asker, fetch), Err(Failure::Cancelled));
    net.swarm.run_s(5);
    let received = net.swarm.body_received(asker);
    net.swarm.run_s(60);
    assert_eq!(net.swarm.body_received(asker), received);
    assert_eq!(net.swarm.notes(asker).filter(|note| matches!(note, Note::Failed(..))).count(), 1);
}

#[test]
fn who_leaves_takes_its_downloads_and_uploads_along() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = holders(&mut net, 2, &info);
    let asker = net.add_as(quiet());
    let hits = net.swarm.hits(&holders, &info);
    let fetch = net.swarm.start(asker, hits.clone());
    net.swarm.wait_for_bytes(asker, fetch, MB);
    net.swarm.command(holders[0], Command::Leave);
    // What its line has already taken still arrives.
    net.swarm.run_s(10);
    let sent = net.swarm.body_sent(holders[0]);
    net.swarm.run_s(5);
    assert_eq!(net.swarm.body_sent(holders[0]), sent);
    assert!(net.swarm.uploaded(holders[0]) > 0);
    net.swarm.command(asker, Command::Leave);
    assert_eq!(net.swarm.end(asker, fetch), Err(Failure::Cancelled));
    assert_eq!(net.swarm.fetch(asker, hits), Err(Failure::Refused));
}

#[test]
fn holders_are_heard_of_from_holders() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = holders(&mut net, 2, &info);
    let (first, second) = (net.add_as(quiet()), net.add_as(quiet()));
    let both = net.swarm.hits(&holders, &info);
    assert_eq!(net.swarm.fetch(first, both.clone()), Ok(()));
    let sent = net.swarm.body_sent(holders[1]);
    assert_eq!(net.swarm.fetch(second, both[..1].to_vec()), Ok(()));
    assert!(
        net.swarm.body_sent(holders[1]) > sent + 2 * MB,
        "the other one was named by the one that is known"
    );
}

#[test]
fn many_downloads_at_once_all_end() {
    let mut net = Overlay::default();
    let files: Vec<_> = (0..20).map(|n| file(&format!("Song {n}.mp3"), 500_000 + n)).collect();
    let holders: Vec<NodeId> = (0..3).map(|_| net.holder_as(slots(100), &files)).collect();
    let asker = net.add_as(with(|_| {}));
    let fetches: Vec<_> = files
        .iter()
        .map(|info| {
            let hits = net.swarm.hits(&holders, info);
            net.swarm.start(asker, hits)
        })
        .collect();
    for fetch in fetches {
        assert_eq!(net.swarm.end(asker, fetch), Ok(()));
    }
}

#[test]
fn two_runs_of_one_seed_are_the_same_run() {
    let run = || {
        let mut net = Overlay::on(Config::seeded(7));
        let info = file("Deep/Blue.mp3", 3 * MB);
        let holders = holders(&mut net, 3, &info);
        let asker = net.add_as(quiet());
        let hits = net.swarm.hits(&holders, &info);
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        net.swarm.sim.digest()
    };
    assert_eq!(run(), run());
}
