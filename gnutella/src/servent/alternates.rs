//! Other holders of the same content, as downloaders and holders tell each other: `X-Alt` (HUGE's alternate locations, in
//! the short form of later servents).

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::Headers;

use crate::wire::{PORT, Sha1Urn};

/// The line's name.
pub(super) const HEADER: &str = "X-Alt";
/// Holders told, read and remembered of one content. 10: gtk-gnutella tells as many.
pub(super) const ALTERNATES_MAX: usize = 10;
/// Contents of which holders are remembered: those asked for most recently.
const CONTENTS_MAX: usize = 256;

/// The holders that a head names: `ip[:port]`, with commas between them. What is not understood is skipped, also the
/// hints such as `tls=…` that some add.
pub(super) fn named(headers: &Headers) -> impl Iterator<Item = SocketAddrV4> {
    let parts = headers.get(HEADER).unwrap_or_default().split(',').take(ALTERNATES_MAX);
    parts.map(str::trim).filter_map(|part| {
        let with_port = || part.parse::<Ipv4Addr>().ok().map(|ip| SocketAddrV4::new(ip, PORT));
        part.parse().ok().or_else(with_port)
    })
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
    pub(super) fn learn(&mut self, urn: Sha1Urn, headers: &Headers) {
        for holder in named(headers) {
            let known = self.holders.entry(urn).or_default();
            known.retain(|address| *address != holder);
            known.push_back(holder);
            if known.len() > ALTERNATES_MAX {
                known.pop_front();
            }
            self.recent.retain(|recent| *recent != urn);
            self.recent.push_back(urn);
        }
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

    #[test]
    fn what_is_no_address_is_skipped() {
        let told = headers("1.2.3.4:6347, 5.6.7.8,tls=80, x, 9.9.9.9:0x7, 1.1.1.1:70000, 2.2.2.2:1");
        let holders: Vec<String> = named(&told).map(|holder| holder.to_string()).collect();
        assert_eq!(holders, ["1.2.3.4:6347", "5.6.7.8:6346", "2.2.2.2:1"]);
        assert_eq!(named(&headers(&"1.2.3.4:1,".repeat(50))).count(), ALTERNATES_MAX);
    }

    #[test]
    fn hearsay_is_bounded_and_the_newest_stays() {
        let mut alternates = Alternates::default();
        for content in 0..=CONTENTS_MAX {
            let mut sha1 = [0; 20];
            sha1[..8].copy_from_slice(&(content as u64).to_be_bytes());
            for holder in 0..20 {
                alternates.learn(Sha1Urn(sha1), &headers(&format!("1.2.3.{holder}:1")));
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
