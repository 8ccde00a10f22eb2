//! A sign-in that fails for one tenant, and for all.

use super::*;

/// Who has the matter of a failed sign-in: a tenant, or with an empty name the fleet.
fn whose(why: [&str; 3], select: &[&str]) -> Vec<String> {
    let world = World::equal();
    let fleet: Vec<Desired> =
        (1..=3).map(|number| Desired::Valid(tenant(&format!("tenant-{number}"), number))).collect();
    let mut plan = world.plan();
    let planned = plan.tenants.remove(0);
    plan.selection.select = select.iter().map(|&one| one.to_owned()).collect();
    plan.tenants = fleet
        .iter()
        .zip(why)
        .map(|(desired, why)| PlannedTenant {
            name: desired.name().to_owned(),
            tenant_id: desired.tenant_id(),
            observed: Observed::None,
            problems: vec![Problem::new(ProblemCode::SignInFailed, why)],
            tokens: Vec::new(),
            ..planned.clone()
        })
        .collect();
    let attention = list(&Input {
        plan: &plan,
        fleet: &fleet,
        ledger: Some(&LedgerView::default()),
        policy: &world.policy,
        clone: &CloneState::default(),
    });
    let ours = attention.matters.into_iter().filter(|one| one.code.as_str() == "sign-in-failed");
    ours.map(|one| one.subject()).collect()
}

#[test]
fn a_sign_in_that_fails_for_all_tenants_alike_is_one_matter_of_the_fleet() {
    let all = ["tenant-1", "tenant-2", "tenant-3"];
    assert_eq!(whose(["the secret expired"; 3], &[]), [""]);
    assert_eq!(whose(["the secret expired", "the secret expired", "another"], &[]), all);
    assert_eq!(whose(["the secret expired"; 3], &["tenant-*"]), all, "of a selection each has it");
}
