//! Downloads between nodes on a simulated network: one holder and many, and what goes wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::{file, foreign};
use crate::kit::overlay::Overlay;
use common::digest::Digest;
use common::net::NodeId;
use common::peer::FileId;
use common::sim::Config;
use common::testing::files::MB;
use common::transfer::{DownloadKnobs, QueueKnobs};
use common::user::{Command, Failure, FileInfo, Note};
use kazaa::config::Knobs;

fn slots(slots: usize) -> impl Fn(&mut Knobs) {
    move |knobs| {
        let queue = QueueKnobs { slots, slots_per_address: slots, ..(*knobs.uploads).clone() };
        knobs.uploads = Arc::new(queue);
    }
}

#[test]
fn a_file_comes_from_its_only_holder_and_no_byte_twice_sealed_or_not() {
    for (holder_seals, asker_seals) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut net = Overlay::default();
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holder = net.loner_with(|knobs| knobs.seals_transfers = holder_seals);
        net.offer(holder, std::slice::from_ref(&info));
        let asker = net.loner_with(|knobs| knobs.seals_transfers = asker_seals);
        let hits = net.swarm.hits(&[holder], &info);
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        net.swarm.run_s(1);
        assert_eq!((net.swarm.uploaded(holder), net.swarm.body_received(asker)), (10 * MB, 10 * MB));
        // One connection, which goes under seal by one more response.
        let sealed = u64::from(holder_seals && asker_seals);
        assert_eq!(net.swarm.sent("response"), net.swarm.sent("request") + sealed);
        let overhead = net.swarm.sim.sealing(holder).sent;
        assert_eq!(overhead > 10 * MB / 65_536, sealed == 1, "{overhead} bytes of sealing");
    }
}

#[test]
fn holders_of_one_content_send_at_once_and_share_the_work() {
    let mut took = Vec::new();
    for count in [1, 2, 5] {
        let mut net = Overlay::default();
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holders = net.slow_loners(count, &info);
        let asker = net.loner();
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
    for (took, ideal) in took.iter().zip([80.0, 40.0, 16.0]) {
        assert!(*took < ideal * 1.25, "{took} s instead of {ideal} s");
    }
}

/// A holder of what is told of it, and what a search would have said.
fn told_of(net: &mut Overlay, info: &Arc<FileInfo>) -> NodeId {
    let node = net.loner_with_file(info);
    net.swarm.slow(node);
    node
}

#[test]
fn one_hash_and_size_is_one_content_whatever_it_is_called() {
    let mut net = Overlay::default();
    let info = file("a/Blue.mp3", 4 * MB);
    let renamed = Arc::new(FileInfo { name: "b/Azul.mp3".into(), ..(*info).clone() });
    let rootless = foreign(&info);
    let longer = Arc::new(FileInfo { size: 4 * MB + 1, ..(*info).clone() });
    let other = file("a/Blue.mp3", 5 * MB);
    let other = Arc::new(FileInfo { size: 4 * MB, ..(*other).clone() });
    let all = [info, renamed, rootless, longer, other];
    let nodes: Vec<NodeId> = all.iter().map(|info| told_of(&mut net, info)).collect();
    let asker = net.loner();
    let hits = all.iter().zip(&nodes).flat_map(|(info, node)| net.swarm.hits(&[*node], info)).collect();
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    let sent: Vec<u64> = nodes.iter().map(|node| net.swarm.body_sent(*node)).collect();
    assert!(sent[..3].iter().all(|sent| *sent > MB / 2), "{sent:?}");
    assert_eq!(sent[3..], [0, 0]);
}

#[test]
fn who_tells_another_root_is_not_asked() {
    let mut net = Overlay::default();
    let info = file("a/Blue.mp3", 4 * MB);
    let Some(Digest::KzHash(mut kzhash)) = info.digest else { unreachable!("it is one") };
    kzhash[35] ^= 1;
    let lie = Arc::new(FileInfo { digest: Some(Digest::KzHash(kzhash)), ..(*info).clone() });
    let nodes = [&lie, &info, &info].map(|info| told_of(&mut net, info));
    let asker = net.loner();
    let mut hits = net.swarm.hits(&nodes[..1], &lie);
    hits.extend(net.swarm.hits(&nodes[1..], &info));
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    assert_eq!(net.swarm.body_sent(nodes[0]), 0, "two tell another one");
}

#[test]
fn without_a_hash_nothing_can_be_asked_for() {
    let mut net = Overlay::default();
    let nameless = Arc::new(FileInfo { digest: None, ..(*file("Blue.mp3", MB)).clone() });
    let holder = net.loner_with_file(&nameless);
    let asker = net.loner();
    let hits = net.swarm.hits(&[holder], &nameless);
    assert_eq!(net.swarm.fetch(asker, hits), Err(Failure::NoHolder));
    assert_eq!(net.swarm.fetch(asker, Vec::new()), Err(Failure::NoHolder));
    assert_eq!(net.swarm.sent("request"), 0);
}

#[test]
fn a_holder_that_vanishes_is_replaced_and_what_it_sent_is_kept() {
    for count in [2, 3] {
        let mut net = Overlay::default();
        let info = file("Deep/Blue.mp3", 10 * MB);
        let holders = net.slow_loners(count, &info);
        let asker = net.loner();
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
fn when_all_are_gone_the_download_says_so() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = net.slow_loners(2, &info);
    let asker = net.loner();
    let hits = net.swarm.hits(&holders, &info);
    let fetch = net.swarm.start(asker, hits.clone());
    net.swarm.wait_for_bytes(asker, fetch, 3 * MB);
    holders.iter().for_each(|holder| net.swarm.crash(*holder));
    assert_eq!(net.swarm.end(asker, fetch), Err(Failure::NoHolder));
    assert_eq!(net.swarm.fetch(asker, hits), Err(Failure::NoHolder));
}

#[test]
fn who_has_to_wait_polls_its_place_and_gets_its_turn() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 5 * MB);
    let holder = net.loner_with(slots(1));
    net.offer(holder, std::slice::from_ref(&info));
    net.swarm.slow(holder);
    let askers: Vec<NodeId> = (0..3).map(|_| net.loner()).collect();
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
    let done = |asker: &NodeId| fetched_at(&net, *asker);
    let ends: Vec<_> = askers.iter().map(done).collect();
    assert!(ends.is_sorted(), "in the order in which they came: {ends:?}");
    // 40 s each, with a look at the queue now and then.
    let looks = net.swarm.sent("request");
    assert!((10..80).contains(&looks), "{looks} requests");
}

fn fetched_at(net: &Overlay, asker: NodeId) -> Option<common::peer::Time> {
    let is_it = |node: NodeId, note: &Note| node == asker && matches!(note, Note::Fetched(_));
    net.swarm.all_notes().iter().find(|(_, node, note)| is_it(*node, note)).map(|(at, ..)| *at)
}

#[test]
fn who_has_given_waits_less_where_levels_count() {
    for levels_uploads in [true, false] {
        let mut net = Overlay::default();
        let (wanted, earlier) = (file("Deep/Blue.mp3", 5 * MB), file("Deep/Red.mp3", 5 * MB));
        let holder = net.loner_with(|knobs| {
            slots(1)(knobs);
            knobs.levels_uploads = levels_uploads;
        });
        net.offer(holder, std::slice::from_ref(&wanted));
        let giver = net.loner_with_file(&earlier);
        let hits = net.swarm.hits(&[giver], &earlier);
        assert_eq!(net.swarm.fetch(holder, hits), Ok(()));
        net.swarm.slow(holder);
        let strangers = [net.loner(), net.loner()];
        let hits = net.swarm.hits(&[holder], &wanted);
        let mut fetches = Vec::new();
        for asker in [strangers[0], strangers[1], giver] {
            fetches.push((asker, net.swarm.start(asker, hits.clone())));
            net.swarm.run_s(1);
        }
        for (asker, fetch) in fetches {
            assert_eq!(net.swarm.end(asker, fetch), Ok(()));
        }
        let [first, second, giver] = [strangers[0], strangers[1], giver].map(|node| fetched_at(&net, node));
        assert!(first < second && first < giver, "who is served is not interrupted");
        assert_eq!(giver < second, levels_uploads, "{giver:?} and {second:?}");
    }
}

#[test]
fn a_busy_holder_is_left_alone_while_others_send() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 5 * MB);
    let full = net.loner_with(slots(0));
    net.offer(full, std::slice::from_ref(&info));
    let free = net.slow_loners(1, &info)[0];
    let asker = net.loner_with(|knobs| {
        let impatient = DownloadKnobs { queue_retries_max: 3, ..(*knobs.downloads).clone() };
        knobs.downloads = Arc::new(impatient);
    });
    let hits = net.swarm.hits(&[full, free], &info);
    assert_eq!(net.swarm.fetch(asker, hits.clone()), Ok(()));
    assert_eq!(net.swarm.body_sent(free), 5 * MB);
    let never = net.swarm.fetch(asker, hits[..1].to_vec());
    assert_eq!(never, Err(Failure::Refused), "a queue that never moves is given up");
}

#[test]
fn what_is_no_longer_shared_is_refused() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", MB);
    let holder = net.loner_with_file(&info);
    let asker = net.loner();
    net.swarm.command(holder, Command::Unshare(FileId(0)));
    let hits = net.swarm.hits(&[holder], &info);
    assert_eq!(net.swarm.fetch(asker, hits), Err(Failure::Refused));
}

#[test]
fn what_was_changed_on_its_way_is_never_called_complete() {
    // A seal breaks at it; without one the hash of the whole file tells.
    for (seals, end) in [(true, Failure::Refused), (false, Failure::Corrupt)] {
        let mut net = Overlay::on(Config { corruption: 1.0, ..Config::default() });
        net.turn(|knobs| knobs.seals_transfers = seals);
        let info = file("Deep/Blue.mp3", MB);
        let holders: Vec<NodeId> = (0..3).map(|_| net.loner_with_file(&info)).collect();
        let asker = net.loner();
        let hits = net.swarm.hits(&holders, &info);
        assert_eq!(net.swarm.fetch(asker, hits.clone()), Err(end));
        net.swarm.sim.set_corruption(0.0);
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    }
}

#[test]
fn a_cancelled_download_ends_at_once() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 10 * MB);
    let holders = net.slow_loners(2, &info);
    let asker = net.loner();
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
    let holders = net.slow_loners(2, &info);
    let asker = net.loner();
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
fn a_downloader_that_takes_nothing_loses_its_slot() {
    let mut net = Overlay::default();
    let info = file("Deep/Blue.mp3", 2 * MB);
    let holder = net.loner_with(|knobs| {
        slots(1)(knobs);
        knobs.data_timeout = Duration::from_secs(5);
        knobs.seals_transfers = false;
    });
    net.offer(holder, std::slice::from_ref(&info));
    let dying = net.loner();
    let hits = net.swarm.hits(&[holder], &info);
    net.swarm.start(dying, hits.clone());
    net.swarm.run_ms(100);
    // A packet of this line takes twelve seconds.
    let now = net.swarm.sim.now();
    net.swarm.sim.set_line_at(now, dying, common::net::Line::kbps(1, 1, Duration::ZERO));
    net.swarm.slow(holder);
    let other = net.loner();
    let before = net.swarm.sim.now();
    assert_eq!(net.swarm.fetch(other, hits), Ok(()));
    let took = net.swarm.sim.now().since(before);
    assert!(took < Duration::from_secs(120), "{took:?}");
}

#[test]
fn two_runs_of_one_seed_are_the_same_run() {
    let run = || {
        let mut net = Overlay::seeded(7);
        let info = file("Deep/Blue.mp3", 3 * MB);
        let holders = net.slow_loners(3, &info);
        let asker = net.loner();
        let hits = net.swarm.hits(&holders, &info);
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        net.swarm.sim.digest()
    };
    assert_eq!(run(), run());
}

/// Who has the file from somebody else hangs up, however soon: a place that is kept for it would hold up all behind it for
/// five minutes, beside a free slot.
#[test]
fn who_got_the_file_elsewhere_leaves_its_place_to_those_behind() {
    let mut net = Overlay::default();
    let (long, short) = (file("Deep/Blue.mp3", 5 * MB), file("Deep/Red.mp3", MB));
    let holder = net.loner_with(slots(1));
    net.offer(holder, &[Arc::clone(&long), Arc::clone(&short)]);
    net.swarm.slow(holder);
    let other = net.loner_with_file(&short);
    let served = net.loner();
    let hits = net.swarm.hits(&[holder], &long);
    let first = net.swarm.start(served, hits);
    net.swarm.run_s(1);
    // These stand in the queue when the other holder has brought all.
    let hits = net.swarm.hits(&[other, holder], &short);
    for _ in 0..3 {
        let asker = net.loner();
        let before = net.swarm.sim.now();
        assert_eq!(net.swarm.fetch(asker, hits.clone()), Ok(()));
        assert!(net.swarm.sim.now().since(before) < Duration::from_secs(2));
    }
    let waiting = net.loner();
    let hits = net.swarm.hits(&[holder], &long);
    let second = net.swarm.start(waiting, hits);
    assert_eq!(net.swarm.end(served, first), Ok(()));
    let free = net.swarm.sim.now();
    assert_eq!(net.swarm.end(waiting, second), Ok(()));
    let took = net.swarm.sim.now().since(free);
    // Half a minute until it asks again at the latest, and 40 s for the file.
    assert!(took < Duration::from_secs(75), "{took:?} after the slot was free");
}
