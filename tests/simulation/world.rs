//! One world: its simulator, its repositories, its time, and everything that happens in it by a script.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context as Polling, Poll};
use std::time::Duration;

use applecart_core::model::Timestamp;
use applecart_io::seams::testing::{SeededIds, VirtualClock};
use applecart_io::seams::{Clock, Ids};
use applecart_io::store::{Create, Ledger};
use applecart_simulator::{
    ApprovalPolicy, InProcess, PortalUpload, StateError, Switches, Tenant, Vpp, VppEncoding,
};
use futures::future::BoxFuture;
use git2::Repository;

use crate::fleet::{Declared, Fleet};
use crate::ledger::{BRANCH, Hub, Way, files};
use crate::pool::{Pool, START, Slot, organization, tenant_id};
use crate::run;
use crate::script::{ByHand, Habit, Run, Script, Step, What};
use crate::witness::Witness;

pub(crate) struct World {
    pub(crate) pool: Arc<Pool>,
    pub(crate) simulator: InProcess,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Arc<Lot>,
    pub(crate) fleet: Fleet,
    pub(crate) hub: Arc<Mutex<Hub>>,
    witness: Arc<Mutex<Witness>>,
    _folder: tempfile::TempDir,
}

/// What a seed led to.
pub(crate) struct Ended {
    pub(crate) journal: Vec<String>,
    pub(crate) broken: Vec<String>,
    pub(crate) reached: std::collections::BTreeSet<String>,
}

/// So long somebody waits who only waits for his turn at a file.
const MOMENT: Duration = Duration::from_millis(100);

/// Ids by seed. How long somebody waits for his turn draws no number from them.
pub(crate) struct Lot(SeededIds);

impl Ids for Lot {
    fn uuid(&self) -> uuid::Uuid {
        self.0.uuid()
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// A machine whose clock is wrong.
pub(crate) struct Machine {
    pub(crate) clock: VirtualClock,
    pub(crate) ahead: chrono::Duration,
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        self.clock.now().plus(self.ahead)
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.clock.sleep(time)
    }

    /// Other worlds start `git` in this process, and what it inherits for a moment looks like somebody
    /// else's lock. Such a moment is no time in this world.
    fn pause(&self, time: Duration) {
        match time <= MOMENT {
            true => std::thread::sleep(Duration::from_millis(1)),
            false => self.clock.pause(time),
        }
    }
}

/// Work that ends without a word when its polls are used up; nothing of it is cleaned up but what the
/// system cleans up.
struct Mortal<'a, T> {
    work: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    polls: Option<u64>,
}

impl<T> Future for Mortal<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Polling<'_>) -> Poll<Option<T>> {
        match &mut self.polls {
            Some(0) => {
                self.work = None;
                return Poll::Ready(None);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let Some(work) = &mut self.work else { return Poll::Ready(None) };
        work.as_mut().poll(context).map(Some)
    }
}

/// Everything from the first merge to the last look.
pub(crate) fn play(pool: &Arc<Pool>, simulator: &InProcess, seed: u64, script: &Script) -> Ended {
    let mut world = World::new(pool, simulator, seed, script);
    for step in &script.steps {
        world.step(step);
    }
    world.comes_to_rest();
    let mut witness = world.witness();
    let violations = world.simulator.state().violations();
    for violation in violations {
        witness.breaks(format!("Intune saw what no careful client sends: {}", violation.what));
    }
    Ended {
        journal: std::mem::take(&mut witness.journal),
        broken: std::mem::take(&mut witness.broken),
        reached: std::mem::take(&mut witness.reached),
    }
}

impl World {
    fn new(pool: &Arc<Pool>, simulator: &InProcess, seed: u64, script: &Script) -> Self {
        let folder = tempfile::tempdir_in(pool.folder.path()).unwrap();
        let clock = VirtualClock::new(START.parse().unwrap());
        let witness = Arc::new(Mutex::new(Witness::new(Arc::clone(pool), clock.clone())));
        let state = simulator.state();
        state.set_clock(Some(clock.now().date_time()));
        state.clear_faults();
        state.clear_journal();
        for (number, before) in pool.before.iter().enumerate() {
            let mut tenant = before.clone();
            if script.bare.get(number) == Some(&true) {
                tenant.apple_push_notification_certificate = None;
            }
            state.add_tenant(tenant).unwrap();
        }
        let fleet = Fleet::new(folder.path(), pool, script);
        let hub = Arc::default();
        let ids = Arc::new(Lot(SeededIds::new(seed)));
        let mut world = Self {
            pool: Arc::clone(pool),
            simulator: simulator.clone(),
            clock,
            ids,
            fleet,
            hub,
            witness,
            _folder: folder,
        };
        let mut ledger = world.ledger(0, "nobody", &[]);
        let machine = Machine { clock: world.clock.clone(), ahead: chrono::Duration::zero() };
        ledger.live_by(Arc::new(machine), world.ids.clone());
        let begun = ledger.create(&Create::Missing).unwrap();
        world.fleet.begins_with(begun.genesis);
        let first = || Declared {
            slots: [Slot::Push, Slot::Abm, Slot::London].map(|slot| (slot, None)).into(),
            ..Declared::default()
        };
        world.merge((0..script.tenants).map(|_| first()).collect());
        world
    }

    pub(crate) fn ledger(
        &self,
        clone: usize,
        run: &str,
        trouble: &[(u64, crate::script::Push)],
    ) -> Ledger {
        let path = self.fleet.clones.get(clone).expect("one of two");
        let way = Way {
            hub: Arc::clone(&self.hub),
            clone: path.clone(),
            run: run.to_owned(),
            trouble: trouble.to_vec(),
            asked: Mutex::default(),
            witness: Arc::clone(&self.witness),
        };
        Ledger::open_through(path, BRANCH, Box::new(way)).unwrap()
    }

    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap()
    }

    pub(crate) fn witnessed(&self) -> Arc<Mutex<Witness>> {
        Arc::clone(&self.witness)
    }

    fn merge(&mut self, tenants: Vec<Declared>) {
        let now = self.clock.now().date_time();
        self.fleet.merge(tenants, now);
        self.witness().main.push(self.fleet.now().clone());
    }

    fn change(&mut self, tenant: usize, change: impl FnOnce(&mut Declared)) {
        let mut tenants = self.fleet.now().tenants.clone();
        if let Some(declared) = tenants.get_mut(tenant) {
            change(declared);
        }
        self.merge(tenants);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run(_) | Step::Two { .. } => {}
            other => self.witness().note("step", &format!("{other:?}")),
        }
        match step {
            Step::Merge { tenant, slot, to, allow } => {
                let pool = Arc::clone(&self.pool);
                let which = (*tenant, self.fleet.now().tenants.len());
                self.change(*tenant, |one| one.state(&pool, which, *slot, *to, *allow));
            }
            Step::Suspend { tenant, on } => self.change(*tenant, |one| one.suspended = *on),
            Step::Settings { tenant, on } => self.change(*tenant, |one| one.settings = *on),
            Step::Revert => {
                let before = self.fleet.history.iter().rev().nth(1).cloned();
                if let Some(before) = before {
                    self.merge(before.tenants);
                }
            }
            Step::Portal { tenant, what } => self.by_hand(*tenant, *what),
            Step::Lag { tenant, seconds } => self.switches(*tenant, |switches| {
                switches.vpp_lag_seconds = *seconds;
                switches.enrollment_lag_seconds = *seconds;
            }),
            Step::Habit { tenant, habit } => self.habit(*tenant, *habit),
            Step::Wait { minutes } => self.wait(*minutes),
            Step::Run(run) => {
                let work = self.one(run);
                self.clock.run(work);
            }
            Step::Two { first, second, later } => {
                let later = async {
                    self.clock.sleep(Duration::from_secs(*later)).await;
                    self.one(second).await;
                };
                self.clock.run(async { futures::join!(self.one(first), later) });
            }
        }
    }

    fn wait(&self, minutes: u64) {
        self.clock.run(self.clock.sleep(Duration::from_secs(60 * minutes)));
    }

    /// One run, from its start to its end or its death.
    async fn one(&self, spec: &Run) {
        let id = self.ids.uuid().to_string();
        self.witness().begins(&id);
        self.witness().note(&id, &format!("begins: {:?} in clone {}", spec.what, spec.clone));
        self.fleet.pull(spec.clone);
        let work = run::whole(self, spec, &id);
        let mortal = Mortal { work: Some(Box::pin(work)), polls: spec.crash };
        match mortal.await {
            Some(()) => self.witness().ends(&id),
            None => self.witness().dies(&id),
        }
    }

    fn change_tenant(&self, tenant: usize, change: impl FnOnce(&mut Tenant)) {
        self.simulator.state().set_clock(Some(self.clock.now().date_time()));
        let change = |tenant: &mut Tenant| {
            change(tenant);
            Ok::<_, StateError>(())
        };
        self.simulator.state().change(tenant_id(tenant), change).unwrap();
    }

    fn switches(&self, tenant: usize, change: impl FnOnce(&mut Switches)) {
        self.change_tenant(tenant, |tenant| change(&mut tenant.switches));
    }

    fn habit(&self, tenant: usize, habit: Habit) {
        self.change_tenant(tenant, |tenant| {
            let lag = (tenant.switches.vpp_lag_seconds, tenant.switches.enrollment_lag_seconds);
            let usual = Switches {
                vpp_lag_seconds: lag.0,
                enrollment_lag_seconds: lag.1,
                ..Switches::default()
            };
            tenant.data_sharing_consent.granted = true;
            tenant.switches = match habit {
                Habit::Usual => usual,
                Habit::OtherEncoding => Switches { vpp_encoding: VppEncoding::Base64, ..usual },
                Habit::NeedsApproval => Switches { approval: Some(ApprovalPolicy::Seen), ..usual },
                Habit::NoBatch => Switches { batch_status: Some(501), ..usual },
                Habit::SmallPages => Switches { page_size: Some(1), ..usual },
                Habit::Unlicensed => Switches { unlicensed: true, ..usual },
                Habit::NeedsConsent => {
                    tenant.data_sharing_consent.granted = false;
                    Switches { require_consent: true, ..usual }
                }
            };
        });
    }

    fn upload(&self, tenant: usize, slot: Slot, role: &str) {
        let Some(file) = self.pool.find(tenant, slot, role) else { return };
        let upload = match slot {
            Slot::Push => PortalUpload::Push {
                apple_identifier: "mdm@contoso.example".to_owned(),
                certificate: file.text.clone(),
            },
            Slot::Abm => PortalUpload::Enrollment {
                id: format!("dep-{tenant}"),
                apple_identifier: "abm@contoso.example".to_owned(),
            },
            Slot::London | Slot::Paris => {
                PortalUpload::Vpp { id: format!("vpp-{tenant}"), token: file.text.clone() }
            }
        };
        self.simulator.state().set_clock(Some(self.clock.now().date_time()));
        // A token that is not there takes none.
        let _ = self.simulator.state().portal_upload(tenant_id(tenant), &upload);
    }

    fn by_hand(&self, tenant: usize, what: ByHand) {
        let now = self.clock.now().date_time();
        match what {
            ByHand::Upload { slot, role } => self.upload(tenant, slot, role),
            ByHand::ThereAndBack { slot } => {
                let Some(before) = self.simulator.state().tenant(tenant_id(tenant)) else { return };
                self.upload(tenant, slot, "newer");
                self.change_tenant(tenant, |tenant| {
                    tenant.apple_push_notification_certificate =
                        before.apple_push_notification_certificate;
                    tenant.dep_onboarding_settings = before.dep_onboarding_settings;
                    tenant.vpp_tokens = before.vpp_tokens;
                    for setting in
                        tenant.dep_onboarding_settings.iter_mut().filter(|_| slot == Slot::Abm)
                    {
                        setting.last_modified_date_time = now;
                    }
                    for vpp in tenant.vpp_tokens.iter_mut().filter(|_| slot == Slot::London) {
                        vpp.last_modified_date_time = now;
                    }
                });
            }
            ByHand::Delete { slot } => self.change_tenant(tenant, |tenant| match slot {
                Slot::Push => tenant.apple_push_notification_certificate = None,
                Slot::Abm => tenant.dep_onboarding_settings.clear(),
                Slot::London | Slot::Paris => {
                    tenant.vpp_tokens.retain(|one| !one.id.starts_with("vpp-"));
                }
            }),
            ByHand::Elsewhere { held } => {
                let state = self.simulator.state();
                state.hold_elsewhere(tenant_id(tenant), "London", held).unwrap();
            }
            ByHand::Twin { name } => self.change_tenant(tenant, |one| {
                let of = organization(tenant);
                let twin = Vpp::new(name, &of, now + chrono::Duration::days(90));
                one.vpp_tokens.push(Vpp { id: format!("hand-{tenant}"), ..twin });
            }),
        }
    }

    /// Intune and the network are well again, and runs come as a schedule starts them. Then everything is
    /// as Git says or held, and nothing is lost.
    fn comes_to_rest(&mut self) {
        let tenants = self.fleet.now().tenants.len();
        for tenant in 0..tenants {
            self.habit(tenant, Habit::Usual);
            self.switches(tenant, |switches| *switches = Switches::default());
        }
        for (turn, minutes) in [180, 61, 61].into_iter().enumerate() {
            self.wait(minutes);
            let apply = What::Apply { retry: true };
            self.clock.run(self.one(&Run::quiet(turn % 2, apply, turn as u64)));
        }
        self.wait(61);
        let broken = self.witness().broken.len();
        let id = "the last look";
        self.fleet.pull(0);
        self.clock.run(run::last_look(self, &Run::quiet(0, What::Plan, 9), id));
        if self.witness().broken.len() == broken {
            self.clock.run(self.one(&Run::quiet(1, What::Audit, 9)));
        }
        let own: Vec<BTreeMap<String, Vec<u8>>> = self
            .fleet
            .clones
            .iter()
            .filter_map(|clone| {
                let repo = Repository::open(clone).unwrap();
                let tip = repo.refname_to_id(&format!("refs/heads/{BRANCH}")).ok()?;
                Some(files(&repo, tip))
            })
            .collect();
        self.witness().must_be_whole(&own);
    }
}
