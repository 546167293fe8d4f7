//! The yardstick of simulated floods: a flood as one would write it by hand for this protocol alone: arrays and a timing wheel, no contract, no connections,
//! nothing counted but deliveries. Simulations are measured beside it, in the same run.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// Hops that a query may go.
pub const TTL: u8 = 7;
const REMEMBERED: usize = 32;
/// One tick of the bare loop's wheel, in nanoseconds: 65 µs.
const TICK: u64 = 1 << 16;
/// Slots of the wheel: more than the longest latency has ticks.
const SLOTS: usize = 2048;
/// Line delays, in ticks: 5 to 50 ms, so that latencies are 10 to 100 ms.
const DELAYS: std::ops::Range<u64> = 76..763;
/// Between the starts of two floods: 40 ms, in whole ticks.
pub const SPACING: Duration = Duration::from_nanos(610 * TICK);

/// What a query is known by.
pub type Guid = [u64; 2];

/// That of a search of this number.
pub fn guid(search: u32) -> Guid {
    [u64::from(search) + 1, 0x5eed]
}

/// The last 32 GUIDs and the link each came by.
#[derive(Clone, Debug)]
pub struct Seen {
    guids: [Guid; REMEMBERED],
    links: [u32; REMEMBERED],
    next: u32,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { guids: [[0; 2]; REMEMBERED], links: [0; REMEMBERED], next: 0 }
    }
}

impl Seen {
    /// Remembers a GUID; false if it was known. Kept out of line, so that all who use it run the same machine code for it:
    /// inlined, the compiler makes a quick early exit of the scan in one place and a slow mask over all 32 in another.
    #[inline(never)]
    pub fn insert(&mut self, guid: Guid, link: u32) -> bool {
        for known in &self.guids {
            if known[0] == guid[0] && known[1] == guid[1] {
                return false;
            }
        }
        let at = self.next as usize % REMEMBERED;
        (self.guids[at], self.links[at]) = (guid, link);
        self.next += 1;
        true
    }
}

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The node at the other end.
    pub node: u32,
    /// The number that the link has over there.
    number: u8,
}

/// Who is linked with whom, and each node's line delay.
#[derive(Debug)]
pub struct Graph {
    /// Where each node's links begin, and where the last one's end.
    starts: Vec<u32>,
    ends: Vec<End>,
    /// Each node's line delay, nanoseconds.
    pub delays_ns: Vec<u64>,
}

impl Graph {
    /// `degree` random perfect matchings; a link has the number of its matching at both ends. Delays are whole ticks, or
    /// `scattered`.
    pub fn regular(nodes: u32, degree: usize, scattered: bool) -> Graph {
        let mut rng = Pcg32::seed_from_u64(u64::from(nodes));
        let mut ends = vec![End { node: 0, number: 0 }; nodes as usize * degree];
        let mut order: Vec<u32> = (0..nodes).collect();
        for link in 0..degree {
            for at in (1..order.len()).rev() {
                order.swap(at, rng.next_u64() as usize % (at + 1));
            }
            for pair in order.chunks_exact(2) {
                ends[pair[0] as usize * degree + link] = End { node: pair[1], number: link as u8 };
                ends[pair[1] as usize * degree + link] = End { node: pair[0], number: link as u8 };
            }
        }
        let starts = (0..=nodes).map(|node| node * degree as u32).collect();
        Graph { starts, ends, delays_ns: delays(nodes, scattered, &mut rng) }
    }

    /// So many links between random pairs, none twice and none with itself.
    pub fn random(nodes: u32, links: usize) -> Graph {
        let mut rng = Pcg32::seed_from_u64(u64::from(nodes));
        let mut lists: Vec<Vec<End>> = vec![Vec::new(); nodes as usize];
        let mut made = 0;
        while made < links {
            let [a, b] = [0; 2].map(|_| (rng.next_u64() % u64::from(nodes)) as u32);
            if a != b && lists[a as usize].iter().all(|end| end.node != b) {
                let [at_a, at_b] = [a, b].map(|node| lists[node as usize].len() as u8);
                lists[a as usize].push(End { node: b, number: at_b });
                lists[b as usize].push(End { node: a, number: at_a });
                made += 1;
            }
        }
        let lengths = lists.iter().map(|list| list.len() as u32);
        let starts = std::iter::once(0).chain(lengths.scan(0, |sum, len| {
            *sum += len;
            Some(*sum)
        }));
        Graph { starts: starts.collect(), ends: lists.concat(), delays_ns: delays(nodes, false, &mut rng) }
    }

    /// The far ends of a node's links.
    pub fn ends(&self, node: u32) -> &[End] {
        &self.ends[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

fn delays(nodes: u32, scattered: bool, rng: &mut Pcg32) -> Vec<u64> {
    let delay = |_| {
        let ticks = DELAYS.start + rng.next_u64() % (DELAYS.end - DELAYS.start);
        ticks * TICK + if scattered { rng.next_u64() % TICK } else { 0 }
    };
    (0..nodes).map(delay).collect()
}

/// What a message carries beside its head.
pub trait Baggage: Clone + Default + fmt::Debug + Send + Sync + 'static {}

impl Baggage for () {}
impl Baggage for Arc<String> {}

#[derive(Debug)]
struct Message<B> {
    guid: Guid,
    baggage: B,
    node: u32,
    link: u8,
    ttl: u8,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    end: End,
    ticks: u32,
}

/// The protocol as a loop.
#[derive(Debug)]
pub struct Bare<B> {
    tables: Vec<Seen>,
    starts: Vec<u32>,
    links: Vec<Link>,
    wheel: Vec<Vec<Message<B>>>,
    tick: u64,
    coming: u64,
}

impl<B: Baggage> Bare<B> {
    /// Nobody has heard of anything.
    pub fn new(graph: &Graph) -> Self {
        let link = |node: u32, end: &End| Link {
            end: *end,
            ticks: ((graph.delays_ns[node as usize] + graph.delays_ns[end.node as usize]) / TICK) as u32,
        };
        let nodes = graph.delays_ns.len();
        let links = |node: u32| graph.ends(node).iter().map(move |end| link(node, end));
        Bare {
            tables: vec![Seen::default(); nodes],
            starts: graph.starts.clone(),
            links: (0..nodes as u32).flat_map(links).collect(),
            wheel: (0..SLOTS).map(|_| Vec::new()).collect(),
            tick: 0,
            coming: 0,
        }
    }

    #[inline]
    fn pass_on(&mut self, node: u32, guid: Guid, baggage: &B, ttl: u8, from: u8) {
        let node = node as usize;
        let links = &self.links[self.starts[node] as usize..self.starts[node + 1] as usize];
        for (number, link) in links.iter().enumerate() {
            if number as u8 != from {
                let slot = (self.tick + u64::from(link.ticks)) as usize % SLOTS;
                let (End { node, number: link }, baggage) = (link.end, baggage.clone());
                self.wheel[slot].push(Message { guid, baggage, node, link, ttl });
                self.coming += 1;
            }
        }
    }

    /// Floods from these nodes, one after the other; returns messages delivered and seconds.
    pub fn flood(&mut self, searches: &[(u32, u32)]) -> (u64, f64) {
        let spacing = SPACING.as_nanos() as u64;
        let first = self.tick;
        let start = Stopwatch::start();
        let (mut delivered, mut started) = (0, 0);
        while started < searches.len() || self.coming > 0 {
            // Spacing is no whole number of ticks; what the simulator starts within a tick is started at its end.
            while started < searches.len() && (started as u64 * spacing).div_ceil(TICK) <= self.tick - first {
                let (search, node) = searches[started];
                self.tables[node as usize].insert(guid(search), u32::MAX);
                self.pass_on(node, guid(search), &B::default(), TTL, u8::MAX);
                started += 1;
            }
            let mut slot = std::mem::take(&mut self.wheel[self.tick as usize % SLOTS]);
            self.coming -= slot.len() as u64;
            delivered += slot.len() as u64;
            for Message { guid, baggage, node, link, ttl } in slot.drain(..) {
                if self.tables[node as usize].insert(guid, u32::from(link)) && ttl > 1 {
                    self.pass_on(node, guid, &baggage, ttl - 1, link);
                }
            }
            self.wheel[self.tick as usize % SLOTS] = slot;
            self.tick += 1;
        }
        (delivered, start.seconds())
    }
}

/// A stopwatch that leaves out what other processes take of the processor, where the system tells (Linux), else a plain
/// one.
#[derive(Debug)]
pub struct Stopwatch {
    on_cpu_ns: Option<u64>,
    started: Instant,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Stopwatch { on_cpu_ns: Self::on_cpu_ns(), started: Instant::now() }
    }

    fn on_cpu_ns() -> Option<u64> {
        std::fs::read_to_string("/proc/self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        match self.on_cpu_ns.zip(Self::on_cpu_ns()) {
            Some((before, after)) => (after - before) as f64 / 1e9,
            None => self.started.elapsed().as_secs_f64(),
        }
    }
}

/// The median of some values, which are sorted for it.
///
/// # Panics
/// If there are none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
