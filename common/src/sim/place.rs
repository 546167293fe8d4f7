//! Where one value is put and taken from again.

use std::mem::MaybeUninit;

/// What `Option` is, with the tag apart from the value. `Option` hides its tag in a byte of the value if it can, and the
/// compiler then moves the value as that byte and the odd rest: the processor, asked for the whole soon after, has to wait
/// until both have reached the cache. Here a value is moved as it is. The simulator's loop would
/// lose a fifth of its rate otherwise.
pub(super) struct Place<T> {
    /// True exactly while there is a value.
    full: bool,
    value: MaybeUninit<T>,
}

impl<T> Place<T> {
    pub const fn empty() -> Self {
        Place { full: false, value: MaybeUninit::uninit() }
    }

    /// Puts a value into an empty place. (Another that was there would never be dropped.)
    #[inline(always)]
    pub fn put(&mut self, value: T) {
        debug_assert!(!self.full, "a place holds one value");
        self.value.write(value);
        self.full = true;
    }

    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: there is a value.
        self.full.then(|| unsafe { self.value.assume_init_ref() })
    }

    /// Takes the value out of a full place.
    #[inline(always)]
    pub fn take(&mut self) -> T {
        assert!(self.full, "what is taken has been put there");
        self.full = false;
        // SAFETY: there was a value, and from here on it is the caller's alone.
        unsafe { self.value.assume_init_read() }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        if self.full {
            // SAFETY: there is a value, and nobody can reach it any more.
            unsafe { self.value.assume_init_drop() };
        }
    }
}
