//! KaZaA: ordinary nodes tell a supernode what they share, and supernodes ask each other.

pub mod config;
pub mod node;
pub mod ordinary;
pub mod services;
pub mod supernode;
pub mod ticket;
pub mod wire;
