use std::path::{Path, PathBuf};

use super::args::KindName;
use super::ask;
use super::complete;
use super::error::CliError;
use super::leave::{is_token, leave, refused};
use super::output::Output;
use crate::app::Context;
use crate::app::download::{DownloadError, DownloadOptions};
use crate::app::seal::{self, Compare, SealOptions};
use applecart_core::model::{Kind, Outcome, Timestamp, shell_word};
use applecart_core::report::{self, escape, plural};

/// Check a downloaded token file, seal it, and write its facts into the tenant file
///
/// Compares the file with Intune (not with --offline), with what the tenant file says and with the
/// rest of the fleet; refuses with exit code 4 what must not be uploaded. Then it encrypts the file
/// to the recipients in applecart.yaml, beside tenant.yaml, and writes topic, serial, expiry and so
/// on, `file` and `sha256` there; comments and everything else stay as they are. Needs no key. The
/// opened file is never written into the repository.
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
    #[arg(value_name = "TENANT[/TOKEN]", add = complete::token())]
    token: String,
    /// Refuse any other kind
    #[arg(long, value_name = "KIND", value_enum)]
    kind: Option<KindName>,
    /// Contact nothing: do not compare with Intune
    #[arg(long, conflicts_with = "snapshot")]
    offline: bool,
    /// Compare with this snapshot of the tenant in Intune instead of Graph
    #[arg(long, value_name = "FILE", alias = "live")]
    snapshot: Option<PathBuf>,
    /// When an enrollment token was downloaded (RFC 3339), where its name no longer tells
    #[arg(long, value_name = "TIME")]
    downloaded: Option<Timestamp>,
    /// The Apple Account that the file was downloaded with; written as `appleId` and `downloadedBy`.
    /// Without it, a person at a terminal is asked
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

fn tell(doubts: &[String], output: &Output) {
    for doubt in doubts {
        output.note(&format!("warning: {doubt}"));
    }
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if args.remove_download && args.file == Path::new("-") {
        return Err(CliError::StandardInput);
    }
    let options = SealOptions {
        download: DownloadOptions {
            file: args.file.clone(),
            kind: args.kind.map(Kind::from),
            downloaded: args.downloaded,
            apple_id: args.apple_id.clone(),
        },
        token: args.token.clone(),
        compare: match &args.snapshot {
            Some(path) => Compare::Snapshot(path.clone()),
            None if args.offline => Compare::Nothing,
            None => Compare::Intune,
        },
        sealed: args.sealed.clone(),
        age: args.age,
        dry_run: args.dry_run,
    };
    let shown = args.file.display().to_string();
    let may_ask = args.file != Path::new("-");
    let done =
        seal::seal(options, context, &mut ask::account_if(may_ask)).inspect_err(|error| {
            if let CliError::Download(DownloadError::Refused { inspection, reasons, .. }) = error {
                // The error is told in any case.
                let _ = output.result(&refused(inspection, reasons, &shown, output.width()));
                if is_token(inspection)
                    && let Ok(Some(warning)) = seal::in_worktree(context, &args.file, false)
                {
                    output.note(&format!("warning: {warning}"));
                }
            }
        })?;
    let in_worktree = seal::in_worktree(context, &args.file, true)?;
    if let Some(warning) = &in_worktree {
        output.note(&format!("warning: {warning}"));
    }
    let mut text = report::inspection_human(&done.inspection, &shown, output.width());
    text.push('\n');
    if done.diff.is_empty() {
        text.push_str(&format!("{} says all of it already\n", done.tenant_file));
    }
    text.extend(done.diff.lines().map(|line| escape(line.trim_end_matches('\r')) + "\n"));
    if args.dry_run {
        text.push_str("\nnothing was written (--dry-run)\n");
        output.result(&text)?;
        tell(&done.doubts, output);
        return Ok(Outcome::Done);
    }
    let by = done.recipients.map_or_else(
        || "by another program".to_owned(),
        |recipients| format!("to {}", plural(recipients, "recipient")),
    );
    text.push_str(&format!(
        "\nsealed {} {by}; {} has its facts\nnext: check both, commit them on a branch, and open a pull request:\n  applecart validate --worktree\n  git switch -c {}\n  git add {} {}\n  git commit -m {}\n",
        escape(&done.sealed_file),
        done.tenant_file,
        shell_word(&done.branch),
        shell_word(&done.sealed_file),
        shell_word(&done.tenant_file),
        shell_word(&format!("Renew {}", args.token)),
    ));
    if let Some(remote) = &done.remote {
        text.push_str(&format!("  git push -u {} HEAD\n", shell_word(remote)));
    }
    output.result(&text)?;
    tell(&done.doubts, output);
    // What is in the worktree was told above.
    let file = Some(&args.file).filter(|_| args.remove_download || in_worktree.is_none());
    leave(file, done.sha256, args.remove_download, output)?;
    Ok(Outcome::Done)
}
