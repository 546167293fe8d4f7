//! The peer's knobs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::selection::Selection;

/// How a peer is set up. Times without another source are giFT-OpenNap's: 30 seconds a step, 5 between data.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// The server, or a redirector that names one.
    pub server: SocketAddrV4,
    /// `server` is a redirector.
    pub via_redirector: bool,
    /// Name on the network: printable ASCII without `% $ * ? . ! " , \` and backquote, at most 19.
    pub nick: String,
    /// Sent in clear, as the protocol has it.
    pub password: String,
    /// With an address the nick is registered (type 6) instead of logged in (type 2).
    pub register: Option<String>,
    /// Client name and version.
    pub client: String,
    /// Claimed link speed, 0 (unknown) to 10 (T3 or more).
    pub speed: u32,
    /// Cannot be dialled: the data port is announced as 0 and files are brought to those who want them.
    pub firewalled: bool,
    /// How the best holder is chosen.
    pub selection: Selection,
    /// Holders pinged for one download; the rest come after them, unpinged.
    pub pings_max: usize,
    /// How long pings are waited for.
    pub ping_window: Duration,
    /// Uploads at a time; more are answered with the queue limit (619).
    pub upload_slots: usize,
    /// Callers on the data port that have not said what they want.
    pub callers_max: usize,
    /// How long each step of a download may take.
    pub step_timeout: Duration,
    /// How long a running transfer may be silent.
    pub data_timeout: Duration,
    /// How long after a full queue (620) the same holder is asked again.
    pub queue_retry: Duration,
    /// How often.
    pub queue_retries_max: u32,
    /// How long the server may take to let us in, or to answer a search.
    pub answer_timeout: Duration,
    /// The first wait before the server is dialled again; it doubles up to 64 times as much.
    pub reconnect_after: Duration,
    /// Nicks to be told about.
    pub hotlist: Vec<String>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        PeerConfig {
            server: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8875),
            via_redirector: false,
            nick: "anonymous".into(),
            password: "none".into(),
            register: None,
            client: concat!("testbed ", env!("CARGO_PKG_VERSION")).into(),
            speed: 0,
            firewalled: false,
            selection: Selection::default(),
            pings_max: 10,
            ping_window: Duration::from_secs(2),
            upload_slots: 4,
            callers_max: 64,
            step_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(30),
            queue_retry: Duration::from_secs(30),
            queue_retries_max: 20,
            answer_timeout: Duration::from_secs(30),
            reconnect_after: Duration::from_secs(5),
            hotlist: Vec::new(),
        }
    }
}
