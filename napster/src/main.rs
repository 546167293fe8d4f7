//! The command line: thin, over the real driver.

mod cli;

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Napster: a central index, and files that go from peer to peer (OpenNap protocol).
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the index server.
    Server(ServerArgs),
    /// Share a folder until interrupted.
    Share(ShareArgs),
    /// Search and print what is found.
    Search(SearchArgs),
    /// Search, and download the best match.
    Get(GetArgs),
    /// List the files of one user.
    Browse(BrowseArgs),
    /// Print what the server says of itself.
    Stats(JoinArgs),
    /// Tell callers the addresses of servers, in turn.
    Redirector(RedirectorArgs),
}

#[derive(Args)]
struct ServerArgs {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8875")]
    listen: SocketAddrV4,
    /// What the server calls itself.
    #[arg(long, default_value = "napster")]
    name: String,
    /// A text file that everybody is shown at login.
    #[arg(long, value_name = "FILE")]
    motd: Option<PathBuf>,
    /// Users that may be logged in at a time.
    #[arg(long, default_value_t = 1_000)]
    max_users: usize,
    /// Results of one search.
    #[arg(long, default_value_t = 100)]
    max_results: u32,
    /// Files one user may share.
    #[arg(long, default_value_t = 5_000)]
    max_shared: usize,
    /// Connections from one address.
    #[arg(long, default_value_t = 256)]
    max_per_address: usize,
    /// Keep a nick for whoever logs in with it first.
    #[arg(long)]
    auto_register: bool,
    /// Let only registered nicks in.
    #[arg(long)]
    restricted: bool,
    /// Where registered nicks are kept (salted hashes, no passwords); without it they are forgotten at the end.
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Messages a second that a user may send in the long run; 0 is without limit, as in 2000.
    #[arg(long, default_value_t = 100)]
    flood_rate: u32,
}

/// How to join.
#[derive(Args, Clone)]
struct JoinArgs {
    /// The server.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8875")]
    server: String,
    /// The server is a redirector.
    #[arg(long)]
    redirector: bool,
    /// Your name on the network; one by chance if not given.
    #[arg(long)]
    nick: Option<String>,
    /// Sent in clear, as the protocol has it.
    #[arg(long, default_value = "none")]
    password: String,
    /// Where others can reach you; any free port if not given.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddrV4>,
    /// Nobody can reach you: announce no port.
    #[arg(long)]
    firewalled: bool,
    /// Your line as you claim it: 0 unknown, 1 14.4k … 4 56k, 5-6 ISDN, 7 cable, 8 DSL, 9 T1, 10 T3.
    #[arg(long, default_value_t = 0)]
    speed: u32,
}

#[derive(Args)]
struct ShareArgs {
    /// The folder.
    dir: PathBuf,
    #[command(flatten)]
    join: JoinArgs,
    /// Uploads at a time.
    #[arg(long, default_value_t = 4)]
    slots: usize,
}

/// What to look for.
#[derive(Args)]
struct QueryArgs {
    /// Words that must all be in the name or its folder.
    #[arg(required = true)]
    words: Vec<String>,
    /// A word that must not be there; may be repeated.
    #[arg(long, value_name = "WORD")]
    without: Vec<String>,
    /// Kilobits per second at least.
    #[arg(long, default_value_t = 0)]
    min_bitrate: u32,
    /// Kilobits per second at most.
    #[arg(long, default_value_t = u32::MAX, hide_default_value = true)]
    max_bitrate: u32,
    /// Bytes at least.
    #[arg(long, default_value_t = 0)]
    min_size: u32,
    /// Bytes at most.
    #[arg(long, default_value_t = u32::MAX, hide_default_value = true)]
    max_size: u32,
    /// The owner's claimed line at least.
    #[arg(long, default_value_t = 0)]
    min_speed: u32,
    /// Results at most; 0 is as many as the server gives.
    #[arg(long, default_value_t = 0)]
    max_results: u32,
}

#[derive(Args)]
struct SearchArgs {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    join: JoinArgs,
}

#[derive(Args)]
struct GetArgs {
    #[command(flatten)]
    query: QueryArgs,
    #[command(flatten)]
    join: JoinArgs,
    /// Where the file goes; a download broken off there is resumed.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Which holder is asked first.
    #[arg(long, value_enum, default_value_t = By::Ping)]
    by: By,
}

/// How the best holder is chosen.
#[derive(Clone, Copy, clap::ValueEnum)]
enum By {
    Ping,
    Random,
    Speed,
    First,
}

#[derive(Args)]
struct BrowseArgs {
    /// Whose files.
    whom: String,
    #[command(flatten)]
    join: JoinArgs,
}

#[derive(Args)]
struct RedirectorArgs {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8876")]
    listen: SocketAddrV4,
    /// The servers.
    #[arg(long, value_name = "IP:PORT,…", value_delimiter = ',', required = true)]
    servers: Vec<SocketAddrV4>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match Cli::parse().command {
        Command::Server(args) => cli::serve::server(args).await,
        Command::Redirector(args) => cli::serve::redirector(args).await,
        Command::Share(args) => cli::share::share(args).await,
        Command::Search(args) => cli::search::search(args).await,
        Command::Browse(args) => cli::search::browse(args).await,
        Command::Stats(args) => cli::search::stats(args).await,
        Command::Get(args) => cli::get::get(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, those left out that the words before them have said already.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line += if line.is_empty() { "" } else { ": " };
            line += &cause;
        }
    }
    line
}
