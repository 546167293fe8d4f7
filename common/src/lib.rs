//! What the overlays share: one contract, two drivers, one file store, one keyword index.
//!
//! A peer-to-peer system here is a set of **peers**: state machines that own no socket, clock, file or
//! thread. A **driver** runs them. [`tcp`] runs them over real sockets, [`sim`] under virtual time, and a
//! peer cannot tell which of the two it lives in.
//!
//! | module | what it is |
//! |---|---|
//! | [`peer`] | the contract: events in, effects out; read it first |
//! | [`user`] | what a user asks of a peer and is told |
//! | [`wire`] | messages, codecs, their errors |
//! | [`seal`] | sealed connections: the handshake and the records, without I/O |
//! | [`http`] | HTTP/1.1 heads without I/O |
//! | [`transfer`] | downloads from many sources at once, upload slots and queues, without I/O |
//! | [`index`] | the keyword index of servers, supernodes and the torrent site |
//! | [`catalog`] | synthetic and real content, popularity, who has what, ground truth |
//! | [`store`] | memory, disk, synthetic and faulty files behind one positional interface |
//! | [`digest`] | content hashes |
//! | [`net`] | nodes, addresses, access lines |
//! | [`metrics`] | what drivers count |
//! | [`tcp`] | the real driver |
//! | [`sim`] | the simulator |
//! | `cli` | what the command lines share (a feature) |
//! | [`testing`] | the `Swarm` kit, a peer alone with scripted connections, a raw-bytes fake peer |

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
mod conn;
pub mod digest;
mod event;
pub mod http;
pub mod index;
pub mod metrics;
pub mod net;
mod outbox;
pub mod peer;
mod pinholes;
mod prefetch;
pub mod seal;
pub mod sim;
pub mod store;
pub mod tcp;
pub mod testing;
pub mod transfer;
pub mod user;
pub mod wire;
