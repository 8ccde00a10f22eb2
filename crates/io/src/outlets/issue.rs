//! Issues of a forge: one for each conversation, found again by a mark that only its own author's
//! text is asked for, commented on, and closed when a reading shows that the matter is over.

use std::sync::Arc;

use applecart_core::fleet::Forge;
use applecart_core::model::Sha256;
use applecart_core::outlets::letter::Letter;
use applecart_core::outlets::message::{Message, Step};
use applecart_core::outlets::{board, words};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::http::{Call, Http, is_loopback};
use super::{Sink, SinkError, variable};

/// The label of every issue of ours.
const LABEL: &str = "applecart";
const PAGE: usize = 100;
/// As many pages are looked through; a label on more issues than that is not ours alone.
const MAX_PAGES: usize = 100;

/// Issues of one project.
pub struct IssueSink {
    forge: Forge,
    /// The project's address in the interface.
    project: Url,
    api: Url,
    headers: HeaderMap,
    /// Whose issues are ours, where the environment says it.
    author: Option<String>,
    http: Arc<Http>,
    /// The issues that there are, read once a run.
    known: Mutex<Option<Vec<Known>>>,
}

/// An issue of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    number: u64,
    is_open: bool,
    body: String,
}

/// What a message does to its issue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Open,
    Leave,
    Close,
}

impl IssueSink {
    /// The sink of this name; its token is in the environment, and for apps whose token cannot say
    /// who they are, their login as well.
    pub fn new(
        sink: &str,
        forge: Forge,
        project: &str,
        host: Option<&str>,
        read: impl Fn(&str) -> Option<String>,
        http: Arc<Http>,
    ) -> Result<Self, SinkError> {
        let name = variable(sink, "TOKEN");
        let Some(token) = read(&name).filter(|token| !token.is_empty()) else {
            return Err(SinkError::NotConfigured { variable: name });
        };
        let (api, project) = addresses(forge, project, host)?;
        let headers = headers(forge, &token)
            .ok_or(SinkError::BadSecret { variable: name, why: "it is no token" })?;
        let author = read(&variable(sink, "USER")).filter(|user| !user.is_empty());
        Ok(Self { forge, project, api, headers, author, http, known: Mutex::new(None) })
    }

    fn odd(&self, what: &str) -> SinkError {
        let host = self.api.host_str().unwrap_or_default().to_owned();
        SinkError::Unsendable { host, why: format!("it answered without {what}") }
    }

    async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Value, SinkError> {
        let mut headers = self.headers.clone();
        let kind = match (&self.forge, body) {
            (Forge::AzureDevops, Some(Value::Array(_))) => "application/json-patch+json",
            _ => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let answer = self.http.send(Call { method, url, headers, body }).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|_| self.odd("JSON"))
    }

    /// An address under the project.
    fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.project.clone();
        url.set_path(&format!("{}/{path}", self.project.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Who the token is, by the forge.
    async fn author(&self) -> Result<String, SinkError> {
        if let Some(author) = &self.author {
            return Ok(author.clone());
        }
        let mut url = self.api.clone();
        url.set_path(&format!("{}/user", self.api.path().trim_end_matches('/')));
        let user = self.call(Method::GET, url, None).await?;
        let login = user["login"].as_str().or(user["username"].as_str());
        login.map(str::to_owned).ok_or_else(|| self.odd("a user"))
    }

    /// Every issue with the label that the token's own user opened. Anybody may write a mark into an
    /// issue of theirs.
    async fn listed(&self) -> Result<Vec<Known>, SinkError> {
        let author = self.author().await?;
        let mut known = Vec::new();
        for page in 1..=MAX_PAGES {
            let page = page.to_string();
            let size = PAGE.to_string();
            let mut query =
                vec![("labels", LABEL), ("state", "all"), ("per_page", &size), ("page", &page)];
            if self.forge == Forge::Gitlab {
                query.push(("scope", "all"));
            }
            let answer = self.call(Method::GET, self.at("issues", &query), None).await?;
            let issues = answer.as_array().ok_or_else(|| self.odd("a list of issues"))?;
            known.extend(issues.iter().filter(|issue| is_of(issue, &author)).filter_map(known_of));
            if issues.len() < PAGE {
                break;
            }
        }
        Ok(known)
    }

    async fn deliver_listed(&self, message: &Message) -> Result<(), SinkError> {
        let letter = words::of_provider(message);
        let (mark, told) = marks(message);
        // Held over the whole delivery: two messages of one matter must not open two issues.
        let mut list = self.known.lock().await;
        if list.is_none() {
            *list = Some(self.listed().await?);
        }
        let known = list.get_or_insert_default();
        let found = known.iter_mut().find(|issue| issue.body.starts_with(&mark));
        let then = then(message);
        let Some(issue) = found else {
            if then != Then::Open {
                return Ok(());
            }
            let opened = self.open(&letter, &format!("{mark}\n{told}\n")).await?;
            known.push(opened);
            return Ok(());
        };
        if !self.has_told(issue, &told).await? {
            let text = format!("{told}\n{}", board::markdown(&letter));
            let path = match self.forge {
                Forge::Gitlab => format!("issues/{}/notes", issue.number),
                _ => format!("issues/{}/comments", issue.number),
            };
            self.call(Method::POST, self.at(&path, &[]), Some(&json!({ "body": text }))).await?;
        }
        let is_open = match then {
            Then::Open => true,
            Then::Close => false,
            Then::Leave => return Ok(()),
        };
        if issue.is_open != is_open {
            self.turn(issue.number, is_open).await?;
            issue.is_open = is_open;
        }
        Ok(())
    }

    /// Whether the issue has the message already: a run that died may have sent it.
    async fn has_told(&self, issue: &Known, told: &str) -> Result<bool, SinkError> {
        if issue.body.contains(told) {
            return Ok(true);
        }
        let (path, order) = match self.forge {
            Forge::Gitlab => (format!("issues/{}/notes", issue.number), ("sort", "desc")),
            _ => (format!("issues/{}/comments", issue.number), ("direction", "desc")),
        };
        let size = PAGE.to_string();
        let answer = self.call(Method::GET, self.at(&path, &[order, ("per_page", &size)]), None);
        let comments = answer.await?;
        let comments = comments.as_array().ok_or_else(|| self.odd("a list of comments"))?;
        let has = |one: &Value| one["body"].as_str().is_some_and(|body| body.starts_with(told));
        Ok(comments.iter().any(has))
    }

    async fn open(&self, letter: &Letter, marks: &str) -> Result<Known, SinkError> {
        let body = format!("{marks}{}", board::markdown(letter));
        let issue = match self.forge {
            Forge::Gitlab => {
                json!({ "title": letter.title(), "description": body, "labels": LABEL })
            }
            _ => json!({ "title": letter.title(), "body": body, "labels": [LABEL] }),
        };
        let answer = self.call(Method::POST, self.at("issues", &[]), Some(&issue)).await?;
        // Without its label it would not be found, and opened again by the next run.
        let has_label = answer["labels"].as_array().is_some_and(|labels| {
            labels.iter().any(|one| one.as_str().or(one["name"].as_str()) == Some(LABEL))
        });
        if !has_label {
            return Err(self.odd(&format!("the label {LABEL}; the token may not set labels")));
        }
        let number = number(&answer).ok_or_else(|| self.odd("a number"))?;
        Ok(Known { number, is_open: true, body })
    }

    async fn turn(&self, number: u64, is_open: bool) -> Result<(), SinkError> {
        let url = self.at(&format!("issues/{number}"), &[]);
        let (method, body) = match (self.forge, is_open) {
            (Forge::Gitlab, true) => (Method::PUT, json!({ "state_event": "reopen" })),
            (Forge::Gitlab, false) => (Method::PUT, json!({ "state_event": "close" })),
            (_, true) => (Method::PATCH, json!({ "state": "open" })),
            (_, false) => (Method::PATCH, json!({ "state": "closed" })),
        };
        self.call(method, url, Some(&body)).await.map(|_| ())
    }

    /// Work items are found by a tag of their own, and never closed: every process names its states
    /// in its own way.
    async fn deliver_work_item(&self, message: &Message) -> Result<(), SinkError> {
        let letter = words::of_provider(message);
        let tag = format!("applecart-{}", short(message.thread()));
        let query = format!(
            "Select [System.Id] From WorkItems Where [System.TeamProject] = @project And [System.CreatedBy] = @me And [System.Tags] Contains '{tag}'"
        );
        let version = ("api-version", "7.1");
        let url = self.at("_apis/wit/wiql", &[version]);
        let answer = self.call(Method::POST, url, Some(&json!({ "query": query }))).await?;
        let items =
            answer["workItems"].as_array().ok_or_else(|| self.odd("a list of work items"))?;
        let text = board::html(&letter, message.key());
        let change = |field: &str, value: &str| json!({ "op": "add", "path": format!("/fields/{field}"), "value": value });
        let Some(number) = items.first().and_then(|item| item["id"].as_u64()) else {
            if then(message) != Then::Open {
                return Ok(());
            }
            let item = json!([
                change("System.Title", letter.title()),
                change("System.Description", &text),
                change("System.Tags", &format!("{LABEL}; {tag}")),
            ]);
            let url = self.at("_apis/wit/workitems/$Task", &[version]);
            return self.call(Method::POST, url, Some(&item)).await.map(|_| ());
        };
        let url = self.at(&format!("_apis/wit/workitems/{number}"), &[version]);
        let item = self.call(Method::GET, url.clone(), None).await?;
        let described = item["fields"]["System.Description"].as_str().unwrap_or_default();
        let last = item["fields"]["System.History"].as_str().unwrap_or_default();
        if [described, last].iter().any(|text| text.contains(message.key())) {
            return Ok(());
        }
        let comment = json!([change("System.History", &text)]);
        self.call(Method::PATCH, url, Some(&comment)).await.map(|_| ())
    }
}

#[async_trait]
impl Sink for IssueSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        match self.forge {
            Forge::Github | Forge::Gitlab => self.deliver_listed(message).await,
            Forge::AzureDevops => self.deliver_work_item(message).await,
        }
    }
}

/// What a message does to its issue. One whose customer left the fleet stays as it is: whether it is
/// over is unknown.
fn then(message: &Message) -> Then {
    let steps = || message.told().iter().map(|told| told.step);
    if steps().any(|step| !step.is_last()) {
        Then::Open
    } else if steps().all(|step| matches!(step, Step::Resolved(_))) {
        Then::Close
    } else {
        Then::Leave
    }
}

/// The first line of the issue, and the line that says which message a text is.
fn marks(message: &Message) -> (String, String) {
    let mark = format!("<!-- applecart:matter {} -->", short(message.thread()));
    (mark, format!("<!-- applecart:told {} -->", message.key()))
}

fn short(thread: &str) -> String {
    Sha256::of(thread.as_bytes()).to_string().chars().take(20).collect()
}

fn number(issue: &Value) -> Option<u64> {
    issue["iid"].as_u64().or(issue["number"].as_u64())
}

fn is_of(issue: &Value, author: &str) -> bool {
    let login = issue["user"]["login"].as_str().or(issue["author"]["username"].as_str());
    // GitHub lists pull requests among the issues.
    login == Some(author) && issue.get("pull_request").is_none()
}

fn known_of(issue: &Value) -> Option<Known> {
    let body = issue["body"].as_str().or(issue["description"].as_str()).unwrap_or_default();
    let is_open = issue["state"].as_str()?.starts_with("open");
    Some(Known { number: number(issue)?, is_open, body: body.to_owned() })
}

fn headers(forge: Forge, token: &str) -> Option<HeaderMap> {
    let (name, value) = match forge {
        Forge::Github => (AUTHORIZATION, format!("Bearer {token}")),
        Forge::Gitlab => (HeaderName::from_static("private-token"), token.to_owned()),
        // A personal access token is the password of no user.
        Forge::AzureDevops => {
            (AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!(":{token}"))))
        }
    };
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(name, value)]))
}

/// The interface's address and the project's in it.
fn addresses(forge: Forge, project: &str, host: Option<&str>) -> Result<(Url, Url), SinkError> {
    let bad = || SinkError::BadAddress { what: host.unwrap_or(project).to_owned() };
    let origin = match (forge, host) {
        (Forge::Github, None) => "https://api.github.com".to_owned(),
        (Forge::Gitlab, None) => "https://gitlab.com".to_owned(),
        (Forge::AzureDevops, None) => "https://dev.azure.com".to_owned(),
        (_, Some(host)) => {
            let plain = Url::parse(&format!("http://{host}")).map_err(|_| bad())?;
            let scheme = if is_loopback(&plain) { "http" } else { "https" };
            format!("{scheme}://{host}")
        }
    };
    let api = match (forge, host) {
        (Forge::Github, Some(_)) => format!("{origin}/api/v3"),
        (Forge::Gitlab, _) => format!("{origin}/api/v4"),
        _ => origin,
    };
    let api = Url::parse(&api).map_err(|_| bad())?;
    let mut url = api.clone();
    {
        let mut path = url.path_segments_mut().map_err(|()| bad())?;
        path.pop_if_empty();
        match forge {
            Forge::Github => path.push("repos").extend(project.split('/')),
            // A path of groups is one segment there.
            Forge::Gitlab => path.push("projects").push(project),
            Forge::AzureDevops => path.extend(project.split('/')),
        };
    }
    Ok((api, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_at_its_forge_and_goes_nowhere_else() {
        let address = |forge, project, host| {
            addresses(forge, project, host).map(|(_, url)| url.to_string()).unwrap()
        };
        let cases = [
            (Forge::Github, "msp/fleet", None, "https://api.github.com/repos/msp/fleet"),
            (
                Forge::Github,
                "msp/fleet",
                Some("git.msp.example"),
                "https://git.msp.example/api/v3/repos/msp/fleet",
            ),
            (
                Forge::Gitlab,
                "msp/a/fleet",
                None,
                "https://gitlab.com/api/v4/projects/msp%2Fa%2Ffleet",
            ),
            (
                Forge::Gitlab,
                "msp/fleet",
                Some("127.0.0.1:80"),
                "http://127.0.0.1/api/v4/projects/msp%2Ffleet",
            ),
            (Forge::AzureDevops, "msp/fleet one", None, "https://dev.azure.com/msp/fleet%20one"),
        ];
        for (forge, project, host, url) in cases {
            assert_eq!(address(forge, project, host), url);
        }
        // What looks like another path stays one segment of this one, or none at all.
        let tricky = address(Forge::Gitlab, "../../../user", None);
        assert!(tricky.starts_with("https://gitlab.com/api/v4/projects/"), "{tricky}");
    }
}
