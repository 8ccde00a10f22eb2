//! The commands that register this fleet's applications in Entra.

use super::session;
use super::{AppError, Context, Reach, find_base};
use applecart_core::fleet::{CredentialKind, Forge};
use applecart_core::report::entra::{Applications, Trusted};
use applecart_io::git::Repo;

/// What is to be registered.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where pipelines run, where that is not to be told from the remote and the credential.
    pub host: Option<Forge>,
}

/// Why the commands cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    #[error(
        "the repository on the host is not known: there is no remote that names it, and Entra trusts one repository"
    )]
    NoRepository,
}

/// The applications that the fleet's settings and its remote describe.
pub fn applications(context: &Context, options: Options) -> Result<Applications, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let base = find_base(&repo, context, Reach::Clone)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    let policy = session::policy_of(context, &repo.settings_snapshot(rev)?)?;
    let auth = &policy.auth;
    let place = match repo.fleet_remote()? {
        Some(remote) => repo.place(&remote)?,
        None => String::new(),
    };
    let branch = base.as_ref().and_then(|base| base.remote_branch()).map_or("main", |(_, it)| it);
    let (server, path) = place.split_once('/').unwrap_or_default();
    let host = options.host.or(match (auth.credential, server) {
        (CredentialKind::Github, _) | (_, "github.com") => Some(Forge::Github),
        (CredentialKind::AzurePipelines, _) | (_, "dev.azure.com" | "ssh.dev.azure.com") => {
            Some(Forge::AzureDevops)
        }
        (_, "gitlab.com") => Some(Forge::Gitlab),
        _ => None,
    });
    let named =
        || if path.is_empty() { Err(EntraError::NoRepository) } else { Ok(path.to_owned()) };
    let trusted = match host {
        Some(Forge::Github) => {
            Some(Trusted::Github { repository: named()?, branch: branch.to_owned() })
        }
        Some(Forge::Gitlab) => Some(Trusted::Gitlab {
            project: named()?,
            server: format!("https://{server}"),
            branch: branch.to_owned(),
        }),
        Some(Forge::AzureDevops) => Some(Trusted::Azure),
        None => None,
    };
    Ok(Applications {
        cloud: auth.cloud,
        writer: (!auth.is_placeholder()).then(|| auth.client_id.clone()),
        reader: auth.reader_client_id.clone(),
        trusted,
    })
}
