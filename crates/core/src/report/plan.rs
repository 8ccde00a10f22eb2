//! A plan for people at a terminal.

use std::fmt::Write as _;

use super::facts::diff_human;
use super::revision;
use super::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, plural, short, styled, wrap};
use crate::model::Kind;
use crate::plan::{Action, Expiry, Observed, Plan, PlannedTenant, PlannedToken, Source, Sync};

/// The plan: what is due, what is held and why, what could not be read; the rest as a count, or
/// in full when `all` is set.
pub fn plan_human(plan: &Plan, all: bool, width: usize) -> String {
    let mut out = String::new();
    let rev = plan.rev.as_deref().map_or("the worktree".to_owned(), |rev| short(rev).to_owned());
    let _ = writeln!(
        out,
        "{}",
        styled(HEAD, &format!("Plan for {} at {rev}", plural(plan.tenants.len(), "tenant")))
    );
    if plan.source == Source::Snapshot {
        let _ = writeln!(
            out,
            "{}",
            styled(LOOK, "Live state comes from a snapshot; this plan cannot be applied.")
        );
    }
    if let Some(line) = revision::touched(plan) {
        out.push_str(&wrap(&escape(&line), 0, width));
    }
    for line in revision::notes(plan) {
        let _ = write!(out, "{}", styled(LOOK, &wrap(&escape(&line), 0, width)));
    }
    let (new, known): (Vec<_>, Vec<_>) =
        plan.tenants.iter().partition(|tenant| tenant.new_destination);
    if !new.is_empty() {
        let _ = writeln!(out, "\n{}", styled(LOOK, revision::NEW));
    }
    for tenant in new {
        tenant_human(&mut out, tenant, all, width);
    }
    for tenant in known {
        let interesting =
            all || !tenant.problems.is_empty() || tenant.tokens.iter().any(is_interesting);
        if interesting {
            tenant_human(&mut out, tenant, all, width);
        }
    }
    out.push('\n');
    summary(&mut out, plan);
    out
}

fn is_interesting(token: &PlannedToken) -> bool {
    token.action != Action::None
        || !token.state.warnings.is_empty()
        || matches!(token.state.sync, Sync::Missing | Sync::Progressing | Sync::Unobserved)
        || matches!(token.state.expiry, Expiry::Critical | Expiry::Expired)
}

fn tenant_human(out: &mut String, tenant: &PlannedTenant, all: bool, width: usize) {
    let display =
        tenant.display_name.as_deref().map(|name| format!("  {}", styled(DIM, &escape(name))));
    let _ =
        writeln!(out, "\n{}{}", styled(HEAD, &escape(&tenant.name)), display.unwrap_or_default());
    if tenant.new_destination {
        let id = tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default();
        let _ = writeln!(out, "  {} tenant {id}", styled(LOOK, "new destination:"));
    }
    for problem in &tenant.problems {
        let resource = problem
            .resource
            .map(|resource| format!("{resource:?} ").to_lowercase())
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "  {} {resource}{}",
            styled(BAD, "?"),
            styled(BAD, problem.code.as_str())
        );
        if let Some(detail) = &problem.detail {
            out.push_str(&wrap(&escape(detail), 6, width));
        }
        if let Some(permission) = &problem.permission {
            out.push_str(&wrap(&format!("missing permission: {}", escape(permission)), 6, width));
        }
        if let Some(request) = &problem.request_id {
            let _ =
                writeln!(out, "      {}", styled(DIM, &format!("request id {}", escape(request))));
        }
    }
    for token in tenant.tokens.iter().filter(|token| all || is_interesting(token)) {
        token_human(out, token, width);
    }
}

fn token_human(out: &mut String, token: &PlannedToken, width: usize) {
    let state = &token.state;
    let (sign, style, word) = match (token.action, state.sync) {
        (Action::Upload, _) => ("↑", GOOD, "upload"),
        (Action::Create, _) => ("+", GOOD, "create"),
        (Action::Configure, _) => ("~", GOOD, "configure"),
        (Action::Hold, _) => ("■", LOOK, "held"),
        (Action::None, Sync::Unobserved) => ("?", BAD, "unobserved"),
        (Action::None, sync) => ("·", DIM, sync.as_str()),
    };
    let name = state.name.as_deref().map(|name| format!(" {}", escape(name))).unwrap_or_default();
    let mut notes = Vec::new();
    if token.urgent {
        notes.push(styled(BAD, "urgent"));
    }
    if !state.reasons.is_empty() {
        notes.push(
            state.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", "),
        );
    }
    if !token.allows.is_empty() {
        notes.push(format!(
            "released: {}",
            token.allows.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", ")
        ));
    }
    match (state.expiry, state.expires) {
        (Expiry::Unknown, _) | (_, None) => {}
        (Expiry::Valid, Some(at)) => notes.push(format!("until {at}")),
        (expiry, Some(at)) => notes.push(format!("{expiry}, until {at}")),
    }
    let notes = notes.join("; ");
    let line =
        format!("  {} {} {}{name}  {notes}", styled(style, sign), styled(style, word), state.kind);
    let _ = writeln!(out, "{}", line.trim_end());
    if token.action.writes() {
        out.push_str(&diff_human(token.before.as_deref(), token.after.as_deref(), 6));
        // Only Intune can read when an enrollment file lapses.
        if state.kind == Kind::Enrollment && token.action == Action::Upload {
            let line = styled(GOOD, "+ expires: known after the upload");
            let _ = writeln!(out, "      {line}");
        }
    }
    for detail in &state.details {
        out.push_str(&wrap(&escape(detail), 6, width));
    }
    if !state.warnings.is_empty() {
        let names =
            state.warnings.iter().map(|warning| warning.as_str()).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "      {}", styled(LOOK, &format!("warning: {names}")));
    }
}

/// The sentence that a reader takes away, on one line without colours.
pub fn plan_summary(plan: &Plan) -> String {
    format!("{}: {}", plural(plan.tenants.len(), "tenant"), counted(plan).0)
}

/// What is due and held, and how many tenants could not be observed.
fn counted(plan: &Plan) -> (String, usize) {
    let summary = &plan.summary;
    let mut parts = Vec::new();
    for (count, noun) in [
        (summary.uploads, "upload"),
        (summary.creates, "creation"),
        (summary.configures, "settings change"),
        (summary.holds, "hold"),
    ] {
        if count > 0 {
            parts.push(plural(count, noun));
        }
    }
    let unobserved =
        plan.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).count();
    if unobserved > 0 {
        parts.push(format!("{} not fully observed", plural(unobserved, "tenant")));
    }
    (if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }, unobserved)
}

/// The same sentence for a terminal, and what to do next.
fn summary(out: &mut String, plan: &Plan) {
    let (text, unobserved) = counted(plan);
    let style = if unobserved > 0 {
        BAD
    } else if plan.summary.holds > 0 {
        LOOK
    } else {
        GOOD
    };
    let _ = writeln!(out, "{}: {}", plural(plan.tenants.len(), "tenant"), styled(style, &text));
    if plan.has_changes() {
        let _ = writeln!(out, "Digest {}", plan.digest);
    }
}
