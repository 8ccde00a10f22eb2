//! The real program signing in without a client secret: with a certificate, with Kubernetes'
//! token file, in GitHub Actions, and with the Azure CLI.

use std::process::Command;

use applecart_simulator::{
    AppRegistration, FederatedCredential, StateError, WRITER_CLIENT_ID, WRITER_SECRET,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::world::{Run, World, finish, tenant_id};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "repo:octo@123456/fleet@456789:ref:refs/heads/main";
const REQUEST_TOKEN: &str = "MARKER.REQUEST.TOKEN";

/// An RSA key and its certificate.
struct Identity {
    pkcs8: Vec<u8>,
    certificate: String,
}

impl Identity {
    fn new() -> Self {
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let key = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key);
        let pkcs8 = key.unwrap().as_ref().to_vec();
        let pair = rcgen::KeyPair::try_from(pkcs8.clone()).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem();
        Self { pkcs8, certificate }
    }

    /// One file with both, as `openssl` and Entra's documentation make it.
    fn pem(&self) -> String {
        let key = STANDARD.encode(&self.pkcs8);
        format!(
            "-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n{}",
            self.certificate
        )
    }

    fn token(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&json!({ "alg": "RS256", "kid": "1" })), part(claims));
        let key = ring::signature::RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &ring::signature::RSA_PKCS1_SHA256,
            &ring::rand::SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn assertion(&self, subject: &str) -> String {
        self.token(&json!({
            "iss": ISSUER,
            "sub": subject,
            "aud": "api://AzureADTokenExchange",
            "exp": Utc::now().timestamp() + 300,
        }))
    }
}

/// Two tenants with a renewal due each, signed in to with this credential; their application has
/// no secret.
fn world(credential: &str, app: &AppRegistration) -> World {
    let world = World::new();
    let policy = world.policy("").replace("client-secret", credential);
    world.write("applecart.yaml", &policy);
    for name in ["contoso", "fabrikam"] {
        world.renewal(name);
        let change = |tenant: &mut applecart_simulator::Tenant| {
            tenant.apps = vec![app.clone()];
            Ok::<_, StateError>(())
        };
        world.state().change(tenant_id(name), change).unwrap();
    }
    world
}

fn app() -> AppRegistration {
    AppRegistration {
        client_id: WRITER_CLIENT_ID.to_owned(),
        roles: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
        ..AppRegistration::default()
    }
}

fn trusting(issuer: &Identity) -> AppRegistration {
    let credential = FederatedCredential {
        issuer: ISSUER.to_owned(),
        subject: SUBJECT.to_owned(),
        audiences: vec!["api://AzureADTokenExchange".to_owned()],
        issuer_certificate: issuer.certificate.clone(),
    };
    AppRegistration { federated_credentials: vec![credential], ..app() }
}

fn command(world: &World, arguments: &[&str], set: &[(&str, &str)]) -> Command {
    let mut command = world.command(arguments);
    command.env_remove("AZURE_CLIENT_SECRET").envs(set.iter().copied());
    command
}

/// Runs at the most talkative level; nothing of what is `secret` may be shown.
fn run(world: &World, arguments: &[&str], set: &[(&str, &str)], secret: &[&str]) -> Run {
    let run = finish(command(world, &[&["-vv"], arguments].concat(), set));
    for secret in secret {
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(!all.contains(secret), "{secret:.40} is shown:\n{all}");
    }
    run
}

fn sign_ins(world: &World) -> usize {
    let asked = world.state().requests();
    asked.iter().filter(|request| request.path.ends_with("/oauth2/v2.0/token")).count()
}

fn both_are_renewed(world: &World) {
    for name in ["contoso", "fabrikam"] {
        assert_eq!(world.uploads(name), 1, "{name}");
    }
    assert_eq!(world.state().violations(), []);
}

#[test]
fn a_certificate_signs_in_to_every_tenant() {
    let identity = Identity::new();
    let app = AppRegistration { certificates: vec![identity.certificate.clone()], ..app() };
    let world = world("client-certificate", &app);
    let file = world.path("login.pem").display().to_string();
    std::fs::write(&file, identity.pem()).unwrap();
    let set = [("AZURE_CLIENT_CERTIFICATE_PATH", file.as_str())];
    let key = STANDARD.encode(&identity.pkcs8);
    let secret = [&key[100..160], "eyJ"];

    run(&world, &["plan"], &set, &secret).ends_with(0);
    assert_eq!(sign_ins(&world), 2, "one a tenant and run");
    run(&world, &["apply"], &set, &secret).ends_with(0);
    both_are_renewed(&world);

    std::fs::write(&file, Identity::new().pem()).unwrap();
    let refused = run(&world, &["plan"], &set, &secret).ends_with(8);
    let all = refused.stdout + &refused.stderr;
    assert!(all.contains("AADSTS700027") && all.contains("not registered"), "{all}");
    let missing = run(&world, &["plan"], &[], &secret).ends_with(8);
    let all = missing.stdout + &missing.stderr;
    assert!(all.contains("AZURE_CLIENT_CERTIFICATE_PATH"), "{all}");
}

#[test]
fn kubernetes_token_file_signs_in_to_every_tenant() {
    let issuer = Identity::new();
    let world = world("workload-identity", &trusting(&issuer));
    let file = world.path("token").display().to_string();
    let assertion = issuer.assertion(SUBJECT);
    std::fs::write(&file, &assertion).unwrap();
    let set = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.as_str()),
        ("AZURE_TENANT_ID", "00000000-0000-4000-8000-000000000009"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
    ];
    let secret = [assertion.split('.').nth(1).unwrap(), assertion.split('.').nth(2).unwrap()];
    run(&world, &["apply"], &set, &secret).ends_with(0);
    both_are_renewed(&world);

    std::fs::write(&file, issuer.assertion("repo:octo/fleet:pull_request")).unwrap();
    let refused = run(&world, &["plan"], &set, &["eyJ"]).ends_with(8);
    let all = refused.stdout + &refused.stderr;
    assert!(all.contains("AADSTS700213"), "{all}");
    assert!(all.contains("subject `repo:octo/fleet:pull_request`"), "{all}");
}

#[test]
fn github_actions_signs_in_to_every_tenant_with_one_token() {
    let issuer = Identity::new();
    let world = world("github", &trusting(&issuer));
    let assertion = issuer.assertion(SUBJECT);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let github = runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/oidc/token"))
            .and(query_param("api-version", "2.0"))
            .and(query_param("audience", "api://AzureADTokenExchange"))
            .and(header("authorization", format!("Bearer {REQUEST_TOKEN}")))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "value": assertion })))
            .expect(1)
            .mount(&server)
            .await;
        server
    });
    let url = format!("{}/oidc/token?api-version=2.0", github.uri());
    let set = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ];
    let secret = [REQUEST_TOKEN, assertion.split('.').nth(2).unwrap()];
    run(&world, &["apply"], &set, &secret).ends_with(0);
    both_are_renewed(&world);
    runtime.block_on(github.verify());

    let missing = run(&world, &["plan"], &set[..1], &secret).ends_with(8);
    let all = missing.stdout + &missing.stderr;
    assert!(all.contains("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), "{all}");
    assert!(all.contains("permissions: id-token: write"), "{all}");
}

/// `az` is a program on the PATH; this one hands out what the simulator issued.
#[cfg(unix)]
#[test]
fn the_azure_cli_hands_over_one_token_a_tenant() {
    use std::os::unix::fs::PermissionsExt as _;

    let app = AppRegistration { secret: WRITER_SECRET.to_owned(), ..app() };
    let world = world("azure-cli", &app);
    let tools = world.path("tools");
    std::fs::create_dir_all(&tools).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for name in ["contoso", "fabrikam"] {
        let url = format!("{}/{}/oauth2/v2.0/token", world.url, tenant_id(name));
        let issued: Value = runtime.block_on(async {
            let form = [
                ("client_id", WRITER_CLIENT_ID),
                ("client_secret", WRITER_SECRET),
                ("scope", "https://graph.microsoft.com/.default"),
                ("grant_type", "client_credentials"),
            ];
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            client.post(url).form(&form).send().await.unwrap().json().await.unwrap()
        });
        let printed = json!({
            "accessToken": issued["access_token"],
            "expires_on": Utc::now().timestamp() + 3600,
            "tokenType": "Bearer",
        });
        std::fs::write(tools.join(tenant_id(name).to_string()), printed.to_string()).unwrap();
    }
    let az = tools.join("az");
    let script = format!(
        "#!/bin/sh\nfor last; do :; done\necho \"$*\" >> {0}/asked\nenv > {0}/seen\ncat {0}/\"$last\" 2>/dev/null && exit 0\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n",
        tools.display()
    );
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let set = [("PATH", path.as_str())];
    run(&world, &["apply"], &set, &["simulated-access-token"]).ends_with(0);
    both_are_renewed(&world);
    let asked = std::fs::read_to_string(tools.join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 2, "{asked}");
    // It loads extensions out of the user's folder: none of them gets what opens the fleet's files.
    let secret = [("PATH", path.as_str()), ("APPLECART_SERVE_TOKEN", "kept-back")];
    run(&world, &["plan"], &secret, &["simulated-access-token", "kept-back"]);
    let seen = std::fs::read_to_string(tools.join("seen")).unwrap();
    assert!(seen.contains("PATH=") && !seen.contains("kept-back"), "{seen}");
    assert!(!seen.contains("SOPS_AGE_KEY"), "{seen}");

    std::fs::remove_file(tools.join(tenant_id("contoso").to_string())).unwrap();
    let partly = run(&world, &["plan"], &set, &["simulated-access-token"]).ends_with(3);
    let all = partly.stdout + &partly.stderr;
    assert!(all.contains(&format!("az login --tenant {}", tenant_id("contoso"))), "{all}");
}

#[test]
fn a_person_signs_in_otherwise_than_the_pipelines_do() {
    let world = World::new();
    world.renewal("contoso");
    let policy = world.policy("").replace("credential: client-secret", "credential: github");
    world.write("applecart.yaml", &policy);
    world.commit("Pipelines sign in with GitHub's token");
    let with = |credential: &str| {
        let mut command = world.command(&["plan"]);
        command.env("APPLECART_CREDENTIAL", credential);
        finish(command)
    };
    with("").ends_with(8).says("ACTIONS_ID_TOKEN_REQUEST");
    with("client-secret").ends_with(0).says("upload push");
    with("password")
        .ends_with(64)
        .says("is not a supported credential")
        .says("next: Use one of: client-secret");
}

#[test]
fn a_laptop_in_a_fleet_of_a_pipelines_credential_is_told_at_once_how_to_sign_in() {
    for credential in ["github", "azure-pipelines", "workload-identity"] {
        let world = world(credential, &app());
        run(&world, &["plan"], &[], &[]).ends_with(8).says("APPLECART_CREDENTIAL=device-code");
        assert_eq!(sign_ins(&world), 0);
    }
}

#[test]
fn a_person_is_asked_only_where_one_sits() {
    let world = world("client-secret", &app());
    for credential in ["device-code", "browser"] {
        let set = [("APPLECART_CREDENTIAL", credential)];
        run(&world, &["plan"], &set, &[])
            .ends_with(8)
            .says("needs a person at a terminal")
            .says("APPLECART_CREDENTIAL=client-secret together with AZURE_CLIENT_SECRET");
    }
    assert_eq!(sign_ins(&world), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_leaves_while_the_sign_in_waits_is_let_go_at_once() {
    let app = AppRegistration { public_client: true, roles: Vec::new(), ..app() };
    let world = world("github", &app);
    for command in [&["plan"][..], &["onboard", "--fleet"]] {
        let mut plain = world.command(command);
        plain.env_remove("AZURE_CLIENT_SECRET").env("APPLECART_CREDENTIAL", "device-code");
        let begun = std::time::Instant::now();
        // Ctrl-C, as a terminal has it.
        let Some(run) = crate::world::on_a_terminal(&plain, "and enter the code:", "\u{3}") else {
            return;
        };
        assert_eq!(run.code, 130, "{command:?}: {}", run.stdout);
        // The code is valid for fifteen minutes.
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{command:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_at_a_terminal_signs_in_once_and_sees_the_plan_of_every_tenant() {
    let app = AppRegistration {
        delegated: vec!["DeviceManagementServiceConfig.ReadWrite.All".to_owned()],
        public_client: true,
        roles: Vec::new(),
        ..app()
    };
    let world = world("github", &app);
    for name in ["contoso", "fabrikam"] {
        let change = |tenant: &mut applecart_simulator::Tenant| {
            tenant.users = vec!["ada@partner.example".to_owned()];
            Ok::<_, StateError>(())
        };
        world.state().change(tenant_id(name), change).unwrap();
    }
    let mut plain = world.command(&["plan"]);
    plain.env_remove("AZURE_CLIENT_SECRET").env("APPLECART_CREDENTIAL", "device-code");
    let state = std::sync::Arc::clone(world.simulator().state());
    let entering = std::thread::spawn(move || {
        for _ in 0..600 {
            if let Some(code) = state.shown_device_codes().first() {
                return state.enter_device_code(code, Some("ada@partner.example"));
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        false
    });
    let Some(run) = crate::world::on_a_terminal(&plain, "and enter the code:", "") else { return };
    assert!(entering.join().unwrap());
    let run = run.ends_with(0).says("https://microsoft.com/devicelogin").says("2 uploads");
    assert!(!run.stdout.contains("simulated-"), "no token is shown: {}", run.stdout);
}
