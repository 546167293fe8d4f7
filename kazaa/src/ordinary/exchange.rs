//! Source exchange: whoever fetches a content and whoever serves it tell each other who else has it.
//!
//! KaZaA clients exchanged sources in messages that were never public. Ours do it in a line of their own beside the
//! requests and responses for a file, and only with each other: a foreign client is told nothing that it would not
//! understand. A downloader names sources that have sent it whole ranges of bytes not known to be wrong; a holder passes on
//! what it was told, and acts on none of it.

use std::net::SocketAddrV4;

use common::http::{Headers, Request, Response};
use common::transfer::{ALTERNATES_MAX, alternate};

use crate::wire::PORT;

/// The line: `ip:port`, with commas between them.
pub(super) const HEADER: &str = "X-Testbed-Sources";
/// How our nodes' names for themselves begin, in `UserAgent` and `Server`.
const CLIENT: &str = "p2p-testbed";

/// The sources that a head names, the first [`ALTERNATES_MAX`]. What is no address is skipped.
pub(super) fn named(headers: &Headers) -> Vec<SocketAddrV4> {
    let lines = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(HEADER));
    let parts = lines.flat_map(|(_, value)| value.split(','));
    parts.filter_map(|part| alternate(part.trim(), PORT)).take(ALTERNATES_MAX).collect()
}

/// True if a node of ours has sent this.
pub(super) fn is_ours(response: &Response) -> bool {
    response.headers.get("Server").is_some_and(|name| name.starts_with(CLIENT))
}

/// True if a node of ours asks. `UserAgent` is KaZaA's spelling.
pub(super) fn asks_as_ours(request: &Request) -> bool {
    request.headers.get("UserAgent").is_some_and(|name| name.starts_with(CLIENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::transfer::USER_AGENT;

    #[test]
    fn what_is_no_address_is_skipped_and_a_list_has_an_end() {
        let told = |value: &str| named(&Request::get("/").with(HEADER, value).headers);
        let text = |value: &str| told(value).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            text("1.2.3.4:6347, 5.6.7.8,x,9.9.9.9:0x7,1.1.1.1:70000, 2.2.2.2:1,"),
            ["1.2.3.4:6347", "5.6.7.8:1214", "2.2.2.2:1"]
        );
        assert_eq!(told(&"1.2.3.4:1,".repeat(50)).len(), ALTERNATES_MAX);
        assert_eq!(told(""), []);
    }

    #[test]
    fn our_nodes_know_each_other_by_their_names_and_foreign_ones_apart() {
        let ours = USER_AGENT;
        assert!(asks_as_ours(&Request::get("/").with("UserAgent", ours)));
        assert!(is_ours(&Response::new(200).with("Server", ours)));
        for foreign in ["giFT-FastTrack 0.8.9", "KazaaClient Nov  3 2002 20:29:03", "p2p"] {
            assert!(!asks_as_ours(&Request::get("/").with("UserAgent", foreign)), "{foreign}");
            assert!(!is_ours(&Response::new(200).with("Server", foreign)), "{foreign}");
        }
    }
}
