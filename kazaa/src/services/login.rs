//! Registrations and logins.

use std::net::Ipv4Addr;

use common::peer::ConnId;
use common::user::Note;
use rand::RngExt as _;

use super::{Hands, Services, say};
use crate::ticket::{Ticket, VerifyingKey};
use crate::wire::{Credentials, Refusal, Service};

impl Services {
    /// A new user. The account goes into the records.
    pub(super) fn register(
        &mut self,
        from: Ipv4Addr,
        credentials: &Credentials,
        cx: Hands,
    ) -> Result<Ticket, Refusal> {
        self.admit(from, cx)?;
        let salt = cx.rng().random();
        let account = self.accounts.register(&credentials.user, &credentials.password, salt)?;
        cx.note(Note::Keep(account.to_line().into()));
        let name = account.name().to_owned();
        Ok(self.issue(&name, credentials.key, cx))
    }

    /// A known one.
    pub(super) fn login(
        &mut self,
        from: Ipv4Addr,
        credentials: &Credentials,
        cx: Hands,
    ) -> Result<Ticket, Refusal> {
        self.admit(from, cx)?;
        let account = self.accounts.login(&credentials.user, &credentials.password)?;
        let name = account.name().to_owned();
        self.attempts.take_back(from);
        Ok(self.issue(&name, credentials.key, cx))
    }

    pub(super) fn answer_login(&self, conn: ConnId, answer: Result<Ticket, Refusal>, cx: Hands) {
        match answer {
            Ok(ticket) => say(conn, Service::Welcome(Box::new(ticket)), cx),
            Err(why) => self.refuse(conn, why, cx),
        }
    }

    /// Whether a hash is to be computed for this address now.
    fn admit(&mut self, from: Ipv4Addr, cx: Hands) -> Result<(), Refusal> {
        let (now, knobs) = (cx.now(), &self.knobs);
        let limit = (knobs.attempts_per_min, knobs.shut_out);
        let is_admitted =
            self.attempts.admit(from, now, limit, knobs.addresses_max) && self.hashes.admit(now);
        if is_admitted { Ok(()) } else { Err(Refusal::Busy) }
    }

    fn issue(&self, user: &str, key: VerifyingKey, cx: Hands) -> Ticket {
        let now_s = self.started_s + cx.now().0 / 1_000_000_000;
        Ticket::issue(&self.signer, user, key, now_s + self.knobs.ticket_life.as_secs())
    }
}
