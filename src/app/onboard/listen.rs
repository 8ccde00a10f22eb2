//! The page on this machine to which browsers come back from consents, and which ticks tenants off.
//!
//! A browser that knows the word of a tenant's link makes this program look at that tenant, and that
//! is all: whether it is ready, its token says.

use futures::FutureExt as _;

use super::{OnboardError, PAUSE, Work};
use crate::app::{AppError, Context};
use applecart_core::model::TenantId;
use applecart_core::onboard::{Candidate, Standing};
use applecart_core::report::onboard::{Onboarding, onboard_page};
use applecart_core::report::plural;
use applecart_io::loopback::{Loopback, Visit};

/// Tells the person something while the page is there.
pub type Announce<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What became of a visit.
enum Came {
    Nobody,
    Visit(Option<Visit>),
}

/// Shows the page until no tenant has to consent any more.
pub fn listen(
    work: &mut Work,
    context: &Context,
    port: u16,
    announce: Announce<'_>,
) -> Result<(), AppError> {
    // Whoever else works on this machine cannot guess where the list of customers is.
    let list = format!("/{}", context.ids.uuid().simple());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(AppError::Runtime)?;
    let bound = runtime.block_on(Loopback::bind(port));
    let mut loopback = bound.map_err(OnboardError::Listen)?;
    let back = loopback.url();
    announce(&format!(
        "Open this page, and the link of each customer on it. Ctrl-C ends it; what was ticked off stays:\n  {back}{list}"
    ));
    while work.campaign.candidates.iter().any(|one| waits(one.standing)) {
        let came = runtime.block_on(async {
            futures::select_biased! {
                visit = loopback.next().fuse() => Came::Visit(visit),
                () = context.clock.sleep(PAUSE).fuse() => Came::Nobody,
            }
        });
        let look = match came {
            Came::Visit(None) => return Ok(()),
            Came::Visit(Some(visit)) if visit.path == list => {
                let page = page(work, context, &back)?;
                runtime.block_on(visit.answer_page(&page));
                continue;
            }
            Came::Visit(Some(visit)) => match ticked(work, context, &visit)? {
                Some(name) => {
                    let what = "Thank you. You can close this page: the consent is being carried through Entra.";
                    runtime.block_on(visit.answer(200, "Consent was given", what));
                    announce(&format!("{name}: came back from its consent"));
                    true
                }
                None => {
                    let what = "This is not the answer of a consent that was asked for here, or it came before.";
                    runtime.block_on(visit.answer(404, "Not here", what));
                    false
                }
            },
            Came::Nobody => true,
        };
        if look {
            look_again(work, context, announce)?;
        }
    }
    match work.report(context)?.unknown() {
        0 => announce("Every tenant was ticked off."),
        unknown => announce(&format!(
            "No link is left on the page, and of {} nothing is known yet: the table says why.",
            plural(unknown, "tenant")
        )),
    }
    Ok(())
}

/// Whether a browser may still come back for it.
fn waits(standing: Standing) -> bool {
    standing.wants_consent() || standing == Standing::Replicating
}

fn page(work: &Work, context: &Context, back: &str) -> Result<String, AppError> {
    let overrides = context.environment.overrides()?;
    let links = |one: &_| work.links(one, |_| back.to_owned(), &overrides);
    Ok(onboard_page(&Onboarding::new(&work.campaign, work.stage, context.now(), links)))
}

/// The tenant that a browser came back for, which is noted.
fn ticked(work: &mut Work, context: &Context, visit: &Visit) -> Result<Option<String>, AppError> {
    let value = |name: &str| visit.query.get(name).map(String::as_str);
    if visit.path != "/" || value("admin_consent") != Some("True") {
        return Ok(None);
    }
    let (tenant, state) = (value("tenant"), value("state").unwrap_or_default());
    let is_sought = |id: &&str| work.applications.iter().any(|one| one.auth.client_id == *id);
    let answered =
        |one: &&mut Candidate| one.answered_link(tenant, state).is_some_and(|id| is_sought(&id));
    let Some(one) = work.campaign.candidates.iter_mut().find(answered) else { return Ok(None) };
    let Some(client_id) = one.answered_link(tenant, state) else { return Ok(None) };
    if !one.consented(client_id, context.now()) {
        return Ok(None);
    }
    let name = one.shown().to_owned();
    work.save()?;
    Ok(Some(name))
}

/// Looks at the tenants whose consent is on its way.
fn look_again(work: &mut Work, context: &Context, announce: Announce<'_>) -> Result<(), AppError> {
    let on_its_way: Vec<TenantId> =
        work.campaign.with(Standing::Replicating).map(|one| one.tenant_id).collect();
    if on_its_way.is_empty() {
        return Ok(());
    }
    work.look_at(context, &on_its_way)?;
    for one in work.campaign.candidates.iter().filter(|one| on_its_way.contains(&one.tenant_id)) {
        if one.standing != Standing::Replicating {
            announce(&format!("{}: {}", one.shown(), one.standing));
        }
    }
    Ok(())
}
