//! A letter as a card of Teams and as blocks of Slack.
//!
//! Text from elsewhere stands only where the medium takes it as it is: in the text runs of a card and
//! in Slack's plain text, neither of which knows links, mentions or markup.

use serde::Serialize;

use super::letter::{Item, Letter, clipped, more};
use crate::attention::Severity;

/// Teams refuses a message of more than 28 KB.
const MAX_CARD: usize = 28_000;
/// Slack refuses more blocks, a longer header and a longer text.
const MAX_BLOCKS: usize = 50;
const MAX_HEADER: usize = 150;
const MAX_SECTION: usize = 3_000;

/// What a Workflows webhook of Teams takes: one adaptive card.
#[derive(Debug, Serialize)]
pub struct TeamsMessage {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    content_type: &'static str,
    content: Card,
}

#[derive(Debug, Serialize)]
struct Card {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    /// Read aloud, and shown where the card cannot be.
    #[serde(rename = "fallbackText")]
    fallback_text: String,
    body: Vec<Element>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum Element {
    Container {
        separator: bool,
        spacing: &'static str,
        items: Vec<Element>,
    },
    /// Not a `TextBlock`: that one reads Markdown.
    RichTextBlock {
        spacing: &'static str,
        inlines: [Run; 1],
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    size: &'static str,
    weight: &'static str,
    color: &'static str,
    is_subtle: bool,
    font_type: &'static str,
}

#[derive(Clone, Copy)]
enum Voice {
    Title,
    Heading(Option<Severity>),
    Plain,
    Command,
    Close,
}

fn said(text: &str, voice: Voice) -> Element {
    let (size, weight, color) = match voice {
        Voice::Title => ("medium", "bolder", "default"),
        Voice::Heading(severity) => ("default", "bolder", colour(severity)),
        Voice::Plain | Voice::Command => ("default", "default", "default"),
        Voice::Close => ("small", "default", "default"),
    };
    let font_type = if matches!(voice, Voice::Command) { "monospace" } else { "default" };
    let is_subtle = matches!(voice, Voice::Close);
    let text = text.to_owned();
    let run = Run { kind: "TextRun", text, size, weight, color, is_subtle, font_type };
    Element::RichTextBlock { spacing: "small", inlines: [run] }
}

fn colour(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Critical) => "attention",
        Some(Severity::Urgent) => "warning",
        Some(Severity::Notice) => "default",
        None => "good",
    }
}

fn container(item: &Item) -> Element {
    let mut items = vec![said(item.heading(), Voice::Heading(item.how_soon()))];
    items.extend(item.paragraphs().iter().map(|text| said(text, Voice::Plain)));
    let steps = item.steps().iter().enumerate();
    items.extend(
        steps.map(|(n, step)| said(&format!("{}. {}", n + 1, step.on_one_line()), Voice::Plain)),
    );
    items.extend(item.to_run().map(|command| said(command, Voice::Command)));
    Element::Container { separator: true, spacing: "medium", items }
}

/// The card, with as many items as Teams takes.
pub fn teams(letter: &Letter) -> TeamsMessage {
    let mut shown = letter.items().len();
    loop {
        let card = card(letter, shown);
        let length = serde_json::to_string(&card).map_or(0, |text| text.len());
        if length <= MAX_CARD || shown == 0 {
            return card;
        }
        // Each round drops what is certainly too much, and at least one.
        shown = (shown * MAX_CARD / length).min(shown - 1);
    }
}

fn card(letter: &Letter, shown: usize) -> TeamsMessage {
    let mut body = vec![said(letter.title(), Voice::Title)];
    body.extend(letter.leads().iter().map(|text| said(text, Voice::Plain)));
    body.extend(letter.items().iter().take(shown).map(container));
    let left_out = letter.left_out() + letter.items().len().saturating_sub(shown);
    body.extend(more(left_out).map(|text| said(&text, Voice::Plain)));
    body.extend(letter.closes().iter().map(|text| said(text, Voice::Close)));
    let content = Card {
        schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        kind: "AdaptiveCard",
        version: "1.4",
        fallback_text: letter.title().to_owned(),
        body,
    };
    let content_type = "application/vnd.microsoft.card.adaptive";
    TeamsMessage { kind: "message", attachments: [Attachment { content_type, content }] }
}

/// What an incoming webhook of Slack takes.
#[derive(Debug, Serialize)]
pub struct SlackMessage {
    /// For notifications and screen readers; the blocks say the same.
    text: String,
    mrkdwn: bool,
    link_names: bool,
    unfurl_links: bool,
    unfurl_media: bool,
    blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Header { text: SlackText },
    Section { text: SlackText },
    Divider,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SlackText {
    PlainText {
        text: String,
        emoji: bool,
    },
    /// Only for commands, as a block of code.
    Mrkdwn {
        text: String,
        verbatim: bool,
    },
}

fn plain(text: &str, limit: usize) -> SlackText {
    SlackText::PlainText { text: clipped_lines(text, limit), emoji: false }
}

/// Lines of safe text, cut where the medium would refuse them.
fn clipped_lines(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit - 1).collect();
    format!("{kept}…")
}

/// Slack's three letters, which open mentions and links everywhere but in plain text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn blocks_of(item: &Item) -> Vec<Block> {
    let mut lines = vec![item.heading().to_owned()];
    lines.extend(item.paragraphs().iter().cloned());
    lines.extend(
        item.steps()
            .iter()
            .enumerate()
            .map(|(n, step)| format!("{}. {}", n + 1, step.on_one_line())),
    );
    let mut blocks =
        vec![Block::Divider, Block::Section { text: plain(&lines.join("\n"), MAX_SECTION) }];
    if let Some(command) = item.to_run() {
        let code = format!("```{}```", escaped(command));
        // A cut or changed command would do something else.
        let text = if code.chars().count() > MAX_SECTION {
            plain("`applecart status` shows the command.", MAX_SECTION)
        } else if command.contains('`') {
            plain(command, MAX_SECTION)
        } else {
            SlackText::Mrkdwn { text: code, verbatim: true }
        };
        blocks.push(Block::Section { text });
    }
    blocks
}

/// The message, with as many items as Slack takes.
pub fn slack(letter: &Letter) -> SlackMessage {
    let section = |text: &str| Block::Section { text: plain(text, MAX_SECTION) };
    let title = clipped(letter.title(), MAX_HEADER);
    let mut blocks = vec![Block::Header { text: plain(&title, MAX_HEADER) }];
    blocks.extend(letter.leads().iter().map(|text| section(text)));
    // One for what is left out.
    let room = MAX_BLOCKS.saturating_sub(letter.closes().len() + 1);
    let mut shown = 0;
    for item in letter.items() {
        let more = blocks_of(item);
        if blocks.len() + more.len() > room {
            break;
        }
        blocks.extend(more);
        shown += 1;
    }
    let left_out = letter.left_out() + letter.items().len() - shown;
    blocks.extend(more(left_out).map(|text| section(&text)));
    blocks.extend(letter.closes().iter().map(|text| section(text)));
    SlackMessage {
        text: escaped(letter.title()),
        mrkdwn: false,
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
        blocks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> Letter {
        let name = "<!channel> @everyone <@U1> [x](https://evil.example) GH-12 `rm`";
        let item = Item::new(name).says(name).command(Some("applecart renew '<!here>/x'"));
        Letter::new(name).lead(name).item(item.severity(Severity::Urgent))
    }

    #[test]
    fn a_name_mentions_nobody_in_slack() {
        let message = serde_json::to_value(slack(&hostile())).unwrap();
        assert!(message["text"].as_str().unwrap().starts_with("&lt;!channel&gt; @everyone"));
        assert_eq!(message["mrkdwn"], false);
        let mut code = 0;
        for block in message["blocks"].as_array().unwrap() {
            if block["text"]["type"] == "mrkdwn" {
                code += 1;
                let text = block["text"]["text"].as_str().unwrap();
                assert_eq!(text, "```applecart renew '&lt;!here&gt;/x'```");
            } else if block["type"] != "divider" {
                assert_eq!(block["text"]["type"], "plain_text", "{block}");
            }
        }
        assert_eq!(code, 1);
    }

    #[test]
    fn a_card_has_no_element_that_reads_markdown() {
        let card = serde_json::to_string(&teams(&hostile())).unwrap();
        assert!(!card.contains("\"TextBlock\""), "{card}");
        assert!(card.contains("\"RichTextBlock\"") && card.contains("\"TextRun\""));
    }

    #[test]
    fn a_long_list_fits_and_says_how_many_are_left_out() {
        let long = (0..90).fold(Letter::new("many"), |letter, n| {
            letter.item(Item::new(&n.to_string()).says(&"é\"".repeat(900)).command(Some("run")))
        });
        let card = serde_json::to_string(&teams(&long)).unwrap();
        assert!(card.len() <= MAX_CARD, "{}", card.len());
        assert!(card.len() > MAX_CARD / 2, "{}", card.len());
        assert!(card.contains(" more are left out here."));
        let message = serde_json::to_value(slack(&long)).unwrap();
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= MAX_BLOCKS, "{}", blocks.len());
        let last = blocks.last().unwrap()["text"]["text"].as_str().unwrap();
        assert!(last.contains("74 more are left out here"), "{last}");
    }
}
