//! What of a program's complaints a person may see.
//!
//! `git` repeats URLs, and a server's hook may say anything. So users and passwords go out of
//! every URL, words that look like tokens are dropped, and no character is left that a terminal
//! obeys.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use applecart_core::model::is_hostile;

/// How many lines are shown; the reason is among the last ones.
const MAX_LINES: usize = 6;

/// Longer lines do not help.
const MAX_CHARS: usize = 300;

/// Longer unbroken runs of letters and digits are taken for encoded secrets. An object name has
/// 40.
const MAX_RUN: usize = 40;

/// How the tokens of the large hosts begin.
const PREFIXES: [&str; 9] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glcbt-"];

/// The last lines, in one: `first; second; third`.
pub(super) fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // Progress is written over itself with carriage returns.
    let lines = text.split(['\n', '\r']).map(clean_line).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let from = lines.len().saturating_sub(MAX_LINES);
    lines.get(from..).unwrap_or_default().join("; ")
}

fn clean_line(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(clean_word).collect();
    let line = words.join(" ");
    if line.chars().count() <= MAX_CHARS {
        return line;
    }
    line.chars().take(MAX_CHARS - 1).chain(['…']).collect()
}

fn clean_word(word: &str) -> String {
    let word: String = word.chars().filter(|c| !is_hostile(*c)).collect();
    let word = match word.split_once("://") {
        // Up to the last `@`, wherever it is: a password may hold a slash.
        Some((scheme, rest)) => {
            let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{rest}")
        }
        None => word,
    };
    let mut shown = String::with_capacity(word.len());
    let mut run = String::new();
    for c in word.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=') {
            run.push(c);
            continue;
        }
        let secret = run.len() > MAX_RUN || PREFIXES.iter().any(|prefix| run.starts_with(prefix));
        shown.push_str(if secret { "…" } else { &run });
        run.clear();
        if c != '\0' {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        last_lines(text.as_bytes())
    }

    #[test]
    fn credentials_go_out_of_urls_wherever_they_stand() {
        for (text, expected) in [
            (
                "fatal: unable to access 'https://bob:hunter2@git.example/f.git/': timed out",
                "fatal: unable to access 'https://git.example/f.git/': timed out",
            ),
            ("Password for 'https://hunter2@git.example':", "Password for 'https://git.example':"),
            ("https://bob:hun/ter2@git.example/f", "https://git.example/f"),
            ("https://bob:hun@ter2@git.example/f", "https://git.example/f"),
            ("http://git.example/f?private_token=hunter2", "http://git.example/f"),
            ("ssh://git@git.example:22/f", "ssh://git.example:22/f"),
            ("git@git.example:f.git is gone", "git@git.example:f.git is gone"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn words_that_look_like_tokens_are_dropped_and_object_names_stay() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(shown(&format!("at {id}")), format!("at {id}"));
        assert_eq!(shown("token ghp_aBcD1234 is bad"), "token … is bad");
        let long = "Ab1".repeat(20);
        assert_eq!(shown(&format!("Authorization: Basic {long}=")), "Authorization: Basic …");
    }

    #[test]
    fn a_server_cannot_play_with_the_terminal_or_fill_it() {
        let text = shown("remote: \u{1b}[2Jgone\u{202e}\rProgress 1\rProgress 2\n");
        assert_eq!(text, "remote: [2Jgone; Progress 1; Progress 2");
        assert!(shown(&"long words ".repeat(100)).chars().count() <= MAX_CHARS);
        let many = (0..100).map(|n| format!("line {n}\n")).collect::<String>();
        assert!(shown(&many).starts_with("line 94; "));
    }

    #[test]
    fn what_is_no_text_is_shown_all_the_same() {
        assert_eq!(last_lines(b"\xff\xfe bad"), "\u{fffd}\u{fffd} bad");
        assert_eq!(last_lines(b""), "");
    }
}
