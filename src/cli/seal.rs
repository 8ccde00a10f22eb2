#![expect(clippy::disallowed_methods, reason = "cli writes the files of the worktree")]

mod judge;
mod live;
mod target;

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;
use similar::TextDiff;

use super::error::CliError;
use super::global::Context;
use super::inspect::{self, KindName};
use super::output::Output;
use super::replace::{self, New};
use super::session;
use crate::apple::{self, FileFacts, Inspection};
use crate::fleet::{
    self, Change, Desired, Entry, EntryKind, FileBytes, NewValue, Policy, Source, Tenant, Token,
};
use crate::git::{GitError, Repo};
use crate::model::{Kind, LiveTenant, Outcome, Sha256, Timestamp, TokenRef};
use crate::report::{self, escape, plural};
use crate::vault::{self, Secret};

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
    let policy = session::policy_of(&source, output)?;
    let (name, wanted) = match args.token.split_once('/') {
        Some((name, wanted)) => (name, Some(wanted)),
        None => (args.token.as_str(), None),
    };
    let tenant = tenant(&source, &policy, name, output)?;

    let in_worktree = is_inside(&args.file, &root);
    if in_worktree {
        output.note(&format!(
            "warning: {} lies inside the repository and is not encrypted. Delete it (--remove-download does), and never commit it: Git keeps what was committed for good",
            args.file.display()
        ));
    }
    let mut bytes = inspect::read(&args.file, inspect::MAX_READ)?;
    let content = Secret::new(std::mem::take(&mut *bytes));
    let inspector = Inspector { args, context, policy: &policy, content: &content };
    let first = inspector.inspect(None);
    let Some(kind) = first.kind else { return refuse(args, &first, None, output) };
    let token = target::choose(&tenant, kind, wanted)?;
    let live = match (&args.live, args.offline) {
        (_, true) => None,
        (Some(path), false) => Some(judge::narrow(inspect::snapshot(path)?, &token)),
        (None, false) => Some(live::read(context, &tenant, &token, output)?),
    };
    let inspection = inspector.inspect(live.as_ref());
    let refusals = judge::refusals(&inspection, &token, live.as_ref(), context.now());
    if !refusals.is_empty() {
        return refuse(args, &inspection, Some(refusals), output);
    }

    let draft =
        Draft { root: &root, source: &source, policy: &policy, tenant: &tenant, token: &token };
    let sealed = match &args.sealed {
        Some(name) => Sealed { name: name.clone(), bytes: None },
        None => draft.seal(args, &content)?,
    };
    let path = format!("tenants/{name}/tenant.yaml");
    let before = draft.tenant_file(&path)?;
    let changes =
        changes(&inspection.facts, &token.token, &sealed.name, Sha256::of(content.expose()));
    let after = fleet::edit(&path, before, &token.token, &changes)?;
    draft.check(&after, &sealed, content.expose())?;

    let shown = args.file.display().to_string();
    let mut text = report::inspection_human(&inspection, &shown, output.width());
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
    if kind == Kind::Enrollment && inspection.facts.downloaded.is_none() {
        output.note("warning: nothing tells when this token was downloaded, so a plan holds it (age-unknown) while another one is live; give --downloaded TIME");
    }
    if token.facts.apple_id.is_none() {
        output.note("warning: the entry has no `appleId`; write the Apple Account that the file was downloaded with: Intune wants it with an upload, and next year's person needs it");
    }
    finish(args, in_worktree, output)?;
    Ok(Outcome::Done)
}

/// Removes the download where that was asked for, else says what to do with it.
fn finish(args: &Args, in_worktree: bool, output: &Output) -> Result<(), CliError> {
    let shown = args.file.display();
    if args.remove_download {
        std::fs::remove_file(&args.file).map_err(|source| CliError::File {
            path: args.file.clone(),
            doing: "delete",
            source,
        })?;
        output.note(&format!("deleted {shown}"));
    } else if !in_worktree && args.file != Path::new("-") {
        output.note(&format!("{shown} is no longer needed: delete it (--remove-download does)"));
    }
    Ok(())
}

fn tenant(
    source: &Source,
    policy: &Policy,
    name: &str,
    output: &Output,
) -> Result<Tenant, CliError> {
    let (tenants, _) = fleet::load_tenants(source, Some(policy));
    match tenants.into_iter().find(|tenant| tenant.name() == name) {
        Some(Desired::Valid(tenant)) => Ok(tenant),
        Some(Desired::Invalid { mistakes, .. }) => {
            output.note(&fleet::render_all(&mistakes));
            Err(CliError::InvalidFleet(mistakes))
        }
        None => Err(CliError::NothingSelected),
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
    Err(CliError::SealRefused(refusals.unwrap_or_else(|| {
        let refusing = inspection.findings.iter().filter(|finding| finding.refuses());
        refusing.map(ToString::to_string).collect()
    })))
}

/// Judges the file by its content.
struct Inspector<'a> {
    args: &'a Args,
    context: &'a Context,
    policy: &'a Policy,
    content: &'a Secret,
}

impl Inspector<'_> {
    fn inspect(&self, live: Option<&LiveTenant>) -> Inspection {
        // What Apple's name would have told, where another name was given since.
        let name = match self.args.downloaded {
            Some(at) => {
                let at = at.date_time().to_rfc3339_opts(SecondsFormat::Secs, true);
                Some(format!("_Token_{}_smime.p7m", at.replace(':', "-")))
            }
            None => self.args.file.file_name().map(|name| name.to_string_lossy().into_owned()),
        };
        apple::inspect(&apple::Request {
            bytes: self.content.expose(),
            file_name: name.as_deref(),
            kind: self.args.kind.map(Kind::from),
            live,
            now: self.context.now(),
            renew_before: self.policy.renew_before,
        })
    }
}

/// The sealed file that the tenant file is to name; without bytes it is there already.
struct Sealed {
    name: String,
    bytes: Option<Vec<u8>>,
}

/// What is going to be written.
struct Draft<'a> {
    root: &'a Path,
    source: &'a Source,
    policy: &'a Policy,
    tenant: &'a Tenant,
    token: &'a Token,
}

impl Draft<'_> {
    fn folder(&self) -> Option<&fleet::Folder> {
        self.source.tenants.iter().find(|folder| folder.name == self.tenant.name.as_str())
    }

    fn entries(&self) -> &[Entry] {
        self.folder().map_or(&[], |folder| &folder.entries)
    }

    fn tenant_file(&self, path: &str) -> Result<&str, CliError> {
        // A valid tenant has a file, of UTF-8.
        match self.folder().and_then(|folder| folder.tenant_file.as_ref()) {
            Some(FileBytes::Read(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
        .ok_or_else(|| CliError::SealUsage(format!("{path} could not be read")))
    }

    fn seal(&self, args: &Args, content: &Secret) -> Result<Sealed, CliError> {
        let name = target::file_name(self.token, self.entries());
        if !args.age && self.is_for_sops(&name)? {
            let stem = name.strip_suffix(".age").unwrap_or(&name);
            let sops = format!("{}.sops", stem.strip_suffix(".sops").unwrap_or(stem));
            let target = format!("tenants/{}/{sops}", self.tenant.name);
            return Err(CliError::SealWithSops {
                encrypt: format!(
                    "sops encrypt --input-type binary --output-type binary --filename-override {} --output {} {}",
                    quoted(&target),
                    quoted(&target),
                    quoted(&args.file.display().to_string())
                ),
                then: format!(
                    "applecart seal --sealed {} {} {}",
                    quoted(&sops),
                    quoted(&args.file.display().to_string()),
                    quoted(&args.token)
                ),
            });
        }
        let bytes = vault::seal(content, &self.policy.recipients)?;
        Ok(Sealed { name, bytes: Some(bytes) })
    }

    /// Whether the file is SOPS's to write: the repository says so, or the file of before was.
    fn is_for_sops(&self, name: &str) -> Result<bool, CliError> {
        if self.root.join(".sops.yaml").exists() {
            return Ok(true);
        }
        if !self.entries().iter().any(|entry| entry.path == name) {
            return Ok(false);
        }
        let path = self.root.join("tenants").join(self.tenant.name.as_str()).join(name);
        let before = inspect::read(&path, inspect::MAX_READ)?;
        Ok(matches!(vault::form(&before), Some(vault::Form::Sops { .. })))
    }

    /// Whether the fleet would be valid with the edited file: it may not describe what another
    /// tenant has, and must have all that a file needs.
    fn check(&self, after: &str, sealed: &Sealed, opened: &[u8]) -> Result<(), CliError> {
        if sealed.bytes.is_none() {
            self.check_sealed(&sealed.name, opened)?;
        }
        let mut source = self.source.clone();
        let name = self.tenant.name.as_str();
        if let Some(folder) = source.tenants.iter_mut().find(|folder| folder.name == name) {
            folder.tenant_file = Some(FileBytes::Read(after.as_bytes().to_vec()));
            if let Some(bytes) = &sealed.bytes {
                folder.entries.retain(|entry| entry.path != sealed.name);
                folder.entries.push(Entry {
                    path: sealed.name.clone(),
                    kind: EntryKind::Blob,
                    // Sealing is never twice the same, so no other file has this content.
                    id: "the sealed file".to_owned(),
                    size: Some(bytes.len() as u64),
                });
            }
        }
        let (tenants, _) = fleet::load_tenants(&source, Some(self.policy));
        let found = tenants.iter().find(|tenant| tenant.name() == name);
        let mistakes: Vec<String> = match found {
            Some(Desired::Invalid { mistakes, .. }) => {
                mistakes.iter().map(|mistake| format!("bad-file: {}", mistake.message)).collect()
            }
            _ => self.shared(&tenants, opened),
        };
        if mistakes.is_empty() { Ok(()) } else { Err(CliError::SealRefused(mistakes)) }
    }

    /// What other tokens have of this file.
    fn shared(&self, tenants: &[Desired], opened: &[u8]) -> Vec<String> {
        let sha256 = Sha256::of(opened);
        let ours = tenants.iter().filter_map(Desired::valid);
        let topic = ours
            .clone()
            .find(|tenant| tenant.name == self.tenant.name)
            .and_then(|tenant| tenant.push.as_ref()?.topic());
        let mut told = Vec::new();
        for tenant in ours {
            let own = tenant.name == self.tenant.name;
            for token in tenant.tokens() {
                if own && token.token.same_token(&self.token.token) {
                    continue;
                }
                let is_file = token.file.as_ref().is_some_and(|file| file.sha256 == sha256);
                let is_topic = self.token.token.kind == Kind::Push
                    && topic.is_some()
                    && token.topic() == topic;
                if is_file || is_topic {
                    told.push(format!(
                        "duplicate: {} of the tenant {} has {} already: the file is for that one. Download this one's own",
                        token.token,
                        tenant.name,
                        if is_file { "this very file" } else { "this push topic" }
                    ));
                }
            }
        }
        told
    }

    /// That the file that is said to be sealed is not the opened one.
    fn check_sealed(&self, name: &str, opened: &[u8]) -> Result<(), CliError> {
        // Only a member of the folder is ever looked at.
        if !self.entries().iter().any(|entry| entry.path == name) {
            return Err(CliError::SealUsage(format!(
                "{name:?} is not in tenants/{}; seal the file under this name first",
                self.tenant.name
            )));
        }
        let path = self.root.join("tenants").join(self.tenant.name.as_str()).join(name);
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

/// What the tenant file is to say of the file.
fn changes(facts: &FileFacts, token: &TokenRef, file: &str, sha256: Sha256) -> Vec<Change> {
    let set = |field, value: Option<String>| value.map(|value| Change::set(field, value));
    let mut changes: Vec<Change> = match token.kind {
        Kind::Push => [
            set("topic", facts.topic.as_ref().map(ToString::to_string)),
            set("serial", facts.serial.as_ref().map(ToString::to_string)),
            set("expires", facts.expires.map(|at| at.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Kind::Enrollment => {
            let named = facts.recipient.as_ref().and_then(|recipient| {
                Some(vec![
                    ("issuer", recipient.issuer.clone()?),
                    ("serial", recipient.serial.as_ref()?.to_string()),
                ])
            });
            vec![
                // What is not known of this file is not what was known of the last one.
                facts.downloaded.map_or(Change::Remove("downloaded"), |at| {
                    Change::set("downloaded", at.to_string())
                }),
                named.map_or(Change::Remove("recipient"), |fields| {
                    Change::Set("recipient", NewValue::Fields(fields))
                }),
            ]
        }
        Kind::Vpp => [
            set("organization", facts.organization.clone()),
            set("expires", facts.expires.map(|at| at.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    changes.push(Change::set("file", file));
    changes.push(Change::set("sha256", sha256.to_string()));
    changes
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

/// Whether a file lies in the worktree, wherever links lead.
fn is_inside(file: &Path, root: &Path) -> bool {
    match (file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) => file.starts_with(root),
        _ => false,
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | '+');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
