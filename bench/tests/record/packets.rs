//! Captures: their blocks, and the streams that their packets make.

use std::collections::BTreeMap;

use bench::overlay::Contestant;
use bench::overlays::overlays;
use bench::simulate::Recorded;
use bench::trace::What;
use bench::world::World;
use common::net::NodeId;
use common::peer::Span;
use common::sim::{Happening, Side};

use crate::reader::{blocks, options, packets, streams, u32_at};
use crate::{captured, named, recorded};

/// Which item a node's file is, by the order in which stores have them: first what is shared, then what is fetched.
fn item(overlay: &dyn Contestant, world: &World, node: NodeId, span: Span) -> u32 {
    let servers = overlay.servers(&world.scenario);
    let items = match node.0.checked_sub(servers) {
        None => world.shared_by_all(),
        Some(person) => {
            let fetched = world.workload.downloads.iter().filter(|planned| planned.person == person as usize);
            world.shared_by(person as usize).into_iter().chain(fetched.map(|planned| planned.item)).collect()
        }
    };
    items[span.file.0 as usize]
}

/// What went over each connection in each direction, by the recording alone.
fn said(overlay: &dyn Contestant, world: &World, recorded: &Recorded) -> Vec<[Vec<u8>; 2]> {
    let tape = &recorded.recording;
    let mut said = vec![[Vec::new(), Vec::new()]; tape.links.len()];
    for entry in &tape.entries {
        let Some((link, side)) = entry.link else { continue };
        let into = &mut said[link as usize][usize::from(side == Side::Acceptor)];
        match entry.what {
            Happening::Message { text, .. } => into.extend_from_slice(tape.bytes(text)),
            Happening::Chunk { span, .. } => {
                let mut bytes = vec![0; span.len as usize];
                let content = world.content(item(overlay, world, entry.node, span));
                content.read_at(span.offset, &mut bytes).unwrap();
                into.extend_from_slice(&bytes);
            }
            _ => {}
        }
    }
    said
}

#[test]
fn the_streams_of_a_capture_are_what_the_peers_said() {
    for overlay in overlays() {
        let (world, recorded) = recorded(*overlay, 3);
        assert_eq!(
            (recorded.recording.unencodable, recorded.recording.left_out),
            (0, 0),
            "{}",
            overlay.name()
        );
        let (file, capture) = captured(*overlay, &world, &recorded, 0);
        assert_eq!((capture.packets, capture.left_out), (packets(&file).len() as u64, 0));
        let mut streams = streams(&file);
        // Ports that nodes dial from are given in the order of their dials.
        let mut dials: BTreeMap<NodeId, u16> = BTreeMap::new();
        let mut bodies = 0;
        for (link, said) in recorded.recording.links.iter().zip(said(*overlay, &world, &recorded)) {
            let number = dials.entry(link.dialler).or_default();
            let from = link.dialler.address([10, 0, 0, 0].into(), 32_768 + *number);
            *number += 1;
            for (ends, said) in [(from, link.to), (link.to, from)].into_iter().zip(said) {
                let stream = streams.remove(&ends).unwrap_or_default();
                assert!(stream.bytes == said, "{}: {ends:?}", overlay.name());
                bodies += usize::from(said.len() > 10_000);
            }
        }
        assert!(streams.is_empty(), "no other connection is there");
        assert!(bodies > 5, "{}: files went over", overlay.name());
    }
}

#[test]
fn what_is_sent_has_the_lengths_that_the_codecs_promise() {
    for overlay in overlays() {
        let (_, recorded) = recorded(*overlay, 4);
        let (tape, outcome) = (&recorded.recording, &recorded.outcome);
        let mut counted = vec![(0, 0); outcome.kinds.len()];
        for entry in &tape.entries {
            if let Happening::Message { text, .. } | Happening::Datagram { text, .. } = entry.what {
                let (messages, bytes) = &mut counted[usize::from(text.kind)];
                (*messages, *bytes) = (*messages + 1, *bytes + u64::from(text.len));
            }
        }
        let mut all = 0;
        for (kind, (messages, bytes)) in outcome.kinds.iter().zip(counted) {
            // Drivers count what is sent, and what waited for an uplink when its connection ended never left.
            assert!(messages <= kind.traffic.messages, "{}: {kind:?}", overlay.name());
            let is_all = messages == kind.traffic.messages;
            assert!(!is_all || bytes == kind.traffic.bytes, "{}: {kind:?}", overlay.name());
            all += usize::from(is_all && messages > 0);
        }
        assert!(all >= 4, "{}: of most kinds all have left", overlay.name());
    }
}

#[test]
fn recording_changes_nothing_of_a_run() {
    for overlay in overlays() {
        let (world, recorded) = recorded(*overlay, 5);
        let plain = overlay.simulate(&world, &bench::watch::Watch::new(false));
        assert_eq!(plain.digest, recorded.outcome.digest, "{}", overlay.name());
        assert_eq!(plain.records, recorded.outcome.records);
    }
}

#[test]
fn a_capture_says_what_it_is_and_who_is_who() {
    let overlay = named("napster");
    let (world, recorded) = recorded(overlay, 3);
    let (file, _) = captured(overlay, &world, &recorded, 0);
    let blocks = blocks(&file);
    let kinds: Vec<u32> = blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds[..3], [0x0a0d_0d0a, 1, 4]);
    assert_eq!(kinds[kinds.len() - 1], 5);
    assert!(kinds[3..kinds.len() - 1].iter().all(|kind| *kind == 6));
    assert_eq!(u32_at(blocks[0].body, 0), 0x1a2b_3c4d);
    let comment = String::from_utf8(options(&blocks[0].body[16..])[&1].clone()).unwrap();
    assert_eq!(comment, "napster in simulation: scenario small, 12 people, seed 3. Times are virtual.");
    let interface = options(&blocks[1].body[8..]);
    assert_eq!(
        (u32_at(blocks[1].body, 0), &interface[&2][..], &interface[&9][..]),
        (101, &b"napster"[..], &[9][..])
    );
    let names = String::from_utf8_lossy(blocks[2].body);
    assert!(names.contains("server-0\0") && names.contains("peer-11\0"), "{names}");
    let counts = options(&blocks[blocks.len() - 1].body[12..]);
    let count = |code: u16| u64::from_le_bytes(counts[&code][..].try_into().unwrap());
    assert_eq!((count(4), count(5)), (packets(&file).len() as u64, 0));
}

#[test]
fn a_short_snap_keeps_the_beginnings_of_packets_and_their_lengths() {
    let overlay = named("mirror");
    let (world, recorded) = recorded(overlay, 3);
    let (whole, _) = captured(overlay, &world, &recorded, 0);
    let (short, _) = captured(overlay, &world, &recorded, 100);
    let (whole_packets, short_packets) = (packets(&whole), packets(&short));
    assert_eq!(whole_packets.len(), short_packets.len());
    for (whole, short) in whole_packets.iter().zip(&short_packets) {
        assert_eq!((whole.at_ns, whole.len), (short.at_ns, short.len));
        assert_eq!(short.bytes, &whole.bytes[..whole.len.min(100)]);
    }
    assert!(short.len() < whole.len() / 4);
}

#[test]
fn one_seed_is_one_capture_and_no_node_that_is_gone_says_anything() {
    let overlay = named("gnutella");
    let (world, recorded_once) = recorded(overlay, 6);
    let (file, _) = captured(overlay, &world, &recorded_once, 0);
    assert!(file == captured(overlay, &world, &recorded(overlay, 6).1, 0).0);
    let crashed = recorded_once.outcome.records.iter().find(|record| record.what == What::Crashed).unwrap();
    let address = *crashed.node.address([10, 0, 0, 0].into(), 1).ip();
    let said_something = |packet: &&crate::reader::Packet<'_>| {
        let segment = crate::reader::segment(packet);
        *segment.from.ip() == address && !segment.rst
    };
    let packets = packets(&file);
    let last = packets.iter().filter(said_something).map(|packet| packet.at_ns).max().unwrap();
    assert!(last <= crashed.at.0, "{last} {crashed:?}");
}
