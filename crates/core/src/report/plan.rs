//! A plan for people at a terminal.

use std::collections::HashSet;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::attention;
use super::facts::diff_human;
use super::revision;
use super::text::{
    BAD, DIM, GOOD, HEAD, LOOK, command, escape, joined, label, needs, plural, prose, short,
    styled, wrap,
};
use crate::attention::{Attention, Matter};
use crate::model::Kind;
use crate::plan::{Action, Expiry, Plan, PlannedTenant, PlannedToken, Reason, Source, Sync};

/// The plan with what needs a person: the machine output of `plan`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanOutput<'a> {
    #[serde(flatten)]
    pub plan: &'a Plan,
    /// What needs a person, most urgent first.
    pub attention: &'a [Matter],
    /// Every exit code that applies; the command ends with the first.
    pub exits: &'a [u8],
}

/// The plan: what needs attention, what is due, what is held and why, what could not be read; the
/// rest as a count, or in full when `all` is set.
pub fn plan_human(plan: &Plan, attention: &Attention, all: bool, width: usize) -> String {
    let mut out = String::new();
    let rev = plan.rev.as_deref().map_or("the worktree".to_owned(), |rev| short(rev).to_owned());
    let _ = writeln!(
        out,
        "{}",
        styled(HEAD, &format!("Plan for {} at {rev}", plural(plan.tenants.len(), "tenant")))
    );
    if plan.source == Source::Snapshot {
        out.push_str(&prose(LOOK, revision::SNAPSHOT, 0, width));
    }
    if let Some(line) = revision::touched(plan) {
        out.push_str(&wrap(&escape(&line), 0, width));
    }
    for line in revision::notes(plan) {
        let _ = write!(out, "{}", styled(LOOK, &wrap(&escape(&line), 0, width)));
    }
    out.push_str(&attention::brief(attention, width));
    let mut told = HashSet::new();
    let (new, known): (Vec<_>, Vec<_>) =
        plan.tenants.iter().partition(|tenant| tenant.new_destination);
    if !new.is_empty() {
        let _ = writeln!(out, "\n{}", styled(LOOK, revision::NEW));
    }
    for tenant in new {
        tenant_human(&mut out, tenant, &mut told, all, width);
    }
    for tenant in known {
        let interesting = all
            || !tenant.problems.is_empty()
            || tenant.wrong_destination.is_some()
            || tenant.tokens.iter().any(is_interesting);
        if interesting {
            tenant_human(&mut out, tenant, &mut told, all, width);
        }
    }
    out.push('\n');
    out.push_str(&summary(plan, attention, width));
    out
}

fn is_interesting(token: &PlannedToken) -> bool {
    token.action != Action::None
        || !token.state.warnings.is_empty()
        || matches!(token.state.sync, Sync::Missing | Sync::Progressing | Sync::Unobserved)
        || matches!(token.state.expiry, Expiry::Critical | Expiry::Expired)
}

/// `told` holds what was said of a tenant before: one cause is explained once.
fn tenant_human<'p>(
    out: &mut String,
    tenant: &'p PlannedTenant,
    told: &mut HashSet<&'p str>,
    all: bool,
    width: usize,
) {
    let display =
        tenant.display_name.as_deref().map(|name| format!("  {}", styled(DIM, &escape(name))));
    let _ =
        writeln!(out, "\n{}{}", styled(HEAD, &escape(&tenant.name)), display.unwrap_or_default());
    if tenant.new_destination {
        let id = tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default();
        let _ = writeln!(out, "  {} tenant {id}", styled(LOOK, "new destination:"));
    }
    if let Some(why) = &tenant.wrong_destination {
        let code = Reason::WrongDestination.as_str();
        let _ = writeln!(out, "  {} {}", styled(BAD, "!"), styled(BAD, code));
        out.push_str(&wrap(&escape(why), 6, width));
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
        if let Some(detail) = &problem.detail
            && !told.insert(detail)
        {
            out.push_str(&prose(DIM, "as above", 6, width));
        } else if let Some(detail) = &problem.detail {
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
        (Action::Verify, _) => ("=", DIM, "verify"),
        (Action::Hold, _) => ("■", LOOK, "held"),
        (Action::None, Sync::Unobserved) => ("?", BAD, "unobserved"),
        (Action::None, sync) => ("·", DIM, sync.as_str()),
    };
    let name = escape(&label(state.kind, state.name.as_deref()));
    let mut notes = Vec::new();
    if token.urgent {
        notes.push("urgent".to_owned());
    }
    if !state.reasons.is_empty() {
        notes.push(joined(&state.reasons, ", "));
    }
    if !token.allows.is_empty() {
        notes.push(format!("released: {}", joined(&token.allows, ", ")));
    }
    match (state.expiry, state.expires) {
        (Expiry::Unknown, _) | (_, None) => {}
        (Expiry::Valid, Some(at)) => notes.push(format!("until {at}")),
        (Expiry::Expired, Some(at)) => notes.push(format!("expired {at}")),
        (expiry, Some(at)) => notes.push(format!("{expiry}, until {at}")),
    }
    let notes = notes.join("; ");
    let used = format!("  {sign} {word} {name}  {notes}").chars().count();
    let line = format!("  {} {} {name}", styled(style, sign), styled(style, word));
    // Wrapped without its colour, which has no width.
    let loud = |notes: &str| match notes.strip_prefix("urgent") {
        Some(rest) if token.urgent => format!("{}{rest}", styled(BAD, "urgent")),
        _ => notes.to_owned(),
    };
    if used <= width || notes.is_empty() {
        let _ = writeln!(out, "{}", format!("{line}  {}", loud(&notes)).trim_end());
    } else {
        let _ = writeln!(out, "{line}");
        let _ = writeln!(out, "      {}", loud(wrap(&notes, 6, width).trim()));
    }
    if token.action.writes() {
        out.push_str(&diff_human(token.before.as_deref(), token.after.as_deref(), 6));
        // Only Intune can read when an enrollment file expires.
        if state.kind == Kind::Enrollment && token.action == Action::Upload {
            let line = styled(GOOD, "+ expires: known after the upload");
            let _ = writeln!(out, "      {line}");
        }
    }
    for detail in &state.details {
        out.push_str(&wrap(&escape(detail), 6, width));
    }
    if !state.warnings.is_empty() {
        let names = joined(&state.warnings, ", ");
        out.push_str(&prose(LOOK, &format!("warning: {names}"), 6, width));
    }
}

/// The sentence that a reader takes away, on one line without colours.
pub fn plan_summary(plan: &Plan, attention: &Attention) -> String {
    format!("{}: {}", plural(plan.tenants.len(), "tenant"), counted(plan, attention))
}

/// What is due, held, unknown and about to expire.
fn counted(plan: &Plan, attention: &Attention) -> String {
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
    parts.extend(waiting(plan));
    parts.extend(unsettled(plan));
    if parts.is_empty() {
        parts.push("nothing to upload".to_owned());
    }
    if summary.verifies > 0 {
        parts.push(plural(summary.verifies, "verification"));
    }
    if summary.unobserved > 0 {
        parts
            .push(format!("{} could not be read completely", plural(summary.unobserved, "tenant")));
    }
    let expiring = attention::counted(attention);
    let also = if !expiring.is_empty() {
        format!(" · {}", expiring.join(", "))
    } else if !plan.has_changes() {
        match attention.matters.len() {
            0 => String::new(),
            count => format!(" · {}", needs(count)),
        }
    } else {
        String::new()
    };
    format!("{}{also}", parts.join(", "))
}

/// That uploads which failed wait to be tried again; `None` where none does.
pub(super) fn waiting(plan: &Plan) -> Option<String> {
    let first = plan.waiting().min()?;
    Some(match plan.waiting().count() {
        1 => format!("1 upload waits to be tried again until {first}"),
        more => format!("{more} uploads wait to be tried again, the first until {first}"),
    })
}

/// That earlier uploads are not settled: announced or made, and Intune does not show them yet.
pub(super) fn unsettled(plan: &Plan) -> Option<String> {
    let progressing = |token: &PlannedToken| token.state.sync == Sync::Progressing;
    match plan.tokens().filter(|(_, token)| progressing(token)).count() {
        0 => None,
        count => Some(format!("{} not visible in Intune yet", plural(count, "earlier upload"))),
    }
}

/// The same sentence for a terminal, and what to do next.
fn summary(plan: &Plan, attention: &Attention, width: usize) -> String {
    let style = if plan.summary.unobserved > 0 || attention.is_critical() {
        BAD
    } else if plan.summary.holds > 0 || !attention.matters.is_empty() {
        LOOK
    } else {
        GOOD
    };
    let renewals = attention::renewals(attention);
    let end = if renewals.is_some() { ":" } else { "" };
    let tenants = plural(plan.tenants.len(), "tenant");
    // Wrapped without its colour, which has no width.
    let text = wrap(&format!("{tenants}: {}{end}", counted(plan, attention)), 0, width);
    let mut out = match text.trim_end().split_once(": ") {
        Some((tenants, text)) => format!("{tenants}: {}\n", styled(style, text)),
        None => text,
    };
    out.extend(renewals.map(|text| command(text, 2)));
    if plan.has_changes() {
        let _ = writeln!(out, "Digest {}", plan.digest);
    }
    out
}
