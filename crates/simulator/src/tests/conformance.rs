//! Whatever the simulator answers must be in Microsoft's own metadata.
#![expect(clippy::disallowed_methods, reason = "reads the metadata")]

use super::*;
use serde_json::json;

/// Microsoft's metadata, where a copy lies beside the repository or is named.
fn metadata() -> Option<Value> {
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/graph-openapi-subset.json");
    let path = std::env::var_os("APPLECART_GRAPH_METADATA").map_or(beside, Into::into);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!(
                "skipped: Microsoft's metadata is not at {} ({error}); APPLECART_GRAPH_METADATA names another file",
                path.display()
            );
            None
        }
    }
}

fn names(entity: &Value) -> Vec<&str> {
    match &entity["properties"] {
        Value::Array(all) => all.iter().map(|it| it["Name"].as_str().unwrap()).collect(),
        _ => entity.as_object().unwrap().keys().map(String::as_str).collect(),
    }
}

/// The properties that a version of Graph gives an entity.
fn properties<'a>(metadata: &'a Value, version: &str, entity: &str) -> Vec<&'a str> {
    if version == "beta" {
        return names(&metadata["beta"]["sdk"]["entities"][entity]);
    }
    let types = metadata["v1.0"]["types"]["EntityType"].as_array().unwrap();
    names(types.iter().find(|it| it["Name"] == entity).unwrap())
}

#[tokio::test]
async fn every_property_exists_and_none_is_missing() {
    let Some(metadata) = metadata() else { return };
    let world = World::new(full_tenant()).await;
    let push = "deviceManagement/applePushNotificationCertificate";
    let consent = "deviceManagement/dataSharingConsents/appleMDMPushCertificate";
    let cases = [
        ("beta", push, "applePushNotificationCertificate"),
        ("v1.0", push, "applePushNotificationCertificate"),
        ("beta", "deviceManagement/depOnboardingSettings/dep-1", "depOnboardingSetting"),
        ("beta", "deviceAppManagement/vppTokens/vpp-1", "vppToken"),
        ("v1.0", "deviceAppManagement/vppTokens/vpp-1", "vppToken"),
        ("beta", consent, "dataSharingConsent"),
    ];
    for (version, path, entity) in cases {
        let answer = world.get(&format!("/{version}/{path}")).await.json();
        let known = properties(&metadata, version, entity);
        let answered: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        for name in answered.iter().filter(|name| **name != "id" && !name.starts_with('@')) {
            assert!(known.contains(name), "{version} {entity} has no {name}");
        }
        // Navigation properties come only when they are asked for.
        let navigation = |name: &str| {
            name.starts_with("default")
                || name.starts_with("enrollmentProf")
                || name.starts_with("imported")
        };
        for name in known.iter().filter(|name| !navigation(name)) {
            assert!(answered.contains(name), "{version} {entity} lacks {name}");
        }
    }
}

/// The subset has the type and the permissions of `/contracts`, and no list of its methods.
#[tokio::test]
async fn a_contract_is_as_the_metadata_has_it() {
    let Some(metadata) = metadata() else { return };
    let world = World::new(full_tenant()).await;
    let answer = world.get("/v1.0/contracts").await.json();
    let mut known = properties(&metadata, "v1.0", "contract");
    let contract = answer["value"][0].as_object().unwrap();
    let mut answered: Vec<_> = contract.keys().map(String::as_str).collect();
    answered.retain(|name| *name != "id");
    known.sort_unstable();
    answered.sort_unstable();
    assert_eq!(answered, known);
    let listed = metadata["permissions"]["/contracts"].as_array().unwrap();
    let app = |entry: &&Value| entry["schemes"].as_array().unwrap().contains(&json!("Application"));
    let roles: Vec<_> = listed.iter().filter(app).map(|entry| &entry["permission"]).collect();
    assert_eq!(roles, ["Directory.Read.All", "Directory.ReadWrite.All"]);
}

#[tokio::test]
async fn every_path_exists_with_its_method() {
    let Some(metadata) = metadata() else { return };
    let world = World::new(full_tenant()).await;
    let push = "/deviceManagement/applePushNotificationCertificate";
    let dep = "/deviceManagement/depOnboardingSettings";
    let consent = "/deviceManagement/dataSharingConsents";
    let vpp = "/deviceAppManagement/vppTokens";
    let setting = format!("{dep}/{{depOnboardingSetting-id}}");
    let token = format!("{vpp}/{{vppToken-id}}");
    let answered = [
        ("get", push.to_owned()),
        ("patch", push.to_owned()),
        ("get", format!("{push}/downloadApplePushNotificationCertificateSigningRequest()")),
        ("post", format!("{push}/generateApplePushNotificationCertificateSigningRequest")),
        ("get", format!("{consent}/{{dataSharingConsent-id}}")),
        ("post", format!("{consent}/{{dataSharingConsent-id}}/consentToDataSharing")),
        ("get", dep.to_owned()),
        ("post", dep.to_owned()),
        ("get", setting.clone()),
        ("patch", setting.clone()),
        ("post", format!("{setting}/uploadDepToken")),
        ("post", format!("{setting}/syncWithAppleDeviceEnrollmentProgram")),
        ("get", format!("{setting}/getEncryptionPublicKey()")),
        ("post", format!("{setting}/generateEncryptionPublicKey")),
        ("post", format!("{setting}/releaseAppleDevices")),
        ("get", vpp.to_owned()),
        ("post", vpp.to_owned()),
        ("get", token.clone()),
        ("patch", token.clone()),
        ("post", format!("{token}/syncLicenses")),
        ("post", format!("{token}/revokeLicenses")),
    ];
    for (version, paths) in
        [("beta", &metadata["beta"]["sdk"]["paths"]), ("v1.0", &metadata["v1.0"]["sdkPaths"])]
    {
        for (method, path) in &answered {
            let exists = paths[path].as_array().is_some_and(|all| all.contains(&json!(method)));
            let real = path
                .replace("{depOnboardingSetting-id}", "dep-1")
                .replace("{vppToken-id}", "vpp-1")
                .replace("{dataSharingConsent-id}", "appleMDMPushCertificate");
            let answer = world
                .call(
                    method.to_uppercase().parse().unwrap(),
                    &format!("/{version}{real}"),
                    &world.writer().await,
                    None,
                )
                .await;
            let found = !answer.text.contains("Resource not found for the segment");
            assert_eq!(found, exists, "{version} {method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn upload_takes_the_parameters_of_the_action() {
    let Some(metadata) = metadata() else { return };
    let known = &metadata["beta"]["sdk"]["actionBodies"]["upload_dep_token"];
    assert_eq!(known, &json!(["appleId", "depToken"]));
}
