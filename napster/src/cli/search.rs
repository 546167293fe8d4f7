//! Searching, browsing, statistics.

use std::sync::Arc;

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use common::tcp::SharedStore;
use common::user::{Command, Hit, Note, SearchEnd, SearchId};
use indicatif::HumanBytes;

use super::{Running, join, peer_config, query, say};
use crate::{BrowseArgs, JoinArgs, SearchArgs};

const SEARCH: SearchId = SearchId(0);

pub async fn search(args: SearchArgs) -> Result<()> {
    let mut running = join(&args.join, peer_config(&args.join)?, SharedStore::default(), |_| {}).await?;
    let command = Command::Search(SEARCH, Arc::new(query(&args.query)));
    let hits = results(&mut running, command).await?;
    running.leave().await?;
    print_hits(&hits);
    Ok(())
}

pub async fn browse(args: BrowseArgs) -> Result<()> {
    let mut running = join(&args.join, peer_config(&args.join)?, SharedStore::default(), |_| {}).await?;
    let hits = results(&mut running, Command::Browse(SEARCH, args.whom.as_str().into())).await?;
    running.leave().await?;
    if hits.is_empty() {
        bail!("`{}` is not online, or shares nothing", args.whom);
    }
    print_hits(&hits);
    Ok(())
}

pub async fn stats(args: JoinArgs) -> Result<()> {
    let mut running = join(&args, peer_config(&args)?, SharedStore::default(), |_| {}).await?;
    loop {
        match running.next().await? {
            Note::Text(text) if text.contains("users share") => {
                say(format_args!("{text}"));
                return running.leave().await;
            }
            Note::Text(text) => say(format_args!("{text}")),
            Note::Offline(why) => bail!("{why}"),
            _ => {}
        }
    }
}

/// Asks, and collects the answers.
pub async fn results(running: &mut Running, question: Command) -> Result<Vec<Arc<Hit>>> {
    running.command(question).await?;
    let mut hits = Vec::new();
    let mut said = None;
    loop {
        match running.next().await? {
            Note::Found(_, hit) => hits.push(hit),
            Note::SearchEnded(_, SearchEnd::Complete) => return Ok(hits),
            Note::SearchEnded(_, SearchEnd::Refused) => {
                bail!("the search was refused: {}", said.unwrap_or_else(|| "it has no words".into()));
            }
            Note::SearchEnded(_, end) => bail!("the search failed: {end}"),
            Note::Text(text) => said = Some(text),
            _ => {}
        }
    }
}

fn print_hits(hits: &[Arc<Hit>]) {
    if hits.is_empty() {
        say(format_args!("nothing found"));
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["name", "size", "kbit/s", "length", "from", "line"]);
    for column in [1, 2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for hit in hits {
        let media = hit.info.media;
        let or_dash = |known: bool, text: String| if known { text } else { "-".to_owned() };
        table.add_row([
            printable(&hit.info.name),
            HumanBytes(hit.info.size).to_string(),
            or_dash(media.bitrate_kbps > 0, media.bitrate_kbps.to_string()),
            or_dash(media.duration_s > 0, format!("{}:{:02}", media.duration_s / 60, media.duration_s % 60)),
            printable(&hit.holder.nick),
            line_name(hit.speed).to_owned(),
        ]);
    }
    say(format_args!("{table}"));
    say(format_args!("{} found", hits.len()));
}

/// A stranger's text must not steer the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c as u32 >= 0x10_FF00 { '\u{fffd}' } else { c }).collect()
}

/// Link speeds as the protocol numbers them.
fn line_name(speed: u32) -> &'static str {
    match speed {
        1 => "14.4k",
        2 => "28.8k",
        3 => "33.6k",
        4 => "56k",
        5 => "ISDN 64k",
        6 => "ISDN 128k",
        7 => "cable",
        8 => "DSL",
        9 => "T1",
        10 => "T3+",
        _ => "-",
    }
}
