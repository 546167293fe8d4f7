//! Graphs to try things on: random ones, power laws, grids; what is left of them when nodes go.

use rand::SeedableRng as _;
use rand_pcg::Pcg64;

use super::draw::{Weighted, shuffle};
use crate::world::below;

/// An undirected graph without loops and double edges, its nodes counted from zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// Each edge once, the smaller end first, rising.
    edges: Vec<(u32, u32)>,
    /// Where each node's neighbours start in `neighbours`, and the end of the last.
    starts: Vec<u32>,
    /// All nodes' neighbours, rising for each node.
    neighbours: Vec<u32>,
}

/// How far a node is that cannot be reached.
pub const UNREACHABLE: u32 = u32::MAX;

impl Graph {
    /// A graph of these edges; loops and what repeats an edge, in either direction, are left out.
    ///
    /// # Panics
    /// If an edge names a node that is not there.
    pub fn new(nodes: u32, edges: impl IntoIterator<Item = (u32, u32)>) -> Graph {
        let in_order = |(a, b): (u32, u32)| (a.min(b), a.max(b));
        let mut edges: Vec<_> = edges.into_iter().map(in_order).filter(|(a, b)| a != b).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut starts = vec![0u32; nodes as usize + 1];
        for (a, b) in &edges {
            assert!(*b < nodes, "an edge to node {b} of {nodes}");
            starts[*a as usize + 1] += 1;
            starts[*b as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut neighbours = vec![0; 2 * edges.len()];
        let mut put = |at: u32, neighbour| {
            neighbours[next[at as usize] as usize] = neighbour;
            next[at as usize] += 1;
        };
        // Edges come in rising order, so that those to smaller nodes are put first if they are put in a pass of their own.
        edges.iter().for_each(|(a, b)| put(*b, *a));
        edges.iter().for_each(|(a, b)| put(*a, *b));
        Graph { edges, starts, neighbours }
    }

    /// A random graph: each set of so many edges is as likely as any other.
    ///
    /// # Panics
    /// If a graph of so many nodes has no room for so many edges.
    pub fn random(nodes: u32, edges: usize, seed: u64) -> Graph {
        let pairs = u64::from(nodes) * u64::from(nodes.max(1) - 1) / 2;
        assert!(
            edges as u64 <= pairs / 2,
            "{edges} edges among {nodes} nodes: too dense to be drawn one by one"
        );
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut drawn: Vec<(u32, u32)> = Vec::with_capacity(edges);
        // What has been drawn twice is drawn anew, as if each edge had been compared with all before it.
        while drawn.len() < edges {
            while drawn.len() < edges {
                let (a, b) = (below(&mut rng, nodes as usize) as u32, below(&mut rng, nodes as usize) as u32);
                if a != b {
                    drawn.push((a.min(b), a.max(b)));
                }
            }
            drawn.sort_unstable();
            drawn.dedup();
        }
        Graph::new(nodes, drawn)
    }

    /// A power-law random graph: degrees are drawn with probability proportional to `k^-alpha`, from 1 up, and their
    /// ends joined at random (Aiello, Chung and Lu, "A random graph model for massive graphs", with drawn instead of
    /// prescribed degrees). Loops and double edges, which fall to the largest nodes, are left out.
    pub fn power_law(nodes: u32, alpha: f64, seed: u64) -> Graph {
        let mut rng = Pcg64::seed_from_u64(seed);
        let degree_max = nodes.max(2) - 1;
        let degrees = Weighted::new((1..=degree_max).map(|degree| libm::pow(f64::from(degree), -alpha)));
        let drawn: Vec<u32> = (0..nodes).map(|_| degrees.draw(&mut rng) as u32 + 1).collect();
        Graph::joined(&drawn, &mut rng)
    }

    /// A random graph in which each node has at most so many neighbours: that many ends for each, joined at random. Loops and double
    /// edges, which fall to the largest nodes, are left out.
    pub fn of_degrees(degrees: impl IntoIterator<Item = u32>, seed: u64) -> Graph {
        let degrees: Vec<u32> = degrees.into_iter().collect();
        Graph::joined(&degrees, &mut Pcg64::seed_from_u64(seed))
    }

    fn joined(degrees: &[u32], rng: &mut Pcg64) -> Graph {
        let ends_of = |(node, degree): (u32, &u32)| std::iter::repeat_n(node, *degree as usize);
        let mut ends: Vec<u32> = (0..).zip(degrees).flat_map(ends_of).collect();
        shuffle(&mut ends, rng);
        Graph::new(degrees.len() as u32, ends.chunks_exact(2).map(|pair| (pair[0], pair[1])))
    }

    /// A square grid of `side` times `side` nodes.
    pub fn grid(side: u32) -> Graph {
        let rows = (0..side).flat_map(|row| (1..side).map(move |column| row * side + column));
        let columns = (1..side).flat_map(|row| (0..side).map(move |column| row * side + column));
        let edges = rows.map(|node| (node - 1, node)).chain(columns.map(|node| (node - side, node)));
        Graph::new(side * side, edges)
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// Each edge once, the smaller end first, rising.
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }

    /// The neighbours of a node, rising.
    pub fn neighbours(&self, node: u32) -> &[u32] {
        let at = node as usize;
        &self.neighbours[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// How many neighbours a node has.
    pub fn degree(&self, node: u32) -> u32 {
        self.neighbours(node).len() as u32
    }

    /// Neighbours of a node on average.
    pub fn mean_degree(&self) -> f64 {
        2.0 * self.edges.len() as f64 / f64::from(self.nodes())
    }

    /// All nodes, those with the most neighbours first, equals by number.
    pub fn by_degree(&self) -> Vec<u32> {
        let mut nodes: Vec<u32> = (0..self.nodes()).collect();
        nodes.sort_by_key(|node| (std::cmp::Reverse(self.degree(*node)), *node));
        nodes
    }

    /// How many edges each node is away from `source`, or [`UNREACHABLE`].
    pub fn distances(&self, source: u32) -> Vec<u32> {
        let mut distances = vec![UNREACHABLE; self.nodes() as usize];
        distances[source as usize] = 0;
        let mut queue = vec![source];
        let mut at = 0;
        while let Some(node) = queue.get(at).copied() {
            at += 1;
            for neighbour in self.neighbours(node) {
                if distances[*neighbour as usize] == UNREACHABLE {
                    distances[*neighbour as usize] = distances[node as usize] + 1;
                    queue.push(*neighbour);
                }
            }
        }
        distances
    }

    /// The nodes of the largest part that hangs together, rising; of equal ones the one with the smallest node.
    pub fn giant(&self) -> Vec<u32> {
        let mut part = vec![UNREACHABLE; self.nodes() as usize];
        let mut largest: Vec<u32> = Vec::new();
        for first in 0..self.nodes() {
            if part[first as usize] != UNREACHABLE {
                continue;
            }
            part[first as usize] = first;
            let mut members = vec![first];
            let mut at = 0;
            while let Some(node) = members.get(at).copied() {
                at += 1;
                for neighbour in self.neighbours(node) {
                    if part[*neighbour as usize] == UNREACHABLE {
                        part[*neighbour as usize] = first;
                        members.push(*neighbour);
                    }
                }
            }
            if members.len() > largest.len() {
                largest = members;
            }
        }
        largest.sort_unstable();
        largest
    }

    /// How many nodes the largest part has after the first 0, 1, … of `order` have gone, until nobody is left.
    ///
    /// Found from the end, by adding nodes to nothing and joining parts, so that all of it costs little more than
    /// looking at each edge once.
    pub fn giants_as_nodes_go(&self, order: &[u32]) -> Vec<u32> {
        let mut parts =
            Parts { of: vec![UNREACHABLE; self.nodes() as usize], sizes: vec![1; self.nodes() as usize] };
        let mut largest = 0;
        let mut giants = vec![0];
        for node in order.iter().rev() {
            parts.of[*node as usize] = *node;
            largest = largest.max(1);
            for neighbour in self.neighbours(*node) {
                if parts.of[*neighbour as usize] != UNREACHABLE {
                    largest = largest.max(parts.join(*node, *neighbour));
                }
            }
            giants.push(largest);
        }
        giants.reverse();
        giants
    }

    /// The graph of these nodes (rising) and the edges between them; they are counted anew, in the same order.
    pub fn of_nodes(&self, kept: &[u32]) -> Graph {
        let new = |node: u32| kept.binary_search(&node).ok().map(|at| at as u32);
        let edges = self.edges.iter().filter_map(|(a, b)| Some((new(*a)?, new(*b)?)));
        Graph::new(kept.len() as u32, edges)
    }

    /// The graph without these nodes; the others are counted anew, in the same order.
    pub fn without(&self, removed: &[u32]) -> Graph {
        let mut gone = vec![false; self.nodes() as usize];
        removed.iter().for_each(|node| gone[*node as usize] = true);
        let kept: Vec<u32> = (0..self.nodes()).filter(|node| !gone[*node as usize]).collect();
        self.of_nodes(&kept)
    }
}

/// Which nodes hang together.
struct Parts {
    /// Another node of the same part, nearer to its representative, which has itself; [`UNREACHABLE`] for those not there.
    of: Vec<u32>,
    /// How many nodes a part has, at its representative.
    sizes: Vec<u32>,
}

impl Parts {
    fn representative(&mut self, mut node: u32) -> u32 {
        while self.of[node as usize] != node {
            let next = self.of[self.of[node as usize] as usize];
            self.of[node as usize] = next;
            node = next;
        }
        node
    }

    /// Joins the parts of two nodes; says how many nodes they have together.
    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.representative(a), self.representative(b));
        if a == b {
            return self.sizes[a as usize];
        }
        let (small, large) = if self.sizes[a as usize] < self.sizes[b as usize] { (a, b) } else { (b, a) };
        self.of[small as usize] = large;
        self.sizes[large as usize] += self.sizes[small as usize];
        self.sizes[large as usize]
    }
}
