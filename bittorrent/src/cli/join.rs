//! A torrent as its user names it, and a peer started for it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bittorrent::config::{Config, Knobs};
use bittorrent::magnet::Magnet;
use bittorrent::metainfo::{Info, Metainfo, TORRENT_BYTES_MAX};
use bittorrent::node::Node;
use bittorrent::url::{Scheme, Url};
use common::cli::{Client, resolve};
use common::tcp::Tls;
use common::user::{FileInfo, Hit};

use super::log_file::LogFile;
use super::policy::PolicyArgs;
use super::{now_s, size};

/// What is offered first as a port to listen on, as mainline's does.
const LISTEN: &str = "0.0.0.0:6881";

#[derive(clap::Args)]
pub struct JoinArgs {
    /// Where to listen, port 0 for any free one [default: 0.0.0.0:6881, or any free port if that is taken].
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// A peer to connect with, beside those that trackers name; may be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    peer: Vec<String>,
    /// Certificates (PEM) of authorities to believe beside the system's, for https trackers; may be given several times.
    #[arg(long, value_name = "FILE")]
    tls_ca: Vec<PathBuf>,
    /// Bytes per second to send at most, for example 500kB/s.
    #[arg(long, value_name = "RATE", value_parser = size::rate)]
    max_upload: Option<u64>,
    /// Bytes per second to take at most; a seed takes none.
    #[arg(long, value_name = "RATE", value_parser = size::rate)]
    max_download: Option<u64>,
    /// A file to which lines are added: each block that comes and goes, who chokes whom, who wants what.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    policies: PolicyArgs,
}

/// What a user has named.
pub enum Named {
    /// A torrent, read.
    Torrent(Arc<Metainfo>),
    /// A link that peers or a site have to be asked for.
    Link(Link),
}

/// A link to a torrent.
pub struct Link {
    /// As the user has written it.
    pub text: String,
    /// The URLs of whoever is to be asked.
    pub urls: Vec<Box<str>>,
    /// Peers that it names.
    pub peers: Vec<SocketAddrV4>,
}

impl JoinArgs {
    /// Starts a peer that knows this torrent, where these URLs lead beside those of its trackers, and these peers beside those that the
    /// user has named.
    pub async fn start(
        &self,
        torrent: Option<&Arc<Metainfo>>,
        urls: &[Box<str>],
        peers: &[SocketAddrV4],
    ) -> anyhow::Result<Client> {
        let named = self.peer.iter().map(|peer| resolve(peer)).collect::<anyhow::Result<Vec<_>>>()?;
        let trackers = torrent.iter().flat_map(|torrent| &torrent.trackers).flatten();
        let urls: Vec<&str> = trackers.chain(urls).map(|url| &**url).collect();
        let tls = trust(&self.tls_ca, &urls)?;
        let hosts = look_up(urls.into_iter());
        let (upload_max, download_max) = (self.max_upload, self.max_download);
        let mut knobs = Knobs { upload_max, download_max, ..Knobs::default() };
        self.policies.turn(&mut knobs);
        let config = Config {
            torrents: torrent.cloned().into_iter().collect(),
            hosts: Arc::new(hosts),
            peers: [&named, peers].concat(),
            site: None,
            census: None,
            // A peer that only seeks its torrent has no links to log, and what it wants kept is that torrent.
            log_since_s: torrent.filter(|_| self.log.is_some()).map(|_| now_s()),
            knobs: Arc::new(knobs),
        };
        let start = async |config, listen| {
            let tls = tls.clone();
            Client::start_as(|node| node.tls = tls, Node::peer(config), listen).await
        };
        if let Some(listen) = &self.listen {
            return start(config, resolve(listen)?).await;
        }
        let usual = resolve(LISTEN)?;
        match start(config.clone(), usual).await {
            Ok(client) => Ok(client),
            Err(_) => start(config, SocketAddrV4::new(*usual.ip(), 0)).await,
        }
    }

    /// Has the peer's log written, if the user wants one.
    pub fn keep_log(&self, client: &mut Client) -> anyhow::Result<()> {
        if let Some(path) = &self.log {
            let mut log = LogFile::open(path)?;
            client.keep(move |line| log.add(line));
        }
        Ok(())
    }
}

/// Reads a `.torrent`.
pub fn read_torrent(path: &Path) -> anyhow::Result<Arc<Metainfo>> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mut bytes = Vec::new();
    file.take(TORRENT_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {shown}"))?;
    if bytes.len() > TORRENT_BYTES_MAX {
        bail!(
            "cannot use {shown}: it is larger than {}, more than any torrent",
            size::shown(TORRENT_BYTES_MAX as u64)
        );
    }
    let torrent = Metainfo::parse(&bytes);
    Ok(Arc::new(torrent.with_context(|| format!("cannot use {shown}"))?))
}

/// What a user has named: a file, a magnet link, or a URL.
pub fn named(text: &str) -> anyhow::Result<Named> {
    if text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:")) {
        let magnet: Magnet = text.parse().context("this is no magnet link that can be used")?;
        let (urls, peers) = (magnet.trackers, magnet.peers);
        return Ok(Named::Link(Link { text: text.to_owned(), urls, peers }));
    }
    match Url::parse(text) {
        Some(url) if url.scheme.is_http() => {
            Ok(Named::Link(Link { text: text.to_owned(), urls: vec![text.into()], peers: Vec::new() }))
        }
        _ => read_torrent(&PathBuf::from(text)).map(Named::Torrent),
    }
}

/// Whom to believe if any of these is asked under TLS. The system's authorities are some hundred files, and not read for nothing.
pub fn trust(authorities: &[PathBuf], urls: &[&str]) -> anyhow::Result<Tls> {
    let is_https = |url: &&str| Url::parse(url).is_some_and(|url| url.scheme == Scheme::Https);
    if authorities.is_empty() && !urls.iter().any(is_https) {
        return Ok(Tls::default());
    }
    Ok(Tls::default().trust(authorities)?)
}

/// Where the hosts of URLs are; those that cannot be found are told and left out.
pub fn look_up<'a>(urls: impl Iterator<Item = &'a str>) -> BTreeMap<Box<str>, SocketAddrV4> {
    let mut found = BTreeMap::new();
    for place in urls.filter_map(Url::parse).map(|url| url.place()) {
        if found.contains_key(&*place) || place.parse::<SocketAddrV4>().is_ok() {
            continue;
        }
        match resolve(&place) {
            Ok(address) => drop(found.insert(place.into(), address)),
            Err(error) => common::tell!("bittorrent: {error}"),
        }
    }
    found
}

/// What a torrent's content is called in commands.
pub fn file_info(info: &Info) -> FileInfo {
    FileInfo { name: info.title().into(), size: info.length, ..FileInfo::default() }
}

/// The torrent as something to be fetched.
pub fn hit(info: &Info) -> Arc<Hit> {
    Arc::new(Hit { info: file_info(info), ..Hit::default() })
}
