//! Base64, as token files and their wire encodings use it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What `bytes` encode, line breaks or not; `None` when they are no base64, or nothing.
pub(super) fn decoded(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Large enough from the start: a vector that grows leaves copies behind.
    let mut letters = Zeroizing::new(Vec::with_capacity(bytes.len()));
    letters.extend(bytes.iter().filter(|byte| !byte.is_ascii_whitespace()));
    ENGINE.decode(&*letters).ok().filter(|bytes| !bytes.is_empty()).map(Zeroizing::new)
}
