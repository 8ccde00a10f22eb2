//! What happens in one world, by seed: steps of people and time, runs, and what goes wrong in them.

use std::time::Duration;

use crate::pool::Slot;
use crate::stories::{by_hand, habit, meanwhile, merge, run, story, two};

/// Numbers that follow from a seed, the same on every machine (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Whether something happens that does so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let at = self.below(all.len() as u64) as usize;
        *all.get(at).expect("not empty")
    }
}

/// What a line of Git's says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// No entry at all.
    Nothing,
    /// An entry without a file.
    Watched,
    /// The file of this role; a foreign one is the next tenant's.
    File { role: &'static str, foreign: bool },
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reviewed and merged.
    Merge {
        tenant: usize,
        slot: Slot,
        to: Stated,
        allow: bool,
    },
    /// The line is merged that parks a tenant, or it is taken away.
    Suspend {
        tenant: usize,
        on: bool,
    },
    /// Settings of a VPP token.
    Settings {
        tenant: usize,
        on: bool,
    },
    /// All that a tenant file says is replaced at once.
    State {
        tenant: usize,
        of: Vec<(Slot, Stated, bool)>,
    },
    /// The base says again what it said so many merges ago: the last one is taken back, or several are.
    Back {
        merges: usize,
    },
    Portal {
        tenant: usize,
        what: ByHand,
    },
    /// How long Intune of a tenant takes to show an upload, in seconds.
    Lag {
        tenant: usize,
        seconds: u32,
    },
    /// How Intune of a tenant behaves from now on.
    Habit {
        tenant: usize,
        habit: Habit,
    },
    Wait {
        minutes: u64,
    },
    Run(Run),
    /// Two runs beside each other; the second begins so many seconds later.
    Two {
        first: Run,
        second: Run,
        later: u64,
    },
    /// Something happens so many milliseconds after a run began.
    Meanwhile {
        run: Run,
        later: u64,
        step: Box<Step>,
    },
}

/// What an administrator does in the portal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ByHand {
    Upload {
        slot: Slot,
        role: &'static str,
    },
    Delete {
        slot: Slot,
    },
    /// Changed, and changed back before anybody looks.
    ThereAndBack {
        slot: Slot,
    },
    /// Another MDM takes the location, or gives it up.
    Elsewhere {
        held: bool,
    },
    /// One more VPP token, of this name.
    Twin {
        name: &'static str,
    },
    /// It is taken away again.
    NoTwin,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Habit {
    Usual,
    OtherEncoding,
    NeedsApproval,
    NoBatch,
    SmallPages,
    NeedsConsent,
    Unlicensed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Apply { retry: bool },
    Plan,
    Status,
    Audit,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// In which of the two clones.
    pub(crate) clone: usize,
    pub(crate) what: What,
    pub(crate) faults: Vec<Strike>,
    pub(crate) pushes: Vec<(u64, Push)>,
    /// The run ends without a word after so many polls.
    pub(crate) crash: Option<u64>,
    /// By how many minutes its machine's clock is ahead.
    pub(crate) ahead: i64,
    /// Decides about every pause in it.
    pub(crate) noise: u64,
}

/// The nth request of a sort goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strike {
    pub(crate) sort: Sort,
    pub(crate) nth: u64,
    /// Whether every later one does, too.
    pub(crate) lasts: bool,
    pub(crate) fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    SignIn,
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Throttled,
    Status(u16),
    NoConnection,
    /// It is carried out, and the answer is lost.
    Lost,
    /// It is not carried out, and there is no answer.
    Silence,
    /// No answer until the client gives up.
    Hangs,
    /// It arrives twice.
    Doubled,
    /// A read is answered with what was true before.
    Stale,
    BrokeOff,
    Nonsense,
    Late(Duration),
    /// The whole machine stands still before it asks. No time limit of its own ends, for its time
    /// stands still as well; everybody else's goes on.
    Paused(Duration),
    /// Intune says that it took it, and never shows it.
    Swallowed,
}

/// What goes wrong between a clone and the remote of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Push {
    Away,
    /// It arrives, and that is not told.
    Unheard,
    Refused,
    Busy,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) tenants: usize,
    /// Tenants without a push certificate at first.
    pub(crate) bare: Vec<bool>,
    /// Whether tenant files name Intune's ids.
    pub(crate) ids: bool,
    pub(crate) steps: Vec<Step>,
    /// Whether everybody does what the holds ask for at the end, so that nothing is held any more.
    pub(crate) recovers: bool,
}

impl Step {
    /// What it has tenant files say.
    fn states(&mut self) -> Vec<(usize, &mut Stated)> {
        match self {
            Self::Merge { tenant, to, .. } => vec![(*tenant, to)],
            Self::State { tenant, of } => of.iter_mut().map(|(_, to, _)| (*tenant, to)).collect(),
            Self::Meanwhile { step, .. } => step.states(),
            _ => Vec::new(),
        }
    }
}

impl Script {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let tenants = 1 + dice.below(4) as usize;
        let bare: Vec<bool> = (0..tenants).map(|_| dice.percent(10)).collect();
        let ids = dice.percent(70);
        let troubled = dice.percent(80);
        let mut steps = Vec::new();
        for tenant in 0..tenants {
            for slot in [Slot::Push, Slot::Abm, Slot::London] {
                if dice.percent(60) {
                    steps.push(merge(&mut dice, tenant, slot, 75));
                }
            }
        }
        // In half of the worlds how Intune takes the files is proved before anything goes wrong, and the
        // next renewals are due.
        if dice.percent(50) {
            steps.push(Step::Run(Run::quiet(0, What::Apply { retry: false }, dice.next())));
            for tenant in 0..tenants {
                for slot in [Slot::Push, Slot::Abm, Slot::London] {
                    let to = Stated::File { role: "newer", foreign: false };
                    if dice.percent(50) {
                        steps.push(Step::Merge { tenant, slot, to, allow: false });
                    }
                }
            }
            if dice.percent(50) {
                steps.push(two(&mut dice, troubled));
            }
        }
        let told = dice.percent(60).then(|| dice.below(4));
        for at in 0..3 + dice.below(5) {
            if told == Some(at) {
                steps.extend(story(&mut dice, tenants, troubled));
            }
            let tenant = dice.below(tenants as u64) as usize;
            steps.push(match dice.below(100) {
                0..=14 => {
                    let slot = dice.of(&Slot::ALL);
                    merge(&mut dice, tenant, slot, 40)
                }
                15..=20 => Step::Back { merges: dice.of(&[1, 1, 1, 2, 3, 5]) },
                21..=31 => Step::Portal { tenant, what: by_hand(&mut dice) },
                32..=37 => Step::Lag { tenant, seconds: dice.of(&[0, 20, 300, 2400, 8000]) },
                38..=42 => Step::Habit { tenant, habit: habit(&mut dice) },
                43..=46 => Step::Suspend { tenant, on: dice.percent(60) },
                47..=49 => Step::Settings { tenant, on: dice.percent(70) },
                50..=61 => Step::Wait {
                    minutes: dice.of(&[1, 8, 20, 40, 40, 90, 600, 3000, 22_000, 40_000]),
                },
                62..=76 => two(&mut dice, troubled),
                77..=82 => meanwhile(&mut dice, tenant, troubled),
                _ => Step::Run(run(&mut dice, troubled)),
            });
        }
        // Whose a certificate is that no tenant has had, nothing could tell.
        for (tenant, to) in steps.iter_mut().flat_map(Step::states) {
            if let Stated::File { foreign, .. } = to {
                *foreign &= bare.get((tenant + 1) % tenants) == Some(&false);
            }
        }
        let recovers = dice.percent(25);
        Self { tenants, bare, ids, steps, recovers }
    }

    /// Scripts with less in them, most first.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let steps = 0..self.steps.len();
        let fewer = steps.clone().rev().map(|at| {
            let mut smaller = self.clone();
            smaller.steps.remove(at);
            smaller
        });
        let mut all: Vec<Self> = fewer.collect();
        if self.recovers {
            all.push(Self { recovers: false, ..self.clone() });
        }
        for at in steps {
            for simpler in self.steps.get(at).into_iter().flat_map(simpler) {
                let mut smaller = self.clone();
                if let Some(step) = smaller.steps.get_mut(at) {
                    *step = simpler;
                }
                all.push(smaller);
            }
        }
        all
    }
}

/// The same step with one thing less that goes wrong.
fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::Run(run) => less(run).into_iter().map(Step::Run).collect(),
        Step::Two { first, second, later } => {
            let later = *later;
            let firsts = less(first).into_iter();
            let firsts = firsts.map(|first| Step::Two { first, second: second.clone(), later });
            let seconds = less(second).into_iter();
            let seconds = seconds.map(|second| Step::Two { first: first.clone(), second, later });
            let alone = [Step::Run(first.clone()), Step::Run(second.clone())];
            alone.into_iter().chain(firsts).chain(seconds).collect()
        }
        Step::Meanwhile { run, later, step } => {
            let (later, step) = (*later, step.clone());
            let alone = [(*step).clone(), Step::Run(run.clone())];
            let runs = less(run).into_iter();
            let runs = runs.map(|run| Step::Meanwhile { run, later, step: step.clone() });
            alone.into_iter().chain(runs).collect()
        }
        _ => Vec::new(),
    }
}

fn less(run: &Run) -> Vec<Run> {
    let without = |at: usize| {
        let mut run = run.clone();
        run.faults.remove(at);
        run
    };
    let mut all: Vec<Run> = (0..run.faults.len()).map(without).collect();
    all.extend((0..run.pushes.len()).map(|at| {
        let mut run = run.clone();
        run.pushes.remove(at);
        run
    }));
    if run.crash.is_some() {
        all.push(Run { crash: None, ..run.clone() });
    }
    if run.ahead != 0 {
        all.push(Run { ahead: 0, ..run.clone() });
    }
    all
}

impl Run {
    /// One in which nothing goes wrong.
    pub(crate) fn quiet(clone: usize, what: What, noise: u64) -> Self {
        let (faults, pushes) = (Vec::new(), Vec::new());
        Self { clone, what, faults, pushes, crash: None, ahead: 0, noise }
    }
}
