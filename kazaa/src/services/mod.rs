//! User authentication and the supernode list.
