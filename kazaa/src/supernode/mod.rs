//! A mini-Napster for its children.
