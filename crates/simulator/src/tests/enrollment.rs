use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn action(name: &str) -> String {
    format!("{DEP}/dep-1/{name}")
}

fn upload(token: &str) -> Value {
    json!({ "appleId": "abm@contoso.example", "depToken": token })
}

#[tokio::test]
async fn settings_are_listed_with_their_count() {
    let world = World::new(full_tenant()).await;
    let json = world.get(DEP).await.json();
    assert_eq!(json["@odata.count"], 1);
    assert_eq!(json["value"][0]["tokenName"], "Contoso ABM");
    assert_eq!(json["value"][0]["tokenType"], "dep");
    assert_eq!(world.get(&format!("{DEP}/dep-1")).await.json()["id"], "dep-1");
    assert_eq!(world.get(&format!("{DEP}/other")).await.code(), "ResourceNotFound");
}

/// Downloads a server token at Apple for a setting, which ends the one in use.
fn download(world: &World, request: &EnrollmentRequest) -> IssuedEnrollment {
    let apple = world.running.apple();
    world.state().download_enrollment(apple, world.id, "dep-1", request).unwrap()
}

async fn send(world: &World, file: &str) -> Answer {
    world.post(&action("uploadDepToken"), Some(&upload(&STANDARD.encode(file)))).await
}

async fn setting(world: &World) -> Value {
    world.get(&format!("{DEP}/dep-1")).await.json()
}

#[tokio::test]
async fn an_upload_is_204_and_shows_the_expiry_that_is_inside_the_file() {
    let world = World::new(full_tenant()).await;
    let expires = "2027-11-05T06:07:08Z".parse().unwrap();
    let issued =
        download(&world, &EnrollmentRequest { expires: Some(expires), ..Default::default() });
    let answer = send(&world, &issued.file).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let json = setting(&world).await;
    assert_eq!(json["tokenExpirationDateTime"], "2027-11-05T06:07:08Z");
    assert_eq!(json["lastModifiedDateTime"], "2027-01-10T12:00:00Z");
    assert_eq!(json["appleIdentifier"], "abm@contoso.example");
    let uploads = world.state().uploads(world.id);
    let digest = |text: &str| Some(applecart_core::model::Sha256::of(text.as_bytes()).to_string());
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].file_sha256, digest(&issued.file));
    assert_eq!(Some(uploads[0].sha256.clone()), digest(&STANDARD.encode(&issued.file)));
}

#[tokio::test]
async fn an_upload_takes_the_tenants_encoding_and_no_other() {
    for encoding in [DepEncoding::Base64, DepEncoding::Text] {
        let mut tenant = full_tenant();
        tenant.switches.dep_encoding = encoding;
        let world = World::new(tenant).await;
        let file = download(&world, &EnrollmentRequest::default()).file;
        let encoded = STANDARD.encode(&file);
        let (good, bad) =
            if encoding == DepEncoding::Base64 { (encoded, file) } else { (file, encoded) };
        let path = action("uploadDepToken");
        assert_eq!(world.post(&path, Some(&upload(&bad))).await.status, 400);
        assert_eq!(world.post(&path, Some(&upload(&good))).await.status, 204);
    }
}

#[tokio::test]
async fn a_file_that_intune_cannot_use_is_refused_and_changes_nothing() {
    let world = World::new(full_tenant()).await;
    let good = download(&world, &EnrollmentRequest::default()).file;
    let before = world.tenant();
    let past = EnrollmentRequest { expires: Some(now()), ..Default::default() };
    let other = signing::encryption_key(now()).unwrap().certificate;
    let apple = world.running.apple();
    let own = before.dep_onboarding_settings[0].encryption_public_key.clone().unwrap();
    // The right key in a certificate of another name and number.
    let private = before.dep_onboarding_settings[0].encryption_private_key.clone().unwrap();
    let pair = rcgen::KeyPair::from_pem(&private).unwrap();
    let renamed = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
    let (header, body) = good.split_once("\r\n\r\n").unwrap();
    let mut cms = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).unwrap();
    let mail = |cms: &[u8]| format!("{header}\r\n\r\n{}\r\n", STANDARD.encode(cms));
    // The last octet of the ciphertext stands before five ends of contents.
    let at = cms.len() - 11;
    cms[at] ^= 0xFF;
    for (what, file) in [
        ("lapsed", apple.enrollment(&own, &past, now()).unwrap().file),
        ("another key", apple.enrollment(&other, &Default::default(), now()).unwrap().file),
        ("another name", apple.enrollment(&renamed, &Default::default(), now()).unwrap().file),
        ("damaged", mail(&cms)),
        ("cut off", mail(&cms[..cms.len() / 2])),
        ("no header", body.to_owned()),
        ("not CMS", mail(b"0")),
        (
            "a VPP token",
            apple.vpp_token(&VppRequest {
                organization: String::new(),
                location: String::new(),
                expires: now(),
            }),
        ),
    ] {
        let answer = send(&world, &file).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{what}");
        assert!(answer.text.contains("Operation ID"), "{what}: {}", answer.text);
    }
    assert_eq!(world.tenant(), before);
    assert_eq!(send(&world, &good).await.status, 204);
}

/// Any prefix and any changed octet is answered, and never taken for another token.
#[tokio::test]
async fn no_damage_to_a_file_is_fatal() {
    let world = World::new(full_tenant()).await;
    let good = download(&world, &EnrollmentRequest::default()).file;
    let key = world.tenant().dep_onboarding_settings[0].clone();
    let (certificate, private) =
        (key.encryption_public_key.unwrap(), key.encryption_private_key.unwrap());
    let open = |file: &[u8]| token::open(file, &certificate, &private);
    let whole = open(good.as_bytes()).unwrap();
    for at in (0..good.trim_end().len()).step_by(7) {
        assert!(open(&good.as_bytes()[..at]).is_err(), "{at}");
        let mut changed = good.clone().into_bytes();
        changed[at] ^= 4;
        if let Ok(token) = open(&changed) {
            // In a header, or in a secret that nothing here looks at.
            assert_eq!(token.expires, whole.expires, "{at}");
        }
    }
}

#[tokio::test]
async fn apples_file_is_one_that_the_rest_of_the_program_accepts() {
    let world = World::new(full_tenant()).await;
    let request = EnrollmentRequest { server: Some("Contoso ABM".to_owned()), expires: None };
    let issued = download(&world, &request);
    assert_eq!(issued.file_name, "Contoso ABM_Token_2027-01-10T12-00-00Z_smime.p7m");
    let reading = applecart_core::apple::enrollment::read(issued.file.as_bytes());
    assert!(reading.findings.is_empty(), "{:?}", reading.findings);
    let token = reading.token.unwrap();
    assert_eq!(token.content_cipher(), "aes-128-cbc");
    assert!(token.to_mail().contains("\n\nMIAGCSqGSIb3DQEHA6CAMIACAQAx"));

    let pem = world.tenant().dep_onboarding_settings[0].encryption_public_key.clone().unwrap();
    use der::DecodePem as _;
    let certificate = x509_cert::Certificate::from_pem(&pem).unwrap().tbs_certificate;
    let serial = applecart_core::model::Serial::from_octets(certificate.serial_number.as_bytes());
    let recipients = token.recipients();
    let [applecart_core::apple::enrollment::Recipient::IssuerAndSerial { serial: named, issuer }] =
        recipients.as_slice()
    else {
        panic!("{recipients:?}")
    };
    assert_eq!(*named, serial);
    assert!(issuer.contains("CN=Microsoft Intune (simulated)"), "{issuer}");
    assert_eq!(certificate.subject_public_key_info.subject_public_key.raw_bytes().len(), 270);
}

#[tokio::test]
async fn a_download_at_apple_ends_the_token_in_use_until_the_new_one_is_uploaded() {
    let world = World::new(full_tenant()).await;
    let first = download(&world, &EnrollmentRequest::default());
    assert_eq!(send(&world, &first.file).await.status, 204);
    let sync = async |minutes: i64| {
        world.state().set_clock(Some(now() + chrono::Duration::minutes(minutes)));
        let answer = world.post(&action("syncWithAppleDeviceEnrollmentProgram"), None).await;
        assert_eq!(answer.status, 204);
        let json = setting(&world).await;
        (json["lastSyncErrorCode"].clone(), json["lastSuccessfulSyncDateTime"].clone())
    };
    let success = sync(0).await;
    assert_eq!(success, (json!(0), json!("2027-01-10T12:00:00Z")));
    let second = download(&world, &EnrollmentRequest::default());
    let (code, last) = sync(20).await;
    assert!(code != 0 && last == success.1, "{code} {last}");
    // The dead one is still a file that Intune can open.
    assert_eq!(send(&world, &first.file).await.status, 204);
    assert_ne!(sync(40).await.0, 0);
    assert_eq!(send(&world, &second.file).await.status, 204);
    assert_eq!(sync(60).await, (json!(0), json!("2027-01-10T13:00:00Z")));
}

#[tokio::test]
async fn a_new_key_voids_files_for_the_old_one() {
    let world = World::new(full_tenant()).await;
    let old = download(&world, &EnrollmentRequest::default());
    assert_eq!(world.post(&action("generateEncryptionPublicKey"), None).await.status, 200);
    assert_eq!(send(&world, &old.file).await.status, 400);
    assert_eq!(send(&world, &download(&world, &Default::default()).file).await.status, 204);
}

#[tokio::test]
async fn a_restart_keeps_the_key_and_what_apple_honours() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::kept(full_tenant(), Some(folder.path())).await;
    let issued = download(&world, &EnrollmentRequest::default());
    let World { running, client, id } = world;
    running.stop().await;
    let state = Some(folder.path().to_owned());
    let options = Options { now: Some(now()), state, ..Options::default() };
    let world = World { running: Simulator::start(options).await.unwrap(), client, id };
    assert_eq!(send(&world, &issued.file).await.status, 204);
    world.post(&action("syncWithAppleDeviceEnrollmentProgram"), None).await;
    assert_eq!(setting(&world).await["lastSyncErrorCode"], 0);
}

#[tokio::test]
async fn apples_terms_are_accepted_by_a_person_and_not_by_an_upload() {
    let mut tenant = full_tenant();
    tenant.dep_onboarding_settings[0].last_sync_error_code = 3;
    tenant.switches.enrollment_sync_seconds = 0;
    let world = World::new(tenant).await;
    let code = async || {
        world.post(&action("syncWithAppleDeviceEnrollmentProgram"), None).await;
        setting(&world).await["lastSyncErrorCode"].clone()
    };
    assert_eq!(code().await, 3);
    assert_eq!(send(&world, &download(&world, &Default::default()).file).await.status, 204);
    assert_eq!(setting(&world).await["lastSyncErrorCode"], 3);
    assert_eq!(code().await, 3);
    for (accepted, expected) in [(true, 0), (false, 3)] {
        let body = json!({ "tenantId": world.id, "id": "dep-1", "accepted": accepted });
        assert_eq!(world.post("/_simulator/apple/terms", Some(&body)).await.status, 204);
        assert_eq!(code().await, expected);
    }
}

#[tokio::test]
async fn an_old_expiry_shows_until_the_lag_is_over() {
    let mut tenant = full_tenant();
    tenant.switches.enrollment_lag_seconds = 90;
    let world = World::new(tenant).await;
    let before = setting(&world).await;
    let issued = download(&world, &EnrollmentRequest::default());
    assert_eq!(send(&world, &issued.file).await.status, 204);
    world.state().set_clock(Some(now() + chrono::Duration::seconds(89)));
    for shown in [setting(&world).await, world.get(DEP).await.json()["value"][0].clone()] {
        for name in ["tokenExpirationDateTime", "lastModifiedDateTime"] {
            assert_eq!(shown[name], before[name], "{name}");
        }
    }
    world.state().set_clock(Some(now() + chrono::Duration::seconds(90)));
    let shown = setting(&world).await;
    assert_eq!(shown["tokenExpirationDateTime"], "2028-01-10T12:00:00Z");
    assert_eq!(shown["lastModifiedDateTime"], "2027-01-10T12:00:00Z");
}

#[tokio::test]
async fn a_second_manual_sync_comes_too_early() {
    for status in [429, 400] {
        let mut tenant = full_tenant();
        tenant.switches.early_sync_status = status;
        let world = World::new(tenant).await;
        let path = action("syncWithAppleDeviceEnrollmentProgram");
        assert_eq!(world.post(&path, None).await.status, 204);
        world.state().set_clock(Some(now() + chrono::Duration::seconds(15 * 60 - 1)));
        let early = world.post(&path, None).await;
        assert_eq!(early.status, status);
        assert!(early.text.contains("Operation ID"), "{}", early.text);
        world.state().set_clock(Some(now() + chrono::Duration::minutes(15)));
        assert_eq!(world.post(&path, None).await.status, 204);
    }
}

#[tokio::test]
async fn no_time_is_too_strange_to_sync_after() {
    let mut tenant = full_tenant();
    tenant.dep_onboarding_settings[0].last_sync_triggered_date_time = DateTime::<Utc>::MAX_UTC;
    tenant.vpp_tokens[0].last_sync_date_time = DateTime::<Utc>::MIN_UTC;
    let world = World::new(tenant).await;
    let path = action("syncWithAppleDeviceEnrollmentProgram");
    assert_eq!(world.post(&path, None).await.status, 429);
    assert_eq!(world.post(&format!("{VPP}/vpp-1/syncLicenses"), None).await.status, 200);
    let body = json!({ "tenantId": world.id, "id": "dep-1", "expires": "+200000-01-01T00:00:00Z" });
    let issued = world.post("/_simulator/apple/enrollment", Some(&body)).await.json();
    assert_eq!(send(&world, issued["file"].as_str().unwrap()).await.status, 204);
}

#[tokio::test]
async fn a_created_setting_has_no_token() {
    let world = World::new(full_tenant()).await;
    let answer = world.post(DEP, Some(&json!({ "tokenName": "New", "tokenType": "dep" }))).await;
    assert_eq!(answer.status, 201);
    let json = answer.json();
    assert_eq!((&json["tokenName"], &json["appleIdentifier"]), (&json!("New"), &json!("")));
    assert_eq!(json["tokenExpirationDateTime"], "0001-01-01T00:00:00Z");
    assert_eq!(world.get(DEP).await.json()["@odata.count"], 2);
    for body in [json!({}), json!({ "tokenName": "x", "depToken": "y" })] {
        assert_eq!(world.post(DEP, Some(&body)).await.status, 400, "{body}");
    }
    let body = json!({ "tokenName": "x" });
    let reader = world.reader().await;
    assert_eq!(world.call(Method::POST, DEP, &reader, Some(&body)).await.status, 403);
}

#[tokio::test]
async fn a_key_comes_in_the_tenants_form_and_apple_takes_every_one() {
    let mut keys = Vec::new();
    for form in [PublicKeyForm::Pem, PublicKeyForm::Base64Der, PublicKeyForm::Base64Pem] {
        let mut tenant = full_tenant();
        tenant.switches.public_key_form = form;
        let world = World::new(tenant).await;
        let key = world.get(&action("getEncryptionPublicKey")).await.json()["value"].clone();
        let key = key.as_str().unwrap().to_owned();
        let snapshot = world.state().snapshot(world.id).unwrap();
        assert_eq!(snapshot["depOnboardingSettings"][0]["encryptionPublicKey"], json!(key));
        let apple = world.running.apple();
        let file = apple.enrollment(&key, &Default::default(), now()).unwrap().file;
        assert_eq!(send(&world, &file).await.status, 204, "{form:?}");
        keys.push(key);
    }
    assert!(keys[0].starts_with("-----BEGIN"), "{}", keys[0]);
    assert!(keys[1].starts_with("MII") && keys[2].starts_with("LS0t"), "{keys:?}");
}

#[tokio::test]
async fn another_process_gets_its_tokens_over_http() {
    let world = World::new(full_tenant()).await;
    let path = "/_simulator/apple/enrollment";
    let body = json!({ "tenantId": world.id, "id": "dep-1", "server": "S" });
    let issued = world.post(path, Some(&body)).await.json();
    assert_eq!(issued["fileName"], "S_Token_2027-01-10T12-00-00Z_smime.p7m");
    let file = issued["file"].as_str().unwrap();
    assert_eq!(send(&world, file).await.status, 204);
    let tenant = world.get(&format!("/_simulator/tenants/{}", world.id)).await.json();
    assert_eq!(tenant["uploads"][0]["fileSha256"], issued["fileSha256"]);
    // Another certificate alone touches nobody; with a setting, its token in use ends.
    let other = signing::encryption_key(now()).unwrap().certificate;
    let before = world.tenant();
    let alone = json!({ "certificate": other });
    assert_eq!(world.post(path, Some(&alone)).await.status, 200);
    assert_eq!(world.tenant(), before);
    let both = json!({ "tenantId": world.id, "id": "dep-1", "certificate": other });
    let wrong = world.post(path, Some(&both)).await.json();
    assert_eq!(send(&world, wrong["file"].as_str().unwrap()).await.status, 400);
    world.post(&action("syncWithAppleDeviceEnrollmentProgram"), None).await;
    assert_ne!(setting(&world).await["lastSyncErrorCode"], 0);
    for (status, body) in [
        (400, json!({})),
        (400, json!({ "certificate": "x" })),
        (404, json!({ "tenantId": world.id, "id": "other" })),
    ] {
        assert_eq!(world.post(path, Some(&body)).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn an_upload_must_be_whole_and_for_a_known_setting() {
    let world = World::new(full_tenant()).await;
    let path = action("uploadDepToken");
    for body in [
        json!({}),
        json!({ "depToken": "x" }),
        json!({ "appleId": "", "depToken": "x" }),
        upload("x"),
    ] {
        assert_eq!(world.post(&path, Some(&body)).await.status, 400, "{body}");
    }
    let stray = path.replace("dep-1", "dep-2");
    assert_eq!(world.post(&stray, Some(&upload("x"))).await.status, 404);
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn a_sync_is_noted_and_succeeds_while_there_is_no_error() {
    let mut tenant = full_tenant();
    let broken = Enrollment {
        id: "dep-2".to_owned(),
        last_sync_error_code: 3,
        ..Enrollment::new("Broken", now() + chrono::Duration::days(9))
    };
    tenant.dep_onboarding_settings.push(broken);
    let world = World::new(tenant).await;
    let path = action("syncWithAppleDeviceEnrollmentProgram");
    assert_eq!(world.post(&path, None).await.status, 204);
    assert_eq!(world.post(&path.replace("dep-1", "dep-2"), None).await.status, 204);
    let settings = world.tenant().dep_onboarding_settings;
    assert_eq!(settings[0].last_successful_sync_date_time, now());
    assert_eq!(settings[1].last_sync_triggered_date_time, now());
    assert!(settings[1].last_successful_sync_date_time < now());
}

#[tokio::test]
async fn the_public_key_stays_until_another_is_generated() {
    let world = World::new(full_tenant()).await;
    let token = world.reader().await;
    let path = action("getEncryptionPublicKey");
    let key = async || world.call(Method::GET, &path, &token, None).await.json()["value"].clone();
    let one = key().await;
    assert!(one.as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(one, key().await);
    // The reader may do this harm.
    let anew = action("generateEncryptionPublicKey");
    assert_eq!(world.call(Method::POST, &anew, &token, None).await.status, 200);
    assert_ne!(one, key().await);
    assert_eq!(world.state().violations()[0].what, "key-regenerated");
}

#[tokio::test]
async fn settings_that_may_be_changed_are() {
    let world = World::new(full_tenant()).await;
    let path = format!("{DEP}/dep-1");
    let answer = world.patch(&path, &json!({ "roleScopeTagIds": ["0", "7"] })).await;
    assert_eq!(answer.json()["roleScopeTagIds"], json!(["0", "7"]));
    assert_eq!(world.patch(&path, &json!({ "tokenExpirationDateTime": "x" })).await.status, 400);
}
