//! Looking for torrents: on the site, or by a link to one.
//!
//! A search whose words are a link (`magnet:`, `http:` or `https:`) gets that torrent's metainfo, from peers or from the web. It is told as
//! a [`Note::Keep`] in base64, since a program that wants to keep a `.torrent` must have its bytes, and then as the one result.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::http;
use common::user::{Failure, FetchId, FileInfo, Hit, Holder, Note, Query, SearchEnd, SearchId};

use super::call::{Call, Purpose};
use super::metadata::Hunt;
use super::torrent::{TorrentNo, What};
use super::{Awaited, Hands, Peer};
use crate::magnet::Magnet;
use crate::metainfo::Metainfo;
use crate::site::{Listing, search_target};
use crate::url::{Scheme, Url};
use crate::wire::Answer;

impl Peer {
    pub(super) fn search(&mut self, search: SearchId, query: &Query, cx: Hands) {
        if query.words.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:")) {
            return self.hunt(search, &query.words, cx);
        }
        if let Some(url) = Url::parse(&query.words).filter(|url| url.scheme.is_http()) {
            let Some(to) = url.locate(&self.me.hosts) else {
                return cx.note(Note::SearchEnded(search, SearchEnd::Offline));
            };
            let call = Call::new(url.scheme, (url.host, to), url.path, Purpose::Link(search));
            return self.shared.call(call, cx);
        }
        let Some(site) = self.me.site else {
            return cx.note(Note::SearchEnded(search, SearchEnd::Offline));
        };
        let target = search_target(&query.words, query.results_max);
        let call = Call::new(Scheme::Http, (&site.to_string(), site), &target, Purpose::Search(search));
        self.shared.call(call, cx);
    }

    /// There is nobody whose files could be listed: a site lists torrents, whoever has them.
    pub(super) fn refuse_browse(&mut self, search: SearchId, cx: Hands) {
        cx.note(Note::SearchEnded(search, SearchEnd::Refused));
    }

    /// The site has answered a search.
    pub(super) fn site_answered(&mut self, search: SearchId, answer: Option<&Answer>, cx: Hands) {
        let Some(answer) = answer.filter(|answer| answer.head.status == http::OK) else {
            let end = if answer.is_some() { SearchEnd::Refused } else { SearchEnd::Offline };
            return cx.note(Note::SearchEnded(search, end));
        };
        let text = String::from_utf8_lossy(&answer.body);
        for listing in text.lines().filter_map(Listing::parse) {
            let info = FileInfo { name: listing.name, size: listing.size, ..FileInfo::default() };
            let holder = Holder { address: self.me.site, index: listing.index, ..Holder::default() };
            let hit = Hit { info, holder, speed: 0, hops: Some(1) };
            cx.note(Note::Found(search, Arc::new(hit)));
        }
        cx.note(Note::SearchEnded(search, SearchEnd::Complete));
    }

    /// A download's `.torrent` has come from the site.
    pub(super) fn torrent_came(&mut self, fetch: FetchId, answer: Option<&Answer>, cx: Hands) {
        let Some(Awaited { into, have }) = self.awaited.remove(&fetch) else { return };
        match metainfo(answer) {
            Some(meta) => self.add(meta, into, &have, Some(fetch), cx),
            None => cx.note(Note::Failed(fetch, Failure::NoHolder)),
        }
    }

    /// A `.torrent` that was sought by its URL has come.
    pub(super) fn link_answered(&mut self, search: SearchId, answer: Option<&Answer>, cx: Hands) {
        match metainfo(answer) {
            Some(meta) => self.tell_of_torrent(search, meta, cx),
            None => {
                if let Some(head) = answer.map(|answer| &answer.head).filter(|head| head.status != http::OK) {
                    cx.note(Note::Text(format!("it answers with status {}", head.status).into()));
                }
                let end = if answer.is_some() { SearchEnd::Refused } else { SearchEnd::Offline };
                cx.note(Note::SearchEnded(search, end));
            }
        }
    }

    /// Seeks a torrent's metainfo among its peers.
    fn hunt(&mut self, search: SearchId, link: &str, cx: Hands) {
        let Ok(magnet) = link.parse::<Magnet>() else {
            return cx.note(Note::SearchEnded(search, SearchEnd::Refused));
        };
        // Each its own tier: the link says nothing of them, and whoever made it named the best first.
        let trackers: Vec<Vec<Box<str>>> = magnet.trackers.into_iter().map(|tracker| vec![tracker]).collect();
        let what = What::Sought(Hunt::new(search, trackers.clone()));
        match self.enter(magnet.info_hash, what, None) {
            Some(no) => self.begin(no, &trackers, &magnet.peers, cx),
            None => cx.note(Note::SearchEnded(search, SearchEnd::Refused)),
        }
    }

    /// Tells of the metainfo that has come from peers; a download of it begins anew, now that it is known what it is.
    pub(super) fn take_in_found(&mut self, cx: Hands) {
        for (no, meta) in std::mem::take(&mut self.shared.found) {
            let Some(search) = self.end_hunt(no, cx) else { continue };
            self.tell_of_torrent(search, meta, cx);
        }
    }

    fn end_hunt(&mut self, no: TorrentNo, cx: Hands) -> Option<SearchId> {
        let torrent = self.torrents.get_mut(&no)?;
        let search = match &torrent.what {
            What::Sought(hunt) => hunt.search,
            What::Known(_) => return None,
        };
        torrent.stop(&mut self.shared, cx);
        self.forget_ended();
        Some(search)
    }

    fn tell_of_torrent(&mut self, search: SearchId, meta: Arc<Metainfo>, cx: Hands) {
        cx.note(Note::Keep(BASE64_STANDARD.encode(meta.to_bytes()).into()));
        let info = FileInfo { name: meta.info.title().into(), size: meta.info.length, ..FileInfo::default() };
        self.library.push(meta);
        cx.note(Note::Found(search, Arc::new(Hit { info, ..Hit::default() })));
        cx.note(Note::SearchEnded(search, SearchEnd::Complete));
    }
}

/// The torrent in a site's answer.
fn metainfo(answer: Option<&Answer>) -> Option<Arc<Metainfo>> {
    let answer = answer.filter(|answer| answer.head.status == http::OK)?;
    Metainfo::parse(&answer.body).ok().map(Arc::new)
}
