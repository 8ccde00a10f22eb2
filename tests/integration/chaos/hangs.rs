//! Who is asked and never answers: Microsoft at each kind of request, and the remote at each kind of `git`.
//! A run ends within the time that docs/limits.md states, says what it did not do, and a later one does it.

use std::time::{Duration, Instant};

use applecart_simulator::{Fault, FaultRule};

use super::Fleet;
use crate::world::hub::{Clone, script};
use crate::world::{eventually, finish};

/// Who does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silent {
    SignIn,
    Read,
    Write,
    /// The read of what was written.
    Poll,
    /// The remote's hook that judges a push.
    Hook,
    /// The same, once the uploads were announced.
    HookLater,
    /// The remote's program that answers a fetch.
    Fetch,
}

impl Silent {
    /// How long a run of two tenants may take then (docs/limits.md), with a minute for all else, and what it
    /// says.
    fn stated(self) -> (Duration, &'static str) {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        match self {
            // One tenant's time: both are read at once.
            Self::SignIn => (minutes(6), "Entra did not answer in time"),
            Self::Read => (minutes(6), "Graph did not answer in time"),
            // A minute for each of two files, of which the first goes alone.
            Self::Write => (minutes(3), "Graph did not answer in time"),
            // Each read back and each read before the next file has a tenant's time: a whole run's at most.
            Self::Poll => (minutes(51), "did not answer in time"),
            // Two minutes for each kind, one after the other, and for what happened where anything did.
            Self::Hook => (minutes(7), "did not end within 120 seconds"),
            Self::HookLater => (minutes(9), "did not end within 120 seconds"),
            Self::Fetch => (minutes(3), "did not end within 120 seconds"),
        }
    }

    fn begin(self, fleet: &Fleet, clone: &Clone<'_>) {
        let hang = FaultRule::always(Fault::Hang);
        let state = fleet.hub.world.state();
        match self {
            Self::SignIn => state.add_fault(hang.on("/*/oauth2/v2.0/token")),
            Self::Read => state.add_fault(hang.on("/beta/*")),
            Self::Write => {
                state.add_fault(hang.clone().on_method("PATCH"));
                state.add_fault(hang.on("*/uploadDepToken"));
            }
            // From the first upload on; before it, an answer takes its time.
            Self::Poll => {
                state.add_fault(FaultRule::always(Fault::Latency { milliseconds: 300 }));
                eventually("the first upload arrived", || fleet.arrived() > 0);
                state.add_fault(hang.on_method("GET"));
            }
            Self::Hook => hook(fleet, "sleep 100000"),
            Self::HookLater => hook(
                fleet,
                "seen=\"$(cat \"$GIT_DIR/seen\" 2>/dev/null)x\"; printf %s \"$seen\" >\"$GIT_DIR/seen\"; [ ${#seen} -le 1 ] || sleep 100000",
            ),
            Self::Fetch => {
                clone.git(&["config", "remote.origin.uploadpack", "sleep 100000; git-upload-pack"]);
            }
        }
    }

    fn end(self, fleet: &Fleet, clone: &Clone<'_>) {
        fleet.hub.world.state().clear_faults();
        let _ = std::fs::remove_file(fleet.hub.folder().join("hooks/pre-receive"));
        clone.git(&["config", "remote.origin.uploadpack", "git-upload-pack"]);
    }
}

fn hook(fleet: &Fleet, text: &str) {
    script(&fleet.hub.folder().join("hooks/pre-receive"), text);
}

fn hangs(silent: Silent) {
    let fleet = Fleet::of(2);
    let clone = fleet.clone("clone");
    if silent != Silent::Poll {
        silent.begin(&fleet, &clone);
    }
    let begun = Instant::now();
    let run = std::thread::scope(|scope| {
        if silent == Silent::Poll {
            scope.spawn(|| silent.begin(&fleet, &clone));
        }
        finish(fleet.command(&clone, &["apply", "--yes", "--wait", "20s"]))
    });
    let elapsed = begun.elapsed();
    println!("{silent:?}: ended with {} after {elapsed:?}", run.code);
    let (bound, says) = silent.stated();
    assert!(elapsed < bound, "{silent:?}: {elapsed:?}");
    assert!(matches!(run.code, 1 | 3 | 7 | 8) || silent == Silent::Poll, "{silent:?}: {run:?}");
    fleet.has_sent_nothing_twice();
    if matches!(silent, Silent::SignIn | Silent::Read | Silent::Hook | Silent::Fetch) {
        assert_eq!(fleet.arrived(), 0);
    }
    run.says(says);
    silent.end(&fleet, &clone);
    fleet.ends_well(&clone);
}

#[test]
#[ignore = "minutes, in which nothing happens; see docs/reliability.md"]
fn whoever_does_not_answer_holds_a_run_up_no_longer_than_is_stated() {
    std::thread::scope(|scope| {
        for silent in [
            Silent::SignIn,
            Silent::Read,
            Silent::Write,
            Silent::Poll,
            Silent::Hook,
            Silent::HookLater,
            Silent::Fetch,
        ] {
            scope.spawn(move || hangs(silent));
        }
    });
}
