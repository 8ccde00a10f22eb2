//! The fleet's state over the three axes, most urgent first.
//!
//! This file holds the result as data. `rows` puts it in order, and `human`, `csv` and `markdown`
//! write it down.

mod advice;
mod csv;
mod human;
mod markdown;
mod past;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fleet::{Desired, Tenant};
use crate::ledger::LedgerView;
use crate::model::{Problem, TenantId, Timestamp, TokenRef};
use crate::plan::{Expiry, FORMAT_VERSION, Health, Observed, Plan, Sync, TokenState};

pub use csv::status_csv;
pub use human::{StatusView, status_human};
pub use markdown::status_markdown;
pub use past::Recorded;

/// A token of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusToken {
    /// Where it stands.
    #[serde(flatten)]
    pub state: TokenState,
    /// The Apple Account that renews it: live where known, else as Git says.
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
}

/// A tenant of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusTenant {
    /// The folder's name.
    pub name: String,
    /// The directory id.
    pub tenant_id: Option<TenantId>,
    /// What people call it.
    pub display_name: Option<String>,
    /// How much was read.
    pub observed: Observed,
    /// What could not be read, and why.
    pub problems: Vec<Problem>,
    /// Its tokens, push first.
    pub tokens: Vec<StatusToken>,
}

/// Counts over a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusSummary {
    /// Selected tenants.
    pub tenants: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Tokens that have lapsed.
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
    /// Tokens with an upload that the customer has not confirmed yet.
    #[serde(default)]
    pub unacknowledged: usize,
    /// Tokens that need nobody's attention.
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
    /// Version of this format.
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    /// The fleet commit.
    pub rev: Option<String>,
    /// When.
    pub generated_at: Timestamp,
    /// Whether Intune was left alone.
    pub offline: bool,
    /// The time that `--within` named; only tokens that lapse within it, or of which nobody can
    /// tell, are in here then.
    #[serde(default)]
    pub within: Option<String>,
    /// The tenants, by name.
    pub tenants: Vec<StatusTenant>,
    /// Counts over what is in here.
    pub summary: StatusSummary,
}

/// The status that a plan holds, with what Git and the ledger know beside it. An unknown ledger
/// is `None`.
pub fn status_of(
    plan: &Plan,
    fleet: &[Desired],
    ledger: Option<&LedgerView>,
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
            let token = |state: &TokenState| {
                let of =
                    TokenRef { kind: state.kind, name: state.name.clone(), id: state.id.clone() };
                let entry = desired
                    .and_then(|tenant| tenant.tokens().find(|entry| entry.token.same_token(&of)));
                let live = state.live.as_ref().and_then(|facts| facts.apple_id.clone());
                StatusToken {
                    apple_id: live.or_else(|| entry?.facts.apple_id.clone()),
                    last_upload: past.and_then(|past| past::last_upload(past, &of)),
                    last_confirmed: past.and_then(|past| past::last_confirmed(past, &of)),
                    unacknowledged: past.and_then(|past| past::unacknowledged(past, &of)),
                    state: state.clone(),
                }
            };
            StatusTenant {
                name: tenant.name.clone(),
                tenant_id: tenant.tenant_id,
                display_name: tenant.display_name.clone(),
                observed: tenant.observed,
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
        within: None,
        tenants,
        summary: StatusSummary::default(),
    };
    status.count();
    status
}

impl Status {
    /// Whether a token lapses within this time, or has lapsed.
    pub fn expires_within(&self, within: Duration) -> bool {
        self.tokens().any(|token| self.lapses(token, within) == Some(true))
    }

    /// Leaves only the tokens that lapse within this time, which the person wrote as `text`. Those
    /// of which nobody can tell stay, for they may; so do tenants of which nothing was read.
    pub fn keep_within(&mut self, within: Duration, text: &str) {
        let now = self.generated_at;
        for tenant in &mut self.tenants {
            tenant.tokens.retain(|token| lapses(token, now, within).unwrap_or(true));
        }
        self.tenants.retain(|tenant| !tenant.tokens.is_empty() || !tenant.problems.is_empty());
        self.within = Some(text.to_owned());
        self.count();
    }

    fn tokens(&self) -> impl Iterator<Item = &StatusToken> {
        self.tenants.iter().flat_map(|tenant| &tenant.tokens)
    }

    fn lapses(&self, token: &StatusToken, within: Duration) -> Option<bool> {
        lapses(token, self.generated_at, within)
    }

    fn count(&mut self) {
        let mut summary = StatusSummary { tenants: self.tenants.len(), ..Default::default() };
        summary.unobserved =
            self.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count();
        for token in self.tokens() {
            let state = &token.state;
            summary.tokens += 1;
            summary.expired += usize::from(state.expiry == Expiry::Expired);
            summary.critical += usize::from(state.expiry == Expiry::Critical);
            summary.renewal_due += usize::from(state.expiry == Expiry::RenewalDue);
            summary.failing += usize::from(state.health == Health::Failing);
            summary.held += usize::from(state.sync == Sync::Held);
            summary.unacknowledged += usize::from(token.unacknowledged.is_some());
            summary.ok += usize::from(!rows::urgency(token, self.offline).needs_attention());
            *summary.by_sync.entry(state.sync.to_string()).or_default() += 1;
            *summary.by_expiry.entry(state.expiry.to_string()).or_default() += 1;
            *summary.by_health.entry(state.health.to_string()).or_default() += 1;
        }
        self.summary = summary;
    }
}

/// Whether a token lapses within this time; `None` where nobody can tell.
fn lapses(token: &StatusToken, now: Timestamp, within: Duration) -> Option<bool> {
    token.state.expires.map(|expires| expires.since(now) <= within)
}
