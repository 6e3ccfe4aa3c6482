//! The language a reader prefers (RFC 9110 section 12.5.4).

use std::convert::Infallible;

use aide::OperationInput;
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};

use super::door::AdminDoor;
use crate::locale::{Words, negotiate};
use crate::vocab::Language;

/// The words of the language the reader prefers, as Accept-Language has them in order.
#[derive(Debug)]
pub struct Reader(pub Words);

impl OperationInput for Reader {}

impl FromRequestParts<AdminDoor> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, door: &AdminDoor) -> Result<Self, Infallible> {
        let wanted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let wanted: Vec<&str> =
            wanted.unwrap_or_default().split(',').filter_map(|tag| tag.split(';').next()).map(str::trim).collect();
        let language = negotiate(&wanted, &door.locales.languages(), &Language::ENGLISH);
        Ok(Self(door.locales.words(&language)))
    }
}
