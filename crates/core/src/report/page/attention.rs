//! What needs a person, most urgent first: the same list, in the same groups, as everywhere.

use maud::{Markup, html};

use super::scene::Scene;
use super::{PageView, Sentence, Word, token_path};
use crate::attention::{Cause, Code, Matter, Severity};
use crate::model::Timestamp;
use crate::report::attention::{Group, groups};
use crate::report::text::{day, plural};

/// As many cards of one code stand open: what is behind them is seen as well.
const MAX_OPEN: usize = 8;
/// As many of one code as a person reads; the table has them all.
const MAX_CARDS: usize = 25;
/// As many subjects as one card names.
const MAX_SUBJECTS: usize = 12;
/// As many customers as the overview names under each severity.
const MAX_CUSTOMERS: usize = 12;

/// How loud a matter is: what a reviewer parked is no alarm.
pub(super) fn loudness(matter: &Matter) -> Severity {
    if matter.is_parked() { Severity::Notice } else { matter.severity }
}

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let all: Vec<&Matter> = scene.status.attention.iter().collect();
    html! {
        section aria-labelledby="attention" {
            h2 #attention tabindex="-1" { "Needs attention" }
            @if all.is_empty() {
                (calm(scene))
            } @else {
                (overview(&all))
                (groups_of(scene, &all))
            }
        }
    }
}

/// Nothing in the list is good news only where everything was read.
fn calm(scene: &Scene<'_>) -> Markup {
    let status = scene.status;
    html! {
        @if status.offline {
            p { "Nothing that Git and this clone's ledger know needs attention. Intune was not asked." }
        } @else if status.summary.unobserved > 0 {
            p { (plural(status.summary.unobserved, "tenant")) " could not be read completely." }
        } @else {
            p.good.calm { "Nothing needs attention." }
        }
    }
}

/// Who needs somebody, at a glance.
fn overview(all: &[&Matter]) -> Markup {
    let what = [
        (Severity::Critical, "Critical", "Devices stop, or soon will."),
        (Severity::Urgent, "Urgent", "Act today."),
        (Severity::Notice, "Notice", "It can wait for working hours."),
    ];
    html! {
        ul.overview {
            @for (severity, name, meaning) in what {
                @let its: Vec<&&Matter> =
                    all.iter().filter(|one| loudness(one) == severity).collect();
                @let customers = customers(&its);
                li class={ (severity.as_str()) @if its.is_empty() { " none" } } {
                    p { b { (its.len()) } " " span.severity { (name) } }
                    p.dim { (meaning) }
                    @if severity != Severity::Notice && !customers.is_empty() {
                        p.customers {
                            @for (place, customer) in customers.iter().take(MAX_CUSTOMERS).enumerate() {
                                @if place > 0 { ", " }
                                bdi { (Word(customer)) }
                            }
                            @if customers.len() > MAX_CUSTOMERS {
                                " and " (customers.len() - MAX_CUSTOMERS) " more"
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whom matters concern, each once, most urgent first.
fn customers<'a>(matters: &[&&'a Matter]) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    let name = |matter: &&&'a Matter| matter.tenant.as_ref().map(|one| one.name.as_str());
    let named = matters.iter().map(|one| name(one).unwrap_or("the whole fleet"));
    named.filter(|name| seen.insert(*name)).collect()
}

/// The groups of these matters; notices are folded.
pub(super) fn groups_of(scene: &Scene<'_>, matters: &[&Matter]) -> Markup {
    let all = groups(matters.iter().copied());
    let (loud, quiet): (Vec<_>, Vec<_>) =
        all.iter().partition(|group| group.loudness() != Severity::Notice);
    let count: usize = quiet.iter().map(|group| group.matters.len()).sum();
    html! {
        @for one in &loud {
            (group(scene, one))
        }
        @if !quiet.is_empty() {
            details.notices open[loud.is_empty() && count <= MAX_OPEN] {
                summary { (plural(count, "notice")) }
                @for one in &quiet {
                    (group(scene, one))
                }
            }
        }
    }
}

/// Matters with one text: what happened and what to do is told once.
struct Card<'a> {
    first: &'a Matter,
    of: Vec<&'a Matter>,
}

fn cards<'a>(group: &Group<'a>) -> Vec<Card<'a>> {
    let mut cards: Vec<Card<'a>> = Vec::new();
    for matter in &group.matters {
        let text = |one: &'a Matter| (&one.message, &one.next, &one.command);
        match cards.last_mut() {
            Some(card) if text(card.first) == text(matter) => card.of.push(matter),
            _ => cards.push(Card { first: matter, of: vec![matter] }),
        }
    }
    cards
}

/// What a group is about. How severe it is stands beside it, so that one code would be said twice.
fn title(code: Code) -> String {
    if code == Cause::Critical.code() {
        return "expires soon".to_owned();
    }
    code.as_str().replace('-', " ")
}

fn group(scene: &Scene<'_>, group: &Group<'_>) -> Markup {
    let cards = cards(group);
    let cards = cards.get(..MAX_CARDS).unwrap_or(&cards);
    let (opened, folded) = cards.split_at_checked(MAX_OPEN).unwrap_or((cards, &[]));
    let told: usize = cards.iter().map(|card| card.of.len()).sum();
    let untold = group.matters.len() - told;
    let for_all = group.for_all().and_then(|one| one.command_for_all.as_deref());
    html! {
        div.group.(group.loudness().as_str()) {
            h3 {
                (title(group.code)) (group.particular())
                " " span.severity { (group.loudness().as_str()) }
                @if group.matters.len() > 1 { " " span.dim { (group.matters.len()) } }
            }
            @if let Some(run) = for_all {
                p { "One command for all of these:" }
                (command(run))
            }
            (listed(scene, opened))
            @if !folded.is_empty() {
                details.more {
                    summary { (folded.len()) " more" }
                    (listed(scene, folded))
                }
            }
            @if untold > 0 {
                p { "… and " (untold) " more. "
                    a href="#tokens" data-code=(group.code) { "The table below has all of them." } }
            }
        }
    }
}

fn listed(scene: &Scene<'_>, cards: &[Card<'_>]) -> Markup {
    html! {
        ul.cards {
            @for one in cards {
                li { (card(scene, one)) }
            }
        }
    }
}

fn card(scene: &Scene<'_>, card: &Card<'_>) -> Markup {
    html! {
        div.subjects {
            @for matter in card.of.iter().take(MAX_SUBJECTS) {
                p { (subject(scene, matter)) }
            }
            @if card.of.len() > MAX_SUBJECTS {
                p { "and " (card.of.len() - MAX_SUBJECTS) " more" }
            }
        }
        div.told {
            p { (Sentence(&card.first.message)) }
            p { (Sentence(&card.first.next)) }
            @if let Some(run) = &card.first.command {
                (command(run))
            }
        }
    }
}

/// Which token of whom, and by when.
fn subject(scene: &Scene<'_>, matter: &Matter) -> Markup {
    let Some(tenant) = &matter.tenant else { return html! { b { "The whole fleet" } } };
    let token = matter.token.as_ref();
    let of_token = token.map(|of| {
        let name = of.name.as_deref().or(of.id.as_deref());
        crate::report::text::label(of.kind, name)
    });
    let named = html! {
        b { bdi { (Word(&tenant.name)) } }
        @if let Some(of_token) = &of_token { " " bdi { (Word(of_token)) } }
    };
    html! {
        @match (scene.view, token) {
            (PageView::Served(_), Some(of)) => a href=(token_path(&tenant.name, of)) { (named) },
            _ => (named),
        }
        @if let Some(called) = scene.called(&tenant.name) {
            " " span.dim { bdi { (Word(called)) } }
        }
        @if let Some(due) = matter.due {
            @let past = due <= scene.now();
            " " span.due.past[past] { (when(due, scene.now())) " " span.dim { "(" (day(due)) ")" } }
        }
        @if let Some(at) = matter.as_of {
            " " span.dim { "as last known on " (day(at)) }
        }
    }
}

/// `in 5 days`, `3 days ago`.
fn when(due: Timestamp, now: Timestamp) -> String {
    let left = due.since(now);
    let past = left < chrono::Duration::zero();
    let (days, hours) = (left.num_days().unsigned_abs(), left.num_hours().unsigned_abs());
    let count = |count: u64, noun| plural(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let length = match (days, hours) {
        (0, 0) => count(left.num_minutes().unsigned_abs(), "minute"),
        (0 | 1, hours) => count(hours, "hour"),
        (days, _) => count(days, "day"),
    };
    if past { format!("{length} ago") } else { format!("in {length}") }
}

/// A command to copy, never wrapped into two.
pub(super) fn command(run: &str) -> Markup {
    html! {
        div.command {
            code tabindex="0" { (Word(run)) }
            button.scripted.copy.quiet type="button" { "Copy" }
        }
    }
}
