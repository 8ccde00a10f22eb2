//! The screen, whole.

use insta::assert_snapshot;

use super::*;
use crate::model::Resource;

fn tenant(number: usize) -> TenantHealth {
    TenantHealth {
        name: format!("customer-{number:03}"),
        tenant_id: "11111111-1111-4111-8111-111111111111".parse().unwrap(),
        problems: Vec::new(),
        consent_link: Some(
            "https://login.microsoftonline.com/1111/adminconsent?client_id=app".into(),
        ),
        data_sharing: ConsentState::NotNeeded,
        clock_skew: Some(2),
    }
}

fn problem(code: ProblemCode, permission: Option<&str>) -> Problem {
    Problem {
        permission: permission.map(str::to_owned),
        ..Problem::new(code, "what the service said")
    }
}

fn screen(tenants: Vec<TenantHealth>) -> String {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let around = vec![
        Check::new(Area::Git, CheckState::Ok, "git version 2.50.0; /fleet at 0123456789ab"),
        Check::new(Area::Identities, CheckState::Warning, "no identity is at hand")
            .with_next("apply needs one: SOPS_AGE_KEY_FILE, SOPS_AGE_KEY or --identity FILE"),
    ];
    let text = doctor_human(&Doctor::new(now, around, tenants), 80);
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn all_is_well() {
    assert_snapshot!(screen((0..3).map(tenant).collect()));
}

#[test]
fn two_hundred_tenants_with_four_troubles_are_one_screen() {
    let tenants = (0..200)
        .map(|number| {
            let mut tenant = tenant(number);
            let role = "DeviceManagementServiceConfig.Read.All";
            tenant.problems = match number % 10 {
                0 => vec![problem(ProblemCode::NoConsent, None)],
                1 => vec![
                    problem(ProblemCode::Forbidden, Some(role)).on(Resource::Push),
                    problem(ProblemCode::Forbidden, Some(role)).on(Resource::Vpp),
                ],
                2 => vec![problem(ProblemCode::NoLicence, None)],
                3 => vec![problem(ProblemCode::Timeout, None)],
                _ => Vec::new(),
            };
            if number == 5 {
                tenant.data_sharing = ConsentState::Missing;
            }
            tenant
        })
        .collect();
    let text = screen(tenants);
    assert!(text.lines().count() <= 50, "{text}");
    assert_snapshot!(text);
}

#[test]
fn a_clock_that_differs_by_more_than_five_minutes_is_not_well() {
    let with = |skew| {
        let tenant = TenantHealth { clock_skew: skew, ..tenant(1) };
        tenant_checks(&[tenant]).remove(0)
    };
    assert_eq!(with(Some(300)).state, CheckState::Ok);
    assert_eq!(with(Some(301)).state, CheckState::Failed);
    assert_eq!(with(Some(-301)).text, "this machine's clock is 301 s ahead of Microsoft's");
    assert_eq!(with(None).state, CheckState::NotChecked);
}

#[test]
fn where_nobody_can_sign_in_nothing_else_is_called_well() {
    let mut one = tenant(1);
    one.problems = vec![problem(ProblemCode::SignInFailed, None)];
    one.clock_skew = None;
    let doctor = Doctor::new("2026-11-22T12:00:00Z".parse().unwrap(), Vec::new(), vec![one]);
    assert_eq!(doctor.summary.sign_in_failed, 1);
    let state = |area| doctor.checks.iter().find(|check| check.area == area).unwrap().state;
    assert_eq!(state(Area::SignIn), CheckState::Failed);
    for area in [Area::Permissions, Area::Licence, Area::Graph, Area::Clock] {
        assert_eq!(state(area), CheckState::NotChecked, "{area:?}");
    }
}

#[test]
fn what_nobody_answered_is_not_called_well() {
    let state_of = |problems: Vec<Problem>, well: usize| {
        let ill = TenantHealth { problems, clock_skew: None, ..tenant(1) };
        let checks = tenant_checks(
            &std::iter::once(ill).chain((2..2 + well).map(tenant)).collect::<Vec<_>>(),
        );
        let state = |area| checks.iter().find(|check| check.area == area).unwrap().state;
        [Area::SignIn, Area::Permissions, Area::Licence, Area::Graph].map(state)
    };
    use CheckState::{Failed, NotChecked, Ok, Warning};
    // Entra does not answer: nothing behind it was asked.
    let entra = || vec![problem(ProblemCode::Unreachable, None)];
    assert_eq!(state_of(entra(), 0), [NotChecked, NotChecked, NotChecked, Failed]);
    assert_eq!(state_of(entra(), 1), [Warning, Warning, Warning, Failed]);
    // Graph does not answer: the sign-in before it worked.
    let graph = vec![problem(ProblemCode::Unreachable, None).on(Resource::Push)];
    assert_eq!(state_of(graph, 0), [Ok, NotChecked, NotChecked, Failed]);
}
