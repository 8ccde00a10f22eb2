//! A status for people: counts first, then what needs attention, then how to mend it.
//!
//! A fleet of thousands has to fit a screen, so by default only the rows that need attention are
//! shown, and of those no more than somebody would read; the rest is counted.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Row as Line, Table, presets::NOTHING};

use super::advice;
use super::past::Recorded;
use super::rows::{Row, label, left, rows};
use super::{Status, StatusTenant};
use crate::model::{Problem, Timestamp};
use crate::plan::{Expiry, Health, Sync};
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, plural, styled, wrap};

/// What of a status is shown to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusView {
    /// Every token, whether or not it needs attention.
    pub all: bool,
    /// Also who uploaded and confirmed each shown token, and its Apple Account.
    pub verbose: bool,
    /// The columns of the screen.
    pub width: usize,
}

/// From this many columns on there is room for the Apple Account.
const WIDE: usize = 100;
/// From this many columns on there is room for the last upload, too.
const WIDEST: usize = 120;
/// As many rows as anybody reads before narrowing the selection.
const MAX_ROWS: usize = 30;
/// As many holds as anybody reads in one go; each has some lines.
const MAX_HOLDS: usize = 10;
/// As many names as one line of a group has.
const MAX_NAMES: usize = 5;

/// The status for people.
pub fn status_human(status: &Status, view: StatusView) -> String {
    let rows = rows(status);
    let limit = if view.all { usize::MAX } else { MAX_ROWS };
    let shown: Vec<Row<'_>> = rows
        .iter()
        .filter(|row| view.all || row.urgency.needs_attention())
        .take(limit)
        .copied()
        .collect();
    let mut out = head(status, view.width);
    if !shown.is_empty() {
        out.push('\n');
        out.push_str(&table(status, &shown, view.width));
    }
    out.push_str(&rest(status, &rows, &shown, view.width));
    if view.verbose {
        out.push_str(&particulars(&shown, view.width));
    }
    out.push_str(&problems(status, view));
    out.push_str(&failures(&shown, view.width));
    out.push_str(&holds(&shown, view));
    out.push_str(&waiting(&rows, view));
    out
}

/// The tokens with an upload that the customer has not confirmed yet, longest waiting first.
pub(super) fn unacknowledged(rows: &[Row<'_>]) -> Vec<(String, Timestamp)> {
    let mut all: Vec<(String, Timestamp)> = rows
        .iter()
        .filter_map(|row| {
            let upload = row.token?.unacknowledged.as_ref()?;
            Some((format!("{} {}", row.tenant.name, row.label()), upload.at))
        })
        .collect();
    all.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    all
}

fn waiting(rows: &[Row<'_>], view: StatusView) -> String {
    let all = unacknowledged(rows);
    let Some((_, oldest)) = all.first() else { return String::new() };
    let limit = if view.all { usize::MAX } else { MAX_NAMES };
    let who = names(all.iter().map(|(name, _)| name.as_str()), limit);
    let what = format!(
        "uploaded and not yet confirmed by the customer, {}: {who}",
        plural(all.len(), "token")
    );
    let mut out = heading(LOOK, &what, view.width);
    let next = format!(
        "since {} the longest. Ask whether a device enrols and apps arrive, then: applecart acknowledge TENANT/TOKEN",
        day(*oldest)
    );
    out.push_str(&wrap(&next, 2, view.width));
    out
}

/// The counts of each axis, most urgent value first; values that none has are left out.
pub(super) fn counts(status: &Status) -> Vec<(&'static str, Vec<(&'static str, usize)>)> {
    let summary = &status.summary;
    let count = |map: &std::collections::BTreeMap<String, usize>, values: Vec<&'static str>| {
        values
            .into_iter()
            .filter_map(|value| map.get(value).map(|count| (value, *count)))
            .collect::<Vec<_>>()
    };
    let expiry =
        [Expiry::Expired, Expiry::Critical, Expiry::RenewalDue, Expiry::Unknown, Expiry::Valid];
    let sync = [
        Sync::Unobserved,
        Sync::Held,
        Sync::OutOfSync,
        Sync::Missing,
        Sync::Progressing,
        Sync::Unmanaged,
        Sync::Watched,
        Sync::InSync,
    ];
    let health = [Health::Failing, Health::Unknown, Health::Ok];
    let mut axes = vec![(
        "expiry",
        count(&summary.by_expiry, expiry.iter().map(|one| one.as_str()).collect()),
    )];
    if !status.offline {
        axes.push(("sync", count(&summary.by_sync, sync.iter().map(|one| one.as_str()).collect())));
        let values = health.iter().map(|one| one.as_str()).collect();
        axes.push(("health", count(&summary.by_health, values)));
    }
    axes.retain(|(_, counts)| !counts.is_empty());
    axes
}

fn head(status: &Status, width: usize) -> String {
    let summary = &status.summary;
    let within = match &status.within {
        Some(within) => format!(" that lapse within {}, or may", escape(within)),
        None => String::new(),
    };
    let title = format!(
        "{} with {}{within}",
        plural(summary.tenants, "tenant"),
        plural(summary.tokens, "token")
    );
    let mut out = format!("{}\n", styled(HEAD, &title));
    for (axis, counts) in counts(status) {
        // Wrapped without its colours, which have no width.
        let plain: Vec<String> =
            counts.iter().map(|(value, count)| format!("{count}\u{a0}{value}")).collect();
        let text = wrap(&plain.join(" · "), 10, width);
        let mut text = text.replacen("          ", &format!("  {axis:<8}"), 1);
        for (part, (value, count)) in plain.iter().zip(&counts) {
            let shown = format!("{count} {value}");
            text = text.replacen(part, &styled(style_of(value), &shown), 1);
        }
        out.push_str(&text);
    }
    if summary.unobserved > 0 && !status.offline {
        let text = format!("{} not fully observed", plural(summary.unobserved, "tenant"));
        let _ = writeln!(out, "  {}", styled(BAD, &text));
    }
    if status.offline {
        let text =
            "offline: expiry as last seen live or as Git says; sync and health are not known";
        out.push_str(&wrap(text, 2, width));
    } else if summary.ok == summary.tokens && summary.unobserved == 0 {
        let _ = writeln!(out, "  {}", styled(GOOD, "nothing needs attention"));
    }
    out
}

fn style_of(value: &str) -> anstyle::Style {
    match value {
        "expired" | "critical" | "failing" | "unobserved" => BAD,
        "renewal-due" | "held" | "out-of-sync" | "missing" => LOOK,
        "valid" | "in-sync" | "ok" => GOOD,
        _ => DIM,
    }
}

/// The sentence about what is not in the table.
fn rest(status: &Status, rows: &[Row<'_>], shown: &[Row<'_>], width: usize) -> String {
    let attention = rows.iter().filter(|row| row.urgency.needs_attention()).count();
    let cut = attention.saturating_sub(shown.len());
    let fine = rows.len() - attention.max(shown.len());
    let fine_words = if status.offline { "that lapse later" } else { "in order" };
    let mut parts = Vec::new();
    if cut > 0 {
        parts.push(format!("{cut} more that need attention"));
    }
    if fine > 0 {
        let more = if cut > 0 { "" } else { " more" };
        parts.push(format!("{fine}{more} {fine_words}"));
    }
    if parts.is_empty() {
        return String::new();
    }
    let how = if cut > 0 { "--all shows them, --select narrows" } else { "--all shows them" };
    let indent = if shown.is_empty() { 2 } else { 1 };
    let text = wrap(&format!("… and {} ({how})", parts.join(" and ")), indent, width);
    format!("{}\n", styled(DIM, text.trim_end()))
}

fn table(status: &Status, shown: &[Row<'_>], width: usize) -> String {
    let mut header = vec!["TENANT", "TOKEN", "EXPIRY", "LEFT", "SYNC", "HEALTH"];
    if width >= WIDE {
        header.push("APPLE ACCOUNT");
    }
    if width >= WIDEST {
        header.push("LAST UPLOAD");
    }
    let mut table = Table::new();
    table.load_style(NOTHING);
    // Names give way, the axes never: they are what is looked for, and what `grep` finds.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_truncation_indicator("…");
    let columns = header.len();
    table.set_header(Line::from(header));
    for row in shown {
        let mut line = Line::from(cells(status, row).into_iter().take(columns).collect::<Vec<_>>());
        line.max_height(1);
        table.add_row(line);
    }
    for index in [2, 3, 4, 5, 7] {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let blanks = |line: String| line.replace('\u{a0}', " ");
    table.lines().map(blanks).map(|line| format!("{}\n", line.trim_end())).collect()
}

fn cells(status: &Status, row: &Row<'_>) -> Vec<String> {
    let state = row.token.map(|token| &token.state);
    let upload = row.token.and_then(|token| token.last_upload.as_ref());
    vec![
        unbroken(&row.tenant.name),
        unbroken(&row.label()),
        state.map_or("unknown", |state| state.expiry.as_str()).to_owned(),
        row.expires().map(|at| left(at, status.generated_at)).unwrap_or_default(),
        state.map_or("unobserved", |state| state.sync.as_str()).to_owned(),
        state.map_or("unknown", |state| state.health.as_str()).to_owned(),
        row.token.and_then(|token| token.apple_id.as_deref()).map(unbroken).unwrap_or_default(),
        upload.map(|upload| day(upload.at)).unwrap_or_default(),
    ]
}

/// The table cuts a name that is too long; at a blank it would show the first word only.
fn unbroken(name: &str) -> String {
    escape(name).replace(' ', "\u{a0}")
}

fn day(at: Timestamp) -> String {
    at.date_time().format("%Y-%m-%d").to_string()
}

/// Each shown token's owner and past, for `-v`.
fn particulars(shown: &[Row<'_>], width: usize) -> String {
    let mut out = String::new();
    for row in shown {
        let Some(token) = row.token else { continue };
        let title = format!("{} {}", escape(&row.tenant.name), escape(&label(token)));
        let _ = writeln!(out, "\n{}", styled(HEAD, &title));
        let mut line = |name: &str, text: String| {
            out.push_str(&wrap(&format!("{name}: {text}"), 2, width));
        };
        if let Some(name) = &row.tenant.display_name {
            line("customer", escape(name));
        }
        line("Apple Account", token.apple_id.as_deref().map_or("not known".to_owned(), escape));
        if let Some(expires) = token.state.expires {
            line("lapses", expires.to_string());
        }
        let past = |recorded: &Option<Recorded>| match recorded {
            None => "not in the ledger".to_owned(),
            Some(one) => recorded_text(one),
        };
        line("last upload", past(&token.last_upload));
        line("last confirmed", past(&token.last_confirmed));
    }
    out
}

fn recorded_text(one: &Recorded) -> String {
    let mut text = one.at.to_string();
    if let Some(by) = &one.by {
        let _ = write!(text, " by {}", escape(by));
    }
    let _ = write!(text, ", run {}", escape(&one.run));
    if let Some(pipeline) = &one.pipeline {
        let _ = write!(text, " ({})", escape(pipeline));
    }
    text
}

/// A line of its own above what belongs to it.
fn heading(style: anstyle::Style, text: &str, width: usize) -> String {
    format!("\n{}\n", styled(style, wrap(text, 0, width).trim_end()))
}

/// Names in one line, no more than anybody reads.
fn names<'a>(all: impl Iterator<Item = &'a str>, limit: usize) -> String {
    let all: Vec<&str> = all.collect();
    let mut text = all.iter().take(limit).map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    if all.len() > limit {
        let _ = write!(text, " and {} more", all.len() - limit);
    }
    text
}

/// What could not be read: each problem once, with the tenants that have it.
fn problems(status: &Status, view: StatusView) -> String {
    let mut groups: Vec<(&Problem, Vec<(&StatusTenant, &Problem)>)> = Vec::new();
    for tenant in &status.tenants {
        for problem in &tenant.problems {
            let same = |other: &Problem| {
                (other.code, other.resource, &other.permission)
                    == (problem.code, problem.resource, &problem.permission)
            };
            match groups.iter_mut().find(|(first, _)| same(first)) {
                Some((_, all)) => all.push((tenant, problem)),
                None => groups.push((problem, vec![(tenant, problem)])),
            }
        }
    }
    groups.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
    let limit = if view.all { usize::MAX } else { MAX_NAMES };
    let mut out = String::new();
    for (first, all) in groups {
        let who = names(all.iter().map(|(tenant, _)| tenant.name.as_str()), limit);
        let many = plural(all.len(), "tenant");
        out.push_str(&heading(BAD, &format!("{}, {many}: {who}", first.code), view.width));
        let alike = all.iter().all(|(_, problem)| problem.detail == first.detail);
        for (tenant, problem) in all.iter().take(if alike { 1 } else { limit }) {
            let Some(detail) = &problem.detail else { continue };
            let whose = if alike { String::new() } else { format!("{}: ", escape(&tenant.name)) };
            out.push_str(&wrap(&format!("{whose}{}", escape(detail)), 2, view.width));
        }
    }
    out
}

/// What Intune calls broken: each reason once, with the shown tokens that have it.
fn failures(shown: &[Row<'_>], width: usize) -> String {
    let mut out = String::new();
    for reason in crate::plan::HealthReason::ALL {
        let whose: Vec<String> = shown
            .iter()
            .filter_map(|row| row.token.map(|token| (row, token)))
            .filter(|(_, token)| token.state.health_reasons.contains(reason))
            .map(|(row, token)| format!("{} {}", row.tenant.name, label(token)))
            .collect();
        if whose.is_empty() {
            continue;
        }
        let who = names(whose.iter().map(String::as_str), MAX_NAMES);
        let many = plural(whose.len(), "token");
        out.push_str(&heading(BAD, &format!("{reason}, {many}: {who}"), width));
        out.push_str(&wrap(advice::of_health(*reason), 2, width));
    }
    out
}

/// Every shown hold with its way out.
fn holds(shown: &[Row<'_>], view: StatusView) -> String {
    let held: Vec<_> = shown
        .iter()
        .filter_map(|row| row.token.map(|token| (row, token)))
        .filter(|(_, token)| !token.state.reasons.is_empty())
        .collect();
    let limit = if view.all { usize::MAX } else { MAX_HOLDS };
    let mut out = String::new();
    for (row, token) in held.iter().take(limit) {
        let reasons: Vec<&str> = token.state.reasons.iter().map(|reason| reason.as_str()).collect();
        let what = format!(
            "{}: {} held: {}",
            escape(&row.tenant.name),
            escape(&label(token)),
            reasons.join(", ")
        );
        out.push_str(&heading(LOOK, &what, view.width));
        for detail in &token.state.details {
            out.push_str(&wrap(&escape(detail), 2, view.width));
        }
    }
    if held.len() > limit {
        let text = format!("… and {} (--all shows them)", plural(held.len() - limit, "more hold"));
        let _ = writeln!(out, "\n{}", styled(DIM, &text));
    }
    out
}
