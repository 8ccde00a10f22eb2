//! Which entry of the tenant file a downloaded file is for, and how its sealed file is called.

use crate::cli::error::CliError;
use applecart_core::fleet::{Entry, Tenant, Token, is_device_name};
use applecart_core::model::{Kind, TokenRef};

/// The entry that the person named, or the only one of the file's kind.
pub(in crate::cli) fn choose(
    tenant: &Tenant,
    kind: Kind,
    wanted: Option<&str>,
) -> Result<Token, CliError> {
    let name = tenant.name.as_str();
    let fits = |token: &Token, wanted: &str| {
        token.token.name.as_deref() == Some(wanted)
            || token.token.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
    };
    // The kind's own name means its only token.
    let wanted = wanted.filter(|wanted| *wanted != kind.as_str());
    if let Some(wanted) = wanted {
        if let Some(token) = tenant
            .tokens()
            .find(|token| token.token.kind == kind && kind != Kind::Push && fits(token, wanted))
        {
            return Ok(token.clone());
        }
        let other = tenant.tokens().find(|token| {
            token.token.kind != kind && (token.token.kind.as_str() == wanted || fits(token, wanted))
        });
        return Err(match other {
            Some(other) => CliError::SealRefused(vec![format!(
                "wrong-kind: the file is for {}, and {name}/{wanted} is {}. Name the token that it is for, or download the right file",
                words(kind),
                words(other.token.kind)
            )]),
            None => CliError::SealUsage(format!(
                "{name} has no token {wanted:?} that this file, which is for {}, could be for; {}",
                words(kind),
                choices(tenant, kind)
            )),
        });
    }
    if kind == Kind::Push {
        // A first certificate has no entry yet.
        return Ok(tenant.push.clone().unwrap_or_else(|| Token::watched(TokenRef::push())));
    }
    let mut all = tenant.tokens().filter(|token| token.token.kind == kind);
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(CliError::SealUsage(format!(
            "nothing tells which token of {name} this file, which is for {}, is for; {}",
            words(kind),
            choices(tenant, kind)
        ))),
    }
}

/// The kind in words, with article.
pub(in crate::cli) fn words(kind: Kind) -> &'static str {
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
pub(in crate::cli) fn file_name(token: &Token, entries: &[Entry]) -> String {
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
    // Another token's file, or anybody's, is never overwritten.
    let is_free =
        |name: &String| !entries.iter().any(|entry| entry.path.eq_ignore_ascii_case(name));
    (1..=entries.len() + 1).map(whole).find(is_free).unwrap_or_else(|| whole(1))
}

/// The same name for a file that SOPS seals.
pub(in crate::cli) fn sops_name(name: &str) -> String {
    let stem = name.strip_suffix(".age").unwrap_or(name);
    format!("{}.sops", stem.strip_suffix(".sops").unwrap_or(stem))
}

/// A name as a part of a file or branch name.
pub(in crate::cli) fn slug(name: &str) -> String {
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
    use applecart_core::fleet::EntryKind;

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
