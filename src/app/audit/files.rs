//! The sealed files of the fleet, now and before: whose they are, and whom they are sealed to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::Ground;
use crate::app::AppError;
use applecart_core::audit::PresentFile;
use applecart_core::fleet::{self, Desired, FileBytes, Folder, Tenant, TokenLines, token_lines};
use applecart_core::model::Sha256;
use applecart_core::report::{self, AuditFinding, OnceSealed, SealedFile};
use applecart_core::sealed::{Addressees, Key};
use applecart_io::git::GitError;

/// A sealed file as a commit of the past had it.
struct PastFile {
    commit: String,
    /// From the root.
    path: String,
    sha256: Sha256,
    blob: String,
}

/// A sealed file of the past, what it shows, and the list of recipients that was beside it when it came.
type PastList<'a> = (&'a PastFile, &'a Addressees, Rc<[String]>);

pub(super) struct Files {
    /// Of every version of a folder, oldest first; each once for a tenant.
    past: Vec<PastFile>,
    pub(super) present: Vec<PresentFile>,
}

/// A folder as the tenant that it is, where it is valid; it is compared with no other.
pub(super) fn valid(mut folder: Folder) -> Option<Tenant> {
    folder.entries.sort_by(|a, b| a.path.cmp(&b.path));
    match fleet::load_folder(folder, None) {
        Some(Desired::Valid(tenant)) => Some(tenant),
        _ => None,
    }
}

impl Files {
    pub(super) fn read(ground: &Ground<'_>) -> Result<Self, GitError> {
        let walk = ground.repo.walk(ground.rev, None)?;
        let mut seen = HashSet::new();
        let mut past = Vec::new();
        for (commit, name, tree) in walk.trees().rev() {
            let Some(tenant) = valid(ground.repo.folder_of_tree(name, &tree)?) else { continue };
            for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
                if seen.insert((tenant.tenant_id, file.sha256, file.blob.clone())) {
                    past.push(PastFile {
                        commit: commit.clone(),
                        path: format!("tenants/{name}/{}", file.name),
                        sha256: file.sha256,
                        blob: file.blob.clone(),
                    });
                }
            }
        }
        let folders = ground.repo.snapshot(ground.rev)?.tenants;
        Ok(Self { past, present: folders.into_iter().flat_map(present).collect() })
    }

    /// Those whose sealed bytes are among `sealed`, without their past.
    pub(super) fn new_in(
        ground: &Ground<'_>,
        sealed: &HashMap<String, Addressees>,
    ) -> Result<Self, GitError> {
        let folders = ground.repo.snapshot(ground.rev)?.tenants;
        let mut present: Vec<PresentFile> = folders.into_iter().flat_map(present).collect();
        present.retain(|file| sealed.contains_key(&file.blob));
        Ok(Self { past: Vec::new(), present })
    }

    /// `sealed` is what every sealed blob shows, `ever` all recipients that were ever listed.
    pub(super) fn audit_recipients(
        &self,
        ground: &Ground<'_>,
        sealed: &HashMap<String, Addressees>,
        ever: &BTreeSet<String>,
    ) -> Result<Vec<AuditFinding>, AppError> {
        let present: BTreeSet<(&String, &String)> =
            self.present.iter().map(|file| (&file.path, &file.blob)).collect();
        // What is not sealed is looked at once more, to be called what it is.
        let form = |blob: &str| ground.repo.form_of_blob(blob);
        let files: Vec<SealedFile> = present
            .into_iter()
            .map(|(path, blob)| {
                let shown = sealed.get(blob).cloned();
                let form = if shown.is_some() { None } else { form(blob) };
                SealedFile { path: path.clone(), form, shown }
            })
            .collect();
        // The list of the audited revision, not of the policy: files are sealed by the list beside
        // them.
        let bytes = ground.repo.policy(ground.rev)?;
        let listed = fleet::load_policy(bytes.as_deref()).0.map(|policy| policy.recipients);
        let listed = listed.unwrap_or_else(|| ground.policy.recipients.clone());
        let mut shown: BTreeMap<Key, usize> = BTreeMap::new();
        let past = self.past_lists(ground, sealed)?;
        let unnamed = past.iter().flat_map(|(file, shown, list)| {
            report::unnamed(shown, list).map(|text| (&file.blob, Key::of(text)))
        });
        // A blob that came to several places is one file to whoever has the key.
        let unnamed: BTreeSet<(&String, Key)> = unnamed.collect();
        let named = sealed.values().flat_map(|shown| shown.keys.iter().cloned());
        for key in named.chain(unnamed.into_iter().map(|(_, key)| key)) {
            *shown.entry(key).or_default() += 1;
        }
        let mut found = report::judge_recipients(&files, &listed);
        found.extend(report::former_recipients(&shown, &listed, ever));
        found.extend(report::judge_once_sealed(&self.once_sealed(&past)));
        Ok(found)
    }

    /// Each sealed file of the past with what it shows and the list that was beside it when it came,
    /// where that list could be read.
    fn past_lists<'a>(
        &'a self,
        ground: &Ground<'_>,
        sealed: &'a HashMap<String, Addressees>,
    ) -> Result<Vec<PastList<'a>>, GitError> {
        let mut lists: HashMap<Option<Sha256>, Option<Rc<[String]>>> = HashMap::new();
        let mut found = Vec::new();
        for file in &self.past {
            let Some(shown) = sealed.get(&file.blob) else { continue };
            let bytes = ground.repo.policy(&file.commit)?;
            let list = lists.entry(bytes.as_deref().map(Sha256::of)).or_insert_with(|| {
                fleet::load_policy(bytes.as_deref()).0.map(|policy| policy.recipients.into())
            });
            found.extend(list.clone().map(|list| (file, shown, list)));
        }
        Ok(found)
    }

    /// Files of the past, each judged once, by the list that was beside it when it came. The
    /// present ones are judged by the present list alone.
    fn once_sealed(&self, past: &[(&PastFile, &Addressees, Rc<[String]>)]) -> Vec<OnceSealed> {
        let in_force: HashSet<Sha256> = self.present.iter().map(|file| file.sha256).collect();
        let mut seen: HashSet<&String> = self.present.iter().map(|file| &file.blob).collect();
        let mut found = Vec::new();
        for (file, shown, list) in past {
            if !seen.insert(&file.blob) {
                continue;
            }
            let strangers = report::strangers(shown, list);
            if !strangers.is_empty() {
                found.push(OnceSealed {
                    path: file.path.clone(),
                    commit: file.commit.clone(),
                    strangers,
                    is_in_force: in_force.contains(&file.sha256),
                });
            }
        }
        found
    }
}

/// The sealed files that a folder names.
fn present(folder: Folder) -> Vec<PresentFile> {
    let lines: TokenLines = match &folder.tenant_file {
        Some(FileBytes::Read(bytes)) => token_lines(&folder.name, bytes),
        _ => return Vec::new(),
    };
    let Some(tenant) = valid(folder) else { return Vec::new() };
    let of = |token: &fleet::Token| {
        let file = token.file.as_ref()?;
        Some(PresentFile {
            tenant: tenant.tenant_id,
            token: token.token.clone(),
            tenant_file: format!("tenants/{}/tenant.yaml", tenant.name),
            line: lines.of(&token.token),
            path: format!("tenants/{}/{}", tenant.name, file.name),
            sha256: file.sha256,
            blob: file.blob.clone(),
        })
    };
    tenant.tokens().filter_map(of).collect()
}
