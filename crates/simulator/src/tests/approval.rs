use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const CODE: &str = "x-msft-approval-code";
const JUSTIFICATION: &str = "x-msft-approval-justification";

async fn patch(world: &World, country: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = world
        .client
        .patch(format!("{}{VPP}/vpp-1", world.running.url()))
        .bearer_auth(world.writer().await)
        .json(&json!({ "countryOrRegion": country }));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_write_waits_for_a_second_admin() {
    let why = STANDARD.encode("renewal");
    for (policy, asked, waiting, code_of_it) in [
        (ApprovalPolicy::Documented, 403, 403, "ApprovalRequired"),
        (ApprovalPolicy::Seen, 400, 412, "BadRequest"),
    ] {
        let mut tenant = full_tenant();
        tenant.switches.approval = Some(policy);
        let world = World::new(tenant).await;
        // Reads are never gated.
        assert_eq!(world.get(VPP).await.status, 200);
        let bare = patch(&world, "de", &[]).await;
        assert_eq!(bare.status, asked);
        assert!(bare.text.contains(JUSTIFICATION), "{}", bare.text);
        for wrong in ["", "?", &STANDARD.encode("x".repeat(1025))] {
            assert_eq!(patch(&world, "de", &[(JUSTIFICATION, wrong)]).await.status, 400);
        }
        let first = patch(&world, "de", &[(JUSTIFICATION, &why)]).await;
        assert_eq!((first.status, first.code().as_str()), (waiting, code_of_it));
        assert!(first.text.contains("Approval Required"), "{}", first.text);
        let code = first.headers[CODE].to_str().unwrap().to_owned();
        let with = [(JUSTIFICATION, why.as_str()), (CODE, code.as_str())];
        assert_eq!(patch(&world, "de", &with).await.status, waiting);
        let body = json!({ "tenantId": world.id, "code": code });
        assert_eq!(world.post("/_simulator/approvals", Some(&body)).await.status, 204);
        // For this request and no other.
        assert_eq!(patch(&world, "fr", &with).await.status, waiting);
        assert_eq!(world.tenant().vpp_tokens[0].country_or_region, "us");
        assert_eq!(patch(&world, "de", &with).await.status, 200);
        assert_eq!(world.tenant().vpp_tokens[0].country_or_region, "de");
        assert_eq!(world.state().counters().writes, 1);
    }
}

#[tokio::test]
async fn a_tenant_without_intune_says_so_for_everything() {
    let mut tenant = full_tenant();
    tenant.switches.unlicensed = true;
    let world = World::new(tenant).await;
    for path in [PUSH, DEP, VPP] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"));
        assert!(answer.text.contains("not applicable to target tenant"), "{}", answer.text);
    }
    let answer = world.patch(&format!("{VPP}/vpp-1"), &json!({ "countryOrRegion": "de" })).await;
    assert_eq!(answer.status, 400);
    assert_eq!(world.tenant().vpp_tokens[0].country_or_region, "us");
}
