//! Progress bars on a terminal, nothing elsewhere.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use crate::apply::Progress;

/// A bar on standard error; indicatif draws it only on a terminal.
#[derive(Default)]
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
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {per_sec} eta {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(u64::try_from(tenants).unwrap_or(u64::MAX)).with_style(style);
        bar.set_message(self.title);
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
    }
}
