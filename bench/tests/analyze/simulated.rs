//! Logs that a simulated swarm of ours has written, against what the simulation has counted itself.

use std::sync::Arc;
use std::time::Duration;

use bench::analyze::tracker_log::Options;
use bittorrent::config::{Config, Knobs};
use bittorrent::metainfo::{Draft, FileEntry, Metainfo};
use bittorrent::node::Node;
use bittorrent::tracker::{TrackerConfig, TrackerKnobs};
use common::net::{Line, NodeId};
use common::peer::FileId;
use common::store::Ranges;
use common::testing::Swarm;
use common::user::{Command, Fetch, FetchId, FileInfo, Hit, Note, SharedFile};

use super::{holds, of_client, of_tracker};

const LENGTH: u64 = 16 * 262_144;
const LEECHERS: u32 = 12;
/// Of the leechers the one whose log is studied: the sixth, who finds others that have something.
const OBSERVED: usize = 5;

/// A run with what its tracker and its observed leecher have written.
struct Run {
    swarm: Swarm<Node>,
    seed: NodeId,
    leechers: Vec<NodeId>,
    tracker_log: String,
    client_log: String,
}

fn info() -> FileInfo {
    FileInfo { name: "content.bin".into(), size: LENGTH, ..FileInfo::default() }
}

fn kept(swarm: &Swarm<Node>, node: NodeId) -> String {
    let lines = swarm.notes(node).filter_map(|note| match note {
        Note::Keep(line) => Some(format!("{line}\n")),
        _ => None,
    });
    lines.collect()
}

/// One seed; leechers who come one after the other, stay for a while after they have all, and say good-bye.
fn run() -> Run {
    let mut swarm = Swarm::seeded(11);
    let knobs = TrackerKnobs { log: true, interval: Duration::from_secs(30), ..TrackerKnobs::default() };
    let tracker =
        swarm.add(Node::tracker(TrackerConfig { knobs: Arc::new(knobs), ..TrackerConfig::default() }));
    let torrent = Metainfo::new(Draft {
        name: "content.bin".into(),
        piece_length: 262_144,
        pieces: vec![[0; 20]; 16],
        files: vec![FileEntry { path: [].into(), length: LENGTH }],
        trackers: vec![vec![format!("http://{}/announce", swarm.address(tracker)).into()]],
        ..Draft::default()
    });
    let torrents: Arc<[Arc<Metainfo>]> = [Arc::new(torrent.unwrap())].into();
    let peer = |log_since_s| {
        Node::peer(Config {
            torrents: Arc::clone(&torrents),
            knobs: Arc::new(Knobs::default()),
            log_since_s,
            ..Config::default()
        })
    };
    let line = Line { up_bps: Some(2_000_000), down_bps: Some(8_000_000), ..Line::default() };
    let seed = swarm.add_behind(peer(None), line);
    swarm.command(seed, Command::Share([SharedFile { file: FileId(0), info: Arc::new(info()) }].into()));
    let leechers: Vec<NodeId> = (0..LEECHERS)
        .map(|at| swarm.add_behind(peer((at as usize == OBSERVED).then_some(0)), line))
        .collect();
    let fetch = FetchId(1);
    for leecher in &leechers {
        swarm.run_for(Duration::from_secs(2));
        let candidates = vec![Arc::new(Hit { info: info(), ..Hit::default() })];
        let fetch = Fetch { fetch, candidates, into: FileId(0), have: Ranges::default() };
        swarm.command(*leecher, Command::Fetch(Box::new(fetch)));
    }
    for leecher in &leechers {
        swarm.wait_for(*leecher, |note| matches!(note, Note::Fetched(_)));
    }
    swarm.run_for(Duration::from_secs(40));
    for node in leechers.iter().chain([&seed]) {
        swarm.command(*node, Command::Leave);
        swarm.run_for(Duration::from_secs(1));
    }
    swarm.run_for(Duration::from_secs(30));
    let (tracker_log, client_log) = (kept(&swarm, tracker), kept(&swarm, leechers[OBSERVED]));
    Run { swarm, seed, leechers, tracker_log, client_log }
}

#[test]
fn both_logs_say_what_the_simulation_has_counted() {
    let run = run();
    let sent = |node: &NodeId| run.swarm.sim.load(*node).body_sent as f64;
    let by_seed = sent(&run.seed);
    let by_all = by_seed + run.leechers.iter().map(sent).sum::<f64>();
    let tracker = of_tracker(&run.tracker_log, &Options::default());
    let all = f64::from(LEECHERS);
    holds(
        &tracker,
        &[
            ("length", Some(LENGTH as f64)),
            ("clients", Some(all + 1.0)),
            ("addresses", Some(all + 1.0)),
            ("sessions", Some(all + 1.0)),
            ("restarts", Some(0.0)),
            ("active_most", Some(all + 1.0)),
            ("leecher_sessions", Some(all)),
            ("complete_sessions", Some(all)),
            ("incomplete", Some(0.0)),
            ("addresses_incomplete", Some(0.0)),
            ("stays", Some(all)),
            ("down", Some(all * LENGTH as f64)),
            ("backwards", Some(0.0)),
            ("out_of_order", Some(0.0)),
        ],
    );
    // All that was sent was said; whoever sent it as a seed, it was what had come.
    let (up_seeds, up_leechers) =
        (tracker.figure("up_seeds").unwrap(), tracker.figure("up_leechers").unwrap());
    assert_eq!(up_seeds + up_leechers, by_all);
    assert!(up_seeds >= by_seed && up_leechers > 0.0, "{up_seeds} {up_leechers} {by_seed}");
    assert!(tracker.figure("stay").unwrap() >= 40.0);
    // Nobody fetches faster than the line is.
    assert!((500.0..8_000.0).contains(&tracker.figure("session_kbps").unwrap()));
    assert!(tracker.figure("spread").unwrap() >= 1.0);

    let load = run.swarm.sim.load(run.leechers[OBSERVED]);
    let client = of_client(&run.client_log);
    let wasted = client.figure("wasted").unwrap();
    let given = client.figure("given_leeching").unwrap() + client.figure("given_seeding").unwrap();
    holds(
        &client,
        &[
            ("length", Some(LENGTH as f64)),
            ("received", Some(LENGTH as f64)),
            ("runs", Some(1.0)),
            ("wrong_pieces", Some(0.0)),
            ("out_of_order", Some(0.0)),
            ("unlisted", Some(0.0)),
        ],
    );
    assert_eq!(given, load.body_sent as f64);
    // The log has whole blocks. A block may have broken off when its link ended: what had come of it is chunks of the uplink's 20 ms.
    let parts = load.body_received as f64 - wasted - LENGTH as f64;
    assert!((0.0..16_384.0).contains(&parts) && parts % 5_000.0 == 0.0, "{parts}");
    let sum = client.figure("from_diallers").unwrap() + client.figure("from_dialled").unwrap();
    assert!((sum - 1.0).abs() < 1e-9, "each link was begun by somebody: {sum}");
    let times =
        ["first_unchoke", "first_block", "first_piece", "complete"].map(|key| client.figure(key).unwrap());
    assert!(times.is_sorted(), "{times:?}");
    assert!(
        client.figure("wanted").unwrap() > 0.9,
        "in a swarm with a seed there is always something to fetch"
    );
    assert!(client.figure("from_top").unwrap() > 0.25);
    // The same torrent by both.
    assert_eq!(tracker.torrent, client.torrent);
}
