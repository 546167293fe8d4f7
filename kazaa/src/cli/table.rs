//! Search results in the terminal.

use std::sync::Arc;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use common::cli::{known, printable};
use common::digest::Digest;
use common::user::Hit;

/// Hits as a table.
pub fn of_hits(hits: &[Arc<Hit>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["file", "bytes", "kbit/s", "user", "holder", "content"]);
    for hit in hits {
        let holder = hit.holder.address.filter(|address| address.port() != 0);
        let content = match hit.info.digest {
            Some(digest @ Digest::KzHash(_)) => format!("kzhash:{digest}"),
            Some(digest @ Digest::UuHash(_)) => format!("uuhash:{digest}"),
            _ => "-".to_owned(),
        };
        table.add_row([
            printable(&hit.info.name),
            hit.info.size.to_string(),
            known(hit.speed),
            printable(&hit.holder.nick),
            holder.map_or_else(|| "by push".to_owned(), |address| address.to_string()),
            content,
        ]);
    }
    for column in 1..=2 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}
