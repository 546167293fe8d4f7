//! The limit on open files, which is the limit on connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process' limit on open files to the most it may have, and returns it (`u64::MAX` if there is
/// none). Whoever runs a cluster calls it once: each connection takes a descriptor, and the usual first limit
/// of 1,024 is soon used up.
///
/// # Errors
/// If the system refuses to set what it had said was allowed.
pub fn raise_fd_limit() -> std::io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}
