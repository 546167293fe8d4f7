//! A peer under the hand of a user: started, logged in, and heard.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use common::peer::CloseReason;
use common::tcp::{Handle, SharedStore};
use common::user::{Command, Hit, Note, Query, SearchEnd, SearchId};
use napster::node::Node;
use napster::peer::PeerConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::address::resolve;

/// Notes that wait for the terminal. Far more than one search or one download has.
const NOTES_MAX: usize = 65_536;
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
    /// The nick's password; the protocol sends it in clear.
    #[arg(long, default_value = "none")]
    password: String,
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

/// A logged-in peer.
pub struct Client {
    /// Its files.
    pub store: SharedStore,
    pub handle: Handle,
    notes: mpsc::Receiver<Note>,
    /// Kept from the start, so that a Ctrl-C is heard even if it comes while nobody waits for a note.
    interrupts: Signal,
}

/// Ctrl-C was pressed.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Client {
    /// Starts a peer and waits until it is online.
    pub async fn join(args: &JoinArgs) -> anyhow::Result<Client> {
        let nick = args.nick.clone().unwrap_or_else(|| format!("user{:06}", super::entropy() % 1_000_000));
        check_nick(&nick)?;
        let server = resolve(&args.server)?;
        let listen = match &args.listen {
            Some(listen) => resolve(listen)?,
            None if server.ip().is_loopback() && !args.redirector => {
                SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)
            }
            None => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
        };
        let mut config = PeerConfig {
            server,
            via_redirector: args.redirector,
            nick,
            password: args.password.clone(),
            speed: args.speed,
            firewalled: args.firewalled,
            ..PeerConfig::default()
        };
        Arc::make_mut(&mut config.knobs).login_timeout = LOGIN_TIMEOUT;
        let store = SharedStore::default();
        let (sender, notes) = mpsc::channel(NOTES_MAX);
        let sink = Arc::new(move |_, _, note| {
            if let Err(error) = sender.try_send(note) {
                tracing::debug!("a note was dropped: {error}");
            }
        });
        let handle = super::start(Node::peer(config), listen, args.firewalled, store.clone(), sink).await?;
        let interrupts = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
        let mut client = Client { store, handle, notes, interrupts };
        loop {
            match client.note().await? {
                Note::Online => return Ok(client),
                Note::Offline(why) => {
                    let why = why.split("; ").next().unwrap_or_default().to_owned();
                    client.leave().await?;
                    let hint = match args.redirector {
                        true => "; is it a redirector, as --redirector says?",
                        false if why.contains(&CloseReason::Protocol.to_string()) => {
                            "; if it is a redirector, say --redirector"
                        }
                        false => "",
                    };
                    bail!("cannot join {}: {why}{hint}", args.server);
                }
                _ => {}
            }
        }
    }

    /// The next thing the user is told; [`Interrupted`] once Ctrl-C is pressed.
    pub async fn note(&mut self) -> anyhow::Result<Note> {
        tokio::select! {
            note = self.notes.recv() => note.ok_or_else(|| anyhow!("the peer has ended; its log (RUST_LOG=debug) says why")),
            _ = self.interrupts.recv() => Err(Interrupted.into()),
        }
    }

    /// Gives a command.
    pub async fn command(&self, command: Command) -> anyhow::Result<()> {
        Ok(self.handle.command(command).await?)
    }

    /// All results of a search.
    pub async fn search(&mut self, query: Query) -> anyhow::Result<Vec<Arc<Hit>>> {
        let search = SearchId(1);
        self.command(Command::Search(search, Arc::new(query))).await?;
        self.hits(search).await
    }

    /// All results of a search or browse that has begun.
    pub async fn hits(&mut self, search: SearchId) -> anyhow::Result<Vec<Arc<Hit>>> {
        let mut hits = Vec::new();
        let mut said = None;
        loop {
            match self.note().await? {
                Note::Found(of, hit) if of == search => hits.push(hit),
                Note::SearchEnded(of, SearchEnd::Complete) if of == search => return Ok(hits),
                Note::SearchEnded(of, end) if of == search => match said {
                    Some(text) if end == SearchEnd::Refused => bail!("the search failed: {end} ({text})"),
                    _ => bail!("the search failed: {end}"),
                },
                Note::Text(text) => said = Some(text),
                _ => {}
            }
        }
    }

    /// Says good-bye.
    pub async fn leave(self) -> anyhow::Result<()> {
        self.handle.shutdown().await?;
        Ok(())
    }

    /// Ends at once, for a user who has pressed Ctrl-C: good-byes wait for others, up to some seconds.
    pub async fn kill(self) -> anyhow::Result<()> {
        self.handle.kill().await?;
        Ok(())
    }
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
