//! A campaign over new tenants: looks at each, tells what it lacks, and brings those that are ready.
//!
//! It is kept in the clone's common Git directory, so that it goes on where it stopped. What counts is
//! what Entra and Graph say now: a tick of a consent page only makes this program look again.

mod keep;
mod listen;
mod look;
mod propose;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::renew::Ground;
use super::session;
use super::{AppError, Context};
use applecart_core::fleet::{Auth, Desired};
use applecart_core::import::{Customer, taken};
use applecart_core::model::{Problem, TenantId};
use applecart_core::onboard::{
    self, Added, Campaign, Candidate, CustomerList, ListError, Listed, Standing,
};
use applecart_core::plan::Selection;
use applecart_core::report::onboard::{ConsentLink, Onboarding};
use applecart_core::rules::entra::Duty;
use applecart_io::intune::Connector;

pub use keep::write_letters;
pub use listen::{Announce, listen};
pub use propose::Brought;

/// A tenant that waits for its consent is looked at this often.
const PAUSE: Duration = Duration::from_secs(10);
/// A little longer than Entra's servers take to learn of a consent.
const LONGEST: Duration = Duration::from_secs(12 * 60);
/// What was seen is written down after so many tenants, so that no more is lost by an interruption.
const CHUNK: usize = 64;

/// Which tenants are added.
#[derive(Clone, Debug)]
pub enum Source {
    /// Those of a list, in this encoding where it is named.
    Customers { path: PathBuf, encoding: Option<String> },
    /// One, by its id or one of its domains.
    Tenant(String),
    /// None: the campaign goes on.
    Resume,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub source: Source,
    /// The sign-in profile of the campaign's tenants.
    pub auth: Option<String>,
    /// Nothing is looked at: what was seen last is shown.
    pub offline: bool,
}

/// Why a campaign does not go on.
#[derive(Debug, thiserror::Error)]
pub enum OnboardError {
    #[error(
        "the list {} cannot be used: {}",
        path.display(),
        .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    List { path: PathBuf, mistakes: Vec<ListError> },
    #[error("{0:?} is neither a tenant id nor a domain")]
    Tenant(String),
    #[error("applecart.yaml has no sign-in profile {0:?}")]
    NoProfile(String),
    #[error(
        "the campaign signs in as {campaign}; another one needs a clone of its own, or has to wait"
    )]
    OtherProfile { campaign: String },
    #[error("{} is not a campaign that this program reads: {why}", path.display())]
    Kept { path: PathBuf, why: String },
    #[error("no tenant of the campaign is ready")]
    NothingReady,
    #[error("the ready tenants could not be read again, so nothing was brought")]
    NothingRead,
    #[error(
        "nothing was brought: the plan of the new tenants is not empty ({0}); new tenants are only watched"
    )]
    NotEmpty(String),
    #[error("nothing can listen on this machine for the browsers that come back")]
    Listen(#[source] std::io::Error),
}

/// A campaign at work.
pub struct Work {
    pub(super) ground: Ground,
    pub(super) connector: Connector,
    pub(super) campaign: Campaign,
    kept: PathBuf,
    common_git_dir: PathBuf,
    pub(super) applications: Vec<Application>,
    /// What was added, and what is to be said of the list.
    pub added: Added,
    pub notes: Vec<String>,
}

/// An application that a tenant has to consent to.
pub(super) struct Application {
    pub(super) auth: Auth,
    pub(super) duty: Duty,
    /// Whether this place can sign in as it, and so see what it may do.
    pub(super) signs_in: bool,
}

impl Work {
    /// Opens the campaign of this clone, and adds tenants.
    pub fn open(context: &Context, options: &Options) -> Result<Self, AppError> {
        let ground = Ground::load(context, &Selection::parse(&[])?)?;
        let common_git_dir = ground.loaded.repo.path_common_dir();
        let kept = keep::path(&common_git_dir);
        let mut campaign =
            keep::read(&kept)?.unwrap_or_else(|| Campaign::new(options.auth.clone()));
        if campaign.candidates.is_empty() {
            campaign.auth = options.auth.clone().or(campaign.auth);
        } else if options.auth.is_some() && options.auth != campaign.auth {
            let campaign = campaign.auth.unwrap_or_else(|| "the fleet's default".to_owned());
            return Err(OnboardError::OtherProfile { campaign }.into());
        }
        let connector = session::connector(context)?;
        let auth = ground.loaded.policy.auth_of(campaign.auth.as_deref());
        let auth =
            auth.ok_or_else(|| OnboardError::NoProfile(campaign.auth.clone().unwrap_or_default()))?;
        let applications = applications(auth, &connector, options.offline)?;
        let mut work = Self {
            connector,
            campaign,
            kept,
            common_git_dir,
            applications,
            added: Added::default(),
            notes: Vec::new(),
            ground,
        };
        work.campaign.in_fleet(&fleet_ids(&work.ground.loaded.fleet));
        work.add(context, &options.source)?;
        work.save()?;
        Ok(work)
    }

    fn add(&mut self, context: &Context, source: &Source) -> Result<(), AppError> {
        let customers = match source {
            Source::Resume => return Ok(()),
            Source::Customers { path, encoding } => {
                let (list, notes) = read_list(path, encoding.as_deref())?;
                self.notes.extend(notes);
                self.with_ids(context, list.customers)?
            }
            Source::Tenant(text) => {
                let mut listed =
                    Listed { line: 1, tenant_id: None, display_name: None, domain: None };
                match text.parse::<TenantId>() {
                    Ok(id) => listed.tenant_id = Some(id),
                    Err(_) if onboard::is_domain(text) => listed.domain = Some(text.to_lowercase()),
                    Err(_) => return Err(OnboardError::Tenant(text.clone()).into()),
                }
                self.with_ids(context, vec![listed])?
            }
        };
        let ids = &context.ids;
        let state = || format!("{}{}", ids.uuid().simple(), ids.uuid().simple());
        self.added = self.campaign.add(&customers, &taken(&self.ground.source), state);
        self.campaign.in_fleet(&fleet_ids(&self.ground.loaded.fleet));
        Ok(())
    }

    /// The customers with the ids of their tenants; of a domain, Entra tells it.
    fn with_ids(&mut self, context: &Context, all: Vec<Listed>) -> Result<Vec<Customer>, AppError> {
        let Some(application) = self.applications.first() else { return Ok(Vec::new()) };
        let (connector, auth) = (&self.connector, &application.auth);
        let found = async move |one: Listed| {
            let id = match (one.tenant_id, &one.domain) {
                (Some(id), _) => Ok(id),
                (None, Some(domain)) => connector.tenant_of_domain(domain, auth).await,
                (None, None) => return None,
            };
            Some(id.map(|tenant_id| Customer {
                tenant_id,
                display_name: one.display_name,
                domain: one.domain,
            }))
        };
        let found = super::block_on(look::many(all, context.parallelism, found))?;
        let mut customers = Vec::new();
        for found in found.into_iter().flatten() {
            match found {
                Ok(customer) => customers.push(customer),
                Err(problem) => self.notes.push(format!("left out: {}", told(&problem))),
            }
        }
        Ok(customers)
    }

    /// Looks at every tenant that is not in the fleet or on a branch yet.
    pub fn look(&mut self, context: &Context) -> Result<(), AppError> {
        let open: Vec<TenantId> = self
            .campaign
            .candidates
            .iter()
            .filter(|one| one.standing.is_open())
            .map(|one| one.tenant_id)
            .collect();
        self.look_at(context, &open)
    }

    /// Looks at these tenants, many at once, and writes down what was seen as it goes.
    fn look_at(&mut self, context: &Context, ids: &[TenantId]) -> Result<(), AppError> {
        let progress = (context.progress)("looking");
        progress.begin(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let (connector, applications) = (&self.connector, &self.applications);
            let look = async |id: TenantId| {
                connector.forget(id);
                let seen = look::tenant(connector, applications, id).await;
                progress.advance(&id.to_string());
                (id, seen)
            };
            let looked = look::many(chunk.to_vec(), context.parallelism, look);
            let now = context.now();
            for (id, seen) in super::block_on(looked)? {
                let mine = self.campaign.candidates.iter_mut().find(|one| one.tenant_id == id);
                if let Some(one) = mine {
                    one.record(seen, now);
                }
            }
            self.save()?;
        }
        progress.end();
        Ok(())
    }

    /// Waits for what is on its way through Entra.
    pub fn wait(&mut self, context: &Context) -> Result<(), AppError> {
        let end = context.clock.elapsed() + LONGEST;
        loop {
            let waiting: Vec<TenantId> =
                self.campaign.with(Standing::Replicating).map(|one| one.tenant_id).collect();
            if waiting.is_empty() || context.clock.elapsed() >= end {
                return Ok(());
            }
            context.clock.pause(PAUSE);
            self.look_at(context, &waiting)?;
        }
    }

    /// How far the campaign is.
    pub fn report(&self, context: &Context) -> Result<Onboarding, AppError> {
        let overrides = context.environment.overrides()?;
        let links = |one: &Candidate| {
            self.links(one, |auth| overrides.endpoint(auth.cloud).blank_page(), &overrides)
        };
        Ok(Onboarding::new(&self.campaign, context.now(), links))
    }

    fn links(
        &self,
        one: &Candidate,
        back: impl Fn(&Auth) -> String,
        overrides: &applecart_io::intune::Overrides,
    ) -> Vec<ConsentLink> {
        let link = |application: &Application| {
            let Auth { client_id, cloud, .. } = &application.auth;
            let endpoint = overrides.endpoint(*cloud);
            let back = back(&application.auth);
            ConsentLink {
                client_id: client_id.clone(),
                url: endpoint.admin_consent_of(one.tenant_id, client_id, &one.state, &back),
            }
        };
        self.applications.iter().map(link).collect()
    }

    /// The permissions by id that each application is given.
    pub fn roles(&self) -> Vec<(String, Vec<&'static str>)> {
        let of = |one: &Application| {
            let roles = one.duty.permissions().iter().map(|permission| permission.role);
            (one.auth.client_id.clone(), roles.collect())
        };
        self.applications.iter().map(of).collect()
    }

    fn save(&mut self) -> Result<(), AppError> {
        keep::write(&self.kept, &self.common_git_dir, &mut self.campaign)
    }
}

fn told(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().map(|detail| format!(": {detail}"));
    format!("{}{}", problem.code, detail.unwrap_or_default())
}

fn fleet_ids(fleet: &[Desired]) -> BTreeSet<TenantId> {
    fleet.iter().filter_map(Desired::tenant_id).collect()
}

/// The applications of a profile: the one that uploads, and the one that only reads.
fn applications(
    auth: &Auth,
    connector: &Connector,
    offline: bool,
) -> Result<Vec<Application>, AppError> {
    let reader = auth.reader_client_id.clone().map(|client_id| Auth {
        client_id,
        reader_client_id: None,
        ..auth.clone()
    });
    let of = |auth: Auth, duty| {
        let signs_in = connector.check(&auth);
        (Application { signs_in: signs_in.is_ok(), auth, duty }, signs_in.err())
    };
    let reader = reader.map(|auth| of(auth, Duty::Reader));
    let all: Vec<_> = reader.into_iter().chain([of(auth.clone(), Duty::Writer)]).collect();
    let none = all.iter().all(|(one, _)| !one.signs_in);
    let mut applications = Vec::new();
    let mut why = None;
    for (application, error) in all {
        applications.push(application);
        why = why.or(error);
    }
    match why {
        Some(why) if none && !offline => Err(why.into()),
        _ => Ok(applications),
    }
}

fn read_list(path: &Path, encoding: Option<&str>) -> Result<(CustomerList, Vec<String>), AppError> {
    let refused = |mistakes| OnboardError::List { path: path.to_owned(), mistakes };
    let bytes = super::files::list_bytes(path)?;
    let decoded = onboard::decode(&bytes, encoding).map_err(|mistake| refused(vec![mistake]))?;
    let list = onboard::parse(&decoded.text).map_err(refused)?;
    let mut notes = Vec::new();
    if let Some(guessed) = decoded.guessed {
        notes.push(format!(
            "{} says nothing of its encoding and was read as {guessed}. Where names look wrong, name it: --encoding",
            path.display()
        ));
    }
    if list.twice > 0 {
        notes.push(format!("{} more lines name a tenant that an earlier line has", list.twice));
    }
    Ok((list, notes))
}
