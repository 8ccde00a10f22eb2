//! What a seed may have happen: single steps, and stories whose steps have to follow each other for
//! something to be seen at all.

use std::time::Duration;

use crate::pool::Slot;
use crate::script::{ByHand, Dice, Fault, Habit, Push, Run, Sort, Stated, Step, Strike, What};

const ROLES: [&str; 17] = [
    "new",
    "new",
    "new",
    "new",
    "new",
    "newer",
    "newer",
    "newer",
    "old",
    "live",
    "topic",
    "place",
    "organization",
    "expired",
    "future",
    "kind",
    "facts",
];
const ABM: [&str; 6] = ["new", "new", "newer", "newer", "other-key", "ageless"];

pub(crate) fn merge(dice: &mut Dice, tenant: usize, slot: Slot, file: u64) -> Step {
    let role = match slot {
        Slot::Abm => dice.of(&ABM),
        Slot::Paris => "new",
        Slot::Push | Slot::London => dice.of(&ROLES),
    };
    let to = match dice.below(100) {
        // Whose a new location is, nothing could tell.
        roll if roll < file => {
            Stated::File { role, foreign: dice.percent(4) && slot != Slot::Paris }
        }
        roll if roll < 90 => Stated::Watched,
        _ => Stated::Nothing,
    };
    Step::Merge { tenant, slot, to, allow: dice.percent(25) }
}

pub(crate) fn by_hand(dice: &mut Dice) -> ByHand {
    let slot = dice.of(&[Slot::Push, Slot::Abm, Slot::London]);
    match dice.below(10) {
        0..=3 => ByHand::Upload {
            slot,
            role: dice.of(&["new", "newer", "newer", "live", "topic", "place"]),
        },
        4 | 5 => ByHand::ThereAndBack { slot },
        6 | 7 => ByHand::Delete { slot },
        8 => ByHand::Elsewhere { held: dice.percent(70) },
        _ if dice.percent(25) => ByHand::NoTwin,
        _ => ByHand::Twin { name: dice.of(&["Paris", "London"]) },
    }
}

pub(crate) fn habit(dice: &mut Dice) -> Habit {
    dice.of(&[
        Habit::Usual,
        Habit::OtherEncoding,
        Habit::NeedsApproval,
        Habit::NoBatch,
        Habit::SmallPages,
        Habit::NeedsConsent,
        Habit::Unlicensed,
    ])
}

pub(crate) fn two(dice: &mut Dice, troubled: bool) -> Step {
    let (first, mut second) = (run(dice, troubled), run(dice, troubled));
    if dice.percent(80) {
        second.clone = 1 - first.clone;
    }
    Step::Two { first, second, later: dice.below(3) * dice.below(20) }
}

pub(crate) fn run(dice: &mut Dice, troubled: bool) -> Run {
    let what = match dice.below(100) {
        0..=69 => What::Apply { retry: dice.percent(20) },
        70..=84 => What::Plan,
        85..=92 => What::Status,
        _ => What::Audit,
    };
    let mut faults = Vec::new();
    let mut pushes = Vec::new();
    if troubled {
        for _ in 0..dice.below(5) {
            let sort = match dice.below(100) {
                0..=9 => Sort::SignIn,
                10..=49 => Sort::Read,
                _ => Sort::Write,
            };
            let nth = dice.below(if sort == Sort::Read { 16 } else { 3 });
            let fault = match fault(dice) {
                // What a machine does after it stood still, it does by what it knew before.
                Fault::Paused(_) if sort != Sort::Read => Fault::Silence,
                fault => fault,
            };
            let lasts = dice.percent(15) && !matches!(fault, Fault::Paused(_));
            faults.push(Strike { sort, nth, lasts, fault });
        }
        if dice.percent(20) {
            let fault =
                dice.of(&[Push::Away, Push::Unheard, Push::Unheard, Push::Refused, Push::Busy]);
            pushes.push((dice.below(7), fault));
        }
    }
    Run {
        clone: dice.below(2) as usize,
        what,
        faults,
        pushes,
        crash: (troubled && dice.percent(25)).then(|| 1 + dice.below(120)),
        ahead: if dice.percent(6) { dice.of(&[-700, -30, -7, 4, 7, 30, 4000]) } else { 0 },
        noise: dice.next(),
    }
}

fn fault(dice: &mut Dice) -> Fault {
    dice.of(&[
        Fault::Throttled,
        Fault::Throttled,
        Fault::Status(503),
        Fault::Status(400),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(504),
        Fault::NoConnection,
        Fault::Lost,
        Fault::Lost,
        Fault::Silence,
        Fault::Hangs,
        Fault::Doubled,
        Fault::Stale,
        Fault::Stale,
        Fault::Stale,
        Fault::BrokeOff,
        Fault::Nonsense,
        Fault::Late(Duration::from_secs(40)),
        Fault::Late(Duration::from_secs(1000)),
        Fault::Paused(Duration::from_secs(1000)),
        Fault::Swallowed,
    ])
}

/// A step of somebody's while a run is at work.
pub(crate) fn meanwhile(dice: &mut Dice, tenant: usize, troubled: bool) -> Step {
    let mut run = run(dice, troubled);
    if dice.percent(70) {
        run.what = What::Apply { retry: dice.percent(20) };
    }
    let slot = dice.of(&Slot::ALL);
    let step = match dice.below(10) {
        0..=4 => Step::Portal { tenant, what: by_hand(dice) },
        5 | 6 => merge(dice, tenant, slot, 50),
        7 => Step::Suspend { tenant, on: dice.percent(80) },
        _ => Step::Back { merges: dice.of(&[1, 1, 2]) },
    };
    Step::Meanwhile { run, later: moment(dice), step: Box::new(step) }
}

/// So many milliseconds into a run that the plan, the announcement or the write is near.
fn moment(dice: &mut Dice) -> u64 {
    let span = dice.of(&[1500, 3000, 3000, 6000, 60_000]);
    dice.below(span)
}

/// What is only seen where several things happen one after the other.
pub(crate) fn story(dice: &mut Dice, tenants: usize, troubled: bool) -> Vec<Step> {
    let tenant = dice.below(tenants as u64) as usize;
    let slot = dice.of(&[Slot::Push, Slot::Abm, Slot::London]);
    match dice.below(16) {
        0 | 1 => never_shown(dice, tenant, slot),
        2 | 3 => third_credential(dice, tenant, slot),
        4 => refused_encoding(dice, tenants),
        5 => taken_over(dice, tenant, slot),
        6 => suspension_ends(dice, tenant, slot),
        7 | 8 => there_and_back(dice, tenants, troubled),
        9 | 10 => race(dice, tenants),
        11 => lease(dice, tenants),
        12 => twins(dice, tenant),
        13 => approval(dice, tenant, slot),
        _ => overtaken(dice, tenant, slot),
    }
}

fn apply(dice: &mut Dice) -> Run {
    let what = What::Apply { retry: dice.percent(30) };
    Run::quiet(dice.below(2) as usize, what, dice.next())
}

fn renewal(dice: &mut Dice, tenant: usize, slot: Slot) -> Step {
    let role = dice.of(&["new", "newer"]);
    Step::Merge { tenant, slot, to: Stated::File { role, foreign: false }, allow: false }
}

fn wait(dice: &mut Dice) -> Step {
    Step::Wait { minutes: dice.of(&[8, 40, 40, 90, 3000]) }
}

/// Intune takes an upload and never shows it, once or twice.
fn never_shown(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    let mut steps = vec![renewal(dice, tenant, slot)];
    let strike = Strike { sort: Sort::Write, nth: 0, lasts: true, fault: Fault::Swallowed };
    for _ in 0..1 + dice.below(2) {
        steps.push(Step::Run(Run { faults: vec![strike], ..apply(dice) }));
        steps.push(wait(dice));
    }
    steps.push(Step::Run(apply(dice)));
    steps
}

/// Nobody knows what became of an upload, and somebody uploads another file by hand.
fn third_credential(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    let fault = dice.of(&[Fault::Lost, Fault::Silence, Fault::BrokeOff, Fault::Swallowed]);
    let faults = vec![Strike { sort: Sort::Write, nth: 0, lasts: true, fault }];
    let crash = dice.percent(40).then(|| 20 + dice.below(60));
    let role = dice.of(&["new", "newer", "live", "old"]);
    vec![
        renewal(dice, tenant, slot),
        Step::Run(Run { faults, crash, ..apply(dice) }),
        Step::Portal { tenant, what: ByHand::Upload { slot, role } },
        wait(dice),
        Step::Run(apply(dice)),
    ]
}

/// Intune of every customer takes VPP tokens in another encoding than the fleet's.
fn refused_encoding(dice: &mut Dice, tenants: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for tenant in 0..tenants {
        steps.push(Step::Habit { tenant, habit: Habit::OtherEncoding });
        steps.push(renewal(dice, tenant, Slot::London));
    }
    for _ in 0..3 {
        steps.push(Step::Run(apply(dice)));
    }
    steps
}

/// A token is renewed in the portal, and Git leaves it to that.
fn taken_over(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    let file = |role| Stated::File { role, foreign: false };
    let mut steps = vec![
        Step::Merge { tenant, slot, to: file("new"), allow: false },
        Step::Run(apply(dice)),
        Step::Portal { tenant, what: ByHand::Upload { slot, role: "newer" } },
        Step::Run(apply(dice)),
        Step::Merge { tenant, slot, to: Stated::Watched, allow: false },
    ];
    if dice.percent(70) {
        steps.push(Step::Run(apply(dice)));
    }
    steps
}

fn suspension_ends(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    let mut steps = vec![Step::Suspend { tenant, on: true }, renewal(dice, tenant, slot)];
    steps.push(Step::Run(apply(dice)));
    steps.push(Step::Wait { minutes: 22_000 });
    steps.push(Step::Run(apply(dice)));
    if dice.percent(50) {
        steps.push(Step::Suspend { tenant, on: false });
    }
    steps
}

/// What tenant files say becomes something else and is taken back, with runs in between.
fn there_and_back(dice: &mut Dice, tenants: usize, troubled: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let merges = 1 + dice.below(3) as usize;
    for merge in 0..=merges {
        let tenant = dice.below(tenants as u64) as usize;
        let of = Slot::ALL.map(|slot| match merge_of(dice, slot) {
            Step::Merge { slot, to, allow, .. } => (slot, to, allow),
            _ => (slot, Stated::Watched, false),
        });
        steps.push(Step::State { tenant, of: of.to_vec() });
        if merge == 0 || dice.percent(60) {
            steps.push(match dice.below(3) {
                0 => two(dice, troubled),
                1 => meanwhile(dice, tenant, troubled),
                _ => Step::Run(apply(dice)),
            });
        }
    }
    steps.push(Step::Back { merges });
    steps.push(Step::Run(apply(dice)));
    steps
}

fn merge_of(dice: &mut Dice, slot: Slot) -> Step {
    match slot {
        Slot::Paris => merge(dice, 0, slot, 20),
        _ => merge(dice, 0, slot, 65),
    }
}

/// Two clones begin to apply the same renewals in the same moment.
fn race(dice: &mut Dice, tenants: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for tenant in 0..tenants {
        for slot in [Slot::Push, Slot::Abm, Slot::London] {
            if dice.percent(60) {
                steps.push(renewal(dice, tenant, slot));
            }
        }
    }
    let (mut first, mut second) = (apply(dice), apply(dice));
    (first.clone, second.clone) = (0, 1);
    if dice.percent(30) {
        let trouble = dice.of(&[Push::Unheard, Push::Busy, Push::Away]);
        second.pushes.push((dice.below(6), trouble));
    }
    if dice.percent(30) {
        first.crash = Some(10 + dice.below(60));
    }
    steps.push(Step::Two { first, second, later: dice.below(4) });
    steps
}

/// A machine stands still until its run's lease is over, and another run comes.
fn lease(dice: &mut Dice, tenants: usize) -> Vec<Step> {
    let mut steps: Vec<Step> = (0..tenants)
        .flat_map(|tenant| [Slot::Push, Slot::London].map(|slot| renewal(dice, tenant, slot)))
        .collect();
    let still = Fault::Paused(Duration::from_secs(60 * dice.of(&[5, 14, 16, 20, 45])));
    let nth = dice.below(3 + 3 * tenants as u64);
    let (mut first, mut second) = (apply(dice), apply(dice));
    (first.clone, second.clone) = (0, 1);
    first.faults.push(Strike { sort: Sort::Read, nth, lasts: false, fault: still });
    steps.push(Step::Two { first, second, later: dice.of(&[2, 60, 600, 1000, 1300]) });
    steps
}

/// Two tokens of one location, of which neither works.
fn twins(dice: &mut Dice, tenant: usize) -> Vec<Step> {
    vec![
        Step::Portal { tenant, what: ByHand::Twin { name: "London" } },
        renewal(dice, tenant, Slot::London),
        Step::Run(apply(dice)),
        Step::Portal { tenant, what: ByHand::NoTwin },
        Step::Run(apply(dice)),
    ]
}

/// Writes need a second administrator.
fn approval(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    vec![
        Step::Habit { tenant, habit: Habit::NeedsApproval },
        renewal(dice, tenant, slot),
        Step::Run(apply(dice)),
        wait(dice),
        Step::Run(apply(dice)),
    ]
}

/// Intune or the base is changed between the plan and the write.
fn overtaken(dice: &mut Dice, tenant: usize, slot: Slot) -> Vec<Step> {
    let step = match dice.below(4) {
        0 => Step::Suspend { tenant, on: true },
        1 => Step::Back { merges: 1 },
        2 => Step::Portal { tenant, what: ByHand::Delete { slot } },
        _ => {
            Step::Portal { tenant, what: ByHand::Upload { slot, role: dice.of(&["newer", "old"]) } }
        }
    };
    let due = renewal(dice, tenant, slot);
    vec![due, Step::Meanwhile { run: apply(dice), later: moment(dice), step: Box::new(step) }]
}
