//! User authentication and the supernode list.

/// Stand-in.
pub struct Services;
/// Stand-in.
#[derive(Clone, Debug, Default)]
pub struct ServicesConfig;
impl Services {
    /// Stand-in.
    pub fn new(_: ServicesConfig) -> Self { Services }
    /// Stand-in.
    pub fn handle(&mut self, _: common::peer::Event<crate::wire::Message, crate::node::Timer>, _: &mut common::peer::Cx<'_, crate::node::Node>) {}
}
