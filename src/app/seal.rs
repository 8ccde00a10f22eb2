//! A download → a sealed file in the worktree, and a tenant file that names it.

use std::path::{Path, PathBuf};

use super::download::{
    self, AskAccount, Brought, Case, Download, DownloadError, DownloadOptions, SealedFile,
    WayToApple,
};
use super::replace::{self, New};
use super::session::{self, Past, Tree, Which};
use super::{AppError, Context, Reach, files};
use applecart_core::apple::Inspection;
use applecart_core::fleet::{self, Desired, Policy, Tenant, Token};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Kind, LiveTenant, Problem, Sha256, shell_word};
use applecart_core::plan::Selection;
use applecart_core::renewal::{Place, proposal, split_spec};
use applecart_core::rules::bindings::{Bindings, History};
use applecart_core::rules::identity;
use applecart_core::rules::requests::Requests;
use applecart_core::sealed;
use applecart_io::git::{GitError, Repo};
use applecart_io::store;

pub struct SealOptions {
    pub download: DownloadOptions,
    /// `TENANT`, or `TENANT/TOKEN`: the token that the file is for.
    pub token: String,
    pub compare: Compare,
    /// The file in the tenant's folder that another program sealed already.
    pub sealed: Option<String>,
    /// Seal with age in a fleet that uses SOPS.
    pub age: bool,
    pub dry_run: bool,
}

/// What the file is compared with.
pub enum Compare {
    Intune,
    Snapshot(PathBuf),
    Nothing,
}

/// What was written, or with `--dry-run` would be.
pub struct SealedDownload {
    pub inspection: Inspection,
    pub sha256: Sha256,
    /// The tenant file, from the repository's root, and its change.
    pub tenant_file: String,
    pub diff: String,
    /// The branch that a renewal with this file is brought on: every clone knows it by its name.
    pub branch: String,
    /// Where it is pushed to; `None` where the repository has no remote.
    pub remote: Option<String>,
    /// The sealed file, from the repository's root, and to how many recipients it was sealed;
    /// `None` where another program did that.
    pub sealed_file: String,
    pub recipients: Option<usize>,
    pub doubts: Vec<String>,
}

/// The worktree of the fleet's repository.
pub(super) fn worktree(repo: &Repo) -> Result<&Path, GitError> {
    repo.worktree().ok_or_else(|| GitError::NoWorktree { path: repo.path_common_dir() })
}

/// What a person is told of a token file in the worktree, where it could be committed by mistake.
pub fn in_worktree(
    context: &Context,
    file: &Path,
    accepted: bool,
) -> Result<Option<String>, AppError> {
    Ok(download::in_worktree(&Repo::discover(&context.repo)?, file, accepted))
}

pub fn seal(
    options: SealOptions,
    context: &Context,
    ask: AskAccount<'_>,
) -> Result<SealedDownload, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let root = worktree(&repo)?;
    let source = repo.worktree_snapshot()?;
    let policy = session::policy_of(context, &source)?;
    let (name, wanted) = split_spec(&options.token);
    let (fleet, _) = fleet::load_tenants(&source, Some(&policy));
    must_not_be_swapped(&options, &fleet)?;
    let new = format!("applecart import {} --tenant-id GUID", shell_word(name));
    let next = ("A new tenant is imported first:".to_owned(), Some(new));
    let tenant = download::tenant(&fleet, name, "the fleet", next)?;
    if repo.tenants_left_out()?.contains(tenant.name.as_str()) {
        let folder = format!("tenants/{}", tenant.name);
        return Err(GitError::LeftOut { root: root.to_owned(), folder }.into());
    }

    let download = Download::open(options.download)?;
    let now = context.now();
    let token = download.token(&download.inspect(&policy, now, None), tenant, wanted)?;
    let download = download.asked(tenant, &token, ask);
    let (live, known, history, of_base) = match &options.compare {
        Compare::Nothing => (None, session::last_seen(context, &repo, &policy), None, None),
        Compare::Snapshot(path) => {
            let mut live = identity::narrow(files::snapshot(path)?, tenant, &token, None);
            let known = session::last_seen(context, &repo, &policy);
            if token.token.kind == Kind::Push && live.push_signing_request.is_none() {
                let recorded = download::recorded_request(&live, tenant, &token, known.as_ref());
                live.push_signing_request = recorded;
            }
            (Some(live), known, None, None)
        }
        Compare::Intune => {
            let (live, known, history, of_base) = read_intune(context, tenant, &token)?;
            (Some(live), known, Some(history), Some(of_base))
        }
    };
    let policy = of_base.map_or_else(|| policy.clone(), |of_base| judging(&policy, of_base));
    let bindings = history.as_ref().map(|it| Bindings::of(&fleet, None, known.as_ref(), it));
    let requests = &known.as_ref().map(Requests::recorded).unwrap_or_default();
    let place = Place {
        source: &source,
        policy: &policy,
        fleet: &fleet,
        tenant,
        token: &token,
        apple_id: download.apple_id(),
        allow: None,
    };
    let recorded = known.as_ref().map(|view| view.tenant(tenant.tenant_id));
    let past = recorded.filter(|_| token.token.kind == Kind::Push);
    let (live, bindings) = (live.as_ref(), bindings.as_ref());
    let apple = match options.compare {
        Compare::Intune => Some(session::apple(context)?),
        Compare::Snapshot(_) | Compare::Nothing => None,
    };
    let apple = apple.as_ref().map(|apple| WayToApple { apple, repo: &repo });
    let case = Case { live, past, recorded, requests, bindings, apple, now, renewal: false };
    let Brought { inspection, doubts, sealed, tenant_file, .. } =
        download.bring(&place, &case, || match &options.sealed {
            Some(name) => {
                check_sealed(root, &place, name, &download)?;
                Ok(SealedFile { name: name.clone(), size: None, content: None })
            }
            None => {
                let is_for_sops = |name: &str| Ok(!options.age && is_for_sops(root, &place, name)?);
                let SealedFile { name, size, content } = download.seal(&place, is_for_sops, "")?;
                Ok(SealedFile { name, size, content: Some(content) })
            }
        })?;
    let filter = download::unfiltered(&repo, &place.path_of(&sealed.name))?;
    let before = place.text().map_err(DownloadError::from)?;
    let done = SealedDownload {
        branch: proposal::branch(tenant, &token, &inspection, download.sha256()),
        remote: repo.fleet_remote()?,
        sha256: download.sha256(),
        tenant_file: place.path(),
        diff: fleet::diff(&place.path(), before, &tenant_file),
        sealed_file: place.path_of(&sealed.name),
        recipients: sealed.content.is_some().then_some(policy.recipients.len()),
        doubts: doubts.into_iter().chain(filter).collect(),
        inspection,
    };
    if !options.dry_run {
        let put = || write(root, &done, sealed.content, before, tenant_file);
        store::replacing(&repo.path_common_dir(), put)??;
    }
    Ok(done)
}

/// What a file is judged by: the settings of the base, which reviewers agreed to. Whom it is sealed to, and
/// what the fleet's other files are checked by, the worktree says.
fn judging(here: &Policy, of_base: Policy) -> Policy {
    let Policy { check_with_apple, intune_mdm_names, moves, renew_before, owners, .. } = of_base;
    Policy { check_with_apple, intune_mdm_names, moves, renew_before, owners, ..here.clone() }
}

/// Refuses a tenant that was written where the file belongs.
fn must_not_be_swapped(options: &SealOptions, fleet: &[Desired]) -> Result<(), DownloadError> {
    let is_tenant = |spec: &str| {
        let (name, _) = split_spec(spec);
        fleet.iter().any(|desired| desired.name() == name)
    };
    let (file, token) = (&options.download.file, &options.token);
    if is_tenant(token) || !file.to_str().is_some_and(is_tenant) || !Path::new(token).is_file() {
        return Ok(());
    }
    let token = file.display().to_string();
    Err(DownloadError::Swapped { file: PathBuf::from(&options.token), token })
}

fn write(
    root: &Path,
    done: &SealedDownload,
    sealed: Option<Vec<u8>>,
    before: &str,
    after: String,
) -> Result<(), AppError> {
    let path = root.join(&done.tenant_file);
    // Reading Intune takes seconds, in which an editor may have saved the file.
    if *files::read(&path, files::MAX_READ)? != before.as_bytes() {
        return Err(DownloadError::Changed(done.tenant_file.clone()).into());
    }
    // First the sealed file: a tenant file that names a missing one would be invalid.
    let sealed = sealed.map(|bytes| New { path: root.join(&done.sealed_file), bytes });
    let files: Vec<New> =
        sealed.into_iter().chain([New { path, bytes: after.into_bytes() }]).collect();
    replace::replace(&files)
}

/// Reads the tenant as `plan --worktree` does, the ledger, what the base's history says belongs to whom,
/// and the base's settings.
fn read_intune(
    context: &Context,
    tenant: &Tenant,
    token: &Token,
) -> Result<(LiveTenant, Option<LedgerView>, History, Policy), AppError> {
    let selection = Selection::parse(&[tenant.name.to_string()])?;
    let loaded = session::load(context, Tree::Worktree, Reach::Remote, &selection)?;
    if let Some(why) = &loaded.blind {
        let problem = Problem::new(why.code(), why.to_string());
        return Err(download::unread(tenant, problem).into());
    }
    // Without the record of a push certificate the finding is `csr-unknown`, a warning.
    let Past { known, history, .. } = session::past(&loaded, context, Which::Shared)?;
    let past = known.ok();
    let connector = session::connector(context)?;
    let reading = download::read_intune(&connector, &loaded.policy, tenant, token, past.as_ref());
    let live = super::block_on(reading)??;
    Ok((live, past, history, loaded.policy))
}

/// Whether SOPS writes the file: the repository says so, or SOPS wrote the earlier one.
fn is_for_sops(root: &Path, place: &Place<'_>, name: &str) -> Result<bool, AppError> {
    if root.join(".sops.yaml").exists() {
        return Ok(true);
    }
    if !place.entries().iter().any(|entry| entry.path == name) {
        return Ok(false);
    }
    let earlier = files::read(&root.join(place.path_of(name)), files::MAX_READ)?;
    Ok(download::is_sops(&earlier))
}

/// Checks that the file that is said to be sealed is not the opened one.
fn check_sealed(
    root: &Path,
    place: &Place<'_>,
    name: &str,
    download: &Download,
) -> Result<(), AppError> {
    // Only a member of the folder is ever looked at.
    if !place.entries().iter().any(|entry| entry.path == name) {
        let (name, tenant) = (name.to_owned(), place.tenant.name.clone());
        return Err(DownloadError::NotThere { name, tenant }.into());
    }
    let path = root.join(place.path_of(name));
    let bytes = files::read(&path, files::MAX_READ)?;
    if download.is(&bytes) || sealed::seal(&bytes).is_none() {
        return Err(DownloadError::NotSealed(path).into());
    }
    Ok(())
}
