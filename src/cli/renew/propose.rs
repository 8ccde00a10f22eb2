//! One downloaded file → a commit on a branch of its own, and the text of its pull request.

use std::path::Path;

use super::Args;
use super::ground::Ground;
use super::wording::{branch, checks, message, rows, siblings};
use crate::app::session;
use crate::cli::download::{Download, Draft, judge, live, refusing, sops, target};
use crate::cli::error::{CliError, Explain as _};
use crate::cli::global::Context;
use crate::cli::inspect;
use applecart_core::apple::Inspection;
use applecart_core::fleet::{self, Desired, Entry, Source, Tenant, Token};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    Kind, LiveTenant, Outcome, Problem, ProblemCode, Timestamp, sentence, shell_word,
};
use applecart_core::report::{Proposal, ProposalStatus, ProposalText, proposal_text};
use applecart_io::git::network::Pushed;
use applecart_io::git::{Change, Found};
use applecart_io::intune::Connector;
use applecart_io::vault;

/// A file and the token that it is meant for.
pub(super) struct Wish<'a> {
    pub(super) file: &'a Path,
    pub(super) kind: Option<Kind>,
    pub(super) downloaded: Option<Timestamp>,
    pub(super) apple_id: Option<String>,
    pub(super) tenant: &'a Tenant,
    /// The name or id of one of its tokens.
    pub(super) wanted: Option<&'a str>,
}

/// A file whose token is known.
pub(super) struct Matched<'a> {
    pub(super) download: Download,
    pub(super) tenant: &'a Tenant,
    pub(super) token: Token,
}

/// Why a file was not brought, with as much as is known of it.
pub(super) struct Failed {
    pub(super) file: String,
    pub(super) inspection: Option<Inspection>,
    pub(super) error: CliError,
}

impl Failed {
    /// The same as a machine reads it.
    pub(super) fn told(&self) -> Proposal {
        let status = match self.error.outcome() {
            Outcome::Refused => ProposalStatus::Refused,
            _ => ProposalStatus::Failed,
        };
        let mut reasons = match &self.error {
            CliError::SealRefused(reasons) => reasons.clone(),
            error => vec![sentence(error)],
        };
        reasons.extend(self.error.hints().into_iter().map(|hint| format!("next: {hint}")));
        Proposal { status, reasons, ..unknown(&self.file) }
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
    /// The ledger, or why it is not known.
    pub(super) known: Result<LedgerView, session::Unknown>,
    now: Timestamp,
    push: bool,
    age: bool,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        args: &Args,
        ground: &'a Ground,
        context: &Context,
    ) -> Result<Self, CliError> {
        if args.push && ground.remote.is_none() {
            let why = "--push needs a remote, and this repository has none";
            return Err(CliError::SealUsage(why.to_owned()));
        }
        Ok(Self {
            ground,
            connector: session::connector(context)?,
            known: ground.past(context)?.known,
            now: context.now(),
            push: args.push,
            age: args.age,
        })
    }

    /// Judges one file and proposes it.
    pub(super) fn propose(&self, wish: &Wish<'_>) -> Result<Proposal, Box<Failed>> {
        let shown = wish.file.display().to_string();
        let failed =
            |inspection, error| Box::new(Failed { file: shown.clone(), inspection, error });
        let download = Download::open(wish.file, wish.kind, wish.downloaded)
            .map_err(|error| failed(None, error))?
            .with(wish.apple_id.clone());
        let inspection = download.inspect(&self.ground.loaded.policy, self.now, None);
        let Some(kind) = inspection.kind else {
            let error = CliError::SealRefused(refusing(&inspection));
            return Err(failed(Some(inspection), error));
        };
        let token = match target::choose(wish.tenant, kind, wish.wanted) {
            Ok(token) => token,
            Err(error) => return Err(failed(None, error)),
        };
        let matched = Matched { download, tenant: wish.tenant, token };
        let live = crate::app::block_on(self.read(&matched));
        let live = live.and_then(|read| read).map_err(|error| failed(None, error))?;
        self.finish(&matched, live)
    }

    /// The live state that a file is held against; nothing where the base has it already.
    pub(super) async fn read(&self, matched: &Matched<'_>) -> Result<Option<LiveTenant>, CliError> {
        let Matched { download, tenant, token } = matched;
        if token.file.as_ref().is_some_and(|file| file.sha256 == download.sha256()) {
            return Ok(None);
        }
        let past = match (&self.known, token.token.kind) {
            (Ok(view), Kind::Push) => match view.broken.get(&tenant.tenant_id) {
                None => Some(view),
                Some(why) => return Err(self.no_ledger(tenant, why)),
            },
            // Without it nobody can tell whose key the certificate has to be over.
            (Err(why), Kind::Push) => return Err(self.no_ledger(tenant, &why.to_string())),
            (_, Kind::Enrollment | Kind::Vpp) => None,
        };
        let policy = &self.ground.loaded.policy;
        live::read(&self.connector, policy, tenant, token, past).await.map(Some)
    }

    fn no_ledger(&self, tenant: &Tenant, why: &str) -> CliError {
        let problem = Problem::new(ProblemCode::LedgerUnknown, why);
        live::unknown(tenant.name.as_str(), &problem)
    }

    /// From the live state on: judge, seal, commit, push.
    pub(super) fn finish(
        &self,
        matched: &Matched<'_>,
        live: Option<LiveTenant>,
    ) -> Result<Proposal, Box<Failed>> {
        let Matched { download, tenant, token } = matched;
        let sha256 = download.sha256();
        let about = Proposal {
            tenant: Some(tenant.name.clone()),
            token: Some(token.token.clone()),
            sha256: Some(sha256),
            urgent: token.token.kind == Kind::Enrollment,
            ..unknown(&download.shown())
        };
        let Some(live) = live else {
            let reason = format!(
                "{} has this very file already: nothing to propose. `applecart plan` shows whether it is live",
                self.ground.base
            );
            let status = ProposalStatus::Merged;
            return Ok(Proposal { status, urgent: false, reasons: vec![reason], ..about });
        };
        let policy = &self.ground.loaded.policy;
        let inspection = download.inspect(policy, self.now, Some(&live));
        let result = self.judged(matched, &live, &inspection, about);
        result.map_err(|error| {
            Box::new(Failed { file: download.shown(), inspection: Some(inspection), error })
        })
    }

    fn judged(
        &self,
        matched: &Matched<'_>,
        live: &LiveTenant,
        inspection: &Inspection,
        about: Proposal,
    ) -> Result<Proposal, CliError> {
        let Matched { download, tenant, token } = matched;
        let fleet = &self.ground.loaded.fleet;
        let mut refusals = judge::elsewhere(fleet, tenant, &inspection.facts);
        refusals.extend(judge::refusals(inspection, token, Some(live), self.now));
        refusals.extend(judge::against_renewal(inspection, token, live, self.now));
        refusals.extend(judge::no_apple_id(download, token, Some(live)));
        if !refusals.is_empty() {
            return Err(CliError::SealRefused(refusals));
        }
        let sha256 = download.sha256();
        let draft = Draft {
            source: &self.ground.source,
            policy: &self.ground.loaded.policy,
            fleet,
            tenant,
            token,
            apple_id: download.apple_id.as_deref(),
        };
        let about = self.with_text(about, matched, live, inspection);
        let branch = branch(tenant, token, inspection, sha256);
        let name = target::file_name(token, draft.entries());
        let path = draft.path();
        let (name, sealed) = self.seal(matched, &draft, name)?;
        let after = draft.edited(&inspection.facts, &name, sha256)?;
        draft.check(&after, &name, Some(sealed.len()), sha256)?;

        let repo = &self.ground.loaded.repo;
        let remote = self.ground.remote.as_deref().filter(|_| self.push);
        if let Some(found) = repo.find_branch(&branch, remote)? {
            return self.existing(matched, about, branch, &found);
        }
        let sealed_path = format!("tenants/{}/{name}", tenant.name);
        let changes = [
            Change { path: &sealed_path, bytes: &sealed },
            Change { path: &path, bytes: after.as_bytes() },
        ];
        let message = message(&about, token, sha256);
        let commit = repo.commit_on(&self.ground.commit, &changes, &message)?;
        repo.make_branch(&branch, &commit)?;
        let pushed = self.push(&branch, &commit)?;
        Ok(Proposal {
            status: ProposalStatus::Proposed,
            branch: Some(branch),
            commit: Some(commit),
            pushed,
            changes: vec![sealed_path, path],
            ..about
        })
    }

    /// A branch that is there already: the same renewal, or somebody else's.
    fn existing(
        &self,
        matched: &Matched<'_>,
        about: Proposal,
        branch: String,
        found: &Found,
    ) -> Result<Proposal, CliError> {
        let Matched { download, tenant, token } = matched;
        let repo = &self.ground.loaded.repo;
        let folder = repo.tenant(&found.commit, tenant.name.as_str())?;
        let source = Source { tenants: folder.into_iter().collect(), ..Source::default() };
        let (tenants, _) = fleet::load_tenants(&source, Some(&self.ground.loaded.policy));
        let is_same = tenants.first().and_then(Desired::valid).is_some_and(|there| {
            there.tokens().any(|one| {
                one.token.same_token(&token.token)
                    && one.file.as_ref().is_some_and(|file| file.sha256 == download.sha256())
            })
        });
        if !is_same {
            // What is not here is at the remote, or was when this clone looked there last.
            let remote = self.ground.remote.clone().filter(|_| found.at_remote || !found.here);
            return Err(CliError::RenewExists { branch, remote, here: found.here });
        }
        let pushed = match found.at_remote {
            true => Some(true),
            false => self.push(&branch, &found.commit)?,
        };
        let reason = match pushed {
            Some(true) if !found.at_remote => {
                "the branch had this very file already, and was pushed now"
            }
            _ => "the branch has this very file already; nothing was written",
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
    fn push(&self, branch: &str, commit: &str) -> Result<Option<bool>, CliError> {
        let Some(remote) = self.ground.remote.as_deref().filter(|_| self.push) else {
            return Ok(None);
        };
        let why = match self.ground.loaded.repo.push_branch(remote, branch, commit) {
            Ok(Pushed::Done) => return Ok(Some(true)),
            Ok(Pushed::Moved) => "somebody pushed another commit there meanwhile".to_owned(),
            Ok(Pushed::Busy) => format!(
                "it is busy with another push, or one of its branches has the name of a folder of this one (git ls-remote {remote} lists them)"
            ),
            Ok(Pushed::Refused { reason }) => reason,
            Err(error) => error.to_string(),
        };
        let (branch, remote) = (branch.to_owned(), remote.to_owned());
        Err(CliError::RenewNotPushed { branch, remote, why })
    }

    fn seal(
        &self,
        matched: &Matched<'_>,
        draft: &Draft<'_>,
        name: String,
    ) -> Result<(String, Vec<u8>), CliError> {
        let Matched { download, tenant, token } = matched;
        let recipients = &self.ground.loaded.policy.recipients;
        if !self.age && self.is_for_sops(draft.entries(), &name)? {
            let sops = target::sops_name(&name);
            let why = match sops::seal(&download.content, recipients, &sops) {
                Ok(bytes) => return Ok((sops, bytes)),
                Err(why) => why,
            };
            let path = format!("tenants/{}/{sops}", tenant.name);
            let to = shell_word(&recipients.join(","));
            let (path, file) = (shell_word(&path), shell_word(&download.shown()));
            let spec = super::open::spec(tenant, &token.token);
            return Err(CliError::SealWithSops {
                why,
                encrypt: format!(
                    "sops encrypt --age {to} --input-type binary --output-type binary --filename-override {path} --output {path} {file}"
                ),
                then: format!(
                    "on a branch of its own, applecart seal --sealed {} {file} {spec}",
                    shell_word(&sops)
                ),
            });
        }
        let bytes = vault::seal(&download.content, recipients)?;
        Ok((name, bytes))
    }

    fn is_for_sops(&self, entries: &[Entry], name: &str) -> Result<bool, CliError> {
        let repo = &self.ground.loaded.repo;
        if repo.holds(&self.ground.commit, ".sops.yaml")? {
            return Ok(true);
        }
        let Some(entry) = entries.iter().find(|entry| entry.path == name) else {
            return Ok(false);
        };
        let before = repo.blob(&entry.id, inspect::MAX_READ)?;
        Ok(matches!(vault::form(&before), Some(vault::Form::Sops { .. })))
    }

    /// Adds the pull request's text and the warnings.
    fn with_text(
        &self,
        about: Proposal,
        matched: &Matched<'_>,
        live: &LiveTenant,
        inspection: &Inspection,
    ) -> Proposal {
        let Matched { download, tenant, token } = matched;
        let kind = token.token.kind;
        let facts = &inspection.facts;
        let mut warnings: Vec<String> =
            inspection.findings.iter().map(ToString::to_string).collect();
        warnings.extend(siblings(tenant, token, inspection));
        warnings.extend(
            judge::doubts(facts, token, kind, download.apple_id.as_deref())
                .into_iter()
                .map(str::to_owned),
        );
        let (title, body) = proposal_text(&ProposalText {
            tenant: &tenant.name,
            display_name: tenant.display_name.as_deref(),
            token: &token.token,
            facts: &rows(token, live, inspection),
            expires: facts.expires,
            downloaded: facts.downloaded,
            sha256: download.sha256(),
            checks: &checks(inspection, kind, live),
            warnings: &warnings,
        });
        // Of this machine: whoever reads the pull request can do nothing about it.
        let root = self.ground.loaded.repo.worktree();
        if root.is_some_and(|root| download.is_inside(root)) {
            warnings.push(format!(
                "{} lies inside the repository and is not encrypted. Delete it (--remove-download does), and never commit it",
                download.shown()
            ));
        }
        Proposal { title: Some(title), body: Some(body), warnings, ..about }
    }
}
