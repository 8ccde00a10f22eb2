//! A history for people at a terminal.

use std::fmt::Write as _;

use super::words::{force, label, particulars};
use super::{ForceState, History, TimelineEntry, TokenHistory};
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, escape, plural, short, styled, wrap};

/// As many tokens as a person reads whole; of more, each has one line unless `all` is asked for.
const MAX_WHOLE: usize = 20;

/// What is known on top, then each token's timeline, oldest first. Of many tokens, or where only
/// one instant was asked about, the summary alone.
pub fn history_human(history: &History, all: bool, width: usize) -> String {
    let mut out = String::new();
    for text in warnings(history) {
        out.push_str(&styled(BAD, wrap(&escape(&text), 0, width).trim_end()));
        out.push('\n');
    }
    out.push_str(&wrap(&escape(&headline(history)), 0, width));
    let whole = all || history.tokens.len() <= MAX_WHOLE;
    for token in &history.tokens {
        if whole {
            out.push_str(&timeline(token, history.asked_at.is_some(), width));
        } else {
            let _ = writeln!(out, "{}", escape(&one_line(token)));
        }
    }
    if !whole {
        let _ = writeln!(
            out,
            "\n{}",
            styled(DIM, "Name a tenant to read its timeline, or show all of them with --all.")
        );
    }
    out
}

/// What a reader has to know before anything else.
pub(super) fn warnings(history: &History) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(why) = &history.ledger_problem {
        all.push(format!(
            "The ledger is unknown: {why}. Only Git's part follows: uploads, changes outside Git and confirmations are missing."
        ));
    }
    let mut broken: Vec<(&str, &str)> = history
        .tokens
        .iter()
        .filter(|_| history.ledger_problem.is_none())
        .filter_map(|token| Some((token.tenant.as_str(), token.ledger_problem.as_deref()?)))
        .collect();
    broken.dedup();
    for (tenant, why) in broken {
        all.push(format!(
            "The ledger of {tenant} is broken, and its lines are missing here: {why}"
        ));
    }
    if history.cut_off {
        all.push(
            "This is a shallow clone: Git's history is cut off, and older changes are missing. This brings them: `git fetch --unshallow`"
                .to_owned(),
        );
    }
    all
}

/// The counts, in one sentence.
pub(super) fn headline(history: &History) -> String {
    let summary = &history.summary;
    let mut text = format!(
        "{} of {} up to {}: {} from {} and the ledger; {}, {} outside Git, {} failed",
        plural(summary.tokens, "token"),
        plural(summary.tenants, "tenant"),
        short(&history.rev),
        plural(summary.entries, "entry"),
        plural(summary.commits, "commit"),
        plural(summary.uploads, "upload"),
        plural(summary.outside, "change"),
        summary.failed,
    );
    if let Some(since) = history.since {
        let _ = write!(text, "; since {since}");
    }
    if let Some(until) = history.until {
        let _ = write!(text, "; until {until}");
    }
    text
}

fn one_line(token: &TokenHistory) -> String {
    let last = token.entries.last();
    format!(
        "{} {}: {}, last {}; {}",
        token.tenant,
        label(token),
        plural(token.entries.len(), "entry"),
        last.map_or("-".to_owned(), |last| format!("{} {}", last.at, last.event.as_str())),
        force(&token.in_force).0
    )
}

/// What a token's heading says besides its name.
pub(super) fn standing(token: &TokenHistory) -> String {
    let mut parts = Vec::new();
    parts.extend(token.display_name.clone());
    parts.extend(token.tenant_id.map(|id| format!("tenant id {id}")));
    parts.extend(token.id.as_ref().map(|id| format!("id {id}")));
    if !token.in_git {
        parts.push("not in Git".to_owned());
    }
    parts.extend(token.live.as_ref().map(super::live::words));
    parts.join(" · ")
}

fn timeline(token: &TokenHistory, asked: bool, width: usize) -> String {
    let title = format!("{} {}", token.tenant, label(token));
    let mut out = format!("\n{}\n", styled(HEAD, &escape(&title)));
    let standing = standing(token);
    if !standing.is_empty() {
        out.push_str(&wrap(&escape(&standing), 2, width));
    }
    let (head, lines) = force(&token.in_force);
    let style = match token.in_force.state {
        ForceState::Confirmed => GOOD,
        ForceState::OutsideGit | ForceState::Gone | ForceState::Uncertain => BAD,
        _ => LOOK,
    };
    let when = if asked { "in force at" } else { "in force now," };
    let text = wrap(&escape(&format!("{when} {}: {head}", token.in_force.at)), 2, width);
    let _ = writeln!(out, "{}", styled(style, text.trim_end()));
    for line in lines {
        out.push_str(&wrap(&escape(&line), 4, width));
    }
    out.push('\n');
    for entry in &token.entries {
        out.push_str(&event(entry, width));
    }
    if token.left_out > 0 {
        let text = format!("{} outside the period asked about", token.left_out);
        let _ = writeln!(out, "  {}", styled(DIM, &text));
    }
    out
}

fn event(entry: &TimelineEntry, width: usize) -> String {
    let style = match entry.event {
        event if event.is_trouble() => BAD,
        event if event.is_milestone() => GOOD,
        _ => HEAD,
    };
    let mut out = format!("  {}  {}\n", entry.at, styled(style, entry.event.words()));
    for line in particulars(entry) {
        out.push_str(&wrap(&escape(&line), 6, width));
    }
    for change in &entry.changes {
        let of = |value: &Option<String>| value.as_deref().map_or("-".to_owned(), escape);
        let text = format!("{}: {} → {}", change.fact, of(&change.from), of(&change.to));
        out.push_str(&styled(DIM, wrap(&text, 6, width).trim_end()));
        out.push('\n');
    }
    out
}
