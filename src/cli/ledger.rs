use clap::Subcommand;

use super::base::Reach;
use super::error::CliError;
use super::global::{Context, Format};
use super::output::Output;
use super::session;
use crate::ledger::{self, Filter, Ledger, Verdict};
use crate::model::Outcome;
use crate::report::json;

/// Show the record of what was sent and seen, or verify that it is whole
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every entry, oldest first
    Show {
        /// Only this tenant: its name or its id
        tenant: Option<String>,
        /// How to show it
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
    /// Check every chain, and that no commit changed what was written before
    ///
    /// Ends with 7 if the record was edited.
    Verify {
        /// How to show it
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let branch = session::ledger_branch(context, Reach::Remote, output)?;
    let ledger = Ledger::open(&context.repo, &branch)?;
    match &args.command {
        Command::Show { tenant, format } => {
            let view = ledger.read()?;
            let report = ledger::show(&view, &Filter { tenant: tenant.clone() });
            output.result(&match format {
                Format::Human => ledger::show_text(&report),
                Format::Json => json(&report)?,
            })?;
            Ok(Outcome::Done)
        }
        Command::Verify { format } => {
            let report = ledger::verify(&ledger)?;
            output.result(&match format {
                Format::Human => ledger::verify_text(&report),
                Format::Json => json(&report)?,
            })?;
            Ok(match report.verdict {
                Verdict::Ok => Outcome::Done,
                Verdict::Broken => Outcome::Untrusted,
            })
        }
    }
}
