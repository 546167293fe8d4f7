//! Index, catalog, digests, HTTP heads and downloads: what needs no driver.
//!
//! One program for all of them: each program would compile the drivers once more.

#[path = "../transfer_kit/mod.rs"]
mod transfer_kit;

mod catalog_truth;
mod digest_kazaa;
mod http_corpus;
mod index_large;
mod index_model;
mod transfer_download;
mod transfer_queue;
