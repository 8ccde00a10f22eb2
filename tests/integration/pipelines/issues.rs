//! The step that opens issues for renewals, against as much of the interfaces of GitHub, GitLab and
//! Azure DevOps as it needs, from their documentation: <https://docs.github.com/en/rest/issues/issues>,
//! <https://docs.gitlab.com/api/issues/>,
//! <https://learn.microsoft.com/rest/api/azure/devops/wit/work-items/create>,
//! <https://learn.microsoft.com/rest/api/azure/devops/wit/wiql/query-by-wiql>.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use applecart_simulator::{Fault, FaultRule};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::hosts::{Host, TOKEN, serve};
use super::{HOSTS, NO_KEY, hub, step};
use crate::world::{Run, finish};

#[derive(Clone, Debug)]
struct Issue {
    title: String,
    body: String,
    labels: Vec<String>,
    author: &'static str,
    open: bool,
}

#[derive(Debug, Default)]
struct Store {
    issues: Vec<Issue>,
    /// Whether the token may set labels.
    drops_labels: bool,
}

struct Tracker {
    host: Host,
    url: String,
    store: Arc<Mutex<Store>>,
    _runtime: tokio::runtime::Runtime,
}

impl Tracker {
    /// With more than a page of issues of the same label, which name no renewal.
    fn new(host: Host) -> Self {
        let other = Issue {
            title: "Something else".into(),
            body: "they wrote: <!-- applecart:renewal 00000000000000000000 -->".into(),
            labels: vec!["applecart-renewal".into()],
            author: "dana",
            open: true,
        };
        let store = Store { issues: vec![other; 130], drops_labels: false };
        let store = Arc::new(Mutex::new(store));
        let router = Router::new().fallback(answer).with_state((host, Arc::clone(&store)));
        let (url, runtime) = serve(router);
        Self { host, url, store, _runtime: runtime }
    }

    /// What the step opened.
    fn opened(&self) -> Vec<Issue> {
        self.store.lock().unwrap().issues.iter().skip(130).cloned().collect()
    }

    fn tell(&self, file: &Path) -> Run {
        let url = &self.url;
        let variables = match self.host {
            Host::Github => vec![
                ("GITHUB_TOKEN", TOKEN.into()),
                ("GITHUB_API_URL", url.clone()),
                ("GITHUB_REPOSITORY", "org/fleet".into()),
            ],
            Host::Gitlab => vec![
                ("GITLAB_TOKEN", TOKEN.into()),
                ("CI_API_V4_URL", format!("{url}/api/v4")),
                ("CI_PROJECT_ID", "42".into()),
            ],
            Host::Azure => vec![
                ("SYSTEM_ACCESSTOKEN", TOKEN.into()),
                ("SYSTEM_COLLECTIONURI", format!("{url}/org/")),
                ("SYSTEM_TEAMPROJECTID", "project".into()),
            ],
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
        command.env_clear().envs(variables);
        command.args(["ci", "issues", "--host", self.host.name()]).arg(file);
        finish(command)
    }
}

async fn answer(
    State((host, store)): State<(Host, Arc<Mutex<Store>>)>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut store = store.lock().unwrap();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if !host.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let path = uri.path();
    if host == Host::Azure {
        if query.get("api-version").map(String::as_str) != Some("7.1") {
            return (StatusCode::BAD_REQUEST, "api-version").into_response();
        }
        return match path {
            "/org/project/_apis/wit/wiql" => {
                let wanted = text(&body["query"]);
                let (start, rest) = wanted.split_once("[System.Tags] Contains '").unwrap();
                assert!(start.contains("[System.TeamProject] = @project And"), "{wanted}");
                assert!(start.contains("[System.CreatedBy] = @me And"), "{wanted}");
                let tag = rest.strip_suffix('\'').unwrap();
                let tagged = store.issues.iter().enumerate().filter(|(_, one)| {
                    one.author == "build" && one.labels.iter().any(|label| label == tag)
                });
                let found: Vec<Value> = tagged.map(|(id, _)| json!({ "id": id })).collect();
                axum::Json(json!({ "workItems": found })).into_response()
            }
            "/org/project/_apis/wit/workitemsbatch" => {
                let ids = body["ids"].as_array().unwrap();
                assert!((1..=200).contains(&ids.len()), "as many as it takes at once");
                assert_eq!(body["fields"], json!(["System.Tags"]));
                let tags = |id: &Value| {
                    let at = usize::try_from(id.as_u64().unwrap()).unwrap();
                    let tags = store.issues[at].labels.join("; ");
                    json!({ "id": id, "fields": { "System.Tags": tags } })
                };
                axum::Json(json!({ "value": ids.iter().map(tags).collect::<Vec<_>>() }))
                    .into_response()
            }
            "/org/project/_apis/wit/workitems/$Task" => {
                if header("content-type") != Some("application/json-patch+json") {
                    return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
                }
                let field = |name: &str| {
                    let all = body.as_array().unwrap();
                    let of = all.iter().find(|one| one["path"] == format!("/fields/{name}"));
                    text(&of.unwrap()["value"])
                };
                let labels = field("System.Tags").split("; ").map(str::to_owned).collect();
                let (title, body) = (field("System.Title"), field("System.Description"));
                store.issues.push(Issue { title, body, labels, author: "build", open: true });
                axum::Json(json!({ "id": 1 })).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let (list, number, description, author) = match host {
        Host::Github => ("/repos/org/fleet/issues", "number", "body", "github-actions[bot]"),
        _ => ("/api/v4/projects/42/issues", "iid", "description", "project_42_bot"),
    };
    if host == Host::Gitlab && path == "/api/v4/user" {
        return axum::Json(json!({ "username": author })).into_response();
    }
    let (person, name) =
        if host == Host::Github { ("user", "login") } else { ("author", "username") };
    let shape = |at: usize, one: &Issue| {
        let labels: Vec<Value> = match host {
            Host::Github => one.labels.iter().map(|name| json!({ "name": name })).collect(),
            _ => one.labels.iter().map(|name| json!(name)).collect(),
        };
        let open = if host == Host::Github { "open" } else { "opened" };
        json!({
            number: at, description: one.body, "title": one.title, "labels": labels,
            "state": if one.open { open } else { "closed" },
            person: { name: one.author },
        })
    };
    if method == Method::GET && path == list {
        assert_eq!(query["state"], "all");
        let size: usize = query["per_page"].parse().unwrap();
        let page: usize = query["page"].parse().unwrap();
        let tagged = store
            .issues
            .iter()
            .enumerate()
            .filter(|(_, one)| one.labels.contains(&query["labels"]));
        let page = tagged.skip((page - 1) * size).take(size);
        return axum::Json(page.map(|(at, one)| shape(at, one)).collect::<Vec<_>>())
            .into_response();
    }
    if method == Method::POST && path == list {
        let labels = match &body["labels"] {
            _ if store.drops_labels => Vec::new(),
            Value::Array(all) => all.iter().map(text).collect(),
            other => vec![text(other)],
        };
        let (title, body) = (text(&body["title"]), text(&body[description]));
        store.issues.push(Issue { title, body, labels, author, open: true });
        let at = store.issues.len() - 1;
        return (StatusCode::CREATED, axum::Json(shape(at, &store.issues[at]))).into_response();
    }
    let closes = match host {
        Host::Github => method == Method::PATCH && body == json!({ "state": "closed" }),
        _ => method == Method::PUT && body == json!({ "state_event": "close" }),
    };
    let named = path.strip_prefix(list).and_then(|rest| rest.strip_prefix('/')?.parse().ok());
    match named.and_then(|at: usize| store.issues.get_mut(at)) {
        Some(issue) if closes => {
            issue.open = false;
            axum::Json(json!({})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[test]
fn a_renewal_that_is_due_is_one_issue_until_it_is_done() {
    let hub = hub();
    // Nobody has brought the file yet.
    hub.world.git(&["push", "--quiet", "origin", "--delete", "renew/contoso"]);
    let clone = hub.clone("main", &[]);
    let file = clone.folder.join("applecart-out/renewals.json");
    let trackers = HOSTS.map(Tracker::new);
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(0);
    for tracker in &trackers {
        let host = tracker.host;
        tracker.tell(&file).ends_with(0).says("1 opened, 0 closed");
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
        let opened = tracker.opened();
        assert_eq!(opened.len(), 1, "{host:?}: {opened:?}");
        assert!(opened[0].title.starts_with("Renew the push certificate of contoso by 20"));
        assert!(opened[0].body.contains("press Renew on it. Never press Create"), "{host:?}");
        assert!(!opened[0].body.contains("<h"), "{host:?}: {}", opened[0].body);
    }

    // Two runs at once each opened one. Work items are closed by people alone.
    for tracker in &trackers {
        let newest = tracker.opened()[0].clone();
        tracker.store.lock().unwrap().issues.push(newest);
        let azure = tracker.host == Host::Azure;
        let says = if azure { "0 opened, 0 closed" } else { "0 opened, 1 closed" };
        tracker.tell(&file).ends_with(0).says(says);
        let open: Vec<bool> = tracker.opened().iter().map(|one| one.open).collect();
        assert_eq!(open, [true, azure], "the older one stays: {:?}", tracker.host);
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
        tracker.store.lock().unwrap().issues.truncate(131);
    }

    // Nobody could look: what is open stays open, and what is unknown opens nothing.
    let forbidden =
        Fault::Status { status: 403, retry_after: None, body: None, headers: BTreeMap::new() };
    hub.world.state().add_fault(FaultRule::always(forbidden).on("/beta/*"));
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(3);
    for tracker in &trackers {
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
    }
    hub.world.state().clear_faults();

    // The renewal is applied: live runs for a year.
    hub.world.git(&["push", "--quiet", "origin", "renew/contoso:main"]);
    clone.git(&["pull", "--quiet"]);
    step(&clone, &["apply"], &[]).ends_with(0);
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(0);
    for tracker in &trackers {
        let azure = tracker.host == Host::Azure;
        let says = if azure { "0 opened, 0 closed" } else { "0 opened, 1 closed" };
        tracker.tell(&file).ends_with(0).says(says);
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
        assert_eq!(tracker.opened()[0].open, azure);
        // Other people's issues are left alone.
        let store = tracker.store.lock().unwrap();
        assert!(store.issues.iter().take(130).all(|one| one.open));
    }
    assert!(hub.world.state().violations().is_empty());
}

#[test]
fn an_issue_stays_open_while_its_tenants_folder_cannot_be_read() {
    let hub = hub();
    hub.world.git(&["push", "--quiet", "origin", "--delete", "renew/contoso"]);
    let clone = hub.clone("main", &[]);
    let file = clone.folder.join("applecart-out/renewals.json");
    let tracker = Tracker::new(Host::Github);
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(0);
    tracker.tell(&file).ends_with(0).says("1 opened, 0 closed");
    let path = clone.folder.join("tenants/contoso/tenant.yaml");
    std::fs::write(path, "kind: Tenant\ncolour: red\n").unwrap();
    clone.commit("A mistake");
    clone.git(&["push", "--quiet", "origin", "main"]);
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(3);
    tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
}

#[test]
fn an_issue_that_somebody_closed_or_wrote_is_not_taken_for_the_pipelines_own() {
    let hub = hub();
    let folder = tempfile::tempdir().unwrap();
    let clone = hub.clone("main", &[]);
    let file = clone.folder.join("applecart-out/renewals.json");
    step(&clone, &["schedule"], &[NO_KEY]).ends_with(0);
    let tracker = Tracker::new(Host::Azure);
    tracker.tell(&file).ends_with(0).says("1 opened");
    let mine = tracker.opened()[0].clone();
    tracker.store.lock().unwrap().issues[130] = Issue { author: "mallory", ..mine };
    tracker.tell(&file).ends_with(0).says("1 opened");
    for host in [Host::Github, Host::Gitlab] {
        let tracker = Tracker::new(host);
        tracker.tell(&file).ends_with(0).says("1 opened");
        let mine = tracker.opened()[0].clone();
        // Its tenant could not be read: nobody knows whether this one is done.
        let other = folder.path().join("other.json");
        let without = |change: fn(&mut Value)| {
            let mut sheets: Value =
                serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            sheets["sheets"] = json!([]);
            change(&mut sheets);
            std::fs::write(&other, sheets.to_string()).unwrap();
            tracker.tell(&other).ends_with(0).says("0 opened, 0 closed");
            assert!(tracker.opened()[0].open, "{host:?}");
        };
        without(|sheets| sheets["notRead"] = json!(["contoso"]));
        // And where only others were asked for.
        without(|sheets| sheets["selected"] = json!(true));
        tracker.store.lock().unwrap().issues[130].open = false;
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
        assert_eq!(tracker.opened().len(), 1, "closed by hand: {host:?}");
        // Who may open issues could otherwise keep the pipeline from telling anybody.
        tracker.store.lock().unwrap().issues[130] = Issue { author: "mallory", ..mine };
        tracker.tell(&file).ends_with(0).says("1 opened");
    }
}

#[test]
fn an_issue_without_its_label_or_permission_fails_and_shows_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renewals.json");
    let tracker = Tracker::new(Host::Github);
    std::fs::write(&file, due(1, 1)).unwrap();
    tracker.store.lock().unwrap().drops_labels = true;
    tracker.tell(&file).ends_with(1).says("without the label applecart-renewal");
    let mut command = Command::new(env!("CARGO_BIN_EXE_applecart"));
    command
        .env_clear()
        .env("GITHUB_TOKEN", "another-token-of-the-host")
        .env("GITHUB_API_URL", &tracker.url)
        .env("GITHUB_REPOSITORY", "org/fleet")
        .args(["ci", "issues", "--host", "github"])
        .arg(&file);
    let run = finish(command);
    assert_ne!(run.code, 0);
    assert!(!format!("{run:?}").contains("another-token-of-the-host"), "{run:?}");
}

#[test]
fn no_list_of_renewals_is_not_taken_for_one_on_which_nothing_is_due() {
    let hub = hub();
    let clone = hub.clone("main", &[]);
    let file = clone.folder.join("applecart-out/renewals.json");
    let tracker = Tracker::new(Host::Github);
    let is_told = |why: &str| {
        let run = tracker.tell(&file).ends_with(64);
        run.says("there is no list of renewals at").says("applecart ci schedule");
        assert!(tracker.opened().is_empty(), "{why}");
    };
    is_told("it never ran");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "").unwrap();
    is_told("it was ended while it ran");
    // A list of yesterday says nothing of today.
    std::fs::write(&file, due(1, 1)).unwrap();
    clone.git(&["remote", "set-url", "origin", "/nowhere"]);
    assert_ne!(step(&clone, &["schedule"], &[NO_KEY]).code, 0);
    is_told("the remote is gone");
    let empty =
        r#"{"formatVersion":"1.0","generatedAt":"2026-03-01T06:00:00Z","base":"x","sheets":[]}"#;
    std::fs::write(&file, empty).unwrap();
    tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
}

/// What `renew --due` writes of so many tenants with so many VPP tokens each, the most urgent first.
fn due(tenants: usize, tokens: usize) -> String {
    let sheet = |tenant: usize, token: usize| {
        json!({
            "tenant": format!("tenant-{tenant:03}"), "displayName": null,
            "tenantId": format!("6d1f0c5e-8a34-4b7a-9a51-{tenant:012}"),
            "token": { "kind": "vpp", "id": null, "name": format!("London {token}") },
            "facts": { "expires": format!("2026-12-{:02}T00:00:00Z", 1 + tenant % 28) },
            "live": true, "daysLeft": 8, "server": null, "school": false, "contacts": [],
            "csr": null, "problems": [], "links": [], "steps": [], "next": "applecart renew",
            "title": format!("Renew the VPP token London {token} of tenant-{tenant:03} by 2026-12-01"),
            "key": format!("{:020x}", tenant * 1_000 + token),
            "markdown": format!("## London {token} of tenant-{tenant:03}\n"),
        })
    };
    let sheets: Vec<Value> = (1..=tenants)
        .flat_map(|tenant| (1..=tokens).map(move |token| (tenant, token)))
        .map(|(tenant, token)| sheet(tenant, token))
        .collect();
    json!({ "formatVersion": "1.0", "generatedAt": "2026-11-23T00:00:00Z",
        "base": "0".repeat(40), "sheets": sheets })
    .to_string()
}

#[test]
fn a_run_opens_twenty_issues_at_most_one_for_each_tenant_and_counts_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("renewals.json");
    for host in HOSTS {
        let tracker = Tracker::new(host);
        std::fs::write(&file, due(45, 3)).unwrap();
        tracker
            .tell(&file)
            .ends_with(0)
            .says("20 opened, 0 closed")
            .says("75 renewals of 25 tenants have no issue yet");
        let opened = tracker.opened();
        assert_eq!(opened.len(), 20, "{host:?}");
        assert!(
            opened[0].title.starts_with("Renew 3 Apple credentials of tenant-001, the first by")
        );
        for token in ["London 1", "London 2", "London 3"] {
            assert!(opened[0].body.contains(token), "{host:?}: {}", opened[0].body);
        }
        tracker.tell(&file).ends_with(0).says("20 opened");
        let last = tracker.tell(&file).ends_with(0).says("5 opened, 0 closed");
        assert!(!last.stderr.contains("have no issue yet"), "{last:?}");
        tracker.tell(&file).ends_with(0).says("0 opened, 0 closed");
        assert_eq!(tracker.opened().len(), 45, "{host:?}");

        // One that is not among those of the first day gets an issue of its own.
        std::fs::write(&file, due(45, 4)).unwrap();
        tracker.tell(&file).ends_with(0).says("20 opened, 0 closed");
        assert!(
            tracker.opened()[45].title.starts_with("Renew the VPP token London 4 of tenant-001")
        );
        // An issue is over when nothing of it is due.
        std::fs::write(&file, due(1, 1)).unwrap();
        let closed = if host == Host::Azure { "0 closed" } else { "64 closed" };
        tracker.tell(&file).ends_with(0).says(closed);
    }
}
