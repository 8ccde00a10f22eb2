//! The writer and the one-token reads against a Graph that takes nothing but documented requests.

use applecart_core::fleet::{Auth, Cloud, CredentialKind};
use applecart_core::model::{Reading, Setting};
use applecart_io::intune::{
    ClientSecret, Connector, ConnectorOptions, KeyRequest, Overrides, Synced, TokenText, VppChange,
    VppCreation,
};
use applecart_simulator::{
    Enrollment, EnrollmentRequest, Options, Running, Simulator, Tenant, Vpp, VppRequest,
    WRITER_CLIENT_ID, WRITER_SECRET,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::world::tenant_id;

fn auth() -> Auth {
    Auth {
        client_id: WRITER_CLIENT_ID.to_owned(),
        reader_client_id: None,
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    }
}

async fn intune() -> (Running, Connector) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let expires = "2027-01-01T00:00:00Z".parse().unwrap();
    let mut tenant = Tenant::new(tenant_id("contoso"));
    tenant.dep_onboarding_settings =
        vec![Enrollment { id: "dep-1".to_owned(), ..Enrollment::new("Contoso ABM", expires) }];
    tenant.vpp_tokens =
        vec![Vpp { id: "vpp-1".to_owned(), ..Vpp::new("London", "Contoso", expires) }];
    simulator.state().add_tenant(tenant).unwrap();
    let secret = Box::new(|_: &Auth| ClientSecret::new(WRITER_SECRET.to_owned()));
    let mut options = ConnectorOptions::new(secret);
    options.overrides = Overrides::parse(Some(&simulator.url()), Some(&simulator.url())).unwrap();
    let connector = Connector::new(options).unwrap();
    (simulator, connector)
}

fn vpp_token(simulator: &Running, location: &str) -> String {
    simulator.apple().vpp_token(&VppRequest {
        organization: "Contoso".to_owned(),
        location: location.to_owned(),
        expires: "2028-01-01T00:00:00Z".parse().unwrap(),
    })
}

#[tokio::test]
async fn an_enrollment_token_is_renewed_configured_and_synced() {
    let (simulator, connector) = intune().await;
    let tenant = tenant_id("contoso");
    let read = async || connector.read_one_enrollment(tenant, &auth(), "dep-1").await;
    let Reading::Present(before) = read().await else { panic!("no token") };

    let writer = connector.writer(tenant, &auth()).unwrap();
    let (apple, request) = (simulator.apple(), EnrollmentRequest::default());
    let issued = simulator.state().download_enrollment(apple, tenant, "dep-1", &request).unwrap();
    let file = STANDARD.encode(issued.file);
    writer.upload_enrollment("dep-1", "abm@contoso.example", &file).await.unwrap();
    let Reading::Present(after) = read().await else { panic!("no token") };
    assert_ne!(before.expires, after.expires);
    assert_eq!(before.unrequested_changes(&after, &[]), []);

    let tags = vec!["7".to_owned()];
    let after = writer.configure_enrollment("dep-1", &tags).await.unwrap();
    assert_eq!(after.role_scope_tag_ids, Some(tags));
    assert_eq!(before.unrequested_changes(&after, &[Setting::RoleScopeTagIds]), []);
    assert_eq!(before.unrequested_changes(&after, &[])[0].setting, Setting::RoleScopeTagIds);

    assert_eq!(writer.sync_enrollment("dep-1").await, Ok(Synced::Started));
    let request = KeyRequest { tenant_id: tenant, auth: auth(), id: "dep-1".to_owned() };
    let first = connector.encryption_key(&request).await;
    assert!(first.present().is_some_and(|key| !key.is_empty()), "{first:?}");
    assert_eq!(connector.encryption_key(&request).await, first, "reading makes no new key");
    assert_eq!(simulator.state().violations(), []);
}

#[tokio::test]
async fn a_vpp_token_is_renewed_configured_synced_and_made() {
    let (simulator, connector) = intune().await;
    let tenant = tenant_id("contoso");
    let Reading::Present(before) = connector.read_one_vpp(tenant, &auth(), "vpp-1").await else {
        panic!("no token")
    };
    let writer = connector.writer(tenant, &auth()).unwrap();
    let file = vpp_token(&simulator, "London");
    let change = VppChange {
        token: Some(TokenText(&file)),
        country_or_region: Some("fr"),
        automatically_update_apps: before.automatically_update_apps.map(|on| !on),
        claim: Some(true),
        ..VppChange::default()
    };
    let after = writer.update_vpp("vpp-1", &change).await.unwrap();
    assert_eq!(after.expires.unwrap().to_string(), "2028-01-01T00:00:00Z");
    assert_eq!(after.country_or_region.as_deref(), Some("fr"));
    assert_eq!(before.unrequested_changes(&after, &change.requested()), []);
    assert_eq!(before.unrequested_changes(&after, &[]).len(), 3);
    assert_eq!(writer.sync_vpp("vpp-1").await, Ok(Synced::Started));

    let file = vpp_token(&simulator, "Paris");
    let creation = VppCreation {
        display_name: "Paris",
        apple_id: "vpp@contoso.example",
        token: TokenText(&file),
        account_type: Some("education"),
        country_or_region: Some("fr"),
        automatically_update_apps: true,
        claim: false,
        role_scope_tag_ids: Some(&["7".to_owned()]),
    };
    let made = writer.create_vpp(&creation).await.unwrap();
    assert_eq!(made.data_sharing_consent_granted, Some(true));
    assert_eq!(made.location.as_deref(), Some("Paris"));
    let read = connector.read_one_vpp(tenant, &auth(), &made.id).await;
    assert_eq!(read, Reading::Present(made));
    assert_eq!(connector.read_one_vpp(tenant, &auth(), "vpp-9").await, Reading::Absent);
    assert_eq!(simulator.state().violations(), []);
}
