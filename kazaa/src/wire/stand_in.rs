//! Until the wire is merged.
use std::net::SocketAddrV4;
use super::*;
use common::user;

impl Hello {
    pub const OURS: Hello = Hello { rand: 0xfa00_b62b, seed: 0xfacb_1238, masked_types: 0x3209_d232 };
    pub fn accepted(&self) -> SessionKey {
        SessionKey { is_supernode: true, child_seed: self.seed, supernode_seed: 0x1234_5678, types: 1 }
    }
}
impl Accept {
    pub const OURS: Accept = Accept { seed: 0x1234_5678, masked_types: 0x0a56_0343 };
    pub fn types(&self) -> Option<u32> {
        (self.seed == 0x1234_5678).then_some(self.masked_types ^ 0x0a56_0342)
    }
}
impl UserInfo {
    pub fn new(address: SocketAddrV4, kbps: u32, user: &str) -> UserInfo {
        UserInfo { address, bandwidth: (14.0 * f64::from(kbps.max(1)).log2() + 59.0).min(209.0) as u8, user: user.into() }
    }
}
pub fn kbps_of(byte: u8) -> u32 {
    ((f64::from(byte) - 59.0) / 14.0).exp2() as u32
}
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
