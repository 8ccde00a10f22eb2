//! Why a file cannot be used as a token at all: empty, broken, or something else.

use super::{Content, Look, Other};
use crate::apple::{Finding, FindingCode, MAX_FILE};
use crate::model::Kind;

/// Why a file cannot be read as this kind at all. `None` where the content is of this kind and
/// its own parser has the word.
pub(in crate::apple) fn unusable(look: &Look, wanted: Option<Kind>) -> Option<Finding> {
    let wrong = |what: &str| {
        let expected = match wanted {
            Some(kind) => format!("Expected {}", expected(kind)),
            None => "Expected a push certificate (.pem), an enrollment token (.p7m) or a VPP token (.vpptoken)".to_owned(),
        };
        Some(Finding::new(FindingCode::WrongKind, format!("the file {what}. {expected}")))
    };
    if let (Some(wanted), Some(kind)) = (wanted, look.kind())
        && wanted != kind
    {
        return wrong(&format!(
            "is {}, not {}; it belongs under `{kind}`",
            noun(kind),
            noun(wanted)
        ));
    }
    match &look.content {
        Content::TooLarge => Some(Finding::new(
            FindingCode::TooLarge,
            format!(
                "the file has over {MAX_FILE} bytes; a token file has a few thousand. Download it again from Apple"
            ),
        )),
        Content::Empty => Some(Finding::new(
            FindingCode::Empty,
            "the file is empty. Sending an empty certificate would remove the live one; download the file again from Apple",
        )),
        Content::Broken(kind) => Some(Finding::new(
            FindingCode::Malformed,
            format!(
                "the file begins like {}, but is cut off or was changed on the way. Download it again from Apple, and copy it as a file, not as text",
                noun(*kind)
            ),
        )),
        Content::SeveralVpp => Some(Finding::new(
            FindingCode::SeveralTokens,
            "the file holds several VPP tokens; which one is meant cannot be told. Keep each in a file of its own",
        )),
        Content::Credentials => Some(Finding::new(
            FindingCode::PlaintextCredentials,
            "the file holds the decrypted credentials of an enrollment token, with which anyone can act as the MDM server. Do not commit it; if it ever was, download a new token from Apple, which makes these void. Intune takes the encrypted .p7m as Apple hands it out",
        )),
        Content::Other(other) => wrong(match other {
            Other::Request => {
                "is a certificate signing request: it goes to Apple's push portal, which hands out the certificate that belongs here"
            }
            Other::PrivateKey => "holds a private key and no certificate",
            Other::KeyStore => {
                "is a key store (PKCS#12), which holds a private key; Apple hands out the certificate alone"
            }
            Other::PublicKey => "is a public key alone",
            Other::Signed => {
                "is signed, not encrypted: signed mail, a signed profile or a bundle of certificates (.p7b)"
            }
            Other::UnencryptedCms => "is CMS (PKCS#7), but not encrypted to a public key",
            Other::Page => {
                "is a web page, probably a sign-in or error page saved under the token's name. Sign in at Apple's portal and download again"
            }
            Other::PropertyList => "is a property list or configuration profile",
            Other::Sealed => {
                "is sealed (age or SOPS) in a way that this version does not open. Open it with its own program first"
            }
            Other::Archive => "is an archive. Unpack it first",
            Other::Unknown => "is none of Apple's token files",
        }),
        Content::Certificates(_) | Content::Cms(_) | Content::Vpp(_) => None,
    }
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "a certificate",
        Kind::Enrollment => "an enrollment program token (.p7m)",
        Kind::Vpp => "a VPP token (.vpptoken)",
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "the .pem that Apple's push portal hands out",
        Kind::Enrollment => "the .p7m that Apple Business Manager hands out for an MDM server",
        Kind::Vpp => "the .vpptoken that Apple Business Manager hands out for a location",
    }
}
