//! What was found of many tenants as a few checks: each trouble once, with who has it.

use super::{Area, Check, CheckState, ConsentState, TenantHealth, Trouble};
use crate::attention::advice;
use crate::model::{Problem, ProblemCode};
use crate::report::text::plural;

/// Seconds by which clocks may differ. Entra and the leases of the ledger bear five minutes.
const CLOCK_LIMIT: i64 = 5 * 60;

/// The checks that tenants answer.
pub(super) fn tenant_checks(tenants: &[TenantHealth]) -> Vec<Check> {
    if tenants.is_empty() {
        let none = |area| Check::new(area, CheckState::NotChecked, "no tenant was read");
        return [
            Area::Clock,
            Area::SignIn,
            Area::Permissions,
            Area::Licence,
            Area::Graph,
            Area::Consent,
        ]
        .map(none)
        .into();
    }
    let answered = tenants.iter().filter(|tenant| tenant.is_checked(Area::SignIn));
    let signed_in = answered.filter(|tenant| !tenant.sign_in_failed()).count();
    let mut checks = vec![clock(tenants)];
    let all = plural(tenants.len(), "tenant");
    checks.push(check(tenants, Area::SignIn, &format!("signed in to {signed_in} of {all}")));
    let well = [
        (
            Area::Permissions,
            "every read that was made is allowed; only an upload proves the write role",
        ),
        (Area::Licence, "every tenant has an Intune licence"),
        (Area::Graph, "every read that was made was answered"),
    ];
    for (area, text) in well {
        checks.push(check(tenants, area, text));
    }
    checks.push(consent(tenants));
    checks
}

fn clock(tenants: &[TenantHealth]) -> Check {
    let skew = tenants.iter().filter_map(|tenant| tenant.clock_skew).max_by_key(|skew| skew.abs());
    let Some(skew) = skew else {
        return Check::new(
            Area::Clock,
            CheckState::NotChecked,
            "unknown: no answer of Microsoft's told the time",
        );
    };
    let text = match skew {
        0 => "this machine's clock equals Microsoft's".to_owned(),
        behind @ 1.. => format!("this machine's clock is {behind} s behind Microsoft's"),
        ahead => format!("this machine's clock is {} s ahead of Microsoft's", -ahead),
    };
    if skew.abs() <= CLOCK_LIMIT {
        return Check::new(Area::Clock, CheckState::Ok, text);
    }
    Check::new(Area::Clock, CheckState::Failed, text)
        .with_next("Set the clock by NTP: sign-ins, certificates and leases depend on it.")
}

/// Where a problem belongs.
fn area_of(code: ProblemCode) -> Area {
    match code {
        ProblemCode::SignInFailed | ProblemCode::TenantNotFound | ProblemCode::NoConsent => {
            Area::SignIn
        }
        ProblemCode::Forbidden => Area::Permissions,
        ProblemCode::NoLicence => Area::Licence,
        ProblemCode::InvalidFile | ProblemCode::BaseUnknown => Area::Fleet,
        ProblemCode::LedgerUnknown | ProblemCode::NotesUnknown => Area::Ledger,
        ProblemCode::Throttled
        | ProblemCode::Timeout
        | ProblemCode::Unreachable
        | ProblemCode::ServerError
        | ProblemCode::BadAnswer => Area::Graph,
    }
}

impl TenantHealth {
    /// Whether the area was looked at in this tenant: nothing before it failed, and no missing
    /// answer leaves it open.
    fn is_checked(&self, area: Area) -> bool {
        self.problems.iter().all(|problem| {
            let of = area_of(problem.code);
            match area {
                // A problem with a resource comes from Graph, so the sign-in before it worked.
                Area::SignIn => of == area || problem.resource.is_some(),
                Area::Graph => of == area || !matches!(of, Area::SignIn | Area::Fleet),
                _ => !matches!(of, Area::SignIn | Area::Graph | Area::Fleet),
            }
        })
    }
}

/// A check of an area in all tenants. It passes only where the area was looked at.
fn check(tenants: &[TenantHealth], area: Area, well: &str) -> Check {
    let troubles = troubles(tenants, area);
    let mut ill: Vec<&String> = troubles.iter().flat_map(|trouble| &trouble.tenants).collect();
    ill.sort();
    ill.dedup();
    let ill = ill.len();
    let open = tenants.iter().filter(|tenant| !tenant.is_checked(area)).count();
    let (state, text) = if !troubles.is_empty() {
        let all = plural(tenants.len(), "tenant");
        (CheckState::Failed, format!("failed in {ill} of {all}"))
    } else if open == tenants.len() {
        let why = match area {
            Area::SignIn => "not checked: Entra could not be asked",
            _ if tenants.iter().all(TenantHealth::sign_in_failed) => "no sign-in worked",
            _ => "not checked: no tenant answered",
        };
        (CheckState::NotChecked, why.to_owned())
    } else if open > 0 {
        (CheckState::Warning, format!("{well}; {} not checked", plural(open, "tenant")))
    } else {
        (CheckState::Ok, well.to_owned())
    };
    Check { troubles, ..Check::new(area, state, text) }
}

/// Each trouble of an area, the most frequent first.
fn troubles(tenants: &[TenantHealth], area: Area) -> Vec<Trouble> {
    let mut all: Vec<Trouble> = Vec::new();
    for tenant in tenants {
        for problem in tenant.problems.iter().filter(|problem| area_of(problem.code) == area) {
            let known = all.iter_mut().find(|trouble| {
                (trouble.code, &trouble.permission) == (problem.code, &problem.permission)
            });
            match known {
                // A tenant may have the same trouble with each of its resources.
                Some(trouble) => {
                    if trouble.tenants.last() != Some(&tenant.name) {
                        trouble.tenants.push(tenant.name.clone());
                    }
                }
                None => all.push(Trouble {
                    code: problem.code,
                    permission: problem.permission.clone(),
                    tenants: vec![tenant.name.clone()],
                    detail: problem.detail.clone(),
                    next: next(tenant, problem),
                }),
            }
        }
    }
    all.sort_by_key(|trouble| std::cmp::Reverse(trouble.tenants.len()));
    all
}

/// What to do about a problem.
fn next(tenant: &TenantHealth, problem: &Problem) -> Vec<String> {
    let consent = || {
        let link = tenant.consent_link.as_ref()?;
        let name = &tenant.name;
        // The link is printed once.
        let is_told = problem.detail.as_ref().is_some_and(|detail| detail.contains(link.as_str()));
        Some(if is_told {
            format!("Have an administrator of {name} open that link and accept.")
        } else {
            format!("Have an administrator of {name} accept at this link: {link}")
        })
    };
    match problem.code {
        ProblemCode::NoConsent => consent().into_iter().collect(),
        ProblemCode::Forbidden => {
            std::iter::once(advice::of_problem(problem)).chain(consent()).collect()
        }
        // The problem's own detail says it.
        ProblemCode::InvalidFile
        | ProblemCode::LedgerUnknown
        | ProblemCode::NotesUnknown
        | ProblemCode::BaseUnknown => Vec::new(),
        _ => {
            let advice = advice::of_problem(problem);
            // The detail above says what is missing, such as a variable.
            let is_circular = advice.contains("applecart doctor");
            vec![if is_circular {
                "Correct what is said above, and run this again.".into()
            } else {
                advice
            }]
        }
    }
}

fn consent(tenants: &[TenantHealth]) -> Check {
    let of = |state| -> Vec<&str> {
        tenants
            .iter()
            .filter(|tenant| tenant.data_sharing == state)
            .map(|tenant| tenant.name.as_str())
            .collect()
    };
    let (missing, unknown) = (of(ConsentState::Missing), of(ConsentState::Unknown));
    if let Some(first) = missing.first() {
        let text = format!(
            "{} without the customer's consent to share data with Apple: first push certificates are held there ({first}{})",
            plural(missing.len(), "tenant"),
            if missing.len() > 1 { ", …" } else { "" }
        );
        return Check::new(Area::Consent, CheckState::Warning, text).with_next(
            "Once the customer has agreed, write `consent: {dataSharing: true}` into the tenant's file.",
        );
    }
    if !unknown.is_empty() {
        let text = format!("unknown for {}", plural(unknown.len(), "tenant"));
        return Check::new(Area::Consent, CheckState::NotChecked, text);
    }
    Check::new(Area::Consent, CheckState::Ok, "no first push certificate waits for consent")
}
