//! What to do about files that people bring: Apple's, and lists of customers.

use super::{Explain, Next, did_you_mean};
use crate::app::download::DownloadError;
use crate::app::import::ImportError;
use crate::app::renew::RenewError;
use applecart_core::model::{Outcome, shell_word};
use applecart_core::renewal::DraftError;

impl Explain for DownloadError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused { .. }
            | Self::NotSealed(_)
            | Self::Filtered { .. }
            | Self::Changed(_)
            | Self::Draft(DraftError::Invalid(_)) => Outcome::Refused,
            Self::Target(_)
            | Self::Draft(DraftError::Unreadable(_))
            | Self::NoTenant { .. }
            | Self::Swapped { .. }
            | Self::Folder(_)
            | Self::NotThere { .. } => Outcome::Usage,
            Self::Unread { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Unread { .. } => Outcome::Partial,
            Self::Draft(DraftError::Edit(_)) | Self::Sops { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::Sops { encrypt, then, .. } => vec![
                Next::run("Fix that, or run:", encrypt.clone()),
                Next::run("Then:", then.clone()),
                "Or seal with age nevertheless: --age".into(),
            ],
            Self::Unread { .. } => vec![
                "Try again, or seal without that check (`applecart seal --offline`). `plan` and `apply` compare again".into(),
            ],
            Self::Refused { run, .. } => run
                .iter()
                .map(|run| Next::run("Use the file for the tenant that it is for:", run.clone()))
                .collect(),
            Self::NoTenant { near, next: (say, run), .. } => did_you_mean(near)
                .chain([Next { say: say.clone(), run: run.clone() }])
                .collect(),
            Self::Swapped { file, token } => {
                let (file, token) = (shell_word(&file.display().to_string()), shell_word(token));
                vec![Next::run("Write them so:", format!("applecart seal {file} {token}"))]
            }
            Self::Filtered { line, .. } => vec![Next::run(
                "Write this as the last line of .gitattributes, have it merged, and run this again:",
                line.clone(),
            )],
            // Each says what to do itself.
            Self::Target(_)
            | Self::Draft(_)
            | Self::Folder(_)
            | Self::NotThere { .. }
            | Self::NotSealed(_)
            | Self::Changed(_) => Vec::new(),
        }
    }
}

impl Explain for RenewError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Due(_) | Self::NoKey | Self::NoRemote | Self::NoFiles(_) => Outcome::Usage,
            Self::Exists { .. } | Self::EndedByLater { .. } => Outcome::Refused,
            Self::NotPushed { .. } => Outcome::Error,
        }
    }

    fn hints(&self) -> Vec<Next> {
        match self {
            Self::Due(_) => Vec::new(),
            Self::NoKey => vec!["Name an enrollment token: TENANT/TOKEN".into()],
            Self::NoRemote => vec![Next::run(
                "Leave --push out, or add the remote first:",
                "git remote add origin URL",
            )],
            Self::NoFiles(_) => {
                vec!["Name the folder that your browser saves Apple's files in".into()]
            }
            Self::EndedByLater { branch, remote, .. } => {
                let look = look_at(branch, remote.as_deref());
                vec![
                    "This file is of no use any more: delete it, and do not download another one"
                        .into(),
                    Next::run("Have the pull request of that branch merged. To look at it:", look),
                ]
            }
            Self::Exists { branch, remote, here, ended } => {
                let look = look_at(branch, remote.as_deref());
                let there = remote.as_ref().map(|it| format!("git push {it} --delete {branch}"));
                let here = here.then(|| format!("git branch -D {branch}"));
                let delete: Vec<String> = there.into_iter().chain(here).collect();
                if let Some(ended) = ended {
                    return vec![
                        format!("The file there was downloaded on {ended}, before this one: Apple ended it with this download, so it must not be merged").into(),
                        Next::run(
                            "Close that pull request, delete the branch and run this again:",
                            delete.join(" && "),
                        ),
                    ];
                }
                vec![
                    Next::run("Look at it:", look),
                    "If that one is right, have its pull request merged. Then this is done".into(),
                    Next::run(
                        "If this one is right, close that pull request, delete the branch and run this again:",
                        delete.join(" && "),
                    ),
                ]
            }
            Self::NotPushed { branch, remote, .. } => vec![
                Next::run("Push it:", format!("git push {remote} {branch}")),
                "Or run this again, which finds the branch and pushes it".into(),
            ],
        }
    }
}

/// How a branch is looked at, which may be at the remote only.
fn look_at(branch: &str, remote: Option<&str>) -> String {
    match remote {
        Some(remote) => format!("git fetch {remote} {branch} && git log -1 -p FETCH_HEAD"),
        None => format!("git log -1 -p {branch}"),
    }
}

impl Explain for ImportError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Customers { problem, .. } if problem.code.is_sign_in() => Outcome::SignIn,
            Self::Customers { .. } | Self::Blind(_) => Outcome::Partial,
            _ => Outcome::Usage,
        }
    }

    fn hints(&self) -> Vec<Next> {
        let hint = match self {
            Self::List { .. } => {
                "the first line is `name,tenantId`, with `displayName` and `auth` where wanted; one tenant a line, as CSV"
            }
            Self::Customers { .. } => {
                "only a partner's own directory lists customers; the application needs Directory.Read.All there. A list works without: --from FILE"
            }
            Self::NoTenant { near, .. } => return did_you_mean(near).collect(),
            Self::NotThatTopic { tenant, .. } => {
                return vec![Next::run(
                    "See which topic Intune has, and which one devices know:",
                    format!("applecart status --all --select {}", shell_word(tenant)),
                )];
            }
            // Each says what to do itself.
            Self::Name { .. }
            | Self::NoProfile(_)
            | Self::NoSignIn
            | Self::Blind(_)
            | Self::OneName
            | Self::OneTenant
            | Self::Nothing
            | Self::NoId => return Vec::new(),
        };
        vec![hint.into()]
    }
}
