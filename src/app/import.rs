//! What Intune has → tenant files in the worktree.
#![expect(
    clippy::disallowed_methods,
    reason = "reads lists and writes snapshots where it is told to"
)]

mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::replace::{self, New};
use super::session::{self, Loaded, NO_PROFILE, Session, Tree, Unknown, Which, clone};
use super::{AppError, Context, Reach};
use applecart_core::attention::CloneState;
use applecart_core::fleet::{Desired, Source};
use applecart_core::import::{
    Accept, Drafts, ListMistake, Target, Targets, Wanted, note, of_customers, parse_list,
};
use applecart_core::model::{
    Kind, LiveTenant, Outcome, Problem, ProblemCode, TenantId, TenantName, Topic, nearest,
};
use applecart_core::onboard;
use applecart_core::plan::{self, PlannedTenant, Selection, TokenState};
use applecart_core::report::{self, ImportNoteCode, ImportReport, Imported};
use applecart_io::git::Repo;
use applecart_io::intune::{self, Connector, ReadRequest};

/// Which tenants are read from Intune, and where their ids come from.
pub enum ImportSource {
    One {
        name: String,
        tenant_id: TenantId,
        display_name: Option<String>,
    },
    /// The tenants of a CSV list.
    List {
        path: PathBuf,
        encoding: Option<String>,
    },
    /// The customers of a partner.
    Customers(TenantId),
    /// Tenants of the fleet; all of them where none is named.
    Fleet(Vec<String>),
}

pub struct ImportOptions {
    pub source: ImportSource,
    /// The sign-in profile of new tenants, and of the partner.
    pub auth: Option<String>,
    /// Bring existing files up to date.
    pub update: bool,
    /// The topic in Intune that is accepted in place of the one that devices know.
    pub accept: Option<Accept>,
    /// Where to write what was read of each tenant.
    pub live_out: Option<PathBuf>,
}

/// Why nothing was imported. What goes wrong with one tenant is in the report instead.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{name:?}: {why}")]
    Name { name: String, why: applecart_core::model::IdentityError },
    #[error("applecart.yaml has no sign-in profile {0:?}")]
    NoProfile(String),
    #[error("applecart.yaml does not say how to sign in")]
    NoSignIn,
    #[error("the fleet has no tenant {name:?}; a new one needs --tenant-id GUID")]
    NoTenant { name: String, near: Option<String> },
    #[error(
        "the list {} cannot be used: {}",
        path.display(),
        .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    List { path: PathBuf, mistakes: Vec<ListMistake> },
    #[error(
        "the customers of the partner {partner} could not be listed: {}{}",
        .problem.code,
        .problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default()
    )]
    Customers { partner: TenantId, problem: Box<Problem> },
    /// The settings' base is unknown, so Intune is not asked with them.
    #[error(transparent)]
    Blind(Unknown),
    #[error("--tenant-id needs the name of exactly one new tenant")]
    OneName,
    #[error("--accept-topic needs the name of exactly one tenant")]
    OneTenant,
    #[error(
        "Intune of {tenant} does not have the topic {topic} in place of another one that devices know; nothing was written"
    )]
    NotThatTopic { tenant: String, topic: Topic },
    #[error(
        "nothing says what to import. Name it: TENANT --tenant-id GUID, --from FILE, --customers GUID, or --update for the tenants of the fleet"
    )]
    Nothing,
    #[error(
        "a new tenant needs --tenant-id GUID; an existing one is brought up to date with --update"
    )]
    NoId,
}

/// An import that was read and drafted, and may be written.
pub struct Import {
    root: PathBuf,
    common_git_dir: PathBuf,
    drafts: Drafts,
    unusable_contracts: usize,
    /// What is to be said of the list's encoding, where it was concluded.
    pub guessed: Option<String>,
    wrote: usize,
    /// What was seen of the clone.
    pub clone: CloneState,
}

/// Reads Intune and drafts the files; writes nothing but snapshots.
pub fn prepare(options: &ImportOptions, context: &Context) -> Result<Import, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let root = super::seal::worktree(&repo)?.to_owned();
    let source = repo.worktree_snapshot()?;
    let all = Selection::parse(&[])?;
    let loaded = session::load(context, Tree::Worktree, Reach::Remote, &all)?.for_reading();
    if let Some(why) = &loaded.blind {
        return Err(ImportError::Blind(why.clone()).into());
    }
    let connector = session::connector(context)?;
    let (mut targets, unusable_contracts, guessed) =
        targets(options, &loaded, &source, &connector)?;
    targets.accept = options.accept.clone();

    let profiles = targets.read.iter().map(|target| match target.there {
        Some(tenant) => tenant.auth.as_deref(),
        None => target.auth.as_deref(),
    });
    session::must_sign_in(&connector, &loaded.policy, profiles)?;
    let asked = targets.read.iter().map(|target| (target.name.clone(), request(target, &loaded)));
    let asked = asked.collect();
    let live = super::block_on(session::read_each(context, &connector, asked))?;
    let (planned, known) = if targets.read.iter().any(|target| target.there.is_some()) {
        let session::Past { known, history, .. } = session::past(&loaded, context, Which::Shared)?;
        let session = Session::new(context, &loaded, &all, (&known, &history));
        (session.make(&live, plan::Source::Live)?.plan.tenants, known.ok())
    } else {
        (Vec::new(), None)
    };
    let skip_empty = matches!(options.source, ImportSource::Customers(_));
    if let Some(accept) = &options.accept {
        check_accepted(accept, &options.source, &planned)?;
    }
    let (policy, past) = (&loaded.policy, known.as_ref());
    let drafts = Drafts::new(targets, &live, &planned, &source, policy, past, skip_empty);
    if let Some(folder) = &options.live_out {
        snapshots(folder, &live)?;
    }
    let clone = clone::state(context, &loaded, Reach::Clone);
    let common_git_dir = repo.path_common_dir();
    Ok(Import { root, common_git_dir, drafts, unusable_contracts, guessed, wrote: 0, clone })
}

/// Checks that the topic to accept is the one that Intune has in place of the one that devices know.
fn check_accepted(
    accept: &Accept,
    source: &ImportSource,
    planned: &[PlannedTenant],
) -> Result<(), ImportError> {
    let ImportSource::Fleet(names) = source else { return Err(ImportError::OneTenant) };
    let [name] = names.as_slice() else { return Err(ImportError::OneTenant) };
    let tokens = planned.iter().filter(|tenant| tenant.name == *name).flat_map(|one| &one.tokens);
    let mut changed = tokens.filter(|token| token.state.devices_know.is_some());
    let in_intune = |state: &TokenState| state.live.as_ref().and_then(|live| live.topic.clone());
    match changed.any(|token| in_intune(&token.state).as_ref() == Some(&accept.topic)) {
        true => Ok(()),
        false => {
            Err(ImportError::NotThatTopic { tenant: name.clone(), topic: accept.topic.clone() })
        }
    }
}

/// Finds the tenants, how many contracts of the partner name none, and what is to be said of a list's
/// encoding.
fn targets<'f>(
    options: &ImportOptions,
    loaded: &'f Loaded,
    source: &Source,
    connector: &Connector,
) -> Result<(Targets<'f>, usize, Option<String>), AppError> {
    if let Some(auth) = &options.auth
        && loaded.policy.auth_of(Some(auth)).is_none()
    {
        return Err(ImportError::NoProfile(auth.clone()).into());
    }
    let fleet = &loaded.fleet;
    let mut targets = Targets::new(fleet, &loaded.policy, source, options.update);
    let (mut unusable, mut guessed) = (0, None);
    match &options.source {
        ImportSource::One { name, tenant_id, display_name } => {
            let parsed = name.parse::<TenantName>();
            let parsed = parsed.map_err(|why| ImportError::Name { name: name.clone(), why })?;
            let wanted = Wanted {
                name: Some(parsed),
                tenant_id: *tenant_id,
                display_name: display_name.clone(),
                auth: options.auth.clone(),
                note: None,
            };
            targets.add(vec![wanted], true);
        }
        ImportSource::List { path, encoding } => {
            let refused = |mistakes| ImportError::List { path: path.clone(), mistakes };
            let bytes = super::files::list_bytes(path)?;
            let decoded = onboard::decode(&bytes, encoding.as_deref())
                .map_err(|why| refused(vec![ListMistake::Encoding(why)]))?;
            guessed = super::onboard::guessed(path, &decoded);
            let wanted = parse_list(&decoded.text).map_err(refused)?;
            targets.add(wanted, false);
        }
        ImportSource::Customers(partner) => {
            let auth = options.auth.as_deref();
            let signed_in = loaded.policy.auth_of(auth).ok_or(ImportError::NoSignIn)?;
            connector.check(signed_in)?;
            let all = super::block_on(connector.customers(*partner, signed_in))?;
            let all = all.map_err(|problem| ImportError::Customers {
                partner: *partner,
                problem: Box::new(problem),
            })?;
            unusable = all.unusable;
            targets.add(of_customers(&all.customers, auth, fleet, source), false);
        }
        ImportSource::Fleet(names) => {
            let known = |name: &&String| fleet.iter().any(|desired| desired.name() == **name);
            if let Some(name) = names.iter().find(|name| !known(name)) {
                let near = nearest(name, fleet.iter().map(Desired::name)).map(str::to_owned);
                return Err(ImportError::NoTenant { name: name.clone(), near }.into());
            }
            for desired in fleet {
                if names.is_empty() || names.iter().any(|name| name == desired.name()) {
                    targets.existing(desired);
                }
            }
        }
    }
    Ok((targets, unusable, guessed))
}

fn request(target: &Target<'_>, loaded: &Loaded) -> Result<ReadRequest, Problem> {
    if let Some(tenant) = target.there {
        return session::request(&loaded.policy, tenant);
    }
    let Some(auth) = loaded.policy.auth_of(target.auth.as_deref()) else {
        return Err(Problem::new(ProblemCode::InvalidFile, NO_PROFILE));
    };
    Ok(ReadRequest {
        tenant_id: target.tenant_id,
        auth: auth.clone(),
        watch: Kind::ALL.into(),
        consent_if_push_absent: false,
    })
}

/// One file a tenant, for `plan` and `inspect`.
fn snapshots(folder: &Path, live: &BTreeMap<TenantName, LiveTenant>) -> Result<(), AppError> {
    std::fs::create_dir_all(folder).map_err(AppError::file(folder, "make"))?;
    for (name, live) in live {
        if let Some(snapshot) = intune::snapshot_of(live) {
            let bytes = report::json(&snapshot)?.into_bytes();
            replace::replace(&[New { path: folder.join(format!("{name}.json")), bytes }])?;
        }
    }
    Ok(())
}

impl Import {
    pub fn wrote(&self) -> bool {
        self.wrote > 0
    }

    /// Puts the files in place, tenant by tenant.
    pub fn write(&mut self, remove_files: bool) {
        for draft in std::mem::take(&mut self.drafts.drafts) {
            if let Err(error) = write::put_alone(&self.common_git_dir, &self.root, &draft) {
                let result = match error {
                    write::PlaceError::File(..) => Imported::Failed,
                    _ => Imported::Refused,
                };
                let notes = vec![note(ImportNoteCode::File, error.to_string())];
                self.drafts.settle(&draft.name, result, notes);
                continue;
            }
            self.wrote += 1;
            let notes = draft.left.iter().map(|file| {
                let shown = format!("tenants/{}/{file}", draft.name);
                let removed = remove_files.then(|| write::remove(&self.root, &draft.name, file));
                let detail = match removed {
                    None => format!(
                        "{shown} belongs to no token any more; delete it (`git rm`, or --remove-files). Git's history keeps it"
                    ),
                    Some(Ok(())) => format!("{shown} was deleted; Git's history keeps it"),
                    Some(Err(error)) => format!("{shown} was not deleted: {error}"),
                };
                note(ImportNoteCode::Unreferenced, detail)
            });
            let notes: Vec<_> = notes.collect();
            if !notes.is_empty() {
                self.drafts.settle(&draft.name, Imported::Updated, notes);
            }
        }
    }

    pub fn report(&self, written: bool) -> ImportReport {
        self.drafts.report(self.unusable_contracts, written)
    }

    pub fn outcome(&self) -> Outcome {
        self.drafts.outcome()
    }
}
