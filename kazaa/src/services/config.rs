//! What the services are configured with.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::{Account, HashCost};

/// What is one services' own. Not to be printed: it has the secret that the whole network rests on.
#[derive(Clone)]
pub struct ServicesConfig {
    /// The seed of the key that signs tickets.
    pub signing_seed: [u8; 32],
    /// Who has registered before.
    pub accounts: Vec<Account>,
    /// The wall clock at the start, seconds of the Unix epoch; zero in simulations.
    pub started_s: u64,
    /// Limits and times.
    pub knobs: Arc<ServicesKnobs>,
}

/// Limits and times. Each says where its default comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServicesKnobs {
    /// What a password's hash costs. 19 MiB, two passes: what OWASP asks for at least.
    pub hash: HashCost,
    /// Hashes a second at most, and as many at once after a quiet second: who comes beyond is told to come again. 20: a hash of the
    /// default cost takes a processor about 20 ms, so logins leave it half of its time.
    pub hashes_per_s: u32,
    /// Accounts at most. 100,000: our choice; about 200 bytes for each.
    pub accounts_max: usize,
    /// How long a ticket holds. A day: our choice; a node renews it when a quarter of that is left.
    pub ticket_life: Duration,
    /// Registrations and failed logins of one address in a minute; what comes beyond shuts the address out. 5: our choice.
    pub attempts_per_min: u32,
    /// How long an address is shut out at first; it doubles each time, up to 64 times as much. A minute: our choice.
    pub shut_out: Duration,
    /// Addresses whose attempts are remembered. 10,000: our choice (48 bytes for each).
    pub addresses_max: usize,
    /// Supernodes listed at most. 50,000: more than the 30,000 that were counted (Liang et al.).
    pub supernodes_max: usize,
    /// Supernodes of one address; one's own machine, by its loopback addresses, may have all. 8: our choice, for those behind one
    /// address translator.
    pub supernodes_per_address_max: usize,
    /// Supernodes told at a time. 200: as many as KaZaA's lists had (Liang et al.).
    pub told_max: usize,
    /// How often a supernode announces itself; after three times that without a word it is listed no longer. 5 min: our choice.
    pub announce_every: Duration,
    /// Announced addresses that are dialled at a time. 64: our choice.
    pub checks_max: usize,
    /// Connections at a time; more are hung up on. 1,000: our choice.
    pub connections_max: usize,
    /// Connections of one address at a time, loopback apart. 16: our choice.
    pub connections_per_address_max: usize,
    /// Messages answered on one connection. 16: four times what a node has to say.
    pub messages_max: u32,
    /// How long each step may take: a request, the seal, the next message, the dial of an announced address. 15 s: giFT's connect
    /// time-out.
    pub step_timeout: Duration,
}

impl Default for ServicesKnobs {
    fn default() -> Self {
        ServicesKnobs {
            hash: HashCost::default(),
            hashes_per_s: 20,
            accounts_max: 100_000,
            ticket_life: Duration::from_secs(24 * 3600),
            attempts_per_min: 5,
            shut_out: Duration::from_secs(60),
            addresses_max: 10_000,
            supernodes_max: 50_000,
            supernodes_per_address_max: 8,
            told_max: 200,
            announce_every: Duration::from_secs(300),
            checks_max: 64,
            connections_max: 1_000,
            connections_per_address_max: 16,
            messages_max: 16,
            step_timeout: Duration::from_secs(15),
        }
    }
}
