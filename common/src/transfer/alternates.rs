//! Other holders of the same content, as downloaders and holders tell each other.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Holders told, read and remembered of one content. 10: gtk-gnutella tells as many.
pub const ALTERNATES_MAX: usize = 10;
/// Contents of which holders are remembered: those asked for most recently.
const CONTENTS_MAX: usize = 256;

/// One holder of a list: `ip:port`, or `ip` alone with the overlay's usual port.
pub fn alternate(text: &str, port: u16) -> Option<SocketAddrV4> {
    let without_port = || text.parse::<Ipv4Addr>().ok().map(|ip| SocketAddrV4::new(ip, port));
    text.parse().ok().or_else(without_port)
}

/// The value of a line that names these, the first [`ALTERNATES_MAX`], with commas between them; `None` if there are none.
pub fn alternates_line<'a>(holders: impl Iterator<Item = &'a SocketAddrV4>) -> Option<String> {
    let holders: Vec<String> = holders.take(ALTERNATES_MAX).map(ToString::to_string).collect();
    (!holders.is_empty()).then(|| holders.join(","))
}

/// Who else has what we share, by content `C`, as told by those who fetch it from us: hearsay, which is passed on and never
/// acted on.
#[derive(Debug)]
pub struct Alternates<C> {
    /// The newest last.
    holders: BTreeMap<C, VecDeque<SocketAddrV4>>,
    /// The contents, that of the last word last.
    recent: VecDeque<C>,
}

impl<C> Default for Alternates<C> {
    fn default() -> Self {
        Alternates { holders: BTreeMap::new(), recent: VecDeque::new() }
    }
}

impl<C: Copy + Ord> Alternates<C> {
    /// Somebody who fetches a content names holders of it.
    pub fn learn(&mut self, content: C, named: &[SocketAddrV4]) {
        let known = self.holders.entry(content).or_default();
        for holder in named {
            known.retain(|address| address != holder);
            known.push_back(*holder);
            if known.len() > ALTERNATES_MAX {
                known.pop_front();
            }
        }
        self.recent.retain(|recent| *recent != content);
        self.recent.push_back(content);
        if self.recent.len() > CONTENTS_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            self.holders.remove(&oldest);
        }
    }

    /// The line that tells them to somebody else.
    pub fn line(&self, content: &C, but: Ipv4Addr) -> Option<String> {
        alternates_line(self.holders.get(content)?.iter().filter(|holder| *holder.ip() != but))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_an_address_with_or_without_a_port() {
        let text = |text: &str| alternate(text, 80).map(|address| address.to_string());
        assert_eq!(text("1.2.3.4:6347").as_deref(), Some("1.2.3.4:6347"));
        assert_eq!(text("1.2.3.4").as_deref(), Some("1.2.3.4:80"));
        for wrong in ["", "x", "1.2.3.4:", "1.2.3.4:0x7", "1.2.3.4:70000", "[::1]:80", " 1.2.3.4"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
        let many = [SocketAddrV4::new([1, 2, 3, 4].into(), 1); ALTERNATES_MAX + 1];
        assert_eq!(alternates_line(many.iter()).map(|line| line.split(',').count()), Some(ALTERNATES_MAX));
        assert_eq!(alternates_line([].iter()), None);
    }

    #[test]
    fn hearsay_is_bounded_and_the_newest_stays() {
        let mut alternates = Alternates::default();
        for content in 0..=CONTENTS_MAX {
            for holder in 0..20 {
                alternates.learn(content, &[SocketAddrV4::new([1, 2, 3, holder].into(), 1)]);
            }
        }
        assert_eq!((alternates.holders.len(), alternates.recent.len()), (CONTENTS_MAX, CONTENTS_MAX));
        assert!(alternates.line(&0, Ipv4Addr::LOCALHOST).is_none());
        let line = alternates.line(&CONTENTS_MAX, Ipv4Addr::new(1, 2, 3, 12)).unwrap();
        let expected: Vec<String> = (10..20).filter(|n| *n != 12).map(|n| format!("1.2.3.{n}:1")).collect();
        assert_eq!(line, expected.join(","));
    }
}
