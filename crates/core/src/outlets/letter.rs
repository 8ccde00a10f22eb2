//! What a message says, whatever carries it: sentences in order, and nothing that a medium obeys.
//!
//! Everything is made safe here once: on one line, without characters that steer or hide, and no
//! longer than a reader reads. A medium then has only its own letters to escape.

use crate::attention::{Matter, Severity};
use crate::model::safe_text;
use crate::report::command_of;

/// Subjects and titles; every medium takes as many.
const MAX_TITLE: usize = 140;
/// A name inside a title: whose it is must be seen beside what happened.
const MAX_NAME: usize = 60;
const MAX_PARAGRAPH: usize = 2_000;
/// More than these are counted: a message of thousands of matters is read by nobody.
const MAX_ITEMS: usize = 100;

/// A message in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    title: String,
    lead: Vec<String>,
    items: Vec<Item>,
    left_out: usize,
    close: Vec<String>,
}

/// One thing that a letter tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    heading: String,
    /// How soon somebody has to act; `None` where nobody has to.
    severity: Option<Severity>,
    paragraphs: Vec<String>,
    steps: Vec<ItemStep>,
    /// Copied, so it stands alone and is never cut.
    command: Option<String>,
}

/// One of the things to do, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemStep {
    pub text: String,
    /// The command that it ends with.
    pub command: Option<String>,
}

impl ItemStep {
    /// Without lines of its own, for media that have no code.
    pub fn on_one_line(&self) -> String {
        match &self.command {
            Some(command) => format!("{} {command}", self.text),
            None => self.text.clone(),
        }
    }
}

impl Letter {
    pub fn new(title: &str) -> Self {
        Self { title: clipped(title, MAX_TITLE), ..Self::default() }
    }

    /// A paragraph above the items.
    #[must_use]
    pub fn lead(mut self, text: &str) -> Self {
        self.lead.push(clipped(text, MAX_PARAGRAPH));
        self
    }

    #[must_use]
    pub fn item(mut self, item: Item) -> Self {
        if self.items.len() < MAX_ITEMS {
            self.items.push(item);
        } else {
            self.left_out += 1;
        }
        self
    }

    /// A paragraph below the items.
    #[must_use]
    pub fn close(mut self, text: &str) -> Self {
        self.close.push(clipped(text, MAX_PARAGRAPH));
        self
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn leads(&self) -> &[String] {
        &self.lead
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many items were left out.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub fn closes(&self) -> &[String] {
        &self.close
    }

    /// As plain text. A command stands on a line of its own.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut paragraph = |text: &str| {
            out.push_str(text);
            out.push_str("\n\n");
        };
        self.lead.iter().for_each(|text| paragraph(text));
        for item in &self.items {
            let mut text = item.heading.clone();
            for line in &item.paragraphs {
                text.push('\n');
                text.push_str(line);
            }
            for (number, step) in item.steps.iter().enumerate() {
                text.push_str(&format!("\n{}. {}", number + 1, step.text));
                if let Some(command) = &step.command {
                    text.push_str(&format!("\n\n    {command}\n"));
                }
            }
            if let Some(command) = &item.command {
                text.push_str(&format!("\n\n    {command}"));
            }
            paragraph(&text);
        }
        if let Some(text) = self.rest() {
            paragraph(&text);
        }
        self.close.iter().for_each(|text| paragraph(text));
        format!("{}\n", out.trim_end())
    }

    /// That there is more, and where.
    pub fn rest(&self) -> Option<String> {
        more(self.left_out)
    }
}

/// That a message has no room for the rest.
pub(super) fn more(count: usize) -> Option<String> {
    let verb = if count == 1 { "is" } else { "are" };
    (count > 0).then(|| {
        format!("{count} more {verb} left out here. `applecart status` shows all of them.")
    })
}

impl Item {
    pub fn new(heading: &str) -> Self {
        Self { heading: clipped(heading, MAX_TITLE), ..Self::default() }
    }

    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// A paragraph; none where there is nothing to say.
    #[must_use]
    pub fn says(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.paragraphs.push(clipped(text, MAX_PARAGRAPH));
        }
        self
    }

    /// One of the things to do, in order.
    #[must_use]
    pub fn step(mut self, text: &str) -> Self {
        let (words, command) = command_of(text);
        let text = clipped(words, MAX_PARAGRAPH);
        self.steps.push(ItemStep { text, command: command.map(safe_text) });
        self
    }

    #[must_use]
    pub fn command(self, command: Option<&str>) -> Self {
        Self { command: command.map(safe_text), ..self }
    }

    pub fn heading(&self) -> &str {
        &self.heading
    }

    pub fn how_soon(&self) -> Option<Severity> {
        self.severity
    }

    pub fn paragraphs(&self) -> &[String] {
        &self.paragraphs
    }

    pub fn steps(&self) -> &[ItemStep] {
        &self.steps
    }

    pub fn to_run(&self) -> Option<&str> {
        self.command.as_deref()
    }
}

/// The text on one line, without characters that steer or hide, and of a very long one its beginning.
pub fn clipped(text: &str, limit: usize) -> String {
    let safe = safe_text(text);
    match safe.char_indices().nth(limit) {
        None => safe,
        Some(_) => {
            let kept: String = safe.chars().take(limit.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

/// A name for a title or a heading.
pub fn name(text: &str) -> String {
    clipped(text, MAX_NAME)
}

/// What a matter is about, for a heading: `push: renewal-due`.
pub fn heading(matter: &Matter) -> String {
    match &matter.token {
        None => matter.code.to_string(),
        Some(token) => match token.name.as_ref().or(token.id.as_ref()) {
            Some(which) => format!("{} {}: {}", token.kind, name(which), matter.code),
            None => format!("{}: {}", token.kind, matter.code),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_becomes_a_line_a_direction_or_a_wall_of_text() {
        let letter = Letter::new(&format!("a\r\nBcc: x@y.example\u{202e} {}", "n".repeat(10_000)));
        assert!(letter.title().starts_with("a\\u{d}\\u{a}Bcc: x@y.example\\u{202e} nnn"));
        assert_eq!(letter.title().chars().count(), MAX_TITLE);
        assert_eq!(name(&"é".repeat(100)).chars().count(), MAX_NAME);
    }

    #[test]
    fn a_command_stands_alone_and_whole() {
        let command = format!("applecart renew contoso/{}", "x".repeat(3_000));
        let item = Item::new("push: renewal-due").says("It expires.").command(Some(&command));
        let text = Letter::new("t").item(item).text();
        assert_eq!(text, format!("push: renewal-due\nIt expires.\n\n    {command}\n"));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let letter = (0..=MAX_ITEMS + 1)
            .fold(Letter::new("t"), |letter, n| letter.item(Item::new(&n.to_string())));
        assert_eq!((letter.items().len(), letter.left_out()), (MAX_ITEMS, 2));
        assert!(
            letter
                .text()
                .ends_with("2 more are left out here. `applecart status` shows all of them.\n")
        );
    }
}
