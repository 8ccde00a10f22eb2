//! What people read, whole.

use insta::assert_snapshot;

use super::{plan_human, plan_markdown};
use crate::attention::Attention;
use crate::attention::tests::attention_of;
use crate::fleet::Desired;
use crate::model::{Problem, ProblemCode, Reading, Resource};
use crate::plan::Selection;
use crate::plan::world::{OTHER_TOPIC, World, policy, push_entry, tenant};

/// What the world's plan and fleet ask of a person.
fn attention(world: &World) -> Attention {
    attention_of(world, &world.plan())
}

/// As a terminal without colours shows it; long digests are the same in every run.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn an_upload_for_a_terminal() {
    let world = World::renewal();
    let plan = world.plan();
    assert_snapshot!(plain(&plan_human(&plan, &attention(&world), false, 100)));
}

#[test]
fn a_hold_for_a_terminal() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.suspend("2026-12-31");
    assert_snapshot!(plain(&plan_human(&world.plan(), &attention(&world), false, 100)));
}

#[test]
fn a_past_date_is_not_until() {
    let mut world = World::renewal();
    world.live_push(|push| push.expires = "2026-11-17T10:00:00Z".parse().unwrap());
    let text = plain(&plan_human(&world.plan(), &attention(&world), false, 100));
    assert!(text.contains("upload push  expired 2026-11-17T10:00:00Z"), "{text}");
    assert!(!text.contains("until 2026-11-17"), "{text}");
}

#[test]
fn a_plan_wraps_all_but_commands_and_digests() {
    let mut world = World::renewal();
    world.entry().file = None;
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    for width in [40, 80] {
        for world in [&world, &World::renewal()] {
            let text = plain(&plan_human(&world.plan(), &attention(world), true, width));
            for line in text.lines().filter(|line| line.chars().count() > width) {
                // What is copied stays whole; so do facts, which are one word.
                let whole = ["applecart ", "Digest ", "topic: ", "com.apple."];
                assert!(whole.iter().any(|one| line.trim_start().starts_with(one)), "{line}");
            }
        }
    }
}

#[test]
fn something_unreadable_for_a_terminal() {
    let mut world = World::renewal();
    let problem = Problem {
        code: ProblemCode::Forbidden,
        resource: Some(Resource::Push),
        permission: Some("DeviceManagementServiceConfig.Read.All".into()),
        request_id: Some("11111111-2222-4333-8444-555555555555".into()),
        detail: Some("Graph answered 403".into()),
    };
    world.live.push = Reading::Unknown(problem);
    assert_snapshot!(plain(&plan_human(&world.plan(), &attention(&world), false, 100)));
}

#[test]
fn nothing_to_do_for_a_terminal() {
    let world = World::equal();
    assert_snapshot!(plain(&plan_human(&world.plan(), &attention(&world), false, 100)));
}

/// A revision with other settings and recipients, a new tenant, and one that is gone.
fn revision() -> World {
    let mut world = World::renewal();
    let mut gone = tenant("fabrikam", 2);
    gone.push = Some(push_entry("02", "com.apple.mgmt.External.2", "2027-01-01T00:00:00Z"));
    world.others.push(Desired::Valid(gone));
    world.policy.recipients = vec!["age1old".into()];
    let mut proposed = policy();
    proposed.recipients = vec!["age1new".into()];
    world.reviewed();
    world.base.as_mut().unwrap().proposed = Some(proposed);
    world.others = vec![Desired::Valid(tenant("tailspin", 3))];
    world.selection = Selection::default();
    world
}

#[test]
fn what_a_revision_changes_for_a_terminal() {
    let world = revision();
    assert_snapshot!(plain(&plan_human(&world.plan(), &attention(&world), false, 100)));
}

#[test]
fn what_a_revision_changes_for_a_pull_request() {
    let world = revision();
    assert_snapshot!(plan_markdown(&world.plan(), &attention(&world), usize::MAX));
}

#[test]
fn an_upload_for_a_pull_request() {
    let world = World::renewal();
    assert_snapshot!(plan_markdown(&world.plan(), &attention(&world), usize::MAX));
}

#[test]
fn a_hostile_name_for_a_pull_request_is_only_text() {
    let mut world = World::renewal();
    let name = "</td><img src=x> @everyone [x](http://evil) `a` |b| _c_ d_e \u{202e}";
    world.entry().facts.apple_id = Some(name.into());
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::BadAnswer, name));
    assert_snapshot!(plan_markdown(&world.plan(), &attention(&world), usize::MAX));
}

/// A fleet with a held certificate and two thousand folders that cannot be read.
fn large() -> World {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.others = (0..2_000_u32)
        .map(|number| Desired::Invalid {
            name: format!("customer-{number:04}"),
            tenant_id: None,
            file: format!("tenants/customer-{number:04}/tenant.yaml"),
            mistakes: Vec::new(),
        })
        .collect();
    world.selection = Selection::default();
    world
}

#[test]
fn a_comment_is_cut_at_whole_rows_and_says_so() {
    let world = large();
    let plan = world.plan();
    let attention = attention(&world);
    let whole = plan_markdown(&plan, &attention, usize::MAX);
    assert!(whole.len() > 200_000, "{}", whole.len());
    assert!(!whole.contains("left out"));
    for limit in [8_000, 60_000, 150_000] {
        let text = plan_markdown(&plan, &attention, limit);
        assert!(text.len() <= limit, "{} of {limit}", text.len());
        assert!(text.len() > limit / 2, "{} of {limit}: more would have fitted", text.len());
        let rows = text.lines().filter(|line| line.starts_with("| ")).count() - 1;
        let left_out: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("> ✂️ ")?.split(' ').next()?.parse().ok())
            .unwrap_or(0);
        assert_eq!(
            rows + left_out,
            whole.lines().filter(|line| line.starts_with("| ")).count() - 1
        );
        // What is folded and fenced is closed again, and the digest is there.
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        assert_eq!(text.matches("```").count() % 2, 0);
        assert!(text.trim_end().ends_with('`') && text.contains(&plan.digest));
    }
}
