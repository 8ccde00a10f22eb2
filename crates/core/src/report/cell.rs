//! Text from elsewhere inside Markdown.

use super::text::escape;

/// Text that cannot open a tag, a link, a table cell, a mention, a reference or a code span.
///
/// Hosts look for `@somebody`, `#12` and addresses (`https://…`, `www.…`) in what Markdown has become,
/// where neither a backslash nor an entity is seen any more; an empty comment inside them is
/// (cmark-gfm issue 181). A name in Intune may be an address that steals passwords; only the portals
/// that sheets send people to stay links.
pub(crate) fn cell(text: &str) -> String {
    let mut safe = String::new();
    let text = escape(text);
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    let mut left = text.as_str();
    while let Some(character) = characters.next() {
        left = left.get(character.len_utf8()..).unwrap_or_default();
        let inside =
            before.is_alphanumeric() && characters.peek().is_some_and(|c| c.is_alphanumeric());
        // Behind a letter it is a mail address, and no mention.
        let starts = !before.is_alphanumeric();
        let is_scheme = before.is_alphanumeric() && character == ':';
        let last = std::mem::replace(&mut before, character);
        match character {
            ':' if is_scheme && left.starts_with('/') && !is_portal(&safe, left) => {
                safe.push_str(":<!-- -->");
            }
            '.' if last.eq_ignore_ascii_case(&'w') && ends_with_www(&safe) => {
                safe.push_str("<!-- -->.");
            }
            // Inside a word it marks nothing, and a backslash there would break a link.
            '_' if inside => safe.push('_'),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' if starts => safe.push_str("@<!-- -->"),
            '@' => safe.push_str("&#64;"),
            '#' if characters.peek().is_some_and(char::is_ascii_digit) => {
                safe.push_str("#<!-- -->");
            }
            // `GH-12` is an issue of GitHub, `%3` a milestone and `$4` a snippet of GitLab.
            '-' if ends_with_gh(&safe) && characters.peek().is_some_and(char::is_ascii_digit) => {
                safe.push_str("-<!-- -->");
            }
            '%' | '$' if characters.peek().is_some_and(char::is_ascii_digit) => {
                safe.push(character);
                safe.push_str("<!-- -->");
            }
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' | '!' => {
                safe.push('\\');
                safe.push(character);
            }
            other => safe.push(other),
        }
    }
    safe
}

/// Whether an address, of which the scheme is written and the rest is left, is a portal's. None of
/// them takes a consent or leads elsewhere by what stands behind its name.
fn is_portal(written: &str, left: &str) -> bool {
    const PORTALS: [&str; 4] =
        ["business.apple.com", "school.apple.com", "identity.apple.com", "intune.microsoft.com"];
    let Some(address) = left.strip_prefix("//").filter(|_| written.ends_with("https")) else {
        return false;
    };
    PORTALS.iter().any(|portal| {
        let Some(rest) = address.strip_prefix(portal) else { return false };
        // A host's name goes on with these, and so does what stands before an `@`.
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        !rest.starts_with(|c: char| c.is_alphanumeric() || ".-@:_%".contains(c))
    })
}

/// Whether a host would take a dot after this for an address without a scheme.
fn ends_with_www(text: &str) -> bool {
    let mut letters = text.chars().rev();
    letters.by_ref().take(3).filter(|c| c.eq_ignore_ascii_case(&'w')).count() == 3
        && letters.next().is_none_or(|before| !before.is_alphanumeric())
}

/// Whether GitHub would take a dash and a number after this for one of its issues.
fn ends_with_gh(text: &str) -> bool {
    let mut letters = text.chars().rev();
    letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'h'))
        && letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'g'))
        && letters.next().is_none_or(|before| !before.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn references_of_github_and_gitlab_are_broken_up_too() {
        assert_eq!(cell("GH-12"), "GH-<!-- -->12");
        assert_eq!(cell("(gh-3) high-5 gh-x"), "(gh-<!-- -->3) high-5 gh-x");
        assert_eq!(cell("%3 $4 30%"), "%<!-- -->3 $<!-- -->4 30%");
    }

    #[test]
    fn nobody_is_mentioned_and_nothing_referred_to() {
        assert_eq!(cell("@org/team"), "@<!-- -->org/team");
        assert_eq!(cell("ask (@dana)"), "ask (@<!-- -->dana)");
        assert_eq!(cell("mdm@contoso.example"), "mdm&#64;contoso.example", "an address");
        assert_eq!(cell("owner/repo#12"), "owner/repo#<!-- -->12");
        assert_eq!(cell("# a"), "\\# a");
        assert_eq!(cell("see HTTPS://a.example/x"), "see HTTPS:<!-- -->//a.example/x");
        for portal in ["https://business.apple.com as x", "https://intune.microsoft.com/a-b."] {
            assert_eq!(cell(portal), portal);
        }
        for other in [
            "https://business.apple.com.evil.example",
            "https://business.apple.com@evil.example",
            "https://business.apple.com:80@evil.example",
            "http://business.apple.com",
            "https://login.microsoftonline.com/common/adminconsent",
        ] {
            assert!(cell(other).contains("<!-- -->//"), "{other}");
        }
        assert_eq!(cell("(www.a.example) 10:30"), "(www<!-- -->.a.example) 10:30");
        assert_eq!(cell("wwww.a: b"), "wwww.a: b");
        // What a name holds of an empty comment is text.
        assert_eq!(cell("@<!-- -->x"), "@<!-- -->&lt;\\!-- --&gt;x");
    }
}
