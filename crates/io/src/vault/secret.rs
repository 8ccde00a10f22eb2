//! Bytes that must not be shown.

use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, and without any way to print, copy or serialise them.
///
/// Reading them takes a visible [`expose`](Self::expose). What is not there is proved by programs
/// that do not compile:
///
/// ```compile_fail
/// let secret = applecart_io::vault::Secret::new(vec![1]);
/// println!("{secret:?}");
/// ```
/// ```compile_fail
/// let secret = applecart_io::vault::Secret::new(vec![1]);
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = applecart_io::vault::Secret::new(vec![1]);
/// let copy = secret.clone();
/// ```
/// ```compile_fail
/// let secret = applecart_io::vault::Secret::new(vec![1]);
/// serde_json::to_string(&secret);
/// ```
/// ```
/// let secret = applecart_io::vault::Secret::new(vec![1]);
/// assert_eq!(secret.expose(), [1]);
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes over; the caller must not keep another copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes. Each use of this is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
