//! The links of the peer, and what holds of them at a time.
//!
//! | of a link | begins as | changed by |
//! |---|---|---|
//! | the other has all | no | `got all` |
//! | the other serves us | no | `got unchoke`, `got choke` |
//! | we want something of it | no | `sent interested`, `sent not-interested` |
//! | we serve it | no | `sent unchoke`, `sent choke` |
//! | it wants something of us | no | `got interested`, `got not-interested` |

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use bittorrent::log::client::{Act, Side};

use super::others::Others;

/// Links at a time: more than any peer has.
const LINKS_MAX: usize = 100_000;

/// A link with another peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    /// Whose number among the others this is.
    pub(super) other: Option<u32>,
    /// Whether this peer dialled; `None` if the log does not say.
    pub(super) dialled: Option<bool>,
    pub(super) is_seed: bool,
    serves_us: bool,
    wants_us: bool,
    is_served: bool,
    is_wanted: bool,
}

/// How many links are of which kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// Those of whom something is wanted.
    pub(super) wanted: usize,
    /// ... and who serve this peer.
    pub(super) serving: usize,
    /// Those who want something.
    pub(super) wanting: usize,
    /// ... and are served.
    pub(super) served: usize,
}

/// All links that there are.
#[derive(Debug, Default)]
pub(super) struct Links {
    list: BTreeMap<SocketAddrV4, Link>,
    pub(super) counts: Counts,
    /// Lines about links for which there was no room.
    pub(super) unlisted: u64,
}

impl Link {
    fn counts(&self) -> Counts {
        Counts {
            wanted: self.is_wanted.into(),
            serving: (self.is_wanted && self.serves_us).into(),
            wanting: self.wants_us.into(),
            served: (self.wants_us && self.is_served).into(),
        }
    }
}

impl Links {
    /// Notes what is done on a link; one that was never begun is there all the same. Returns the link as it is then.
    pub(super) fn act(
        &mut self,
        side: Side,
        remote: SocketAddrV4,
        act: Act,
        others: &mut Others,
    ) -> Option<Link> {
        match act {
            Act::Dial(id) => {
                self.remove(remote);
                let link = Link {
                    other: others.number(Some(id)),
                    dialled: Some(side == Side::Sent),
                    ..Link::default()
                };
                self.insert(remote, link)
            }
            Act::Close => {
                self.remove(remote);
                None
            }
            _ => {
                let mut link = match self.remove(remote) {
                    Some(link) => link,
                    None => Link { other: others.number(None), ..Link::default() },
                };
                match (side, act) {
                    (_, Act::All) => link.is_seed = true,
                    (Side::Got, Act::Choke | Act::Unchoke) => link.serves_us = act == Act::Unchoke,
                    (Side::Sent, Act::Choke | Act::Unchoke) => link.is_served = act == Act::Unchoke,
                    (Side::Got, Act::Interested | Act::NotInterested) => {
                        link.wants_us = act == Act::Interested;
                    }
                    (Side::Sent, Act::Interested | Act::NotInterested) => {
                        link.is_wanted = act == Act::Interested;
                    }
                    _ => {}
                }
                self.insert(remote, link)
            }
        }
    }

    /// The peer has begun anew: none of its links is left.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.counts = Counts::default();
    }

    fn insert(&mut self, remote: SocketAddrV4, link: Link) -> Option<Link> {
        if self.list.len() >= LINKS_MAX {
            self.unlisted += 1;
            return None;
        }
        self.list.insert(remote, link);
        self.count(&link, |count, one| *count += one);
        Some(link)
    }

    fn remove(&mut self, remote: SocketAddrV4) -> Option<Link> {
        let link = self.list.remove(&remote)?;
        self.count(&link, |count, one| *count -= one);
        Some(link)
    }

    fn count(&mut self, link: &Link, change: fn(&mut usize, usize)) {
        let of = link.counts();
        change(&mut self.counts.wanted, of.wanted);
        change(&mut self.counts.serving, of.serving);
        change(&mut self.counts.wanting, of.wanting);
        change(&mut self.counts.served, of.served);
    }
}
