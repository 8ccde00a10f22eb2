use super::error::CliError;
use super::global::{Context, Format};
use super::output::Output;
use crate::fleet::{self, ValidateReport};
use crate::git::Repo;
use crate::model::Outcome;
use crate::report::{json, plural};

/// Check everything that can be checked offline, and show all mistakes at once
///
/// Reads the fleet from Git objects at --rev, or the uncommitted files with --worktree. Needs no
/// key and contacts nothing. Ends with 78 if there is any mistake.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Check the files as they lie in the worktree, committed or not
    #[arg(long)]
    worktree: bool,
    /// How to show the mistakes
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let source =
        if args.worktree { repo.worktree_snapshot()? } else { repo.snapshot(&context.rev)? };
    let loaded = fleet::load(&source);
    let report = ValidateReport::new(&loaded);
    match args.format {
        Format::Json => output.result(&json(&report)?)?,
        Format::Human => {
            let mut text = fleet::render_all(&report.diagnostics);
            text.push_str(&format!(
                "{}: {}, {}\n",
                plural(report.summary.tenants, "tenant"),
                plural(report.summary.errors, "error"),
                plural(report.summary.warnings, "warning")
            ));
            output.result(&text)?;
        }
    }
    Ok(if report.summary.errors > 0 { Outcome::InvalidFleet } else { Outcome::Done })
}
