//! `ledger verify`: every chain, and the branch's history.
//!
//! A chain alone does not show that its last lines were cut off, or that a whole file was
//! replaced by another unbroken one. The history does: each commit's files must begin with what
//! its parents' files were. Only files whose blob changed are compared, so the cost is that of
//! the entries ever written, not of commits times tenants' sizes.
#![expect(clippy::disallowed_types, reason = "walks the history")]

use std::collections::{BTreeMap, HashMap};

use git2::{Oid, Repository};

use super::branch::Starts;
use super::error::LedgerError;
use super::shared::Ledger;
use super::tree::{Files, path_of};
use crate::git::{
    Repo, Signature, Signers, SignersError, Unhashed, first_tree_entry as first_entry,
    tree_entries as entries,
};
use applecart_core::ledger::{
    Acceptable, ChainError, Fault, LEASE, LINE_BROKEN, LedgerView, VerifyReport, read_chain_past,
};
use applecart_core::model::{Record, Sha256, TenantId, Timestamp};
use applecart_core::rules::requests;

/// Whose signatures the ledger's commits must have.
#[derive(Clone, Copy, Debug)]
pub struct MustBeSigned<'a> {
    /// The keys that may sign, as the policy names them.
    pub signers: &'a Signers,
    /// The repository, for them.
    pub repo: &'a Repo,
    /// The last commit that needs no signature, nor do its ancestors.
    pub unsigned_until: Option<&'a str>,
}

/// Verifies the ledger. An error means that the branch could not be read at all; everything that
/// is wrong with what it holds is a fault of the report. `now` is the latest that it can be.
pub fn verify(ledger: &Ledger, now: Timestamp) -> Result<VerifyReport, LedgerError> {
    judge(ledger, now, None)
}

/// The same, and every commit's signature.
pub fn verify_signed(
    ledger: &Ledger,
    now: Timestamp,
    signed: MustBeSigned<'_>,
) -> Result<VerifyReport, LedgerError> {
    judge(ledger, now, Some(signed))
}

/// Something wrong that a commit of the history shows.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) tenant: Option<TenantId>,
    pub(super) commit: Oid,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The file whose lines are not all there any more.
    pub(super) before: Option<Oid>,
    /// The commit that had it.
    pub(super) parent: Option<Oid>,
    /// The hash of the line by which the policy can accept it.
    pub(super) line: Option<Sha256>,
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        let accept = flaw.tenant.zip(flaw.line);
        Self {
            file: flaw.tenant.map(path_of),
            line: None,
            commit: Some(flaw.commit.to_string()),
            code: flaw.code,
            message: flaw.message,
            accept: accept.map(|(tenant, line)| Acceptable { tenant, line }),
        }
    }
}

fn judge(
    ledger: &Ledger,
    now: Timestamp,
    signed: Option<MustBeSigned<'_>>,
) -> Result<VerifyReport, LedgerError> {
    let mut faults = Vec::new();
    let remote = ledger.asked_remote().map(str::to_owned);
    let Some(tip) = tip_of(ledger, &mut faults)? else {
        return Ok(VerifyReport::new(remote, None, 0, 0, 0, faults));
    };
    let mut entries = 0;
    let mut starts = Starts::default();
    let files = ledger.local.objects(&ledger.local.repo).files(tip).unwrap_or_else(|error| {
        faults.push(fault(ledger, &error));
        Files::default()
    });
    for (&tenant, &blob) in &files.tenants {
        match ledger.local.tenant_at(tenant, blob, &mut starts) {
            Ok((ledger, _)) => {
                entries += ledger.records.len();
                let records = &ledger.records;
                let broken = records.iter().enumerate().filter_map(|(place, record)| {
                    let before = records.get(..place).unwrap_or_default();
                    broken_line(tenant, record, before, now)
                });
                faults.extend(broken);
            }
            Err(error) => {
                faults.push(fault(ledger, &error));
                faults.extend(further_breaks(ledger, tenant, blob));
            }
        }
    }
    let mut walk = History::new(ledger.local.history()?);
    let commits = walk.walk(tip);
    if let Some(signed) = signed {
        walk.signatures(tip, None, ledger.genesis(), signed).map_err(|source| {
            let branch = ledger.local.branch.clone();
            LedgerError::Judge { branch, source: Box::new(source) }
        })?;
    }
    faults.extend(walk.flaws.into_iter().map(Fault::from));
    let (tip, tenants) = (tip.to_string(), files.tenants.len());
    Ok(VerifyReport::new(remote, Some(tip), tenants, entries, commits, faults))
}

/// The commit to verify. A branch that is not what it was is a fault, and what was seen of it last
/// is verified instead.
fn tip_of(ledger: &Ledger, faults: &mut Vec<Fault>) -> Result<Option<Oid>, LedgerError> {
    let asked = match &ledger.link {
        None => ledger.local.tip(),
        Some(link) if link.asked => ledger.ask(link),
        Some(link) => return Ok(ledger.tip()?.or(ledger.remembered(link)?)),
    };
    match asked {
        Err(error) if error.is_about_loss() => {
            faults.push(fault(ledger, &error));
            let seen = ledger.link.as_ref().map(|link| ledger.remembered(link)).transpose()?;
            Ok(seen.flatten().or(ledger.tip()?))
        }
        asked => asked,
    }
}

/// A line that no run of this program writes, in a chain that is whole.
fn broken_line(
    tenant: TenantId,
    record: &Record,
    before: &[Record],
    now: Timestamp,
) -> Option<Fault> {
    let message = if record.has_endless_lease() {
        let until = record.lease_until().map(|until| until.to_string()).unwrap_or_default();
        format!(
            "it asks for a lease until {until}, {} minutes after its own time at most are a run's right; no run of applecart writes that, and it has no effect",
            LEASE.num_minutes()
        )
    } else if record.is_out_of_bounds(now) {
        format!(
            "it is dated {}, which is in the future, so it has no effect. Correct the clock of the machine that wrote it, or find out who forged it",
            record.at
        )
    } else if record.confirms_unannounced(before) {
        "it says that Intune has a file that no line before it announced; no run of applecart writes that, and it has no effect. Find out who did"
            .to_owned()
    } else if let Some(what) = requests::belied(record) {
        format!("it {what}, so it was forged, and it has no effect. Find out who recorded it")
    } else if record.names_no_commit() {
        "its `rev` is no commit (40 hexadecimal digits); no run of applecart writes that, and it has no effect. Find out who did"
            .to_owned()
    } else {
        return None;
    };
    Some(Fault {
        file: Some(path_of(tenant)),
        line: usize::try_from(record.seq).ok(),
        commit: None,
        code: LINE_BROKEN,
        message,
        accept: record.line_sha256().map(|line| Acceptable { tenant, line }),
    })
}

/// So many breaks of one chain are told: who edits more than that has to bring the file back.
const MAX_BREAKS: usize = 20;

/// The breaks behind the first one that is not accepted: who accepts one by one would have to have as
/// many pull requests merged.
fn further_breaks(ledger: &Ledger, tenant: TenantId, blob: Oid) -> Vec<Fault> {
    let local = &ledger.local;
    let objects = local.objects(&local.repo);
    let Ok(bytes) = objects.file(tenant, blob) else { return Vec::new() };
    let mut breaks = Vec::new();
    let mut note = |error: &ChainError| {
        if !error.accept.is_some_and(|line| local.accepted.contains(&(tenant, line))) {
            breaks.push(fault(ledger, &objects.broken(tenant, error.clone())));
        }
        breaks.len() <= MAX_BREAKS
    };
    let end = read_chain_past(&bytes, &mut note);
    // One that nobody can accept ends the reading.
    let end = end.err().filter(|error| error.accept.is_none());
    breaks.extend(end.map(|error| fault(ledger, &objects.broken(tenant, error))));
    breaks.into_iter().skip(1).collect()
}

fn fault(ledger: &Ledger, error: &LedgerError) -> Fault {
    let accept = match error {
        LedgerError::Broken { tenant, source, .. } => {
            source.accept.map(|line| Acceptable { tenant: *tenant, line })
        }
        _ => None,
    };
    let (file, line, message) = match error {
        LedgerError::Shape { path, .. } if ledger.is_notes() => {
            (Some(path.clone()), None, error.sentence_of_notes())
        }
        error if error.is_about_loss() && ledger.is_notes() => {
            (None, None, error.sentence_of_notes())
        }
        LedgerError::Broken { path, source, .. } => {
            (Some(path.clone()), Some(source.line), source.fault.to_string())
        }
        LedgerError::Shape { path, .. } => (Some(path.clone()), None, error.to_string()),
        LedgerError::Read { source, .. } => (None, None, format!("{error}: {}", source.message())),
        _ => (None, None, error.to_string()),
    };
    Fault { file, line, commit: None, code: error.code(), message, accept }
}

pub(super) struct History {
    /// Opened for the walk, so that it knows how deep the clone is by now.
    pub(super) repo: Repository,
    pub(super) flaws: Vec<Flaw>,
    /// The folder of the commit looked at last: walking a line of commits, the parent of one is
    /// the next, so each tree is read once.
    last: Option<(Oid, Folder)>,
}

/// The folder of the tenants' files as Git has it. A ledger of thousands of tenants has as many
/// entries in each of its commits, and all but a few are those of the commit before.
#[derive(Default)]
struct Folder(Vec<u8>);

impl Folder {
    fn files(&self) -> impl Iterator<Item = (TenantId, Oid)> {
        entries(&self.0).filter_map(|(_, name, id)| Some((super::tree::tenant_of(name)?, id)))
    }

    /// The file of a tenant.
    pub(super) fn file(&self, tenant: TenantId) -> Option<Oid> {
        self.files().find_map(|(of, blob)| (of == tenant).then_some(blob))
    }

    /// The files that are not as `before` has them: what they were there, and what they are.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<(TenantId, Option<Oid>, Option<Oid>)> {
        let (mut old, mut new) = (before.0.as_slice(), self.0.as_slice());
        let (mut gone, mut came) = (Vec::new(), HashMap::new());
        // Both are sorted, so what is the same in both goes by side by side, and where one entry ends is
        // looked for once: a history has as many entries as commits times tenants.
        loop {
            let length = first_entry(old).map_or(0, <[u8]>::len);
            if length > 0 && new.get(..length) == old.get(..length) {
                (old, new) = (old.get(length..).unwrap_or(&[]), new.get(length..).unwrap_or(&[]));
                continue;
            }
            match (entries(old).next(), entries(new).next()) {
                (Some((_, name, id)), other) if other.is_none_or(|(_, other, _)| name <= other) => {
                    gone.push((name, id));
                    old = old.get(length..).unwrap_or(&[]);
                }
                (_, Some((_, name, id))) => {
                    came.insert(name, id);
                    let length = first_entry(new).map_or(new.len(), <[u8]>::len);
                    new = new.get(length..).unwrap_or(&[]);
                }
                (_, None) => break,
            }
        }
        let gone: Vec<_> =
            gone.into_iter().map(|(name, id)| (name, Some(id), came.remove(name))).collect();
        let new = came.into_iter().map(|(name, id)| (name, None, Some(id)));
        let changed = gone.into_iter().chain(new).filter(|(_, before, after)| before != after);
        let of_tenants = changed.filter_map(|(name, before, after)| {
            Some((super::tree::tenant_of(name)?, before, after))
        });
        of_tenants.collect()
    }
}

impl History {
    pub(super) fn new(repo: Repository) -> Self {
        Self { repo, flaws: Vec::new(), last: None }
    }

    /// Compares every commit with its parents, newest first, and says how many there are.
    fn walk(&mut self, tip: Oid) -> usize {
        let commits = match self.commits(tip, None) {
            Ok(commits) => commits,
            Err(error) => {
                self.unreadable(tip, &error);
                return 0;
            }
        };
        for &commit in &commits {
            if let Err(error) = self.compare(commit) {
                self.unreadable(commit, &error);
            }
        }
        commits.len()
    }

    /// Judges every commit's signature but of those that `checked` has and those from before there
    /// were any. The genesis needs none: the reviewed policy names it.
    pub(super) fn signatures(
        &mut self,
        tip: Oid,
        checked: Option<Oid>,
        genesis: Option<&str>,
        signed: MustBeSigned<'_>,
    ) -> Result<(), SignersError> {
        let from = signed.unsigned_until.and_then(|id| Oid::from_str(id).ok());
        let from = match from {
            Some(from) if self.holds(tip, from) => Some(from),
            Some(from) => {
                let message = "`ledger.unsignedUntil` names this commit, which the ledger does not hold; every signature was judged";
                self.add(None, from, "unsigned-until", message);
                None
            }
            None => None,
        };
        let walk = self.repo.revwalk().and_then(|mut walk| {
            walk.push(tip)?;
            for hidden in from.into_iter().chain(checked) {
                walk.hide(hidden)?;
            }
            walk.collect::<Result<Vec<_>, _>>()
        });
        let mut commits = match walk {
            Ok(commits) => commits,
            Err(error) => {
                self.unreadable(tip, &error);
                return Ok(());
            }
        };
        commits.retain(|commit| Some(commit.to_string().as_str()) != genesis);
        let names: Vec<String> = commits.iter().map(Oid::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = signed.signers.verify(signed.repo, &names)?;
        for (&commit, signature) in commits.iter().zip(&found) {
            if signature.is_good() {
                continue;
            }
            let hint = match signature {
                Signature::Unsigned => {
                    "; if it is from before the ledger was signed, name the last such commit in `ledger.unsignedUntil`"
                }
                _ => "",
            };
            let message = format!("the commit {signature}{hint}");
            if let Err(error) = self.unsigned(commit, signature.code(), &message) {
                self.unreadable(commit, &error);
            }
        }
        Ok(())
    }

    /// Notes a commit without a valid signature, for each tenant that it has written to.
    fn unsigned(
        &mut self,
        commit: Oid,
        code: &'static str,
        message: &str,
    ) -> Result<(), git2::Error> {
        let parent = self.repo.find_commit(commit)?.parent_ids().next();
        let before = parent.map(|parent| self.folder(parent)).transpose()?.unwrap_or_default();
        let before: BTreeMap<TenantId, Oid> = before.files().collect();
        let written = self.folder(commit)?;
        let written: Vec<_> =
            written.files().filter(|(tenant, blob)| before.get(tenant) != Some(blob)).collect();
        // A first commit without a line says nothing that somebody would have to sign.
        if written.is_empty() && parent.is_some() {
            self.add(None, commit, code, message);
        }
        for (tenant, blob) in written {
            let line = self.last_line(blob)?;
            let (tenant, message) = (Some(tenant), message.to_owned());
            self.flaws.push(Flaw {
                tenant,
                commit,
                code,
                message,
                before: None,
                parent: None,
                line,
            });
        }
        Ok(())
    }

    /// The hash of a file's last line.
    fn last_line(&self, blob: Oid) -> Result<Option<Sha256>, git2::Error> {
        let blob = self.repo.find_blob(blob)?;
        let content = blob.content();
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        Ok(content.rsplit(|&byte| byte == b'\n').next().map(Sha256::of))
    }

    fn holds(&self, tip: Oid, id: Oid) -> bool {
        tip == id || self.repo.graph_descendant_of(tip, id).unwrap_or(false)
    }

    pub(super) fn compare(&mut self, id: Oid) -> Result<(), git2::Error> {
        let (parents, named) = {
            let commit = self.repo.find_commit(id)?;
            let parents: Vec<Oid> = commit.parent_ids().collect();
            let lines = commit.raw_header_bytes().split(|&b| b == b'\n');
            let named = lines.filter_map(|line| line.strip_prefix(b"parent "));
            let named =
                named.map(|id| std::str::from_utf8(id).ok().and_then(|id| Oid::from_str(id).ok()));
            (parents, named.collect::<Vec<_>>())
        };
        if !parents.iter().map(|id| Some(*id)).eq(named.iter().copied()) {
            let (code, message) = if parents.is_empty() {
                ("history-incomplete", "the clone is shallow and ends here")
            } else {
                let message =
                    "this clone gives the commit other parents than it names (.git/info/grafts)";
                ("history-grafted", message)
            };
            self.add(None, id, code, message);
        }
        let new = self.folder_of_next(id)?;
        for parent in parents {
            let old = self.folder(parent)?;
            for (tenant, before, after) in new.changed_since(&old) {
                let Some(before) = before else { continue };
                let Some(after) = after else {
                    let message = "the commit removes the file";
                    self.lose(tenant, id, "file-removed", message, (parent, before))?;
                    continue;
                };
                let kept = {
                    let old = self.repo.find_blob(before)?;
                    self.repo.find_blob(after)?.content().starts_with(old.content())
                };
                if !kept {
                    let message = "the commit changes or removes lines written before";
                    self.lose(tenant, id, "not-append-only", message, (parent, before))?;
                }
            }
            self.last = Some((parent, old));
        }
        Ok(())
    }

    /// The folder of a commit, which is the parent of the one looked at last, or its own child.
    fn folder_of_next(&mut self, commit: Oid) -> Result<Folder, git2::Error> {
        match self.last.take() {
            Some((last, folder)) if last == commit => Ok(folder),
            _ => self.folder(commit),
        }
    }

    /// What a commit did to the tenants' files: those that are not as its first parent has them, with
    /// what each parent has.
    pub(super) fn written(
        &mut self,
        commit: Oid,
    ) -> Result<Vec<(TenantId, Vec<Oid>, Oid)>, git2::Error> {
        let new = self.folder_of_next(commit)?;
        let parents: Vec<Oid> = self.repo.find_commit(commit)?.parent_ids().collect();
        let mut parents = parents.into_iter();
        let first = parents.next();
        let others = parents.map(|parent| self.folder(parent)).collect::<Result<Vec<_>, _>>()?;
        let old = first.map(|parent| self.folder(parent)).transpose()?.unwrap_or_default();
        let written = new.changed_since(&old).into_iter().filter_map(|(tenant, before, after)| {
            let others = others.iter().filter_map(|other| other.file(tenant));
            Some((tenant, before.into_iter().chain(others).collect(), after?))
        });
        let written = written.collect();
        self.last = first.map(|first| (first, old));
        Ok(written)
    }

    /// The files of a commit of the past. Its shape is not judged again: what a past commit had
    /// beside the tenants' files, no run has read.
    fn folder(&self, commit: Oid) -> Result<Folder, git2::Error> {
        let root = self.repo.find_commit(commit)?.tree()?;
        // What is no folder holds no file.
        match root.get_name("tenants") {
            Some(folder) if folder.kind() == Some(git2::ObjectType::Tree) => {
                let _unhashed = Unhashed::begin();
                Ok(Folder(self.repo.odb()?.read(folder.id())?.data().to_vec()))
            }
            _ => Ok(Folder::default()),
        }
    }

    fn unreadable(&mut self, commit: Oid, error: &git2::Error) {
        let message = format!("cannot read the history: {}", error.message());
        self.add(None, commit, "unreadable", &message);
    }

    /// Notes that a tenant's file has lost lines that it had in a parent.
    fn lose(
        &mut self,
        tenant: TenantId,
        commit: Oid,
        code: &'static str,
        message: &str,
        (parent, before): (Oid, Oid),
    ) -> Result<(), git2::Error> {
        let (line, message) = (self.last_line(before)?, message.to_owned());
        let (tenant, before, parent) = (Some(tenant), Some(before), Some(parent));
        self.flaws.push(Flaw { tenant, commit, code, message, before, parent, line });
        Ok(())
    }

    fn add(&mut self, tenant: Option<TenantId>, commit: Oid, code: &'static str, message: &str) {
        let message = message.to_owned();
        let (before, parent, line) = (None, None, None);
        self.flaws.push(Flaw { tenant, commit, code, message, before, parent, line });
    }
}

/// What an audit asks of the ledger beside [`verify`].
impl Ledger {
    /// The ledger as a commit of it has it, by its whole name: what was verified is what is judged.
    ///
    /// # Errors
    /// When the commit is not there or what it has is no ledger.
    pub fn view_at(&self, head: &str) -> Result<LedgerView, LedgerError> {
        self.local.read_at(Some(self.named(head)?))
    }

    /// Whether `head` is `commit` or was made after it; `None` where this clone does not have
    /// `commit`.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn holds(&self, head: &str, commit: &str) -> Result<Option<bool>, LedgerError> {
        let (head, commit) = (self.named(head)?, self.named(commit)?);
        if self.local.repo.find_commit(commit).is_err() {
            return Ok(None);
        }
        self.local.contains(head, commit).map(Some)
    }

    /// Tips of the ledger that this clone knows of, with the references that have them: its own
    /// branch, the remote's as it was fetched last, and what was seen of it.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn known_tips(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let mut names = vec![self.local.refname.clone()];
        if let Some(link) = &self.link {
            names.extend([link.tracking.clone(), link.memory.clone()]);
        }
        let mut tips = Vec::new();
        for name in names {
            if let Some(tip) = self.local.tip_of(&name)? {
                tips.push((name, tip.to_string()));
            }
        }
        Ok(tips)
    }

    pub(super) fn named(&self, commit: &str) -> Result<Oid, LedgerError> {
        let unreadable =
            |source| self.local.objects(&self.local.repo).unreadable("a commit's name", source);
        Oid::from_str(commit).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests;
