//! YAML text → a tree in which every key and value knows its place.
//!
//! This is the only file that knows the YAML reader. It takes the reader's events, not its serde
//! side, for three reasons: a plain scalar keeps its spelling (`no`, `0123`, `21E7` stay text),
//! every key and value keeps its place, and what a settings file has no use for (anchors, merge
//! keys, tags, directives, several documents) can be refused in words instead of being resolved.
//! Without aliases no input can grow: all work is linear in a size that is capped beforehand.

use std::collections::{BTreeSet, HashSet};

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::diagnostic::{Code, Diagnostic};
use super::source::MAX_SETTINGS_BYTES;
use super::text::{Excerpt, excerpt, quote};

/// Deepest nesting that is read; the deepest valid file (`applecart.yaml`'s profiles) has 4.
const MAX_DEPTH: usize = 16;

/// Most mistakes that are shown for one file. A file with more is broken in one way many times,
/// and a fleet of such files must not fill the memory.
pub(super) const MAX_MISTAKES: usize = 100;

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Span {
    /// Byte offsets into the text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Counted from 1, as editors do.
    pub(super) line: usize,
    /// Counted from 1, in characters.
    pub(super) column: usize,
    /// In characters, on the first line.
    pub(super) length: usize,
}

impl Span {
    fn of(span: granit_parser::Span) -> Self {
        let (start, end) = (span.start, span.end);
        let length =
            if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
        Self {
            start: start.byte_offset().unwrap_or_default(),
            end: end.byte_offset().unwrap_or_default(),
            line: start.line(),
            column: start.col() + 1,
            length,
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Of a mapping or list: of its first key or value.
    pub(super) span: Span,
    pub(super) value: Value,
    /// Of a mapping or list between brackets: where they stand, both included, as byte offsets.
    pub(super) brackets: Option<(usize, usize)>,
}

impl Node {
    /// What a mapping has under a key.
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        let Value::Map(pairs) = &self.value else { return None };
        pairs.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The text of a scalar, as it was spelt.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar as it was spelt; `plain` when without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// A mapping, in the file's order, without duplicates.
    Map(Vec<(Key, Node)>),
    /// Something that was refused and reported.
    Refused,
}

impl Value {
    /// What it is, in words with article.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar { plain: false, .. } => "a quoted text",
            Self::Scalar { .. } => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Refused => "something that is not read",
        }
    }
}

/// A mapping's key with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) span: Span,
    pub(super) text: String,
}

/// A file that is being read: its name, its text and the mistakes found so far.
pub(super) struct File<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: Vec<Diagnostic>,
    suppressed: usize,
    /// Lines that no mistake shows.
    hidden: BTreeSet<usize>,
}

impl<'a> File<'a> {
    /// Opens the bytes of a file as text, or says why they are none.
    pub(super) fn open(name: &'a str, bytes: &'a [u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() as u64 > MAX_SETTINGS_BYTES {
            return Err(Box::new(too_long(name, bytes.len() as u64)));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                name,
                text,
                mistakes: Vec::new(),
                suppressed: 0,
                hidden: BTreeSet::new(),
            }),
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
                let message = format!("line {line} has bytes that are not UTF-8 text");
                let mistake = Diagnostic::of_file(Code::NotUtf8, name, message)
                    .with_help("save the file in the encoding UTF-8");
                Err(Box::new(Diagnostic { line, ..mistake }))
            }
        }
    }

    /// A mistake at a place, not yet counted; see [`File::add`].
    pub(super) fn mistake(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        // What will not be shown need not be cut out of the text.
        let shown = if self.mistakes.len() < MAX_MISTAKES {
            excerpt(self.text, span.start, span.length)
        } else {
            Excerpt::default()
        };
        Diagnostic::of_file(code, self.name, message).at(span.line, span.column, span.length, shown)
    }

    pub(super) fn add(&mut self, mistake: Diagnostic) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push(mistake);
        } else {
            self.suppressed += 1;
        }
    }

    /// No mistake shows this line: it may hold a secret.
    pub(super) fn hide(&mut self, line: usize) {
        self.hidden.insert(line);
    }

    /// The mistakes, sorted by place.
    pub(super) fn close(mut self) -> Vec<Diagnostic> {
        let on_hidden = |mistake: &&mut Diagnostic| self.hidden.contains(&mistake.line);
        self.mistakes.iter_mut().filter(on_hidden).for_each(Diagnostic::hide);
        self.mistakes.sort();
        self.mistakes.dedup();
        if self.suppressed > 0 {
            self.mistakes.push(Diagnostic::of_file(
                Code::TooManyMistakes,
                self.name,
                format!("{} more mistakes in this file are not shown", self.suppressed),
            ));
        }
        self.mistakes
    }

    /// Adds a mistake with advice.
    pub(super) fn refuse(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mistake = self.mistake(code, span, message).with_help(help);
        self.add(mistake);
    }

    /// Parses the text; `None` when there is nothing to go on with (and a mistake says why).
    pub(super) fn parse(&mut self) -> Option<Node> {
        if let Some((at, c)) = self.text.char_indices().find(|&(_, c)| is_forbidden(c)) {
            let span = self.span_at(at);
            let message = format!("the character {} is not allowed in YAML", c.escape_unicode());
            self.add(self.mistake(Code::Syntax, span, message));
            return None;
        }
        // The reader's own limits stand a little above ours, so that ours is the one reported.
        let options = granit_parser::options! {
            disallow_directives: true,
            emit_comments: false,
            emit_anchor_events: true,
            flow_nesting_limit: MAX_DEPTH * 2,
            block_nesting_limit: MAX_DEPTH * 2,
        };
        let text = self.text;
        let mut tree = Tree::default();
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.add(self.syntax(&error));
                    return None;
                }
            };
            if !tree.take(self, event, Span::of(span)) {
                return None;
            }
        }
        let root = tree.root.filter(|root| root.value != Value::Null);
        if root.is_none() {
            self.add(
                Diagnostic::of_file(Code::EmptyFile, self.name, "the file has no content")
                    .with_help("start with `apiVersion: applecart/v1`"),
            );
        }
        root
    }

    /// Where a collection's brackets stand; `None` of one that is told by its indentation.
    fn brackets(
        &self,
        start: usize,
        end: usize,
        open: &str,
        close: &str,
    ) -> Option<(usize, usize)> {
        let text = self.text.get(start..end)?;
        (text.starts_with(open) && text.ends_with(close)).then_some((start, end))
    }

    fn span_at(&self, at: usize) -> Span {
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
        Span {
            start: at,
            end: at,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            length: 1,
        }
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let mark = *error.marker();
        // Behind the end there is no line to show; the last character's place is the next best.
        let mut at = mark.byte_offset().unwrap_or_default().min(self.text.len());
        if at == self.text.len() {
            at = self.text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
        }
        let span = self.span_at(at);
        let (code, message, help) = words_of(error);
        let mistake = self.mistake(code, span, message);
        match help {
            Some(help) => mistake.with_help(help),
            None => mistake,
        }
    }
}

/// A settings file over its limit.
pub(super) fn too_long(file: &str, size: u64) -> Diagnostic {
    Diagnostic::of_file(
        Code::FileTooLong,
        file,
        format!("the file has {size} bytes, more than the {MAX_SETTINGS_BYTES} that are read"),
    )
}

/// YAML 1.2 §5.1: C0 controls other than tab and line breaks, DEL and most of C1.
fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

fn words_of(error: &ScanError) -> (Code, String, Option<&'static str>) {
    let quotes = "put the value in single quotes if it is meant as text";
    let (code, message, help) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            return (Code::TooDeep, too_deep(), None);
        }
        ErrorKind::DirectiveDisallowed => (
            Code::UnsupportedYaml,
            "a line that starts with `%` is a YAML directive, which is not read here",
            Some("remove the line"),
        ),
        ErrorKind::UnknownAnchor => (
            Code::UnsupportedYaml,
            "`*` starts a YAML alias, which is not read here",
            Some("write the value out, or put it in single quotes if it is meant as text"),
        ),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation => {
            (Code::Syntax, "a tab is used for indentation", Some("indent with spaces"))
        }
        ErrorKind::InvalidIndentation => {
            (Code::Syntax, "the indentation does not fit the lines above", None)
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected => (
            Code::Syntax,
            "a key is expected here, such as `name: value`",
            Some("check the indentation, and that a colon and a space follow each key"),
        ),
        ErrorKind::InvalidSimpleKey | ErrorKind::MappingValueNotAllowed => (
            Code::Syntax,
            "a key and its value are written where only a value can be",
            Some("a value that contains `: ` needs single quotes"),
        ),
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. } => {
            (Code::Syntax, "a `[` or `{` is not closed", None)
        }
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            (Code::Syntax, "a `]` or `}` closes nothing that is open here", None)
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            (Code::Syntax, "a comma or the closing bracket is missing before this", None)
        }
        ErrorKind::UnclosedQuotedScalar => (Code::Syntax, "a quote is not closed", None),
        ErrorKind::UnexpectedCharacter { .. } => {
            (Code::Syntax, "a value cannot start with this character", Some(quotes))
        }
        // The reader's own words are for programmers, but better than none.
        other => return (Code::Syntax, format!("this is not valid YAML: {other}"), None),
    };
    (code, message.to_owned(), help)
}

fn too_deep() -> String {
    format!("the nesting is deeper than {MAX_DEPTH} levels; no valid file is")
}

/// A collection whose end has not come yet.
enum Open {
    List(Span, Vec<Node>),
    Map { span: Span, pairs: Vec<(Key, Node)>, seen: HashSet<String>, pending: Pending },
}

/// What a mapping waits for.
enum Pending {
    Key,
    Value(Key),
    /// The value of a key that was refused and reported.
    Discard,
}

#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Tree {
    /// Takes one event; `false` when reading must stop.
    fn take(&mut self, file: &mut File<'_>, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let at = Span { length: 3, ..span };
                    let message = "a second YAML document starts here";
                    let help = "one file describes one thing: move the rest to its own file";
                    file.refuse(Code::SeveralDocuments, at, message, help);
                    return false;
                }
            }
            Event::Scalar(text, style, _, tag) => {
                refuse_tag(file, tag.as_deref(), span);
                self.scalar(file, &text, style == ScalarStyle::Plain, span);
            }
            Event::SequenceStart(_, _, tag) => {
                refuse_tag(file, tag.as_deref(), span);
                return self.push(file, Open::List(span, Vec::new()), span);
            }
            Event::MappingStart(_, _, tag) => {
                refuse_tag(file, tag.as_deref(), span);
                let map = Open::Map {
                    span,
                    pairs: Vec::new(),
                    seen: HashSet::new(),
                    pending: Pending::Key,
                };
                return self.push(file, map, span);
            }
            Event::SequenceEnd | Event::MappingEnd => return self.close(file, span.end),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let message = "`*` starts a YAML alias, which is not read here";
                let help = "write the value out, or put it in single quotes if it is meant as text";
                file.refuse(Code::UnsupportedYaml, span, message, help);
                self.place(file, Node { span, value: Value::Refused, brackets: None });
            }
            // Only an alias has a use for it, and who reads the file would look for one.
            Event::Anchor(..) => {
                let message = "`&` starts a YAML anchor, which is not read here";
                let help = "remove it, or put the value in single quotes if it is meant as text";
                file.refuse(Code::UnsupportedYaml, span, message, help);
            }
            _ => {}
        }
        true
    }

    /// Ends the innermost list or map.
    fn close(&mut self, file: &mut File<'_>, end: usize) -> bool {
        let node = match self.open.pop() {
            Some(Open::List(span, items)) => Node {
                brackets: file.brackets(span.start, end, "[", "]"),
                span: items.first().map_or(span, |first| first.span),
                value: Value::List(items),
            },
            Some(Open::Map { span, pairs, .. }) => Node {
                brackets: file.brackets(span.start, end, "{", "}"),
                span: pairs.first().map_or(span, |(key, _)| key.span),
                value: Value::Map(pairs),
            },
            None => return false,
        };
        self.place(file, node);
        true
    }

    fn push(&mut self, file: &mut File<'_>, open: Open, span: Span) -> bool {
        if self.open.len() >= MAX_DEPTH {
            file.add(file.mistake(Code::TooDeep, span, too_deep()));
            return false;
        }
        self.open.push(open);
        true
    }

    fn scalar(&mut self, file: &mut File<'_>, text: &str, plain: bool, span: Span) {
        if let Some(Open::Map { seen, pending, .. }) = self.open.last_mut()
            && matches!(pending, Pending::Key)
        {
            let refusal = if plain && text == "<<" {
                Some((
                    Code::UnsupportedYaml,
                    "`<<` is a YAML merge key, which is not read here".to_owned(),
                ))
            } else if !seen.insert(text.to_owned()) {
                Some((Code::DuplicateKey, format!("the key {} appears twice here", quote(text))))
            } else {
                None
            };
            *pending = match refusal {
                None => Pending::Value(Key { span, text: text.to_owned() }),
                Some((code, message)) => {
                    let mistake = file.mistake(code, span, message);
                    file.add(match code {
                        Code::DuplicateKey => mistake.with_label("the second time"),
                        _ => mistake.with_help("write the fields out"),
                    });
                    Pending::Discard
                }
            };
            return;
        }
        let value = match text {
            "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
            _ => Value::Scalar { text: text.to_owned(), plain },
        };
        self.place(file, Node { span, value, brackets: None });
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, file: &mut File<'_>, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { pairs, pending, .. }) => {
                match std::mem::replace(pending, Pending::Key) {
                    Pending::Value(key) => pairs.push((key, node)),
                    Pending::Discard => {}
                    Pending::Key => {
                        if node.value != Value::Refused {
                            file.add(file.mistake(
                                Code::UnsupportedYaml,
                                node.span,
                                "a key must be a plain word, not a list or mapping",
                            ));
                        }
                        *pending = Pending::Discard;
                    }
                }
            }
        }
    }
}

fn refuse_tag(file: &mut File<'_>, tag: Option<&granit_parser::Tag>, span: Span) {
    if let Some(tag) = tag {
        let message = format!("{} is a YAML tag, which is not read here", quote(&tag.original()));
        file.refuse(Code::UnsupportedYaml, span, message, "remove it; fields know their types");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
        let mut file = File::open("tenant.yaml", text.as_bytes()).unwrap();
        let node = file.parse();
        (node, file.close())
    }

    fn codes(text: &str) -> Vec<Code> {
        read(text).1.into_iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn scalars_keep_their_spelling() {
        let (node, mistakes) = read("a: no\nb: 0123\nc: 21E7\nd: 2026-12-31\ne: 'null'\nf:\n");
        assert_eq!(mistakes, []);
        let Value::Map(pairs) = node.unwrap().value else { panic!() };
        let values: Vec<Value> = pairs.into_iter().map(|(_, node)| node.value).collect();
        let plain = |text: &str| Value::Scalar { text: text.into(), plain: true };
        assert_eq!(
            values,
            [
                plain("no"),
                plain("0123"),
                plain("21E7"),
                plain("2026-12-31"),
                Value::Scalar { text: "null".into(), plain: false },
                Value::Null
            ]
        );
    }

    #[test]
    fn keys_and_values_know_their_places() {
        let text = "\u{feff}näme: x  # c\nlist:\n  - 'ü' \n";
        let (node, _) = read(text);
        let Value::Map(pairs) = node.unwrap().value else { panic!() };
        let text = text.trim_start_matches('\u{feff}');
        let slice = |span: Span| text.get(span.start..span.end).unwrap();
        assert_eq!(slice(pairs[0].0.span), "näme");
        assert_eq!(slice(pairs[0].1.span), "x");
        let Value::List(items) = &pairs[1].1.value else { panic!() };
        assert_eq!(slice(items[0].span), "'ü'");
        assert_eq!((items[0].span.line, items[0].span.column, items[0].span.length), (3, 5, 3));
    }

    #[test]
    fn what_settings_do_not_need_is_refused() {
        assert_eq!(codes("a: &x 1\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("a: &x 1\nb: *x\n"), [Code::UnsupportedYaml; 2]);
        assert_eq!(codes("a: &x {b: 1}\nc: &y\n  - d\n"), [Code::UnsupportedYaml; 2]);
        assert_eq!(codes("&k a: 1\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("a: '&x 1'\nb: R&D\n"), []);
        assert_eq!(codes("a: *x\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("<<: {a: 1}\nb: 2\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("a: !!str 1\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("a: !!python/object:os.system {}\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("? [a]\n: 1\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("%YAML 1.2\n---\na: 1\n"), [Code::UnsupportedYaml]);
        assert_eq!(codes("a: 1\n---\nb: 1\n"), [Code::SeveralDocuments]);
        assert_eq!(codes("a: 1\nb: 2\na: 3\n"), [Code::DuplicateKey]);
        assert_eq!(codes("# nothing\n"), [Code::EmptyFile]);
        assert_eq!(codes("a: \u{0}\n"), [Code::Syntax]);
        assert_eq!(codes("a:\n\tb: 1\n"), [Code::Syntax]);
    }

    #[test]
    fn hostile_nesting_ends_at_once() {
        let long = MAX_SETTINGS_BYTES as usize - 16;
        for unit in ["[", "{a: ", "- ", "? "] {
            assert_eq!(codes(&unit.repeat(long / unit.len())).len(), 1, "{unit:?}");
        }
    }

    #[test]
    fn aliases_cannot_grow() {
        let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
        for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
            let list = format!("*{from}, ").repeat(9);
            bomb.push_str(&format!("{to}: &{to} [{list}]\n"));
        }
        let codes = codes(&bomb);
        assert_eq!(codes.len(), 72 + 9);
        assert!(codes.iter().all(|code| *code == Code::UnsupportedYaml));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let open = |bytes: &[u8]| File::open("t", bytes).err().map(|mistake| mistake.code);
        assert_eq!(open(b"a: 1\nb: \xff\n"), Some(Code::NotUtf8));
        assert_eq!(open(b"\xff\xfea\0:\0"), Some(Code::NotUtf8));
        assert_eq!(open(&vec![b' '; MAX_SETTINGS_BYTES as usize + 1]), Some(Code::FileTooLong));
        assert_eq!(open(&[b'['; 1_000_000]), Some(Code::FileTooLong));
    }
}
