//! What codes mean, for people.

use super::text::{BAD, DIM, HEAD, LOOK, escape, styled, wrap};
use crate::rules::codes::{self, Explanation, Weight};

/// One code: where it appears, what it means, why, what to do next, what releases it.
pub fn explained(code: &Explanation, width: usize) -> String {
    let style = match code.severity {
        Weight::Note => DIM,
        Weight::Warning => LOOK,
        Weight::Error | Weight::Critical => BAD,
    };
    let appears: Vec<&str> = code.appears.iter().map(|place| place.words()).collect();
    let mut out =
        format!("{}  {}\n", styled(HEAD, code.code), styled(style, code.severity.as_str()));
    out.push_str(&wrap(&appears.join(", "), 2, width));
    for text in [code.meaning, code.why] {
        out.push('\n');
        out.push_str(&wrap(text, 2, width));
    }
    out.push_str(&format!("\n  {}\n", styled(HEAD, "Next")));
    out.push_str(&wrap(code.next, 2, width));
    if !code.released_by.is_empty() {
        out.push_str(&format!("\n  {}\n", styled(HEAD, "Released by")));
        for release in code.released_by {
            out.push_str(&wrap(release.words(), 2, width));
        }
    }
    out
}

/// Every code with its meaning, by where it first appears.
pub fn codes_listed(width: usize) -> String {
    let mut out = String::new();
    for (heading, codes) in codes::grouped() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}\n", styled(HEAD, heading)));
        for code in codes {
            out.push_str(&format!("  {}\n{}", escape(code.code), wrap(code.meaning, 4, width)));
        }
    }
    out
}
