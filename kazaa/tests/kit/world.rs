//! One node that fetches, and holders that are played by the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::digest::Digest;
use common::http::{ByteRange, Request};
use common::peer::ConnId;
use common::store::{Memory, Ranges, Storage};
use common::testing::files::hit;
use common::user::{Failure, FileInfo, Hit};
use kazaa::config::Config;

use super::alone::Alone;
use super::raw::remote;

/// What a holder does with a request for these bytes of the content.
pub type Manners<'a> = &'a dyn Fn(u8, &Request, &[u8]) -> Vec<u8>;

/// Holders at 10.0.1.x, and one node that fetches from them.
pub struct World {
    pub alone: Alone,
    pub content: Vec<u8>,
    pub conns: Vec<(ConnId, u8)>,
    /// Requests of each host.
    pub asked: BTreeMap<u8, usize>,
    /// Sealed connections.
    pub seals: usize,
}

impl World {
    /// Holders that tell all the same.
    pub fn new(content: &[u8], digest: Digest, hosts: &[u8]) -> World {
        let told: Vec<(u8, Digest)> = hosts.iter().map(|host| (*host, digest)).collect();
        World::with(Config::default(), content, &told, None, Ranges::default())
    }

    /// Holders that tell different digests.
    pub fn with(
        config: Config,
        content: &[u8],
        told: &[(u8, Digest)],
        store: Option<Arc<dyn Storage>>,
        have: Ranges,
    ) -> World {
        let one = |(host, digest): &(u8, Digest)| -> Arc<Hit> {
            let (name, size) = (format!("Songs/{host}.ogg").into(), content.len() as u64);
            let info = FileInfo { name, size, digest: Some(*digest), ..FileInfo::default() };
            hit(&info, remote(*host))
        };
        let memory = Arc::new(Memory::default());
        let store = store.unwrap_or_else(|| memory.clone());
        let alone = Alone::fetching(config, told.iter().map(one).collect(), (store, memory), have);
        World { alone, content: content.to_vec(), conns: Vec::new(), asked: BTreeMap::new(), seals: 0 }
    }

    /// Answers dials and requests until nothing more comes; false if nothing came.
    pub fn turn(&mut self, manners: Manners) -> bool {
        let mut happened = false;
        while let Some((conn, to)) = self.alone.lone.next_dial() {
            self.alone.lone.answer((conn, to));
            self.conns.push((conn, to.ip().octets()[3]));
            happened = true;
        }
        for (conn, host) in self.conns.clone() {
            let taken = self.alone.lone.take(conn);
            if taken.is_empty() || self.alone.lone.closed(conn) {
                continue;
            }
            let request = Request::parse(&taken).expect("one request at a time");
            *self.asked.entry(host).or_default() += 1;
            self.answer(conn, host, &request, manners);
            if self.alone.seal(conn).is_some() {
                // What was asked for in the plain is answered under seal.
                self.seals += 1;
                self.answer(conn, host, &request, manners);
            }
            happened = true;
        }
        happened
    }

    fn answer(&mut self, conn: ConnId, host: u8, request: &Request, manners: Manners) {
        let (from, len) = request.range().unwrap().within(self.content.len() as u64).unwrap();
        let bytes = &self.content[from as usize..][..len as usize];
        let answer = manners(host, request, bytes);
        self.alone.lone.feed(conn, &answer);
    }

    /// Lets the holders answer until the download has ended.
    pub fn run(&mut self, manners: Manners) -> Result<(), Failure> {
        for _ in 0..28_800 {
            while self.turn(manners) {}
            if let Some(end) = self.alone.lone.end() {
                return end;
            }
            self.alone.lone.advance(Duration::from_secs(1));
        }
        panic!("the download has not ended in eight hours; asked so far: {:?}", self.asked);
    }

    pub fn is_right(&self) -> bool {
        self.alone.file.to_vec() == self.content
    }
}

pub fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} So\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn first_and_last(request: &Request) -> (u64, u64) {
    match request.range() {
        Some(ByteRange::Between(first, last)) => (first, last),
        other => panic!("asked for {other:?}"),
    }
}

/// The range that was asked for, of a file of `size` bytes.
pub fn honest(request: &Request, bytes: &[u8], size: usize) -> Vec<u8> {
    let (first, last) = first_and_last(request);
    let headers =
        format!("Content-Length: {}\r\nContent-Range: bytes {first}-{last}/{size}\r\n", bytes.len());
    answer(206, &headers, bytes)
}
