//! Whether what is applied is still in force, asked of the base's remote directly before writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::session::Loaded;
use super::{AppError, Context};
use applecart_core::fleet::{self, Desired, FLEET_FILE, Folder, Policy, Tenant};
use applecart_core::model::{sentence, short};
use applecart_core::rules::in_force;
use applecart_io::apply::{InForce, Still};
use applecart_io::git::{Base, BaseError, GitError, Repo};
use applecart_io::seams::Clock;

/// How long an answer of the remote is good for.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// The base of an apply, watched to its end.
pub(super) struct BaseWatch(Arc<Mutex<Watched>>);

struct Watched {
    repo: Repo,
    base: Base,
    /// The commit that is applied.
    applied: String,
    policy: Policy,
    clock: Arc<dyn Clock>,
    asked: Option<Duration>,
    /// What holds for every tenant from now on: the base could not be asked, or does not stand by
    /// this run any more. It is not asked a second time.
    ended: Option<Still>,
}

impl BaseWatch {
    /// Watches the base of what was loaded; `None` where the applied commit is its own base, for
    /// want of a remote.
    pub(super) fn of(context: &Context, loaded: &Loaded) -> Result<Option<Self>, AppError> {
        let (Some(base), Some(applied)) = (&loaded.base, &loaded.rev) else { return Ok(None) };
        Ok(Some(Self(Arc::new(Mutex::new(Watched {
            repo: loaded.repo.reopen()?,
            base: base.clone(),
            applied: applied.clone(),
            policy: loaded.policy.clone(),
            clock: Arc::clone(&context.clock),
            asked: None,
            ended: None,
        })))))
    }
}

impl InForce for BaseWatch {
    fn judge<'a>(&'a self, tenant: &'a Tenant) -> BoxFuture<'a, Still> {
        let watched = Arc::clone(&self.0);
        let tenant = tenant.clone();
        // Git is another process, for which no other tenant's upload has to wait.
        let judged = tokio::task::spawn_blocking(move || {
            watched.lock().unwrap_or_else(PoisonError::into_inner).judge(&tenant)
        });
        let unknown = |error| Still::Unknown { why: sentence(&error) };
        judged.map(move |judged| judged.unwrap_or_else(unknown)).boxed()
    }
}

impl Watched {
    fn judge(&mut self, tenant: &Tenant) -> Still {
        let now = self.clock.elapsed();
        let is_old = |asked: Duration| now.saturating_sub(asked) > GOOD_FOR;
        if self.ended.is_none() && self.asked.is_none_or(is_old) {
            self.ended = self.ask().err();
            self.asked = Some(now);
        }
        match &self.ended {
            Some(still) => still.clone(),
            None => self.tenant(tenant).unwrap_or_else(|error| unreadable(&error)),
        }
    }

    /// Takes the tip that the remote has now, if it still stands by this run.
    fn ask(&mut self) -> Result<(), Still> {
        let unknown = |error: BaseError| Still::Unknown {
            why: format!(
                "{}. Whether this commit is still in force is unknown, so nothing more is uploaded. Run this again when the remote answers: `applecart apply`",
                sentence(&error)
            ),
        };
        let tip = self.repo.refresh(&self.base).map_err(unknown)?;
        if tip.commit != self.base.commit {
            self.repo.must_contain(&tip, &self.applied).map_err(|error| match error {
                BaseError::NotContained { .. } => Still::Superseded {
                    why: format!(
                        "{} does not contain commit {} any more. What is not in force is not uploaded. Apply the newest commit of {} instead",
                        tip.name,
                        short(&self.applied),
                        tip.name
                    ),
                },
                error => unknown(error),
            })?;
            self.base = tip;
        }
        self.settings()
    }

    /// The settings may have changed since they were read.
    fn settings(&self) -> Result<(), Still> {
        let bytes = self.repo.policy(&self.base.commit).map_err(|error| unreadable(&error))?;
        if self.is_in_force(bytes.as_deref()) {
            return Ok(());
        }
        let is_same = |bytes: Option<Vec<u8>>| self.is_in_force(bytes.as_deref());
        let since = self.repo.settings_since(&self.base.commit, |bytes| !is_same(bytes));
        let since = since.map_err(|error| unreadable(&error))?;
        Err(Still::Superseded {
            why: format!(
                "{FLEET_FILE} changed in {} in {}, after this run read it. Nothing is uploaded by settings that are not in force. Run this again: `applecart apply`",
                self.base.name,
                self.named(&since)
            ),
        })
    }

    fn is_in_force(&self, bytes: Option<&[u8]>) -> bool {
        fleet::load_policy(bytes).0.is_some_and(|now| now.sha256 == self.policy.sha256)
    }

    fn tenant(&self, tenant: &Tenant) -> Result<Still, GitError> {
        let is_same = |folder: Option<Folder>| match folder {
            Some(folder) if folder.tree == tenant.tree => true,
            Some(folder) => match fleet::load_folder(folder, Some(&self.policy)) {
                Some(Desired::Valid(now)) => in_force::same_tenant(tenant, &now),
                Some(Desired::Invalid { .. }) | None => false,
            },
            None => false,
        };
        let (name, tip) = (tenant.name.as_str(), &self.base.commit);
        if is_same(self.repo.tenant(tip, name)?) {
            return Ok(Still::InForce);
        }
        let since = self.repo.folder_since(tip, name, |folder| !is_same(folder))?;
        Ok(Still::Superseded {
            why: format!(
                "{} has other content for this tenant than commit {}, since {}. What is not in force is not uploaded. Apply the newest commit of {} instead",
                self.base.name,
                short(&self.applied),
                self.named(&since),
                self.base.name
            ),
        })
    }

    /// A commit by its id and the first line of its message.
    fn named(&self, commit: &str) -> String {
        let subject = self.repo.commit_facts(commit).ok().and_then(|facts| {
            let first = facts.message.lines().next()?.trim().to_owned();
            (!first.is_empty()).then_some(first)
        });
        let subject = subject.map(|subject| format!(" (\u{201c}{subject}\u{201d})"));
        format!("commit {}{}", short(commit), subject.unwrap_or_default())
    }
}

fn unreadable(error: &GitError) -> Still {
    Still::Unknown {
        why: format!(
            "{}. Whether this commit is still in force is unknown, so nothing is uploaded",
            sentence(error)
        ),
    }
}

#[cfg(test)]
mod tests;
