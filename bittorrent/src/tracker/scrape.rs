//! Figures of swarms, without joining one.

use common::http::Target;

use super::Tracker;
use crate::wire::{AnnounceReply, Scrape, ScrapeReply};

impl Tracker {
    /// The answer to a question for figures. Swarms that are not known are left out.
    pub(super) fn scraped(&self, target: &Target<'_>) -> Vec<u8> {
        let named = match Scrape::from_query(target.query) {
            Ok(scrape) => scrape.info_hashes,
            Err(why) => return AnnounceReply::encode_failure(&why.to_string()),
        };
        if !named.is_empty() {
            let mut entries: Vec<_> =
                named.iter().filter_map(|info_hash| Some((*info_hash, self.figures(info_hash)?))).collect();
            // Keys of a dictionary are sorted, and none is there twice.
            entries.sort_unstable_by_key(|(info_hash, _)| *info_hash);
            entries.dedup_by_key(|(info_hash, _)| *info_hash);
            return ScrapeReply { entries }.encode();
        }
        if self.swarms.len() > self.knobs.scrape_all_max {
            return AnnounceReply::encode_failure("too many swarms to tell of all; name them by info_hash");
        }
        let entries = self.swarms.iter().map(|swarm| (swarm.info_hash, swarm.figures())).collect();
        ScrapeReply { entries }.encode()
    }
}
