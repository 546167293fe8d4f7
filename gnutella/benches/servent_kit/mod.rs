//! The two ends of a measurement: the process that is measured, and neighbours that speak bytes.

mod child;
mod neighbour;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use child::{Child, Role, run_role};
use common::metrics::Times;
pub use neighbour::Neighbour;
use neighbour::{Frame, HIT, QUERY, Reader, Writer, hit, query};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What nobody shares.
const NOWHERE: &str = "somebody somewhere nowhere";
/// The name of a file that the holder has, whatever else.
pub const SENTINEL: &str = "sentinel";
/// Descriptors in one write.
const BATCH: usize = 32;
/// Queries of the asker, the answers to which are led back.
const ASKED: u32 = 64;
/// Far beyond what the far side may take: it has lost a descriptor.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one measurement has come to.
pub struct Outcome {
    pub in_per_s: f64,
    pub out_per_s: f64,
    /// Processor time of the measured process for each descriptor that came in, in microseconds.
    pub cpu_us: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// How many descriptors may be under way, and the time since the start, which they bear.
#[derive(Clone)]
struct Way {
    room: Arc<Semaphore>,
    size: u32,
    start: Instant,
    end: CancellationToken,
}

impl Way {
    fn new(size: usize) -> Self {
        let (room, size) = (Arc::new(Semaphore::new(size)), size as u32);
        Way { room, size, start: Instant::now(), end: CancellationToken::new() }
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Waits until so many more may be sent.
    async fn take(&self, count: usize) {
        let taken = tokio::time::timeout(PATIENCE, self.room.acquire_many(count as u32)).await;
        taken.expect("no descriptor is lost").expect("it is never closed").forget();
    }

    /// Waits until all that were sent have come, and tells the receivers to end.
    async fn close(&self) -> Duration {
        self.take(self.size as usize).await;
        self.end.cancel();
        self.start.elapsed()
    }

    /// Takes in what comes, and makes room for as much again, until the end. A frame counts for as much as `count` says.
    async fn receive(self, mut reader: Reader, mut count: impl FnMut(&Frame<'_>) -> usize) -> Times {
        let mut times = Times::default();
        loop {
            tokio::select! {
                () = reader.fill() => {}
                () = self.end.cancelled() => return times,
            }
            let now_ns = self.now_ns();
            let mut came = 0;
            while let Some(frame) = reader.next() {
                let counts = count(&frame);
                if counts > 0 {
                    times.add(Duration::from_nanos(now_ns.saturating_sub(frame.sent_ns())));
                }
                came += counts;
            }
            self.room.add_permits(came);
        }
    }
}

fn outcome(child: &Child, came: u64, left: u64, took: Duration, times: &[Times], cpu: Duration) -> Outcome {
    // All receivers see the same, but for the order: the slowest decides.
    let worst = |q| times.iter().filter_map(|times| times.quantile_s(q)).fold(0.0, f64::max) * 1e3;
    Outcome {
        in_per_s: came as f64 / took.as_secs_f64(),
        out_per_s: left as f64 / took.as_secs_f64(),
        cpu_us: (child.cpu() - cpu).as_secs_f64() * 1e6 / came as f64,
        p50_ms: worst(0.5),
        p99_ms: worst(0.99),
    }
}

/// One sends queries, the others receive all of them.
pub async fn one_to_many(
    child: &Child,
    mut sender: Neighbour,
    others: Vec<Neighbour>,
    window: usize,
    time: Duration,
) -> Outcome {
    let (cpu, copies) = (child.cpu(), others.len());
    let way = Way::new(window * copies);
    let mut receivers = JoinSet::new();
    // Who lets go of the writer hangs up.
    let mut writers = Vec::new();
    for Neighbour { reader, writer } in others {
        receivers.spawn(way.clone().receive(reader, |frame| usize::from(frame.kind == QUERY)));
        writers.push(writer);
    }
    let (batch, mut sent) = (BATCH.min(window), 0);
    while way.start.elapsed() < time {
        way.take(batch * copies).await;
        let mut bytes = Vec::new();
        for _ in 0..batch {
            query(&mut bytes, sent, way.now_ns(), 7, NOWHERE);
            sent += 1;
        }
        sender.writer.write(&bytes).await;
    }
    let took = way.close().await;
    let times = receivers.join_all().await;
    drop(writers);
    outcome(child, u64::from(sent), u64::from(sent) * copies as u64, took, &times, cpu)
}

/// One has asked, the others answer.
pub async fn many_to_one(
    child: &Child,
    mut asker: Neighbour,
    mut others: Vec<Neighbour>,
    window: usize,
    time: Duration,
) -> Outcome {
    let mut bytes = Vec::new();
    (0..ASKED).for_each(|number| query(&mut bytes, number, 0, 7, NOWHERE));
    asker.writer.write(&bytes).await;
    for other in &mut others {
        other.until(QUERY, ASKED).await;
    }
    let (cpu, way) = (child.cpu(), Way::new(window));
    let receiver = tokio::spawn(way.clone().receive(asker.reader, |frame| usize::from(frame.kind == HIT)));
    let sent = Arc::new(AtomicU64::new(0));
    let mut senders = JoinSet::new();
    for (servent, other) in (0..).zip(others) {
        let (way, sent) = (way.clone(), sent.clone());
        senders.spawn(async move { answer_all(way, other.writer, servent, window, time, &sent).await });
    }
    senders.join_all().await;
    let took = way.close().await;
    let times = [receiver.await.expect("a receiver does not panic")];
    let sent = sent.load(Ordering::Relaxed);
    outcome(child, sent, sent, took, &times, cpu)
}

async fn answer_all(
    way: Way,
    mut writer: Writer,
    servent: u8,
    window: usize,
    time: Duration,
    sent: &AtomicU64,
) {
    let batch = (BATCH / 4).min(window);
    while way.start.elapsed() < time {
        way.take(batch).await;
        let mut bytes = Vec::new();
        for _ in 0..batch {
            let number = sent.fetch_add(1, Ordering::Relaxed) as u32;
            hit(&mut bytes, number % ASKED, way.now_ns(), servent);
        }
        writer.write(&bytes).await;
    }
}

/// One asks for what the holder has or has not. Since a query that finds nothing has no answer, the last of each batch
/// asks for what is there for certain: all before it have then been seen to.
pub async fn ask(
    child: &Child,
    mut asker: Neighbour,
    texts: Vec<String>,
    window: usize,
    time: Duration,
) -> Outcome {
    let (cpu, way) = (child.cpu(), Way::new(window.max(2)));
    let batch = (2 * BATCH).min(window.max(2));
    let answered = Arc::new(AtomicU64::new(0));
    let (counter, mut last) = (answered.clone(), None);
    let receiver = tokio::spawn(way.clone().receive(asker.reader, move |frame| {
        // Many results take several hits.
        if frame.kind == HIT && last.replace(frame.number()) != Some(frame.number()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let ends_batch = (frame.number() as usize + 1).is_multiple_of(batch);
        if frame.kind == HIT && ends_batch { batch } else { 0 }
    }));
    let mut sent = 0;
    while way.start.elapsed() < time {
        way.take(batch).await;
        let mut bytes = Vec::new();
        for nth in 1..=batch {
            let text = if nth == batch { SENTINEL } else { &texts[sent as usize % texts.len()] };
            query(&mut bytes, sent, way.now_ns(), 1, text);
            sent += 1;
        }
        asker.writer.write(&bytes).await;
    }
    let took = way.close().await;
    let times = [receiver.await.expect("a receiver does not panic")];
    outcome(child, u64::from(sent), answered.load(Ordering::Relaxed), took, &times, cpu)
}
