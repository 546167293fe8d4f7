//! Agents: processes that somebody has started elsewhere, and that stay for one run after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::net::NodeId;

use super::control::{Control, Member, Room, Token};
use super::lead;
use crate::cluster::Places;
use crate::coordinate::{RunError, candidate_ports, free_port};
use crate::overlay::Contestant;
use crate::trace::Outcome;
use crate::watch::Watch;
use crate::world::World;

/// How long agents may take to come back after a run.
const BACK_MAX: Duration = Duration::from_secs(20);
/// How long one waits at a time for agents that have never been there.
const GLANCE: Duration = Duration::from_secs(1);
/// Agents of a run at most: a byte numbers their networks.
pub const AGENTS_MAX: u32 = 200;

/// The agents of a series of runs.
#[derive(Debug)]
pub struct Agents {
    control: Control,
    wanted: usize,
    /// Those that have come and have no task.
    here: Mutex<Vec<Member>>,
}

impl Agents {
    /// Opens the port that so many agents are to join by this token.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn open(address: SocketAddr, token: Token, wanted: u32) -> Result<Self, RunError> {
        let control = Control::open(address, token)?;
        Ok(Agents { control, wanted: wanted as usize, here: Mutex::default() })
    }

    /// Where agents join.
    pub fn address(&self) -> SocketAddr {
        self.control.address
    }

    /// Waits for as long as it takes until all agents are here, and says of each where it is and what it brings.
    ///
    /// # Errors
    /// If one of them cannot take part.
    pub fn assemble(&self, mut each: impl FnMut(SocketAddr, Room)) -> Result<(), RunError> {
        let mut here = self.here.lock().expect("nobody panics with it");
        while here.len() < self.wanted {
            let Some(member) = self.control.next(GLANCE)? else { continue };
            if let Some(room) = member.room {
                each(member.from, room);
                here.push(member);
            }
        }
        Ok(())
    }

    /// Runs the world on an overlay with all its nodes at the agents.
    ///
    /// # Errors
    /// If agents are missing, or have too little room.
    pub fn run(
        &self,
        contestant: &'static dyn Contestant,
        world: &Arc<World>,
        watch: &Watch,
    ) -> Result<Outcome, RunError> {
        let mut members = self.back_again()?;
        // Who comes back first is chance, and no node is to change its place by it.
        members.sort_by_key(|member| (member.room.map(|room| (room.network, room.capacity)), member.from));
        let rooms: Vec<Room> = members.iter().filter_map(|member| member.room).collect();
        let (servers, people) = (contestant.servers(&world.scenario), world.people.len() as u32);
        let shares = shares(&rooms, servers, people).map_err(RunError)?;
        let places = places(&rooms, &shares)?;
        let (members, shares) =
            members.into_iter().zip(shares).filter(|(_, nodes)| !nodes.is_empty()).unzip();
        lead(contestant, world, members, shares, &places, watch)
    }

    /// All agents, those included that were in a run until now.
    fn back_again(&self) -> Result<Vec<Member>, RunError> {
        let mut here = std::mem::take(&mut *self.here.lock().expect("nobody panics with it"));
        let deadline = Instant::now() + BACK_MAX;
        while here.len() < self.wanted {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.control.next(left)? {
                Some(member) if member.room.is_some() => here.push(member),
                Some(_) => {}
                None => {
                    let (missing, seconds) = (self.wanted - here.len(), BACK_MAX.as_secs());
                    let why =
                        format!("{missing} of {} agents have not come back within {seconds} s", self.wanted);
                    return Err(RunError(why));
                }
            }
        }
        Ok(here)
    }
}

/// The servers at the first agents, people in turn at all that have room left.
fn shares(rooms: &[Room], servers: u32, people: u32) -> Result<Vec<Vec<NodeId>>, String> {
    let nodes = servers + people;
    let capacity = rooms.iter().fold(0u32, |sum, room| sum.saturating_add(room.capacity));
    if capacity < nodes {
        return Err(format!(
            "{nodes} nodes are to run, and the agents have room for {capacity}: more --capacity, or more agents"
        ));
    }
    let mut shares = vec![Vec::new(); rooms.len()];
    let has_room = |shares: &[Vec<NodeId>], at: usize| (shares[at].len() as u32) < rooms[at].capacity;
    let mut at = 0;
    for node in 0..nodes {
        while !has_room(&shares, at) {
            at = (at + 1) % rooms.len();
        }
        shares[at].push(NodeId(node));
        at = if node < servers.saturating_sub(1) { at } else { (at + 1) % rooms.len() };
    }
    Ok(shares)
}

/// Where the nodes of these shares are.
fn places(rooms: &[Room], shares: &[Vec<NodeId>]) -> Result<Places, RunError> {
    let (local, remote): (Vec<&Room>, Vec<&Room>) = rooms.iter().partition(|room| room.network.is_loopback());
    if let (Some(here), Some(there)) = (local.first(), remote.first()) {
        return Err(RunError(format!(
            "an agent in {} and one in {} cannot meet: no machine reaches another's loopback addresses; give each agent a \
             --network that all of them reach",
            here.network, there.network
        )));
    }
    let mut networks: Vec<Ipv4Addr> = rooms.iter().map(|room| room.network).collect();
    networks.sort_unstable();
    networks.dedup();
    let mut of_node = vec![0; shares.iter().map(Vec::len).sum()];
    for (room, nodes) in rooms.iter().zip(shares) {
        // The address of the number, and the last one of a network is nobody's.
        if let Some(last) = nodes.last().filter(|last| last.0 + 2 > u32::MAX >> room.prefix) {
            let Room { network, prefix, .. } = room;
            return Err(RunError(format!(
                "{network}/{prefix} has no address for node {}: a larger one is needed",
                last.0
            )));
        }
        let at = networks.binary_search(&room.network).expect("it is one of them") as u8;
        nodes.iter().for_each(|node| of_node[node.index()] = at);
    }
    let port = match networks[..] {
        [only] if only.is_loopback() => free_port(only)?,
        // Nobody can look from here which are free over there.
        _ => candidate_ports().next().expect("there are some"),
    };
    Ok(Places { networks, of_node, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(capacity: u32, network: [u8; 4], prefix: u8) -> Room {
        Room { capacity, network: network.into(), prefix }
    }

    #[test]
    fn servers_stand_together_and_people_where_there_is_room() {
        let rooms = [room(3, [10, 1, 0, 0], 16), room(9, [10, 2, 0, 0], 16)];
        let shares = shares(&rooms, 2, 6).unwrap();
        let numbers: Vec<Vec<u32>> =
            shares.iter().map(|nodes| nodes.iter().map(|node| node.0).collect()).collect();
        assert_eq!(numbers, [vec![0, 1, 3], vec![2, 4, 5, 6, 7]]);
        let places = places(&rooms, &shares).unwrap();
        assert_eq!(places.of_node, [0, 0, 1, 0, 1, 1, 1, 1]);
        assert_eq!(places.networks, [Ipv4Addr::new(10, 1, 0, 0), Ipv4Addr::new(10, 2, 0, 0)]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let rooms = [room(3, [10, 1, 0, 0], 16), room(4, [10, 2, 0, 0], 16)];
        assert!(
            shares(&rooms, 2, 6)
                .unwrap_err()
                .starts_with("8 nodes are to run, and the agents have room for 7")
        );
        let rooms = [room(8, [127, 0, 0, 0], 8), room(8, [10, 2, 0, 0], 16)];
        let all = shares(&rooms, 2, 6).unwrap();
        assert!(places(&rooms, &all).unwrap_err().0.contains("cannot meet"));
        let rooms = [room(8, [10, 2, 0, 0], 29)];
        let of_six = |people| places(&rooms, &shares(&rooms, 2, people).unwrap());
        assert!(of_six(4).is_ok(), "10.2.0.1 to 10.2.0.6");
        assert!(of_six(5).unwrap_err().0.contains("no address for node 6"));
    }
}
