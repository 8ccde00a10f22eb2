use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::{Decode as _, Encode as _};
use x509_cert::Certificate;

fn apple() -> Apple {
    Apple::open(None, now()).unwrap()
}

fn certificate(issued: &Issued) -> Certificate {
    Certificate::from_der(&issued.der).unwrap()
}

#[test]
fn the_subject_is_uid_common_name_and_country_in_this_order() {
    let issued = apple().issue(&PushRequest::new(now())).unwrap();
    let subject = certificate(&issued).tbs_certificate.subject;
    let uuid = issued.topic.strip_prefix("com.apple.mgmt.External.").unwrap();
    let parts: Vec<_> = subject.0.iter().map(ToString::to_string).collect();
    assert_eq!(parts[1..], [format!("CN=APSP:{uuid}"), "C=US".to_owned()]);
    let uid = subject.0[0].0.get(0).unwrap();
    assert_eq!(uid.oid.to_string(), "0.9.2342.19200300.100.1.1");
    assert_eq!(uid.value.decode_as::<String>().unwrap(), issued.topic);
}

#[test]
fn the_issuer_says_that_it_is_simulated() {
    let issued = apple().issue(&PushRequest::new(now())).unwrap();
    let issuer = certificate(&issued).tbs_certificate.issuer.to_string();
    assert!(issuer.contains("CN=Applecart Simulated Application Integration CA"), "{issuer}");
}

#[test]
fn the_extensions_are_apples_in_apples_order() {
    let issued = apple().issue(&PushRequest::new(now())).unwrap();
    let extensions = certificate(&issued).tbs_certificate.extensions.unwrap();
    let oids: Vec<_> = extensions.iter().map(|it| it.extn_id.to_string()).collect();
    assert_eq!(
        oids,
        [
            "2.5.29.19",
            "2.5.29.35",
            "2.5.29.32",
            "2.5.29.37",
            "2.5.29.31",
            "2.5.29.14",
            "2.5.29.15",
            "1.2.840.113635.100.6.3.2"
        ]
    );
    assert!(extensions.iter().all(|it| !it.critical));
    assert_eq!(extensions[7].extn_value.as_bytes(), [5, 0]);
    // Hand-made DER that others can read.
    use x509_cert::ext::pkix;
    pkix::AuthorityKeyIdentifier::from_der(extensions[1].extn_value.as_bytes()).unwrap();
    pkix::CertificatePolicies::from_der(extensions[2].extn_value.as_bytes()).unwrap();
    pkix::ExtendedKeyUsage::from_der(extensions[3].extn_value.as_bytes()).unwrap();
    pkix::CrlDistributionPoints::from_der(extensions[4].extn_value.as_bytes()).unwrap();
    pkix::SubjectKeyIdentifier::from_der(extensions[5].extn_value.as_bytes()).unwrap();
    let usage = pkix::KeyUsage::from_der(extensions[6].extn_value.as_bytes()).unwrap();
    assert!(usage.digital_signature());
}

#[test]
fn the_pem_is_one_block_of_64_columns_without_a_last_newline() {
    let issued = apple().issue(&PushRequest::new(now())).unwrap();
    let lines: Vec<_> = issued.pem.split('\n').collect();
    assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
    assert_eq!(lines[lines.len() - 1], "-----END CERTIFICATE-----");
    assert!(lines[1..lines.len() - 2].iter().all(|line| line.len() == 64));
    assert!(
        issued
            .pem_with_key()
            .unwrap()
            .contains("-----END CERTIFICATE----------BEGIN PRIVATE KEY-----")
    );
}

#[test]
fn serials_have_eight_octets_and_a_year_has_365_days() {
    let issued = apple().issue(&PushRequest::new(now())).unwrap();
    assert_eq!(issued.serial.len(), 16);
    let tbs = certificate(&issued).tbs_certificate;
    assert_eq!(hex::encode_upper(tbs.serial_number.as_bytes()), issued.serial);
    let seconds =
        tbs.validity.not_after.to_unix_duration() - tbs.validity.not_before.to_unix_duration();
    assert_eq!(seconds.as_secs(), 365 * 24 * 60 * 60);
}

#[tokio::test]
async fn renewing_keeps_the_topic_and_creating_makes_a_new_one() {
    let world = World::new(full_tenant()).await;
    let request = world.get(CSR).await.json()["value"].as_str().unwrap().to_owned();
    let apple = world.running.apple();
    let topic = live_push().topic_identifier;
    let renewed = apple.renew(&request, &topic, now()).unwrap();
    let created = apple.create(&request, now()).unwrap();
    assert_eq!(renewed.topic, topic);
    assert_ne!(created.topic, topic);
    // Both are over the request's key, of which only Intune has the other half.
    let key =
        |issued| certificate(issued).tbs_certificate.subject_public_key_info.to_der().unwrap();
    assert_eq!(key(&renewed), key(&created));
    assert_eq!(renewed.pem_with_key(), None);
}

#[tokio::test]
async fn the_signing_request_is_base64_of_apples_property_list() {
    let world = World::new(full_tenant()).await;
    let value = world.get(CSR).await.json()["value"].as_str().unwrap().to_owned();
    let plist = String::from_utf8(STANDARD.decode(&value).unwrap()).unwrap();
    for key in ["PushCertRequestCSR", "PushCertCertificateChain", "PushCertSignature"] {
        assert!(plist.contains(&format!("<key>{key}</key>")), "{key}");
    }
    // The portal takes the list itself as well.
    assert!(world.running.apple().create(&plist, now()).is_ok());
}

#[test]
fn what_is_no_signing_request_is_refused() {
    for text in ["", "garbage", "AAAA", "<key>PushCertRequestCSR</key>"] {
        assert!(apple().create(text, now()).is_err(), "{text}");
    }
}

#[test]
fn keys_are_shared_or_fresh_as_asked() {
    let apple = apple();
    let key = |key: SubjectKey| {
        let issued = apple.issue(&PushRequest { key, ..PushRequest::new(now()) }).unwrap();
        certificate(&issued).tbs_certificate.subject_public_key_info.to_der().unwrap()
    };
    assert_eq!(key(SubjectKey::Shared), key(SubjectKey::Shared));
    assert_ne!(key(SubjectKey::Fresh), key(SubjectKey::Fresh));
}

#[test]
fn the_authority_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let one = Apple::open(Some(folder.path()), now()).unwrap();
    let two = Apple::open(Some(folder.path()), now()).unwrap();
    assert_eq!(one.authority_pem(), two.authority_pem());
    let keys = [one, two].map(|apple| {
        let issued = apple.issue(&PushRequest::new(now())).unwrap();
        certificate(&issued).tbs_certificate.extensions.unwrap()[1].extn_value.clone()
    });
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_thousand_certificates_take_little_time() {
    let apple = apple();
    let serials: std::collections::HashSet<_> =
        (0..1000).map(|_| apple.issue(&PushRequest::new(now())).unwrap().serial).collect();
    assert_eq!(serials.len(), 1000);
}

#[test]
fn a_vpp_token_is_one_line_of_base64_in_the_order_of_real_files() {
    let token = apple().vpp_token(&VppRequest {
        organization: "Contoso \"Ltd\" ä".to_owned(),
        location: "Köln: Mitte".to_owned(),
        expires: now(),
    });
    let json = String::from_utf8(STANDARD.decode(&token).unwrap()).unwrap();
    assert!(json.starts_with("{\"expDate\":\"2027-01-10T12:00:00+0000\",\"token\":\""), "{json}");
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["orgName"], "Contoso \"Ltd\" ä");
    let inner = value["token"].as_str().unwrap();
    assert_eq!(crate::apple::location(inner).as_deref(), Some("Köln: Mitte"));
}
