//! Requests to trackers and sites: one connection each, and a further one for each place that an answer sends us to instead.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use common::http::Request;
use common::user::{FetchId, SearchId};

use super::extended::CLIENT;
use super::torrent::TorrentNo;
use crate::url::{Scheme, Url, name_of};
use crate::wire::{self, Answer};

/// More redirections of one request are not followed: they may lead in a circle. 5: our choice.
const REDIRECTIONS_MAX: u8 = 5;

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To tell a tracker of a torrent.
    Announce(TorrentNo),
    /// To search the site.
    Search(SearchId),
    /// A `.torrent` for a download.
    Torrent(FetchId),
    /// A `.torrent` that is sought by its link.
    Link(SearchId),
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) request: Arc<Request>,
    /// Under TLS, with whoever can show that he is called this.
    pub(super) tls: Option<Arc<str>>,
    pub(super) purpose: Purpose,
    /// With the port, if it was said.
    host: Box<str>,
    pub(super) to: SocketAddrV4,
    target: Box<str>,
    redirections: u8,
}

/// Where an answer says that what was asked for is to be had.
pub(super) fn moved_to(answer: &Answer) -> Option<&str> {
    matches!(answer.head.status, 301 | 302 | 303 | 307 | 308).then(|| answer.head.headers.get("Location"))?
}

impl Call {
    /// A request of something at a host.
    pub(super) fn new(
        scheme: Scheme,
        (host, to): (&str, SocketAddrV4),
        target: &str,
        purpose: Purpose,
    ) -> Self {
        let tls = (scheme == Scheme::Https).then(|| name_of(host).into());
        let request = Arc::new(wire::ask(host, target, CLIENT));
        Call { request, tls, purpose, host: host.into(), to, target: target.into(), redirections: 0 }
    }

    /// The same request of whom an answer says it is to be had from instead, if it does, and one can go there: to the same host, or to
    /// one by its number (names are looked up before a peer starts); not from a secured place to an open one.
    pub(super) fn redirected(&self, answer: &Answer) -> Option<Call> {
        let location = moved_to(answer).filter(|_| self.redirections < REDIRECTIONS_MAX)?;
        // What else there is, blanks for example, would not be one word of a request.
        let location =
            location.split('#').next().filter(|text| text.bytes().all(|b| b.is_ascii_graphic()))?;
        let own = if self.tls.is_some() { "https" } else { "http" };
        let location = match location.strip_prefix('/') {
            Some(rest) if rest.starts_with('/') => format!("{own}:{location}"),
            Some(_) => format!("{own}://{}{location}", self.host),
            None => location.to_owned(),
        };
        let url = Url::parse(&location).filter(|url| url.scheme.is_http())?;
        if self.tls.is_some() && url.scheme != Scheme::Https {
            return None;
        }
        let is_same_host = name_of(url.host).eq_ignore_ascii_case(name_of(&self.host));
        let same_host = || is_same_host.then(|| SocketAddrV4::new(*self.to.ip(), url.port()));
        let to = url.locate(&BTreeMap::new()).or_else(same_host)?;
        // What was asked is asked there too, unless the new place has a question of its own.
        let target = match self.target.split_once('?') {
            Some((_, query)) if !url.path.contains('?') => format!("{}?{query}", url.path),
            _ => url.path.to_owned(),
        };
        let call = Call::new(url.scheme, (url.host, to), &target, self.purpose);
        Some(Call { redirections: self.redirections + 1, ..call })
    }
}
