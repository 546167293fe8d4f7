//! How downloads meet their holders: what the server says of them, and their connections up to the last byte.

use std::net::SocketAddrV4;

use common::peer::{BodyState, CloseReason, ConnId, Place};
use common::store::StoreFault;
use common::transfer::PROGRESS_BYTES_MIN;
use common::user::{Failure, FetchId, Note};

use super::fetch::{Receiving, Stage, Verdict};
use super::{Hands, Link, Peer};
use crate::wire::{Checksum, Message, Named, Offer, Pinged, Refusal, Setup, Token};

impl Peer {
    /// The server's word where to fetch (204).
    pub(super) fn offered(&mut self, offer: &Offer, cx: Hands) {
        let fits = |stage| matches!(stage, Stage::Asked | Stage::Pushed);
        let Some(at @ (fetch, source)) = self.find_source(&offer.nick, &offer.file, fits) else { return };
        let server = self.server();
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let alone = !download.pings_matter(self.me.selection);
        let stage = &mut download.sources[source].stage;
        match (*stage, server) {
            // The answer to a 500 when both sides are firewalled.
            (Stage::Pushed, _) if offer.checksum == Checksum::FirewallError => {
                self.source_failed(at, Failure::NoHolder, Verdict::Never, cx);
            }
            (Stage::Asked, _) if offer.port != 0 => {
                let conn = cx.dial(SocketAddrV4::new(offer.ip, offer.port), Setup::Data);
                *stage = Stage::Dialling(conn, cx.now());
                self.links.insert(conn, Link::Download(fetch));
            }
            (Stage::Asked, Some(server)) if !alone => {
                *stage = Stage::Pinged(cx.now());
                let ping = Pinged { nick: offer.nick.clone(), text: None };
                cx.send(server, Message::Ping(Box::new(ping)));
            }
            (Stage::Asked, _) => {
                *stage = Stage::Reachable;
                self.decide(fetch, cx);
            }
            _ => {}
        }
    }

    /// Somebody has answered our ping through the server (752).
    pub(super) fn ponged(&mut self, nick: &Token, cx: Hands) {
        let now = cx.now();
        let mut changed = Vec::new();
        for (fetch, download) in &mut self.downloads {
            for source in &mut download.sources {
                if let Stage::Pinged(since) = source.stage
                    && source.nick.as_bytes().eq_ignore_ascii_case(nick.as_bytes())
                {
                    source.pinged(now.since(since));
                    source.stage = Stage::Reachable;
                    changed.push(*fetch);
                }
            }
        }
        for fetch in changed {
            self.decide(fetch, cx);
        }
    }

    /// A source is gone (206), will not send (609) or has a full queue (620). Even one that is gone may come back: after
    /// a server has restarted, some of its users are always the last.
    pub(super) fn refused(&mut self, named: &Named, why: Failure, verdict: Verdict, cx: Hands) {
        let fits = |stage| matches!(stage, Stage::Asked | Stage::Pushed);
        if let Some(at) = self.find_source(&named.nick, &named.file, fits) {
            self.source_failed(at, why, verdict, cx);
        }
    }

    /// A message of a holder, whom we dialled or who dialled us.
    pub(super) fn of_holder(&mut self, fetch: FetchId, conn: ConnId, message: &Message, cx: Hands) {
        let Some(download) = self.downloads.get_mut(&fetch) else { return self.hang_up(conn, cx) };
        let Some(at) = download.source_on(conn) else { return self.hang_up(conn, cx) };
        let size = download.size;
        let source = &mut download.sources[at];
        match (source.stage, message) {
            (Stage::Dialling(_, since), Message::Hello) => {
                source.pinged(cx.now().since(since));
                source.stage = Stage::Ready(conn);
                self.decide(fetch, cx);
            }
            (Stage::Sizing { offset, pushed, .. }, Message::Size(told))
                if *told == size || !pushed && *told == size - offset =>
            {
                if pushed {
                    cx.send(conn, Message::Offset(offset));
                }
                let deadline = cx.now() + self.config.data_timeout;
                source.stage = Stage::Receiving(Receiving { conn, deadline, moved: 0, total: 0 });
                download.begins(at, offset);
                cx.receive(conn, size - offset, Some(Place { file: download.into, offset }));
                download.wait(fetch, self.config.data_timeout, cx);
                self.tell_server(Message::DownloadBegun, cx);
            }
            (Stage::Sizing { .. }, Message::Refusal(Refusal::Invalid)) => {
                self.source_failed((fetch, at), Failure::Refused, Verdict::Later, cx);
            }
            _ => self.source_failed((fetch, at), Failure::Refused, Verdict::Never, cx),
        }
    }

    /// Somebody brings a file (`SEND`): taken if it is one we wait for.
    pub(super) fn delivered(&mut self, conn: ConnId, named: &Named, cx: Hands) {
        let awaited = self.find_source(&named.nick, &named.file, |stage| stage == Stage::Pushed);
        let awaited = awaited.and_then(|(fetch, at)| Some((fetch, at, self.downloads.get_mut(&fetch)?)));
        let Some((fetch, at, download)) = awaited else {
            cx.send(conn, Message::Refusal(Refusal::Invalid));
            return self.hang_up(conn, cx);
        };
        let offset = download.next_offset();
        download.sources[at].stage = Stage::Sizing { conn, offset, pushed: true };
        cx.resume_as(conn, Setup::Pushed { size: download.size });
        download.wait(fetch, self.config.step_timeout, cx);
        self.links.insert(conn, Link::Download(fetch));
    }

    pub(super) fn body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        let Some(Link::Download(fetch)) = self.links.get(conn) else { return };
        let fetch = *fetch;
        let Some(download) = self.downloads.get_mut(&fetch) else { return };
        let Some(at) = download.source_on(conn) else { return };
        let Stage::Receiving(receiving) = &mut download.sources[at].stage else { return };
        receiving.total += u64::from(len);
        receiving.moved += u64::from(len);
        if receiving.moved >= PROGRESS_BYTES_MIN {
            receiving.deadline = cx.now() + self.config.data_timeout;
            receiving.moved = 0;
        }
        match state {
            // A checking store knows the content; whoever sent other bytes has another file.
            BodyState::Failed(StoreFault::Corrupt) => {
                return self.source_failed((fetch, at), Failure::Corrupt, Verdict::Never, cx);
            }
            BodyState::Failed(fault) => return self.store_failed(fetch, fault, cx),
            BodyState::More | BodyState::Done => {}
        }
        download.have += u64::from(len);
        if let Some(have) = download.news(state == BodyState::Done) {
            cx.note(Note::Progress(fetch, have));
        }
        if state == BodyState::Done {
            download.sources[at].stage = Stage::Idle;
            self.hang_up(conn, cx);
            self.tell_server(Message::DownloadEnded, cx);
        }
        self.check_head(fetch, cx);
        if state == BodyState::Done {
            self.whole(fetch, cx);
        }
    }

    /// A holder's connection has ended by itself.
    pub(super) fn download_closed(&mut self, fetch: FetchId, conn: ConnId, reason: CloseReason, cx: Hands) {
        let Some(download) = self.downloads.get(&fetch) else { return };
        let Some(at) = download.source_on(conn) else { return };
        let source = &download.sources[at];
        let (why, verdict) = match (source.stage, reason) {
            (_, CloseReason::Timeout) => (Failure::Timeout, Verdict::Later),
            // No Napster listens there.
            (Stage::Dialling(..), CloseReason::Protocol) => (Failure::NoHolder, Verdict::Never),
            // A size that is not the promised one: not the file we want.
            (_, CloseReason::Protocol) => (Failure::Refused, Verdict::Never),
            (Stage::Sizing { .. }, _) => (Failure::Refused, Verdict::Later),
            _ => (Failure::NoHolder, Verdict::Later),
        };
        if matches!(source.stage, Stage::Dialling(..)) {
            let nick = source.nick.clone();
            self.tell_server(Message::PortError(nick), cx);
        }
        self.source_failed((fetch, at), why, verdict, cx);
    }

    /// A notice for the server, if there is a server.
    pub(super) fn tell_server(&self, message: Message, cx: Hands) {
        if let Some(server) = self.server() {
            cx.send(server, message);
        }
    }
}
