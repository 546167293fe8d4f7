//! How a connection of HTTP goes on under seal, between our own nodes.
//!
//! ```text
//! GET /.supernode HTTP/1.1          or /.services, or /.hash=… for a file
//! Host: 203.0.113.5:1214
//! Connection: Upgrade
//! Upgrade: p2p-testbed/1
//!
//! HTTP/1.1 101 Switching Protocols
//! Connection: Upgrade
//! Upgrade: p2p-testbed/1
//!
//! … the seal's handshake, by whoever asked
//! ```
//!
//! Who does not know that name ignores the two lines and answers the request as it stands (RFC 9110, 7.8): a foreign holder
//! serves the file in the plain, and a foreign node knows no such path.

use std::net::SocketAddrV4;

use common::http::{Request, Response, SWITCHING_PROTOCOLS};

/// Where supernodes link with each other.
pub const SUPERNODE: &str = "/.supernode";
/// Where the services are asked.
pub const SERVICES: &str = "/.services";
/// What is spoken under the seal, and its version.
const DIALECT: &str = "p2p-testbed/1";

/// A request that asks to go on under seal.
pub fn sealed_get(target: &str, host: SocketAddrV4) -> Request {
    ask_seal(Request::get(target).with("Host", host))
}

/// The same of a request that exists: it is answered under seal, or in the plain by who knows no seal.
pub fn ask_seal(request: Request) -> Request {
    request.with("Connection", "Upgrade").with("Upgrade", DIALECT)
}

/// True if whoever sent this would go on under seal.
pub fn asks_seal(request: &Request) -> bool {
    request.headers.get("Upgrade").is_some_and(names_dialect)
}

/// The answer after which both do.
pub fn agree() -> Response {
    Response::new(SWITCHING_PROTOCOLS).with("Connection", "Upgrade").with("Upgrade", DIALECT)
}

/// True if this is that answer.
pub fn agrees(response: &Response) -> bool {
    response.status == SWITCHING_PROTOCOLS && response.headers.get("Upgrade").is_some_and(names_dialect)
}

fn names_dialect(value: &str) -> bool {
    value.split(',').any(|name| name.trim().eq_ignore_ascii_case(DIALECT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_understand_each_other_and_nobody_else() {
        let host = SocketAddrV4::new([203, 0, 113, 5].into(), 1214);
        assert!(asks_seal(&sealed_get(SERVICES, host)) && agrees(&agree()));
        assert!(!asks_seal(&Request::get(SERVICES).with("Upgrade", "h2c, websocket")));
        assert!(asks_seal(&Request::get(SERVICES).with("Upgrade", "h2c, P2P-Testbed/1")));
        assert!(!agrees(&Response::new(200).with("Upgrade", DIALECT)));
        assert!(!agrees(&Response::new(SWITCHING_PROTOCOLS).with("Upgrade", "h2c")));
    }
}
