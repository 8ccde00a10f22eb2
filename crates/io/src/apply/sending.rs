//! What is sent for each kind, and what follows an upload that Intune accepted.

use super::files::Ready;
use super::record;
use super::tenant::{Before, Island, needs_consent};
use crate::intune::{
    Consented, EnrollmentSettings, IntuneWrite, Synced, VppChange, VppCreation, WriteError,
};
use applecart_core::model::{Kind, Outcome, Setting, SettingChange, TokenRef};
use applecart_core::plan::{Action, Settings, Subject};
use applecart_core::report::Done;
use applecart_core::report::Happened;

/// Sends a due write whose file was judged.
pub(super) async fn send(
    island: &Island<'_>,
    writer: &IntuneWrite,
    file: Option<&Ready>,
    before: &Before,
) -> Done {
    let due = island.due;
    match (due.token.token.kind, file) {
        (Kind::Push, Some(file)) => push(island, writer, file, before).await,
        (Kind::Enrollment, Some(file)) => enrollment(island, writer, file, before).await,
        (Kind::Vpp, Some(file)) if due.action == Action::Create => {
            create_vpp(island, writer, file, before).await
        }
        (Kind::Vpp, file) => vpp(island, writer, file, before).await,
        (Kind::Enrollment, None) => configure_enrollment(island, writer, before).await,
        // A push certificate has no settings; the lint keeps such a plan away.
        (Kind::Push, None) => island.not_started("a push certificate has no settings").await,
    }
}

async fn push(island: &Island<'_>, writer: &IntuneWrite, file: &Ready, before: &Before) -> Done {
    let mut details = Vec::new();
    if needs_consent(island.due, &before.live) {
        match writer.consent().await {
            Ok(Consented::Granted) => {}
            Ok(Consented::NotOffered) => details.push(
                "Intune has no consent to data sharing to give; the upload went on without it"
                    .to_owned(),
            ),
            // The certificate did not leave, whatever became of the consent.
            Err(error) => {
                let detail = format!("the consent to data sharing was not given: {error}");
                return island.not_sent(Happened::Failed, Outcome::Partial, &detail).await;
            }
        }
    }
    let apple_id = island.due.after.apple_id.as_deref().unwrap_or_default();
    match writer.upload_push(apple_id, file.expose()).await {
        Ok(live) => landed(island, Subject::Push(&live), before, details).await,
        Err(error) => island.failed(error, before, details).await,
    }
}

async fn enrollment(
    island: &Island<'_>,
    writer: &IntuneWrite,
    file: &Ready,
    before: &Before,
) -> Done {
    let due = island.due;
    let id = due.token.token.id.as_deref().unwrap_or_default();
    let apple_id = due.after.apple_id.as_deref().unwrap_or_default();
    if let Err(error) = writer.upload_enrollment(id, apple_id, file.expose()).await {
        return island.failed(error, before, Vec::new()).await;
    }
    // 204 tells nothing about the token, so only what was known before is recorded.
    let draft = record::applied(due, island.plan_digest, due.after.clone(), island.tools);
    if let Err(error) = island.tools.ledger.append(vec![draft]).await {
        return Done::unrecorded(&error, Happened::Progressing);
    }
    let mut details = Vec::new();
    let mut outcome = Outcome::Done;
    let settings = enrollment_settings(island);
    if settings.role_scope_tag_ids.is_some()
        && let Err(error) = writer.configure_enrollment(id, &settings).await
    {
        details.push(format!("the token was uploaded, but its settings were not changed: {error}"));
        outcome = Outcome::Partial;
    }
    details.extend(synced("device sync", writer.sync_enrollment(id).await));
    with(shown(island, before, &settings.requested(), details).await, outcome)
}

async fn vpp(
    island: &Island<'_>,
    writer: &IntuneWrite,
    file: Option<&Ready>,
    before: &Before,
) -> Done {
    let due = island.due;
    let id = due.token.token.id.as_deref().unwrap_or_default();
    // An Apple Account is never written by itself, only along with a token.
    let live_apple_id = due.before.as_ref().and_then(|facts| facts.apple_id.as_deref());
    let stated = due.token.facts.apple_id.as_deref();
    let change = VppChange {
        token: file.map(Ready::expose),
        apple_id: stated.filter(|stated| file.is_some() && live_apple_id != Some(stated)),
        claim: (file.is_some() && due.token.claim).then_some(true),
        display_name: due.settings.display_name.as_deref(),
        country_or_region: due.settings.country_or_region.as_deref(),
        automatically_update_apps: due.settings.automatically_update_apps,
        role_scope_tag_ids: due.settings.role_scope_tag_ids.as_deref(),
    };
    let requested = change.requested();
    match writer.update_vpp(id, &change).await {
        Err(error) => island.failed(error, before, Vec::new()).await,
        Ok(live) if file.is_none() => {
            configured(island, before, Subject::Vpp(&live), &requested).await
        }
        Ok(live) => {
            let draft = record::applied(due, island.plan_digest, live.facts(), island.tools);
            if let Err(error) = island.tools.ledger.append(vec![draft]).await {
                return Done::unrecorded(&error, Happened::Progressing);
            }
            // Another location is wrong from the first answer on; waiting would only hurt.
            let live = Subject::Vpp(&live);
            if island.shows(live) && island.wrong_location(live).is_some() {
                return island.confirm(live, Happened::Uploaded, Vec::new()).await;
            }
            let details = synced("licence sync", writer.sync_vpp(id).await);
            shown(island, before, &requested, details.into_iter().collect()).await
        }
    }
}

async fn create_vpp(
    island: &Island<'_>,
    writer: &IntuneWrite,
    file: &Ready,
    before: &Before,
) -> Done {
    let due = island.due;
    let facts = &due.token.facts;
    let creation = VppCreation {
        display_name: due.token.token.name.as_deref().unwrap_or_default(),
        apple_id: facts.apple_id.as_deref().unwrap_or_default(),
        token: file.expose(),
        account_type: due.token.account_type.as_deref(),
        country_or_region: facts.country_or_region.as_deref(),
        automatically_update_apps: facts.automatically_update_apps.unwrap_or_default(),
        claim: due.token.claim,
        role_scope_tag_ids: facts.role_scope_tag_ids.as_deref(),
    };
    let live = match writer.create_vpp(&creation).await {
        Ok(live) => live,
        Err(error) => return island.failed(error, before, Vec::new()).await,
    };
    // From here on the token has an id; every later line names it.
    let mut due = due.clone();
    due.token.token = TokenRef { id: Some(live.id.clone()), ..due.token.token };
    let created = Island { due: &due, elsewhere: None, ..*island };
    let draft = record::applied(&due, island.plan_digest, live.facts(), island.tools);
    if let Err(error) = island.tools.ledger.append(vec![draft]).await {
        return Done::unrecorded(&error, Happened::Progressing);
    }
    let details = synced("licence sync", writer.sync_vpp(&live.id).await);
    let done = shown(&created, before, &[], details.into_iter().collect()).await;
    let happened = match done.happened {
        Happened::Uploaded => Happened::Created,
        other => other,
    };
    Done { happened, ..done }
}

async fn configure_enrollment(island: &Island<'_>, writer: &IntuneWrite, before: &Before) -> Done {
    let id = island.due.token.token.id.as_deref().unwrap_or_default();
    let settings = enrollment_settings(island);
    match writer.configure_enrollment(id, &settings).await {
        Ok(live) => {
            configured(island, before, Subject::Enrollment(&live), &settings.requested()).await
        }
        Err(error) => island.failed(error, before, Vec::new()).await,
    }
}

fn enrollment_settings(island: &Island<'_>) -> EnrollmentSettings {
    EnrollmentSettings { role_scope_tag_ids: island.due.settings.role_scope_tag_ids.clone() }
}

/// Settings were changed: the answer shows them, and nothing else may have moved.
async fn configured(
    island: &Island<'_>,
    before: &Before,
    live: Subject<'_>,
    requested: &[Setting],
) -> Done {
    let due = island.due;
    let facts = live.facts();
    let draft = record::applied(due, island.plan_digest, facts.clone(), island.tools);
    if let Err(error) = island.tools.ledger.append(vec![draft]).await {
        return Done::unrecorded(&error, Happened::Configured);
    }
    let details = unrequested(island, before, live, requested);
    let outcome = if details.is_empty() { Outcome::Done } else { Outcome::Partial };
    Done { details, live: Some(facts), outcome, ..Done::of(Happened::Configured) }
}

/// Intune accepted a push certificate, or a read found an upload whose answer was lost: recorded
/// at once, before anything else can go wrong.
pub(super) async fn landed(
    island: &Island<'_>,
    answered: Subject<'_>,
    before: &Before,
    details: Vec<String>,
) -> Done {
    let draft = record::applied(island.due, island.plan_digest, answered.facts(), island.tools);
    if let Err(error) = island.tools.ledger.append(vec![draft]).await {
        return Done::unrecorded(&error, Happened::Progressing);
    }
    shown(island, before, &requested(island), details).await
}

/// The settings that the lost answer's request held.
fn requested(island: &Island<'_>) -> Vec<Setting> {
    let Settings { display_name, country_or_region, automatically_update_apps, role_scope_tag_ids } =
        &island.due.settings;
    let mut requested = Vec::new();
    requested.extend(display_name.as_ref().map(|_| Setting::DisplayName));
    requested.extend(country_or_region.as_ref().map(|_| Setting::CountryOrRegion));
    requested.extend(automatically_update_apps.map(|_| Setting::AutomaticallyUpdateApps));
    requested.extend(role_scope_tag_ids.as_ref().map(|_| Setting::RoleScopeTagIds));
    requested.extend(island.due.token.claim.then_some(Setting::Claim));
    requested
}

/// Waits until live shows the upload, and records it.
async fn shown(
    island: &Island<'_>,
    before: &Before,
    requested: &[Setting],
    mut details: Vec<String>,
) -> Done {
    let read = island.read_back().await;
    let Some(subject) = read.as_ref().and_then(|live| island.subject(live)) else {
        let what = match island.due.token.token.kind {
            Kind::Push => "certificate",
            Kind::Enrollment | Kind::Vpp => "token",
        };
        details.push(format!(
            "Intune accepted the {what} and does not show it yet; run `applecart plan` later"
        ));
        return Done { details, ..Done::of(Happened::Progressing) };
    };
    let moved = unrequested(island, before, subject, requested);
    let outcome = if moved.is_empty() { Outcome::Done } else { Outcome::Partial };
    details.extend(moved);
    with(island.confirm(subject, Happened::Uploaded, details).await, outcome)
}

fn with(done: Done, outcome: Outcome) -> Done {
    Done { outcome: done.outcome.and(outcome), ..done }
}

/// What became of the sync that follows an upload. It decides nothing: Intune syncs by itself.
fn synced(what: &str, result: Result<Synced, WriteError>) -> Option<String> {
    match result {
        Ok(Synced::Started) => None,
        Ok(Synced::TooSoon) => Some(format!(
            "a {what} was started only a short while ago; Intune starts the next one by itself"
        )),
        Err(error) => Some(format!(
            "the token was uploaded, but the {what} could not be started ({error}); start it in the portal, or wait for Intune's own"
        )),
    }
}

/// Settings that were not in the request and are not what they were before, in sentences.
fn unrequested(
    island: &Island<'_>,
    before: &Before,
    live: Subject<'_>,
    requested: &[Setting],
) -> Vec<String> {
    let changes = match (island.subject(&before.live), live) {
        (Some(Subject::Vpp(before)), Subject::Vpp(live)) => {
            before.unrequested_changes(live, requested)
        }
        (Some(Subject::Enrollment(before)), Subject::Enrollment(live)) => {
            before.unrequested_changes(live, requested)
        }
        _ => Vec::new(),
    };
    let sentence = |change: SettingChange| {
        format!(
            "Intune changed {} from {} to {}, which nobody asked for; set it back in the portal, or state it in the tenant file",
            change.setting.property(),
            change.before,
            change.after
        )
    };
    changes.into_iter().map(sentence).collect()
}
