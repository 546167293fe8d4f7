//! The page around a film: one file with everything in it.

use super::Film;
use crate::plot::{Escaped, palette};

/// The name of the page.
pub const PAGE: &str = "replay.html";

/// What is on the page before there is a film.
const FRAME: &str = include_str!("page.html");
/// How it looks.
const STYLE: &str = include_str!("replay.css");
/// What plays the film.
const SCRIPT: &str = include_str!("replay.js");

/// The page that plays a film.
pub fn page(film: &Film) -> String {
    let title = format!("Ways to share a file, message by message: {}", film.scenario);
    let lead = format!(
        "A simulated run of each system with the same people, files and wishes (scenario {}, seed {}). Time passes slowly while \
         searches are under way, faster while only content is, and is cut short where nothing is.",
        film.scenario, film.seed
    );
    // In a script nothing but the script's end has a meaning, and no text of JSON needs a "<" of its own.
    let json = film.to_json().replace('<', "\\u003c");
    let parts: [(&str, &str); 5] = [
        ("{title}", &Escaped(&title).to_string()),
        ("{lead}", &Escaped(&lead).to_string()),
        ("{style}", &(palette() + STYLE)),
        ("{script}", SCRIPT),
        ("{film}", &json),
    ];
    // Part by part from the front, so that nothing is looked for in what was put in.
    let mut page = String::with_capacity(FRAME.len() + STYLE.len() + SCRIPT.len() + json.len());
    let mut rest = FRAME;
    while let Some((at, (name, text))) =
        parts.iter().filter_map(|part| Some((rest.find(part.0)?, part))).min_by_key(|(at, _)| *at)
    {
        page.push_str(&rest[..at]);
        page.push_str(text);
        rest = &rest[at + name.len()..];
    }
    page.push_str(rest);
    page
}
