//! Where each upload came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::files::valid;
use super::{Ground, policy};
use crate::app::AppError;
use applecart_core::fleet::{Tenant, Token};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Event, Record, TenantId};
use applecart_core::report::{AuditFinding, Fit, Held, Trace, judge_bindings, judge_uploads};
use applecart_core::rules::topics;
use applecart_io::git::{Ancestors, GitError, Repo};

/// The findings, and how many uploads were traced.
pub(super) fn audit(
    ground: &Ground<'_>,
    view: Option<&LedgerView>,
    branch: &str,
) -> Result<(Vec<AuditFinding>, usize), AppError> {
    let Some(view) = view else { return Ok((Vec::new(), 0)) };
    let uploads: Vec<&Record> = view
        .tenants
        .values()
        .flat_map(|ledger| &ledger.records)
        .filter(|record| is_traced(record))
        .collect();
    let applied = uploads.iter().filter(|record| record.event() == Event::Applied).count();
    let revs: BTreeSet<&str> = uploads.iter().filter_map(|record| record.rev.as_deref()).collect();
    let here: Vec<String> =
        revs.into_iter().filter(|rev| is_here(ground.repo, rev)).map(str::to_owned).collect();
    let reached = ground.repo.ancestors(ground.policy_rev)?;
    let unsigned = policy::unsigned(ground, &here)?;
    let mut tracer = Tracer {
        repo: ground.repo,
        here: here.iter().map(String::as_str).collect(),
        reached,
        unsigned,
        folders: HashMap::new(),
        trees: HashMap::new(),
    };
    let mut found = Vec::new();
    let mut records = BTreeMap::new();
    for (&tenant, ledger) in &view.tenants {
        // Reading may fail, judging cannot: what is asked of Git is asked first.
        let mut traces = HashMap::new();
        for record in &ledger.records {
            if is_traced(record) {
                traces.insert(record.seq, tracer.trace(tenant, record)?);
            }
        }
        found.extend(judge_uploads(branch, tenant, &ledger.records, |record| {
            traces.get(&record.seq).cloned().unwrap_or(Trace::NoCommit)
        }));
        records.insert(tenant, ledger.records.clone());
    }
    found.extend(judge_bindings(branch, &records, &ground.policy.moves));
    Ok((found, applied))
}

/// Whether a commit has to bear the line out.
fn is_traced(record: &Record) -> bool {
    matches!(record.event(), Event::Applied | Event::Confirmed | Event::Adopted)
}

/// Whether it is a commit of this clone, by its whole name.
fn is_here(repo: &Repo, rev: &str) -> bool {
    rev.len() == 40 && repo.resolve(rev).is_ok_and(|found| found == rev)
}

struct Tracer<'a> {
    repo: &'a Repo,
    here: BTreeSet<&'a str>,
    reached: Ancestors,
    unsigned: HashMap<String, String>,
    /// What a folder's tree held, by name and tree.
    folders: HashMap<(String, String), Option<Tenant>>,
    /// The tree of a folder at a commit.
    trees: HashMap<(String, String), Option<String>>,
}

impl Tracer<'_> {
    fn trace(&mut self, tenant: TenantId, record: &Record) -> Result<Trace, GitError> {
        let Some(rev) = record.rev.as_deref() else { return Ok(Trace::NoCommit) };
        if !self.here.contains(rev) {
            return Ok(Trace::Missing(self.reached.cut_off));
        }
        let on_branch = match (self.reached.contains(rev), self.reached.cut_off) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        };
        let names = |token: &Token| match record.sha256() {
            _ if record.event() == Event::Adopted => takes_over(record, token),
            sha256 => token.file.as_ref().map(|file| file.sha256) == sha256,
        };
        let is_asked = record.sha256().is_some() || record.event() == Event::Adopted;
        let held = match is_asked {
            false => Held::NotAsked,
            true => match self.tenant(rev, record.name.as_str())? {
                None => Held::No,
                Some(found) if found.tenant_id != tenant => Held::OtherTenant(found.tenant_id),
                Some(found) => {
                    let mut of_kind =
                        found.tokens().filter(|token| Some(token.token.kind) == record.kind());
                    if of_kind.any(names) { Held::Yes } else { Held::No }
                }
            },
        };
        Ok(Trace::Found(Fit { on_branch, held, unsigned: self.unsigned.get(rev).cloned() }))
    }

    /// The tenant that a folder was at a commit, if it was valid.
    fn tenant(&mut self, rev: &str, name: &str) -> Result<Option<&Tenant>, GitError> {
        let at = (rev.to_owned(), name.to_owned());
        if !self.trees.contains_key(&at) {
            let folder = self.repo.tenant(rev, name)?;
            let tree = folder.as_ref().map(|folder| folder.tree.clone());
            if let Some(folder) = folder {
                let key = (name.to_owned(), folder.tree.clone());
                self.folders.entry(key).or_insert_with(|| valid(folder));
            }
            self.trees.insert(at.clone(), tree);
        }
        let Some(Some(tree)) = self.trees.get(&at) else { return Ok(None) };
        Ok(self.folders.get(&(name.to_owned(), tree.clone())).and_then(Option::as_ref))
    }
}

/// Whether the entry takes over what a line says was adopted: it accepts that topic, or watches the
/// token without a file and names no other topic.
fn takes_over(record: &Record, entry: &Token) -> bool {
    let topic = record.after.as_ref().and_then(|facts| facts.topic.as_ref());
    let names_another = topic.is_some() && entry.topic().is_some_and(|named| Some(named) != topic);
    topics::is_backed(record, entry) || (entry.file.is_none() && !names_another)
}
