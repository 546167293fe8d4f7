//! Which item a file of a node's store is.

use std::sync::Arc;

use common::net::NodeId;
use common::peer::{FileId, Span};
use common::store::Storage;
use common::user::FetchId;

use crate::overlay::{Cast, Source};

/// The stores of a run's nodes, by what is in them.
pub(crate) struct Contents<'a> {
    cast: Cast<'a>,
    source: Source,
    /// Of each node that was asked about: its items in the order of their numbers, what it fetches last.
    items: Vec<Option<Vec<u32>>>,
    /// What was read last.
    open: Option<(u32, Arc<dyn Storage>)>,
}

impl<'a> Contents<'a> {
    /// Of the nodes of a run on an overlay that has its content from there.
    pub(crate) fn new(source: Source, cast: Cast<'a>) -> Self {
        Contents { cast, source, items: vec![None; cast.len() as usize], open: None }
    }

    /// The item of a node's file.
    pub(crate) fn item(&mut self, node: NodeId, file: FileId) -> Option<u32> {
        let (cast, source) = (&self.cast, self.source);
        let items = self.items.get_mut(node.index())?;
        let items = items.get_or_insert_with(|| {
            let Some(person) = cast.person(node) else { return cast.items_at(node, source) };
            let fetched = cast.world.workload.downloads_of(person).map(|(_, planned)| planned.item);
            cast.world.shared_by(person).into_iter().chain(fetched).collect()
        });
        items.get(file.0 as usize).copied()
    }

    /// The download that a node's file is for.
    pub(crate) fn download(&mut self, node: NodeId, file: FileId) -> Option<FetchId> {
        let person = self.cast.person(node)?;
        let shared = self.cast.world.shared_by(person).len();
        let number = (file.0 as usize).checked_sub(shared)?;
        self.cast.world.workload.downloads_of(person).nth(number).map(|(fetch, _)| fetch)
    }

    /// Reads a part of a node's file. What nobody knows, or cannot be read, is zeros: it was in no packet of the simulation anyway.
    pub(crate) fn read(&mut self, node: NodeId, span: Span) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(span.len).unwrap_or(0)];
        let Some(item) = self.item(node, span.file) else { return bytes };
        if self.open.as_ref().is_none_or(|(open, _)| *open != item) {
            self.open = Some((item, self.cast.world.content(item)));
        }
        if let Some((_, content)) = &self.open
            && content.read_at(span.offset, &mut bytes).is_err()
        {
            bytes.fill(0);
        }
        bytes
    }
}
