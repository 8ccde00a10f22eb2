use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::download::{self, Download, Draft, judge, live, refusing, sops, target};
use super::error::CliError;
use super::global::Context;
use super::inspect::{self, KindName};
use super::output::Output;
use crate::app::Reach;
use crate::app::replace::{self, New};
use crate::app::session::{self, Tree, Which};
use applecart_core::apple::Inspection;
use applecart_core::fleet::{self, Desired, Tenant, Token};
use applecart_core::model::{
    Kind, LiveTenant, Outcome, Problem, ProblemCode, Sha256, Timestamp, shell_word,
};
use applecart_core::plan::Selection;
use applecart_core::report::{self, escape, plural};
use applecart_io::git::{GitError, Repo};
use applecart_io::vault;

/// Check a downloaded token file, seal it, and write its facts into the tenant file
///
/// Holds the file against live Intune (not with --offline), against what the tenant file says and
/// against the rest of the fleet; refuses with exit code 4 what must not be uploaded. Then it
/// encrypts the file to the recipients in applecart.yaml, beside tenant.yaml, and writes topic,
/// serial, expiry and so on, `file` and `sha256` there; comments and everything else stay as they
/// are. Needs no key. The opened file is never written into the repository.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart seal ~/Downloads/MDM_*_Certificate.pem contoso
  applecart seal --dry-run --offline token.p7m contoso/'Contoso ABM'
  applecart seal --remove-download ~/Downloads/sToken.vpptoken contoso/London")]
pub(super) struct Args {
    /// What was downloaded from Apple
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The tenant, and which of its tokens where there are several: `push`, a name or an id
    #[arg(value_name = "TENANT[/TOKEN]")]
    token: String,
    /// Refuse any other kind
    #[arg(long, value_name = "KIND", value_enum)]
    kind: Option<KindName>,
    /// Contact nothing: do not compare with live Intune
    #[arg(long, conflicts_with = "live")]
    offline: bool,
    /// Compare with this snapshot of the tenant's live state instead of Graph
    #[arg(long, value_name = "SNAPSHOT")]
    live: Option<PathBuf>,
    /// When an enrollment token was downloaded (RFC 3339), where its name no longer tells
    #[arg(long, value_name = "TIME")]
    downloaded: Option<Timestamp>,
    /// The Apple Account that the file was downloaded with; written as `appleId`
    #[arg(long, value_name = "ACCOUNT")]
    apple_id: Option<String>,
    /// The file is sealed already under this name beside tenant.yaml, by sops for example; only
    /// write its facts
    #[arg(long, value_name = "NAME")]
    sealed: Option<String>,
    /// Seal with age although the repository has a .sops.yaml
    #[arg(long, conflicts_with = "sealed")]
    age: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete FILE once it is sealed
    #[arg(long, conflicts_with = "dry_run")]
    remove_download: bool,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if args.remove_download && args.file == Path::new("-") {
        let why = "--remove-download needs a FILE; standard input cannot be deleted";
        return Err(CliError::SealUsage(why.to_owned()));
    }
    let repo = Repo::discover(&context.repo)?;
    let Some(root) = repo.worktree().map(Path::to_owned) else {
        return Err(GitError::NoWorktree { path: repo.path_common_dir() }.into());
    };
    let source = repo.worktree_snapshot()?;
    let policy = session::policy_of(context, &source)?;
    let (name, wanted) = match args.token.split_once('/') {
        Some((name, wanted)) => (name, Some(wanted)),
        None => (args.token.as_str(), None),
    };
    let (tenants, _) = fleet::load_tenants(&source, Some(&policy));
    let tenant = tenant(&tenants, name)?;

    let download = Download::open(&args.file, args.kind.map(Kind::from), args.downloaded)?
        .with(args.apple_id.clone());
    let in_worktree = download.is_inside(&root);
    if in_worktree {
        output.note(&format!(
            "warning: {} lies inside the repository and is not encrypted. Delete it (--remove-download does), and never commit it: Git keeps what was committed for good",
            args.file.display()
        ));
    }
    let first = download.inspect(&policy, context.now(), None);
    let Some(kind) = first.kind else { return refuse(args, &first, None, output) };
    let token = target::choose(&tenant, kind, wanted)?;
    let live = match (&args.live, args.offline) {
        (_, true) => None,
        (Some(path), false) => Some(judge::narrow(inspect::snapshot(path)?, &token)),
        (None, false) => Some(read_live(context, &tenant, &token)?),
    };
    let inspection = download.inspect(&policy, context.now(), live.as_ref());
    let mut refusals = judge::refusals(&inspection, &token, live.as_ref(), context.now());
    refusals.extend(judge::no_apple_id(&download, &token, live.as_ref()));
    if !refusals.is_empty() {
        return refuse(args, &inspection, Some(refusals), output);
    }

    let draft = Draft {
        source: &source,
        policy: &policy,
        fleet: &tenants,
        tenant: &tenant,
        token: &token,
        apple_id: args.apple_id.as_deref(),
    };
    let place = Place { root: &root, draft: &draft };
    let sealed = match &args.sealed {
        Some(name) => Sealed { name: name.clone(), bytes: None },
        None => place.seal(args, &download)?,
    };
    let path = draft.path();
    let before = draft.tenant_file()?;
    let after = draft.edited(&inspection.facts, &sealed.name, download.sha256())?;
    if sealed.bytes.is_none() {
        place.check_sealed(&sealed.name, download.content.expose())?;
    }
    let size = sealed.bytes.as_ref().map(Vec::len);
    draft.check(&after, &sealed.name, size, download.sha256())?;

    let mut text = report::inspection_human(&inspection, &download.shown(), output.width());
    text.push_str(&format!("\n{}", diff(&path, before, &after)));
    if args.dry_run {
        text.push_str("\nnothing was written (--dry-run)\n");
        output.result(&text)?;
        return Ok(Outcome::Done);
    }
    let done = match &sealed.bytes {
        Some(_) => format!("to {}", plural(policy.recipients.len(), "recipient")),
        None => "by another program".to_owned(),
    };
    // Reading Intune takes seconds, in which an editor may have saved the file.
    if *inspect::read(&root.join(&path), inspect::MAX_READ)? != before.as_bytes() {
        return Err(CliError::SealRefused(vec![format!(
            "{path} was changed by somebody else meanwhile; run this again"
        )]));
    }
    let mut files = Vec::new();
    // First the sealed file: a tenant file that names one which is not there would be invalid.
    if let Some(bytes) = sealed.bytes {
        files.push(New { path: root.join("tenants").join(name).join(&sealed.name), bytes });
    }
    files.push(New { path: root.join(&path), bytes: after.into_bytes() });
    replace::replace(&files)?;
    text.push_str(&format!(
        "\nsealed tenants/{name}/{} {done}; {path} has its facts\nnext: commit both, and open a pull request\n",
        escape(&sealed.name),
    ));
    output.result(&text)?;
    for warning in judge::doubts(&inspection.facts, &token, kind, args.apple_id.as_deref()) {
        output.note(&format!("warning: {warning}"));
    }
    finish(args, download.sha256(), in_worktree, output)?;
    Ok(Outcome::Done)
}

/// Reads the tenant as `plan --worktree` does.
fn read_live(context: &Context, tenant: &Tenant, token: &Token) -> Result<LiveTenant, CliError> {
    let selection = Selection::parse(&[tenant.name.to_string()])?;
    let loaded = session::load(context, Tree::Worktree, Reach::Remote, &selection)?;
    if let Some(why) = &loaded.blind {
        let problem = Problem::new(ProblemCode::LedgerUnknown, why.to_string());
        return Err(live::unknown(tenant.name.as_str(), &problem));
    }
    let past = if token.token.kind == Kind::Push {
        // Without the record the finding is `csr-unknown`, a warning.
        session::past(&loaded, context, Which::Shared)?.known.ok()
    } else {
        None
    };
    let connector = session::connector(context)?;
    crate::app::block_on(live::read(&connector, &loaded.policy, tenant, token, past.as_ref()))?
}

/// Removes the download where that was asked for, else says what to do with it.
fn finish(args: &Args, sha256: Sha256, in_worktree: bool, output: &Output) -> Result<(), CliError> {
    if args.remove_download {
        download::remove(&args.file, sha256, output)?;
    } else if !in_worktree && args.file != Path::new("-") {
        output.note(&download::left(&args.file));
    }
    Ok(())
}

fn tenant(tenants: &[Desired], name: &str) -> Result<Tenant, CliError> {
    match tenants.iter().find(|tenant| tenant.name() == name) {
        Some(Desired::Valid(tenant)) => Ok(tenant.clone()),
        Some(Desired::Invalid { mistakes, .. }) => Err(CliError::InvalidFleet(mistakes.clone())),
        None => Err(CliError::SealUsage(format!(
            "the fleet has no tenant {name:?}; a new one: applecart import {} --tenant-id GUID",
            shell_word(name)
        ))),
    }
}

fn refuse(
    args: &Args,
    inspection: &Inspection,
    refusals: Option<Vec<String>>,
    output: &Output,
) -> Result<Outcome, CliError> {
    let shown = args.file.display().to_string();
    output.result(&report::inspection_human(inspection, &shown, output.width()))?;
    Err(CliError::SealRefused(refusals.unwrap_or_else(|| refusing(inspection))))
}

/// The sealed file that the tenant file is to name; without bytes it is there already.
struct Sealed {
    name: String,
    bytes: Option<Vec<u8>>,
}

/// Where in the worktree it is written.
struct Place<'a> {
    root: &'a Path,
    draft: &'a Draft<'a>,
}

impl Place<'_> {
    fn folder(&self) -> PathBuf {
        self.root.join("tenants").join(self.draft.tenant.name.as_str())
    }

    fn seal(&self, args: &Args, download: &Download) -> Result<Sealed, CliError> {
        let name = target::file_name(self.draft.token, self.draft.entries());
        if !args.age && self.is_for_sops(&name)? {
            let sops = target::sops_name(&name);
            let target = format!("tenants/{}/{sops}", self.draft.tenant.name);
            let recipients = &self.draft.policy.recipients;
            let why = match sops::seal(&download.content, recipients, &sops) {
                Ok(bytes) => return Ok(Sealed { name: sops, bytes: Some(bytes) }),
                Err(why) => why,
            };
            return Err(CliError::SealWithSops {
                why,
                encrypt: format!(
                    "sops encrypt --age {} --input-type binary --output-type binary --filename-override {} --output {} {}",
                    shell_word(&recipients.join(",")),
                    shell_word(&target),
                    shell_word(&target),
                    shell_word(&download.shown())
                ),
                then: format!(
                    "applecart seal --sealed {} {} {}",
                    shell_word(&sops),
                    shell_word(&download.shown()),
                    shell_word(&args.token)
                ),
            });
        }
        let bytes = vault::seal(&download.content, &self.draft.policy.recipients)?;
        Ok(Sealed { name, bytes: Some(bytes) })
    }

    /// Whether the file is SOPS's to write: the repository says so, or the file of before was.
    fn is_for_sops(&self, name: &str) -> Result<bool, CliError> {
        if self.root.join(".sops.yaml").exists() {
            return Ok(true);
        }
        if !self.draft.entries().iter().any(|entry| entry.path == name) {
            return Ok(false);
        }
        let before = inspect::read(&self.folder().join(name), inspect::MAX_READ)?;
        Ok(matches!(vault::form(&before), Some(vault::Form::Sops { .. })))
    }

    /// That the file that is said to be sealed is not the opened one.
    fn check_sealed(&self, name: &str, opened: &[u8]) -> Result<(), CliError> {
        // Only a member of the folder is ever looked at.
        if !self.draft.entries().iter().any(|entry| entry.path == name) {
            return Err(CliError::SealUsage(format!(
                "{name:?} is not in tenants/{}; seal the file under this name first",
                self.draft.tenant.name
            )));
        }
        let path = self.folder().join(name);
        let bytes = inspect::read(&path, inspect::MAX_READ)?;
        if *bytes == opened || !inspect::is_sealed(&bytes) {
            return Err(CliError::SealRefused(vec![format!(
                "{} is not sealed: neither an age file nor a SOPS file. Delete it, and never commit it",
                path.display()
            )]));
        }
        Ok(())
    }
}

fn diff(path: &str, before: &str, after: &str) -> String {
    if before == after {
        return format!("{path} says all of it already\n");
    }
    let diff = TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string();
    diff.lines().map(|line| escape(line.trim_end_matches('\r')) + "\n").collect()
}
