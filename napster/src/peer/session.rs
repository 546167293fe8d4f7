//! The session with the server.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | away | start, or the reconnect timer | dialling |
//! | dialling (the redirector first, if there is one) | opened | entering: login sent |
//! | entering | 3 | online: the list is shared, questions and downloads go on |
//! | entering | 0, 10, 404: bad password, invalid nick, … | closed for good, said so |
//! | entering | 0: nick in use, server full, too fast | away; dials again, each time later |
//! | online | 748: somebody else logged in with our nick | closed for good, said so |
//! | any | connection lost, or no answer in time | away; dials again |

use std::sync::Arc;

use common::peer::{CloseReason, ConnId};
use common::user::{Failure, FetchId, Note, SearchEnd};
use rand::RngExt as _;

use super::fetch::Verdict;
use super::{Hands, Link, Peer};
use crate::node::Timer;
use crate::wire::{Line, Login, Message, Named, Quoted, Setup, Token};

/// Doublings of the wait before the server is dialled again.
const BACKOFF_DOUBLINGS_MAX: u32 = 6;

/// Where the session stands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) state: State,
    /// Failed attempts in a row.
    failures: u32,
    /// Statistics are told once per session.
    told_statistics: bool,
}

/// See the module's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    /// Not connected; a timer will dial.
    #[default]
    Away,
    /// Asking the redirector.
    Redirecting(ConnId),
    /// Waiting for the connection or for the server's welcome.
    Entering(ConnId),
    /// Part of the network.
    Online(ConnId),
    /// Closed for good.
    Over,
}

impl Peer {
    /// The session's connection, once the server has let us in.
    pub(super) fn server(&self) -> Option<ConnId> {
        match self.session.state {
            State::Online(conn) => Some(conn),
            _ => None,
        }
    }

    /// True if there will be no server any more.
    pub(super) fn is_over(&self) -> bool {
        self.session.state == State::Over
    }

    /// True while the first answer of the server is still to come: questions wait instead of failing.
    pub(super) fn is_joining(&self) -> bool {
        matches!(self.session.state, State::Redirecting(_) | State::Entering(_))
    }

    pub(super) fn dial_server(&mut self, cx: Hands) {
        if self.nick.is_none() || Token::from_text(&self.me.password).is_none() {
            return self.close_for_good("nick and password must be without blanks and quotes", cx);
        }
        let conn = if self.me.via_redirector {
            let conn = cx.dial(self.me.server, Setup::Redirector);
            self.session.state = State::Redirecting(conn);
            conn
        } else {
            let conn = cx.dial(self.me.server, Setup::Session);
            self.session.state = State::Entering(conn);
            conn
        };
        self.links.insert(conn, Link::Server);
        cx.wake(self.config.login_timeout, Timer::WelcomeDue(conn));
    }

    pub(super) fn reconnect(&mut self, cx: Hands) {
        if self.session.state == State::Away {
            self.dial_server(cx);
        }
    }

    pub(super) fn welcome_due(&mut self, conn: ConnId, cx: Hands) {
        if matches!(self.session.state, State::Redirecting(c) | State::Entering(c) if c == conn) {
            self.hang_up(conn, cx);
            self.lost("the server does not answer", cx);
        }
    }

    pub(super) fn server_opened(&mut self, conn: ConnId, cx: Hands) {
        if self.session.state != State::Entering(conn) {
            return;
        }
        let (Some(nick), Some(password)) = (self.nick.clone(), Token::from_text(&self.me.password)) else {
            return;
        };
        let login = Box::new(Login {
            nick,
            password,
            port: self.data_port(cx),
            client: Quoted::lossy(&self.config.client),
            speed: self.me.speed,
            email: self.me.register.as_deref().and_then(Token::from_text),
        });
        cx.send(
            conn,
            match login.email {
                Some(_) => Message::Register(login),
                None => Message::Login(login),
            },
        );
    }

    fn data_port(&self, cx: Hands) -> u16 {
        if self.me.firewalled { 0 } else { cx.address().port() }
    }

    pub(super) fn server_closed(&mut self, reason: CloseReason, cx: Hands) {
        let text = match (self.session.state, reason) {
            (State::Over, _) => return,
            (State::Online(_), reason) => format!("the server is gone: {reason}"),
            (State::Redirecting(_), reason) => format!("the redirector cannot be reached: {reason}"),
            (_, reason) => format!("the server cannot be reached: {reason}"),
        };
        self.lost(&text, cx);
    }

    /// The session has ended; another will be tried.
    pub(super) fn lost(&mut self, why: &str, cx: Hands) {
        self.session.state = State::Away;
        let doublings = self.session.failures.min(BACKOFF_DOUBLINGS_MAX);
        self.session.failures += 1;
        // Up to half as much again by chance, so that a server's thousand clients do not come back as one.
        let wait = self.config.reconnect_after * (1 << doublings);
        let wait = wait + wait.mul_f64(cx.rng().random_range(0.0..0.5));
        cx.wake(wait, Timer::Reconnect);
        cx.note(Note::Offline(format!("{why}; next try in {} s", wait.as_secs_f64().round()).into()));
        self.without_server(cx);
    }

    fn close_for_good(&mut self, why: &str, cx: Hands) {
        self.session.state = State::Over;
        cx.note(Note::ShutOut(why.into()));
        self.without_server(cx);
    }

    /// Whatever needs the server ends; what runs between peers goes on.
    fn without_server(&mut self, cx: Hands) {
        for question in std::mem::take(&mut self.questions) {
            cx.note(Note::SearchEnded(question.search, SearchEnd::Offline));
        }
        self.accepted.clear();
        self.downloads_without_server(cx);
    }

    pub(super) fn leave(&mut self, cx: Hands) {
        let all: Vec<ConnId> = self.links.iter().map(|(conn, _)| conn).collect();
        for conn in all {
            self.hang_up(conn, cx);
        }
        self.session.state = State::Over;
        for question in std::mem::take(&mut self.questions) {
            cx.note(Note::SearchEnded(question.search, SearchEnd::Offline));
        }
        let fetches: Vec<FetchId> = self.downloads.keys().copied().collect();
        for fetch in fetches {
            self.fail(fetch, Failure::Cancelled, cx);
        }
        cx.note(Note::Offline("left".into()));
    }

    pub(super) fn of_server(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match self.session.state {
            State::Redirecting(_) => self.redirected(conn, &message, cx),
            State::Entering(_) => self.entering(conn, message, cx),
            State::Online(_) => self.online(conn, message, cx),
            State::Away | State::Over => {}
        }
    }

    fn redirected(&mut self, conn: ConnId, message: &Message, cx: Hands) {
        self.hang_up(conn, cx);
        let Message::Redirect(line) = message else { return self.lost("the redirector made no sense", cx) };
        let address = String::from_utf8_lossy(line.trimmed());
        match address.parse::<std::net::SocketAddrV4>() {
            Ok(server) if server.port() != 0 => {
                let conn = cx.dial(server, Setup::Session);
                self.links.insert(conn, Link::Server);
                self.session.state = State::Entering(conn);
                cx.wake(self.config.login_timeout, Timer::WelcomeDue(conn));
            }
            _ => self.lost(&format!("the redirector knows no server (`{line}`)"), cx),
        }
    }

    fn entering(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match message {
            Message::LoginAck(_) => self.welcomed(conn, cx),
            Message::LoginError(text) => {
                self.hang_up(conn, cx);
                let text = text.text();
                let why = in_clear_words(&text, &self.me.nick);
                if is_passing(&text) { self.lost(&why, cx) } else { self.close_for_good(&why, cx) }
            }
            Message::NickInvalid(text) => {
                self.hang_up(conn, cx);
                self.close_for_good(&format!("the server refuses the nick `{}` ({text})", self.me.nick), cx);
            }
            Message::Notice(text) => cx.note(Note::Text(text.text().into())),
            Message::Motd(text) => cx.note(Note::Text(text.text().into())),
            _ => {}
        }
    }

    fn welcomed(&mut self, conn: ConnId, cx: Hands) {
        self.session = Session { state: State::Online(conn), ..Session::default() };
        // It is ours from now on: whoever comes back logs in.
        self.me.register = None;
        cx.note(Note::Online);
        for nick in self.me.hotlist.iter().filter_map(|nick| Token::from_text(nick)) {
            cx.send(conn, Message::Hotlist(nick));
        }
        self.share_all(cx);
        self.ask_first_question(cx);
        self.downloads_with_server(cx);
    }

    fn online(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match message {
            Message::SearchHit(_) | Message::SearchEnd | Message::BrowseHit(_) | Message::BrowseEnd(_) => {
                self.of_question(&message, cx);
            }
            Message::Offer(offer) => self.offered(&offer, cx),
            Message::GetError(named) => self.refused(&named, Failure::NoHolder, Verdict::Later, cx),
            Message::UploadRefuse(named) => self.refused(&named, Failure::Refused, Verdict::Later, cx),
            Message::QueueLimited(limited) => {
                let named = Named { nick: limited.nick, file: limited.file };
                self.refused(&named, Failure::Refused, Verdict::Busy, cx);
            }
            Message::Pong(pong) => self.ponged(&pong.nick, cx),
            Message::Ping(ping) => cx.send(conn, Message::Pong(ping)),
            Message::UploadAsk(named) => self.upload_asked(conn, &named, cx),
            Message::Push(offer) => self.push_asked(&offer, cx),
            Message::DirectBrowse(request) => self.direct_browse_asked(conn, &request, cx),
            Message::GhostKilled => {
                self.hang_up(conn, cx);
                self.close_for_good("somebody else has logged in with this nick", cx);
            }
            Message::Notice(text) => self.noticed(&text, cx),
            Message::Stats(stats) if !self.session.told_statistics => {
                self.session.told_statistics = true;
                let text =
                    format!("{} users share {} files, {} GB", stats.users, stats.files, stats.gigabytes);
                cx.note(Note::Text(text.into()));
            }
            other => say(other, cx),
        }
    }

    fn noticed(&mut self, text: &Line, cx: Hands) {
        let text = text.text();
        if text.starts_with("search failed") || text == "invalid search request" {
            self.question_refused();
        }
        cx.note(Note::Text(text.into()));
    }
}

/// What the user is simply told.
fn say(message: Message, cx: Hands) {
    let text = match message {
        Message::Motd(text) => text.text(),
        Message::PrivateMessage(private) => format!("<{}> {}", private.nick, private.text),
        Message::SignedOn(user) => format!("{} is online (link {})", user.nick, user.speed),
        Message::SignedOff(nick) => format!("{nick} is offline"),
        Message::PortError(nick) => format!("{nick} cannot reach our data port"),
        Message::LoginError(text) => text.text(),
        Message::Disconnecting(_) => "the server is about to disconnect us".to_owned(),
        _ => return,
    };
    cx.note(Note::Text(Arc::from(text)));
}

/// What a refusal means to the user, with what the server said.
fn in_clear_words(text: &str, nick: &str) -> String {
    let says = |part: &str| text.to_ascii_lowercase().contains(part);
    if says("already active") || says("too fast") {
        format!("the nick `{nick}` is in use, or was a moment ago")
    } else if says("password") {
        format!("the nick `{nick}` has another password ({text})")
    } else if says("registered to") {
        format!("the nick `{nick}` belongs to somebody else ({text})")
    } else {
        format!("the server refuses us ({text})")
    }
}

/// True for a refusal that time may heal.
fn is_passing(text: &str) -> bool {
    let passing = ["already active", "too fast", "server is full", "overload", "maximum connections"];
    passing.iter().any(|word| text.contains(word))
}
