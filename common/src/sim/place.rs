//! Where one event waits for its time.

use std::mem::MaybeUninit;

/// What `Option<(u64, T)>` is, with the time as the tag. `Option` hides its tag in a byte of the value if it can, and the
/// compiler then moves the value as that byte and the odd rest: the processor, asked for the whole soon after, has to wait
/// until both have reached the cache. Here a value is moved as it is. The simulator's loop would
/// lose a fifth of its rate otherwise. A tag apart from both would cost each event eight bytes.
pub(super) struct Place<T> {
    /// When; [`Place::NEVER`] exactly while there is no value.
    at: u64,
    value: MaybeUninit<T>,
}

/// A place to be filled with something for this time.
pub(super) struct Vacant<'a, T> {
    at: u64,
    place: &'a mut Place<T>,
}

impl<T> Vacant<'_, T> {
    #[inline(always)]
    pub fn put(self, value: T) {
        self.place.value.write(value);
        self.place.at = self.at;
    }
}

impl<T> Place<T> {
    const NEVER: u64 = u64::MAX;
    /// The latest time that something can wait for.
    pub const LAST: u64 = Self::NEVER - 1;

    pub const fn empty() -> Self {
        Place { at: Self::NEVER, value: MaybeUninit::uninit() }
    }

    /// Has this place filled, for a time up to [`Place::LAST`]. It must be empty: another value that was there would never be
    /// dropped.
    #[inline(always)]
    pub fn vacant(&mut self, at: u64) -> Vacant<'_, T> {
        debug_assert!(self.at == Self::NEVER, "a place holds one value");
        debug_assert!(at <= Self::LAST, "nothing waits for ever");
        Vacant { at, place: self }
    }

    /// When; meaningless for an empty place.
    pub fn at(&self) -> u64 {
        self.at
    }

    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: there is a value.
        (self.at != Self::NEVER).then(|| unsafe { self.value.assume_init_ref() })
    }

    /// Takes the value out of a full place.
    #[inline(always)]
    pub fn take(&mut self) -> T {
        assert!(self.at != Self::NEVER, "what is taken has been put there");
        self.at = Self::NEVER;
        // SAFETY: there was a value, and from here on it is the caller's alone.
        unsafe { self.value.assume_init_read() }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if self.at != Self::NEVER {
            // SAFETY: there is a value, and nobody can reach it any more.
            unsafe { self.value.assume_init_drop() };
        }
    }
}
