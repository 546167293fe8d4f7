//! Client logs made by hand.

use super::{holds, of_client};

const TORRENT: &str = "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00";

/// Two blocks of two pieces: from a seed that it dialled, from a leecher that dialled it, and one in vain.
fn a_download() -> String {
    format!(
        "100.000 self torrent {TORRENT} 65536 32768 0
100.000 sent dial 10.0.0.1:6881 -TB0001-000000000001
100.000 got all 10.0.0.1:6881
100.000 sent interested 10.0.0.1:6881
101.000 got dial 10.0.0.2:50000 -TB0001-000000000002
101.000 sent interested 10.0.0.2:50000
102.000 got unchoke 10.0.0.1:6881
103.000 got piece 10.0.0.1:6881 0 0 16384
104.000 got piece 10.0.0.1:6881 0 16384 16384
104.000 self wrong 0
106.000 got piece 10.0.0.1:6881 0 0 16384
106.000 got piece 10.0.0.1:6881 0 16384 16384
106.000 self verified 0
106.000 got interested 10.0.0.2:50000
107.000 sent unchoke 10.0.0.2:50000
107.000 got unchoke 10.0.0.2:50000
107.000 got choke 10.0.0.1:6881
108.000 got piece 10.0.0.2:50000 1 0 16384
108.000 sent piece 10.0.0.2:50000 0 0 16384
109.000 got waste 10.0.0.1:6881 1 0 16384
110.000 got piece 10.0.0.2:50000 1 16384 16384
110.000 self verified 1
110.000 self complete
110.000 sent not-interested 10.0.0.1:6881
110.000 sent not-interested 10.0.0.2:50000
112.000 sent piece 10.0.0.2:50000 0 16384 16384
114.000 got not-interested 10.0.0.2:50000
115.000 got close 10.0.0.2:50000
120.000 sent close 10.0.0.1:6881
"
    )
}

#[test]
fn the_figures_are_those_of_the_lines() {
    let block = 16_384.0;
    let study = of_client(&a_download());
    holds(
        &study,
        &[
            ("length", Some(65_536.0)),
            ("had", Some(0.0)),
            ("runs", Some(1.0)),
            ("leeching_time", Some(10.0)),
            ("seeding_time", Some(10.0)),
            ("first_unchoke", Some(2.0)),
            ("first_block", Some(3.0)),
            ("first_piece", Some(6.0)),
            ("complete", Some(10.0)),
            ("down_kbps", Some(6.0 * block * 8.0 / 1_000.0 / 10.0)),
            ("up_leeching_kbps", Some(block * 8.0 / 1_000.0 / 10.0)),
            ("up_seeding_kbps", Some(block * 8.0 / 1_000.0 / 10.0)),
            // From 106 to 110 s: both had what it lacked all the time; one of them always served it.
            ("wanted", Some(1.0)),
            ("serving", Some(1.0)),
            ("serving_of_wanted", Some(1.0)),
            ("wanting", Some(1.0)),
            ("served", Some(0.75)),
            ("both", Some(1.0)),
            // From 110 to 114 s, of ten.
            ("seed_wanting", Some(0.4)),
            ("seed_served", Some(0.4)),
            ("received", Some(6.0 * block)),
            ("given_leeching", Some(block)),
            ("given_seeding", Some(block)),
            ("received_ratio", Some(6.0)),
            ("received_ratio_leechers", Some(2.0)),
            ("from_seeds", Some(4.0 / 6.0)),
            ("from_leechers", Some(2.0 / 6.0)),
            // Half of the first of two.
            ("from_top", Some(4.0 / 6.0 / 2.0)),
            ("from_diallers", Some(2.0 / 6.0)),
            ("from_dialled", Some(4.0 / 6.0)),
            ("peers", Some(2.0)),
            ("givers", Some(2.0)),
            ("takers", Some(1.0)),
            ("traders", Some(1.0)),
            ("trade_median", Some(2.0)),
            ("wasted", Some(block)),
            ("wasted_share", Some(1.0 / 7.0)),
            ("wrong_pieces", Some(1.0)),
            ("out_of_order", Some(0.0)),
            ("unlisted", Some(0.0)),
        ],
    );
}

#[test]
fn a_pause_counts_for_nothing_and_ends_all_links() {
    let log = format!(
        "10.000 self torrent {TORRENT} 65536 32768 0
10.000 got dial 10.0.0.1:6881 -TB0001-000000000001
10.000 sent interested 10.0.0.1:6881
10.000 got unchoke 10.0.0.1:6881
12.000 got piece 10.0.0.1:6881 0 0 16384
12.000 got piece 10.0.0.1:6881 0 16384 16384
12.000 self verified 0
14.000 got piece 10.0.0.1:6881 1 0 16384
1000.000 self torrent {TORRENT} 65536 32768 32768
1004.000 sent dial 10.0.0.9:6881 -TB0001-000000000001
1005.000 sent interested 10.0.0.9:6881
1006.000 got piece 10.0.0.9:6881 1 0 16384
1006.000 got piece 10.0.0.9:6881 1 16384 16384
1006.000 self verified 1
1006.000 self complete
"
    );
    let study = of_client(&log);
    assert!(study.title.ends_with(", 2 runs"), "{}", study.title);
    holds(
        &study,
        &[
            ("runs", Some(2.0)),
            ("leeching_time", Some(10.0)),
            ("seeding_time", Some(0.0)),
            ("complete", Some(10.0)),
            // From the first piece on: two seconds of the first run, one of the six of the second.
            ("wanted", Some(3.0 / 8.0)),
            ("serving", Some(2.0 / 8.0)),
            ("received", Some(5.0 * 16_384.0)),
            // The same peer, first as caller and then called.
            ("peers", Some(1.0)),
            ("from_diallers", Some(3.0 / 5.0)),
            ("received_ratio", None),
        ],
    );
}

#[test]
fn other_torrents_in_the_file_and_lost_beginnings_do_no_harm() {
    let other = a_download()
        .replace(TORRENT, &"22".repeat(20))
        .lines()
        .take(8)
        .fold(String::new(), |log, line| log + line + "\n");
    let study = of_client(&(other.clone() + &a_download() + &other));
    assert!(study.title.contains(TORRENT));
    holds(&study, &[("received", Some(6.0 * 16_384.0)), ("leeching_time", Some(10.0)), ("runs", Some(1.0))]);
    // Cut at its beginning: nobody knows who dialled.
    let cut: String = a_download().lines().skip(6).flat_map(|line| [line, "\n"]).collect();
    let study = of_client(&cut);
    assert_eq!(study.torrent, None);
    holds(
        &study,
        &[
            ("received", Some(6.0 * 16_384.0)),
            ("runs", Some(0.0)),
            ("from_diallers", Some(0.0)),
            ("from_seeds", Some(0.0)),
            ("peers", Some(2.0)),
            ("complete", Some(8.0)),
        ],
    );
}
