//! What a web site is configured with.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::metainfo::Metainfo;

/// A web site's own configuration.
#[derive(Clone, Debug, Default)]
pub struct SiteConfig {
    /// What it lists; a torrent's number is its place here.
    pub torrents: Vec<Listed>,
    /// Where hosts of trackers are that are named by words, as in [`Config::hosts`](crate::config::Config::hosts).
    pub hosts: Arc<BTreeMap<Box<str>, SocketAddrV4>>,
    /// The wall clock at the start, seconds of the Unix epoch; zero in simulations.
    pub started_s: u64,
    /// Limits and times.
    pub knobs: Arc<SiteKnobs>,
}

/// A torrent that is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it says.
    pub torrent: Arc<Metainfo>,
    /// The file, served byte for byte.
    pub file: Bytes,
}

impl From<Arc<Metainfo>> for Listed {
    /// One that was made here, or came from peers.
    fn from(torrent: Arc<Metainfo>) -> Self {
        Listed { file: torrent.to_bytes().into(), torrent }
    }
}

/// Limits and times. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteKnobs {
    /// Torrents on a page. 100: our choice.
    pub page_rows: usize,
    /// Results of a search at most. 1,000: our choice, ten pages.
    pub results_max: u32,
    /// How often a torrent's figures are asked of its tracker, while somebody looks. 60 s: our choice.
    pub figures_every: Duration,
    /// How long a page waits for figures that are being asked for. 3 s: our choice.
    pub figures_wait: Duration,
    /// How long a tracker may take to tell. 10 s: our choice; one that does not is left alone for as long as `figures_every`.
    pub scrape_timeout: Duration,
    /// Trackers that are asked at a time, each of them on one connection. 8: our choice.
    pub scrapes_max: usize,
    /// Connections at a time; more are hung up on. 1,000: our choice.
    pub callers_max: usize,
    /// How long a connection may be silent. 20 s: our choice.
    pub step_timeout: Duration,
}

impl Default for SiteKnobs {
    fn default() -> Self {
        SiteKnobs {
            page_rows: 100,
            results_max: 1_000,
            figures_every: Duration::from_secs(60),
            figures_wait: Duration::from_secs(3),
            scrape_timeout: Duration::from_secs(10),
            scrapes_max: 8,
            callers_max: 1_000,
            step_timeout: Duration::from_secs(20),
        }
    }
}
