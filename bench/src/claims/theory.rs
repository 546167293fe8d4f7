//! What theory says about floods and blind searches, to hold measurements against.

use rand_pcg::Pcg64;

use crate::world::unit;

/// Messages of a flood that reaches a whole connected graph, of whose nodes none forwards twice: over each edge two, but
/// one over those by which the nodes hear of it first.
pub fn flood_messages(nodes: u64, edges: u64) -> u64 {
    2 * edges + 1 - nodes
}

/// The share of such a flood's messages that tell a node what it knows already.
pub fn duplicate_share(nodes: u64, edges: u64) -> f64 {
    1.0 - (nodes - 1) as f64 / flood_messages(nodes, edges) as f64
}

/// Nodes within `ttl` hops if the graph were a tree in which all have `degree` neighbours, the root apart.
pub fn tree_nodes(degree: u64, ttl: u32) -> u64 {
    (0..ttl).map(|hop| degree * (degree - 1).pow(hop)).sum()
}

/// The lecture's count, in which each asks as many anew as it has neighbours: `k + k² + … + k^ttl`.
pub fn lecture_nodes(degree: u64, ttl: u32) -> u64 {
    (1..=ttl).map(|hop| degree.pow(hop)).sum()
}

/// The share of all nodes that a flood has reached after 0, 1, … `hops` hops on a large random graph whose degrees are
/// distributed as Poisson has it, with this mean.
///
/// With `r` the share of nodes reached if one of their edges is left out, and both generating functions of a Poisson
/// distribution `G(x) = e^(c(x-1))`, a node is missed if none of its neighbours was reached one hop before:
/// `r(h) = 1 - (1 - 1/N) G(1 - r(h-1))`, from `r(0) = 1/N`. The same recursion then gives the share of all.
pub fn poisson_reach(nodes: u32, mean_degree: f64, hops: usize) -> Vec<f64> {
    let others = 1.0 - 1.0 / f64::from(nodes);
    let next = |reach: &f64| Some(1.0 - others * libm::exp(-mean_degree * reach));
    std::iter::successors(Some(1.0 / f64::from(nodes)), next).take(hops + 1).collect()
}

/// [`poisson_reach`] for sources that differ, on average over so many of them.
///
/// The recursion takes the source for an average one. But whoever has few neighbours, who have few themselves, reaches
/// fewer hop by hop, and since reach is bounded, the lucky ones do not make up for it: between the first hops and the last
/// the average of all sources lies below what an average source reaches, by up to nine points at a mean degree of 3.4.
/// So the first three hops are drawn here, as a tree whose nodes have a Poisson number of children, and the recursion goes
/// on from there: of those not reached yet, each is missed by all `z N` nodes of the last hop with probability `e^(-c z)`.
pub fn drawn_reach(nodes: u32, mean_degree: f64, hops: usize, sources: u32, rng: &mut Pcg64) -> Vec<f64> {
    let n = f64::from(nodes);
    let mut sums = vec![0.0; hops + 1];
    for _ in 0..sources {
        let (mut last, mut missed) = (1.0, n - 1.0);
        sums[0] += 1.0;
        for (hop, sum) in sums.iter_mut().enumerate().skip(1) {
            let next = match hop {
                1..=SHELLS => (0..last as u64).map(|_| poisson(mean_degree, rng)).sum::<f64>().min(missed),
                _ => missed * (1.0 - libm::exp(-mean_degree * last / n)),
            };
            missed -= next;
            last = next;
            *sum += n - missed;
        }
    }
    sums.into_iter().map(|sum| sum / n / f64::from(sources)).collect()
}

/// Hops by which a source's luck is decided.
const SHELLS: usize = 3;

/// A number from a Poisson distribution with a small mean (Knuth's method).
fn poisson(mean: f64, rng: &mut Pcg64) -> f64 {
    let (limit, mut product, mut count) = (libm::exp(-mean), unit(rng), 0.0);
    while product > limit {
        product *= unit(rng);
        count += 1.0;
    }
    count
}

/// How many nodes a search has to ask on average, one random node after the other, until one has the item: titles are
/// searched for with probabilities `asked`, and `held` is the share of nodes that have each.
pub fn expected_probes(asked: &[f64], held: &[f64]) -> f64 {
    asked.iter().zip(held).map(|(asked, held)| asked / held).sum()
}

/// The least that [`expected_probes`] can be if the shares held add up to `held_total`: that of shares proportional to the square
/// roots of the probabilities (Cohen and Shenker, "Replication strategies in unstructured peer-to-peer networks").
pub fn square_root_probes(asked: &[f64], held_total: f64) -> f64 {
    let roots: f64 = asked.iter().map(|asked| asked.sqrt()).sum();
    roots * roots / held_total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_counts_of_trees() {
        assert_eq!(lecture_nodes(7, 7), 960_799);
        assert_eq!(lecture_nodes(7, 10), 329_554_456);
        assert_eq!(tree_nodes(4, 3), 4 + 12 + 36);
        // The closed form k((k-1)^t - 1)/(k - 2).
        assert_eq!(tree_nodes(7, 7), 7 * (6u64.pow(7) - 1) / 5);
    }

    #[test]
    fn reach_by_hop_as_computed_elsewhere() {
        for (mean_degree, expected) in [(6.8, [0.282, 0.853, 0.997]), (3.4, [0.013, 0.042, 0.134])] {
            let reach = poisson_reach(50_000, mean_degree, 7);
            for (hop, expected) in (5..).zip(expected) {
                assert!((reach[hop] - expected).abs() < 0.0005, "{mean_degree} {hop}: {}", reach[hop]);
            }
        }
    }

    #[test]
    fn a_flood_of_a_ring_of_three_sends_four_messages() {
        assert_eq!(flood_messages(3, 3), 4);
        assert!((duplicate_share(3, 3) - 0.5).abs() < 1e-12);
        // The published figures for mean degrees of 6.8 and 3.4.
        assert!((duplicate_share(50_000, 170_000) - 0.83).abs() < 0.005);
        assert!((duplicate_share(50_000, 85_000) - 0.58).abs() < 0.005);
    }

    #[test]
    fn uniform_and_proportional_copies_cost_the_same_and_square_roots_least() {
        let asked = [0.5, 0.3, 0.2];
        let uniform = expected_probes(&asked, &[0.1; 3]);
        let proportional = expected_probes(&asked, &asked.map(|asked| asked * 0.3));
        let least = square_root_probes(&asked, 0.3);
        assert!((uniform - 10.0).abs() < 1e-9 && (proportional - 10.0).abs() < 1e-9);
        let roots: f64 = asked.iter().map(|asked| asked.sqrt()).sum();
        let held = asked.map(|asked| asked.sqrt() / roots * 0.3);
        assert!((expected_probes(&asked, &held) - least).abs() < 1e-9 && least < uniform);
    }
}
