//! Digest access authentication (RFC 7616, RFC 2617, RFC 2069; RFC 8760 for SIP), both sides of it.
//!
//! Pure: time, nonce entropy and the client's nonce are passed in. It knows nothing of SIP messages, users or the
//! directory: it reads and writes the values of the four authentication headers, and hashes.

mod algorithm;
mod authorization;
mod challenge;
mod credentials;
mod nonces;
mod parameters;

pub use algorithm::{Algorithm, Ha1, UnknownAlgorithm, ha1};
pub use authorization::authorize;
pub use challenge::Challenge;
pub use credentials::{Credentials, Qop, nonce_shown};
pub use nonces::{NonceState, Nonces};
