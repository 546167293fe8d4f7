//! Logs that are none, and logs that lie.

use std::net::SocketAddrV4;

use bench::analyze::study::Study;
use bench::analyze::tracker_log::Options;
use bittorrent::log::client::{Act, Entry, Happening, Side};
use bittorrent::log::tracker::Report;
use bittorrent::wire::{AnnounceEvent, Block, InfoHash, PeerId};
use proptest::prelude::*;

use super::{of_client, of_tracker};

/// What every study promises, whatever it has read.
fn sane(study: &Study) {
    for figure in &study.figures {
        assert!(figure.value.is_none_or(|value| value.is_finite() && value >= 0.0), "{figure:?}");
    }
    for (name, plot) in &study.plots {
        assert!(plot.to_svg().ends_with("</svg>\n"), "{name}");
        assert!(plot.to_csv().lines().count() < 20_000, "{name}");
    }
    serde_json::from_str::<serde_json::Value>(&study.to_json()).unwrap();
    assert!(study.render(100).lines().all(|line| line.chars().count() < 200));
}

fn a_time() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..100_000_000u64, 2 => 0..1u64 << 50, 1 => Just(u64::MAX / 1_000)]
}

fn an_amount() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..1_000u64, 2 => Just(0), 1 => any::<u64>()]
}

fn a_report() -> impl Strategy<Value = Report> {
    use AnnounceEvent::{Completed, None, Started, Stopped};
    let event = prop::sample::select(&[None, Started, Completed, Stopped][..]);
    (a_time(), event, 0u8..2, 0u8..6, 0u8..6, [an_amount(), an_amount(), an_amount()]).prop_map(
        |(time_ms, event, torrent, id, host, [uploaded, downloaded, left])| Report {
            time_ms,
            event,
            info_hash: InfoHash([torrent; 20]),
            peer_id: PeerId([id; 20]),
            address: SocketAddrV4::new([10, 0, 0, host].into(), 6881),
            uploaded,
            downloaded,
            left,
        },
    )
}

fn an_entry() -> impl Strategy<Value = Entry> {
    let block = any::<(u32, u32, u32)>().prop_map(|(piece, begin, len)| Block { piece, begin, len });
    let acts = [Act::Close, Act::Choke, Act::Unchoke, Act::Interested, Act::NotInterested];
    let act = prop_oneof![
        2 => (0u8..4).prop_map(|id| Act::Dial(PeerId([id; 20]))),
        5 => prop::sample::select(acts.to_vec()),
        3 => block.clone().prop_map(Act::Piece),
    ];
    let got = prop_oneof![Just(Act::All), block.prop_map(Act::Waste)];
    let act = prop_oneof![
        4 => (prop::sample::select(&[Side::Sent, Side::Got][..]), act),
        1 => got.prop_map(|act| (Side::Got, act)),
    ];
    let what = prop_oneof![
        20 => (act, 0u8..5).prop_map(|((side, act), host)| {
            Happening::Link(side, SocketAddrV4::new([10, 0, 0, host].into(), 1), act)
        }),
        1 => (0u8..2, any::<u64>(), any::<u32>(), any::<u64>()).prop_map(|(hash, length, piece_length, have)| {
            Happening::Torrent { info_hash: InfoHash([hash; 20]), length, piece_length, have }
        }),
        2 => any::<u32>().prop_map(Happening::Verified),
        1 => any::<u32>().prop_map(Happening::Wrong),
        1 => Just(Happening::Complete),
    ];
    (a_time(), what).prop_map(|(time_ms, what)| Entry { time_ms, what })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_reports_in_any_order_are_survived(
        mut reports in prop::collection::vec(a_report(), 1..120),
        (in_order, expire_ms) in (any::<bool>(), prop_oneof![Just(0), 0..1u64 << 40, Just(u64::MAX)]),
    ) {
        if in_order {
            reports.sort_by_key(|report| report.time_ms);
        }
        let log: String = reports.iter().map(|report| format!("{report}\n")).collect();
        let study = of_tracker(&log, &Options { expire_ms, mirror_kbps: 1.0 });
        sane(&study);
        prop_assert!(study.figure("active_most").unwrap() <= study.figure("sessions").unwrap());
        if in_order {
            prop_assert_eq!(study.figure("out_of_order"), Some(0.0));
        }
    }

    #[test]
    fn any_lines_of_a_client_in_any_order_are_survived(
        mut entries in prop::collection::vec(an_entry(), 1..160),
        in_order in any::<bool>(),
    ) {
        if in_order {
            entries.sort_by_key(|entry| entry.time_ms);
        }
        let log: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        let study = of_client(&log);
        sane(&study);
        for key in ["wanted", "serving", "serving_of_wanted", "wanting", "served", "both", "seed_wanting", "from_seeds", "from_top"] {
            prop_assert!(study.figure(key).is_none_or(|share| share <= 1.0 + 1e-9), "{}", key);
        }
    }
}
