//! Secrets that are readable in any object of the repository, and to whom files are sealed.

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

/// Which objects are looked at.
#[derive(Clone, Copy)]
pub(super) enum Objects<'a> {
    /// Every one of the repository, whether anything reaches it or not.
    All,
    /// What came with the commits that a revision has and an earlier one does not.
    New { rev: &'a str, since: &'a str },
}

/// What one look at every object showed.
#[derive(Default)]
struct Seen {
    leaks: BTreeMap<(String, Part), BTreeSet<SecretKind>>,
    /// Blobs that are or hold archives that could not be looked into.
    closed: Vec<String>,
    /// What sealed files show, by their blobs.
    sealed: HashMap<String, Addressees>,
}

impl Seen {
    fn look(&mut self, id: &str, part: Part, bytes: &[u8]) {
        let secrets = apple::secrets_in(bytes);
        if !secrets.kinds.is_empty() {
            self.leaks.insert((id.to_owned(), part), secrets.kinds);
        }
        if part != Part::Blob {
            return;
        }
        if secrets.is_closed {
            self.closed.push(id.to_owned());
        }
        let small = Some(bytes).filter(|bytes| bytes.len() as u64 <= MAX_TOKEN_BYTES);
        if let Some(shown) = small.and_then(sealed::seal).and_then(|seal| seal.addressees()) {
            self.sealed.insert(id.to_owned(), shown);
        }
    }
}

/// Looks at every object once. What sealed files show is gathered on the way, by their blobs.
pub(super) fn audit(
    repo: &Repo,
    of: Objects<'_>,
    findings: &mut Vec<AuditFinding>,
) -> Result<(AuditObjects, HashMap<String, Addressees>), AppError> {
    let mut seen = Seen::default();
    let look = |id: &str, part, bytes: &[u8]| seen.look(id, part, bytes);
    let searched = match of {
        Objects::All => repo.each_object(MAX_BLOB, look),
        Objects::New { rev, since } => repo.each_new_object((rev, since), MAX_BLOB, look),
    }?;
    let Seen { leaks, closed, sealed } = seen;
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
        let limit = MAX_BLOB / 1024 / 1024;
        let message = format!("blob {id} is larger than {limit} MiB and was not looked at");
        let advice = "look at it with another scanner; a fleet has no use for it";
        findings.extend(unseen("large-blob", &message, advice, places(id)));
    }
    for id in &closed {
        let message = format!(
            "blob {id} is or holds an archive that could not be looked into: it has a password, is of another kind than gzip and ZIP, or unpacks to more than is looked at"
        );
        let advice = "unpack it and look; a fleet has no use for archives";
        let found = unseen("closed-archive", &message, advice, places(id)).into_iter();
        findings.extend(found.map(|one| one.at(AuditLevel::Note)));
    }
    let lost = searched.missing.iter().filter(|id| origins.contains_key(*id)).count();
    findings.extend(gaps(repo, searched.without_names, lost));
    let too_large = searched.too_large.len();
    Ok((AuditObjects { blobs: searched.blobs, messages: searched.messages, too_large }, sealed))
}

/// What was not looked at, because the clone does not have it or there is too much of it.
fn gaps(repo: &Repo, without_names: bool, lost: usize) -> Vec<AuditFinding> {
    let mut found = Vec::new();
    if without_names {
        let message = "the history has too many folders, so file names were not looked at";
        let advice = "git log --all --name-only shows them";
        found.push(incomplete("names-not-searched", message, advice).at(AuditLevel::Note));
    }
    if repo.is_partial() {
        let message = "the clone was made without file contents (--filter): what it does not have was not looked at";
        found.push(incomplete("objects-missing", message, "audit a full clone"));
    } else if lost > 0 {
        let lost = report::plural(lost, "blob");
        let message = format!("{lost} of the history are not in this clone and were not looked at");
        let advice = "git fsck names them; audit a fresh, full clone";
        found.push(incomplete("objects-missing", &message, advice));
    }
    found
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
