//! The torrent, and what its hashes are good for.

use std::sync::Arc;
use std::time::Duration;

use bittorrent::metainfo::{Draft, FileEntry, Metainfo};

use super::swarm::{DSL, Has, Person, Plan, Swarm, crowd};
use crate::claims::finding::{Mark, Published, Reading, Rule};
use crate::claims::{Claim, Trial};
use crate::measure::Unit;

/// B2.
pub(super) const SIZE: Claim = Claim {
    id: "B2",
    sentence: "A static file says where the tracker is, how long pieces are, how many there are, and the SHA-1 of each.",
    said_by: "lecture",
    setup: |_| format!("the torrent of RedHat 9: {RED_HAT_PIECES} pieces of 256 KiB"),
    varied: "nothing: this is arithmetic, read off a torrent made by this program",
    seeds: |_| 2,
    trial: size,
};

/// B3.
pub(super) const HASHES: Claim = Claim {
    id: "B3",
    sentence: "The hash of each piece rejects what is wrong: no wrong piece is counted as had or passed on.",
    said_by: "lecture",
    setup: |size| {
        format!(
            "a flash crowd of {} people for {} MiB; one in ten has all from the start, and every byte of it is wrong",
            super::people(size),
            super::pieces(size) / 4
        )
    },
    varied: "how long pieces are",
    seeds: super::FEW,
    trial: hashes,
};

const RED_HAT_PIECES: u32 = 6_752;

fn size(_: &Trial) -> Vec<Reading> {
    let pieces = vec![[0; 20]; RED_HAT_PIECES as usize];
    let length = u64::from(RED_HAT_PIECES) * 262_144;
    let draft = Draft {
        name: "shrike-i386".into(),
        piece_length: 262_144,
        pieces,
        files: vec![FileEntry { path: [].into(), length }],
        trackers: vec![vec!["http://tracker.example:6969/announce".into()]],
        ..Draft::default()
    };
    let torrent = Arc::new(Metainfo::new(draft).expect("a torrent as large as many were"));
    let bytes = torrent.info_bytes.len() as f64;
    vec![
        Reading::new("metainfo", Unit::Bytes, bytes)
            .theory(20.0 * f64::from(RED_HAT_PIECES))
            .published(Published::new(135_000.0, "20 bytes for each piece", Mark::Derived)),
        Reading::new("metainfo, for each piece", Unit::Bytes, bytes / f64::from(RED_HAT_PIECES))
            .rule(Rule::within(20.0, 20.2, Mark::Derived)),
        Reading::new("metainfo by content", Unit::Share, bytes / length as f64)
            .rule(Rule::at_most(1e-3, Mark::Derived)),
    ]
}

fn hashes(trial: &Trial) -> Vec<Reading> {
    let mut readings = Vec::new();
    let people = super::people(trial.size);
    for (name, piece_bytes) in [("64 KiB", 65_536), ("256 KiB", 262_144), ("1 MiB", 1_048_576)] {
        let pieces = super::pieces(trial.size) * 262_144 / piece_bytes;
        let mut swarm = Swarm::new(Plan { piece_bytes, ..Plan::flash(pieces) }, trial.seed_of(1));
        for _ in 0..people / 10 {
            let liar = Person { has: Has::Any(pieces), stays: None, ..Person::new(Duration::ZERO, DSL) };
            let liar = swarm.join(&liar);
            swarm.spoil(liar);
        }
        let liars = swarm.members().len();
        swarm.run_all(&crowd(people - liars as u32, DSL), super::swarm::LIMIT);
        let outcome = swarm.outcome();
        let honest = liars..swarm.members().len();
        let (received, needed) = honest.clone().fold((0, 0), |(received, needed), at| {
            (received + swarm.load(at).body_received, needed + swarm.members()[at].needs)
        });
        let waste = received as f64 / needed as f64 - 1.0;
        readings.push(Reading::new(format!("received in vain, {name}"), Unit::Share, waste));
        let what = format!("honest people who count wrong bytes as right, {name}");
        readings.push(
            Reading::new(what, Unit::Count, swarm.deceived() as f64).rule(Rule::exactly(0.0, Mark::Lecture)),
        );
        let done = honest.filter(|at| swarm.members()[*at].finished.is_some()).count();
        let what = format!("honest people who finish, {name}");
        let share = done as f64 / (outcome.people - liars) as f64;
        readings.push(Reading::new(what, Unit::Share, share).rule(Rule::exactly(1.0, Mark::Lecture)));
    }
    readings
}
