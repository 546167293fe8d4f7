//! Who has an account, and with which password.
//!
//! Of a password only its Argon2id hash is kept, in the PHC string format with salt and cost, which is also how the records
//! have it. A login to a name that nobody has costs as much time as one with a wrong password, so that the services' clock does
//! not tell who is a user. Salts need only differ from each other, so they may come from the node's random stream.
//!
//! A hash takes tens of milliseconds, so that it is a piece of work of its own ([`Hashing`]): made of the accounts, done wherever there
//! is time for it, and its result brought back.

use std::collections::BTreeMap;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

use crate::ticket::is_user_name;
use crate::wire::{PASSWORD_BYTES_MAX, Refusal};

/// The first word of an account's line in the records.
const RECORD: &str = "account";

/// What a password's hash costs whoever computes it (RFC 9106, 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashCost {
    /// Memory, in KiB: 8 for each lane at least.
    pub memory_kib: u32,
    /// How often all of it is passed over.
    pub passes: u32,
    /// Parts that could be computed at the same time.
    pub lanes: u32,
}

impl Default for HashCost {
    /// OWASP's Password Storage Cheat Sheet: at least 19 MiB, two passes, one lane.
    fn default() -> Self {
        HashCost { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl HashCost {
    /// The cheapest there is, for simulations and tests: a few microseconds.
    pub const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
    /// The dearest that records may ask for: with more, a line of a file could stop the services.
    pub const MAX: HashCost = HashCost { memory_kib: 256 * 1024, passes: 16, lanes: 16 };

    fn argon2(self) -> Result<Argon2<'static>, argon2::Error> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    fn is_bearable(params: &Params) -> bool {
        let max = HashCost::MAX;
        params.m_cost() <= max.memory_kib && params.t_cost() <= max.passes && params.p_cost() <= max.lanes
    }
}

/// One user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The name as it was registered.
    name: Box<str>,
    /// The PHC string.
    hash: Box<str>,
}

impl Account {
    /// The name as it was registered, case kept.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account as a line of the records.
    pub fn to_line(&self) -> String {
        format!("{RECORD} {} {}", self.name, self.hash)
    }

    /// Reads such a line; `None` if it is no account, or one whose hash nobody could bear to compute.
    pub fn from_line(line: &str) -> Option<Account> {
        let mut words = line.split(' ');
        let (record, name, hash) = (words.next()?, words.next()?, words.next()?);
        let parsed = PasswordHash::new(hash).ok()?;
        let is_ours = record == RECORD
            && words.next().is_none()
            && is_user_name(name)
            && parsed.algorithm.as_str() == "argon2id"
            && parsed.salt.is_some()
            && parsed.hash.is_some()
            && Params::try_from(&parsed).is_ok_and(|params| HashCost::is_bearable(&params));
        is_ours.then(|| Account { name: name.into(), hash: hash.into() })
    }
}

/// A password that is to be hashed, for a registration, or to be held against a hash, for a login.
pub struct Hashing {
    argon2: Argon2<'static>,
    password: Box<str>,
    with: With,
}

enum With {
    Salt([u8; 16]),
    Hash(Box<str>),
}

impl Hashing {
    /// Does it, which takes long; returns the hash in the PHC string format, or nothing if it is another password's.
    pub fn run(self) -> Option<Box<str>> {
        match self.with {
            With::Salt(salt) => Some(hash(&self.argon2, &self.password, salt)),
            // A password that cannot be is looked at no longer than this: it is bounded by the wire.
            With::Hash(hash) => {
                let is_right = PasswordHash::new(&hash)
                    .is_ok_and(|hash| self.argon2.verify_password(self.password.as_bytes(), &hash).is_ok());
                is_right.then_some(hash)
            }
        }
    }
}

/// All users, by name whatever its case.
pub struct Accounts {
    by_name: BTreeMap<Box<str>, Account>,
    max: usize,
    argon2: Argon2<'static>,
    /// The hash that a password is held against if nobody has the name.
    nobody: Box<str>,
}

impl Accounts {
    /// Those that the records have, of which the later one of a name counts.
    ///
    /// # Panics
    /// If no hash can have that cost, or nobody could bear it.
    pub fn new(cost: HashCost, max: usize, known: Vec<Account>) -> Self {
        let argon2 = cost.argon2().expect("a cost that the hash function knows");
        assert!(HashCost::is_bearable(argon2.params()), "{cost:?} is beyond {:?}", HashCost::MAX);
        let nobody = hash(&argon2, "", [0; 16]);
        let mut accounts = Accounts { by_name: BTreeMap::new(), max, argon2, nobody };
        for account in known {
            accounts.by_name.insert(folded(&account.name), account);
        }
        accounts
    }

    /// The first half of a registration.
    ///
    /// # Errors
    /// If the name or the password cannot be, somebody has the name, or there are too many.
    pub fn to_register(&self, name: &str, password: &str, salt: [u8; 16]) -> Result<Hashing, Refusal> {
        if !is_user_name(name) || !is_password(password) {
            return Err(Refusal::Malformed);
        }
        self.has_room_for(name)?;
        Ok(self.hashing(password, With::Salt(salt)))
    }

    /// The second: makes an account of the hash.
    ///
    /// # Errors
    /// If somebody else has taken the name meanwhile, or the last place.
    pub fn registered(&mut self, name: &str, hash: &str) -> Result<&Account, Refusal> {
        self.has_room_for(name)?;
        let account = Account { name: name.into(), hash: hash.into() };
        Ok(self.by_name.entry(folded(name)).or_insert(account))
    }

    /// The first half of a login, which takes the same time whether there is such a user or not.
    pub fn to_login(&self, name: &str, password: &str) -> Hashing {
        let account = self.by_name.get(&folded(name));
        let hash = account.map_or(&self.nobody, |account| &account.hash);
        self.hashing(password, With::Hash(hash.clone()))
    }

    /// The second: the account of that name, if it was the right password.
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`], for one that is not there, too.
    pub fn logged_in(&self, name: &str, is_right: bool) -> Result<&Account, Refusal> {
        self.by_name.get(&folded(name)).filter(|_| is_right).ok_or(Refusal::WrongPassword)
    }

    fn hashing(&self, password: &str, with: With) -> Hashing {
        Hashing { argon2: self.argon2.clone(), password: password.into(), with }
    }

    fn has_room_for(&self, name: &str) -> Result<(), Refusal> {
        if self.by_name.contains_key(&folded(name)) {
            return Err(Refusal::Taken);
        }
        if self.by_name.len() >= self.max { Err(Refusal::Busy) } else { Ok(()) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// True if this can be a password: 1 to [`PASSWORD_BYTES_MAX`] bytes.
pub fn is_password(password: &str) -> bool {
    (1..=PASSWORD_BYTES_MAX).contains(&password.len())
}

/// Names that differ in case alone are one name.
fn folded(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}

fn hash(argon2: &Argon2<'_>, password: &str, salt: [u8; 16]) -> Box<str> {
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password.as_bytes(), &salt)
        .expect("the cost is checked, and passwords and salts of these lengths can be hashed");
    hash.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What decides how long a password is looked at.
    fn work_of(hashing: &Hashing) -> (String, Params, usize) {
        let With::Hash(hash) = &hashing.with else {
            panic!("a login needs a hash to hold the password against")
        };
        let hash = PasswordHash::new(hash).expect("a hash that can be computed");
        let params = Params::try_from(&hash).expect("a cost that the hash function knows");
        (hash.algorithm.as_str().to_owned(), params, hash.hash.expect("with its output").len())
    }

    #[test]
    fn a_login_is_as_much_work_whether_there_is_such_a_user_or_not() {
        let cost = HashCost { memory_kib: 64, ..HashCost::default() };
        let mut accounts = Accounts::new(cost, 10, Vec::new());
        let hash = accounts.to_register("alice", "secret", [1; 16]).unwrap().run().unwrap();
        accounts.registered("alice", &hash).unwrap();
        let [user, nobody] = ["alice", "bob"].map(|name| work_of(&accounts.to_login(name, "guess")));
        assert_eq!(user, nobody);
        assert_eq!(user.1.m_cost(), 64);
        assert_eq!(accounts.to_login("bob", "guess").run(), None);
    }
}
