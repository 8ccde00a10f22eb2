//! What was read of Intune → the tenant files to write, and what to tell of every tenant.

use std::collections::{BTreeMap, BTreeSet};

use super::entries::entries;
use super::targets::{Target, Targets};
use super::update::Accept;
use super::{note, update};
use crate::fleet::{self, Diagnostic, FileBytes, Folder, NewTenant, Policy, Source, is_text};
use crate::ledger::{LedgerView, TenantLedger};
use crate::model::{
    Kind, LiveTenant, Outcome, Problem, ProblemCode, Reading, TenantName, shell_word,
};
use crate::plan::{Observed, PlannedTenant};
use crate::report::{ImportNote, ImportNoteCode, ImportReport, Imported, ImportedTenant};

/// A tenant file that is to be written.
pub struct Draft {
    pub name: TenantName,
    /// What is there; `None` where the folder is to be made.
    pub before: Option<String>,
    pub after: String,
    /// Sealed files in the folder that no token will name any more.
    pub left: Vec<String>,
    /// Whether the push entry stays as it is, because Intune has a topic that devices do not know.
    pub is_topic_left: bool,
}

impl Draft {
    /// The file, from the repository's root.
    pub fn path(&self) -> String {
        path(&self.name)
    }
}

fn path(name: &TenantName) -> String {
    format!("tenants/{name}/tenant.yaml")
}

/// The files to write, and a row about every tenant.
pub struct Drafts {
    pub drafts: Vec<Draft>,
    rows: Vec<ImportedTenant>,
    /// How many tenants were read.
    read: usize,
    /// Whether one of the drafts leaves a topic that has to be brought back or given up.
    is_topic_left: bool,
}

impl Drafts {
    /// Drafts the files of all targets. `skip_empty` leaves out new tenants without any token.
    pub fn new(
        targets: Targets<'_>,
        live: &BTreeMap<TenantName, LiveTenant>,
        planned: &[PlannedTenant],
        source: &Source,
        policy: &Policy,
        past: Option<&LedgerView>,
        skip_empty: bool,
    ) -> Self {
        let Targets { read, settled, accept, .. } = targets;
        let mut drafts =
            Self { drafts: Vec::new(), rows: settled, read: read.len(), is_topic_left: false };
        let planned: BTreeMap<&str, &PlannedTenant> =
            planned.iter().map(|tenant| (tenant.name.as_str(), tenant)).collect();
        let unread = LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, "it was not read"));
        for target in &read {
            let mut row = target.row();
            let live = live.get(&target.name).unwrap_or(&unread);
            (row.problems, row.unknown) = problems(live);
            let draft = if target.there.is_some() {
                let planned = planned.get(target.name.as_str()).copied();
                let past = past.map(|view| view.tenant(target.tenant_id));
                updated(target, live, planned, source, (past, accept.as_ref()), &mut row)
            } else {
                created(target, live, skip_empty, &mut row)
            };
            drafts.is_topic_left |= draft.as_ref().is_some_and(|draft| draft.is_topic_left);
            drafts.drafts.extend(draft);
            drafts.rows.push(row);
        }
        drafts.drop_invalid(source, policy, &planned);
        drafts
    }

    /// Drops every draft that would make the fleet invalid. Mistakes that the fleet has without the
    /// drafts are no news.
    fn drop_invalid(
        &mut self,
        source: &Source,
        policy: &Policy,
        planned: &BTreeMap<&str, &PlannedTenant>,
    ) {
        let key = |one: &Diagnostic| (one.file.clone(), one.code.as_str(), one.message.clone());
        let (_, before) = fleet::load_tenants(source, Some(policy));
        let before: BTreeSet<_> = before.iter().map(key).collect();
        let mut proposed = source.clone();
        for draft in &self.drafts {
            let bytes = Some(FileBytes::Read(draft.after.clone().into_bytes()));
            let name = draft.name.as_str();
            match proposed.tenants.iter_mut().find(|folder| folder.name == name) {
                Some(folder) => folder.tenant_file = bytes,
                None => proposed.tenants.push(Folder {
                    name: name.to_owned(),
                    tree: String::new(),
                    tenant_file: bytes,
                    entries: Vec::new(),
                    overfull: None,
                }),
            }
        }
        proposed.tenants.sort_by(|one, other| one.name.cmp(&other.name));
        let (_, after) = fleet::load_tenants(&proposed, Some(policy));
        let new: Vec<&Diagnostic> =
            after.iter().filter(|one| one.is_error() && !before.contains(&key(one))).collect();
        for draft in std::mem::take(&mut self.drafts) {
            let path = draft.path();
            let mut told: Vec<ImportNote> = new
                .iter()
                .filter(|one| one.file == path)
                .map(|one| {
                    let detail = format!(
                        "the file would be invalid, so it was not written: {path}:{}: {}",
                        one.line, one.message
                    );
                    note(ImportNoteCode::Invalid, detail)
                })
                .collect();
            if told.is_empty() {
                self.drafts.push(draft);
            } else {
                let planned = planned.get(draft.name.as_str()).copied();
                told.push(note(ImportNoteCode::Invalid, way_out(&draft, planned)));
                self.settle(&draft.name, Imported::Refused, told);
            }
        }
    }

    /// Says what became of a tenant's file; of one that was not written, its row names no file.
    pub fn settle(&mut self, name: &TenantName, result: Imported, notes: Vec<ImportNote>) {
        let mine = |row: &&mut ImportedTenant| row.name == name.as_str() && row.file.is_some();
        if let Some(row) = self.rows.iter_mut().find(mine) {
            row.result = result;
            if matches!(result, Imported::Refused | Imported::Failed) {
                row.file = None;
            }
            row.notes.extend(notes);
        }
    }

    pub fn report(&self, unusable_contracts: usize, written: bool) -> ImportReport {
        ImportReport::new(self.rows.clone(), unusable_contracts, written)
    }

    /// 8 where the sign-in failed for every tenant that was read, 4 for what was refused and for a
    /// topic that was not taken over, 3 for what could not be read or written.
    pub fn outcome(&self) -> Outcome {
        let sign_in = |row: &&ImportedTenant| row.problems.iter().any(|one| one.code.is_sign_in());
        let signed_out = self.rows.iter().filter(sign_in).count();
        let mut outcome = if self.is_topic_left { Outcome::Refused } else { Outcome::Done };
        if self.read > 0 && signed_out == self.read {
            outcome = outcome.and(Outcome::SignIn);
        }
        for row in &self.rows {
            if row.result == Imported::Refused {
                outcome = outcome.and(Outcome::Refused);
            }
            if row.result == Imported::Failed || !row.problems.is_empty() {
                outcome = outcome.and(Outcome::Partial);
            }
        }
        outcome
    }
}

/// How a tenant file comes right that cannot be brought up to date.
fn way_out(draft: &Draft, planned: Option<&PlannedTenant>) -> String {
    let name = shell_word(draft.name.as_str());
    let elsewhere =
        planned.and_then(|planned| Some((planned.wrong_destination.as_ref()?, planned.tenant_id?)));
    match elsewhere {
        Some((why, tenant_id)) => format!(
            "{why}. The entries in {} are that tenant's, so they cannot be brought up to date: the ids of two folders were exchanged. Do this for each such folder, in one pull request: remove it with `git rm -r tenants/{name}`, and import it again with `applecart import {name} --tenant-id {tenant_id}`. Labels and contacts of the folder have to be written again",
            draft.path()
        ),
        None => format!(
            "next: where another tenant's file has the same id or name, remove the entry from the file that is wrong; else correct the line above. Then run `applecart import --update {name}` again"
        ),
    }
}

/// The problems of a read, each once, and the kinds that they leave unknown.
fn problems(live: &LiveTenant) -> (Vec<Problem>, Vec<Kind>) {
    let mut problems: Vec<Problem> = Vec::new();
    let mut unknown = Vec::new();
    for kind in Kind::ALL {
        let Some(problem) = live.problem(kind) else { continue };
        unknown.push(kind);
        if !problems.contains(problem) {
            problems.push(problem.clone());
        }
    }
    (problems, unknown)
}

/// Whether Intune is proved to have none of the three credentials.
fn is_empty(live: &LiveTenant) -> bool {
    live.push == Reading::Absent
        && live.enrollment.present().is_some_and(Vec::is_empty)
        && live.vpp.present().is_some_and(Vec::is_empty)
}

fn created(
    target: &Target<'_>,
    live: &LiveTenant,
    skip_empty: bool,
    row: &mut ImportedTenant,
) -> Option<Draft> {
    if row.unknown.len() == Kind::ALL.len() {
        row.result = Imported::Failed;
        return None;
    }
    if skip_empty && is_empty(live) {
        row.result = Imported::Empty;
        row.notes.push(note(
            ImportNoteCode::NotWritten,
            "Intune has no Apple credential of this customer, so there is nothing to watch; `import NAME --tenant-id` makes a file all the same",
        ));
        return None;
    }
    let mut entries = entries(live);
    row.notes.append(&mut entries.notes);
    let mut display_name = target.display_name.as_deref().map(str::trim).map(str::to_owned);
    if let Some(name) = display_name.take_if(|name| !is_text(name)).filter(|it| !it.is_empty()) {
        let detail =
            format!("a tenant file cannot have the name {name:?}; `displayName` was left out");
        row.notes.push(note(ImportNoteCode::NotWritten, detail));
    }
    let after = fleet::new_tenant(&NewTenant {
        name: target.name.clone(),
        display_name,
        tenant_id: target.tenant_id,
        auth: target.auth.clone(),
        tokens: entries.tokens,
    });
    row.file = Some(path(&target.name));
    let name = target.name.clone();
    Some(Draft { name, before: None, after, left: Vec::new(), is_topic_left: false })
}

fn updated(
    target: &Target<'_>,
    live: &LiveTenant,
    planned: Option<&PlannedTenant>,
    source: &Source,
    (past, accept): (Option<&TenantLedger>, Option<&Accept>),
    row: &mut ImportedTenant,
) -> Option<Draft> {
    row.result = Imported::Unchanged;
    for problem in planned.into_iter().flat_map(|planned| &planned.problems) {
        if !row.problems.contains(problem) {
            row.problems.push(problem.clone());
        }
    }
    let folder = source.tenants.iter().find(|folder| folder.name == target.name.as_str());
    let before = folder.and_then(Folder::text);
    let observed = planned.filter(|planned| planned.observed != Observed::None);
    let (Some(tenant), Some(planned), Some(before)) = (target.there, observed, before) else {
        row.result = Imported::Failed;
        return None;
    };
    let path = path(&target.name);
    match update::update(&path, before, tenant, planned, live, past, accept) {
        Ok(updated) => {
            row.notes.extend(updated.notes);
            if updated.text == before {
                if updated.is_topic_left {
                    row.result = Imported::Refused;
                }
                return None;
            }
            row.result = Imported::Updated;
            row.diff = Some(fleet::diff(&path, before, &updated.text));
            row.file = Some(path);
            Some(Draft {
                name: target.name.clone(),
                before: Some(before.to_owned()),
                after: updated.text,
                left: updated.left,
                is_topic_left: updated.is_topic_left,
            })
        }
        Err(error) => {
            row.result = Imported::Refused;
            row.notes.push(note(ImportNoteCode::Invalid, error.to_string()));
            None
        }
    }
}
