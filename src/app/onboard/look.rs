//! What one tenant lacks, asked of Entra and Graph.

use futures::StreamExt as _;

use super::{Application, told};
use applecart_core::model::{Kind, Problem, ProblemCode, TenantId};
use applecart_core::onboard::{Seen, Standing};
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
    let mut missing: Vec<String> = Vec::new();
    for application in applications.iter().filter(|one| one.signs_in) {
        match connector.granted(id, &application.auth).await {
            Err(refused) => return not_granted(&refused),
            Ok(granted) => {
                // A token of another form says nothing; then Graph's answer alone counts.
                let lacking = granted.permissions.map(|all| application.duty.missing(&all));
                let lacking = lacking.into_iter().flatten().map(str::to_owned);
                missing.extend(lacking.filter(|name| !missing.contains(name)).collect::<Vec<_>>());
            }
        }
    }
    if !missing.is_empty() {
        return Seen { missing, ..Seen::new(Standing::RolesMissing) };
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
    read(&problems)
}

/// What the problems of a read say; a licence first, for nothing else can be right without one.
fn read(problems: &[&Problem]) -> Seen {
    let with = |code: ProblemCode| problems.iter().find(|problem| problem.code == code);
    if let Some(problem) = with(ProblemCode::NoLicence) {
        return Seen { detail: Some(told(problem)), ..Seen::new(Standing::NoIntune) };
    }
    if let Some(problem) = with(ProblemCode::Forbidden) {
        let missing = problem.permission.clone().into_iter().collect();
        let detail = Some(told(problem));
        return Seen { standing: Standing::RolesMissing, missing, detail };
    }
    match problems.first() {
        Some(problem) => Seen { detail: Some(told(problem)), ..Seen::new(Standing::Unknown) },
        None => Seen::new(Standing::Ready),
    }
}

fn not_granted(refused: &NotGranted) -> Seen {
    let standing = match refused.number.and_then(lack) {
        Some((Lack::Application, _)) => Standing::ApplicationMissing,
        Some((Lack::Consent, _)) => Standing::ConsentMissing,
        None => Standing::Unknown,
    };
    Seen { detail: Some(told(&refused.problem)), ..Seen::new(standing) }
}
