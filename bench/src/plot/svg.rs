//! Elements and text of an SVG.

use std::fmt::{self, Write as _};

/// A growing SVG.
#[derive(Default)]
pub(super) struct Svg(pub(super) String);

impl Svg {
    /// Adds what is well-formed already.
    pub(super) fn raw(&mut self, text: fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = self.0.write_fmt(text);
    }

    /// Adds a text at a place, with these classes.
    pub(super) fn text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let (x, y) = (Length(x), Length(y));
        self.raw(format_args!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>\n", Escaped(text)));
    }

    /// Adds a straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(Length);
        self.raw(format_args!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>\n"));
    }

    /// Adds a rectangle.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        let [x, y, width, height] = [x, y, width, height].map(Length);
        self.raw(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"/>\n"
        ));
    }
}

/// A length in the picture's units, to a tenth, as short as it goes.
pub(super) struct Length(pub(super) f64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        if tenths % 10.0 == 0.0 {
            write!(f, "{}", tenths / 10.0 + 0.0)
        } else {
            write!(f, "{:.1}", tenths / 10.0)
        }
    }
}

/// Text that is no markup, without characters that XML does not know.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    }
}

/// About how wide a text is in letters of this size: no font is known here, and those that will be used differ little.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let ems = |c: char| match c {
        ' ' | '.' | ',' | ':' | ';' | '\'' | 'i' | 'j' | 'l' | '|' | '!' => 0.28,
        'f' | 'r' | 't' | '(' | ')' | '-' | '/' | '"' => 0.36,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.86,
        'A'..='Z' | '&' => 0.68,
        ' '..='~' => 0.56,
        // Superscripts are small; all else may be as wide as high.
        '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' | '·' => 0.38,
        _ => 1.0,
    };
    text.chars().map(ems).sum::<f64>() * size
}

/// The text, or as much of it as this width has room for.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut left = room - size;
    let fits = |c: &char| {
        left -= width(c.encode_utf8(&mut [0; 4]), size);
        left >= 0.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}
