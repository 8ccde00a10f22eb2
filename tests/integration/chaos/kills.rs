//! `apply` is killed at random moments, alone or with the `git` that it started, and run again.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use applecart_simulator::{Fault, FaultRule};

use super::Fleet;
use crate::world::hub::Clone;
use crate::world::{Dice, number};

/// How far runs had come when they were killed, and how often.
type Stages = BTreeMap<&'static str, usize>;

struct Kills {
    fleet: Fleet,
    dice: Dice,
    stages: Stages,
}

impl Kills {
    fn new(tenants: usize, seed: u64) -> Self {
        let fleet = Fleet::of(tenants);
        // As far away as a service is.
        fleet.hub.world.state().add_fault(FaultRule::always(Fault::Latency { milliseconds: 10 }));
        Self { fleet, dice: Dice::of(seed), stages: Stages::new() }
    }

    fn start(&self, clone: &Clone<'_>) -> Child {
        let mut command = self.fleet.command(clone, &["apply", "--yes"]);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// How long a run takes that nobody kills.
    fn usual(tenants: usize) -> Duration {
        let kills = Self::new(tenants, 1);
        let clone = kills.fleet.clone("clone");
        let begun = Instant::now();
        assert!(kills.start(&clone).wait().unwrap().success());
        let elapsed = begun.elapsed();
        kills.fleet.is_as_git_says(&clone);
        elapsed
    }

    /// Kills so many runs within this time, and brings the fleet to its end.
    fn play(mut self, kills: usize, within: Duration) -> Stages {
        let (clone, other) = (self.fleet.clone("clone"), self.fleet.clone("other"));
        for _ in 0..kills {
            let mut child = self.start(&clone);
            // A run that finds less to do is over sooner.
            let micros = u64::try_from(within.as_micros()).unwrap() >> self.dice.roll(3);
            std::thread::sleep(Duration::from_micros(self.dice.roll(micros)));
            let stage = self.stage(&mut child);
            // Either the system ends this one program, or somebody ends all that it started, too.
            let whom = if self.dice.percent(50) { "" } else { "-" };
            let whom = format!("{whom}{}", child.id());
            // Where all of it is over, there is nobody to be killed.
            let _ = Command::new("kill").args(["-KILL", "--", &whom]).output();
            child.wait().unwrap();
            *self.stages.entry(stage).or_default() += 1;
            self.fleet.has_sent_nothing_twice();
            if self.dice.percent(25) {
                // A run from elsewhere, in between: it waits for the one that it cannot know to be dead.
                let run = self.fleet.run(&other, &["apply", "--yes"]);
                assert!(matches!(run.code, 0 | 3 | 6), "{run:?}");
                self.fleet.has_sent_nothing_twice();
            }
        }
        self.fleet.ends_well(&clone);
        self.stages
    }

    fn stage(&self, child: &mut Child) -> &'static str {
        if child.try_wait().unwrap().is_some() {
            return "over";
        }
        let (lines, tokens) = (self.fleet.lines(), 3 * self.fleet.names.len());
        let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
        let arrived = self.fleet.arrived();
        match (of("intended"), arrived, of("confirmed")) {
            (0, ..) => "nothing announced",
            (_, 0, _) => "announced, nothing uploaded",
            (_, _, 0) => "uploaded, nothing confirmed",
            (_, arrived, _) if arrived < tokens => "some confirmed, some not uploaded",
            (.., confirmed) if confirmed < tokens => "all uploaded, some not confirmed",
            _ => "all confirmed",
        }
    }
}

/// Plays fleets with so many kills each, two at a time, and tells how far the killed runs had come.
fn play(fleets: usize, tenants: usize, kills: usize, seed: u64) -> Stages {
    let usual = Kills::usual(tenants);
    let (next, stages) = (AtomicUsize::new(0), Mutex::new(Stages::new()));
    std::thread::scope(|scope| {
        for _ in 0..fleets.min(2) {
            scope.spawn(|| {
                loop {
                    let fleet = next.fetch_add(1, Ordering::SeqCst);
                    if fleet >= fleets {
                        return;
                    }
                    // Neighbouring seeds are to be far apart.
                    let seed =
                        (seed + u64::try_from(fleet).unwrap()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    println!("fleet {fleet}, dice {seed:#x}");
                    let of_one = Kills::new(tenants, seed).play(kills, usual.mul_f64(1.2));
                    let mut stages = stages.lock().unwrap();
                    for (stage, count) in of_one {
                        *stages.entry(stage).or_default() += count;
                    }
                }
            });
        }
    });
    let stages = stages.into_inner().unwrap();
    println!("a run takes {usual:?}; killed: {stages:#?}");
    stages
}

#[test]
fn killed_anywhere_a_run_sends_nothing_twice_and_the_next_one_ends_well() {
    play(1, 2, 3, 1);
}

#[test]
#[ignore = "minutes; see docs/reliability.md"]
fn three_hundred_kills_send_nothing_twice_and_leave_nothing_in_the_way() {
    let kills = usize::try_from(number("APPLECART_LONG_KILLS", 300)).unwrap();
    let stages = play(kills.div_ceil(4), 4, 4, number("APPLECART_LONG_SEED", 1));
    for stage in [
        "nothing announced",
        "announced, nothing uploaded",
        "some confirmed, some not uploaded",
        "all uploaded, some not confirmed",
    ] {
        assert!(stages.contains_key(stage), "no run was killed here: {stage}");
    }
}
