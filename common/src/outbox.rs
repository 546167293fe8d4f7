//! The outbox: what a peer wants done, in order, until its driver does it.

use std::collections::VecDeque;

use crate::peer::{ConnId, Effect, Peer};

/// For drivers: collects the effects of one event, and gives them out in order, as an iterator or, messages apart from the
/// others, by [`Outbox::next_send`] and [`Outbox::next_other`].
///
/// Messages, which most effects are, wait in a row of their own, each as it is and without a tag: the simulator would spend
/// a tenth of its time on moving them through an enum as large as its largest variant.
pub struct Outbox<P: Peer> {
    sends: VecDeque<Letter<P::Message>>,
    /// None of them a `Send`; with each, how many messages go before it, counted like `sent`.
    others: VecDeque<(usize, Effect<P>)>,
    /// Messages given out since the outbox was empty.
    sent: usize,
}

/// A message to be sent.
// The message first: moved as a whole, with no gap before it that the compiler would copy along.
#[repr(C)]
pub struct Letter<M> {
    /// What to send.
    pub message: M,
    /// On which connection.
    pub conn: ConnId,
}

impl<P: Peer> Default for Outbox<P> {
    fn default() -> Self {
        Outbox { sends: VecDeque::new(), others: VecDeque::new(), sent: 0 }
    }
}

impl<P: Peer> Outbox<P> {
    /// True if there is nothing to do.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.others.is_empty()
    }

    #[inline]
    pub(crate) fn send(&mut self, conn: ConnId, message: P::Message) {
        self.sends.push_back(Letter { message, conn });
    }

    /// Anything but a message.
    pub(crate) fn push(&mut self, effect: Effect<P>) {
        self.others.push_back((self.sent + self.sends.len(), effect));
    }

    /// The next effect, if it is a message.
    #[inline(always)]
    pub fn next_send(&mut self) -> Option<Letter<P::Message>> {
        if self.others.front().is_some_and(|(before, _)| *before == self.sent) {
            return None;
        }
        let letter = self.sends.pop_front()?;
        self.sent += 1;
        Some(letter)
    }

    /// The next effect, if it is none.
    #[inline]
    pub fn next_other(&mut self) -> Option<Effect<P>> {
        if self.is_empty() {
            self.sent = 0;
        }
        if self.others.front()?.0 != self.sent {
            return None;
        }
        self.others.pop_front().map(|(_, effect)| effect)
    }
}

impl<P: Peer> Iterator for Outbox<P> {
    type Item = Effect<P>;

    fn next(&mut self) -> Option<Effect<P>> {
        match self.next_send() {
            Some(Letter { message, conn }) => Some(Effect::Send { conn, message }),
            None => self.next_other(),
        }
    }
}
