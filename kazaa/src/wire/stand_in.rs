//! Until the wire is merged.
use std::net::SocketAddrV4;
use super::*;
use common::user;

impl Reply {
    pub fn new(supernode: SocketAddrV4, id: u16, hits: Box<[Hit]>) -> Reply {
        Reply { supernode, id, hits }
    }
}
impl Realm {
    pub fn of_name(_: &str) -> Realm { Realm::Any }
}
impl Query {
    pub fn for_user(wanted: &user::Query, id: u16, results_max: u16) -> Option<Query> {
        let terms = [Term { comparison: Comparison::Substring, field: Field(0), value: wanted.words.as_bytes().into() }];
        Some(Query { results_max, id, realm: Realm::Any, terms: terms.into() })
    }
    pub fn hash(&self) -> Option<[u8; 20]> {
        self.terms.iter().find(|term| term.field == Field(3))?.value[..].try_into().ok()
    }
    pub fn wanted(&self) -> user::Query {
        user::Query::words(String::from_utf8_lossy(&self.terms[0].value))
    }
}
