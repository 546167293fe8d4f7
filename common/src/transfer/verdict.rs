//! The verdict on a file whose bytes are all there, and whose bytes are to blame if it is wrong.
//!
//! A digest over the whole file does not say which of its bytes are wrong. If one source has sent them all it is to blame
//! and is not asked again. If several have, nobody is blamed, but from then on the download is *sole*: only bytes of one
//! source count, at first of the one that has sent most, whose bytes are kept. The next verdict is then certain. So each
//! time but the first a source drops out, and one honest source is enough. Bytes that were there before the download
//! began, or that two sources have sent, are blamed on nobody and are fetched anew.

use super::download::{Action, Download, Phase, id, of_store};
use crate::store::{Ranges, StoreFault};
use crate::user::Failure;

impl<K> Download<K> {
    /// The answer to [`Action::Verify`].
    pub fn verified(&mut self, ok: bool) {
        match (self.phase, ok) {
            (Phase::Verifying, true) => self.finish(),
            (Phase::Verifying, false) => self.start_again(),
            (Phase::Fetching | Phase::Finishing | Phase::Over, _) => {}
        }
    }

    /// The answer to [`Action::Finish`].
    pub fn finished(&mut self, fault: Option<StoreFault>) {
        if self.phase != Phase::Finishing {
            return;
        }
        match fault {
            None => {
                self.phase = Phase::Over;
                self.urgent.push_back(Action::Done);
            }
            Some(StoreFault::Corrupt) => self.start_again(),
            Some(fault) => self.fail(of_store(fault)),
        }
    }

    pub(super) fn finish(&mut self) {
        self.phase = Phase::Finishing;
        self.urgent.push_back(Action::Finish);
    }

    /// What has arrived is not what was promised; see the module's words on it.
    fn start_again(&mut self) {
        self.why = Failure::Corrupt;
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > self.knobs.rounds_max {
            return self.fail(Failure::Corrupt);
        }
        self.phase = Phase::Fetching;
        self.is_changed = true;
        if self.origin.is_empty() {
            self.have = Ranges::default();
        } else if let Some(guilty) = self.origin.only_sender(self.size) {
            self.drop_source(guilty.index(), Failure::Corrupt);
            self.origin.clear();
            self.have = Ranges::default();
        } else {
            self.choose_sole();
        }
    }

    /// From now on only the bytes of one source count.
    pub(super) fn choose_sole(&mut self) {
        self.sole = None;
        let usable = (0..self.sources.len()).filter(|at| self.may_be_used(*at));
        let best = usable.max_by_key(|at| (self.origin.bytes_of(id(*at)), std::cmp::Reverse(*at)));
        let Some(best) = best else { return };
        self.sole = Some(best);
        self.have = self.origin.keep_only(id(best));
    }
}
