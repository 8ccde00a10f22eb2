//! Every fault of Graph's and Entra's at every kind of request: what must come of it.
//!
//! The rows and cells stand in [`table`]. Each cell says what one fault at one kind of request must
//! end in, once where the fault happens a single time and once where it stays: what is known
//! afterwards, and after how many requests. The simulator misbehaves, the program's own client is
//! asked, and the simulator's journal counts.

mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use applecart_core::fleet::{Auth, Cloud, CredentialKind};
use applecart_core::model::{Kind, LiveTenant, Problem, Reading, TenantId};
use applecart_io::intune::{
    ClientSecret, Connector, ConnectorOptions, Overrides, ReadRequest, RetryPolicy, VppChange,
    WriteError,
};
use applecart_simulator::{
    FaultRule, LoggedRequest, Options, Push, Running, Simulator, Tenant, Vpp, WRITER_CLIENT_ID,
    WRITER_SECRET,
};
use futures::StreamExt as _;
use table::{COLUMNS, Cell, Row, rows};

use crate::world::tenant_id;

/// The kinds of request. A batch's parts can fail where the batch does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// The token request, before a read.
    SignIn,
    /// The read of the one watched kind.
    Read,
    /// The `$batch` that reads all three.
    Batch,
    /// One part of that batch: the push certificate's.
    Part,
    /// The second page of the VPP tokens.
    Page,
    /// A change of a VPP token.
    Write,
    /// The read of one token after a write.
    Poll,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    Once,
    Ever,
}

/// Where everything is.
pub(crate) struct Ground {
    simulator: Running,
    /// A host that nobody named.
    pub(crate) elsewhere: String,
    visitors: Arc<AtomicUsize>,
}

const PUSH: &str = "/beta/deviceManagement/applePushNotificationCertificate";
const VPP: &str = "/beta/deviceAppManagement/vppTokens";
const RENAMED: &str = "Renamed";

#[test]
fn every_fault_at_every_kind_of_request_ends_as_the_table_says() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ground = &Ground::new().await;
        let rows = rows();
        let mut cells = Vec::new();
        for row in &rows {
            for (column, cell) in COLUMNS.into_iter().zip(&row.cells) {
                match cell {
                    Cell::Must(once, ever) => {
                        cells.push((row, column, Lasting::Once, *once));
                        cells.push((row, column, Lasting::Ever, *ever));
                    }
                    Cell::Never(why) => assert!(!why.is_empty()),
                }
            }
        }
        let count = cells.len();
        let wrong: Vec<String> = futures::stream::iter(cells)
            .map(|(row, column, lasting, expected)| async move {
                let seen = ground.see(row, column, lasting).await;
                (seen != expected).then(|| {
                    let name = row.name;
                    format!("{name} / {column:?} / {lasting:?}\n  must: {expected}\n  is:   {seen}")
                })
            })
            .buffer_unordered(24)
            .filter_map(|wrong| async { wrong })
            .collect()
            .await;
        assert!(wrong.is_empty(), "{} of {count} cells:\n{}", wrong.len(), wrong.join("\n"));
        let strangers = ground.visitors.load(Ordering::SeqCst);
        assert_eq!(strangers, 0, "somebody went to the other host");
        assert!(ground.simulator.state().violations().is_empty());
    });
}

impl Ground {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = format!("http://{}", listener.local_addr().unwrap());
        let visitors = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&visitors);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { simulator, elsewhere, visitors }
    }

    /// The simulator's clock.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.simulator.state().now()
    }

    fn connector(&self, row: &Row) -> Connector {
        let secret = Box::new(|_: &Auth| ClientSecret::new(WRITER_SECRET.to_owned()));
        let url = self.simulator.url();
        let mut options = ConnectorOptions::new(secret);
        options.overrides = Overrides::parse(Some(&url), Some(&url)).unwrap();
        options.retry = RetryPolicy {
            base: Duration::from_millis(1),
            max: Duration::from_millis(5),
            ..RetryPolicy::default()
        };
        if row.hangs {
            // Real time passes: less of it, and fewer times.
            options.timeout = Duration::from_secs(1);
            options.retry.attempts = 4;
        }
        Connector::new(options).unwrap()
    }

    /// A tenant of its own for each cell, so that all cells can be seen at once.
    fn tenant(&self, name: &str, column: Column) -> Tenant {
        let mut tenant = Tenant::new(tenant_id(name));
        let expires = self.now() + chrono::Duration::days(300);
        tenant.apple_push_notification_certificate = Some(Push {
            apple_identifier: "mdm@contoso.example".to_owned(),
            topic_identifier: "com.apple.mgmt.External.6f1b".to_owned(),
            certificate_serial_number: "0B70AA".to_owned(),
            expiration_date_time: expires,
            certificate_upload_failure_reason: None,
        });
        tenant.vpp_tokens =
            vec![Vpp::new("London", "Contoso", expires), Vpp::new("Paris", "Contoso", expires)];
        tenant.switches.page_size = (column == Column::Page).then_some(1);
        self.simulator.state().add_tenant(tenant.clone()).unwrap();
        tenant
    }

    /// What comes of one fault at one kind of request, in the table's words.
    async fn see(&self, row: &Row, column: Column, lasting: Lasting) -> String {
        let tenant = self.tenant(&format!("{}/{column:?}/{lasting:?}", row.name), column);
        let id = TenantId::from(tenant.tenant_id);
        let token = tenant.vpp_tokens[0].id.clone();
        let connector = self.connector(row);
        if column != Column::SignIn {
            // There is a good token when the fault begins.
            let before = connector.read_one_vpp(id, &auth(), &token).await;
            assert!(before.present().is_some(), "{before:?}");
        }
        let earlier = self.log(id).len();
        let rule = FaultRule::always((row.fault)(self, lasting)).for_tenant(id);
        let rule = match column {
            Column::SignIn => rule.on("/*/oauth2/v2.0/token"),
            Column::Read | Column::Part => rule.on(PUSH),
            Column::Batch => rule.on("/beta/$batch"),
            Column::Page => rule.on(VPP).after(1),
            Column::Write => rule.on_method("PATCH"),
            Column::Poll => rule.on(&format!("{VPP}/*")),
        };
        let rule = if lasting == Lasting::Once { rule.times(1) } else { rule };
        self.simulator.state().add_fault(rule);

        let begun = Instant::now();
        let outcome = match column {
            Column::SignIn | Column::Read => {
                tenant_words(&connector.read(&request(id, &[Kind::Push])).await)
            }
            Column::Batch | Column::Part => {
                tenant_words(&connector.read(&request(id, &Kind::ALL)).await)
            }
            Column::Page => {
                let live = connector.read(&request(id, &[Kind::Vpp])).await;
                if let Some(all) = live.vpp.present() {
                    assert_eq!(all.len(), 2, "never a part of a collection");
                }
                tenant_words(&live)
            }
            Column::Poll => words(&connector.read_one_vpp(id, &auth(), &token).await),
            Column::Write => {
                let writer = connector.writer(id, &auth()).unwrap();
                let change = VppChange { display_name: Some(RENAMED), ..VppChange::default() };
                let outcome = match writer.update_vpp(&token, &change).await {
                    Ok(live) => {
                        assert_eq!(live.display_name.as_deref(), Some(RENAMED));
                        "done".to_owned()
                    }
                    Err(error) => write_words(&error),
                };
                let now = self.simulator.state().tenant(id).unwrap();
                let changed = now.vpp_tokens[0].display_name == RENAMED;
                format!("{outcome}, Intune {}", if changed { "changed" } else { "unchanged" })
            }
        };
        if lasting == Lasting::Once {
            let name = row.name;
            assert!(begun.elapsed() >= row.waits, "{name} / {column:?}: {:?}", begun.elapsed());
        }
        let log = self.log(id).split_off(earlier);
        let done = log.iter().filter(|request| request.is_done_write()).count();
        assert!(done <= 1, "{} / {column:?} / {lasting:?}: {done} writes", row.name);
        format!("{outcome}, after {}", counted(&log))
    }

    fn log(&self, id: TenantId) -> Vec<LoggedRequest> {
        let mut log = self.simulator.state().requests();
        log.retain(|request| request.tenant == Some(id.into()) && !request.part);
        log
    }
}

fn auth() -> Auth {
    Auth {
        client_id: WRITER_CLIENT_ID.to_owned(),
        reader_client_id: None,
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    }
}

fn request(tenant_id: TenantId, kinds: &[Kind]) -> ReadRequest {
    ReadRequest {
        tenant_id,
        auth: auth(),
        watch: kinds.iter().copied().collect(),
        consent_if_push_absent: false,
    }
}

/// `1 token, 2 reads`.
fn counted(log: &[LoggedRequest]) -> String {
    let is_token = |one: &&LoggedRequest| one.path.ends_with("/token");
    let is_batch = |one: &&LoggedRequest| one.path.ends_with("/$batch");
    let counts = [
        ("token", log.iter().filter(is_token).count()),
        ("batch", log.iter().filter(is_batch).count()),
        ("read", log.iter().filter(|one| one.method == "GET").count()),
        ("write", log.iter().filter(|one| one.method == "PATCH").count()),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    counts.join(", ")
}

fn problem_words(problem: &Problem) -> String {
    format!("unknown ({}){}", problem.code, without_id(problem.request_id.as_ref()))
}

/// Where Microsoft's support can find nothing, the cell says so.
fn without_id(request_id: Option<&String>) -> &'static str {
    if request_id.is_some() { "" } else { " without a request id" }
}

fn words<T>(reading: &Reading<T>) -> String {
    match reading {
        Reading::Present(_) => "known".to_owned(),
        Reading::Absent => "absent".to_owned(),
        Reading::Unknown(problem) => problem_words(problem),
        Reading::NotAsked => "not asked".to_owned(),
    }
}

/// One word where all kinds that were asked for agree.
fn tenant_words(live: &LiveTenant) -> String {
    let all = [words(&live.push), words(&live.enrollment), words(&live.vpp)];
    let mut asked: Vec<&String> = all.iter().filter(|word| *word != "not asked").collect();
    let push = asked.remove(0);
    match asked.iter().all(|word| *word == push) {
        true => push.clone(),
        false => {
            assert!(asked.iter().all(|word| *word == "known"), "{all:?}");
            format!("push {push}, the others known")
        }
    }
}

fn write_words(error: &WriteError) -> String {
    match error {
        WriteError::NotSent { problem } => {
            format!("not sent ({}){}", problem.code, without_id(problem.request_id.as_ref()))
        }
        WriteError::Throttled { request_id, .. } => {
            format!("throttled{}", without_id(request_id.as_ref()))
        }
        WriteError::OutcomeUnknown { request_id, .. } => {
            format!("outcome unknown{}", without_id(request_id.as_ref()))
        }
        other => other.to_string(),
    }
}
