//! Settings of this clone that do not count yet: those of the base do, until these are merged there.
//!
//! Who has just corrected applecart.yaml takes what a command then shows for the answer to the
//! correction. So each command that goes by other settings says so, before it shows anything.

use super::loaded::with_own_credential;
use crate::app::{AppError, Context};
use applecart_core::attention::{self, CloneState, Matter};
use applecart_core::fleet::{self, Auth, FLEET_FILE, FileBytes, Policy};
use applecart_core::model::{sentence, shell_word};
use applecart_io::git::{Base, Repo};

/// Where the settings stand that do not count yet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In the worktree, and in no commit.
    Worktree,
    /// In the commit that is checked out, which is on the base's own branch.
    Unpushed,
    /// In the commit of another branch that is checked out.
    Branch,
}

/// Settings of this clone that differ from those that are in force.
pub struct Unmerged {
    place: Place,
    /// The name of the base for people; `None` where there is no remote.
    base: Option<String>,
    /// `None` where they have mistakes.
    own: Option<Policy>,
    /// The names of those that differ.
    differing: Vec<&'static str>,
}

impl Unmerged {
    /// Compares this clone's settings with those in force, which `rev` has, and says what differs.
    pub(in crate::app) fn told(
        context: &Context,
        repo: &Repo,
        (base, rev): (Option<&Base>, Option<&str>),
        in_force: &Policy,
    ) -> Option<Self> {
        // Whoever names the revision of the settings knows it, and a pull request's plan has them.
        if context.policy_rev.is_some() || context.environment.target_branch().is_some() {
            return None;
        }
        // Of a revision that was named, its own settings are asked about.
        if base.is_none() && context.rev != "HEAD" {
            return None;
        }
        let found = Self::of(context, repo, (base, rev?), in_force);
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(
                "whether this clone has other settings is unknown: {}",
                sentence(&error)
            );
            None
        })?;
        (context.say)(&found.to_string());
        Some(found)
    }

    fn of(
        context: &Context,
        repo: &Repo,
        (base, rev): (Option<&Base>, &str),
        in_force: &Policy,
    ) -> Result<Option<Self>, AppError> {
        let settings = |rev: &str| repo.plain_file(rev, FLEET_FILE);
        let (counts, head) = (settings(rev)?, settings("HEAD")?);
        let worktree = match repo.worktree() {
            Some(_) => repo.worktree_file(FLEET_FILE)?,
            None => None,
        };
        let (place, own) = match worktree.filter(|own| head.as_ref() != Some(own)) {
            Some(own) => (Place::Worktree, own),
            None => {
                let Some(own) = head else { return Ok(None) };
                let fork = base.zip(repo.resolve("HEAD").ok());
                let fork = fork.and_then(|(base, head)| repo.fork(&head, &base.commit));
                // Settings that the base has changed since are not this clone's own.
                if fork
                    .is_some_and(|fork| settings(&fork).is_ok_and(|it| it.as_ref() == Some(&own)))
                {
                    return Ok(None);
                }
                match base.is_some_and(|base| repo.is_on(base)) {
                    true => (Place::Unpushed, own),
                    false => (Place::Branch, own),
                }
            }
        };
        if counts.as_ref() == Some(&own) {
            return Ok(None);
        }
        let own = match &own {
            FileBytes::Read(bytes) => fleet::load_policy(Some(bytes)).0,
            _ => None,
        };
        let own = own.map(|own| with_own_credential(context, own)).transpose()?;
        let differing = own.as_ref().map(|own| in_force.differing(own)).unwrap_or_default();
        let base = base.map(|base| base.name.clone());
        // A comment changes nothing.
        let is_other = own.is_none() || !differing.is_empty();
        Ok(is_other.then_some(Self { place, base, own, differing }))
    }

    /// Whether a profile would sign in as other applications, or elsewhere, by these settings. Of
    /// settings with mistakes that is not known.
    pub(in crate::app) fn has_other_applications(
        &self,
        profile: Option<&str>,
        auth: &Auth,
    ) -> bool {
        let ids = |auth: &Auth| (auth.client_id.clone(), auth.reader_client_id.clone(), auth.cloud);
        let own = self.own.as_ref().and_then(|own| own.auth_of(profile));
        own.is_none_or(|own| ids(own) != ids(auth))
    }

    /// What makes them count, and the command that does the first step of it.
    pub(in crate::app) fn next(&self) -> (&'static str, String) {
        match (&self.place, &self.base) {
            (Place::Worktree, Some(_)) => ("Commit yours, push it, and have it merged:", commit()),
            (Place::Worktree, None) => ("Commit yours:", commit()),
            (Place::Unpushed, _) => ("Push yours, once it is reviewed:", "git push".to_owned()),
            (Place::Branch, base) => {
                let remote = base.as_deref().and_then(|base| base.split_once('/'));
                let remote = remote.map_or("origin", |(remote, _)| remote);
                let push = format!("git push --set-upstream {} HEAD", shell_word(remote));
                ("Push yours, and have it merged by a pull request:", push)
            }
        }
    }
}

fn commit() -> String {
    format!("git commit --message \"Change the settings\" {FLEET_FILE}")
}

/// What differs and why that matters, without what to do.
pub(in crate::app) struct Differs<'u>(&'u Unmerged);

impl Unmerged {
    pub(in crate::app) fn differs(&self) -> Differs<'_> {
        Differs(self)
    }
}

impl std::fmt::Display for Differs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unmerged { place, base, own, differing } = self.0;
        let place = match place {
            Place::Worktree => "in this folder, not committed,",
            Place::Unpushed => "in this clone, not pushed,",
            Place::Branch => "on this branch, not merged,",
        };
        let base = base.as_deref().unwrap_or("the last commit");
        match own {
            Some(_) => {
                let names: Vec<String> = differing.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    f,
                    "{FLEET_FILE} {place} has other settings than {base} ({})",
                    names.join(", ")
                )?;
            }
            None => write!(
                f,
                "{FLEET_FILE} {place} is another one than that of {base}, and has mistakes"
            )?,
        }
        write!(f, ". What is shown goes by those of {base}")
    }
}

impl std::fmt::Display for Unmerged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (next, command) = self.next();
        write!(f, "note: {}. {next}\n  {command}", self.differs())
    }
}

/// Says what of the fleet only this clone has, for a command that goes by the base alone.
pub(in crate::app) fn say_what_only_this_clone_has(context: &Context, repo: &Repo, base: &Base) {
    let mut state = CloneState::default();
    // It is told beside what the command is for. What cannot be read here, its plan says.
    if let Ok(standing) = repo.standing(base) {
        (state.unpushed, state.is_lost_there) = (standing.unpushed, standing.is_lost_there);
    }
    state.dirty = repo.uncommitted().unwrap_or_default();
    state.dirty.retain(|path| path != FLEET_FILE);
    for Matter { message, next, command, .. } in attention::of_clone(&state) {
        let command = command.map(|run| format!("\n  {run}")).unwrap_or_default();
        (context.say)(&format!("note: {message} {next}{command}"));
    }
}
