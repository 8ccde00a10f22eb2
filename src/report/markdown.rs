//! A plan as Markdown, for pull requests and job summaries.

use std::fmt::Write as _;

use super::facts::changes;
use super::revision;
use super::text::{escape, plural, short};
use crate::model::Kind;
use crate::plan::{Action, Observed, Plan, PlannedToken, Source};

/// Text that cannot open a tag, a link, a table cell, a mention or a code span.
pub(super) fn cell(text: &str) -> String {
    let mut safe = String::new();
    let text = escape(text);
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let inside =
            before.is_alphanumeric() && characters.peek().is_some_and(|c| c.is_alphanumeric());
        before = character;
        match character {
            // Inside a word it marks nothing, and a backslash there would break a link.
            '_' if inside => safe.push('_'),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push_str("&#64;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            other => safe.push(other),
        }
    }
    safe
}

/// The plan: one table of everything due, held or unobserved, then the details folded.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut out = String::from("<!-- applecart:plan -->\n");
    let rev = plan.rev.as_deref().map_or("the worktree", short);
    let summary = &plan.summary;
    let _ = writeln!(out, "### Applecart plan at `{rev}`\n");
    if plan.source == Source::Snapshot {
        out.push_str("> Live state comes from a snapshot; this plan cannot be applied.\n\n");
    }
    for line in revision::notes(plan) {
        let _ = writeln!(out, "> ⚠️ {}\n", cell(&line));
    }
    let new: Vec<_> = plan.tenants.iter().filter(|tenant| tenant.new_destination).collect();
    if !new.is_empty() {
        let _ = writeln!(out, "#### {}\n", revision::NEW);
        for tenant in new {
            let id = tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default();
            let _ = writeln!(out, "- {} (tenant `{id}`)", cell(&tenant.name));
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{}: {}, {}, {}, {}; {} not fully observed.\n",
        plural(summary.tenants, "tenant"),
        plural(summary.uploads, "upload"),
        plural(summary.creates, "creation"),
        plural(summary.configures, "settings change"),
        plural(summary.holds, "hold"),
        summary.unobserved
    );
    for (tenant, token) in plan.tokens().filter(|(_, token)| token.urgent) {
        let why = token.state.details.first().map(String::as_str).unwrap_or_default();
        let _ = writeln!(
            out,
            "> 🚨 **Urgent: {}**, {}: {}\n",
            cell(&tenant.name),
            cell(&label(token)),
            cell(why)
        );
    }
    let mut rows: Vec<_> =
        plan.tokens().filter(|(_, token)| token.action != Action::None).collect();
    rows.sort_by_key(|(tenant, _)| !tenant.new_destination);
    let problems: Vec<_> =
        plan.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).collect();
    if rows.is_empty() && problems.is_empty() {
        out.push_str("Nothing to do.\n");
        return out;
    }
    out.push_str("| | tenant | token | expires | why |\n|---|---|---|---|---|\n");
    for (tenant, token) in &rows {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            sign(token),
            cell(&tenant.name),
            cell(&label(token)),
            cell(&expires(token)),
            token
                .state
                .reasons
                .iter()
                .chain(&token.allows)
                .map(|reason| reason.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    for tenant in &problems {
        let codes: Vec<&str> =
            tenant.problems.iter().map(|problem| problem.code.as_str()).collect();
        let _ =
            writeln!(out, "| ❓ unobserved | {} | | | {} |", cell(&tenant.name), codes.join(", "));
    }
    out.push_str("\n<details><summary>Details</summary>\n\n");
    for (tenant, token) in &rows {
        let _ = writeln!(out, "**{}**: {}\n", cell(&tenant.name), cell(&label(token)));
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
    }
    for tenant in &problems {
        for problem in &tenant.problems {
            let _ = writeln!(
                out,
                "**{}**: {} {}\n",
                cell(&tenant.name),
                problem.code,
                cell(problem.detail.as_deref().unwrap_or_default())
            );
        }
    }
    let _ = writeln!(out, "</details>\n\nDigest `{}`", plan.digest);
    out
}

fn sign(token: &PlannedToken) -> &'static str {
    match token.action {
        Action::Upload => "⬆️ upload",
        Action::Create => "➕ create",
        Action::Configure => "✏️ configure",
        Action::Hold => "⛔ hold",
        Action::None => "",
    }
}

fn label(token: &PlannedToken) -> String {
    match &token.state.name {
        Some(name) => format!("{} {name}", token.state.kind),
        None => token.state.kind.to_string(),
    }
}

fn expires(token: &PlannedToken) -> String {
    let text = |facts: Option<&crate::model::Facts>| {
        facts.and_then(|facts| facts.expires).map_or("none".to_owned(), |at| at.to_string())
    };
    if token.action.writes() {
        // Only Intune can read when an enrollment file lapses.
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
