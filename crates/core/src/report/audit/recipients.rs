//! A sealed file's recipients, so far as it shows them, against the fleet's list.

use std::collections::{BTreeMap, BTreeSet};

use super::{AuditArea, AuditFinding, AuditLevel, AuditPlace};
use crate::sealed::{Addressees, Form, Key};

/// A sealed file of the audited revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedFile {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// What it is instead, where it is not sealed; `None` where that cannot be read either.
    pub form: Option<Form>,
    /// Whom it shows to be for; `None` where it is not sealed, or not readable as such.
    pub shown: Option<Addressees>,
}

/// Compares every file with the list of its own revision.
pub fn judge_recipients(files: &[SealedFile], listed: &[String]) -> Vec<AuditFinding> {
    let mut found = Vec::new();
    let mut unverifiable = 0;
    for file in files {
        let finding = |code, message: String, advice| {
            let place = AuditPlace::file(&file.path);
            AuditFinding::new(AuditArea::Recipients, code, place, message, advice)
        };
        let Some(shown) = &file.shown else {
            let (what, advice) = match file.form.as_ref().filter(|form| !form.is_sealed()) {
                Some(form) => (form.words().what, form.words().next),
                None => ("is not readable as an age or SOPS file", "seal it again: applecart seal"),
            };
            let message = format!("the file that the tenant names {what}");
            found.push(finding("not-sealed", message, advice));
            continue;
        };
        let differences = shown.differences(listed);
        if !differences.is_empty() {
            let advice =
                "applecart reseal; if a key that is not listed could open it, renew the token, too";
            found.push(finding("recipients-differ", differences.join("; "), advice));
        }
        unverifiable += usize::from(shown.anonymous > 0 && differences.is_empty());
    }
    if unverifiable > 0 {
        found.push(
            AuditFinding::new(
                AuditArea::Recipients,
                "not-verifiable",
                AuditPlace::default(),
                format!(
                    "{}: age does not write into a file for whom it is, so only the number of recipients was compared",
                    crate::report::plural(unverifiable, "sealed file")
                ),
                "with a key, this checks it and encrypts all of them to the list again: `applecart reseal`",
            )
            .at(AuditLevel::Note),
        );
    }
    found
}

/// A file of the past that more could open than its own revision listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceSealed {
    /// Relative to the repository's root, with `/`.
    pub path: String,
    /// The commit of the mainline by which it came.
    pub commit: String,
    /// Who else could, in words; see [`strangers`].
    pub strangers: Vec<String>,
    /// Whether the token that is in it is still the one that Git names.
    pub is_in_force: bool,
}

/// Who can open a file beside those whom its own revision lists, as far as the file shows it.
pub fn strangers(shown: &Addressees, listed: &[String]) -> Vec<String> {
    let listed: BTreeSet<Key> = listed.iter().map(|text| Key::of(text)).collect();
    let mut found: Vec<String> = shown.keys.difference(&listed).map(ToString::to_string).collect();
    let anonymous = listed.iter().filter(|key| matches!(key, Key::Named(_))).count();
    if !shown.names_all && shown.anonymous > anonymous {
        let more = shown.anonymous - anonymous;
        found.push(format!("{} more than listed", crate::report::plural(more, "age key")));
    }
    if shown.others > 0 {
        found.push(format!("{} of other kinds", crate::report::plural(shown.others, "key")));
    }
    found.extend(shown.kinds.iter().map(|kind| format!("a key of {kind}")));
    found
}

/// What Git keeps of such files: a key that could open one still can.
pub fn judge_once_sealed(files: &[OnceSealed]) -> Vec<AuditFinding> {
    files
        .iter()
        .map(|file| {
            let place =
                AuditPlace { commit: Some(file.commit.clone()), ..AuditPlace::file(&file.path) };
            let who = file.strangers.join(", ");
            let (level, so_far, advice) = if file.is_in_force {
                let advice = "resealing takes nothing back: find out whose key it is, and renew the token at Apple";
                (AuditLevel::Finding, "the token in it is still named", advice)
            } else {
                let advice = "find out whose key it was; the token in it was replaced since";
                (AuditLevel::Note, "the token in it was replaced since", advice)
            };
            let message = format!(
                "this commit brought a file that its own revision's list does not explain: {who} can open it; {so_far}"
            );
            let area = AuditArea::Recipients;
            AuditFinding::new(area, "was-sealed-to-others", place, message, advice).at(level)
        })
        .collect()
}

/// The recipients by whose keys a file of the past is opened for all that is known, though it does not
/// name them: age writes into no file whose own keys open it. `listed` is the list of the file's own
/// revision, of which [`strangers`] tells where it does not explain the file.
pub fn unnamed<'l>(shown: &Addressees, listed: &'l [String]) -> impl Iterator<Item = &'l str> {
    let is_unnamed = !shown.names_all && shown.anonymous > 0;
    let listed = listed.iter().filter(move |_| is_unnamed);
    listed.map(String::as_str).filter(|text| matches!(Key::of(text), Key::Named(_)))
}

/// Keys that the list does not have any more. They open for ever what was encrypted to them: `shown`
/// counts the blobs that name them, and those that came while they were listed ([`unnamed`]).
/// `known` are all recipients that were ever listed, to give a short mark its name.
pub fn former_recipients(
    shown: &BTreeMap<Key, usize>,
    listed: &[String],
    known: &BTreeSet<String>,
) -> Vec<AuditFinding> {
    let listed: BTreeSet<Key> =
        listed.iter().flat_map(|text| [Key::of(text), Key::Named(text.clone())]).collect();
    let names: BTreeMap<Key, &String> = known.iter().map(|text| (Key::of(text), text)).collect();
    shown
        .iter()
        .filter(|(key, _)| !listed.contains(*key))
        .map(|(key, count)| {
            let known = names.get(key).map(|name| (*name).clone());
            let since = if known.is_some() { "is not listed any more" } else { "was never listed on the protected branch" };
            let name = known.unwrap_or_else(|| key.to_string());
            AuditFinding::new(
                AuditArea::Recipients,
                "former-recipient",
                AuditPlace::default(),
                format!(
                    "{name} {since} and can open {} of Git's history",
                    crate::report::plural(*count, "sealed file")
                ),
                "Git keeps them: what was encrypted to it and is still in force must be renewed at Apple before the key no longer matters",
            )
            .at(AuditLevel::Note)
        })
        .collect()
}
