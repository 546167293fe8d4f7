//! Ctrl-C in what takes long: it ends with what there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

/// Ends the program at an interrupt with a word, where there is nothing to show before the end. Workers and agents stop their nodes as their
/// channels close.
///
/// # Errors
/// If the system does not tell of interrupts.
pub(crate) fn end_at_interrupt() -> Result<()> {
    at_interrupt(|| {
        common::tell!("interrupted; nothing is stored, and what was there before is as it was");
        std::process::exit(130)
    })
}

/// A flag that is set at the first interrupt; the second ends the program at once.
///
/// # Errors
/// If the system does not tell of interrupts.
pub(crate) fn stop_at_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    at_interrupt(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        common::tell!("ending with what there is; Ctrl-C once more ends at once");
    })?;
    Ok(stop)
}

/// Has this done at each interrupt.
fn at_interrupt(act: impl Fn() + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot wait for Ctrl-C")?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                act();
            }
        });
    });
    Ok(())
}
