//! What lies open in any object of the repository, and for whom sealed files are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::incomplete;
use crate::app::AppError;
use applecart_core::apple::{self, SecretKind};
use applecart_core::fleet::MAX_TOKEN_BYTES;
use applecart_core::report::{
    self, AuditFinding, AuditLevel, AuditObjects, AuditPlace, LeakPart, LeakPlace,
};
use applecart_core::sealed::{self, Addressees};
use applecart_io::git::{Origin, Part, Repo};

/// The largest blob that is looked at: more than forges take. It is in memory as a whole.
const MAX_BLOB: u64 = 128 * 1024 * 1024;

/// Looks at every object once. What sealed files show is gathered on the way, by their blobs.
pub(super) fn audit(
    repo: &Repo,
    findings: &mut Vec<AuditFinding>,
) -> Result<(AuditObjects, HashMap<String, Addressees>), AppError> {
    let mut leaks: BTreeMap<(String, Part), BTreeSet<SecretKind>> = BTreeMap::new();
    let mut closed: Vec<String> = Vec::new();
    let mut sealed: HashMap<String, Addressees> = HashMap::new();
    let searched = repo.each_object(MAX_BLOB, |id, part, bytes| {
        let secrets = apple::secrets_in(bytes);
        if !secrets.kinds.is_empty() {
            leaks.insert((id.to_owned(), part), secrets.kinds);
        }
        if part != Part::Blob {
            return;
        }
        if secrets.is_closed {
            closed.push(id.to_owned());
        }
        let small = Some(bytes).filter(|bytes| bytes.len() as u64 <= MAX_TOKEN_BYTES);
        if let Some(shown) = small.and_then(sealed::seal).and_then(|seal| seal.addressees()) {
            sealed.insert(id.to_owned(), shown);
        }
    })?;
    let blobs = leaks.keys().filter(|(_, part)| *part != Part::Message).map(|(id, _)| id);
    let wanted: HashSet<String> =
        blobs.chain(&closed).chain(&searched.too_large).chain(&searched.missing).cloned().collect();
    let origins = if wanted.is_empty() { BTreeMap::new() } else { repo.origins(&wanted)? };
    let places = |id: &str| origins.get(id).map(Vec::as_slice).unwrap_or_default();
    for ((id, part), kinds) in &leaks {
        let (part, places) = match part {
            Part::Blob => (LeakPart::Blob, places(id).iter().map(place).collect()),
            Part::Names => (LeakPart::Names, places(id).iter().map(place).collect()),
            Part::Message => (LeakPart::Message, Vec::new()),
        };
        for kind in kinds {
            findings.extend(report::judge_secret(*kind, part, id, &places));
        }
    }
    for id in &searched.too_large {
        let message = format!(
            "blob {id} is larger than {} MiB and was not looked at",
            MAX_BLOB / 1024 / 1024
        );
        let advice = "look at it with another scanner; a fleet has no use for it";
        findings.extend(unseen("large-blob", &message, advice, places(id)));
    }
    for id in &closed {
        let message = format!(
            "blob {id} is or holds an archive that could not be looked into: it has a password, is of another kind than gzip and ZIP, or unpacks to more than is looked at"
        );
        let advice = "unpack it and look; a fleet has no use for archives";
        findings.extend(
            unseen("closed-archive", &message, advice, places(id))
                .into_iter()
                .map(|one| one.at(AuditLevel::Note)),
        );
    }
    if searched.without_names {
        let message = "the history has too many folders, so file names were not looked at";
        let advice = "git log --all --name-only shows them";
        findings.push(incomplete("names-not-searched", message, advice).at(AuditLevel::Note));
    }
    let lost = searched.missing.iter().filter(|id| origins.contains_key(*id)).count();
    if lost > 0 && !repo.is_partial() {
        let message = format!(
            "{} of the history are not in this clone and were not looked at",
            report::plural(lost, "blob")
        );
        let advice = "git fsck names them; audit a fresh, full clone";
        findings.push(incomplete("objects-missing", &message, advice));
    }
    if repo.is_partial() {
        let message = "the clone was made without file contents (--filter): what it does not have was not looked at";
        findings.push(incomplete("objects-missing", message, "audit a full clone"));
    }
    let too_large = searched.too_large.len();
    Ok((AuditObjects { blobs: searched.blobs, messages: searched.messages, too_large }, sealed))
}

fn place(origin: &Origin) -> LeakPlace {
    // A name can hold a secret itself, and is not repeated then.
    let is_harmless = apple::secrets_in(origin.path.as_bytes()).kinds.is_empty();
    let path = match origin.path.as_str() {
        _ if !is_harmless => "(a name that is a secret)",
        path => path,
    };
    LeakPlace { commit: origin.commit.clone(), path: path.to_owned() }
}

/// One for each place; one without where nothing reaches it.
fn unseen(code: &str, message: &str, advice: &str, origins: &[Origin]) -> Vec<AuditFinding> {
    let at = |place| AuditFinding { place, ..incomplete(code, message, advice) };
    if origins.is_empty() {
        return vec![at(AuditPlace::default())];
    }
    origins.iter().map(|origin| at(place(origin).place())).collect()
}
