//! What is remarkable about a token file.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; the file may be used.
    Warn,
    /// The file must not be used.
    Refuse,
}

impl Severity {
    /// The name as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// Whether a file may be used: the worst of its findings.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing remarkable.
    Accept,
    /// It may be used; something is worth knowing.
    Warn,
    /// It must not be used.
    Refuse,
}

impl Verdict {
    /// The verdict that findings amount to.
    pub fn of(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.severity).max() {
            None => Self::Accept,
            Some(Severity::Warn) => Self::Warn,
            Some(Severity::Refuse) => Self::Refuse,
        }
    }

    /// The name as it is written in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident: $meaning:literal; $action:literal;)+) => {
        /// The stable name of a finding, part of every machine output.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum FindingCode {
            $(
                #[doc = $meaning]
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl FindingCode {
            /// Every code, refusals first, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name as it is written in output.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// How much it weighs, always.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }

            /// What a person does about it.
            pub fn action(self) -> &'static str {
                match self {
                    $(Self::$variant => $action,)+
                }
            }
        }
    };
}

codes! {
    TopicChange "topic-change" Refuse:
        "The push certificate's topic is not the live one: every enrolled device would stop answering.";
        "At Apple's push portal press Renew on the old certificate, not Create, with the Apple Account that made it.";
    PrivateKey "private-key" Refuse:
        "The file holds a private key, which Apple never hands out.";
        "Take the key out; if the file was ever committed, treat the key as compromised.";
    PlaintextCredentials "plaintext-credentials" Refuse:
        "The file holds the decrypted credentials of an enrollment token.";
        "Never commit it. If it was, download a new token from Apple, which makes these void. Use the encrypted .p7m.";
    WrongKind "wrong-kind" Refuse:
        "The file is something else: another kind of token, a request, a key, a web page.";
        "Download the right file, or put it where it belongs.";
    Malformed "malformed" Refuse:
        "The file is of the right kind and cannot be read: cut off, changed on the way, or lacking a part.";
        "Download it again from Apple, and copy it as a file, not as text.";
    Empty "empty" Refuse:
        "The file is empty or only white space.";
        "Download it again from Apple.";
    TooLarge "too-large" Refuse:
        "The file is larger than any token file (1 MiB).";
        "Look at what it is; download it again from Apple.";
    Expired "expired" Refuse:
        "The token has lapsed.";
        "Renew it at Apple and use the new file.";
    NotYetValid "not-yet-valid" Refuse:
        "The certificate's validity begins over ten minutes in the future.";
        "Check this machine's clock; wait until it begins.";
    OlderThanLive "older-than-live" Refuse:
        "It lapses before the live one, so uploading it would shorten the tenant's time.";
        "Look for a newer download.";
    KeyMismatch "key-mismatch" Refuse:
        "The push certificate's key is not the one of Intune's signing request, so Intune has no private key for it.";
        "Upload this renewal's request at Apple's push portal and use the file that comes back.";
    RecipientMismatch "recipient-mismatch" Refuse:
        "The enrollment token is encrypted to another key than any that Intune has, so Intune cannot open it.";
        "Upload Intune's current public key to the MDM server in Apple Business Manager, then download the token again.";
    NoTopic "no-topic" Refuse:
        "The certificate's subject has no UID with an MDM topic: it is another certificate.";
        "Use the .pem that Apple's push portal hands out.";
    SeveralCertificates "several-certificates" Refuse:
        "The file holds several MDM push certificates.";
        "Keep the new one alone.";
    SeveralTokens "several-tokens" Refuse:
        "The file holds several VPP tokens.";
        "Keep each in a file of its own.";
    BadFile "bad-file" Refuse:
        "The opened file is not the one that the tenant file describes.";
        "Seal the right file, or correct the tenant file.";
    ExpiresSoon "expires-soon" Warn:
        "It lapses within the renewal time (`renewBefore`, 45 days unless set).";
        "Look for a newer download, or renew now.";
    SameAsLive "same-as-live" Warn:
        "It is what is live already.";
        "Nothing, unless a renewal was meant: then this is the old file.";
    OrganizationDiffers "organization-differs" Warn:
        "The VPP token is of another organisation than the live ones.";
        "Check that it belongs to this customer.";
    CsrUnknown "csr-unknown" Warn:
        "No readable signing request is on record, so the certificate's key could not be checked.";
        "Open the renewal from Intune's current request if you are unsure.";
    RecipientUnverifiable "recipient-unverifiable" Warn:
        "Live Intune's key is not a certificate, or not readable, so the token's recipient could not be checked.";
        "Make sure that the token was downloaded after Intune's current public key was uploaded to Apple.";
    NotCompared "not-compared" Warn:
        "The live snapshot does not hold this kind of token, so nothing was compared with live Intune.";
        "Take a snapshot with this resource in it.";
    IssuerUnknown "issuer-unknown" Warn:
        "The push certificate's issuer is not the Apple authority that signs MDM push certificates.";
        "Check where the file comes from.";
    IssuerForged "issuer-forged" Warn:
        "The push certificate names Apple's authority, but Apple's key did not sign it.";
        "Download it again at Apple's push portal.";
    NoTimeZone "no-time-zone" Warn:
        "The VPP token's expiry has no time zone and is taken as UTC.";
        "Nothing; the true instant may differ by up to 14 hours.";
    UnusualForm "unusual-form" Warn:
        "The file is readable but not as Apple makes it.";
        "Prefer the file as Apple handed it out.";
    UnusualCertificate "unusual-certificate" Warn:
        "The certificate lacks Apple's mark of a production push certificate.";
        "Check where the file comes from.";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding: what, how bad, and a sentence with the consequence and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// The stable name.
    pub code: FindingCode,
    /// How much it weighs.
    pub severity: Severity,
    /// For a person. Holds no secret and nothing of the file but its public names.
    pub message: String,
}

impl Finding {
    /// A finding with the weight that its code always has.
    pub fn new(code: FindingCode, message: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), message: message.into() }
    }

    /// The opened file is not the one that the tenant file describes; `None` when nothing differs.
    pub(super) fn not_reviewed(wrong: &[String]) -> Option<Self> {
        (!wrong.is_empty()).then(|| {
            Self::new(
                FindingCode::BadFile,
                format!(
                    "the sealed file is not the one that was reviewed: {}. Seal the right file, or correct the tenant file",
                    wrong.join("; ")
                ),
            )
        })
    }

    /// Whether the file must not be used.
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Refuse
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// All codes as a Markdown document.
pub fn reference() -> String {
    let mut text = String::from(
        "# Findings about token files\n\n\
         What `applecart inspect` says about a file, and what `apply` refuses a file for. Generated\n\
         from the program; see CONTRIBUTING.md. `refuse` means that the file must not be used,\n\
         `warn` that it may be.\n\n\
         | code | severity | meaning | what to do |\n\
         |---|---|---|---|\n",
    );
    for code in FindingCode::ALL {
        text.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            code,
            code.severity().as_str(),
            code.meaning(),
            code.action()
        ));
    }
    text
}
