//! Whether a folder that came or went was moved.

use git2::Oid;

use super::Hit;
use crate::git::{GitError, Repo, escaped};
use applecart_core::fleet::{self, Source};
use applecart_core::model::{TenantId, TenantName};

/// Most folders of one commit that are opened to find a moved one.
const MAX_CANDIDATES: usize = 5_000;

impl Repo {
    /// The folder that this one was moved from, and the one that it was moved to. A moved folder
    /// keeps its tenant id; its name in the tenant file changes, so its content never stays alike.
    pub(super) fn renamed(&self, hit: &Hit) -> Result<(Option<String>, Option<String>), GitError> {
        let parent = |commit: Oid| {
            self.repo.find_commit(commit).ok().and_then(|commit| commit.parent_id(0).ok())
        };
        match (hit.before, hit.after, parent(hit.commit)) {
            (None, Some(tree), Some(parent)) => {
                Ok((self.twin(hit, tree, parent, hit.commit)?, None))
            }
            (Some(tree), None, Some(parent)) => {
                Ok((None, self.twin(hit, tree, hit.commit, parent)?))
            }
            _ => Ok((None, None)),
        }
    }

    /// The folder that only the commit `with` has, not `without`, and that is the same tenant's.
    fn twin(
        &self,
        hit: &Hit,
        tree: Oid,
        with: Oid,
        without: Oid,
    ) -> Result<Option<String>, GitError> {
        let Some(tenant) = self.tenant_id_of(&hit.folder, tree)? else { return Ok(None) };
        let Some(candidates) = self.tenants_of(with)? else { return Ok(None) };
        let there = self.tenants_of(without)?;
        let is_there =
            |name: &[u8]| there.as_ref().is_some_and(|tree| tree.get_name_bytes(name).is_some());
        let only = candidates
            .iter()
            .filter(|entry| entry.filemode() == 0o040_000 && !is_there(entry.name_bytes()))
            .map(|entry| (escaped(entry.name_bytes()), entry.id()))
            .filter(|(name, _)| name.parse::<TenantName>().is_ok());
        for (name, tree) in only.take(MAX_CANDIDATES) {
            if self.tenant_id_of(&name, tree)? == Some(tenant) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn tenant_id_of(&self, name: &str, tree: Oid) -> Result<Option<TenantId>, GitError> {
        let folder = self.folder_of_tree(name, &tree.to_string())?;
        let source = Source { tenants: vec![folder], ..Source::default() };
        let (tenants, _) = fleet::load_tenants(&source, None);
        Ok(tenants.first().and_then(fleet::Desired::tenant_id))
    }
}
