//! Which tenants an import is about, and what is there of them already.
#![expect(clippy::disallowed_methods, reason = "cli reads lists")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Args, list, names};
use crate::app::ImportError;
use crate::app::session::Loaded;
use crate::cli::error::CliError;
use applecart_core::fleet::{Desired, Source, Tenant, is_device_name};
use applecart_core::model::{TenantId, TenantName};
use applecart_core::report::{ImportNote, ImportNoteCode, Imported, ImportedTenant};
use applecart_io::intune::Connector;

/// A tenant to read.
pub(super) struct Target<'f> {
    pub(super) name: TenantName,
    pub(super) tenant_id: TenantId,
    pub(super) display_name: Option<String>,
    pub(super) auth: Option<String>,
    /// The tenant as it is in Git, where its file is to be updated.
    pub(super) there: Option<&'f Tenant>,
    /// Whether a file without any token is of no use.
    pub(super) skip_empty: bool,
    pub(super) notes: Vec<ImportNote>,
}

/// The tenants to read, and those of which it is clear already what becomes of them.
#[derive(Default)]
pub(super) struct Targets<'f> {
    pub(super) read: Vec<Target<'f>>,
    pub(super) settled: Vec<ImportedTenant>,
    pub(super) unusable_contracts: usize,
}

/// A tenant as the command line, a list or a partner names it.
struct Wanted {
    name: Option<TenantName>,
    tenant_id: TenantId,
    display_name: Option<String>,
    auth: Option<String>,
    note: Option<String>,
}

/// A note on the whole tenant.
pub(super) fn note(code: ImportNoteCode, detail: impl Into<String>) -> ImportNote {
    ImportNote { code, token: None, detail: detail.into() }
}

fn usage(text: &str) -> CliError {
    ImportError::Usage(text.to_owned()).into()
}

/// Finds the targets.
pub(super) fn find<'f>(
    args: &Args,
    loaded: &'f Loaded,
    source: &Source,
    connector: &Connector,
) -> Result<Targets<'f>, CliError> {
    let there = There::of(&loaded.fleet, source);
    if let Some(auth) = &args.auth
        && loaded.policy.auth_of(Some(auth)).is_none()
    {
        return Err(usage(&format!("applecart.yaml has no sign-in profile {auth:?}")));
    }
    let mut targets = Targets::default();
    let wanted = if let Some(tenant_id) = args.tenant_id {
        let [name] = args.tenants.as_slice() else {
            return Err(usage("--tenant-id needs the name of exactly one new tenant"));
        };
        let name = name.parse().map_err(|error| usage(&format!("{name:?}: {error}")))?;
        vec![Wanted {
            name: Some(name),
            tenant_id,
            display_name: args.display_name.clone(),
            auth: args.auth.clone(),
            note: None,
        }]
    } else if let Some(path) = &args.from {
        from_list(path)?
    } else if let Some(partner) = args.customers {
        let (wanted, unusable) = customers(args, loaded, connector, partner, &there)?;
        targets.unusable_contracts = unusable;
        wanted
    } else if args.update {
        return update_only(args, loaded, targets);
    } else if args.tenants.is_empty() {
        return Err(usage(
            "name what to import: TENANT --tenant-id GUID, --from FILE, --customers GUID, or --update for what is there already",
        ));
    } else {
        return Err(usage(
            "a new tenant needs --tenant-id GUID; an existing one is brought up to date with --update",
        ));
    };
    let one = args.tenant_id.is_some();
    for wanted in wanted {
        sort(args, &there, wanted, one, &mut targets, loaded);
    }
    Ok(targets)
}

/// What the worktree has under `tenants/`.
struct There<'f> {
    by_id: BTreeMap<TenantId, &'f Desired>,
    by_name: BTreeMap<&'f str, &'f Desired>,
    taken: BTreeSet<String>,
}

impl<'f> There<'f> {
    fn of(fleet: &'f [Desired], source: &Source) -> Self {
        let folders = source.tenants.iter().map(|folder| &folder.name);
        let taken = folders.chain(source.strays.iter().map(|entry| &entry.path));
        Self {
            by_id: fleet.iter().filter_map(|one| Some((one.tenant_id()?, one))).collect(),
            by_name: fleet.iter().map(|one| (one.name(), one)).collect(),
            // A file system without case would put one over the other.
            taken: taken.map(|name| name.to_lowercase()).collect(),
        }
    }
}

fn from_list(path: &Path) -> Result<Vec<Wanted>, CliError> {
    let file = |source| CliError::File { path: path.to_owned(), doing: "read", source };
    let text = std::fs::read_to_string(path).map_err(file)?;
    let rows = list::parse(&text)
        .map_err(|mistakes| ImportError::List { path: path.to_owned(), mistakes })?;
    let wanted = rows.into_iter().map(|row| Wanted {
        name: Some(row.name),
        tenant_id: row.tenant_id,
        display_name: row.display_name,
        auth: row.auth,
        note: None,
    });
    Ok(wanted.collect())
}

fn customers(
    args: &Args,
    loaded: &Loaded,
    connector: &Connector,
    partner: TenantId,
    there: &There<'_>,
) -> Result<(Vec<Wanted>, usize), CliError> {
    let Some(auth) = loaded.policy.auth_of(args.auth.as_deref()) else {
        return Err(usage("applecart.yaml does not say how to sign in"));
    };
    let all = crate::app::block_on(connector.customers(partner, auth))?
        .map_err(|problem| ImportError::Customers { partner, problem: Box::new(problem) })?;
    // Those with a folder keep it; only the others need a name.
    let (known, new): (Vec<_>, Vec<_>) =
        all.customers.into_iter().partition(|one| there.by_id.contains_key(&one.tenant_id));
    let folders = names::folders(&new, &there.taken);
    let names = folders.into_iter().chain(known.iter().map(|_| (None, None)));
    let wanted = new.iter().chain(&known).zip(names).map(|(customer, (name, note))| Wanted {
        name,
        tenant_id: customer.tenant_id,
        display_name: customer.display_name.clone(),
        auth: args.auth.clone(),
        note,
    });
    Ok((wanted.collect(), all.unusable))
}

/// Existing tenants, all or the named ones.
fn update_only<'f>(
    args: &Args,
    loaded: &'f Loaded,
    mut targets: Targets<'f>,
) -> Result<Targets<'f>, CliError> {
    for name in &args.tenants {
        if !loaded.fleet.iter().any(|desired| desired.name() == name) {
            return Err(usage(&format!(
                "the fleet has no tenant {name:?}; a new one needs --tenant-id GUID"
            )));
        }
    }
    for desired in &loaded.fleet {
        if args.tenants.is_empty() || args.tenants.iter().any(|name| name == desired.name()) {
            existing(desired, &mut targets);
        }
    }
    Ok(targets)
}

fn existing<'f>(desired: &'f Desired, targets: &mut Targets<'f>) {
    match desired {
        Desired::Valid(tenant) => targets.read.push(Target {
            name: tenant.name.clone(),
            tenant_id: tenant.tenant_id,
            display_name: tenant.display_name.clone(),
            auth: tenant.auth.clone(),
            there: Some(tenant),
            skip_empty: false,
            notes: Vec::new(),
        }),
        Desired::Invalid { name, tenant_id, file, mistakes } => {
            let detail = format!(
                "{file} has mistakes ({}); `applecart validate --worktree` shows them",
                mistakes.len()
            );
            let notes = vec![note(ImportNoteCode::Invalid, detail)];
            targets.settled.push(settled(name, *tenant_id, None, Imported::Refused, notes));
        }
    }
}

fn settled(
    name: &str,
    tenant_id: Option<TenantId>,
    display_name: Option<String>,
    result: Imported,
    notes: Vec<ImportNote>,
) -> ImportedTenant {
    ImportedTenant {
        name: name.to_owned(),
        tenant_id,
        display_name,
        result,
        file: None,
        unknown: Vec::new(),
        problems: Vec::new(),
        notes,
        diff: None,
    }
}

/// Whether a wanted tenant is new, there already, or in another one's way. `one` says that a
/// person asked for this very one.
fn sort<'f>(
    args: &Args,
    there: &There<'f>,
    wanted: Wanted,
    one: bool,
    targets: &mut Targets<'f>,
    loaded: &'f Loaded,
) {
    let Wanted { name, tenant_id, display_name, auth, note: why } = wanted;
    let mut notes: Vec<ImportNote> =
        why.map(|why| note(ImportNoteCode::Name, why)).into_iter().collect();
    if let Some(desired) = there.by_id.get(&tenant_id) {
        if args.update {
            return existing(desired, targets);
        }
        let detail = format!(
            "tenants/{} is this tenant's folder; --update brings its facts up to date",
            desired.name()
        );
        notes.push(note(ImportNoteCode::InTheWay, detail));
        let result = if one { Imported::Refused } else { Imported::Exists };
        let row = settled(desired.name(), Some(tenant_id), display_name, result, notes);
        return targets.settled.push(row);
    }
    let refused = |detail: String, mut notes: Vec<ImportNote>, name: &str| {
        notes.push(note(ImportNoteCode::InTheWay, detail));
        settled(name, Some(tenant_id), display_name.clone(), Imported::Refused, notes)
    };
    let Some(name) = name else {
        let detail = "every folder that it could have belongs to another tenant; import it by name with --tenant-id".to_owned();
        return targets.settled.push(refused(detail, notes, &tenant_id.to_string()));
    };
    if there.taken.contains(name.as_str()) {
        let whose = there.by_name.get(name.as_str()).and_then(|desired| desired.tenant_id());
        let whose = whose.map_or_else(
            || "something else is there".to_owned(),
            |id| format!("it belongs to the tenant {id}"),
        );
        let detail = format!("tenants/{name} is there already: {whose}. Choose another name");
        return targets.settled.push(refused(detail, notes, name.as_str()));
    }
    if is_device_name(name.as_str()) {
        let detail = format!("Windows cannot have a folder {name}. Choose another name");
        return targets.settled.push(refused(detail, notes, name.as_str()));
    }
    if loaded.policy.auth_of(auth.as_deref()).is_none() {
        let profile = auth.unwrap_or_default();
        let detail = format!("applecart.yaml has no sign-in profile {profile:?}");
        notes.push(note(ImportNoteCode::Invalid, detail));
        let row = settled(name.as_str(), Some(tenant_id), display_name, Imported::Refused, notes);
        return targets.settled.push(row);
    }
    let skip_empty = args.customers.is_some();
    targets.read.push(Target {
        name,
        tenant_id,
        display_name,
        auth,
        there: None,
        skip_empty,
        notes,
    });
}
