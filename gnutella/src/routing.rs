//! Which link a descriptor came by: what answers are led back with, and duplicates known by.

/// Ids of descriptors and the links they came by, bounded in number and age.
#[derive(Debug, Default)]
pub struct RouteTable {}
