//! What programs print: results, and what they say of their work. Whoever reads it may go at any time; no program ends in a panic for that.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind, Write as _};

/// Says a line on standard output of what a program is doing. That nobody reads it (any more) changes nothing.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::cli::say(format_args!($($arg)*)) };
}

/// Says a line on standard error: what went wrong or was left out. That nobody reads it (any more) changes nothing.
#[macro_export]
macro_rules! tell {
    ($($arg:tt)*) => { $crate::cli::tell(format_args!($($arg)*)) };
}

/// See [`say!`](crate::say).
pub fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// See [`tell!`](crate::tell).
pub fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a result to standard output, with a line's end behind it if it has none. A reader that has seen enough is no error.
///
/// # Errors
/// If it cannot be written: the result would be lost.
pub fn print(result: impl Display) -> anyhow::Result<()> {
    let mut text = result.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("the result cannot be written to standard output"))
        }
        _ => Ok(()),
    }
}
