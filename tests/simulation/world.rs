//! One world: its simulator, its repositories, its time, and everything that happens in it by a script.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
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
use crate::pool::{LAST_DAY, Pool, START, Slot, organization, tenant_id};
use crate::run;
use crate::script::{ByHand, Habit, Run, Script, Stated, Step, What};
use crate::witness::Witness;

pub(crate) struct World {
    pub(crate) pool: Arc<Pool>,
    pub(crate) simulator: InProcess,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Arc<Lot>,
    pub(crate) fleet: RefCell<Fleet>,
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

/// Of what everybody has.
const RENEWED: [Slot; 3] = [Slot::Push, Slot::Abm, Slot::London];

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
    let world = World::new(pool, simulator, seed, script);
    for step in &script.steps {
        world.step(step);
    }
    world.comes_to_rest();
    if script.recovers && world.witness().broken.is_empty() {
        world.recovers();
    }
    world.must_be_whole();
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
        let fleet = RefCell::new(Fleet::new(folder.path(), pool, script));
        let hub = Arc::default();
        let ids = Arc::new(Lot(SeededIds::new(seed)));
        let world = Self {
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
        world.fleet.borrow_mut().begins_with(begun.genesis);
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
        let path = self.clone(clone);
        let way = Way {
            hub: Arc::clone(&self.hub),
            clone: path.clone(),
            run: run.to_owned(),
            trouble: trouble.to_vec(),
            asked: Mutex::default(),
            witness: Arc::clone(&self.witness),
        };
        Ledger::open_through(&path, BRANCH, Box::new(way)).unwrap()
    }

    pub(crate) fn clone(&self, number: usize) -> PathBuf {
        self.fleet.borrow().clones.get(number).expect("one of two").clone()
    }

    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap()
    }

    pub(crate) fn witnessed(&self) -> Arc<Mutex<Witness>> {
        Arc::clone(&self.witness)
    }

    fn merge(&self, tenants: Vec<Declared>) {
        let mut fleet = self.fleet.borrow_mut();
        fleet.merge(tenants, self.clock.now().date_time());
        self.witness().main.push(fleet.now().clone());
    }

    fn change(&self, tenant: usize, change: impl FnOnce(&mut Declared)) {
        let mut tenants = self.fleet.borrow().now().tenants.clone();
        if let Some(declared) = tenants.get_mut(tenant) {
            change(declared);
        }
        self.merge(tenants);
    }

    fn state(&self, tenant: usize, of: &[(Slot, Stated, bool)]) {
        let which = (tenant, self.fleet.borrow().now().tenants.len());
        self.change(tenant, |one| {
            for (slot, to, allow) in of {
                one.state(&self.pool, which, *slot, *to, *allow);
            }
        });
    }

    fn step(&self, step: &Step) {
        match step {
            Step::Run(run) => self.clock.run(self.one(run)),
            Step::Two { first, second, later } => {
                let later = async {
                    self.clock.sleep(Duration::from_secs(*later)).await;
                    self.one(second).await;
                };
                self.clock.run(async { futures::join!(self.one(first), later) });
            }
            Step::Meanwhile { run, later, step } => {
                let later = async {
                    self.clock.sleep(Duration::from_millis(*later)).await;
                    self.happens(step);
                };
                self.clock.run(async { futures::join!(self.one(run), later) });
            }
            other => self.happens(other),
        }
    }

    /// What people do, and what Intune is like.
    fn happens(&self, step: &Step) {
        self.witness().note("step", &format!("{step:?}"));
        match step {
            Step::Merge { tenant, slot, to, allow } => {
                self.state(*tenant, &[(*slot, *to, *allow)]);
            }
            Step::State { tenant, of } => self.state(*tenant, of),
            Step::Suspend { tenant, on } => self.change(*tenant, |one| one.suspended = *on),
            Step::Settings { tenant, on } => self.change(*tenant, |one| one.settings = *on),
            Step::Back { merges } => {
                let before = self.fleet.borrow().history.iter().rev().nth(*merges).cloned();
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
            Step::Run(_) | Step::Two { .. } | Step::Meanwhile { .. } => {}
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
        self.fleet.borrow().pull(spec.clone);
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
                call_twins(one);
            }),
            ByHand::NoTwin => self.change_tenant(tenant, |one| {
                one.vpp_tokens.retain(|one| !one.id.starts_with("hand-"));
                call_twins(one);
            }),
        }
    }

    /// Intune and the network are well again, and runs come as a schedule starts them. Then everything is
    /// as Git says or held, and nothing is lost.
    fn comes_to_rest(&self) {
        let tenants = self.fleet.borrow().now().tenants.len();
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
        self.fleet.borrow().pull(0);
        self.clock.run(run::last_look(self, &Run::quiet(0, What::Plan, 9), id));
        if self.witness().broken.len() == broken {
            self.clock.run(self.one(&Run::quiet(1, What::Audit, 9)));
        }
    }

    /// Somebody does what the holds ask for: a new file of every token, with the lines that its review
    /// permits, and what is missing made again in the portal. Then nothing is held any more.
    fn recovers(&self) {
        let day =
            crate::pool::start() + chrono::Duration::days(LAST_DAY) + chrono::Duration::hours(1);
        let left = day - self.clock.now().date_time();
        let Ok(left) = left.to_std() else { return };
        self.wait(left.as_secs() / 60);
        let last = Stated::File { role: "last", foreign: false };
        let mut tenants = self.fleet.borrow().now().tenants.clone();
        let count = tenants.len();
        for (tenant, declared) in tenants.iter_mut().enumerate() {
            self.by_hand(tenant, ByHand::NoTwin);
            self.by_hand(tenant, ByHand::Elsewhere { held: false });
            self.made_again(tenant);
            let live = self.simulator.state().tenant(tenant_id(tenant)).unwrap();
            *declared = Declared { settings: declared.settings, ..Declared::default() };
            for slot in RENEWED {
                declared.state(&self.pool, (tenant, count), slot, last, true);
                let file = self.pool.find(tenant, slot, "last").expect("it was made");
                declared.released.insert(slot, file.released(&live));
            }
        }
        self.merge(tenants.clone());
        // A wrong commit may have said that one customer's topic is another's; the hold prints the line.
        self.fleet.borrow().pull(0);
        let moves = self.clock.run(run::asked_for(self, &Run::quiet(0, What::Plan, 9)));
        if !moves.is_empty() {
            self.fleet.borrow_mut().moves = moves;
            self.merge(tenants);
        }
        for turn in 0..3 {
            let apply = What::Apply { retry: true };
            self.clock.run(self.one(&Run::quiet(turn % 2, apply, turn as u64)));
            self.wait(61);
        }
        self.fleet.borrow().pull(0);
        self.clock.run(run::all_is_well(self, &Run::quiet(0, What::Plan, 9), "the very last look"));
    }

    /// What is gone from Intune and that no run makes.
    fn made_again(&self, number: usize) {
        let first = self.pool.before.get(number).expect("a tenant");
        self.change_tenant(number, |tenant| {
            if tenant.dep_onboarding_settings.is_empty() {
                tenant.dep_onboarding_settings = first.dep_onboarding_settings.clone();
            }
            if !tenant.vpp_tokens.iter().any(|one| one.id.starts_with("vpp-")) {
                tenant.vpp_tokens.extend(first.vpp_tokens.clone());
            }
        });
    }

    /// No clone has a line that the remote lacks, and what arrived is told.
    fn must_be_whole(&self) {
        let own: Vec<BTreeMap<String, Vec<u8>>> = (0..2)
            .filter_map(|clone| {
                let repo = Repository::open(self.clone(clone)).unwrap();
                let tip = repo.refname_to_id(&format!("refs/heads/{BRANCH}")).ok()?;
                Some(files(&repo, tip))
            })
            .collect();
        self.witness().must_be_whole(&own);
    }
}

/// Of two tokens of one location neither works; one of them alone does.
fn call_twins(tenant: &mut Tenant) {
    let (works, twice) = ("valid", "duplicateLocationId");
    let locations: Vec<String> =
        tenant.vpp_tokens.iter().map(|one| one.location_name.clone()).collect();
    for vpp in &mut tenant.vpp_tokens {
        let is_twice = locations.iter().filter(|one| **one == vpp.location_name).count() > 1;
        if is_twice || vpp.state == twice {
            vpp.state = if is_twice { twice } else { works }.to_owned();
        }
    }
}
