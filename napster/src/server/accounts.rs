//! Registered nicks and their passwords.
//!
//! The protocol sends passwords in clear, so a password is worth nothing to whoever listens. What a server stores
//! need not give away more: a random salt and the SHA-1 of salt and password. That stops a glance at the file, not
//! a determined attacker, for whom SHA-1 is too fast.
//!
//! The records have a line for each registration and for each time that a registered user goes; the last one counts.

use std::collections::BTreeMap;

use common::digest::{Algorithm, Digest};

use crate::wire::Token;

/// The registered nicks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    by_nick: BTreeMap<Token, Account>,
}

/// One registered nick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The nick as it was registered, case kept.
    pub nick: Token,
    salt: u64,
    hash: Digest,
    /// When last seen, seconds of the Unix epoch.
    pub last_seen_s: u64,
}

fn hash(salt: u64, password: &Token) -> Digest {
    Algorithm::Sha1.of(&[&salt.to_be_bytes(), password.as_bytes()].concat())
}

impl Account {
    /// True if this is the password.
    pub fn accepts(&self, password: &Token) -> bool {
        hash(self.salt, password) == self.hash
    }

    /// The account as a line of text: nick, salt, hash, last seen.
    pub fn to_line(&self) -> String {
        format!("{} {:016x} {} {}", self.nick.text(), self.salt, self.hash, self.last_seen_s)
    }

    /// Reads such a line.
    pub fn from_line(line: &str) -> Option<Account> {
        let mut fields = line.split(' ');
        let nick = Token::from_text(fields.next()?)?;
        let salt = u64::from_str_radix(fields.next()?, 16).ok()?;
        let hex = fields.next()?.as_bytes();
        let mut hash = [0; 20];
        for (byte, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        let last_seen_s = fields.next()?.parse().ok()?;
        (hex.len() == 40).then_some(Account { nick, salt, hash: Digest::Sha1(hash), last_seen_s })
    }
}

impl Accounts {
    /// The account of a nick, whatever its case.
    pub fn get(&self, nick: &Token) -> Option<&Account> {
        self.by_nick.get(&nick.folded())
    }

    /// Stores a nick, in place of an older account of the same name.
    pub fn register(&mut self, nick: &Token, password: &Token, salt: u64, now_s: u64) -> &Account {
        let account = Account { nick: nick.clone(), salt, hash: hash(salt, password), last_seen_s: now_s };
        self.add(account)
    }

    /// Stores an account, in place of an older one of the same name.
    pub fn add(&mut self, account: Account) -> &Account {
        let key = account.nick.folded();
        self.by_nick.insert(key.clone(), account);
        &self.by_nick[&key]
    }

    /// Notes that a nick was seen, if it is registered.
    pub fn seen(&mut self, nick: &Token, now_s: u64) -> Option<&Account> {
        let account = self.by_nick.get_mut(&nick.folded())?;
        account.last_seen_s = now_s;
        Some(account)
    }

    /// All accounts, by nick.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.by_nick.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_nick.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_nick.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_survives_as_a_line_and_hides_its_password() {
        let token = |text: &str| Token::from_text(text).unwrap();
        let mut accounts = Accounts::default();
        let line = accounts.register(&token("Alice"), &token("secret"), 7, 99).to_line();
        assert!(!line.contains("secret"));
        let account = Account::from_line(&line).unwrap();
        assert_eq!(Some(&account), accounts.get(&token("aLICE")));
        assert!(account.accepts(&token("secret")) && !account.accepts(&token("Secret")));
        for bad in ["", "alice", "alice 07 zz 1", "alice 07 00 1"] {
            assert_eq!(Account::from_line(bad), None, "{bad}");
        }
    }
}
