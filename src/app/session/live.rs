//! The way to Intune: signing in, and reading many tenants at once.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};

use super::loaded::{Loaded, selected};
use super::revoked::Revoked;
use crate::app::{AppError, Context, block_on};
use applecart_core::fleet::{CheckWithApple, Policy, Tenant};
use applecart_core::model::{Kind, LiveTenant, Problem, ProblemCode, TenantName};
use applecart_core::plan::Selection;
use applecart_io::apple::{Apple, Place};
use applecart_io::intune::{Connector, ConnectorOptions, ReadRequest, Turn, Turns};
use applecart_io::seams::Seams;

/// Builds the way to Entra and Graph from the environment.
pub fn connector(context: &Context) -> Result<Connector, AppError> {
    let overrides = context.environment.overrides()?;
    // Each tenant's sign-in asks for it; the environment is the only place it is kept.
    let secrets = context.environment.clone();
    let variables = context.environment.clone();
    let seams = Seams { clock: Arc::clone(&context.clock), ids: Arc::clone(&context.ids) };
    let options = ConnectorOptions::new(Box::new(move |auth| secrets.client_secret(auth)));
    let variables = Box::new(move |name: &str| variables.variable(name));
    let ask_person = context.environment.ask_person();
    let options = ConnectorOptions { overrides, variables, ask_person, seams, ..options };
    Ok(Connector::new(options)?)
}

/// The way to Apple.
pub fn apple(context: &Context) -> Result<Apple, AppError> {
    let named = context.environment.variable("APPLECART_APPLE_URL");
    let is_simulated = context.environment.overrides()?.graph_is_loopback();
    let place = Place::parse(named.as_deref(), is_simulated)?;
    Ok(Apple::new(place, Arc::clone(&context.clock))?)
}

/// The way to Entra and Graph, for a run that is to sign in to these tenants. What keeps it from
/// signing in to any of them (a secret that is missing, an application that does not exist) is one
/// cause, told once and before the first request; what holds for some only is theirs to tell.
pub fn signed_in(
    context: &Context,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<Connector, AppError> {
    let connector = connector(context)?;
    if loaded.blind.is_none() {
        let profiles = selected(&loaded.fleet, selection).map(|tenant| tenant.auth.as_deref());
        must_sign_in(&connector, &loaded.policy, profiles)?;
    }
    Ok(connector)
}

/// Refuses a run of which no profile can sign in.
pub fn must_sign_in<'a>(
    connector: &Connector,
    policy: &Policy,
    profiles: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), AppError> {
    let mut first = None;
    let distinct: BTreeSet<Option<&str>> = profiles.collect();
    // A profile that applecart.yaml does not have is its tenants' mistake.
    for auth in distinct.into_iter().filter_map(|profile| policy.auth_of(profile)) {
        match connector.check(auth) {
            Ok(()) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// Whether a run asks what Apple knows of credentials in Intune.
pub fn asks_apple(loaded: &Loaded) -> bool {
    loaded.blind.is_none() && loaded.policy.check_with_apple != CheckWithApple::Off
}

/// The way to Apple, where a run asks that.
pub fn asked_apple(context: &Context, loaded: &Loaded) -> Result<Option<Apple>, AppError> {
    asks_apple(loaded).then(|| apple(context)).transpose()
}

/// Reads for a run that shows or tells what is known, whatever cannot be read. What keeps it from
/// signing in to any tenant is then the answer of each, as a refusal of Entra's is.
pub fn look(
    context: &Context,
    loaded: &Loaded,
    selection: &Selection,
) -> Result<BTreeMap<TenantName, LiveTenant>, AppError> {
    let connector = connector(context)?;
    let apple = asked_apple(context, loaded)?;
    block_on(async {
        let ways = (&connector, apple.as_ref());
        let mut live = read_live(context, ways, loaded, selection).await;
        let auth_of = |tenant: &Tenant| loaded.policy.auth_of(tenant.auth.as_deref());
        let mut asked = selected(&loaded.fleet, selection)
            .filter_map(|tenant| Some((tenant, auth_of(tenant)?)));
        // Entra tells everybody the time; whoever did not sign in has not heard it yet.
        if let Some((tenant, auth)) = asked.next()
            && connector.check(auth).is_err()
            && asked.all(|(_, auth)| connector.check(auth).is_err())
            && let Some(live) = live.get_mut(&tenant.name)
        {
            live.clock_skew = connector.clock_skew(tenant.tenant_id, auth).await;
        }
        live
    })
}

/// Reads every selected tenant, many at once. Each is an island: whatever happens to one is in
/// its own answer. Meanwhile Apple is asked which push certificates it took back, where it is to be.
pub async fn read_live(
    context: &Context,
    (connector, apple): (&Connector, Option<&Apple>),
    loaded: &Loaded,
    selection: &Selection,
) -> BTreeMap<TenantName, LiveTenant> {
    if loaded.blind.is_some() {
        return BTreeMap::new();
    }
    let asked: Vec<_> = selected(&loaded.fleet, selection)
        .map(|tenant| (tenant.name.clone(), request(&loaded.policy, tenant)))
        .collect();
    let watches = |tenant: &Tenant| tenant.watches(Kind::Push);
    let apple = apple.filter(|_| selected(&loaded.fleet, selection).any(watches));
    let revoked = async {
        let list = Revoked::of(&loaded.repo, apple?, context.real_now());
        Some(list.await)
    };
    let (mut live, revoked) = futures::join!(read_each(context, connector, asked), revoked);
    for tenant in selected(&loaded.fleet, selection) {
        if let (Some(revoked), Some(live)) = (&revoked, live.get_mut(&tenant.name)) {
            revoked.mark(tenant, live);
        }
    }
    live
}

/// Reads tenants, many at once; a problem instead of a request is that tenant's answer.
pub async fn read_each(
    context: &Context,
    connector: &Connector,
    asked: Vec<(TenantName, Result<ReadRequest, Problem>)>,
) -> BTreeMap<TenantName, LiveTenant> {
    let progress = (context.progress)("reading");
    progress.begin(asked.len());
    let turns = Turns::new(context.parallelism);
    let answers = futures::stream::iter(asked)
        .map(|(name, request)| {
            let (progress, turns) = (&progress, &turns);
            async move {
                let turn = turns.take().await;
                // A panic is a mistake in this program; it blinds this tenant and no other.
                let read = AssertUnwindSafe(read_one(connector, request, turn));
                let live = read.catch_unwind().await.unwrap_or_else(|_| {
                    let detail = "an internal error stopped the read; please report it";
                    LiveTenant::unknown(&Problem::new(ProblemCode::BadAnswer, detail))
                });
                progress.advance(name.as_str());
                (name, live)
            }
        })
        .buffer_unordered(turns.under_way())
        .collect()
        .await;
    progress.end();
    answers
}

/// Reads one tenant outside a queue.
pub async fn read_tenant(connector: &Connector, policy: &Policy, tenant: &Tenant) -> LiveTenant {
    match request(policy, tenant) {
        Ok(request) => connector.read(&request).await,
        Err(problem) => LiveTenant::unknown(&problem),
    }
}

async fn read_one(
    connector: &Connector,
    request: Result<ReadRequest, Problem>,
    turn: Turn,
) -> LiveTenant {
    match request {
        Ok(request) => connector.read_in_turn(&request, turn).await,
        Err(problem) => LiveTenant::unknown(&problem),
    }
}

/// Why a tenant cannot be asked.
pub const NO_PROFILE: &str = "the tenant names a sign-in profile that applecart.yaml does not have";

/// What to ask about a tenant, or why it cannot be asked.
pub fn request(policy: &Policy, tenant: &Tenant) -> Result<ReadRequest, Problem> {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else {
        return Err(Problem::new(ProblemCode::InvalidFile, NO_PROFILE));
    };
    Ok(ReadRequest {
        tenant_id: tenant.tenant_id,
        auth: auth.clone(),
        watch: tenant.watch.clone(),
        consent_if_push_absent: tenant.push.as_ref().is_some_and(|push| push.file.is_some()),
    })
}
