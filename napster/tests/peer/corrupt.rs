//! Holders that send what they did not promise: the guilty one is dropped, the others' bytes are kept.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use crate::kit::frame;
use common::digest::{Algorithm, Digest};
use common::peer::{CloseReason, ConnId};
use common::store::{Faulty, Memory, Ranges, Storage};
use common::testing::Lone;
use common::user::{Command, Failure, Fetch, FetchId, FileInfo, Hit, Holder, Note};
use napster::node::Node;
use napster::peer::PeerConfig;
use napster::selection::Selection;

const GOOD: &[u8] = b"the very bytes that were promised";

/// A peer that downloads `d\Song.mp3` from some of `a`, `b`, `c`, in this order.
struct Getter {
    lone: Lone<Node>,
    server: ConnId,
    file: Arc<Memory>,
    size: usize,
}

fn md5(bytes: &[u8]) -> Digest {
    Algorithm::Md5.of(bytes)
}

impl Getter {
    fn new(holders: &[&str], there: &[u8]) -> Getter {
        let file = Arc::new(Memory::from(there.to_vec()));
        Getter::into(holders, file.clone(), file, there.len() as u64)
    }

    fn into(holders: &[&str], store: Arc<dyn Storage>, file: Arc<Memory>, have: u64) -> Getter {
        Getter::of((GOOD.len(), md5(GOOD)), holders, store, file, have)
    }

    /// Downloads a file of this size and digest.
    fn of(
        (size, digest): (usize, Digest),
        holders: &[&str],
        store: Arc<dyn Storage>,
        file: Arc<Memory>,
        have: u64,
    ) -> Getter {
        let config =
            PeerConfig { nick: "alice".into(), selection: Selection::First, ..PeerConfig::default() };
        let mut lone = Lone::new(Node::peer(config));
        let dial = lone.next_dial().expect("it dials its server");
        let server = lone.answer(dial);
        lone.feed(server, &frame(3, "anon@napster"));
        let into = lone.store.add(store);
        let hit = |nick: &&str| {
            let info = FileInfo {
                name: "d/Song.mp3".into(),
                size: size as u64,
                digest: Some(digest),
                ..FileInfo::default()
            };
            let holder = Holder { nick: (*nick).into(), ..Holder::default() };
            Arc::new(Hit { info, holder, ..Hit::default() })
        };
        let candidates = holders.iter().map(hit).collect();
        let have = Ranges::from_start(have);
        lone.command(Command::Fetch(Box::new(Fetch { fetch: FetchId(1), candidates, into, have })));
        Getter { lone, server, file, size }
    }

    /// The server sends it to `nick`, who sends these bytes. Returns the connection and the offset asked for.
    fn serve(&mut self, nick: &str, bytes: &[u8]) -> (ConnId, String) {
        let data = format!("{nick} 16777343 6699 \"d\\Song.mp3\" {} 4", md5(GOOD));
        self.lone.feed(self.server, &frame(204, &data));
        let dial: (ConnId, SocketAddrV4) =
            self.lone.next_dial().unwrap_or_else(|| panic!("{nick} is not dialled"));
        let conn = self.lone.answer(dial);
        self.lone.feed(conn, b"1");
        let request = String::from_utf8(self.lone.take(conn)).unwrap();
        self.lone.feed(conn, self.size.to_string().as_bytes());
        self.lone.feed(conn, bytes);
        (conn, request.rsplit(' ').next().unwrap().to_owned())
    }

    fn end(&self) -> Option<Result<(), Failure>> {
        self.lone.notes.iter().find_map(|note| match note {
            Note::Fetched(_) => Some(Ok(())),
            Note::Failed(_, why) => Some(Err(*why)),
            _ => None,
        })
    }
}

#[test]
fn a_corrupt_holder_is_dropped_and_another_sends_all() {
    let mut getter = Getter::new(&["a", "b"], b"");
    let mut bad = GOOD.to_vec();
    bad[3] ^= 1;
    getter.serve("a", &bad);
    assert_eq!(getter.end(), None);
    assert_eq!(getter.serve("b", GOOD).1, "0");
    assert_eq!(getter.end(), Some(Ok(())));
    assert_eq!(getter.file.to_vec(), GOOD);
}

#[test]
fn when_every_copy_is_corrupt_the_download_says_so() {
    let mut getter = Getter::new(&["a", "b"], b"");
    let bad = vec![b'x'; GOOD.len()];
    getter.serve("a", &bad);
    getter.serve("b", &bad);
    assert_eq!(getter.end(), Some(Err(Failure::Corrupt)));
}

#[test]
fn the_digest_may_be_of_any_of_the_heads_that_clients_digest() {
    let content: Vec<u8> = (0..300_100u32).map(|n| (n % 251) as u8).collect();
    for (size, head, end) in [
        (300_100, 299_008, Ok(())),
        (300_100, 300_000, Ok(())),
        (300_100, 300_032, Ok(())),
        (299_500, 299_500, Ok(())),
        (300_100, 300_001, Err(Failure::Corrupt)),
        (299_008, 299_007, Err(Failure::Corrupt)),
    ] {
        let file = Arc::new(Memory::default());
        let promised = (size, md5(&content[..head]));
        let mut getter = Getter::of(promised, &["a"], file.clone(), file, 0);
        getter.serve("a", &content[..size]);
        assert_eq!(getter.end(), Some(end), "the first {head} of {size}");
    }
    // A wrong file is given up as soon as the last of them is there.
    let file = Arc::new(Memory::default());
    let mut getter = Getter::of((300_100, md5(b"other")), &["a"], file.clone(), file, 0);
    let (conn, _) = getter.serve("a", &content[..300_031]);
    assert_eq!((getter.end(), getter.lone.closed(conn)), (None, false));
    getter.lone.feed(conn, &content[300_031..300_032]);
    assert_eq!((getter.end(), getter.lone.closed(conn)), (Some(Err(Failure::Corrupt)), true));
}

#[test]
fn what_was_there_before_may_be_the_corrupt_part() {
    let mut getter = Getter::new(&["a"], b"rubbish");
    assert_eq!(getter.serve("a", &GOOD[7..]).1, "7");
    assert_eq!(getter.end(), None, "nobody is blamed for it");
    assert_eq!(getter.serve("a", GOOD).1, "0");
    assert_eq!(getter.end(), Some(Ok(())));
}

#[test]
fn of_a_mixture_nobody_is_blamed_until_it_is_known_who_lies() {
    let mut getter = Getter::new(&["a", "b"], b"");
    let (conn, _) = getter.serve("a", b"lies");
    getter.lone.hang_up(conn, CloseReason::Reset);
    assert_eq!(getter.serve("b", &GOOD[4..]).1, "4", "b goes on where a stopped");
    assert_eq!(getter.end(), None);
    // The liar is first in line again, once its pause is over, and alone now.
    getter.lone.advance(Duration::from_secs(10));
    let (conn, _) = getter.serve("b", &GOOD[..9]);
    getter.lone.hang_up(conn, CloseReason::Reset);
    let lies = [b"lies", &GOOD[4..]].concat();
    assert_eq!(getter.serve("a", &lies).1, "0", "a head is never mixed again");
    assert_eq!(getter.end(), None);
    getter.lone.advance(Duration::from_secs(10));
    assert_eq!(getter.serve("b", GOOD).1, "0");
    assert_eq!(getter.end(), Some(Ok(())));
}

#[test]
fn a_full_disk_fails_plainly_and_keeps_what_is_there() {
    let file = Arc::new(Memory::default());
    let full = Arc::new(Faulty::over(file.clone()).full_after(10));
    let mut getter = Getter::into(&["a", "b"], full, file, 0);
    let (conn, _) = getter.serve("a", &GOOD[..10]);
    getter.lone.feed(conn, &GOOD[10..]);
    assert_eq!(getter.end(), Some(Err(Failure::DiskFull)));
    assert!(getter.lone.closed(conn));
    assert_eq!(getter.file.to_vec(), &GOOD[..10]);
}

#[test]
fn a_slow_drip_does_not_hold_a_download() {
    let mut getter = Getter::new(&["a", "b"], b"");
    let (conn, _) = getter.serve("a", b"");
    for byte in &GOOD[..6] {
        getter.lone.feed(conn, &[*byte]);
        getter.lone.advance(Duration::from_secs(10));
    }
    assert!(getter.lone.closed(conn), "a byte every ten seconds is no progress");
    let (_, from) = getter.serve("b", &GOOD[6..]);
    assert_eq!((from.as_str(), getter.end()), ("6", Some(Ok(()))));
}
