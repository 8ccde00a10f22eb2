//! A token's timeline as a picture: which credential was in Intune from when to when, and under it a
//! mark for everything that happened.
//!
//! Places are percentages of the width and sizes are pixels, so that letters and marks have one
//! size on a phone and on a desk.

use maud::{Markup, html};

use super::{Happening, Origin, TimelineEntry, TokenHistory};
use crate::model::{Event, FailureCode, Sha256, Timestamp};
use crate::report::text::day;

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
pub(super) fn picture(token: &TokenHistory, asked: Option<Timestamp>) -> Markup {
    let times = || token.entries.iter().map(|entry| entry.at).chain(asked);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Markup::default();
    };
    // Until now: how long ago the last thing happened is part of the picture.
    let last = if asked.is_none() { last.max(token.in_force.at) } else { last };
    let length = last.since(first).num_seconds().max(1) as f64;
    let scale = Scale { from: first.date_time().timestamp(), length };
    let (top, left, right) = (HEIGHT - 24, MARGIN, 100.0 - MARGIN);
    let (left, right) = (format!("{left}%"), format!("{right}%"));
    html! {
        figure {
            svg width="100%" height=(HEIGHT) role="img"
                aria-label={ "Timeline from " (day(first)) " to " (day(last)) } {
                line.rule x1=(left) x2=(right) y1=(top) y2=(top) {}
                @for one in live(&token.entries, last) {
                    (bar(&one, &scale))
                }
                // Trouble last, so that nothing lies on top of it.
                @for trouble in [false, true] {
                    @for entry in token.entries.iter().filter(|one| one.event.is_trouble() == trouble) {
                        (mark(entry, scale.at(entry.at)))
                    }
                }
                @if let Some(asked) = asked {
                    @let x = percent(scale.at(asked));
                    line.asked x1=(x) x2=(x) y1="2" y2=(top) { title { "asked about " (asked) } }
                }
                text x=(left) y=(DATES) { (day(first)) }
                text x=(right) y=(DATES) text-anchor="end" { (day(last)) }
            }
            (caption())
        }
    }
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

fn bar(one: &Live, scale: &Scale) -> Markup {
    let (from, to) = (scale.at(one.from), scale.at(one.to));
    let class = if one.outside { "outside" } else { "bar" };
    let what = match one.sha256 {
        _ if one.outside => "changed outside Git".to_owned(),
        Some(sha256) => format!("sha256 {sha256}"),
        None => String::new(),
    };
    html! {
        rect.(class) x=(percent(from)) width=(percent((to - from).max(0.4))) y=(BAR) height="16" rx="3" {
            title { "in Intune " (one.from) " to " (one.to) ": " (what) }
        }
    }
}

/// What each shape means.
fn caption() -> Markup {
    let shape = |shape: Markup, words: &str| {
        html! { span { svg width="12" height="12" aria-hidden="true" { (shape) } " " (words) } }
    };
    html! {
        figcaption {
            (shape(html! { rect.bar width="12" height="12" rx="2" {} }, "in Intune, from Git"))
            (shape(html! { rect.outside width="12" height="12" rx="2" {} }, "in Intune, from elsewhere"))
            (shape(html! { circle.good cx="6" cy="6" r="5" {} }, "upload, read, confirmation"))
            (shape(html! { circle.bad cx="6" cy="6" r="5" {} }, "trouble"))
            (shape(html! { rect.git x="1" y="1" width="10" height="10" {} }, "commit"))
        }
    }
}

fn mark(entry: &TimelineEntry, x: f64) -> Markup {
    let title = html! { title { (entry.at) " " (entry.event.words()) } };
    match entry.origin {
        // A square's corner is its place; the picture moves it by half its width.
        Origin::Git => html! {
            svg x=(percent(x)) y=(GIT) overflow="visible" {
                rect.git x="-5" y="-5" width="10" height="10" { (title) }
            }
        },
        Origin::Ledger => html! {
            circle.(entry.event.class()) cx=(percent(x)) cy=(LEDGER) r="5" { (title) }
        },
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
