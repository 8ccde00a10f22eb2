//! A [`Source`] → the desired state and every mistake in it.
//!
//! The steps for each file: text, tree, shape, raw, checked. Only the first ends a file's reading;
//! each later one goes on with what is right. Tenants are islands: a mistake in one folder makes
//! that tenant [`Desired::Invalid`] and no other.

use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use super::at::At;
use super::check::{self, Checks, Claimant, Claims};
use super::diagnostic::{
    Code, Diagnostic, REPORT_VERSION, Severity, ValidateReport, ValidateSummary,
};
use super::document::{File, Node, too_long};
use super::policy::Policy;
use super::raw::{API_VERSION, RawFleet, RawTenant};
use super::schema;
use super::shape::{self, Shape};
use super::source::{Entry, EntryKind, FileBytes, Folder, Look, MAX_ENTRIES, Source};
use super::tenant::Tenant;
use super::text::{nearest, quote, shown_folder};
use crate::model::{TenantId, shell_word};

/// Where the fleet's settings stand.
pub const FLEET_FILE: &str = "applecart.yaml";

/// The desired state of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The settings; `None` when they are missing or wrong.
    pub policy: Option<Policy>,
    /// Every tenant, sorted by name.
    pub tenants: Vec<Desired>,
    /// Every mistake, sorted by file and place; those of invalid tenants are among them.
    pub diagnostics: Vec<Diagnostic>,
}

/// A tenant as Git wants it, or why that cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "almost all are valid, and they are held by the Vec")]
pub enum Desired {
    /// Its folder has no mistake.
    Valid(Tenant),
    /// Its folder has a mistake; nothing may be uploaded for it.
    Invalid {
        name: String,
        /// Its id, where that much could be read.
        tenant_id: Option<TenantId>,
        /// The file to correct, from the repository's root.
        file: String,
        /// The errors of this tenant.
        mistakes: Vec<Diagnostic>,
    },
}

impl Desired {
    /// The tenant's name, which is its folder's.
    pub fn name(&self) -> &str {
        match self {
            Self::Valid(tenant) => tenant.name.as_str(),
            Self::Invalid { name, .. } => name,
        }
    }

    /// The tenant's id, where it is known.
    pub fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::Valid(tenant) => Some(tenant.tenant_id),
            Self::Invalid { tenant_id, .. } => *tenant_id,
        }
    }

    /// The checked tenant, where it is valid.
    pub fn valid(&self) -> Option<&Tenant> {
        match self {
            Self::Valid(tenant) => Some(tenant),
            Self::Invalid { .. } => None,
        }
    }
}

/// What the tenant with this id is called, of which a record says `recorded`: what its folder is called,
/// whatever the record says. Whoever writes the record could name another customer there, so of a tenant
/// that is in no folder it counts only where no folder of another tenant is called so. A file that is so
/// broken that it gives no id is nobody else's.
pub fn name_of(fleet: &[Desired], id: TenantId, recorded: &str) -> String {
    let mut own = fleet.iter().filter(|one| one.tenant_id() == Some(id)).map(Desired::name);
    let is_free = || fleet.iter().all(|one| one.name() != recorded || one.tenant_id().is_none());
    match (own.clone().find(|name| *name == recorded), own.next()) {
        (Some(name), _) | (None, Some(name)) => name.to_owned(),
        (None, None) if is_free() => recorded.to_owned(),
        (None, None) => id.to_string(),
    }
}

/// Loads settings and tenants of one source. Whether token files are sealed is not looked at.
pub fn load(source: &Source) -> Loaded {
    load_looking(source, &|_, _| None)
}

/// The same, and looks at what the named token files are.
pub fn load_looking(source: &Source, look: Look<'_>) -> Loaded {
    let (policy, mut diagnostics) = match &source.policy {
        None => {
            let (policy, mut missing) = load_policy(None);
            if let Some(near) = &source.near_policy
                && let Some(mistake) = missing.pop()
            {
                let help = format!(
                    "did you mean {}? Its name must be {FLEET_FILE}:\ngit mv {} {FLEET_FILE}",
                    quote(near),
                    shell_word(near)
                );
                missing.push(mistake.with_help(help));
            }
            (policy, missing)
        }
        Some(FileBytes::Read(bytes)) => load_policy(Some(bytes)),
        Some(FileBytes::TooLarge { size }) => (None, vec![too_long(FLEET_FILE, *size)]),
        Some(FileBytes::NotHere) => (None, vec![not_here(FLEET_FILE)]),
    };
    let (tenants, more) = load_tenants_looking(source, policy.as_ref(), look);
    diagnostics.extend(more);
    diagnostics.sort();
    Loaded { policy, tenants, diagnostics }
}

/// Loads the settings from the bytes of `applecart.yaml`, of whatever revision; `None` when the
/// revision has no such file.
pub fn load_policy(file: Option<&[u8]>) -> (Option<Policy>, Vec<Diagnostic>) {
    let Some(bytes) = file else {
        let missing =
            Diagnostic::of_file(Code::MissingFleetFile, FLEET_FILE, "the fleet has no settings file")
                .with_help(
                    "write at least:\napiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: <the application (client) id in Entra>\n  credential: client-secret",
                );
        return (None, vec![missing]);
    };
    let mut file = match File::open(FLEET_FILE, bytes) {
        Ok(file) => file,
        Err(mistake) => return (None, vec![*mistake]),
    };
    let raw: Option<RawFleet> = read(&mut file, "Fleet", fleet_shape());
    let policy = raw.and_then(|raw| check::check_policy(&mut Checks::new(&mut file), &raw));
    let mistakes = file.close();
    let sound = !mistakes.iter().any(Diagnostic::is_error);
    (policy.filter(|_| sound), mistakes)
}

/// Loads one folder by itself: nothing is compared with other tenants.
pub fn load_folder(folder: Folder, policy: Option<&Policy>) -> Option<Desired> {
    let source = Source { tenants: vec![folder], ..Source::default() };
    load_tenants(&source, policy).0.into_iter().next()
}

/// Loads the tenants, judged by `policy`, which may be of another revision. Without one, names of
/// profiles are not judged.
pub fn load_tenants(source: &Source, policy: Option<&Policy>) -> (Vec<Desired>, Vec<Diagnostic>) {
    load_tenants_looking(source, policy, &|_, _| None)
}

/// The same, and looks at what the named token files are: one that is not sealed makes its tenant
/// invalid.
pub fn load_tenants_looking(
    source: &Source,
    policy: Option<&Policy>,
    look: Look<'_>,
) -> (Vec<Desired>, Vec<Diagnostic>) {
    let mut tenants = Vec::with_capacity(source.tenants.len());
    let mut diagnostics = Vec::new();
    let mut read = Vec::with_capacity(source.tenants.len());
    for folder in source.tenants.iter().filter(|folder| !is_left_behind(folder)) {
        let path = format!("tenants/{}/tenant.yaml", shown_folder(&folder.name));
        let outcome = load_tenant(folder, &path, policy, look);
        read.push((folder, path, outcome.claims));
        diagnostics.extend(outcome.mistakes);
        tenants.push(outcome.desired);
    }
    for entry in &source.strays {
        stray(entry, &mut tenants, &mut diagnostics);
    }
    let claimants: Vec<Claimant<'_>> = read
        .iter()
        .map(|(folder, path, claims)| Claimant {
            tenant: &folder.name,
            file: path,
            text: text_of(folder),
            claims,
        })
        .collect();
    diagnostics.extend(check::duplicates(&claimants));
    if tenants.is_empty() {
        diagnostics.push(
            Diagnostic::of_file(Code::NoTenants, "tenants", "the fleet has no tenants")
                .with_help("write tenants/<name>/tenant.yaml, one folder a tenant")
                .as_warning(),
        );
    }
    tenants.sort_by(|a, b| a.name().cmp(b.name()));
    diagnostics.sort();
    (tenants, diagnostics)
}

struct Outcome {
    desired: Desired,
    mistakes: Vec<Diagnostic>,
    claims: Claims,
}

impl Outcome {
    fn invalid(
        folder: &Folder,
        path: &str,
        tenant_id: Option<TenantId>,
        mistakes: Vec<Diagnostic>,
        claims: Claims,
    ) -> Self {
        let desired = Desired::Invalid {
            name: shown_folder(&folder.name).into_owned(),
            tenant_id,
            file: path.to_owned(),
            mistakes: mistakes.iter().filter(|one| one.is_error()).cloned().collect(),
        };
        Self { desired, mistakes, claims }
    }
}

fn load_tenant(folder: &Folder, path: &str, policy: Option<&Policy>, look: Look<'_>) -> Outcome {
    let refuse = |mistake| Outcome::invalid(folder, path, None, vec![mistake], Claims::default());
    if let Some(count) = folder.overfull {
        return refuse(
            Diagnostic::of_file(
                Code::TooManyFiles,
                &format!("tenants/{}", shown_folder(&folder.name)),
                format!("the folder has {count} or more entries, more than the {MAX_ENTRIES} that are read"),
            )
            .with_help("remove old token files: Git's history keeps them"),
        );
    }
    let bytes = match &folder.tenant_file {
        Some(FileBytes::Read(bytes)) => bytes,
        Some(FileBytes::TooLarge { size }) => return refuse(too_long(path, *size)),
        Some(FileBytes::NotHere) => return refuse(not_here(path)),
        None => return refuse(no_tenant_file(folder, path)),
    };
    let mut file = match File::open(path, bytes) {
        Ok(file) => file,
        Err(mistake) => return refuse(*mistake),
    };
    let raw: Option<RawTenant> = read(&mut file, "Tenant", tenant_shape());
    let checked =
        raw.map(|raw| check::check_tenant(&mut Checks::new(&mut file), &raw, folder, policy, look));
    let mistakes = file.close();
    let Some(checked) = checked else {
        return Outcome::invalid(folder, path, None, mistakes, Claims::default());
    };
    match checked.tenant {
        Some(tenant) if !mistakes.iter().any(Diagnostic::is_error) => {
            Outcome { desired: Desired::Valid(tenant), mistakes, claims: checked.claims }
        }
        _ => Outcome::invalid(folder, path, checked.tenant_id, mistakes, checked.claims),
    }
}

/// Whether it holds nothing but files that were to be renamed into their places: `import` was killed
/// before its first tenant file was there, and is run again.
fn is_left_behind(folder: &Folder) -> bool {
    let is_waiting = |entry: &Entry| {
        let name = entry.path.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
        let unique = name.and_then(|name| name.rsplit_once('.')).map(|(_, unique)| unique);
        entry.kind == EntryKind::Blob
            && unique
                .is_some_and(|it| it.len() == 32 && it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    folder.overfull.is_none()
        && folder.tenant_file.is_none()
        && !folder.entries.is_empty()
        && folder.entries.iter().all(is_waiting)
}

fn no_tenant_file(folder: &Folder, path: &str) -> Diagnostic {
    let is_file = |entry: &&Entry| entry.path == "tenant.yaml";
    if let Some(entry) = folder.entries.iter().find(is_file) {
        let message = format!("tenant.yaml is {}, not a file", entry.kind.words());
        return Diagnostic::of_file(Code::MissingTenantFile, path, message);
    }
    let missing = Diagnostic::of_file(
        Code::MissingTenantFile,
        path,
        format!("the folder {} has no tenant.yaml", quote(&folder.name)),
    );
    let names = folder.entries.iter().map(|entry| entry.path.as_str());
    match nearest("tenant.yaml", names) {
        Some(near) => missing.with_help(format!("did you mean {}? rename it", quote(near))),
        None => missing.with_help("write tenant.yaml there, or remove the folder"),
    }
}

fn stray(entry: &Entry, tenants: &mut Vec<Desired>, diagnostics: &mut Vec<Diagnostic>) {
    let shown = shown_folder(&entry.path);
    let path = format!("tenants/{shown}");
    match entry.kind {
        EntryKind::Symlink | EntryKind::Submodule | EntryKind::OddMode => {
            let mistake = Diagnostic::of_file(
                Code::NotAFolder,
                &path,
                format!(
                    "{} is {}, which is never followed",
                    quote(&entry.path),
                    entry.kind.words()
                ),
            )
            .with_help("put the tenant's files into a folder of this repository");
            diagnostics.push(mistake.clone());
            tenants.push(Desired::Invalid {
                name: shown.into_owned(),
                tenant_id: None,
                file: path,
                mistakes: vec![mistake],
            });
        }
        _ if entry.path.starts_with('.') || entry.path.eq_ignore_ascii_case("readme.md") => {}
        _ => diagnostics.push(
            Diagnostic::of_file(
                Code::StrayFile,
                &path,
                "this file belongs to no tenant and is not read",
            )
            .with_help("each tenant has a folder: tenants/<name>/tenant.yaml")
            .as_warning(),
        ),
    }
}

fn not_here(path: &str) -> Diagnostic {
    Diagnostic::of_file(Code::ObjectMissing, path, "the file's content is not in this clone")
        .with_help("clone without --filter, or fetch the object; git fsck shows damage")
}

fn text_of(folder: &Folder) -> &str {
    match &folder.tenant_file {
        Some(FileBytes::Read(bytes)) => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).unwrap_or_default()
        }
        _ => "",
    }
}

/// Text → raw, reporting what is not of the file's shape.
fn read<T: DeserializeOwned>(file: &mut File<'_>, kind: &str, shape: &Shape) -> Option<T> {
    let mut root = file.parse()?;
    if !is_ours(file, &root, kind) {
        return None;
    }
    shape::fit(file, shape, &mut root);
    match T::deserialize(&root) {
        Ok(raw) => Some(raw),
        // The shape comes from the same types, so this is a fault of the program; it must still
        // not pass for a valid file.
        Err(error) => {
            file.add(file.mistake(
                Code::WrongType,
                root.span,
                format!("the file does not fit: {error}"),
            ));
            None
        }
    }
}

/// Whether the file is of the version and kind that is read here. If not, nothing else that could
/// be said about it would help.
fn is_ours(file: &mut File<'_>, root: &Node, kind: &str) -> bool {
    let found = |name: &str| {
        let node = root.member(name)?;
        Some(At { value: node.scalar()?, span: node.span })
    };
    if let Some(At { value, span }) = found("apiVersion")
        && value != API_VERSION
    {
        let message =
            format!("this file says {}; this program reads `{API_VERSION}`", quote(value));
        let mistake = file.mistake(Code::ApiVersion, span, message);
        file.add(if value.starts_with("applecart/") {
            mistake.with_help("a newer applecart may read it")
        } else {
            mistake.with_help(format!("write `apiVersion: {API_VERSION}`"))
        });
        return false;
    }
    if let Some(At { value, span }) = found("kind")
        && value != kind
    {
        let message = format!(
            "this file says `kind: {}`; at this place it must be `kind: {kind}`",
            quote(value).trim_matches('`')
        );
        let mistake = file.mistake(Code::FileKind, span, message);
        file.add(mistake.with_help(format!(
            "{FLEET_FILE} describes a Fleet, tenants/<name>/tenant.yaml a Tenant"
        )));
        return false;
    }
    true
}

fn fleet_shape() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| shape_of(&schema::fleet()))
}

fn tenant_shape() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| shape_of(&schema::tenant()))
}

fn shape_of(schema: &serde_json::Value) -> Shape {
    // An empty record refuses every field: loud, and impossible while the test below passes.
    Shape::of_schema(schema).unwrap_or_else(|| Shape::Record(Default::default()))
}

impl ValidateReport {
    /// The report of what was loaded.
    pub fn new(loaded: &Loaded) -> Self {
        let of =
            |severity| loaded.diagnostics.iter().filter(|one| one.severity == severity).count();
        Self {
            format_version: REPORT_VERSION.to_owned(),
            diagnostics: loaded.diagnostics.clone(),
            summary: ValidateSummary {
                errors: of(Severity::Error),
                warnings: of(Severity::Warning),
                tenants: loaded.tenants.len(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
