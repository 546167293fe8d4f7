//! The people of a run who sit in one place: one driver's participants, by when they act next.

use std::collections::{BTreeMap, BTreeSet};

use common::net::NodeId;
use common::peer::Time;
use common::user::{Holder, Note};

use crate::overlay::Cast;
use crate::participant::{Action, Participant, plain};
use crate::trace::Record;

/// The people whom one driver serves.
pub struct Crowd<'a> {
    cast: Cast<'a>,
    who_is: fn(&Cast<'_>, &Holder) -> Option<NodeId>,
    people: BTreeMap<NodeId, Participant>,
    due: BTreeSet<(Time, NodeId)>,
    /// Those who have something planned or await something.
    busy: BTreeSet<NodeId>,
}

impl<'a> Crowd<'a> {
    /// Nobody yet. `who_is` is the overlay's.
    pub fn new(cast: Cast<'a>, who_is: fn(&Cast<'_>, &Holder) -> Option<NodeId>) -> Self {
        Crowd { cast, who_is, people: BTreeMap::new(), due: BTreeSet::new(), busy: BTreeSet::new() }
    }

    /// Somebody sits down at a node; nobody does at a server.
    pub fn seat(&mut self, node: NodeId) {
        if let Some(person) = self.cast.person(node) {
            let participant = Participant::new(self.cast.world, person, node);
            self.people.insert(node, participant);
            self.note_plans(node);
        }
    }

    /// Somebody's node has come back, and the person with it: what was planned for later is done, what was under way is lost.
    pub fn reseat(&mut self, node: NodeId, now: Time) {
        if let Some(person) = self.cast.person(node) {
            let participant = Participant::returning(self.cast.world, person, node, now);
            self.people.insert(node, participant);
            self.note_plans(node);
        }
    }

    /// Somebody's node has vanished, and the person with it.
    pub fn remove(&mut self, node: NodeId) {
        if let Some(participant) = self.people.remove(&node) {
            self.due.retain(|(_, at)| *at != participant.node());
            self.busy.remove(&node);
        }
    }

    /// When somebody wants to act next.
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next action that is due, if there is one.
    pub fn act(&mut self, now: Time) -> Option<Action> {
        let (at, node) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, node));
        let participant = self.people.get_mut(&node)?;
        let action = participant.act(now, self.cast.world);
        self.note_plans(node);
        action
    }

    /// A node has told its user something; what of it goes on record.
    pub fn told(&mut self, at: Time, node: NodeId, note: Note) -> Option<Record> {
        let Some(participant) = self.people.get_mut(&node) else {
            return plain(note).map(|what| Record { at, node, what });
        };
        let (cast, who_is) = (&self.cast, self.who_is);
        if let Some(before) = participant.next_due() {
            self.due.remove(&(before, node));
        }
        let record = participant.told(at, note, self.cast.world, &|holder| who_is(cast, holder));
        self.note_plans(node);
        record
    }

    /// How many have something planned or await something.
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Somebody's plans may have changed.
    fn note_plans(&mut self, node: NodeId) {
        let Some(participant) = self.people.get(&node) else { return };
        self.due.extend(participant.next_due().map(|at| (at, node)));
        if participant.is_done() {
            self.busy.remove(&node);
        } else {
            self.busy.insert(node);
        }
    }
}
