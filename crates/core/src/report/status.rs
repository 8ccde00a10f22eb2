//! The fleet's state over the three axes, most urgent first.
//!
//! This file holds the result as data and puts it in order; `human` and `flat` write it down. What
//! needs a person is [`crate::attention`]'s to say, and so is the order.

mod flat;
mod human;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text;
use crate::attention::{Attention, Matter, Window};
use crate::fleet::{Desired, Tenant, Token};
use crate::ledger::{LedgerView, TenantLedger};
use crate::model::{EntryBody, Event, Problem, Record, Sha256, TenantId, Timestamp, TokenRef};
use crate::plan::{Expiry, FORMAT_VERSION, Health, Observed, Plan, Sync, TokenState};

pub use flat::{status_csv, status_markdown};
pub use human::{StatusView, status_human};
pub(super) use human::{counts, tone_of};

/// When, what and by whom, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    pub at: Timestamp,
    /// SHA-256 of the opened file that it is about.
    pub sha256: Option<Sha256>,
    /// The fleet commit that was applied.
    pub rev: Option<String>,
    pub run: String,
    /// The user, else the machine.
    pub by: Option<String>,
    /// The pipeline run's URL, where one ran it.
    pub pipeline: Option<String>,
}

impl From<&Record> for Recorded {
    fn from(record: &Record) -> Self {
        Self {
            at: record.at,
            sha256: record.sha256(),
            rev: record.rev.clone(),
            run: record.run.clone(),
            by: record.actor.user.clone().or_else(|| record.actor.host.clone()),
            pipeline: record.actor.pipeline.clone(),
        }
    }
}

/// The newest upload that landed: one that Intune accepted, or the announced one that a later read
/// proved. Changes of settings carry no digest and are no uploads.
fn last_upload(past: &TenantLedger, token: &TokenRef) -> Option<Recorded> {
    let records: Vec<&Record> = past.of(token).filter(|record| record.sha256().is_some()).collect();
    let landed = records
        .iter()
        .rposition(|record| matches!(record.event(), Event::Applied | Event::Confirmed))?;
    let last = records.get(landed)?;
    let earlier = || records.iter().take(landed).rev().filter(|one| one.sha256() == last.sha256());
    let upload = match last.event() {
        Event::Applied => Some(last),
        _ => earlier()
            .find(|record| record.event() == Event::Applied)
            .or_else(|| earlier().find(|record| record.event() == Event::Intended)),
    };
    upload.map(|record| Recorded::from(*record))
}

/// A token of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusToken {
    #[serde(flatten)]
    pub state: TokenState,
    /// From when on it is due for renewal by the fleet's settings; `null` where its expiry is unknown.
    #[serde(default)]
    pub renew_by: Option<Timestamp>,
    /// From when on it is critical by the fleet's settings.
    #[serde(default)]
    pub critical_from: Option<Timestamp>,
    /// The Apple Account that renews it: as Git says, which was reviewed, else as Intune has it.
    #[serde(default)]
    pub apple_id: Option<String>,
    /// The newest upload that the ledger holds; `null` where there is none or the ledger is unknown.
    #[serde(default)]
    pub last_upload: Option<Recorded>,
    /// The newest entry by which a read showed what was sent.
    #[serde(default)]
    pub last_confirmed: Option<Recorded>,
    /// The upload that the customer has not confirmed yet; `null` where none waits for it.
    #[serde(default)]
    pub unacknowledged: Option<Recorded>,
    /// The number of its newest ticket in the ticket system; left out where none is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A tenant of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusTenant {
    pub name: String,
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub display_name: Option<String>,
    /// The labels that `--select` goes by, as Git has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How much was read.
    pub observed: Observed,
    /// When all of it was last read from Intune: by this run, else as this clone remembers or the
    /// ledger shows; `null` where none of them knows of a reading.
    #[serde(default)]
    pub read_at: Option<Timestamp>,
    /// What could not be read, and why.
    pub problems: Vec<Problem>,
    /// The push certificate comes first, then enrollment and VPP tokens.
    pub tokens: Vec<StatusToken>,
}

/// Counts over a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusSummary {
    pub tenants: usize,
    pub tokens: usize,
    /// Tokens that have expired.
    pub expired: usize,
    /// Tokens with less than `critical` left.
    pub critical: usize,
    /// Tokens with less than `renewBefore` left.
    pub renewal_due: usize,
    /// Tokens that do not work.
    pub failing: usize,
    /// Tokens with a held write.
    pub held: usize,
    /// Tenants of which something could not be read.
    pub unobserved: usize,
    /// Tenants whose last reading is older than the fleet's settings allow, or not known.
    #[serde(default)]
    pub stale: usize,
    /// Tokens with an upload that the customer has not confirmed yet.
    #[serde(default)]
    pub unacknowledged: usize,
    /// Tokens that were read and need no attention.
    #[serde(default)]
    pub ok: usize,
    /// How many tokens have each value of `sync`; values that none has are left out.
    #[serde(default)]
    pub by_sync: BTreeMap<String, usize>,
    /// How many tokens have each value of `expiry`.
    #[serde(default)]
    pub by_expiry: BTreeMap<String, usize>,
    /// How many tokens have each value of `health`.
    #[serde(default)]
    pub by_health: BTreeMap<String, usize>,
}

/// The fleet over the three axes: the machine output of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    pub rev: Option<String>,
    pub generated_at: Timestamp,
    /// Whether Intune was left alone.
    pub offline: bool,
    /// How old the reading of a tenant may be before that is told, in seconds, by the fleet's settings.
    #[serde(default)]
    pub drift_within_seconds: i64,
    /// The time that `--within` named: then only tokens that expire within it, or at an unknown
    /// time, are in here.
    #[serde(default)]
    pub within: Option<String>,
    /// What needs a person, most urgent first.
    #[serde(default)]
    pub attention: Vec<Matter>,
    /// Every exit code that applies; the command ends with the first.
    #[serde(default)]
    pub exits: Vec<u8>,
    /// The tenants, by name.
    pub tenants: Vec<StatusTenant>,
    /// Counts over what is in here.
    pub summary: StatusSummary,
}

/// What needs a person, without the rest of a [`Status`].
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttentionList<'a> {
    pub format_version: &'a str,
    pub rev: Option<&'a str>,
    pub generated_at: Timestamp,
    /// Most urgent first.
    pub attention: &'a [Matter],
}

/// A token with what Git and the ledger know of it.
fn token_of(
    state: &TokenState,
    entry: Option<&Token>,
    past: Option<&TenantLedger>,
    attention: &Attention,
) -> StatusToken {
    let of = state.token();
    let in_git = entry.and_then(|entry| entry.facts.apple_id.clone());
    let (renew_before, critical) = (attention.renew_before, attention.critical);
    let window = state.expires.map(|expires| Window::before(expires, renew_before, critical));
    StatusToken {
        renew_by: window.map(|window| window.due_from),
        critical_from: window.map(|window| window.critical_from),
        apple_id: in_git.or_else(|| state.live.as_ref()?.apple_id.clone()),
        last_upload: past.and_then(|past| last_upload(past, &of)),
        last_confirmed: past.and_then(|past| past.last_confirmed(&of)).map(Recorded::from),
        unacknowledged: past.and_then(|past| past.unacknowledged(&of)).map(Recorded::from),
        ticket: None,
        state: state.clone(),
    }
}

/// The number that a token's newest ticket was recorded to have.
fn ticket(told: &[Record], token: &TokenRef) -> Option<String> {
    let number = |record: &Record| match &record.body {
        EntryBody::TicketLinked { ticket } if record.is_of(token) => Some(ticket.number.clone()),
        _ => None,
    };
    told.iter().rev().find_map(number)
}

/// The status that a plan holds, with what Git and the ledger know beside it. An unknown ledger
/// is `None`.
pub fn status_of(
    plan: &Plan,
    fleet: &[Desired],
    ledger: Option<&LedgerView>,
    attention: Attention,
    offline: bool,
) -> Status {
    let in_git: HashMap<&str, &Tenant> = fleet
        .iter()
        .filter_map(Desired::valid)
        .map(|tenant| (tenant.name.as_str(), tenant))
        .collect();
    let tenants = plan
        .tenants
        .iter()
        .map(|tenant| {
            let desired = in_git.get(tenant.name.as_str()).copied();
            // A broken record is not an empty one: nothing of it is shown.
            let past = ledger.zip(tenant.tenant_id).and_then(|(view, id)| view.tenants.get(&id));
            let told = ledger.zip(tenant.tenant_id).and_then(|(view, id)| view.told.get(&id));
            let told = told.map(Vec::as_slice).unwrap_or_default();
            let token = |state: &TokenState| {
                let entry = desired.and_then(|tenant| state.entry_in(tenant));
                let ticket = ticket(told, &state.token());
                StatusToken { ticket, ..token_of(state, entry, past, &attention) }
            };
            StatusTenant {
                name: tenant.name.clone(),
                tenant_id: tenant.tenant_id,
                display_name: tenant.display_name.clone(),
                labels: desired.map(|tenant| tenant.labels.clone()).unwrap_or_default(),
                observed: tenant.observed,
                read_at: attention.readings.get(&tenant.name).map(|last| last.at),
                problems: tenant.problems.clone(),
                tokens: tenant.tokens.iter().map(|planned| token(&planned.state)).collect(),
            }
        })
        .collect();
    let mut status = Status {
        format_version: FORMAT_VERSION.to_owned(),
        applecart: plan.applecart.clone(),
        rev: plan.rev.clone(),
        generated_at: plan.generated_at,
        offline,
        drift_within_seconds: attention.drift_within.num_seconds(),
        within: None,
        attention: attention.matters,
        exits: Vec::new(),
        tenants,
        summary: StatusSummary::default(),
    };
    status.count();
    status
}

impl Status {
    pub fn attention_list(&self) -> AttentionList<'_> {
        AttentionList {
            format_version: &self.format_version,
            rev: self.rev.as_deref(),
            generated_at: self.generated_at,
            attention: &self.attention,
        }
    }

    /// Whether a token expires within this time, or has expired.
    pub fn expires_within(&self, within: Duration) -> bool {
        self.tokens().any(|token| expires_within(token, self.generated_at, within) == Some(true))
    }

    /// How old the reading of a tenant may be.
    pub fn drift_within(&self) -> Duration {
        Duration::seconds(self.drift_within_seconds)
    }

    /// How fresh all of it is, as a sentence; `None` for no tenants.
    pub fn freshness(&self) -> Option<String> {
        let within = text::at_most(self.drift_within());
        let read: Vec<Timestamp> = self.tenants.iter().filter_map(|one| one.read_at).collect();
        let oldest = read.iter().min().copied();
        let (all, stale) = (self.tenants.len(), self.summary.stale);
        let not_now = if self.offline { 0 } else { self.summary.unobserved };
        let when = match oldest {
            _ if all == 0 => return None,
            Some(oldest) if stale == 0 && not_now > 0 => {
                let age = text::at_most(self.generated_at.since(oldest));
                return Some(format!(
                    "{not_now} of {} could not be read completely in this run; each was within the last {age}. Drift is told within {within}.",
                    text::plural(all, "tenant")
                ));
            }
            Some(oldest) if stale == 0 && oldest == self.generated_at => "in this run".to_owned(),
            Some(oldest) if stale == 0 => {
                format!("within the last {}", text::at_most(self.generated_at.since(oldest)))
            }
            _ => return Some(self.not_fresh(&within, oldest, all - read.len())),
        };
        Some(format!("Every tenant was read {when}; drift is told within {within}."))
    }

    /// The same where drift of some tenants is not told in time; of `unread` no reading is known.
    fn not_fresh(&self, within: &str, oldest: Option<Timestamp>, unread: usize) -> String {
        let stale = self.summary.stale;
        let verb = if stale == 1 { "was" } else { "were" };
        let oldest = oldest.map(|at| format!("the oldest known reading is from {at}"));
        let unread = (unread > 0).then(|| format!("of {unread} no reading is known"));
        let known: Vec<String> = oldest.into_iter().chain(unread).collect();
        format!(
            "{stale} of {} {verb} not read within {within}: {}. Drift is not told there.",
            text::plural(self.tenants.len(), "tenant"),
            known.join(", "),
        )
    }

    /// Leaves only the tokens that expire within this time, which the person wrote as `text`. Those
    /// of which that is unknown stay, for they may; so do tenants of which nothing was read.
    pub fn keep_within(&mut self, within: Duration, text: &str) {
        let now = self.generated_at;
        for tenant in &mut self.tenants {
            tenant.tokens.retain(|token| expires_within(token, now, within).unwrap_or(true));
        }
        self.tenants.retain(|tenant| !tenant.tokens.is_empty() || !tenant.problems.is_empty());
        let shown = |matter: &Matter| {
            let Some(of) = &matter.tenant else { return true };
            let Some(tenant) = self.tenants.iter().find(|tenant| tenant.name == of.name) else {
                return false;
            };
            matter.token.as_ref().is_none_or(|token| matter.is_about_all(token.kind))
                || tenant.tokens.iter().any(|token| matter.is_about(&token.state.token()))
        };
        let shown: Vec<bool> = self.attention.iter().map(shown).collect();
        let mut shown = shown.into_iter();
        self.attention.retain(|_| shown.next() == Some(true));
        self.within = Some(text.to_owned());
        self.count();
    }

    fn tokens(&self) -> impl Iterator<Item = &StatusToken> {
        self.tenants.iter().flat_map(|tenant| &tenant.tokens)
    }

    fn count(&mut self) {
        let mut summary = StatusSummary { tenants: self.tenants.len(), ..Default::default() };
        summary.unobserved =
            self.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count();
        let is_stale = |tenant: &&StatusTenant| {
            let age = tenant.read_at.map(|at| self.generated_at.since(at));
            age.is_none_or(|age| age > self.drift_within())
        };
        summary.stale = self.tenants.iter().filter(is_stale).count();
        for token in self.tokens() {
            let state = &token.state;
            summary.tokens += 1;
            summary.expired += usize::from(state.expiry == Expiry::Expired);
            summary.critical += usize::from(state.expiry == Expiry::Critical);
            summary.renewal_due += usize::from(state.expiry == Expiry::RenewalDue);
            summary.failing += usize::from(state.health == Health::Failing);
            summary.held += usize::from(state.sync == Sync::Held);
            summary.unacknowledged += usize::from(token.unacknowledged.is_some());
            *summary.by_sync.entry(state.sync.to_string()).or_default() += 1;
            *summary.by_expiry.entry(state.expiry.to_string()).or_default() += 1;
            *summary.by_health.entry(state.health.to_string()).or_default() += 1;
        }
        let is_ok = |row: &Row<'_>| {
            row.token.is_some_and(|token| self.offline || token.state.sync != Sync::Unobserved)
        };
        summary.ok = self.rows().iter().filter(|row| row.matters.is_empty() && is_ok(row)).count();
        self.summary = summary;
    }

    /// Every row, most urgent first; of equal urgency the one that expires first, then by name.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let mut of_tenant: BTreeMap<&str, Vec<(usize, &Matter)>> = BTreeMap::new();
        for (place, matter) in self.attention.iter().enumerate() {
            let name = matter.tenant.as_ref().map_or("", |tenant| tenant.name.as_str());
            of_tenant.entry(name).or_default().push((place, matter));
        }
        let mut rows: Vec<Row<'_>> = Vec::new();
        for tenant in &self.tenants {
            let matters = of_tenant.remove(tenant.name.as_str()).unwrap_or_default();
            let mut shown = BTreeSet::new();
            for token in &tenant.tokens {
                let of = token.state.token();
                let its: Vec<_> = matters
                    .iter()
                    .filter(|(_, one)| one.is_about(&of) || one.is_about_all(of.kind))
                    .copied()
                    .collect();
                shown.extend(its.iter().map(|(place, _)| *place));
                rows.push(Row::new(Some(tenant), Some(token), its));
            }
            let rest: Vec<_> =
                matters.into_iter().filter(|(place, _)| !shown.contains(place)).collect();
            if !rest.is_empty() || (tenant.tokens.is_empty() && !tenant.problems.is_empty()) {
                rows.push(Row::new(Some(tenant), None, rest));
            }
        }
        rows.extend(of_tenant.into_values().map(|matters| Row::new(None, None, matters)));
        // Stable, so that equal urgency and expiry keep the order of names.
        rows.sort_by_key(|row| (row.place, row.expires().is_none(), row.expires()));
        rows
    }
}

/// A line of the table: a token, a tenant of which no token is known, or the fleet.
pub(super) struct Row<'a> {
    pub(super) tenant: Option<&'a StatusTenant>,
    pub(super) token: Option<&'a StatusToken>,
    /// What is about it, most urgent first.
    pub(super) matters: Vec<&'a Matter>,
    /// Where the first of them stands among all.
    place: usize,
}

impl<'a> Row<'a> {
    fn new(
        tenant: Option<&'a StatusTenant>,
        token: Option<&'a StatusToken>,
        matters: Vec<(usize, &'a Matter)>,
    ) -> Self {
        let place = matters.first().map_or(usize::MAX, |(place, _)| *place);
        let matters = matters.into_iter().map(|(_, matter)| matter).collect();
        Self { tenant, token, matters, place }
    }

    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.token.and_then(|token| token.state.expires)
    }

    /// The facts that tables show, each once: tenant, token, expiry, time left, sync, health, Apple
    /// Account, and the last upload.
    pub(super) fn cells(&self, now: Timestamp) -> [String; 8] {
        let state = self.token.map(|token| &token.state);
        let token = |state: &TokenState| text::label(state.kind, state.name.as_deref());
        let upload = self.token.and_then(|token| token.last_upload.as_ref());
        [
            self.tenant.map(|tenant| tenant.name.clone()).unwrap_or_default(),
            state.map_or_else(|| "-".to_owned(), token),
            state.map_or("unknown", |state| state.expiry.as_str()).to_owned(),
            self.expires().map(|at| text::left(at, now)).unwrap_or_default(),
            state.map_or("unobserved", |state| state.sync.as_str()).to_owned(),
            state.map_or("unknown", |state| state.health.as_str()).to_owned(),
            self.token.and_then(|token| token.apple_id.clone()).unwrap_or_default(),
            upload.map(|upload| text::day(upload.at)).unwrap_or_default(),
        ]
    }

    /// What happened and what to do, in one paragraph.
    fn advice(&self) -> String {
        let sentences = self.matters.iter().flat_map(|matter| {
            [Some(&matter.message), Some(&matter.next), matter.command.as_ref()]
        });
        text::joined(&sentences.flatten().collect::<Vec<_>>(), " ")
    }
}

/// Whether a token expires within this time; `None` where that is unknown.
fn expires_within(token: &StatusToken, now: Timestamp, within: Duration) -> Option<bool> {
    token.state.expires.map(|expires| expires.since(now) <= within)
}
