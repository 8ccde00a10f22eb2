//! Issues of a forge: one for each conversation, found again by a mark that only its own author's
//! text is asked for, commented on, and closed when a reading shows that the matter is over.

use std::sync::Arc;

use applecart_core::fleet::Forge;
use applecart_core::model::Sha256;
use applecart_core::outlets::message::{Message, Step};
use applecart_core::outlets::{board, words};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::forge::{ForgeClient, ForgeIssue, WorkItem, token_headers};
use super::http::{Http, is_loopback};
use super::{Sink, SinkError, variable};

/// The label of every issue of ours.
const LABEL: &str = "applecart";
/// As many of the newest comments are looked through.
const COMMENTS: &str = "100";

/// Issues of one project.
pub struct IssueSink {
    client: ForgeClient,
    /// The issues that there are, read once a run.
    known: Mutex<Option<Vec<ForgeIssue>>>,
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
        let api = interface(forge, host)
            .ok_or_else(|| SinkError::BadAddress { what: host.unwrap_or(project).to_owned() })?;
        let headers = token_headers(forge, &token)
            .ok_or(SinkError::BadSecret { variable: name, why: "it is no token" })?;
        let author = read(&variable(sink, "USER")).filter(|user| !user.is_empty());
        let client = ForgeClient::new(forge, &api, project, headers, author, http)?;
        Ok(Self { client, known: Mutex::new(None) })
    }

    async fn deliver_listed(&self, message: &Message) -> Result<(), SinkError> {
        let letter = words::of_provider(message);
        let (mark, told) = marks(message);
        // Held over the whole delivery: two messages of one matter must not open two issues.
        let mut list = self.known.lock().await;
        if list.is_none() {
            *list = Some(self.client.issues(LABEL).await?);
        }
        let known = list.get_or_insert_default();
        let found = known.iter_mut().find(|issue| issue.body.starts_with(&mark));
        let then = then(message);
        let Some(issue) = found else {
            if then != Then::Open {
                return Ok(());
            }
            let body = format!("{mark}\n{told}\n{}", board::markdown(&letter));
            known.push(self.client.open_issue(LABEL, letter.title(), body).await?);
            return Ok(());
        };
        if !self.has_told(issue, &told).await? {
            let text = format!("{told}\n{}", board::markdown(&letter));
            let url = self.client.at(&self.comments(issue).0, &[]);
            self.client.create(url, &json!({ "body": text })).await?;
        }
        let is_open = match then {
            Then::Open => true,
            Then::Close => false,
            Then::Leave => return Ok(()),
        };
        if issue.is_open != is_open {
            self.client.turn_issue(issue.number, is_open).await?;
            issue.is_open = is_open;
        }
        Ok(())
    }

    /// The path of an issue's comments, and what lists the newest of them first.
    fn comments(&self, issue: &ForgeIssue) -> (String, (&'static str, &'static str)) {
        match self.client.forge() {
            Forge::Gitlab => (format!("issues/{}/notes", issue.number), ("sort", "desc")),
            _ => (format!("issues/{}/comments", issue.number), ("direction", "desc")),
        }
    }

    /// Whether the issue has the message already: a run that died may have sent it.
    async fn has_told(&self, issue: &ForgeIssue, told: &str) -> Result<bool, SinkError> {
        if issue.body.contains(told) {
            return Ok(true);
        }
        let (path, order) = self.comments(issue);
        let url = self.client.at(&path, &[order, ("per_page", COMMENTS)]);
        let comments = self.client.call(Method::GET, url, None).await?;
        let comments = comments.as_array().ok_or_else(|| self.client.odd("a list of comments"))?;
        let has = |one: &Value| one["body"].as_str().is_some_and(|body| body.starts_with(told));
        Ok(comments.iter().any(has))
    }

    /// Work items are found by a tag of their own, and never closed: every process names its states
    /// in its own way.
    async fn deliver_work_item(&self, message: &Message) -> Result<(), SinkError> {
        let letter = words::of_provider(message);
        let tag = format!("applecart-{}", short(message.thread()));
        let text = board::html(&letter, message.key());
        let Some(number) = self.client.work_items(&tag).await?.first().copied() else {
            if then(message) != Then::Open {
                return Ok(());
            }
            let tags = format!("{LABEL}; {tag}");
            let item = WorkItem { kind: "Task", title: letter.title(), html: &text, tags: &tags };
            return self.client.new_work_item(&item).await;
        };
        let item = self.client.work_item(number).await?;
        let described = item["fields"]["System.Description"].as_str().unwrap_or_default();
        let last = item["fields"]["System.History"].as_str().unwrap_or_default();
        if [described, last].iter().any(|text| text.contains(message.key())) {
            return Ok(());
        }
        self.client.add_to_work_item(number, &text).await
    }
}

#[async_trait]
impl Sink for IssueSink {
    async fn deliver(&self, message: &Message) -> Result<(), SinkError> {
        match self.client.forge() {
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

/// The address of the interface of a forge, or of the forge at this host.
fn interface(forge: Forge, host: Option<&str>) -> Option<String> {
    let origin = match (forge, host) {
        (Forge::Github, None) => "https://api.github.com".to_owned(),
        (Forge::Gitlab, None) => "https://gitlab.com".to_owned(),
        (Forge::AzureDevops, None) => "https://dev.azure.com".to_owned(),
        (_, Some(host)) => {
            let plain = Url::parse(&format!("http://{host}")).ok()?;
            let scheme = if is_loopback(&plain) { "http" } else { "https" };
            format!("{scheme}://{host}")
        }
    };
    Some(match (forge, host) {
        (Forge::Github, Some(_)) => format!("{origin}/api/v3"),
        (Forge::Gitlab, _) => format!("{origin}/api/v4"),
        _ => origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forge_of_somebodys_own_is_asked_at_its_host() {
        let cases = [
            (Forge::Github, None, "https://api.github.com"),
            (Forge::Github, Some("git.msp.example"), "https://git.msp.example/api/v3"),
            (Forge::Gitlab, None, "https://gitlab.com/api/v4"),
            (Forge::Gitlab, Some("127.0.0.1:8080"), "http://127.0.0.1:8080/api/v4"),
            (Forge::AzureDevops, None, "https://dev.azure.com"),
        ];
        for (forge, host, url) in cases {
            assert_eq!(interface(forge, host).as_deref(), Some(url));
        }
    }
}
