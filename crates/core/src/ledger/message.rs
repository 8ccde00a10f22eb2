//! The message of a ledger commit: a line for people, and the runs as trailers for tools.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use crate::model::{LedgerEntry, TenantId, safe_text};

/// The longest text from an entry that a message repeats; subjects are read in one line.
const MAX_TEXT: usize = 80;
/// More runs than this share a commit only by mistake.
const MAX_RUNS: usize = 20;

/// The commit message for these entries.
pub fn message(drafts: &[(TenantId, LedgerEntry)]) -> String {
    let mut text = match drafts {
        [(_, draft)] => {
            let token = short(&draft.token.to_string());
            format!("{} {token} for {}", draft.event(), draft.name)
        }
        _ => {
            let tenants: BTreeSet<_> = drafts.iter().map(|(tenant, _)| tenant).collect();
            let noun = if tenants.len() == 1 { "tenant" } else { "tenants" };
            format!("{} entries for {} {noun}", drafts.len(), tenants.len())
        }
    };
    let runs: BTreeSet<&str> = drafts.iter().map(|(_, draft)| draft.run.as_str()).collect();
    text.push_str("\n\n");
    for run in runs.into_iter().take(MAX_RUNS) {
        text.push_str("Applecart-Run: ");
        text.push_str(&short(run));
        text.push('\n');
    }
    text
}

/// Text that cannot end its line early and forge a trailer.
fn short(text: &str) -> String {
    let clean = safe_text(text);
    if clean.chars().count() <= MAX_TEXT {
        return clean;
    }
    clean.chars().take(MAX_TEXT - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{draft, tenant, vpp};
    use crate::model::Event;

    #[test]
    fn a_single_entry_says_what_happened() {
        let drafts = [(tenant(1), draft(Event::Applied, 0, "run-1", None))];
        assert_eq!(message(&drafts), "applied push for contoso\n\nApplecart-Run: run-1\n");
    }

    #[test]
    fn several_entries_are_counted_and_each_run_is_named_once() {
        let drafts = [
            (tenant(1), draft(Event::Intended, 0, "run-2", None)),
            (tenant(2), draft(Event::Intended, 0, "run-1", None)),
            (tenant(2), draft(Event::Intended, 0, "run-1", None)),
        ];
        let text = message(&drafts);
        assert_eq!(text, "3 entries for 2 tenants\n\nApplecart-Run: run-1\nApplecart-Run: run-2\n");
    }

    #[test]
    fn a_name_cannot_forge_a_trailer_or_fill_the_line() {
        let name = format!("x\nSigned-off-by: {}", "y".repeat(500));
        let run = "r\nApplecart-Run: forged";
        let drafts =
            [(tenant(1), LedgerEntry { token: vpp(&name), ..draft(Event::Applied, 0, run, None) })];
        let text = message(&drafts);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 200));
    }
}
