//! SIP over WebSocket (RFC 7118), plain and within TLS.

use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, status};

/// A browser's: it has no address, so it makes a name up.
fn browser(link: Link, name: &str) -> Registrant {
    let mut phone = Registrant::new(link, name);
    phone.sent_by = "df7jal23ls0d.invalid".to_owned();
    phone.contact = format!("<sip:{name}@df7jal23ls0d.invalid;transport=ws>");
    phone
}

#[test]
fn a_phone_in_a_browser_registers_and_is_reached_over_its_socket() {
    let place = Place::start("", "");
    let plain = Link::ws(place.ws, Some("sip"), Some("https://phone.example.com")).unwrap();
    for (link, name, user) in [(plain, "plain", "sato"), (Link::wss(place.wss, &place.authority), "secure", "smith")] {
        let transport = link.transport;
        let mut phone = browser(link, name);
        let answer = phone.register("");
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(header(&answer, "Via").unwrap().contains("received=127.0.0.1"), "{answer}");
        let phones = place.server.api_get("/phones");
        let mut phones = phones.as_array().unwrap().iter();
        let shown = phones.find(|shown| shown["registrations"][0]["transport"] == transport).unwrap();
        let bind = serde_json::json!({ "phone": shown["id"], "user": user });
        assert_eq!(place.server.api_post("/enrolments", &bind).status, 201);
        let request = phone.serve();
        assert!(
            request.starts_with(&format!("OPTIONS sip:{name}@df7jal23ls0d.invalid;transport=ws SIP/2.0")),
            "{request}"
        );
        assert!(header(&request, "Via").unwrap().starts_with(&format!("SIP/2.0/{transport} ")), "{request}");
        assert!(header(&request, "Contact").unwrap().contains(";transport=ws>"), "{request}");
    }
}

#[test]
fn only_the_subprotocol_sip_and_the_pages_that_are_named_get_a_socket() {
    let place = Place::start("", "");
    for (protocol, origin, refused) in [
        (None, None, Some("400")),
        (Some("mqtt"), None, Some("400")),
        (Some("sip"), Some("https://elsewhere.example.com"), Some("403")),
        (Some("sip"), Some("null"), Some("403")),
        (Some("mqtt, sip"), None, None),
        (Some("sip"), Some("https://phone.example.com"), None),
    ] {
        let made = Link::ws(place.ws, protocol, origin);
        match (refused, made) {
            (Some(status), Err(error)) => assert!(error.contains(status), "{error}"),
            (None, Ok(link)) => {
                let answer = Registrant::new(link, "asker").ask("OPTIONS", "");
                assert_eq!(status(&answer), 200, "{answer}");
            }
            (_, made) => panic!("{protocol:?} of {origin:?}: {:?}", made.err()),
        }
    }
    let log = place.server.log();
    assert!(log.contains("https://elsewhere.example.com"), "who has to be named is told: {log}");
}

#[test]
fn each_message_of_a_socket_is_one_message_of_sip_and_a_wrong_one_is_answered() {
    let place = Place::start("", "");
    let mut phone = browser(Link::ws(place.ws, Some("sip"), None).unwrap(), "asker");
    phone.link.send(
        "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKwrong\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:tsunagu>\r\nCall-ID: wrong\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 99\r\n\r\nshort",
    );
    let answer = phone.link.receive().unwrap();
    assert_eq!(status(&answer), 400, "{answer}");
    // Content-Length may be left out (RFC 7118 section 5.3).
    phone.link.send(
        "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKright\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:tsunagu>\r\nCall-ID: right\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n",
    );
    let answer = phone.link.receive().unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    // One that is longer than any message may be ends the socket.
    phone.link.send(&format!("OPTIONS sip:tsunagu SIP/2.0\r\nX: {}\r\n\r\n", "x".repeat(70_000)));
    assert_eq!(phone.link.receive(), None);
}
