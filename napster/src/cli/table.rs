//! Search results in the terminal.

use std::sync::Arc;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use common::cli::{known, printable};
use common::user::Hit;

/// The names of the protocol's link classes.
const LINKS: [&str; 11] =
    ["?", "14.4k", "28.8k", "33.6k", "56.7k", "64k ISDN", "128k ISDN", "cable", "DSL", "T1", "T3"];

/// Hits as a table.
pub fn of_hits(hits: &[Arc<Hit>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["file", "bytes", "kbps", "seconds", "link", "user"]);
    for hit in hits {
        let media = &hit.info.media;
        let link = LINKS.get(hit.speed as usize).copied().unwrap_or("?");
        table.add_row([
            printable(&hit.info.name),
            hit.info.size.to_string(),
            known(media.bitrate_kbps),
            known(media.duration_s),
            link.to_owned(),
            printable(&hit.holder.nick),
        ]);
    }
    for column in 1..=3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}
