//! What users want of each other: who is there, how fast, messages, pings, direct browsing.

use common::peer::ConnId;

use super::{Hands, Server, notice, user_id};
use crate::wire::{
    DirectBrowse, DirectBrowseAddress, DirectBrowseError, Line, Message, Pinged, Private, Quoted, Token,
    UserSpeed, Whois, Whowas,
};

impl Server {
    pub(super) fn of_people(&mut self, conn: ConnId, nick: &Token, message: Message, cx: Hands) {
        match message {
            Message::HotlistAdd(watched) => self.watch(conn, &watched, true, cx),
            Message::Hotlist(watched) => self.watch(conn, &watched, false, cx),
            Message::HotlistRemove(watched) => self.stop_watching(conn, &watched),
            Message::PrivateMessage(private) => {
                let Private { nick: to, text } = *private;
                let message = Private { nick: nick.clone(), text };
                self.relay(conn, &to, Message::PrivateMessage(Box::new(message)), cx);
            }
            Message::SpeedAsk(about) => match self.online(&about) {
                Some((_, _, user)) => {
                    let speed = UserSpeed { nick: user.nick.clone(), speed: user.speed };
                    cx.send(conn, Message::Speed(Box::new(speed)));
                }
                None => absent(conn, cx),
            },
            Message::WhoisAsk(about) => self.whois(conn, &about, cx),
            Message::Ping(ping) => {
                let Pinged { nick: to, text } = *ping;
                let ping = Pinged { nick: nick.clone(), text };
                self.relay(conn, &to, Message::Ping(Box::new(ping)), cx);
            }
            Message::Pong(pong) => {
                let Pinged { nick: to, text } = *pong;
                let pong = Pinged { nick: nick.clone(), text };
                self.relay(conn, &to, Message::Pong(Box::new(pong)), cx);
            }
            Message::PortError(to) => self.relay(conn, &to, Message::PortError(nick.clone()), cx),
            Message::ServerPing(data) => {
                let text = [self.config.name.as_bytes(), b" ", data.as_bytes()].concat();
                cx.send(conn, Message::ServerPong(Line::new(&text).expect("a line takes any bytes")));
            }
            Message::DirectBrowseAsk(owner) => self.direct_browse(conn, nick, &owner, cx),
            Message::DirectBrowseAccept(requester) => self.direct_browse_accept(conn, nick, &requester, cx),
            Message::DirectBrowseError(error) => {
                let DirectBrowseError { nick: to, why } = *error;
                let error = DirectBrowseError { nick: nick.clone(), why };
                self.relay(conn, &to, Message::DirectBrowseError(Box::new(error)), cx);
            }
            Message::SpeedChange(speed) => notice(conn, format!("{speed}: invalid speed"), cx),
            // What only servers say, or data connections: nobody sends it in good faith.
            _ => {
                self.refused.frames += 1;
                self.end(conn, cx);
            }
        }
    }

    /// Passes a message on, or says that its recipient is not here.
    fn relay(&self, conn: ConnId, to: &Token, message: Message, cx: Hands) {
        match self.online(to) {
            Some((recipient, ..)) => cx.send(recipient, message),
            None => absent(conn, cx),
        }
    }

    fn watch(&mut self, conn: ConnId, watched: &Token, acknowledge: bool, cx: Hands) {
        let max = self.config.hotlist_max;
        let Some(user) = self.user_mut(conn) else { return };
        let key = watched.folded();
        if !user.hotlist.contains(&key) {
            if user.hotlist.len() >= max {
                return notice(conn, format!("Your hotlist is full ({max} entries)"), cx);
            }
            user.hotlist.push(key.clone());
            self.watchers.entry(key).or_default().push(conn);
        }
        if acknowledge {
            cx.send(conn, Message::HotlistAck(watched.clone()));
        }
        if let Some((_, _, user)) = self.online(watched) {
            let speed = UserSpeed { nick: user.nick.clone(), speed: user.speed };
            cx.send(conn, Message::SignedOn(Box::new(speed)));
        }
    }

    fn stop_watching(&mut self, conn: ConnId, watched: &Token) {
        let key = watched.folded();
        if let Some(user) = self.user_mut(conn) {
            user.hotlist.retain(|other| *other != key);
            self.unwatch(conn, &key);
        }
    }

    /// Takes a watcher out of a folded nick's list.
    pub(super) fn unwatch(&mut self, conn: ConnId, key: &Token) {
        if let Some(watchers) = self.watchers.get_mut(key) {
            watchers.retain(|watcher| *watcher != conn);
            if watchers.is_empty() {
                self.watchers.remove(key);
            }
        }
    }

    pub(super) fn tell_watchers(&self, nick: &Token, speed: u32, cx: Hands) {
        for watcher in self.watchers.get(&nick.folded()).into_iter().flatten() {
            cx.send(*watcher, Message::SignedOn(Box::new(UserSpeed { nick: nick.clone(), speed })));
        }
    }

    fn whois(&self, conn: ConnId, about: &Token, cx: Hands) {
        if let Some((owner, _, user)) = self.online(about) {
            let since = self.sessions.get(owner).map_or(cx.now(), |session| session.since);
            let whois = Whois {
                nick: user.nick.clone(),
                level: Quoted::lossy("User"),
                online_s: cx.now().since(since).as_secs(),
                channels: Quoted::lossy(" "),
                status: Quoted::lossy("Active"),
                shared: self.index.files_of(user_id(owner)).len() as u32,
                downloads: user.downloads,
                uploads: user.uploads,
                speed: user.speed,
                client: user.client.clone(),
            };
            return cx.send(conn, Message::Whois(Box::new(whois)));
        }
        match self.accounts.get(about) {
            Some(account) => {
                let whowas = Whowas {
                    nick: account.nick.clone(),
                    level: Quoted::lossy("User"),
                    last_seen_s: account.last_seen_s,
                };
                cx.send(conn, Message::Whowas(Box::new(whowas)));
            }
            None => absent(conn, cx),
        }
    }

    fn direct_browse(&self, conn: ConnId, nick: &Token, owner: &Token, cx: Hands) {
        let failed = |why: &str, cx: Hands| {
            let error = DirectBrowseError { nick: owner.clone(), why: Quoted::lossy(why) };
            cx.send(conn, Message::DirectBrowseError(Box::new(error)));
        };
        let Some((owner_conn, _, owner)) = self.online(owner) else {
            return failed("User is not currently online.", cx);
        };
        let Some((_, ip, requester)) = self.online(nick) else { return };
        if owner.port == 0 && requester.port == 0 {
            return failed("both sides are firewalled", cx);
        }
        let push = owner.port == 0;
        let request =
            DirectBrowse { nick: nick.clone(), ip: push.then_some(ip), port: push.then_some(requester.port) };
        cx.send(owner_conn, Message::DirectBrowse(Box::new(request)));
    }

    fn direct_browse_accept(&self, conn: ConnId, nick: &Token, requester: &Token, cx: Hands) {
        let Some((requester_conn, ..)) = self.online(requester) else { return absent(conn, cx) };
        let Some((_, ip, owner)) = self.online(nick) else { return };
        let address = DirectBrowseAddress { nick: nick.clone(), ip, port: owner.port };
        cx.send(requester_conn, Message::DirectBrowseAddress(Box::new(address)));
    }
}

fn absent(conn: ConnId, cx: Hands) {
    notice(conn, "User is not currently online.", cx);
}
