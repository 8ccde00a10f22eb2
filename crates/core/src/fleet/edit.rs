//! Edits of a tenant file that keep a person's text: comments, order, quoting, line ends.
//!
//! An edit replaces the bytes of one value, puts one line (or one member between brackets) in, or
//! takes one out; nothing else moves. It works from the places that the reader of the file knows.
//! After every step the text is read again and must say exactly what was meant: an edit that
//! cannot be shown to be right is not made, and the error says what to write by hand.

mod entry;
mod scalar;
mod splice;
#[cfg(test)]
mod tests;

use super::diagnostic::Diagnostic;
use super::document::{File, Key, Node, Value};
use crate::model::{Kind, TokenRef};
pub use entry::{NewAllow, NewField, NewTenant, NewToken, add_allow, add_token, new_tenant};
use splice::Entry;

const BOM: &str = "\u{feff}";

/// What a field is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewValue {
    Text(String),
    /// A mapping of texts, such as an enrollment token's `recipient`. Members that stand there
    /// already and are not named here stay.
    Fields(Vec<(&'static str, String)>),
    /// Written as `true` or `false`, without quotes.
    Flag(bool),
}

/// A change of one field of a token's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The field says this afterwards, whether it stood there or not.
    Set(&'static str, NewValue),
    /// The field is gone afterwards, with the comment on its line; no change where it is not there.
    Remove(&'static str),
}

impl Change {
    /// A field that is to have this text.
    pub fn set(field: &'static str, text: impl Into<String>) -> Self {
        Self::Set(field, NewValue::Text(text.into()))
    }
}

/// Why a tenant file was not edited. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("{}:{}:{}: {}; {}", .mistake.file, .mistake.line, .mistake.column, .mistake.message, .instead)]
    Unreadable {
        mistake: Box<Diagnostic>,
        /// What to do instead.
        instead: String,
    },
    #[error("{file} has no entry for {token}; {instead}")]
    NoEntry {
        file: String,
        token: Box<TokenRef>,
        /// What to write by hand.
        instead: String,
    },
    #[error(
        "{file} has {count} entries that could be {token}; give each a name or `id` of its own"
    )]
    Ambiguous { file: String, token: Box<TokenRef>, count: usize },
    #[error("{file}:{line}:{column}: this cannot be edited without touching other text; {instead}")]
    ByHand {
        file: String,
        /// Counted from 1, as editors do.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What to write by hand.
        instead: String,
    },
}

/// The fields of an entry in the order in which people find them; a new one goes behind the
/// nearest of those before it.
fn order(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Push => &[
            "appleId",
            "topic",
            "topicAccepted",
            "serial",
            "expires",
            "downloadedBy",
            "file",
            "sha256",
            "publicKeySha256",
            "allow",
            "suspend",
        ],
        Kind::Enrollment => &[
            "name",
            "id",
            "appleId",
            "server",
            "expires",
            "downloaded",
            "downloadedBy",
            "file",
            "sha256",
            "recipient",
            "roleScopeTagIds",
            "allow",
            "suspend",
        ],
        Kind::Vpp => &[
            "name",
            "id",
            "appleId",
            "organization",
            "location",
            "locationId",
            "country",
            "accountType",
            "automaticallyUpdateApps",
            "expires",
            "downloadedBy",
            "file",
            "sha256",
            "roleScopeTagIds",
            "create",
            "claim",
            "allow",
            "suspend",
        ],
    }
}

/// The tenant file's own fields.
const ROOT: [&str; 14] = [
    "apiVersion",
    "kind",
    "name",
    "displayName",
    "tenantId",
    "labels",
    "contacts",
    "watch",
    "auth",
    "consent",
    "push",
    "enrollment",
    "vpp",
    "suspend",
];

/// The change of a file's text as a unified diff.
pub fn diff(path: &str, before: &str, after: &str) -> String {
    similar::TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}

/// Edits the entry of one token in a tenant file's text; `file` is its name for messages.
///
/// The entry of an enrollment or VPP token is found by `id`, else by `name`; a push entry that is
/// not there yet is begun. Whatever is not named by `changes` stays as it is, byte for byte.
pub fn edit(
    file: &str,
    text: &str,
    token: &TokenRef,
    changes: &[Change],
) -> Result<String, EditError> {
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    let mut body = body.to_owned();
    for change in changes {
        let steps = match change {
            Change::Remove(field) => vec![Step { path: vec![*field], to: None, bare: false }],
            Change::Set(field, NewValue::Text(text)) => {
                vec![Step { path: vec![*field], to: Some(text), bare: false }]
            }
            Change::Set(field, NewValue::Flag(flag)) => {
                let word = if *flag { "true" } else { "false" };
                vec![Step { path: vec![*field], to: Some(word), bare: true }]
            }
            Change::Set(field, NewValue::Fields(fields)) => fields
                .iter()
                .map(|(name, text)| Step { path: vec![*field, *name], to: Some(text), bare: false })
                .collect(),
        };
        for step in steps {
            body = apply(file, &body, token, &step)?;
        }
    }
    Ok(format!("{bom}{body}"))
}

/// Writes one setting of the ledger into the text of applecart.yaml.
pub fn set_ledger(
    file: &str,
    text: &str,
    name: &'static str,
    to: &str,
) -> Result<String, EditError> {
    const FLEET: [&str; 7] =
        ["apiVersion", "kind", "auth", "recipients", "expiry", "safety", "ledger"];
    const LEDGER: [&str; 4] = ["branch", "notes", "genesis", "notesGenesis"];
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    let step = Step { path: vec!["ledger", name], to: Some(to), bare: false };
    let instead = || step.instead();
    let root = parse(file, body, &instead)?;
    let path = [Member::Field("ledger")];
    let changed = match node_at(&root, &path) {
        Some(node) if matches!(node.value, Value::Map(_)) => {
            field_of(body, &root, &path, node, name, Some((to, false)), &LEDGER)
        }
        Some(node) if node.value != Value::Null => None,
        _ => begin(body, &root, &[], &root, "ledger", (name, to), &FLEET),
    };
    match changed {
        // What cannot be shown to be right is not done.
        Some((edited, wanted))
            if parse(file, &edited, &instead).is_ok_and(|read| same(&read, &wanted)) =>
        {
            Ok(format!("{bom}{edited}"))
        }
        _ => Err(EditError::ByHand {
            file: file.to_owned(),
            line: node_at(&root, &path).map_or(1, |node| node.span.line),
            column: 1,
            instead: step.instead(),
        }),
    }
}

/// One field, and the text it is to have; without one it is to go.
struct Step<'a> {
    path: Vec<&'static str>,
    to: Option<&'a str>,
    /// It is a word of YAML's own, such as `true`, and stands without quotes.
    bare: bool,
}

impl Step<'_> {
    /// The text, and whether it stands without quotes.
    fn word(&self) -> Option<(&str, bool)> {
        self.to.map(|text| (text, self.bare))
    }

    /// What a person writes instead.
    fn instead(&self) -> String {
        let path = self.path.join(".");
        match self.to {
            Some(text) if self.bare => format!("write by hand: {path}: {text}"),
            Some(text) => format!("write by hand: {path}: {}", scalar::render(text, None, true)),
            None => format!("remove `{path}` by hand"),
        }
    }
}

fn apply(file: &str, text: &str, token: &TokenRef, step: &Step<'_>) -> Result<String, EditError> {
    let root = parse(file, text, &|| step.instead())?;
    let by_hand = |place: &Node| EditError::ByHand {
        file: file.to_owned(),
        line: place.span.line,
        column: place.span.column,
        instead: step.instead(),
    };
    let path = locate(file, &root, token, step)?;
    let Some((edited, wanted)) = change(text, &root, &path, token.kind, step) else {
        let nearest = path.iter().scan(&root, |node, name| {
            *node = name.of(node)?;
            Some(*node)
        });
        return Err(by_hand(nearest.last().unwrap_or(&root)));
    };
    // What cannot be shown to be right is not done.
    match parse(file, &edited, &|| step.instead()) {
        Ok(read) if same(&read, &wanted) => Ok(edited),
        _ => Err(by_hand(path.last().and_then(|_| node_at(&root, &path)).unwrap_or(&root))),
    }
}

fn parse(file: &str, text: &str, instead: &dyn Fn() -> String) -> Result<Node, EditError> {
    let unreadable = |mistake| EditError::Unreadable { mistake, instead: instead() };
    let mut opened = File::open(file, text.as_bytes()).map_err(unreadable)?;
    let root = opened.parse();
    match (root, opened.close().into_iter().next()) {
        (Some(root), None) => Ok(root),
        (_, Some(mistake)) => Err(unreadable(Box::new(mistake))),
        (None, None) => {
            Err(EditError::ByHand { file: file.to_owned(), line: 1, column: 1, instead: instead() })
        }
    }
}

/// One step from a collection to a member.
#[derive(Clone, Copy, Debug)]
enum Member {
    Field(&'static str),
    Item(usize),
}

impl Member {
    fn of(self, node: &Node) -> Option<&Node> {
        match (self, &node.value) {
            (Self::Field(name), Value::Map(pairs)) => field(pairs, name).map(|(_, node)| node),
            (Self::Item(index), Value::List(items)) => items.get(index),
            _ => None,
        }
    }

    fn of_mut(self, node: &mut Node) -> Option<&mut Node> {
        match (self, &mut node.value) {
            (Self::Field(name), Value::Map(pairs)) => {
                pairs.iter_mut().find(|(key, _)| key.text == name).map(|(_, node)| node)
            }
            (Self::Item(index), Value::List(items)) => items.get_mut(index),
            _ => None,
        }
    }
}

fn node_at<'n>(root: &'n Node, path: &[Member]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, member| member.of(node))
}

fn field<'n>(pairs: &'n [(Key, Node)], name: &str) -> Option<&'n (Key, Node)> {
    pairs.iter().find(|(key, _)| key.text == name)
}

/// The way to the token's entry. Of a push entry that is not there, the way that it will have.
fn locate(
    file: &str,
    root: &Node,
    token: &TokenRef,
    step: &Step<'_>,
) -> Result<Vec<Member>, EditError> {
    let kind = token.kind.as_str();
    let list = match token.kind {
        Kind::Push => return Ok(vec![Member::Field("push")]),
        Kind::Enrollment => Member::Field("enrollment"),
        Kind::Vpp => Member::Field("vpp"),
    };
    let text_of = |item: &Node, name: &str| match &item.value {
        Value::Map(pairs) => match field(pairs, name).map(|(_, node)| &node.value) {
            Some(Value::Scalar { text, .. }) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    let items = match list.of(root).map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    let having = |name: &str, wanted: Option<&String>| -> Vec<usize> {
        let Some(wanted) = wanted else { return Vec::new() };
        let fits = |item: &&(usize, &Node)| {
            text_of(item.1, name).is_some_and(|text| {
                if name == "id" { text.eq_ignore_ascii_case(wanted) } else { text == *wanted }
            })
        };
        let all: Vec<(usize, &Node)> = items.iter().enumerate().collect();
        all.iter().filter(fits).map(|(index, _)| *index).collect()
    };
    let mut found = having("id", token.id.as_ref());
    if found.is_empty() {
        found = having("name", token.name.as_ref());
    }
    match found.as_slice() {
        [index] => Ok(vec![list, Member::Item(*index)]),
        [] => Err(EditError::NoEntry {
            file: file.to_owned(),
            token: Box::new(token.clone()),
            instead: format!(
                "add one by hand under `{kind}:` with the token's `name`, then {}",
                step.instead()
            ),
        }),
        several => Err(EditError::Ambiguous {
            file: file.to_owned(),
            token: Box::new(token.clone()),
            count: several.len(),
        }),
    }
}

/// The edited text and what it must say, or `None` where it takes a person.
fn change(
    text: &str,
    root: &Node,
    path: &[Member],
    kind: Kind,
    step: &Step<'_>,
) -> Option<(String, Node)> {
    let (&name, rest) = step.path.split_first()?;
    match node_at(root, path) {
        Some(entry) => match (rest, step.to) {
            ([], _) => field_of(text, root, path, entry, name, step.word(), order(kind)),
            ([inner], Some(to)) => {
                let deeper: Vec<Member> =
                    path.iter().copied().chain([Member::Field(name)]).collect();
                match node_at(root, &deeper) {
                    Some(node) if matches!(node.value, Value::Map(_)) => {
                        let inner_order = ["issuer", "serial"];
                        field_of(text, root, &deeper, node, inner, Some((to, false)), &inner_order)
                    }
                    Some(node) if node.value != Value::Null => None,
                    _ => begin(text, root, path, entry, name, (inner, to), order(kind)),
                }
            }
            _ => None,
        },
        // Only a push entry can be begun; the others need a name, which `locate` asked for.
        None => match (path, step.to, rest) {
            (_, None, _) => Some((text.to_owned(), root.clone())),
            ([Member::Field(push)], Some(to), []) => {
                let top = Entry::of(text, root)?;
                let (edited, plain) = top.insert_mapping(push, (name, to), &ROOT)?;
                let mut wanted = root.clone();
                let entry = mapping(name, to, plain);
                put(&mut wanted, &[], push, entry, &ROOT);
                Some((edited, wanted))
            }
            _ => None,
        },
    }
}

/// Sets, adds or removes one text in a mapping.
fn field_of(
    text: &str,
    root: &Node,
    path: &[Member],
    entry: &Node,
    name: &'static str,
    to: Option<(&str, bool)>,
    order: &[&str],
) -> Option<(String, Node)> {
    let mut wanted = root.clone();
    let (to, bare) = (to.map(|(text, _)| text), to.is_some_and(|(_, bare)| bare));
    if entry.value == Value::Null {
        // `push:` with nothing behind it.
        let Some(to) = to else { return Some((text.to_owned(), wanted)) };
        let (parent, Member::Field(own)) = (node_at(root, &[])?, *path.last()?) else {
            return None;
        };
        if path.len() != 1 {
            return None;
        }
        let (edited, plain) = Entry::of(text, parent)?.bare(bare).fill(own, (name, to))?;
        *node_at_mut(&mut wanted, path)? = mapping(name, to, plain);
        return Some((edited, wanted));
    }
    let here = Entry::of(text, entry)?.bare(bare);
    let Value::Map(pairs) = &entry.value else { return None };
    let (edited, plain) = match (field(pairs, name), to) {
        (None, None) => return Some((text.to_owned(), wanted)),
        (Some((_, node)), Some(to)) if matches!(&node.value, Value::Scalar { text, plain } if text == to && (*plain || !bare)) =>
        {
            return Some((text.to_owned(), wanted));
        }
        (Some((key, node)), Some(to)) => here.replace(key, node, to)?,
        (Some(_), None) => {
            let Value::Map(pairs) = &mut node_at_mut(&mut wanted, path)?.value else { return None };
            pairs.retain(|(key, _)| key.text != name);
            return Some((here.remove(name)?, wanted));
        }
        (None, Some(to)) => here.insert(name, to, order)?,
    };
    let value = Value::Scalar { text: to?.to_owned(), plain };
    let node = Node { span: entry.span, value, brackets: None };
    put(&mut wanted, path, name, node, order);
    Some((edited, wanted))
}

/// Begins a mapping with one text in it.
fn begin(
    text: &str,
    root: &Node,
    path: &[Member],
    entry: &Node,
    name: &'static str,
    first: (&'static str, &str),
    order: &[&str],
) -> Option<(String, Node)> {
    let Value::Map(pairs) = &entry.value else { return None };
    let here = Entry::of(text, entry)?;
    let (edited, plain) = match field(pairs, name) {
        Some(_) => here.fill(name, first)?,
        None => here.insert_mapping(name, first, order)?,
    };
    let mut wanted = root.clone();
    put(&mut wanted, path, name, mapping(first.0, first.1, plain), order);
    Some((edited, wanted))
}

fn node_at_mut<'n>(root: &'n mut Node, path: &[Member]) -> Option<&'n mut Node> {
    path.iter().try_fold(root, |node, member| member.of_mut(node))
}

fn mapping(name: &str, text: &str, plain: bool) -> Node {
    let span = super::document::Span::default();
    let value = Value::Scalar { text: text.to_owned(), plain };
    let key = Key { span, text: name.to_owned() };
    let value = Value::Map(vec![(key, Node { span, value, brackets: None })]);
    Node { span, value, brackets: None }
}

/// Puts a field into what the text is to say.
fn put(root: &mut Node, path: &[Member], name: &str, node: Node, order: &[&str]) {
    let Some(Node { value: Value::Map(pairs), .. }) = node_at_mut(root, path) else { return };
    match pairs.iter_mut().find(|(key, _)| key.text == name) {
        Some((_, old)) => *old = node,
        None => {
            let at = splice::neighbour(pairs, name, order).map_or(0, |index| index + 1);
            pairs.insert(at, (Key { span: node.span, text: name.to_owned() }, node));
        }
    }
}

/// Whether two trees say the same, wherever it stands.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((a, x), (b, y))| a.text == b.text && same(x, y))
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(x, y)| same(x, y))
        }
        (one, other) => one == other,
    }
}
