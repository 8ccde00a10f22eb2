//! The fleet's state over the three axes, most urgent first.

use std::fmt::Write as _;

use chrono::Duration;
use comfy_table::{Table, presets::NOTHING};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{BAD, GOOD, HEAD, LOOK, escape, plural, styled, wrap};
use crate::model::{Problem, TenantId, Timestamp};
use crate::plan::{Expiry, FORMAT_VERSION, Health, Observed, Plan, Sync, TokenState};

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
    pub tokens: Vec<TokenState>,
}

/// Counts over a [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The tenants, by name.
    pub tenants: Vec<StatusTenant>,
    /// Counts.
    pub summary: StatusSummary,
}

/// The status that a plan holds.
pub fn status_of(plan: &Plan, offline: bool) -> Status {
    let tenants: Vec<StatusTenant> = plan
        .tenants
        .iter()
        .map(|tenant| StatusTenant {
            name: tenant.name.clone(),
            tenant_id: tenant.tenant_id,
            display_name: tenant.display_name.clone(),
            observed: tenant.observed,
            problems: tenant.problems.clone(),
            tokens: tenant.tokens.iter().map(|token| token.state.clone()).collect(),
        })
        .collect();
    let tokens = || tenants.iter().flat_map(|tenant| &tenant.tokens);
    let expiry = |wanted: Expiry| tokens().filter(|token| token.expiry == wanted).count();
    let summary = StatusSummary {
        tenants: tenants.len(),
        tokens: tokens().count(),
        expired: expiry(Expiry::Expired),
        critical: expiry(Expiry::Critical),
        renewal_due: expiry(Expiry::RenewalDue),
        failing: tokens().filter(|token| token.health == Health::Failing).count(),
        held: tokens().filter(|token| token.sync == Sync::Held).count(),
        unobserved: tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count(),
    };
    Status {
        format_version: FORMAT_VERSION.to_owned(),
        applecart: plan.applecart.clone(),
        rev: plan.rev.clone(),
        generated_at: plan.generated_at,
        offline,
        tenants,
        summary,
    }
}

impl Status {
    /// Whether a token lapses within this time, or has lapsed.
    pub fn expires_within(&self, within: Duration) -> bool {
        self.tenants.iter().flat_map(|tenant| &tenant.tokens).any(|token| {
            token.expires.is_some_and(|expires| expires.since(self.generated_at) <= within)
        })
    }
}

/// From this many columns on there is room for the Apple Account.
const WIDE: usize = 130;

/// The smaller, the more urgent.
fn urgency(token: &TokenState) -> u8 {
    match (token.expiry, token.sync, token.health) {
        (Expiry::Expired, _, _) => 0,
        (Expiry::Critical, _, _) => 1,
        (_, _, Health::Failing) => 2,
        (_, Sync::Unobserved, _) => 3,
        (_, Sync::Held, _) => 4,
        (Expiry::RenewalDue, _, _) => 5,
        (_, Sync::OutOfSync | Sync::Missing, _) => 6,
        (_, Sync::Progressing, _) => 7,
        (_, Sync::Unmanaged, _) => 8,
        (_, Sync::InSync | Sync::Tracked, _) => 9,
    }
}

/// The status for people: summary first, then every token, most urgent first.
pub fn status_human(status: &Status, width: usize) -> String {
    let mut out = String::new();
    let summary = &status.summary;
    let _ = writeln!(
        out,
        "{}",
        styled(
            HEAD,
            &format!(
                "{} with {}",
                plural(summary.tenants, "tenant"),
                plural(summary.tokens, "token")
            )
        )
    );
    let mut any = false;
    for (count, what, style) in [
        (summary.expired, "expired", BAD),
        (summary.critical, "critical", BAD),
        (summary.failing, "failing", BAD),
        (summary.held, "held", LOOK),
        (summary.renewal_due, "due for renewal", LOOK),
    ] {
        if count > 0 {
            any = true;
            let _ =
                writeln!(out, "  {}", styled(style, &format!("{} {what}", plural(count, "token"))));
        }
    }
    if summary.unobserved > 0 && !status.offline {
        any = true;
        let text = format!("{} not fully observed", plural(summary.unobserved, "tenant"));
        let _ = writeln!(out, "  {}", styled(BAD, &text));
    }
    if status.offline {
        out.push_str(
            "  offline: expiry as last seen live or as Git says; sync and health are not known\n",
        );
    } else if !any {
        let _ = writeln!(out, "  {}", styled(GOOD, "nothing needs attention"));
    }
    out.push('\n');
    out.push_str(&table(status, width));
    out.push_str(&reasons(status, width));
    out
}

fn table(status: &Status, width: usize) -> String {
    let mut rows: Vec<(u8, Option<Timestamp>, [String; 7])> = Vec::new();
    for tenant in &status.tenants {
        for token in &tenant.tokens {
            let left = token.expires.map(|at| left(at, status.generated_at)).unwrap_or_default();
            rows.push((
                urgency(token),
                token.expires,
                [
                    escape(&tenant.name),
                    match &token.name {
                        Some(name) => format!("{} {}", token.kind, escape(name)),
                        None => token.kind.to_string(),
                    },
                    token.expiry.to_string(),
                    left,
                    token.sync.to_string(),
                    health(token),
                    token
                        .live
                        .as_ref()
                        .and_then(|live| live.apple_id.as_deref())
                        .map(escape)
                        .unwrap_or_default(),
                ],
            ));
        }
        if tenant.tokens.is_empty() {
            let codes: Vec<&str> =
                tenant.problems.iter().map(|problem| problem.code.as_str()).collect();
            let words = |text: &str| text.to_owned();
            rows.push((
                3,
                None,
                [
                    escape(&tenant.name),
                    words("-"),
                    words("unknown"),
                    String::new(),
                    words("unobserved"),
                    codes.join(", "),
                    String::new(),
                ],
            ));
        }
    }
    // Stable, so that equal urgency and expiry keep the order of names.
    rows.sort_by_key(|(urgency, expires, _)| (*urgency, expires.is_none(), *expires));
    let mut table = Table::new();
    table.load_style(NOTHING);
    // One line a token, so that `grep` and eyes find it: on a narrow terminal the Apple Account
    // gives way instead of wrapping everything.
    let columns = if width < WIDE { 6 } else { 7 };
    let header = ["TENANT", "TOKEN", "EXPIRY", "LEFT", "SYNC", "HEALTH", "APPLE ACCOUNT"];
    table.set_header(header.into_iter().take(columns));
    for (_, _, row) in rows {
        table.add_row(row.into_iter().take(columns));
    }
    let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text
}

fn health(token: &TokenState) -> String {
    if token.health_reasons.is_empty() {
        return token.health.to_string();
    }
    let reasons: Vec<&str> = token.health_reasons.iter().map(|reason| reason.as_str()).collect();
    reasons.join(", ")
}

/// How long until then, in the largest fitting unit.
fn left(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.since(now);
    let (sign, left) = if left < Duration::zero() { ("-", -left) } else { ("", left) };
    if left.num_days() >= 2 {
        format!("{sign}{}d", left.num_days())
    } else if left.num_hours() >= 2 {
        format!("{sign}{}h", left.num_hours())
    } else {
        format!("{sign}{}m", left.num_minutes())
    }
}

/// Holds and problems with their way out, below the table.
fn reasons(status: &Status, width: usize) -> String {
    let mut out = String::new();
    for tenant in &status.tenants {
        for problem in &tenant.problems {
            let what = format!("{}: {}", escape(&tenant.name), problem.code);
            let _ = writeln!(out, "\n{}", styled(BAD, &what));
            if let Some(detail) = &problem.detail {
                out.push_str(&wrap(&escape(detail), 2, width));
            }
        }
        for token in tenant.tokens.iter().filter(|token| !token.reasons.is_empty()) {
            let names: Vec<&str> = token.reasons.iter().map(|reason| reason.as_str()).collect();
            let what =
                format!("{}: {} held: {}", escape(&tenant.name), token.kind, names.join(", "));
            let _ = writeln!(out, "\n{}", styled(LOOK, &what));
            for detail in &token.details {
                out.push_str(&wrap(&escape(detail), 2, width));
            }
        }
    }
    out
}
