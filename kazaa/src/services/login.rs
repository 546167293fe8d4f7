//! Registrations and logins.
//!
//! | a client | event | then |
//! |---|---|---|
//! | asks, and its address has tried little enough | | its password is hashed beside the services' task; it waits |
//! | asks, and there was too much of that, or it cannot be | | refused |
//! | waits | the hash is there, and is right | welcomed with a ticket; a new account goes into the records |
//! | waits | it is not, or the name is taken meanwhile | refused |
//! | waits | it is gone before | nothing comes of it: nobody has an account that nobody was told of |

use std::net::Ipv4Addr;

use common::peer::{ConnId, Work};
use common::user::Note;
use rand::RngExt as _;

use super::accounts::Hashing;
use super::{Hands, Services, State, Waits, say};
use crate::ticket::{Ticket, VerifyingKey};
use crate::wire::{Credentials, Refusal, Service};

/// Who waits for a hash.
pub(super) struct Applicant {
    conn: ConnId,
    from: Ipv4Addr,
    user: Box<str>,
    /// What its ticket is to be proved with.
    key: VerifyingKey,
    registers: bool,
}

impl Services {
    /// A new user, or a known one.
    pub(super) fn applied(
        &mut self,
        conn: ConnId,
        from: Ipv4Addr,
        credentials: &Credentials,
        registers: bool,
        cx: Hands,
    ) {
        let Credentials { user, password, key } = credentials;
        let applicant = Applicant { conn, from, user: user.clone(), key: *key, registers };
        match self.hashing_for(&applicant, password, cx) {
            Ok(hashing) => {
                let task = self.next_task;
                self.next_task = task.wrapping_add(1);
                self.applicants.insert(task, applicant);
                self.set_waits(conn, Some(Waits::Hash));
                cx.compute(
                    task,
                    Work::new(move || hashing.run().map_or_else(Box::default, str::into_boxed_bytes)),
                );
            }
            Err(why) => self.refuse(conn, why, cx),
        }
    }

    /// The hash that is to be computed for somebody, if it is to be computed now.
    fn hashing_for(&mut self, applicant: &Applicant, password: &str, cx: Hands) -> Result<Hashing, Refusal> {
        let (now, knobs) = (cx.now(), &self.knobs);
        let limit = (knobs.attempts_per_min, knobs.shut_out);
        let is_admitted =
            self.attempts.admit(applicant.from, now, limit, knobs.addresses_max) && self.hashes.admit(now);
        if !is_admitted {
            return Err(Refusal::Busy);
        }
        match applicant.registers {
            true => self.accounts.to_register(&applicant.user, password, cx.rng().random()),
            false => Ok(self.accounts.to_login(&applicant.user, password)),
        }
    }

    /// A hash is there: an empty one if the password was wrong, none if too many are waiting.
    pub(super) fn hashed(&mut self, task: u32, hash: Option<Box<[u8]>>, cx: Hands) {
        let Some(applicant) = self.applicants.remove(&task) else { return };
        let conn = applicant.conn;
        let Some(State::Client(client)) = self.conns.get(conn).map(|held| &held.state) else { return };
        debug_assert!(matches!(client.waits, Some(Waits::Hash)), "a client that waits says nothing else");
        self.set_waits(conn, None);
        self.step(conn, cx);
        match self.settled(&applicant, hash, cx) {
            Ok(ticket) => say(conn, Service::Welcome(Box::new(ticket)), cx),
            Err(why) => self.refuse(conn, why, cx),
        }
    }

    fn settled(
        &mut self,
        applicant: &Applicant,
        hash: Option<Box<[u8]>>,
        cx: Hands,
    ) -> Result<Ticket, Refusal> {
        let hash = hash.ok_or(Refusal::Busy)?;
        let account = match applicant.registers {
            true => {
                let hash = str::from_utf8(&hash).map_err(|_| Refusal::Malformed)?;
                let account = self.accounts.registered(&applicant.user, hash)?;
                cx.note(Note::Keep(account.to_line().into()));
                account
            }
            false => {
                let account = self.accounts.logged_in(&applicant.user, !hash.is_empty())?;
                self.attempts.take_back(applicant.from);
                account
            }
        };
        let now_s = self.started_s + cx.now().0 / 1_000_000_000;
        let expires_s = now_s + self.knobs.ticket_life.as_secs();
        Ok(Ticket::issue(&self.signer, account.name(), applicant.key, expires_s))
    }
}
