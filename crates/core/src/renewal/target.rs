//! Which entry of the tenant file a downloaded file is for, and how its sealed file is called.

use crate::fleet::{Entry, Tenant, Token, is_device_name};
use crate::model::{Kind, TenantName, TokenRef};

/// Why a file is for no token that a person named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(
        "wrong-kind: the file is for {file}, and {named} is {token}. Name the token that it is for, or download the right file"
    )]
    WrongKind { file: &'static str, named: String, token: &'static str },
    #[error(
        "{tenant} has no token {wanted:?} that this file, which is for {file}, could be for; {choices}"
    )]
    NoToken { tenant: TenantName, wanted: String, file: &'static str, choices: String },
    #[error(
        "{tenant} has several tokens or none that this file, which is for {file}, could be for; {choices}"
    )]
    NotNamed { tenant: TenantName, file: &'static str, choices: String },
}

/// The entry that a person named, or the only one of the file's kind.
pub fn choose(tenant: &Tenant, kind: Kind, wanted: Option<&str>) -> Result<Token, TargetError> {
    let of_kind = || tenant.tokens().filter(|token| token.token.kind == kind);
    let (file, choices) = (words(kind), || choices(tenant, kind));
    // The kind's own name means its only token.
    if let Some(wanted) = wanted.filter(|wanted| *wanted != kind.as_str()) {
        if let Some(token) = of_kind().find(|token| token.token.is_called(wanted)) {
            return Ok(token.clone());
        }
        let other = tenant.tokens().find(|token| token.token.is_called(wanted));
        return Err(match other {
            Some(other) => TargetError::WrongKind {
                file,
                named: format!("{}/{wanted}", tenant.name),
                token: words(other.token.kind),
            },
            None => TargetError::NoToken {
                tenant: tenant.name.clone(),
                wanted: wanted.to_owned(),
                file,
                choices: choices(),
            },
        });
    }
    if kind == Kind::Push {
        // A first certificate has no entry yet.
        return Ok(tenant.push.clone().unwrap_or_else(|| Token::watched(TokenRef::push())));
    }
    let mut all = of_kind();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(TargetError::NotNamed { tenant: tenant.name.clone(), file, choices: choices() }),
    }
}

/// The kind in words, with article.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "a push certificate",
        Kind::Enrollment => "an enrollment token",
        Kind::Vpp => "a VPP token",
    }
}

fn choices(tenant: &Tenant, kind: Kind) -> String {
    let names: Vec<String> = tenant
        .tokens()
        .filter(|token| token.token.kind == kind)
        .filter_map(|token| token.token.name.as_ref().or(token.token.id.as_ref()))
        .map(|token| format!("{}/{token}", tenant.name))
        .collect();
    match kind {
        Kind::Push => format!("write {}/push", tenant.name),
        _ if names.is_empty() => format!(
            "add an entry with a `name` under `{kind}:` in tenants/{}/tenant.yaml first",
            tenant.name
        ),
        _ => format!("name one of {}", names.join(", ")),
    }
}

/// The sealed file's name: what the entry says, else one that tells what it is.
pub fn file_name(token: &Token, entries: &[Entry]) -> String {
    if let Some(file) = &token.file {
        return file.name.clone();
    }
    let of = |name: Option<&String>| name.map(|name| slug(name)).filter(|slug| !slug.is_empty());
    let name = token.token.name.as_ref();
    let (stem, ending) = match token.token.kind {
        Kind::Push => (None, "push.pem.age"),
        Kind::Enrollment => (of(token.server.as_ref()).or_else(|| of(name)), "p7m.age"),
        Kind::Vpp => (of(token.facts.location.as_ref()).or_else(|| of(name)), "vpptoken.age"),
    };
    let whole = |number: usize| {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        match &stem {
            _ if token.token.kind == Kind::Push && number.is_empty() => ending.to_owned(),
            _ if token.token.kind == Kind::Push => format!("push{number}.pem.age"),
            Some(stem) if is_device_name(stem) => {
                format!("{}-{stem}{number}.{ending}", token.token.kind)
            }
            Some(stem) => format!("{stem}{number}.{ending}"),
            None => format!("{}{number}.{ending}", token.token.kind),
        }
    };
    // No other file in the folder is ever overwritten.
    let is_free =
        |name: &String| !entries.iter().any(|entry| entry.path.eq_ignore_ascii_case(name));
    (1..=entries.len() + 1).map(whole).find(is_free).unwrap_or_else(|| whole(1))
}

/// The same name for a file that SOPS seals.
pub fn sops_name(name: &str) -> String {
    let stem = name.strip_suffix(".age").unwrap_or(name);
    format!("{}.sops", stem.strip_suffix(".sops").unwrap_or(stem))
}

/// A name as a part of a file or branch name.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= 60 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::EntryKind;

    #[test]
    fn names_tell_what_a_file_is_and_never_overwrite_another() {
        let token = |kind, name: &str| {
            Token::watched(TokenRef { kind, id: None, name: Some(name.to_owned()) })
        };
        let entry = |path: &str| Entry {
            path: path.to_owned(),
            kind: EntryKind::Blob,
            id: String::new(),
            size: Some(1),
        };
        assert_eq!(file_name(&Token::watched(TokenRef::push()), &[]), "push.pem.age");
        assert_eq!(file_name(&token(Kind::Enrollment, "Contoso ABM"), &[]), "contoso-abm.p7m.age");
        let mut server = token(Kind::Enrollment, "x");
        server.server = Some("../Intune: Büro".to_owned());
        assert_eq!(file_name(&server, &[]), "intune-b-ro.p7m.age");
        assert_eq!(file_name(&token(Kind::Vpp, "東京"), &[]), "vpp.vpptoken.age");
        assert_eq!(file_name(&token(Kind::Vpp, "Con"), &[]), "vpp-con.vpptoken.age", "Windows");
        let taken = [entry("london.vpptoken.age"), entry("LONDON-2.vpptoken.age")];
        assert_eq!(file_name(&token(Kind::Vpp, "London"), &taken), "london-3.vpptoken.age");
        assert_eq!(
            file_name(&Token::watched(TokenRef::push()), &[entry("push.pem.age")]),
            "push-2.pem.age"
        );
    }
}
