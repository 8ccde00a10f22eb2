//! Whole entries: one put into a file that a person wrote, and a file that does not exist yet.

use chrono::NaiveDate;

use super::super::document::{Key, Node, Span, Value};
use super::super::tenant::Allow;
use super::splice::Entry;
use super::{
    BOM, EditError, Member, ROOT, Step, field, locate, node_at, node_at_mut, order, parse, put,
    same, scalar,
};
use crate::model::{Kind, TenantId, TenantName, TokenRef};
use crate::rules::codes::Reason;

/// What a field of a new entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewField {
    Text(String),
    /// Written as `true` or `false`, without quotes.
    Flag(bool),
    /// A list of texts, such as an enrollment token's `roleScopeTagIds`.
    Texts(Vec<String>),
}

/// The entry of a token, field by field in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Which of the three.
    pub kind: Kind,
    /// Its fields; at least one.
    pub fields: Vec<(&'static str, NewField)>,
}

/// A tenant file that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// The tenant's name, which is its folder's.
    pub name: TenantName,
    /// What people call it.
    pub display_name: Option<String>,
    /// Its directory id in Entra.
    pub tenant_id: TenantId,
    /// Its sign-in profile, where it is not the fleet's default.
    pub auth: Option<String>,
    /// Its tokens; of one kind in the order in which they are written.
    pub tokens: Vec<NewToken>,
}

/// Writes a tenant file, with the line by which editors find the schema.
pub fn new_tenant(tenant: &NewTenant) -> String {
    let mut out = String::from(
        "# yaml-language-server: $schema=../../.applecart/tenant.schema.json\napiVersion: applecart/v1\nkind: Tenant\n",
    );
    let mut line = |name: &str, text: &str| {
        out.push_str(&format!("{name}: {}\n", scalar::render(text, None, false)));
    };
    line("name", tenant.name.as_str());
    if let Some(display_name) = &tenant.display_name {
        line("displayName", display_name);
    }
    line("tenantId", &tenant.tenant_id.to_string());
    if let Some(auth) = &tenant.auth {
        line("auth", auth);
    }
    for kind in Kind::ALL {
        let mut entries = tenant.tokens.iter().filter(|token| token.kind == kind).peekable();
        if entries.peek().is_some() {
            out.push_str(&format!("{kind}:"));
        }
        for token in entries {
            let item = if kind == Kind::Push { None } else { Some("  ") };
            out.push_str(&token.members().lines(item, "\n"));
        }
        if tenant.tokens.iter().any(|token| token.kind == kind) {
            out.push('\n');
        }
    }
    out
}

impl NewField {
    fn render(&self, quotes: Option<char>, between_brackets: bool) -> String {
        match self {
            Self::Text(text) => scalar::render(text, quotes, between_brackets),
            Self::Flag(flag) => flag.to_string(),
            Self::Texts(texts) => {
                let texts: Vec<String> =
                    texts.iter().map(|text| scalar::render(text, quotes, true)).collect();
                format!("[{}]", texts.join(", "))
            }
        }
    }

    fn node(&self, quotes: Option<char>, between_brackets: bool) -> Node {
        let scalar = |text: &str, rendered: &str| Value::Scalar {
            text: text.to_owned(),
            plain: !rendered.starts_with(['\'', '"']),
        };
        let value = match self {
            Self::Text(text) => scalar(text, &self.render(quotes, between_brackets)),
            Self::Flag(flag) => Value::Scalar { text: flag.to_string(), plain: true },
            Self::Texts(texts) => Value::List(
                texts
                    .iter()
                    .map(|text| plain_node(scalar(text, &scalar::render(text, quotes, true))))
                    .collect(),
            ),
        };
        plain_node(value)
    }
}

fn plain_node(value: Value) -> Node {
    Node { span: Span::default(), value, brackets: None }
}

/// The members of a new mapping.
struct Members<'a>(&'a [(&'static str, NewField)]);

impl Members<'_> {
    /// The mapping in lines, each after a break; `item` is the indentation of the list's hyphen, and
    /// without it the entry is a mapping under a key at the left edge.
    fn lines(&self, item: Option<&str>, line_break: &str) -> String {
        let mut out = String::new();
        for (index, (name, field)) in self.0.iter().enumerate() {
            let lead = match (item, index) {
                (None, _) => "  ".to_owned(),
                (Some(indent), 0) => format!("{indent}- "),
                (Some(indent), _) => format!("{indent}  "),
            };
            out.push_str(&format!("{line_break}{lead}{name}: {}", field.render(None, false)));
        }
        out
    }

    /// The mapping between brackets.
    fn flow(&self, quotes: Option<char>) -> String {
        let quote = if quotes == Some('"') { "\"" } else { "" };
        let members: Vec<String> = self
            .0
            .iter()
            .map(|(name, field)| format!("{quote}{name}{quote}: {}", field.render(quotes, true)))
            .collect();
        format!("{{{}}}", members.join(", "))
    }

    fn node(&self, quotes: Option<char>, between_brackets: bool) -> Node {
        let pairs = self.0.iter().map(|(name, field)| {
            let key = Key { span: Span::default(), text: (*name).to_owned() };
            (key, field.node(quotes, between_brackets))
        });
        plain_node(Value::Map(pairs.collect()))
    }
}

impl NewToken {
    fn members(&self) -> Members<'_> {
        Members(&self.fields)
    }

    fn instead(&self) -> String {
        format!("write by hand under `{}`: - {}", self.kind, self.members().flow(None))
    }
}

/// Puts the entry of an enrollment or VPP token behind the others of its kind, or a push entry
/// where there is none. `file` is the file's name for messages; whatever stands there already
/// stays as it is, byte for byte.
pub fn add_token(file: &str, text: &str, token: &NewToken) -> Result<String, EditError> {
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    let instead = || token.instead();
    let root = parse(file, body, &instead)?;
    let by_hand = || EditError::ByHand {
        file: file.to_owned(),
        line: root.span.line,
        column: root.span.column,
        instead: token.instead(),
    };
    let (edited, wanted) = put_in(body, &root, token).ok_or_else(by_hand)?;
    // What cannot be shown to be right is not done.
    match parse(file, &edited, &instead) {
        Ok(read) if same(&read, &wanted) => Ok(format!("{bom}{edited}")),
        _ => Err(by_hand()),
    }
}

/// The text with the entry, and what it must say.
fn put_in(text: &str, root: &Node, token: &NewToken) -> Option<(String, Node)> {
    let Value::Map(pairs) = &root.value else { return None };
    let top = Entry::of(text, root)?;
    let name = token.kind.as_str();
    let is_item = token.kind != Kind::Push;
    let item = is_item.then_some("  ");
    let quotes = top.quotes();
    let members = token.members();
    let mut wanted = root.clone();
    let listed = |node: Node| match is_item {
        true => plain_node(Value::List(vec![node])),
        false => node,
    };
    let Some((key, there)) = field(pairs, name) else {
        let in_flow = root.brackets.is_some();
        let value = match (in_flow, is_item) {
            (true, true) => format!("[{}]", members.flow(quotes)),
            (true, false) => members.flow(quotes),
            (false, _) => members.lines(item, top.line_break(pairs.last()?.0.span.start)),
        };
        let edited = top.insert_raw(name, &value, &ROOT)?;
        let node = if in_flow { members.node(quotes, true) } else { members.node(None, false) };
        put(&mut wanted, &[], name, listed(node), &ROOT);
        return Some((edited, wanted));
    };
    let slot = [Member::Field(match token.kind {
        Kind::Push => "push",
        Kind::Enrollment => "enrollment",
        Kind::Vpp => "vpp",
    })];
    match &there.value {
        // The key stands there without a value: the list begins on the next line.
        Value::Null if there.span.start == there.span.end && root.brackets.is_none() => {
            let end = top.line_end(top.colon(key)?);
            let lines = members.lines(item, top.line_break(key.span.start));
            *node_at_mut(&mut wanted, &slot)? = listed(members.node(None, false));
            Some((top.splice(end, end, &lines), wanted))
        }
        Value::List(items) if is_item => {
            let (edited, node) = append(text, &top, (key, there), items, &members)?;
            let Value::List(items) = &mut node_at_mut(&mut wanted, &slot)?.value else {
                return None;
            };
            items.push(node);
            Some((edited, wanted))
        }
        _ => None,
    }
}

/// Puts a mapping behind the last item of a list, in the list's own style.
fn append(
    text: &str,
    around: &Entry<'_>,
    (key, list): (&Key, &Node),
    items: &[Node],
    members: &Members<'_>,
) -> Option<(String, Node)> {
    let quotes = around.quotes();
    Some(match (list.brackets, items.last()) {
        (Some((open, _)), None) => {
            let at = open + 1;
            (around.splice(at, at, &members.flow(quotes)), members.node(quotes, true))
        }
        (Some(_), Some(last)) => {
            let end = around.content_end(key, last)?;
            let member = format!(", {}", members.flow(quotes));
            (around.splice(end, end, &member), members.node(quotes, true))
        }
        (None, last) => {
            let first = items.first()?;
            let line = around.line_start(first.span.start);
            let before = text.get(line..first.span.start)?;
            let indent: String = before.chars().take_while(|c| *c == ' ').collect();
            if !before.trim_start().starts_with("- ") {
                return None;
            }
            let end = around.line_end(around.content_end(key, last?)?);
            let lines = members.lines(Some(&indent), around.line_break(end));
            (around.splice(end, end, &lines), members.node(None, false))
        }
    })
}

/// A line by which a reviewed tenant file releases one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAllow {
    pub hold: Reason,
    pub from: String,
    pub to: String,
    pub reason: String,
    /// The last day on which it counts.
    pub until: NaiveDate,
}

impl From<NewAllow> for Allow {
    fn from(NewAllow { hold, from, to, reason, until }: NewAllow) -> Self {
        Self { hold, from, to, reason, until }
    }
}

/// Adds a line to the `allow` of a token's entry, behind those that stand there.
pub fn add_allow(
    file: &str,
    text: &str,
    token: &TokenRef,
    allow: &NewAllow,
) -> Result<String, EditError> {
    let (bom, body) = match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    };
    let field = |text: &str| NewField::Text(text.to_owned());
    let fields = [
        ("hold", field(allow.hold.as_str())),
        ("from", field(&allow.from)),
        ("to", field(&allow.to)),
        ("reason", field(&allow.reason)),
        ("until", field(&allow.until.to_string())),
    ];
    let members = Members(&fields);
    let line = format!("[{}]", members.flow(None));
    let step = Step { path: vec!["allow"], to: Some(&line), bare: true };
    let instead = || step.instead();
    let root = parse(file, body, &instead)?;
    let path = locate(file, &root, token, &step)?;
    let by_hand = || EditError::ByHand {
        file: file.to_owned(),
        line: root.span.line,
        column: root.span.column,
        instead: step.instead(),
    };
    let edited = put_allow(body, &root, &path, token.kind, &members);
    let (edited, wanted) = edited.ok_or_else(by_hand)?;
    // What cannot be shown to be right is not done.
    match parse(file, &edited, &instead) {
        Ok(read) if same(&read, &wanted) => Ok(format!("{bom}{edited}")),
        _ => Err(by_hand()),
    }
}

/// The text with the line, and what it must say.
fn put_allow(
    text: &str,
    root: &Node,
    path: &[Member],
    kind: Kind,
    members: &Members<'_>,
) -> Option<(String, Node)> {
    const NAME: &str = "allow";
    let entry = node_at(root, path)?;
    let Value::Map(pairs) = &entry.value else { return None };
    let here = Entry::of(text, entry)?;
    let mut wanted = root.clone();
    let Some((key, there)) = field(pairs, NAME) else {
        let quotes = here.quotes();
        let value = format!("[{}]", members.flow(quotes));
        let edited = here.insert_raw(NAME, &value, order(kind))?;
        let list = plain_node(Value::List(vec![members.node(quotes, true)]));
        put(&mut wanted, path, NAME, list, order(kind));
        return Some((edited, wanted));
    };
    let Value::List(items) = &there.value else { return None };
    let (edited, node) = append(text, &here, (key, there), items, members)?;
    let slot: Vec<Member> = path.iter().copied().chain([Member::Field(NAME)]).collect();
    let Value::List(items) = &mut node_at_mut(&mut wanted, &slot)?.value else { return None };
    items.push(node);
    Some((edited, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vpp(name: &str) -> NewToken {
        let text = |text: &str| NewField::Text(text.to_owned());
        NewToken {
            kind: Kind::Vpp,
            fields: vec![
                ("name", text(name)),
                ("country", text("no")),
                ("automaticallyUpdateApps", NewField::Flag(true)),
                ("roleScopeTagIds", NewField::Texts(vec!["0".to_owned(), "12".to_owned()])),
            ],
        }
    }

    const HEAD: &str = "apiVersion: applecart/v1\nkind: Tenant # ours\nname: contoso\n";
    const LINES: &str = "- name: Paris\n    country: 'no'\n    automaticallyUpdateApps: true\n    roleScopeTagIds: ['0', '12']";
    const FLOW: &str =
        "{name: Paris, country: 'no', automaticallyUpdateApps: true, roleScopeTagIds: ['0', '12']}";

    #[track_caller]
    fn added(before: &str, after: &str) {
        for (line_break, bom) in [("\n", ""), ("\r\n", ""), ("\n", BOM)] {
            let write = |text: &str| format!("{bom}{HEAD}{text}").replace('\n', line_break);
            let edited = add_token("f", &write(before), &vpp("Paris"));
            assert_eq!(edited.as_deref(), Ok(write(after).as_str()), "{before}");
        }
    }

    #[test]
    fn an_entry_goes_behind_the_others_and_nothing_else_moves() {
        added("", &format!("vpp:\n  {LINES}\n"));
        added(
            "push:\n  appleId: a@b # x\n",
            &format!("push:\n  appleId: a@b # x\nvpp:\n  {LINES}\n"),
        );
        added(
            "suspend: {reason: x, until: 2026-12-31} # why\n",
            &format!("vpp:\n  {LINES}\nsuspend: {{reason: x, until: 2026-12-31}} # why\n"),
        );
    }

    #[test]
    fn an_entry_follows_the_style_of_its_list() {
        let london = "vpp: # all\n  - name: London # one\n    location: London # x\n# end\n";
        added(london, &london.replace("# end", &format!("  {LINES}\n# end")));
        // At the left edge, as some write lists.
        let edge = "vpp:\n- {name: London}\n";
        added(edge, &format!("{edge}{}\n", LINES.replace("\n    ", "\n  ")));
        added("vpp: [] # none\n", &format!("vpp: [{FLOW}] # none\n"));
        added("vpp: [{name: L}, ]\n", &format!("vpp: [{{name: L}}, {FLOW}, ]\n"));
        added("vpp: # none\n", &format!("vpp: # none\n  {LINES}\n"));
    }

    #[test]
    fn an_allow_line_goes_behind_those_that_stand_there() {
        let allow = NewAllow {
            hold: Reason::AppleIdChange,
            from: "a@b.example".to_owned(),
            to: "c@d.example".to_owned(),
            reason: "moved: at Apple".to_owned(),
            until: "2026-12-31".parse().unwrap(),
        };
        const LINE: &str = "{hold: apple-id-change, from: a@b.example, to: c@d.example, reason: 'moved: at Apple', until: '2026-12-31'}";
        let added = |push: &str| {
            let text = format!("{HEAD}push:{push}vpp: [] # none\n");
            let edited = add_allow("f", &text, &TokenRef::push(), &allow).unwrap();
            edited.replace(HEAD, "").replace("vpp: [] # none\n", "")
        };
        assert_eq!(
            added("\n  appleId: c@d.example # new\n  file: x\n"),
            format!("push:\n  appleId: c@d.example # new\n  file: x\n  allow: [{LINE}]\n")
        );
        assert_eq!(added(" {file: x}\n"), format!("push: {{file: x, allow: [{LINE}]}}\n"));
        assert_eq!(
            added("\n  file: x\n  allow: [{hold: rejected}] # why\n"),
            format!("push:\n  file: x\n  allow: [{{hold: rejected}}, {LINE}] # why\n")
        );
        let lines = added("\n  file: x\n  allow:\n    - hold: rejected\n      from: y\n");
        assert!(
            lines.ends_with("      from: y\n    - hold: apple-id-change\n      from: a@b.example\n      to: c@d.example\n      reason: 'moved: at Apple'\n      until: '2026-12-31'\n"),
            "{lines}"
        );
        let error = add_allow("f", HEAD, &TokenRef::push(), &allow).unwrap_err();
        assert!(error.to_string().contains(LINE), "what to write by hand: {error}");
    }

    #[test]
    fn json_stays_json() {
        let json = r#"{"name": "contoso", "vpp": [{"name": "London"}]}"#;
        let edited = add_token("f", json, &vpp("Paris")).unwrap();
        let read: serde_json::Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(read["vpp"][1]["automaticallyUpdateApps"], true);
        let edited = add_token("f", r#"{"name": "contoso"}"#, &vpp("Paris")).unwrap();
        let read: serde_json::Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(read["vpp"][0]["country"], "no");
    }

    #[test]
    fn what_cannot_be_added_is_said_with_what_to_write() {
        let error = add_token("f", &format!("{HEAD}vpp: ~\n"), &vpp("Paris")).unwrap_err();
        assert!(error.to_string().contains(&format!("under `vpp`: - {FLOW}")), "{error}");
    }

    #[test]
    fn a_new_file_says_what_it_was_told() {
        let text = new_tenant(&NewTenant {
            name: "contoso".parse().unwrap(),
            display_name: Some("Contoso: \"A\" & Söhne".to_owned()),
            tenant_id: "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap(),
            auth: None,
            tokens: vec![vpp("London"), vpp("Paris")],
        });
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read["displayName"], "Contoso: \"A\" & Söhne");
        assert_eq!(read["vpp"][1]["name"], "Paris");
        assert_eq!(read["vpp"][0]["country"], "no");
        assert!(text.starts_with("# yaml-language-server: $schema="), "{text}");
        assert!(text.ends_with("'12']\n"), "{text}");
    }
}
