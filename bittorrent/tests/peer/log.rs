//! The lines of both logs: what is written is read, and what is not is refused.

use std::net::SocketAddrV4;

use bittorrent::log::LINE_BYTES_MAX;
use bittorrent::log::client::{Act, Entry, Happening, Side};
use bittorrent::log::tracker::Report;
use bittorrent::wire::{AnnounceEvent, Block, InfoHash, PeerId};
use proptest::prelude::*;

#[test]
fn what_is_no_line_of_the_tracker_log_is_refused() {
    let line = format!(
        "1000000001.250 started {} -X%20%2501-%00bcdefghijkl%ff 10.0.0.1:6881 0 0 500",
        "01".repeat(20)
    );
    assert!(line.parse::<Report>().is_ok());
    for end in 0..line.len() - 2 {
        assert!(line[..end].parse::<Report>().is_err(), "{}", &line[..end]);
    }
    let wrong = [
        ("started", "begun", "event"),
        (".250", "", "time"),
        (".250", ".25", "time"),
        ("1000000001", "99999999999999999999", "time"),
        ("0101", "01", "info hash"),
        ("0101", "010x", "info hash"),
        ("%00", "", "peer id"),
        ("%00", "%0", "peer id"),
        ("%ff", "%ffx", "peer id"),
        (":6881", "", "address"),
        (" 0 0 ", " +0 0 ", "bytes uploaded"),
        (" 500", " 500 ", "end"),
        (" 500", " 18446744073709551616", "bytes left"),
    ];
    for (part, instead, what) in wrong {
        let broken = line.replacen(part, instead, 1);
        let error = broken.parse::<Report>().unwrap_err().to_string();
        assert_eq!(error, format!("no line of this log: its {what}"), "{broken}");
    }
    assert!(" ".repeat(1_000).parse::<Report>().is_err());
}

#[test]
fn the_client_log_is_written_as_its_description_says() {
    let peer: SocketAddrV4 = "10.0.0.5:6881".parse().unwrap();
    let block = Block { piece: 17, begin: 32_768, len: 16_384 };
    let torrent =
        Happening::Torrent { info_hash: InfoHash([0xde; 20]), length: 1_000, piece_length: 16, have: 5 };
    let link = |side, act| Happening::Link(side, peer, act);
    let lines = [
        (torrent, format!("self torrent {} 1000 16 5", "de".repeat(20))),
        (Happening::Verified(17), "self verified 17".to_owned()),
        (Happening::Wrong(17), "self wrong 17".to_owned()),
        (Happening::Complete, "self complete".to_owned()),
        (
            link(Side::Sent, Act::Dial(PeerId(*b"-TB0001-abcdefghi k\0"))),
            "sent dial 10.0.0.5:6881 -TB0001-abcdefghi%20k%00".to_owned(),
        ),
        (link(Side::Got, Act::Close), "got close 10.0.0.5:6881".to_owned()),
        (link(Side::Got, Act::All), "got all 10.0.0.5:6881".to_owned()),
        (link(Side::Got, Act::Unchoke), "got unchoke 10.0.0.5:6881".to_owned()),
        (link(Side::Sent, Act::NotInterested), "sent not-interested 10.0.0.5:6881".to_owned()),
        (link(Side::Sent, Act::Piece(block)), "sent piece 10.0.0.5:6881 17 32768 16384".to_owned()),
        (link(Side::Got, Act::Waste(block)), "got waste 10.0.0.5:6881 17 32768 16384".to_owned()),
    ];
    for (what, text) in lines {
        let entry = Entry { time_ms: 1_048_982_400_250, what };
        assert_eq!(entry.to_string(), format!("1048982400.250 {text}"));
        assert_eq!(entry.to_string().parse(), Ok(entry));
        // Cut anywhere but inside its last number, it is no line.
        let digits = text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        for end in 0..entry.to_string().len() - digits {
            assert!(entry.to_string()[..end].parse::<Entry>().is_err(), "{text}, to {end}");
        }
    }
    for wrong in
        ["1.000 self all 10.0.0.5:1", "1.000 sent all 10.0.0.5:1", "1.000 sent waste 10.0.0.5:1 1 2 3"]
    {
        assert!(wrong.parse::<Entry>().is_err(), "{wrong}");
    }
}

fn an_event() -> impl Strategy<Value = AnnounceEvent> {
    use AnnounceEvent::{Completed, None, Started, Stopped};
    prop::sample::select(&[None, Started, Completed, Stopped][..])
}

fn a_happening() -> impl Strategy<Value = Happening> {
    let block = any::<(u32, u32, u32)>().prop_map(|(piece, begin, len)| Block { piece, begin, len });
    let both = prop_oneof![
        any::<[u8; 20]>().prop_map(|id| Act::Dial(PeerId(id))),
        prop::sample::select(
            &[Act::Close, Act::Choke, Act::Unchoke, Act::Interested, Act::NotInterested][..]
        ),
        block.clone().prop_map(Act::Piece),
    ];
    let got = prop_oneof![Just(Act::All), block.prop_map(Act::Waste)];
    let act = prop_oneof![
        3 => both.clone().prop_map(|act| (Side::Sent, act)),
        3 => both.prop_map(|act| (Side::Got, act)),
        2 => got.prop_map(|act| (Side::Got, act)),
    ];
    let peer = any::<([u8; 4], u16)>().prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port));
    prop_oneof![
        4 => (act, peer).prop_map(|((side, act), peer)| Happening::Link(side, peer, act)),
        1 => any::<u32>().prop_map(Happening::Verified),
        1 => any::<u32>().prop_map(Happening::Wrong),
        1 => Just(Happening::Complete),
        1 => (any::<[u8; 20]>(), any::<u64>(), any::<u32>(), any::<u64>()).prop_map(
            |(hash, length, piece_length, have)| {
                Happening::Torrent { info_hash: InfoHash(hash), length, piece_length, have }
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_line_of_the_tracker_log_is_read_as_it_was_written(
        (time_ms, uploaded, downloaded, left) in (0..1u64 << 50, any::<u64>(), any::<u64>(), any::<u64>()),
        (info_hash, peer_id) in (any::<[u8; 20]>(), any::<[u8; 20]>()),
        (ip, port, event) in (any::<[u8; 4]>(), any::<u16>(), an_event()),
    ) {
        let report = Report {
            time_ms,
            event,
            info_hash: InfoHash(info_hash),
            peer_id: PeerId(peer_id),
            address: SocketAddrV4::new(ip.into(), port),
            uploaded,
            downloaded,
            left,
        };
        let line = report.to_string();
        prop_assert!(line.len() <= LINE_BYTES_MAX);
        prop_assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        prop_assert_eq!(line.parse::<Report>(), Ok(report));
    }

    #[test]
    fn a_line_of_the_client_log_is_read_as_it_was_written(time_ms in 0..1u64 << 50, what in a_happening()) {
        let entry = Entry { time_ms, what };
        let line = entry.to_string();
        prop_assert!(line.len() <= LINE_BYTES_MAX);
        prop_assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        prop_assert_eq!(line.parse::<Entry>(), Ok(entry));
    }

    #[test]
    fn nothing_that_is_no_line_panics(line in "[ -~]{0,80}") {
        let _ = (line.parse::<Report>(), line.parse::<Entry>());
    }
}
