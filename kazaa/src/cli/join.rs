//! A node that is part of the overlay.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use common::cli::{Client, beside, entropy, printable, resolve};
use common::user::Note;
use kazaa::config::{Account, Config, Role};
use kazaa::node::Node;
use kazaa::nodes;
use kazaa::ticket::{USER_BYTES_MAX, VerifyingKey, is_user_name};

use super::{now_s, secret};

/// What is read of a file with supernodes.
const NODES_BYTES_MAX: u64 = 1 << 20;

/// What can be done about it.
const OTHERS: &str = "is one running? others are named with --connect, --nodes or --services";

/// How to join.
#[derive(clap::Args)]
#[command(next_help_heading = "Joining")]
pub struct JoinArgs {
    /// The services: they name supernodes, and users log in there.
    #[arg(long, value_name = "HOST:PORT")]
    services: Option<String>,
    /// The key that the services print when they start [default: that of those who answer].
    #[arg(long, value_name = "HEX", requires = "services")]
    services_key: Option<VerifyingKey>,
    /// A supernode to start with; may be given several times.
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<String>,
    /// A file with supernodes, as KaZaA's clients keep them: read at the start if it is there, and rewritten with what is learnt.
    #[arg(long, value_name = "FILE")]
    nodes: Option<PathBuf>,
    /// Where others dial you, port 0 for any free one [default: for `node` port 1214, else a free one; of 127.0.0.1 if
    /// everybody named is on this machine, else of all addresses].
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Say that nobody can dial you: files are brought to those who want them.
    #[arg(long)]
    pub firewalled: bool,
    /// Your line down and up as others see it, in kilobits per second.
    #[arg(long, value_name = "DOWN/UP", default_value = "1500/384")]
    bandwidth: Bandwidth,
    /// Your name on the network [default: a random one].
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Make an account at the services first.
    #[arg(long, requires = "services", requires = "user")]
    register: bool,
    /// Log in with the password in the first line of this file, which nobody else may be able to read; the environment's
    /// KAZAA_PASSWORD does the same.
    #[arg(long, value_name = "FILE", requires = "services", requires = "user")]
    password_file: Option<PathBuf>,
    /// Log in, and ask for the password.
    #[arg(long, requires = "services", requires = "user")]
    login: bool,
}

/// A line's rates.
#[derive(Clone, Copy, Debug)]
struct Bandwidth {
    down_kbps: u32,
    up_kbps: u32,
}

impl FromStr for Bandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = |text: &str| text.parse().ok().filter(|kbps| *kbps > 0);
        let rates = text.split_once('/').and_then(|(down, up)| Some((rate(down)?, rate(up)?)));
        let (down_kbps, up_kbps) =
            rates.ok_or("write DOWN/UP in kilobits per second, for example 1500/384")?;
        Ok(Bandwidth { down_kbps, up_kbps })
    }
}

impl JoinArgs {
    /// What the node is made from.
    pub fn config(&self, force: Option<Role>) -> anyhow::Result<Config> {
        let user = self.user.clone().unwrap_or_else(|| format!("user{:06}", entropy() % 1_000_000));
        if !is_user_name(&user) {
            bail!(
                "`{}` cannot be a name; take 1 to {USER_BYTES_MAX} visible ASCII characters without blanks",
                printable(&user)
            );
        }
        let services = self.services.as_deref().map(resolve).transpose()?;
        let mut supernodes =
            self.connect.iter().map(|text| resolve(text)).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(path) = &self.nodes {
            supernodes.extend(read_nodes(path)?);
        }
        Ok(Config {
            user: user.into(),
            account: self.account()?.map(Arc::new),
            services,
            services_key: self.services_key.map(Arc::new),
            supernodes: supernodes.into(),
            bandwidth_kbps: (self.bandwidth.down_kbps, self.bandwidth.up_kbps),
            firewalled: self.firewalled,
            force,
            started_s: now_s(),
            keeps_supernodes: self.nodes.is_some(),
            ..Config::default()
        })
    }

    /// Whoever names an account, or has its password at hand, logs in.
    fn account(&self) -> anyhow::Result<Option<Account>> {
        let has_variable = std::env::var_os(secret::PASSWORD_VARIABLE).is_some();
        let by_variable = has_variable && self.services.is_some() && self.user.is_some();
        if !self.register && !self.login && self.password_file.is_none() && !by_variable {
            return Ok(None);
        }
        let password = secret::password(self.password_file.as_deref())?;
        Ok(Some(Account { password, registers: self.register, signing_seed: secret::fresh_seed()? }))
    }

    /// Where it listens.
    fn listen(&self, config: &Config, port: u16) -> anyhow::Result<SocketAddrV4> {
        if let Some(listen) = &self.listen {
            return resolve(listen);
        }
        let is_near =
            config.supernodes.iter().chain(&config.services).all(|address| address.ip().is_loopback());
        let ip = if is_near { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        Ok(SocketAddrV4::new(ip, port))
    }

    /// Starts a node.
    pub async fn start(&self, config: Config, port: u16) -> anyhow::Result<Client> {
        let listen = self.listen(&config, port)?;
        let mut client = Client::start(Node::ordinary(config), listen, self.firewalled).await?;
        if let Some(path) = self.nodes.clone() {
            client.keep(move |text| {
                if let Err(error) = replace(&path, text) {
                    common::tell!("supernodes could not be written to {}: {error}", path.display());
                }
            });
        }
        Ok(client)
    }

    /// Starts a node that only searches and fetches, and waits until it has a supernode.
    pub async fn join(&self) -> anyhow::Result<Client> {
        let config = self.config(Some(Role::Ordinary))?;
        if config.services.is_none() && config.supernodes.is_empty() {
            bail!(
                "there is nobody to ask; name the services with --services, or a supernode with --connect or --nodes"
            );
        }
        let mut client = self.start(config, 0).await?;
        let mut said = None;
        let why = loop {
            match client.note().await? {
                Note::Online => return Ok(client),
                Note::Offline(why) => break why,
                Note::Text(text) => said = Some(text),
                _ => {}
            }
        };
        client.leave().await?;
        let clause = |text: &str| printable(text.split("; ").next().unwrap_or_default());
        match said {
            Some(said) => bail!("cannot join: {}; {}; {OTHERS}", clause(&said), clause(&why)),
            None => bail!("cannot join: {}; {OTHERS}", clause(&why)),
        }
    }
}

/// The supernodes of a file; none if it is not there yet.
fn read_nodes(path: &Path) -> anyhow::Result<Vec<SocketAddrV4>> {
    use std::io::Read as _;
    let context = || format!("cannot read supernodes from {}", path.display());
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.with_context(context)?,
    };
    let mut bytes = Vec::new();
    file.take(NODES_BYTES_MAX).read_to_end(&mut bytes).with_context(context)?;
    Ok(nodes::read(&String::from_utf8_lossy(&bytes)))
}

/// The old file stays until the new one is complete.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let new = beside(path, ".new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // What there is of it is of no use; that it cannot be removed either would be no news.
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::Bandwidth;

    #[test]
    fn rates_are_read_and_mistakes_are_named() {
        let read = |text: &str| text.parse::<Bandwidth>().map(|line| (line.down_kbps, line.up_kbps));
        assert_eq!(read("1500/384"), Ok((1500, 384)));
        for wrong in ["", "1500", "1500/", "/384", "0/384", "-1/2", "a/b", "1/2/3", "99999999999/1"] {
            assert!(read(wrong).is_err_and(|said| said.contains("DOWN/UP")), "{wrong}");
        }
    }
}
