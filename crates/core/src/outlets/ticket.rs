//! One ticket for each renewal: opened when it is due, noted as it goes on, closed when Intune is read
//! to have the same credential with a later expiry, opened again when that did not hold.
//!
//! What a ticket has been told stands in the notes; what it is told next follows from that and from
//! this run's reading alone. While its token could not be read, it is told nothing.

pub(in crate::outlets) mod told;

use std::collections::BTreeMap;

use chrono::Duration;

use super::calendar::is_of_expiry;
use super::memory::{self, Asker, Remembered, Standing};
use super::message::{Customer, Message};
use crate::attention::{
    Cause, CloneState, InGit, Matter, MatterTenant, Severity, advice, is_renewal, proved_until,
    renewal_key,
};
use crate::fleet::{Desired, Tenant, TicketPolicy};
use crate::model::{
    EntryBody, Notice, Phase, Record, Sha256, Telling, TenantId, TicketLink, Timestamp, TokenRef,
};
use crate::plan::{Plan, PlannedTenant, PlannedToken, Reason, Sync};
pub use told::{
    Relapse, Stage, TicketRequest, TicketSheet, TicketStep, TicketStepError, TicketTold, sentence,
};

/// A ticket as the notes have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub key: String,
    pub token: TokenRef,
    /// The day on which the credential expires that is renewed, `2027-01-15`.
    pub period: String,
    /// Its number in the ticket system, as it was recorded last.
    pub number: Option<String>,
    /// The customer's number in the ticket system to whom it belongs, as a sink took it or as it was
    /// linked last.
    pub client: Option<String>,
    /// When it was opened; `None` while no sink has taken that.
    pub opened_at: Option<Timestamp>,
    /// The idempotency key of the message that opened it, which later ones answer.
    opening: Option<Sha256>,
    /// Another customer whose ticket has the same number.
    shared_with: Option<TenantId>,
    steps: BTreeMap<TicketStep, Standing>,
}

/// Why a ticket that is open is told nothing: another customer would read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced<'a> {
    /// It is at this number of a customer, and the tenant file has another one or none.
    AtClient(&'a str),
    /// Its number is that of a ticket of this other customer, too.
    Shared { number: &'a str, with: TenantId },
}

impl Ticket {
    fn sent(&self) -> impl Iterator<Item = TicketStep> {
        let sent = self.steps.iter().filter(|(_, standing)| **standing == Standing::Sent);
        sent.map(|(step, _)| *step)
    }

    /// Which time it is open, or was last.
    fn time(&self) -> u32 {
        self.sent().map(|step| step.time).max().unwrap_or(0)
    }

    fn has(&self, stage: Stage, time: u32) -> bool {
        self.sent().any(|step| step == TicketStep { stage, time })
    }

    /// Whether a sink took that it is open, and none that it is closed since.
    pub fn is_open(&self) -> bool {
        self.time() > 0 && !self.has(Stage::Closed, self.time())
    }

    /// Whether a sink may have opened it, though nothing says so: the run that told it died or heard
    /// nothing.
    fn may_be_open(&self) -> bool {
        self.time() == 0 && self.steps.get(&TicketStep::FIRST) == Some(&Standing::Due)
    }

    /// The furthest that it was told, for people.
    pub fn stage(&self) -> Option<Stage> {
        let time = self.time();
        self.sent().filter(|step| step.time == time).map(|step| step.stage).max_by_key(|stage| {
            match stage {
                // It begins its own time, and the other says nothing new.
                Stage::Reopened(_) | Stage::Reminded(_) => 0,
                other => rank(*other),
            }
        })
    }

    /// What keeps it from being told anything while it is open. One that no sink took is at no number.
    pub fn misplaced(&self, policy: &TicketPolicy, tenant: &Tenant) -> Option<Misplaced<'_>> {
        if !self.is_open() {
            return None;
        }
        if let Some((number, with)) = self.number.as_deref().zip(self.shared_with) {
            return Some(Misplaced::Shared { number, with });
        }
        let was = self.client.as_ref()?;
        (Some(was) != policy.client_of(tenant)).then_some(Misplaced::AtClient(was))
    }

    /// Whether another run may be telling this step.
    fn is_busy(&self, step: TicketStep) -> bool {
        self.steps.get(&step) == Some(&Standing::Busy)
    }
}

/// How far a stage is on the way; what is behind the last one told is not told any more.
fn rank(stage: Stage) -> u8 {
    match stage {
        Stage::Opened | Stage::Reopened(_) | Stage::Reminded(_) => 1,
        Stage::Pushed => 2,
        Stage::Merged => 3,
        Stage::Held => 4,
        Stage::Uploaded => 5,
        Stage::Closed => 6,
    }
}

/// Every ticket that the sink was told of, or is to be, by its tenant. A line that no run can have written
/// tells nothing.
pub fn tickets<'t>(
    told: &'t BTreeMap<TenantId, Vec<Record>>,
    policy: &TicketPolicy,
    now: Timestamp,
    asker: Asker<'_>,
) -> BTreeMap<TenantId, Vec<Ticket>> {
    let sink = policy.sink.as_str();
    let is_ticket = |event: Telling| event != Telling::Notified;
    let is_today = now <= asker.real_now.plus(memory::AHEAD);
    let mut opened: BTreeMap<(TenantId, &'t str), Timestamp> = BTreeMap::new();
    // The reminders of ten years would be written in a minute, and silence the ticket for as long.
    let is_possible = |file: TenantId, record: &'t Record, notice: &'t Notice, _| {
        let Ok(step) = notice.step.parse::<TicketStep>() else { return false };
        if is_today && notice.on > record.at.plus(memory::AHEAD) {
            return false;
        }
        let first = opened.get(&(file, notice.key.as_str())).copied();
        match (step.stage, first) {
            (Stage::Opened, None) => {
                opened.insert((file, notice.key.as_str()), notice.on);
                true
            }
            (Stage::Reminded(count), Some(first)) => {
                memory::is_reminder_due(count, first, notice.on, policy.remind)
            }
            (_, first) => first.is_some(),
        }
    };
    let mut all: BTreeMap<TenantId, Vec<Ticket>> = BTreeMap::new();
    let numbers = numbers(told, sink);
    let threads = memory::threads(told, sink, (is_ticket, is_possible), asker);
    for ((tenant, key), thread) in threads {
        let Some(token) = thread.iter().find_map(|one| one.record.token.clone()) else { continue };
        let Some((_, period)) = key.rsplit_once('/') else { continue };
        let records = told.get(&tenant).map(Vec::as_slice).unwrap_or_default();
        let step = |one: &Remembered<'_>| Some((one.step.parse().ok()?, one.standing));
        let steps: BTreeMap<TicketStep, Standing> = thread.iter().filter_map(step).collect();
        let is_opening = |one: &&Remembered<'_>| {
            one.standing == Standing::Sent && one.step == TicketStep::FIRST.to_string()
        };
        let opening = thread.iter().find(is_opening);
        let number = number(records, &key, sink);
        let ticket = Ticket {
            period: period.to_owned(),
            shared_with: number.as_deref().and_then(|one| other_with(&numbers, tenant, one)),
            number,
            client: client(records, &key, sink),
            opened_at: opening.map(|one| one.on),
            opening: opening.map(|one| one.delivery),
            key,
            token,
            steps,
        };
        all.entry(tenant).or_default().push(ticket);
    }
    all
}

/// What was linked last for each ticket of a tenant at a sink, by the ticket's key: the same number is
/// another customer's ticket in another system.
pub fn links<'r>(
    records: &'r [Record],
    sink: &str,
) -> BTreeMap<&'r str, (&'r Record, &'r TicketLink)> {
    let link = |record: &'r Record| match &record.body {
        EntryBody::TicketLinked { ticket } if ticket.sink.as_deref() == Some(sink) => {
            Some((ticket.key.as_str(), (record, ticket)))
        }
        _ => None,
    };
    records.iter().filter_map(link).collect()
}

/// Whose tickets have which number at a sink.
pub type Numbers<'r> = BTreeMap<&'r str, Vec<(TenantId, &'r Record)>>;

/// Every number that was linked last for some ticket.
pub fn numbers<'r>(told: &'r BTreeMap<TenantId, Vec<Record>>, sink: &str) -> Numbers<'r> {
    let mut numbers = Numbers::new();
    for (&tenant, records) in told {
        for (record, link) in links(records, sink).into_values() {
            numbers.entry(link.number.as_str()).or_default().push((tenant, record));
        }
    }
    numbers
}

/// Another customer whose ticket has the number: what is told of the one would be read by the other.
fn other_with(numbers: &Numbers<'_>, own: TenantId, number: &str) -> Option<TenantId> {
    numbers.get(number)?.iter().map(|(tenant, _)| *tenant).find(|tenant| *tenant != own)
}

/// The number that was linked last for a ticket.
fn number(records: &[Record], key: &str, sink: &str) -> Option<String> {
    links(records, sink).get(key).map(|(_, link)| link.number.clone())
}

/// Whether a run was to open the ticket for another customer's number, or for none: with a number that was
/// corrected since, it is another message, which a receiver that refused the first one has not seen.
fn was_for_another(records: &[Record], key: &str, sink: &str, client: Option<&String>) -> bool {
    records.iter().filter_map(|record| record.notice()).any(|(event, notice)| {
        event == Telling::TicketOpened
            && (notice.key.as_str(), notice.sink.as_str()) == (key, sink)
            && notice.client.as_ref() != client
    })
}

/// The number of the customer to whom the ticket belongs at a sink, as the sink took it or as it was linked
/// last. What did not arrive has put it nowhere.
fn client(records: &[Record], key: &str, sink: &str) -> Option<String> {
    records.iter().rev().find_map(|record| match &record.body {
        EntryBody::Told { event, notice }
            if *event != Telling::Notified
                && (notice.key.as_str(), notice.sink.as_str()) == (key, sink)
                && notice.phase == Phase::Sent =>
        {
            notice.client.clone()
        }
        EntryBody::TicketLinked { ticket }
            if ticket.key == key && ticket.sink.as_deref() == Some(sink) =>
        {
            ticket.client.clone()
        }
        _ => None,
    })
}

/// Whether the ticket of its renewal tells a matter at the sink that carries tickets.
pub fn tells(
    policy: &TicketPolicy,
    fleet: &[Desired],
    told: &BTreeMap<TenantId, Vec<Record>>,
    matter: &Matter,
) -> bool {
    let (Some(of), Some(token)) = (&matter.tenant, &matter.token) else { return false };
    let Some(file) = of.tenant_id.filter(|_| is_of_expiry(matter)) else { return false };
    let mut own = fleet.iter().filter_map(Desired::valid).filter(|one| one.tenant_id == file);
    let (Some(tenant), None) = (own.next(), own.next()) else { return false };
    let has_ticket = || {
        told.get(&file).into_iter().flatten().any(|record| {
            record.is_of(token)
                && record.notice().is_some_and(|(event, notice)| {
                    event != Telling::Notified && notice.sink == policy.sink
                })
        })
    };
    // What could not be read opens none.
    policy.opens_for(tenant) && (matter.as_of.is_none() || has_ticket())
}

/// The renewals of whose tickets nothing is said, because their tokens could not be read.
pub fn unread(
    policy: &TicketPolicy,
    fleet: &[Desired],
    plan: &Plan,
    matters: &[Matter],
) -> Vec<String> {
    let is_unread = |matter: &&Matter| {
        let id = matter.tenant.as_ref().and_then(|tenant| tenant.tenant_id);
        let mut own = fleet.iter().filter_map(Desired::valid);
        let mut planned = plan.tenants.iter();
        let tenant = own.find(|tenant| Some(tenant.tenant_id) == id);
        let planned = planned.find(|one| one.tenant_id.is_some() && one.tenant_id == id);
        let has_number = tenant.is_some_and(|tenant| policy.opens_for(tenant));
        let mut tokens = planned.into_iter().flat_map(|one| &one.tokens);
        has_number
            && tokens.any(|one| {
                one.state.sync == Sync::Unobserved && matter.is_about(&one.state.token())
            })
    };
    let of_expiry = matters.iter().filter(|matter| is_of_expiry(matter));
    of_expiry.filter(is_unread).map(Matter::subject).collect()
}

/// What this run read of a token, as far as tickets ask.
#[derive(Clone, Copy, Debug)]
pub struct TokenNow<'a> {
    pub token: &'a TokenRef,
    /// The identity of the renewal that is due or would be.
    pub key: &'a str,
    /// When Intune's credential expires; `None` where Intune was not read to have one.
    pub live: Option<Timestamp>,
    /// The same, where nothing says that it is another credential than the one to be renewed.
    pub proved_until: Option<Timestamp>,
    /// What needs a person because it expires.
    pub matter: Option<&'a Matter>,
    /// Whether a branch that others see brings a new file.
    pub pushed: bool,
    /// Whether Intune refused the file in Git, or never showed it.
    pub rejected: bool,
    /// The instant by which it is judged, and how often what lasts is told again.
    pub now: Timestamp,
    pub remind: Duration,
}

/// A step that is due for a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueStep {
    pub key: String,
    pub token: TokenRef,
    pub step: TicketStep,
}

/// What the tickets of a token are told now. Of several stages since the last run only the furthest.
pub fn due(tickets: &[Ticket], token: &TokenNow<'_>) -> Vec<DueStep> {
    // What was not read proves nothing: neither that a renewal is due nor that it is over.
    if token.live.is_none() {
        return Vec::new();
    }
    let mut due = Vec::new();
    let own = tickets.iter().filter(|one| one.token.same_token(token.token));
    let is_over =
        |one: &&Ticket| token.proved_until.is_some_and(|until| is_renewal(until, &one.period));
    // One that nobody opened is closed in vain at worst; the other would stay open for ever.
    for ticket in own.clone().filter(|one| one.is_open() || one.may_be_open()).filter(is_over) {
        due.push((Some(ticket), Stage::Closed, ticket.time().max(1)));
    }
    if let Some(matter) = token.matter {
        let ticket = own.clone().find(|one| one.key == token.key);
        match ticket {
            Some(ticket) if ticket.is_open() => {
                due.extend(
                    next_of(ticket, token, matter).map(|(stage, time)| (Some(ticket), stage, time)),
                );
            }
            Some(ticket) if ticket.time() > 0 => {
                due.push((Some(ticket), Stage::Reopened(Relapse::Back), ticket.time() + 1));
            }
            ticket => due.push((ticket, Stage::Opened, 1)),
        }
    }
    let step = |(ticket, stage, time): (Option<&Ticket>, Stage, u32)| {
        let step = TicketStep { stage, time };
        let is_busy = ticket.is_some_and(|ticket| ticket.is_busy(step));
        (!is_busy).then(|| DueStep {
            key: ticket.map_or(token.key, |ticket| ticket.key.as_str()).to_owned(),
            token: token.token.clone(),
            step,
        })
    };
    due.into_iter().filter_map(step).collect()
}

/// What an open ticket is told next.
fn next_of(ticket: &Ticket, token: &TokenNow<'_>, matter: &Matter) -> Option<(Stage, u32)> {
    let time = ticket.time();
    let was = |stage| (1..=time).any(|time| ticket.has(stage, time));
    if token.rejected && ticket.has(Stage::Uploaded, time) {
        return Some((Stage::Reopened(Relapse::Rejected), time + 1));
    }
    let is_expired = matter.code == Cause::Expired.code();
    // One that had expired before it was opened says so from the start.
    if is_expired && !was(Stage::Reopened(Relapse::Expired)) && was_in_time(ticket) {
        return Some((Stage::Reopened(Relapse::Expired), time + 1));
    }
    let stage = match matter.in_git {
        InGit::Due => Stage::Merged,
        InGit::Held => Stage::Held,
        InGit::Sent => Stage::Uploaded,
        InGit::No if token.pushed => Stage::Pushed,
        InGit::No => return reminder(ticket, token, matter),
    };
    let told = ticket.sent().filter(|step| step.time == time).map(|step| rank(step.stage)).max();
    let is_news = told.is_none_or(|told| rank(stage) > told);
    if is_news { Some((stage, time)) } else { reminder(ticket, token, matter) }
}

/// That it is still to be done, while it is critical. Whoever may push notes can write that a ticket was
/// opened: no longer than this is it believed.
fn reminder(ticket: &Ticket, token: &TokenNow<'_>, matter: &Matter) -> Option<(Stage, u32)> {
    if matter.severity != Severity::Critical {
        return None;
    }
    let count = memory::reminders(ticket.opened_at?, token.now, token.remind);
    let stage = Stage::Reminded(count);
    let is_told = (1..=ticket.time()).any(|time| ticket.has(stage, time));
    (count > 0 && !is_told).then_some((stage, ticket.time()))
}

/// Whether the ticket was opened before the credential expired.
fn was_in_time(ticket: &Ticket) -> bool {
    ticket.opened_at.is_some_and(|at| advice::day(at) < ticket.period)
}

/// Everything that tickets follow from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub policy: &'a TicketPolicy,
    pub matters: &'a [Matter],
    /// What this run read.
    pub plan: &'a Plan,
    /// The fleet, as the base has it.
    pub fleet: &'a [Desired],
    pub clone: &'a CloneState,
    pub told: &'a BTreeMap<TenantId, Vec<Record>>,
    /// The instant by which everything is judged.
    pub now: Timestamp,
    pub asker: Asker<'a>,
}

/// A ticket's message, and the file of the notes that remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub file: TenantId,
    pub message: Message,
}

/// What is due at the sink that carries tickets, in the fleet's order. The renewal sheet is asked for
/// where somebody has something to do.
pub fn deliveries(
    input: &Input<'_>,
    sheet: impl Fn(&Tenant, &TokenRef) -> Option<TicketSheet>,
) -> Vec<Delivery> {
    let all = tickets(input.told, input.policy, input.now, input.asker);
    let numbers = numbers(input.told, &input.policy.sink);
    let mut deliveries = Vec::new();
    for planned in &input.plan.tenants {
        let valid = input.fleet.iter().filter_map(Desired::valid);
        let Some(file) = planned.tenant_id else { continue };
        // Where two folders name one tenant, nobody can tell whose ticket it would be.
        let mut own = valid.filter(|tenant| tenant.tenant_id == file);
        let (Some(tenant), None) = (own.next(), own.next()) else { continue };
        let of_tenant = all.get(&file).map(Vec::as_slice).unwrap_or_default();
        for token in &planned.tokens {
            for step in of_token(input, (planned, token), tenant, of_tenant) {
                let ticket = of_tenant.iter().find(|ticket| ticket.key == step.key);
                if ticket.is_some_and(|one| one.misplaced(input.policy, tenant).is_some()) {
                    continue;
                }
                let message = message((input, &numbers), (tenant, token), (step, ticket), &sheet);
                deliveries.extend(message.map(|message| Delivery { file, message }));
            }
        }
    }
    deliveries
}

/// The steps that are due for one token.
fn of_token(
    input: &Input<'_>,
    (planned, token): (&PlannedTenant, &PlannedToken),
    tenant: &Tenant,
    tickets: &[Ticket],
) -> Vec<DueStep> {
    let state = &token.state;
    let which = state.token();
    let is_read = state.sync != Sync::Unobserved;
    let live = state.live.as_ref().filter(|_| is_read).and_then(|facts| facts.expires);
    let Some(expires) = live else { return Vec::new() };
    let of = MatterTenant { name: planned.name.clone(), tenant_id: planned.tenant_id };
    let matter = input.matters.iter().find(|matter| {
        matter.tenant.as_ref() == Some(&of)
            && matter.is_about(&which)
            && matter.as_of.is_none()
            && is_of_expiry(matter)
    });
    let pushed =
        input.clone.open_renewals.iter().any(|open| {
            open.tenant == planned.name && open.token.same_token(&which) && open.pushed
        });
    let now = TokenNow {
        token: &which,
        key: &renewal_key(&of, &which, expires),
        live,
        proved_until: proved_until(input.matters, planned, state),
        matter,
        pushed,
        rejected: state.reasons.contains(&Reason::Rejected),
        now: input.now,
        remind: input.policy.remind,
    };
    let mut steps = due(tickets, &now);
    // Never a default: a ticket without its customer would be another customer's.
    if !input.policy.opens_for(tenant) {
        steps.retain(|one| one.step.stage != Stage::Opened);
    }
    steps
}

fn message(
    (input, numbers): (&Input<'_>, &Numbers<'_>),
    (tenant, token): (&Tenant, &PlannedToken),
    (due, known): (DueStep, Option<&Ticket>),
    sheet: &impl Fn(&Tenant, &TokenRef) -> Option<TicketSheet>,
) -> Option<Message> {
    let which = token.state.token();
    let matter = input.matters.iter().find(|matter| {
        matter.tenant.as_ref().is_some_and(|of| of.tenant_id == Some(tenant.tenant_id))
            && matter.is_about(&which)
    });
    let matter = matter.filter(|_| due.step.stage != Stage::Closed);
    let is_to_do =
        matches!(due.step.stage, Stage::Opened | Stage::Reminded(_) | Stage::Reopened(_));
    let client = input.policy.client_of(tenant);
    let own = input.told.get(&tenant.tenant_id).map(Vec::as_slice).unwrap_or_default();
    let ticket = TicketTold {
        token: due.token,
        step: due.step,
        message: matter.map(|matter| matter.message.clone()).unwrap_or_default(),
        next: matter.map(|matter| matter.next.clone()).unwrap_or_default(),
        command: matter.and_then(|matter| matter.command.clone()),
        // Also of a ticket that somebody opened by hand: ours joins it, where it is no other customer's.
        number: number(own, &due.key, &input.policy.sink)
            .filter(|number| other_with(numbers, tenant.tenant_id, number).is_none()),
        opening: known.and_then(|ticket| ticket.opening),
        is_corrected: was_for_another(own, &due.key, &input.policy.sink, client),
        key: due.key,
        client: client.cloned(),
        sheet: is_to_do.then(|| sheet(tenant, &which)).flatten(),
    };
    Message::of_ticket(&input.policy.sink, Customer::from(tenant), ticket, input.now)
}

#[cfg(test)]
mod tests;
