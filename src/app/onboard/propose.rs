//! The tenants that are ready, as one branch.
//!
//! The commit is planned before any branch has it: new tenants are only watched, so a plan with
//! anything to do in it means that something is wrong, and nothing is brought.

use std::collections::BTreeSet;

use super::{OnboardError, Work};
use crate::app::renew::{NotPushed, RenewError};
use crate::app::session::{self, Intune, Tree, Wanted, Which};
use crate::app::{AppError, Context, Reach};
use applecart_core::import::{Drafts, Targets, Wanted as WantedTenant};
use applecart_core::model::{Kind, TenantId, TenantName, short};
use applecart_core::onboard::Standing;
use applecart_core::plan::{self, Selection, Summary};
use applecart_core::report::{ImportReport, plural};
use applecart_io::git::Change;
use applecart_io::intune::ReadRequest;

/// What was brought.
#[derive(Debug)]
pub struct Brought {
    pub branch: String,
    pub commit: String,
    /// The name of the base for people.
    pub base: String,
    pub tenants: usize,
    /// Whether the remote has it; `None` where it was not to be pushed.
    pub pushed: Option<bool>,
    pub remote: Option<String>,
    /// A row about every tenant.
    pub import: ImportReport,
}

impl Work {
    /// Pushes the branches of earlier imports that this clone alone has; says which.
    pub fn push_earlier(&mut self) -> Result<Vec<String>, AppError> {
        let mut pushed = Vec::new();
        for (branch, commit) in std::mem::take(&mut self.unpushed) {
            self.ground.push(&branch, &commit)?;
            pushed.push(branch);
        }
        Ok(pushed)
    }

    /// Brings every tenant that is ready on one branch.
    pub fn import(&mut self, context: &Context, push: bool) -> Result<Brought, AppError> {
        let wanted: Vec<WantedTenant> = self
            .campaign
            .with(Standing::Ready)
            .map(|one| WantedTenant {
                name: one.name.parse().ok(),
                tenant_id: one.tenant_id,
                display_name: one.display_name.clone(),
                auth: self.campaign.auth.clone(),
                note: None,
            })
            .collect();
        if wanted.is_empty() {
            return Err(OnboardError::NothingReady.into());
        }
        let loaded = &self.ground.loaded;
        let mut targets = Targets::new(&loaded.fleet, &loaded.policy, &self.ground.source, false);
        targets.add(wanted, false);
        let reader = self.applications.iter().find(|one| one.signs_in);
        let asked = targets.read.iter().filter_map(|target| {
            let request = ReadRequest {
                tenant_id: target.tenant_id,
                auth: reader?.auth.clone(),
                watch: Kind::ALL.into(),
                consent_if_push_absent: false,
            };
            Some((target.name.clone(), Ok(request)))
        });
        let asked = asked.collect();
        let reading = session::read_each(context, &self.connector, asked);
        let live = crate::app::block_on(reading)?;
        let ids: Vec<_> =
            targets.read.iter().map(|one| (one.name.clone(), one.tenant_id)).collect();
        let source = &self.ground.source;
        let drafts = Drafts::new(targets, &live, &[], source, &loaded.policy, None, false);
        let files: Vec<_> =
            drafts.drafts.iter().map(|one| (one.path(), one.after.clone())).collect();
        if files.is_empty() {
            return Err(OnboardError::NothingRead.into());
        }
        let names: BTreeSet<TenantName> =
            drafts.drafts.iter().map(|one| one.name.clone()).collect();
        let changes: Vec<Change<'_>> =
            files.iter().map(|(path, text)| Change { path, bytes: text.as_bytes() }).collect();
        let count = plural(names.len(), "tenant");
        let message = format!(
            "Import {count}\n\nRead from Intune. Every token is watched: nothing is uploaded until a file is merged."
        );
        let commit = loaded.repo.commit_on(&self.ground.start.commit, &changes, &message)?;
        self.check_empty(context, &commit, &names, live)?;
        let brought =
            ids.iter().filter(|(name, _)| names.contains(name)).map(|(_, id)| *id).collect();
        let (branch, pushed) = self.propose(context, &commit, &brought, push)?;
        Ok(Brought {
            branch,
            commit,
            base: self.ground.start.name.clone(),
            tenants: names.len(),
            pushed,
            remote: self.ground.remote.clone(),
            import: drafts.report(0, true),
        })
    }

    /// Gives the commit a branch of its own, here and, where that is asked for, at the remote.
    fn propose(
        &mut self,
        context: &Context,
        commit: &str,
        tenants: &BTreeSet<TenantId>,
        push: bool,
    ) -> Result<(String, Option<bool>), AppError> {
        loop {
            let branch = self.free_branch(context)?;
            // Before anybody has the branch: were it written down afterwards, a run that is killed in
            // between would have its tenants proposed again. A branch that never came is looked for.
            self.campaign.propose(tenants, &branch, context.now());
            self.save()?;
            let pushed = if push { self.ground.push(&branch, commit) } else { Ok(None) };
            // Another clone took the name meanwhile.
            if let Err(RenewError::NotPushed { why, .. }) = &pushed
                && matches!(**why, NotPushed::Moved)
            {
                continue;
            }
            self.ground.loaded.repo.make_branch(&branch, commit)?;
            return Ok((branch, pushed?));
        }
    }

    /// Plans the commit, of the new tenants alone and of what was just read.
    fn check_empty(
        &self,
        context: &Context,
        commit: &str,
        names: &BTreeSet<TenantName>,
        live: std::collections::BTreeMap<TenantName, applecart_core::model::LiveTenant>,
    ) -> Result<(), AppError> {
        let context = Context {
            rev: commit.to_owned(),
            policy_rev: Some(self.ground.start.commit.clone()),
            ..context.clone()
        };
        let select: Vec<String> = names.iter().map(|name| format!("name={name}")).collect();
        let selection = Selection::parse(&select)?;
        let wanted = Wanted {
            tree: Tree::Commit,
            reach: Reach::Remote,
            which: Which::Shared,
            reading: true,
        };
        let live = live.into_iter().filter(|(name, _)| names.contains(name)).collect();
        let made = session::plan(&context, &selection, &wanted, |_| {
            Ok(Intune::Read(live, plan::Source::Live))
        })?;
        match to_do(&made.planned.plan.summary, names.len()) {
            None => Ok(()),
            Some(what) => {
                let what = format!("of commit {}: {what}", short(commit));
                Err(OnboardError::NotEmpty(what).into())
            }
        }
    }

    /// A branch that neither this clone nor the remote has.
    fn free_branch(&self, context: &Context) -> Result<String, AppError> {
        let day = context.now().date_time().format("%Y-%m-%d");
        for number in 1_u32.. {
            let branch = match number {
                1 => format!("onboard/{day}"),
                number => format!("onboard/{day}-{number}"),
            };
            let remote = self.ground.remote.as_deref();
            if self.ground.loaded.repo.find_branch(&branch, remote)?.is_none() {
                return Ok(branch);
            }
        }
        Err(OnboardError::NothingReady.into())
    }
}

/// What a plan of so many new tenants has to do; `None` where it only watches each of them.
fn to_do(summary: &Summary, tenants: usize) -> Option<String> {
    let Summary { uploads, creates, configures, holds, verifies, .. } = *summary;
    if uploads + creates + configures + holds + verifies == 0 && summary.tenants == tenants {
        return None;
    }
    Some(format!(
        "{uploads} uploads, {creates} creations, {configures} changed settings, {holds} held, {verifies} to be verified, {} of {tenants} tenants planned",
        summary.tenants
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_tenants_are_brought_only_where_their_plan_does_nothing_and_has_every_one_of_them() {
        let watched = Summary { tenants: 2, ..Summary::default() };
        assert_eq!(to_do(&watched, 2), None);
        for (summary, what) in [
            (Summary { uploads: 1, ..watched }, "1 uploads"),
            (Summary { creates: 1, ..watched }, "1 creations"),
            (Summary { configures: 1, ..watched }, "1 changed settings"),
            (Summary { holds: 1, ..watched }, "1 held"),
            (Summary { verifies: 1, ..watched }, "1 to be verified"),
            (Summary { tenants: 1, ..watched }, "1 of 2 tenants planned"),
        ] {
            assert!(to_do(&summary, 2).is_some_and(|text| text.contains(what)), "{what}");
        }
    }
}
