//! The one comment of a pull request that is a pipeline's own, written again by each run.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{ForgeClient, VERSION, is_by};
use crate::outlets::SinkError;
use applecart_core::fleet::Forge;

/// Where a pull request is talked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discussion {
    /// The pull request's number.
    pub number: u64,
    /// Azure DevOps: the repository's id in its project.
    pub repository: Option<String>,
}

/// A comment that is there.
enum Found {
    Comment(u64),
    /// Azure DevOps keeps comments in threads.
    InThread(u64, u64),
}

impl ForgeClient {
    /// Writes the text into the comment of ours that begins with the marker; into a new one where
    /// there is none. Another person's could be changed after it was written, or keep it from being
    /// shown.
    pub async fn put_comment(
        &self,
        discussion: &Discussion,
        marker: &str,
        text: &str,
    ) -> Result<(), SinkError> {
        let author = self.author().await?;
        let found = self.find_comments(discussion, marker, &author).await?;
        if let [first, others @ ..] = &found[..] {
            self.rewrite(discussion, first, text).await?;
            // Two runs at once may each have made one, and the later one would show an old plan for ever.
            for one in others {
                self.delete(discussion, one).await?;
            }
            return Ok(());
        }
        let unknown = match self.add_comment(discussion, text).await {
            Ok(()) => return Ok(()),
            Err(error @ (SinkError::Busy { .. } | SinkError::TimedOut { .. })) => error,
            Err(error) => return Err(error),
        };
        // It may be there all the same: a second one would stay for ever with what it says.
        match self.find_comments(discussion, marker, &author).await?.first() {
            Some(found) => self.rewrite(discussion, found, text).await,
            None if self.patience.is_some() => self.add_comment(discussion, text).await,
            None => Err(unknown),
        }
    }

    /// Every comment of ours that begins with the marker, the oldest first.
    async fn find_comments(
        &self,
        discussion: &Discussion,
        marker: &str,
        author: &str,
    ) -> Result<Vec<Found>, SinkError> {
        let begins = |text: &Value| text.as_str().is_some_and(|text| text.starts_with(marker));
        let path = self.comments(discussion);
        if self.forge != Forge::AzureDevops {
            let comments = self.pages(&path, &[]).await?;
            let own = comments.iter().filter(|one| begins(&one["body"]) && is_by(one, author));
            let mut own: Vec<u64> = own.filter_map(|one| one["id"].as_u64()).collect();
            own.sort_unstable();
            return Ok(own.into_iter().map(Found::Comment).collect());
        }
        // All threads come in one answer; a deleted comment has no content.
        let answer = self.call(Method::GET, self.at(&path, &[VERSION]), None).await?;
        let threads = answer["value"].as_array().ok_or_else(|| self.odd("a list of threads"))?;
        let own = threads.iter().filter_map(|thread| {
            let own = thread["comments"].as_array()?.iter().find(|one| {
                begins(&one["content"]) && one["author"]["id"].as_str() == Some(author)
            })?;
            Some((thread["id"].as_u64()?, own["id"].as_u64()?))
        });
        let mut own: Vec<(u64, u64)> = own.collect();
        own.sort_unstable();
        Ok(own.into_iter().map(|(thread, id)| Found::InThread(thread, id)).collect())
    }

    /// The path of a pull request's comments in its project.
    fn comments(&self, discussion: &Discussion) -> String {
        let number = discussion.number;
        match self.forge {
            Forge::Github => format!("issues/{number}/comments"),
            Forge::Gitlab => format!("merge_requests/{number}/notes"),
            Forge::AzureDevops => {
                let repository = discussion.repository.as_deref().unwrap_or_default();
                format!("_apis/git/repositories/{repository}/pullRequests/{number}/threads")
            }
        }
    }

    async fn rewrite(
        &self,
        discussion: &Discussion,
        found: &Found,
        text: &str,
    ) -> Result<(), SinkError> {
        let (method, body) = match self.forge {
            Forge::AzureDevops => (Method::PATCH, json!({ "content": text })),
            Forge::Github => (Method::PATCH, json!({ "body": text })),
            Forge::Gitlab => (Method::PUT, json!({ "body": text })),
        };
        let url = self.place_of(discussion, found);
        self.call(method, url, Some(&body)).await.map(|_| ())
    }

    async fn delete(&self, discussion: &Discussion, found: &Found) -> Result<(), SinkError> {
        let url = self.place_of(discussion, found);
        self.call(Method::DELETE, url, None).await.map(|_| ())
    }

    /// The address of a comment.
    fn place_of(&self, discussion: &Discussion, found: &Found) -> Url {
        let path = self.comments(discussion);
        match *found {
            Found::InThread(thread, comment) => {
                self.at(&format!("{path}/{thread}/comments/{comment}"), &[VERSION])
            }
            Found::Comment(id) if self.forge == Forge::Github => {
                self.at(&format!("issues/comments/{id}"), &[])
            }
            Found::Comment(id) => self.at(&format!("{path}/{id}"), &[]),
        }
    }

    async fn add_comment(&self, discussion: &Discussion, text: &str) -> Result<(), SinkError> {
        let path = self.comments(discussion);
        let (url, body) = match self.forge {
            Forge::AzureDevops => {
                // Closed: a plan is no open question that blocks the merge.
                let comment =
                    json!({ "parentCommentId": 0, "content": text, "commentType": "text" });
                (self.at(&path, &[VERSION]), json!({ "comments": [comment], "status": "closed" }))
            }
            _ => (self.at(&path, &[]), json!({ "body": text })),
        };
        self.create(url, &body).await.map(|_| ())
    }
}
