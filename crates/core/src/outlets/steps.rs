//! Which step of which matter is due at which sink: pure, of the list, of what the notes remember, and
//! of what this run has read.
//!
//! A matter is *resolved* only where the reading of this run disproves it: its tenant is in the fleet
//! and was looked at, and so was its token. What could not be read, or was not selected, stays as it
//! was told. A tenant that left Git is told once as no longer watched.

mod remembered;

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;

use super::customer;
use super::memory::{self, Asker, Standing, Thread, Threads};
use super::message::{Customer, Message, Step, TenantMatters, Told};
use super::ticket;
use crate::attention::{
    Cause, Matter, MatterTenant, Severity, advice, is_renewal, proved_until, sign_in_key,
};
use crate::fleet::{Codes, Desired, Receiver, SinkPolicy, TicketPolicy, name_of};
use crate::model::{
    Kind, Notice, ProblemCode, Record, Sha256, Telling, TenantId, Timestamp, TokenRef,
};
use crate::plan::{Observed, Plan, PlannedTenant, Selection, Sync, TokenState};
use remembered::{Course, again, known_key, last_time, of_file, severity_of, steps_of};
pub use remembered::{matter_of, open};

/// Everything that the steps follow from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The list, most urgent first.
    pub matters: &'a [Matter],
    /// What this run read.
    pub plan: &'a Plan,
    /// The fleet, as the base has it: what is in it is watched.
    pub fleet: &'a [Desired],
    /// Which sink carries tickets.
    pub tickets: Option<&'a TicketPolicy>,
    pub told: &'a BTreeMap<TenantId, Vec<Record>>,
    /// The instant by which everything is judged.
    pub now: Timestamp,
    pub asker: Asker<'a>,
    /// Whether something besides this machine says what day it is. Otherwise only that is told which is so on
    /// any day: that something could not be read.
    pub clock_is_known: bool,
}

/// One message, and the file of the notes that remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub file: TenantId,
    pub message: Message,
}

/// What concerns a clone or a revision that nobody has merged: whoever runs the command sees it.
pub(crate) const HERE: [&str; 9] = [
    "clock-skew",
    "clone-behind",
    "clone-ahead",
    "clone-dirty",
    "record-changes",
    "settings-invalid",
    "alarms-end",
    "file-withdrawn",
    "tenant-outdated",
];

/// The stages of one renewal. The later one takes the place of the earlier one, so people are not told
/// that the earlier one is over.
const STAGES: [&str; 3] = ["renewal-due", "critical", "expired"];

/// How far ahead a machine's clock may be before its lines count as invented. Until then nothing is a
/// reminder of what that machine has just told.
const SKEW: Duration = Duration::days(1);

/// The messages that are due at a sink, most urgent first.
pub fn due(input: &Input<'_>, sink: &SinkPolicy) -> Vec<Delivery> {
    let at = AtSink::new(input, sink);
    let mut steps: BTreeMap<TenantId, Vec<Due>> = BTreeMap::new();
    for (place, matter) in &at.list {
        let due = at.of_matter(place, matter);
        steps.entry(place.0).or_default().extend(due);
    }
    for (place, thread) in &at.threads {
        if !at.list.contains_key(place) {
            let due = at.of_absent(place.0, thread);
            steps.entry(place.0).or_default().extend(due);
        }
    }
    if !input.clock_is_known {
        steps.values_mut().for_each(|due| due.retain(|one| is_so_on_any_day(&one.told.matter)));
    }
    let mut deliveries: Vec<Delivery> =
        steps.into_iter().flat_map(|(file, due)| at.deliveries(file, due)).collect();
    // The end of a matter counts as much as its beginning, or a sink would hear of it after the matter
    // came again.
    deliveries.sort_by_key(|one| one.message.severity());
    deliveries
}

/// Whether it takes no date to say that it is so.
fn is_so_on_any_day(matter: &Matter) -> bool {
    ProblemCode::ALL.iter().any(|code| Cause::Unobserved(*code).code() == matter.code)
}

/// For so many days a sink that forgets is told again that a matter ended. Another run that had read what
/// was so before may tell it once more that the matter stands, and the next runs may not come so far.
const ENDS_AGAIN: i64 = 7;

/// What stands open at a sink that forgets what it is not told again, and what ended in the last days.
/// What this run shows to be over, and another one is about to tell as such, is neither.
pub fn standing(input: &Input<'_>, sink: &SinkPolicy) -> Vec<Message> {
    let at = AtSink::new(input, sink);
    let mut told: BTreeMap<TenantId, Vec<Told>> = BTreeMap::new();
    let mut former: Vec<Message> = Vec::new();
    for (place, thread) in &at.threads {
        let Some(last) = thread.iter().rev().find(|one| one.standing == Standing::Sent) else {
            continue;
        };
        let Ok(step) = last.step.parse::<Step>() else { continue };
        if step.is_last() && input.now.since(last.on) > Duration::days(ENDS_AGAIN) {
            continue;
        }
        let severity = (thread.iter())
            .filter(|one| one.step.parse().is_ok_and(|other: Step| other.time() == step.time()))
            .filter_map(|one| severity_of(one.record))
            .min();
        let current =
            at.list.get(place).map(|matter| Matter { key: place.1.clone(), ..(*matter).clone() });
        let matter = current.or_else(|| at.remembered(place.0, last.record));
        // A label of an alert: one that was told as critical ends as such.
        let told_so =
            |matter: Matter| Matter { severity: severity.unwrap_or(matter.severity), ..matter };
        let Some(matter) = matter.map(told_so) else { continue };
        let is_absent = !at.list.contains_key(place);
        if is_absent && !step.is_last() && at.end(place.0, &matter, step.time()).is_some() {
            continue;
        }
        former.extend(at.under_former_names(place.0, thread, &matter, step.time()));
        told.entry(place.0).or_default().push(Told { matter, step });
    }
    let current = told.into_iter().flat_map(|(file, told)| {
        at.customers(file, &told)
            .into_iter()
            .flat_map(move |matters| Message::each(&sink.name, &matters, input.now))
    });
    former.into_iter().chain(current).collect()
}

/// The file of the notes that remembers a matter: its tenant's, else the fleet's.
pub fn file_of(matter: &Matter) -> TenantId {
    matter.tenant.as_ref().and_then(|tenant| tenant.tenant_id).unwrap_or(TenantId::FLEET)
}

/// A step that is due, and the message that it is a part of where it was claimed before.
struct Due {
    told: Told,
    again: Option<Sha256>,
}

/// One sink, with what it was told.
struct AtSink<'a> {
    input: &'a Input<'a>,
    sink: &'a SinkPolicy,
    threads: Threads<'a>,
    /// Every matter of the list, by the key that it is remembered under.
    list: BTreeMap<(TenantId, String), &'a Matter>,
    selection: Selection,
}

impl<'a> AtSink<'a> {
    fn new(input: &'a Input<'a>, sink: &'a SinkPolicy) -> Self {
        let is_of = |event| event == Telling::Notified;
        let is_today = input.now <= input.asker.real_now.plus(memory::AHEAD);
        let mut courses: BTreeMap<(TenantId, &str), Course> = BTreeMap::new();
        let is_possible = |file: TenantId, record: &'a Record, notice: &'a Notice, known| {
            let course = courses.entry((file, notice.key.as_str()));
            let course = course.or_insert_with(|| Course::new(sink.remind, is_today));
            course.admits(record, notice, known)
        };
        let threads = memory::threads(input.told, &sink.name, (is_of, is_possible), input.asker);
        let mut list = BTreeMap::new();
        // What the notes alone remember raises nothing: who writes them would write to every sink.
        for matter in input.matters.iter().filter(|matter| !matter.is_remembered) {
            let file = file_of(matter);
            list.entry((file, known_key(&threads, file, matter))).or_insert(matter);
        }
        // The settings were checked when they were read; what they cannot select is selected by none.
        let selection = Selection::parse(&sink.select).unwrap_or_default();
        Self { input, sink, threads, list, selection }
    }

    /// What is due of a matter that is in the list.
    fn of_matter(&self, place: &(TenantId, String), matter: &Matter) -> Vec<Due> {
        let matter = Matter { key: place.1.clone(), ..matter.clone() };
        let thread = self.threads.get(place).map(Vec::as_slice).unwrap_or_default();
        if thread.iter().any(|one| one.standing == Standing::Busy) {
            return Vec::new();
        }
        let told = |step: Step| Told { matter: matter.clone(), step };
        let mut due: Vec<Due> =
            again(thread).map(|(step, again)| Due { told: told(step), again }).collect();
        if self.is_told(&matter) && !self.is_known_over(place.0, &matter) {
            let step = self.next_step(thread, &matter);
            due.extend(step.map(|step| Due { told: told(step), again: None }));
        }
        due
    }

    /// Whether a reading has shown that the matter is over, and no reading since says that it came again:
    /// it is in the list by what is older, because its token cannot be read now. A renewal ends all of its
    /// stages.
    fn is_known_over(&self, file: TenantId, matter: &Matter) -> bool {
        if !matter.code.is_of_intune() || self.was_read(matter) {
            return false;
        }
        // The last stage that was told speaks for the renewal: an earlier one ended when that began.
        let mut threads =
            stages(matter).into_iter().filter_map(|key| self.threads.get(&(file, key)));
        threads.next_back().is_some_and(|thread| {
            let last = thread.iter().map(|one| one.on).max();
            last_time(thread).1 && last > matter.as_of
        })
    }

    /// Whether this run read the token that the matter is about.
    fn was_read(&self, matter: &Matter) -> bool {
        let (Some(tenant), Some(token)) = (&matter.tenant, &matter.token) else { return true };
        let tenants = &self.input.plan.tenants;
        let planned = tenants.iter().find(|one| one.name == tenant.name);
        planned.is_some_and(|planned| disproves(planned, Some(token)))
    }

    /// What of a matter that is in the list was never claimed.
    fn next_step(&self, thread: &[memory::Remembered<'_>], matter: &Matter) -> Option<Step> {
        let steps: Vec<Step> = steps_of(thread).collect();
        let (time, is_over) = last_time(thread);
        if time == 0 || is_over {
            return Some(Step::Raised(time.saturating_add(1)));
        }
        let of_time = || {
            thread.iter().filter(move |one| {
                one.step.parse().is_ok_and(|step: Step| step.time() == time && !step.is_last())
            })
        };
        let told = of_time().filter_map(|one| severity_of(one.record)).min();
        let worse = Step::Worse(matter.severity, time);
        if told.is_some_and(|told| matter.severity < told) && !steps.contains(&worse) {
            return Some(worse);
        }
        if matter.severity != Severity::Critical {
            return None;
        }
        let remind = self.sink.remind;
        let last = self.input.now.plus(SKEW);
        let first = of_time().map(|one| one.on).min().filter(|first| *first <= last);
        // A line from the future would silence it for as long as it pleases: then the calendar counts.
        let first = first.unwrap_or(Timestamp::EPOCH);
        let count = memory::reminders(first, self.input.now, remind);
        let again = Step::Again(count, time);
        (count > 0 && !steps.contains(&again)).then_some(again)
    }

    /// A matter as the notes remember it, of the tenant as the fleet calls it.
    fn remembered(&self, file: TenantId, record: &Record) -> Option<Matter> {
        let matter = matter_of(file, record)?;
        let called = |tenant: MatterTenant| match tenant.tenant_id {
            Some(id) => {
                MatterTenant { name: name_of(self.input.fleet, id, &tenant.name), ..tenant }
            }
            None => tenant,
        };
        Some(Matter { tenant: matter.tenant.clone().map(called), ..matter })
    }

    /// What is due of a matter that is not in the list.
    fn of_absent(&self, file: TenantId, thread: &Thread<'_>) -> Vec<Due> {
        let Some(matter) = thread.last().and_then(|last| self.remembered(file, last.record)) else {
            return Vec::new();
        };
        if thread.iter().any(|one| one.standing == Standing::Busy) {
            return Vec::new();
        }
        let told = |step: Step| Told { matter: matter.clone(), step };
        let mut due: Vec<Due> =
            again(thread).map(|(step, again)| Due { told: told(step), again }).collect();
        let (time, is_over) = last_time(thread);
        if time > 0 && !is_over {
            let step = self.end(file, &matter, time);
            due.extend(step.map(|step| Due { told: told(step), again: None }));
        }
        due
    }

    /// How a matter that was told ends, if this run shows that it has.
    fn end(&self, file: TenantId, matter: &Matter, time: u32) -> Option<Step> {
        if self.sink.writes_to_customers()
            && !(customer::is_told_over(matter.code) && self.is_reachable(file, matter))
        {
            return None;
        }
        let Some(tenant) = &matter.tenant else {
            let is_whole = self.input.plan.selection.select.is_empty()
                && self.input.plan.selection.touched.is_none();
            let is_over =
                is_whole && !self.is_sign_in_unproved(matter) && !self.is_record_unread(matter);
            return is_over.then_some(Step::Resolved(time));
        };
        let desired = self.input.fleet.iter().find(|one| match tenant.tenant_id {
            Some(id) => one.tenant_id() == Some(id),
            None => one.name() == tenant.name,
        });
        let Some(desired) = desired else {
            return (tenant.tenant_id.is_none() || !self.has_unreadable_folder(&tenant.name))
                .then_some(Step::Unwatched(time));
        };
        let planned =
            self.input.plan.tenants.iter().find(|planned| planned.name == desired.name())?;
        if !disproves(planned, matter.token.as_ref()) || self.is_overtaken(file, matter) {
            return None;
        }
        let is_shown = match self.sink.writes_to_customers() {
            true => self.works_again(planned, matter),
            false => !is_gone(planned, matter),
        };
        is_shown.then_some(Step::Resolved(time))
    }

    /// Whether it is that no tenant could be signed in to, and none of those has been read since.
    fn is_sign_in_unproved(&self, matter: &Matter) -> bool {
        let tenants = self.input.fleet.iter().filter_map(Desired::valid);
        let own = tenants.filter(|one| sign_in_key(one.auth.as_deref()) == matter.key);
        let own: BTreeSet<&str> = own.map(|one| one.name.as_str()).collect();
        let mut planned = self.input.plan.tenants.iter();
        !own.is_empty()
            && planned.all(|one| one.observed == Observed::None || !own.contains(one.name.as_str()))
    }

    /// Whether the lines that the matter is about cannot be read: who wrote one that was told could hide it
    /// behind one that nobody can read.
    fn is_record_unread(&self, matter: &Matter) -> bool {
        const UNREAD: [&str; 2] = ["ledger-unknown", "notes-unknown"];
        let file = |key: &str| key.split('/').nth(2).map(str::to_owned);
        let own = file(&matter.key);
        matter.code.as_str() == "ledger-line-broken"
            && self.input.matters.iter().any(|other| {
                let of = file(&other.key);
                UNREAD.contains(&other.code.as_str())
                    && other.tenant.is_none()
                    && (of == own || of.as_deref() == Some("-"))
            })
    }

    /// Whether Intune has a token that works again, as a customer is told. Settings by which a date is no
    /// longer near, a deletion, and an entry that left Git end a matter for the provider; none of them is
    /// a renewal.
    fn works_again(&self, planned: &PlannedTenant, matter: &Matter) -> bool {
        let is_stage = STAGES.contains(&matter.code.as_str());
        let due = matter.due.map(advice::day);
        own_tokens(planned, matter).filter(|state| state.health_reasons.is_empty()).any(|state| {
            let until = proved_until(self.input.matters, planned, state);
            until.is_some_and(|until| {
                !is_stage || due.as_ref().is_some_and(|due| is_renewal(until, due))
            })
        })
    }

    /// Whether the folder is there and does not say whose it is.
    fn has_unreadable_folder(&self, name: &str) -> bool {
        self.input.fleet.iter().any(|one| one.name() == name && one.tenant_id().is_none())
    }

    /// Whether a later stage of the same renewal was told, so that people are told of the end of that.
    fn is_overtaken(&self, file: TenantId, matter: &Matter) -> bool {
        if matches!(self.sink.receiver, Receiver::Webhook(_) | Receiver::Alertmanager { .. }) {
            return false;
        }
        later_stages(matter).any(|key| {
            let place = (file, key);
            self.list.contains_key(&place) || self.threads.contains_key(&place)
        })
    }

    /// Whether the sink is told of such a matter at all.
    fn is_told(&self, matter: &Matter) -> bool {
        let code = matter.code.as_str();
        let is_here = HERE.contains(&code) || matter.is_parked();
        let is_wanted = match &self.sink.codes {
            Codes::All => true,
            Codes::These { urgent, codes } => {
                (*urgent && matter.is_urgent()) || codes.contains(code)
            }
        };
        // A sink that fails is told so nowhere less than there.
        let is_itself = matter.key == format!("fleet/-/{}/sink-failing/-", self.sink.name);
        !is_here && is_wanted && !is_itself && !self.is_a_tickets(matter) && self.is_for(matter)
    }

    /// Whether the ticket of its renewal tells it here: a mailbox would make a second ticket of it.
    fn is_a_tickets(&self, matter: &Matter) -> bool {
        let carries = self.input.tickets.filter(|policy| policy.sink == self.sink.name);
        carries
            .is_some_and(|policy| ticket::tells(policy, self.input.fleet, self.input.told, matter))
    }

    fn is_for(&self, matter: &Matter) -> bool {
        let desired = self.desired(matter);
        if self.sink.writes_to_customers() {
            let is_reachable = self.is_reachable(file_of(matter), matter);
            return customer::is_told(matter.code) && is_reachable && self.selects(desired);
        }
        matter.tenant.is_none() || self.selects(desired)
    }

    /// Whether the customer's contacts are known. Whoever is no customer any more has none.
    fn is_reachable(&self, file: TenantId, matter: &Matter) -> bool {
        matter.tenant.as_ref().is_some_and(|of| !self.customer(file, &of.name).contacts.is_empty())
    }

    fn selects(&self, desired: Option<&Desired>) -> bool {
        match desired {
            None => self.selection.is_all(),
            Some(Desired::Valid(tenant)) => self.selection.matches(tenant),
            Some(Desired::Invalid { name, .. }) => self.selection.may_match_invalid(name),
        }
    }

    fn desired(&self, matter: &Matter) -> Option<&'a Desired> {
        let tenant = matter.tenant.as_ref()?;
        self.input.fleet.iter().find(|one| one.name() == tenant.name)
    }

    /// The messages that hold the due steps of one file. What was claimed as one message stays one; of
    /// the rest a sink with a digest gets one, when its time has come, except of what is critical.
    fn deliveries(&self, file: TenantId, due: Vec<Due>) -> Vec<Delivery> {
        // In the order of their first claims: what ended must not arrive before it began.
        let mut again: Vec<(Sha256, Vec<Told>)> = Vec::new();
        let (mut at_once, mut digest) = (Vec::new(), Vec::new());
        for Due { told, again: claimed } in due {
            match claimed {
                Some(delivery) => match again.iter_mut().find(|(known, _)| *known == delivery) {
                    Some((_, message)) => message.push(told),
                    None => again.push((delivery, vec![told])),
                },
                None if self.sink.digest.is_none()
                    || told.matter.severity == Severity::Critical =>
                {
                    at_once.push(told);
                }
                None => digest.push(told),
            }
        }
        if !self.is_digest_due(file) {
            digest.clear();
        }
        let (sink, now) = (self.sink.name.as_str(), self.input.now);
        let mut messages: Vec<Message> = Vec::new();
        for told in again.into_iter().map(|(_, told)| told).chain([digest]) {
            let whole = self.customers(file, &told).into_iter();
            messages.extend(whole.filter_map(|one| Message::digest(sink, one, now)));
        }
        for matters in self.customers(file, &at_once) {
            messages.extend(Message::each(sink, &matters, now));
        }
        messages.into_iter().map(|message| Delivery { file, message }).collect()
    }

    /// Whether the period of the digest has passed since the customer's last one.
    fn is_digest_due(&self, file: TenantId) -> bool {
        let Some(digest) = self.sink.digest else { return true };
        let period = digest.period();
        let told = of_file(&self.threads, file).flat_map(|(_, thread)| thread);
        let last = told
            .filter(|one| severity_of(one.record) != Some(Severity::Critical))
            .map(|one| one.on)
            .filter(|on| *on <= self.input.now)
            .max();
        last.is_none_or(|last| self.input.now.since(last) >= period - period / memory::SLACK)
    }

    /// The customers that these matters of one file are about: one, or none for the fleet; in the
    /// fleet's file also those whose tenant files cannot be read.
    fn customers(&self, file: TenantId, told: &[Told]) -> Vec<TenantMatters> {
        let mut all = Vec::new();
        if told.iter().any(|one| one.matter.tenant.is_none()) {
            all.push(TenantMatters::of_fleet(told));
        }
        if file == TenantId::FLEET {
            let names: BTreeSet<&str> = told
                .iter()
                .filter_map(|one| one.matter.tenant.as_ref())
                .map(|tenant| tenant.name.as_str())
                .collect();
            let nameless = names
                .into_iter()
                .map(|name| Customer { name: name.to_owned(), ..Customer::default() });
            all.extend(nameless.map(|customer| TenantMatters::new(customer, told)));
        } else if let Some(first) = told.iter().find_map(|one| one.matter.tenant.as_ref()) {
            all.push(TenantMatters::new(self.customer(file, &first.name), told));
        }
        all
    }

    /// The end of a matter under each name that its customer had when it was told: such a sink knows it by
    /// that name, and would keep it for ever.
    fn under_former_names(
        &self,
        file: TenantId,
        thread: &Thread<'_>,
        matter: &Matter,
        time: u32,
    ) -> Vec<Message> {
        let names: BTreeSet<&str> = thread.iter().map(|one| one.record.name.as_str()).collect();
        let own = names.first().map(|name| self.customer(file, name).name);
        let former = names.into_iter().filter(|name| {
            file != TenantId::FLEET && own.as_deref().is_some_and(|own| own != *name)
        });
        let told = [Told { matter: matter.clone(), step: Step::Resolved(time) }];
        let ends = former.flat_map(|name| {
            let tenant_id = Some(file);
            let customer = Customer { name: name.to_owned(), tenant_id, ..Customer::default() };
            let matters = TenantMatters::new(customer, &told);
            Message::each(&self.sink.name, &matters, self.input.now)
        });
        ends.collect()
    }

    /// The customer with this tenant id. Where two folders claim it, nobody is written to: whose the
    /// contacts are is not known.
    fn customer(&self, id: TenantId, name: &str) -> Customer {
        let mut own = self.input.fleet.iter().filter(|one| one.tenant_id() == Some(id));
        match (own.next(), own.next()) {
            (Some(Desired::Valid(tenant)), None) => Customer::from(tenant),
            _ => Customer { name: name.to_owned(), tenant_id: Some(id), ..Customer::default() },
        }
    }
}

/// What a step of a matter follows on: all stages of one renewal are one course, any other matter is its
/// own. A sink hears of a course in its order, or the last it heard would be an alarm that is over, or the
/// end of one whose next stage it does not know.
#[must_use]
pub fn course(key: &str) -> String {
    let mut parts = key.rsplitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(on), Some(code), Some(token)) if STAGES.contains(&code) => {
            format!("{token}/{}/{on}", STAGES[0])
        }
        _ => key.to_owned(),
    }
}

/// The keys of all stages of the same renewal; of another matter its own.
fn stages(matter: &Matter) -> Vec<String> {
    if !STAGES.contains(&matter.code.as_str()) {
        return vec![matter.key.clone()];
    }
    let code = format!("/{}/", matter.code);
    STAGES.iter().map(|stage| matter.key.replacen(&code, &format!("/{stage}/"), 1)).collect()
}

/// The keys of the later stages of the same renewal.
fn later_stages(matter: &Matter) -> impl Iterator<Item = String> {
    let own = STAGES.iter().position(|one| *one == matter.code.as_str());
    let later = STAGES.iter().skip(own.map_or(STAGES.len(), |own| own + 1));
    let code = format!("/{}/", matter.code);
    later.map(move |later| matter.key.replacen(&code, &format!("/{later}/"), 1))
}

/// Whether this reading would show the matter if it were still so.
fn disproves(planned: &PlannedTenant, token: Option<&TokenRef>) -> bool {
    let is_whole = planned.observed == Observed::Complete;
    let Some(token) = token else { return is_whole };
    let is_kind = token.kind != Kind::Push && token.name.is_none() && token.id.is_none();
    let mut own = planned.tokens.iter().filter(|one| one.state.token().same_token(token));
    match own.next() {
        Some(found) if !is_kind => found.state.sync != Sync::Unobserved,
        // Neither Git nor Intune has it any more.
        _ => is_whole,
    }
}

/// Whether the matter is about the expiry of a token that Intune is proved not to have any more. That
/// it is gone is another matter; it was not renewed, and the date of the last one still stands.
fn is_gone(planned: &PlannedTenant, matter: &Matter) -> bool {
    let is_stage = STAGES.contains(&matter.code.as_str());
    let mut own = own_tokens(planned, matter);
    is_stage && own.any(|state| state.live.is_none() && state.sync != Sync::Unobserved)
}

fn own_tokens<'p>(
    planned: &'p PlannedTenant,
    matter: &'p Matter,
) -> impl Iterator<Item = &'p TokenState> {
    planned.tokens.iter().map(|one| &one.state).filter(|state| matter.is_about(&state.token()))
}

#[cfg(test)]
mod tests;
