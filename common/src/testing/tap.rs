//! Somebody on the line: hears every byte that goes by, and if need be sits in the middle with a key.
//!
//! | the tap | on a connection that is to be sealed |
//! |---|---|
//! | [`Tap::before`] | passes on and keeps what goes by: what anybody on the way can see |
//! | [`Tap::in_the_middle`] | does the handshake with both sides, and keeps what they say under the two seals too |
//!
//! A connection is taken for one that is to be sealed if it starts with a request and an answer of HTTP that says 101.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::live::PATIENCE;
use crate::seal::{Handshake, Identity, LENGTH_BYTES, Opener, Progress, Seal, Sealer, Through};

/// The end of a head of HTTP.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The longest head that is looked for.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What went by on one connection.
#[derive(Clone, Default, Debug)]
pub struct Overheard {
    /// Towards the node.
    pub there: Vec<u8>,
    /// From it.
    pub back: Vec<u8>,
    /// What both said under their seals; nothing, but to who is in the middle with a key.
    pub opened: Vec<u8>,
}

impl Overheard {
    /// What was said in the open before both went on under seal, and what went by from there on; `None` if they never did.
    pub fn at_seal(&self) -> Option<[[&[u8]; 2]; 2]> {
        let (asked, answered) = (head_len(&self.there)?, head_len(&self.back)?);
        let ((ask, there), (answer, back)) = (self.there.split_at(asked), self.back.split_at(answered));
        switches(answer).then_some([[ask, answer], [there, back]])
    }
}

type Ear = Arc<Mutex<Overheard>>;

/// See the module.
pub struct Tap {
    address: SocketAddrV4,
    ears: Arc<Mutex<Vec<Ear>>>,
    end: CancellationToken,
    lines: TaskTracker,
}

impl Tap {
    /// Waits in front of a node for those who dial here instead.
    pub async fn before(node: SocketAddrV4) -> Tap {
        Tap::start(node, false).await
    }

    /// The same, and breaks every seal by making two of it.
    pub async fn in_the_middle(node: SocketAddrV4) -> Tap {
        Tap::start(node, true).await
    }

    async fn start(node: SocketAddrV4, has_key: bool) -> Tap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let Ok(SocketAddr::V4(address)) = listener.local_addr() else { panic!("an IPv4 address was bound") };
        let (end, lines) = (CancellationToken::new(), TaskTracker::new());
        let tap = Tap { address, ears: Arc::default(), end, lines };
        let (ears, end, lines) = (Arc::clone(&tap.ears), tap.end.clone(), tap.lines.clone());
        tap.lines.spawn(async move {
            loop {
                let near = tokio::select! {
                    accepted = listener.accept() => accepted.expect("somebody dials").0,
                    () = end.cancelled() => return,
                };
                let ear = Ear::default();
                lock(&ears).push(Arc::clone(&ear));
                lines.spawn(async move {
                    // If the node is gone, whoever dialled finds that this end is, too.
                    let Ok(far) = TcpStream::connect(node).await else { return };
                    if has_key { relay_opened(near, far, &ear).await } else { relay(near, far, &ear).await }
                });
            }
        });
        tap
    }

    /// Where it waits.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// What has gone by, connection by connection, once all of them are closed.
    ///
    /// # Panics
    /// If one of them stays open.
    pub async fn heard(self) -> Vec<Overheard> {
        self.end.cancel();
        self.lines.close();
        tokio::time::timeout(PATIENCE, self.lines.wait()).await.expect("all connections are closed");
        lock(&self.ears).iter().map(|ear| lock(ear).clone()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(HEAD_END.len()).position(|window| window == HEAD_END).map(|at| at + HEAD_END.len())
}

fn switches(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 101 ")
}

/// Passes on both ways until both have closed.
async fn relay(near: TcpStream, far: TcpStream, ear: &Ear) {
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::join!(
        pass_on(from_near, to_far, |bytes| lock(ear).there.extend(bytes)),
        pass_on(from_far, to_near, |bytes| lock(ear).back.extend(bytes))
    );
}

/// Passes on until the end, and ends the other side too.
async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, hear: impl Fn(&[u8])) {
    let mut block = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut block).await {
        hear(&block[..len]);
        if to.write_all(&block[..len]).await.is_err() {
            break;
        }
    }
    // Whoever is gone already need not be told.
    let _ = to.shutdown().await;
}

/// The same, under two seals from where both sides want one.
async fn relay_opened(mut near: TcpStream, mut far: TcpStream, ear: &Ear) {
    let mut ask = Vec::new();
    let is_http = read_head(&mut near, &mut ask).await;
    lock(ear).there.extend(&ask);
    if far.write_all(&ask).await.is_err() || !is_http {
        return relay(near, far, ear).await;
    }
    let mut answer = Vec::new();
    read_head(&mut far, &mut answer).await;
    lock(ear).back.extend(&answer);
    if near.write_all(&answer).await.is_err() || !switches(&answer) {
        return relay(near, far, ear).await;
    }
    let key = Identity::generate();
    let sides = [shake(&mut near, Seal::Acceptor, &key).await, shake(&mut far, Seal::Dialler, &key).await];
    let [Some(at_near), Some(at_far)] = sides else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::join!(
        pass_on_opened(from_near, at_near.opener, to_far, at_far.sealer, ear),
        pass_on_opened(from_far, at_far.opener, to_near, at_near.sealer, ear)
    );
}

/// Reads to the end of a head; false if what comes is none.
async fn read_head(from: &mut TcpStream, head: &mut Vec<u8>) -> bool {
    let starts_well = |head: &[u8]| [&b"GET "[..], b"HTTP"].iter().any(|word| head.starts_with(word));
    while head_len(head).is_none() {
        // One byte at a time: what follows the head is somebody else's to read.
        let Ok(byte) = from.read_u8().await else { return false };
        head.push(byte);
        if head.len() > HEAD_BYTES_MAX || (head.len() >= 4 && !starts_well(head)) {
            return false;
        }
    }
    true
}

/// One side of a handshake; `None` if the far side does not go through with it.
async fn shake(stream: &mut TcpStream, side: Seal, key: &Identity) -> Option<Through> {
    let mut handshake = Handshake::new(side, key);
    stream.write_all(&handshake.start()).await.ok()?;
    loop {
        let mut message = vec![0; handshake.awaits()];
        stream.read_exact(&mut message).await.ok()?;
        let (reply, progress) = handshake.take(&message).ok()?;
        stream.write_all(&reply).await.ok()?;
        match progress {
            Progress::Awaits(next) => handshake = next,
            Progress::Through(through) => return Some(through),
        }
    }
}

/// Opens what comes under one seal and sends it on under another.
async fn pass_on_opened(
    mut from: OwnedReadHalf,
    mut opener: Opener,
    mut to: OwnedWriteHalf,
    mut sealer: Sealer,
    ear: &Ear,
) {
    let mut out = Vec::new();
    while let Some(plain) = open_next(&mut from, &mut opener).await {
        lock(ear).opened.extend(&plain);
        let sent = match plain.is_empty() {
            true => to.write_all(&sealer.good_bye()).await,
            false => {
                let len = sealer.seal(&plain, &mut out);
                to.write_all(&out[..len]).await
            }
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// The next record, opened.
async fn open_next(from: &mut OwnedReadHalf, opener: &mut Opener) -> Option<BytesMut> {
    let mut record = vec![0; LENGTH_BYTES];
    from.read_exact(&mut record).await.ok()?;
    record.resize(Opener::record_len(&record)?, 0);
    from.read_exact(&mut record[LENGTH_BYTES..]).await.ok()?;
    let mut plain = BytesMut::new();
    opener.open(&record, &mut plain).ok()?;
    Some(plain)
}
