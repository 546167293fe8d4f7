//! Going under seal for a file, wherever both sides can.
//!
//! | the downloader's side | event | then |
//! |---|---|---|
//! | plain | asks for a range, and [`Knobs::seals_transfers`](crate::config::Knobs::seals_transfers) | offered, by two lines beside the request |
//! | offered | 101 | sealed: both sides go on under seal, and the answer to the request comes there |
//! | offered | any other answer | declined: it is the request's, in the plain; nothing is offered again on this connection |
//!
//! | the holder's side | event | then |
//! |---|---|---|
//! | plain | a request with the offer, and the same knob | sealing: 101, and the request is kept |
//! | sealing | the seal's handshake is through | sealed: the request is answered |
//!
//! It is opportunistic. Who only listens learns which content was asked for, by its hash, and by whom, for both stand in the first
//! request of each connection, and nothing of what is sent; who can change what passes can take the offer away, and is then as before. The
//! keys are not compared with anything: any node may serve any content, and what it sends is measured by its hash.

use common::http::{Request, Response};

use crate::wire::upgrade::{agrees, ask_seal};

/// See the module's first table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum SourceSeal {
    #[default]
    Plain,
    Offered,
    Declined,
    Sealed,
}

impl SourceSeal {
    /// A request as it is sent, with the offer if it may be made.
    pub(super) fn ask(&mut self, request: Request, is_wanted: bool) -> Request {
        if *self == SourceSeal::Plain && is_wanted {
            *self = SourceSeal::Offered;
            return ask_seal(request);
        }
        request.with("Connection", "Keep-Alive")
    }

    /// Whether this answer takes up the offer.
    pub(super) fn agreed(&mut self, response: &Response) -> bool {
        if *self != SourceSeal::Offered {
            return false;
        }
        let agreed = agrees(response);
        *self = if agreed { SourceSeal::Sealed } else { SourceSeal::Declined };
        agreed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::upgrade::{agree, asks_seal};

    #[test]
    fn an_offer_is_made_once_and_only_an_offer_is_taken_up() {
        let mut seal = SourceSeal::default();
        assert!(!seal.agreed(&agree()), "nothing was offered");
        assert!(!asks_seal(&seal.ask(Request::get("/"), false)));
        assert!(asks_seal(&seal.ask(Request::get("/"), true)));
        assert!(!seal.agreed(&Response::new(206)));
        assert!(!asks_seal(&seal.ask(Request::get("/"), true)), "it was declined");
        assert!(!seal.agreed(&agree()), "too late");
    }

    #[test]
    fn a_connection_is_sealed_once() {
        let mut seal = SourceSeal::default();
        let offer = seal.ask(Request::get("/"), true);
        assert!(asks_seal(&offer) && seal.agreed(&agree()));
        assert!(!asks_seal(&seal.ask(Request::get("/"), true)) && !seal.agreed(&agree()));
    }
}
