//! A servent that is part of the overlay.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use common::cli::{Client, resolve};
use gnutella::node::Node;
use gnutella::servent::{Knobs, ServentConfig};
use gnutella::strategy::StrategyKind;

/// How to join.
#[derive(clap::Args)]
#[command(next_help_heading = "Joining")]
pub struct JoinArgs {
    /// A servent to link with; may be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Vec<String>,
    /// A web cache to ask for servents, http://HOST[:PORT]/PATH; may be given several times.
    #[arg(long, value_name = "URL")]
    pub host_cache: Vec<String>,
    /// Where others dial you, port 0 for any free one [default: for `node` port 6346, else a free one; of 127.0.0.1 if
    /// everybody named is on this machine, else of all addresses].
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Say that nobody can dial you: files are brought to those who want them.
    #[arg(long)]
    pub firewalled: bool,
    /// Your line as others see it, in kilobits per second.
    #[arg(long, value_name = "KBPS", default_value_t = ServentConfig::default().speed_kbps)]
    pub speed: u32,
    /// Neighbours to have.
    #[arg(long, value_name = "N", default_value_t = Knobs::default().degree as u32,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    pub degree: u32,
}

/// How a search goes.
#[derive(clap::Args)]
#[command(next_help_heading = "Searching")]
pub struct SearchArgs {
    /// How many links a query may cross.
    #[arg(long, value_name = "HOPS", default_value_t = Knobs::default().ttl,
        value_parser = clap::value_parser!(u8).range(1..=10))]
    ttl: u8,
    /// How it goes through the overlay.
    #[arg(long, value_enum, default_value_t = Strategy::Flood)]
    strategy: Strategy,
    /// How many seconds to wait for answers after the last query has left.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    wait: u64,
    /// At most so many results [default: all that come].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_results: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Strategy {
    /// To all neighbours, by all neighbours.
    Flood,
    /// Floods that grow until there is enough.
    ExpandingRing,
    /// Some walkers, each to one neighbour at a time.
    RandomWalk,
}

impl JoinArgs {
    /// What the servent is made from.
    pub fn config(&self) -> anyhow::Result<ServentConfig> {
        let connect = self.connect.iter().map(|text| resolve(text)).collect::<anyhow::Result<_>>()?;
        let host_caches = self.host_cache.iter().map(|url| cache(url)).collect::<anyhow::Result<_>>()?;
        let mut config = ServentConfig {
            connect,
            host_caches,
            firewalled: self.firewalled,
            speed_kbps: self.speed,
            ..ServentConfig::default()
        };
        let knobs = Arc::make_mut(&mut config.knobs);
        knobs.degree = self.degree as usize;
        knobs.degree_max = knobs.degree_max.max(2 * knobs.degree);
        // A user's line has other uses than to carry the floods of others.
        knobs.broadcast_share = Some(0.5);
        Ok(config)
    }

    /// Where it listens.
    pub fn listen(&self, config: &ServentConfig, port: u16) -> anyhow::Result<SocketAddrV4> {
        if let Some(listen) = &self.listen {
            return resolve(listen);
        }
        let named = config.connect.iter().chain(config.host_caches.iter().map(|(address, _)| address));
        let ip = if named.into_iter().all(|address| address.ip().is_loopback()) {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        Ok(SocketAddrV4::new(ip, port))
    }

    /// Starts a servent that only searches and fetches, and waits until it has a neighbour.
    pub async fn join(&self, search: &SearchArgs) -> anyhow::Result<Client> {
        let mut config = self.config()?;
        if config.connect.is_empty() && config.host_caches.is_empty() {
            bail!("there is nobody to ask; name a servent with --connect or a web cache with --host-cache");
        }
        config.strategy = match search.strategy {
            Strategy::Flood => StrategyKind::Flood,
            Strategy::ExpandingRing => StrategyKind::ExpandingRing,
            Strategy::RandomWalk => StrategyKind::RandomWalk,
        };
        let knobs = Arc::make_mut(&mut config.knobs);
        knobs.ttl = search.ttl;
        knobs.search_wait = Duration::from_secs(search.wait);
        let listen = self.listen(&config, 0)?;
        let mut client = Client::start(Node::servent(config), listen, self.firewalled).await?;
        let Err(why) = client.online().await? else { return Ok(client) };
        client.leave().await?;
        bail!("cannot join: {why}; is one running? others are named with --connect or --host-cache");
    }
}

/// The address and the path of a web cache.
fn cache(url: &str) -> anyhow::Result<(SocketAddrV4, Box<str>)> {
    let rest = url.strip_prefix("http://");
    let rest = rest.with_context(|| format!("`{url}` is no web cache; write http://HOST[:PORT]/PATH"))?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Ok((resolve(&host)?, path.into()))
}

#[cfg(test)]
mod tests {
    use super::cache;

    #[test]
    fn urls_of_web_caches_are_read_and_mistakes_are_named() {
        let read = |url| cache(url).map(|(address, path)| format!("{address}{path}"));
        assert_eq!(read("http://127.0.0.1:8080").unwrap(), "127.0.0.1:8080/");
        assert_eq!(read("http://127.0.0.1:8080/gwc.php").unwrap(), "127.0.0.1:8080/gwc.php");
        assert_eq!(read("http://127.0.0.1/x").unwrap(), "127.0.0.1:80/x");
        for wrong in ["127.0.0.1:8080", "https://127.0.0.1/", "http://", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
