//! The claims: what is said of the systems, whether it holds, and what was measured.

use super::markup::{Cell, Table, heading, paragraph};
use super::summary::NONE;
use crate::claims::finding::Verdict;
use crate::claims::show::{measured, rule, said, scale};
use crate::plot::Escaped;
use crate::report::stored::{Claims, Finding, Tried};

/// The section; nothing if no claim was tried. With several runs only their verdicts stand side by side.
pub(super) fn section(all: &[(&str, &Claims)]) -> String {
    let Some((_, first)) = all.first() else { return String::new() };
    let mut text = heading("claims", "Claims");
    text.push_str(&paragraph(
        "What the lecture and the papers say of these systems, each tried as an experiment. Marks say how sure a published number is: V1 \
         seen in the original, V2 in somebody's notes on it, M from memory, D derived, L the lecture's own.",
    ));
    let mut head = vec![Cell::text(""), Cell::text("claim")];
    head.extend(all.iter().map(|(label, _)| Cell::text(if label.is_empty() { "verdict" } else { label })));
    let caption = all.iter().map(|(label, claims)| {
        let size = claims.size.name();
        format!("{label} {size} size, first seed {}", claims.seed).trim().to_owned()
    });
    let mut table = Table::new(&caption.collect::<Vec<_>>().join("; "), head);
    for id in ids(all) {
        let tried =
            |claims: &&Claims| -> Option<usize> { claims.claims.iter().position(|tried| tried.id == id) };
        let sentence = all.iter().find_map(|(_, claims)| Some(&claims.claims[tried(claims)?].sentence));
        let verdicts = all.iter().map(|(_, claims)| match tried(claims) {
            Some(at) => verdict(claims.claims[at].verdict),
            None => Cell::text("not tried"),
        });
        let sentence = Cell::text(sentence.map_or("", String::as_str));
        table.row(&Cell::text(id), [sentence].into_iter().chain(verdicts).collect::<Vec<_>>());
    }
    text.push_str(&table.done());
    if all.len() == 1 {
        first.claims.iter().for_each(|tried| text.push_str(&details(tried)));
    }
    text
}

/// The names of all claims, each once.
fn ids<'a>(all: &[(&str, &'a Claims)]) -> Vec<&'a str> {
    let mut ids: Vec<&str> = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    for tried in all.iter().flat_map(|(_, claims)| &claims.claims) {
        if known.insert(tried.id.as_str()) {
            ids.push(&tried.id);
        }
    }
    ids
}

fn verdict(verdict: Verdict) -> Cell {
    Cell::text(verdict.name()).class(match verdict {
        Verdict::Holds => "holds",
        Verdict::Inconclusive => "open",
        Verdict::DoesNotHold => "fails",
    })
}

fn details(tried: &Tried) -> String {
    let Tried { id, sentence, said_by, setup, varied, seeds, .. } = tried;
    let mut text = format!("<h3>{} {}</h3>\n", Escaped(id), Escaped(sentence));
    text.push_str(&paragraph(&format!(
        "Said by: {said_by}. Set-up: {setup}; {seeds} seeds. Varied: {varied}."
    )));
    let numbers = ["measured (95 % interval)", "theory"].map(Cell::number);
    let others = ["published", "holds if", ""].map(Cell::text);
    let head = [Cell::text("")].into_iter().chain(numbers).chain(others).collect();
    let mut table = Table::new(&format!("{id}: {}", tried.verdict.name()), head);
    tried.findings.iter().for_each(|finding| table.row(&Cell::text(&finding.what), cells(finding)));
    text.push_str(&table.done());
    text
}

fn cells(finding: &Finding) -> [Cell; 5] {
    let published = finding.published.as_ref();
    let values = [finding.mean, finding.theory, published.map(|published| published.value)];
    let scale = scale(finding.unit, values, finding.rule);
    let interval = finding.interval_95.and_then(|(low, high)| low.zip(high));
    let mean = finding.mean.map_or(NONE.to_owned(), |mean| measured(mean, interval, &scale));
    let published = published.map(|published| {
        let value = (published.value, published.to);
        said(value, published.mark, &published.by, &scale)
    });
    [
        Cell::number(&mean),
        Cell::number(&finding.theory.map_or_else(String::new, |value| scale.text(value))),
        Cell::text(&published.unwrap_or_default()),
        Cell::text(&finding.rule.map_or_else(String::new, |value| rule(&value, &scale))),
        finding.verdict.map_or_else(|| Cell::text(""), verdict),
    ]
}
