//! Reports, and what they are answered.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::http::Target;
use common::net::is_dialable;
use common::user::Note;

use super::{Hands, Tracker};
use crate::log::tracker::Report;
use crate::wire::{Announce, AnnounceEvent, AnnounceReply, ScrapeEntry};

/// What a closed tracker says of any other torrent, in mainline's words.
const NOT_ALLOWED: &str = "Requested download is not authorized for use with this tracker.";

/// A report that was taken.
pub(super) struct Taken {
    /// How many there are now.
    pub(super) figures: ScrapeEntry,
    /// Some others of the swarm, by number.
    pub(super) told: Vec<u32>,
}

impl Tracker {
    /// The answer to a report from `from`.
    pub(super) fn announced(&mut self, target: &Target<'_>, from: Ipv4Addr, cx: Hands) -> Vec<u8> {
        match self.taken(target, from, cx) {
            Ok(reply) => reply,
            Err(why) => AnnounceReply::encode_failure(&why),
        }
    }

    fn taken(&mut self, target: &Target<'_>, from: Ipv4Addr, cx: Hands) -> Result<Vec<u8>, String> {
        let announce = Announce::from_query(target.query).map_err(|why| why.to_string())?;
        let Taken { figures, told } = self.report(&announce, from, usize::MAX, cx)?;
        let named = |number: &u32| {
            let peer = self.swarms.peer(*number);
            (peer.address, (!announce.no_peer_id).then_some(peer.id))
        };
        let reply = AnnounceReply {
            interval_s: self.interval_s(),
            // An interval that was set shorter is not contradicted.
            min_interval_s: Some(seconds(self.knobs.interval_min.min(self.knobs.interval))),
            complete: Some(figures.complete),
            incomplete: Some(figures.incomplete),
            peers: told.iter().map(named).collect(),
            ..AnnounceReply::default()
        };
        Ok(reply.encode(announce.compact))
    }

    /// Takes a report from `from`, however it has come; whoever reports is told of `told_max` others at most.
    ///
    /// # Errors
    /// What the answer is to say instead.
    pub(super) fn report(
        &mut self,
        announce: &Announce,
        from: Ipv4Addr,
        told_max: usize,
        cx: Hands,
    ) -> Result<Taken, String> {
        if !self.swarms.allows(&announce.info_hash) {
            return Err(NOT_ALLOWED.to_owned());
        }
        let address = SocketAddrV4::new(listens_at(from, announce.ip), announce.port);
        if !is_dialable(address) {
            return Err("nobody can listen there".to_owned());
        }
        let number =
            self.swarms.report(announce, address, from, &self.knobs, cx.now()).map_err(|refusal| {
                self.refused += 1;
                refusal.to_string()
            })?;
        self.listen(cx);
        if self.knobs.log {
            self.note(announce, address, cx);
        }
        let figures = self.figures(&announce.info_hash).unwrap_or_default();
        let told = number.map_or_else(Vec::new, |number| {
            let wanted = announce.numwant.unwrap_or(self.knobs.handout).min(self.knobs.handout_max);
            let wanted = told_max.min(wanted as usize);
            self.swarms.draw(number, wanted, announce.event == AnnounceEvent::Started, &self.knobs, cx.rng())
        });
        Ok(Taken { figures, told })
    }

    pub(super) fn interval_s(&self) -> u32 {
        seconds(self.knobs.interval)
    }

    fn note(&self, announce: &Announce, address: SocketAddrV4, cx: Hands) {
        let Announce { info_hash, peer_id, uploaded, downloaded, left, event, .. } = *announce;
        let time_ms = crate::log::time_ms(self.started_s, cx.now());
        let report = Report { time_ms, event, info_hash, peer_id, address, uploaded, downloaded, left };
        cx.note(Note::Keep(report.to_string().into()));
    }
}

/// See the module [`tracker`](super).
fn listens_at(from: Ipv4Addr, named: Option<Ipv4Addr>) -> Ipv4Addr {
    let is_near = from.is_loopback() || from.is_private();
    named.filter(|_| is_near).unwrap_or(from)
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
