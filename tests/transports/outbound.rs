//! What a registration says of the way to its phone: Path (RFC 3327), Outbound (RFC 5626), Service-Route (RFC 3608), and
//! extensions nobody here has.

use serde_json::json;

use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, headers, status};
use crate::support::server::Server;

const INSTANCE: &str = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"";
const DOES_OUTBOUND: &str = "Supported: path, outbound\r\n";

#[test]
fn each_flow_of_a_phone_is_kept_and_one_over_another_connection_takes_the_place_of_the_one_before() {
    let mut place = Place::start("", "");
    let mut first = Registrant::new(Link::tls(place.tls, &place.authority, None).unwrap(), "two-flows");
    first.contact = format!("<sip:two-flows@192.0.2.1>;reg-id=1;{INSTANCE}");
    let answer = first.register(DOES_OUTBOUND);
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!((header(&answer, "Require"), header(&answer, "Flow-Timer")), (Some("outbound"), Some("110")));
    let shown = header(&answer, "Contact").unwrap();
    assert!(shown.contains(";reg-id=1") && shown.contains(INSTANCE), "{answer}");

    let mut second = Registrant::new(Link::udp(place.server.sip), "two-flows");
    second.contact = format!("<sip:two-flows@192.0.2.1>;reg-id=2;{INSTANCE}");
    let answer = second.register(DOES_OUTBOUND);
    assert_eq!((headers(&answer, "Contact").len(), header(&answer, "Flow-Timer")), (2, Some("25")), "{answer}");

    // The first connection is lost: its flow is registered anew over another, and is still one flow.
    drop(first);
    let mut anew = Registrant::new(Link::tcp(place.server.sip), "two-flows");
    anew.contact = format!("<sip:two-flows@192.0.2.7;transport=tcp>;reg-id=1;{INSTANCE}");
    let answer = anew.register(DOES_OUTBOUND);
    let shown = headers(&answer, "Contact");
    assert!(shown.len() == 2 && shown.iter().any(|contact| contact.contains("192.0.2.7")), "{answer}");
    let registrations = |place: &Place| {
        let mut shown: Vec<String> = place.server.api_get("/phones")[0]["registrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["transport"].as_str().unwrap().to_owned())
            .collect();
        shown.sort();
        shown
    };
    assert_eq!(registrations(&place), ["TCP", "UDP"]);
    // Both flows were committed, though one contact was the same.
    place.server.restart();
    assert_eq!(registrations(&place), ["TCP", "UDP"]);
}

#[test]
fn a_phone_one_of_whose_flows_is_down_is_reached_over_the_other() {
    let place = Place::start("", "");
    let mut alive = Registrant::new(Link::udp(place.server.sip), "two-ways");
    alive.contact = format!("<sip:two-ways@192.0.2.1>;reg-id=2;{INSTANCE}");
    assert_eq!(status(&alive.register(&format!("{DOES_OUTBOUND}Expires: 120\r\n"))), 200);
    // The one that is good for longer is asked first, and has no connection any more.
    let mut down = Registrant::new(Link::tls(place.tls, &place.authority, None).unwrap(), "two-ways");
    down.contact = format!("<sip:two-ways@192.0.2.1>;reg-id=1;{INSTANCE}");
    assert_eq!(status(&down.register(&format!("{DOES_OUTBOUND}Expires: 300\r\n"))), 200);
    drop(down);
    let bind = json!({ "phone": place.server.api_get("/phones")[0]["id"], "user": "sato" });
    assert_eq!(place.server.api_post("/enrolments", &bind).status, 201);
    let request = alive.serve();
    assert!(request.starts_with("OPTIONS sip:two-ways@192.0.2.1 SIP/2.0"), "{request}");
    let rung = alive.serve();
    assert!(rung.starts_with("INVITE "), "{rung}");
}

#[test]
fn a_flow_without_outbound_is_a_registration_like_any_other() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::udp(place.server.sip), "plain");
    phone.contact = format!("<sip:plain@192.0.2.1>;reg-id=1;{INSTANCE}");
    let answer = phone.register("");
    assert_eq!(
        (status(&answer), header(&answer, "Require"), header(&answer, "Flow-Timer")),
        (200, None, None),
        "{answer}"
    );
    assert!(!header(&answer, "Contact").unwrap().contains("reg-id"), "{answer}");
}

#[test]
fn behind_a_proxy_the_path_is_returned_and_requests_take_it_back() {
    let place = Place::start("", "");
    let mut phone = Registrant::new(Link::udp(place.server.sip), "behind");
    phone.contact = format!("<sip:behind@10.9.9.9>;reg-id=1;{INSTANCE}");
    let through = "Via: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKbehind\r\n";
    let refused = phone.register(&format!("{through}{DOES_OUTBOUND}Path: <sip:edge.example.com;lr>\r\n"));
    assert_eq!(status(&refused), 439, "{refused}");
    let path = ["<sip:core.example.com;lr>", "<sip:token@edge.example.com;lr;ob>"];
    let headers_of_path = format!("Path: {}\r\nPath: {}\r\n", path[0], path[1]);
    let answer = phone.register(&format!("{through}{DOES_OUTBOUND}{headers_of_path}"));
    assert_eq!((status(&answer), headers(&answer, "Path")), (200, path.to_vec()), "{answer}");
    let shown = place.server.api_get("/phones");
    let bind = json!({ "phone": shown[0]["id"], "user": "sato" });
    assert_eq!(place.server.api_post("/enrolments", &bind).status, 201);
    let request = phone.serve();
    assert!(request.starts_with("OPTIONS sip:behind@10.9.9.9 SIP/2.0"), "{request}");
    assert_eq!(header(&request, "Route"), Some(path.join(", ").as_str()), "{request}");
}

#[test]
fn extensions_nobody_here_has_are_named_and_those_there_are_taken() {
    let server = Server::start("");
    let mut phone = Registrant::new(Link::udp(server.sip), "asking");
    let refused = phone.register("Require: path, wormhole\r\nProxy-Require: time-travel\r\n");
    assert_eq!((status(&refused), header(&refused, "Unsupported")), (420, Some("wormhole, time-travel")), "{refused}");
    let answer = phone.register("Require: path\r\n");
    assert_eq!((status(&answer), header(&answer, "Supported")), (200, Some("path, outbound, gruu")), "{answer}");
    let answer = phone.ask("OPTIONS", "");
    assert!(header(&answer, "Supported").unwrap().starts_with("path, outbound, gruu, 100rel"), "{answer}");
}

#[test]
fn phones_are_told_the_proxies_their_requests_are_to_pass() {
    let server =
        Server::start("registrar.service_route = [\"<sip:one.example.com;lr>\", \"<sip:two.example.com;lr>\"]");
    let mut phone = Registrant::new(Link::udp(server.sip), "told");
    let answer = phone.register("");
    assert_eq!(headers(&answer, "Service-Route"), ["<sip:one.example.com;lr>", "<sip:two.example.com;lr>"], "{answer}");
}
