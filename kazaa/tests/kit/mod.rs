//! What the tests of this crate share.
//!
//! | part | is |
//! |---|---|
//! | [`files`] | files to share, and hits that tell of them |
//! | [`live`] | a node on a loopback socket, for [`common::testing::live`] |
//! | [`overlay`] | supernodes and ordinary nodes on the simulator, that join, search, rise, step down and crash |
//! | [`alone`] | one node alone that shares a file or fetches one, spoken to in bytes by holders and downloaders |
//! | [`transfers`] | those who have files and want them, on the simulator |
//! | [`world`] | one node that fetches, and holders that are played by the test |
//! | [`raw`] | one node alone, spoken to in bytes by children, parents and neighbours that the test plays |
#![allow(dead_code, reason = "each test program uses a part of the kit")]

pub mod alone;
pub mod files;
pub mod live;
pub mod overlay;
pub mod raw;
pub mod transfers;
pub mod world;
