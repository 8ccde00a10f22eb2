//! Uploads without a reviewed commit, and live changes without an upload.

use applecart_core::ledger::testing::body;
use applecart_core::model::{Actor, Author, Event, LedgerEntry, Sha256, Timestamp, TokenRef};
use applecart_io::store::Ledger;

use super::{file_of, finding, found};
use crate::world::hub::REFNAME;
use crate::world::{World, pushed, tenant_id};

impl World {
    /// Writes lines into contoso's ledger that no run made.
    pub(crate) fn forge(
        &self,
        drafts: impl IntoIterator<Item = (Event, Option<Sha256>, Option<String>, Option<&'static str>)>,
    ) {
        self.forge_at(chrono::Utc::now().timestamp() + 60, drafts);
    }

    pub(crate) fn forge_at(
        &self,
        second: i64,
        drafts: impl IntoIterator<Item = (Event, Option<Sha256>, Option<String>, Option<&'static str>)>,
    ) {
        let author = Author {
            run: "forged".into(),
            clone: "clone".into(),
            actor: Actor { user: Some("mallory".into()), host: None, pipeline: None },
        };
        let drafts: Vec<_> = drafts
            .into_iter()
            .map(|(event, sha256, rev, plan)| {
                let at = Timestamp::from_unix(second).unwrap();
                let token = TokenRef::push();
                let (name, body) = ("contoso".parse().unwrap(), body(event, at, sha256));
                let entry = LedgerEntry::new(at, name, token, &author, body);
                let entry = plan.map_or(entry.clone(), |plan| entry.planned(plan));
                (tenant_id("contoso"), LedgerEntry { rev, ..entry })
            })
            .collect();
        Ledger::open(&self.repo(), "applecart/ledger").unwrap().append(&drafts).unwrap();
    }

    pub(crate) fn digest(&self) -> Sha256 {
        let text =
            std::fs::read_to_string(self.repo().join("tenants/contoso/tenant.yaml")).unwrap();
        let line = text.lines().find_map(|line| line.trim().strip_prefix("sha256: ")).unwrap();
        line.parse().unwrap()
    }
}

#[test]
fn an_upload_that_no_reviewed_commit_asked_for_is_found() {
    let world = World::new();
    world.applied("contoso");
    let clean = world.ledger_head();
    let (good, rev) = (Some(world.digest()), Some(world.git(&["rev-parse", "HEAD"])));
    let other = Some(Sha256::of(b"another file"));
    world.git(&["branch", "side"]);
    let tree = world.git(&["rev-parse", "HEAD^{tree}"]);
    let side = Some(world.git(&["commit-tree", "-m", "Never merged", "-p", "HEAD", &tree]));
    let nowhere = Some("0123456789012345678901234567890123456789".to_owned());
    let plan = Some("sha256:1");
    let cases: [(&str, Option<Sha256>, Option<String>); 4] = [
        ("upload-without-commit", good, None),
        ("upload-without-commit", good, nowhere),
        ("commit-not-on-branch", good, side),
        ("digest-not-in-commit", other, rev.clone()),
    ];
    for (code, sha256, rev) in cases {
        world.forge([
            (Event::Intended, sha256, rev.clone(), plan),
            (Event::Applied, sha256, rev, plan),
        ]);
        let run = world.audit().ends_with(7);
        assert_eq!(found(&run), [code]);
        let place = finding(&run, code)["place"].clone();
        assert_eq!((&place["file"], &place["line"]), (&file_of("contoso").into(), &5.into()));
        world.git(&["update-ref", REFNAME, &clean]);
    }
    // Nobody announced it; it was announced by another plan, or by none.
    world.forge([(Event::Applied, good, rev.clone(), plan)]);
    assert_eq!(found(&world.audit().ends_with(7)), ["applied-without-intent"]);
    world.git(&["update-ref", REFNAME, &clean]);
    world.forge([(Event::Confirmed, other, rev.clone(), None)]);
    let all = ["confirmed-without-intent", "digest-not-in-commit", "ledger-line-broken"];
    assert_eq!(found(&world.audit().ends_with(7)), all);
    world.git(&["update-ref", REFNAME, &clean]);
    for announced in [None, Some("sha256:2")] {
        world.forge([
            (Event::Intended, good, rev.clone(), announced),
            (Event::Applied, good, rev.clone(), plan),
        ]);
        assert_eq!(found(&world.audit().ends_with(7)), ["applied-without-plan"]);
        world.git(&["update-ref", REFNAME, &clean]);
    }
    world.audit().ends_with(0);
}

#[test]
fn an_amended_fleet_commit_is_found() {
    let world = World::new();
    world.applied("contoso");
    let was = world.git(&["rev-parse", "HEAD"]);
    world.git(&["commit", "--quiet", "--amend", "--message", "Renew contoso, amended"]);
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["commit-not-on-branch"]);
    assert_eq!(finding(&run, "commit-not-on-branch")["place"]["commit"], was.as_str());
    // Once it is collected, nobody has it.
    world.git(&["reflog", "expire", "--expire=now", "--all"]);
    world.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(found(&world.audit().ends_with(7)), ["upload-without-commit"]);
}

#[test]
fn an_upload_by_hand_is_found_until_it_is_answered() {
    let world = World::new();
    world.applied("contoso");
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let topic = live.apple_push_notification_certificate.unwrap().topic_identifier;
    let by_hand = world.issue(Some(&topic), 365);
    world.change("contoso", |tenant| {
        tenant.apple_push_notification_certificate = Some(pushed("contoso", &by_hand));
    });
    world.run(&["apply"]);
    assert_eq!(world.events("contoso").last().unwrap(), "changed-outside-git");
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["live-change-without-upload"]);
    assert_eq!(finding(&run, "live-change-without-upload")["place"]["line"], 4);
    // The next renewal answers it.
    let new = world.issue(Some(&topic), 364 + 2);
    world.tenant("contoso", &new);
    world.commit("Renew contoso again");
    world.run(&["apply"]).ends_with(0);
    let run = world.audit().ends_with(0);
    assert_eq!(found(&run), Vec::<String>::new());
    // That it happened stays told.
    let note = finding(&run, "live-change-answered");
    assert_eq!((&note["level"], &note["place"]["line"]), (&"note".into(), &4.into()));
    assert!(note["message"].as_str().unwrap().contains("applied at"), "{note}");
}

#[test]
fn files_that_were_swapped_between_two_tenants_are_found() {
    let world = World::new();
    world.applied("contoso");
    world.applied("fabrikam");
    let path = |name: &str, file: &str| world.repo().join(format!("tenants/{name}/{file}"));
    let read = |name, file| std::fs::read(path(name, file)).unwrap();
    let (one, two) = (read("contoso", "push.pem.age"), read("fabrikam", "push.pem.age"));
    world.write_bytes("tenants/contoso/push.pem.age", &two);
    world.write_bytes("tenants/fabrikam/push.pem.age", &one);
    world.commit("The sealed files alone");
    let wrong = |run: crate::world::Run| {
        let run = run.ends_with(7);
        assert_eq!(found(&run), ["wrong-destination"]);
        let json = run.json();
        let findings = json["findings"].as_array().unwrap().clone();
        let files: Vec<String> = findings
            .iter()
            .filter(|one| one["code"] == "wrong-destination")
            .map(|one| one["place"]["file"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(files, ["tenants/contoso/tenant.yaml", "tenants/fabrikam/tenant.yaml"]);
    };
    wrong(world.audit());
    // With what the tenant files say of them.
    let (one, two) = (read("contoso", "tenant.yaml"), read("fabrikam", "tenant.yaml"));
    let as_other = |text: Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8(text).unwrap();
        text.replace(&format!("name: {from}"), &format!("name: {to}"))
            .replace(&tenant_id(from).to_string(), &tenant_id(to).to_string())
    };
    world.write("tenants/contoso/tenant.yaml", &as_other(two, "fabrikam", "contoso"));
    world.write("tenants/fabrikam/tenant.yaml", &as_other(one, "contoso", "fabrikam"));
    world.commit("And their entries");
    wrong(world.audit());
}

#[test]
fn a_file_that_the_ledger_has_for_two_tenants_is_found() {
    let world = World::new();
    world.applied("fabrikam");
    let fabrikam = world.lines("fabrikam");
    let sha256 = serde_json::from_str::<serde_json::Value>(&fabrikam[0]).unwrap()["sha256"].clone();
    let sha256: Sha256 = sha256.as_str().unwrap().parse().unwrap();
    let rev = Some(world.git(&["rev-parse", "HEAD"]));
    world.forge([(Event::Intended, Some(sha256), rev, Some("sha256:1"))]);
    let run = world.audit().ends_with(7);
    assert_eq!(found(&run), ["wrong-destination"]);
    assert_eq!(finding(&run, "wrong-destination")["place"]["file"], file_of("contoso"));
}

#[test]
fn lines_that_are_dated_before_those_above_them_are_told() {
    let world = World::new();
    world.applied("contoso");
    let (good, rev) = (Some(world.digest()), Some(world.git(&["rev-parse", "HEAD"])));
    world.forge([(Event::Acknowledged, good, rev.clone(), None)]);
    assert_eq!(found(&world.audit().ends_with(0)), Vec::<String>::new());
    world.forge_at(1_700_000_000, [(Event::Acknowledged, good, rev, None)]);
    let note = finding(&world.audit().ends_with(0), "out-of-order");
    assert_eq!((&note["level"], &note["place"]["line"]), (&"note".into(), &5.into()));
}
