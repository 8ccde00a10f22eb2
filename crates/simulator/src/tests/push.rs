use super::*;
use serde_json::json;

fn upload(certificate: &str) -> Value {
    json!({ "appleIdentifier": "mdm@contoso.example", "certificate": certificate })
}

#[tokio::test]
async fn the_live_certificate_is_read_without_its_content_in_both_versions() {
    let world = World::new(full_tenant()).await;
    let v1 = PUSH.replace("beta", "v1.0");
    for path in [PUSH, v1.as_str()] {
        let json = world.get(path).await.json();
        assert_eq!(json["topicIdentifier"], json!(live_push().topic_identifier));
        assert_eq!(json["certificateSerialNumber"], "0B70AABBCCDDEEFF");
        assert_eq!(json["expirationDateTime"], "2027-01-30T12:00:00Z");
        assert_eq!(json["certificate"], Value::Null);
        assert_eq!(json["certificateUploadStatus"], Value::Null);
    }
}

#[tokio::test]
async fn id_and_last_modified_drift_on_every_read() {
    let world = World::new(full_tenant()).await;
    let (one, two) = (world.get(PUSH).await.json(), world.get(PUSH).await.json());
    assert_ne!(one["id"], two["id"]);
    assert_ne!(one["lastModifiedDateTime"], two["lastModifiedDateTime"]);
}

#[tokio::test]
async fn a_missing_certificate_is_404_resource_not_found() {
    let world = World::new(Tenant::new(tenant_id(1))).await;
    let answer = world.get(PUSH).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn an_upload_takes_topic_serial_and_expiry_from_the_certificate() {
    let world = World::new(full_tenant()).await;
    let serial = Some([0x0B, 0x70, 1, 2, 3, 4, 5, 6]);
    let request = PushRequest { serial, ..PushRequest::new(now()) };
    let issued = world.running.apple().issue(&request).unwrap();
    let answer = world.patch(PUSH, &upload(&issued.pem)).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert!(
        json["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("applePushNotificationCertificate/$entity")
    );
    // Another topic is accepted: nothing public shows otherwise.
    assert_eq!(json["topicIdentifier"], json!(issued.topic));
    assert_eq!(json["certificateSerialNumber"], "0B70010203040506");
    assert_eq!(json["expirationDateTime"], "2028-01-10T12:00:00Z");
    assert_eq!(json["certificate"], Value::Null);
    let uploads = world.state().uploads(world.id);
    assert_eq!((uploads.len(), uploads[0].via), (1, Via::Graph));
    assert_eq!(world.state().writes(), 1);
}

#[tokio::test]
async fn a_serial_of_fewer_octets_is_padded_to_16_digits() {
    let world = World::new(full_tenant()).await;
    let serial = Some([0, 0, 1, 2, 3, 4, 5, 6]);
    let request = PushRequest { serial, ..PushRequest::new(now()) };
    let issued = world.running.apple().issue(&request).unwrap();
    let json = world.patch(PUSH, &upload(&issued.pem)).await.json();
    assert_eq!(json["certificateSerialNumber"], "0000010203040506");
}

#[tokio::test]
async fn bare_base64_of_the_der_is_taken_as_well() {
    let world = World::new(full_tenant()).await;
    let issued = world.running.apple().issue(&PushRequest::new(now())).unwrap();
    let bare: String = issued.pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(
        world.patch(PUSH, &upload(&bare)).await.json()["topicIdentifier"],
        json!(issued.topic)
    );
}

#[tokio::test]
async fn what_is_no_certificate_is_400_in_intunes_shell() {
    let world = World::new(full_tenant()).await;
    for text in ["garbage", "AAAA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
    {
        let answer = world.patch(PUSH, &upload(text)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{text}");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("\"_version\": 3"));
    }
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn both_properties_are_required() {
    let world = World::new(full_tenant()).await;
    let issued = world.running.apple().issue(&PushRequest::new(now())).unwrap();
    for body in [
        json!({ "certificate": issued.pem }),
        json!({ "appleIdentifier": "a" }),
        json!({ "appleIdentifier": "", "certificate": issued.pem }),
        json!({ "appleIdentifier": null, "certificate": issued.pem }),
        json!({ "appleIdentifier": "a", "certificate": issued.pem, "topicIdentifier": "t" }),
    ] {
        assert_eq!(world.patch(PUSH, &body).await.status, 400, "{body}");
    }
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn two_empty_texts_remove_the_certificate_and_are_a_violation() {
    let world = World::new(full_tenant()).await;
    let body = json!({ "appleIdentifier": "", "certificate": "" });
    assert_eq!(world.patch(PUSH, &body).await.status, 200);
    assert_eq!(world.get(PUSH).await.status, 404);
    assert_eq!(world.state().violations()[0].what, "empty-certificate");
}

#[tokio::test]
async fn a_private_key_is_refused_and_remembered() {
    let world = World::new(full_tenant()).await;
    let issued = world.running.apple().issue(&PushRequest::new(now())).unwrap();
    let answer = world.patch(PUSH, &upload(&issued.pem_with_key().unwrap())).await;
    assert_eq!(answer.status, 400);
    assert_eq!(world.state().violations()[0].what, "private-key-sent");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_only_by_a_switch() {
    let mut tenant = full_tenant();
    tenant.switches.refuse_expired_push = true;
    let strict = World::new(tenant).await;
    let lax = World::new(full_tenant()).await;
    let old = PushRequest::new(now() - chrono::Duration::days(400));
    let body = upload(&lax.running.apple().issue(&old).unwrap().pem);
    assert_eq!(strict.patch(PUSH, &body).await.status, 400);
    assert_eq!(lax.patch(PUSH, &body).await.status, 200);
}

#[tokio::test]
async fn the_signing_request_stays_the_same_until_another_is_generated() {
    let world = World::new(full_tenant()).await;
    let download = async || world.get(CSR).await.json()["value"].as_str().unwrap().to_owned();
    let one = download().await;
    assert_eq!(one, download().await);
    let with_parentheses = world.get(&format!("{CSR}()")).await;
    assert_eq!(with_parentheses.json()["value"], json!(one));
    let generate = CSR.replace("/download", "/generate");
    let new = world.post(&generate, None).await.json()["value"].as_str().unwrap().to_owned();
    assert_ne!(one, new);
    assert_eq!(new, download().await);
}

#[tokio::test]
async fn only_the_outstanding_requests_key_is_taken_where_intune_checks_it() {
    let mut tenant = full_tenant();
    tenant.switches.check_csr_key = true;
    let world = World::new(tenant).await;
    let request = world.get(CSR).await.json()["value"].as_str().unwrap().to_owned();
    let apple = world.running.apple();
    let topic = live_push().topic_identifier;
    let good = apple.renew(&request, &topic, now()).unwrap();
    let other = apple.issue(&PushRequest::new(now())).unwrap();
    assert_eq!(world.patch(PUSH, &upload(&other.pem)).await.status, 400);
    assert_eq!(world.patch(PUSH, &upload(&good.pem)).await.status, 200);
    assert_eq!(world.get(PUSH).await.json()["topicIdentifier"], json!(topic));
}

#[tokio::test]
async fn consent_is_given_once_and_stays() {
    let mut tenant = Tenant::new(tenant_id(1));
    tenant.data_sharing_consent.granted = false;
    tenant.switches.require_consent = true;
    let world = World::new(tenant).await;
    let path = "/beta/deviceManagement/dataSharingConsents/appleMDMPushCertificate";
    let issued = world.running.apple().issue(&PushRequest::new(now())).unwrap();

    assert_eq!(world.get(path).await.json()["granted"], json!(false));
    assert_eq!(world.patch(PUSH, &upload(&issued.pem)).await.status, 400);
    let granted = world.post(&format!("{path}/consentToDataSharing"), None).await;
    assert_eq!(granted.json()["granted"], json!(true));
    assert_eq!(world.get(path).await.json()["grantDateTime"], "2027-01-10T12:00:00Z");
    assert_eq!(world.patch(PUSH, &upload(&issued.pem)).await.status, 200);
    // The reader's permission is not in Microsoft's list for this one.
    let reader = world.reader().await;
    assert_eq!(world.call(Method::GET, path, &reader, None).await.status, 403);
    assert_eq!(world.get(&path.replace("appleMDM", "other")).await.status, 404);
}
