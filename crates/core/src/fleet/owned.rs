//! What belongs to one tenant: a folder, a token file, a push topic, a location at Apple.

use std::fmt;
use std::str::FromStr;

use super::document::{File, Node, Value};
use crate::model::{LocationId, Sha256, TenantId, TenantName, Topic};

/// Something that belongs to one tenant, as a `moves` line names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owned {
    /// A folder under `tenants/`.
    Folder(String),
    Topic(Topic),
    /// A location at Apple, whose licences a VPP token gives out.
    Location(LocationId),
    /// A token file, by the SHA-256 of what it is when opened.
    File(Sha256),
    /// The same as it is encrypted, by its name in Git: no `moves` line names it.
    Sealed(String),
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(name) => write!(f, "folder:{name}"),
            Self::Topic(topic) => write!(f, "topic:{topic}"),
            Self::Location(id) => write!(f, "location:{id}"),
            Self::File(sha256) => write!(f, "sha256:{sha256}"),
            Self::Sealed(blob) => write!(f, "blob:{blob}"),
        }
    }
}

/// The text names nothing that belongs to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not folder:NAME, topic:TOPIC, location:ID or sha256:DIGEST")]
pub struct NotOwned;

impl FromStr for Owned {
    type Err = NotOwned;

    fn from_str(text: &str) -> Result<Self, NotOwned> {
        let (what, name) = text.split_once(':').ok_or(NotOwned)?;
        let owned = match what {
            "folder" => {
                name.parse().ok().map(|name: TenantName| Self::Folder(name.as_str().to_owned()))
            }
            "topic" => name.parse().ok().map(Self::Topic),
            "location" => name.parse().ok().map(Self::Location),
            "sha256" => name.parse().ok().map(Self::File),
            "blob" => Some(Self::Sealed(name.to_owned())),
            _ => None,
        };
        owned.ok_or(NotOwned)
    }
}

/// Whom a tenant file names, and what it gives to that tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    pub tenant: TenantId,
    /// What belongs to the tenant besides the folder and what is in it.
    pub owned: Vec<Owned>,
    /// The names of the token files in the folder.
    pub files: Vec<String>,
    /// Whether the push entry has a topic and no file, so that it only watches Intune's certificate.
    pub watches_topic: bool,
}

/// Reads a tenant file for these values alone, because files of long ago need not be what is valid
/// today.
pub fn stated_in(tenant_file: &[u8]) -> Option<Stated> {
    let root = File::open("", tenant_file).ok()?.parse()?;
    let tenant = text(&root, "tenantId")?.parse().ok()?;
    let (mut owned, mut files) = (Vec::new(), Vec::new());
    let push = value(&root, "push");
    let watches_topic =
        push.is_some_and(|push| text(push, "topic").is_some() && text(push, "file").is_none());
    let lists = ["enrollment", "vpp"].into_iter().filter_map(|kind| value(&root, kind));
    let entries = lists.flat_map(|list| match &list.value {
        Value::List(entries) => entries.as_slice(),
        _ => &[],
    });
    for entry in push.into_iter().chain(entries) {
        let sha256 = text(entry, "sha256").and_then(|text| text.parse().ok());
        owned.extend(sha256.filter(|sha256| *sha256 != Sha256::ZERO).map(Owned::File));
        owned.extend(text(entry, "topic").and_then(|text| text.parse().ok()).map(Owned::Topic));
        let file = text(entry, "file");
        // An entry that only watches may name any location, and gives it to nobody.
        let location = text(entry, "locationId").filter(|_| file.is_some());
        owned.extend(location.and_then(|text| text.parse().ok()).map(Owned::Location));
        files.extend(file.map(str::to_owned));
    }
    Some(Stated { tenant, owned, files, watches_topic })
}

fn value<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(pairs) = &node.value else { return None };
    pairs.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

fn text<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    match &value(node, name)?.value {
        Value::Scalar { text, .. } => Some(text.trim()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_moves_line_can_name_is_written_as_it_is_read() {
        let digest = "9f".repeat(32);
        for text in [
            "folder:contoso",
            "topic:com.apple.mgmt.External.1",
            "location:2049025000431439",
            &format!("sha256:{digest}"),
        ] {
            assert_eq!(text.parse::<Owned>().unwrap().to_string(), text);
        }
        for text in ["contoso", "folder:../x", "topic:", "sha256:12", "location:9 a"] {
            assert_eq!(text.parse::<Owned>(), Err(NotOwned), "{text}");
        }
    }

    #[test]
    fn a_file_of_long_ago_tells_what_it_owned_although_it_is_not_valid_today() {
        let file = format!(
            "tenantId: 6D1F0C5E-8a34-4b7a-9a51-0d6c2f6f1b11\nold: {{setting: 1}}\npush:\n  topic: com.apple.mgmt.External.1\n  sha256: {a}\nenrollment: nonsense\nvpp:\n  - sha256: {b}\n  - name: watched\n  - sha256: {zero}\n",
            a = "aa".repeat(32),
            b = "bb".repeat(32),
            zero = "00".repeat(32),
        );
        let Stated { tenant, owned, files, watches_topic } = stated_in(file.as_bytes()).unwrap();
        assert!(files.is_empty());
        assert!(watches_topic);
        let with_file = file.replace("  sha256: aa", "  file: push.pem.age\n  sha256: aa");
        let with_file = stated_in(with_file.as_bytes()).unwrap();
        assert!(!with_file.watches_topic);
        assert_eq!(with_file.files, ["push.pem.age"]);
        assert_eq!(tenant.to_string(), "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11");
        let texts: Vec<String> = owned.iter().map(Owned::to_string).collect();
        assert_eq!(
            texts,
            [
                format!("sha256:{}", "aa".repeat(32)),
                "topic:com.apple.mgmt.External.1".to_owned(),
                format!("sha256:{}", "bb".repeat(32)),
            ]
        );
        assert!(stated_in(b"name: contoso").is_none());
        assert!(stated_in(b"\xff\xfe").is_none());
    }
}
