use clap::ValueEnum;

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use crate::app::trust;
use applecart_core::fleet::{self, ValidateReport};
use applecart_core::model::Outcome;
use applecart_core::report::{AnnotationFormat, annotate, json, of_diagnostics, plural};
use applecart_io::git::Repo;

/// Check everything that can be checked offline, and show all mistakes at once
///
/// Reads the fleet from Git objects at --rev, or the uncommitted files with --worktree. Needs no
/// key and contacts nothing. Ends with 78 if there is any mistake. The formats github and azure
/// put each mistake beside its line of a pull request; gitlab (Code Quality) and sarif are files
/// for a pipeline to hand over.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart validate
  applecart validate --worktree
  applecart validate --rev HEAD~1 --format json
  applecart validate --format github
  applecart validate --format sarif > applecart.sarif")]
pub(super) struct Args {
    /// Check the files as they lie in the worktree, committed or not
    #[arg(long)]
    worktree: bool,
    /// How to show the mistakes
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Github,
    Azure,
    Gitlab,
    Sarif,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let repo = Repo::discover(&context.repo)?;
    let source =
        if args.worktree { repo.worktree_snapshot()? } else { repo.snapshot(&context.rev)? };
    let mut loaded = fleet::load(&source);
    if let Some(policy) = &loaded.policy {
        loaded.diagnostics.extend(trust::mistakes(&repo, source.rev.as_deref(), policy)?);
        loaded.diagnostics.sort();
    }
    let report = ValidateReport::new(&loaded);
    let summary = format!(
        "{}: {}, {}",
        plural(report.summary.tenants, "tenant"),
        plural(report.summary.errors, "error"),
        plural(report.summary.warnings, "warning")
    );
    let remarks = |format| annotate(format, &of_diagnostics(&report.diagnostics), &summary);
    output.result(&match args.format {
        Format::Json => json(&report)?,
        Format::Human => format!("{}{summary}\n", fleet::render_all(&report.diagnostics)),
        Format::Github => remarks(AnnotationFormat::Github)?,
        Format::Azure => remarks(AnnotationFormat::Azure)?,
        Format::Gitlab => remarks(AnnotationFormat::Gitlab)?,
        Format::Sarif => remarks(AnnotationFormat::Sarif)?,
    })?;
    Ok(if report.summary.errors > 0 { Outcome::InvalidFleet } else { Outcome::Done })
}
