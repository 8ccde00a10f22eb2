//! A plan as Markdown, for pull requests and job summaries.

use std::fmt::Write as _;

use super::attention;
use super::facts::changes;
use super::revision;
use super::text::{escape, joined, label as named, needs, plural, short};
use crate::attention::Attention;
use crate::model::Kind;
use crate::plan::{Action, Observed, Plan, PlannedTenant, PlannedToken, Source};

/// Text that cannot open a tag, a link, a table cell, a mention, a reference or a code span.
///
/// Hosts look for `@somebody`, `#12` and addresses (`https://…`, `www.…`) in what Markdown has become,
/// where neither a backslash nor an entity is seen any more; an empty comment inside them is
/// (cmark-gfm issue 181). A name in Intune may be an address that steals passwords; only the portals
/// that sheets send people to stay links.
pub(super) fn cell(text: &str) -> String {
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

/// The marker by which a pipeline finds its own comment to update it.
pub(super) const MARKER: &str = "<!-- applecart:plan -->\n";

/// What the sentences about what was left out, the fold and the digest take.
const ENDING: usize = 1_200;

/// As many new destinations are listed before they are counted.
const LISTED: usize = 50;

/// The plan: one table of everything due, held or unobserved, then the details folded.
///
/// It is at most `limit` bytes long where that is enough for the headline (some 16 KiB): rows and
/// details are left out whole, and counted. Hosts count characters, which are never more.
pub fn plan_markdown(plan: &Plan, attention: &Attention, limit: usize) -> String {
    let mut out = head(plan, attention);
    let mut tokens: Vec<_> =
        plan.tokens().filter(|(_, token)| token.action != Action::None).collect();
    tokens.sort_by_key(|(tenant, token)| (!tenant.new_destination, !token.urgent));
    let problems: Vec<_> =
        plan.tenants.iter().filter(|tenant| tenant.observed != Observed::Complete).collect();
    if tokens.is_empty() && problems.is_empty() {
        out.push_str(&nothing_due(attention));
        return out;
    }
    let room = limit.saturating_sub(out.len() + ENDING);
    out.push_str("| | tenant | token | expires | why |\n|---|---|---|---|---|\n");
    let rows = tokens
        .iter()
        .map(|(tenant, token)| row(tenant, token))
        .chain(problems.iter().map(|tenant| problem_row(tenant)));
    // The table is what decides; details are for those who ask.
    let rows_left_out = fill(&mut out, rows, room / 4 * 3);
    if rows_left_out > 0 {
        let _ = writeln!(out, "\n> ✂️ {} left out here. {WHOLE}", plural(rows_left_out, "row"));
    }
    out.push_str("\n<details><summary>Details</summary>\n\n");
    let details = tokens
        .iter()
        .map(|(tenant, token)| detail(tenant, token))
        .chain(problems.iter().map(|tenant| problem_detail(tenant)));
    let room = limit.saturating_sub(out.len() + ENDING / 2);
    let details_left_out = fill(&mut out, details, room);
    if details_left_out > 0 {
        let _ = writeln!(out, "✂️ {} left out here. {WHOLE}\n", plural(details_left_out, "detail"));
    }
    let _ = writeln!(out, "</details>\n\nDigest `{}`", plan.digest);
    out
}

/// A plan without a row, which is no good news while something expires or needs a person.
fn nothing_due(attention: &Attention) -> String {
    let expiring = attention::counted(attention);
    let mut out = "Nothing to upload".to_owned();
    if !expiring.is_empty() {
        out.push_str(&format!(" · {}", expiring.join(", ")));
    } else if !attention.matters.is_empty() {
        out.push_str(&format!(" · {} above", needs(attention.matters.len())));
    }
    match attention::renewals(attention) {
        Some(command) => {
            out.push_str(&format!(":\n\n```sh\n{}\n```\n", attention::in_fence(command)));
        }
        None => out.push_str(".\n"),
    }
    out
}

/// Where the rest is.
const WHOLE: &str = "The whole plan is what `applecart plan --format markdown --max-size 0` writes; \
                     the pipeline keeps it beside plan.json.";

/// Adds what fits into `room` bytes, in order, and tells how many did not.
fn fill(out: &mut String, parts: impl Iterator<Item = String>, room: usize) -> usize {
    let mut used = 0_usize;
    let mut left_out = 0;
    for part in parts {
        used = used.saturating_add(part.len());
        if left_out > 0 || used > room {
            left_out += 1;
        } else {
            out.push_str(&part);
        }
    }
    left_out
}

/// What stands above the table: what the revision changes as a whole, the counts, what is urgent.
fn head(plan: &Plan, attention: &Attention) -> String {
    let mut out = String::from(MARKER);
    let rev = plan.rev.as_deref().map_or("the worktree", short);
    let summary = &plan.summary;
    let _ = writeln!(out, "### Applecart plan at `{rev}`\n");
    if plan.source == Source::Snapshot {
        let _ = writeln!(out, "> {}\n", revision::SNAPSHOT);
    }
    let mut notes = revision::notes(plan);
    let removed_left_out = notes.len().saturating_sub(LISTED);
    notes.truncate(LISTED);
    for line in notes {
        let _ = writeln!(out, "> ⚠️ {}\n", cell(&line));
    }
    if removed_left_out > 0 {
        let _ =
            writeln!(out, "> ⚠️ {} left out here. {WHOLE}\n", plural(removed_left_out, "warning"));
    }
    out.push_str(&attention::brief_markdown(attention));
    let new: Vec<_> = plan.tenants.iter().filter(|tenant| tenant.new_destination).collect();
    if !new.is_empty() {
        let _ = writeln!(out, "#### {}\n", revision::NEW);
        for tenant in new.iter().take(LISTED) {
            let id = tenant.tenant_id.map(|id| id.to_string()).unwrap_or_default();
            let _ = writeln!(out, "- {} (tenant `{id}`)", cell(&tenant.name));
        }
        if new.len() > LISTED {
            let _ = writeln!(out, "- and {} more", new.len() - LISTED);
        }
        out.push('\n');
    }
    if let Some(line) = revision::touched(plan) {
        let _ = write!(out, "{} ", cell(&line));
    }
    let _ = writeln!(
        out,
        "{}: {}, {}, {}, {}; {} not fully observed.{}\n",
        plural(summary.tenants, "tenant"),
        plural(summary.uploads, "upload"),
        plural(summary.creates, "creation"),
        plural(summary.configures, "settings change"),
        plural(summary.holds, "hold"),
        summary.unobserved,
        match attention::counted(attention) {
            parts if parts.is_empty() => String::new(),
            parts => format!(" {}.", parts.join(", ")),
        }
    );
    out
}

fn row(tenant: &PlannedTenant, token: &PlannedToken) -> String {
    let why: Vec<&str> =
        token.state.reasons.iter().chain(&token.allows).map(|reason| reason.as_str()).collect();
    format!(
        "| {} | {} | {} | {} | {} |\n",
        sign(token),
        cell(&tenant.name),
        cell(&label(token)),
        cell(&expires(token)),
        why.join(", ")
    )
}

fn problem_row(tenant: &PlannedTenant) -> String {
    let codes: Vec<_> = tenant.problems.iter().map(|problem| problem.code).collect();
    format!("| ❓ unobserved | {} | | | {} |\n", cell(&tenant.name), joined(&codes, ", "))
}

fn detail(tenant: &PlannedTenant, token: &PlannedToken) -> String {
    let mut out = format!("**{}**: {}\n\n", cell(&tenant.name), cell(&label(token)));
    for detail in &token.state.details {
        let _ = writeln!(out, "{}\n", cell(detail));
    }
    if token.action.writes() {
        out.push_str("```diff\n");
        for (sign, line) in changes(token.before.as_deref(), token.after.as_deref()) {
            // A fact that holds a fence would end the block.
            let _ = writeln!(out, "{sign} {}", line.replace('`', "'"));
        }
        out.push_str("```\n\n");
    }
    out
}

fn problem_detail(tenant: &PlannedTenant) -> String {
    let mut out = String::new();
    for problem in &tenant.problems {
        let _ = writeln!(
            out,
            "**{}**: {} {}\n",
            cell(&tenant.name),
            problem.code,
            cell(problem.detail.as_deref().unwrap_or_default())
        );
    }
    out
}

fn sign(token: &PlannedToken) -> &'static str {
    match token.action {
        Action::Upload => "⬆️ upload",
        Action::Create => "➕ create",
        Action::Configure => "✏️ configure",
        Action::Verify => "🔍 verify",
        Action::Hold => "⛔ hold",
        Action::None => "",
    }
}

fn label(token: &PlannedToken) -> String {
    named(token.state.kind, token.state.name.as_deref())
}

fn expires(token: &PlannedToken) -> String {
    let text = |facts: Option<&crate::model::Facts>| {
        facts.and_then(|facts| facts.expires).map_or("none".to_owned(), |at| at.to_string())
    };
    if token.action.writes() {
        // Only Intune can read when an enrollment file expires.
        let unknown = token.state.kind == Kind::Enrollment && token.action == Action::Upload;
        let after = if unknown {
            "known after the upload".to_owned()
        } else {
            text(token.after.as_deref())
        };
        format!("{} → {after}", text(token.before.as_deref()))
    } else {
        token.state.expires.map_or_else(String::new, |at| at.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

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
