//! Bodies that hold a credential: written into memory that is wiped, and into nothing else.

use std::io;

use azure_core::Bytes;
use serde::Serialize;
use zeroize::Zeroizing;

use super::WriteError;

/// The body, wiped when the last reference to it is dropped.
pub(super) fn json(body: &impl Serialize) -> Result<Bytes, WriteError> {
    let cannot = |_| WriteError::Refused { what: "the request", why: "cannot be encoded" };
    // Measured first: a vector that grows leaves copies behind.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body).map_err(cannot)?;
    let mut buffer = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *buffer, body).map_err(cannot)?;
    Ok(Bytes::from_owner(buffer))
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
