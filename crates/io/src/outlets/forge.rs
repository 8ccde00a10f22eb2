//! A project at a forge: the one client for its issues, work items and comments, whether a sink or a
//! pipeline speaks.

mod comment;

use std::sync::Arc;
use std::time::Duration;

use applecart_core::fleet::Forge;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

pub use comment::Discussion;

use super::SinkError;
use super::http::{Call, Http, is_loopback};
use crate::seams::Clock;

const PAGE: usize = 100;
/// As many pages are looked through; a label on more issues than that is not ours alone.
const MAX_PAGES: usize = 100;
/// Azure DevOps tells the tags of so many work items at once.
const BATCH: usize = 200;
/// What Azure DevOps is asked for.
const VERSION: (&str, &str) = ("api-version", "7.1");

/// How often a patient client sends the same request.
const TRIES: u32 = 4;
/// A forge that asks for more than this is left alone: the next run of the pipeline tells it.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// A project and the token that speaks to it. Not `Debug`: it holds the token.
pub struct ForgeClient {
    forge: Forge,
    /// The address of the interface, and the project's in it.
    api: Url,
    project: Url,
    headers: HeaderMap,
    /// Whose issues and comments are ours, where the environment says it.
    author: Option<String>,
    http: Arc<Http>,
    patience: Option<Arc<dyn Clock>>,
}

/// An issue of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeIssue {
    pub number: u64,
    pub is_open: bool,
    pub body: String,
}

/// What a work item is made of.
#[derive(Clone, Copy, Debug)]
pub struct WorkItem<'a> {
    /// Its type in the project's process, such as `Task`.
    pub kind: &'a str,
    pub title: &'a str,
    /// Its description, in HTML.
    pub html: &'a str,
    pub tags: &'a str,
}

impl ForgeClient {
    /// The project of this name behind the interface's address.
    ///
    /// # Errors
    /// When the address is none that a token may be sent to.
    pub fn new(
        forge: Forge,
        api: &str,
        project: &str,
        headers: HeaderMap,
        author: Option<String>,
        http: Arc<Http>,
    ) -> Result<Self, SinkError> {
        let bad = || SinkError::BadAddress { what: api.to_owned() };
        let api = Url::parse(api).map_err(|_| bad())?;
        if api.scheme() != "https" && !(api.scheme() == "http" && is_loopback(&api)) {
            return Err(bad());
        }
        let project = project_url(forge, &api, project).ok_or_else(bad)?;
        Ok(Self { forge, api, project, headers, author, http, patience: None })
    }

    /// The same, which asks again where the forge is busy: by what it asks for, else by doubling.
    #[must_use]
    pub fn patient(self, clock: Arc<dyn Clock>) -> Self {
        Self { patience: Some(clock), ..self }
    }

    pub fn forge(&self) -> Forge {
        self.forge
    }

    /// The forge answered, and not with what its documentation says.
    pub fn odd(&self, what: &str) -> SinkError {
        let host = self.api.host_str().unwrap_or_default().to_owned();
        SinkError::Unsendable { host, why: format!("it answered without {what}") }
    }

    /// An address under the project.
    pub fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.project.clone();
        url.set_path(&format!("{}/{path}", self.project.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A request that does no harm where it arrives twice.
    pub async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, SinkError> {
        self.insist(method, url, body, |error| {
            matches!(
                error,
                SinkError::Busy { .. } | SinkError::TimedOut { .. } | SinkError::Unreachable { .. }
            )
        })
        .await
    }

    /// A request that makes something: it is sent again only where it was not looked at.
    pub async fn create(&self, url: Url, body: &Value) -> Result<Value, SinkError> {
        let is_untouched =
            |error: &SinkError| matches!(error, SinkError::Busy { status: 403 | 429, .. });
        self.insist(Method::POST, url, Some(body), is_untouched).await
    }

    async fn insist(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        may_repeat: impl Fn(&SinkError) -> bool,
    ) -> Result<Value, SinkError> {
        let mut tries = 1;
        loop {
            let error = match self.once(method.clone(), url.clone(), body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let clock = self.patience.as_ref().filter(|_| tries < TRIES && may_repeat(&error));
            let (Some(clock), Some(pause)) = (clock, pause(&error, tries)) else {
                return Err(error);
            };
            tracing::info!(seconds = pause.as_secs(), "the forge is asked again: {error}");
            clock.sleep(pause).await;
            tries += 1;
        }
    }

    async fn once(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, SinkError> {
        let mut headers = self.headers.clone();
        let kind = match (self.forge, body) {
            (Forge::AzureDevops, Some(Value::Array(_))) => "application/json-patch+json",
            _ => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let answer = self.http.ask(Call { method, url, headers, body }).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|_| self.odd("JSON"))
    }

    /// Who the token is, by the forge.
    async fn author(&self) -> Result<String, SinkError> {
        if let Some(author) = &self.author {
            return Ok(author.clone());
        }
        let path = match self.forge {
            Forge::AzureDevops => "_apis/connectionData",
            _ => "user",
        };
        let mut url = self.api.clone();
        url.set_path(&format!("{}/{path}", self.api.path().trim_end_matches('/')));
        let user = self.call(Method::GET, url, None).await?;
        let name = match self.forge {
            Forge::AzureDevops => user["authenticatedUser"]["id"].as_str(),
            _ => user["login"].as_str().or(user["username"].as_str()),
        };
        name.map(str::to_owned).ok_or_else(|| self.odd("a user"))
    }

    /// Every entry of a list, page by page.
    async fn pages(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, SinkError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let (page, size) = (page.to_string(), PAGE.to_string());
            let query = [query, &[("per_page", &*size), ("page", &*page)]].concat();
            let answer = self.call(Method::GET, self.at(path, &query), None).await?;
            let Value::Array(entries) = answer else { return Err(self.odd("a list")) };
            let is_last = entries.len() < PAGE;
            all.extend(entries);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Every issue with the label that the token's own user opened. Anybody may write a mark into an
    /// issue of theirs.
    pub async fn issues(&self, label: &str) -> Result<Vec<ForgeIssue>, SinkError> {
        let author = self.author().await?;
        let mut query = vec![("labels", label), ("state", "all")];
        if self.forge == Forge::Gitlab {
            query.push(("scope", "all"));
        }
        let issues = self.pages("issues", &query).await?;
        // GitHub lists pull requests among the issues.
        let is_own = |one: &&Value| is_by(one, &author) && one.get("pull_request").is_none();
        Ok(issues.iter().filter(is_own).filter_map(issue_of).collect())
    }

    pub async fn open_issue(
        &self,
        label: &str,
        title: &str,
        body: String,
    ) -> Result<ForgeIssue, SinkError> {
        let issue = match self.forge {
            Forge::Gitlab => json!({ "title": title, "description": body, "labels": label }),
            _ => json!({ "title": title, "body": body, "labels": [label] }),
        };
        let answer = self.create(self.at("issues", &[]), &issue).await?;
        // Without its label it would not be found, and opened again by the next run.
        let has_label = answer["labels"].as_array().is_some_and(|labels| {
            labels.iter().any(|one| one.as_str().or(one["name"].as_str()) == Some(label))
        });
        if !has_label {
            return Err(self.odd(&format!("the label {label}; the token may not set labels")));
        }
        let number = number(&answer).ok_or_else(|| self.odd("a number"))?;
        Ok(ForgeIssue { number, is_open: true, body })
    }

    /// Closes an issue, or opens it again.
    pub async fn turn_issue(&self, number: u64, is_open: bool) -> Result<(), SinkError> {
        let url = self.at(&format!("issues/{number}"), &[]);
        let (method, body) = match (self.forge, is_open) {
            (Forge::Gitlab, true) => (Method::PUT, json!({ "state_event": "reopen" })),
            (Forge::Gitlab, false) => (Method::PUT, json!({ "state_event": "close" })),
            (_, true) => (Method::PATCH, json!({ "state": "open" })),
            (_, false) => (Method::PATCH, json!({ "state": "closed" })),
        };
        self.call(method, url, Some(&body)).await.map(|_| ())
    }

    /// The work items of the token's own user that have this tag.
    pub async fn work_items(&self, tag: &str) -> Result<Vec<u64>, SinkError> {
        // @me is who asks.
        let query = format!(
            "Select [System.Id] From WorkItems Where [System.TeamProject] = @project And [System.CreatedBy] = @me And [System.Tags] Contains '{tag}'"
        );
        let url = self.at("_apis/wit/wiql", &[VERSION]);
        let answer = self.call(Method::POST, url, Some(&json!({ "query": query }))).await?;
        let items =
            answer["workItems"].as_array().ok_or_else(|| self.odd("a list of work items"))?;
        Ok(items.iter().filter_map(|item| item["id"].as_u64()).collect())
    }

    /// Every tag of these work items.
    pub async fn tags(&self, items: &[u64]) -> Result<Vec<String>, SinkError> {
        let mut tags = Vec::new();
        for ids in items.chunks(BATCH) {
            let url = self.at("_apis/wit/workitemsbatch", &[VERSION]);
            let body = json!({ "ids": ids, "fields": ["System.Tags"] });
            let answer = self.call(Method::POST, url, Some(&body)).await?;
            let items =
                answer["value"].as_array().ok_or_else(|| self.odd("a list of work items"))?;
            let all = items.iter().filter_map(|item| item["fields"]["System.Tags"].as_str());
            tags.extend(all.flat_map(|tags| tags.split(';')).map(|tag| tag.trim().to_owned()));
        }
        Ok(tags)
    }

    pub async fn work_item(&self, number: u64) -> Result<Value, SinkError> {
        self.call(Method::GET, self.work_item_url(number), None).await
    }

    pub async fn new_work_item(&self, item: &WorkItem<'_>) -> Result<(), SinkError> {
        let body = json!([
            change("System.Title", item.title),
            change("System.Description", item.html),
            change("System.Tags", item.tags),
        ]);
        let url = self.at(&format!("_apis/wit/workitems/${}", item.kind), &[VERSION]);
        self.create(url, &body).await.map(|_| ())
    }

    pub async fn add_to_work_item(&self, number: u64, html: &str) -> Result<(), SinkError> {
        let body = json!([change("System.History", html)]);
        let url = self.work_item_url(number);
        self.call(Method::PATCH, url, Some(&body)).await.map(|_| ())
    }

    fn work_item_url(&self, number: u64) -> Url {
        self.at(&format!("_apis/wit/workitems/{number}"), &[VERSION])
    }
}

/// The project's address in the interface.
fn project_url(forge: Forge, api: &Url, project: &str) -> Option<Url> {
    let mut url = api.clone();
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty();
        match forge {
            Forge::Github => path.push("repos").extend(project.split('/')),
            // A path of groups is one segment there.
            Forge::Gitlab => path.push("projects").push(project),
            Forge::AzureDevops => path.extend(project.split('/')),
        };
    }
    Some(url)
}

/// How long the forge is left alone before it is asked again; `None` where that is too long.
fn pause(error: &SinkError, tries: u32) -> Option<Duration> {
    let asked = match error {
        SinkError::Busy { retry_after, .. } => *retry_after,
        _ => None,
    };
    let pause = asked.unwrap_or(Duration::from_secs(1 << tries.min(5)));
    (pause <= LONGEST_PAUSE).then_some(pause)
}

fn change(field: &str, value: &str) -> Value {
    json!({ "op": "add", "path": format!("/fields/{field}"), "value": value })
}

fn number(issue: &Value) -> Option<u64> {
    issue["iid"].as_u64().or(issue["number"].as_u64())
}

/// Whether this user wrote it.
fn is_by(entry: &Value, author: &str) -> bool {
    let login = entry["user"]["login"].as_str().or(entry["author"]["username"].as_str());
    login == Some(author)
}

fn issue_of(issue: &Value) -> Option<ForgeIssue> {
    let body = issue["body"].as_str().or(issue["description"].as_str()).unwrap_or_default();
    let is_open = issue["state"].as_str()?.starts_with("open");
    Some(ForgeIssue { number: number(issue)?, is_open, body: body.to_owned() })
}

/// How a forge wants to be shown a token that was made for a person or a project.
pub(super) fn token_headers(forge: Forge, token: &str) -> Option<HeaderMap> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    match forge {
        // A personal access token is the password of no user.
        Forge::AzureDevops => {
            header(AUTHORIZATION, &format!("Basic {}", STANDARD.encode(format!(":{token}"))))
        }
        _ => job_headers(forge, token),
    }
}

/// How a forge wants to be shown the token that it gives a job of a pipeline; on GitLab, whose jobs
/// may write no comments, that of a project. `None` where it is no token.
pub fn job_headers(forge: Forge, token: &str) -> Option<HeaderMap> {
    match forge {
        Forge::Github | Forge::AzureDevops => header(AUTHORIZATION, &format!("Bearer {token}")),
        Forge::Gitlab => header(HeaderName::from_static("private-token"), token),
    }
}

fn header(name: HeaderName, value: &str) -> Option<HeaderMap> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_at_its_forge_and_goes_nowhere_else() {
        let address = |forge, api: &str, project| {
            project_url(forge, &Url::parse(api).unwrap(), project).unwrap().to_string()
        };
        let gitlab = "https://gitlab.com/api/v4";
        let cases = [
            (
                Forge::Github,
                "https://git.msp.example/api/v3",
                "msp/fleet",
                "https://git.msp.example/api/v3/repos/msp/fleet",
            ),
            (
                Forge::Gitlab,
                gitlab,
                "msp/a/fleet",
                "https://gitlab.com/api/v4/projects/msp%2Fa%2Ffleet",
            ),
            (
                Forge::AzureDevops,
                "https://dev.azure.com/",
                "msp/fleet one",
                "https://dev.azure.com/msp/fleet%20one",
            ),
        ];
        for (forge, api, project, url) in cases {
            assert_eq!(address(forge, api, project), url);
        }
        // What looks like another path stays one segment of this one, or none at all.
        let tricky = address(Forge::Gitlab, gitlab, "../../../user");
        assert!(tricky.starts_with("https://gitlab.com/api/v4/projects/"), "{tricky}");
    }

    #[test]
    fn a_token_is_sent_to_nobody_in_the_clear() {
        let http = Arc::new(Http::new().unwrap());
        let made = |api: &str| {
            let headers = HeaderMap::new();
            ForgeClient::new(Forge::Github, api, "msp/fleet", headers, None, Arc::clone(&http))
                .is_ok()
        };
        assert!(made("https://api.github.com") && made("http://127.0.0.1:8080"));
        for api in ["http://git.msp.example", "ftp://127.0.0.1", "git.msp.example", ""] {
            assert!(!made(api), "{api}");
        }
    }

    #[test]
    fn a_busy_forge_is_waited_for_as_it_asks_and_not_for_ever() {
        let busy = |retry_after: Option<u64>| SinkError::Busy {
            host: "forge".into(),
            status: 503,
            retry_after: retry_after.map(Duration::from_secs),
        };
        assert_eq!(pause(&busy(Some(7)), 1), Some(Duration::from_secs(7)));
        assert_eq!(pause(&busy(Some(3_600)), 1), None);
        assert_eq!(pause(&busy(None), 1), Some(Duration::from_secs(2)));
        assert_eq!(pause(&busy(None), 3), Some(Duration::from_secs(8)));
    }
}
