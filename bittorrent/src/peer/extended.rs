//! The extension protocol (BEP 10) and peer exchange (BEP 11).

use std::net::SocketAddrV4;

use super::book::Told;
use super::torrent::{Torrent, What};
use super::{Hands, Shared};
use crate::wire::{EXTENDED_HANDSHAKE, Exchange, ExtendedHandshake, Message, PeerFlags};

/// By these numbers we want to get metadata and peer exchange.
const METADATA_ID: u8 = 1;
const EXCHANGE_ID: u8 = 2;
/// Peers told of in one message, and as many that have gone (BEP 11).
const TOLD_MAX: usize = 50;
/// Who we are, in words.
pub(super) const CLIENT: &str = concat!("p2p testbed ", env!("CARGO_PKG_VERSION"));

/// What we tell a peer of ourselves.
pub(super) fn our_handshake(torrent: &Torrent, at: u32, shared: &Shared, cx: Hands) -> Vec<u8> {
    let content = torrent.content();
    let is_private = content.is_some_and(|content| content.info().is_private);
    let handshake = ExtendedHandshake {
        metadata_id: Some(METADATA_ID),
        exchange_id: (shared.knobs.exchange && !is_private).then_some(EXCHANGE_ID),
        port: Some(cx.address().port()).filter(|port| *port != 0),
        client: Some(CLIENT.into()),
        yourip: torrent.links.get(at).map(|link| *link.remote.ip()),
        reqq: u32::try_from(shared.knobs.requests_queued_max).ok(),
        metadata_size: content.and_then(|content| u32::try_from(content.meta.info_bytes.len()).ok()),
        upload_only: torrent.is_seed() && !shared.knobs.super_seed,
    };
    handshake.encode()
}

impl Torrent {
    /// Something of the extension protocol has come.
    pub(super) fn extended(&mut self, at: u32, id: u8, payload: &[u8], shared: &mut Shared, cx: Hands) {
        match id {
            EXTENDED_HANDSHAKE => self.extended_handshake(at, payload, shared, cx),
            METADATA_ID => self.metadata(at, payload, shared, cx),
            EXCHANGE_ID => self.told_of_peers(at, payload, shared, cx),
            // Of an extension that we have not named: it may be read over.
            _ => {}
        }
    }

    fn extended_handshake(&mut self, at: u32, payload: &[u8], shared: &mut Shared, cx: Hands) {
        let Some(link) = self.links.get_mut(at) else { return };
        let Ok(handshake) = ExtendedHandshake::parse(payload) else {
            return self.drop_link(at, "an extended handshake that is none", shared, cx);
        };
        // It may come again, and says then only what has changed.
        if let Some(id) = handshake.metadata_id {
            link.metadata_id = id;
        }
        if let Some(id) = handshake.exchange_id {
            link.exchange_id = id;
        }
        if let Some(requests) = handshake.reqq {
            link.budget_max = requests.clamp(1, shared.knobs.requests_max);
        }
        if let (Some(port), None) = (handshake.port, link.listens) {
            let address = SocketAddrV4::new(*link.remote.ip(), port);
            link.listens = Some(address);
            self.book.add(address, Told::ByPeer);
            self.book.connected(address);
        }
        if let Some(size) = handshake.metadata_size {
            self.metadata_offered(at, size, cx);
        }
    }

    /// Tells peers of others, once a minute.
    pub(super) fn exchange_peers(&mut self, shared: &mut Shared, cx: Hands) {
        let every = shared.knobs.exchange_every.as_nanos() / shared.knobs.rechoke_every.as_nanos().max(1);
        let is_private = self.content().is_none_or(|content| content.info().is_private);
        if !shared.knobs.exchange || is_private || !u128::from(self.rounds).is_multiple_of(every.max(1)) {
            return;
        }
        let mut now: Vec<(SocketAddrV4, PeerFlags)> = Vec::with_capacity(self.links.len());
        for (_, link) in self.links.iter() {
            if let Some(address) = link.listens {
                let seed = if link.have.is_complete() { PeerFlags::SEED } else { PeerFlags::default() };
                let flags = if link.dialled { seed.and(PeerFlags::REACHABLE) } else { seed };
                now.push((address, flags));
            }
        }
        now.sort_by_key(|(address, _)| *address);
        now.dedup_by_key(|(address, _)| *address);
        for at in self.links.all() {
            self.tell_of_peers(at, &now, cx);
        }
    }

    fn tell_of_peers(&mut self, at: u32, now: &[(SocketAddrV4, PeerFlags)], cx: Hands) {
        let Some(link) = self.links.get_mut(at).filter(|link| link.exchange_id != 0) else { return };
        let is_told = |address: &SocketAddrV4| link.told.binary_search(address).is_ok();
        let is_news =
            |(address, _): &&(SocketAddrV4, PeerFlags)| !is_told(address) && link.listens != Some(*address);
        let added: Vec<_> = now.iter().filter(is_news).take(TOLD_MAX).copied().collect();
        let is_there =
            |address: &SocketAddrV4| now.binary_search_by_key(address, |(there, _)| *there).is_ok();
        let dropped: Vec<_> =
            link.told.iter().filter(|address| !is_there(address)).take(TOLD_MAX).copied().collect();
        if added.is_empty() && dropped.is_empty() {
            return;
        }
        link.told.retain(|address| !dropped.contains(address));
        link.told.extend(added.iter().map(|(address, _)| *address));
        link.told.sort_unstable();
        let id = link.exchange_id;
        let payload = Exchange { added, dropped }.encode();
        self.say(at, Message::Extended { id, payload: payload.into() }, cx);
    }

    fn told_of_peers(&mut self, at: u32, payload: &[u8], shared: &mut Shared, cx: Hands) {
        let is_private = match &self.what {
            What::Known(content) => content.info().is_private,
            What::Sought(_) => false,
        };
        let Some(link) = self.links.get_mut(at) else { return };
        let Ok(exchange) = Exchange::parse(payload) else {
            return self.drop_link(at, "a peer exchange that is none", shared, cx);
        };
        // Twice as often as allowed is too often to be listened to.
        let is_too_soon =
            link.told_us.is_some_and(|before| cx.now().since(before) < shared.knobs.exchange_every / 2);
        if is_private || !shared.knobs.exchange || is_too_soon {
            return;
        }
        link.told_us = Some(cx.now());
        for (address, _) in exchange.added.into_iter().take(TOLD_MAX) {
            if address != cx.address() {
                self.book.add(address, Told::ByPeer);
            }
        }
        self.dial_others(shared, cx);
    }
}
