mod batch;
mod ground;
mod matching;
mod open;
mod propose;
mod request;
mod wording;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::download;
use super::error::CliError;
use super::global::Context;
use super::inspect::KindName;
use super::output::Output;
use super::plan::Selected;
use applecart_core::model::{Kind, Outcome, Timestamp};
use applecart_core::report::{self, Proposal, RENEW_FORMAT_VERSION, Renewals};
use ground::Ground;
use propose::{Bench, Wish};

/// Open a renewal, or bring the file that Apple handed out as a pull request
///
/// Without a file: the sheet for the person who renews: which Apple Account, what to press and what
/// never, where, by when, and the command to run then. For a push certificate it reads Intune's
/// signing request (which needs the write role), records it in the ledger, and saves it as the file
/// that Apple's portal takes; while that renewal is open, the same request is handed out again.
///
/// With --file: holds the download against live Intune as a renewal (same topic, key of the
/// request, later expiry, same organisation, Intune's own key), seals it, and commits it with its
/// facts to a branch of its own, renew/TENANT/TOKEN-DATE, from the base. The worktree and the index
/// are not touched. --push pushes the branch. The text of the pull request is printed.
///
/// With --batch: the same for every file of a folder, each matched by its content. Exit code 4
/// means that a file was refused, 3 that one could not be checked or matched.
#[derive(clap::Args, Debug)]
#[command(
    group = clap::ArgGroup::new("download").args(["file", "batch"]),
    after_help = "Examples:
  applecart renew contoso/push
  applecart renew --due 60d --format markdown
  applecart renew contoso/push --file ~/Downloads/MDM_*_Certificate.pem --push
  applecart renew --batch ~/Downloads/renewed --push --remove-download"
)]
pub(super) struct Args {
    /// The tenant, and which of its tokens where there are several: `push`, a name or an id
    #[arg(value_name = "TENANT[/TOKEN]", required_unless_present_any = ["due", "batch"])]
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
    #[command(flatten)]
    selected: Selected,
    /// Push the branch; Git asks for credentials as always
    #[arg(long, requires = "download")]
    push: bool,
    /// Delete FILE, or each file of DIR, once a branch has it (with --push, once the remote has that)
    #[arg(long, requires = "download")]
    remove_download: bool,
    /// Read a signing request from Intune although a renewal is open
    #[arg(long, conflicts_with_all = ["file", "batch"])]
    new_csr: bool,
    /// Only the sheets: read no signing request, so that read permissions suffice and nothing is
    /// recorded
    #[arg(long, conflicts_with_all = ["file", "batch", "new_csr"])]
    no_csr: bool,
    /// Where the signing requests are saved; made where it does not exist
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Refuse any other kind of file
    #[arg(long, value_name = "KIND", value_enum, requires = "file")]
    kind: Option<KindName>,
    /// When an enrollment token was downloaded (RFC 3339), where its name no longer tells
    #[arg(long, value_name = "TIME", requires = "file")]
    downloaded: Option<Timestamp>,
    /// The Apple Account that the file was downloaded with; written as `appleId`
    #[arg(long, value_name = "ACCOUNT", requires = "file")]
    apple_id: Option<String>,
    /// Seal with age although the repository has a .sops.yaml
    #[arg(long, requires = "download")]
    age: bool,
    /// How to show the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Markdown,
    Json,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if args.remove_download && args.file.as_deref() == Some(Path::new("-")) {
        let why = "--remove-download needs a FILE; standard input cannot be deleted";
        return Err(CliError::SealUsage(why.to_owned()));
    }
    let selection = args.selected.selection()?;
    if args.token.is_some() && !selection.is_all() {
        let why = "--select goes with --due and --batch; a token is named by itself";
        return Err(CliError::SealUsage(why.to_owned()));
    }
    if let Some(folder) = &args.batch {
        let ground = Ground::load(context, &selection)?;
        return batch::run(args, folder, &ground, &selection, context, output);
    }
    match (&args.token, &args.file) {
        (Some(token), Some(file)) => {
            let ground = Ground::load(context, &selection)?;
            let (name, wanted) = split(token);
            let wish = Wish {
                file,
                kind: args.kind.map(Kind::from),
                downloaded: args.downloaded,
                apple_id: args.apple_id.clone(),
                tenant: ground.tenant(name)?,
                wanted,
            };
            one(args, &wish, &ground, context, output)
        }
        _ => open::run(args, &selection, context, output),
    }
}

/// The tenant's and the token's part of `contoso/London`.
fn split(token: &str) -> (&str, Option<&str>) {
    match token.split_once('/') {
        Some((name, wanted)) => (name, Some(wanted)),
        None => (token, None),
    }
}

/// One file. A refusal is an error, so that it is read even where nothing else is.
fn one(
    args: &Args,
    wish: &Wish<'_>,
    ground: &Ground,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    if wish.file.is_dir() {
        return Err(CliError::SealUsage(format!(
            "{} is a folder; name the file, or bring every file of it with --batch",
            wish.file.display()
        )));
    }
    let bench = Bench::new(args, ground, context)?;
    let proposal = match bench.propose(wish) {
        Ok(proposal) => proposal,
        Err(failed) => {
            if args.format == Format::Json {
                show(args, ground, vec![failed.told()], output)?;
            } else if let Some(inspection) = &failed.inspection {
                let shown = wish.file.display().to_string();
                output.note(&report::inspection_human(inspection, &shown, output.width()));
            }
            return Err(failed.error);
        }
    };
    let sha256 = proposal.sha256;
    show(args, ground, vec![proposal], output)?;
    match sha256.filter(|_| wish.file != Path::new("-")) {
        Some(sha256) if args.remove_download => download::remove(wish.file, sha256, output)?,
        Some(_) => output.note(&download::left(wish.file)),
        None => {}
    }
    Ok(Outcome::Done)
}

fn show(
    args: &Args,
    ground: &Ground,
    renewals: Vec<Proposal>,
    output: &Output,
) -> Result<(), CliError> {
    let renewals = Renewals {
        format_version: RENEW_FORMAT_VERSION.to_owned(),
        base: ground.base.clone(),
        base_commit: ground.commit.clone(),
        renewals,
    };
    match args.format {
        Format::Human => output.result(&report::renewals_human(&renewals, output.width())),
        Format::Markdown => output.result(&report::renewals_markdown(&renewals)),
        Format::Json => output.json(&renewals),
    }
}
