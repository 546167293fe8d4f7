//! The server: who is here, who shares what, and who may fetch from whom. File content never passes it.
//!
//! # A session
//!
//! | state | hears | becomes |
//! |---|---|---|
//! | new | 7 nick check, 4 version, 14/15/920 (ignored) | new |
//! | new | 2 login or 6 register, admitted | user: gets 3, 621 lines, 214 |
//! | new | 2 or 6 refused; anything else; silence for `login_timeout` | closed, with 0 or 10 and a text |
//! | user | everything below; 2 or 6 again costs a 404 | user |
//! | user | a login with its nick from its address after `ghost_after` | closed with 748 |
//! | user | more messages than the flood limit | closed with 316 |
//!
//! Frames beyond 2,048 bytes close the connection without a word: the codec refuses them.

pub mod accounts;
mod broker;
mod config;
mod login;
mod people;
mod search;
mod share;

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};

use common::index::{Index, IndexConfig, UserId};
use common::peer::{ConnId, Cx, Event, Slots, Time};
use common::user::Note;

use crate::node::{Node, Timer};
use crate::wire::{Line, Message, Quoted, Raw, Stats, Token};
use accounts::Accounts;
pub use config::{Flood, ServerConfig};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The most bytes of a shared file's name; a frame holds little more.
const NAME_BYTES_MAX: usize = 1_024;

/// What a server has refused; told in a note whenever it has grown by the next statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refused {
    /// Sessions closed for flooding.
    pub floods: u64,
    /// Logins refused, for whatever reason.
    pub logins: u64,
    /// Shares refused: too many, too long, twice.
    pub shares: u64,
    /// Frames that could not be read or of unknown type.
    pub frames: u64,
}

/// The state of a Napster server.
pub struct Server {
    config: ServerConfig,
    accounts: Accounts,
    sessions: Slots<Session>,
    /// Connections by slot: the index numbers users by slot.
    conn_by_slot: Vec<Option<ConnId>>,
    /// Logged-in users by folded nick.
    conn_by_nick: HashMap<Token, ConnId>,
    /// Who watches a folded nick.
    watchers: HashMap<Token, Vec<ConnId>>,
    index: Index,
    /// Who holds content: MD5 of the head, size, user slot.
    contents: BTreeSet<([u8; 16], u64, u32)>,
    refused: Refused,
    refused_told: Refused,
}

/// A connection.
struct Session {
    ip: Ipv4Addr,
    since: Time,
    /// `None` before login.
    user: Option<Box<User>>,
    /// Messages left in the flood bucket, in thousandths, and when that was so.
    bucket: (u64, Time),
}

/// A logged-in user.
struct User {
    nick: Token,
    client: Quoted,
    port: u16,
    speed: u32,
    downloads: u32,
    uploads: u32,
    hotlist: Vec<Token>,
    /// The share limit was complained about; once is enough.
    told_share_limit: bool,
    /// Media types of the files that are not MP3, by name; at most `shared_max`.
    media: HashMap<Box<str>, Token>,
}

impl Server {
    /// A server without users.
    pub fn new(config: ServerConfig) -> Self {
        let index = Index::new(IndexConfig {
            files_per_user_max: config.shared_max,
            name_bytes_max: NAME_BYTES_MAX,
            ..IndexConfig::default()
        });
        Server {
            accounts: (*config.accounts).clone(),
            config,
            sessions: Slots::default(),
            conn_by_slot: Vec::new(),
            conn_by_nick: HashMap::new(),
            watchers: HashMap::new(),
            index,
            contents: BTreeSet::new(),
            refused: Refused::default(),
            refused_told: Refused::default(),
        }
    }

    /// Users logged in.
    pub fn users(&self) -> usize {
        self.conn_by_nick.len()
    }

    /// The index of what they share.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What was refused so far.
    pub fn refused(&self) -> Refused {
        self.refused
    }

    /// The server's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => {
                cx.wake(self.config.stats_every, Timer::Stats);
                cx.note(Note::Online);
            }
            Event::Opened { conn, remote, .. } => self.opened(conn, remote, cx),
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Closed { conn, .. } => self.gone(conn, cx),
            Event::Timer(Timer::Stats) => self.tell_statistics(cx),
            Event::Timer(Timer::LoginDue(conn)) => self.login_due(conn, cx),
            Event::Command(common::user::Command::Leave) => self.leave(cx),
            _ => {}
        }
    }

    fn opened(&mut self, conn: ConnId, remote: SocketAddrV4, cx: Hands) {
        let bucket = (self.config.flood.map_or(0, |flood| u64::from(flood.burst) * 1000), cx.now());
        let session = Session { ip: *remote.ip(), since: cx.now(), user: None, bucket };
        self.sessions.insert(conn, session);
        if self.conn_by_slot.len() <= conn.slot() {
            self.conn_by_slot.resize(conn.slot() + 1, None);
        }
        self.conn_by_slot[conn.slot()] = Some(conn);
        cx.wake(self.config.login_timeout, Timer::LoginDue(conn));
    }

    fn login_due(&mut self, conn: ConnId, cx: Hands) {
        if self.sessions.get(conn).is_some_and(|session| session.user.is_none()) {
            self.end(conn, cx);
        }
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        if self.floods(conn, cx.now()) {
            self.refused.floods += 1;
            cx.send(conn, Message::Disconnecting(Line::from("0")));
            return self.end(conn, cx);
        }
        let Some(session) = self.sessions.get(conn) else { return };
        match &session.user {
            None => self.before_login(conn, message, cx),
            Some(user) => {
                let nick = user.nick.clone();
                self.of_user(conn, &nick, message, cx);
            }
        }
    }

    /// Takes one message out of the bucket; true if there was none left.
    fn floods(&mut self, conn: ConnId, now: Time) -> bool {
        let (Some(flood), Some(session)) = (self.config.flood, self.sessions.get_mut(conn)) else {
            return false;
        };
        let (left, at) = session.bucket;
        let refill = now.since(at).as_millis().min(u128::from(u32::MAX)) as u64 * u64::from(flood.per_s);
        let left = left.saturating_add(refill).min(u64::from(flood.burst) * 1000);
        session.bucket = (left.saturating_sub(1000), now);
        left < 1000
    }

    fn of_user(&mut self, conn: ConnId, nick: &Token, message: Message, cx: Hands) {
        match message {
            Message::Share(record) => self.share(conn, &record, None, cx),
            Message::ShareDirectory(directory) => {
                directory.joined().for_each(|record| self.share(conn, &record, None, cx));
            }
            Message::ShareMedia(record) => self.share_media(conn, &record, cx),
            Message::Unshare(file) => self.unshare(conn, &file, cx),
            Message::UnshareAll => self.unshare_all(conn, cx),
            Message::Search(query) => self.search(conn, &query, cx),
            Message::Browse(browse) => self.browse(conn, &browse, cx),
            Message::ResumeSearch(wanted) => self.resume_search(conn, &wanted, cx),
            Message::Get(named) => self.get(conn, nick, &named, cx),
            Message::GetPush(named) => self.get_by_push(conn, nick, &named, cx),
            Message::UploadAccept(named) => self.accept(conn, nick, &named, cx),
            Message::UploadRefuse(named) => self.refuse(nick, &named, cx),
            Message::QueueLimit(limit) => self.queue_limit(conn, nick, &limit, cx),
            Message::DownloadBegun => self.count(conn, |user| user.downloads += 1),
            Message::DownloadEnded => {
                self.count(conn, |user| user.downloads = user.downloads.saturating_sub(1));
            }
            Message::UploadBegun => self.count(conn, |user| user.uploads += 1),
            Message::UploadEnded => self.count(conn, |user| user.uploads = user.uploads.saturating_sub(1)),
            Message::SpeedChange(speed) if speed <= login::SPEED_MAX => {
                self.count(conn, |user| user.speed = speed);
            }
            Message::PortChange(port) => self.count(conn, |user| user.port = port),
            Message::StatsAsk => cx.send(conn, Message::Stats(self.statistics())),
            Message::MotdAsk => self.motd(conn, cx),
            Message::Version(_) => cx.send(conn, Message::VersionAck),
            Message::Login(_) | Message::Register(_) => notice(conn, "you are already logged in", cx),
            Message::Unknown(raw) => self.unknown(conn, &raw, cx),
            Message::Unparsable(_) => self.unparsable(conn, cx),
            other => self.of_people(conn, nick, other, cx),
        }
    }

    fn count(&mut self, conn: ConnId, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.user_mut(conn) {
            change(user);
        }
    }

    fn unknown(&mut self, conn: ConnId, raw: &Raw, cx: Hands) {
        if login::IGNORED.contains(&raw.code) {
            return;
        }
        self.refused.frames += 1;
        notice(conn, format!("Unknown command code {}", raw.code), cx);
    }

    fn unparsable(&mut self, conn: ConnId, cx: Hands) {
        self.refused.frames += 1;
        notice(conn, "parameters are unparsable", cx);
    }

    fn statistics(&self) -> Stats {
        let totals = self.index.totals();
        let saturated = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Stats {
            users: self.users() as u32,
            files: saturated(totals.files),
            gigabytes: saturated(totals.bytes >> 30),
        }
    }

    fn tell_statistics(&mut self, cx: Hands) {
        let stats = self.statistics();
        for (conn, session) in self.sessions.iter() {
            if session.user.is_some() {
                cx.send(conn, Message::Stats(stats.clone()));
            }
        }
        if self.refused != self.refused_told {
            self.refused_told = self.refused;
            let Refused { floods, logins, shares, frames } = self.refused;
            let text = format!(
                "refused so far: {logins} logins, {shares} shares, {frames} frames; {floods} sessions cut for flooding"
            );
            cx.note(Note::Text(text.into()));
        }
        cx.wake(self.config.stats_every, Timer::Stats);
    }

    /// Closes a session and forgets its user.
    fn end(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        self.gone(conn, cx);
    }

    /// Forgets a session; whoever watches its user hears of it.
    fn gone(&mut self, conn: ConnId, cx: Hands) {
        let Some(session) = self.sessions.remove(conn) else { return };
        self.conn_by_slot[conn.slot()] = None;
        let Some(user) = session.user else { return };
        self.forget_contents(conn);
        self.index.remove_user(user_id(conn));
        let key = user.nick.folded();
        self.conn_by_nick.remove(&key);
        if let Some(account) =
            self.accounts.seen(&user.nick, self.config.epoch_s + cx.now().0 / 1_000_000_000)
        {
            cx.note(Note::Keep(account.to_line().into()));
        }
        for watched in &user.hotlist {
            self.unwatch(conn, watched);
        }
        for watcher in self.watchers.get(&key).into_iter().flatten() {
            cx.send(*watcher, Message::SignedOff(user.nick.clone()));
        }
    }

    fn leave(&mut self, cx: Hands) {
        let all: Vec<ConnId> = self.sessions.iter().map(|(conn, _)| conn).collect();
        for conn in all {
            self.end(conn, cx);
        }
        cx.note(Note::Offline("the server was told to stop".into()));
    }

    fn user(&self, conn: ConnId) -> Option<&User> {
        self.sessions.get(conn)?.user.as_deref()
    }

    fn user_mut(&mut self, conn: ConnId) -> Option<&mut User> {
        self.sessions.get_mut(conn)?.user.as_deref_mut()
    }

    /// A logged-in user by nick, with their address.
    fn online(&self, nick: &Token) -> Option<(ConnId, Ipv4Addr, &User)> {
        let conn = *self.conn_by_nick.get(&nick.folded())?;
        let session = self.sessions.get(conn)?;
        Some((conn, session.ip, session.user.as_deref()?))
    }

    /// A logged-in user by the index's number.
    fn by_id(&self, id: UserId) -> Option<(Ipv4Addr, &User)> {
        let conn = (*self.conn_by_slot.get(id.0 as usize)?)?;
        let session = self.sessions.get(conn)?;
        Some((session.ip, session.user.as_deref()?))
    }
}

fn user_id(conn: ConnId) -> UserId {
    UserId(conn.slot() as u32)
}

/// A general error (404).
fn notice(conn: ConnId, text: impl Into<Line>, cx: Hands) {
    cx.send(conn, Message::Notice(text.into()));
}

/// Connections without a login are cheap, since anybody can have many.
const _: () = assert!(size_of::<Session>() <= 48);
