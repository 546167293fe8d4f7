//! Addresses of servents that may accept a link: from pongs, `X-Try`, query hits and web caches.

/// A bounded store of addresses.
#[derive(Debug, Default)]
pub struct Hosts {}
