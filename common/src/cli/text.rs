//! Words for a terminal.

/// A number that may be unknown.
pub fn known(number: u32) -> String {
    if number == 0 { "-".to_owned() } else { number.to_string() }
}

/// A number of things: `1 file`, `2 files`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Remote text without what could steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
