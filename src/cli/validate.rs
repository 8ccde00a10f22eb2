use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::validate::{self, What};
use applecart_core::fleet::{self, ValidateReport};
use applecart_core::model::Outcome;
use applecart_core::report::{AnnotationFormat, annotate, of_diagnostics, plural};

/// Check everything that can be checked offline, and show all mistakes at once
///
/// Reads the fleet from Git objects at --rev, the uncommitted files with --worktree, or what is
/// staged with --tree. Also finds token files that are not encrypted, and tokens and private keys
/// that lie open in any file. Needs no key and contacts nothing. Ends with 78 if there is any mistake. The formats github and azure
/// place each mistake beside its line of a pull request; gitlab (Code Quality) and sarif are files
/// for a pipeline to upload.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart validate
  applecart validate --worktree
  applecart validate --tree $(git write-tree)
  applecart validate --rev HEAD~1 --format json
  applecart validate --format github
  applecart validate --format sarif > applecart.sarif")]
pub(super) struct Args {
    /// Check the files of the worktree, committed or not
    #[arg(long)]
    worktree: bool,
    /// Check the files of a tree, such as the index: --tree "$(git write-tree)"
    #[arg(long, value_name = "TREE", conflicts_with = "worktree")]
    tree: Option<String>,
    /// How to show the mistakes
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<ValidateReport>,
}

const FORMATS: Formats<ValidateReport> = Formats(&[
    (Format::Human, |report, output| {
        let mistakes = fleet::render_all(&report.diagnostics);
        output.result(&format!("{mistakes}{}\n", summary(report)))
    }),
    (Format::Json, |report, output| output.json(report)),
    (Format::Github, |report, output| remarks(AnnotationFormat::Github, report, output)),
    (Format::Azure, |report, output| remarks(AnnotationFormat::Azure, report, output)),
    (Format::Gitlab, |report, output| remarks(AnnotationFormat::Gitlab, report, output)),
    (Format::Sarif, |report, output| remarks(AnnotationFormat::Sarif, report, output)),
]);

fn summary(report: &ValidateReport) -> String {
    let (tenants, errors, warnings) =
        (report.summary.tenants, report.summary.errors, report.summary.warnings);
    format!(
        "{}: {}, {}",
        plural(tenants, "tenant"),
        plural(errors, "error"),
        plural(warnings, "warning")
    )
}

fn remarks(
    format: AnnotationFormat,
    report: &ValidateReport,
    output: &Output,
) -> Result<(), CliError> {
    output.commands(&annotate(format, &of_diagnostics(&report.diagnostics), &summary(report))?)
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let what = match &args.tree {
        Some(tree) => What::Tree(tree.clone()),
        None if args.worktree => What::Worktree,
        None => What::Commit,
    };
    let report = validate::run(context, &what)?;
    args.format.write(&report, output)?;
    Ok(if report.summary.errors > 0 { Outcome::InvalidFleet } else { Outcome::Done })
}
