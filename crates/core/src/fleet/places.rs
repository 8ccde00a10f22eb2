//! Where a tenant's file speaks of its tokens, for remarks beside those lines.

use super::document::{File, Node, Value};
use crate::model::{Kind, TokenRef};

/// The lines of a tenant's file on which its tokens begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenLines {
    /// Where each kind's part begins.
    kinds: Vec<(Kind, usize)>,
    /// Where each token begins, with the id and the name that the file gives it.
    tokens: Vec<(TokenRef, usize)>,
}

impl TokenLines {
    /// The line of a token, else of its kind, else the first one. From 1.
    pub fn of(&self, token: &TokenRef) -> usize {
        self.tokens
            .iter()
            .find(|(known, _)| known.same_token(token))
            .map_or_else(|| self.of_kind(token.kind), |(_, line)| *line)
    }

    /// The line on which this kind's part begins, else the first one. From 1.
    pub fn of_kind(&self, kind: Kind) -> usize {
        self.kinds.iter().find(|(known, _)| *known == kind).map_or(1, |(_, line)| *line)
    }
}

/// Finds the tokens of a tenant's file. A file that cannot be read has none.
pub fn token_lines(name: &str, bytes: &[u8]) -> TokenLines {
    let mut lines = TokenLines::default();
    let Some(root) = File::open(name, bytes).ok().and_then(|mut file| file.parse()) else {
        return lines;
    };
    let Value::Map(pairs) = &root.value else { return lines };
    for (key, node) in pairs {
        let kind = match key.text.as_str() {
            "push" => Kind::Push,
            "enrollment" => Kind::Enrollment,
            "vpp" => Kind::Vpp,
            _ => continue,
        };
        lines.kinds.push((kind, key.span.line));
        match &node.value {
            Value::Map(_) if kind == Kind::Push => {
                lines.tokens.push((TokenRef::push(), key.span.line));
            }
            Value::List(items) => lines.tokens.extend(items.iter().map(|item| {
                let text = |name| item.member(name).and_then(Node::scalar).map(str::to_owned);
                let token = TokenRef { kind, name: text("name"), id: text("id") };
                (token, item.span.line)
            })),
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_line() {
        let yaml = b"kind: Tenant\nvpp:\n  - name: London\n    id: a\n\n  - id: b\n    name: Paris\npush:\n  topic: x\n";
        let lines = token_lines("tenant.yaml", yaml);
        let vpp = |name: &str, id: Option<&str>| TokenRef {
            kind: Kind::Vpp,
            name: Some(name.into()),
            id: id.map(str::to_owned),
        };
        assert_eq!(lines.of(&vpp("London", None)), 3);
        assert_eq!(lines.of(&vpp("renamed", Some("b"))), 6);
        assert_eq!(lines.of(&vpp("Rome", None)), 2);
        assert_eq!(lines.of(&TokenRef::push()), 8);
        assert_eq!(lines.of_kind(Kind::Enrollment), 1);
        assert_eq!(token_lines("tenant.yaml", b"[broken"), TokenLines::default());
    }
}
