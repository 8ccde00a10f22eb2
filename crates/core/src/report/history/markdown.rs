//! A history as Markdown: what was in force, and one table a token.

use std::fmt::Write as _;

use super::History;
use super::human::{headline, standing, warnings};
use super::words::{force, label, particulars};
use crate::report::markdown::cell;
use crate::report::text::plural;
use crate::report::text::short;

/// For issues, wikis and reports.
pub fn history_markdown(history: &History) -> String {
    let mut out = String::from("<!-- applecart:history -->\n");
    let _ = writeln!(
        out,
        "### Applecart history up to `{}`, {}\n",
        short(&history.rev),
        history.generated_at
    );
    for text in warnings(history) {
        let _ = writeln!(out, "> **Incomplete.** {}\n", cell(&text));
    }
    let _ = writeln!(out, "{}.", cell(&headline(history)));
    for token in &history.tokens {
        let _ = writeln!(out, "\n#### {} {}\n", cell(&token.tenant), cell(&label(token)));
        let _ = writeln!(out, "{}\n", cell(&standing(token)));
        let (head, lines) = force(&token.in_force);
        let _ = writeln!(out, "In force at {}: **{}**\n", token.in_force.at, cell(&head));
        for line in lines {
            let _ = writeln!(out, "- {}", cell(&line));
        }
        out.push_str("\n| when | what | who and why | changes |\n|---|---|---|---|\n");
        for entry in &token.entries {
            let lines: Vec<String> = particulars(entry).iter().map(|line| cell(line)).collect();
            let changes: Vec<String> = entry
                .changes
                .iter()
                .map(|change| {
                    let of = |value: &Option<String>| value.as_deref().map_or("–".to_owned(), cell);
                    format!("{}: {} → {}", cell(&change.fact), of(&change.from), of(&change.to))
                })
                .collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                entry.at,
                cell(entry.event.words()),
                lines.join("<br>"),
                changes.join("<br>")
            );
        }
        if token.left_out > 0 {
            let _ = writeln!(
                out,
                "\n{} outside the period asked about.",
                plural(token.left_out, "entry")
            );
        }
    }
    out
}
