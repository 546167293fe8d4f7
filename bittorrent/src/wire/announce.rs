//! What a peer tells a tracker over HTTP, and what that answers (BEP 3, 7, 23).

use std::net::{Ipv4Addr, SocketAddrV4};

use common::http::{Target, percent_decode, percent_decode_bytes, percent_encode, percent_encode_bytes};

use super::{InfoHash, PeerId, compact};
use crate::bencode::{BencodeError, Dict, Value, Writer, encode_list};

/// The most peers that are taken of one answer.
const PEERS_MAX: usize = 1_000;
/// The longest tracker id that is kept and sent back.
const TRACKER_ID_BYTES_MAX: usize = 256;

/// A peer's report to a tracker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The peer.
    pub peer_id: PeerId,
    /// Where it listens.
    pub port: u16,
    /// Bytes it has sent since it started.
    pub uploaded: u64,
    /// Bytes it has got since it started.
    pub downloaded: u64,
    /// Bytes it lacks.
    pub left: u64,
    /// What has happened.
    pub event: AnnounceEvent,
    /// How many others it wants to know of; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
    /// A number by which the tracker knows it even from another address.
    pub key: Option<u32>,
    /// It reads addresses of six bytes (BEP 23).
    pub compact: bool,
    /// It needs no ids of peers.
    pub no_peer_id: bool,
    /// Its address, if the tracker cannot see it.
    pub ip: Option<Ipv4Addr>,
    /// What the tracker has called itself in an answer.
    pub tracker_id: Option<Box<str>>,
}

/// Why a peer reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AnnounceEvent {
    /// Because time has passed.
    #[default]
    None,
    /// It has come.
    Started,
    /// It has got all that it lacked.
    Completed,
    /// It goes.
    Stopped,
}

impl AnnounceEvent {
    /// The word for it; empty if only time has passed.
    pub fn word(self) -> &'static str {
        match self {
            AnnounceEvent::None => "",
            AnnounceEvent::Started => "started",
            AnnounceEvent::Completed => "completed",
            AnnounceEvent::Stopped => "stopped",
        }
    }

    /// What a word means; words that are not known mean nothing.
    pub fn of_word(word: &str) -> Self {
        [AnnounceEvent::Started, AnnounceEvent::Completed, AnnounceEvent::Stopped]
            .into_iter()
            .find(|event| event.word() == word)
            .unwrap_or_default()
    }
}

impl Announce {
    /// What is asked of the tracker: its path, which may have a query of its own, and ours behind it.
    pub fn to_target(&self, path: &str) -> String {
        let mut target = format!("{path}{}info_hash=", if path.contains('?') { '&' } else { '?' });
        percent_encode_bytes(&self.info_hash.0, &mut target);
        target.push_str("&peer_id=");
        percent_encode_bytes(&self.peer_id.0, &mut target);
        let Announce { port, uploaded, downloaded, left, .. } = self;
        target += &format!("&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}");
        target += &format!("&compact={}", u8::from(self.compact));
        if self.no_peer_id {
            target += "&no_peer_id=1";
        }
        if self.event != AnnounceEvent::None {
            target += &format!("&event={}", self.event.word());
        }
        if let Some(numwant) = self.numwant {
            target += &format!("&numwant={numwant}");
        }
        if let Some(key) = self.key {
            target += &format!("&key={key:08x}");
        }
        if let Some(ip) = self.ip {
            target += &format!("&ip={ip}");
        }
        if let Some(id) = &self.tracker_id {
            target.push_str("&trackerid=");
            percent_encode(id, &mut target);
        }
        target
    }

    /// Reads what a tracker was asked.
    ///
    /// # Errors
    /// What is missing or makes no sense, as the tracker tells the peer.
    pub fn of_target(target: &Target<'_>) -> Result<Self, &'static str> {
        let raw = |name: &str| {
            let pairs = target.query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
        };
        let bytes = |name: &str| raw(name).map(percent_decode_bytes);
        let info_hash = bytes("info_hash").ok_or("missing info_hash")?;
        let info_hash = InfoHash(info_hash.try_into().map_err(|_| "info_hash is not of 20 bytes")?);
        let peer_id = bytes("peer_id").ok_or("missing peer_id")?;
        let peer_id = PeerId(peer_id.try_into().map_err(|_| "peer_id is not of 20 bytes")?);
        let port = raw("port").ok_or("missing port")?.parse().map_err(|_| "invalid port")?;
        let number = |name: &str, why| match raw(name) {
            Some(value) => value.parse().map_err(|_| why),
            None => Ok(0),
        };
        Ok(Announce {
            info_hash,
            peer_id,
            port,
            uploaded: number("uploaded", "invalid uploaded")?,
            downloaded: number("downloaded", "invalid downloaded")?,
            // Without it, somebody who lacks something: a seed would be handed nobody.
            left: match raw("left") {
                Some(left) => left.parse().map_err(|_| "invalid left")?,
                None => 1,
            },
            event: raw("event").map_or(AnnounceEvent::None, AnnounceEvent::of_word),
            // Some send -1 for "as you like".
            numwant: raw("numwant").and_then(|numwant| numwant.parse().ok()),
            key: raw("key").and_then(|key| u32::from_str_radix(key, 16).ok()),
            compact: raw("compact") == Some("1"),
            no_peer_id: raw("no_peer_id") == Some("1"),
            ip: raw("ip").and_then(|ip| ip.parse().ok()),
            tracker_id: raw("trackerid").map(|id| percent_decode(id).into()),
        })
    }
}

/// A tracker's answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnnounceReply {
    /// Seconds until the next report is wanted.
    pub interval_s: u32,
    /// Seconds before which none is.
    pub min_interval_s: Option<u32>,
    /// How many seeds there are.
    pub complete: Option<u32>,
    /// How many others.
    pub incomplete: Option<u32>,
    /// What the tracker wants to be called in further reports.
    pub tracker_id: Option<Box<str>>,
    /// Something for the user to read.
    pub warning: Option<Box<str>>,
    /// Others of the swarm; those of IPv6, and those that are named by words, are left out.
    pub peers: Vec<(SocketAddrV4, Option<PeerId>)>,
}

/// Why there is no answer in an answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnnounceError {
    /// The tracker refuses, and says why.
    #[error("it refuses: {0}")]
    Refused(Box<str>),
    /// It is not bencoded.
    #[error("its answer is not bencoded: {0}")]
    Bencode(#[from] BencodeError),
    /// It lacks what it must have.
    #[error("its answer has no `{0}`")]
    Missing(&'static str),
}

impl AnnounceReply {
    /// Reads an answer, whichever of the two forms its peers have.
    ///
    /// # Errors
    /// What it says instead, or what it is not.
    pub fn parse(body: &[u8]) -> Result<Self, AnnounceError> {
        let value = Value::parse(body)?;
        let dict = value.as_dict().ok_or(AnnounceError::Missing("interval"))?;
        if let Some(why) = dict.get(b"failure reason").and_then(Value::as_text) {
            return Err(AnnounceError::Refused(why));
        }
        let number = |key: &[u8]| dict.get(key).and_then(Value::as_unsigned);
        let text = |key: &[u8]| dict.get(key).and_then(Value::as_text);
        let peers = match dict.get(b"peers") {
            Some(Value::Bytes(bytes)) => {
                compact::peers(bytes).map(|peer| (peer, None)).take(PEERS_MAX).collect()
            }
            Some(Value::List(list)) => {
                list.iter().filter_map(Value::as_dict).filter_map(listed).take(PEERS_MAX).collect()
            }
            _ => Vec::new(),
        };
        Ok(AnnounceReply {
            interval_s: number(b"interval").ok_or(AnnounceError::Missing("interval"))?,
            min_interval_s: number(b"min interval"),
            complete: number(b"complete"),
            incomplete: number(b"incomplete"),
            tracker_id: text(b"tracker id").filter(|id| id.len() <= TRACKER_ID_BYTES_MAX),
            warning: text(b"warning message"),
            peers,
        })
    }

    /// The answer, with peers of six bytes each or as dictionaries, in which they have their ids if these are known.
    pub fn encode(&self, is_compact: bool) -> Vec<u8> {
        let mut dict = Writer::default();
        dict.integer(b"interval", self.interval_s.into());
        let numbers: [(&[u8], Option<u32>); 3] = [
            (b"min interval", self.min_interval_s),
            (b"complete", self.complete),
            (b"incomplete", self.incomplete),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                dict.integer(key, number.into());
            }
        }
        let texts: [(&[u8], &Option<Box<str>>); 2] =
            [(b"tracker id", &self.tracker_id), (b"warning message", &self.warning)];
        for (key, text) in texts {
            if let Some(text) = text {
                dict.bytes(key, text.as_bytes());
            }
        }
        if is_compact {
            dict.bytes(b"peers", &compact::encode(self.peers.iter().map(|(peer, _)| *peer)));
        } else {
            dict.raw(b"peers", encode_list(self.peers.iter().map(|(peer, id)| as_dict(*peer, *id))));
        }
        dict.finish()
    }

    /// The answer to a report that is refused.
    pub fn encode_failure(why: &str) -> Vec<u8> {
        Writer::default().bytes(b"failure reason", why.as_bytes()).finish()
    }
}

fn listed(peer: &Dict<'_>) -> Option<(SocketAddrV4, Option<PeerId>)> {
    let ip: Ipv4Addr = peer.get(b"ip")?.as_str()?.parse().ok()?;
    let port = peer.get(b"port")?.as_unsigned()?;
    let id = peer.get(b"peer id").and_then(Value::as_bytes).and_then(|id| id.try_into().ok());
    Some((SocketAddrV4::new(ip, port), id.map(PeerId)))
}

fn as_dict(peer: SocketAddrV4, id: Option<PeerId>) -> Vec<u8> {
    let mut dict = Writer::default();
    dict.bytes(b"ip", peer.ip().to_string().as_bytes()).integer(b"port", peer.port().into());
    if let Some(id) = id {
        dict.bytes(b"peer id", &id.0);
    }
    dict.finish()
}
