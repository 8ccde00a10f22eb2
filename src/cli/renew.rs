use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::args::{KindName, Selected, duration};
use super::ask;
use super::complete;
use super::error::{CliError, Explain as _};
use super::format::{Chosen, Format, Formats};
use super::leave::{leave, refused};
use super::output::Output;
use crate::app::Context;
use crate::app::download::{DownloadError, DownloadOptions};
use crate::app::renew::{
    self, AccountOptions, BatchOptions, BranchOptions, BringOptions, ByAccount, CsrSource, Failed,
    OpenOptions, Start, WhichTokens,
};
use applecart_core::model::{Kind, Outcome, Sha256, Timestamp, sentence};
use applecart_core::plan::Selection;
use applecart_core::renewal::{DraftError, due};
use applecart_core::report::{
    self, Proposal, ProposalStatus, RENEW_FORMAT_VERSION, Renewals, Sheets, plural,
};

/// Open a renewal, or bring the file that Apple gave out as a pull request
///
/// Without a file: the sheet for the person who renews: which Apple Account, what to press and what
/// never, where, by when, and the command to run then. For a push certificate it reads Intune's
/// request for Apple (CSR; this needs the write role), records it in the ledger, and saves it as the
/// file that Apple's portal takes; while that renewal is open, the same request is given out again.
///
/// With --file: compares the download with Intune as a renewal (same topic, key of the request, later
/// expiry, same organisation, Intune's own key), seals it, and commits it with its facts to a branch
/// of its own, renew/TENANT/TOKEN-DATE, from the base. The worktree and the index are not touched.
/// --push pushes the branch. The text of the pull request is printed.
///
/// With --apple-id and no file: proposes another Apple Account for a credential that was moved to it
/// at Apple, with the `allow` line that has `apply` tell Intune by uploading the same push
/// certificate again.
///
/// With --restore, where Create was pressed at Apple instead of Renew or the certificate was deleted:
/// the sheet leads to the row whose topic devices know. With --file, too, the branch has the `allow`
/// line that releases the upload, for its reviewer to decide.
///
/// Of an enrollment token it reads Intune's public key, and saves it where the MDM server at Apple may
/// have another one; with --public-key in any case.
///
/// With --batch: the same as with --file for every file of a folder, each matched by its content. Exit code 4
/// means that a file was refused, 3 that one could not be checked or matched, whatever became of the
/// others.
#[derive(clap::Args, Debug)]
#[command(
    group = clap::ArgGroup::new("download").args(["file", "batch"]),
    group = clap::ArgGroup::new("of").args(["token", "batch"]),
    group = clap::ArgGroup::new("proposed").args(["file", "batch", "apple_id"]).multiple(true),
    after_help = "Examples:
  applecart renew contoso/push
  applecart renew --due 60d --format markdown
  applecart renew --due 60d --by-account
  applecart renew contoso/push --file ~/Downloads/MDM_*_Certificate.pem --push
  applecart renew --batch ~/Downloads/renewed --apple-id vpp@contoso.example --push --remove-download
  applecart renew contoso/push --apple-id mdm@contoso.example --push
  applecart renew contoso/push --restore
  applecart renew contoso/enrollment --public-key"
)]
pub(super) struct Args {
    /// The tenant, and which of its tokens where there are several: `push`, a name or an id
    #[arg(value_name = "TENANT[/TOKEN]", add = complete::token(), required_unless_present_any = ["due", "batch"])]
    token: Option<String>,
    /// What was downloaded from Apple; `-` reads standard input
    #[arg(long, value_name = "FILE", requires = "token")]
    file: Option<PathBuf>,
    /// Bring every file of this folder, each to the token that its content names
    #[arg(long, value_name = "DIR", conflicts_with_all = ["token", "file", "due"])]
    batch: Option<PathBuf>,
    /// Open every renewal that is due within this time, such as 60d
    #[arg(long, value_name = "TIME", conflicts_with_all = ["token", "file"])]
    due: Option<String>,
    /// In the order of one sitting: by portal and Apple Account with the fewest sign-ins, enrollment
    /// tokens last; below it the renewals of the coming 13 months by week, and which to bring forward
    #[arg(long, requires = "due", conflicts_with_all = ["token", "batch"])]
    by_account: bool,
    /// How many renewals a week can take, before they collide and some are better brought forward
    #[arg(long, value_name = "COUNT", default_value_t = 10, requires = "by_account",
        value_parser = clap::value_parser!(u16).range(1..))]
    per_week: u16,
    #[command(flatten)]
    selected: Selected,
    /// Push the branch; Git asks for credentials as always
    #[arg(long, requires = "proposed")]
    push: bool,
    /// Delete FILE, or each file of DIR, once a branch has it (with --push, once the remote has that)
    #[arg(long, requires = "download")]
    remove_download: bool,
    /// Read a new request for Apple (CSR) from Intune although a renewal is open
    #[arg(long, conflicts_with_all = ["file", "batch"])]
    new_csr: bool,
    /// Give out the recorded request for Apple (CSR) whose key begins so, where several are open or
    /// one is in doubt: first digits of the key's SHA-256, at least 8
    #[arg(
        long,
        value_name = "KEY",
        requires = "token",
        value_parser = key_prefix,
        conflicts_with_all = ["file", "batch", "new_csr", "no_csr", "public_key", "apple_id"]
    )]
    request: Option<String>,
    /// Only the sheets: read no request for Apple (CSR) and no public key, so that read permissions suffice and nothing
    /// is recorded
    #[arg(long, conflicts_with_all = ["file", "batch", "new_csr"])]
    no_csr: bool,
    /// Save Intune's public key of the enrollment token, which the MDM server at Apple encrypts to
    #[arg(long, conflicts_with_all = ["file", "batch", "new_csr", "no_csr", "apple_id"])]
    public_key: bool,
    /// Bring back the push topic that devices know, where Intune has another one or no certificate:
    /// a fresh certificate from its row at Apple, never the earlier file
    #[arg(long, requires = "token", conflicts_with_all = ["batch", "due", "public_key"])]
    restore: bool,
    /// Where requests for Apple (CSRs) and public keys are saved; made where it does not exist
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Refuse any other kind of file
    #[arg(long, value_name = "KIND", value_enum, requires = "file")]
    kind: Option<KindName>,
    /// When an enrollment token was downloaded (RFC 3339), where its name no longer tells
    #[arg(long, value_name = "TIME", requires = "file")]
    downloaded: Option<Timestamp>,
    /// The Apple Account that the file, or each file of DIR, was downloaded with, or that has the
    /// credential from now on; written as `appleId`, and with a file as `downloadedBy`. Without it, a
    /// person at a terminal is asked
    #[arg(
        long,
        value_name = "ACCOUNT",
        requires = "of",
        conflicts_with_all = ["due", "new_csr", "no_csr"]
    )]
    apple_id: Option<String>,
    /// Seal with age although the repository has a .sops.yaml
    #[arg(long, requires = "download")]
    age: bool,
    /// How to show the result
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
}

/// The first digits of a key's SHA-256, as people copy them from a message.
fn key_prefix(text: &str) -> Result<String, String> {
    let digits = text.trim_end_matches('…').to_ascii_lowercase();
    let is_digest = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_digest && (8..=64).contains(&digits.len()) {
        return Ok(digits);
    }
    Err("give 8 to 64 hexadecimal digits, as the message names them".to_owned())
}

enum Shown {
    Opened(Sheets),
    Brought(Renewals),
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        output.result(&match shown {
            Shown::Opened(sheets) => report::sheets_human(sheets, output.width()),
            Shown::Brought(renewals) => report::renewals_human(renewals, output.width()),
        })
    }),
    (Format::Markdown, |shown, output| {
        output.result(&match shown {
            Shown::Opened(sheets) => report::sheets_markdown(sheets),
            Shown::Brought(renewals) => report::renewals_markdown(renewals),
        })
    }),
    (Format::Json, |shown, output| match shown {
        Shown::Opened(sheets) => output.json(sheets),
        Shown::Brought(renewals) => output.json(renewals),
    }),
]);

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if args.remove_download && args.file.as_deref() == Some(Path::new("-")) {
        return Err(CliError::StandardInput);
    }
    let selection = args.selected.selection()?;
    if args.token.is_some() && !selection.is_all() {
        return Err(CliError::TokenAndSelection);
    }
    let branch = BranchOptions { push: args.push, restore: args.restore, age: args.age };
    if let Some(folder) = &args.batch {
        let (folder, apple_id) = (folder.clone(), args.apple_id.clone());
        let options = BatchOptions { folder, selection, apple_id, branch };
        return bring_all(args, &options, context, output);
    }
    match (&args.token, &args.file, &args.apple_id) {
        (Some(token), None, Some(apple_id)) => {
            let (token, apple_id) = (token.clone(), apple_id.clone());
            move_account(args, &AccountOptions { token, apple_id, branch }, context, output)
        }
        (Some(token), Some(file), _) => {
            let download = DownloadOptions {
                file: file.clone(),
                kind: args.kind.map(Kind::from),
                downloaded: args.downloaded,
                apple_id: args.apple_id.clone(),
            };
            let options = BringOptions { download, token: token.clone(), branch };
            bring(args, file, options, context, output)
        }
        _ => open(args, selection, context, output),
    }
}

fn open(
    args: &Args,
    selection: Selection,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let within = match (&args.token, args.due.as_deref()) {
        (Some(token), _) => WhichTokens::Named(token.clone()),
        (None, due) => {
            let text = due.unwrap_or_default();
            WhichTokens::DueWithin(duration("--due", text)?)
        }
    };
    let csr = match (&args.request, args.no_csr, args.new_csr) {
        (Some(key), ..) => CsrSource::Chosen(key.clone()),
        (None, true, _) => CsrSource::None,
        (None, false, true) => CsrSource::New,
        (None, false, false) => CsrSource::Recorded,
    };
    let (public_key, out) = (args.public_key, args.out.clone());
    let restore = args.restore;
    let by_account = args.by_account.then(|| ByAccount { per_week: usize::from(args.per_week) });
    let options =
        OpenOptions { which: within, selection, csr, restore, public_key, out, by_account };
    let (sheets, clone) = renew::open(&options, context)?;
    let outcome = due::outcome(&sheets.sheets);
    args.format.write(&Shown::Opened(sheets), output)?;
    output.clone_notes(&clone);
    Ok(outcome)
}

/// Another Apple Account, without a file.
fn move_account(
    args: &Args,
    options: &AccountOptions,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let (start, proposed) = renew::move_account(options, context)?;
    let proposal = match proposed {
        Ok(proposal) => proposal,
        Err(failed) => {
            if args.format.format == Format::Json {
                show(args, start, vec![told(&failed)], output)?;
            }
            return Err(failed.error);
        }
    };
    show(args, start, vec![proposal], output)?;
    Ok(Outcome::Done)
}

/// One file. A refusal is an error, so that it is read even where nothing else is.
fn bring(
    args: &Args,
    file: &PathBuf,
    options: BringOptions,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let may_ask = args.format.format == Format::Human && file != Path::new("-");
    let (start, brought) = renew::bring(options, context, &mut ask::account_if(may_ask))?;
    let proposal = match brought {
        Ok(proposal) => proposal,
        Err(failed) => {
            if args.format.format == Format::Json {
                show(args, start, vec![told(&failed)], output)?;
            } else if let CliError::Download(DownloadError::Refused {
                inspection, reasons, ..
            }) = &failed.error
            {
                let shown = file.display().to_string();
                output.note(&refused(inspection, reasons, &shown, output.width()));
            }
            return Err(failed.error);
        }
    };
    let sha256 = proposal.sha256;
    show(args, start, vec![proposal], output)?;
    if let Some(sha256) = sha256 {
        leave(Some(file), sha256, args.remove_download, output)?;
    }
    Ok(Outcome::Done)
}

fn bring_all(
    args: &Args,
    options: &BatchOptions,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let may_ask = args.format.format == Format::Human && ask::is_answered();
    let batch = renew::bring_all(options, context, &mut |file, names| {
        let ask = || ask::which(file, names, &mut std::io::stdin().lock(), &mut std::io::stderr());
        may_ask.then(ask).flatten()
    })?;
    let mut outcomes = Vec::new();
    let (mut paths, mut renewals) = (Vec::new(), Vec::new());
    for (path, brought) in batch.files {
        outcomes.push(match &brought {
            Ok(proposal) if proposal.status == ProposalStatus::Unmatched => Outcome::Partial,
            Ok(_) => Outcome::Done,
            Err(failed) => failed.error.outcome(),
        });
        paths.push(path);
        renewals.push(brought.unwrap_or_else(|failed| told(&failed)));
    }
    let landed = landed(&paths, &renewals);
    show(args, batch.start, renewals, output)?;
    Ok(together(&outcomes).and(leave_all(args.remove_download, &landed, output)))
}

/// A file that was not brought, as a machine reads it.
fn told(failed: &Failed) -> Proposal {
    let status = match failed.error.outcome() {
        Outcome::Refused => ProposalStatus::Refused,
        _ => ProposalStatus::Failed,
    };
    let mut reasons = match &failed.error {
        CliError::Download(
            DownloadError::Refused { reasons, .. }
            | DownloadError::Draft(DraftError::Invalid(reasons)),
        ) => reasons.clone(),
        error => vec![sentence(error)],
    };
    reasons.extend(failed.error.hints().into_iter().map(|hint| format!("next: {hint}")));
    Proposal { status, reasons, ..failed.about.clone() }
}

fn show(
    args: &Args,
    start: Start,
    renewals: Vec<Proposal>,
    output: &Output,
) -> Result<(), CliError> {
    let format_version = RENEW_FORMAT_VERSION.to_owned();
    let renewals =
        Renewals { format_version, base: start.name, base_commit: start.commit, renewals };
    args.format.write(&Shown::Brought(renewals), output)
}

/// The files that a branch or the base has now. The same file under a second name is among them
/// where the first one is.
fn landed<'a>(paths: &'a [PathBuf], renewals: &[Proposal]) -> Vec<(&'a PathBuf, Sha256)> {
    let has_it = |one: &&Proposal| match one.status {
        ProposalStatus::Proposed | ProposalStatus::Merged => true,
        ProposalStatus::Exists => one.branch.is_some(),
        ProposalStatus::Refused | ProposalStatus::Unmatched | ProposalStatus::Failed => false,
    };
    let there: BTreeSet<Sha256> =
        renewals.iter().filter(has_it).filter_map(|one| one.sha256).collect();
    let all = paths.iter().zip(renewals);
    all.filter(|(_, one)| has_it(one) || one.status == ProposalStatus::Exists)
        .filter_map(|(path, one)| Some((path, one.sha256?)))
        .filter(|(_, sha256)| there.contains(sha256))
        .collect()
}

/// Deletes what landed where that was asked for, else says what to do with it.
fn leave_all(remove: bool, landed: &[(&PathBuf, Sha256)], output: &Output) -> Outcome {
    if !remove && landed.len() > 1 {
        output.note(&format!(
            "{} are no longer needed: delete them (--remove-download does)",
            plural(landed.len(), "file")
        ));
        return Outcome::Done;
    }
    let mut outcome = Outcome::Done;
    for (path, sha256) in landed {
        if let Err(error) = leave(Some(path), *sha256, remove, output) {
            output.note(&format!("warning: {error}"));
            outcome = Outcome::Error;
        }
    }
    outcome
}

/// 8 only where no file got past the sign-in; a tenant's failure is 3 beside others.
fn together(outcomes: &[Outcome]) -> Outcome {
    let all = !outcomes.is_empty() && outcomes.iter().all(|one| *one == Outcome::SignIn);
    let of_one = |outcome: Outcome| match outcome {
        Outcome::SignIn if !all => Outcome::Partial,
        other => other,
    };
    outcomes.iter().fold(Outcome::Done, |sum, one| sum.and(of_one(*one)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sign_in_counts_for_all_only_where_all_failed() {
        use Outcome as O;
        for (all, is) in [
            (&[][..], O::Done),
            (&[O::Done, O::Done], O::Done),
            (&[O::SignIn, O::SignIn], O::SignIn),
            (&[O::SignIn, O::Done], O::Partial),
            (&[O::Partial, O::Refused, O::Done], O::Partial),
        ] {
            assert_eq!(together(all), is, "{all:?}");
        }
    }
}
