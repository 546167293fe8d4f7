//! A page for browsers: the largest swarms.

use std::time::Duration;

use bytes::Bytes;
use common::peer::Time;

use super::Tracker;
use crate::web::{Html, Page, bytes_text, counted, thousands};

/// How long a page is shown before another is made: to make one, all swarms are looked at.
const FRESH: Duration = Duration::from_secs(2);
/// Swarms shown.
const SHOWN_MAX: usize = 100;

/// The page as it was made last.
#[derive(Debug, Default)]
pub(super) struct Overview(Option<(Time, Bytes)>);

impl Tracker {
    pub(super) fn overview(&mut self, now: Time) -> Page {
        if let Overview(Some((made, body))) = &self.overview
            && now.since(*made) < FRESH
        {
            return Page::html(body.clone());
        }
        let body = Bytes::from(self.write_overview());
        self.overview = Overview(Some((now, body.clone())));
        Page::html(body)
    }

    fn write_overview(&self) -> String {
        let mut shown: Vec<_> = self.swarms.iter().collect();
        if shown.len() > SHOWN_MAX {
            // All that are shown come to the front, in any order; equal ones in the order of their names.
            shown.select_nth_unstable_by_key(SHOWN_MAX, |swarm| (usize::MAX - swarm.len(), swarm.info_hash));
            shown.truncate(SHOWN_MAX);
        }
        shown.sort_unstable_by_key(|swarm| (usize::MAX - swarm.len(), swarm.info_hash));
        let mut page = Html::new("BitTorrent tracker");
        let (swarms, peers) = (self.swarms.len() as u64, self.swarms.peers() as u64);
        page.raw(format_args!("<p>{} in {}", counted(peers, "peer"), counted(swarms, "swarm")));
        if swarms > SHOWN_MAX as u64 {
            page.raw(format_args!(", of which the {SHOWN_MAX} largest are shown"));
        }
        if self.refused > 0 {
            page.raw(format_args!("; {} not taken for want of room", counted(self.refused, "report")));
        }
        page.raw(format_args!(
            ".</p>\n<table><tr><th>Info hash<th class=\"n\">Seeders<th class=\"n\">Leechers\
             <th class=\"n\">Completed<th class=\"n\">Traded, as they say\n"
        ));
        for swarm in shown {
            let figures = swarm.figures();
            page.raw(format_args!(
                "<tr><td class=\"m\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}\n",
                swarm.info_hash,
                thousands(figures.complete.into()),
                thousands(figures.incomplete.into()),
                thousands(swarm.downloaded),
                bytes_text(swarm.uploaded),
            ));
        }
        page.raw(format_args!("</table>\n"));
        page.finish()
    }
}
