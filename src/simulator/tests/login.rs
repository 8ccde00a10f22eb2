use super::*;

const GOOD: [(&str, &str); 4] = [
    ("client_id", WRITER_CLIENT_ID),
    ("client_secret", WRITER_SECRET),
    ("scope", "https://graph.microsoft.us/.default"),
    ("grant_type", "client_credentials"),
];

/// The good form with one field changed, or left out where the value is empty.
fn with(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GOOD.into_iter()
        .map(|(key, old)| (key, if key == name { value } else { old }))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

async fn refusal(world: &World, form: &[(&str, &str)]) -> (u16, String, u64) {
    let answer = world.sign_in(form).await;
    let json = answer.json();
    for field in ["error_description", "timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(json[field].is_string(), "{field}: {json}");
    }
    let error = json["error"].as_str().unwrap().to_owned();
    (answer.status, error, json["error_codes"][0].as_u64().unwrap())
}

#[tokio::test]
async fn a_good_form_gets_a_bearer_token_for_an_hour() {
    let world = World::new(full_tenant()).await;
    let answer = world.sign_in(&GOOD).await;
    let json = answer.json();
    assert_eq!(
        (answer.status, &json["token_type"], &json["expires_in"]),
        (200, &"Bearer".into(), &3599.into())
    );
    assert!(json["access_token"].as_str().unwrap().len() > 64);
}

#[tokio::test]
async fn every_missing_or_wrong_field_is_named_as_entra_does() {
    let mut tenant = full_tenant();
    let old = AppRegistration {
        client_id: "old".to_owned(),
        secret: "old".to_owned(),
        secret_expires: Some(now()),
        ..AppRegistration::default()
    };
    tenant.apps.push(old);
    let world = World::new(tenant).await;
    let expired = [("client_id", "old"), ("client_secret", "old"), GOOD[2], GOOD[3]];
    let invalid = |code| (400, "invalid_request".to_owned(), code);
    let client = |code| (401, "invalid_client".to_owned(), code);

    assert_eq!(refusal(&world, &with("client_id", "")).await, invalid(900_144));
    assert_eq!(refusal(&world, &with("scope", "")).await, invalid(900_144));
    assert_eq!(refusal(&world, &with("grant_type", "")).await, invalid(900_144));
    assert_eq!(
        refusal(&world, &with("scope", "https://graph.microsoft.com/User.Read")).await.2,
        1_002_012
    );
    assert_eq!(refusal(&world, &with("grant_type", "password")).await.2, 70_003);
    assert_eq!(refusal(&world, &with("client_secret", "")).await, client(7_000_216));
    assert_eq!(refusal(&world, &with("client_secret", "guess")).await, client(7_000_215));
    assert_eq!(refusal(&world, &expired).await, client(7_000_222));
    assert_eq!(
        refusal(&world, &with("client_id", "stranger")).await,
        (400, "unauthorized_client".to_owned(), 700_016)
    );
}

#[tokio::test]
async fn an_unknown_tenant_is_aadsts90002() {
    let mut world = World::new(full_tenant()).await;
    world.id = tenant_id(9);
    assert_eq!(refusal(&world, &GOOD).await, (400, "invalid_request".to_owned(), 90_002));
}

#[tokio::test]
async fn a_json_body_is_no_form() {
    let world = World::new(full_tenant()).await;
    let url = format!("{}/{}/oauth2/v2.0/token", world.running.url(), world.id);
    let answer = read(world.client.post(url).json(&GOOD).send().await.unwrap()).await;
    assert_eq!((answer.status, &answer.json()["error_codes"][0]), (400, &900_144.into()));
}

#[tokio::test]
async fn a_fault_can_strike_the_sign_in_of_one_tenant() {
    let world = World::new(full_tenant()).await;
    let fault = Fault::Throttle { retry_after: Some(RetryAfter::Seconds(1)) };
    world
        .state()
        .add_fault(FaultRule::always(fault).for_tenant(world.id).on("*/oauth2/*").times(1));
    let answer = world.sign_in(&GOOD).await;
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(world.sign_in(&GOOD).await.status, 200);
}
