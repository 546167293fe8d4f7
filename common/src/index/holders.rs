//! Who holds a record: mostly one user or two, for a few records thousands.

/// How many users fit into the list itself.
const FEW_MAX: usize = 3;

/// A list of users in the order they came.
pub(super) enum Holders {
    Few { len: u8, users: [u32; FEW_MAX] },
    Many(Vec<u32>),
}

const _: () = assert!(size_of::<Holders>() <= 24);

impl Default for Holders {
    fn default() -> Self {
        Holders::Few { len: 0, users: [0; FEW_MAX] }
    }
}

impl Holders {
    /// Adds a user, who must not be there yet.
    pub(super) fn push(&mut self, user: u32) {
        match self {
            Holders::Few { len, users } if usize::from(*len) < FEW_MAX => {
                users[usize::from(*len)] = user;
                *len += 1;
            }
            Holders::Few { users, .. } => {
                let mut many = Vec::with_capacity(2 * FEW_MAX);
                many.extend_from_slice(users);
                many.push(user);
                *self = Holders::Many(many);
            }
            Holders::Many(users) => users.push(user),
        }
    }

    /// Takes a user out and keeps the order of the others. A linear search over neighbouring numbers: ten thousand
    /// take a microsecond or two.
    pub(super) fn remove(&mut self, user: u32) {
        match self {
            Holders::Few { len, users } => {
                let taken = usize::from(*len);
                if let Some(at) = users[..taken].iter().position(|other| *other == user) {
                    users.copy_within(at + 1..taken, at);
                    *len -= 1;
                }
            }
            Holders::Many(users) => {
                if let Some(at) = users.iter().position(|other| *other == user) {
                    users.remove(at);
                }
                if users.len() <= FEW_MAX {
                    let mut few = [0; FEW_MAX];
                    few[..users.len()].copy_from_slice(users);
                    *self = Holders::Few { len: users.len() as u8, users: few };
                } else if users.len() < users.capacity() / 4 {
                    users.shrink_to(users.len() * 2);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The users, the newest last.
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Holders::Few { len, users } => &users[..usize::from(*len)],
            Holders::Many(users) => users,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Holders::Few { .. } => 0,
            Holders::Many(users) => users.capacity() * size_of::<u32>(),
        }
    }
}
