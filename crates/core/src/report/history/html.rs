//! A history as a page.

use maud::{Markup, html};

use super::human::{headline, standing, warnings};
use super::picture::picture;
use super::words::{force, label, particulars};
use super::{ForceState, History, Origin, TimelineEntry, TokenHistory};
use crate::report::page::{Document, PageView, Word};
use crate::report::text::{plural, short};

/// A page in a file: nothing runs in it.
pub fn history_html(history: &History) -> String {
    let title = title(history);
    let content = html! {
        header { h1 { (Word(&title)) } }
        main { (body(history)) }
    };
    Document { title: &title, script: false, view: PageView::File, content }.render()
}

/// `contoso push: history`.
pub(in crate::report) fn title(history: &History) -> String {
    match history.tokens.as_slice() {
        [only] => format!("{} {}: history", only.tenant, label(only)),
        _ => "Token history".to_owned(),
    }
}

/// The timelines, and what is to be known of them.
pub(in crate::report) fn body(history: &History) -> Markup {
    html! {
        p { (Word(&headline(history))) "." }
        p.dim {
            "Made " (history.generated_at) " by Applecart " (Word(&history.applecart)) " at commit "
            code { (Word(short(&history.rev))) }
            ". Names, addresses and request numbers are what commits and the ledger say; signatures were not verified."
        }
        @for warning in warnings(history) {
            p.warning role="alert" { strong { "Incomplete." } " " (Word(&warning)) }
        }
        @if history.tokens.len() > 1 {
            nav aria-label="Tokens" {
                ul {
                    @for (index, token) in history.tokens.iter().enumerate() {
                        li {
                            a href={ "#t" (index) } { (Word(&token.tenant)) " " (Word(&label(token))) }
                            " " span.dim { (Word(&force(&token.in_force).0)) }
                        }
                    }
                }
            }
        }
        @for (index, token) in history.tokens.iter().enumerate() {
            (section(history, token, index))
        }
    }
}

fn section(history: &History, token: &TokenHistory, index: usize) -> Markup {
    let (head, lines) = force(&token.in_force);
    let class = match token.in_force.state {
        ForceState::Confirmed => "good",
        ForceState::OutsideGit | ForceState::Gone | ForceState::Uncertain => "bad",
        _ => "look",
    };
    html! {
        section.history id={ "t" (index) } aria-labelledby={ "h" (index) } {
            h2 id={ "h" (index) } { (Word(&token.tenant)) " " (Word(&label(token))) }
            p.dim { (Word(&standing(token))) }
            (picture(token, history.asked_at))
            div.force.(class) {
                h3 { "In force at " time datetime=(token.in_force.at) { (token.in_force.at) } }
                p { strong { (Word(&head)) } }
                ul { @for line in &lines { li { (Word(line)) } } }
            }
            ol.timeline { @for entry in &token.entries { (item(entry)) } }
            @if token.left_out > 0 {
                p.dim { (plural(token.left_out, "more thing")) " outside the period asked about." }
            }
        }
    }
}

fn item(entry: &TimelineEntry) -> Markup {
    let origin = match entry.origin {
        Origin::Git => "Git",
        Origin::Ledger => "ledger",
    };
    html! {
        li.(entry.event.class()) {
            p {
                time datetime=(entry.at) { (entry.at) } " "
                strong { (entry.event.words()) } " " span.origin { (origin) }
            }
            @for line in particulars(entry) {
                p.line { (Word(&line)) }
            }
            @if !entry.changes.is_empty() {
                dl {
                    @for change in &entry.changes {
                        dt { (Word(&change.fact)) }
                        dd {
                            @if let Some(from) = &change.from { del { (Word(from)) } }
                            @if change.from.is_some() && change.to.is_some() { " → " }
                            @if let Some(to) = &change.to { ins { (Word(to)) } }
                        }
                    }
                }
            }
        }
    }
}
