//! `GIVE`: holders that cannot be dialled bring what is wanted, nobody else does, and nobody can have a node knock at strangers'
//! doors. How pushes travel is in `push.rs`.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::files::{file, kzhash};
use crate::kit::overlay::Overlay;
use crate::kit::raw::{Far, OURS, Raw, remote};
use common::net::NodeId;
use common::peer::{CloseReason, ConnId, FileId};
use common::store::{Memory, Ranges};
use common::testing::files::MB;
use common::user::{
    Command, Failure, Fetch, FetchId, FileInfo, Hit, Holder, Note, Query, SearchEnd, SharedFile,
};
use kazaa::config::{Config, Role};
use kazaa::node::Node;
use kazaa::wire::{Message, NETWORK, PushAsk, PushOrder};

const CONTENT: &[u8] = b"the very bytes that were promised";
/// Of [`CONTENT`], as a target.
fn target() -> String {
    format!("/.hash={}", &kzhash(CONTENT).to_string()[..40])
}

/// A child that cannot be dialled, and may know it.
fn walled(net: &mut Overlay, parent: NodeId, knows_it: bool) -> NodeId {
    let supernodes = [net.address(parent)].into();
    let user = format!("user{}", net.nodes.len()).into();
    let config =
        Config { supernodes, user, force: Some(Role::Ordinary), firewalled: knows_it, ..net.config.clone() };
    let node = match knows_it {
        true => net.add_as(config),
        false => net.swarm.add_firewalled(Node::ordinary(config)),
    };
    net.online(node);
    node
}

fn found(net: &mut Overlay, asker: NodeId, words: &str) -> Vec<Arc<Hit>> {
    let search = net.ask(asker, Query::words(words));
    assert_eq!(net.swarm.search_end(asker, search), SearchEnd::Complete);
    net.swarm.found(asker, search)
}

#[test]
fn a_firewalled_holder_brings_the_file_over_one_supernode_or_two_sealed_or_not() {
    for (supernodes, knows_it, seals) in
        [(1, true, true), (2, true, true), (2, true, false), (2, false, true), (1, false, false)]
    {
        let mut net = Overlay::with(1, |knobs| knobs.seals_transfers = seals);
        let supernodes = net.mesh(supernodes);
        let holder = walled(&mut net, *supernodes.last().unwrap(), knows_it);
        let asker = net.child_of(supernodes[0]);
        net.offer(holder, &[file("Deep/Blue.mp3", 4 * MB)]);
        let hits = found(&mut net, asker, "blue");
        assert_eq!(hits.len(), 1);
        let port = hits[0].holder.address.unwrap().port();
        assert_eq!(port == 0, knows_it, "who knows it says so");
        assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
        net.swarm.run_s(1);
        assert_eq!(net.swarm.sent("give"), 1);
        assert_eq!((net.swarm.uploaded(holder), net.swarm.body_received(asker)), (4 * MB, 4 * MB));
        assert_eq!(net.swarm.sim.sealing(holder).sent > 0, seals);
    }
}

#[test]
fn when_both_are_firewalled_the_download_fails_at_once() {
    let mut net = Overlay::seeded(1);
    let supernodes = net.mesh(2);
    let holder = walled(&mut net, supernodes[0], true);
    let shut = walled(&mut net, supernodes[1], true);
    net.offer(holder, &[file("Deep/Blue.mp3", MB)]);
    let hits = found(&mut net, shut, "blue");
    let before = net.swarm.sim.now();
    assert_eq!(net.swarm.fetch(shut, hits), Err(Failure::NoHolder));
    assert!(net.swarm.sim.now().since(before) < Duration::from_secs(1));
    assert_eq!(net.swarm.sent("push"), 0);
}

#[test]
fn open_and_firewalled_holders_of_one_content_send_at_once() {
    let mut net = Overlay::seeded(1);
    let supernodes = net.mesh(2);
    let holders = [
        walled(&mut net, supernodes[0], true),
        net.child_of(supernodes[0]),
        walled(&mut net, supernodes[1], true),
    ];
    for holder in holders {
        net.swarm.slow(holder);
        net.offer(holder, &[file("Deep/Blue.mp3", 6 * MB)]);
    }
    let asker = net.child_of(supernodes[1]);
    let hits = found(&mut net, asker, "blue");
    assert_eq!(hits.len(), 3);
    assert_eq!(net.swarm.fetch(asker, hits), Ok(()));
    for holder in holders {
        assert!(net.swarm.body_sent(holder) > MB, "{} bytes of one", net.swarm.body_sent(holder));
    }
}

#[test]
fn a_push_that_nobody_answers_is_given_up() {
    let mut net = Overlay::seeded(1);
    let supernodes = net.mesh(2);
    let holder = walled(&mut net, supernodes[0], true);
    net.offer(holder, &[file("Deep/Blue.mp3", MB)]);
    let asker = net.child_of(supernodes[1]);
    let hits = found(&mut net, asker, "blue");
    net.swarm.crash(holder);
    net.swarm.run_s(1);
    assert!(net.swarm.fetch(asker, hits).is_err());
}

/// A node with one parent, who is the test.
struct Scene {
    raw: Raw,
    parent: Far,
}

impl Scene {
    fn new(firewalled: bool) -> Scene {
        let config = Config {
            force: Some(Role::Ordinary),
            supernodes: [remote(1)].into(),
            user: "alice".into(),
            firewalled,
            ..Config::default()
        };
        let mut raw = Raw::new(config);
        let (mut parent, _) = raw.dialled().expect("it goes through its list");
        raw.say(&mut parent, Message::Network(NETWORK.into()));
        raw.say(&mut parent, Message::OutsideAddress([10, 0, 0, 1].into()));
        raw.say(&mut parent, Message::Nodes(Arc::new([])));
        raw.heard(&mut parent);
        Scene { raw, parent }
    }

    fn sharing() -> Scene {
        let mut scene = Scene::new(true);
        let file = scene.raw.lone.store.add(Arc::new(Memory::from(CONTENT.to_vec())));
        let (name, size) = ("Songs/zebra.ogg".into(), CONTENT.len() as u64);
        let info = FileInfo { name, size, digest: Some(kzhash(CONTENT)), ..FileInfo::default() };
        scene.raw.lone.command(Command::Share([SharedFile { file, info: Arc::new(info) }].into()));
        scene.raw.heard(&mut scene.parent);
        scene
    }

    fn order(&mut self, id: u32, to: SocketAddrV4) {
        self.raw.say(&mut self.parent, Message::PushOrder(PushOrder { id, to }));
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

    fn text(&mut self, conn: ConnId) -> String {
        String::from_utf8(self.raw.lone.take(conn)).expect("heads and content of this test are text")
    }

    fn say(&mut self, conn: ConnId, text: &str) -> String {
        self.raw.lone.feed(conn, text.as_bytes());
        self.text(conn)
    }
}

fn at(host: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 3, host].into(), port)
}

#[test]
fn an_order_is_answered_with_give_and_then_with_what_is_asked_for() {
    let mut scene = Scene::sharing();
    scene.order(4_294_967_295, at(1, 5000));
    let dial = scene.raw.lone.next_dial().expect("it brings the file");
    assert_eq!(dial.1, at(1, 5000));
    let conn = scene.raw.lone.answer(dial);
    assert_eq!(scene.text(conn), "GIVE 4294967295\r\n");
    // As giFT asks on such a connection.
    let get = format!("GET {} HTTP/1.1\r\nRange: bytes=4-7\r\nUserAgent: giFT-FastTrack 0.8.9\r\n", target());
    let answer = scene.say(conn, &format!("{get}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 206") && answer.ends_with("\r\n\r\nvery"), "{answer}");
    let answer = scene.say(conn, &format!("{get}Connection: Close\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\nvery") && scene.raw.lone.closed(conn), "{answer}");
    // Nobody asked for anything.
    scene.order(1, at(2, 5000));
    let dial = scene.raw.lone.next_dial().expect("it comes again");
    let conn = scene.raw.lone.answer(dial);
    scene.raw.lone.advance(Duration::from_secs(30));
    assert!(scene.raw.lone.closed(conn));
}

#[test]
fn orders_make_a_node_knock_at_one_door_only_so_often() {
    let mut scene = Scene::sharing();
    for id in 0..20 {
        scene.order(id, at(1, 5000 + id as u16));
    }
    assert_eq!(scene.dialled().len(), 5);
    scene.order(30, at(2, 5000));
    assert_eq!(scene.dialled(), [at(2, 5000)], "another door");
    scene.raw.lone.advance(Duration::from_secs(30));
    scene.order(31, at(1, 5000));
    assert_eq!(scene.dialled(), [at(1, 5000)], "later");
    scene.raw.lone.advance(Duration::from_secs(30));
    for id in 100..200 {
        scene.order(id, at(id as u8, 5000));
    }
    assert_eq!(scene.dialled().len(), 64, "in all");
}

#[test]
fn orders_to_nowhere_to_itself_and_for_nothing_dial_nobody() {
    let mut scene = Scene::sharing();
    let addresses = ["10.0.3.1:0", OURS, "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80"];
    for (id, to) in addresses.into_iter().enumerate() {
        scene.order(id as u32, to.parse().unwrap());
    }
    assert_eq!(scene.dialled(), []);
    // Who shares nothing has nothing to bring.
    scene.raw.lone.command(Command::Unshare(FileId(0)));
    scene.order(10, at(1, 5000));
    assert_eq!(scene.dialled(), []);
}

/// A node that has pushed for [`CONTENT`] at a holder that cannot be dialled.
struct Wanting {
    scene: Scene,
    copy: Arc<Memory>,
}

impl Wanting {
    fn new() -> Wanting {
        let mut scene = Scene::new(false);
        let copy = Arc::new(Memory::default());
        let into = scene.raw.lone.store.add(copy.clone());
        let (size, digest) = (CONTENT.len() as u64, Some(kzhash(CONTENT)));
        let info = FileInfo { name: "Songs/zebra.ogg".into(), size, digest, ..FileInfo::default() };
        let holder = Holder {
            nick: "bob".into(),
            address: Some(SocketAddrV4::new([10, 0, 1, 9].into(), 0)),
            via: Some(remote(50)),
            index: 3,
            ..Holder::default()
        };
        let candidates = vec![Arc::new(Hit { info, holder, ..Hit::default() })];
        let fetch = Fetch { fetch: FetchId(1), candidates, into, have: Ranges::default() };
        scene.raw.lone.command(Command::Fetch(Box::new(fetch)));
        Wanting { scene, copy }
    }

    /// The pushes that the parent is to pass on.
    fn pushes(&mut self) -> Vec<PushAsk> {
        let push = |message| match message {
            Message::PushAsk(ask) => Some((*ask).clone()),
            _ => None,
        };
        self.scene.raw.heard(&mut self.scene.parent).into_iter().filter_map(push).collect()
    }

    /// Somebody dials and says this; what comes back.
    fn call(&mut self, host: u8, words: &str) -> (ConnId, String) {
        let conn = self.scene.raw.lone.accept(SocketAddrV4::new([10, 0, 1, host].into(), 2000));
        let answer = self.scene.say(conn, words);
        (conn, answer)
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
fn only_who_was_pushed_may_bring_something() {
    let mut wanting = Wanting::new();
    let pushes = wanting.pushes();
    let [push] = &pushes[..] else { panic!("{pushes:?}") };
    let holder = SocketAddrV4::new([10, 0, 1, 9].into(), 0);
    let to = OURS.parse().unwrap();
    assert_eq!(*push, PushAsk { id: push.id, to, holder, supernode: remote(50), user: "bob".into() });
    assert_ne!(push.id, 0, "giFT takes zero for none");
    let id = push.id;
    let wrong = id.wrapping_add(1);
    for (host, give) in
        [(9, format!("GIVE {wrong}\r\n")), (9, "GIVE 0\r\n".into()), (8, format!("GIVE {id}\r\n"))]
    {
        let (conn, answer) = wanting.call(host, &give);
        assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(conn)), ("", true), "{host}: {give}");
    }
    let (conn, request) = wanting.call(9, &format!("GIVE {id}\r\n"));
    assert!(request.starts_with(&format!("GET {} HTTP/1.1\r\n", target())), "{request}");
    // The same one dials twice: one is enough.
    let (again, answer) = wanting.call(9, &format!("GIVE {id}\r\n"));
    assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(again)), ("", true));
    wanting.feed(conn, 0..CONTENT.len(), CONTENT);
    assert!(wanting.is_fetched());
    assert_eq!(wanting.copy.to_vec(), CONTENT);
}

#[test]
fn a_connection_that_was_brought_and_breaks_is_pushed_for_again_under_another_number() {
    let mut wanting = Wanting::new();
    let first = wanting.pushes()[0].id;
    let (conn, _) = wanting.call(9, &format!("GIVE {first}\r\n"));
    wanting.feed(conn, 0..CONTENT.len(), &CONTENT[..20]);
    wanting.scene.raw.lone.hang_up(conn, CloseReason::Reset);
    wanting.scene.raw.lone.advance(Duration::from_secs(10));
    let second = wanting.pushes()[0].id;
    assert_ne!(first, second);
    let (stale, answer) = wanting.call(9, &format!("GIVE {first}\r\n"));
    assert_eq!((answer.as_str(), wanting.scene.raw.lone.closed(stale)), ("", true));
    let (conn, request) = wanting.call(9, &format!("GIVE {second}\r\n"));
    assert!(request.contains("Range: bytes=20-32\r\n"), "{request}");
    wanting.feed(conn, 20..CONTENT.len(), &CONTENT[20..]);
    assert!(wanting.is_fetched());
    assert_eq!(wanting.copy.to_vec(), CONTENT);
}
