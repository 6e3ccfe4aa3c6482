//! SIP over IPv6, on every transport.

use std::net::{IpAddr, Ipv6Addr};

use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, status};

#[test]
fn a_phone_registers_over_ipv6_on_every_transport_and_is_reached_there() {
    let place = Place::start_at("[::1]", "sip_udp = [\"[::1]:0\"]\nsip_tcp = [\"[::1]:0\"]", "", "");
    let at = |transport: &str| place.server.sip_at(transport);
    let links = [
        Link::udp(at("UDP")),
        Link::tcp(at("TCP")),
        Link::tls(at("TLS"), &place.authority, None).unwrap(),
        Link::ws(at("WS"), Some("sip"), None).unwrap(),
        Link::wss(at("WSS"), &place.authority),
    ];
    for link in links {
        let (transport, own) = (link.transport, link.local);
        assert_eq!(own.ip(), IpAddr::from(Ipv6Addr::LOCALHOST));
        let mut phone = Registrant::new(link, &format!("six-{}", transport.to_ascii_lowercase()));
        let answer = phone.register("");
        assert_eq!(status(&answer), 200, "{transport}: {answer}");
        // RFC 3261 writes the address of `received` bare, and that of a Via's sender in brackets.
        let via = header(&answer, "Via").unwrap();
        assert!(via.contains(&format!("[::1]:{}", own.port())) && via.contains("received=::1"), "{via}");
        let phones = place.server.api_get("/phones");
        let mut phones = phones.as_array().unwrap().iter();
        let shown = phones.find(|shown| shown["registrations"][0]["transport"] == transport).unwrap();
        assert_eq!(shown["registrations"][0]["from"], own.to_string());
        let bind = serde_json::json!({ "phone": shown["id"], "user": "sato" });
        assert_eq!(place.server.api_post("/enrolments", &bind).status, 201);
        let request = phone.serve();
        let via = header(&request, "Via").unwrap();
        assert!(via.starts_with(&format!("SIP/2.0/{transport} {}", at(transport))), "{via}");
        assert!(request.contains(&format!("sip:{}@[::1]:{}", phone.name, own.port())), "{request}");
    }
}

#[test]
fn a_via_whose_received_address_is_in_brackets_is_read_like_one_without() {
    // RFC 5118 section 4.5: both are met with.
    let place = Place::start("", "");
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let mut phone = Registrant::new(Link::udp(place.server.sip), "asker");
        phone.sent_by = format!("[2001:db8::9:1];received={received}");
        let answer = phone.ask("OPTIONS", "");
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(header(&answer, "Via").unwrap().contains("received=127.0.0.1"), "where it really came from: {answer}");
    }
}
