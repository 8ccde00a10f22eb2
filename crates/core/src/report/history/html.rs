//! A history as one HTML page: nothing is loaded, nothing runs.
//!
//! Every text from elsewhere goes through [`text`]. The page says of itself that it may load and
//! run nothing, so that a slip there would still do no harm. Colours follow the reader's light or
//! dark setting; the layout is one column, for a phone as for a desk.

use std::fmt::Write as _;

use super::human::{headline, standing, warnings};
use super::picture::{picture, text};
use super::words::{force, label, particulars};
use super::{ForceState, History, Origin, TimelineEntry, TokenHistory};
use crate::report::text::short;

const STYLE: &str = include_str!("history.css");

pub fn history_html(history: &History) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n",
    );
    let title = match history.tokens.as_slice() {
        [only] => format!("{} {}: history", only.tenant, label(only)),
        _ => "Token history".to_owned(),
    };
    let _ = write!(
        out,
        "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{}</h1>\n",
        text(&title),
        text(&title)
    );
    let _ = writeln!(out, "<p>{}.</p>", text(&headline(history)));
    let _ = writeln!(
        out,
        "<p class=\"dim\">Made {} by Applecart {} at commit <code>{}</code>. Names, addresses and request numbers are what commits and the ledger say; signatures were not verified.</p>\n</header>",
        history.generated_at,
        text(&history.applecart),
        text(short(&history.rev))
    );
    for warning in warnings(history) {
        let _ = writeln!(
            out,
            "<p class=\"warning\" role=\"alert\"><strong>Incomplete.</strong> {}</p>",
            text(&warning)
        );
    }
    if history.tokens.len() > 1 {
        out.push_str("<nav aria-label=\"Tokens\"><ul>\n");
        for (index, token) in history.tokens.iter().enumerate() {
            let _ = writeln!(
                out,
                "<li><a href=\"#t{index}\">{} {}</a> <span class=\"dim\">{}</span></li>",
                text(&token.tenant),
                text(&label(token)),
                text(&force(&token.in_force).0)
            );
        }
        out.push_str("</ul></nav>\n");
    }
    out.push_str("<main>\n");
    for (index, token) in history.tokens.iter().enumerate() {
        section(&mut out, history, token, index);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn section(out: &mut String, history: &History, token: &TokenHistory, index: usize) {
    let name = format!("{} {}", token.tenant, label(token));
    let _ = writeln!(
        out,
        "<section id=\"t{index}\" aria-labelledby=\"h{index}\">\n<h2 id=\"h{index}\">{}</h2>\n<p class=\"dim\">{}</p>",
        text(&name),
        text(&standing(token))
    );
    out.push_str(&picture(token, history.asked_at));
    let (head, lines) = force(&token.in_force);
    let class = match token.in_force.state {
        ForceState::Confirmed => "good",
        ForceState::OutsideGit | ForceState::Gone | ForceState::Uncertain => "bad",
        _ => "look",
    };
    let _ = writeln!(
        out,
        "<div class=\"force {class}\">\n<h3>In force at <time datetime=\"{0}\">{0}</time></h3>\n<p><strong>{1}</strong></p>\n<ul>",
        token.in_force.at,
        text(&head)
    );
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", text(&line));
    }
    out.push_str("</ul>\n</div>\n<ol class=\"timeline\">\n");
    for entry in &token.entries {
        item(out, entry);
    }
    out.push_str("</ol>\n");
    if token.left_out > 0 {
        let _ = writeln!(
            out,
            "<p class=\"dim\">{} outside the period asked about.</p>",
            crate::report::text::plural(token.left_out, "more thing")
        );
    }
    out.push_str("</section>\n");
}

fn item(out: &mut String, entry: &TimelineEntry) {
    let class = match entry.event {
        event if event.is_trouble() => "bad",
        event if event.is_milestone() => "good",
        _ => "plain",
    };
    let origin = match entry.origin {
        Origin::Git => "Git",
        Origin::Ledger => "ledger",
    };
    let _ = writeln!(
        out,
        "<li class=\"{class}\">\n<p><time datetime=\"{0}\">{0}</time> <strong>{1}</strong> <span class=\"origin\">{origin}</span></p>",
        entry.at,
        text(entry.event.words())
    );
    for line in particulars(entry) {
        let _ = writeln!(out, "<p class=\"line\">{}</p>", text(&line));
    }
    if !entry.changes.is_empty() {
        out.push_str("<dl>\n");
        for change in &entry.changes {
            let _ = write!(out, "<dt>{}</dt><dd>", text(&change.fact));
            match (&change.from, &change.to) {
                (Some(from), Some(to)) => {
                    let _ = write!(out, "<del>{}</del> → <ins>{}</ins>", text(from), text(to));
                }
                (Some(from), None) => {
                    let _ = write!(out, "<del>{}</del>", text(from));
                }
                (None, to) => {
                    let _ = write!(out, "<ins>{}</ins>", text(to.as_deref().unwrap_or_default()));
                }
            }
            out.push_str("</dd>\n");
        }
        out.push_str("</dl>\n");
    }
    out.push_str("</li>\n");
}
