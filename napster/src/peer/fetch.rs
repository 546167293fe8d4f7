//! One download: what is known of it and of its holders. `download.rs` moves it on.
//!
//! The download as a whole:
//!
//! | phase | waits for | then |
//! |---|---|---|
//! | waiting | the server to come back, or the first busy holder to be asked again | round; patience over: failed |
//! | round | answers of some holders asked at once (203) | the quickest is chosen: fetching; nobody left: next round |
//! | fetching | one holder's bytes | all there: verifying or finishing; the holder fails: next round from the current offset |
//! | verifying | the driver's word on the digest | right: finishing; wrong: from the start, with other holders |
//! | finishing | the store | fetched |
//!
//! Each of its holders:
//!
//! | stage | waits for | then |
//! |---|---|---|
//! | idle | its turn | asked |
//! | asked | 204, 206, 609 or 620 | 204 with a port: dialling; with port 0: pinged, or reachable if asked alone |
//! | dialling | the holder's `1`; the time it takes is its ping | ready |
//! | pinged | the holder's 752 through the server | reachable |
//! | ready, reachable | the choice | ready: `GET`, sizing; reachable: 500, pushed; not chosen: idle, its ping is kept |
//! | pushed | the holder's dial and `SEND` | sizing |
//! | sizing | the size, or words of refusal | receiving |
//! | receiving | file bytes | whole, or failed |
//!
//! A holder that fails is asked again later, up to `attempts_max` times without progress; one whose queue is full up to
//! `queue_retries_max` times; one that does not share the file, or had a wrong one, never. When no holder is left
//! the download fails with the weightiest reason. Every stage but verifying and finishing, which are the
//! driver's, has a time-out.

use std::sync::Arc;
use std::time::Duration;

use common::digest::{Digest, Fingerprint};
use common::peer::{ConnId, FileId, Time};
use common::user::{Failure, Fetch, FetchId, Hit};

use super::Hands;
use crate::node::Timer;
use crate::selection::{Selection, Standing};
use crate::wire::{Named, Quoted, Token, is_unambiguous};

/// Holders of one download that are considered: `max_results` of opennap-ng, so all of one search.
const SOURCES_MAX: usize = 100;
/// How many bytes from the start clients digest: the official one and giFT-OpenNap; `nap` for Linux; the official one for
/// some files. Nothing says which it was, so a digest is tried on each in turn. (What the official client made of a file
/// behind an ID3v2 tag cannot be checked.)
const HEADS: [u64; 3] = [299_008, 300_000, 300_032];
const _: () = assert!(matches!(Fingerprint::NAPSTER.head, Some(head) if head == HEADS[0]));
/// Doublings of the wait before a holder is asked again.
pub(super) const BACKOFF_DOUBLINGS_MAX: u8 = 6;
/// Progress is told after each 128th part of a file: finer than a progress bar shows.
const PROGRESS_PARTS: u64 = 128;

/// A download under way.
pub(super) struct Download {
    pub(super) into: FileId,
    pub(super) size: u64,
    pub(super) digest: Option<Digest>,
    /// Bytes there, from the start.
    pub(super) have: u64,
    /// The bytes that the user has been told of.
    pub(super) told: u64,
    pub(super) sources: Vec<Source>,
    pub(super) phase: Phase,
    /// Numbers the waits, so that the timer of a past one is recognised.
    pub(super) step: u32,
    /// The weightiest reason for which a source has failed.
    pub(super) why: Failure,
    pub(super) head: Head,
}

/// See the module's first table. A source goes by its place in [`Download::sources`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Waiting { for_server: bool },
    Round { ping_came: bool },
    Fetching(usize),
    Verifying,
    Finishing,
}

/// What is known of the bytes that the digest covers.
#[derive(Default)]
pub(super) struct Head {
    /// The driver's number for the check under way.
    pub(super) check: Option<u32>,
    pub(super) is_right: bool,
    /// How many of [`HEADS`] the digest was not of.
    pub(super) tried: usize,
    /// Some of it was there before this download began, so nobody can be blamed.
    pub(super) resumed: bool,
    /// A mixture of several holders' bytes was wrong once: from then on the head is taken from one holder at a
    /// time, so that the guilty one is known.
    pub(super) unmixed: bool,
}

/// A holder.
pub(super) struct Source {
    pub(super) nick: Token,
    pub(super) file: Quoted,
    pub(super) speed: u32,
    pub(super) ping: Option<Duration>,
    pub(super) stage: Stage,
    /// Failures without progress in between.
    pub(super) attempts: u8,
    /// How often its queue was full.
    pub(super) busy: u8,
    pub(super) not_before: Time,
    /// It has sent some of the head in this attempt.
    pub(super) in_head: bool,
}

/// See the module's second table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Idle,
    Asked,
    Dialling(ConnId, Time),
    Pinged(Time),
    Ready(ConnId),
    Reachable,
    Pushed,
    Sizing { conn: ConnId, offset: u64, pushed: bool },
    Receiving(Receiving),
}

/// A body on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Receiving {
    pub(super) conn: ConnId,
    /// Until then [`PROGRESS_BYTES_MIN`](common::transfer::PROGRESS_BYTES_MIN) more must have come.
    pub(super) deadline: Time,
    /// Bytes since the deadline was set.
    pub(super) moved: u64,
    /// Bytes on this connection.
    pub(super) total: u64,
}

/// What follows from a source's failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It may be asked again later.
    Later,
    /// Its queue is full; it may be asked again later.
    Busy,
    /// It is not asked again.
    Never,
}

impl Stage {
    /// The connection in use.
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Stage::Dialling(conn, _)
            | Stage::Ready(conn)
            | Stage::Sizing { conn, .. }
            | Stage::Receiving(Receiving { conn, .. }) => Some(conn),
            Stage::Idle | Stage::Asked | Stage::Pinged(_) | Stage::Reachable | Stage::Pushed => None,
        }
    }

    pub(super) fn is_pending(self) -> bool {
        matches!(self, Stage::Asked | Stage::Dialling(..) | Stage::Pinged(_))
    }

    pub(super) fn can_be_chosen(self) -> bool {
        matches!(self, Stage::Ready(_) | Stage::Reachable)
    }

    /// Without the server nothing more will come of it.
    pub(super) fn needs_server(self) -> bool {
        matches!(self, Stage::Asked | Stage::Pinged(_) | Stage::Reachable | Stage::Pushed)
    }
}

impl Source {
    pub(super) fn new(hit: &Hit) -> Option<Source> {
        Some(Source {
            nick: Token::from_text(&hit.holder.nick)?,
            file: Quoted::from_name(&hit.info.name)?,
            speed: hit.speed,
            ping: None,
            stage: Stage::Idle,
            attempts: 0,
            busy: 0,
            not_before: Time::ZERO,
            in_head: false,
        })
    }

    pub(super) fn is(&self, nick: &Token, file: &Quoted) -> bool {
        self.file == *file && self.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
    }

    pub(super) fn pinged(&mut self, took: Duration) {
        self.ping = Some(took);
    }

    pub(super) fn named(&self) -> Arc<Named> {
        Arc::new(Named { nick: self.nick.clone(), file: self.file.clone() })
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { attempts: self.attempts.saturating_add(self.busy), ping: self.ping, speed: self.speed }
    }
}

impl Download {
    /// Candidates of another size or digest than the first known are not the same content.
    pub(super) fn new(fetch: &Fetch) -> Option<Download> {
        let size = fetch.candidates.first()?.info.size;
        let digest = fetch.candidates.iter().find_map(|hit| hit.info.digest);
        let mut sources: Vec<Source> = Vec::new();
        for hit in &fetch.candidates {
            let same = hit.info.size == size && (hit.info.digest.is_none() || hit.info.digest == digest);
            if let Some(source) = Source::new(hit).filter(|_| same)
                && sources.len() < SOURCES_MAX
                && !sources.iter().any(|known| known.is(&source.nick, &source.file))
            {
                sources.push(source);
            }
        }
        // Napster's requests have a start and no end, so what lies behind the first gap is fetched again.
        let have = if fetch.have.end() > size { 0 } else { fetch.have.prefix() };
        (!sources.is_empty()).then(|| Download {
            into: fetch.into,
            size,
            digest,
            have,
            told: have,
            sources,
            phase: Phase::Waiting { for_server: true },
            step: 0,
            why: Failure::NoHolder,
            head: Head { resumed: have > 0, ..Head::default() },
        })
    }

    /// Bytes that the digest may cover: whoever sent some of them may be to blame.
    pub(super) fn head_len(&self) -> u64 {
        HEADS[HEADS.len() - 1].min(self.size)
    }

    /// Bytes that the digest is to be tried on next.
    pub(super) fn checked_len(&self) -> u64 {
        HEADS[self.head.tried].min(self.size)
    }

    /// The digest is not of [`Download::checked_len`] bytes; false if there are no others to try it on.
    pub(super) fn try_next_head(&mut self) -> bool {
        let next = self.head.tried + 1;
        let differs = HEADS.get(next).is_some_and(|len| (*len).min(self.size) > self.checked_len());
        self.head.tried += usize::from(differs);
        differs
    }

    pub(super) fn enter(&mut self, fetch: FetchId, phase: Phase, due: Duration, cx: Hands) {
        self.phase = phase;
        self.wait(fetch, due, cx);
    }

    /// The phase goes on, with another time-out.
    pub(super) fn wait(&mut self, fetch: FetchId, due: Duration, cx: Hands) {
        self.step = self.step.wrapping_add(1);
        cx.wake(due, Timer::StepDue(fetch, self.step));
    }

    /// The sources whose answer the round waits for.
    pub(super) fn pending(&self) -> impl Iterator<Item = usize> {
        let sources = self.sources.iter().enumerate();
        sources.filter(|(_, source)| source.stage.is_pending()).map(|(at, _)| at)
    }

    /// The source whose connection this is.
    pub(super) fn source_on(&self, conn: ConnId) -> Option<usize> {
        self.sources.iter().position(|source| source.stage.conn() == Some(conn))
    }

    /// Where the next holder goes on: at the first missing byte, or a few bytes before it where the size that comes
    /// without an end mark could be misread (see [`is_unambiguous`]).
    pub(super) fn next_offset(&self) -> u64 {
        if self.head.unmixed && !self.head.is_right && self.have < self.head_len() {
            return 0;
        }
        unambiguous_offset(self.size, self.have)
    }

    /// The body of `source` begins at `offset`.
    pub(super) fn begins(&mut self, source: usize, offset: u64) {
        self.have = offset;
        if offset == 0 {
            self.head.resumed = false;
            for source in &mut self.sources {
                source.in_head = false;
            }
        }
        if offset < self.head_len() {
            self.sources[source].in_head = true;
        }
    }

    /// True if pings decide, so that even a firewalled holder needs one.
    pub(super) fn pings_matter(&self, selection: Selection) -> bool {
        matches!(selection, Selection::Ping { .. })
            && self.sources.iter().filter(|source| source.stage != Stage::Idle).count() > 1
    }

    /// Bytes to tell the user of, if it is time to.
    pub(super) fn news(&mut self, done: bool) -> Option<u64> {
        let due = done || self.have.saturating_sub(self.told) >= self.size / PROGRESS_PARTS;
        due.then(|| {
            self.told = self.have;
            self.have
        })
    }
}

fn unambiguous_offset(size: u64, have: u64) -> u64 {
    (0..=have.min(size)).rev().find(|offset| is_unambiguous(size, *offset)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_avoids_offsets_whose_size_could_be_misread() {
        assert_eq!(unambiguous_offset(1234, 0), 0);
        assert_eq!(unambiguous_offset(1234, 500), 500);
        // 12 bytes left of 1234: "12" begins "1234".
        assert_eq!(unambiguous_offset(1234, 1222), 1221);
        assert_eq!(unambiguous_offset(1000, 1000), 1000);
        assert_eq!(unambiguous_offset(10, 9), 8);
    }
}
