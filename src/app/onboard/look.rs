//! What one tenant lacks, asked of Entra and Graph.

use futures::StreamExt as _;

use super::{Application, told};
use applecart_core::model::{Kind, Problem, ProblemCode, TenantId};
use applecart_core::onboard::{Seen, SeenApplication, Standing};
use applecart_core::rules::entra::{Lack, lack};
use applecart_io::intune::{Connector, NotGranted, ReadRequest};

/// Does something with each, so many at once.
pub(super) async fn many<I, T>(all: Vec<I>, at_once: usize, work: impl AsyncFn(I) -> T) -> Vec<T> {
    let work = &work;
    futures::stream::iter(all).map(|one| work(one)).buffer_unordered(at_once).collect().await
}

/// Looks at a tenant: signs in as each application, reads what its token permits, then Intune.
pub(super) async fn tenant(
    connector: &Connector,
    applications: &[Application],
    id: TenantId,
) -> Seen {
    let mut told = Vec::new();
    for application in applications.iter().filter(|one| one.signs_in) {
        told.extend(match connector.granted(id, &application.auth).await {
            Err(refused) => Some(not_granted(application, &refused)),
            // A token of another form says nothing; then Graph's answer alone counts.
            Ok(granted) => granted.permissions.map(|all| {
                let missing = application.duty.missing(&all);
                let missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
                let standing =
                    if missing.is_empty() { Standing::Ready } else { Standing::RolesMissing };
                (application.seen(standing, missing), None)
            }),
        });
    }
    let seen = Seen::of_applications(told);
    if seen.standing != Standing::Ready {
        return seen;
    }
    let Some(application) = applications.iter().find(|one| one.signs_in) else {
        return Seen::new(Standing::NotLooked);
    };
    let request = ReadRequest {
        tenant_id: id,
        auth: application.auth.clone(),
        watch: Kind::ALL.into(),
        consent_if_push_absent: false,
    };
    let live = connector.read(&request).await;
    let problems: Vec<&Problem> = Kind::ALL.iter().filter_map(|kind| live.problem(*kind)).collect();
    read(&problems, application, seen.applications)
}

/// What the problems of a read say; a licence first, for nothing else can be right without one.
fn read(problems: &[&Problem], reader: &Application, granted: Vec<SeenApplication>) -> Seen {
    let with = |code: ProblemCode| problems.iter().find(|problem| problem.code == code);
    if let Some(problem) = with(ProblemCode::NoLicence) {
        return Seen { detail: Some(told(problem)), ..Seen::new(Standing::NoIntune) };
    }
    if let Some(problem) = with(ProblemCode::Forbidden) {
        let missing = problem.permission.clone().into_iter().collect();
        let others = granted.into_iter().filter(|one| one.client_id != reader.auth.client_id);
        let reader = (reader.seen(Standing::RolesMissing, missing), Some(told(problem)));
        return Seen::of_applications(
            std::iter::once(reader).chain(others.map(|one| (one, None))).collect(),
        );
    }
    let seen = match problems.first() {
        Some(problem) => Seen { detail: Some(told(problem)), ..Seen::new(Standing::Unknown) },
        None => Seen::new(Standing::Ready),
    };
    Seen { applications: granted, ..seen }
}

fn not_granted(
    application: &Application,
    refused: &NotGranted,
) -> (SeenApplication, Option<String>) {
    let standing = match refused.number.and_then(lack) {
        Some((Lack::Application, _)) => Standing::ApplicationMissing,
        Some((Lack::Consent, _)) => Standing::ConsentMissing,
        None => Standing::Unknown,
    };
    (application.seen(standing, Vec::new()), Some(told(&refused.problem)))
}
