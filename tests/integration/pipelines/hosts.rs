//! As much of the interfaces of GitHub, Azure DevOps and GitLab as one comment needs, from their
//! documentation: <https://docs.github.com/en/rest/issues/comments>,
//! <https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads>,
//! <https://docs.gitlab.com/api/notes/>.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

pub(super) const TOKEN: &str = "token-of-the-host";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Github,
    Azure,
    Gitlab,
}

impl Host {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Azure => "azure",
            Self::Gitlab => "gitlab",
        }
    }

    /// Whether the request shows the token in the way that the host wants it.
    pub(super) fn admits(self, headers: &HeaderMap) -> bool {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = match self {
            Self::Gitlab => header("private-token"),
            Self::Github | Self::Azure => {
                header("authorization").and_then(|value| value.strip_prefix("Bearer "))
            }
        };
        token == Some(TOKEN)
    }
}

/// Answers on loopback as long as the runtime lives.
pub(crate) fn serve(router: Router) -> (String, tokio::runtime::Runtime) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await });
    (url, runtime)
}

#[derive(Debug, Default)]
struct Store {
    comments: Vec<String>,
    deleted: BTreeSet<usize>,
    /// How many of them, from the first, other people wrote.
    others: usize,
    forbidden: bool,
    /// The next creation is answered with this, and is done all the same or not.
    busy: Option<(StatusCode, bool)>,
}

/// A pull request with comments, served on loopback until it is dropped.
pub(super) struct Comments {
    host: Host,
    url: String,
    store: Arc<Mutex<Store>>,
    _runtime: tokio::runtime::Runtime,
}

impl Comments {
    pub(super) fn new(host: Host, others: usize) -> Self {
        let quote = "they wrote: <!-- applecart:plan -->";
        let comments = (0..others).map(|number| format!("{number}: {quote}")).collect();
        let store = Arc::new(Mutex::new(Store { comments, others, ..Store::default() }));
        let router = Router::new().fallback(answer).with_state((host, Arc::clone(&store)));
        let (url, runtime) = serve(router);
        Self { host, url, store, _runtime: runtime }
    }

    /// Another comment of somebody else; before the pipeline writes any.
    pub(super) fn add_of_another(&self, text: &str) {
        let mut store = self.store.lock().unwrap();
        store.comments.push(text.to_owned());
        store.others = store.comments.len();
    }

    /// The newest comment once more, by the same author, as two runs at once make it.
    pub(super) fn double(&self) {
        let mut store = self.store.lock().unwrap();
        let newest = store.comments.last().unwrap().clone();
        store.comments.push(newest);
    }

    pub(super) fn forbid(&self) {
        self.store.lock().unwrap().forbidden = true;
    }

    pub(super) fn is_busy_once(&self, status: u16, is_taken: bool) {
        let status = StatusCode::from_u16(status).unwrap();
        self.store.lock().unwrap().busy = Some((status, is_taken));
    }

    pub(super) fn len(&self) -> usize {
        self.store.lock().unwrap().comments.len()
    }

    pub(super) fn starting_with(&self, start: &str) -> Vec<String> {
        let store = self.store.lock().unwrap();
        let there = store.comments.iter().enumerate();
        let there = there.filter(|(number, _)| !store.deleted.contains(number));
        there.map(|(_, text)| text).filter(|text| text.starts_with(start)).cloned().collect()
    }

    /// What the host's pipeline gives the step; what it runs for is in a file of this folder.
    pub(super) fn environment(&self, folder: &Path) -> Vec<(&'static str, String)> {
        let url = &self.url;
        let mut all = super::pull_request(self.host, folder, false);
        all.extend(match self.host {
            Host::Github => {
                vec![("GITHUB_TOKEN", TOKEN.to_owned()), ("GITHUB_API_URL", url.clone())]
            }
            Host::Azure => vec![
                ("SYSTEM_ACCESSTOKEN", TOKEN.to_owned()),
                ("SYSTEM_COLLECTIONURI", format!("{url}/org/")),
                ("SYSTEM_TEAMPROJECTID", "project".to_owned()),
                ("BUILD_REPOSITORY_ID", "fleet".to_owned()),
            ],
            Host::Gitlab => {
                vec![("GITLAB_TOKEN", TOKEN.to_owned()), ("CI_API_V4_URL", format!("{url}/api/v4"))]
            }
        });
        all
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
    if !host.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if store.forbidden {
        return (StatusCode::FORBIDDEN, "Resource not accessible by integration").into_response();
    }
    let path = uri.path();
    let sent = |member: &str| -> Option<String> {
        let value: Value = serde_json::from_str(&body).ok()?;
        value.pointer(member)?.as_str().map(str::to_owned)
    };
    let others = store.others;
    let shape = |number: usize, text: &str| {
        let login = if number < others { "mallory" } else { "github-actions[bot]" };
        let member = if host == Host::Gitlab { ("author", "username") } else { ("user", "login") };
        json!({ "id": 1_000 + number, "body": text, member.0: { member.1: login } })
    };
    // Who asks.
    match (host, path) {
        (Host::Gitlab, "/api/v4/user") => {
            return axum::Json(json!({ "username": "github-actions[bot]" })).into_response();
        }
        (Host::Azure, "/org/_apis/connectionData") => {
            return axum::Json(json!({ "authenticatedUser": { "id": "build" } })).into_response();
        }
        _ => {}
    }
    let (list, change, member, verb) = match host {
        Host::Github => (
            "/repos/org/fleet/issues/7/comments",
            "/repos/org/fleet/issues/comments/",
            "/body",
            Method::PATCH,
        ),
        Host::Gitlab => (
            "/api/v4/projects/42/merge_requests/7/notes",
            "/api/v4/projects/42/merge_requests/7/notes/",
            "/body",
            Method::PUT,
        ),
        Host::Azure => (
            "/org/project/_apis/git/repositories/fleet/pullRequests/7/threads",
            "/org/project/_apis/git/repositories/fleet/pullRequests/7/threads/",
            "/content",
            Method::PATCH,
        ),
    };
    if host == Host::Azure && query.get("api-version").map(String::as_str) != Some("7.1") {
        return (StatusCode::BAD_REQUEST, "api-version").into_response();
    }
    if method == Method::GET && path == list {
        let all = store.comments.iter().enumerate();
        let all = all.filter(|(number, _)| !store.deleted.contains(number));
        let value = if host == Host::Azure {
            // A thread of the system has comments without content.
            let system = json!({ "id": 1, "comments": [{ "id": 1 }] });
            let threads = all.map(|(number, text)| {
                let author = if number < others { "mallory" } else { "build" };
                let comment = json!({ "id": 1, "content": text, "author": { "id": author } });
                json!({ "id": 1_000 + number, "comments": [comment] })
            });
            json!({ "value": std::iter::once(system).chain(threads).collect::<Vec<_>>() })
        } else {
            let number = |name: &str| query.get(name).and_then(|value| value.parse().ok());
            let size: usize = number("per_page").unwrap_or(30);
            let page: usize = number("page").unwrap_or(1);
            let page = all.skip((page - 1) * size).take(size);
            page.map(|(number, text)| shape(number, text)).collect()
        };
        return axum::Json(value).into_response();
    }
    if method == Method::POST && path == list {
        let member = if host == Host::Azure { "/comments/0/content" } else { member };
        let Some(text) = sent(member) else { return StatusCode::BAD_REQUEST.into_response() };
        let busy = store.busy.take();
        if busy.is_none_or(|(_, is_taken)| is_taken) {
            store.comments.push(text);
        }
        if let Some((status, _)) = busy {
            return (status, [("retry-after", "0")]).into_response();
        }
        return (StatusCode::CREATED, "{}").into_response();
    }
    let named = path.strip_prefix(change).and_then(|rest| {
        let id = if host == Host::Azure { rest.strip_suffix("/comments/1")? } else { rest };
        id.parse::<usize>().ok()?.checked_sub(1_000)
    });
    if method == Method::DELETE {
        let own = named.filter(|number| (others..store.comments.len()).contains(number));
        return match own.is_some_and(|number| store.deleted.insert(number)) {
            true => StatusCode::NO_CONTENT.into_response(),
            false => StatusCode::NOT_FOUND.into_response(),
        };
    }
    match (named, sent(member)) {
        (Some(number), Some(text)) if method == verb && number < store.comments.len() => {
            store.comments[number] = text;
            axum::Json(json!({})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
