//! The apply lock: one apply at a time in a clone, and the proof that a run is dead.
//!
//! The lock is the operating system's, on a file in the Git directory that all worktrees share.
//! The system takes it back when its process ends, however it ends, so nothing has to be cleaned
//! up after a crash. Whoever writes `intended` lines must hold it until its last write: then a
//! process that holds it knows that no other run of this clone can still be writing.
//!
//! Beside it, two commands that replace a sealed file take turns with `worktree.lock` ([`replacing`]).
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "locks a file")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::append::STATE_FOLDER;
use super::clone_id::CloneId;
use super::error::{LockError, LockedFor};
use crate::seams::Clock;
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Timestamp, safe_text};

/// How long to sleep between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// More than a holder ever writes about itself.
const MAX_HOLDER: u64 = 512;

/// What a holder tells others about itself, for their message only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub run: String,
    pub host: Option<String>,
    pub since: Timestamp,
}

/// The held lock. Dropping it, or the end of the process, frees it.
#[derive(Debug)]
pub struct ApplyLock {
    file: File,
    clone: CloneId,
}

impl ApplyLock {
    /// Takes the lock of the clone with this shared Git directory. With `wait`, keeps trying for
    /// that long; without, says at once that it is held.
    pub fn acquire(
        common_git_dir: &Path,
        holder: &Holder,
        wait: Option<(&dyn Clock, Duration)>,
    ) -> Result<Self, LockError> {
        let path = common_git_dir.join(STATE_FOLDER).join("apply.lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = take(&path, LockedFor::Apply, wait)?;
        // The text only helps people, so a full disk must not stop an apply here.
        let _ = write_holder(&mut file, holder);
        let lock = file.metadata().map_err(io)?;
        let clone = CloneId::of(common_git_dir)?.locked_with(&lock);
        Ok(Self { file, clone })
    }

    /// The id of the clone and its lock file, which the run's entries have to name.
    pub fn clone_id(&self) -> &CloneId {
        &self.clone
    }

    /// The runs with unfinished sendings that holding this lock proves dead: all that held this very
    /// lock file, except the one that holds it now. A clean-up may have deleted the file that a living
    /// run still holds.
    ///
    /// The view must have been read while the lock is held.
    pub fn dead_runs(&self, view: &LedgerView, own_run: &str) -> BTreeSet<String> {
        view.tenants
            .values()
            .flat_map(|ledger| ledger.all_unfinished())
            .filter(|sending| sending.clone_id() == self.clone.as_str())
            .map(|sending| sending.run())
            .filter(|&run| run != own_run)
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for ApplyLock {
    fn drop(&mut self) {
        // The file stays: deleting it would let a process that waits lock a file nobody else sees.
        let _ = self.file.set_len(0);
    }
}

/// Held by a run of this clone that tells people: what another run of it claimed and did not finish, it
/// will not finish any more.
#[derive(Debug)]
pub struct TellingLock {
    _file: File,
}

impl TellingLock {
    /// Takes the lock; keeps trying for as long as `wait` says.
    pub fn acquire(
        common_git_dir: &Path,
        holder: &Holder,
        wait: (&dyn Clock, Duration),
    ) -> Result<Self, LockError> {
        let path = common_git_dir.join(STATE_FOLDER).join("notify.lock");
        let mut file = take(&path, LockedFor::Telling, Some(wait))?;
        // As with an apply, the text only helps people.
        let _ = write_holder(&mut file, holder);
        Ok(Self { _file: file })
    }
}

/// Locks a file, which is made where there is none.
fn take(
    path: &Path,
    by: LockedFor,
    mut wait: Option<(&dyn Clock, Duration)>,
) -> Result<File, LockError> {
    let io = |source| LockError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(io)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(io(source)),
            Err(TryLockError::WouldBlock) => match &mut wait {
                Some((clock, left)) if !left.is_zero() => {
                    let pause = PAUSE.min(*left);
                    clock.pause(pause);
                    *left -= pause;
                }
                _ => {
                    let holder = read_holder(&mut file);
                    return Err(LockError::Held { by, path: path.to_owned(), holder });
                }
            },
        }
    }
}

/// Replaces files of the worktree while no other process of this clone does, so that a file which was
/// just found to be as it was read is still so when it is replaced.
///
/// It is a lock of its own, held for the moment of the replacing only: under the apply lock, sealing a
/// file would wait for every upload.
///
/// # Errors
/// When the lock file cannot be used.
pub fn replacing<T>(common_git_dir: &Path, replace: impl FnOnce() -> T) -> Result<T, LockError> {
    let folder = common_git_dir.join(STATE_FOLDER);
    let path = folder.join("worktree.lock");
    let io = |source| LockError::Io { path: path.clone(), source };
    fs::create_dir_all(&folder).map_err(io)?;
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    file.lock().map_err(io)?;
    Ok(replace())
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    let pid = std::process::id();
    let host = holder.host.as_deref().unwrap_or("this machine");
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "run {} (process {pid} on {host}, since {})", holder.run, holder.since)
}

/// What the holder wrote, made harmless; nothing where the system keeps others from reading it.
fn read_holder(file: &mut File) -> Option<String> {
    let mut text = Vec::new();
    file.rewind().ok()?;
    file.take(MAX_HOLDER).read_to_end(&mut text).ok()?;
    let text = safe_text(String::from_utf8_lossy(&text).trim_end());
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::seams::MachineClock;
    use crate::store::testing::{at, intent, sha, tenant};
    use applecart_core::ledger::TenantLedger;
    use applecart_core::model::LedgerEntry;

    fn holder(run: &str) -> Holder {
        Holder { run: run.into(), host: Some("desk".into()), since: at(0) }
    }

    #[test]
    fn a_held_lock_is_reported_with_what_its_holder_says() {
        let dir = tempfile::tempdir().unwrap();
        let held = ApplyLock::acquire(dir.path(), &holder("run-1"), None).unwrap();
        let error = ApplyLock::acquire(dir.path(), &holder("run-2"), None).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("run-1") && text.contains("desk"), "{text}");
        assert!(text.contains("apply.lock"), "{text}");
        drop(held);
        ApplyLock::acquire(dir.path(), &holder("run-2"), None).unwrap();
    }

    #[test]
    fn a_lock_is_told_by_the_commands_that_take_turns_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (clock, wait): (&dyn Clock, _) = (&MachineClock, Duration::ZERO);
        let telling = |run| TellingLock::acquire(dir.path(), &holder(run), (clock, wait));
        let _held = telling("run-1").unwrap();
        let text = telling("run-2").unwrap_err().to_string();
        assert!(text.starts_with("another notify or ticket is running"), "{text}");
        let _apply = ApplyLock::acquire(dir.path(), &holder("run-3"), None).unwrap();
        let text = ApplyLock::acquire(dir.path(), &holder("run-4"), None).unwrap_err().to_string();
        assert!(text.starts_with("another apply is running"), "{text}");
    }

    #[test]
    fn waiting_outlasts_a_short_holder_but_not_a_long_one() {
        let dir = tempfile::tempdir().unwrap();
        let held = ApplyLock::acquire(dir.path(), &holder("run-1"), None).unwrap();
        let clock: &dyn Clock = &MachineClock;
        let brief = Some((clock, Duration::from_millis(150)));
        assert!(ApplyLock::acquire(dir.path(), &holder("run-2"), brief).is_err());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                drop(held);
            });
            let long = Some((clock, Duration::from_secs(30)));
            ApplyLock::acquire(dir.path(), &holder("run-2"), long).unwrap();
        });
    }

    #[test]
    fn what_a_holder_wrote_cannot_play_with_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let bad = holder("run\u{1b}[2J\nError: all tenants lost");
        let _held = ApplyLock::acquire(dir.path(), &bad, None).unwrap();
        let text = ApplyLock::acquire(dir.path(), &holder("run-2"), None).unwrap_err().to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }

    #[test]
    fn a_lock_file_that_was_deleted_under_a_living_run_does_not_prove_it_dead() {
        let dir = tempfile::tempdir().unwrap();
        let living = ApplyLock::acquire(dir.path(), &holder("run-1"), None).unwrap();
        let line = intent(0, "run-1", sha("a"));
        let line = LedgerEntry { clone: living.clone_id().to_string(), ..line };
        let tenants = BTreeMap::from([(tenant(1), TenantLedger::from_entries(vec![line]))]);
        let view = LedgerView { tenants, ..LedgerView::default() };

        fs::remove_file(dir.path().join(STATE_FOLDER).join("apply.lock")).unwrap();
        let other = ApplyLock::acquire(dir.path(), &holder("run-2"), None).unwrap();
        assert_eq!(other.dead_runs(&view, "run-2"), BTreeSet::new());
        drop(other);
        // The same file again proves it.
        let dir = tempfile::tempdir().unwrap();
        let id = ApplyLock::acquire(dir.path(), &holder("run-1"), None).unwrap().clone.clone();
        let again = ApplyLock::acquire(dir.path(), &holder("run-2"), None).unwrap();
        assert_eq!(again.clone, id);
    }

    #[test]
    fn holding_the_lock_proves_every_other_run_of_this_clone_dead() {
        let dir = tempfile::tempdir().unwrap();
        let lock = ApplyLock::acquire(dir.path(), &holder("me"), None).unwrap();
        let here =
            |run| LedgerEntry { clone: lock.clone_id().to_string(), ..intent(0, run, sha(run)) };
        let elsewhere = intent(0, "run-3", sha("c"));
        let ledger = |draft| TenantLedger::from_entries(vec![draft]);
        let view = LedgerView {
            tenants: BTreeMap::from([
                (tenant(1), ledger(here("run-1"))),
                (tenant(2), ledger(here("me"))),
                (tenant(3), ledger(elsewhere)),
            ]),
            ..LedgerView::default()
        };
        assert_eq!(lock.dead_runs(&view, "me"), BTreeSet::from(["run-1".to_owned()]));
    }
}
