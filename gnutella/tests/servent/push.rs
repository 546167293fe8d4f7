//! Pushes: holders that cannot be dialled bring what is wanted, and nobody can have a servent knock at strangers' doors.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::{file, sha1};
use crate::kit::overlay::Overlay;
use crate::kit::quiet;
use crate::kit::raw::{Descriptor, HIT, PUSH, QUERY, Raw, guid};
use common::digest::Digest;
use common::peer::{CloseReason, ConnId};
use common::store::{Memory, Ranges};
use common::testing::files::{MB, hit};
use common::user::{Command, Failure, Fetch, FetchId, Note, Query, SearchId};
use gnutella::guid::Guid;
use gnutella::servent::ServentConfig;
use gnutella::wire::{Entry, HitBuilder, Sha1Urn, Trailer};

const CONTENT: &[u8] = b"the very bytes that were promised";

#[test]
fn a_firewalled_holder_brings_the_file() {
    let mut net = Overlay::default();
    let hub = net.join(&[], false);
    let holder = net.join(&[hub], true);
    let asker = net.join(&[hub], false);
    net.share(holder, &[file("Deep/Blue.mp3", 4 * MB), file("Copy/Blue.mp3", 4 * MB)]);
    let hits = net.find(asker, "blue");
    assert_eq!(hits.len(), 2);
    assert_eq!(hits[0].holder.address, None, "the hit says that it cannot be dialled");
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    net.swarm.run_s(1);
    for (kind, count) in [("push", 2), ("giv", 1)] {
        assert_eq!(net.swarm.sent(kind), count, "{kind}: one source, though it has the content twice");
    }
    assert_eq!(
        (net.swarm.uploaded(holder), net.swarm.body_received(asker), net.swarm.body_sent(hub)),
        (4 * MB, 4 * MB, 0)
    );
}

#[test]
fn a_holder_behind_a_firewall_that_it_does_not_know_of_is_pushed_once_it_cannot_be_dialled() {
    let mut net = Overlay::default();
    let hub = net.join(&[], false);
    let connect = [net.swarm.address(hub)].into();
    let config = ServentConfig { connect, ..quiet() };
    let holder = net.swarm.add_firewalled(gnutella::node::Node::servent(config));
    let asker = net.join(&[hub], false);
    net.share(holder, &[file("Deep/Blue.mp3", MB)]);
    let hits = net.find(asker, "blue");
    assert_eq!(hits[0].holder.address, Some(net.swarm.address(holder)));
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    assert_eq!((net.swarm.sent("push"), net.swarm.sent("giv")), (2, 1));
}

#[test]
fn when_both_are_firewalled_or_the_way_is_gone_the_download_fails_at_once() {
    let mut net = Overlay::default();
    let hub = net.join(&[], false);
    let holder = net.join(&[hub], true);
    let open = net.join(&[hub], false);
    let shut = net.join(&[hub], true);
    net.share(holder, &[file("Deep/Blue.mp3", MB)]);
    let hits = net.find(open, "blue");
    let before = net.swarm.sim.now();
    assert_eq!(net.swarm.fetch(shut, hits.clone()), Err(Failure::NoHolder));
    // Nobody has told this one of that servent.
    let stranger = net.join(&[hub], false);
    assert_eq!(net.swarm.fetch(stranger, hits), Err(Failure::NoHolder));
    assert!(net.swarm.sim.now().since(before) < Duration::from_secs(2));
    assert_eq!(net.swarm.sent("push"), 0);
}

#[test]
fn open_and_firewalled_holders_of_one_content_send_at_once() {
    let mut net = Overlay::default();
    let hub = net.join(&[], false);
    let holders = [net.join(&[hub], true), net.join(&[hub], false), net.join(&[hub], true)];
    for holder in holders {
        net.swarm.slow(holder);
        net.share(holder, &[file("Deep/Blue.mp3", 6 * MB)]);
    }
    let asker = net.join(&[hub], false);
    let hits = net.find(asker, "blue");
    assert_eq!(hits.len(), 3);
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    for holder in holders {
        assert!(net.swarm.body_sent(holder) > MB, "{} bytes of one", net.swarm.body_sent(holder));
    }
}

/// A servent with one neighbour, who is the test.
struct Scene {
    raw: Raw,
    neighbour: ConnId,
}

impl Scene {
    fn sharing() -> Scene {
        Scene::of(Raw::sharing(quiet(), "Songs/zebra.ogg", CONTENT, Some(sha1(CONTENT))))
    }

    fn of(mut raw: Raw) -> Scene {
        let neighbour = raw.neighbour(1);
        Scene { raw, neighbour }
    }

    fn send(&mut self, id: u8, kind: u8, payload: Vec<u8>) {
        let descriptor = Descriptor { guid: guid(id), kind, ttl: 3, hops: 2, payload };
        self.raw.send(self.neighbour, &descriptor);
    }

    /// The servent's own name, as its hits tell it.
    fn servent(&mut self) -> [u8; 16] {
        self.send(200, QUERY, b"\x80\x00zebra\x00".to_vec());
        let heard = self.raw.heard(self.neighbour);
        let hit = heard.iter().find(|descriptor| descriptor.kind == HIT).expect("it has a zebra");
        hit.payload[hit.payload.len() - 16..].try_into().expect("16 bytes")
    }

    /// A push for `servent` to dial this address.
    fn push(&mut self, id: u8, servent: [u8; 16], index: u32, to: SocketAddrV4) {
        let mut payload = servent.to_vec();
        payload.extend(index.to_le_bytes());
        payload.extend(to.ip().octets());
        payload.extend(to.port().to_le_bytes());
        self.send(id, PUSH, payload);
    }

    /// The addresses dialled since; each dial is refused.
    fn dialled(&mut self) -> Vec<SocketAddrV4> {
        let mut dialled = Vec::new();
        while let Some((conn, to)) = self.raw.lone.next_dial() {
            dialled.push(to);
            self.raw.lone.hang_up(conn, CloseReason::Refused);
        }
        dialled
    }
}

fn at(host: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 3, host].into(), port)
}

#[test]
fn a_push_is_answered_with_giv_and_then_with_what_is_asked_for() {
    let mut scene = Scene::sharing();
    let servent = scene.servent();
    scene.push(1, servent, 0, at(1, 5000));
    let dial = scene.raw.lone.next_dial().expect("it brings the file");
    assert_eq!(dial.1, at(1, 5000));
    let conn = scene.raw.lone.answer(dial);
    let hex: String = servent.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(String::from_utf8(scene.raw.lone.take(conn)).unwrap(), format!("GIV 0:{hex}/zebra.ogg\n\n"));
    for target in ["/get/0/zebra.ogg".to_owned(), format!("/uri-res/N2R?{}", urn())] {
        let answer = scene.raw.lone.say(conn, &format!("GET {target} HTTP/1.1\r\nRange: bytes=4-7\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 206") && answer.ends_with("\r\n\r\nvery"), "{answer}");
    }
    // A number that means nothing here is no reason to stay away: what is wanted is asked for afterwards.
    scene.push(2, servent, 77, at(2, 5000));
    let dial = scene.raw.lone.next_dial().expect("it comes all the same");
    let conn = scene.raw.lone.answer(dial);
    assert_eq!(String::from_utf8(scene.raw.lone.take(conn)).unwrap(), format!("GIV 77:{hex}/file\n\n"));
    scene.raw.lone.advance(Duration::from_secs(30));
    assert!(scene.raw.lone.closed(conn), "nobody asked for anything");
}

#[test]
fn pushes_make_a_servent_knock_at_one_door_only_so_often() {
    let mut scene = Scene::sharing();
    let servent = scene.servent();
    for id in 0..20 {
        scene.push(id, servent, 0, at(1, 5000 + u16::from(id)));
    }
    assert_eq!(scene.dialled().len(), 5);
    scene.push(30, servent, 0, at(2, 5000));
    assert_eq!(scene.dialled(), [at(2, 5000)], "another door");
    scene.raw.lone.advance(Duration::from_secs(30));
    scene.push(31, servent, 0, at(1, 5000));
    assert_eq!(scene.dialled(), [at(1, 5000)], "later");
    scene.raw.lone.advance(Duration::from_secs(30));
    for id in 100..200 {
        scene.push(id, servent, 0, at(id, 5000));
    }
    assert_eq!(scene.dialled().len(), 64, "in all");
}

#[test]
fn pushes_to_nowhere_to_itself_and_for_others_dial_nobody() {
    let mut scene = Scene::sharing();
    let servent = scene.servent();
    let own: SocketAddrV4 = crate::kit::raw::OURS.parse().unwrap();
    for (id, to) in [
        at(1, 0),
        own,
        SocketAddrV4::new([0, 0, 0, 0].into(), 80),
        SocketAddrV4::new([224, 0, 0, 1].into(), 80),
        SocketAddrV4::new([255, 255, 255, 255].into(), 80),
    ]
    .into_iter()
    .enumerate()
    {
        scene.push(id as u8, servent, 0, to);
    }
    scene.push(9, [9; 16], 0, at(1, 5000));
    assert_eq!(scene.dialled(), []);
    // Who shares nothing has nothing to bring.
    scene.raw.lone.command(Command::Unshare(common::peer::FileId(0)));
    scene.push(10, servent, 0, at(1, 5000));
    assert_eq!(scene.dialled(), []);
}

/// A servent that has found [`CONTENT`] at a firewalled holder, and has pushed for it.
struct Wanting {
    scene: Scene,
    copy: Arc<Memory>,
}

/// The firewalled holder.
const HOLDER: Guid = Guid([0x5a; 16]);

fn urn() -> Sha1Urn {
    let Digest::Sha1(content) = sha1(CONTENT) else { unreachable!("it is one") };
    Sha1Urn(content)
}

impl Wanting {
    fn new() -> Wanting {
        let mut scene = Scene::of(Raw::sharing(quiet(), "Songs/other.ogg", b"x", None));
        scene.raw.lone.command(Command::Search(SearchId(1), Arc::new(Query::words("zebra"))));
        let heard = scene.raw.heard(scene.neighbour);
        let query = heard.iter().find(|descriptor| descriptor.kind == QUERY).expect("it asks its neighbour");
        let trailer = Trailer { vendor: *b"TEST", push: Some(true), ..Trailer::default() };
        let mut answer = HitBuilder::new(at(7, 6346), 1000, HOLDER, trailer);
        let size = CONTENT.len() as u32;
        assert!(answer.push(&Entry { index: 3, size, name: "zebra.ogg".into(), urn: Some(urn()) }));
        let payload = answer.build().unwrap().payload().to_vec();
        scene
            .raw
            .send(scene.neighbour, &Descriptor { guid: query.guid, kind: HIT, ttl: 4, hops: 1, payload });
        let found = |note: &Note| if let Note::Found(_, hit) = note { Some(hit.clone()) } else { None };
        let hit = scene.raw.lone.notes.iter().find_map(found).expect("the hit is told");
        let copy = Arc::new(Memory::default());
        let into = scene.raw.lone.store.add(copy.clone());
        let fetch = Fetch { fetch: FetchId(1), candidates: vec![hit], into, have: Ranges::default() };
        scene.raw.lone.command(Command::Fetch(Box::new(fetch)));
        Wanting { scene, copy }
    }

    /// The pushes that the neighbour is to pass on.
    fn pushes(&mut self) -> Vec<Descriptor> {
        let heard = self.scene.raw.heard(self.scene.neighbour);
        heard.into_iter().filter(|descriptor| descriptor.kind == PUSH).collect()
    }

    /// Somebody dials and says this; what comes back.
    fn call(&mut self, host: u8, words: &str) -> (ConnId, String) {
        let conn = self.scene.raw.dial(host);
        (conn, self.scene.raw.lone.say(conn, words))
    }

    /// What the holder sends: these bytes of the content of which `whole` were asked for.
    fn feed(&mut self, conn: ConnId, whole: std::ops::Range<usize>, bytes: &[u8]) {
        let (len, last, size) = (whole.len(), whole.end - 1, CONTENT.len());
        let head = format!(
            "HTTP/1.1 206 OK\r\nContent-Length: {len}\r\nContent-Range: bytes {}-{last}/{size}\r\n\r\n",
            whole.start
        );
        self.scene.raw.lone.feed(conn, &[head.as_bytes(), bytes].concat());
    }

    fn is_fetched(&self) -> bool {
        self.scene.raw.lone.notes.iter().any(|note| matches!(note, Note::Fetched(_)))
    }
}

#[test]
fn only_the_servent_that_was_pushed_may_bring_something() {
    let mut wanting = Wanting::new();
    let pushes = wanting.pushes();
    assert_eq!(pushes.len(), 1);
    assert_eq!(pushes[0].payload[..16], HOLDER.0);
    assert_eq!(pushes[0].payload[16..], [3, 0, 0, 0, 10, 0, 0, 1, 0x58, 0x1b]);
    assert_eq!((pushes[0].ttl, pushes[0].hops), (7, 0));
    for giv in [format!("GIV 3:{}/zebra.ogg\n\n", Guid([0x5b; 16])), "GIV 3:zz/x\n\n".to_owned()] {
        let (conn, answer) = wanting.call(8, &giv);
        assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(conn)), ("", true), "{giv}");
    }
    // Neither the case of its letters nor the name matters.
    let (conn, request) = wanting.call(9, &format!("GIV 3:{}/file\n\n", HOLDER.to_string().to_uppercase()));
    assert!(request.starts_with(&format!("GET /uri-res/N2R?{} HTTP/1.1\r\n", urn())), "{request}");
    // The same servent dials twice: one is enough.
    let (again, answer) = wanting.call(9, &format!("GIV 3:{HOLDER}/file\n\n"));
    assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(again)), ("", true));
    wanting.feed(conn, 0..CONTENT.len(), CONTENT);
    assert!(wanting.is_fetched());
    assert_eq!(wanting.copy.to_vec(), CONTENT);
}

#[test]
fn a_connection_that_was_brought_and_breaks_is_pushed_for_again() {
    let mut wanting = Wanting::new();
    assert_eq!(wanting.pushes().len(), 1);
    let giv = format!("GIV 3:{HOLDER}/file\n\n");
    let (conn, _) = wanting.call(9, &giv);
    wanting.feed(conn, 0..CONTENT.len(), &CONTENT[..20]);
    wanting.scene.raw.lone.hang_up(conn, CloseReason::Reset);
    let (early, answer) = wanting.call(9, &giv);
    assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(early)), ("", true), "nothing was pushed for");
    wanting.scene.raw.lone.advance(Duration::from_secs(10));
    assert_eq!(wanting.pushes().len(), 1);
    let (conn, request) = wanting.call(9, &giv);
    assert!(request.contains("Range: bytes=20-32\r\n"), "{request}");
    wanting.feed(conn, 20..CONTENT.len(), &CONTENT[20..]);
    assert!(wanting.is_fetched());
    assert_eq!(wanting.copy.to_vec(), CONTENT);
}

#[test]
fn a_push_that_nobody_answers_is_given_up() {
    let mut net = Overlay::default();
    let hub = net.join(&[], false);
    let holder = net.join(&[hub], true);
    let asker = net.join(&[hub], false);
    net.share(holder, &[file("Deep/Blue.mp3", MB)]);
    let hits = net.find(asker, "blue");
    net.swarm.crash(holder);
    net.swarm.run_s(1);
    assert!(net.swarm.fetch(asker, hits).is_err());
    let lost = hit(&file("Deep/Blue.mp3", MB), net.swarm.address(holder));
    assert_eq!(net.swarm.fetch(asker, vec![lost]), Err(Failure::NoHolder));
}
