//! Text from elsewhere (files, Git, Graph), made safe to show.

/// Whether a terminal obeys the character, or a reader is deceived by it: controls, what is not seen
/// but hides or turns the text around it (CVE-2021-42574), and letters that look like nothing at all
/// (Unicode's default-ignorable ones and the blank ones). The sign that asks for a colourful emoji is
/// not among them, for it stands in ordinary names.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A commit or digest, short enough to read.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Adds the character, or its escape if it is hostile.
pub fn push_safe(text: &mut String, c: char) {
    if is_hostile(c) {
        text.extend(c.escape_unicode());
    } else {
        text.push(c);
    }
}

/// The text on one line, every hostile character written as its escape.
pub fn safe_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    text.chars().for_each(|c| push_safe(&mut safe, c));
    safe
}

/// The text as one word of a shell, for commands that a person pastes: a branch may be called `;reboot`.
///
/// In double quotes it is one word in POSIX shells, in PowerShell and in the command prompt alike. What one
/// of them obeys even there stands in single quotes, as POSIX shells take it: such texts are paths and
/// branches of this machine. What others name is put into a command only where it is `is_pasteable`.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/+@:=-".contains(c);
    // PowerShell takes the typographic ones for quotation marks as well.
    let obeyed = |c: char| is_hostile(c) || "\"$`\\!%“”„‟".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else if !text.chars().any(obeyed) {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether a name that others give may be part of a command that a person pastes: no shell sees anything
/// in it but a word.
pub(super) fn is_pasteable(name: &str) -> bool {
    name.chars().all(|c| (c.is_alphanumeric() && !is_hostile(c)) || " ._/@-".contains(c))
}

/// An error and its causes, as one sentence without a full stop.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A sentence that closes with a command, such as "Rename it: `git branch -m a b`": what is before the
/// command, and the command, which is copied and so stands alone on its line.
pub fn closing_command(text: &str) -> Option<(&str, &str)> {
    let (before, command) = text.trim_end_matches('.').strip_suffix('`')?.rsplit_once('`')?;
    let before = before.trim_end();
    before.ends_with(':').then_some((before, command))
}

/// The nearest of `candidates`, where one is near enough to be what was meant.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Distances of very long texts cost their product, and nobody meant one of our words by them.
    if text.len() > 64 {
        return None;
    }
    let lower = text.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 256)
        .map(|candidate| {
            (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate)
        })
        .filter(|&(distance, candidate)| {
            distance <= (candidate.chars().count().max(lower.chars().count()) / 3).max(1)
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_closes_a_sentence_is_told_apart() {
        let told = closing_command("It is behind. Push `main`: `git push origin main`.");
        assert_eq!(told, Some(("It is behind. Push `main`:", "git push origin main")));
        for text in ["Look at `git remote -v`", "`doctor` tells more", "Push it: now", "`", ""] {
            assert_eq!(closing_command(text), None, "{text}");
        }
    }

    #[test]
    fn what_steers_or_hides_is_written_out_and_letters_are_left() {
        assert_eq!(safe_text("Zoë's Büro, 東京 🍎"), "Zoë's Büro, 東京 🍎");
        assert_eq!(safe_text("a\u{1b}[2J\nb\u{202e}c"), "a\\u{1b}[2J\\u{a}b\\u{202e}c");
        for hidden in
            ['\u{ad}', '\u{9b}', '\u{61c}', '\u{2028}', '\u{2066}', '\u{feff}', '\u{e0041}']
        {
            assert!(is_hostile(hidden), "{hidden:?}");
        }
        for blank in ['\u{34f}', '\u{115f}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{e0101}'] {
            assert!(is_hostile(blank), "{blank:?}");
        }
        assert!(!is_hostile('\u{fe0f}'), "⚠️ is an ordinary sign");
    }

    #[test]
    fn a_shell_takes_it_for_one_word() {
        assert_eq!(shell_word("origin/main"), "origin/main");
        assert_eq!(shell_word("it's;reboot&calc"), "\"it's;reboot&calc\"");
        assert_eq!(shell_word("Zoë's Büro"), "\"Zoë's Büro\"");
        assert_eq!(shell_word(""), "\"\"");
        for obeyed in ["$HOME's", "a`b`'s", "50%'s", "a\"b's", r"C:\it's", "a”b's"] {
            assert_eq!(shell_word(obeyed), format!("'{}'", obeyed.replace('\'', r"'\''")));
        }
    }
}
