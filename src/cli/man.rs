#![expect(clippy::disallowed_methods, reason = "cli writes the manual pages where it is told to")]

use std::path::PathBuf;

use clap::CommandFactory as _;

use super::Cli;
use super::error::CliError;
use super::output::Output;
use applecart_core::model::Outcome;

/// Write a manual page for every command into a folder
///
/// For packagers, and for `man applecart-status` on a machine of one's own. The pages are the same
/// in every run.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart man ~/.local/share/man/man1
  applecart man ./man1 && man -l ./man1/applecart-plan.1")]
pub(super) struct Args {
    /// The folder; made where it is missing
    dir: PathBuf,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let failed = CliError::file(&args.dir, "write");
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &args.dir)
        .map_err(failed)?;
    output.note(&format!("the manual pages are in {}", args.dir.display()));
    Ok(Outcome::Done)
}
