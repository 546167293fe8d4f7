//! GGEP: extension blocks inside other payloads (draft 0.6, 2.3).

/// A block of extensions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ggep;

/// One extension of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension;
