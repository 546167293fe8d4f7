//! `HOST:PORT` as users write it.

use std::net::{SocketAddr, SocketAddrV4, ToSocketAddrs as _};

use anyhow::{Context as _, bail};

/// The IPv4 address and port that `text` names; host names are looked up.
pub fn resolve(text: &str) -> anyhow::Result<SocketAddrV4> {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        bail!("`{text}` is not an address; write HOST:PORT, such as example.org:8000");
    }
    let found = text.to_socket_addrs().with_context(|| format!("cannot find the host of `{text}`"))?;
    let ipv4 = found.filter_map(|address| match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    });
    let Some(address) = ipv4.into_iter().next() else {
        bail!("`{text}` has no IPv4 address, and this protocol knows no other");
    };
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn addresses_are_resolved_and_mistakes_are_named() {
        assert_eq!(resolve("127.0.0.1:8875").unwrap(), "127.0.0.1:8875".parse().unwrap());
        for wrong in ["127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "here:port", ""] {
            let said = resolve(wrong).unwrap_err().to_string();
            assert!(said.contains("HOST:PORT"), "{wrong}: {said}");
        }
    }
}
