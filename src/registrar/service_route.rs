//! A proxy that requests of phones are to pass (RFC 3608).

use serde::{Deserialize, Serialize};

use crate::sip::message::NameAddr;

/// One proxy of a Service-Route, as it stands in the header: `<sip:proxy.example.com;lr>`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceRoute(String);

impl ServiceRoute {
    /// As it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is no proxy of a Service-Route.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no proxy phones could pass: write it as <sip:proxy.example.com;lr>")]
pub struct NoServiceRoute(String);

impl TryFrom<String> for ServiceRoute {
    type Error = NoServiceRoute;

    fn try_from(text: String) -> Result<Self, NoServiceRoute> {
        let proxy = text.parse::<NameAddr>().ok();
        // Without `lr` a phone would take it for a strict router of RFC 2543.
        let is_loose = proxy.is_some_and(|proxy| proxy.uri.sip().is_some_and(|uri| uri.params.contains("lr")));
        if is_loose && text.starts_with('<') { Ok(Self(text)) } else { Err(NoServiceRoute(text)) }
    }
}

impl From<ServiceRoute> for String {
    fn from(route: ServiceRoute) -> Self {
        route.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loose_router_in_brackets_is_taken() {
        let is_taken = |text: &str| ServiceRoute::try_from(text.to_owned()).is_ok();
        assert!(is_taken("<sip:proxy.example.com;lr>") && is_taken("<sips:[2001:db8::1]:5061;lr>"));
        for wrong in ["", "proxy.example.com", "sip:proxy.example.com;lr", "<sip:proxy.example.com>", "<tel:1>"] {
            assert!(!is_taken(wrong), "{wrong}");
        }
    }
}
