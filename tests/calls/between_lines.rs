//! One line calls another: who rings, who hears what, and how it goes on.

use crate::dialog::Dialog;
use crate::link::Link;
use crate::phone::{Phone, QUIET, connects, header, headers, sent_by, status, two_phones, within};
use crate::support::server::Server;

/// A call that is up between two phones.
fn talk(caller: &mut Phone, callee: &mut Phone) -> (Dialog, Dialog) {
    let mut calling = caller.calls("1002", "");
    let (_, called) = connects(caller, &mut calling, callee);
    (calling, called)
}

#[test]
fn a_line_calls_another_and_either_side_says_what_it_likes_until_it_hangs_up() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    for is_caller in [true, false] {
        let mut calling = one.calls("1002", "Supported: replaces\r\nRequire: replaces\r\nX-Own: kept\r\n");
        let invite = two.rings();
        assert!(invite.starts_with(&format!("INVITE {} ", two.contact.trim_matches(['<', '>']))), "{invite}");
        assert_eq!(header(&invite, "Max-Forwards"), Some("69"));
        assert_eq!(header(&invite, "X-Own"), Some("kept"));
        assert_eq!(header(&invite, "P-Asserted-Identity"), Some("<sip:1001@tsunagu>"));
        assert_eq!((headers(&invite, "Via").len(), headers(&invite, "Record-Route").len()), (2, 2));
        assert!(invite.ends_with("m=audio 40000 RTP/AVP 0\r\n"), "{invite}");
        let ringing = one.next("SIP/2.0 180");
        assert_eq!(headers(&ringing, "Via").len(), 1);
        let mut called = two.takes(&invite);
        one.is_answered(&mut calling);
        let ack = two.next("ACK ");
        assert!(ack.starts_with(&format!("ACK {} ", two.contact.trim_matches(['<', '>']))), "{ack}");
        for method in ["INFO", "MESSAGE", "REFER", "NOTIFY", "UPDATE"] {
            within(&mut one, &mut calling, &mut two, method);
            within(&mut two, &mut called, &mut one, method);
        }
        // Hold, from the side that was called: a re-INVITE has a 2xx and an ACK of its own.
        two.within(&mut called, "INVITE", "v=0\r\n");
        let held = one.next("INVITE ");
        one.answers(&held, "200 OK", "", "v=0\r\n");
        two.next("SIP/2.0 200");
        two.within(&mut called, "ACK", "");
        one.next("ACK ");
        match is_caller {
            true => within(&mut one, &mut calling, &mut two, "BYE"),
            false => within(&mut two, &mut called, &mut one, "BYE"),
        };
    }
}

#[test]
fn all_phones_of_a_number_ring_and_who_answers_stops_the_others() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut three = Phone::of_user(&server, Link::tcp(server.sip), "three", "smith");
    let mut calling = one.calls("1002", "");
    let (first, second) = (two.rings(), three.rings());
    assert_eq!(header(&first, "Call-ID"), header(&second, "Call-ID"));
    let mut called = three.takes(&second);
    one.is_answered(&mut calling);
    three.next("ACK ");
    let cancel = two.next("CANCEL ");
    assert!(header(&cancel, "Reason").unwrap().contains("cause=200"), "no missed call: {cancel}");
    two.answers(&cancel, "200 OK", "", "");
    two.answers(&first, "487 Request Terminated", "", "");
    two.next("ACK ");
    within(&mut three, &mut called, &mut one, "BYE");
}

#[test]
fn both_answer_at_once_and_the_caller_has_two_calls_to_choose_from() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut three = Phone::of_user(&server, Link::udp(server.sip), "three", "smith");
    let mut calling = one.calls("1002", "");
    let (first, second) = (two.next("INVITE "), three.next("INVITE "));
    let (_, _) = (two.takes(&first), three.takes(&second));
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let answer = one.next("SIP/2.0 200");
        let mut call = calling.clone();
        call.answered(&answer);
        if ends.iter().all(|known: &Dialog| known.remote != call.remote) {
            one.within(&mut call, "ACK", "");
            ends.push(call);
        }
    }
    // Each ACK reaches the one it is for.
    two.next("ACK ");
    three.next("ACK ");
    calling = ends.pop().unwrap();
    let other = if calling.remote.contains("of-two") { &mut two } else { &mut three };
    within(&mut one, &mut calling, other, "BYE");
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut calling = one.calls("1002", "");
    let invite = two.rings();
    one.next("SIP/2.0 180");
    one.cancels(&calling);
    let cancel = two.next("CANCEL ");
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel, "Reason"), None);
    two.answers(&cancel, "200 OK", "", "");
    two.answers(&invite, "487 Request Terminated", "", "");
    two.next("ACK ");
    assert_eq!(status(&one.hears(&mut calling)), 487);
}

#[test]
fn a_restart_of_the_server_cuts_no_call_between_lines() {
    let mut server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let mut three = Phone::of_user(&server, Link::tcp(server.sip), "three", "tanaka");
    let (mut calling, mut called) = talk(&mut one, &mut two);
    let mut to_three = one.calls("1003", "");
    let invite = three.rings();
    three.takes(&invite);
    one.is_answered(&mut to_three);
    three.next("ACK ");
    server.restart();
    within(&mut two, &mut called, &mut one, "INFO");
    within(&mut one, &mut calling, &mut two, "BYE");
    // Its connection has gone with the server: it comes back over another, and the call goes on there.
    let (contact, link) = (three.contact.clone(), Link::tcp(server.sip));
    let mut three = Phone::new(link, "three");
    three.contact = contact;
    assert_eq!(status(&three.registers("")), 200);
    within(&mut one, &mut to_three, &mut three, "BYE");
}

#[test]
fn a_phone_behind_proxies_is_called_by_way_of_them() {
    let server = Server::start(QUIET);
    let mut one = Phone::of_user(&server, Link::udp(server.sip), "one", "sato");
    let mut two = Phone::new(Link::udp(server.sip), "two");
    let path = "Supported: path\r\nPath: <sip:edge.example.com;lr>, <sip:core.example.com;lr>\r\n";
    assert_eq!(status(&two.registers(path)), 200);
    two.is_given_to(&server, "smith");
    let mut calling = one.calls("1002", "");
    let invite = two.rings();
    assert_eq!(headers(&invite, "Route"), ["<sip:edge.example.com;lr>", "<sip:core.example.com;lr>"]);
    assert_eq!(sent_by(&invite), server.sip);
    two.takes(&invite);
    one.is_answered(&mut calling);
}

#[test]
fn several_flows_of_one_phone_ring_once_and_the_next_is_tried_where_one_leads_nowhere() {
    let server = Server::start(QUIET);
    let mut one = Phone::of_user(&server, Link::udp(server.sip), "one", "sato");
    let mut first = Phone::new(Link::tcp(server.sip), "two");
    let mut second = Phone::new(Link::tcp(server.sip), "two");
    second.contact = first.contact.clone();
    for (flow, number) in [(&mut first, 1), (&mut second, 2)] {
        let contact = flow.contact.clone();
        flow.contact =
            format!("{contact};+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\";reg-id={number}");
        assert_eq!(status(&flow.registers("Supported: outbound, path\r\n")), 200);
        flow.contact = contact;
    }
    second.is_given_to(&server, "smith");
    let mut calling = one.calls("1002", "");
    let invite = second.next("INVITE ");
    // The proxy in front of it has lost the phone.
    second.answers(&invite, "430 Flow Failed", "", "");
    let invite = first.rings();
    first.takes(&invite);
    one.is_answered(&mut calling);
}
