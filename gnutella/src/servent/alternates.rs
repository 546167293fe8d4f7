//! Other holders of the same content, as downloaders and holders tell each other: HUGE's alternate locations, and `X-Alt`, the
//! short form of later servents.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::Headers;

use super::resource::Resource;
use crate::wire::{PORT, Sha1Urn};

/// The short form's name: `ip[:port]`, with commas between them. It is the one that we write.
pub(super) const HEADER: &str = "X-Alt";
/// The long form's names (HUGE 0.94): `http://ip:port/uri-res/N2R?urn:sha1:… time`, with commas between them.
const LONG: [&str; 2] = ["X-Gnutella-Alternate-Location", "Alternate-Location"];
/// Holders told, read and remembered of one content. 10: gtk-gnutella tells as many.
pub(super) const ALTERNATES_MAX: usize = 10;
/// Contents of which holders are remembered: those asked for most recently.
const CONTENTS_MAX: usize = 256;

/// The holders of a content that a head names, the first [`ALTERNATES_MAX`]. What is not understood is skipped, also the
/// hints such as `tls=…` that some add.
pub(super) fn named(headers: &Headers, urn: Sha1Urn) -> Vec<SocketAddrV4> {
    let is = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
    let mut holders = Vec::new();
    for (name, value) in headers.iter() {
        let parts = value.split(',').map(str::trim);
        if is(name, HEADER) {
            holders.extend(parts.filter_map(address));
        } else if LONG.iter().any(|long| is(name, long)) {
            holders.extend(parts.filter_map(|part| location(part, urn)));
        }
    }
    holders.truncate(ALTERNATES_MAX);
    holders
}

fn address(text: &str) -> Option<SocketAddrV4> {
    let without_port = || text.parse::<Ipv4Addr>().ok().map(|ip| SocketAddrV4::new(ip, PORT));
    text.parse().ok().or_else(without_port)
}

/// Who has the content, if it is that one that is told of.
fn location(text: &str, urn: Sha1Urn) -> Option<SocketAddrV4> {
    let url = text.split_ascii_whitespace().next()?.strip_prefix("http://")?;
    let (host, target) = url.split_at(url.find('/')?);
    let is_it = Resource::parse(target) == Some(Resource::Content(urn));
    address(host).filter(|_| is_it)
}

/// The value of a line that names these; `None` if there are none.
pub(super) fn line<'a>(holders: impl Iterator<Item = &'a SocketAddrV4>) -> Option<String> {
    let holders: Vec<String> = holders.take(ALTERNATES_MAX).map(ToString::to_string).collect();
    (!holders.is_empty()).then(|| holders.join(","))
}

/// Who else has what we share, as told by those who fetch it from us: hearsay, which is passed on and never acted on.
#[derive(Default)]
pub(super) struct Alternates {
    /// The newest last.
    holders: BTreeMap<Sha1Urn, VecDeque<SocketAddrV4>>,
    /// The contents, that of the last word last.
    recent: VecDeque<Sha1Urn>,
}

impl Alternates {
    /// Somebody who fetches a content names holders of it.
    pub(super) fn learn(&mut self, urn: Sha1Urn, named: &[SocketAddrV4]) {
        let known = self.holders.entry(urn).or_default();
        for holder in named {
            known.retain(|address| address != holder);
            known.push_back(*holder);
            if known.len() > ALTERNATES_MAX {
                known.pop_front();
            }
        }
        self.recent.retain(|recent| *recent != urn);
        self.recent.push_back(urn);
        if self.recent.len() > CONTENTS_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            self.holders.remove(&oldest);
        }
    }

    /// The line that tells them to somebody else.
    pub(super) fn line(&self, urn: &Sha1Urn, but: Ipv4Addr) -> Option<String> {
        line(self.holders.get(urn)?.iter().filter(|holder| *holder.ip() != but))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> Headers {
        let mut headers = Headers::default();
        headers.push(HEADER, value);
        headers
    }

    fn named_in(headers: &Headers) -> Vec<String> {
        named(headers, Sha1Urn([7; 20])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_no_address_is_skipped() {
        let told = headers("1.2.3.4:6347, 5.6.7.8,tls=80, x, 9.9.9.9:0x7, 1.1.1.1:70000, 2.2.2.2:1");
        assert_eq!(named_in(&told), ["1.2.3.4:6347", "5.6.7.8:6346", "2.2.2.2:1"]);
        assert_eq!(named_in(&headers(&"1.2.3.4:1,".repeat(50))).len(), ALTERNATES_MAX);
    }

    #[test]
    fn the_long_form_counts_for_its_own_content_only() {
        let (urn, other) = (Sha1Urn([7; 20]), Sha1Urn([8; 20]));
        let mut told = Headers::default();
        let time = "2002-04-30T08:30Z";
        told.push("x-gnutella-alternate-location", format!("http://1.2.3.4:6347/uri-res/N2R?{urn} {time}"));
        told.push(
            "Alternate-Location",
            format!(
                "http://1.2.3.5/uri-res/N2R?{urn}, http://1.2.3.6:1/uri-res/N2R?{other} {time}, http://x, ,"
            ),
        );
        assert_eq!(named_in(&told), ["1.2.3.4:6347", "1.2.3.5:6346"]);
    }

    #[test]
    fn hearsay_is_bounded_and_the_newest_stays() {
        let mut alternates = Alternates::default();
        for content in 0..=CONTENTS_MAX {
            let mut sha1 = [0; 20];
            sha1[..8].copy_from_slice(&(content as u64).to_be_bytes());
            for holder in 0..20 {
                alternates.learn(Sha1Urn(sha1), &[SocketAddrV4::new([1, 2, 3, holder].into(), 1)]);
            }
        }
        assert_eq!((alternates.holders.len(), alternates.recent.len()), (CONTENTS_MAX, CONTENTS_MAX));
        assert!(alternates.line(&Sha1Urn([0; 20]), Ipv4Addr::LOCALHOST).is_none());
        let mut last = [0; 20];
        last[..8].copy_from_slice(&(CONTENTS_MAX as u64).to_be_bytes());
        let line = alternates.line(&Sha1Urn(last), Ipv4Addr::new(1, 2, 3, 12)).unwrap();
        assert_eq!(
            line,
            (10..20).filter(|n| *n != 12).map(|n| format!("1.2.3.{n}:1")).collect::<Vec<_>>().join(",")
        );
    }
}
