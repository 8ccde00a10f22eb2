//! A disk that is full after so many KiB, at every step of an apply: the clone's, the remote's, and that of
//! temporary files. And folders that nothing can be written to.

use std::path::PathBuf;
use std::time::Instant;

use super::{BRIEF, Fleet};
use crate::world::hub::Clone;
use crate::world::{Run, behind_mounts};

/// Whose disk it is.
#[derive(Clone, Copy, Debug)]
enum Disk {
    Clone,
    Remote,
    Temporary,
}

impl Disk {
    fn folder(self, fleet: &Fleet, clone: &Clone<'_>) -> PathBuf {
        match self {
            Self::Clone => clone.folder.clone(),
            Self::Remote => fleet.hub.folder(),
            Self::Temporary => fleet.temporary(),
        }
    }
}

/// Runs `apply` where this is mounted for it alone. `None` where this machine lets nobody do that.
fn behind(fleet: &Fleet, clone: &Clone<'_>, mounts: &str, afterwards: &str) -> Option<Run> {
    let begun = Instant::now();
    let run = behind_mounts(&fleet.command(clone, &["apply", "--yes"]), mounts, afterwards)?;
    assert!(begun.elapsed() < BRIEF, "it took {:?}", begun.elapsed());
    Some(run)
}

/// What a run that could not do everything has to hold to.
#[track_caller]
fn says_why(fleet: &Fleet, clone: &Clone<'_>, run: &Run, why: &[&str]) {
    fleet.has_sent_nothing_twice();
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(!told.contains("panicked"), "{told}");
    if run.code == 0 {
        return fleet.is_as_git_says(clone);
    }
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(why.iter().any(|why| flat.contains(why)), "{why:?} in: {told}");
}

/// One fleet with so much room left on this disk; whether an apply came to its end.
fn with_room(disk: Disk, kib: u32) -> Option<bool> {
    let fleet = Fleet::of(2);
    let clone = fleet.clone("clone");
    let folder = disk.folder(&fleet, &clone);
    let folder = folder.to_str().unwrap();
    let mounts = format!(
        "cp -a {folder} {folder}.before && mount -t tmpfs -o size=64m tmpfs {folder} && cp -a {folder}.before/. {folder} \
         && {{ head -c 128m /dev/zero >{folder}/filling 2>/dev/null; truncate -s -{kib}K {folder}/filling; }} && cd \"$PWD\""
    );
    // The disk gets room again, and what is on it stays.
    let afterwards = format!("rm {folder}/filling && cp -a {folder} {folder}.after");
    let run = behind(&fleet, &clone, &mounts, &afterwards)?;
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::rename(format!("{folder}.after"), folder).unwrap();
    // Of a lock that it could not write, Git does not say why.
    let why = ["disk is full", "No space left", "couldn't write"];
    says_why(&fleet, &clone, &run, &why);
    println!("{disk:?}, {kib} KiB: ended with {}, {} uploaded", run.code, fleet.arrived());
    let is_whole = run.code == 0;
    if !is_whole {
        fleet.ends_well(&clone);
    }
    Some(is_whole)
}

/// Gives a disk more and more room, until an apply came to its end three times in a row.
fn step_by_step(disk: Disk, step: u32) {
    let (mut whole, mut kib, mut failed) = (0, 0, 0);
    while whole < 3 {
        let Some(is_whole) = with_room(disk, kib) else { return };
        whole = if is_whole { whole + 1 } else { 0 };
        failed += u32::from(!is_whole);
        kib += step;
        assert!(kib < 16 * 1024, "{disk:?}: an apply writes no 16 MiB");
    }
    println!("{disk:?}: {failed} of the sizes up to {kib} KiB were too small");
}

/// A disk with this much room is full in the middle of an apply.
#[test]
fn a_disk_that_is_full_in_the_middle_of_an_apply_loses_nothing() {
    std::thread::scope(|scope| {
        for (disk, kib) in [(Disk::Clone, 40), (Disk::Remote, 40)] {
            scope.spawn(move || with_room(disk, kib));
        }
    });
}

#[test]
#[ignore = "minutes; see docs/reliability.md"]
fn a_disk_that_is_full_at_any_step_of_an_apply_loses_nothing() {
    std::thread::scope(|scope| {
        for disk in [Disk::Clone, Disk::Remote, Disk::Temporary] {
            scope.spawn(move || step_by_step(disk, 8));
        }
    });
}

/// Each folder that a run writes to, one after the other.
#[test]
fn a_folder_that_nothing_can_be_written_to_is_named_and_nothing_is_sent_unrecorded() {
    let folders = [".git", ".git/objects", ".git/refs", ".git/applecart"];
    std::thread::scope(|scope| {
        for part in folders {
            scope.spawn(move || {
                let fleet = Fleet::of(1);
                let clone = fleet.clone("clone");
                // Whoever plans there has the folders that an apply needs.
                fleet.run(&clone, &["plan"]).ends_with(0);
                let folder = clone.folder.join(part);
                std::fs::create_dir_all(&folder).unwrap();
                let folder = folder.to_str().unwrap();
                let mounts =
                    format!("mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && cd \"$PWD\"");
                let Some(run) = behind(&fleet, &clone, &mounts, "true") else { return };
                assert_ne!(run.code, 0, "{part}: {run:?}");
                assert_eq!(fleet.arrived(), 0, "{part}");
                let why = ["ead-only", "cannot be written"];
                says_why(&fleet, &clone, &run, &why);
                fleet.ends_well(&clone);
            });
        }
    });
}
