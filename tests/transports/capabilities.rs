//! What the server says it can do (RFC 3261 section 11), whoever asks and over whatever.

use std::collections::BTreeSet;

use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, status};

#[test]
fn who_asks_is_told_methods_bodies_and_extensions_over_every_transport_alike() {
    let place = Place::start("", "");
    for link in std::iter::once(Link::udp(place.server.sip)).chain(place.connections()) {
        let mut asker = Registrant::new(link, "asker");
        let answer = asker.ask("OPTIONS", "");
        assert_eq!(status(&answer), 200, "{answer}");
        let list = |name: &str| -> BTreeSet<String> {
            header(&answer, name).unwrap_or_default().split(',').map(|item| item.trim().to_owned()).collect()
        };
        let methods = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "SUBSCRIBE", "INFO", "PRACK", "UPDATE"];
        assert!(methods.iter().all(|method| list("Allow").contains(*method)), "{answer}");
        assert!(list("Accept").contains("application/sdp"), "{answer}");
        let extensions = ["path", "outbound", "gruu", "100rel", "timer"];
        assert!(extensions.iter().all(|tag| list("Supported").contains(*tag)), "{answer}");
        assert!(header(&answer, "To").is_some_and(|to| to.contains(";tag=")), "{answer}");
        // What it does not say it can, it refuses by the same list.
        let refused = asker.ask("PUBLISH", "");
        assert_eq!((status(&refused), header(&refused, "Allow")), (405, header(&answer, "Allow")), "{refused}");
    }
}
