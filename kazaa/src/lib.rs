//! KaZaA: ordinary nodes tell a supernode what they share, and supernodes ask each other.

pub mod book;
pub mod config;
pub mod election;
pub mod node;
pub mod nodes;
pub mod ordinary;
pub mod selection;
pub mod services;
pub mod supernode;
pub mod ticket;
pub mod widening;
pub mod wire;
