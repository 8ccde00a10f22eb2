//! People who sign in to the simulated Entra, which takes no shorter way than the real one.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a browser for tests")]

use std::collections::BTreeMap;
use std::sync::Mutex as Shared;
use std::sync::atomic::{AtomicUsize, Ordering};

use applecart_simulator::{AppRegistration, Options, Running, Simulator, State, Tenant};

use super::super::testing::{auth_with, read_of, tenant_id, token_of};
use super::*;
use crate::intune::Connector;
use crate::intune::testing::connector_with;
use crate::seams::{Clock, Seams};
use applecart_core::model::{LiveTenant, Reading, Timestamp};

const USER: &str = "ada@partner.example";

/// The simulator's clock: what waits moves it on.
struct Moving(Arc<State>, Timestamp);

impl Clock for Moving {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.0.now())
    }

    fn elapsed(&self) -> Duration {
        self.now().since(self.1).to_std().unwrap_or_default()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        async move {
            if time > Duration::from_secs(60) {
                // A limit, not a pause.
                std::future::pending().await
            }
            self.pause(time);
        }
        .boxed()
    }

    fn pause(&self, time: Duration) {
        self.0.set_clock(Some(self.0.now() + chrono::Duration::from_std(time).unwrap()));
    }
}

struct World {
    running: Running,
    asked: Arc<Shared<Vec<String>>>,
}

type Act = dyn Fn(&Asked<'_>, usize, &State) + Send + Sync;

impl World {
    /// Two tenants in which the person may act, each after a change.
    async fn new(change: impl Fn(u8, &mut Tenant)) -> Self {
        let running = Simulator::start(Options::default()).await.unwrap();
        running.state().set_clock(Some(chrono::Utc::now()));
        for number in [1, 2] {
            let mut tenant = Tenant::new(tenant_id(number).parse::<uuid::Uuid>().unwrap());
            tenant.users = vec![USER.to_owned()];
            tenant.apps = vec![AppRegistration {
                client_id: auth_with(CredentialKind::DeviceCode).client_id,
                delegated: vec!["DeviceManagementServiceConfig.Read.All".to_owned()],
                public_client: true,
                redirect_uris: vec!["http://localhost".to_owned()],
                ..AppRegistration::default()
            }];
            change(number, &mut tenant);
            running.state().add_tenant(tenant).unwrap();
        }
        Self { running, asked: Arc::default() }
    }

    /// A connector whose person does this when asked for the n-th time.
    fn connector(
        &self,
        act: impl Fn(&Asked<'_>, usize, &State) + Send + Sync + 'static,
    ) -> Connector {
        let act: Box<Act> = Box::new(act);
        let state = Arc::clone(self.running.state());
        let (asked, count) = (Arc::clone(&self.asked), AtomicUsize::new(0));
        let clock = Arc::new(Moving(Arc::clone(&state), Timestamp::new(state.now())));
        connector_with(&self.running.url(), move |options| {
            options.seams = Seams { clock, ..Seams::default() };
            options.ask_person = Some(Arc::new(move |question: &Asked<'_>| {
                asked.lock().unwrap().push(format!("{question:?}"));
                act(question, count.fetch_add(1, Ordering::SeqCst) + 1, &state);
            }));
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn read(connector: &Connector, how: CredentialKind, tenant: u8) -> LiveTenant {
    connector.read(&read_of(&auth_with(how), tenant)).await
}

fn problem(live: &LiveTenant) -> Problem {
    let text = format!("{live:?}");
    assert!(!text.contains("simulated-refresh-token"), "{text}");
    live.push.problem().unwrap().clone()
}

fn enters_code(asked: &Asked<'_>, _: usize, state: &State) {
    let Asked::DeviceCode { code, page, .. } = asked else { panic!("{asked:?}") };
    assert_eq!(*page, "https://microsoft.com/devicelogin");
    assert!(state.enter_device_code(code, Some(USER)));
}

#[tokio::test]
async fn one_sign_in_with_a_code_opens_every_tenant_that_the_person_may_act_in() {
    let world = World::new(|_, _| ()).await;
    let connector = world.connector(enters_code);
    let reads = [1, 2].map(|tenant| read(&connector, CredentialKind::DeviceCode, tenant));
    for live in futures::future::join_all(reads).await {
        assert_eq!(live.push, Reading::Absent, "it was read: {live:?}");
    }
    assert_eq!(world.asked(), 1);
    assert!(world.asked.lock().unwrap()[0].contains("tenant: None"), "to their own directory");
}

#[tokio::test]
async fn a_tenant_with_a_second_factor_of_its_own_asks_the_person_again() {
    let world = World::new(|number, tenant| {
        tenant.switches.interaction_required = (number == 2).then_some(50076);
    })
    .await;
    let connector = world.connector(enters_code);
    for tenant in [1, 2] {
        let live = read(&connector, CredentialKind::DeviceCode, tenant).await;
        assert_eq!(live.push, Reading::Absent, "{live:?}");
    }
    assert_eq!(world.asked(), 2);
    assert!(world.asked.lock().unwrap()[1].contains(&tenant_id(2)));
}

#[tokio::test]
async fn whoever_declines_is_asked_once_for_all_tenants() {
    let world = World::new(|_, _| ()).await;
    let connector = world.connector(|asked, _, state| {
        let Asked::DeviceCode { code, .. } = asked else { panic!("{asked:?}") };
        state.enter_device_code(code, None);
    });
    for tenant in [1, 2] {
        let problem = problem(&read(&connector, CredentialKind::DeviceCode, tenant).await);
        assert_eq!(problem.code, ProblemCode::SignInFailed);
        assert!(problem.detail.unwrap().contains("was declined in the browser"));
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_code_that_nobody_enters_ends_the_wait() {
    let world = World::new(|_, _| ()).await;
    let connector = world.connector(|_, _, _| ());
    let problem = problem(&read(&connector, CredentialKind::DeviceCode, 1).await);
    assert!(problem.detail.clone().unwrap().contains("nobody entered the code"), "{problem:?}");
    let polls = world.running.state().requests();
    let polls = polls.iter().filter(|one| one.path.ends_with("/token")).count();
    assert!((150..=181).contains(&polls), "every five seconds for a quarter of an hour: {polls}");
}

#[tokio::test]
async fn a_tenant_without_a_delegation_is_told_and_asks_nobody() {
    let world = World::new(|number, tenant| {
        if number == 2 {
            tenant.users.clear();
        }
    })
    .await;
    let connector = world.connector(enters_code);
    assert_eq!(read(&connector, CredentialKind::DeviceCode, 1).await.push, Reading::Absent);
    let problem = problem(&read(&connector, CredentialKind::DeviceCode, 2).await);
    let detail = problem.detail.unwrap();
    assert!(detail.contains("AADSTS50020") && detail.contains("GDAP"), "{detail}");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn an_application_that_takes_no_people_says_where_that_is_switched_on() {
    let world = World::new(|_, tenant| tenant.apps[0].public_client = false).await;
    let connector = world.connector(enters_code);
    for tenant in [1, 2] {
        let problem = problem(&read(&connector, CredentialKind::DeviceCode, tenant).await);
        let detail = problem.detail.unwrap();
        assert!(detail.contains("Allow public client flows"), "{detail}");
    }
    assert_eq!(world.asked(), 1, "no other tenant would let them in either");
}

#[tokio::test]
async fn where_nobody_is_there_nobody_waits() {
    let world = World::new(|_, _| ()).await;
    let connector = connector_with(&world.running.url(), |_| ());
    for how in [CredentialKind::DeviceCode, CredentialKind::Browser] {
        let problem = problem(&read(&connector, how, 1).await);
        assert!(problem.detail.unwrap().contains("needs a person at a terminal"));
    }
    assert_eq!(world.running.state().requests(), []);
}

fn browser() -> reqwest::Client {
    let policy = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(policy).build().unwrap()
}

/// Opens the page as a browser does, and goes where it is sent back to.
async fn opens(page: String) -> (String, String) {
    let sent = browser().get(page).send().await.unwrap();
    let back = sent.headers()["location"].to_str().unwrap().to_owned();
    let text = browser().get(&back).send().await.unwrap().text().await.unwrap();
    (back, text)
}

#[tokio::test]
async fn a_browser_comes_back_once_and_only_with_the_state_it_was_given() {
    let world = World::new(|_, _| ()).await;
    let (seen, was_seen) = tokio::sync::oneshot::channel();
    let seen = Shared::new(Some(seen));
    let connector = world.connector(move |asked, _, _| {
        let Asked::Browser { page, .. } = asked else { panic!("{asked:?}") };
        let (page, seen) = ((*page).to_owned(), seen.lock().unwrap().take());
        tokio::spawn(async move {
            let url = url::Url::parse(&page).unwrap();
            let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
            assert_eq!(query["code_challenge_method"], "S256");
            assert!(query["redirect_uri"].starts_with("http://localhost:"), "{query:?}");
            let forged = format!("{}/?code=stolen&state=guess", query["redirect_uri"]);
            let forged = browser().get(forged).send().await.unwrap();
            assert_eq!(forged.status(), 404);
            let (back, text) = opens(page).await;
            assert!(text.contains("You can close this page"), "{text}");
            let _ = seen.unwrap().send(back);
        });
    });
    for tenant in [1, 2] {
        let live = read(&connector, CredentialKind::Browser, tenant).await;
        assert_eq!(live.push, Reading::Absent, "{live:?}");
    }
    assert_eq!(world.asked(), 1);
    let again = browser().get(was_seen.await.unwrap()).send().await;
    assert!(again.is_err_and(|error| error.is_connect()), "nobody listens any more");
}

#[tokio::test]
async fn a_browser_in_which_the_sign_in_is_declined_ends_it() {
    let world = World::new(|_, _| ()).await;
    let connector = world.connector(|asked, _, _| {
        let Asked::Browser { page, .. } = asked else { panic!("{asked:?}") };
        tokio::spawn(opens(format!("{page}&login_hint=nobody")));
    });
    let problem = problem(&read(&connector, CredentialKind::Browser, 1).await);
    let detail = problem.detail.unwrap();
    assert!(detail.contains("AADSTS65004") && detail.contains("declined"), "{detail}");
}

#[tokio::test]
async fn a_sign_in_that_ended_meanwhile_is_asked_for_again() {
    let world = World::new(|_, _| ()).await;
    let connector = world.connector(enters_code);
    assert_eq!(read(&connector, CredentialKind::DeviceCode, 1).await.push, Reading::Absent);
    world.running.state().end_sign_ins();
    assert_eq!(read(&connector, CredentialKind::DeviceCode, 2).await.push, Reading::Absent);
    assert_eq!(world.asked(), 2);
}

#[test]
fn a_token_of_another_tenant_is_not_taken_from_a_person_who_chose_the_wrong_account() {
    let token = |tenant: &str| token_of(&serde_json::json!({ "tid": tenant }));
    let [own, other] = [1, 2].map(tenant_id);
    let tenant: TenantId = own.parse().unwrap();
    assert!(for_tenant(&token(&own), tenant).is_ok());
    let fault = for_tenant(&token(&other), tenant).unwrap_err();
    let detail = fault.problem.detail.unwrap();
    assert!(
        detail.starts_with(&format!("the person signed in to another tenant than {own}")),
        "{detail}"
    );
}
