//! `gnutella host-cache`.

use std::sync::Arc;

use common::cli::{resolve, serve, start};
use common::tcp::SharedStore;
use gnutella::host_cache::HostCacheConfig;
use gnutella::node::Node;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, port 0 for any free one; 0.0.0.0 is all addresses of this machine.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let sink = Arc::new(|_, _, _| {});
    let node = Node::host_cache(HostCacheConfig::default());
    let handle = start(node, resolve(&args.listen)?, false, SharedStore::default(), sink).await?;
    serve(handle, "the web cache listens").await
}
