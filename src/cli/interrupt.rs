//! Ctrl-C, SIGTERM, and SIGHUP of a terminal that was closed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::progress;
use applecart_core::model::Outcome;

/// Ends the program on the first signal. Only for commands that write nothing: there is nothing to
/// finish, so whatever is under way (a read of Graph, a fetch) is simply left. A folder of temporary
/// files goes first.
///
/// Where signals cannot be had, the system's own way of ending a program stays as it is.
#[expect(clippy::disallowed_methods, reason = "nothing else removes it when the process ends here")]
pub(super) fn end_at_once(temporary: Option<PathBuf>) {
    on_signal(move || {
        progress::clear();
        if let Some(folder) = temporary {
            let _ = std::fs::remove_dir_all(folder);
        }
        leave()
    });
}

/// Waits so long, with nothing under way; whether no signal ended it.
pub(super) fn wait(time: std::time::Duration) -> bool {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return false;
    };
    runtime.block_on(async { tokio::time::timeout(time, signal()).await.is_err() })
}

/// For a command that writes: until then the first signal ends it at once, with the exit code of an
/// interruption; from then on it finishes what is under way.
pub(super) struct Signals(Arc<OnceLock<Writing>>);

struct Writing {
    stop: Arc<AtomicBool>,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Signals {
    pub(super) fn watch() -> Self {
        let writing: Arc<OnceLock<Writing>> = Arc::default();
        let seen = Arc::clone(&writing);
        on_signal(move || match seen.get() {
            Some(writing) => {
                writing.stop.store(true, Ordering::Relaxed);
                progress::clear();
                (writing.tell)();
            }
            None => {
                progress::clear();
                leave()
            }
        });
        Self(writing)
    }

    /// The flag that a signal sets from now on, which is told to the person.
    pub(super) fn writes_begin(&self, tell: impl Fn() + Send + Sync + 'static) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        let writing = Writing { stop: Arc::clone(&stop), tell: Box::new(tell) };
        // Writes begin once in a process.
        let _ = self.0.set(writing);
        stop
    }
}

/// Asks a command that runs until it is told to stop to do so; a second signal ends it at once.
#[cfg(feature = "controller")]
pub(super) fn ask_then_end(ask: impl FnOnce() + Send + 'static) {
    let mut ask = Some(ask);
    on_signals(move || match ask.take() {
        Some(ask) => ask(),
        None => leave(),
    });
}

fn on_signal(act: impl FnOnce() + Send + 'static) {
    let mut act = Some(act);
    on_signals(move || {
        if let Some(act) = act.take() {
            act();
        }
    });
}

fn on_signals(mut act: impl FnMut() + Send + 'static) {
    let watch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async {
            while signal().await.is_some() {
                act();
            }
        });
        Some(())
    };
    // Without the thread, the signal ends the program by itself.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
}

#[expect(clippy::exit, reason = "the other threads may wait for a network that never answers")]
fn leave() {
    std::process::exit(i32::from(Outcome::Interrupted.code()))
}

#[cfg(unix)]
async fn signal() -> Option<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).ok()?;
    let mut terminate = signal(SignalKind::terminate()).ok()?;
    let mut hangup = match is_hangup_ignored() {
        true => None,
        false => signal(SignalKind::hangup()).ok(),
    };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hung_up => {}
    }
    Some(())
}

/// Whether whoever started the program, `nohup` for one, wants it to outlive the terminal.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the kernel alone knows what was inherited")]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 has the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Not to be had here. After `nohup`, what is under way is finished and recorded all the same.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_hangup_ignored() -> bool {
    false
}

/// Ctrl-C and Ctrl-Break, and what stands for a hang-up there: a window that is closed, a user who signs
/// out, a machine that shuts down. The system waits some seconds for these before it ends the program.
#[cfg(windows)]
async fn signal() -> Option<()> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (mut interrupt, mut stop) = (ctrl_c().ok()?, ctrl_break().ok()?);
    let (mut close, mut logoff) = (ctrl_close().ok()?, ctrl_logoff().ok()?);
    let mut shutdown = ctrl_shutdown().ok()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = stop.recv() => {}
        _ = close.recv() => {}
        _ = logoff.recv() => {}
        _ = shutdown.recv() => {}
    }
    Some(())
}
