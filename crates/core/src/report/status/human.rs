//! A status for people: the counts, what needs attention with what to do, then the tokens.
//!
//! A fleet of thousands has to fit a screen, so by default only the tokens that need attention are
//! shown, and of those no more than a person reads; the rest is counted.

use std::fmt::Write as _;

use super::{Recorded, Row, Status};
use crate::plan::{Expiry, Health, Sync};
use crate::report::attention;
use crate::report::table::{Column, table};
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, label, plural, prose, styled, wrap};

/// What of a status is shown to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusView {
    /// Every token, whether or not it needs attention.
    pub all: bool,
    /// Also who uploaded and confirmed each shown token, and its Apple Account.
    pub verbose: bool,
    /// The columns that prose is wrapped to.
    pub width: usize,
    /// Whether a screen has an edge: in a file no name is cut.
    pub is_terminal: bool,
}

/// From this many columns on there is room for the Apple Account.
const WIDE: usize = 100;
/// From this many columns on there is room for the last upload, too.
const WIDEST: usize = 120;
/// As many rows as a person reads before narrowing the selection.
const MAX_ROWS: usize = 30;

/// The status for people.
pub fn status_human(status: &Status, view: StatusView) -> String {
    let rows = status.rows();
    let limit = if view.all { usize::MAX } else { MAX_ROWS };
    let shown: Vec<&Row<'_>> = rows
        .iter()
        .filter(|row| row.tenant.is_some() && (view.all || !row.matters.is_empty()))
        .take(limit)
        .collect();
    let mut out = head(status, view.width);
    out.push_str(&attention::human(&status.attention, view.width));
    if !shown.is_empty() {
        out.push('\n');
        out.push_str(&tokens(status, &shown, view));
    }
    out.push_str(&rest(&rows, &shown, view.width));
    if view.verbose {
        out.push_str(&particulars(&shown, view.width));
    }
    out
}

/// The counts of each axis, most urgent value first; values that none has are left out.
pub(in crate::report) fn counts(
    status: &Status,
) -> Vec<(&'static str, Vec<(&'static str, usize)>)> {
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
        Sync::Unverified,
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
        Some(within) => format!(" that expire within {}, or may", escape(within)),
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
            text = text.replacen(part, &styled(tone_of(value).style(), &shown), 1);
        }
        out.push_str(&text);
    }
    if let Some(text) = status.freshness() {
        let style = if summary.stale > 0 { LOOK } else { DIM };
        out.push_str(&prose(style, &text, 2, width));
    }
    if summary.unobserved > 0 && !status.offline {
        let text = format!("{} could not be read completely", plural(summary.unobserved, "tenant"));
        let _ = writeln!(out, "  {}", styled(BAD, &text));
    }
    if status.offline {
        let text =
            "offline: expiry as last seen in Intune or as Git says; sync and health are unknown";
        out.push_str(&wrap(text, 2, width));
    } else if status.attention.is_empty() && summary.unobserved == 0 {
        let _ = writeln!(out, "  {}", styled(GOOD, "nothing needs attention"));
    }
    out
}

/// How a value of an axis is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    Bad,
    Look,
    Good,
    Plain,
}

pub(in crate::report) fn tone_of(value: &str) -> Tone {
    match value {
        "expired" | "critical" | "failing" | "unobserved" => Tone::Bad,
        "renewal-due" | "held" | "out-of-sync" | "missing" => Tone::Look,
        "valid" | "in-sync" | "ok" => Tone::Good,
        _ => Tone::Plain,
    }
}

impl Tone {
    fn style(self) -> anstyle::Style {
        match self {
            Self::Bad => BAD,
            Self::Look => LOOK,
            Self::Good => GOOD,
            Self::Plain => DIM,
        }
    }

    /// How a page names it.
    pub(in crate::report) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Look => "look",
            Self::Good => "good",
            Self::Plain => "plain",
        }
    }
}

/// The sentence about what is not in the table.
fn rest(rows: &[Row<'_>], shown: &[&Row<'_>], width: usize) -> String {
    let all = rows.iter().filter(|row| row.tenant.is_some());
    let attention = all.clone().filter(|row| !row.matters.is_empty()).count();
    let cut = attention.saturating_sub(shown.len());
    let other = all.count() - attention.max(shown.len());
    let mut parts = Vec::new();
    if cut > 0 {
        parts.push(format!("{cut} more that need attention"));
    }
    if other > 0 {
        parts.push(if cut > 0 { format!("{other} others") } else { format!("{other} more") });
    }
    if parts.is_empty() {
        return String::new();
    }
    let how = if cut > 0 { "--all shows them, --select narrows" } else { "--all shows them" };
    let indent = if shown.is_empty() { 2 } else { 1 };
    prose(DIM, &format!("… and {} ({how})", parts.join(" and ")), indent, width)
}

fn tokens(status: &Status, shown: &[&Row<'_>], view: StatusView) -> String {
    use Column::{Fixed, Name, Spare};
    let mut columns = vec![
        Name("TENANT"),
        Name("TOKEN"),
        Fixed("EXPIRY"),
        Spare("LEFT"),
        Spare("SYNC"),
        Spare("HEALTH"),
    ];
    if view.width >= WIDE {
        columns.push(Spare("APPLE ACCOUNT"));
    }
    if view.width >= WIDEST {
        columns.push(Spare("LAST UPLOAD"));
    }
    let rows: Vec<_> = shown
        .iter()
        .map(|row| {
            let severity = row.matters.first().map(|matter| matter.severity);
            let loud = severity.filter(|one| *one != crate::attention::Severity::Notice);
            (loud.map(attention::style), row.cells(status.generated_at).to_vec())
        })
        .collect();
    table(&columns, &rows, view.is_terminal.then_some(view.width))
}

/// Each shown token's owner and past, for `-v`.
fn particulars(shown: &[&Row<'_>], width: usize) -> String {
    let mut out = String::new();
    for row in shown {
        let (Some(tenant), Some(token)) = (row.tenant, row.token) else { continue };
        let name = label(token.state.kind, token.state.name.as_deref());
        let title = format!("{} {}", escape(&tenant.name), escape(&name));
        let _ = writeln!(out, "\n{}", styled(HEAD, &title));
        let mut line = |name: &str, text: String| {
            out.push_str(&wrap(&format!("{name}: {text}"), 2, width));
        };
        if let Some(name) = &tenant.display_name {
            line("customer", escape(name));
        }
        line("Apple Account", token.apple_id.as_deref().map_or("unknown".to_owned(), escape));
        if let Some(expires) = token.state.expires {
            line("expires", expires.to_string());
        }
        let past = |recorded: &Option<Recorded>| match recorded {
            None => "not in the ledger".to_owned(),
            Some(one) => recorded_text(one),
        };
        line("last upload", past(&token.last_upload));
        if let Some(number) = &token.ticket {
            line("ticket", escape(number));
        }
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
