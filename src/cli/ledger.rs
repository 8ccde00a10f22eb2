use std::path::PathBuf;

use clap::Subcommand;

use super::complete;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::ledger::{self, Appended, Created};
use applecart_core::ledger::{ShowReport, Verdict, VerifyReport, show_text, verify_text};
use applecart_core::model::Outcome;
use applecart_core::report::escape;
use applecart_io::store::Joined;

const SHOW: Formats<ShowReport> = Formats(&[
    (Format::Human, |report, output| {
        let width = output.is_terminal().then(|| output.width());
        output.result(&show_text(report, width))
    }),
    (Format::Json, |report, output| output.json(report)),
]);

const VERIFY: Formats<VerifyReport> = Formats(&[
    (Format::Human, |report, output| output.result(&verify_text(report))),
    (Format::Json, |report, output| output.json(report)),
]);

/// Show the record of uploads, verify that it is whole, or add to it
///
/// Where the repository has a remote, the ledger is the remote's: it is fetched first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart ledger show contoso
  applecart ledger verify
  applecart ledger append applecart-unpushed-….json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every entry, oldest first
    #[command(after_help = "Examples:
  applecart ledger show
  applecart ledger show contoso --format json
  applecart ledger show --offline")]
    Show {
        /// Only this tenant: its name or its id
        #[arg(add = complete::tenant())]
        tenant: Option<String>,
        /// Contact nothing: show what this clone has seen and recorded
        #[arg(long)]
        offline: bool,
        /// How to show it
        #[arg(short = 'o', long, value_parser = SHOW, default_value = "human")]
        format: Chosen<ShowReport>,
    },
    /// Check every chain, and that no commit changed what was written before
    ///
    /// Where the policy asks for a signed ledger, also checks that one of its signers signed every
    /// commit. Ends with 7 if the record was edited, is missing where it was seen before, or has a
    /// commit without a valid signature.
    #[command(after_help = "Examples:
  applecart ledger verify
  applecart ledger verify --offline --format json")]
    Verify {
        /// Contact nothing: check what this clone has
        #[arg(long)]
        offline: bool,
        /// How to show it
        #[arg(short = 'o', long, value_parser = VERIFY, default_value = "human")]
        format: Chosen<VerifyReport>,
    },
    /// Record entries that a run saved in a file because it could not push them
    ///
    /// Entries that the ledger already has are left out, so a file can be appended twice. Once the
    /// entries are pushed, the file is not needed any more.
    #[command(
        arg_required_else_help = true,
        after_help = "Examples:
  applecart ledger append applecart-unpushed-….json
  applecart ledger append --publish"
    )]
    Append {
        /// The file that the run named
        #[arg(value_name = "FILE", required_unless_present = "publish")]
        file: Option<PathBuf>,
        /// First push a ledger that only this clone has, because it is older than the remote
        #[arg(long)]
        publish: bool,
    },
    /// Begin the ledger, and write its first commit into applecart.yaml
    ///
    /// Begins the notes as well, and writes down their first commit.
    ///
    /// The remote is asked first: a ledger that it has is kept, and only its first commit is written
    /// down. From then on a ledger that cannot be found is lost, never empty, and nothing is
    /// uploaded until it is back; without the notes no push certificate is.
    #[command(after_help = "Examples:
  applecart ledger create
  applecart ledger create --replace 'the repository was copied from a template'")]
    Create {
        /// Begin a new ledger in place of one that no clone has any more; what was uploaded before is
        /// then unknown, so no file counts as uploaded
        #[arg(long, value_name = "REASON")]
        replace: Option<String>,
        /// Begin new notes in place of ones that no clone has any more; what people recorded before
        /// is then unknown
        #[arg(long, value_name = "REASON")]
        replace_notes: Option<String>,
    },
    /// Take another ledger into this one
    ///
    /// Files of tenants that this ledger lacks are copied verbatim, and lines that were cut off a
    /// file come back. Other lines are kept as text: they are on record and decide nothing. Nothing
    /// is rewritten.
    #[command(after_help = "Bring the other ledger here first:
  git fetch ../other-fleet applecart/ledger:refs/other/ledger

Examples:
  applecart ledger join refs/other/ledger")]
    Join {
        /// The other ledger: a branch, another reference or a commit of this repository
        #[arg(value_name = "REF")]
        rev: String,
        /// Take notes into the notes: what people recorded, such as from before somebody took it away
        #[arg(long)]
        notes: bool,
    },
}

impl Args {
    /// Whether it only looks at the record.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(self.command, Command::Show { .. } | Command::Verify { .. })
    }
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    match args.command {
        Command::Show { tenant, offline, format } => {
            let report = ledger::show(context, tenant, offline)?;
            format.write(&report, output)?;
            let is_whole = report.broken.is_empty() && report.lost_notes.is_none();
            Ok(if is_whole { Outcome::Done } else { Outcome::Partial })
        }
        Command::Verify { offline, format } => {
            let report = ledger::verify(context, offline)?;
            format.write(&report, output)?;
            Ok(match report.verdict {
                Verdict::Ok => Outcome::Done,
                Verdict::Broken => Outcome::Untrusted,
            })
        }
        Command::Create { replace, replace_notes } => {
            let created = ledger::create(context, replace.as_deref(), replace_notes.as_deref())?;
            output.result(&begun(&created))?;
            Ok(Outcome::Done)
        }
        Command::Join { rev, notes } => {
            let join = if notes { ledger::join_notes } else { ledger::join };
            let Joined { copied, restored, kept, head } = join(context, &rev)?;
            let head = head.unwrap_or_else(|| "none".to_owned());
            let (what, how) = if notes { ("notes", "") } else { ("ledger", " as text") };
            output.result(&format!(
                "{copied} tenants copied, {restored} with their last lines back, {kept} other lines kept{how}.\n{what} {head}\n"
            ))?;
            Ok(Outcome::Done)
        }
        Command::Append { file, publish } => {
            let written = ledger::append(context, publish, file)?;
            if let Some(published) = &written.published {
                output.result(&match published {
                    Some(tip) => format!("The ledger is published (at {tip}).\n"),
                    None => "There is no ledger yet, so there is nothing to publish.\n".to_owned(),
                })?;
            }
            let Some(appended) = &written.appended else { return Ok(Outcome::Done) };
            output.result(&told(appended))?;
            let whole = appended.refused.is_empty();
            Ok(if whole { Outcome::Done } else { Outcome::Partial })
        }
    }
}

/// What the ledger begins with, and what to do now.
fn begun(created: &Created) -> String {
    let Created { begun, branch, notes, remote, written } = created;
    let place = match remote {
        Some(remote) => format!("{branch} at {remote}"),
        None => format!("{branch} in this clone"),
    };
    let was = if begun.existed { "is there already and begins" } else { "begins" };
    let mut text = format!("The ledger {place} {was} with {}.\n", begun.genesis);
    if *written {
        text.push_str(
            "applecart.yaml names it now. Commit that, and have it reviewed and merged:\n",
        );
        text.push_str("  git commit -m 'Name the ledger' applecart.yaml\n");
    } else {
        text.push_str("applecart.yaml names it already.\n");
    }
    if remote.is_none() {
        text.push_str("Once there is a remote, push both branches:\n");
        text.push_str(&format!("  git push origin {branch} {notes}\n"));
    }
    text
}

/// What was recorded, and what to do with the file.
fn told(appended: &Appended) -> String {
    let Appended { entries, delivered, refused, .. } = appended;
    let place = match &appended.remote {
        Some(remote) => format!("at {remote}"),
        None => "in this clone".to_owned(),
    };
    let mut text = format!(
        "{} of {entries} entries recorded, {} were there already; the ledger {place} has them all{}.\n",
        delivered.recorded,
        delivered.known,
        if refused.is_empty() { "" } else { " except those below" },
    );
    for error in refused {
        text.push_str(&format!("not recorded: {}\n", escape(&error.sentence())));
    }
    let file = appended.file.display();
    text.push_str(&if refused.is_empty() {
        format!("You can delete {file}.\n")
    } else {
        format!(
            "Keep {file}. Once that is fixed, run this again:\n  applecart ledger append {file}\n"
        )
    });
    text
}
