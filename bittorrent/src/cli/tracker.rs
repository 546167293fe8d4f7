//! `bittorrent tracker`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bittorrent::node::Node;
use bittorrent::tracker::{Secret, TrackerConfig, TrackerKnobs};
use common::cli::{resolve, serve, start_as};
use common::tcp::{NodeConfig, SharedStore, Tls};
use common::user::Note;

use super::log_file::LogFile;
use super::{now_s, size};

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:6969")]
    listen: String,
    /// Where to take datagrams too (BEP 15), port 0 for any free one; most trackers have the same port for both.
    #[arg(long, value_name = "IP:PORT")]
    udp: Option<String>,
    /// A certificate and its key (PEM): https is spoken too, at the same port.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    /// How often peers are to report, for example 30m.
    #[arg(long, value_name = "TIME", value_parser = size::time, default_value = "30m")]
    interval: Duration,
    /// A file to which each report of each peer is added as a line.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Enough of them for whoever has only a magnet link.
const SEEDS_FOR_BEGINNERS: usize = 5;

pub async fn run(args: Args) -> anyhow::Result<()> {
    if args.interval < Duration::from_secs(1) {
        bail!("an interval of less than a second would have peers do nothing but report");
    }
    let knobs = TrackerKnobs {
        interval: args.interval,
        log: args.log.is_some(),
        seeds_for_beginners: SEEDS_FOR_BEGINNERS,
        ..TrackerKnobs::default()
    };
    let log = Mutex::new(args.log.as_deref().map(LogFile::open).transpose()?);
    let sink = Arc::new(move |_, _, note: Note| {
        let Note::Keep(line) = note else { return };
        if let Some(log) = &mut *log.lock().unwrap_or_else(PoisonError::into_inner) {
            log.add(&line);
        }
    });
    let listen = resolve(&args.listen)?;
    let udp = args.udp.as_deref().map(resolve).transpose()?;
    let tls = match args.tls.as_deref() {
        Some([certificate, key]) => Tls::default().show(certificate, key)?,
        _ => Tls::default(),
    };
    let is_secured = args.tls.is_some();
    let mut secret = Secret::default();
    getrandom::fill(&mut secret.0).context("this system has no secure random source")?;
    let (started_s, knobs) = (now_s(), Arc::new(knobs));
    let tracker = Node::tracker(TrackerConfig { started_s, secret, knobs, ..TrackerConfig::default() });
    let store = SharedStore::default();
    let turn = |node: &mut NodeConfig| (node.datagrams, node.tls) = (udp, tls);
    let handle = start_as(turn, tracker, listen, store, sink).await?;
    common::say!("torrents are reported to at http://{}/announce", handle.address());
    if is_secured {
        common::say!("and at https://{}/announce", handle.address());
    }
    if let Some(address) = handle.datagrams() {
        common::say!("and at udp://{address}/announce");
    }
    serve(handle, "the tracker listens").await
}
