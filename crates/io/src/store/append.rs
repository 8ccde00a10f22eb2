//! Appending to the ledger branch: one commit for all entries, on top of the tip, or nothing.
//!
//! * The commit is made beside the branch; then the branch is locked as Git locks it, the tip is
//!   read again under the lock, and the branch moves only from the tip that the commit has as its
//!   parent. That holds for the first commit, too, which libgit2's own compare-and-swap does not
//!   cover. If the tip has moved, everything is made again on the new one. Where the ledger is
//!   shared, what the commit is made on top of is `shared`'s business.
//! * The lock is held for that last step only. A process killed while holding it leaves the lock
//!   file behind; `turn` tells such a file from a living one and deletes it.
//! * HEAD, index and worktree are never touched, even where the ledger branch is checked out:
//!   what was sent must be recorded, and the worktree can be brought up to date afterwards.
//! * Objects and the branch are flushed to disk before `append` returns, so that a power cut
//!   cannot take back an intent whose upload went out. libgit2 does that only when the setting
//!   `core.fsyncObjectFiles` says so; the writing handle gets it from a file of ours, and the
//!   user's configuration stays as it is.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "writes Git objects, waits for other Git processes"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use git2::{ConfigLevel, ErrorCode, ObjectType, Oid, Repository, Signature, Time, Transaction};

use super::branch::{Local, Role, open};
use super::error::LedgerError;
use super::tree::{FILE_MODE, FOLDER, FOLDER_MODE, Files, path_of};
use super::turn::{Asked, Turn};
use crate::git::Repo;
use crate::seams::{Clock, Ids};
use applecart_core::ledger::{ChainError, ChainFault, MAX_FILE, Tail, extend};
use applecart_core::model::{LedgerEntry, Record, Sha256, TenantId, Timestamp, safe_text};

/// Applecart's folder inside the shared Git directory.
pub(super) const STATE_FOLDER: &str = "applecart";
const DURABLE_CONFIG: &str = "[core]\n\tfsyncObjectFiles = true\n";

const README: &str = "# Applecart ledger\n\n\
    What Applecart uploaded to Intune, and what it saw there: one file a tenant, one line an event.\n\
    The branch is append-only. Each line is canonical JSON (RFC 8785), and its `prev` is the\n\
    SHA-256 of the line before it, without the line feed. Check it with `applecart ledger verify`.\n\
    Do not edit it: a changed line stops every upload of that tenant.\n";
const NOTES_README: &str = "# Applecart notes\n\n\
    What people record: renewals that were opened, and customers' confirmations. One file a tenant,\n\
    one line an event, in the form of the ledger. Nothing here causes or releases an upload.\n\
    Do not edit it.\n";
/// Hashes are over bytes, so Git must convert no line ends when the branch is checked out.
const ATTRIBUTES: &str = "*.jsonl -text\n";

/// A commit that the branch does not name yet.
pub(super) struct Built {
    pub(super) commit: Oid,
    /// The entries' records, in the order in which they were given.
    pub(super) records: Vec<Record>,
    tails: Vec<(TenantId, (Oid, Tail))>,
    starts: HashMap<Sha256, TenantId>,
}

impl Local {
    /// Remembers what was built and is now on the branch.
    pub(super) fn keep(&mut self, built: Built) -> Vec<Record> {
        self.tails.extend(built.tails);
        self.starts.extend(built.starts);
        built.records
    }

    fn unwritable(&self, what: &'static str) -> impl Fn(git2::Error) -> LedgerError + '_ {
        move |source| LedgerError::Write { branch: self.branch.clone(), what, source }
    }

    /// The handle that flushes to disk. It has to be told before it touches its first object.
    fn durable(&self) -> Result<&Repository, LedgerError> {
        if let Some(repo) = self.durable.get() {
            return Ok(repo);
        }
        let folder = self.repo.commondir().join(STATE_FOLDER);
        let config = folder.join("gitconfig");
        let state = |source| LedgerError::State { path: config.clone(), source };
        std::fs::create_dir_all(&folder).map_err(state)?;
        if std::fs::read_to_string(&config).ok().as_deref() != Some(DURABLE_CONFIG) {
            // Others may read it at this moment, so it must never be half written.
            let fresh = folder.join(format!("gitconfig.{}", self.ids.uuid()));
            std::fs::write(&fresh, DURABLE_CONFIG)
                .and_then(|()| std::fs::rename(&fresh, &config))
                .map_err(state)?;
        }
        let repo = open(self.repo.path())?;
        repo.config()
            .and_then(|mut all| all.add_file(&config, ConfigLevel::App, true))
            .map_err(self.unwritable("the settings"))?;
        Ok(self.durable.get_or_init(|| repo))
    }

    /// The Git user where one is set up, at the time of the entries.
    fn signature(
        &self,
        repo: &Repository,
        seconds: i64,
    ) -> Result<Signature<'static>, LedgerError> {
        let time = Time::new(seconds, 0);
        let user = repo.config().and_then(|config| {
            Signature::new(
                &config.get_string("user.name")?,
                &config.get_string("user.email")?,
                &time,
            )
        });
        user.or_else(|_| Signature::new("Applecart", "applecart@localhost", &time))
            .map_err(self.unwritable("the author"))
    }

    /// Makes a commit with these entries on top of `tip`; `None` without entries.
    pub(super) fn build(
        &self,
        tip: Option<Oid>,
        drafts: &[(TenantId, LedgerEntry)],
    ) -> Result<Option<Built>, LedgerError> {
        let Some(newest) = drafts.iter().map(|(_, draft)| draft.at).max() else { return Ok(None) };
        let repo = self.durable()?;
        let signature = self.signature(repo, newest.date_time().timestamp())?;
        let objects = self.objects(repo);
        let files = tip.map(|tip| objects.files(tip)).transpose()?.unwrap_or_default();
        let mut of_tenant: BTreeMap<TenantId, Vec<(usize, &LedgerEntry)>> = BTreeMap::new();
        for (index, (tenant, draft)) in drafts.iter().enumerate() {
            of_tenant.entry(*tenant).or_default().push((index, draft));
        }
        let folder = files.folder.map(|folder| repo.find_tree(folder)).transpose();
        let folder = folder.map_err(self.unwritable("the folder tenants/"))?;
        let mut builder =
            repo.treebuilder(folder.as_ref()).map_err(self.unwritable("the folder tenants/"))?;
        let mut records = BTreeMap::new();
        let mut tails = Vec::new();
        let mut starts = HashMap::new();
        for (tenant, drafts) in of_tenant {
            let (mut bytes, tail) = match files.tenants.get(&tenant) {
                Some(&blob) => self.end_of(repo, tenant, blob)?,
                None => (Vec::new(), Tail::EMPTY),
            };
            let path = path_of(tenant);
            let added = extend(tail, drafts.iter().map(|(_, draft)| (*draft).clone()))
                .map_err(|source| LedgerError::Line { path: path.clone(), source })?;
            if let Some(first) = added.first.filter(|_| bytes.is_empty()) {
                let other = self.starts.get(&first).copied().or(starts.insert(first, tenant));
                if let Some(tenant) = other.filter(|&other| other != tenant) {
                    return Err(LedgerError::SameStart { path, tenant });
                }
            }
            bytes.extend_from_slice(&added.bytes);
            if bytes.len() > MAX_FILE {
                return Err(LedgerError::FileFull { path, length: bytes.len() });
            }
            let blob = repo.blob(&bytes).map_err(self.unwritable("a tenant's file"))?;
            builder
                .insert(format!("{tenant}.jsonl"), blob, FILE_MODE)
                .map_err(self.unwritable("the folder tenants/"))?;
            tails.push((tenant, (blob, added.tail)));
            records.extend(drafts.iter().map(|(index, _)| *index).zip(added.records));
        }
        let folder = builder.write().map_err(self.unwritable("the folder tenants/"))?;
        let commit = self.commit(repo, tip, &files, Some(folder), &signature, &message(drafts))?;
        Ok(Some(Built { commit, records: records.into_values().collect(), tails, starts }))
    }

    /// Makes the first commit of a branch: what it is, and no entry. `replaces` says whose place it
    /// takes and why.
    pub(super) fn root(
        &self,
        replaces: Option<(Option<&str>, &str)>,
        now: Timestamp,
    ) -> Result<Oid, LedgerError> {
        let repo = self.durable()?;
        let signature = self.signature(repo, now.date_time().timestamp())?;
        let (what, replaced) = match self.role {
            Role::Ledger { .. } => ("the ledger", "replaces"),
            Role::Notes { .. } => ("the notes", "replace"),
        };
        let subject = match replaces {
            None => format!("Begin {what}"),
            Some((old, reason)) => {
                let old = old.unwrap_or("one without a genesis");
                format!("Begin {what} that {replaced} {old}: {}", short(reason))
            }
        };
        // Two fleets that begin in the same second must not have one and the same beginning.
        let message = format!("{subject}\n\nApplecart-Genesis: {}\n", self.ids.uuid());
        self.commit(repo, None, &Files::default(), None, &signature, &message)
    }

    /// A tenant's file and the end of its chain, which is verified unless this handle already has.
    fn end_of(
        &self,
        repo: &Repository,
        tenant: TenantId,
        blob: Oid,
    ) -> Result<(Vec<u8>, Tail), LedgerError> {
        let objects = self.objects(repo);
        let bytes = objects.file(tenant, blob)?;
        if let Some(&(_, other)) =
            self.copies.borrow().get(&tenant).filter(|(copy, _)| *copy == blob)
        {
            let fault = ChainFault::OtherTenant { tenant: other };
            return Err(objects.broken(tenant, ChainError::new(1, fault)));
        }
        let tail = match self.tails.get(&tenant) {
            Some(&(known, tail)) if known == blob => tail,
            _ => self.chain(tenant, &bytes)?.tail,
        };
        Ok((bytes, tail))
    }

    fn commit(
        &self,
        repo: &Repository,
        tip: Option<Oid>,
        files: &Files,
        folder: Option<Oid>,
        signature: &Signature<'_>,
        message: &str,
    ) -> Result<Oid, LedgerError> {
        let content = || {
            let base = files.root.map(|root| repo.find_tree(root)).transpose()?;
            let mut root = repo.treebuilder(base.as_ref())?;
            // Git has no empty folders.
            if let Some(folder) = folder {
                root.insert(FOLDER, folder, FOLDER_MODE)?;
            }
            if base.is_none() {
                let readme = match self.role {
                    Role::Ledger { .. } => README,
                    Role::Notes { .. } => NOTES_README,
                };
                root.insert("README.md", repo.blob(readme.as_bytes())?, FILE_MODE)?;
                root.insert(".gitattributes", repo.blob(ATTRIBUTES.as_bytes())?, FILE_MODE)?;
            }
            let tree = repo.find_tree(root.write()?)?;
            let parent = tip.map(|tip| repo.find_commit(tip)).transpose()?;
            let parents: Vec<_> = parent.iter().collect();
            repo.commit_create_buffer(signature, signature, message, &tree, &parents)
        };
        let content = content().map_err(self.unwritable("a commit"))?;
        let Some(key) = &self.signing_key else {
            let odb = repo.odb().and_then(|odb| odb.write(ObjectType::Commit, &content));
            return odb.map_err(self.unwritable("a commit"));
        };
        let signature = key
            .sign(&content)
            .map_err(|source| LedgerError::Sign { branch: self.branch.clone(), source })?;
        // What git2 makes is text: names and messages are.
        let content = String::from_utf8_lossy(&content);
        repo.commit_signed(&content, &signature, None).map_err(self.unwritable("a commit"))
    }

    /// Waits until this process may move the branch, without moving it.
    pub(super) fn must_be_free(&self, patience: &mut Patience) -> Result<(), LedgerError> {
        self.must_have_room()?;
        let (_turn, transaction) = self.lock(patience)?;
        drop(transaction);
        Ok(())
    }

    /// Git has no room for a branch beside one that is called like a folder of it, or whose folder
    /// is called like it.
    fn must_have_room(&self) -> Result<(), LedgerError> {
        let repo = Repo::discover(self.repo.path()).map_err(LedgerError::Open)?;
        let other = repo.branch_in_the_way(None, &self.refname).map_err(LedgerError::Open)?;
        let Some(other) = other else { return Ok(()) };
        let branch = self.branch.clone();
        Err(LedgerError::NoRoomHere { branch, other })
    }

    /// Locks the branch, as Git does. The transaction ends before the turn.
    fn lock(&self, patience: &mut Patience) -> Result<(Turn, Transaction<'_>), LedgerError> {
        let lock_file = self.repo.commondir().join(format!("{}.lock", self.refname));
        let repo = self.durable()?;
        let unwritable = self.unwritable("the tip");
        let turn_file = self.repo.commondir().join(STATE_FOLDER).join("append.lock");
        let state = |source| LedgerError::State { path: turn_file.clone(), source };
        let mut locked_since = None;
        let (mut turn, transaction) = loop {
            let locked_for = locked_since.map_or(Duration::ZERO, |since| patience.waited - since);
            let asked = Turn::ask(&turn_file, &lock_file, locked_for).map_err(state)?;
            let blocked_by = match asked {
                Asked::Busy => &turn_file,
                Asked::Locked => {
                    locked_since.get_or_insert(patience.waited);
                    &lock_file
                }
                Asked::Ours(mut turn) => {
                    let mut transaction = repo.transaction().map_err(&unwritable)?;
                    match transaction.lock_ref(&self.refname) {
                        Ok(()) => break (turn, transaction),
                        Err(error) if error.code() == ErrorCode::Locked => {
                            turn.withdraw().map_err(state)?;
                            &lock_file
                        }
                        Err(error) => return Err(unwritable(error)),
                    }
                }
            };
            if !patience.wait() {
                let (lock_file, waited) = (blocked_by.clone(), patience.waited);
                return Err(LedgerError::Locked { lock_file, waited });
            }
        };
        // Without the note, a kill from here on would leave a lock for a person to delete; that is
        // no reason to lose the entries.
        let _ = turn.note(&lock_file);
        Ok((turn, transaction))
    }

    /// Moves the branch from `from` to `to`; `false` when it is not at `from` any more.
    pub(super) fn advance(
        &self,
        from: Option<Oid>,
        to: Oid,
        patience: &mut Patience,
    ) -> Result<bool, LedgerError> {
        let repo = self.durable()?;
        let unwritable = self.unwritable("the tip");
        let signature = repo.find_commit(to).map_err(&unwritable)?.author().to_owned();
        let (_turn, mut transaction) = self.lock(patience)?;
        let objects = self.objects(repo);
        if objects.tip(&self.refname)? != from {
            return Ok(false);
        }
        let moved = transaction
            .set_target(&self.refname, to, Some(&signature), "applecart: append")
            .and_then(|()| transaction.commit());
        match moved {
            Ok(()) => Ok(true),
            // Whether the branch moved before the error is read, not guessed.
            Err(_) if objects.tip(&self.refname)? == Some(to) => Ok(true),
            Err(error) => Err(unwritable(error)),
        }
    }
}

/// The longest text from an entry that a message repeats; subjects are read in one line.
const MAX_TEXT: usize = 80;
/// More runs than this share a commit only by mistake.
const MAX_RUNS: usize = 20;

/// The commit message for these entries: a line for people, and the runs as trailers for tools.
fn message(drafts: &[(TenantId, LedgerEntry)]) -> String {
    let mut text = match drafts {
        [(_, draft)] => {
            let token = draft.token.as_ref().map(|token| format!(" {}", short(&token.to_string())));
            format!("{}{} for {}", draft.event(), token.unwrap_or_default(), draft.name)
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

/// How long this append has waited, and how long it may. Counts its sleeps instead of reading a
/// clock.
pub(super) struct Patience {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    limit: Duration,
    waited: Duration,
    losses: u8,
}

impl Patience {
    pub(super) fn of(local: &Local) -> Self {
        let (clock, ids) = (Arc::clone(&local.clock), Arc::clone(&local.ids));
        Self { clock, ids, limit: local.lock_wait, waited: Duration::ZERO, losses: 0 }
    }

    /// Sleeps a little; `false` when the limit is reached.
    fn wait(&mut self) -> bool {
        if self.waited >= self.limit {
            return false;
        }
        let pause = Duration::from_millis(10) + jitter(&*self.ids, Duration::from_millis(30));
        self.clock.pause(pause);
        self.waited += pause;
        true
    }

    /// Lets the others go first after a lost race, longer after each loss.
    pub(super) fn step_aside(&mut self) {
        self.losses = self.losses.saturating_add(1);
        let limit = Duration::from_millis(self.losses.min(50).into());
        self.clock.pause(jitter(&*self.ids, limit));
    }
}

/// A random time up to `limit`, so that processes do not meet again in step.
pub(super) fn jitter(ids: &dyn Ids, limit: Duration) -> Duration {
    limit.mul_f64(ids.chance())
}

#[cfg(test)]
#[cfg(unix)]
mod killed;
#[cfg(test)]
mod tests;
