//! A peer that is logged in.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use common::cli::{Client, entropy, resolve};
use common::peer::CloseReason;
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::wire::Token;

/// `max_nick_length` of opennap-ng.
const NICK_LEN_MAX: usize = 19;
/// How long the server may take to let us in: somebody waits at the terminal.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// How to join.
#[derive(clap::Args)]
#[command(next_help_heading = "Joining")]
pub struct JoinArgs {
    /// The index server.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8875")]
    server: String,
    /// --server is a redirector, which names the server to go to.
    #[arg(long)]
    redirector: bool,
    /// Your name on the network; a random one if not given.
    #[arg(long)]
    nick: Option<String>,
    /// The nick's password, which the server looks at if the nick is registered; the protocol sends it in clear.
    #[arg(long, default_value = "none")]
    password: String,
    /// Register the nick, with this e-mail address and the password; from then on it is yours.
    #[arg(long, value_name = "EMAIL", requires = "nick")]
    register: Option<String>,
    /// Where others fetch from you, port 0 for any free one [default: a free port, of 127.0.0.1 if the server is on this
    /// machine, else of all addresses].
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Say that nobody can dial you: you then dial out for every transfer.
    #[arg(long)]
    firewalled: bool,
    /// Your link as others see it, from 0 (unknown), 1 (14.4k modem) to 10 (T3 or more).
    #[arg(long, value_name = "CLASS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10))]
    speed: u32,
}

impl JoinArgs {
    /// Starts a peer and waits until it is online.
    pub async fn join(&self) -> anyhow::Result<Client> {
        let nick = self.nick.clone().unwrap_or_else(|| format!("user{:06}", entropy() % 1_000_000));
        check_nick(&nick)?;
        check_word("password", &self.password)?;
        check_word("e-mail address", self.register.as_deref().unwrap_or("none"))?;
        let server = resolve(&self.server)?;
        let listen = match &self.listen {
            Some(listen) => resolve(listen)?,
            None if server.ip().is_loopback() && !self.redirector => {
                SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)
            }
            None => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        };
        let mut config = PeerConfig {
            server,
            via_redirector: self.redirector,
            nick,
            password: self.password.clone(),
            register: self.register.as_deref().map(Into::into),
            speed: self.speed,
            firewalled: self.firewalled,
            ..PeerConfig::default()
        };
        Arc::make_mut(&mut config.knobs).login_timeout = LOGIN_TIMEOUT;
        let mut client = Client::start(Node::peer(config), listen, self.firewalled).await?;
        let Err(why) = client.online().await? else { return Ok(client) };
        client.leave().await?;
        let hint = match self.redirector {
            true => "; is it a redirector, as --redirector says?",
            false if why.contains(&CloseReason::Protocol.to_string()) => {
                "; if it is a redirector, say --redirector"
            }
            false if why.contains("cannot be reached") => "; is it running?",
            false if why.contains("is in use") => "; take another with --nick, or try again in some minutes",
            false => "",
        };
        bail!("cannot join {}: {why}{hint}", self.server);
    }
}

/// Refuses what the protocol cannot say in one word.
fn check_word(what: &str, word: &str) -> anyhow::Result<()> {
    if Token::from_text(word).is_none() {
        bail!("`{word}` cannot be the {what}; it must be one word, without blanks and quotes");
    }
    Ok(())
}

/// Refuses what cannot be a nick.
pub fn check_nick(nick: &str) -> anyhow::Result<()> {
    let is_bad = |c: char| !c.is_ascii_graphic() || "%$*?.!\",\\`".contains(c);
    if nick.is_empty()
        || nick.len() > NICK_LEN_MAX
        || nick.contains(is_bad)
        || nick.starts_with(['#', '&', ':', '-'])
    {
        bail!(
            "`{nick}` cannot be a nick; take 1 to {NICK_LEN_MAX} letters and digits, without blanks and % $ * ? . ! \" , \\"
        );
    }
    Ok(())
}
