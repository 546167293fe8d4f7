//! A peer: leecher, seed, and whoever looks for a torrent.
//!
//! | part | file |
//! |---|---|
//! | one torrent: its phases, its rounds | `torrent.rs` |
//! | one link, as it meets, trades and parts | `link.rs`, `greet.rs`, `trade.rs` |
//! | blocks asked for, put together, taken in, sent | `request.rs`, `assembly.rs`, `receive.rs`, `serve.rs` |
//! | who is served; super-seeding | `unchoke.rs`, `superseed.rs` |
//! | BEP 6, 9, 10, 11 | `fast.rs`, `metadata.rs`, `extended.rs` |
//! | addresses of others | `book.rs` |
//! | trackers and sites | `announce.rs`, `search.rs`, `call.rs` |
//! | rates and limits | `meter.rs`, `throttle.rs` |
//! | what measurements may look at | `view.rs` |
//! | the client log | `journal.rs`, with [`crate::log::client`] |

mod announce;
mod assembly;
mod book;
mod call;
mod extended;
mod fast;
mod greet;
mod journal;
mod link;
mod metadata;
mod meter;
mod receive;
mod request;
mod search;
mod serve;
mod superseed;
mod throttle;
mod torrent;
mod trade;
mod unchoke;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::peer::{BodyState, CloseReason, ConnId, Cx, Event, FileId, Slots, Span};
use common::store::Ranges;
use common::user::{Command, Failure, Fetch, FetchId, Note, SharedFile};
use rand::RngExt as _;

use crate::choker::Choker;
use crate::config::{Config, Knobs};
use crate::log::client::Side;
use crate::metainfo::Metainfo;
use crate::node::{Node, Timer};
use crate::picker::Census;
use crate::udp_client::{Retry, UdpClient};
use crate::url::Scheme;
use crate::wire::udp::Packet;
use crate::wire::{AnnounceError, AnnounceReply, Answer, Block, Handshake, InfoHash, Message, PeerId, Setup};
use call::{Call, Purpose};
pub(crate) use extended::CLIENT;
pub use fast::allowed_fast_set;
use journal::Journal;
use link::Met;
use throttle::Throttle;
pub use torrent::TorrentNo;
use torrent::{Content, Torrent, What};
pub use view::{Seen, View};

type Hands<'a, 'b> = &'a mut Cx<'b, Node>;

/// The client's code in its peer ids, and its version (BEP 20). Nobody else in the list has this code.
const PEER_ID_PREFIX: &[u8; 8] = b"-4P0100-";
/// How long a tracker or a site may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Torrents at a time.
const TORRENTS_MAX: usize = 10_000;
/// Ids that are remembered of peers who sent wrong bytes.
const BANNED_IDS_MAX: usize = 1_000;

/// The state of a peer.
pub struct Peer {
    me: Config,
    /// Torrents that are known beside those of `me`.
    library: Vec<Arc<Metainfo>>,
    torrents: BTreeMap<TorrentNo, Box<Torrent>>,
    torrents_entered: u32,
    by_hash: HashMap<InfoHash, TorrentNo>,
    /// Downloads whose `.torrent` is on its way.
    awaited: BTreeMap<FetchId, Awaited>,
    shared: Shared,
    is_leaving: bool,
}

/// A download whose `.torrent` is on its way.
struct Awaited {
    into: FileId,
    have: Ranges,
}

/// What all torrents of a peer share.
struct Shared {
    knobs: Arc<Knobs>,
    census: Option<Arc<Census>>,
    id: PeerId,
    conns: Slots<Conn>,
    /// Trackers that are asked in datagrams, for which torrents.
    udp: UdpClient<TorrentNo>,
    upload: Throttle,
    download: Throttle,
    leech_choker: Box<dyn Choker>,
    seed_choker: Box<dyn Choker>,
    /// Pieces whose digest the driver compares.
    checks: BTreeMap<u32, (TorrentNo, u32)>,
    checks_asked: u32,
    banned_ids: Vec<PeerId>,
    /// Metainfo that has come from peers.
    found: Vec<(TorrentNo, Arc<Metainfo>)>,
    journal: Journal,
}

/// What a connection is for.
enum Conn {
    /// We dialled somebody of a torrent's swarm, whose handshake is still to come.
    Dialled { torrent: TorrentNo, to: SocketAddrV4 },
    /// Somebody dialled us, and has said nothing yet.
    Caller { remote: SocketAddrV4 },
    /// A link of a torrent's.
    Link { torrent: TorrentNo, at: u32 },
    /// A request to a tracker or a site.
    Call(Box<Call>),
}

impl Shared {
    fn dial(&mut self, torrent: TorrentNo, to: SocketAddrV4, cx: Hands) {
        let conn = cx.dial(to, Setup::Peer);
        self.conns.insert(conn, Conn::Dialled { torrent, to });
    }

    fn call(&mut self, call: Call, cx: Hands) {
        let conn = match &call.tls {
            None => cx.dial(call.to, Setup::Http),
            Some(name) => cx.dial_tls(call.to, Setup::Http, Arc::clone(name)),
        };
        self.conns.insert(conn, Conn::Call(Box::new(call)));
        cx.wake(ANSWER_TIMEOUT, Timer::ConnDue(conn));
    }

    fn verify(&mut self, torrent: TorrentNo, piece: u32, span: Span, digest: Digest, cx: Hands) {
        self.checks_asked = self.checks_asked.wrapping_add(1);
        self.checks.insert(self.checks_asked, (torrent, piece));
        cx.verify(self.checks_asked, span, digest);
    }

    /// The user's limit is reached; when there is more, all are served on.
    fn throttled_upload(&mut self, after: Duration, cx: Hands) {
        if !std::mem::replace(&mut self.upload.is_awaited, true) {
            cx.wake(after, Timer::Upload);
        }
    }

    fn throttled_download(&mut self, after: Duration, cx: Hands) {
        if !std::mem::replace(&mut self.download.is_awaited, true) {
            cx.wake(after, Timer::Download);
        }
    }
}

impl Peer {
    /// A peer that has not started.
    pub fn new(config: Config) -> Self {
        let knobs = Arc::clone(&config.knobs);
        Peer {
            library: Vec::new(),
            torrents: BTreeMap::new(),
            torrents_entered: 0,
            by_hash: HashMap::new(),
            awaited: BTreeMap::new(),
            shared: Shared {
                census: config.census.clone(),
                id: PeerId([0; 20]),
                conns: Slots::default(),
                udp: UdpClient::new(Retry {
                    first: knobs.udp_retry,
                    tries: knobs.udp_tries,
                    timer: Timer::Datagram,
                }),
                upload: Throttle::new(knobs.upload_max),
                download: Throttle::new(knobs.download_max),
                leech_choker: knobs.leech_choking.choker(),
                seed_choker: knobs.seed_choking.choker(),
                checks: BTreeMap::new(),
                checks_asked: 0,
                banned_ids: Vec::new(),
                found: Vec::new(),
                journal: Journal { since_s: config.log_since_s },
                knobs,
            },
            is_leaving: false,
            me: config,
        }
    }

    /// How many others a torrent is connected with: for tests and measurements.
    pub fn links(&self, info_hash: InfoHash) -> usize {
        self.view(info_hash).map_or(0, |view| view.links().count())
    }

    /// A torrent to look at, for tests and measurements; `None` if the peer is not in its swarm.
    pub fn view(&self, info_hash: InfoHash) -> Option<View<'_>> {
        let torrent = self.by_hash.get(&info_hash).and_then(|no| self.torrents.get(no))?;
        Some(View::of(torrent))
    }

    /// The peer's only entry.
    pub fn handle(&mut self, event: Event<Message, Timer>, cx: Hands) {
        match event {
            Event::Start => self.start(cx),
            Event::Command(command) => self.command(command, cx),
            Event::Opened { conn, remote, dialled } => self.opened(conn, remote, dialled, cx),
            Event::Message { conn, message } => self.message(conn, message, cx),
            Event::Body { conn, len, state } => self.body(conn, len, state, cx),
            Event::Datagram { from, message } => self.datagram(from, message, cx),
            Event::Arrived { conn, body, arrival } => self.on_link(conn, |torrent, at, shared| {
                torrent.arrived(at, Block::of(body), arrival, shared, cx);
            }),
            Event::Sent { conn, len } => self.on_link(conn, |torrent, at, shared| {
                torrent.sent(at, len, shared, cx);
            }),
            Event::Verified { check, ok } => {
                if let Some((no, piece)) = self.shared.checks.remove(&check)
                    && let Some(torrent) = self.torrents.get_mut(&no)
                {
                    torrent.verified(piece, ok, &mut self.shared, cx);
                }
            }
            Event::Finished { file, fault } => {
                let is_its = |torrent: &&mut Box<Torrent>| {
                    torrent.content().is_some_and(|content| content.file == file)
                };
                if let Some(torrent) = self.torrents.values_mut().find(is_its) {
                    torrent.finished(fault, &mut self.shared, cx);
                }
            }
            Event::Closed { conn, reason } => {
                self.tell_of_distrust(conn, reason, cx);
                self.closed(conn, cx);
            }
            Event::Timer(timer) => self.timer(timer, cx),
            // Nothing of this protocol is sealed, and nothing takes long to compute.
            Event::Sealed { .. } | Event::Computed { .. } => {}
        }
        self.take_in_found(cx);
        self.shared.banned_ids.truncate(BANNED_IDS_MAX);
    }

    fn start(&mut self, cx: Hands) {
        let mut id = [0; 20];
        let (prefix, rest) = id.split_at_mut(PEER_ID_PREFIX.len());
        prefix.copy_from_slice(PEER_ID_PREFIX);
        const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        rest.fill_with(|| LETTERS[cx.rng().random_range(0..LETTERS.len())]);
        self.shared.id = PeerId(id);
        cx.note(Note::Online);
    }

    fn command(&mut self, command: Command, cx: Hands) {
        match command {
            Command::Share(files) => files.iter().for_each(|file| self.share(file, cx)),
            Command::Unshare(file) => self.stop_file(file, cx),
            Command::Search(search, query) => self.search(search, &query, cx),
            Command::Browse(search, _) => self.refuse_browse(search, cx),
            Command::Fetch(fetch) => self.fetch(*fetch, cx),
            Command::Cancel(fetch) => self.cancel(fetch, cx),
            Command::Leave => self.leave(cx),
        }
    }

    /// Seeds a file whose torrent is known.
    fn share(&mut self, shared_file: &SharedFile, cx: Hands) {
        let SharedFile { file, info } = shared_file;
        let Some(meta) = self.known(&info.name, info.size) else {
            return tracing::debug!(name = &*info.name, "shared, but of no torrent that is known");
        };
        let have = Ranges::from_start(info.size);
        self.add(meta, *file, &have, None, cx);
    }

    /// The torrent of that name and size, if it is known.
    fn known(&self, name: &str, size: u64) -> Option<Arc<Metainfo>> {
        let all = self.me.torrents.iter().chain(&self.library);
        all.into_iter().find(|meta| meta.info.length == size && meta.info.title() == name).cloned()
    }

    fn fetch(&mut self, fetch: Fetch, cx: Hands) {
        let Fetch { fetch: id, candidates, into, have } = fetch;
        // Who has found it on a site gets the torrent there; a torrent that was there before is named without one.
        let on_site = candidates.iter().find_map(|hit| Some((hit.holder.address?, hit.holder.index)));
        let Some((site, index)) = on_site else {
            let known = candidates.iter().find_map(|hit| self.known(&hit.info.name, hit.info.size));
            return match known {
                Some(meta) => self.add(meta, into, &have, Some(id), cx),
                None => cx.note(Note::Failed(id, Failure::NoHolder)),
            };
        };
        self.awaited.insert(id, Awaited { into, have });
        let target = crate::site::torrent_target(index);
        let call = Call::new(Scheme::Http, (&site.to_string(), site), &target, Purpose::Torrent(id));
        self.shared.call(call, cx);
    }

    /// Joins a torrent's swarm.
    fn add(&mut self, meta: Arc<Metainfo>, file: FileId, have: &Ranges, fetch: Option<FetchId>, cx: Hands) {
        let (info_hash, trackers) = (meta.info_hash, meta.trackers.clone());
        if fetch.is_some()
            && let Some(no) = self.by_hash.get(&info_hash)
            && let Some(seed) = self.torrents.get_mut(no).filter(|torrent| torrent.fetch.is_none())
        {
            // It is here already, but wanted once more.
            seed.give_way(&mut self.shared, cx);
            self.forget_ended();
        }
        let what = What::Known(Box::new(Content::new(meta, file, have)));
        match self.enter(info_hash, what, fetch) {
            Some(no) => self.begin(no, &trackers, &[], cx),
            None => {
                if let Some(fetch) = fetch {
                    cx.note(Note::Failed(fetch, Failure::Refused));
                }
            }
        }
    }

    /// Makes a place for a torrent, unless there are too many or it has one.
    fn enter(&mut self, info_hash: InfoHash, what: What, fetch: Option<FetchId>) -> Option<TorrentNo> {
        let existing = self.by_hash.get(&info_hash).and_then(|no| self.torrents.get_mut(no));
        let is_there = existing.is_some_and(|torrent| !torrent.is_over);
        if is_there || self.by_hash.len() >= TORRENTS_MAX || self.is_leaving {
            return None;
        }
        // Never used twice: what is still on its way for one that is gone must not reach another.
        self.torrents_entered += 1;
        let no = TorrentNo(self.torrents_entered);
        let mut torrent = Box::new(Torrent::new(no, info_hash, what, &self.shared));
        torrent.fetch = fetch;
        self.torrents.insert(no, torrent);
        self.by_hash.insert(info_hash, no);
        Some(no)
    }

    fn begin(&mut self, no: TorrentNo, trackers: &[Vec<Box<str>>], peers: &[SocketAddrV4], cx: Hands) {
        let Some(torrent) = self.torrents.get_mut(&no) else { return };
        torrent.announcer.set(trackers, &self.me.hosts, cx);
        let peers = [peers, &self.me.peers].concat();
        torrent.start(&peers, &mut self.shared, cx);
    }

    fn stop_file(&mut self, file: FileId, cx: Hands) {
        for torrent in self.torrents.values_mut() {
            if torrent.content().is_some_and(|content| content.file == file) && !torrent.is_over {
                torrent.stop(&mut self.shared, cx);
            }
        }
        self.forget_ended();
    }

    fn cancel(&mut self, fetch: FetchId, cx: Hands) {
        if self.awaited.remove(&fetch).is_some() {
            return cx.note(Note::Failed(fetch, Failure::Cancelled));
        }
        if let Some(torrent) = self.torrents.values_mut().find(|torrent| torrent.fetch == Some(fetch)) {
            torrent.fail(Failure::Cancelled, &mut self.shared, cx);
        }
        self.forget_ended();
    }

    fn leave(&mut self, cx: Hands) {
        self.is_leaving = true;
        for torrent in self.torrents.values_mut().filter(|torrent| !torrent.is_over) {
            torrent.stop(&mut self.shared, cx);
        }
        self.forget_ended();
        let is_last_word = |call: &Call| matches!(call.purpose, Purpose::Announce(_));
        let ended = self.shared.conns.iter().filter(|(_, conn)| match conn {
            Conn::Call(call) => !is_last_word(call),
            Conn::Dialled { .. } | Conn::Caller { .. } | Conn::Link { .. } => true,
        });
        let ended: Vec<ConnId> = ended.map(|(conn, _)| conn).collect();
        for conn in ended {
            self.shared.conns.remove(conn);
            cx.close(conn);
        }
    }

    /// Forgets torrents that are over, and whose trackers know it.
    fn forget_ended(&mut self) {
        let by_hash = &mut self.by_hash;
        self.torrents.retain(|no, torrent| {
            let is_ended = torrent.is_over && !torrent.is_asking_tracker();
            if is_ended && by_hash.get(&torrent.info_hash) == Some(no) {
                by_hash.remove(&torrent.info_hash);
            }
            !is_ended
        });
    }

    fn opened(&mut self, conn: ConnId, remote: SocketAddrV4, dialled: bool, cx: Hands) {
        let due = self.shared.knobs.handshake_timeout;
        if !dialled {
            self.shared.conns.insert(conn, Conn::Caller { remote });
            return cx.wake(due, Timer::ConnDue(conn));
        }
        match self.shared.conns.get(conn) {
            Some(Conn::Dialled { torrent, .. }) => {
                let torrent = self.torrents.get_mut(torrent);
                let Some(torrent) = torrent else { return self.end(conn, cx) };
                cx.send(conn, self.shared.handshake(torrent.info_hash));
                cx.wake(due, Timer::ConnDue(conn));
            }
            Some(Conn::Call(call)) => cx.send(conn, Message::Ask(Arc::clone(&call.request))),
            Some(Conn::Caller { .. } | Conn::Link { .. }) | None => {}
        }
    }

    fn message(&mut self, conn: ConnId, message: Message, cx: Hands) {
        match (self.shared.conns.get(conn), message) {
            (Some(Conn::Link { torrent, at }), message) => {
                let at = *at;
                if let Some(torrent) = self.torrents.get_mut(torrent) {
                    torrent.message(at, message, &mut self.shared, cx);
                }
            }
            (Some(Conn::Dialled { torrent, to }), Message::Handshake(handshake)) => {
                let (torrent, to) = (*torrent, *to);
                let expected = self.torrents.get_mut(&torrent).map(|torrent| torrent.info_hash);
                match expected == Some(handshake.info_hash) {
                    true => self.meet(torrent, greet::met(conn, handshake.peer_id, to, true), &handshake, cx),
                    false => self.end(conn, cx),
                }
            }
            (Some(Conn::Caller { remote }), Message::Handshake(handshake)) => {
                let remote = *remote;
                match self.by_hash.get(&handshake.info_hash).copied() {
                    Some(no) => {
                        self.meet(no, greet::met(conn, handshake.peer_id, remote, false), &handshake, cx);
                    }
                    None => self.end(conn, cx),
                }
            }
            (Some(Conn::Call(call)), Message::Answer(answer)) => {
                let (purpose, redirected) = (call.purpose, call.redirected(&answer));
                self.shared.conns.remove(conn);
                cx.close(conn);
                match redirected {
                    Some(call) => self.shared.call(call, cx),
                    None => self.answered(purpose, Some(&answer), cx),
                }
            }
            // Whoever speaks out of turn.
            (Some(_), _) => self.end(conn, cx),
            (None, _) => cx.close(conn),
        }
    }

    fn meet(&mut self, no: TorrentNo, met: Met, handshake: &Handshake, cx: Hands) {
        let conn = met.conn;
        let Some(torrent) = self.torrents.get_mut(&no) else { return self.end(conn, cx) };
        match torrent.meet(met, handshake, &mut self.shared, cx) {
            Some(at) => self.shared.conns.insert(conn, Conn::Link { torrent: no, at }),
            None => {
                self.shared.conns.remove(conn);
                cx.close(conn);
            }
        }
    }

    /// Does something with the link on a connection.
    fn on_link(&mut self, conn: ConnId, act: impl FnOnce(&mut Torrent, u32, &mut Shared)) {
        if let Some(Conn::Link { torrent, at }) = self.shared.conns.get(conn) {
            let at = *at;
            if let Some(torrent) = self.torrents.get_mut(torrent) {
                act(torrent, at, &mut self.shared);
            }
        }
    }

    fn body(&mut self, conn: ConnId, len: u32, state: BodyState, cx: Hands) {
        self.on_link(conn, |torrent, at, shared| torrent.body(at, len, state, shared, cx));
    }

    /// Ends a connection that is not a link.
    fn end(&mut self, conn: ConnId, cx: Hands) {
        cx.close(conn);
        self.closed(conn, cx);
    }

    /// A tracker or a site that cannot show who it is: the user may have to name its authority.
    fn tell_of_distrust(&self, conn: ConnId, reason: CloseReason, cx: Hands) {
        if let (Some(Conn::Call(call)), CloseReason::Untrusted) = (self.shared.conns.get(conn), reason) {
            let name = call.tls.as_deref().unwrap_or_default();
            cx.note(Note::Text(format!("{name} shows {reason}").into()));
        }
    }

    /// A connection is over.
    fn closed(&mut self, conn: ConnId, cx: Hands) {
        match self.shared.conns.remove(conn) {
            Some(Conn::Dialled { torrent, to }) => {
                if let Some(torrent) = self.torrents.get_mut(&torrent) {
                    torrent.dial_failed(to, &mut self.shared, cx);
                }
            }
            Some(Conn::Link { torrent, at }) => {
                if let Some(torrent) = self.torrents.get_mut(&torrent) {
                    torrent.parted(at, Side::Got, &mut self.shared, cx);
                }
            }
            Some(Conn::Call(call)) => self.answered(call.purpose, None, cx),
            Some(Conn::Caller { .. }) | None => {}
        }
    }

    /// A tracker or a site has answered, or not: `None`.
    fn answered(&mut self, purpose: Purpose, answer: Option<&Answer>, cx: Hands) {
        match purpose {
            Purpose::Announce(no) => {
                self.tracker_answered(no, answer.map(announce::reply_of), cx);
            }
            Purpose::Search(search) => self.site_answered(search, answer, cx),
            Purpose::Torrent(fetch) => self.torrent_came(fetch, answer, cx),
            Purpose::Link(search) => self.link_answered(search, answer, cx),
        }
    }

    /// A datagram has come: from a tracker that was asked, or of no interest.
    fn datagram(&mut self, from: SocketAddrV4, message: Message, cx: Hands) {
        let Message::Udp(packet) = message else { return };
        let Packet::Reply(reply) = *packet else { return };
        if let Some((no, reply)) = self.shared.udp.heard(from, reply, cx) {
            self.tracker_answered(no, Some(announce::in_words_of_http(reply)), cx);
        }
    }

    /// A torrent's tracker has answered, or not: `None`.
    fn tracker_answered(
        &mut self,
        no: TorrentNo,
        reply: Option<Result<AnnounceReply, AnnounceError>>,
        cx: Hands,
    ) {
        if let Some(torrent) = self.torrents.get_mut(&no) {
            torrent.tracker_answered(reply, &mut self.shared, cx);
            self.forget_ended();
        }
    }

    fn timer(&mut self, timer: Timer, cx: Hands) {
        let shared = &mut self.shared;
        match timer {
            Timer::Round(no) => {
                if let Some(torrent) = self.torrents.get_mut(&no) {
                    torrent.round(shared, cx);
                }
            }
            Timer::Announce(no) => {
                if let Some(torrent) = self.torrents.get_mut(&no) {
                    torrent.announce_due(shared, cx);
                }
            }
            Timer::Tell(no) => {
                if let Some(torrent) = self.torrents.get_mut(&no) {
                    torrent.tell_due(shared, cx);
                }
            }
            Timer::Datagram(transaction) => {
                if let Some(no) = shared.udp.due(transaction, cx) {
                    self.tracker_answered(no, None, cx);
                }
            }
            // Links have rounds of their own.
            Timer::ConnDue(conn) => match shared.conns.get(conn) {
                Some(Conn::Link { .. }) | None => {}
                Some(Conn::Dialled { .. } | Conn::Caller { .. } | Conn::Call(_)) => self.end(conn, cx),
            },
            Timer::Upload => {
                shared.upload.is_awaited = false;
                for torrent in self.torrents.values_mut() {
                    for at in torrent.links.all() {
                        torrent.serve(at, shared, cx);
                    }
                }
            }
            Timer::Download => {
                shared.download.is_awaited = false;
                self.torrents.values_mut().for_each(|torrent| torrent.ask_all(shared, cx));
            }
            // Of other roles.
            Timer::Tracker(_) | Timer::Site(_) => {}
        }
    }
}
