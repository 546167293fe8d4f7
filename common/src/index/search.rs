//! Searching: the shortest list of records first, and nothing looked at that need not be.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::postings::{Postings, Probe, intersect};
use super::words::filters_match;
use super::{Index, Record, UserId};
use crate::user::{FileInfo, Query};

/// Records of the shortest list that are tried one by one before whole bitmaps are intersected. A search for common
/// words often has its results by then, and one for common words that rarely meet must not try them all.
const TRIES_MIN: usize = 64;
/// As many tries more for each 65,536 record numbers: intersecting that many costs about as much as these.
const TRIES_PER_CHUNK: usize = 16;

/// What a search may do, beside what the query says.
#[derive(Clone, Copy)]
pub struct SearchOptions<'a> {
    /// Files of this user are no results: the searcher's own.
    pub exclude: Option<UserId>,
    /// At most so many results, and not more than the query wants.
    pub results_max: u32,
    /// Only files of users for whom this is true are results: where the holder's line is filtered.
    pub eligible: Option<&'a dyn Fn(UserId) -> bool>,
    /// Records and holders that are looked at before the search is cut short.
    pub work_max: u32,
}

impl Default for SearchOptions<'_> {
    /// A hundred results, as Napster's servers gave; at most 100,000 steps of work, some milliseconds.
    fn default() -> Self {
        SearchOptions { exclude: None, results_max: 100, eligible: None, work_max: 100_000 }
    }
}

/// How a search went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SearchOutcome {
    /// Results handed over.
    pub results: u32,
    /// Records and holders looked at.
    pub work: u32,
    /// True if the bound on work ended it, so that there may be more results.
    pub cut: bool,
    /// True if the query has no word that must be there; nothing matches then.
    pub no_words: bool,
}

/// Matching records that are looked at together, so that the waits for memory overlap: each lies somewhere else.
const BATCH: usize = 16;

/// A search under way.
struct Run<'a, F> {
    index: &'a Index,
    query: &'a Query,
    options: &'a SearchOptions<'a>,
    results_max: u32,
    outcome: SearchOutcome,
    /// Records in which all words match, not yet looked at.
    batch: [u32; BATCH],
    batch_len: usize,
    found: F,
}

impl Index {
    /// Hands the results of a query to `found`, records newest first and the holders of each newest first, until it
    /// says `Break`, the query's or the options' limit is reached, or there are no more.
    pub fn search(
        &self,
        query: &Query,
        options: &SearchOptions<'_>,
        found: impl FnMut(UserId, &Arc<FileInfo>) -> ControlFlow<()>,
    ) -> SearchOutcome {
        let results_max = match query.results_max {
            0 => options.results_max,
            wanted => wanted.min(options.results_max),
        };
        let terms = self.config.rules.of_query(&query.words);
        let mut run = Run {
            index: self,
            query,
            options,
            results_max,
            outcome: SearchOutcome::default(),
            batch: [0; BATCH],
            batch_len: 0,
            found,
        };
        run.outcome.no_words = terms.all.is_empty();
        if terms.all.is_empty() || results_max == 0 {
            return run.outcome;
        }
        let Some(mut all) = terms.all.iter().map(|word| self.postings(word)).collect::<Option<Vec<_>>>()
        else {
            return run.outcome;
        };
        let none: Vec<&Postings> = terms.none.iter().filter_map(|word| self.postings(word)).collect();
        all.sort_by_key(|postings| postings.len());
        // However it ended: what there is to say is in the outcome.
        let _ = run.walk(&all, &none);
        if run.outcome.cut {
            self.searches_cut.fetch_add(1, Ordering::Relaxed);
        }
        run.outcome
    }

    fn postings(&self, word: &str) -> Option<&Postings> {
        self.word_ids.get(word).map(|id| &self.words[*id as usize].postings)
    }
}

impl<F: FnMut(UserId, &Arc<FileInfo>) -> ControlFlow<()>> Run<'_, F> {
    /// Goes through the shortest of `all`, newest first.
    fn walk(&mut self, all: &[&Postings], none: &[&Postings]) -> ControlFlow<()> {
        let [shortest, others @ ..] = all else { return ControlFlow::Continue(()) };
        let mut others: Vec<Probe<'_>> = others.iter().map(|postings| postings.probe()).collect();
        let mut excluded: Vec<Probe<'_>> = none.iter().map(|postings| postings.probe()).collect();
        let tries_max = TRIES_MIN + TRIES_PER_CHUNK * (self.index.records.len() >> 16);
        for (tries, record) in shortest.newest_first().enumerate() {
            if tries == tries_max
                && let Some(bits) = all.iter().map(|postings| postings.as_bits()).collect::<Option<Vec<_>>>()
            {
                for record in intersect(&bits, record + 1).iter().rev() {
                    self.work()?;
                    if !excluded.iter_mut().any(|probe| probe.contains(record)) {
                        self.matched(record)?;
                    }
                }
                break;
            }
            self.work()?;
            if others.iter_mut().all(|probe| probe.contains(record))
                && !excluded.iter_mut().any(|probe| probe.contains(record))
            {
                self.matched(record)?;
            }
        }
        self.look()
    }

    /// All words match a record.
    fn matched(&mut self, record: u32) -> ControlFlow<()> {
        self.batch[self.batch_len] = record;
        self.batch_len += 1;
        if self.batch_len < BATCH { ControlFlow::Continue(()) } else { self.look() }
    }

    /// Looks at the matching records so far: their attributes and their holders decide.
    fn look(&mut self) -> ControlFlow<()> {
        let index = self.index;
        let taken = std::mem::take(&mut self.batch_len);
        let records = self.batch.map(|record| index.records.get(record as usize).and_then(Option::as_ref));
        let wanted = records.map(|record| record.filter(|record| filters_match(self.query, &record.info)));
        wanted[..taken].iter().flatten().try_for_each(|record| self.results(record))
    }

    /// The holders of a record that is wanted.
    fn results(&mut self, record: &Record) -> ControlFlow<()> {
        for user in record.holders.as_slice().iter().rev().map(|user| UserId(*user)) {
            self.work()?;
            if Some(user) == self.options.exclude
                || self.options.eligible.is_some_and(|eligible| !eligible(user))
            {
                continue;
            }
            self.outcome.results += 1;
            (self.found)(user, &record.info)?;
            if self.outcome.results >= self.results_max {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Counts a step of work.
    fn work(&mut self) -> ControlFlow<()> {
        if self.outcome.work >= self.options.work_max {
            self.outcome.cut = true;
            return ControlFlow::Break(());
        }
        self.outcome.work += 1;
        ControlFlow::Continue(())
    }
}
