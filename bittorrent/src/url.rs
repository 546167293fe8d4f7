//! URLs of trackers and sites.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// How one speaks to what a URL names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// HTTP under TLS.
    Https,
    /// Datagrams (BEP 15).
    Udp,
}

impl Scheme {
    /// What it listens on if the URL does not say; a UDP tracker has no such port.
    fn port(self) -> Option<u16> {
        match self {
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::Udp => None,
        }
    }

    /// True if it is HTTP, under TLS or not.
    pub fn is_http(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Https)
    }
}

/// A URL, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Url<'a> {
    /// How one speaks to it.
    pub scheme: Scheme,
    /// Its host, with the port if there is one, as it stands there.
    pub host: &'a str,
    /// What follows, with its query; never empty.
    pub path: &'a str,
    port: u16,
}

impl<'a> Url<'a> {
    /// Takes a URL apart; `None` if it is none, or one of a kind that is not spoken here.
    pub fn parse(text: &'a str) -> Option<Url<'a>> {
        let (scheme, rest) =
            [("http://", Scheme::Http), ("https://", Scheme::Https), ("udp://", Scheme::Udp)]
                .iter()
                .find_map(|(prefix, scheme)| {
                    let (start, rest) = text.split_at_checked(prefix.len())?;
                    start.eq_ignore_ascii_case(prefix).then_some((*scheme, rest))
                })?;
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() {
            return None;
        }
        let port = port_of(host).or(scheme.port())?;
        Some(Url { scheme, host, path: if path.is_empty() { "/" } else { path }, port })
    }

    /// The host and the port, the scheme's own if the URL has none: under this name it is looked up.
    pub fn place(&self) -> String {
        match port_of(self.host) {
            Some(_) => self.host.to_owned(),
            None => format!("{}:{}", self.host, self.port),
        }
    }

    /// The port, the scheme's own if the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where that is: by its number, or as the table has it.
    pub fn locate(&self, hosts: &BTreeMap<Box<str>, SocketAddrV4>) -> Option<SocketAddrV4> {
        let without_port = || self.host.parse::<Ipv4Addr>().ok().map(|ip| SocketAddrV4::new(ip, self.port));
        let by_number = self.host.parse().ok().or_else(without_port);
        by_number.or_else(|| hosts.get(&*self.place()).copied())
    }
}

/// A host without its port: what its certificate must name.
pub fn name_of(host: &str) -> &str {
    match port_of(host) {
        Some(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
        None => host,
    }
}

fn port_of(host: &str) -> Option<u16> {
    host.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let parts = |text| Url::parse(text).map(|url| (url.scheme, url.host, url.path));
        let (http, udp) = (Scheme::Http, Scheme::Udp);
        assert_eq!(parts("http://a.example:80/announce?x=1"), Some((http, "a.example:80", "/announce?x=1")));
        assert_eq!(parts("HTTP://a"), Some((http, "a", "/")));
        assert_eq!(parts("http://a?x"), Some((http, "a", "?x")));
        assert_eq!(parts("https://a/x"), Some((Scheme::Https, "a", "/x")));
        assert_eq!(parts("uDp://a:1/announce"), Some((udp, "a:1", "/announce")));
        assert_eq!(parts("udp://a:1"), Some((udp, "a:1", "/")));
        let none = [
            "udp://a/announce",
            "udp://a:x/",
            "ftp://a/",
            "https://",
            "http://",
            "http:///x",
            "",
            "häää://x",
            "udp:",
        ];
        for other in none {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn a_host_is_found_by_its_number_or_by_the_table() {
        let table = [("a.example:7", "10.0.0.1:7"), ("b.example:80", "10.0.0.2:80")];
        let hosts = table.map(|(host, at)| (host.into(), at.parse().unwrap())).into();
        let at = |url| Url::parse(url).unwrap().locate(&hosts).map(|at: SocketAddrV4| at.to_string());
        assert_eq!(at("http://127.0.0.1/x").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(at("http://127.0.0.1:6969/x").as_deref(), Some("127.0.0.1:6969"));
        assert_eq!(at("udp://127.0.0.1:6969/x").as_deref(), Some("127.0.0.1:6969"));
        assert_eq!(at("udp://a.example:7").as_deref(), Some("10.0.0.1:7"));
        assert_eq!(at("http://b.example/x").as_deref(), Some("10.0.0.2:80"), "the scheme's own port");
        assert_eq!(at("http://c.example"), None);
        assert_eq!(at("https://127.0.0.1/x").as_deref(), Some("127.0.0.1:443"));
        assert_eq!(at("https://b.example/x"), None, "another port");
        assert_eq!(["a", "a:1", "127.0.0.1:443", "[::1]"].map(name_of), ["a", "a", "127.0.0.1", "[::1]"]);
    }
}
