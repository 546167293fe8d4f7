//! The one trait through which the harness sees an overlay.
//!
//! [`overlays`](crate::overlays) is the table that names them; no other file knows which there are, and none asks which one
//! it has.

use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde::Serialize;
use serde::de::DeserializeOwned;

use common::digest::Fingerprint;
use common::net::{Attachment, NodeId};
use common::peer::Peer;
use common::sim::TapeLimits;
use common::user::Holder;

use crate::cluster::{self, HostEnds, HostPlan};
use crate::scenario::{self, KnobFault, Rule, Scenario};
use crate::simulate::{self, Recorded};
use crate::trace::{Outcome, Purpose};
use crate::watch::Watch;
use crate::world::World;

/// An overlay set up for one run, as the harness needs it: its servers come first, then one peer for each person.
pub trait Overlay: Sized + 'static {
    /// What drivers run.
    type Peer: Peer<Message: Clone> + Send + 'static;
    /// What a scenario's table `[overlay.NAME]` may set: a type whose every knob has a default and which refuses what it
    /// does not know (`#[serde(default, deny_unknown_fields)]`; a test holds it for every overlay of the table).
    type Knobs: Serialize + DeserializeOwned;

    /// The name in tables, files and on the command line.
    const NAME: &'static str;
    /// One line about it.
    const ABOUT: &'static str;
    /// Where nodes listen in a simulation: a port by which others' programs know the protocol.
    const PORT: u16;
    /// Who sends content.
    const CONTENT_FROM: Source;
    /// Whether a result says which participant has the file, so that it can be compared with who does.
    const HITS_NAME_HOLDERS: bool;
    /// Whether a download takes parts from several holders at a time, and so may turn away from one whose bytes are under way.
    const MANY_SOURCES: bool = false;
    /// Which digest it knows files by, if another than the scenario's.
    const FINGERPRINT: Option<Fingerprint> = None;

    /// What must be true of the knobs' values beyond their types.
    fn rules(knobs: &Self::Knobs) -> Vec<Rule>;

    /// How many servers it needs.
    fn servers(scenario: &Scenario, knobs: &Self::Knobs) -> u32;

    /// Once for each run and host: whatever the peers there share.
    fn set_up(cast: &Cast<'_>, knobs: &Self::Knobs) -> Self;

    /// The peer of a node.
    fn peer(&self, cast: &Cast<'_>, node: NodeId) -> Self::Peer;

    /// Which node a result's holder is; `None` if it cannot be told.
    fn holder(cast: &Cast<'_>, holder: &Holder) -> Option<NodeId>;

    /// What a kind of message is for.
    fn purpose(kind: &str) -> Purpose;

    /// What a node is just now, in the overlay's own word; [`PEER`] if it is what most are.
    fn role(peer: &Self::Peer) -> &'static str;
}

/// What most nodes are.
pub const PEER: &str = "peer";

/// The overlay's knobs as the scenario sets them.
fn knobs<O: Overlay>(scenario: &Scenario) -> Result<O::Knobs, KnobFault> {
    scenario::read(&scenario.overlay, O::NAME, O::rules)
}

/// Sets the overlay up for a run of this world, on nodes that listen at this port of these networks.
///
/// # Panics
/// If the scenario has not been [checked](Scenario::check).
pub(crate) fn set_up<'a, O: Overlay>(world: &'a World, networks: Networks<'a>, port: u16) -> (Cast<'a>, O) {
    let knobs = knobs::<O>(&world.scenario).expect(CHECKED);
    let cast = Cast { world, servers: O::servers(&world.scenario, &knobs), networks, port };
    (cast, O::set_up(&cast, &knobs))
}

/// Why a scenario's knobs can be read.
const CHECKED: &str = "a world is made of a checked scenario";

/// Who sends content in an overlay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The servers, which have everything.
    Servers,
    /// The participants; not a byte of it passes a server.
    Participants,
}

/// Who plays what in a run: which node is which, and where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Cast<'a> {
    /// The people and their files.
    pub world: &'a World,
    /// How many servers come before them.
    pub servers: u32,
    /// The networks whose host numbers the nodes are.
    pub networks: Networks<'a>,
    /// The port on which every node listens.
    pub port: u16,
}

/// In which network each node has the address of its number: all of them in one, unless machines share a run.
#[derive(Clone, Copy, Debug)]
pub struct Networks<'a> {
    /// Different ones; the bits of the hosts are zero.
    pub networks: &'a [Ipv4Addr],
    /// By node, which of them; the first where nothing is said.
    pub of_node: &'a [u8],
}

impl<'a> Networks<'a> {
    /// All nodes in one.
    pub fn one(network: &'a Ipv4Addr) -> Self {
        Networks { networks: std::slice::from_ref(network), of_node: &[] }
    }

    fn of(self, node: NodeId) -> Ipv4Addr {
        self.networks[usize::from(self.of_node.get(node.index()).copied().unwrap_or(0))]
    }

    /// The node of this address, of so many.
    fn at(self, address: Ipv4Addr, len: u32) -> Option<NodeId> {
        let number_in = |network: &Ipv4Addr| address.to_bits().checked_sub(network.to_bits())?.checked_sub(1);
        let mut nodes = self.networks.iter().filter_map(number_in).filter(|node| *node < len).map(NodeId);
        nodes.find(|node| *node.address(self.of(*node), 0).ip() == address)
    }
}

impl Cast<'_> {
    /// All nodes.
    pub fn len(&self) -> u32 {
        self.servers + self.world.people.len() as u32
    }

    /// False: a scenario has at least one person.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The person at a node, or `None` at a server.
    pub fn person(&self, node: NodeId) -> Option<usize> {
        let person = node.0.checked_sub(self.servers)? as usize;
        (person < self.world.people.len()).then_some(person)
    }

    /// The node of a person.
    pub fn node(&self, person: usize) -> NodeId {
        NodeId(self.servers + person as u32)
    }

    /// Where a node listens.
    pub fn address(&self, node: NodeId) -> SocketAddrV4 {
        node.address(self.networks.of(node), self.port)
    }

    /// The node that listens there.
    pub fn at(&self, address: SocketAddrV4) -> Option<NodeId> {
        self.networks.at(*address.ip(), self.len())
    }

    /// How a node is attached.
    pub fn attachment(&self, node: NodeId) -> Attachment {
        match self.person(node) {
            Some(person) => self.world.people[person].attachment,
            None => Attachment { line: self.world.scenario.server.line(), firewalled: false },
        }
    }

    /// The items that a node has at the start, if content comes from there.
    pub fn items_at(&self, node: NodeId, source: Source) -> Vec<u32> {
        match (self.person(node), source) {
            (Some(person), _) => self.world.shared_by(person),
            (None, Source::Servers) => self.world.shared_by_all(),
            (None, Source::Participants) => Vec::new(),
        }
    }

    /// What to call a node in a sentence.
    pub fn title(&self, node: NodeId) -> String {
        match self.person(node) {
            Some(person) => format!("peer {person}"),
            None => format!("server {}", node.0),
        }
    }
}

/// An overlay in the table: the same for all, so that they can stand in one slice.
pub trait Contestant: Send + Sync {
    /// [`Overlay::NAME`].
    fn name(&self) -> &'static str;
    /// [`Overlay::ABOUT`].
    fn about(&self) -> &'static str;
    /// [`Overlay::PORT`].
    fn port(&self) -> u16;
    /// [`Overlay::CONTENT_FROM`].
    fn content_from(&self) -> Source;
    /// [`Overlay::HITS_NAME_HOLDERS`].
    fn hits_name_holders(&self) -> bool;
    /// [`Overlay::MANY_SOURCES`].
    fn many_sources(&self) -> bool;
    /// Every knob with the value it has in the scenario.
    ///
    /// # Errors
    /// What the overlay does not understand.
    fn knobs(&self, scenario: &Scenario) -> Result<toml::Table, KnobFault>;
    /// [`Overlay::servers`] of a checked scenario.
    fn servers(&self, scenario: &Scenario) -> u32;
    /// A run in simulation.
    fn simulate(&self, world: &World, watch: &Watch) -> Outcome;
    /// The same, recorded.
    fn record(&self, world: &World, watch: &Watch, limits: TapeLimits) -> Recorded;
    /// Runs some of the nodes over real sockets in this process, until told to stop.
    fn host(&self, plan: HostPlan, ends: HostEnds) -> Result<(), cluster::HostError>;
}

impl dyn Contestant + '_ {
    /// Who plays what in a simulated run of this world.
    pub(crate) fn cast_in_simulation<'a>(&self, world: &'a World) -> Cast<'a> {
        Cast {
            world,
            servers: self.servers(&world.scenario),
            networks: Networks::one(&simulate::NETWORK),
            port: self.port(),
        }
    }
}

/// An [`Overlay`] made into a [`Contestant`].
pub(crate) struct Entry<O>(PhantomData<fn() -> O>);

impl<O> Entry<O> {
    /// The one there is.
    pub(crate) const NEW: Self = Entry(PhantomData);
}

impl<O: Overlay> Contestant for Entry<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn about(&self) -> &'static str {
        O::ABOUT
    }

    fn port(&self) -> u16 {
        O::PORT
    }

    fn content_from(&self) -> Source {
        O::CONTENT_FROM
    }

    fn hits_name_holders(&self) -> bool {
        O::HITS_NAME_HOLDERS
    }

    fn many_sources(&self) -> bool {
        O::MANY_SOURCES
    }

    fn knobs(&self, scenario: &Scenario) -> Result<toml::Table, KnobFault> {
        knobs::<O>(scenario).map(|knobs| scenario::table_of(&knobs))
    }

    fn servers(&self, scenario: &Scenario) -> u32 {
        O::servers(scenario, &knobs::<O>(scenario).expect(CHECKED))
    }

    fn simulate(&self, world: &World, watch: &Watch) -> Outcome {
        simulate::run::<O>(world, watch)
    }

    fn record(&self, world: &World, watch: &Watch, limits: TapeLimits) -> Recorded {
        simulate::record::<O>(world, watch, limits)
    }

    fn host(&self, plan: HostPlan, ends: HostEnds) -> Result<(), cluster::HostError> {
        cluster::host::<O>(plan, ends)
    }
}
