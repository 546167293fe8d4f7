//! Pages as text that a browser shows: whatever comes from others is escaped, and nothing needs a script.

use std::fmt::{self, Write as _};

/// Large and plain, for a projector; dark where the system is.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:18px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}\
h1{font-size:1.5rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #8884;overflow-wrap:anywhere}\
th{border-bottom-width:2px}\
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
.m{font-family:ui-monospace,monospace;font-size:.9em}\
input{font:inherit;padding:.3rem .5rem}";

/// A page that is being written.
pub(crate) struct Html(String);

impl Html {
    /// With its head, and its title as the first heading.
    pub(crate) fn new(title: &str) -> Self {
        let mut page = Html(String::with_capacity(4096));
        page.raw(format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>"
        ));
        page.text(title);
        page.raw(format_args!("</title><style>{STYLE}</style></head>\n<body><h1>"));
        page.text(title);
        page.raw(format_args!("</h1>\n"));
        page
    }

    /// Markup of ours; nothing that others have chosen.
    pub(crate) fn raw(&mut self, markup: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(markup);
    }

    /// Text, or the value of an attribute in double quotes, that others may have chosen. Control characters and those that turn the
    /// writing direction are replaced: they could make a name look like another.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if c.is_control() || is_direction(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }

    /// The whole page.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</body></html>\n");
        self.0
    }
}

/// Embeddings, overrides and isolates (Unicode Standard Annex 9).
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of bytes as people read it, in binary units and three digits.
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // The unit in which what is shown is below 1,000, or the next: 1,000 KiB is 0.98 MiB.
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A number with a comma after each thousand.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 peer`, `2,000 peers`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_chose_is_text_and_nothing_else() {
        let mut page = Html::new("a & b");
        page.text("<script>alert(\"1\")</script>'\u{202e}\n\0");
        let page = page.finish();
        assert!(page.contains("<title>a &amp; b</title>"));
        let shown = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;\u{fffd}\u{fffd}\u{fffd}";
        assert!(page.contains(shown) && !page.contains("<script"), "{page}");
    }

    #[test]
    fn sizes_have_three_digits() {
        let shown = [0, 1023, 1024, 1_000_000, 1_048_576, 1_855_094_951, u64::MAX].map(bytes_text);
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "977 KiB", "1.00 MiB", "1.73 GiB", "16.0 EiB"]);
        assert_eq!(
            [0, 999, 1_000, 180_000, 1_855_094_951].map(thousands).join(" "),
            "0 999 1,000 180,000 1,855,094,951"
        );
        assert_eq!(
            [0, 1, 2_000].map(|number| counted(number, "peer")).join(" "),
            "0 peers 1 peer 2,000 peers"
        );
    }
}
