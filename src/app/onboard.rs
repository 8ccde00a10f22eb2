//! A campaign over new tenants: looks at each, tells what it lacks, and brings those that are ready.
//!
//! It is kept in the clone's common Git directory, so that it goes on where it stopped. What counts is
//! what Entra and Graph say now: a tick of a consent page only makes this program look again.

mod keep;
mod listen;
mod look;
mod propose;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::renew::Ground;
use super::session;
use super::{AppError, Context};
use applecart_core::fleet::{Auth, Desired, Policy};
use applecart_core::import::{Customer, taken};
use applecart_core::model::{Problem, TenantId};
use applecart_core::onboard::{
    self, Added, Campaign, Candidate, CustomerList, Decoded, ListError, Listed, SeenApplication,
    Stage, Standing, Unresolved,
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
    /// Those of the fleet, of whom some may lack what a later stage needs.
    Fleet,
    /// None: the campaign goes on.
    Resume,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub source: Source,
    /// The sign-in profile of the campaign's tenants.
    pub auth: Option<String>,
    /// What the tenants are to be ready for, where it is said.
    pub stage: Option<Stage>,
    /// What is taken out: folders' names, tenant ids or domains.
    pub remove: Vec<String>,
    /// Nothing is looked at: what was seen last is shown.
    pub offline: bool,
    /// Whether customers are asked for their consent with what comes of it: by links, letters, lines
    /// for their administrators or the page.
    pub asks_for_consent: bool,
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
    #[error("the campaign has no tenant {0:?}, by its name, its id or its domain")]
    NotThere(String),
    #[error("no tenant of the campaign is ready")]
    NothingReady,
    #[error("the ready tenants could not be read again, so nothing was brought")]
    NothingRead,
    #[error(
        "nothing was brought: the plan of the new tenants is not empty ({0}); new tenants are only watched"
    )]
    NotEmpty(String),
    #[error("{} is a link, and may lead out of the repository; nothing was written there", path.display())]
    Link { path: PathBuf },
    /// An administrator of a customer would consent to an application that is to be another one.
    #[error("nobody is asked for consent: {differs}, and these name other applications")]
    OtherApplications { differs: String, next: &'static str, command: String },
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
    /// What the tenants are to be ready for.
    pub stage: Stage,
    /// What was added, and what is to be said of the list.
    pub added: Added,
    /// Tenants of the fleet that sign in with other profiles and so are no part of this campaign, by
    /// profile; `None` is the fleet's default.
    pub elsewhere: BTreeMap<Option<String>, usize>,
    /// Branches of this clone that the remote does not have, each with its commit.
    pub unpushed: BTreeMap<String, String>,
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
        let unmerged = ground.loaded.unmerged.as_ref().filter(|_| options.asks_for_consent);
        let profile = campaign.auth.as_deref();
        if let Some(one) = unmerged.filter(|one| one.has_other_applications(profile, auth)) {
            let (differs, (next, command)) = (one.differs().to_string(), one.next());
            return Err(OnboardError::OtherApplications { differs, next, command }.into());
        }
        campaign.stage = options.stage.or(campaign.stage);
        // One application is enough to watch; who has registered a second one wants to upload.
        let stage = campaign.stage.unwrap_or(match auth.reader_client_id {
            Some(_) => Stage::Apply,
            None => Stage::Watch,
        });
        let applications = applications(auth, stage, &connector, options.offline)?;
        let mut work = Self {
            connector,
            campaign,
            kept,
            common_git_dir,
            applications,
            stage,
            added: Added::default(),
            elsewhere: BTreeMap::new(),
            unpushed: BTreeMap::new(),
            notes: Vec::new(),
            ground,
        };
        work.campaign.in_fleet(&work.fleet_ids());
        work.look_for_branches();
        let sought = work.applications.iter().map(Application::sought).collect();
        work.campaign.seek(sought, context.now(), || word(context));
        for what in &options.remove {
            if work.campaign.remove(what) == 0 {
                return Err(OnboardError::NotThere(what.clone()).into());
            }
        }
        work.add(context, options)?;
        work.save()?;
        Ok(work)
    }

    /// Tenants whose pull request was closed and whose branch is deleted are ready again.
    fn look_for_branches(&mut self) {
        let (repo, remote) = (&self.ground.loaded.repo, self.ground.remote.as_deref());
        for branch in self.campaign.branches() {
            match repo.find_branch(&branch, remote) {
                Ok(Some(found)) => {
                    if remote.is_some() && !found.at_remote {
                        self.unpushed.insert(branch, found.commit);
                    }
                }
                Ok(None) => {
                    self.campaign.branch_is_gone(&branch);
                    self.notes.push(format!("nobody has the branch {branch}, and the fleet does not have its tenants: they are ready again"));
                }
                Err(error) => {
                    self.notes.push(format!(
                        "whether the branches of the campaign are still there is not known: {error}"
                    ));
                    return;
                }
            }
        }
    }

    fn add(&mut self, context: &Context, options: &Options) -> Result<(), AppError> {
        let unresolved: Vec<Listed> = match options.offline {
            // What Entra did not tell before, it may tell now.
            false => self.campaign.unresolved.iter().map(listed).collect(),
            true => Vec::new(),
        };
        let (again, _) = self.with_ids(context, unresolved)?;
        let customers = match &options.source {
            Source::Resume => Vec::new(),
            Source::Fleet => self.of_fleet(),
            Source::Customers { path, encoding } => {
                let (list, notes) = read_list(path, encoding.as_deref())?;
                self.notes.extend(notes);
                let (customers, mistakes) = self.with_ids(context, list.customers)?;
                if !mistakes.is_empty() {
                    return Err(OnboardError::List { path: path.clone(), mistakes }.into());
                }
                customers
            }
            Source::Tenant(text) => {
                let mut listed =
                    Listed { line: 1, tenant_id: None, display_name: None, domain: None };
                match text.parse::<TenantId>() {
                    Ok(id) => listed.tenant_id = Some(id),
                    Err(_) if onboard::is_domain(text) => listed.domain = Some(text.to_lowercase()),
                    Err(_) => return Err(OnboardError::Tenant(text.clone()).into()),
                }
                self.with_ids(context, vec![listed])?.0
            }
        };
        let named: BTreeSet<TenantId> = customers.iter().map(|one| one.tenant_id).collect();
        let state = || word(context);
        let own = self.ground.loaded.fleet.iter();
        let own = own.filter_map(|one| Some((one.tenant_id()?, one.name().to_owned()))).collect();
        let folders = (&taken(&self.ground.source), &own);
        let again = self.campaign.add(&again, folders, state);
        self.added = self.campaign.add(&customers, folders, state);
        self.added.added += again.added;
        self.added.notes.extend(again.notes);
        self.campaign.in_fleet(&self.fleet_ids());
        if !options.offline {
            self.campaign.look_again(&named);
            self.campaign.in_fleet(&self.fleet_ids());
        }
        Ok(())
    }

    /// The tenants of the fleet that sign in as the campaign does.
    fn of_fleet(&mut self) -> Vec<Customer> {
        let alike = self.fleet_ids();
        let signs_in_alike =
            |one: &&Desired| one.tenant_id().is_none_or(|id| alike.get(&id) != Some(&false));
        let (own, others): (Vec<&Desired>, Vec<&Desired>) =
            self.ground.loaded.fleet.iter().partition(signs_in_alike);
        for one in others {
            let profile = one.valid().and_then(|tenant| tenant.auth.clone());
            *self.elsewhere.entry(profile).or_default() += 1;
        }
        let customer = |one: &Desired| {
            let tenant_id = one.tenant_id()?;
            let display_name = one.valid().and_then(|tenant| tenant.display_name.clone());
            Some(Customer { tenant_id, display_name, domain: None })
        };
        own.into_iter().filter_map(customer).collect()
    }

    /// The tenants of the fleet, each with whether it signs in as the campaign does.
    fn fleet_ids(&self) -> BTreeMap<TenantId, bool> {
        let policy: &Policy = &self.ground.loaded.policy;
        let own = policy.auth_of(self.campaign.auth.as_deref());
        let alike = |one: &Desired| {
            let auth = one.valid().and_then(|tenant| tenant.auth.as_deref());
            one.valid().is_none() || policy.auth_of(auth) == own
        };
        let ids = self.ground.loaded.fleet.iter();
        ids.filter_map(|one| Some((one.tenant_id()?, alike(one)))).collect()
    }

    /// The customers with the ids of their tenants; of a domain, Entra tells it. Where it does not,
    /// the campaign keeps the domain: the customer is not left out. And the lines whose domain is
    /// another tenant's than their id: a shifted column would bind a customer to another's tenant.
    fn with_ids(
        &mut self,
        context: &Context,
        all: Vec<Listed>,
    ) -> Result<(Vec<Customer>, Vec<ListError>), AppError> {
        let Some(application) = self.applications.first() else { return Ok(Default::default()) };
        let (connector, auth) = (&self.connector, &application.auth);
        let found = async move |one: Listed| {
            let told = match one.domain.as_deref().filter(|domain| onboard::is_domain(domain)) {
                Some(domain) => Some(connector.tenant_of_domain(domain, auth).await),
                None => None,
            };
            let id = match (one.tenant_id, told) {
                (Some(id), told) => Ok((id, told.and_then(Result::ok).filter(|told| *told != id))),
                (None, told) => told?.map(|id| (id, None)),
            };
            Some((one, id))
        };
        let found = super::block_on(look::many(all, context.parallelism, found))?;
        let (mut customers, mut mistakes) = (Vec::new(), Vec::new());
        for found in found.into_iter().flatten() {
            let (Listed { line, display_name, domain, .. }, id) = found;
            match (id, domain) {
                (Ok((listed, Some(other))), Some(domain)) => {
                    mistakes.push(ListError::DomainOfAnother { line, domain, listed, other });
                }
                (Ok((tenant_id, _)), domain) => {
                    if let Some(domain) = &domain {
                        self.campaign.resolved(domain);
                    }
                    customers.push(Customer { tenant_id, display_name, domain });
                }
                (Err(problem), Some(domain)) => {
                    let detail = told(&problem);
                    self.campaign.keep_unresolved(Unresolved { domain, display_name, detail });
                }
                // Only a domain is asked for.
                (Err(_), None) => {}
            }
        }
        mistakes.sort_by_key(ListError::line);
        Ok((customers, mistakes))
    }

    /// Looks at every tenant that is not on a branch, and was not seen to lack nothing in the fleet.
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
                    one.renew_links(now, || word(context));
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
        Ok(Onboarding::new(&self.campaign, self.stage, context.now(), links))
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
                duty: application.duty,
                url: endpoint.admin_consent_of(
                    one.tenant_id,
                    client_id,
                    &one.link_state(client_id),
                    &back,
                ),
            }
        };
        let wanted = self.applications.iter().filter(|of| one.wants(&of.auth.client_id));
        wanted.map(link).collect()
    }

    fn save(&mut self) -> Result<(), AppError> {
        keep::write(&self.kept, &self.common_git_dir, &mut self.campaign)
    }
}

/// What only the links of one tenant have: nobody can guess it.
fn word(context: &Context) -> String {
    let ids = &context.ids;
    format!("{}{}", ids.uuid().simple(), ids.uuid().simple())
}

fn told(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().map(|detail| format!(": {detail}"));
    format!("{}{}", problem.code, detail.unwrap_or_default())
}

impl Application {
    /// What is looked for in a tenant, as the campaign remembers it.
    fn sought(&self) -> String {
        format!("{} {}", self.auth.client_id, self.duty)
    }

    fn seen(&self, standing: Standing, missing: Vec<String>) -> SeenApplication {
        let client_id = self.auth.client_id.clone();
        SeenApplication { client_id, duty: self.duty, standing, missing }
    }
}

fn listed(one: &Unresolved) -> Listed {
    let Unresolved { domain, display_name, .. } = one.clone();
    Listed { line: 1, tenant_id: None, display_name, domain: Some(domain) }
}

/// The applications of a profile that a stage needs: the one that only reads, and to upload the
/// other one. Where there is but one, it does what the stage needs.
fn applications(
    auth: &Auth,
    stage: Stage,
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
    let own = match (&reader, stage) {
        (Some(_), Stage::Watch) => None,
        (None, Stage::Watch) => Some(Duty::Reader),
        (_, Stage::Apply) => Some(Duty::Writer),
    };
    let own = own.map(|duty| of(auth.clone(), duty));
    let all: Vec<_> = reader.into_iter().chain(own).collect();
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

/// What is to be said of a list whose encoding was concluded from its bytes.
pub(super) fn guessed(path: &Path, decoded: &Decoded) -> Option<String> {
    let guessed = decoded.guessed?;
    Some(format!(
        "{} says nothing of its encoding and was read as {guessed}. Where names look wrong, name it: --encoding",
        path.display()
    ))
}

fn read_list(path: &Path, encoding: Option<&str>) -> Result<(CustomerList, Vec<String>), AppError> {
    let refused = |mistakes| OnboardError::List { path: path.to_owned(), mistakes };
    let bytes = super::files::list_bytes(path)?;
    let decoded = onboard::decode(&bytes, encoding).map_err(|mistake| refused(vec![mistake]))?;
    let list = onboard::parse(&decoded.text).map_err(refused)?;
    let mut notes = Vec::new();
    notes.extend(guessed(path, &decoded));
    if list.is_nameless {
        notes.push(
            "no column of the list was taken for the customers' names, so folders are named after domains or ids. Name that column `Company name`, and give the list again: what has no folder yet is named anew".to_owned(),
        );
    }
    notes.extend(list.repeated());
    Ok((list, notes))
}
