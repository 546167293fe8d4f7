//! Elements of the page. All text is escaped on its way in; whatever is made here is well-formed.

use std::fmt::Write as _;

use crate::overlays::overlays;
use crate::plot::{COLOURS, Escaped};

/// A cell of a table.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    markup: String,
    class: &'static str,
}

impl Cell {
    /// Words.
    pub(super) fn text(text: &str) -> Cell {
        Cell { markup: Escaped(text).to_string(), class: "" }
    }

    /// A value, to be read from the right.
    pub(super) fn number(text: &str) -> Cell {
        Cell { class: "number", ..Cell::text(text) }
    }

    /// A value with what is to be read second below it.
    pub(super) fn with_note(text: &str, note: &str) -> Cell {
        let note = if note.is_empty() { String::new() } else { format!(" <small>{}</small>", Escaped(note)) };
        Cell { markup: format!("{}{note}", Escaped(text)), class: "number" }
    }

    /// The name of an overlay, with its colour.
    pub(super) fn overlay(name: &str) -> Cell {
        Cell { markup: overlay(name), class: "" }
    }

    /// Of what is markup already.
    pub(super) fn markup(markup: String) -> Cell {
        Cell { markup, class: "" }
    }

    /// The same in another class.
    pub(super) fn class(self, class: &'static str) -> Cell {
        Cell { class, ..self }
    }

    /// What stands in it.
    pub(super) fn inner(&self) -> &str {
        &self.markup
    }

    fn write(&self, tag: &str, scope: &str, into: &mut String) {
        let class = if self.class.is_empty() { String::new() } else { format!(" class=\"{}\"", self.class) };
        let (markup, name) = (&self.markup, tag);
        // A String takes everything.
        let _ = write!(into, "<{name}{scope}{class}>{markup}</{name}>");
    }
}

/// A table with a caption, a header and groups of rows.
#[derive(Clone, Debug)]
pub(super) struct Table {
    caption: String,
    head: Vec<Cell>,
    body: String,
    in_group: bool,
    rows: usize,
}

impl Table {
    /// An empty one.
    pub(super) fn new(caption: &str, head: Vec<Cell>) -> Table {
        Table { caption: caption.to_owned(), head, body: String::new(), in_group: false, rows: 0 }
    }

    /// Further rows stand under this heading.
    pub(super) fn group(&mut self, title: &Cell) {
        self.close();
        let scope = format!(" scope=\"rowgroup\" colspan=\"{}\"", self.head.len());
        self.body.push_str("<tbody>\n<tr class=\"group\">");
        title.write("th", &scope, &mut self.body);
        self.body.push_str("</tr>\n");
        self.in_group = true;
    }

    /// Adds a row: what it is about, and its cells.
    pub(super) fn row(&mut self, title: &Cell, cells: impl IntoIterator<Item = Cell>) {
        if !self.in_group {
            self.body.push_str("<tbody>\n");
            self.in_group = true;
        }
        self.body.push_str("<tr>");
        title.write("th", " scope=\"row\"", &mut self.body);
        cells.into_iter().for_each(|cell| cell.write("td", "", &mut self.body));
        self.body.push_str("</tr>\n");
        self.rows += 1;
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.body.push_str("</tbody>\n");
        }
    }

    /// The markup; nothing if it has no rows.
    pub(super) fn done(mut self) -> String {
        if self.rows == 0 {
            return String::new();
        }
        self.close();
        let mut head = String::new();
        self.head.iter().for_each(|cell| cell.write("th", " scope=\"col\"", &mut head));
        let (caption, body) = (Escaped(&self.caption), self.body);
        format!(
            "<div class=\"wide\"><table>\n<caption>{caption}</caption>\n<thead>\n<tr>{head}</tr>\n</thead>\n{body}</table></div>\n"
        )
    }
}

/// A paragraph of words.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", Escaped(text))
}

/// A heading of the second level that can be linked to.
pub(super) fn heading(anchor: &'static str, text: &str) -> String {
    format!("<h2 id=\"{anchor}\">{}</h2>\n", Escaped(text))
}

/// The name of an overlay, with its colour.
pub(super) fn overlay(name: &str) -> String {
    format!("<span class=\"overlay c{}\">{}</span>", colour(name) % COLOURS, Escaped(name))
}

/// The number of an overlay's colour: its place in the table of overlays. One that is not in it is of another version of this
/// program, and has what is left.
pub(super) fn colour(name: &str) -> usize {
    overlays().iter().position(|overlay| overlay.name() == name).unwrap_or(overlays().len())
}
