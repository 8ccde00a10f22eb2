//! A status as comma-separated values, for spreadsheets and scripts.
//!
//! RFC 4180: a header, CRLF at every line's end, cells with commas, quotes or line breaks in
//! quotes, quotes doubled. Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a
//! formula, quoted or not, and names come from Intune and Git: such a text gets an apostrophe in
//! front, which spreadsheets take as "this is text". Scripts that need names letter by letter read
//! JSON. Numbers and times are this program's own and stay as they are.

use super::advice;
use super::past::Recorded;
use super::rows::rows;
use super::{Status, StatusToken};
use crate::report::text::escape;

/// The columns, in order. New ones are added at the end.
const HEADER: [&str; 24] = [
    "tenant",
    "tenantId",
    "displayName",
    "kind",
    "name",
    "id",
    "expiry",
    "expires",
    "daysLeft",
    "sync",
    "health",
    "healthReasons",
    "reasons",
    "warnings",
    "appleId",
    "lastUpload",
    "lastUploadBy",
    "lastUploadRun",
    "lastConfirmed",
    "lastConfirmedBy",
    "lastConfirmedRun",
    "sha256",
    "problems",
    "next",
];

/// One line a token, most urgent first, and one for every tenant of which no token is known.
pub fn status_csv(status: &Status) -> String {
    let mut out = String::new();
    line(&mut out, &HEADER.map(str::to_owned));
    for row in rows(status) {
        let token = row.token;
        let of = |get: fn(&StatusToken) -> String| token.map(get).unwrap_or_default();
        let recorded = |get: fn(&StatusToken) -> &Option<Recorded>| {
            let recorded = token.and_then(|token| get(token).as_ref());
            [
                recorded.map(|one| one.at.to_string()).unwrap_or_default(),
                text(recorded.and_then(|one| one.by.as_deref()).unwrap_or_default()),
                text(recorded.map(|one| one.run.as_str()).unwrap_or_default()),
            ]
        };
        let [uploaded, uploaded_by, uploaded_run] = recorded(|token| &token.last_upload);
        let [confirmed, confirmed_by, confirmed_run] = recorded(|token| &token.last_confirmed);
        let problems: Vec<&str> =
            row.tenant.problems.iter().map(|problem| problem.code.as_str()).collect();
        let expires = row.expires();
        line(
            &mut out,
            &[
                text(&row.tenant.name),
                row.tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default(),
                text(row.tenant.display_name.as_deref().unwrap_or_default()),
                of(|token| token.state.kind.to_string()),
                of(|token| text(token.state.name.as_deref().unwrap_or_default())),
                of(|token| text(token.state.id.as_deref().unwrap_or_default())),
                of(|token| token.state.expiry.to_string()),
                expires.map(|at| at.to_string()).unwrap_or_default(),
                expires
                    .map(|at| at.since(status.generated_at).num_days().to_string())
                    .unwrap_or_default(),
                of(|token| token.state.sync.to_string()),
                of(|token| token.state.health.to_string()),
                of(|token| words(token.state.health_reasons.iter().map(|one| one.as_str()))),
                of(|token| words(token.state.reasons.iter().map(|one| one.as_str()))),
                of(|token| words(token.state.warnings.iter().map(|one| one.as_str()))),
                of(|token| text(token.apple_id.as_deref().unwrap_or_default())),
                uploaded,
                uploaded_by,
                uploaded_run,
                confirmed,
                confirmed_by,
                confirmed_run,
                of(|token| token.state.sha256.map(|sha| sha.to_string()).unwrap_or_default()),
                words(problems.into_iter()),
                text(&advice::of(&row).join(" ")),
            ],
        );
    }
    out
}

/// Several words in one cell.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// Text from elsewhere: on one line, and no formula.
fn text(text: &str) -> String {
    let text = escape(text);
    // Spreadsheets drop blanks before a formula; wide forms count as the signs they look like.
    let first = text.trim_start().chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    if formula { format!("'{text}") } else { text }
}

fn line<const N: usize>(out: &mut String, cells: &[String; N]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_from_elsewhere_is_a_formula() {
        for hostile in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1", "=cmd|' /C calc'!A0"] {
            assert_eq!(text(hostile), format!("'{hostile}"));
        }
        // A tab or line feed is spelt out, so that it hides nothing.
        assert_eq!(text("\t=1"), "\\u{9}=1");
        assert_eq!(text("a=b"), "a=b");
        assert_eq!(text(""), "");
    }

    #[test]
    fn quotes_commas_and_blanks_are_kept() {
        let mut out = String::new();
        line(&mut out, &["plain", "a,b", "say \"hi\"", "two\r\nlines", " "].map(str::to_owned));
        assert_eq!(out, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",\" \"\r\n");
    }
}
