//! A web cache: a small web server that tells newcomers the addresses of servents (GWebCache 1.3.1, and the questions of version 2).
//!
//! | request | answer |
//! |---|---|
//! | `GET /any/path?ping=1` | `PONG` and a version |
//! | `…?hostfile=1` | up to 20 addresses, one on a line, drawn at random |
//! | `…?urlfile=1` | the URLs of other web caches |
//! | `…?ip=a.b.c.d:port` | the address is taken up: `OK`, or `ERROR:` and why not |
//! | `…?get=1`, `?update=1&ip=…`, with `net=gnutella` or without | the same by version 2: `H\|address\|age`, `U\|url\|age`, `I\|update\|OK` |
//! | nothing of that | 400; without any question, 404 |
//!
//! Others may be asked for at once, as in `?hostfile=1&ip=…`. Nobody can name another's address, except inside one private
//! network or one machine, where the cache may see callers at other addresses than they have.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use common::http::{self, Request, Target};
use common::net::is_dialable;
use common::peer::{ConnId, Cx, Event, Slots, Time};
use common::user::Note;
use rand::RngExt as _;

use crate::node::{Node, Timer};
use crate::wire::{Message, Page};

/// What version 2 calls the network whose servents are told.
const NETWORK: &str = "gnutella";

/// The knobs of a web cache.
#[derive(Clone, Debug)]
pub struct HostCacheConfig {
    /// Name and version in the answer to a ping.
    pub name: String,
    /// URLs of other web caches.
    pub urls: Vec<String>,
    /// Addresses kept; the oldest makes room. 1,000: our choice.
    pub hosts_max: usize,
    /// Addresses told at a time. 20: GWebCache.
    pub told_max: usize,
    /// How long an address is told after it was last named. 2 h: servents name themselves every hour.
    pub host_life: Duration,
    /// How often one address may name itself. 10 min: our choice; servents do it every hour.
    pub tell_every: Duration,
    /// Callers at a time; more are hung up on. 1,000: our choice.
    pub callers_max: usize,
    /// How long a caller may be silent. 20 s: our choice.
    pub step_timeout: Duration,
}

impl Default for HostCacheConfig {
    fn default() -> Self {
        HostCacheConfig {
            name: concat!("p2p-testbed/", env!("CARGO_PKG_VERSION")).to_owned(),
            urls: Vec::new(),
            hosts_max: 1_000,
            told_max: 20,
            host_life: Duration::from_secs(2 * 3600),
            tell_every: Duration::from_secs(600),
            callers_max: 1_000,
            step_timeout: Duration::from_secs(20),
        }
    }
}

/// The state of a web cache.
pub struct HostCache {
    me: HostCacheConfig,
    /// Who was named, and when; the oldest first.
    hosts: Vec<(SocketAddrV4, Time)>,
    callers: Slots<Caller>,
}

struct Caller {
    address: SocketAddrV4,
    /// When it must have said something.
    deadline: Time,
}

impl HostCache {
    /// One that knows nobody.
    pub fn new(config: HostCacheConfig) -> Self {
        HostCache { me: config, hosts: Vec::new(), callers: Slots::default() }
    }

    /// How many servents it knows.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// True if it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Its only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: &mut Cx<'_, Node>) {
        match event {
            Event::Start => cx.note(Note::Online),
            Event::Opened { conn, remote, dialled: false } => self.called(conn, remote, cx),
            Event::Message { conn, message: Message::Request(request) } => self.asked(conn, &request, cx),
            Event::Message { conn, .. } => self.hang_up(conn, cx),
            Event::Closed { conn, .. } => {
                self.callers.remove(conn);
            }
            Event::Timer(Timer::LinkDue(conn)) => self.link_due(conn, cx),
            _ => {}
        }
    }

    fn link_due(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        if self.callers.get(conn).is_some_and(|caller| caller.deadline <= cx.now()) {
            self.hang_up(conn, cx);
        }
    }

    fn called(&mut self, conn: ConnId, address: SocketAddrV4, cx: &mut Cx<'_, Node>) {
        if self.callers.len() >= self.me.callers_max {
            return cx.close(conn);
        }
        let deadline = self.new_deadline(conn, cx);
        self.callers.insert(conn, Caller { address, deadline });
    }

    fn asked(&mut self, conn: ConnId, request: &Request, cx: &mut Cx<'_, Node>) {
        let deadline = self.new_deadline(conn, cx);
        let Some(caller) = self.callers.get_mut(conn) else { return };
        caller.deadline = deadline;
        let from = *caller.address.ip();
        let (status, text) = self.answer(request, from, cx);
        // Who does not say so, as clients of HTTP/1.0, takes the connection's end for the text's.
        let stays = request.headers.get("Connection").is_some_and(|v| v.eq_ignore_ascii_case("keep-alive"));
        let mut page = Page::new(status, &text);
        page.head.headers.push("Connection", if stays { "keep-alive" } else { "close" });
        cx.send(conn, Message::Page(Box::new(page)));
        if stays { cx.resume(conn) } else { self.hang_up(conn, cx) }
    }

    /// Status and text.
    fn answer(&mut self, request: &Request, from: Ipv4Addr, cx: &mut Cx<'_, Node>) -> (u16, String) {
        let target = Target::parse(&request.target);
        if &*request.method != "GET" {
            return (http::BAD_REQUEST, "Only GET is understood here.\n".into());
        }
        if target.query.is_empty() {
            return (
                http::NOT_FOUND,
                "Ask with ?hostfile=1, ?urlfile=1, ?ip=a.b.c.d:port, ?ping=1, or as of version 2.\n".into(),
            );
        }
        let asks = |name| target.parameter(name).is_some_and(|value| value == "1");
        if asks("get") || asks("update") {
            return (http::OK, self.answer_by_lines(&target, from, cx));
        }
        let named = target.parameter("ip").map(|ip| self.named(&ip, from, cx.now()));
        if asks("ping") {
            (http::OK, format!("PONG {}\n", self.me.name))
        } else if asks("hostfile") {
            (http::OK, self.hostfile(cx))
        } else if asks("urlfile") {
            (http::OK, self.me.urls.iter().take(self.me.told_max).map(|url| format!("{url}\n")).collect())
        } else {
            match named {
                Some(Ok(())) => (http::OK, "OK\n".into()),
                Some(Err(why)) => (http::OK, format!("ERROR: {why}\n")),
                // Caches of others are not taken up, since nobody here would look whether they are any.
                None if target.parameter("url").is_some() => (http::OK, "OK\n".into()),
                None => (http::BAD_REQUEST, "That is no question of GWebCache.\n".into()),
            }
        }
    }

    /// The answer in the form of version 2, in which each line says what it is and a question may ask for several things: as the
    /// caches of the time gave it (Skulls, Cachechu), since no document of it can be had.
    fn answer_by_lines(&mut self, target: &Target, from: Ipv4Addr, cx: &mut Cx<'_, Node>) -> String {
        if target.parameter("net").is_some_and(|net| !net.eq_ignore_ascii_case(NETWORK)) {
            return "I|net-not-supported\n".into();
        }
        let asks = |name| target.parameter(name).is_some_and(|value| value == "1");
        let mut text = String::new();
        if asks("ping") {
            text += &format!("I|pong|{}|{NETWORK}\n", self.me.name);
        }
        if asks("update") {
            text += &match target.parameter("ip").map(|ip| self.named(&ip, from, cx.now())) {
                Some(Err(why)) => format!("I|update|WARNING|{why}\n"),
                _ => "I|update|OK\n".into(),
            };
        }
        if asks("get") {
            for (address, age_s) in self.some_hosts(cx) {
                text += &format!("H|{address}|{age_s}\n");
            }
            for url in self.me.urls.iter().take(self.me.told_max) {
                text += &format!("U|{url}|0\n");
            }
        }
        text
    }

    /// Some addresses, one on a line.
    fn hostfile(&mut self, cx: &mut Cx<'_, Node>) -> String {
        self.some_hosts(cx).into_iter().map(|(address, _)| format!("{address}\n")).collect()
    }

    /// Some addresses, and how many seconds ago each was named.
    fn some_hosts(&mut self, cx: &mut Cx<'_, Node>) -> Vec<(SocketAddrV4, u64)> {
        let (now, life) = (cx.now(), self.me.host_life);
        let old = self.hosts.iter().take_while(|(_, at)| now.since(*at) > life).count();
        self.hosts.drain(..old);
        let mut left = self.hosts.clone();
        let told = (0..self.me.told_max.min(left.len())).map(|_| {
            let (address, at) = left.swap_remove(cx.rng().random_range(0..left.len()));
            (address, now.since(at).as_secs())
        });
        told.collect()
    }

    /// Somebody names the address of a servent: their own, or so they say.
    fn named(&mut self, ip: &str, from: Ipv4Addr, now: Time) -> Result<(), &'static str> {
        let address: SocketAddrV4 = ip.parse().map_err(|_| "not an address with a port")?;
        if !is_dialable(address) {
            return Err("nobody can listen there");
        }
        let alike = |is: fn(&Ipv4Addr) -> bool| is(address.ip()) && is(&from);
        let is_near = alike(Ipv4Addr::is_loopback) || alike(Ipv4Addr::is_private);
        if *address.ip() != from && !is_near {
            return Err("not your own address");
        }
        // In a near network many servents may share what the cache sees as one address; elsewhere one has one port.
        let same = |host: SocketAddrV4| if is_near { host == address } else { host.ip() == address.ip() };
        if let Some(at) = self.hosts.iter().position(|(host, _)| same(*host)) {
            if now.since(self.hosts[at].1) < self.me.tell_every {
                return Err("come again later");
            }
            self.hosts.remove(at);
        } else if self.hosts.len() >= self.me.hosts_max {
            self.hosts.remove(0);
        }
        self.hosts.push((address, now));
        Ok(())
    }

    fn new_deadline(&self, conn: ConnId, cx: &mut Cx<'_, Node>) -> Time {
        cx.wake(self.me.step_timeout, Timer::LinkDue(conn));
        cx.now() + self.me.step_timeout
    }

    fn hang_up(&mut self, conn: ConnId, cx: &mut Cx<'_, Node>) {
        self.callers.remove(conn);
        cx.close(conn);
    }
}
