//! The commands that register this fleet's applications in Entra.

use super::session;
use super::{AppError, Context, Reach, find_base};
use applecart_core::fleet::{CredentialKind, Forge};
use applecart_core::onboard::Stage;
use applecart_core::report::entra::{Applications, Trusted};
use applecart_io::git::Repo;

/// What is to be registered.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where pipelines run, where that is not to be told from the remote and the credential.
    pub host: Option<Forge>,
    /// The numbers by which GitHub knows the repository's owner and the repository.
    pub github_ids: Option<(u64, u64)>,
    pub stage: Stage,
    /// Whether the one application that the settings name is the one that uploads.
    pub uploads: bool,
}

/// Why the commands cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    #[error(
        "the repository on the host is not known: there is no remote that names a server and a repository there, and Entra trusts one repository"
    )]
    NoRepository,
    #[error(
        "the pipelines are to run on {} and the repository is on {server}, so Entra would trust nobody's pipelines, or another's",
        name(*.host)
    )]
    OtherServer { host: Forge, server: String },
    #[error(
        "the Git remote's path {path:?} is no repository's on {}: that has an owner and a name, of letters of ASCII, digits, dots, hyphens and underlines, and Entra would take another one for a pattern or trust nobody",
        name(*.host)
    )]
    NoPath { host: Forge, path: String },
}

fn name(host: Forge) -> &'static str {
    match host {
        Forge::Github => "GitHub",
        Forge::Gitlab => "GitLab",
        Forge::AzureDevops => "Azure DevOps",
    }
}

/// The host that a public server is, by the names that it has for HTTPS and SSH.
fn public(server: &str) -> Option<(Forge, &'static str)> {
    match server {
        "github.com" | "ssh.github.com" => Some((Forge::Github, "github.com")),
        "gitlab.com" | "altssh.gitlab.com" => Some((Forge::Gitlab, "gitlab.com")),
        "dev.azure.com" | "ssh.dev.azure.com" => Some((Forge::AzureDevops, "dev.azure.com")),
        _ => None,
    }
}

/// Where pipelines run: as it was said, else by the remote, else by how they sign in.
fn host(said: Option<Forge>, credential: CredentialKind, server: &str) -> Option<Forge> {
    let by_credential = match credential {
        CredentialKind::Github => Some(Forge::Github),
        CredentialKind::AzurePipelines => Some(Forge::AzureDevops),
        // GitLab's; a cluster signs in like that, too, but its repository is somewhere.
        CredentialKind::WorkloadIdentity if server.is_empty() => Some(Forge::Gitlab),
        _ => None,
    };
    said.or(by_credential).or(public(server).map(|(host, _)| host))
}

/// The server and the path of a repository; of a folder on this machine or an SSH configuration's
/// alias no server is known that could sign for pipelines.
fn on_a_server(place: &str) -> (&str, &str) {
    let is_name = |server: &str| {
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        server.contains('.') && server.split('.').all(is_label)
    };
    place
        .split_once('/')
        .filter(|(server, path)| is_name(server) && !path.is_empty())
        .unwrap_or_default()
}

/// The applications that the fleet's settings and its remote describe.
pub fn applications(context: &Context, options: Options) -> Result<Applications, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let base = find_base(&repo, context, Reach::Clone)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    let policy = session::policy_of(context, &repo.settings_snapshot(rev)?)?;
    let in_force = (base.as_ref(), Some(rev));
    session::Unmerged::told(context, &repo, in_force, &policy);
    let auth = &policy.auth;
    let place = match repo.fleet_remote()? {
        Some(remote) => repo.place(&remote)?,
        None => String::new(),
    };
    let branch = base.as_ref().and_then(|base| base.remote_branch()).map_or("main", |(_, it)| it);
    let trusted = match host(options.host, auth.credential, on_a_server(&place).0) {
        Some(host) => Some(trusted(host, &place, branch, options.github_ids)?),
        None => None,
    };
    let own = (!auth.is_placeholder()).then(|| auth.client_id.clone());
    // As for a campaign: one application is enough to watch, and whoever uploads has a second one.
    let is_taken_for_reader = own.is_some() && auth.reader_client_id.is_none() && !options.uploads;
    let (writer, reader) = match is_taken_for_reader {
        true => (None, own),
        false => (own, auth.reader_client_id.clone()),
    };
    let (cloud, stage) = (auth.cloud, options.stage);
    Ok(Applications { cloud, writer, reader, trusted, stage, is_taken_for_reader })
}

/// Whose pipelines Entra is to trust: those of the repository on this host.
fn trusted(
    host: Forge,
    place: &str,
    branch: &str,
    github_ids: Option<(u64, u64)>,
) -> Result<Trusted, EntraError> {
    let (server, path) = on_a_server(place);
    let known = public(server);
    if known.is_some_and(|(other, _)| other != host) {
        return Err(EntraError::OtherServer { host, server: server.to_owned() });
    }
    let named = known.map_or(server, |(_, name)| name).to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let is_part = |part: &&str| {
        !["", ".", "..", ".git"].contains(part)
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    // GitLab's groups have groups.
    let is_whole = parts.len() == 2 || (host == Forge::Gitlab && parts.len() > 2);
    let is_named = is_whole && parts.iter().all(is_part);
    let repository = || match path {
        "" => Err(EntraError::NoRepository),
        path if is_named => Ok(path.to_owned()),
        path => Err(EntraError::NoPath { host, path: path.to_owned() }),
    };
    let branch = branch.to_owned();
    Ok(match host {
        Forge::Github => {
            let repository = repository()?;
            let with_ids = github_ids.zip(repository.split_once('/'));
            let repository = match with_ids {
                Some(((owner_id, id), (owner, name))) => format!("{owner}@{owner_id}/{name}@{id}"),
                None => repository,
            };
            Trusted::Github { repository, server: named, branch }
        }
        Forge::Gitlab => Trusted::Gitlab { project: repository()?, server: named, branch },
        Forge::AzureDevops => Trusted::Azure,
    })
}
