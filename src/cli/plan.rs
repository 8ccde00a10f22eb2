#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "cli reads snapshots and writes plan files"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use crate::app::Reach;
use crate::app::session::{self, Intune, Loaded, Made, Tree, Wanted, Which};
use crate::app::trust;
use applecart_core::fleet::{self, FileBytes, TokenLines};
use applecart_core::model::{LiveTenant, Outcome, TenantName};
use applecart_core::plan::{self, Plan, Selection, Source, Touched};
use applecart_core::report::{self, AnnotationFormat, PlanOutput};
use applecart_io::git::Repo;
use applecart_io::intune;

/// Compare Git with live Intune and show what apply would do
///
/// Needs read-only Graph permissions and no key: nothing is opened, nothing is written. Exit code
/// 3 means that some tenants could not be read; with --detailed-exitcode, 2 means that something
/// is due, held, or needs attention critically. The formats github, azure, gitlab and sarif remark
/// urgent uploads, holds and what could not be observed beside the token's line of the tenant file.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart plan
  applecart plan --select ring=pilot --format markdown
  applecart plan --base origin/main --format markdown
  applecart plan --format github
  applecart plan --out plan.json && applecart apply plan.json")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) selected: Selected,
    /// Only the tenants that this branch touches: whose folder differs from where it left REV
    #[arg(long, value_name = "REV", conflicts_with = "worktree")]
    base: Option<String>,
    /// Plan the files as they lie in the worktree; such a plan cannot be applied
    #[arg(long)]
    worktree: bool,
    /// Take live state from this snapshot of one tenant instead of Graph
    #[arg(long, value_name = "SNAPSHOT")]
    live: Option<PathBuf>,
    /// Also write the plan to this file: as JSON, for `apply`, or as Markdown where the name ends with
    /// .md; repeat for both
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
    /// How to show the plan
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Markdown of at most this many bytes, cut at whole rows; 0 for no limit. GitHub takes comments
    /// of 65,536 characters, Azure DevOps of 150,000
    #[arg(long, value_name = "BYTES", default_value = "60000")]
    max_size: usize,
    /// End with 2 when something is due, held, or needs attention critically
    #[arg(long)]
    detailed_exitcode: bool,
}

impl Args {
    /// What `--select` names, of that what the branch touches.
    fn selection(&self, context: &Context) -> Result<Selection, CliError> {
        let selection = self.selected.selection()?;
        let Some(base) = &self.base else { return Ok(selection) };
        let repo = Repo::discover(&context.repo)?;
        let (since, tenants) = repo.touched(&context.rev, base)?;
        Ok(selection.within(Touched { base: base.clone(), since, tenants }))
    }
}

/// Which tenants a command is about.
#[derive(clap::Args, Debug)]
pub(super) struct Selected {
    /// Only these tenants: a name (`contoso`, `con*`), `tenantId=…` or labels
    /// (`ring=pilot,region!=emea`); repeat to add more
    #[arg(long, value_name = "EXPR")]
    select: Vec<String>,
}

impl Selected {
    pub(super) fn selection(&self) -> Result<Selection, CliError> {
        Ok(Selection::parse(&self.select)?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Markdown,
    Github,
    Azure,
    Gitlab,
    Sarif,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let selection = args.selection(context)?;
    let offline = args.live.is_some();
    let wanted = Wanted {
        tree: if args.worktree { Tree::Worktree } else { Tree::Commit },
        reach: if offline { Reach::Clone } else { Reach::Remote },
        which: if offline { Which::Offline } else { Which::Shared },
        reading: true,
    };
    let intune = |loaded: &Loaded| match &args.live {
        Some(path) => Ok(Intune::Read(snapshot(path, loaded, &selection)?, Source::Snapshot)),
        None => Ok(Intune::Graph(session::connector(context)?)),
    };
    let mut made = session::plan(context, &selection, &wanted, intune)?;
    made.planned.plan.refusal = trust::refusal(&made.loaded);
    let attention = &made.attention();
    let Made { loaded, planned, .. } = made;
    let plan = &planned.plan;
    let whole = PlanOutput { plan, attention: &attention.matters };

    let markdown = || {
        let limit = if args.max_size == 0 { usize::MAX } else { args.max_size };
        report::plan_markdown(plan, attention, limit)
    };
    for path in &args.out {
        let written = match path.extension() {
            Some(extension) if extension == "md" => std::fs::write(path, markdown()),
            _ => std::fs::File::create(path)
                .and_then(|file| report::write_json(&whole, std::io::BufWriter::new(file))),
        };
        written.map_err(|source| CliError::File { path: path.clone(), doing: "write", source })?;
    }
    let remarks = |format| -> Result<String, CliError> {
        let lines = token_lines(args, context, &loaded)?;
        let summary = report::plan_summary(plan, attention);
        Ok(report::annotate(format, &report::of_plan(plan, &lines), &summary)?)
    };
    match args.format {
        Format::Human => {
            let (all, width) = (output.verbose, output.width());
            output.result(&report::plan_human(plan, attention, all, width))?;
        }
        Format::Json => output.json(&whole)?,
        Format::Markdown => output.result(&markdown())?,
        Format::Github => output.result(&remarks(AnnotationFormat::Github)?)?,
        Format::Azure => output.result(&remarks(AnnotationFormat::Azure)?)?,
        Format::Gitlab => output.result(&remarks(AnnotationFormat::Gitlab)?)?,
        Format::Sarif => output.result(&remarks(AnnotationFormat::Sarif)?)?,
    }
    let changes = args.detailed_exitcode && (plan.has_changes() || attention.is_critical());
    Ok(session::observed(plan).and(if changes { Outcome::Changes } else { Outcome::Done }))
}

/// Where each tenant's file speaks of its tokens, in the files that were planned.
fn token_lines(
    args: &Args,
    context: &Context,
    loaded: &Loaded,
) -> Result<BTreeMap<String, TokenLines>, CliError> {
    let source = match (&loaded.rev, args.worktree) {
        (Some(rev), false) => loaded.repo.snapshot(rev)?,
        (None, false) => loaded.repo.snapshot(&context.rev)?,
        (_, true) => loaded.repo.worktree_snapshot()?,
    };
    let lines = source.tenants.iter().filter_map(|folder| match &folder.tenant_file {
        Some(FileBytes::Read(bytes)) => {
            Some((folder.name.clone(), fleet::token_lines(&folder.name, bytes)))
        }
        _ => None,
    });
    Ok(lines.collect())
}

/// One tenant's live state from a file.
fn snapshot(
    path: &Path,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<BTreeMap<TenantName, LiveTenant>, CliError> {
    let names: Vec<TenantName> =
        session::selected(&loaded.fleet, selection).map(|tenant| tenant.name.clone()).collect();
    let [name] = names.as_slice() else {
        return Err(CliError::SnapshotSelection { selected: names.len() });
    };
    let bytes = std::fs::read(path).map_err(|source| CliError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    let live = intune::parse_snapshot(&bytes)
        .map_err(|source| CliError::Snapshot { path: path.to_owned(), source })?;
    Ok([(name.clone(), live)].into())
}

/// Reads a plan file that `plan --out` wrote.
pub(super) fn read_file(path: &Path) -> Result<Plan, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    let wrong = |why: String| CliError::PlanFile { path: path.to_owned(), why };
    let plan: Plan = serde_json::from_str(&text).map_err(|error| {
        wrong(format!(
            "line {}, column {}: not a plan of this program",
            error.line(),
            error.column()
        ))
    })?;
    let major = plan.format_version.split('.').next();
    if major != plan::FORMAT_VERSION.split('.').next() {
        return Err(wrong(format!(
            "it has format {}, this program reads {}",
            plan.format_version,
            plan::FORMAT_VERSION
        )));
    }
    if !plan.is_intact() {
        return Err(wrong(
            "its digest is not that of its content: it was edited or damaged".to_owned(),
        ));
    }
    if plan.rev.is_none() {
        return Err(wrong("it was made from the worktree; plan the commit".to_owned()));
    }
    Ok(plan)
}
