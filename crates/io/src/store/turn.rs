//! Whose turn it is to move the branch, and removing what a killed process left behind.
//!
//! Git locks a branch with a file that it deletes afterwards. A process that is killed in between
//! leaves the file, and nobody could append until a person deletes it. So Applecart's processes
//! take turns with an operating system's lock, which no dead process holds, and note in its file
//! first that they are about to lock the branch, then which lock file they made. Whoever is on
//! its turn and finds
//!
//! * exactly the lock file that the note names, knows that its maker is dead, and deletes it;
//! * a lock file made within a second after a note that names none (its maker was killed between
//!   the two), deletes it if it is still the same after [`SUSPECT`], hundreds of times longer
//!   than Git keeps one.
//!
//! Any other lock file was made by another program and is only waited for.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "locks and deletes files of the Git directory"
)]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// How long a lock file that is probably left behind must stay before it is deleted.
pub(super) const SUSPECT: Duration = Duration::from_secs(5);

/// How far apart a note and the lock file that it announces can be.
#[cfg(unix)]
const TOGETHER: Duration = Duration::from_secs(1);

/// A note that no lock file has been made yet.
const ANNOUNCED: &str = "about to lock";

/// Every note has this length, so that it is replaced in one write, which no kill can halve.
const NOTE: usize = 128;

/// The turn. Dropping it, or the end of the process, passes it on.
pub(super) struct Turn {
    file: File,
}

/// What asking for the turn gives.
pub(super) enum Asked {
    /// It is ours, the branch was not locked a moment ago, and the note announces that we lock it.
    Ours(Turn),
    /// Another process of Applecart has it.
    Busy,
    /// The branch is locked.
    Locked,
}

impl Turn {
    /// Asks for the turn and removes what a dead process left, for a caller who has found the branch locked for so long.
    pub(super) fn ask(path: &Path, ref_lock: &Path, locked_for: Duration) -> io::Result<Asked> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Asked::Busy),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_left_behind(&mut file, ref_lock, locked_for) {
            match fs::remove_file(ref_lock) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // Announcing now would spoil the note by which the file may still prove to be left behind.
        if fs::symlink_metadata(ref_lock).is_ok() {
            return Ok(Asked::Locked);
        }
        let mut turn = Self { file };
        turn.write(ANNOUNCED)?;
        Ok(Asked::Ours(turn))
    }

    /// Notes the lock file that this process has made just now.
    pub(super) fn note(&mut self, ref_lock: &Path) -> io::Result<()> {
        match identity(ref_lock) {
            Some(identity) => self.write(&identity),
            None => Ok(()),
        }
    }

    /// Takes the announcement back: another program locked the branch first.
    pub(super) fn withdraw(&mut self) -> io::Result<()> {
        self.write("")
    }

    fn write(&mut self, note: &str) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(format!("{note:<NOTE$}\n").as_bytes())
    }
}

/// Whether the lock file is one that a dead process made, by the note in the turn's file.
fn is_left_behind(file: &mut File, ref_lock: &Path, locked_for: Duration) -> bool {
    let mut note = String::new();
    // A note that cannot be read names no file, and then nothing is deleted.
    if file.take(2 * NOTE as u64).read_to_string(&mut note).is_err() {
        return false;
    }
    match note.trim_end() {
        "" => false,
        ANNOUNCED => locked_for >= SUSPECT && is_announced(file, ref_lock).unwrap_or(false),
        named => identity(ref_lock).as_deref() == Some(named),
    }
}

/// Whether the lock file was made directly after the note was written.
#[cfg(unix)]
fn is_announced(file: &File, ref_lock: &Path) -> io::Result<bool> {
    let made = fs::symlink_metadata(ref_lock)?.created()?;
    let noted = file.metadata()?.modified()?;
    Ok(made.duration_since(noted).is_ok_and(|after| after <= TOGETHER))
}

/// Which file this is: device, inode and the instant it was made, because inodes are used again.
/// Unknown where the system does not tell all three; then nothing is ever deleted.
#[cfg(unix)]
fn identity(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::symlink_metadata(path).ok()?;
    let made = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("made {} {} {}", metadata.dev(), metadata.ino(), made.as_nanos()))
}

// Windows gives a file that is made again within seconds the creation time of the old one, so
// there the two cannot be told apart and nothing is deleted.
#[cfg(not(unix))]
fn is_announced(_: &File, _: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    struct World {
        dir: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn lock(&self) -> std::path::PathBuf {
            self.dir.path().join("ledger.lock")
        }

        fn ask(&self, locked_for: Duration) -> Asked {
            Turn::ask(&self.dir.path().join("turn"), &self.lock(), locked_for).unwrap()
        }

        fn turn(&self) -> Turn {
            match self.ask(Duration::ZERO) {
                Asked::Ours(turn) => turn,
                _ => panic!("not ours"),
            }
        }
    }

    #[test]
    fn the_noted_lock_file_of_a_dead_process_is_deleted_at_once() {
        let world = World::new();
        let mut turn = world.turn();
        fs::write(world.lock(), "").unwrap();
        turn.note(&world.lock()).unwrap();
        assert!(matches!(world.ask(SUSPECT), Asked::Busy), "one at a time");
        assert!(world.lock().exists(), "its maker lives");
        drop(turn);
        world.turn();
        assert!(!world.lock().exists());
    }

    #[test]
    fn a_lock_file_made_directly_after_the_announcement_is_deleted_when_it_stays() {
        let world = World::new();
        drop(world.turn());
        fs::write(world.lock(), "").unwrap();
        for _ in 0..3 {
            assert!(matches!(world.ask(Duration::ZERO), Asked::Locked));
        }
        assert!(matches!(world.ask(SUSPECT), Asked::Ours(_)));
        assert!(!world.lock().exists());
    }

    #[test]
    fn a_lock_file_that_another_program_made_is_left_alone() {
        let world = World::new();
        fs::write(world.lock(), "").unwrap();
        assert!(matches!(world.ask(SUSPECT), Asked::Locked), "no note at all");
        fs::remove_file(world.lock()).unwrap();

        let mut turn = world.turn();
        turn.withdraw().unwrap();
        drop(turn);
        fs::write(world.lock(), "").unwrap();
        assert!(matches!(world.ask(SUSPECT), Asked::Locked), "the announcement was withdrawn");
        fs::remove_file(world.lock()).unwrap();

        drop(world.turn());
        std::thread::sleep(TOGETHER + Duration::from_millis(100));
        fs::write(world.lock(), "").unwrap();
        assert!(matches!(world.ask(SUSPECT), Asked::Locked), "it was made much later");
        fs::remove_file(world.lock()).unwrap();

        let mut turn = world.turn();
        fs::write(world.lock(), "").unwrap();
        turn.note(&world.lock()).unwrap();
        drop(turn);
        fs::write(world.dir.path().join("other"), "").unwrap();
        fs::rename(world.dir.path().join("other"), world.lock()).unwrap();
        assert!(matches!(world.ask(SUSPECT), Asked::Locked), "the note names another file");
        assert!(world.lock().exists());
    }

    #[test]
    fn a_turn_file_full_of_rubbish_deletes_nothing() {
        let world = World::new();
        for rubbish in [&b"\xff\xfe"[..], &[b'x'; 4096], b"made 1 2 3"] {
            fs::write(world.dir.path().join("turn"), rubbish).unwrap();
            fs::write(world.lock(), "").unwrap();
            assert!(matches!(world.ask(SUSPECT), Asked::Locked));
        }
    }
}
