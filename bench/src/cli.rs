//! The command line.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use common::cli::print;

use crate::analyze::command::{AnalyzeArgs, analyze};
use crate::claims::command::{ClaimsArgs, try_claims};
use crate::compare::{Backend, Options, compare};
use crate::interrupt::end_at_interrupt;
use crate::processes::{
    self, AGENTS_MAX, Agents, Room, TOKEN_VARIABLE, Token, join, network, token_of_the_run,
};
use crate::record::command::{RecordArgs, record};
use crate::replay;
use crate::report::{Folder, Look, Made, VERSION, draw, render, to_json};
use crate::scale::command::{ScaleArgs, run_scale};
use crate::scenario::{Fault, LIBRARY, Listed, OF_A_FOLDER, PEERS_MAX, Scenario, find};
use crate::sweep::command::{SweepArgs, run_sweep};
use crate::watch::Watch;

/// The exit code of a run in which something that must be true was not.
const EXIT_CHECK_FAILED: u8 = 2;

/// Where agents join unless told otherwise.
const CONTROL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7_111);

#[derive(Debug, Parser)]
#[command(
    name = "bench",
    version = VERSION,
    about = "Peer-to-peer architectures side by side",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    job: Option<Job>,
    /// Without a subcommand: compare.
    #[command(flatten)]
    compare: CompareArgs,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Run every overlay on one scenario, over real sockets and in simulation, and put the results side by side
    Compare(CompareArgs),
    /// Run every overlay on a scenario of your own, or on one that comes with the program: compare with another name
    Run(RunArgs),
    /// List the scenarios that come with the program, or print one to copy and edit
    Scenarios {
        #[command(subcommand)]
        job: Option<ScenariosJob>,
    },
    /// Simulate every overlay at all combinations of other values of a scenario's keys, and plot what changes
    Sweep(SweepArgs),
    /// Try what the lecture and the papers say of these systems, and say whether it holds
    Claims(ClaimsArgs),
    /// Simulate networks at the size that they really had, beside what was published of them
    Scale(ScaleArgs),
    /// Draw the page of stored results once more, or of several side by side
    Report {
        /// Folders with what `compare` and `claims` have stored
        #[arg(value_name = "DIR", required = true)]
        folders: Vec<PathBuf>,
        /// The folder for the page [default: the folder itself; report/side-by-side of several]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Write down one simulated run for other programs: a capture for Wireshark, a trace for Perfetto
    Record(RecordArgs),
    /// Study what a tracker or a client has written down of a swarm
    Analyze(AnalyzeArgs),
    /// Take part in the runs of a coordinator elsewhere, which `compare --backend processes --agents N` is
    Agent(AgentArgs),
    /// One process of `--backend processes`; started by the program itself
    #[command(hide = true)]
    Worker {
        /// Where its coordinator listens
        #[arg(long)]
        control: SocketAddr,
    },
}

#[derive(Debug, Subcommand)]
enum ScenariosJob {
    /// Print a scenario with what each key means, and all that can be set of each overlay
    Show {
        /// The name of one that comes with the program, or a file
        #[arg(value_name = "FILE|NAME")]
        name: String,
    },
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// A scenario file, or the name of one that comes with the program [default: classroom; real-folder with --files]
    #[arg(long, value_name = "FILE|NAME")]
    scenario: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// A scenario file, or the name of one that comes with the program
    #[arg(value_name = "FILE|NAME")]
    scenario: String,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct AgentArgs {
    /// Where the coordinator waits for agents
    #[arg(long, value_name = "HOST:PORT")]
    join: String,
    /// How many nodes to take at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    capacity: u32,
    /// The network that this machine has all addresses of, one for each node; with agents on several machines each has one of its own,
    /// and all reach it
    #[arg(long, value_name = "NETWORK", default_value = "127.0.0.0/8", value_parser = network)]
    network: (Ipv4Addr, u8),
}

/// How a comparison is made and shown, whatever its scenario is called by.
#[derive(Debug, Default, Args)]
struct HowArgs {
    /// What runs the peers; several may be given [default: the scenario's, or tcp,sim]
    #[arg(long, value_enum, value_delimiter = ',')]
    backend: Vec<Backend>,
    /// How many people take part [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PEERS_MAX)))]
    peers: Option<u32>,
    /// Where all that is random comes from [default: the scenario's]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The folder for results
    #[arg(long, value_name = "DIR", default_value = "report")]
    out: PathBuf,
    /// Share the files of this folder in place of invented ones
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Make nodes vanish: busiest@10s, server@10s, "random 10%@20s"; or any other fault that a scenario may have: "top 5%@20s", back@40s,
    /// and simulated "cut 50%@10s for 30s", "slow server by 8@5s", "corrupt 2%@0s"; several may be given
    #[arg(long, value_name = "WHO@WHEN")]
    kill: Vec<String>,
    /// Runs of each overlay by each backend [default: the scenario's or 6 in simulation, 1 over real sockets]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: Option<u32>,
    /// Show the 95 % intervals beside the medians even where the screen is narrower
    #[arg(long)]
    intervals: bool,
    /// Run the nodes of `--backend processes` at so many agents, which join from here or elsewhere, in place of processes of our own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(AGENTS_MAX)))]
    agents: Option<u32>,
    /// Where agents join; they show the token that is printed, or that BENCH_TOKEN has [default: 127.0.0.1:7111]
    #[arg(long, value_name = "IP:PORT", requires = "agents")]
    control: Option<SocketAddr>,
    /// Print results.json in place of the tables
    #[arg(long)]
    json: bool,
    /// No progress bars and no words beside the results
    #[arg(long, short)]
    quiet: bool,
}

/// A comparison that was asked for.
struct Asked<'a> {
    /// The subcommand.
    job: &'static str,
    scenario: Option<&'a str>,
    how: &'a HowArgs,
}

impl CompareArgs {
    fn asked(&self) -> Asked<'_> {
        Asked { job: "compare", scenario: self.scenario.as_deref(), how: &self.how }
    }
}

impl RunArgs {
    fn asked(&self) -> Asked<'_> {
        Asked { job: "run", scenario: Some(&self.scenario), how: &self.how }
    }
}

impl Asked<'_> {
    /// What runs the peers, in the order of the columns.
    fn backends(&self, scenario: &Scenario) -> Vec<Backend> {
        let asked = [&self.how.backend, &scenario.backends].into_iter().find(|asked| !asked.is_empty());
        let mut backends = asked.cloned().unwrap_or_else(|| vec![Backend::Tcp, Backend::Sim]);
        backends.sort();
        backends.dedup();
        backends
    }

    /// The command that does the same once more, all that has a default of the scenario's included.
    fn as_typed(&self, options: &Options) -> String {
        let how = self.how;
        let backends: Vec<&str> = options.backends.iter().map(|backend| backend.name()).collect();
        let backends = format!("--backend {}", backends.join(","));
        let Scenario { peers, seed, .. } = &options.scenario;
        let mut words = match (self.job, self.scenario.map(quoted)) {
            ("run", Some(name)) => vec![format!("run {name} {backends}")],
            (job, None) => vec![format!("{job} {backends}")],
            (job, Some(name)) => vec![format!("{job} {backends} --scenario {name}")],
        };
        words.extend(how.files.as_ref().map(|path| format!("--files {}", quoted(&path.to_string_lossy()))));
        words.push(format!("--peers {peers} --seed {seed}"));
        words.extend(how.kill.iter().map(|fault| format!("--kill {}", quoted(fault))));
        words.extend(how.agents.map(|agents| format!("--agents {agents}")));
        words.extend(how.repeat.map(|repeats| format!("--repeat {repeats}")));
        words.join(" ")
    }
}

/// An argument as a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./@%,:+=~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli: Cli = match common::cli::arguments() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    common::cli::log_to_stderr();
    let done = match cli.job {
        None => run_compare(&cli.compare.asked()),
        Some(Job::Compare(args)) => run_compare(&args.asked()),
        Some(Job::Run(args)) => run_compare(&args.asked()),
        Some(Job::Sweep(args)) => {
            run_sweep(&args).and_then(|(text, failures)| print(&text).map(|()| verdict(&failures)))
        }
        Some(Job::Claims(args)) => run_claims(&args).map(|()| ExitCode::SUCCESS),
        Some(Job::Scale(args)) => run_scale(&args).and_then(|text| print(&text)).map(|()| ExitCode::SUCCESS),
        Some(Job::Report { folders, out }) => {
            run_report(&folders, out.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Some(Job::Record(args)) => run_record(&args).map(|()| ExitCode::SUCCESS),
        Some(Job::Analyze(args)) => run_analyze(&args).map(|()| ExitCode::SUCCESS),
        Some(Job::Scenarios { job }) => scenarios(job.as_ref()).map(|()| ExitCode::SUCCESS),
        Some(Job::Agent(args)) => run_agent(&args).map(|()| ExitCode::SUCCESS),
        Some(Job::Worker { control }) => {
            processes::work(control).map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::new)
        }
    };
    done.unwrap_or_else(|error| common::cli::failed("bench", error.as_ref()))
}

fn run_claims(args: &ClaimsArgs) -> Result<()> {
    end_at_interrupt()?;
    print(&try_claims(args, look(false))?)
}

fn run_agent(args: &AgentArgs) -> Result<()> {
    let (network, prefix) = args.network;
    let room = Room { capacity: args.capacity, network, prefix };
    Ok(join(&args.join, room, token_of_the_run()?)?)
}

/// Calls for agents, if some are asked for, and waits until they are here.
fn call_agents(args: &HowArgs) -> Result<Option<Arc<Agents>>> {
    let Some(wanted) = args.agents else { return Ok(None) };
    let given = std::env::var_os(TOKEN_VARIABLE).is_some();
    let token = if given { token_of_the_run()? } else { Token::draw() };
    let control = args.control.unwrap_or(CONTROL);
    let agents = Agents::open(control, token, wanted)?;
    if !given {
        // Even where no words are wanted: nobody could join otherwise.
        common::tell!("token: {token}");
    }
    if !args.quiet {
        let address = agents.address();
        let host = Some(address.ip()).filter(|ip| !ip.is_unspecified());
        let host = host.map_or("HOST".to_owned(), |ip| ip.to_string());
        let port = address.port();
        common::tell!(
            "waiting for {wanted} agents: {TOKEN_VARIABLE}=TOKEN bench agent --join {host}:{port} --capacity N"
        );
    }
    agents.assemble(|from, Room { capacity, network, prefix }| {
        if !args.quiet {
            common::tell!("an agent from {}: room for {capacity} nodes in {network}/{prefix}", from.ip());
        }
    })?;
    Ok(Some(Arc::new(agents)))
}

/// Draws a page and says where it is.
fn run_report(folders: &[PathBuf], out: Option<&Path>) -> Result<()> {
    let out = match (out, folders) {
        (Some(out), _) => out,
        (None, [only]) => only,
        (None, _) => Path::new("report/side-by-side"),
    };
    draw(folders, out)?;
    print(out.join("index.html").display())
}

/// Records a run and says what is where.
fn run_record(args: &RecordArgs) -> Result<()> {
    let how = HowArgs { peers: args.peers, seed: args.seed, kill: args.kill.clone(), ..HowArgs::default() };
    let asked = Asked { job: "record", scenario: args.scenario.as_deref(), how: &how };
    print(&record(args, &scenario(&asked)?)?)
}

fn run_analyze(args: &AnalyzeArgs) -> Result<()> {
    print(&analyze(args, look(false).columns)?)
}

fn scenarios(job: Option<&ScenariosJob>) -> Result<()> {
    let text = match job {
        Some(ScenariosJob::Show { name }) => {
            find(name).with_context(|| format!("scenario {name}"))?.annotated()
        }
        None => {
            let line = |listed: &Listed| {
                Scenario::parse(listed.text)
                    .map(|scenario| format!("{:16} {}\n", listed.name, scenario.about))
            };
            LIBRARY.iter().map(line).collect::<Result<String, _>>()?
        }
    };
    print(&text)
}

/// The scenario that the arguments describe.
fn scenario(asked: &Asked<'_>) -> Result<Scenario> {
    let args = asked.how;
    let default = if args.files.is_some() { OF_A_FOLDER } else { LIBRARY[0].name };
    let name = asked.scenario.unwrap_or(default);
    let mut scenario = find(name).with_context(|| format!("scenario {name}"))?;
    scenario.peers = args.peers.unwrap_or(scenario.peers);
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(folder) = &args.files {
        scenario.folder = Some(folder_of_files(folder)?);
    }
    if scenario.name == OF_A_FOLDER && scenario.folder.is_none() {
        bail!(
            "scenario {OF_A_FOLDER}: whose files? --files DIR, or a line `folder = \"…\"` in a file of your own"
        );
    }
    for fault in &args.kill {
        let fault: Fault = fault.parse().map_err(|error: String| anyhow::anyhow!("--kill: {error}"))?;
        scenario.faults.push(fault);
    }
    scenario.check()?;
    Ok(scenario)
}

/// The folder after `--files`, by a path that is good in other processes too.
pub(crate) fn folder_of_files(folder: &Path) -> Result<PathBuf> {
    let whole = folder.canonicalize().with_context(|| format!("--files {}", folder.display()))?;
    if !whole.is_dir() {
        bail!("--files {}: this is a file, and a folder is wanted", folder.display());
    }
    Ok(whole)
}

fn run_compare(asked: &Asked<'_>) -> Result<ExitCode> {
    let args = asked.how;
    let scenario = scenario(asked)?;
    let backends = asked.backends(&scenario);
    let folder = Folder::open(&args.out).context("--out")?;
    if !args.quiet && asked.scenario.is_none() && args.files.is_some() {
        let Scenario { name, peers, lines, .. } = &scenario;
        let mbps = lines.mix[0].up_kbps / 1000;
        common::tell!(
            "scenario {name}: {peers} peers on lines of {mbps} Mbit/s each way; --scenario takes another"
        );
    }
    let executable = std::env::current_exe().context("cannot find this program's own file")?;
    if args.agents.is_some() && !backends.contains(&Backend::Processes) {
        bail!("--agents: they take part in --backend processes, which is not asked for");
    }
    let agents = call_agents(args)?;
    let options = Options { scenario, backends, repeats: args.repeat, executable, agents };
    end_at_interrupt()?;
    let began = Instant::now();
    let command = asked.as_typed(&options);
    let watch = Watch::new(!args.quiet);
    let mut comparison = compare(&options, &watch)?;
    let is_simulated = options.backends.iter().all(|backend| *backend == Backend::Sim);
    comparison.made = if is_simulated { Made::simulated(command) } else { Made::here(command) };
    folder.fill(&comparison)?;
    folder.put_scenario(&options.scenario)?;
    let is_shown = options.backends.contains(&Backend::Sim);
    let film = is_shown.then(|| replay::film(&replay::small_one(&options.scenario), &watch)).transpose()?;
    folder.put_film(film.as_ref())?;
    draw(std::slice::from_ref(&args.out), &args.out)?;
    if !args.quiet {
        report_skipped(&comparison.skipped);
    }
    print(&if args.json { to_json(&comparison) } else { render(&comparison, look(args.intervals)) })?;
    if !args.quiet {
        let page = args.out.join("index.html");
        common::tell!("{:.1} s; all of it is in {}", began.elapsed().as_secs_f64(), page.display());
    }
    Ok(verdict(&comparison.failures()))
}

/// Says what checkers found wrong.
fn verdict(failures: &[String]) -> ExitCode {
    for failure in failures {
        common::tell!("bench: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CHECK_FAILED) }
}

/// What standard output can show.
fn look(intervals: bool) -> Look {
    /// Of a screen that does not say, and of what is no screen.
    const COLUMNS: usize = 120;
    let coloured =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || comfy_table::Table::new().width().map(usize::from);
    let columns = if intervals { usize::MAX } else { told.or_else(seen).unwrap_or(COLUMNS) };
    Look { coloured, columns }
}

/// Says which files of the folder were left out, the first few by name.
fn report_skipped(skipped: &[String]) {
    const SHOWN_MAX: usize = 5;
    skipped.iter().take(SHOWN_MAX).for_each(|words| common::tell!("not shared: {words}"));
    if skipped.len() > SHOWN_MAX {
        common::tell!("not shared: {} more", skipped.len() - SHOWN_MAX);
    }
}
