//! What is shown: pages for browsers, lines for programs.

use common::http::{BAD_REQUEST, OK, Target, percent_encode};

use super::figures::Figures;
use super::listing::Listing;
use super::shelf::Shelf;
use super::torrent_target;
use crate::magnet::Magnet;
use crate::metainfo::Metainfo;
use crate::web::{Html, Page, bytes_text, counted, thousands};
use crate::wire::{LISTING_TYPE, ScrapeEntry, TORRENT_TYPE};

/// What somebody has asked to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum View {
    /// Some torrents, as a page.
    Rows(Rows),
    /// Some torrents, as lines.
    Lines(Vec<u32>),
    /// One torrent's file.
    Torrent(u32),
    /// Nothing that there is.
    Unknown,
    /// A question that makes no sense.
    Malformed,
}

/// One page of torrents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rows {
    /// As they were asked for; empty is all torrents.
    words: String,
    /// From 1.
    page: usize,
    pages: usize,
    /// In all pages.
    total: usize,
    /// Those of this page.
    pub(super) torrents: Vec<u32>,
}

/// How many torrents are shown at a time, and found at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) page_rows: usize,
    pub(super) results_max: u32,
}

impl View {
    /// What a request target asks for.
    pub(super) fn of(target: &Target<'_>, shelf: &Shelf, bounds: Bounds) -> View {
        let words = target.parameter("q").unwrap_or_default().trim().to_owned();
        let number = |name| target.parameter(name).map_or(Some(0), |text| text.parse::<usize>().ok());
        match target.path {
            "/" => number("page")
                .map_or(View::Malformed, |page| View::Rows(Rows::of(words, page.max(1), shelf, bounds))),
            "/search.txt" => number("max").map_or(View::Malformed, |max| {
                let max = if max == 0 { bounds.page_rows } else { max };
                let mut torrents = found(&words, shelf, bounds);
                torrents.truncate(max);
                View::Lines(torrents)
            }),
            path => torrent_of(path).map_or(View::Unknown, View::Torrent),
        }
    }

    /// The torrents whose figures it shows.
    pub(super) fn torrents(&self) -> &[u32] {
        match self {
            View::Rows(Rows { torrents, .. }) | View::Lines(torrents) => torrents,
            View::Torrent(_) | View::Unknown | View::Malformed => &[],
        }
    }

    /// The answer.
    pub(super) fn page(&self, shelf: &Shelf, figures: &Figures, now_s: u64) -> Page {
        match self {
            View::Rows(rows) => Page::html(rows.write(shelf, figures, now_s)),
            View::Lines(torrents) => {
                Page { content_type: LISTING_TYPE, ..Page::text(OK, lines(torrents, shelf, figures)) }
            }
            View::Torrent(number) => torrent(*number, shelf),
            View::Unknown => Page::not_found(),
            View::Malformed => Page::text(BAD_REQUEST, "That is no number.\n"),
        }
    }
}

fn found(words: &str, shelf: &Shelf, bounds: Bounds) -> Vec<u32> {
    if words.is_empty() { shelf.all().to_vec() } else { shelf.find(words, bounds.results_max) }
}

/// The number in `/torrent/7.torrent`, written as we write it.
fn torrent_of(path: &str) -> Option<u32> {
    let number = path.strip_prefix("/torrent/")?.strip_suffix(".torrent")?.parse().ok()?;
    (torrent_target(number) == path).then_some(number)
}

/// The file exactly as it is.
fn torrent(number: u32, shelf: &Shelf) -> Page {
    let Some(listed) = shelf.get(number) else { return Page::not_found() };
    let mut file_name = String::new();
    percent_encode(&listed.torrent.info.name, &mut file_name);
    Page {
        content_type: TORRENT_TYPE,
        file_name: Some(file_name + ".torrent"),
        ..Page::text(OK, listed.file.clone())
    }
}

fn lines(torrents: &[u32], shelf: &Shelf, figures: &Figures) -> String {
    let mut text = String::new();
    for (number, torrent) in each(torrents, shelf) {
        let told = figures.of(number);
        let listing = Listing {
            index: number,
            info_hash: torrent.info_hash,
            size: torrent.info.length,
            seeds: told.map(|told| told.complete),
            leechers: told.map(|told| told.incomplete),
            name: torrent.info.title().into(),
        };
        text += &listing.line();
        text.push('\n');
    }
    text
}

fn each<'a>(torrents: &'a [u32], shelf: &'a Shelf) -> impl Iterator<Item = (u32, &'a Metainfo)> {
    torrents.iter().filter_map(|number| Some((*number, &*shelf.get(*number)?.torrent)))
}

impl Rows {
    fn of(words: String, page: usize, shelf: &Shelf, bounds: Bounds) -> Rows {
        let all = found(&words, shelf, bounds);
        let rows = bounds.page_rows.max(1);
        let start = (page - 1).saturating_mul(rows).min(all.len());
        let torrents = all[start..all.len().min(start + rows)].to_vec();
        Rows { words, page, pages: all.len().div_ceil(rows), total: all.len(), torrents }
    }

    fn write(&self, shelf: &Shelf, figures: &Figures, now_s: u64) -> String {
        let mut page = Html::new("Torrents");
        page.raw(format_args!("<form action=\"/\"><input type=\"search\" name=\"q\" autofocus value=\""));
        page.text(&self.words);
        page.raw(format_args!("\"> <button>Search</button></form>\n"));
        page.raw(format_args!("<p>{}", counted(self.total as u64, "torrent")));
        if !self.words.is_empty() {
            page.raw(format_args!(" found; <a href=\"/\">all of them</a>"));
        }
        page.raw(format_args!(
            "</p>\n<table><tr><th>Name<th class=\"n\">Size<th class=\"n\">Files<th class=\"n\">Seeders\
             <th class=\"n\">Leechers<th class=\"n\">Age<th>Link\n"
        ));
        for (number, torrent) in each(&self.torrents, shelf) {
            row(&mut page, number, torrent, figures.of(number), now_s);
        }
        page.raw(format_args!("</table>\n"));
        self.turn(&mut page);
        page.finish()
    }

    /// The way to the pages before and after.
    fn turn(&self, page: &mut Html) {
        if self.pages < 2 {
            return;
        }
        let mut words = String::new();
        percent_encode(&self.words, &mut words);
        page.raw(format_args!("<p>Page {} of {}", self.page, self.pages));
        let before = (self.page > 1).then(|| (self.page.min(self.pages + 1) - 1, "before"));
        let after = (self.page < self.pages).then(|| (self.page + 1, "after"));
        for (number, which) in before.into_iter().chain(after) {
            page.raw(format_args!(" · <a href=\"/?q={words}&amp;page={number}\">the one {which}</a>"));
        }
        page.raw(format_args!("</p>\n"));
    }
}

fn row(page: &mut Html, number: u32, torrent: &Metainfo, figures: Option<ScrapeEntry>, now_s: u64) {
    let told = |figure: fn(ScrapeEntry) -> u32| {
        figures.map_or("?".to_owned(), |figures| thousands(figure(figures).into()))
    };
    let target = torrent_target(number);
    page.raw(format_args!("<tr><td><a href=\"{target}\">"));
    page.text(&torrent.info.name);
    page.raw(format_args!(
        "</a><td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}",
        bytes_text(torrent.info.length),
        thousands(torrent.info.files.len() as u64),
        told(|figures| figures.complete),
        told(|figures| figures.incomplete),
        age(torrent.creation_date_s, now_s),
    ));
    let magnet = Magnet {
        info_hash: torrent.info_hash,
        name: Some(torrent.info.name.clone()),
        trackers: torrent.trackers.iter().flatten().cloned().collect(),
        peers: Vec::new(),
    };
    page.raw(format_args!("<td><a href=\"{target}\">torrent</a> <a href=\""));
    page.text(&magnet.to_string());
    page.raw(format_args!("\">magnet</a>\n"));
}

/// For how long there has been such a torrent, as it says itself.
fn age(made_s: Option<u64>, now_s: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(365 * 86_400, "years"), (86_400, "days"), (3_600, "h"), (60, "min")];
    let Some(seconds) = made_s.and_then(|made_s| now_s.checked_sub(made_s)) else { return "?".to_owned() };
    let unit = UNITS.iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or("new".to_owned(), |(length, name)| format!("{} {name}", seconds / length))
}
