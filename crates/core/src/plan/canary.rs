//! The wire encodings that public evidence leaves open, and who proves them.
//!
//! Nobody outside Microsoft knows how Intune wants a token file written into a request. So until
//! one upload of a kind was sent in the fleet's encoding *and* seen in Intune, one token goes alone
//! and is waited for: a wrong encoding then costs one customer an hour, not two hundred. The kinds
//! and encodings are judged over the whole ledger, not over the selection.
//!
//! The rules, beside those of the design:
//!
//! * An unfinished intent blocks its kind only while it may still show (its run is alive, or
//!   Intune has not settled). Afterwards a token that Intune accepted is sent once more, and is the
//!   first one itself; a token that left the fleet in between blocks nobody.
//! * Only a failure that speaks about the file in its encoding (refused, never visible) counts, and
//!   one of them may be that customer's own: two in two tenants stop the kind. After the first the
//!   others wait for `settle`, so that a person can look before a second customer's file is tried.
//!   A customer that lacks a permission proves nothing, and another tenant's token is the next
//!   first one in the same run.
//! * A file that Intune has in another location than it was meant for is the wrong file, and proves
//!   the encoding.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{Input, Known};
use super::planned::{Canary, Due, Note, Noted};
use super::types::{Action, PlannedTenant, Reason, Warning};
use crate::fleet::{Desired, Policy, Tenant, Token};
use crate::ledger::{LedgerView, Sending, TenantLedger};
use crate::model::{Event, Kind, Record, Sha256, TenantId, Timestamp, TokenRef};
use crate::rules::allow::{self, Change};
use crate::rules::identity;

/// What each kind with an upload has to go by. Marks the tokens of the plan with it.
pub(super) fn judge(
    input: &Input<'_>,
    tenants: &mut [PlannedTenant],
    due: &[Due],
    notes: &[Noted],
) -> BTreeMap<Kind, Canary> {
    let Known::Read(view) = input.known else { return BTreeMap::new() };
    let kinds: BTreeSet<Kind> =
        due.iter().filter(|due| due.file().is_some()).map(Due::kind).collect();
    let mut canaries = BTreeMap::new();
    for kind in kinds {
        let wire = wire(input.policy, kind);
        let canary = if view.is_wire_proved(kind, wire) || is_proved_by(view, notes, kind, wire) {
            Canary::Proved
        } else {
            let failed = failed(input, view, tenants, kind, wire);
            if failed.len() >= REFUSALS {
                Canary::Failed(stopped(&failed, kind, wire))
            } else if let Some(detail) = refused_lately(input, &failed, kind) {
                Canary::Pending(detail)
            } else if let Some(detail) = pending(input, view, notes, kind, wire) {
                Canary::Pending(detail)
            } else {
                first(view, due, kind, failed.into_keys().collect())
            }
        };
        mark(tenants, kind, &canary);
        canaries.insert(kind, canary);
    }
    canaries
}

/// In so many tenants files must have been refused before the encoding is taken for wrong.
pub const REFUSALS: usize = 2;

/// The encoding of a kind, as the ledger's `wire` names it.
pub fn wire(policy: &Policy, kind: Kind) -> &'static str {
    match kind {
        Kind::Push => policy.wire.push_certificate.as_str(),
        Kind::Enrollment => policy.wire.dep_token.as_str(),
        Kind::Vpp => policy.wire.vpp_token.as_str(),
    }
}

fn uploads(action: Action) -> bool {
    matches!(action, Action::Upload | Action::Create)
}

/// A sending that was accepted in this encoding and is found in Intune by this very plan.
fn is_proved_by(view: &LedgerView, notes: &[Noted], kind: Kind, wire: &str) -> bool {
    notes
        .iter()
        .filter(|noted| matches!(noted.note, Note::Confirmed(_)) && noted.token.kind == kind)
        .any(|noted| {
            let past = view.tenant(noted.tenant_id);
            past.unfinished(&noted.token).iter().any(|sending| {
                Some(sending.sha256) == noted.sha256()
                    && sending.applied.is_some_and(|line| line.wire() == Some(wire))
            })
        })
}

/// The tenants whose file was refused in this encoding, or never showed, and that hold stands; with
/// a sentence about each.
fn failed(
    input: &Input<'_>,
    view: &LedgerView,
    tenants: &[PlannedTenant],
    kind: Kind,
    wire: &str,
) -> BTreeMap<TenantId, Refusal> {
    let of_tenant = |tenant: &Tenant| {
        let past = view.tenant(tenant.tenant_id);
        tenant.tokens().filter(|token| token.token.kind == kind).find_map(|entry| {
            let sha256 = entry.file.as_ref()?.sha256;
            let token = identity::known(entry, past);
            let failure = past.definite_failure(&token, sha256)?;
            let sent = last_intent(past, &token, sha256)?;
            let judged = failure.cause().is_some_and(|cause| cause.judges_the_encoding());
            if !judged
                || sent.wire() != Some(wire)
                || is_released(input, tenants, tenant, entry, sent)
            {
                return None;
            }
            let why = failure.cause().and_then(|cause| cause.detail.as_deref());
            let why = why.unwrap_or("no reason was given");
            let detail = format!("{token} of {} on {} ({why})", tenant.name, failure.at);
            Some(Refusal { at: failure.at, detail })
        })
    };
    input
        .fleet
        .iter()
        .filter_map(Desired::valid)
        .filter_map(|tenant| Some((tenant.tenant_id, of_tenant(tenant)?)))
        .collect()
}

/// A file that was refused in the encoding that is to be proved, or that never showed.
struct Refusal {
    at: Timestamp,
    detail: String,
}

/// Whether a first refusal is so young that nobody can have looked at it yet.
fn refused_lately(
    input: &Input<'_>,
    failed: &BTreeMap<TenantId, Refusal>,
    kind: Kind,
) -> Option<String> {
    let last = failed.values().max_by_key(|refusal| refusal.at)?;
    let until = last.at.plus(input.policy.settle);
    (input.now < until).then(|| {
        format!(
            "Intune took no {kind} upload yet, and refused {}. Another customer's file is tried after {until}; look at that refusal first",
            last.detail
        )
    })
}

fn stopped(failed: &BTreeMap<TenantId, Refusal>, kind: Kind, wire: &str) -> String {
    let each: Vec<&str> = failed.values().map(|refusal| refusal.detail.as_str()).collect();
    format!(
        "no {kind} token was seen in Intune in the encoding {wire:?} yet, and the first ones failed: {}; nothing more of the kind is uploaded. If the encoding is wrong, change `wire` in applecart.yaml; else seal other files for those tokens",
        each.join(", ")
    )
}

/// Whether the hold of the failed token was released by review. Where it is not among the planned
/// ones, Intune was not asked for it, and the line has to name what it had before the upload.
fn is_released(
    input: &Input<'_>,
    tenants: &[PlannedTenant],
    tenant: &Tenant,
    entry: &Token,
    sent: &Record,
) -> bool {
    let planned = tenants
        .iter()
        .filter(|planned| planned.tenant_id == Some(tenant.tenant_id))
        .flat_map(|planned| &planned.tokens)
        .find(|planned| {
            planned.state.kind == entry.token.kind && planned.state.name == entry.token.name
        });
    match (planned, &entry.file) {
        (Some(planned), _) => !planned.state.reasons.contains(&Reason::Rejected),
        (None, Some(file)) => {
            let today = input.now.date_time().date_naive();
            let (before, kind) = (sent.before.as_ref(), entry.token.kind);
            let change = Change::since(kind, before, &entry.facts, file.sha256);
            allow::releases(&entry.allow, Reason::Rejected, &change, today)
        }
        (None, None) => false,
    }
}

/// A sending that may still show.
fn pending(
    input: &Input<'_>,
    view: &LedgerView,
    notes: &[Noted],
    kind: Kind,
    wire: &str,
) -> Option<String> {
    let settle = input.policy.settle_of(kind);
    view.tenants.iter().find_map(|(&tenant, past)| {
        past.all_unfinished().into_iter().find_map(|sending| {
            let ours = sending.token.kind == kind && sending.opened.wire() == Some(wire);
            let shown = notes
                .iter()
                .any(|noted| noted.tenant_id == tenant && noted.sha256() == Some(sending.sha256));
            let settled = sending.last_at().plus(settle);
            let open = sending.is_leased(input.real_now, input.dead_runs) || input.now < settled;
            (ours && open && !shown).then(|| under_way(&sending, wire, settled))
        })
    })
}

fn under_way(sending: &Sending<'_>, wire: &str, settled: Timestamp) -> String {
    let kind = sending.token.kind;
    let until = sending.lease_until.map_or(settled, |lease| lease.max(settled));
    format!(
        "no {kind} token was found in Intune in the encoding {wire:?} yet, and {} of {} is under way since {}; nothing more of the kind is uploaded until Intune has it. Run again after {until}",
        sending.token,
        sending.opened.name,
        sending.intended_at()
    )
}

/// Why the first upload of a kind is not the first after all, by what other runs recorded since the
/// plan was made (`news`): one of them announced its own before, or was refused. `refused` are the
/// tenants whose refusals the plan knew.
///
/// Asked after the announcement has landed: of runs beside each other, each of which found the kind
/// free, the one that landed first goes on.
pub fn overtaken(
    news: &LedgerView,
    policy: &Policy,
    kind: Kind,
    refused: &BTreeSet<TenantId>,
    run: &str,
) -> Option<Canary> {
    let (wire, settle) = (wire(policy, kind), policy.settle_of(kind));
    if news.is_wire_proved(kind, wire) {
        return None;
    }
    let mut refused = refused.clone();
    let (mut refusal, mut open) = (None, None);
    for (&tenant, ledger) in &news.tenants {
        let of_others = ledger.sendings().into_iter().filter(|sending| {
            sending.run() != run
                && sending.token.kind == kind
                && sending.opened.wire() == Some(wire)
        });
        for other in of_others {
            let Some(end) = other.end else {
                open = open.or(Some(under_way(&other, wire, other.last_at().plus(settle))));
                continue;
            };
            if end.cause().is_some_and(|cause| cause.judges_the_encoding()) {
                refused.insert(tenant);
                refusal = Some(format!("{} of {} on {}", other.token, other.opened.name, end.at));
            }
        }
    }
    match refusal {
        Some(refusal) if refused.len() >= REFUSALS => Some(Canary::Failed(format!(
            "no {kind} token was seen in Intune in the encoding {wire:?} yet, and the first ones failed, the newest {refusal}; nothing more of the kind is uploaded. If the encoding is wrong, change `wire` in applecart.yaml; else seal other files for those tokens"
        ))),
        Some(refusal) => Some(Canary::Pending(format!(
            "Intune took no {kind} upload yet, and refused another run's: {refusal}. Look at that refusal first; `applecart apply` tries another customer's file later"
        ))),
        None => open.map(Canary::Pending),
    }
}

/// A token that Intune accepted before and did not show comes first, else the lowest in
/// (tenantId, id) of a tenant whose file was not refused.
fn first(view: &LedgerView, due: &[Due], kind: Kind, refused: BTreeSet<TenantId>) -> Canary {
    let candidates = due.iter().filter(|due| due.kind() == kind && due.file().is_some());
    let order = |due: &&Due| {
        let past = view.tenant(due.tenant.tenant_id);
        let token = &due.token.token;
        let accepted = due.file().is_some_and(|file| {
            let open = past.unfinished(token).into_iter();
            past.not_shown(token, file.sha256) > 0
                || open.filter(|one| one.sha256 == file.sha256).any(|one| one.applied.is_some())
        });
        (
            refused.contains(&due.tenant.tenant_id),
            !accepted,
            due.tenant.tenant_id.to_string(),
            token.id.clone().unwrap_or_default(),
            token.name.clone(),
        )
    };
    match candidates.min_by_key(order) {
        Some(due) => {
            let (tenant_id, token) = (due.tenant.tenant_id, due.token.token.clone());
            Canary::First { tenant_id, token, refused }
        }
        None => Canary::Proved,
    }
}

fn mark(tenants: &mut [PlannedTenant], kind: Kind, canary: &Canary) {
    let all = tenants.iter().flat_map(|tenant| &tenant.tokens);
    let alone = all
        .filter(|planned| planned.state.kind == kind && uploads(planned.action))
        .nth(1)
        .is_none();
    for tenant in tenants {
        let tenant_id = tenant.tenant_id;
        for planned in &mut tenant.tokens {
            if planned.state.kind != kind || !uploads(planned.action) {
                continue;
            }
            let (warning, detail) = match canary {
                Canary::Proved => continue,
                // A single due token goes alone in any case, and no other waits for it.
                Canary::First { .. } if alone => continue,
                Canary::First { tenant_id: first, token, .. }
                    if tenant_id == Some(*first)
                        && token.id == planned.state.id
                        && token.name == planned.state.name =>
                {
                    (
                        Warning::Canary,
                        format!(
                            "goes first, alone: no {kind} upload in the fleet's wire encoding was found in Intune yet"
                        ),
                    )
                }
                Canary::First { .. } => (
                    Warning::CanaryPending,
                    format!(
                        "waits for the first {kind} upload, which goes alone and shows whether Intune takes this form (wire encoding)"
                    ),
                ),
                Canary::Pending(detail) => (Warning::CanaryPending, detail.clone()),
                Canary::Failed(detail) => (Warning::CanaryFailed, detail.clone()),
            };
            planned.state.warnings.push(warning);
            planned.state.details.push(detail);
        }
    }
}

fn last_intent<'a>(
    past: &'a TenantLedger,
    token: &'a TokenRef,
    sha256: Sha256,
) -> Option<&'a Record> {
    past.of(token).rfind(|record| {
        matches!(record.event(), Event::Intended | Event::Applied)
            && record.sha256() == Some(sha256)
    })
}
