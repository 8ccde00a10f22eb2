//! Issues at as much of the interfaces of GitHub, GitLab and Azure DevOps as they need, from their
//! documentation: <https://docs.github.com/en/rest/issues/issues>,
//! <https://docs.gitlab.com/api/issues/>, <https://docs.gitlab.com/api/notes/>,
//! <https://learn.microsoft.com/rest/api/azure/devops/wit/work-items>.

use std::collections::HashMap;
use std::sync::Mutex;

use applecart_core::fleet::Forge;
use applecart_io::outlets::issue::IssueSink;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::*;
use crate::pipelines::serve;

#[derive(Clone, Debug)]
struct Issue {
    title: String,
    body: String,
    author: &'static str,
    open: bool,
    comments: Vec<String>,
    tags: String,
}

#[derive(Debug, Default)]
struct Store {
    issues: Vec<Issue>,
    lists: usize,
}

struct Tracker {
    forge: Forge,
    host: String,
    store: Arc<Mutex<Store>>,
    runtime: tokio::runtime::Runtime,
}

impl Tracker {
    /// With more than a page of issues of other people, who know our mark.
    fn new(forge: Forge, mark: &str) -> Self {
        let other = Issue {
            title: "Something else".into(),
            body: format!("{mark}\nmine"),
            author: "mallory",
            open: true,
            comments: Vec::new(),
            tags: String::new(),
        };
        let store = Arc::new(Mutex::new(Store { issues: vec![other; 130], lists: 0 }));
        let router = Router::new().fallback(answer).with_state((forge, Arc::clone(&store)));
        let (url, runtime) = serve(router);
        let host = url.trim_start_matches("http://").to_owned();
        Self { forge, host, store, runtime }
    }

    fn sink(&self) -> IssueSink {
        let read = |name: &str| (name == "APPLECART_SINK_BOARD_TOKEN").then(|| "t0ken".to_owned());
        IssueSink::new("board", self.forge, "msp/fleet", Some(&self.host), read, http()).unwrap()
    }

    fn tell(&self, sink: &IssueSink, message: &Message) {
        self.runtime.block_on(sink.deliver(message)).unwrap();
    }

    fn own(&self) -> Vec<Issue> {
        self.store.lock().unwrap().issues.iter().skip(130).cloned().collect()
    }
}

fn ok(value: Value) -> Response {
    axum::Json(value).into_response()
}

async fn answer(
    State((forge, store)): State<(Forge, Arc<Mutex<Store>>)>,
    method: Method,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let admitted = match forge {
        Forge::Github => header("authorization") == Some("Bearer t0ken"),
        Forge::Gitlab => header("private-token") == Some("t0ken"),
        Forge::AzureDevops => header("authorization") == Some("Basic OnQwa2Vu"),
    };
    if !admitted {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut store = store.lock().unwrap();
    match forge {
        Forge::AzureDevops => {
            azure(&mut store, &method, uri.path(), &query, header("content-type"), &body)
        }
        _ => listed(forge, &mut store, &method, uri.path(), &query, &body),
    }
}

fn listed(
    forge: Forge,
    store: &mut Store,
    method: &Method,
    path: &str,
    query: &HashMap<String, String>,
    body: &Value,
) -> Response {
    let is_github = forge == Forge::Github;
    let (base, described, number, comments) = if is_github {
        ("/api/v3", "body", "number", "comments")
    } else {
        ("/api/v4", "description", "iid", "notes")
    };
    let project =
        if is_github { "/repos/msp/fleet/issues" } else { "/projects/msp%2Ffleet/issues" };
    let Some(path) = path.strip_prefix(base) else { return StatusCode::NOT_FOUND.into_response() };
    if path == "/user" {
        return ok(if is_github { json!({"login": "bot"}) } else { json!({"username": "bot"}) });
    }
    let shape = |at: usize, one: &Issue| {
        let (person, name) = if is_github { ("user", "login") } else { ("author", "username") };
        let open = if is_github { "open" } else { "opened" };
        let label = if is_github { json!({"name": "applecart"}) } else { json!("applecart") };
        json!({
            number: at, described: one.body, "title": one.title, "labels": [label],
            "state": if one.open { open } else { "closed" }, person: { name: one.author },
        })
    };
    let Some(rest) = path.strip_prefix(project) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", [""]) => {
            store.lists += 1;
            assert_eq!((query["state"].as_str(), query["labels"].as_str()), ("all", "applecart"));
            let (size, page): (usize, usize) =
                (query["per_page"].parse().unwrap(), query["page"].parse().unwrap());
            let all = store.issues.iter().enumerate().skip((page - 1) * size).take(size);
            ok(all.map(|(at, one)| shape(at, one)).collect())
        }
        ("POST", [""]) => {
            let (title, body) = (text("title"), text(described));
            let tags = String::new();
            store.issues.push(Issue {
                title,
                body,
                author: "bot",
                open: true,
                comments: vec![],
                tags,
            });
            let at = store.issues.len() - 1;
            ok(shape(at, &store.issues[at]))
        }
        ("GET", [at, last]) if *last == comments => {
            let issue = &store.issues[at.parse::<usize>().unwrap()];
            ok(issue.comments.iter().map(|text| json!({ "body": text })).collect())
        }
        ("POST", [at, last]) if *last == comments => {
            store.issues[at.parse::<usize>().unwrap()].comments.push(text("body"));
            ok(json!({}))
        }
        ("PATCH" | "PUT", [at]) => {
            let issue = &mut store.issues[at.parse::<usize>().unwrap()];
            let state = if is_github { text("state") } else { text("state_event") };
            issue.open = match state.as_str() {
                "open" | "reopen" => true,
                "closed" | "close" => false,
                other => panic!("{other}"),
            };
            ok(json!({}))
        }
        other => panic!("{other:?}"),
    }
}

fn azure(
    store: &mut Store,
    method: &Method,
    path: &str,
    query: &HashMap<String, String>,
    kind: Option<&str>,
    body: &Value,
) -> Response {
    assert_eq!(query["api-version"], "7.1");
    let path = path.strip_prefix("/msp/fleet/_apis/wit/").unwrap();
    let field = |name: &str| {
        assert_eq!(kind, Some("application/json-patch+json"));
        let fields = body.as_array().unwrap();
        let one = fields.iter().find(|one| one["path"] == format!("/fields/{name}"));
        one.map(|one| one["value"].as_str().unwrap().to_owned())
    };
    if path == "wiql" {
        let wanted = body["query"].as_str().unwrap();
        assert!(wanted.contains("[System.CreatedBy] = @me And"), "{wanted}");
        let tag = wanted.rsplit_once("Contains '").unwrap().1.trim_end_matches('\'').to_owned();
        let all = store.issues.iter().enumerate();
        let found = all.filter(|(_, one)| one.author == "bot" && one.tags.contains(&tag));
        return ok(
            json!({ "workItems": found.map(|(id, _)| json!({"id": id})).collect::<Vec<_>>() }),
        );
    }
    if path == "workitems/$Task" {
        store.issues.push(Issue {
            title: field("System.Title").unwrap(),
            body: field("System.Description").unwrap(),
            author: "bot",
            open: true,
            comments: Vec::new(),
            tags: field("System.Tags").unwrap(),
        });
        return ok(json!({ "id": store.issues.len() - 1 }));
    }
    let at: usize = path.strip_prefix("workitems/").unwrap().parse().unwrap();
    if method == Method::PATCH {
        store.issues[at].comments.push(field("System.History").unwrap());
    }
    let one = &store.issues[at];
    ok(json!({ "fields": {
        "System.Description": one.body, "System.History": one.comments.last().cloned().unwrap_or_default(),
    } }))
}

/// The mark of the matter that these tests tell of, as anybody may write it.
fn mark() -> String {
    use applecart_core::model::Sha256;
    let thread = message(Cause::Critical, Step::Raised(1)).thread().to_owned();
    let hash: String = Sha256::of(thread.as_bytes()).to_string().chars().take(20).collect();
    format!("<!-- applecart:matter {hash} -->")
}

#[test]
fn a_matter_has_one_issue_that_follows_it() {
    for forge in [Forge::Github, Forge::Gitlab, Forge::AzureDevops] {
        let tracker = Tracker::new(forge, &mark());
        let mut seen = Vec::new();
        for step in [
            Step::Raised(1),
            // A run that died sends the same message again.
            Step::Raised(1),
            Step::Again(1, 1),
            Step::Again(1, 1),
            Step::Resolved(1),
            Step::Raised(2),
        ] {
            // Each run reads anew what there is.
            tracker.tell(&tracker.sink(), &message(Cause::Critical, step));
            let own = tracker.own();
            assert_eq!(own.len(), 1, "{forge} {step}");
            seen.push((own[0].comments.len(), own[0].open));
        }
        let followed = [(0, true), (0, true), (1, true), (1, true), (2, false), (3, true)];
        match forge {
            // Every process of Azure Boards names its states in its own way.
            Forge::AzureDevops => {
                let comments: Vec<usize> = seen.iter().map(|(count, _)| *count).collect();
                assert_eq!(comments, followed.map(|(count, _)| count));
            }
            _ => assert_eq!(seen, followed, "{forge}"),
        }
        let issue = tracker.own().remove(0);
        for text in issue.comments.iter().chain([&issue.body]) {
            for obeyed in ["@everyone", "GH-12", "](https://evil", "https://evil.example)", "<Co>"]
            {
                let is_html = forge == Forge::AzureDevops;
                assert!(
                    !text.contains(obeyed) || (is_html && obeyed != "<Co>"),
                    "{forge} {obeyed}: {text}"
                );
            }
        }
    }
}

#[test]
fn what_was_never_told_of_is_not_opened_only_to_be_closed_and_a_run_lists_once() {
    for forge in [Forge::Github, Forge::Gitlab] {
        let tracker = Tracker::new(forge, &mark());
        let sink = tracker.sink();
        tracker.tell(&sink, &message(Cause::Critical, Step::Resolved(1)));
        assert!(tracker.own().is_empty());
        for cause in [Cause::Critical, Cause::Expired, Cause::OutOfSync] {
            tracker.tell(&sink, &message(cause, Step::Raised(1)));
        }
        assert_eq!(tracker.own().len(), 3);
        assert_eq!(tracker.store.lock().unwrap().lists, 2, "two pages, read once");
    }
}
