//! Reports, and what they are answered.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::Target;
use common::net::is_dialable;
use common::user::Note;

use super::{Hands, Tracker};
use crate::log::tracker::Report;
use crate::wire::{Announce, AnnounceReply, PeerId};

/// What a closed tracker says of any other torrent, in mainline's words.
const NOT_ALLOWED: &str = "Requested download is not authorized for use with this tracker.";

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
        if !self.swarms.allows(&announce.info_hash) {
            return Err(NOT_ALLOWED.to_owned());
        }
        let address = SocketAddrV4::new(listens_at(from, announce.ip), announce.port);
        if !is_dialable(address) {
            return Err("nobody can listen there".to_owned());
        }
        let number =
            self.swarms.report(&announce, address, from, &self.knobs, cx.now()).map_err(|refusal| {
                self.refused += 1;
                refusal.to_string()
            })?;
        self.listen(cx);
        if self.knobs.log {
            self.note(&announce, address, cx);
        }
        let figures = self.figures(&announce.info_hash).unwrap_or_default();
        let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let reply = AnnounceReply {
            interval_s: seconds(self.knobs.interval),
            // An interval that was set shorter is not contradicted.
            min_interval_s: Some(seconds(self.knobs.interval_min.min(self.knobs.interval))),
            complete: Some(figures.complete),
            incomplete: Some(figures.incomplete),
            peers: number.map_or_else(Vec::new, |number| self.handout(number, &announce, cx)),
            ..AnnounceReply::default()
        };
        Ok(reply.encode(announce.compact))
    }

    /// Some others of the asker's swarm.
    fn handout(&mut self, asker: u32, announce: &Announce, cx: Hands) -> Vec<(SocketAddrV4, Option<PeerId>)> {
        let wanted = announce.numwant.unwrap_or(self.knobs.handout).min(self.knobs.handout_max);
        let drawn = self.swarms.draw(asker, wanted as usize, self.knobs.seeds_for_seeds, cx.rng());
        let told = |number: &u32| {
            let peer = self.swarms.peer(*number);
            (peer.address, (!announce.no_peer_id).then_some(peer.id))
        };
        drawn.iter().map(told).collect()
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
