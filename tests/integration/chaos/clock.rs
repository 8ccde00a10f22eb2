//! A machine whose clock is wrong, or runs away: the program and its `git` get their time from `libfaketime`.

use std::path::PathBuf;

use super::{BRIEF, Fleet};
use crate::world::hub::Clone;
use crate::world::{Run, finish};

/// Debian's package `libfaketime`, wherever the machine has it.
fn library() -> Option<PathBuf> {
    let named = std::env::var_os("APPLECART_LIBFAKETIME").map(PathBuf::from);
    let folder = format!("/usr/lib/{}-linux-gnu/faketime", std::env::consts::ARCH);
    let found = named.unwrap_or_else(|| PathBuf::from(folder).join("libfaketimeMT.so.1"));
    if !found.is_file() {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "libfaketime is not installed, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: libfaketime is not installed");
        return None;
    }
    Some(found)
}

/// An apply on a machine that shows this time, in libfaketime's words.
fn at(fleet: &Fleet, clone: &Clone<'_>, time: &str) -> Option<Run> {
    let library = library()?;
    let mut command = fleet.command(clone, &["apply", "--yes"]);
    command.env("LD_PRELOAD", library).env("FAKETIME", time).env("FAKETIME_NO_CACHE", "1");
    // What counts how long a request takes goes on as it is: a wrong clock is not a slow one.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let begun = std::time::Instant::now();
    let run = finish(command);
    assert!(begun.elapsed() < BRIEF, "{time}: {:?}", begun.elapsed());
    Some(run)
}

#[test]
fn a_machine_whose_clock_is_wrong_uploads_nothing_and_says_so() {
    std::thread::scope(|scope| {
        for time in ["+11m", "-11m", "+3d", "-3d", "+400d", "-20y"] {
            scope.spawn(move || {
                let fleet = Fleet::of(1);
                let clone = fleet.clone("clone");
                let Some(run) = at(&fleet, &clone, time) else { return };
                assert_ne!(run.code, 0, "{time}: {run:?}");
                assert_eq!(fleet.arrived(), 0, "{time}: {run:?}");
                assert_eq!(fleet.lines().len(), 0, "{time}: nothing is recorded with such a time");
                run.says("clock");
                fleet.ends_well(&clone);
            });
        }
    });
}

#[test]
fn a_clock_that_is_some_minutes_off_keeps_nobody_from_uploading() {
    std::thread::scope(|scope| {
        for time in ["+6m", "-6m"] {
            scope.spawn(move || {
                let fleet = Fleet::of(1);
                let clone = fleet.clone("clone");
                let Some(run) = at(&fleet, &clone, time) else { return };
                run.ends_with(0).says("clock");
                fleet.is_as_git_says(&clone);
            });
        }
    });
}
