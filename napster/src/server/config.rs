//! The server's knobs. Names and defaults are opennap-ng's (`config.c` of 0.50-beta2) where it has one.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::Accounts;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What the server calls itself.
    pub name: String,
    /// The message of the day, one line each.
    pub motd: Vec<String>,
    /// `max_connections`: logged-in users; 1,000 historically, up to the driver's connections.
    pub users_max: usize,
    /// `max_shared`: files of one user.
    pub shared_max: usize,
    /// `max_results`: hits of one search, also when it asks for none or more.
    pub results_max: u32,
    /// `max_browse_result`: files listed of one user.
    pub browse_max: u32,
    /// `max_nick_length`: 19 in the code, whatever the sample configuration says.
    pub nick_bytes_max: usize,
    /// `max_hotlist`: users one user watches.
    pub hotlist_max: usize,
    /// `stat_click`: how often everybody hears the statistics.
    pub stats_every: Duration,
    /// `login_timeout`: a connection that has not logged in by then is closed.
    pub login_timeout: Duration,
    /// `ghost_kill_timer`: an older session of the same nick from the same address is replaced.
    pub ghost_after: Duration,
    /// `auto_register`: the first login with an unknown nick stores it with its password.
    pub auto_register: bool,
    /// `restricted`: only registered nicks may log in.
    pub restricted: bool,
    /// The nicks known from the start.
    pub accounts: Arc<Accounts>,
    /// Registered nicks, no more than this; opennap-ng had no limit but an expiry of 31 days.
    pub accounts_max: usize,
    /// Whether type 215 is answered (an option at compile time of opennap-ng); costs some 45 bytes a shared file.
    pub resume_search: bool,
    /// How many messages a client may send. Off historically; the default lets a client share all its files one by
    /// one at full speed and then leaves it far more than a person needs.
    pub flood: Option<Flood>,
    /// What one search may cost, in records looked at; the historical server ignored words of more than 5,000 files
    /// instead.
    pub search_work_max: u32,
    /// Seconds of the Unix epoch at which the run starts, for the times that the protocol wants so.
    pub epoch_s: u64,
}

/// A limit on messages: a bucket that holds `burst` and refills at a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flood {
    /// Messages a second in the long run.
    pub per_s: u32,
    /// Messages at once.
    pub burst: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            name: "napster".into(),
            motd: Vec::new(),
            users_max: 1_000,
            shared_max: 5_000,
            results_max: 100,
            browse_max: 500,
            nick_bytes_max: 19,
            hotlist_max: 32,
            stats_every: Duration::from_secs(60),
            login_timeout: Duration::from_secs(60),
            ghost_after: Duration::from_secs(450),
            auto_register: false,
            restricted: false,
            accounts: Arc::default(),
            accounts_max: 100_000,
            resume_search: true,
            flood: Some(Flood { per_s: 100, burst: 10_000 }),
            search_work_max: 100_000,
            epoch_s: 0,
        }
    }
}
