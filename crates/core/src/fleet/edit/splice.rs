//! Where bytes go in and out of a mapping, written in lines or between brackets.

use super::super::document::{Key, Node, Value};
use super::{field, scalar};

/// A mapping in a text.
pub(super) struct Entry<'t> {
    text: &'t str,
    pairs: &'t [(Key, Node)],
    brackets: Option<(usize, usize)>,
    bare: bool,
}

/// The index of the member behind which a new one goes.
pub(super) fn neighbour(pairs: &[(Key, Node)], name: &str, order: &[&str]) -> Option<usize> {
    let before = order.iter().take_while(|one| **one != name);
    before.filter_map(|one| pairs.iter().position(|(key, _)| key.text == *one)).last()
}

impl<'t> Entry<'t> {
    pub(super) fn of(text: &'t str, node: &'t Node) -> Option<Self> {
        match &node.value {
            Value::Map(pairs) => Some(Self { text, pairs, brackets: node.brackets, bare: false }),
            _ => None,
        }
    }

    /// Whether what is written is a word of YAML's own, which has no quotes.
    pub(super) fn bare(self, bare: bool) -> Self {
        Self { bare, ..self }
    }

    /// Gives a member another text, in the quotes that it has; says whether it now has none.
    pub(super) fn replace(&self, key: &Key, node: &Node, to: &str) -> Option<(String, bool)> {
        if node.value == Value::Null && node.span.start == node.span.end {
            let at = self.colon(key)?;
            let (value, plain) = self.value(to, self.quotes());
            return Some((self.splice(at, at, &format!(" {value}")), plain));
        }
        let Value::Scalar { plain, .. } = node.value else {
            // A plain text that is null (`~`, `null`) is replaced whole, with its letters.
            if node.value != Value::Null {
                return None;
            }
            let (value, plain) = self.value(to, None);
            return Some((self.splice(node.span.start, node.span.end, &value), plain));
        };
        let old = self.text.get(node.span.start..node.span.end)?;
        let quotes = old.chars().next().filter(|c| !plain && matches!(c, '\'' | '"'));
        if self.bare && quotes.is_some() {
            return Some((self.splice(node.span.start, node.span.end, to), true));
        }
        if !plain && quotes.is_none() {
            return self.replace_block(key, node, to);
        }
        let (value, plain) = self.value(to, quotes);
        Some((self.splice(node.span.start, node.span.end, &value), plain))
    }

    /// A text under `|` or `>` becomes one behind the colon.
    fn replace_block(&self, key: &Key, node: &Node, to: &str) -> Option<(String, bool)> {
        let colon = self.colon(key)?;
        let between = self.text.get(colon..node.span.end)?;
        let start = colon + between.find(['|', '>'])?;
        let header = self.text.get(start..)?.lines().next()?;
        // A comment beside `|` would go or move.
        if header.contains('#') {
            return None;
        }
        let end = start + self.text.get(start..node.span.end)?.trim_end().len();
        let (value, plain) = self.value(to, None);
        Some((self.splice(start, end, &value), plain))
    }

    /// Puts a member in; says whether its text has no quotes.
    pub(super) fn insert(&self, name: &str, to: &str, order: &[&str]) -> Option<(String, bool)> {
        let (value, plain) = self.value(to, self.quotes());
        Some((self.insert_raw(name, &value, order)?, plain))
    }

    /// Puts a mapping of one text in.
    pub(super) fn insert_mapping(
        &self,
        name: &str,
        first: (&str, &str),
        order: &[&str],
    ) -> Option<(String, bool)> {
        let (value, plain) = self.inner(first);
        Some((self.insert_raw(name, &value, order)?, plain))
    }

    /// Gives a member that has no value a mapping of one text.
    pub(super) fn fill(&self, name: &str, first: (&str, &str)) -> Option<(String, bool)> {
        let (key, node) = field(self.pairs, name)?;
        if node.span.start != node.span.end {
            return None;
        }
        let at = self.colon(key)?;
        let (value, plain) = self.inner(first);
        if self.brackets.is_some() || value.starts_with('{') {
            return Some((self.splice(at, at, &format!(" {value}")), plain));
        }
        // A comment beside the colon stays there.
        let end = self.line_end(at);
        Some((self.splice(end, end, &value), plain))
    }

    /// Takes a member out, with the comment on its line.
    pub(super) fn remove(&self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(key, _)| key.text == name)?;
        // Nothing but the member would leave nothing, which is not an empty mapping.
        if self.pairs.len() == 1 && self.brackets.is_none() {
            return None;
        }
        let (key, node) = self.pairs.get(index)?;
        let (start, end) = (key.span.start, self.content_end(key, node)?);
        if self.brackets.is_some() {
            return self.remove_between_brackets(index, start, end);
        }
        let line_start = self.line_start(start);
        let after = self.after_line(self.line_end(end));
        let own_line = self.text.get(line_start..start)?.trim().is_empty();
        if own_line {
            return Some(self.splice(line_start, after, ""));
        }
        // Behind `- `: what follows takes its place.
        let rest = self.text.get(after..)?;
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        Some(self.splice(start, after + spaces, ""))
    }

    fn remove_between_brackets(&self, index: usize, start: usize, end: usize) -> Option<String> {
        if let Some(comma) = self.comma(end) {
            let line_start = self.line_start(start);
            let line_end = self.line_end(comma + 1);
            let rest = self.text.get(comma + 1..line_end)?;
            let own_line = self.text.get(line_start..start)?.trim().is_empty();
            if own_line && (rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
                return Some(self.splice(line_start, self.after_line(line_end), ""));
            }
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            return Some(self.splice(start, comma + 1 + spaces, ""));
        }
        // The last one: the comma before it goes, what stands between them stays.
        let before = self.text.get(..start)?;
        let gap = before.len() - before.trim_end_matches(' ').len();
        let (mut from, mut to) = (start - gap, end);
        let own_line = before.get(..from).is_some_and(|text| text.ends_with(['\n', '\r']));
        let line_end = self.line_end(end);
        let rest = self.text.get(end..line_end)?;
        if own_line && (rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
            to = self.after_line(line_end);
        } else if own_line {
            from = start;
        }
        let Some((key, node)) = index.checked_sub(1).and_then(|index| self.pairs.get(index)) else {
            return Some(self.splice(from, to, ""));
        };
        let comma = self.comma(self.content_end(key, node)?)?;
        let mut text = self.splice(from, to, "");
        text.replace_range(comma..comma + 1, "");
        Some(text)
    }

    pub(super) fn insert_raw(&self, name: &str, value: &str, order: &[&str]) -> Option<String> {
        let quote = if self.quotes() == Some('"') { "\"" } else { "" };
        let space = if value.starts_with(['\n', '\r']) { "" } else { " " };
        let member = format!("{quote}{name}{quote}:{space}{value}");
        let behind = neighbour(self.pairs, name, order).and_then(|index| self.pairs.get(index));
        match (self.brackets, behind) {
            (Some(_), Some((key, node))) => {
                let end = self.content_end(key, node)?;
                let line_start = self.line_start(key.span.start);
                let indent = self.text.get(line_start..key.span.start)?;
                let rest = self.text.get(end..self.line_end(end))?.trim();
                // One member a line, unless a comment would come to stand beside the wrong one.
                let separator = if indent.trim().is_empty() && matches!(rest, "" | ",") {
                    format!(",{}{indent}", self.line_break(end))
                } else {
                    ", ".to_owned()
                };
                Some(self.splice(end, end, &format!("{separator}{member}")))
            }
            (Some((open, _)), None) => {
                let more = if self.pairs.is_empty() { "" } else { ", " };
                let at = self.pairs.first().map_or(open + 1, |(key, _)| key.span.start);
                Some(self.splice(at, at, &format!("{member}{more}")))
            }
            (None, Some((key, node))) => {
                let end = self.line_end(self.content_end(key, node)?);
                let new = format!("{}{}{member}", self.line_break(end), self.indent()?);
                Some(self.splice(end, end, &new))
            }
            (None, None) => {
                let at = self.pairs.first()?.0.span.start;
                let new = format!("{member}{}{}", self.line_break(at), self.indent()?);
                Some(self.splice(at, at, &new))
            }
        }
    }

    /// A text as a value here, and whether it has no quotes.
    fn value(&self, to: &str, quotes: Option<char>) -> (String, bool) {
        if self.bare {
            return (to.to_owned(), true);
        }
        let value = scalar::render(to, quotes, self.brackets.is_some());
        let plain = !value.starts_with(['\'', '"']);
        (value, plain)
    }

    /// A mapping of one text, as a value of a member here.
    fn inner(&self, (name, to): (&str, &str)) -> (String, bool) {
        let top = self.pairs.first().is_some_and(|(key, _)| key.span.column == 1);
        if self.brackets.is_none() && top {
            let (value, plain) = self.value(to, None);
            let at = self.pairs.last().map_or(0, |(key, _)| key.span.start);
            return (format!("{}  {name}: {value}", self.line_break(at)), plain);
        }
        let value = scalar::render(to, self.quotes(), true);
        let plain = !value.starts_with(['\'', '"']);
        let quote = if self.quotes() == Some('"') { "\"" } else { "" };
        (format!("{{{quote}{name}{quote}: {value}}}"), plain)
    }

    /// `"` where the keys have it too, as in JSON.
    pub(super) fn quotes(&self) -> Option<char> {
        let (key, _) = self.pairs.first()?;
        self.text.get(key.span.start..)?.starts_with('"').then_some('"')
    }

    /// The indentation of a new line. The first key may stand behind `- `.
    fn indent(&self) -> Option<String> {
        let (key, _) = self.pairs.get(1).or_else(|| self.pairs.first())?;
        Some(" ".repeat(key.span.column.checked_sub(1)?))
    }

    /// Behind the colon of a key.
    pub(super) fn colon(&self, key: &Key) -> Option<usize> {
        let rest = self.text.get(key.span.end..)?;
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        rest.get(spaces..)?.starts_with(':').then_some(key.span.end + spaces + 1)
    }

    /// Where a member's own text ends, comments not counted.
    pub(super) fn content_end(&self, key: &Key, node: &Node) -> Option<usize> {
        if let Some((_, end)) = node.brackets {
            return Some(end);
        }
        match &node.value {
            Value::Map(pairs) => pairs.last().and_then(|(key, node)| self.content_end(key, node)),
            Value::List(items) => items.last().and_then(|item| self.content_end(key, item)),
            // Nothing stands behind the colon.
            Value::Null if node.span.start == node.span.end => {
                Some(self.colon(key).unwrap_or(key.span.end))
            }
            _ => {
                let text = self.text.get(node.span.start..node.span.end)?;
                Some(node.span.start + text.trim_end().len())
            }
        }
    }

    /// The next comma, if only space and comments stand before it.
    pub(super) fn comma(&self, from: usize) -> Option<usize> {
        let mut rest = self.text.get(from..)?;
        loop {
            rest = rest.trim_start();
            if !rest.starts_with('#') {
                break;
            }
            rest = rest.find(['\n', '\r']).and_then(|end| rest.get(end..))?;
        }
        rest.starts_with(',').then_some(self.text.len() - rest.len())
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind(['\n', '\r']).map_or(0, |end| end + 1)
    }

    /// Before the line's break.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.find(['\n', '\r']).unwrap_or(rest.len())
    }

    /// Behind the break that stands at `end`.
    pub(super) fn after_line(&self, end: usize) -> usize {
        let rest = self.text.get(end..).unwrap_or_default();
        end + if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) }
    }

    /// The line break near a place: that line's own, else the file's first, else LF.
    pub(super) fn line_break(&self, at: usize) -> &'t str {
        let of = |from: usize| {
            let end = self.line_end(from);
            self.text.get(end..self.after_line(end)).filter(|text| !text.is_empty())
        };
        of(at).or_else(|| of(0)).unwrap_or("\n")
    }

    pub(super) fn splice(&self, start: usize, end: usize, new: &str) -> String {
        let mut text = self.text.to_owned();
        text.replace_range(start..end, new);
        text
    }
}
