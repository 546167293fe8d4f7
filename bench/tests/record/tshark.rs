//! A foreign reader of captures: Wireshark's dissectors must find nothing wrong in them, and as many messages of each kind as there were.

use std::collections::BTreeMap;
use std::process::Command;

use bench::simulate::Recorded;
use common::sim::Happening;

use crate::kit::small;
use crate::{captured, named, recorded_of};

/// What tshark prints of a run on an overlay, for each of some questions.
fn tshark(overlay: &str, questions: &[&[&str]]) -> (Recorded, Vec<String>) {
    // Nobody vanishes: a message whose body breaks off is not counted by those who wait for all of it.
    let (world, recorded) = recorded_of(named(overlay), &small(12, 3));
    let (bytes, _) = captured(named(overlay), &world, &recorded, 0);
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let file = folder.path().join("run.pcapng");
    std::fs::write(&file, bytes).expect("the capture fits the disk");
    let ask = |question: &&[&str]| {
        // One port speaks BitTorrent and HTTP: what it is, the first bytes tell and not the port.
        let by_looks = ["-o", "tcp.try_heuristic_first:TRUE", "--enable-heuristic", "http_tcp"];
        let output = Command::new("tshark").arg("-r").arg(&file).args(by_looks).args(*question).output();
        let output = output.expect("tshark is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("tshark prints UTF-8")
    };
    let answers = questions.iter().map(ask).collect();
    (recorded, answers)
}

/// Packets that a dissector could not read, or whose TCP does not add up.
const WRONG: &[&str] =
    &["-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0"];

/// How often each value of a field is there.
fn values(answer: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for value in answer.split(['\n', '|']).filter(|value| !value.is_empty()) {
        *counts.entry(value.to_owned()).or_default() += 1;
    }
    counts
}

/// How many messages of these kinds have left.
fn left(recorded: &Recorded, kinds: &[&str]) -> usize {
    let is_one = |kind: u8| kinds.contains(&&*recorded.outcome.kinds[usize::from(kind)].kind);
    let entries = recorded.recording.entries.iter();
    entries.filter(|entry| matches!(entry.what, Happening::Message { text, .. } if is_one(text.kind))).count()
}

/// Blocks that went over whole: of the last one of a connection that was closed meanwhile, a part may have left.
fn whole_blocks(recorded: &Recorded) -> usize {
    let (tape, kinds) = (&recorded.recording, &recorded.outcome.kinds);
    let mut missing = BTreeMap::new();
    let mut whole = 0;
    for entry in &tape.entries {
        let end = entry.link.map(|(link, side)| (link, side as u8));
        match entry.what {
            Happening::Message { text, .. } if kinds[usize::from(text.kind)].kind == "piece" => {
                let bytes = tape.bytes(text);
                // Its length counts the kind and two words before the block.
                missing.insert(end, u32::from_be_bytes(bytes[..4].try_into().unwrap()) as u64 - 9);
            }
            Happening::Chunk { span, .. } => {
                let left = missing.get_mut(&end).expect("a block after its head");
                *left -= span.len;
                whole += usize::from(*left == 0);
            }
            _ => {}
        }
    }
    whole
}

/// A question for all values of a field.
macro_rules! all_of {
    ($field:literal) => {
        &["-Y", $field, "-T", "fields", "-E", "aggregator=|", "-e", $field]
    };
}

#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_finds_nothing_wrong_in_any_overlay() {
    for overlay in ["mirror", "napster", "gnutella", "kazaa", "bittorrent"] {
        let (_, answers) = tshark(overlay, &[WRONG, &["-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0"]]);
        assert_eq!(answers[0], "", "{overlay}");
        assert!(answers[1].lines().count() > 12, "{overlay}: there are connections");
    }
}

#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_counts_the_messages_of_gnutella() {
    let (recorded, answers) = tshark("gnutella", &[all_of!("gnutella.header.payload")]);
    let counts = values(&answers[0]);
    for (kind, name) in [("0", "ping"), ("1", "pong"), ("64", "push"), ("128", "query"), ("129", "query hit")]
    {
        assert_eq!(counts.get(kind).copied().unwrap_or_default(), left(&recorded, &[name]), "{name}");
    }
    assert!(counts["128"] > 20 && counts["129"] > 5, "{counts:?}");
}

#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_counts_the_messages_of_bittorrent_and_of_its_tracker() {
    let questions: [&[&str]; 3] =
        [all_of!("bittorrent.msg.type"), all_of!("bittorrent.protocol.name"), all_of!("http.request.method")];
    let (recorded, answers) = tshark("bittorrent", &questions);
    let counts = values(&answers[0]);
    let names = [
        "choke",
        "unchoke",
        "interested",
        "not interested",
        "have",
        "bitfield",
        "request",
        "piece",
        "cancel",
    ];
    for (kind, name) in names.into_iter().enumerate() {
        let counted = counts.get(&kind.to_string()).copied().unwrap_or_default();
        let expected = if name == "piece" { whole_blocks(&recorded) } else { left(&recorded, &[name]) };
        assert_eq!(counted, expected, "{name}");
    }
    assert!(counts["6"] > 50 && counts["7"] > 50, "{counts:?}");
    assert_eq!(values(&answers[1]).values().sum::<usize>(), left(&recorded, &["handshake"]));
    assert_eq!(values(&answers[2])["GET"], left(&recorded, &["ask", "search", "torrent request"]));
}

#[test]
#[ignore = "needs tshark (Debian package tshark); .ci/run installs it and runs this"]
fn wireshark_counts_the_requests_and_answers_of_http() {
    let questions: [&[&str]; 2] = [all_of!("http.request.method"), all_of!("http.response.code")];
    let (recorded, answers) = tshark("mirror", &questions);
    let purposes: Vec<String> = recorded.outcome.kinds.iter().map(|kind| kind.kind.clone()).collect();
    let asked: usize = values(&answers[0]).values().sum();
    let answered: usize = values(&answers[1]).values().sum();
    let all: Vec<&str> = purposes.iter().map(String::as_str).collect();
    assert_eq!(asked + answered, left(&recorded, &all), "{purposes:?}");
    assert!(asked > 20);
}
