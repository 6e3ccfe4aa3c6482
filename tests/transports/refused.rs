//! Lines that are down because of what is on the way: certificates that are not taken, proxies that don't do their part.

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::Place;
use crate::authority::{Authority, Issued};
use crate::link::Link;
use crate::registrant::{Registrant, status};
use crate::support::wait_for;

/// Makes the phone that registers so the user's, whose line is 1001.
pub fn enrol(place: &Place, phone: &mut Registrant) {
    assert_eq!(status(&phone.register("")), 200);
    let user = json!({ "phone": place.server.api_get("/phones")[0]["id"], "user": "sato" });
    assert_eq!(place.server.api_post("/enrolments", &user).status, 201);
}

fn latest_error(place: &Place, line: &str) -> Value {
    place.server.api_get(&format!("/lines/{line}/status"))["latest_error"].clone()
}

pub fn error(place: &Place, line: &str, code: &str) -> Value {
    wait_for(code, PATIENCE, || Some(latest_error(place, line)).filter(|error| error["code"] == code))
}

#[test]
fn a_certificate_that_is_refused_is_the_error_of_the_line_it_names_and_of_no_other() {
    let place = Place::start("", "client_certificates = \"optional\"");
    let mut phone = Registrant::new(Link::udp(place.server.sip), "desk");
    enrol(&place, &mut phone);
    let strangers = Authority::new("strangers");
    let connect = |own: &Issued| {
        let link = Link::tls(place.tls, &place.authority, Some(own));
        // Within TLS 1.3 a client is told so only when it reads.
        assert!(link.is_err() || link.unwrap().receive().is_none());
    };
    let tried = |name: &str| {
        let found = || {
            let strangers = place.server.api_get("/strangers");
            strangers.as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
        };
        wait_for(name, PATIENCE, found)
    };
    connect(&strangers.issue("nobody-7"));
    assert_eq!(tried("nobody-7")["reason"], "certificate-refused");
    assert!(latest_error(&place, "1001")["code"] != "certificate-refused", "{:#}", latest_error(&place, "1001"));
    connect(&strangers.issue("1001.phones.example.com"));
    let error = error(&place, "1001", "certificate-refused");
    assert_eq!((&error["method"], &error["from"]["transport"]), (&json!("TLS"), &json!("tls")), "{error:#}");
    assert!(error["remedy"].as_str().unwrap().contains("tls.client_authorities"), "{error:#}");
    assert_eq!(place.server.api_get("/lines/1001/status")["state"], "registered", "it is registered all the same");
    // One of an authority we know is no better once it has expired.
    connect(&place.authority.issue_expired("1001.phones.example.com"));
    wait_for("the same error again", PATIENCE, || (latest_error(&place, "1001")["count"] == 2).then_some(()));
    // Makers put hardware addresses into certificates.
    assert_eq!(place.server.handset_get("/00908f112233.cfg", "AUDC-IPPhone/2.2.16 (420HD; 00908F112233)").status, 200);
    let user = json!({ "phone": "00908f112233", "user": "smith" });
    assert_eq!(place.server.api_post("/enrolments", &user).status, 201);
    connect(&strangers.issue("00908F112233"));
    self::error(&place, "1002", "certificate-refused");
    // A phone that doesn't take ours names nobody: it is known by where it is.
    assert!(Link::tls(place.tls, &strangers, None).is_err());
    assert_eq!(tried("127.0.0.1")["reason"], "server-certificate-refused");
}

#[test]
fn a_proxy_that_does_not_do_its_part_is_the_error_of_the_line() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::udp(place.server.sip), "behind");
    enrol(&place, &mut phone);
    phone.contact = format!("{};reg-id=1;+sip.instance=\"<urn:uuid:1>\"", phone.contact);
    let through = "Via: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKbehind\r\nSupported: outbound\r\n";
    assert_eq!(status(&phone.register(through)), 439);
    let error = error(&place, "1001", "first-hop-lacks-outbound");
    assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("RFC 5626")), "{error:#}");
}
