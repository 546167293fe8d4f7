//! Searches, browsing, and the search for more holders of one content.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::index::{SearchOptions, UserId};
use common::peer::ConnId;
use common::user::{FileInfo, Query};

use super::{Hands, Server, User, notice, user_id};
use crate::wire::search::{MediaType, Request, RequestError};
use crate::wire::text::{from_text, to_text};
use crate::wire::{
    Browse, BrowseEnd, BrowseHit, Checksum, FileRecord, Found, Line, Message, Quoted, ResumeHit, ResumeSearch,
};

/// What a search without `TYPE` means.
const MP3: &[u8] = b"audio/mp3";
/// Words of a query that the index is given; it takes no more than 32 anyway.
const QUERY_WORDS_MAX: usize = 64;

impl Server {
    /// A search always ends with 202, also after an error.
    pub(super) fn search(&mut self, conn: ConnId, text: &Line, cx: Hands) {
        match Request::parse(text.as_bytes()) {
            Ok(request) => self.answer(conn, &request, cx),
            Err(error @ (RequestError::Unparsable | RequestError::Invalid)) => {
                self.refused.frames += 1;
                notice(conn, error.to_string(), cx);
            }
        }
        cx.send(conn, Message::SearchEnd);
    }

    fn answer(&self, conn: ConnId, request: &Request, cx: Hands) {
        let query = Query {
            words: words_of(request),
            bitrate_kbps: request.bitrate_kbps,
            frequency_hz: request.frequency_hz,
            duration_s: request.duration_s,
            size: request.size,
            ..Query::default()
        };
        let results_max = match request.results_max {
            None | Some(0) => self.config.results_max,
            Some(wanted) => wanted.min(self.config.results_max),
        };
        let searcher_firewalled = self.user(conn).is_some_and(|user| user.port == 0);
        let eligible = |id: UserId| {
            self.by_id(id).is_some_and(|(_, owner)| {
                request.speed.contains(owner.speed) && !(searcher_firewalled && owner.port == 0)
            })
        };
        // The index would count results of other media too, so we count ourselves; its bound on work stays.
        let options = SearchOptions {
            exclude: Some(user_id(conn)),
            results_max: u32::MAX,
            eligible: Some(&eligible),
            work_max: self.config.search_work_max,
        };
        let mut sent = 0;
        let outcome = self.index.search(&query, &options, |id, info| {
            let Some((ip, owner)) = self.by_id(id) else { return ControlFlow::Continue(()) };
            if !is_wanted_media(request.media.as_ref(), owner, info) {
                return ControlFlow::Continue(());
            }
            let found = Found { record: record_of(info), nick: owner.nick.clone(), ip, speed: owner.speed };
            cx.send(conn, Message::SearchHit(Arc::new(found)));
            sent += 1;
            if sent < results_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if outcome.no_words {
            notice(conn, "search failed: request contained no valid words", cx);
        }
    }

    pub(super) fn browse(&self, conn: ConnId, browse: &Browse, cx: Hands) {
        let nick = &browse.nick;
        let Some((owner_conn, ip, owner)) = self.online(nick) else {
            cx.send(conn, Message::SignedOff(nick.clone()));
            return cx.send(conn, Message::BrowseEnd(Box::new(BrowseEnd { nick: nick.clone(), ip: None })));
        };
        let max = match browse.max {
            None | Some(0) => self.config.browse_max,
            Some(wanted) => wanted.min(self.config.browse_max),
        };
        let files = self.index.files_of(user_id(owner_conn));
        let ip = if files.len() == 0 { Ipv4Addr::UNSPECIFIED } else { ip };
        for info in files.take(max as usize) {
            let hit = BrowseHit { nick: owner.nick.clone(), record: record_of(info) };
            cx.send(conn, Message::BrowseHit(Arc::new(hit)));
        }
        cx.send(conn, Message::BrowseEnd(Box::new(BrowseEnd { nick: owner.nick.clone(), ip: Some(ip) })));
    }

    pub(super) fn resume_search(&self, conn: ConnId, wanted: &ResumeSearch, cx: Hands) {
        if let Checksum::Md5(md5) = wanted.checksum {
            let holders = self.contents.range((md5, wanted.size, 0)..=(md5, wanted.size, u32::MAX));
            for (_, _, slot) in holders.take(self.config.results_max as usize) {
                self.resume_hit(conn, UserId(*slot), wanted, cx);
            }
        }
        cx.send(conn, Message::ResumeEnd);
    }

    fn resume_hit(&self, conn: ConnId, holder: UserId, wanted: &ResumeSearch, cx: Hands) {
        let Some((ip, owner)) = self.by_id(holder) else { return };
        if holder == user_id(conn) {
            return;
        }
        let same = |info: &&Arc<FileInfo>| {
            info.size == wanted.size && Checksum::from(info.digest) == wanted.checksum
        };
        let Some(info) = self.index.files_of(holder).find(same) else { return };
        let record = record_of(info);
        let hit = ResumeHit {
            nick: owner.nick.clone(),
            ip,
            port: owner.port,
            file: record.file,
            checksum: record.checksum,
            size: record.size,
            speed: owner.speed,
        };
        cx.send(conn, Message::ResumeHit(Box::new(hit)));
    }
}

/// The words for the index: what is excluded gets its `-`.
fn words_of(request: &Request) -> String {
    let mut words = String::new();
    let mut count = 0;
    let mut add = |text: &[u8], prefix: &str| {
        for word in to_text(text).split_whitespace() {
            count += 1;
            if count <= QUERY_WORDS_MAX {
                words.push_str(prefix);
                words.push_str(word);
                words.push(' ');
            }
        }
    };
    request.contains.iter().for_each(|text| add(text, ""));
    request.excludes.iter().for_each(|text| add(text, "-"));
    words
}

fn is_wanted_media(wanted: Option<&MediaType>, owner: &User, info: &FileInfo) -> bool {
    let media = owner.media.get(&info.name);
    let media = media.map_or(MP3, |token| token.as_bytes());
    match wanted {
        None => media == MP3,
        Some(MediaType::Any) => true,
        // Clients say `mp3`, `audio/mp3` or `audio/mpeg` for the same.
        Some(MediaType::Named(name)) => match &name[..] {
            b"mp3" | b"audio/mpeg" => media == MP3,
            name => media == name,
        },
    }
}

/// A file as its owner described it, its name byte for byte.
pub(super) fn record_of(info: &FileInfo) -> FileRecord {
    FileRecord {
        file: Quoted::new(&from_text(&info.name)).expect("a name that came in a quoted field holds no quote"),
        checksum: Checksum::from(info.digest),
        size: info.size,
        bitrate_kbps: info.media.bitrate_kbps,
        frequency_hz: info.media.frequency_hz,
        duration_s: info.media.duration_s,
    }
}
