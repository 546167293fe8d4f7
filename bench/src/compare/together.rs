//! How many runs are made at a time.
//!
//! Over real sockets a run takes as long as what it shows, and mostly waits: its lines are slow. So several clusters run side
//! by side, each in a network of its own, but never so many that one could take from another the processor or the memory
//! bus that its lines count on. Simulations wait for nothing: one for each core, started when no cluster runs any more.

use std::net::Ipv4Addr;
use std::thread::available_parallelism;

use crate::world::World;

/// Nodes of clusters for each core. 150: our choice; the sixty of the scenario `classroom` keep a tenth of a core busy.
const NODES_PER_CORE: u64 = 150;
/// Bits a second for each core, if all uplinks of all clusters were busy at once. 1 Gbit/s: a quarter of what a core moves
/// through a loopback socket with SHA-1 of every piece (the README's table).
const BPS_PER_CORE: u64 = 1_000_000_000;
/// Clusters at a time, whatever the load: each has threads of its own.
const CLUSTERS_MAX: u64 = 8;
/// People of simulations at a time: a million of Gnutella's fill some gigabytes.
const SIMULATED_MAX: u64 = 1_000_000;

/// How many clusters of this world may run side by side, each with so many nodes.
pub(super) fn clusters(world: &World, nodes: u32) -> usize {
    let uplinks = world.people.iter().map(|person| person.attachment.line.up_bps);
    let bps = uplinks.chain([world.scenario.server.line().up_bps]);
    // Lines without a limit are as fast as the machine.
    let bps = bps.map(|bps| bps.unwrap_or(u64::MAX)).fold(0, u64::saturating_add);
    clusters_on(cores(), u64::from(nodes), bps)
}

fn clusters_on(cores: u64, nodes: u64, bps: u64) -> usize {
    let by_nodes = cores * NODES_PER_CORE / nodes.max(1);
    let by_bps = cores * BPS_PER_CORE / bps.max(1);
    by_nodes.min(by_bps).clamp(1, CLUSTERS_MAX) as usize
}

/// How many simulations of so many people may run side by side.
pub(crate) fn simulations(people: u32) -> usize {
    cores().min(SIMULATED_MAX / u64::from(people.max(1))).max(1) as usize
}

fn cores() -> u64 {
    available_parallelism().map_or(1, |cores| cores.get() as u64)
}

/// The network of the cluster that runs on this thread of a pool: another for each that can run at the same time. A
/// cluster that runs alone has 127.0.0.0 and room for all its addresses.
pub(super) fn network() -> Ipv4Addr {
    let thread = rayon::current_thread_index().unwrap_or(0);
    Ipv4Addr::new(127, thread as u8, 0, 0)
}

const _: () = assert!(CLUSTERS_MAX <= 256, "a network for each");
const _: () =
    assert!(NODES_PER_CORE < 1 << 16, "more than one cluster is never so large that its network overflows");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_lines_share_a_machine_and_fast_ones_do_not() {
        let mbit = 1_000_000;
        assert_eq!(clusters_on(2, 61, 80 * mbit), 4);
        assert_eq!(clusters_on(1, 61, 80 * mbit), 2);
        assert_eq!(clusters_on(64, 61, 80 * mbit), CLUSTERS_MAX as usize);
        assert_eq!(clusters_on(2, 61, 1_500 * mbit), 1);
        assert_eq!(clusters_on(2, 500, 80 * mbit), 1);
        assert_eq!(clusters_on(2, 61, u64::MAX), 1);
    }
}
