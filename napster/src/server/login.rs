//! Before and at login: who may come in.

use std::collections::HashMap;

use common::peer::ConnId;
use common::user::Note;
use rand::RngExt as _;

use super::{Hands, Server, User, notice};
use crate::wire::field::Fields;
use crate::wire::{Line, Login, Message, Raw, Token};

/// The fastest link speed of the protocol: T3 or more.
pub(super) const SPEED_MAX: u32 = 10;
/// Types that clients send and servers ignore, before login too: a password check (11), registration data (14, 15), a
/// wish to have the data port checked (300) and an early advertisement (920).
pub(super) const IGNORED: [u16; 5] = [11, 14, 15, 300, 920];
/// Nicks that the historical server keeps for itself.
const RESERVED: [&[u8]; 4] = [b"operserv", b"chanserv", b"operator", b"nickserv"];

/// How a login is refused.
enum Refusal {
    /// Type 0 with this text.
    Error(String),
    /// Type 10 with this text.
    Nick(String),
}

impl Server {
    pub(super) fn before_login(&mut self, conn: ConnId, message: Message, cx: Hands) {
        let refusal = match message {
            Message::Login(login) => match self.admit(conn, &login, false, cx) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Message::Register(login) => match self.admit(conn, &login, true, cx) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Message::NickCheck(nick) => return self.check_nick(conn, &nick, cx),
            Message::Version(_) => return cx.send(conn, Message::VersionAck),
            Message::Unknown(raw) if IGNORED.contains(&raw.code) => return,
            Message::Unparsable(raw) if matches!(raw.code, 2 | 6) => {
                notice(conn, what_is_wrong_with_login(&raw), cx);
                self.refused.logins += 1;
                return self.end(conn, cx);
            }
            _ => Refusal::Error("invalid command".into()),
        };
        self.refused.logins += 1;
        cx.send(
            conn,
            match refusal {
                Refusal::Error(text) => Message::LoginError(text.into()),
                Refusal::Nick(text) => Message::NickInvalid(text.into()),
            },
        );
        self.end(conn, cx);
    }

    fn check_nick(&self, conn: ConnId, nick: &Line, cx: Hands) {
        let token = Token::new(nick.trimmed()).filter(|token| self.is_valid_nick(token));
        cx.send(
            conn,
            match token {
                None => Message::NickInvalid(Line::from("")),
                Some(nick) if self.accounts.get(&nick).is_some() => Message::NickTaken,
                Some(_) => Message::NickFree,
            },
        );
    }

    /// The rules of opennap-ng: printable ASCII without a few characters that channels and masks need.
    fn is_valid_nick(&self, nick: &Token) -> bool {
        let bytes = nick.as_bytes();
        let folded = nick.folded();
        bytes.len() <= self.config.nick_bytes_max
            && bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"%$*?.!\",\\".contains(byte))
            && !b"#&:-".contains(&bytes[0])
            && !RESERVED.contains(&folded.as_bytes())
            && !folded.as_bytes().eq_ignore_ascii_case(self.config.name.as_bytes())
    }

    fn admit(&mut self, conn: ConnId, login: &Login, register: bool, cx: Hands) -> Result<(), Refusal> {
        let error = |text: &str| Err(Refusal::Error(text.into()));
        if self.users() >= self.config.users_max {
            return Err(Refusal::Error(format!("This server is full ({} connections)", self.users())));
        }
        if !self.is_valid_nick(&login.nick) {
            return Err(Refusal::Nick(format!("Invalid nick: {}", login.nick)));
        }
        if login.speed > SPEED_MAX {
            return Err(Refusal::Error(format!("{}: invalid speed", login.speed)));
        }
        match self.accounts.get(&login.nick) {
            Some(_) if register => return error("Nick registered to another user"),
            Some(account) if !account.accepts(&login.password) => return error("Invalid Password"),
            None if self.config.restricted && !self.config.auto_register && !register => {
                return error("this is a restricted server");
            }
            _ => {}
        }
        self.make_room(conn, &login.nick, cx)?;
        if self.accounts.get(&login.nick).is_none() && (register || self.config.auto_register) {
            if self.accounts.len() >= self.config.accounts_max {
                return error("no more nicks can be registered");
            }
            let now_s = self.config.epoch_s + cx.now().0 / 1_000_000_000;
            let salt = cx.rng().random();
            let account = self.accounts.register(&login.nick, &login.password, salt, now_s);
            cx.note(Note::Keep(account.to_line().into()));
        }
        self.welcome(conn, login, cx);
        Ok(())
    }

    /// An older session of the same nick keeps it, unless it is a ghost: from the same address, and old enough.
    fn make_room(&mut self, conn: ConnId, nick: &Token, cx: Hands) -> Result<(), Refusal> {
        let Some((old, ip, user)) = self.online(nick) else { return Ok(()) };
        let session = |conn| self.sessions.get(conn);
        if session(conn).is_some_and(|new| new.ip != ip) {
            return Err(Refusal::Error(format!("{} is already active", user.nick)));
        }
        if session(old).is_some_and(|old| cx.now().since(old.since) < self.config.ghost_after) {
            return Err(Refusal::Error("Connecting too fast".into()));
        }
        cx.send(old, Message::GhostKilled);
        self.end(old, cx);
        Ok(())
    }

    fn welcome(&mut self, conn: ConnId, login: &Login, cx: Hands) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        session.since = cx.now();
        session.user = Some(Box::new(User {
            nick: login.nick.clone(),
            client: login.client.clone(),
            port: login.port,
            speed: login.speed,
            downloads: 0,
            uploads: 0,
            hotlist: Vec::new(),
            told_share_limit: false,
            media: HashMap::new(),
        }));
        self.conn_by_nick.insert(login.nick.folded(), conn);
        cx.send(conn, Message::LoginAck(format!("anon@{}", self.config.name).into()));
        for line in [
            format!("VERSION napster-testbed {}", env!("CARGO_PKG_VERSION")),
            format!("SERVER {}", self.config.name),
            format!("Welcome {}!", login.nick),
        ] {
            cx.send(conn, Message::Motd(line.into()));
        }
        self.motd(conn, cx);
        cx.send(conn, Message::Stats(self.statistics()));
        self.tell_watchers(&login.nick, login.speed, cx);
    }

    pub(super) fn motd(&self, conn: ConnId, cx: Hands) {
        for line in &self.config.motd {
            cx.send(conn, Message::Motd(line.as_str().into()));
        }
    }
}

fn what_is_wrong_with_login(raw: &Raw) -> &'static str {
    if Fields::new(raw.data.as_bytes()).is_unterminated() {
        return "parameters are unparsable";
    }
    let mut fields = Fields::new(raw.data.as_bytes());
    let count = std::iter::from_fn(|| fields.take()).take(5).count();
    if count < 5 { "Too few parameters for login." } else { "parameters are unparsable" }
}
