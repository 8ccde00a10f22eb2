//! The steps of a fleet's pipelines, without a shell: the same on every host and system.
//!
//! `pull-request` is not among the commands that the design names. It is here because a check, an audit
//! and a plan of one commit are one step: split, each pipeline would need a shell again to decide which
//! exit code counts and what the comment says where there is no plan.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "writes the files that a pipeline keeps"
)]

mod apply;
mod schedule;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::error::CliError;
use super::output::Output;
use super::step;
use crate::app::Context;
use crate::app::ci::{self, CiError, Commented, IssueOptions, MAX_NEW};
use crate::app::files::link_on_the_way;
use applecart_core::fleet::Forge;
use applecart_core::model::{Outcome, Sha256};
use applecart_core::report::{escape, plural};

/// Do what a pipeline does: check a pull request, comment its plan, look every morning, apply
///
/// The host, the pull request and its target branch are read from the environment of the job, and so
/// are tokens: no argument holds one. What a step writes is in applecart-out/, for the host to keep.
/// Every step ends with the exit code of the commands that it is made of.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart ci pull-request
  applecart ci comment
  applecart ci schedule --due 60d --fail-within 14d
  applecart ci issues
  applecart ci apply")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Check a pull request, and plan the tenants that it touches
    ///
    /// `validate`, `audit` of the branch's commits, and `plan` against where it left the target
    /// branch; needs no key and no permission to write. Remarks go to the host: to the log, on GitLab
    /// to gl-code-quality-report.json. Leaves plan.json and plan.md, which says that there is no plan
    /// where it failed. Of a fork only the files are checked: a stranger's pull request gets no access
    /// to any tenant, and one of which the host says nothing counts as a stranger's.
    #[command(after_help = "Examples:
  applecart ci pull-request
  applecart ci pull-request --target main --own")]
    PullRequest(PullRequestArgs),
    /// Write the plan into the pull request's one comment of the pipeline's own
    ///
    /// It is found by its marker, and rewritten by each run. Another person's is never touched. Needs
    /// GITHUB_TOKEN (`pull-requests: write`), GITLAB_TOKEN (a project access token, scope api, role
    /// Reporter) or SYSTEM_ACCESSTOKEN. On GitHub with a token of another app than Actions,
    /// COMMENT_AUTHOR names its login, such as `name[bot]`. Nothing is written for a fork, a merge
    /// queue, and where there is no plan.
    #[command(after_help = "Examples:
  applecart ci comment
  applecart ci comment --host gitlab applecart-out/plan.md")]
    Comment {
        /// The Markdown file, which begins with a marker
        #[arg(default_value = "applecart-out/plan.md")]
        file: PathBuf,
        #[command(flatten)]
        host: HostArgs,
    },
    /// What a morning needs to know: what expires, what is due, what differs from Git
    ///
    /// `status`, `renew --due`, `plan` and `audit`; needs no key and no permission to write. Leaves
    /// status.md, renewals.md, renewals.json (for `ci issues`), plan.md, plan.json and audit.txt, and
    /// shows them in the summary that the host has. Ends with 7 when the audit finds something, with 3
    /// when a tenant could not be read, with 9 when something expires within --fail-within, with 2 when
    /// Intune differs from Git.
    #[command(after_help = "Examples:
  applecart ci schedule
  applecart ci schedule --due 90d --fail-within 30d")]
    Schedule(schedule::Args),
    /// Open an issue for what a tenant has due, once, and close what is done
    ///
    /// One for each tenant with its renewal sheets, at most 20 new ones in a run, the most urgent
    /// first; the rest is counted and comes with the next runs. It is closed when a reading shows that
    /// nothing of it is due any more; on Azure, where it is a work item, it never is. One that a person
    /// closed stays closed. Needs the token of `ci comment`, with the right to write issues. Ends with
    /// 64 where there is no list, because `ci schedule` could not make it: who has nothing due has an
    /// empty one.
    #[command(after_help = "Examples:
  applecart ci issues
  applecart ci issues --work-item-type 'Product Backlog Item'")]
    Issues {
        /// What `ci schedule` wrote
        #[arg(default_value = "applecart-out/renewals.json")]
        file: PathBuf,
        #[command(flatten)]
        host: HostArgs,
        /// Azure DevOps: a type of the project's process
        #[arg(long, value_name = "TYPE", default_value = "Task")]
        work_item_type: String,
    },
    /// Upload what the merged commit asks for, and keep what it did
    ///
    /// `apply`, with what it says also in apply.txt and in the summary that the host has, and entries
    /// that could not be pushed beside it. Where everything that is due is in progress elsewhere, it
    /// waits until the other run's time is over and asks once more: a run that died must not look done.
    #[command(after_help = "Examples:
  applecart ci apply
  applecart ci apply -- --select ring=pilot")]
    Apply(apply::Args),
    /// Tell which program this is, and whether it is the one that was installed
    ///
    /// Compares the program's own SHA-256 with APPLECART_SHA256, or with --sha256, and ends with 7
    /// where it differs: another job or step has replaced it. Without a digest nothing was compared: it
    /// says so and ends with 64. What has to be safe before the program is run for the first time is the
    /// install step's to check.
    #[command(after_help = "Examples:
  applecart ci install-check
  applecart ci install-check --sha256 9f2c…")]
    InstallCheck {
        /// The SHA-256 that it has to have
        #[arg(long, value_name = "DIGEST")]
        sha256: Option<Sha256>,
    },
}

#[derive(clap::Args, Debug)]
struct PullRequestArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The branch that it is to be merged into, where the host does not name it
    #[arg(long, value_name = "BRANCH")]
    target: Option<String>,
    /// It comes from another repository, whatever the host says
    #[arg(long)]
    fork: bool,
    /// It comes from this repository, where no host that is known says so
    #[arg(long, conflicts_with = "fork")]
    own: bool,
    #[command(flatten)]
    kept: Kept,
}

#[derive(clap::Args, Debug)]
struct HostArgs {
    /// Whose pipeline it is, where the environment does not tell
    #[arg(long, value_enum)]
    host: Option<HostName>,
}

/// Where a step leaves what the host keeps.
#[derive(clap::Args, Debug)]
struct Kept {
    /// Where it leaves its files; made where it does not exist
    #[arg(long, value_name = "DIR", default_value = "applecart-out")]
    out: PathBuf,
}

/// A host of repositories and pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum HostName {
    Github,
    Azure,
    Gitlab,
}

impl HostName {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Azure => "azure",
            Self::Gitlab => "gitlab",
        }
    }
}

impl From<HostName> for Forge {
    fn from(name: HostName) -> Self {
        match name {
            HostName::Github => Self::Github,
            HostName::Azure => Self::AzureDevops,
            HostName::Gitlab => Self::Gitlab,
        }
    }
}

impl HostArgs {
    fn forge(&self, context: &Context) -> Result<Forge, CiError> {
        ci::host(&context.environment, self.host.map(Forge::from))
    }
}

impl Args {
    /// Whether it may be left at any moment: what it writes outside is looked for before it is written
    /// again.
    pub(super) fn is_read_only(&self) -> bool {
        !matches!(self.command, Command::Apply(_))
    }
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    match args.command {
        Command::PullRequest(args) => pull_request(&args, context, output),
        Command::Comment { file, host } => comment(&file, host.forge(context)?, context, output),
        Command::Schedule(args) => schedule::run(&args, context, output),
        Command::Issues { file, host, work_item_type } => {
            let forge = host.forge(context)?;
            issues(&IssueOptions { forge, file, work_item_type }, context, output)
        }
        Command::Apply(args) => apply::run(&args, context, output),
        Command::InstallCheck { sha256 } => install_check(sha256, context, output),
    }
}

fn pull_request(
    args: &PullRequestArgs,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let forge = args.host.forge(context).ok();
    let proposed = ci::proposed(&context.environment, forge);
    let target = args.target.clone().or(proposed.target).ok_or(CiError::NoTarget)?;
    // What a host says of itself counts more; one that is only named says nothing.
    let is_own = args.own && ci::host(&context.environment, None).is_err();
    let is_fork = args.fork || (proposed.is_fork && !is_own);
    let report = "gl-code-quality-report.json";
    args.kept.begin(&context.repo, &["plan.json", "plan.md", report])?;
    let plan = args.kept.file("plan.md");
    if !is_fork {
        // Until there is a plan of this commit, the comment must not go on showing an earlier one.
        let commit = ci::commit(context)?;
        write(
            &plan,
            &format!(
                "<!-- applecart:plan -->\n### No Applecart plan at `{commit}`\n\nIts files have mistakes, or it could not be planned: the log of this pipeline says why.\n"
            ),
        )?;
    }
    let target = target.strip_prefix("refs/heads/").unwrap_or(&target);
    // By its full name: anybody who may push a tag could name one like it.
    let base = ci::fetch_target(context, target)?;
    let remarks = remarks(forge, &args.kept, output);
    let valid = step(&["validate", "--format", remarks.0], context, &remarks.1);
    if valid != Outcome::Done {
        return Ok(valid);
    }
    // What one commit of the branch has, the history has for ever, also where the next one removes it.
    let audit = step(&["audit", "--offline", "--base", &base], context, output);
    if is_fork {
        output.note("This comes from a fork: its files are valid, and no tenant was contacted.");
        return Ok(audit);
    }
    let (json, markdown) = (args.kept.text("plan.json"), args.kept.text("plan.md"));
    let words =
        ["plan", "--base", &base, "--out", &json, "--out", &markdown, "--format", remarks.0];
    Ok(audit.and(step(&words, context, &remarks.1)))
}

/// In which format a host takes remarks, and where: GitLab reads them from a file, the others from the
/// log.
fn remarks(forge: Option<Forge>, kept: &Kept, output: &Output) -> (&'static str, Output) {
    match forge {
        Some(Forge::Github) => ("github", output.clone()),
        Some(Forge::AzureDevops) => ("azure", output.clone()),
        Some(Forge::Gitlab) => {
            let report = kept.file("gl-code-quality-report.json");
            ("gitlab", output.with_file(Some(report)))
        }
        None => ("human", output.clone()),
    }
}

fn comment(
    file: &Path,
    forge: Forge,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let told = match ci::comment(context, forge, file)? {
        Commented::Written => "the plan is in its comment".to_owned(),
        Commented::NoPlan => {
            format!("there is no plan to comment: {}", escape(&file.display().to_string()))
        }
        Commented::NoPullRequest => {
            "this is not the pipeline of a pull request: there is nothing to comment on".to_owned()
        }
        Commented::Fork => "this comes from a fork: nothing is commented".to_owned(),
    };
    output.note(&told);
    Ok(Outcome::Done)
}

fn issues(options: &IssueOptions, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let file = escape(&options.file.display().to_string());
    let told = ci::issues(context, options)?;
    output.result(&format!("renewals: {} opened, {} closed\n", told.opened, told.closed))?;
    if let (tenants @ 1.., renewals) = told.waiting {
        output.note(&format!(
            "{} of {} have no issue yet: a run opens at most {MAX_NEW}, and the next runs open theirs, the most urgent first. All of them are in {file}",
            plural(renewals, "renewal"),
            plural(tenants, "tenant"),
        ));
    }
    Ok(Outcome::Done)
}

fn install_check(
    wanted: Option<Sha256>,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let program =
        std::env::current_exe().map_err(CliError::file(Path::new("applecart"), "find"))?;
    let bytes = std::fs::read(&program).map_err(CliError::file(&program, "read"))?;
    let (found, program) = (Sha256::of(&bytes).to_string(), program.display().to_string());
    let named = context.environment.variable("APPLECART_SHA256");
    let wanted = wanted.map(|digest| digest.to_string()).or(named);
    if let Some(wanted) = wanted.clone().filter(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
        return Err(CiError::OtherProgram { program, found, wanted }.into());
    }
    output.result(&format!(
        "applecart {}\nprogram {}\nsha256 {found}\n",
        env!("CARGO_PKG_VERSION"),
        escape(&program)
    ))?;
    // An output of a job that got lost must not pass for a digest that is the same.
    wanted.map(|_| Outcome::Done).ok_or_else(|| CiError::NoDigest.into())
}

impl Kept {
    fn file(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// Makes the folder, and removes what an earlier run or the commit itself has there by the names of
    /// this step's files.
    ///
    /// A plan of somebody who proposes a change would be kept as this one's.
    fn begin(&self, repo: &Path, names: &[&str]) -> Result<(), CliError> {
        let link = link_on_the_way(&self.out, repo).map_err(CliError::file(&self.out, "find"))?;
        if let Some(link) = link {
            return Err(CiError::Link { folder: link.display().to_string() }.into());
        }
        std::fs::create_dir_all(&self.out).map_err(CliError::file(&self.out, "make"))?;
        names.iter().try_for_each(|name| remove(&self.file(name)))
    }

    /// The same as a word of a command.
    fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}

/// Removes a file, or a link, where there is one.
fn remove(file: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CliError::file(file, "remove")(error))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    applecart_io::files::replace(path, text.as_bytes()).map_err(CliError::file(path, "write"))
}

/// GitHub takes no summary of more than a megabyte from a step.
const MAX_SUMMARY: usize = 1_000_000;

/// Shows files in the summary that the host has of a run, where it has one.
fn summarise(context: &Context, files: &[PathBuf], output: &Output) -> Result<(), CliError> {
    use std::io::Write as _;
    if let Some(path) = context.environment.variable("GITHUB_STEP_SUMMARY") {
        let path = Path::new(&path);
        let failed = CliError::file(path, "write");
        let mut summary =
            std::fs::File::options().append(true).create(true).open(path).map_err(failed)?;
        let mut left = MAX_SUMMARY;
        for file in files {
            let text = std::fs::read(file).map_err(CliError::file(file, "read"))?;
            if text.len() > left {
                let rest = "\nThe rest is too long for this page: it is in the files that the run keeps.\n";
                return summary.write_all(rest.as_bytes()).map_err(failed);
            }
            left -= text.len();
            summary.write_all(&text).map_err(failed)?;
        }
    } else if context.environment.variable("TF_BUILD").is_some() {
        for file in files {
            let path = std::path::absolute(file).map_err(CliError::file(file, "find"))?;
            output.commands(&format!("##vso[task.uploadsummary]{}\n", path.display()))?;
        }
    }
    Ok(())
}
