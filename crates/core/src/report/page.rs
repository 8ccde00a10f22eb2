//! Pages for a browser: each is one file that loads nothing.
//!
//! Whatever comes from elsewhere is a [`Word`], and maud escapes the rest, so that no name becomes
//! markup. A page says of itself which style and which script it may use, by their digests: a slip in
//! the escaping would still run nothing. Colours follow the reader's light or dark setting.

mod attention;
mod calendar;
mod scene;
mod status;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Escaper, Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};

use super::text::escape;
use crate::model::{Kind, TokenRef};

pub use status::{status_html, token_html};

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Where a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageView<'a> {
    /// In a file that somebody keeps or sends: there is nothing behind it.
    File,
    /// From the controller, which has a page for every token.
    Served(Served<'a>),
}

/// What the controller says of the page that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served<'a> {
    /// The `ETag` of this status at [`STATUS_PATH`]. While it stays, the page stays.
    pub etag: &'a str,
    /// After how many seconds the page asks again.
    pub every: u32,
    /// Whole sentences about the controller itself, such as that Intune does not answer.
    pub notices: &'a [String],
}

/// Where a served page asks whether it is still true.
pub const STATUS_PATH: &str = "/api/v1/status";

impl PageView<'_> {
    fn is_served(self) -> bool {
        matches!(self, Self::Served(_))
    }
}

/// Text from elsewhere, harmless in an element and in an attribute, and on one line.
pub(super) struct Word<'a>(pub(super) &'a str);

impl Render for Word<'_> {
    fn render_to(&self, buffer: &mut String) {
        // Writing to a text cannot fail.
        let _ = Escaper::new(buffer).write_str(&escape(self.0));
    }
}

/// Prose from elsewhere: the same, and what stands between backticks is code.
struct Sentence<'a>(&'a str);

impl Render for Sentence<'_> {
    fn render(&self) -> Markup {
        let parts: Vec<&str> = self.0.split('`').collect();
        // An odd backtick is a letter like any other.
        if parts.len().is_multiple_of(2) {
            return Word(self.0).render();
        }
        html! {
            @for (place, part) in parts.iter().enumerate() {
                @if place % 2 == 1 { code { (Word(part)) } } @else { (Word(part)) }
            }
        }
    }
}

/// The page of a token. Its parts are encoded, so that no name leads to another page.
pub fn token_path(tenant: &str, token: &TokenRef) -> String {
    let mut path = format!("/t/{}/{}", segment(tenant), token.kind);
    // A browser takes these two for folders, even encoded.
    let is_name = |name: &&String| !matches!(name.as_str(), "" | "." | "..");
    let named = (token.kind != Kind::Push)
        .then(|| token.name.as_ref().filter(is_name).or(token.id.as_ref().filter(is_name)))
        .flatten();
    if let Some(name) = named {
        let _ = write!(path, "/{}", segment(name));
    }
    path
}

fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The `Content-Security-Policy` of every page, as a header.
pub fn page_policy() -> String {
    format!("{}; frame-ancestors 'none'", policy(true, true))
}

fn policy(script: bool, served: bool) -> String {
    let digest =
        |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let mut policy = format!("default-src 'none'; style-src {}", digest(STYLE));
    if script {
        let _ = write!(policy, "; script-src {}", digest(SCRIPT));
    }
    if served {
        policy.push_str("; connect-src 'self'");
    }
    policy.push_str("; base-uri 'none'; form-action 'none'");
    policy
}

/// What every page has around its content.
pub(super) struct Document<'a> {
    pub(super) title: &'a str,
    /// Whether the page may use the script; it works without.
    pub(super) script: bool,
    pub(super) view: PageView<'a>,
    pub(super) content: Markup,
}

impl Document<'_> {
    pub(super) fn render(self) -> String {
        let policy = policy(self.script, self.view.is_served());
        let (etag, every) = match self.view {
            PageView::Served(served) => (Some(Word(served.etag)), Some(served.every)),
            PageView::File => (None, None),
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="referrer" content="no-referrer";
                    title { (Word(self.title)) }
                    style { (PreEscaped(STYLE)) }
                    @if self.script {
                        script { (PreEscaped(SCRIPT)) }
                    }
                }
                body data-etag=[etag] data-every=[every] { (self.content) }
            }
        };
        page.into_string()
    }
}

/// The bar at the top of a page with a script: what it is, and how it looks.
fn bar(home: Option<&str>) -> Markup {
    html! {
        div.bar {
            @match home {
                Some(path) => a.brand href=(path) { "Applecart" },
                None => span.brand { "Applecart" },
            }
            button.scripted.quiet #theme type="button" { "Colours: automatic" }
        }
    }
}
