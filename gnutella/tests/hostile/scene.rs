//! A servent in the middle of its work: two good neighbours, a search, an upload and a download, all of them half done.

use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::peer::ConnId;
use common::store::{Memory, Ranges};
use common::testing::Lone;
use common::testing::files::{content, hit};
use common::user::{Command, Fetch, FetchId, FileInfo, Note, Query, SearchId};
use gnutella::guid::Guid;
use gnutella::node::Node;
use gnutella::servent::{Dropped, Knobs, ServentConfig};
use gnutella::wire::{Entry, HitBuilder, Trailer};

use crate::kit::files::{remote, sha1};
use crate::kit::raw::{Descriptor, HIT, PING, PONG, PUSH, QUERY, Raw, guid};

pub const GREETING: &str = "GNUTELLA CONNECT/0.6\r\nUser-Agent: bad\r\nBye-Packet: 0.1\r\n\r\n";
/// What the servent shares.
const SHARED: &[u8] = b"the song of the zebra";
/// The last byte of the address of whoever is bad.
pub const BAD: u8 = 66;
/// The same of somebody bad whom the servent has been told to link with.
const INVITED: u8 = 67;
const DOWNLOADER: u8 = 20;
const HOLDER: u8 = 30;
const SIZE: usize = 100_000;

/// Where a connection of somebody bad can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has dialled and said nothing.
    Caller,
    /// It has dialled, greeted and been answered.
    Greeted,
    /// The servent has dialled it and greeted.
    Dialled,
    Neighbour,
    /// It has dialled and asked for a file.
    Downloader,
    /// The servent has dialled it and asked for a file.
    Holder,
}

pub const STATES: [State; 6] =
    [State::Caller, State::Greeted, State::Dialled, State::Neighbour, State::Downloader, State::Holder];

pub struct Scene {
    pub raw: Raw,
    /// The good neighbours.
    pub good: [ConnId; 2],
    /// The id of the servent's own search.
    pub search: [u8; 16],
    downloader: ConnId,
    holder: ConnId,
    /// How much of the download has been sent.
    fed: usize,
    copy: Arc<Memory>,
    invited: Option<(ConnId, std::net::SocketAddrV4)>,
}

impl Scene {
    pub fn set() -> Scene {
        Scene::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut Knobs)) -> Scene {
        let mut config = ServentConfig { connect: [remote(INVITED)].into(), ..ServentConfig::default() };
        let knobs = Arc::make_mut(&mut config.knobs);
        knobs.search_wait = Duration::from_secs(3600);
        // Whoever is dialled is whom the test means.
        knobs.degree = 3;
        change(knobs);
        let mut raw = Raw::sharing(config, "Songs/zebra.ogg", SHARED, Some(sha1(SHARED)));
        let invited = raw.lone.next_dial();
        let good = [raw.neighbour(1), raw.neighbour(2)];
        let words = Arc::new(Query::words("giraffe"));
        raw.lone.command(Command::Search(SearchId(1), words));
        let heard = raw.heard(good[0]);
        let search = heard.iter().find(|sent| sent.kind == QUERY).expect("it asks its neighbours").guid;
        let downloader = raw.dial(DOWNLOADER);
        let (holder, copy) = fetch(&mut raw, 1, HOLDER);
        let mut scene = Scene { raw, good, search, downloader, holder, fed: 0, copy, invited };
        let head = format!(
            "HTTP/1.1 206 OK\r\nContent-Length: {SIZE}\r\nContent-Range: bytes 0-{}/{SIZE}\r\n\r\n",
            SIZE - 1
        );
        scene.raw.lone.feed(holder, head.as_bytes());
        scene.feed(SIZE / 2);
        scene.ask();
        scene.passed_on();
        scene
    }

    /// Brings a connection of somebody bad into a state.
    pub fn at(&mut self, state: State) -> ConnId {
        match state {
            State::Caller => self.raw.dial(BAD),
            State::Greeted => {
                let conn = self.raw.dial(BAD);
                assert!(self.raw.lone.say(conn, GREETING).starts_with("GNUTELLA/0.6 200"));
                conn
            }
            State::Dialled => {
                let invited = self.invited.take().expect("it is told to link with that one");
                let conn = self.raw.lone.answer(invited);
                assert!(self.raw.lone.take(conn).starts_with(b"GNUTELLA CONNECT/0.6"));
                conn
            }
            State::Neighbour => self.raw.neighbour(BAD),
            State::Downloader => {
                let conn = self.raw.dial(BAD);
                let answer = self.raw.lone.say(conn, "HEAD /get/0/zebra.ogg HTTP/1.1\r\n\r\n");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                conn
            }
            State::Holder => fetch(&mut self.raw, 2, BAD).0,
        }
    }

    /// Time in which everybody good does what they are there for.
    pub fn pass(&mut self, seconds: u64) {
        for second in 0..seconds {
            self.raw.lone.advance(Duration::from_secs(1));
            if second % 5 == 0 {
                self.ask();
                self.feed(500);
                for conn in self.good {
                    self.raw.send(conn, &Descriptor::ping(second as u8, 1, 0));
                }
            }
        }
    }

    /// What the good neighbours have been sent since that is no affair of the servent's own.
    pub fn passed_on(&mut self) -> Vec<Descriptor> {
        let own = |sent: &Descriptor| matches!(sent.kind, PING | PONG) && sent.hops == 0;
        let heard = self.good.map(|conn| self.raw.heard(conn));
        heard.into_iter().flatten().filter(|sent| !own(sent)).collect()
    }

    pub fn dropped(&self) -> Dropped {
        self.raw.servent().dropped()
    }

    pub fn routes_memory_bytes(&self) -> usize {
        self.raw.servent().routes_memory_bytes()
    }

    /// The bad connection is gone, and with it nothing else.
    pub fn cost_its_own_connection(self, bad: ConnId) {
        assert!(self.raw.lone.closed(bad), "it is still there");
        self.unharmed();
    }

    /// All that was under way goes on to its end.
    pub fn unharmed(mut self) {
        let [a, b] = self.good;
        for conn in [a, b, self.downloader, self.holder] {
            let who = (conn == a || conn == b, conn == self.downloader, conn == self.holder);
            assert!(!self.raw.lone.closed(conn), "a good connection is gone: {who:?}");
        }
        self.pass(2);
        self.passed_on();
        self.raw.send(a, &Descriptor::ping(200, 1, 0));
        assert!(self.raw.heard(a).iter().any(|sent| sent.kind == PONG && sent.guid == guid(200)));
        // Between the good ones.
        self.raw.send(a, &query(guid(201), 3, 2, "okapi"));
        assert!(self.raw.heard(b).iter().any(|sent| sent.kind == QUERY && sent.guid == guid(201)));
        self.raw.send(b, &answer(guid(201), 7));
        assert!(self.raw.heard(a).iter().any(|sent| sent.kind == HIT && sent.guid == guid(201)));
        // The search.
        let found = |lone: &Lone<Node>| lone.notes.iter().filter(|n| matches!(n, Note::Found(..))).count();
        let before = found(&self.raw.lone);
        self.raw.send(b, &answer(self.search, 9));
        assert_eq!(found(&self.raw.lone), before + 1, "the search goes on");
        // The upload, and a new one.
        self.ask();
        let conn = self.raw.dial(21);
        let sent = self.raw.lone.say(conn, "GET /get/0/zebra.ogg HTTP/1.1\r\nRange: bytes=0-2\r\n\r\n");
        assert!(sent.ends_with("\r\n\r\nthe"), "{sent}");
        // The download.
        self.feed(SIZE);
        let fetched = |note: &Note| matches!(note, Note::Fetched(FetchId(1)));
        assert!(self.raw.lone.notes.iter().any(fetched), "the download ends well");
        assert!(self.copy.to_vec() == content(SIZE));
        // And there is room for one more.
        self.raw.neighbour(3);
    }

    /// The holder sends some more.
    fn feed(&mut self, len: usize) {
        let end = SIZE.min(self.fed + len);
        self.raw.lone.feed(self.holder, &content(SIZE)[self.fed..end]);
        self.fed = end;
    }

    /// The downloader asks for its next piece and gets it.
    fn ask(&mut self) {
        let asked = "GET /get/0/zebra.ogg HTTP/1.1\r\nRange: bytes=4-7\r\n\r\n";
        let sent = self.raw.lone.say(self.downloader, asked);
        assert!(sent.starts_with("HTTP/1.1 206") && sent.ends_with("\r\n\r\nsong"), "{sent}");
    }
}

/// Starts a download from one holder, who has been dialled and asked.
fn fetch(raw: &mut Raw, number: u32, host: u8) -> (ConnId, Arc<Memory>) {
    let bytes = content(SIZE);
    let Digest::Sha1(digest) = sha1(&bytes) else { unreachable!("it is one") };
    let info = FileInfo {
        name: "giraffe.ogg".into(),
        size: SIZE as u64,
        digest: Some(Digest::Sha1(digest)),
        ..FileInfo::default()
    };
    let copy = Arc::new(Memory::default());
    let into = raw.lone.store.add(copy.clone());
    let candidates = vec![hit(&info, remote(host))];
    let fetch = Fetch { fetch: FetchId(number), candidates, into, have: Ranges::default() };
    raw.lone.command(Command::Fetch(Box::new(fetch)));
    let dials = || raw.lone.next_dial();
    let dial = std::iter::from_fn(dials).find(|(_, to)| *to == remote(host)).expect("the holder is dialled");
    let conn = raw.lone.answer(dial);
    assert!(raw.lone.take(conn).starts_with(b"GET "));
    (conn, copy)
}

pub fn query(guid: [u8; 16], ttl: u8, hops: u8, words: &str) -> Descriptor {
    let payload = [&[0x80, 0][..], words.as_bytes(), &[0]].concat();
    Descriptor { guid, kind: QUERY, ttl, hops, payload }
}

/// A hit of a servent of this number.
pub fn answer(guid: [u8; 16], servent: u8) -> Descriptor {
    let mut hit = HitBuilder::new(remote(servent), 1000, Guid([servent; 16]), Trailer::OURS);
    assert!(hit.push(&Entry { index: 1, size: 2, name: "giraffe.ogg".into(), urn: None }));
    let payload = hit.build().expect("it has a result").payload().to_vec();
    Descriptor { guid, kind: HIT, ttl: 4, hops: 1, payload }
}

/// A push for `servent` to dial 10.0.3.`host`.
pub fn push(id: [u8; 16], servent: [u8; 16], host: u8) -> Descriptor {
    let payload = [&servent[..], &[0; 4], &[10, 0, 3, host, 0x88, 0x13]].concat();
    Descriptor { guid: id, kind: PUSH, ttl: 4, hops: 1, payload }
}

/// The `n`th id of somebody who never says the same twice.
pub fn nth(n: u32) -> [u8; 16] {
    let mut id = [0xee; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}
