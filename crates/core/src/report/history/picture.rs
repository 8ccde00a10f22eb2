//! A token's timeline as a picture: which credential was in Intune from when to when, and under it a
//! mark for everything that happened.
//!
//! Places are percentages of the width and sizes are pixels, so that letters and marks have one
//! size on a phone and on a desk.

use std::fmt::Write as _;

use super::{Happening, Origin, TimelineEntry, TokenHistory};
use crate::model::{Event, FailureCode, Sha256, Timestamp};
use crate::report::text::{day, escape};

/// The rows, from the top: what was in Intune, the ledger's marks, Git's marks, the dates.
const BAR: u32 = 8;
const LEDGER: u32 = 44;
const GIT: u32 = 70;
const DATES: u32 = 104;
const HEIGHT: u32 = 112;
/// How much of the width the picture leaves free at each side, for marks at its ends.
const MARGIN: f64 = 2.0;

/// A credential that was in Intune.
struct Live {
    from: Timestamp,
    to: Timestamp,
    sha256: Option<Sha256>,
    outside: bool,
}

/// From when to when, as percentages.
struct Scale {
    from: i64,
    length: f64,
}

impl Scale {
    fn at(&self, at: Timestamp) -> f64 {
        let seconds = (at.date_time().timestamp() - self.from) as f64;
        (MARGIN + seconds / self.length * (100.0 - 2.0 * MARGIN)).clamp(0.0, 100.0)
    }
}

/// The picture; nothing where there is nothing to show.
pub(super) fn picture(token: &TokenHistory, asked: Option<Timestamp>) -> String {
    let times = || token.entries.iter().map(|entry| entry.at).chain(asked);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return String::new() };
    // Until now: how long ago the last thing happened is part of the picture.
    let last = if asked.is_none() { last.max(token.in_force.at) } else { last };
    let length = last.since(first).num_seconds().max(1) as f64;
    let scale = Scale { from: first.date_time().timestamp(), length };
    let mut out = format!(
        "<figure>\n<svg width=\"100%\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"Timeline from {} to {}\">\n",
        day(first),
        day(last)
    );
    let (top, left, right) = (HEIGHT - 24, MARGIN, 100.0 - MARGIN);
    let _ = writeln!(
        out,
        "<line class=\"rule\" x1=\"{left}%\" x2=\"{right}%\" y1=\"{top}\" y2=\"{top}\"/>"
    );
    for one in live(&token.entries, last) {
        let (from, to) = (scale.at(one.from), scale.at(one.to));
        let class = if one.outside { "outside" } else { "bar" };
        let what = match one.sha256 {
            _ if one.outside => "changed outside Git".to_owned(),
            Some(sha256) => format!("sha256 {sha256}"),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{from:.2}%\" width=\"{:.2}%\" y=\"{BAR}\" height=\"16\" rx=\"3\"><title>in Intune {} to {}: {}</title></rect>",
            (to - from).max(0.4),
            one.from,
            one.to,
            text(&what)
        );
    }
    // Trouble last, so that nothing lies on top of it.
    for trouble in [false, true] {
        for entry in token.entries.iter().filter(|one| one.event.is_trouble() == trouble) {
            mark(&mut out, entry, scale.at(entry.at));
        }
    }
    if let Some(asked) = asked {
        let x = scale.at(asked);
        let _ = writeln!(
            out,
            "<line class=\"asked\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"2\" y2=\"{top}\"><title>asked about {asked}</title></line>"
        );
    }
    let _ = writeln!(out, "<text x=\"{left}%\" y=\"{DATES}\">{}</text>", day(first));
    let _ = writeln!(
        out,
        "<text x=\"{right}%\" y=\"{DATES}\" text-anchor=\"end\">{}</text>\n</svg>",
        day(last)
    );
    out.push_str(&caption());
    out.push_str("</figure>\n");
    out
}

/// What each shape means.
fn caption() -> String {
    let mut out = String::from("<figcaption>");
    let box_of =
        |shape: &str| format!("<svg width=\"12\" height=\"12\" aria-hidden=\"true\">{shape}</svg>");
    for (shape, words) in [
        ("<rect class=\"bar\" width=\"12\" height=\"12\" rx=\"2\"/>", "in Intune, from Git"),
        (
            "<rect class=\"outside\" width=\"12\" height=\"12\" rx=\"2\"/>",
            "in Intune, from elsewhere",
        ),
        ("<circle class=\"good\" cx=\"6\" cy=\"6\" r=\"5\"/>", "upload, read, confirmation"),
        ("<circle class=\"bad\" cx=\"6\" cy=\"6\" r=\"5\"/>", "trouble"),
        ("<rect class=\"git\" x=\"1\" y=\"1\" width=\"10\" height=\"10\"/>", "commit"),
    ] {
        let _ = write!(out, "<span>{} {words}</span>", box_of(shape));
    }
    out.push_str("</figcaption>\n");
    out
}

fn mark(out: &mut String, entry: &TimelineEntry, x: f64) {
    let title = format!("{} {}", entry.at, entry.event.words());
    let title = text(&title);
    match entry.origin {
        Origin::Git => {
            // A square's corner is its place; the picture moves it by half its width.
            let _ = writeln!(
                out,
                "<svg x=\"{x:.2}%\" y=\"{GIT}\" overflow=\"visible\"><rect class=\"git\" x=\"-5\" y=\"-5\" width=\"10\" height=\"10\"><title>{title}</title></rect></svg>"
            );
        }
        Origin::Ledger => {
            let class = match entry.event {
                event if event.is_trouble() => "bad",
                event if event.is_milestone() => "good",
                _ => "plain",
            };
            let _ = writeln!(
                out,
                "<circle class=\"{class}\" cx=\"{x:.2}%\" cy=\"{LEDGER}\" r=\"5\"><title>{title}</title></circle>"
            );
        }
    }
}

/// Which credential was in Intune from when to when, as the ledger has it.
fn live(entries: &[TimelineEntry], end: Timestamp) -> Vec<Live> {
    let mut all: Vec<Live> = Vec::new();
    for entry in entries {
        // What was given up because no read ever showed it was not in Intune.
        let cause = entry.record.as_ref().and_then(|record| record.cause.as_ref());
        if entry.event == Happening::Ledger(Event::NotShown)
            || cause.is_some_and(|cause| cause.code == FailureCode::NeverVisible)
        {
            let sent = |last: &mut Live| entry.sha256.is_some() && last.sha256 == entry.sha256;
            if all.pop_if(sent).is_some() {
                all.iter_mut().rev().take(1).for_each(|last| last.to = end.max(last.from));
            }
            continue;
        }
        let outside =
            matches!(entry.event, Happening::Ledger(Event::ChangedOutsideGit | Event::Adopted));
        let ours = matches!(
            entry.event,
            Happening::Ledger(Event::Applied | Event::Confirmed | Event::Verified)
        ) && entry.sha256.is_some();
        if !(outside || ours) {
            continue;
        }
        let sha256 = entry.sha256.filter(|_| ours);
        if let Some(last) = all.last_mut() {
            if last.outside == outside && last.sha256 == sha256 {
                continue;
            }
            last.to = entry.at;
        }
        all.push(Live { from: entry.at, to: end.max(entry.at), sha256, outside });
    }
    all
}

/// Text from elsewhere, harmless in an element and in a quoted attribute.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
