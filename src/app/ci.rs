//! What the pipelines of a fleet do beside the commands that people run: what the host says of the
//! pull request, its one comment, and the issues of renewals.
//!
//! Everything comes from the environment that the host gives a job, its token too: no argument holds a
//! secret. `pull-request` is a command of its own beside those that are named for one thing, because a
//! check, an audit and a plan of one commit belong into one step: the comment has to be about the same
//! commit, and must say so where there is no plan.

mod issues;
mod proposed;

use std::path::Path;
use std::sync::Arc;

use super::{AppError, Context, Environment, block_on};
use applecart_core::fleet::Forge;
use applecart_io::git::Repo;
use applecart_io::outlets::SinkError;
use applecart_io::outlets::forge::{Discussion, ForgeClient, job_headers};
use applecart_io::outlets::http::Http;

pub use issues::{IssueOptions, IssuesTold, MAX_NEW, issues};
pub use proposed::{Proposed, proposed};

/// What a comment or an issue is read from is never longer.
const MAX_FILE: u64 = 256 << 20;

/// Why a step of a pipeline could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CiError {
    #[error(
        "this is no job of GitHub Actions, Azure Pipelines or GitLab CI that could be recognised"
    )]
    NoHost,
    #[error("the environment variable {variable} is not set")]
    Missing { variable: &'static str, forge: Forge },
    #[error("the environment variable {variable} cannot be used: {why}")]
    Unusable { variable: &'static str, why: &'static str },
    #[error("the pull request's target branch is unknown")]
    NoTarget,
    #[error("the target branch is at a remote, and this repository has none")]
    NoRemote,
    #[error("{file} does not begin with a marker, by which its comment would be found again")]
    NoMarker { file: String },
    #[error("{file} is not what `applecart renew --due 60d --format json` writes")]
    NoSheets { file: String, source: serde_json::Error },
    #[error(
        "there is no list of renewals at {file}: `ci schedule` did not run, or could not make one. No issue was opened or closed"
    )]
    NoList { file: String },
    #[error("{folder} is a link, and may lead out of the repository; nothing was written")]
    Link { folder: String },
    #[error(
        "{path} has the name of a record that could not be pushed, and is a link or a folder; nothing of it was kept"
    )]
    NotAFile { path: String },
    #[error("there is no SHA-256 to compare the program with: nothing was compared")]
    NoDigest,
    #[error("{what}")]
    Forge { what: Told, forge: Forge, source: SinkError },
    #[error("the program {program} has SHA-256 {found}, and not {wanted}")]
    OtherProgram { program: String, found: String, wanted: String },
}

/// What the forge was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Comment,
    Issues { opened: usize },
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Comment => f.write_str("the comment was not written"),
            Self::Issues { opened: 0 } => f.write_str("the issues of renewals were not opened"),
            Self::Issues { opened } => {
                write!(f, "not all issues of renewals were opened: {opened} were")
            }
        }
    }
}

/// Whose pipeline this is: as it was named, else as the environment tells it.
pub fn host(environment: &Environment, named: Option<Forge>) -> Result<Forge, CiError> {
    let is_set = |name| environment.variable(name).is_some();
    let hosts = [
        (Forge::Github, "GITHUB_ACTIONS"),
        (Forge::AzureDevops, "TF_BUILD"),
        (Forge::Gitlab, "GITLAB_CI"),
    ];
    let found = hosts.into_iter().find(|(_, name)| is_set(name)).map(|(forge, _)| forge);
    named.or(found).ok_or(CiError::NoHost)
}

/// Fetches the target branch of a pull request, and gives its full name here.
pub fn fetch_target(context: &Context, branch: &str) -> Result<String, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let remote = repo.fleet_remote()?.ok_or(CiError::NoRemote)?;
    Ok(repo.fetch_branch(&remote, branch)?)
}

/// The commit that is looked at, in so many digits as people compare.
pub fn commit(context: &Context) -> Result<String, AppError> {
    let commit = Repo::discover(&context.repo)?.resolve(&context.rev)?;
    Ok(commit.chars().take(12).collect())
}

/// What became of the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commented {
    Written,
    /// There is no file, or nothing in it: the step before failed.
    NoPlan,
    /// A merge queue, or no pull request at all.
    NoPullRequest,
    /// Somebody else's repository: its pipelines get no right to write.
    Fork,
}

/// Puts a Markdown file into the pull request's one comment of ours. It is found by the marker in
/// the file's first line.
pub fn comment(context: &Context, forge: Forge, file: &Path) -> Result<Commented, AppError> {
    let environment = &context.environment;
    let Some(text) = text_of(file)? else { return Ok(Commented::NoPlan) };
    let marker = text.lines().next().unwrap_or_default().trim_end();
    if !(marker.starts_with("<!-- ") && marker.ends_with(" -->")) {
        return Err(CiError::NoMarker { file: file.display().to_string() }.into());
    }
    let proposed = proposed(environment, Some(forge));
    if proposed.is_fork {
        return Ok(Commented::Fork);
    }
    let Some(number) = proposed.number else { return Ok(Commented::NoPullRequest) };
    let repository = match forge {
        Forge::AzureDevops => Some(required(environment, forge, "BUILD_REPOSITORY_ID")?),
        _ => None,
    };
    let discussion = Discussion { number, repository };
    let client = client(context, forge)?;
    block_on(client.put_comment(&discussion, marker, &text))?.map_err(|source| CiError::Forge {
        what: Told::Comment,
        forge,
        source,
    })?;
    Ok(Commented::Written)
}

/// The text of a file that an earlier step wrote; `None` where it wrote none.
fn text_of(file: &Path) -> Result<Option<String>, AppError> {
    match applecart_io::files::read_text(file, MAX_FILE) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AppError::file(file, "read")(source)),
    }
}

fn required(
    environment: &Environment,
    forge: Forge,
    variable: &'static str,
) -> Result<String, CiError> {
    environment.variable(variable).ok_or(CiError::Missing { variable, forge })
}

/// The project that the pipeline belongs to, with the token that its host gave the job.
fn client(context: &Context, forge: Forge) -> Result<ForgeClient, AppError> {
    let environment = &context.environment;
    let token = match forge {
        Forge::Github => "GITHUB_TOKEN",
        Forge::Gitlab => "GITLAB_TOKEN",
        Forge::AzureDevops => "SYSTEM_ACCESSTOKEN",
    };
    let secret = environment.secret(token).ok_or(CiError::Missing { variable: token, forge })?;
    let headers = job_headers(forge, &secret)
        .ok_or(CiError::Unusable { variable: token, why: "it is no token" })?;
    let author = match forge {
        // GitHub does not tell a job's token who it is.
        Forge::Github => Some(
            environment
                .variable("COMMENT_AUTHOR")
                .unwrap_or_else(|| "github-actions[bot]".to_owned()),
        ),
        _ => None,
    };
    let (variable, usual) = match forge {
        Forge::Github => ("GITHUB_API_URL", Some("https://api.github.com")),
        Forge::Gitlab => ("CI_API_V4_URL", None),
        Forge::AzureDevops => ("SYSTEM_COLLECTIONURI", None),
    };
    let api = environment.variable(variable).or(usual.map(str::to_owned));
    let api = api.ok_or(CiError::Missing { variable, forge })?;
    let project = match forge {
        Forge::Github => "GITHUB_REPOSITORY",
        Forge::Gitlab => "CI_PROJECT_ID",
        Forge::AzureDevops => "SYSTEM_TEAMPROJECTID",
    };
    let project = required(environment, forge, project)?;
    let http = Arc::new(Http::new()?);
    let client = ForgeClient::new(forge, &api, &project, headers, author, http);
    let why = "it must be a URL that begins with https://";
    let client = client.map_err(|_| CiError::Unusable { variable, why })?;
    Ok(client.patient(Arc::clone(&context.clock)))
}
