//! Requests to trackers and sites: one connection each.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use common::http::Request;
use common::user::{FetchId, SearchId};

use super::extended::CLIENT;
use super::torrent::TorrentNo;
use crate::wire;

/// What HTTP listens on if a URL does not say.
const HTTP_PORT: u16 = 80;

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
    pub(super) purpose: Purpose,
}

impl Call {
    /// A request of something at a host.
    pub(super) fn new(host: &str, target: &str, purpose: Purpose) -> Self {
        Call { request: Arc::new(wire::ask(host, target, CLIENT)), purpose }
    }
}

/// Host, with its port if it has one, and the rest of an `http` URL; `None` of any other.
pub(super) fn split_url(url: &str) -> Option<(&str, &str)> {
    let rest = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).map(|_| &url[7..])?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    (!host.is_empty()).then_some((host, if path.is_empty() { "/" } else { path }))
}

/// Where a host is: by its number, or as the table has it.
pub(super) fn locate(host: &str, hosts: &BTreeMap<Box<str>, SocketAddrV4>) -> Option<SocketAddrV4> {
    let by_number = host.parse().ok();
    let without_port = || host.parse::<Ipv4Addr>().ok().map(|ip| SocketAddrV4::new(ip, HTTP_PORT));
    by_number.or_else(without_port).or_else(|| hosts.get(host).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(split_url("http://a.example:80/announce?x=1"), Some(("a.example:80", "/announce?x=1")));
        assert_eq!(split_url("HTTP://a"), Some(("a", "/")));
        assert_eq!(split_url("http://a?x"), Some(("a", "?x")));
        for other in ["udp://a:1/announce", "https://a/", "http://", "http:///x", "", "häää://x"] {
            assert_eq!(split_url(other), None, "{other}");
        }
        let hosts = BTreeMap::from([("a.example:7".into(), "10.0.0.1:7".parse().unwrap())]);
        let at = |host: &str| locate(host, &hosts).map(|at| at.to_string());
        assert_eq!(at("127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(at("127.0.0.1:6969").as_deref(), Some("127.0.0.1:6969"));
        assert_eq!(at("a.example:7").as_deref(), Some("10.0.0.1:7"));
        assert_eq!(at("b.example"), None);
    }
}
