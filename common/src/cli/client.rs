//! A peer under the hand of a user: started, and heard.

use std::net::SocketAddrV4;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::peer::Peer;
use crate::tcp::{Handle, NodeConfig, SharedStore};
use crate::user::{Command, Hit, Note, Query, SearchEnd, SearchId};

/// Notes that wait for the terminal. Far more than one search or one download has.
const NOTES_MAX: usize = 65_536;

/// Writes to a node's records.
type Keeper = Box<dyn FnMut(&str) + Send>;

/// A running peer and its user.
pub struct Client {
    /// Its files.
    pub store: SharedStore,
    /// The node.
    pub handle: Handle,
    notes: mpsc::Receiver<Note>,
    /// What the peer wants kept goes there.
    keeper: Option<Keeper>,
    /// Kept from the start, so that a Ctrl-C is heard even if it comes while nobody waits for a note.
    interrupts: Signal,
}

/// Ctrl-C was pressed.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Client {
    /// Starts a peer that listens on `listen`.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub async fn start<P: Peer + Send + 'static>(
        peer: P,
        listen: SocketAddrV4,
        firewalled: bool,
    ) -> anyhow::Result<Client> {
        Self::start_as(|config| config.attachment.firewalled = firewalled, peer, listen).await
    }

    /// Starts one that is to be otherwise than usual: `turn` says how.
    ///
    /// # Errors
    /// If it cannot listen there.
    pub async fn start_as<P: Peer + Send + 'static>(
        turn: impl FnOnce(&mut NodeConfig),
        peer: P,
        listen: SocketAddrV4,
    ) -> anyhow::Result<Client> {
        let store = SharedStore::default();
        let (sender, notes) = mpsc::channel(NOTES_MAX);
        let sink = Arc::new(move |_, _, note| {
            if let Err(error) = sender.try_send(note) {
                tracing::debug!("a note was dropped: {error}");
            }
        });
        let handle = super::start_as(turn, peer, listen, store.clone(), sink).await?;
        let interrupts = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
        Ok(Client { store, handle, notes, keeper: None, interrupts })
    }

    /// Waits until the peer is part of its overlay; `Err` of the inner result is why it is not, without what it
    /// tries next.
    ///
    /// # Errors
    /// [`Interrupted`], or the peer's end.
    pub async fn online(&mut self) -> anyhow::Result<Result<(), String>> {
        loop {
            match self.note().await? {
                Note::Online => return Ok(Ok(())),
                Note::Offline(why) => return Ok(Err(why.split("; ").next().unwrap_or_default().to_owned())),
                Note::ShutOut(why) => return Ok(Err(why.to_string())),
                _ => {}
            }
        }
    }

    /// Says where lines go that the peer wants kept ([`Note::Keep`]); without that they are dropped.
    pub fn keep(&mut self, keeper: impl FnMut(&str) + Send + 'static) {
        self.keeper = Some(Box::new(keeper));
    }

    /// The next thing the user is told. What is to be kept is kept meanwhile, and is nothing for a user's eyes.
    ///
    /// # Errors
    /// [`Interrupted`] once Ctrl-C is pressed, or the end of the peer.
    pub async fn note(&mut self) -> anyhow::Result<Note> {
        loop {
            let note = tokio::select! {
                note = self.notes.recv() => note,
                _ = self.interrupts.recv() => return Err(Interrupted.into()),
            };
            match (note, &mut self.keeper) {
                (Some(Note::Keep(line)), Some(keeper)) => keeper(&line),
                (Some(Note::Keep(_)), None) => {}
                (Some(note), _) => return Ok(note),
                (None, _) => bail!("the peer has ended; its log (RUST_LOG=debug) says why"),
            }
        }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// If the peer has ended.
    pub async fn command(&self, command: Command) -> anyhow::Result<()> {
        Ok(self.handle.command(command).await?)
    }

    /// All results of a search.
    ///
    /// # Errors
    /// As [`Client::hits`].
    pub async fn search(&mut self, query: Query) -> anyhow::Result<Vec<Arc<Hit>>> {
        let search = SearchId(1);
        self.command(Command::Search(search, Arc::new(query))).await?;
        self.hits(search).await
    }

    /// All results of a search or browse that has begun.
    ///
    /// # Errors
    /// [`Interrupted`], or how the search failed.
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
    ///
    /// # Errors
    /// If the node has crashed.
    pub async fn leave(self) -> anyhow::Result<()> {
        self.handle.shutdown().await?;
        Ok(())
    }

    /// Ends at once, for a user who has pressed Ctrl-C: good-byes wait for others, up to some seconds.
    ///
    /// # Errors
    /// If the node has crashed.
    pub async fn kill(self) -> anyhow::Result<()> {
        self.handle.kill().await?;
        Ok(())
    }
}
