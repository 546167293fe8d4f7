//! Accepting connections.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Denied};
use super::input::Input;
use super::snapshot::Counters;
use super::socket;

/// How long to wait after accepting itself has failed: the usual cause is a lack of descriptors, and asking
/// again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `stop`, and hands to the node those that its limits admit.
pub(super) async fn accept<M>(
    listener: TcpListener,
    admission: Admission,
    counters: Counters,
    inputs: mpsc::Sender<Input<M>>,
    stop: CancellationToken,
) {
    let work = async {
        loop {
            let (stream, remote) = match listener.accept().await {
                Ok((stream, remote)) => match socket::ipv4(remote) {
                    Ok(remote) => (stream, remote),
                    Err(_) => continue,
                },
                Err(error) => {
                    tracing::warn!(%error, "accepting failed");
                    counters.lock().accept_errors += 1;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match admission.admit(Some(*remote.ip())) {
                Ok(ticket) => {
                    counters.lock().accepted += 1;
                    if inputs.send(Input::Accepted { stream, remote, ticket }).await.is_err() {
                        return;
                    }
                }
                Err(Denied::Full) => counters.lock().refused_full += 1,
                Err(Denied::Address) => counters.lock().refused_address += 1,
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
