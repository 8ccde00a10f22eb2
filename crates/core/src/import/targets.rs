//! Which tenants an import is about, and what the fleet has of them already.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Customer, folders};
use super::note;
use super::update::Accept;
use crate::fleet::{Desired, Policy, Source, Tenant, is_device_name};
use crate::model::{TenantId, TenantName};
use crate::report::{ImportNote, ImportNoteCode, Imported, ImportedTenant};

/// A tenant to read.
pub struct Target<'f> {
    pub name: TenantName,
    pub tenant_id: TenantId,
    pub display_name: Option<String>,
    pub auth: Option<String>,
    /// The tenant as it is in Git, where its file is to be updated.
    pub there: Option<&'f Tenant>,
    pub notes: Vec<ImportNote>,
}

impl Target<'_> {
    pub(super) fn row(&self) -> ImportedTenant {
        let row = settled(self.name.as_str(), Some(self.tenant_id), Imported::Created);
        let (display_name, notes) = (self.display_name.clone(), self.notes.clone());
        ImportedTenant { display_name, notes, ..row }
    }
}

/// A tenant as the command line, a list or a partner names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its folder; `None` where every name that it could have is taken.
    pub name: Option<TenantName>,
    pub tenant_id: TenantId,
    pub display_name: Option<String>,
    pub auth: Option<String>,
    /// Why the folder is not simply named as the customer.
    pub note: Option<String>,
}

/// The tenants to read, and those of which it is clear already what becomes of them.
pub struct Targets<'f> {
    pub read: Vec<Target<'f>>,
    pub settled: Vec<ImportedTenant>,
    fleet: &'f [Desired],
    policy: &'f Policy,
    taken: BTreeSet<String>,
    /// Whether files that are there already are to be updated.
    update: bool,
    /// The topic that is accepted in place of the one that devices know.
    pub accept: Option<Accept>,
}

/// The names that folders under `tenants/` have. A file system without case would put one over
/// another, so they are compared in lower case.
pub fn taken(source: &Source) -> BTreeSet<String> {
    let folders = source.tenants.iter().map(|folder| &folder.name);
    let strays = source.strays.iter().map(|entry| &entry.path);
    folders.chain(strays).map(|name| name.to_lowercase()).collect()
}

/// A partner's customers. Those with a folder keep it; the others get names for theirs.
pub fn of_customers(
    customers: &[Customer],
    auth: Option<&str>,
    fleet: &[Desired],
    source: &Source,
) -> Vec<Wanted> {
    let known: BTreeSet<TenantId> = fleet.iter().filter_map(Desired::tenant_id).collect();
    let (known, new): (Vec<&Customer>, Vec<&Customer>) =
        customers.iter().partition(|one| known.contains(&one.tenant_id));
    let names = folders(&new, &taken(source)).into_iter().chain(known.iter().map(|_| (None, None)));
    let wanted = new.iter().chain(&known).zip(names).map(|(customer, (name, note))| Wanted {
        name,
        tenant_id: customer.tenant_id,
        display_name: customer.display_name.clone(),
        auth: auth.map(str::to_owned),
        note,
    });
    wanted.collect()
}

impl<'f> Targets<'f> {
    pub fn new(fleet: &'f [Desired], policy: &'f Policy, source: &Source, update: bool) -> Self {
        let taken = taken(source);
        Self { read: Vec::new(), settled: Vec::new(), fleet, policy, taken, update, accept: None }
    }

    /// Adds the tenant of a folder.
    pub fn existing(&mut self, desired: &'f Desired) {
        match desired {
            Desired::Valid(tenant) => self.read.push(Target {
                name: tenant.name.clone(),
                tenant_id: tenant.tenant_id,
                display_name: tenant.display_name.clone(),
                auth: tenant.auth.clone(),
                there: Some(tenant),
                notes: Vec::new(),
            }),
            Desired::Invalid { name, tenant_id, file, mistakes } => {
                let detail = format!(
                    "{file} has mistakes ({}). This shows them: `applecart validate --worktree`",
                    mistakes.len()
                );
                let notes = vec![note(ImportNoteCode::Invalid, detail)];
                let row = settled(name, *tenant_id, Imported::Refused);
                self.settled.push(ImportedTenant { notes, ..row });
            }
        }
    }

    /// Adds wanted tenants, each of which is new, there already, or in another one's way. `is_one`
    /// says that a person asked for this very one.
    pub fn add(&mut self, wanted: Vec<Wanted>, is_one: bool) {
        let fleet = self.fleet;
        let by_id: BTreeMap<TenantId, &'f Desired> =
            fleet.iter().filter_map(|one| Some((one.tenant_id()?, one))).collect();
        for wanted in wanted {
            match by_id.get(&wanted.tenant_id) {
                Some(desired) if self.update => self.existing(desired),
                Some(desired) => {
                    let detail = format!(
                        "tenants/{} is this tenant's folder; --update brings its facts up to date",
                        desired.name()
                    );
                    let result = if is_one { Imported::Refused } else { Imported::Exists };
                    let found = note(ImportNoteCode::InTheWay, detail);
                    self.settle(wanted, desired.name(), result, found);
                }
                None => self.new_tenant(wanted),
            }
        }
    }

    fn new_tenant(&mut self, mut wanted: Wanted) {
        let Some(name) = wanted.name.take() else {
            let detail = "every folder that it could have belongs to another tenant; import it by name with --tenant-id";
            let id = wanted.tenant_id.to_string();
            let found = note(ImportNoteCode::InTheWay, detail);
            return self.settle(wanted, &id, Imported::Refused, found);
        };
        match self.obstacle(&name, wanted.auth.as_deref()) {
            Some(found) => self.settle(wanted, name.as_str(), Imported::Refused, found),
            None => self.read.push(Target {
                name,
                tenant_id: wanted.tenant_id,
                display_name: wanted.display_name,
                auth: wanted.auth,
                there: None,
                notes: wanted.note.map(|why| note(ImportNoteCode::Name, why)).into_iter().collect(),
            }),
        }
    }

    /// Why a new tenant cannot have this folder or sign-in profile.
    fn obstacle(&self, name: &TenantName, auth: Option<&str>) -> Option<ImportNote> {
        if self.taken.contains(name.as_str()) {
            let there = self.fleet.iter().find(|desired| desired.name() == name.as_str());
            let whose = there.and_then(Desired::tenant_id).map_or_else(
                || "something else is there".to_owned(),
                |id| format!("it belongs to the tenant {id}"),
            );
            let detail = format!("tenants/{name} is there already: {whose}. Choose another name");
            return Some(note(ImportNoteCode::InTheWay, detail));
        }
        if is_device_name(name.as_str()) {
            let detail = format!("Windows cannot have a folder {name}. Choose another name");
            return Some(note(ImportNoteCode::InTheWay, detail));
        }
        if self.policy.auth_of(auth).is_none() {
            let profile = auth.unwrap_or_default();
            let detail = format!("applecart.yaml has no sign-in profile {profile:?}");
            return Some(note(ImportNoteCode::Invalid, detail));
        }
        None
    }

    fn settle(&mut self, wanted: Wanted, name: &str, result: Imported, found: ImportNote) {
        let named = wanted.note.map(|why| note(ImportNoteCode::Name, why));
        self.settled.push(ImportedTenant {
            display_name: wanted.display_name,
            notes: named.into_iter().chain([found]).collect(),
            ..settled(name, Some(wanted.tenant_id), result)
        });
    }
}

fn settled(name: &str, tenant_id: Option<TenantId>, result: Imported) -> ImportedTenant {
    ImportedTenant {
        name: name.to_owned(),
        tenant_id,
        display_name: None,
        result,
        file: None,
        unknown: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        diff: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Folder;
    use crate::plan::world;

    #[test]
    fn a_new_tenant_takes_no_folder_of_another_one() {
        let there = world::tenant("contoso", 1);
        let fleet = [Desired::Valid(there.clone())];
        let policy = world::policy();
        let folder = |name: &str| Folder {
            name: name.to_owned(),
            tree: String::new(),
            tenant_file: None,
            entries: Vec::new(),
            overfull: None,
        };
        let tenants = vec![folder("contoso"), folder("Adatum")];
        let source = Source { tenants, ..Source::default() };
        let wanted = |name: &str, number: u8| Wanted {
            name: Some(name.parse().unwrap()),
            tenant_id: world::tenant("x", number).tenant_id,
            display_name: None,
            auth: None,
            note: None,
        };
        let wanted = || {
            let names = ["contoso", "adatum", "nul", "fabrikam"];
            names.into_iter().zip(2..).map(|(name, id)| wanted(name, id)).collect::<Vec<_>>()
        };
        let mut targets = Targets::new(&fleet, &policy, &source, false);
        targets.add(wanted(), false);
        let refused: Vec<&str> = targets.settled.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(refused, ["contoso", "adatum", "nul"], "also where only case differs");
        assert_eq!(targets.read.len(), 1);
        assert_eq!(targets.read[0].name.as_str(), "fabrikam");

        let again = |update| {
            let mut targets = Targets::new(&fleet, &policy, &source, update);
            let named = Wanted { tenant_id: there.tenant_id, ..wanted().remove(3) };
            targets.add(vec![named], false);
            (targets.read.len(), targets.settled.first().map(|row| row.result))
        };
        assert_eq!(again(false), (0, Some(Imported::Exists)));
        assert_eq!(again(true), (1, None));
    }
}
