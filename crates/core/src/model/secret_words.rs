//! Words that look like secrets.
//!
//! People paste a client secret where its client id belongs, or after `--rev`. A message that quoted
//! it would carry it into a pipeline's log, an annotation and a code scanner. What a word holds
//! decides, never where it stands: [`without_secrets`] is asked by everything that quotes a person.

use std::borrow::Cow;

/// What is shown instead.
const MASKED: &str = "(not shown)";

/// What secrets of well-known makers begin with, in small letters.
const BEGINNINGS: [&str; 10] = [
    "age-secret-key-",
    "-----begin",
    "eyj",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "akia",
    "agit",
];

/// A shorter run of letters and digits may be anything.
const RUN: usize = 20;
/// The shortest password that is told by its signs.
const PASSWORD: usize = 10;

/// Whether a word of the text looks like a secret.
pub fn looks_secret(text: &str) -> bool {
    secrets(text).next().is_some()
}

/// The text with each word that looks like a secret left out.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    if !looks_secret(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (at, word) in secrets(text) {
        shown.push_str(text.get(from..at).unwrap_or_default());
        shown.push_str(MASKED);
        from = at + word.len();
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(shown)
}

/// How OpenSSH writes the fingerprint of a public key, which looks as random as a secret.
const FINGERPRINT: &str = "SHA256:";

/// The words that look like secrets, and where each begins.
fn secrets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    words(text).filter(|(at, word)| {
        is_secret(word) && !text.get(..*at).is_some_and(|before| before.ends_with(FINGERPRINT))
    })
}

/// Words and where each begins. A sign that no secret holds ends a word.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = |c: char| c.is_whitespace() || "\"'`,;:=[]{}()<>|".contains(c);
    let mut at = 0;
    text.split(ends).map(move |word| {
        let start = at;
        // Every sign that ends a word is one octet long, but not every blank.
        let after = text.get(start + word.len()..).and_then(|rest| rest.chars().next());
        at = start + word.len() + after.map_or(0, char::len_utf8);
        (start, word)
    })
}

fn is_secret(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let is_long = word.len() >= RUN;
    if is_long && BEGINNINGS.iter().any(|beginning| lower.starts_with(beginning)) {
        return true;
    }
    // Public keys of SSH, as `recipients` lists them, and the topics of push certificates.
    if lower.starts_with("com.apple.mgmt.") || word.starts_with("AAAA") {
        return false;
    }
    is_client_secret(word)
        || word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '+')).any(is_random)
        || is_password(word)
}

/// What Entra ID makes: `Q~` after three letters and a digit.
fn is_client_secret(word: &str) -> bool {
    let mark = word.find("Q~");
    mark.is_some_and(|at| at >= 3 && word.len() >= RUN)
}

/// A run of letters and digits as only a machine writes it: large, small and digits in turn. Names
/// have their digits at the end, and digests and identifiers have letters of one case.
fn is_random(run: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    };
    let kinds: Vec<u8> = run.bytes().map(kind).collect();
    let turns = |of: &dyn Fn(u8) -> bool| {
        kinds.windows(2).filter(|pair| matches!(pair, [a, b] if of(*a) != of(*b))).count()
    };
    run.len() >= RUN
        && (0..3).all(|kind| kinds.contains(&kind))
        && turns(&|kind| kind == 2) >= 3
        && turns(&|kind| kind == 1) >= 4
}

/// Letters of both cases, a digit and a sign that neither names nor addresses have.
fn is_password(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    word.len() >= PASSWORD
        && !word.starts_with("//")
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && word.contains(['~', '!', '$', '%', '^', '*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_secret_is_left_out_and_its_sentence_stays() {
        for secret in [
            "wxy7Q~Lm3k.Rt9_Pz2v-Bn6cQd8fHs4jYg1aUe5",
            "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQ",
            "eyJvcmdOYW1lIjoiQ29udG9zbyIsInRva2VuIjoi",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "kJ8hT2mQ9xL4vB7nR1cW6yD3",
            "MIAGCSqGSIb3DQEHA6CAMIACAQAxggE4",
            "S0mmer2026!",
        ] {
            let text = format!("`{secret}` is not a GUID: {secret}\u{a0}or so");
            assert_eq!(
                without_secrets(&text),
                "`(not shown)` is not a GUID: (not shown)\u{a0}or so",
                "{secret}"
            );
        }
    }

    #[test]
    fn what_is_public_is_shown() {
        for public in [
            "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11",
            "com.apple.mgmt.External.6d1f0c5e-8A34-4b7a-9a51-0d6c2f6f1b11",
            "9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b9f2c1a4b",
            "21AE703EB7C7B43321AE703EB7C7B433",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbCdEf1GhIj2KlMn3OpQr4StUv5WxYz",
            "SHA256:7oQLnY2aWKlQ6NcVYZyVuVOR8SlpSkT2J3KEmjXU00o",
            "2027-11-20T10:11:12+01:00",
            "Intune_Token_2026-11-20T10-11-12Z_smime.p7m",
            "/tmp/tmp.9uGRyItXrl/MDM_ Contoso_Certificate2026.pem",
            "ContosoLtdLondonOffice2026",
            "Mdm2@Contoso.example",
            "https://login.microsoftonline.com/organizations/v2.0/adminconsent?client_id=A1b",
            "tenants/contoso/tenant.yaml:12:3",
            "renew/contoso/push-2027-11-20",
        ] {
            assert_eq!(without_secrets(public), public);
        }
    }
}
