//! What the children share, and this node itself: the mini-Napster's index.
//!
//! Each holder has a dense number: this node zero, a child one more than its connection's slot. Words are found by
//! [`common::index`]; beside it stand the holders' own numbers for their files, in the order in which they came, and where a content
//! is found by its hash.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::ops::ControlFlow;
use std::sync::Arc;

use common::index::{AddError, Index, IndexConfig, SearchOptions, UserId};
use common::peer::ConnId;
use common::user::{self, FileInfo, SharedFile};

use crate::config::Knobs;
use crate::ordinary::uuhash;
use crate::wire::{Hit, Query, UserInfo};

/// This node itself.
const OWN: UserId = UserId(0);
/// Records and holders that one query may look at: some milliseconds.
const WORK_MAX: u32 = 100_000;

/// See the module.
pub(crate) struct Register {
    index: Index,
    /// By the first 8 bytes of a content's hash, who has it.
    hashes: BTreeSet<(u64, u32)>,
    /// By the holder's number.
    holders: Vec<Holder>,
    /// Files that have the name of another of their holder's, in another folder there: the holder, and the name that the file has in the
    /// index instead, by which no word is added.
    renamed: BTreeSet<(UserId, Box<str>)>,
}

#[derive(Default)]
struct Holder {
    who: Option<Who>,
    /// Its own numbers for its files, in the index's order.
    numbers: Vec<u32>,
}

/// How a holder stands in a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Who {
    pub(super) address: SocketAddrV4,
    pub(super) bandwidth: u8,
    pub(super) user: Arc<str>,
}

/// Signs that are in no word and end no name, one for each four bits of what tells two files apart.
const SIGNS: &[u8; 16] = b"!\"#$%&()*+,:;<=>";
/// How many of them stand before a name.
const SIGNS_BEFORE: usize = 16;

/// The name in the index of a file whose own is taken by another one of its holder: by its content or, if that is not known, its number.
fn distinguished(number: u32, info: &FileInfo) -> Box<str> {
    let mark = hash_key(info).unwrap_or(u64::from(number));
    let sign = |nth: usize| char::from(SIGNS[(mark >> (4 * nth)) as usize % SIGNS.len()]);
    (0..SIGNS_BEFORE).map(sign).chain(info.name.chars()).collect::<String>().into()
}

/// The name that the holder has told.
fn told(distinguished: &str) -> &str {
    &distinguished[SIGNS_BEFORE..]
}

/// A child's number in the register.
pub(super) fn number_of(conn: ConnId) -> UserId {
    UserId(conn.slot() as u32 + 1)
}

impl Register {
    pub(crate) fn new(knobs: &Knobs) -> Register {
        let config = IndexConfig {
            files_per_user_max: knobs.files_per_child_max,
            users_max: ConnId::SLOTS_MAX + 1,
            ..IndexConfig::default()
        };
        Register {
            index: Index::new(config),
            hashes: BTreeSet::new(),
            holders: Vec::new(),
            renamed: BTreeSet::new(),
        }
    }

    /// Shared files, each replica counted.
    pub(super) fn files(&self) -> u64 {
        self.index.totals().files
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.index.totals().bytes
    }

    /// Says who this node is.
    pub(crate) fn set_own(&mut self, info: &UserInfo) {
        self.set(OWN, info, info.address);
    }

    /// This node shares a file itself.
    pub(crate) fn add_own(&mut self, shared: &SharedFile) {
        // One that is refused is not found: there are too many, or it is shared already.
        let _ = self.add(OWN, shared.file.0, &shared.info);
    }

    /// This node shares a file no longer.
    pub(crate) fn remove_own(&mut self, shared: &SharedFile) {
        self.remove(OWN, shared.file.0, &shared.info);
    }

    /// Says who a holder is, and where it can be dialled.
    pub(super) fn set(&mut self, holder: UserId, info: &UserInfo, address: SocketAddrV4) {
        let user = info.user.as_ref().into();
        self.holder(holder).who = Some(Who { address, bandwidth: info.bandwidth, user });
    }

    /// Who a holder is, once it has said so.
    pub(super) fn who(&self, holder: UserId) -> Option<&Who> {
        self.holders.get(holder.0 as usize)?.who.as_ref()
    }

    /// True if this is how this node itself stands in results.
    pub(super) fn is_own(&self, address: SocketAddrV4, user: &str) -> bool {
        self.who(OWN).is_some_and(|who| who.address.ip() == address.ip() && &*who.user == user)
    }

    /// A holder shares one more file, which it calls by that number. Names come without their folders: two files may have the same.
    pub(super) fn add(&mut self, holder: UserId, number: u32, info: &Arc<FileInfo>) -> Result<(), AddError> {
        let key = hash_key(info);
        match self.index.add(holder, Arc::clone(info)) {
            Err(AddError::Duplicate) if self.place_by_name(holder, number, info).is_none() => {
                let name = distinguished(number, info);
                self.index.add(holder, Arc::new(FileInfo { name: name.clone(), ..(**info).clone() }))?;
                self.renamed.insert((holder, name));
            }
            done => done?,
        }
        self.holder(holder).numbers.push(number);
        self.hashes.extend(key.map(|key| (key, holder.0)));
        Ok(())
    }

    /// A holder shares a file no longer: that of this number and content or, if the number is another file's, of this content.
    pub(super) fn remove(&mut self, holder: UserId, number: u32, info: &FileInfo) {
        let Some(place) = self.place_of(holder, number, info) else { return };
        let Some(held) = self.index.files_of(holder).nth(place).cloned() else { return };
        self.index.remove(holder, &held.name);
        self.holder(holder).numbers.remove(place);
        self.renamed.remove(&(holder, held.name.clone()));
        let Some(key) = hash_key(&held) else { return };
        if !self.index.files_of(holder).any(|other| hash_key(other) == Some(key)) {
            self.hashes.remove(&(key, holder.0));
        }
    }

    /// Where among a holder's files the one is that it means by this. Whoever names what is not there has nothing looked through.
    fn place_of(&self, holder: UserId, number: u32, info: &FileInfo) -> Option<usize> {
        let renamed = || self.index.place_of(holder, &distinguished(number, info));
        let by_content = || {
            let hash = uuhash(info).filter(|hash| self.hashes.contains(&(key_of(hash), holder.0)))?;
            self.index.files_of(holder).position(|held| uuhash(held) == Some(hash))
        };
        self.place_by_name(holder, number, info).or_else(renamed).or_else(by_content)
    }

    /// Where the file of this name is, if it is this one: by its content or, if that is not known, its number.
    fn place_by_name(&self, holder: UserId, number: u32, info: &FileInfo) -> Option<usize> {
        let place = self.index.place_of(holder, &info.name)?;
        let held = uuhash(self.index.get(holder, &info.name)?);
        let is_same = match uuhash(info) {
            Some(hash) => held == Some(hash),
            None => self.holders.get(holder.0 as usize)?.numbers.get(place) == Some(&number),
        };
        is_same.then_some(place)
    }

    /// A holder leaves with all its files.
    pub(super) fn remove_holder(&mut self, holder: UserId) {
        for info in self.index.files_of(holder) {
            if let Some(key) = hash_key(info) {
                self.hashes.remove(&(key, holder.0));
            }
        }
        self.index.remove_user(holder);
        let mut renamed = self.renamed.split_off(&(holder, Box::default()));
        self.renamed.append(&mut renamed.split_off(&(UserId(holder.0 + 1), Box::default())));
        *self.holder(holder) = Holder::default();
    }

    /// At most `max` results of a query, but for files of the searcher.
    pub(super) fn find(&self, query: &Query, searcher: Option<UserId>, max: usize) -> Vec<Hit> {
        let mut hits = Vec::new();
        if max == 0 {
            return hits;
        }
        if let Some(hash) = query.content() {
            self.find_content(hash, searcher, max, &mut hits);
            return hits;
        }
        let wanted = user::Query { results_max: 0, ..query.to_user() };
        let known = |holder: UserId| self.who(holder).is_some();
        // The index would count results of other realms too, so we count ourselves; its bound on work stays.
        let options = SearchOptions {
            exclude: searcher,
            results_max: u32::MAX,
            eligible: Some(&known),
            work_max: WORK_MAX,
        };
        self.index.search(&wanted, &options, |holder, info| {
            if query.realm.admits(&info.name) {
                let place = self.index.place_of(holder, &info.name);
                hits.extend(place.and_then(|place| self.hit(holder, place, info)));
            }
            if hits.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        hits
    }

    fn find_content(&self, hash: &[u8; 20], searcher: Option<UserId>, max: usize, hits: &mut Vec<Hit>) {
        let key = key_of(hash);
        let holders = self.hashes.range((key, 0)..=(key, u32::MAX)).map(|(_, holder)| UserId(*holder));
        for holder in holders.filter(|holder| Some(*holder) != searcher) {
            let mut files = self.index.files_of(holder).enumerate();
            let found = files.find(|(_, info)| uuhash(info) == Some(hash));
            hits.extend(found.and_then(|(place, info)| self.hit(holder, place, info)));
            if hits.len() >= max {
                return;
            }
        }
    }

    fn hit(&self, holder: UserId, place: usize, info: &Arc<FileInfo>) -> Option<Hit> {
        let entry = self.holders.get(holder.0 as usize)?;
        let who = entry.who.as_ref()?;
        let file = *entry.numbers.get(place)?;
        let is_renamed = !self.renamed.is_empty() && self.renamed.contains(&(holder, info.name.clone()));
        let info = if is_renamed {
            let name = told(&info.name).into();
            Arc::new(FileInfo { name, ..(**info).clone() })
        } else {
            Arc::clone(info)
        };
        let (address, bandwidth, user) = (who.address, who.bandwidth, Arc::clone(&who.user));
        Some(Hit { address, bandwidth, user, file, info })
    }

    fn holder(&mut self, holder: UserId) -> &mut Holder {
        let slot = holder.0 as usize;
        if self.holders.len() <= slot {
            self.holders.resize_with(slot + 1, Holder::default);
        }
        &mut self.holders[slot]
    }
}

fn hash_key(info: &FileInfo) -> Option<u64> {
    uuhash(info).map(key_of)
}

fn key_of(hash: &[u8; 20]) -> u64 {
    let (head, _) = hash.split_first_chunk().expect("20 bytes are more than 8");
    u64::from_le_bytes(*head)
}
