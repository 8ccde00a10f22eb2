//! Apple's files: bytes → facts and findings.
//!
//! A parser here takes any bytes at all and ends in facts or in findings that say what the file
//! is instead. It never panics, never keeps the input, and quotes none of it: a finding names
//! what is wrong and what to do, so that a file with a secret in it can be complained about in
//! public. What a file is, is told by its content alone; names and slots only decide whether it
//! is the right one.
//!
//! * `text`, `pem`, `mime`, `radix64`: what browsers, mail and editors leave around a file.
//! * `ber`, `der`, `name`, `x509`, `cms`: the structures inside, with limits on depth and work.
//! * `content`: which of all that a file is.
//! * [`push`], [`enrollment`], [`vpp`]: one file each, read and judged.
//! * [`location`]: what Apple answers when it is asked about a VPP token.
//! * [`revoked`]: which push certificates Apple took back.
//! * [`inspect()`]: all of it for a file of any kind.
//! * [`secrets_in`]: whether bytes from anywhere hold something that must not lie open.
//!
//! Facts about the formats: Apple's own documents, two dissected certificates and Apple's printed
//! sample of an enrollment token; see the comments at each check.

mod ber;
mod cms;
mod content;
mod der;
pub mod enrollment;
mod finding;
mod inspect;
mod issuer;
mod key;
pub mod location;
mod mime;
mod name;
mod other;
mod pem;
pub mod push;
mod radix64;
pub mod revoked;
mod secret;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod vendor;
pub mod vpp;
mod x509;

pub use crate::sealed::SecretKind;
pub use finding::{Finding, FindingCode, Parsed, Severity, Verdict};
pub use inspect::{FORMAT_VERSION, FileFacts, Inspection, RecipientFacts, Request, inspect};
pub use issuer::Authority;
pub use key::{key_identity, public_key_file, request_file, requested_key};
pub use other::classify;
pub use secret::{Secrets, secrets_in};
pub use text::utf16;
#[cfg(test)]
pub(crate) use vendor::tests as vendors;
pub use vendor::{Vendor, VendorSignature, vendor_signature};

/// The largest token file that is looked at. Apple's files have a few kilobytes; a megabyte
/// leaves room for chains and text around them and bounds what a hostile file can cost.
pub const MAX_FILE: usize = 1024 * 1024;
