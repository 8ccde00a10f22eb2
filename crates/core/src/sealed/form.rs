//! The forms that a file can have, each with its own sentence.

use super::recipients::Seal;
use crate::model::{Kind, Sha256};

/// What lies open in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// An enrollment program token as Apple hands it out, encrypted to Intune's key alone.
    EnrollmentToken,
    /// The decrypted content of an enrollment token.
    EnrollmentCredentials,
    /// A VPP content token, a bearer secret.
    VppToken,
    /// A private key in PEM, DER, OpenSSH's, OpenPGP's or PuTTY's form.
    PrivateKey,
    KeyStore,
    /// A native age identity.
    AgeIdentity,
    /// A client secret of an application in Entra ID.
    ClientSecret,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Encrypted for the fleet, as a token file in Git should be.
    Sealed(Seal),
    /// A file encrypted with age or SOPS, inside of something else: text around it, base64, a mail.
    SealedWithin,
    /// Nothing but white space.
    Empty,
    /// Larger than any token file, and not encrypted.
    TooLarge,
    /// A push certificate or another certificate, which is public.
    Certificate,
    /// Something that must not lie open.
    Secret(SecretKind),
    /// A token file of this kind that is cut off or was changed.
    Broken(Kind),
    /// A message of a mail program, with what is attached to it.
    Mail(Box<Form>),
    /// What Apple's portal says where it hands out no file, with the number of the error.
    AppleError {
        number: Option<i64>,
    },
    /// UTF-16, as Windows PowerShell writes what is redirected, with what the text is.
    Utf16(Box<Form>),
    /// A pointer of Git LFS: the digest and the size of the file that it stands for.
    LfsPointer {
        sha256: Option<Sha256>,
        /// The size of the file that it stands for, in bytes; `None` where the pointer does not
        /// say.
        size: Option<u64>,
    },
    /// Encrypted by git-crypt, whose files begin with `\0GITCRYPT`.
    GitCrypt,
    /// Encrypted by OpenPGP, Ansible Vault or openssl.
    OtherCipher,
    /// With the marks of a merge that was not finished.
    Conflict {
        /// The line of the first mark, from 1.
        line: usize,
    },
    /// A request for Apple (CSR).
    Request,
    PublicKey,
    /// CMS that is signed and not encrypted.
    Signed,
    /// CMS of another content type.
    UnencryptedCms,
    WebPage,
    /// A configuration profile or another property list.
    PropertyList,
    Archive,
    Unknown,
}

/// A form in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Stable, in kebab-case: machine outputs name the form by it.
    pub name: &'static str,
    /// What it is, to follow "the file".
    pub what: &'static str,
    /// What to do, in whole sentences.
    pub next: &'static str,
}

impl Form {
    /// The one table of what each form is called, means and asks for.
    pub fn words(&self) -> Words {
        let (name, what, next) = match self {
            Self::Sealed(Seal::Age(_)) => ("age", "is encrypted with age", KEEP),
            Self::Sealed(Seal::Sops(_)) => ("sops", "is encrypted with SOPS", KEEP),
            Self::SealedWithin => (
                "sealed-within",
                "holds something that is encrypted with age or SOPS, in a form that is not opened here",
                "Keep the encrypted file alone, as age or SOPS wrote it, or decrypt it with its own program first.",
            ),
            Self::Empty => ("empty", "is empty", "Download it again from Apple."),
            Self::TooLarge => (
                "too-large",
                "is larger than any token file (1 MiB)",
                "Check what it is, then download it again from Apple.",
            ),
            Self::Certificate => ("certificate", "is a certificate that is not encrypted", SEAL),
            Self::Secret(secret) => return secret.words(),
            Self::Broken(_) => (
                "broken",
                "begins like a token file, but is cut off or was changed on the way",
                "Download it again from Apple, and copy it as a file, not as text.",
            ),
            Self::Mail(_) => (
                "mail",
                "is a whole mail message instead of the file that was attached to it",
                "Save the attachment as a file, then use that file.",
            ),
            Self::AppleError { .. } => (
                "apple-error",
                "is an error message of Apple's portal, which handed out no file",
                "Sign in there again, with the right Apple Account. For a push certificate, upload this renewal's request for Apple (CSR) exactly as it was saved. Then download the file.",
            ),
            Self::Utf16(_) => (
                "utf-16",
                "is UTF-16 text, which Windows PowerShell writes when output is redirected with >",
                "Write the file again without redirecting: use the program's option for an output file.",
            ),
            Self::LfsPointer { .. } => (
                "lfs-pointer",
                "is a Git LFS pointer, not the file that it stands for",
                "Take the file out of Git LFS (git lfs untrack) and commit the file itself.",
            ),
            Self::GitCrypt => (
                "git-crypt",
                "is encrypted with git-crypt, which Applecart does not open",
                "Unlock the clone (git-crypt unlock), take the file out of .gitattributes, and encrypt it with age or SOPS.",
            ),
            Self::OtherCipher => (
                "other-cipher",
                "is encrypted with OpenPGP, Ansible Vault or openssl, which Applecart does not open",
                "Decrypt it with that program, outside of the repository, and encrypt it again: applecart seal.",
            ),
            Self::Conflict { .. } => (
                "conflict",
                "holds the conflict marks of a merge that was not finished (<<<<<<<, =======, >>>>>>>)",
                "Restore the file from one of the two branches; an encrypted file cannot be merged line by line.",
            ),
            Self::Request => (
                "request",
                "is a request for Apple (CSR)",
                "Upload it at Apple's push portal, which hands out the certificate that belongs here.",
            ),
            Self::PublicKey => (
                "public-key",
                "is a public key alone, such as the one that Intune has for an enrollment token",
                "Upload Intune's public key to the MDM server in Apple Business or Apple School Manager; the token (.p7m) that is then downloaded there belongs here.",
            ),
            Self::Signed => (
                "signed",
                "is signed, not encrypted: signed mail, a signed profile or a bundle of certificates (.p7b)",
                REPLACE,
            ),
            Self::UnencryptedCms => {
                ("cms", "is CMS (PKCS#7), but not encrypted to a public key", REPLACE)
            }
            Self::WebPage => (
                "web-page",
                "is a web page, probably a sign-in or error page saved under the token's name",
                "Sign in at Apple's portal and download the file again.",
            ),
            Self::PropertyList => {
                ("property-list", "is a property list or configuration profile", REPLACE)
            }
            Self::Archive => ("archive", "is an archive", "Unpack it first."),
            Self::Unknown => ("unknown", "is none of Apple's token files", REPLACE),
        };
        Words { name, what, next }
    }

    /// Whether it is encrypted for the fleet.
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }
}

impl SecretKind {
    fn words(self) -> Words {
        let (name, what, next) = match self {
            Self::EnrollmentToken => (
                "enrollment-token",
                "is an enrollment program token (.p7m) that is not encrypted for the fleet",
                SEAL,
            ),
            Self::EnrollmentCredentials => (
                "enrollment-credentials",
                "holds the decrypted credentials of an enrollment token, with which anyone can act as the MDM server",
                "Do not commit it. If it was ever committed, download a new token from Apple, which makes these credentials void. Intune takes the encrypted .p7m as Apple hands it out.",
            ),
            Self::VppToken => (
                "vpp-token",
                "is a VPP token (.vpptoken) that is not encrypted: everyone who reads it can use it",
                SEAL,
            ),
            Self::PrivateKey => ("private-key", "holds a private key and no certificate", TAKE_OUT),
            Self::KeyStore => (
                "key-store",
                "is a key store (PKCS#12), which holds a private key; Apple hands out the certificate alone",
                TAKE_OUT,
            ),
            Self::AgeIdentity => (
                "age-identity",
                "holds a private age key, which opens every file that is encrypted to it",
                "Take it out of the repository. If it was ever committed, encrypt the files to a new key and renew the tokens.",
            ),
            Self::ClientSecret => (
                "client-secret",
                "holds a client secret of an application in Entra ID",
                "Take it out. If it was ever committed, delete the secret in Entra ID and make a new one.",
            ),
        };
        Words { name, what, next }
    }
}

const KEEP: &str = "Keep it so: this is how a token file belongs in Git.";
const SEAL: &str = "Encrypt it before it is committed: applecart seal.";
const TAKE_OUT: &str = "Take the key out. If it was ever committed, treat it as compromised.";
/// Where nothing more special is known.
pub(crate) const REPLACE: &str = "Replace it with the file that Apple hands out.";
