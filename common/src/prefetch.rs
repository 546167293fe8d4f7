//! Memory that is asked for before it is needed.

/// Asks the processor to fetch a value's first `lines` cache lines, for use some hundred nanoseconds later. Without it a
/// large run waits for memory at every event: the simulator knows the coming nodes, the processor cannot guess them.
#[inline]
pub(crate) fn prefetch<T: ?Sized>(value: &T, lines: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let at = std::ptr::from_ref(value).cast::<i8>().wrapping_add(64 * line);
        // SAFETY: a prefetch reads nothing and faults at no address; it is a hint.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (value, lines);
}
