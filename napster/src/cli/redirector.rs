//! `napster redirector`.

use std::sync::Arc;

use common::cli::{resolve, serve, start};
use common::tcp::SharedStore;
use napster::node::Node;

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen, port 0 for any free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8876")]
    listen: String,
    /// The servers to name.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', required = true)]
    servers: Vec<String>,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let servers = args.servers.iter().map(|server| resolve(server)).collect::<anyhow::Result<Vec<_>>>()?;
    let sink = Arc::new(|_, _, _| {});
    let node = Node::redirector(servers);
    let handle = start(node, resolve(&args.listen)?, false, SharedStore::default(), sink).await?;
    serve(handle, "the redirector listens").await
}
