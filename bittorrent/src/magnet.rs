//! Magnet links: a torrent by its name alone (BEP 9).

use std::fmt;
use std::net::SocketAddrV4;
use std::str::FromStr;

use common::http::{percent_decode, percent_encode};

use crate::wire::InfoHash;

/// The most trackers and peers of a link that are kept.
const LISTED_MAX: usize = 100;
const TOPIC: &str = "urn:btih:";

/// A link to a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Magnet {
    /// What its swarm is called.
    pub info_hash: InfoHash,
    /// What it may be called for users.
    pub name: Option<Box<str>>,
    /// Trackers, whoever made the link thought best first.
    pub trackers: Vec<Box<str>>,
    /// Peers; those that are named by words are left out.
    pub peers: Vec<SocketAddrV4>,
}

/// Why a text is no link to a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MagnetError {
    /// Another kind of link.
    #[error("it does not begin with `magnet:?`")]
    Scheme,
    /// No topic of BitTorrent's.
    #[error("it names no torrent: `xt=urn:btih:` with 40 hexadecimal or 32 base-32 digits is missing")]
    Topic,
}

impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(link: &str) -> Result<Self, MagnetError> {
        let scheme = link.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("magnet:?"));
        let query = scheme.map(|_| &link[8..]).ok_or(MagnetError::Scheme)?;
        let (mut info_hash, mut name) = (None, None);
        let (mut trackers, mut peers) = (Vec::new(), Vec::new());
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_decode(&value.replace('+', " ")).into_owned();
            match key {
                // Several topics are numbered: `xt.1`.
                "xt" | "xt.1" if info_hash.is_none() => {
                    let digits = value.get(..TOPIC.len()).filter(|topic| topic.eq_ignore_ascii_case(TOPIC));
                    info_hash = digits.and_then(|_| value[TOPIC.len()..].parse().ok());
                }
                "dn" => name = Some(value.into()),
                "tr" if trackers.len() < LISTED_MAX => trackers.push(value.into()),
                "x.pe" if peers.len() < LISTED_MAX => peers.extend(value.parse::<SocketAddrV4>()),
                _ if key.starts_with("tr.") && trackers.len() < LISTED_MAX => trackers.push(value.into()),
                _ => {}
            }
        }
        let info_hash = info_hash.ok_or(MagnetError::Topic)?;
        Ok(Magnet { info_hash, name, trackers, peers })
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "magnet:?xt={TOPIC}{}", self.info_hash)?;
        let named = self.name.iter().map(|name| ("dn", name));
        for (key, value) in named.chain(self.trackers.iter().map(|tracker| ("tr", tracker))) {
            let mut encoded = String::new();
            percent_encode(value, &mut encoded);
            write!(f, "&{key}={encoded}")?;
        }
        self.peers.iter().try_for_each(|peer| write!(f, "&x.pe={peer}"))
    }
}
