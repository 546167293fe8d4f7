//! The peer's knobs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::selection::Selection;

/// How one peer is set up: what its user decides. Each default says where it comes from.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// The server, or a redirector that names one. 8875 on this host: our choice, the port of redirectors; servers were
    /// found on 8888 and 7777.
    pub server: SocketAddrV4,
    /// `server` is a redirector.
    pub via_redirector: bool,
    /// Name on the network: printable ASCII without `% $ * ? . ! " , \`, at most 19 (opennap-ng).
    pub nick: String,
    /// Sent in clear, as the protocol has it. A server with `auto_register` keeps the first one a nick comes with.
    pub password: String,
    /// With an address the nick is registered (type 6) instead of logged in (type 2).
    pub register: Option<Box<str>>,
    /// Claimed link speed, 0 (unknown) to 10 (T3 or more). 0: we do not know ours.
    pub speed: u32,
    /// Cannot be dialled: the data port is announced as 0 and files are brought to those who want them.
    pub firewalled: bool,
    /// How the best holder is chosen.
    pub selection: Selection,
    /// Nicks to be told about.
    pub hotlist: Box<[String]>,
    /// Time-outs and limits, shared by all peers that have the same; [`Arc::make_mut`] changes those of one.
    pub knobs: Arc<Knobs>,
}

/// Time-outs and limits. Each knob says where its default comes from.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Client name and version.
    pub client: String,
    /// How long the other pings of a round are waited for once the first has come. 1 s: our choice, more than a round
    /// trip between modems.
    pub ping_grace: Duration,
    /// Uploads at a time; more are answered with the queue limit (619). 3: our choice, what a modem can bear.
    pub upload_slots: usize,
    /// Files offered. 5,000: `max_shared` of opennap-ng, which refuses more.
    pub shares_max: usize,
    /// Callers on the data port that have not said what they want; more are hung up on. 64: our choice.
    pub callers_max: usize,
    /// How long each step before the first byte of a file may take. 30 s: giFT-OpenNap.
    pub step_timeout: Duration,
    /// How long a running transfer may go without progress (1 KiB). 60 s: giFT-OpenNap's 5 s would end one of three that
    /// share a modem.
    pub data_timeout: Duration,
    /// How long after a failure the same holder is asked again; it doubles up to 64 times as much. 5 s: our choice.
    pub retry: Duration,
    /// How often one holder may fail without progress. 3: our choice.
    pub attempts_max: u8,
    /// How long after a full queue (620) the same holder is asked again. 30 s: our choice; users of the time did it
    /// by hand.
    pub queue_retry: Duration,
    /// How often. 20: our choice, ten minutes of patience.
    pub queue_retries_max: u8,
    /// How long the server may take to let us in. 60 s: `login_timeout` of opennap-ng.
    pub login_timeout: Duration,
    /// How long the server may be silent while it answers a search or browse. 180 s: `search_timeout` of opennap-ng,
    /// after which it gives up on linked servers.
    pub answer_timeout: Duration,
    /// The first wait before the server is dialled again; it doubles up to 64 times as much. 5 s: our choice; 64 times as
    /// much is near the 450 s (`ghost_kill_timer`) after which opennap-ng frees the nick of a lost session.
    pub reconnect_after: Duration,
    /// How long a download waits for a lost server. 60 s: our choice.
    pub server_patience: Duration,
}

/// One for all peers of a process that change nothing: a simulated million must not have a copy each.
static DEFAULT_KNOBS: LazyLock<Arc<Knobs>> = LazyLock::new(Arc::default);

impl Default for PeerConfig {
    fn default() -> Self {
        PeerConfig {
            server: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8875),
            via_redirector: false,
            nick: "anonymous".into(),
            password: "none".into(),
            register: None,
            speed: 0,
            firewalled: false,
            selection: Selection::default(),
            hotlist: Box::default(),
            knobs: DEFAULT_KNOBS.clone(),
        }
    }
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            client: concat!("testbed ", env!("CARGO_PKG_VERSION")).into(),
            ping_grace: Duration::from_secs(1),
            upload_slots: 3,
            shares_max: 5_000,
            callers_max: 64,
            step_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(60),
            retry: Duration::from_secs(5),
            attempts_max: 3,
            queue_retry: Duration::from_secs(30),
            queue_retries_max: 20,
            login_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(180),
            reconnect_after: Duration::from_secs(5),
            server_patience: Duration::from_secs(60),
        }
    }
}
