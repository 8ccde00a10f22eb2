//! A plan as Markdown, for pull requests and job summaries.

use std::fmt::Write as _;

use super::attention;
use super::cell::cell;
use super::facts::changes;
use super::revision;
use super::text::{joined, label as named, needs, plural, short};
use crate::attention::Attention;
use crate::model::Kind;
use crate::plan::{Action, Observed, Plan, PlannedTenant, PlannedToken, Source, Warning};

/// The marker by which a pipeline finds its own comment to update it.
pub(super) const MARKER: &str = "<!-- applecart:plan -->\n";

/// What the sentences about what was left out, the fold and the digest take.
const ENDING: usize = 1_200;

/// As many new destinations are listed before they are counted.
const LISTED: usize = 50;

/// The plan: one table of everything due, held or unknown, then the details folded.
///
/// It is at most `limit` bytes long where that is enough for the headline (some 16 KiB): rows and
/// details are left out whole, and counted. Hosts count characters, which are never more.
pub fn plan_markdown(plan: &Plan, attention: &Attention, limit: usize) -> String {
    let mut out = head(plan, attention);
    let mut tokens: Vec<_> =
        plan.tokens().filter(|(_, token)| token.action != Action::None || waits(token)).collect();
    tokens.sort_by_key(|(tenant, token)| (!tenant.new_destination, !token.urgent));
    let problems: Vec<_> =
        plan.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).collect();
    if tokens.is_empty() && problems.is_empty() {
        out.push_str(&nothing_due(attention));
        return out;
    }
    let room = limit.saturating_sub(out.len() + ENDING);
    out.push_str("| | tenant | token | expires | why |\n|---|---|---|---|---|\n");
    let rows = tokens
        .iter()
        .map(|(tenant, token)| row(tenant, token))
        .chain(problems.iter().map(|tenant| problem_row(tenant)));
    // The table is what decides; details are for those who ask.
    let rows_left_out = fill(&mut out, rows, room / 4 * 3);
    if rows_left_out > 0 {
        let _ = writeln!(out, "\n> ✂️ {} left out here. {WHOLE}", plural(rows_left_out, "row"));
    }
    out.push_str("\n<details><summary>Details</summary>\n\n");
    let details = tokens
        .iter()
        .map(|(tenant, token)| detail(tenant, token))
        .chain(problems.iter().map(|tenant| problem_detail(tenant)));
    let room = limit.saturating_sub(out.len() + ENDING / 2);
    let details_left_out = fill(&mut out, details, room);
    if details_left_out > 0 {
        let _ = writeln!(out, "✂️ {} left out here. {WHOLE}\n", plural(details_left_out, "detail"));
    }
    let _ = writeln!(out, "</details>\n\nDigest `{}`", plan.digest);
    out
}

/// A plan without a row, which is no good news while something expires or needs a person.
fn nothing_due(attention: &Attention) -> String {
    let expiring = attention::counted(attention);
    let mut out = "Nothing to upload".to_owned();
    if !expiring.is_empty() {
        out.push_str(&format!(" · {}", expiring.join(", ")));
    } else if !attention.matters.is_empty() {
        out.push_str(&format!(" · {} above", needs(attention.matters.len())));
    }
    match attention::renewals(attention) {
        Some(command) => {
            out.push_str(&format!(":\n\n```sh\n{}\n```\n", attention::in_fence(command)));
        }
        None => out.push_str(".\n"),
    }
    out
}

/// Where the rest is.
const WHOLE: &str = "The whole plan is what `applecart plan --format markdown --max-size 0` writes; \
                     the pipeline keeps it beside plan.json.";

/// Adds what fits into `room` bytes, in order, and tells how many did not.
fn fill(out: &mut String, parts: impl Iterator<Item = String>, room: usize) -> usize {
    let mut used = 0_usize;
    let mut left_out = 0;
    for part in parts {
        used = used.saturating_add(part.len());
        if left_out > 0 || used > room {
            left_out += 1;
        } else {
            out.push_str(&part);
        }
    }
    left_out
}

/// What stands above the table: what the revision changes as a whole, the counts, what is urgent.
fn head(plan: &Plan, attention: &Attention) -> String {
    let mut out = String::from(MARKER);
    let rev = plan.rev.as_deref().map_or("the worktree", short);
    let summary = &plan.summary;
    let _ = writeln!(out, "### Applecart plan at `{rev}`\n");
    if plan.source == Source::Snapshot {
        let _ = writeln!(out, "> {}\n", revision::SNAPSHOT);
    }
    let mut notes = revision::notes(plan);
    let removed_left_out = notes.len().saturating_sub(LISTED);
    notes.truncate(LISTED);
    for line in notes {
        let _ = writeln!(out, "> ⚠️ {}\n", cell(&line));
    }
    if removed_left_out > 0 {
        let _ =
            writeln!(out, "> ⚠️ {} left out here. {WHOLE}\n", plural(removed_left_out, "warning"));
    }
    out.push_str(&attention::brief_markdown(attention));
    let new: Vec<_> = plan.tenants.iter().filter(|tenant| tenant.new_destination).collect();
    if !new.is_empty() {
        let _ = writeln!(out, "#### {}\n", revision::NEW);
        for tenant in new.iter().take(LISTED) {
            let id = tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default();
            let _ = writeln!(out, "- {} (tenant `{id}`)", cell(&tenant.name));
        }
        if new.len() > LISTED {
            let _ = writeln!(out, "- and {} more", new.len() - LISTED);
        }
        out.push('\n');
    }
    if let Some(line) = revision::touched(plan) {
        let _ = write!(out, "{} ", cell(&line));
    }
    let _ = writeln!(
        out,
        "{}: {}, {}, {}, {}{}; {} could not be read completely.{}\n",
        plural(summary.tenants, "tenant"),
        plural(summary.uploads, "upload"),
        plural(summary.creates, "creation"),
        plural(summary.configures, "settings change"),
        plural(summary.holds, "hold"),
        super::plan::waiting(plan).map(|text| format!(", {text}")).unwrap_or_default(),
        summary.unobserved,
        match attention::counted(attention) {
            parts if parts.is_empty() => String::new(),
            parts => format!(" {}.", parts.join(", ")),
        }
    );
    out
}

/// Whether its upload failed and is tried again later: it is due, although this plan sends nothing.
fn waits(token: &PlannedToken) -> bool {
    token.state.retry_after.is_some()
}

fn row(tenant: &PlannedTenant, token: &PlannedToken) -> String {
    let reasons = token.state.reasons.iter().chain(&token.allows).map(|reason| reason.as_str());
    let warnings = token.state.warnings.iter().filter(|one| **one != Warning::RetryAfter);
    let why: Vec<&str> = reasons
        .chain(warnings.map(|warning| warning.as_str()))
        .chain(waits(token).then(|| Warning::RetryAfter.as_str()))
        .collect();
    format!(
        "| {} | {} | {} | {} | {} |\n",
        sign(token),
        cell(&tenant.name),
        cell(&label(token)),
        cell(&expires(token)),
        why.join(", ")
    )
}

fn problem_row(tenant: &PlannedTenant) -> String {
    let codes: Vec<_> = tenant.problems.iter().map(|problem| problem.code).collect();
    format!("| ❓ unobserved | {} | | | {} |\n", cell(&tenant.name), joined(&codes, ", "))
}

fn detail(tenant: &PlannedTenant, token: &PlannedToken) -> String {
    let mut out = format!("**{}**: {}\n\n", cell(&tenant.name), cell(&label(token)));
    for detail in &token.state.details {
        let _ = writeln!(out, "{}\n", cell(detail));
    }
    if token.action.writes() {
        out.push_str("```diff\n");
        for (sign, line) in changes(token.before.as_deref(), token.after.as_deref()) {
            // A fact that holds a fence would end the block.
            let _ = writeln!(out, "{sign} {}", line.replace('`', "'"));
        }
        out.push_str("```\n\n");
    }
    out
}

fn problem_detail(tenant: &PlannedTenant) -> String {
    let mut out = String::new();
    for problem in &tenant.problems {
        let _ = writeln!(
            out,
            "**{}**: {} {}\n",
            cell(&tenant.name),
            problem.code,
            cell(problem.detail.as_deref().unwrap_or_default())
        );
    }
    out
}

fn sign(token: &PlannedToken) -> &'static str {
    match token.action {
        Action::Upload => "⬆️ upload",
        Action::Create => "➕ create",
        Action::Configure => "✏️ configure",
        Action::Verify => "🔍 verify",
        Action::Hold => "⛔ hold",
        Action::None if waits(token) => "⏳ waits",
        Action::None => "",
    }
}

fn label(token: &PlannedToken) -> String {
    named(token.state.kind, token.state.name.as_deref())
}

fn expires(token: &PlannedToken) -> String {
    let text = |facts: Option<&crate::model::Facts>| {
        facts.and_then(|facts| facts.expires).map_or("none".to_owned(), |at| at.to_string())
    };
    if token.action.writes() {
        // Only Intune can read when an enrollment file expires.
        let unknown = token.state.kind == Kind::Enrollment && token.action == Action::Upload;
        let after = if unknown {
            "known after the upload".to_owned()
        } else {
            text(token.after.as_deref())
        };
        format!("{} → {after}", text(token.before.as_deref()))
    } else {
        token.state.expires.map_or_else(String::new, |at| at.to_string())
    }
}
