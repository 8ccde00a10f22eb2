//! The page of a whole fleet, and of one token.

use maud::{Markup, html};

use super::scene::{Scene, instant};
use super::{Document, PageView, Sentence, Word, attention, bar, calendar, tokens};
use crate::attention::{Matter, Severity};
use crate::model::TokenRef;
use crate::report::history::{self, History, TokenHistory};
use crate::report::status::{Status, counts, tone_of};
use crate::report::text::{day, plural, short};

/// The fleet: what needs a person, when what expires, and every token.
pub fn status_html(status: &Status, view: &PageView<'_>) -> String {
    let scene = Scene::new(status, *view);
    let content = html! {
        a.skip href="#attention" { "Skip to what needs attention" }
        header {
            (bar(None))
            h1 { "Apple credentials in Intune" }
            p.dim { (origin(status)) }
            (freshness(status))
            (notices(*view))
            (search())
            (counted(status))
        }
        main {
            (attention::section(&scene))
            (calendar::section(&scene))
            (tokens::section(&scene))
        }
        (footer(status, *view))
    };
    Document { title: &title(status), script: true, view: *view, content }.render()
}

/// One token: what of it needs a person, and everything that happened to it.
pub fn token_html(status: &Status, history: &History, view: &PageView<'_>) -> String {
    let scene = Scene::new(status, *view);
    let title = history::title(history);
    let its = |matter: &&Matter| {
        history.tokens.iter().any(|token| {
            let of = of(token);
            matter.tenant.as_ref().is_some_and(|tenant| tenant.name == token.tenant)
                && (matter.is_about(&of) || matter.is_about_all(of.kind))
        })
    };
    let matters: Vec<&Matter> = status.attention.iter().filter(its).collect();
    let content = html! {
        a.skip href="#history" { "Skip to the history" }
        header {
            (bar(Some("/")))
            p { a href="/" { "All tokens" } }
            h1 { (Word(&title)) }
            (notices(*view))
            @for token in &history.tokens {
                (state(status, token))
            }
        }
        main {
            @if !matters.is_empty() {
                section aria-labelledby="attention" {
                    h2 #attention tabindex="-1" { "Needs attention" }
                    (attention::groups_of(&scene, &matters))
                }
            }
            div #history tabindex="-1" { (history::body(history)) }
        }
        (footer(status, *view))
    };
    Document { title: &title, script: true, view: *view, content }.render()
}

fn of(token: &TokenHistory) -> TokenRef {
    TokenRef { kind: token.kind, id: token.id.clone(), name: token.name.clone() }
}

/// How a token is now, as the fleet's page says.
fn state(status: &Status, token: &TokenHistory) -> Markup {
    let row = status.rows().into_iter().find(|row| {
        row.tenant.is_some_and(|tenant| tenant.name == token.tenant)
            && row.token.is_some_and(|known| known.state.token().same_token(&of(token)))
    });
    let Some(row) = row else { return Markup::default() };
    let [_, _, expiry, left, sync, health, apple_id, upload] = row.cells(status.generated_at);
    html! {
        dl.counts {
            div {
                dt { "expiry" }
                dd {
                    span.(tone_of(&expiry).class()) { (expiry) }
                    @if let Some(at) = row.expires() { " " span { (day(at)) ", " (left) } }
                }
            }
            @for (name, value) in [("sync", &sync), ("health", &health)] {
                div { dt { (name) } dd { span.(tone_of(value).class()) { (value) } } }
            }
            @for (name, value) in [("Apple Account", &apple_id), ("last upload", &upload)] {
                @if !value.is_empty() { div { dt { (name) } dd { (Word(value)) } } }
            }
            @if let Some(at) = row.tenant.and_then(|tenant| tenant.read_at) {
                div { dt { "read" } dd { (instant(at)) } }
            }
        }
    }
}

fn title(status: &Status) -> String {
    let count = |severity| {
        status.attention.iter().filter(|one| attention::loudness(one) == severity).count()
    };
    match (count(Severity::Critical), count(Severity::Urgent)) {
        (0, 0) => "Applecart status".to_owned(),
        (0, urgent) => format!("{urgent} urgent · Applecart status"),
        (critical, _) => format!("{critical} critical · Applecart status"),
    }
}

/// What was read, when, and how much of it.
fn origin(status: &Status) -> Markup {
    let summary = &status.summary;
    html! {
        (plural(summary.tenants, "tenant")) " with " (plural(summary.tokens, "token"))
        @if let Some(within) = &status.within {
            " that expire within " (Word(within)) ", or may"
        }
        ". State of " (instant(status.generated_at)) " at "
        @match &status.rev {
            Some(rev) => { "commit " code { (Word(short(rev))) } },
            None => "the worktree",
        }
        "."
        @if status.offline {
            " Intune was not asked: each expiry is the one last seen there, or the one in Git; sync and health are unknown."
        }
    }
}

/// How old the readings are; what is not told is no small print.
fn freshness(status: &Status) -> Markup {
    let class = if status.summary.stale > 0 { "warning" } else { "dim" };
    html! { @if let Some(text) = status.freshness() { p.(class) { (text) } } }
}

fn notices(view: PageView<'_>) -> Markup {
    let PageView::Served(served) = view else { return Markup::default() };
    html! {
        div #notices role="status" {
            @for notice in served.notices {
                p.warning { (Sentence(notice)) }
            }
        }
        p.scripted.dim {
            label { input #pause type="checkbox"; " Stop refreshing this page" }
        }
    }
}

/// The search stands first: with two hundred customers, a name is known before a place.
fn search() -> Markup {
    html! {
        form.search.scripted role="search" {
            label for="search" { "Find a customer, a token or an Apple Account" }
            input #search type="search" autocomplete="off" spellcheck="false" aria-describedby="found";
            " " a #found href="#tokens" hidden {}
        }
    }
}

fn counted(status: &Status) -> Markup {
    let axes = counts(status);
    if axes.is_empty() {
        return Markup::default();
    }
    html! {
        dl.counts {
            @for (axis, counts) in axes {
                div {
                    dt { (axis) }
                    dd {
                        @for (value, count) in counts {
                            span class=(tone_of(value).class()) { b { (count) } " " (value) } " "
                        }
                    }
                }
            }
        }
    }
}

fn footer(status: &Status, view: PageView<'_>) -> Markup {
    html! {
        footer.dim {
            p {
                "Made by Applecart " (Word(&status.applecart)) " at " (instant(status.generated_at)) "."
                @if !view.is_served() {
                    " This file does not change; make it again to see what happened since."
                }
            }
        }
    }
}
