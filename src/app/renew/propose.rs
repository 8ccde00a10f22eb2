//! One downloaded file → a commit on a branch of its own, and the text of its pull request.

use std::sync::{Mutex, PoisonError};

use super::{BranchOptions, Ground, RenewError};
use crate::app::download::{
    self, AskAccount, Brought, Case, Download, DownloadOptions, WayToApple,
};
use crate::app::session::{self, Past, Unknown, clone};
use crate::app::{AppError, Context, Reach, files};
use applecart_core::apple::Inspection;
use applecart_core::attention::CloneState;
use applecart_core::fleet::{self, Allow, Tenant, Token};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    Author, EntryBody, FileRef, Kind, LedgerEntry, LiveTenant, LocationId, Problem, ProblemCode,
    Timestamp,
};
use applecart_core::renewal::{Place, proposal};
use applecart_core::report::{Proposal, ProposalStatus, ProposalText, proposal_text};
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::requests::Requests;
use applecart_core::rules::verdicts::Verdicts;
use applecart_io::apple::Apple;
use applecart_io::git::{Change, Found};
use applecart_io::intune::Connector;
use applecart_io::store::{CloneId, Ledger};

/// A file whose token is known.
pub(super) struct Matched<'a> {
    pub(super) download: Download,
    pub(super) tenant: &'a Tenant,
    pub(super) token: Token,
}

impl Matched<'_> {
    /// Whether the base has this very file for the token.
    fn is_in_base(&self) -> bool {
        self.token.file.as_ref().is_some_and(|file| file.sha256 == self.download.sha256())
    }
}

/// A file that was not brought, with as much as is known of it.
#[derive(Debug)]
pub struct Failed {
    pub about: Proposal,
    pub error: AppError,
}

impl Failed {
    pub(super) fn of(file: &str, error: impl Into<AppError>) -> Box<Self> {
        Box::new(Self { about: unknown(file), error: error.into() })
    }
}

/// A proposal of which nothing is known yet.
pub(super) fn unknown(file: &str) -> Proposal {
    Proposal {
        file: file.to_owned(),
        status: ProposalStatus::Failed,
        tenant: None,
        token: None,
        sha256: None,
        branch: None,
        commit: None,
        pushed: None,
        changes: Vec::new(),
        urgent: false,
        title: None,
        body: None,
        warnings: Vec::new(),
        reasons: Vec::new(),
    }
}

/// What all files of a run need.
pub(super) struct Bench<'a> {
    pub(super) ground: &'a Ground,
    pub(super) connector: Connector,
    apple: Apple,
    pub(super) known: &'a Result<LedgerView, Unknown>,
    requests: Requests,
    /// The branch of what people record; `None` where it could not be opened.
    notes: Mutex<Option<Ledger>>,
    /// Who writes there; `None` where nothing is to be recorded, because the clock is a made-up one.
    author: Option<Author>,
    bindings: Bindings<'a>,
    /// What waits on other branches already.
    clone: CloneState,
    options: BranchOptions,
    pub(super) now: Timestamp,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        ground: &'a Ground,
        past: &'a mut Past,
        options: BranchOptions,
        context: &Context,
    ) -> Result<Self, AppError> {
        if options.push && ground.remote.is_none() {
            return Err(RenewError::NoRemote.into());
        }
        let connector = session::connector(context)?;
        let apple = session::apple(context)?;
        let notes = past.notes.take();
        let past: &'a Past = past;
        let known = &past.known;
        let requests = known.as_ref().map(Requests::recorded).unwrap_or_default();
        let bindings = ground.bindings(past);
        let clone = clone::state(context, &ground.loaded, Reach::Remote);
        let now = context.now();
        let is_made_up =
            context.frozen.is_some() && !context.environment.overrides()?.graph_is_loopback();
        let author = match is_made_up {
            true => None,
            false => Some(Author {
                run: context.ids.uuid().to_string(),
                clone: CloneId::of(&ground.loaded.repo.path_common_dir())?.to_string(),
                actor: context.environment.actor(),
            }),
        };
        let notes = Mutex::new(notes);
        Ok(Self {
            ground,
            connector,
            apple,
            known,
            requests,
            bindings,
            notes,
            author,
            clone,
            options,
            now,
        })
    }

    /// Judges one file and proposes it.
    pub(super) fn propose(
        &self,
        options: DownloadOptions,
        tenant: &Tenant,
        wanted: Option<&str>,
        ask: AskAccount<'_>,
    ) -> Result<Proposal, Box<Failed>> {
        let shown = options.file.display().to_string();
        let failed = |error: AppError| Failed::of(&shown, error);
        let download = Download::open(options).map_err(failed)?;
        let inspection = download.inspect(&self.ground.loaded.policy, self.now, None);
        let token = download.token(&inspection, tenant, wanted);
        let token = token.map_err(|error| failed(error.into()))?;
        let download = download.asked(tenant, &token, ask);
        let matched = Matched { download, tenant, token };
        let live = crate::app::block_on(self.read(&matched)).and_then(|read| read);
        self.finish(&matched, live.map_err(failed)?).map_err(failed)
    }

    /// What Intune has, with which a file is compared; nothing where the base has the file already, and no
    /// run has seen it in Intune.
    pub(super) async fn read(&self, matched: &Matched<'_>) -> Result<Option<LiveTenant>, AppError> {
        let Matched { download, tenant, token } = matched;
        let was_in_intune = || {
            let past = self.known.as_ref().ok().map(|view| view.tenant(tenant.tenant_id));
            past.is_some_and(|past| past.proof(&token.token, download.sha256()).is_some())
        };
        if matched.is_in_base() && !was_in_intune() {
            return Ok(None);
        }
        let past = match (self.known, token.token.kind) {
            (known, Kind::Enrollment | Kind::Vpp) => known.as_ref().ok(),
            // Without the ledger nothing tells whose key the certificate has to be over.
            (Err(why), Kind::Push) => return Err(no_ledger(tenant, &why.to_string())),
            (Ok(view), Kind::Push) => match view.unknown_of(tenant.tenant_id) {
                None => Some(view),
                Some(why) => return Err(no_ledger(tenant, why)),
            },
        };
        let policy = &self.ground.loaded.policy;
        Ok(Some(download::read_intune(&self.connector, policy, tenant, token, past).await?))
    }

    /// From what Intune has on: judge, seal, commit, push.
    pub(super) fn finish(
        &self,
        matched: &Matched<'_>,
        live: Option<LiveTenant>,
    ) -> Result<Proposal, AppError> {
        let Matched { download, tenant, token } = matched;
        let sha256 = download.sha256();
        let about = Proposal {
            tenant: Some(tenant.name.clone()),
            token: Some(token.token.clone()),
            sha256: Some(sha256),
            ..unknown(&download.shown())
        };
        let Some(live) = live else { return self.merged(matched, about) };
        let ordinary = Place {
            source: &self.ground.source,
            policy: &self.ground.loaded.policy,
            fleet: &self.ground.loaded.fleet,
            tenant,
            token,
            apple_id: download.apple_id(),
            allow: None,
        };
        let past = self.known.as_ref().ok().map(|view| view.tenant(tenant.tenant_id));
        let requests = &self.requests;
        let (bindings, now) = (Some(&self.bindings), self.now);
        let case = Case {
            live: Some(&live),
            past,
            recorded: past,
            requests,
            bindings,
            apple: Some(WayToApple { apple: &self.apple, repo: &self.ground.loaded.repo }),
            now,
            renewal: true,
        };
        let line = self.options.restore.then(|| download.way_back(&ordinary, &case)).flatten();
        let token = &Token {
            allow: token.allow.iter().cloned().chain(line.clone().map(Allow::from)).collect(),
            ..token.clone()
        };
        let place = Place { token, allow: line.as_ref(), ..ordinary };
        if matched.is_in_base() {
            download.still_counts(&place, &case)?;
            return self.merged(matched, about);
        }
        let Brought { inspection, verdicts, doubts, location, sealed, tenant_file: after } =
            download.bring(&place, &case, || {
                let is_for_sops = |name: &str| self.is_for_sops(&place, name);
                download.seal(&place, is_for_sops, "on a branch of its own, ")
            })?;
        let filter = download::unfiltered(&self.ground.loaded.repo, &place.path_of(&sealed.name))?;
        let about = Proposal { urgent: token.token.kind == Kind::Enrollment, ..about };
        let branch = proposal::branch(tenant, token, &inspection, sha256);
        let downloaded = inspection.facts.downloaded;
        let other = self.other_branch(tenant, token, &branch, downloaded)?;
        let doubts: Vec<String> = doubts.into_iter().chain(other).collect();
        let judged = Judged {
            inspection: &inspection,
            verdicts: verdicts.as_ref(),
            doubts: &doubts,
            at_apple: location.as_ref(),
        };
        let (title, about) = self.with_text(about, (matched, token), &live, &judged);

        let (branch, found) = self.free_branch(&branch, tenant, token)?;
        if let Some(found) = found {
            let has_it = |one: &Token| {
                one.token.same_token(&token.token)
                    && one.file.as_ref().is_some_and(|file| file.sha256 == sha256)
                    // A branch that names another account than a person did just now is another one.
                    && download.apple_id().is_none_or(|to| one.facts.apple_id.as_deref() == Some(to))
                    && line.clone().is_none_or(|line| one.allow.contains(&line.into()))
            };
            let ended = match self.downloaded_on(&found, tenant, token)?.zip(downloaded) {
                Some((theirs, ours)) if theirs > ours => {
                    return Err(self.ended_by_later(branch, ours, theirs).into());
                }
                Some((theirs, ours)) if theirs < ours => Some(theirs),
                _ => None,
            };
            return self.existing(tenant, &has_it, about, branch, (&found, ended));
        }
        let (sealed_file, tenant_file) = (place.path_of(&sealed.name), place.path());
        let mut about = about;
        about.warnings.extend(filter);
        let changes = [
            Change { path: &sealed_file, bytes: &sealed.content },
            Change { path: &tenant_file, bytes: after.as_bytes() },
        ];
        let message = proposal::message(&title, token, sha256);
        let mut proposal = self.branch_off(branch, &changes, &message, about)?;
        if token.token.kind == Kind::Enrollment {
            let file = FileRef { sha256, downloaded, blob: None };
            proposal.warnings.extend(self.record_download(tenant, token, file));
        }
        Ok(proposal)
    }

    /// Records the download of an enrollment token: Apple ended the one in use with it, whatever
    /// becomes of the branch. Returns what a person is told where that could not be recorded, which
    /// stops nothing.
    fn record_download(&self, tenant: &Tenant, token: &Token, file: FileRef) -> Option<String> {
        let author = self.author.as_ref()?;
        let body = EntryBody::Downloaded { file };
        let (name, of) = (tenant.name.clone(), token.token.clone());
        let entry = LedgerEntry {
            rev: Some(self.ground.start.commit.clone()),
            ..LedgerEntry::new(self.now, name, of, author, body)
        };
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match notes.as_mut().map(|notes| notes.deliver(&[(tenant.tenant_id, entry)])) {
            Some(Ok(_)) => return None,
            Some(Err(error)) => error.sentence(),
            None => "the notes are unknown".to_owned(),
        };
        Some(format!(
            "that this token was downloaded could not be recorded ({why}): if its branch is withdrawn, nothing tells that device sync is down"
        ))
    }

    /// What is said of a file that the base has already.
    fn merged(&self, matched: &Matched<'_>, about: Proposal) -> Result<Proposal, AppError> {
        let Matched { download, tenant, token } = matched;
        let reason = format!(
            "{} has this very file already, so it is not proposed again. This shows whether it is in Intune: `applecart plan`",
            self.ground.start.name
        );
        // The file is there, the account that was named may not be: it is never dropped.
        if let Some(to) = download.apple_id()
            && token.facts.apple_id.as_deref() != Some(to)
        {
            let proposal = self.move_account(tenant, token, to, about)?;
            let reasons = std::iter::once(reason).chain(proposal.reasons).collect();
            return Ok(Proposal { reasons, ..proposal });
        }
        let (status, reasons) = (ProposalStatus::Merged, vec![reason]);
        Ok(Proposal { status, reasons, ..about })
    }

    /// The branch of this name, here or at the remote that it would be pushed to.
    pub(super) fn find(&self, branch: &str) -> Result<Option<Found>, AppError> {
        let remote = self.ground.remote.as_deref().filter(|_| self.options.push);
        Ok(self.ground.loaded.repo.find_branch(branch, remote)?)
    }

    /// Commits the changes to a new branch, and pushes it where that was asked for.
    pub(super) fn branch_off(
        &self,
        branch: String,
        changes: &[Change<'_>],
        message: &str,
        about: Proposal,
    ) -> Result<Proposal, AppError> {
        let repo = &self.ground.loaded.repo;
        let commit = repo.commit_on(&self.ground.start.commit, changes, message)?;
        repo.make_branch(&branch, &commit)?;
        let pushed = self.push(&branch, &commit)?;
        Ok(Proposal {
            status: ProposalStatus::Proposed,
            branch: Some(branch),
            commit: Some(commit),
            pushed,
            changes: changes.iter().map(|change| change.path.to_owned()).collect(),
            ..about
        })
    }

    /// What a person is told where another file of the token waits already.
    ///
    /// # Errors
    /// Where that one is the later download of an enrollment token: Apple ended this one with it.
    fn other_branch(
        &self,
        tenant: &Tenant,
        token: &Token,
        branch: &str,
        downloaded: Option<Timestamp>,
    ) -> Result<Option<String>, AppError> {
        let others = self.clone.open_renewals.iter().filter(|open| {
            open.tenant == tenant.name.as_str()
                && open.token.same_token(&token.token)
                && open.branch != branch
                && !open.is_uncommitted()
        });
        let mut told = None;
        for other in others {
            let which = match token.token.kind {
                Kind::Push | Kind::Vpp => {
                    "Only one of the two should be merged: close the other pull request".to_owned()
                }
                Kind::Enrollment => {
                    let found = self.find(&other.branch)?;
                    let theirs = match &found {
                        Some(found) => self.downloaded_on(found, tenant, token)?,
                        None => None,
                    };
                    match theirs.zip(downloaded) {
                        Some((theirs, ours)) if theirs > ours => {
                            let branch = other.branch.clone();
                            return Err(self.ended_by_later(branch, ours, theirs).into());
                        }
                        Some((theirs, ours)) if theirs < ours => format!(
                            "That one was downloaded on {theirs} and this one on {ours}, which ended that one at Apple: close its pull request, and have this one merged"
                        ),
                        _ => "Apple ended the earlier download with the later one, and nothing tells which is the later: find out, and close the pull request of the other".to_owned(),
                    }
                }
            };
            told = told.or(Some(format!("{} {which}", other.told())));
        }
        Ok(told)
    }

    fn ended_by_later(
        &self,
        branch: String,
        downloaded: Timestamp,
        later: Timestamp,
    ) -> RenewError {
        RenewError::EndedByLater { branch, remote: self.ground.remote.clone(), downloaded, later }
    }

    /// When the enrollment file was downloaded that a branch brings.
    fn downloaded_on(
        &self,
        found: &Found,
        tenant: &Tenant,
        token: &Token,
    ) -> Result<Option<Timestamp>, AppError> {
        let there = self.tenant_on(found, tenant)?;
        let there = there.as_ref().and_then(fleet::Desired::valid);
        let brought = there.and_then(|there| {
            there.enrollment.iter().find(|one| one.token.same_token(&token.token))
        });
        Ok(brought.filter(|one| one.file.is_some()).and_then(|one| one.downloaded))
    }

    fn tenant_on(
        &self,
        found: &Found,
        tenant: &Tenant,
    ) -> Result<Option<fleet::Desired>, AppError> {
        let loaded = &self.ground.loaded;
        let folder = loaded.repo.tenant(&found.commit, tenant.name.as_str())?;
        Ok(folder.and_then(|folder| fleet::load_folder(folder, Some(&loaded.policy))))
    }

    /// The branch for a file, and what is there. One that was merged is over: a second file of the
    /// same day gets the next name.
    fn free_branch(
        &self,
        name: &str,
        tenant: &Tenant,
        token: &Token,
    ) -> Result<(String, Option<Found>), AppError> {
        let Ground { loaded, start, .. } = self.ground;
        let merged = token.file.as_ref().map(|file| file.sha256);
        let has_it = |one: &Token| {
            one.token.same_token(&token.token)
                && merged.is_some()
                && one.file.as_ref().map(|file| file.sha256) == merged
        };
        let mut branch = name.to_owned();
        let mut number = 1;
        loop {
            let Some(found) = self.find(&branch)? else { return Ok((branch, None)) };
            let is_over = loaded.repo.is_merged(&found.commit, &start.commit)
                || self.has_token(&found, tenant, &has_it)?;
            if !is_over {
                return Ok((branch, Some(found)));
            }
            number += 1;
            branch = format!("{name}-{number}");
        }
    }

    /// Whether a branch has such a token of the tenant.
    fn has_token(
        &self,
        found: &Found,
        tenant: &Tenant,
        is_it: &dyn Fn(&Token) -> bool,
    ) -> Result<bool, AppError> {
        let there = self.tenant_on(found, tenant)?;
        let there = there.as_ref().and_then(fleet::Desired::valid);
        Ok(there.is_some_and(|there| there.tokens().any(is_it)))
    }

    /// A branch that exists already: the same proposal, whose token `is_it` knows, or another one.
    pub(super) fn existing(
        &self,
        tenant: &Tenant,
        is_it: &dyn Fn(&Token) -> bool,
        about: Proposal,
        branch: String,
        (found, ended): (&Found, Option<Timestamp>),
    ) -> Result<Proposal, AppError> {
        let Ground { remote, .. } = self.ground;
        if !self.has_token(found, tenant, is_it)? {
            // What is not here is at the remote, or was when this clone looked there last.
            let remote = remote.clone().filter(|_| found.at_remote || !found.here);
            return Err(RenewError::Exists { branch, remote, here: found.here, ended }.into());
        }
        let pushed = match found.at_remote {
            true => Some(true),
            false => self.push(&branch, &found.commit)?,
        };
        let reason = match pushed {
            Some(true) if !found.at_remote => {
                "the branch had this very change already, and was pushed now"
            }
            _ => "the branch has this very change already; nothing was written",
        };
        Ok(Proposal {
            status: ProposalStatus::Exists,
            branch: Some(branch),
            commit: Some(found.commit.clone()),
            pushed,
            reasons: vec![reason.to_owned()],
            ..about
        })
    }

    /// Pushes where that was asked for.
    fn push(&self, branch: &str, commit: &str) -> Result<Option<bool>, RenewError> {
        if self.options.push { self.ground.push(branch, commit) } else { Ok(None) }
    }

    /// Whether SOPS writes the file: the base says so, or SOPS wrote the earlier one.
    fn is_for_sops(&self, place: &Place<'_>, name: &str) -> Result<bool, AppError> {
        let repo = &self.ground.loaded.repo;
        if self.options.age {
            return Ok(false);
        }
        if repo.holds(&self.ground.start.commit, ".sops.yaml")? {
            return Ok(true);
        }
        match place.entries().iter().find(|entry| entry.path == name) {
            Some(entry) => Ok(download::is_sops(&repo.blob(&entry.id, files::MAX_READ)?)),
            None => Ok(false),
        }
    }

    /// The pull request's title; and its text and the warnings added.
    fn with_text(
        &self,
        about: Proposal,
        (Matched { download, tenant, .. }, token): (&Matched<'_>, &Token),
        live: &LiveTenant,
        judged: &Judged<'_>,
    ) -> (String, Proposal) {
        let Judged { inspection, verdicts, doubts, at_apple } = *judged;
        let facts = &inspection.facts;
        let mut warnings: Vec<String> = proposal::remarks(inspection, verdicts)
            .chain(proposal::siblings(tenant, token, inspection, at_apple))
            .chain(proposal::consent(tenant, live, verdicts))
            .chain(doubts.iter().cloned())
            .collect();
        let (title, body) = proposal_text(&ProposalText {
            tenant: &tenant.name,
            display_name: tenant.display_name.as_deref(),
            token: &token.token,
            facts: &proposal::rows(token, live, inspection, download.apple_id(), at_apple),
            expires: facts.expires,
            downloaded: facts.downloaded,
            sha256: download.sha256(),
            verdicts,
            warnings: &warnings,
        });
        // It is about this machine: readers of the pull request can do nothing about it.
        let repo = &self.ground.loaded.repo;
        warnings.extend(download::in_worktree(repo, &download.options.file, true));
        let about = Proposal { title: Some(title.clone()), body: Some(body), warnings, ..about };
        (title, about)
    }
}

/// What is known of a file that was taken.
#[derive(Clone, Copy)]
struct Judged<'a> {
    inspection: &'a Inspection,
    verdicts: Option<&'a Verdicts>,
    doubts: &'a [String],
    /// The location that Apple says it is of.
    at_apple: Option<&'a LocationId>,
}

fn no_ledger(tenant: &Tenant, why: &str) -> AppError {
    download::unread(tenant, Problem::new(ProblemCode::LedgerUnknown, why)).into()
}
