//! Progress bars on a terminal, nothing elsewhere.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use applecart_io::apply::Progress;

/// The bar that is on the screen, so that an interrupt can take it away.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// Whether bars stay away, because log lines would be written through them.
static OFF: AtomicBool = AtomicBool::new(false);

/// Shows no bars from now on.
pub(super) fn switch_off() {
    OFF.store(true, Ordering::Relaxed);
}

/// Takes the bar off the screen. Never waits: it is called when the program ends.
pub(super) fn clear() {
    if let Ok(mut shown) = SHOWN.try_lock()
        && let Some(bar) = shown.take()
    {
        bar.finish_and_clear();
    }
}

/// Takes the bar aside while something else is written, and draws it again below.
pub(super) fn aside(write: impl FnOnce()) {
    match SHOWN.lock().ok().and_then(|shown| shown.clone()) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// A bar on standard error; indicatif draws it only on a terminal.
pub(super) struct Bar {
    title: &'static str,
    bar: Mutex<Option<ProgressBar>>,
}

impl Bar {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, bar: Mutex::new(None) }
    }

    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        if let Ok(mut bar) = self.bar.lock() {
            act(&mut bar);
        }
    }
}

impl Progress for Bar {
    fn begin(&self, tenants: usize) {
        if OFF.load(Ordering::Relaxed) {
            return;
        }
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.0}", state.per_sec());
        };
        let template = "{msg} {bar:30} {pos}/{len} tenants, {rate}/s, {eta} left";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", rate);
        let bar = ProgressBar::new(u64::try_from(tenants).unwrap_or(u64::MAX)).with_style(style);
        bar.set_message(self.title);
        if let Ok(mut shown) = SHOWN.lock() {
            *shown = Some(bar.clone());
        }
        self.with(|slot| *slot = Some(bar));
    }

    fn advance(&self, _tenant: &str) {
        self.with(|slot| {
            if let Some(bar) = slot {
                bar.inc(1);
            }
        });
    }

    fn end(&self) {
        self.with(|slot| {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
            }
        });
        clear();
    }
}
