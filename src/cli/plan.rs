#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "writes plan files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::Selected;
use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::{self, Context};
use applecart_core::attention::Attention;
use applecart_core::fleet::TokenLines;
use applecart_core::model::Outcome;
use applecart_core::plan::Plan;
use applecart_core::report::{self, AnnotationFormat, PlanOutput};

/// Compare Git with Intune and show what apply would do
///
/// Needs read-only Graph permissions and no key: nothing is opened, nothing is written. Exit code
/// 3 means that some tenants could not be read; with --detailed-exitcode, 2 means that something
/// is due, waits to be tried again, is held, or needs attention critically. The formats github, azure, gitlab and sarif place
/// everything that needs attention beside the token's line of the tenant file.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart plan
  applecart plan --select ring=pilot --format markdown
  applecart plan --base origin/main --format markdown
  applecart plan --format github
  applecart plan --out plan.json && applecart apply plan.json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// Only the tenants that this branch touches: whose folder differs from where it left REV
    #[arg(long, value_name = "REV", conflicts_with = "worktree")]
    base: Option<String>,
    /// Plan the files of the worktree, committed or not; such a plan cannot be applied
    #[arg(long)]
    worktree: bool,
    /// Take Intune's state of one tenant from this snapshot, and contact nothing
    #[arg(long, alias = "live", value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Also write the plan to this file: as JSON, for `apply`, or as Markdown if the name ends with
    /// .md; repeat for both
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
    /// How to show the plan
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
    /// Markdown of at most this many bytes, cut at whole rows; 0 for no limit. GitHub takes comments
    /// of 65,536 characters, Azure DevOps of 150,000
    #[arg(long, value_name = "BYTES", default_value = "60000")]
    max_size: usize,
    /// End with 2 when something is due, waits to be tried again, is held (except by `suspend`), or
    /// needs attention critically
    #[arg(long)]
    detailed_exitcode: bool,
}

/// A plan as it is shown.
struct Shown {
    plan: Plan,
    attention: Attention,
    /// The most bytes of Markdown.
    max_size: usize,
    /// Where the tenant files speak of each token; read only for remarks beside lines.
    lines: BTreeMap<String, TokenLines>,
    /// How the command ends.
    exits: Vec<u8>,
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        let (plan, attention) = (&shown.plan, &shown.attention);
        output.result(&report::plan_human(plan, attention, output.verbose, output.width()))
    }),
    (Format::Json, |shown, output| output.json(&shown.whole())),
    (Format::Markdown, |shown, output| output.result(&shown.markdown())),
    (Format::Github, |shown, output| shown.remarks(AnnotationFormat::Github, output)),
    (Format::Azure, |shown, output| shown.remarks(AnnotationFormat::Azure, output)),
    (Format::Gitlab, |shown, output| shown.remarks(AnnotationFormat::Gitlab, output)),
    (Format::Sarif, |shown, output| shown.remarks(AnnotationFormat::Sarif, output)),
]);

impl Shown {
    fn markdown(&self) -> String {
        report::plan_markdown(&self.plan, &self.attention, self.max_size)
    }

    fn whole(&self) -> PlanOutput<'_> {
        PlanOutput { plan: &self.plan, attention: &self.attention.matters, exits: &self.exits }
    }

    fn remarks(&self, format: AnnotationFormat, output: &Output) -> Result<(), CliError> {
        let remarks = report::of_attention(&self.attention.matters, &self.lines);
        let summary = report::plan_summary(&self.plan, &self.attention);
        output.commands(&report::annotate(format, &remarks, &summary)?)
    }

    fn write_file(&self, path: &Path) -> Result<(), CliError> {
        let written = match path.extension() {
            Some(extension) if extension == "md" => {
                std::fs::write(path, report::without_commands(&self.markdown()).as_bytes())
            }
            _ => std::fs::File::create(path)
                .and_then(|file| report::write_json(&self.whole(), std::io::BufWriter::new(file))),
        };
        written.map_err(CliError::file(path, "write"))
    }
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let context = &context.clone().based_on(args.base.as_deref());
    let options = app::plan::Options {
        selection: args.selected.selection()?,
        base: args.base,
        worktree: args.worktree,
        snapshot: args.snapshot,
    };
    let compared = app::plan::run(context, options)?;
    let observed = compared.observed();
    let lines =
        if args.format.format.is_annotation() { compared.token_lines()? } else { BTreeMap::new() };
    let max_size = if args.max_size == 0 { usize::MAX } else { args.max_size };
    let (plan, attention) = (compared.plan, compared.attention);
    let is_due = args.detailed_exitcode && (plan.has_open_changes() || attention.is_critical());
    let due = if is_due { Outcome::Changes } else { Outcome::Done };
    let exits = Outcome::exits([observed, due]);
    let shown = Shown { plan, attention, max_size, lines, exits };
    for path in &args.out {
        shown.write_file(path)?;
    }
    args.format.write(&shown, output)?;
    Ok(observed.and(due))
}
