//! Becoming a supernode, and stepping down.
//!
//! | a node | event | becomes |
//! |---|---|---|
//! | ordinary | forced; or needed and able, see [`crate::election`] | a supernode: leaves its parents, enters its own files into its own index, links with other supernodes, tells the services |
//! | supernode | hardly any children for [`Knobs::steps_down_after`](crate::config::Knobs::steps_down_after), and others have room | ordinary: its children are told of other supernodes and sent away |
//! | supernode | no link for as long, though others are known | the same |
//!
//! Who is forced to be one or the other stays so. Downloads and uploads notice nothing of it; searches are asked again.

use std::sync::Arc;
use std::time::Duration;

use common::peer::ConnId;
use common::user::Note;
use rand::RngExt as _;

use super::join::Standing;
use super::{Conn, Hands, Ordinary};
use crate::config::Role;
use crate::election::{Candidate, chance};
use crate::supernode::Supernode;

/// Rounds in which all were full before it no longer matters how long a node has been there.
const WAIVED_ROUNDS: u32 = 3;

/// Why a supernode is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Nobody knows of any.
    Alone,
    /// All that answer are full, in this vain round.
    Refused(u32),
    /// None that is known can be reached, in this vain round, but the services can.
    Unreached(u32),
    /// The lists say that few places are left.
    Few,
}

impl Ordinary {
    /// True if this node is a supernode.
    pub fn is_supernode(&self) -> bool {
        self.supernode.is_some()
    }

    /// True if this node is to become a supernode because of that need.
    pub(super) fn rises_for(&self, need: Need, cx: Hands) -> bool {
        let may_be_asked = !self.me.firewalled && self.me.force != Some(Role::Ordinary);
        if !may_be_asked {
            return false;
        }
        let knobs = &self.me.knobs;
        let (round, waives_uptime) = match need {
            Need::Alone => (u32::MAX, true),
            Need::Refused(round) => (round, round >= WAIVED_ROUNDS),
            Need::Unreached(round) => (round, true),
            Need::Few => (0, false),
        };
        let room = u32::try_from(knobs.children_max).unwrap_or(u32::MAX);
        let crowd = match need {
            // Those whom the same supernode had: of its places, those that were taken.
            Need::Unreached(_) => {
                let taken_percent = 100 - self.join.mean_free_percent().unwrap_or(0).min(100);
                (u64::from(room) * u64::from(taken_percent) / 100) as u32
            }
            _ => room,
        };
        let uptime = if waives_uptime { Duration::MAX } else { cx.now().since(self.started) };
        let candidate = Candidate { up_kbps: self.me.bandwidth_kbps.1, uptime, lot: self.lot };
        knobs.election.start().may_rise(&candidate, knobs)
            && cx.rng().random_range(0..1_000_000) < chance(round, crowd)
    }

    /// At each ping of a parent: are there places enough for others?
    pub(super) fn consider_rising(&mut self, cx: Hands) {
        let few = self.me.knobs.places_free_percent_min;
        let is_needed = self.join.mean_free_percent().is_some_and(|free| free < few);
        if is_needed && self.rises_for(Need::Few, cx) {
            self.rise(cx);
        }
    }

    /// Becomes a supernode.
    pub(super) fn rise(&mut self, cx: Hands) {
        if self.supernode.is_some() || self.left {
            return;
        }
        let mut supernode = Supernode::new(self.new_book(cx), &self.me.knobs, cx.now());
        let who = self.user_info(cx);
        supernode.register.set_own(&who);
        for shared in self.shares.files() {
            supernode.register.add_own(shared);
        }
        let calling = self.conns.iter().filter(|(_, state)| state.calls_from().is_some());
        supernode.callers = calling.map(|(conn, _)| conn).collect();
        self.supernode = Some(Box::new(supernode));
        self.leave_parents(cx);
        cx.note(Note::Text("this node is a supernode now".into()));
        self.start_supernode(cx);
        self.tell_online(cx);
        self.ask_held(cx);
    }

    /// Is an ordinary node again.
    pub(crate) fn step_down(&mut self, cx: Hands) {
        self.dismiss_children(cx);
        let links: Vec<ConnId> = self
            .conns
            .iter()
            .filter(|(_, conn)| matches!(conn, Conn::Link(_)))
            .map(|(conn, _)| conn)
            .collect();
        for conn in links {
            self.hang_up(conn, cx);
        }
        let Some(supernode) = self.supernode.take() else { return };
        let known = supernode.book.sample(self.me.knobs.supernodes_max, cx.now(), cx.rng());
        let own = *self.own_address(cx).ip();
        self.learn_supernodes(&Arc::from(known), own, cx);
        self.join.standing = Standing::Lost;
        cx.note(Note::Text("this node is a supernode no longer".into()));
        self.own_part_lost(cx);
        self.retire(cx);
        self.seek(cx);
    }
}
