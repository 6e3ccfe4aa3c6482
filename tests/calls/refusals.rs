//! Calls between lines that don't come about, and what the caller hears.

use std::net::UdpSocket;
use std::time::Duration;

use crate::link::Link;
use crate::phone::{Phone, QUIET, header, status, two_phones};
use crate::support::server::Server;

/// What a call comes to.
fn call(phone: &mut Phone, number: &str, headers: &str) -> String {
    let mut calling = phone.calls(number, headers);
    phone.hears(&mut calling)
}

#[test]
fn the_caller_hears_what_the_phone_says() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    for refusal in ["486 Busy Here", "603 Decline", "488 Not Acceptable Here", "302 Moved Temporarily"] {
        let mut calling = one.calls("1002", "");
        let invite = two.rings();
        two.answers(&invite, refusal, "X-Why: so\r\n", "");
        two.next("ACK ");
        let answer = one.hears(&mut calling);
        assert!(answer.starts_with(&format!("SIP/2.0 {refusal}")), "{answer}");
        assert_eq!(header(&answer, "X-Why"), Some("so"));
    }
}

#[test]
fn the_best_of_several_refusals_is_heard() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut three = Phone::of_user(&server, Link::udp(server.sip), "three", "smith");
    let mut calling = one.calls("1002", "");
    let (first, second) = (two.rings(), three.rings());
    two.answers(&first, "480 Temporarily Unavailable", "", "");
    two.next("ACK ");
    three.answers(&second, "486 Busy Here", "", "");
    three.next("ACK ");
    assert_eq!(status(&one.hears(&mut calling)), 486);
}

#[test]
fn as_many_requests_are_on_their_way_as_may_be_and_the_next_caller_is_told_when_to_try_again() {
    let server = Server::start(&format!("{QUIET}\nlimits.proxied_requests = 1"));
    let (mut one, mut two) = two_phones(&server);
    let mut calling = one.calls("1002", "");
    let invite = two.rings();
    let refused = call(&mut two, "1001", "");
    assert_eq!((status(&refused), header(&refused, "Retry-After")), (503, Some("10")), "{refused}");
    let figures = server.admin_get("/metrics").body;
    assert!(figures.contains("proxied_requests_refused_total 1\n"), "{figures}");
    two.answers(&invite, "486 Busy Here", "", "");
    two.next("ACK ");
    assert_eq!(status(&one.hears(&mut calling)), 486);
    // Its place is free again, a moment later.
    server.admin_get("/metrics");
    let mut calling = two.calls("1001", "");
    let invite = one.rings();
    one.answers(&invite, "486 Busy Here", "", "");
    one.next("ACK ");
    assert_eq!(status(&two.hears(&mut calling)), 486);
}

#[test]
fn a_line_nobody_is_registered_on_is_unavailable_and_a_number_nobody_has_is_not_found() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    assert_eq!(status(&call(&mut one, "1003", "")), 404, "a number in the directory and on no phone");
    assert_eq!(status(&call(&mut one, "4711", "")), 404);
    assert_eq!(status(&two.registers("Expires: 0\r\n")), 200);
    assert_eq!(status(&call(&mut one, "1002", "")), 480);
    assert_eq!(status(&call(&mut one, "1001", "")), 486, "its own number, which is on no other phone");
}

#[test]
fn who_is_not_known_calls_nobody() {
    let server = Server::start(QUIET);
    let (_one, mut two) = two_phones(&server);
    let mut stranger = Phone::new(Link::udp(server.sip), "stranger");
    assert_eq!(status(&call(&mut stranger, "1002", "")), 401);
    let mut quarantined = Phone::register(Link::udp(server.sip), "fresh");
    assert_eq!(status(&call(&mut quarantined, "1002", "")), 403);
    let challenged = call(&mut stranger, "1002", "");
    let credentials = stranger.credentials(&challenged, "INVITE", "sip:1002@tsunagu");
    assert_eq!(status(&call(&mut stranger, "1002", &credentials)), 403);
    // Nothing of it has reached the phone: what it hears next is what it asked.
    assert_eq!(status(&two.registers("")), 200);
}

#[test]
fn an_invite_in_somebodys_name_brings_them_one_answer_and_keeps_nothing() {
    let server = Server::start(QUIET);
    let (_one, _two) = two_phones(&server);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let own = socket.local_addr().unwrap();
    // One for a line, one for the route point, and one that no server here understands.
    for (turn, (number, more, wanted)) in
        [("1002", "", 401), ("2000", "", 401), ("2000", "Require: nothing-known\r\n", 420)].into_iter().enumerate()
    {
        let invite = format!(
            "INVITE sip:{number}@tsunagu SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{turn}\r\nMax-Forwards: 70\r\n\
             From: <sip:x@tsunagu>;tag=1\r\nTo: <sip:{number}@tsunagu>\r\nCall-ID: {turn}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:x@{own}>\r\n{more}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(invite.as_bytes(), server.sip).unwrap();
        let mut buffer = [0; 4096];
        let mut answers = Vec::new();
        // Nobody acknowledges it, and it is not said again: an INVITE that was kept would be answered every so often.
        while let Ok(length) = socket.recv(&mut buffer) {
            answers.push(status(&String::from_utf8_lossy(&buffer[..length])));
        }
        assert_eq!(answers, [wanted]);
    }
}

#[test]
fn a_phone_that_has_a_password_calls_when_it_has_shown_it_and_not_before() {
    let server = Server::start(QUIET);
    let agent = "AUDC-IPPhone/2.2.8.61 (420HD; 00908F200001)";
    assert_eq!(server.handset_get("/00908f200001.cfg", agent).status, 200);
    let phone = server.api_get("/phones")[0]["id"].clone();
    let bound = server.api_post("/enrolments", &serde_json::json!({ "phone": phone, "user": "sato" }));
    assert_eq!(bound.status, 201, "{bound:?}");
    let told = server.api_post("/lines/1001/password", &serde_json::json!({}));
    assert_eq!(told.status, 200, "{told:?}");
    let told = told.json();
    let mut desk = Phone::new(Link::udp(server.sip), "1001");
    desk.credentials = (told["auth_name"].as_str().unwrap().into(), told["password"].as_str().unwrap().into());
    assert_eq!(status(&desk.registers("")), 200);
    let mut two = Phone::of_user(&server, Link::udp(server.sip), "two", "smith");
    // Registered or not, nothing goes on without the password.
    assert_eq!(status(&call(&mut desk, "1002", "")), 401);
    let mut calling = desk.calls_with_password("<sip:1001@tsunagu>", "1002", "");
    let invite = two.rings();
    assert_eq!(
        (header(&invite, "Authorization"), header(&invite, "P-Asserted-Identity")),
        (None, Some("<sip:1001@tsunagu>"))
    );
    two.takes(&invite);
    desk.is_answered(&mut calling);
    two.next("ACK ");
    // And it is called without one.
    let mut calling = two.calls("1001", "");
    let invite = desk.rings();
    desk.takes(&invite);
    two.is_answered(&mut calling);
    desk.credentials.1 = "wrong".to_owned();
    let mut calling = desk.calls_with_password("<sip:1001@tsunagu>", "1002", "");
    assert_eq!(status(&desk.hears(&mut calling)), 403);
}

#[test]
fn nobody_calls_under_the_number_of_somebody_else() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    // With a password shown, since a From that isn't its own doesn't tell who it is.
    let mut calling = one.calls_with_password("<sip:1003@tsunagu>", "1002", "");
    assert_eq!(status(&one.hears(&mut calling)), 403);
    // Whatever it asserts of itself is replaced, and what it showed the server stays there.
    for (privacy, told) in [("", Some(true)), ("Privacy: id\r\n", None)] {
        let headers = format!("P-Asserted-Identity: <sip:1003@tsunagu>\r\n{privacy}");
        let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
        let mut calling = one.calls_with_password(anonymous, "1002", &headers);
        let invite = two.rings();
        let shown = header(&invite, "P-Asserted-Identity");
        assert_eq!(shown.map(|shown| shown.contains("sip:1001@")), told, "{invite}");
        assert_eq!(header(&invite, "Authorization"), None);
        two.answers(&invite, "486 Busy Here", "", "");
        two.next("ACK ");
        assert_eq!(status(&one.hears(&mut calling)), 486);
    }
}

#[test]
fn a_request_that_may_go_no_further_or_asks_too_much_of_a_proxy_is_refused() {
    let server = Server::start(QUIET);
    let (mut one, _two) = two_phones(&server);
    assert_eq!(status(&call(&mut one, "1002", "Max-Forwards: 0\r\n")), 483);
    let refused = call(&mut one, "1002", "Proxy-Require: sec-agree\r\n");
    assert_eq!((status(&refused), header(&refused, "Unsupported")), (420, Some("sec-agree")));
}

#[test]
fn a_request_that_comes_round_again_is_stopped() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut calling = one.calls("1002", "");
    let invite = two.next("INVITE ");
    // A phone that sends whatever it gets back to where it came from.
    let back = invite.replacen("INVITE ", "INVITE sip:1002@tsunagu SIP/2.0\r\nX-Was: ", 1).replacen(
        "\r\nVia: ",
        &format!("\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKround;rport\r\nVia: ", two.link.local),
        1,
    );
    two.link.send(&back);
    let answer = two.next("SIP/2.0 4");
    assert_eq!(status(&answer), 482, "{answer}");
    two.answers(&invite, "482 Loop Detected", "", "");
    assert_eq!(status(&one.hears(&mut calling)), 482);
}

#[test]
fn nothing_is_carried_anywhere_by_a_route_of_ones_own_making() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut calling = one.calls("1002", "");
    let invite = two.rings();
    let mut called = two.takes(&invite);
    one.is_answered(&mut calling);
    two.next("ACK ");
    let victim = Link::udp(server.sip);
    for route in [
        // As it could be guessed, and one that was given for another call.
        format!("<sip:-.udp.7f000001.{}.{}@{};lr>", victim.local.port(), "0".repeat(32), server.sip),
        called.routes[0].clone(),
    ] {
        let mut forged = called.clone();
        forged.call_id = "another".to_owned();
        forged.routes = vec![route];
        two.within(&mut forged, "MESSAGE", "");
        let answer = two.next("SIP/2.0 ");
        assert!(matches!(status(&answer), 405 | 481 | 501), "{answer}");
    }
    two.within(&mut called, "BYE", "");
    let bye = one.next("BYE ");
    one.answers(&bye, "200 OK", "", "");
}
