//! Which way answers go (RFC 3261 section 18.2.2, RFC 3581 section 4).

use std::net::{SocketAddr, TcpListener};

use crate::Place;
use crate::link::Link;
use crate::registrant::{Registrant, header, status};
use crate::support::server::Server;

/// A request whose Via says so of its sender.
fn request(method: &str, sender: &str) -> String {
    let call = format!("{method}-{}", sender.replace([':', ';'], "-"));
    format!(
        "{method} sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/UDP {sender};branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@tsunagu>;tag=1\r\nTo: <sip:a@tsunagu>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:a@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn a_datagram_is_answered_where_it_came_from_at_the_port_of_its_via_unless_it_asks_for_its_own() {
    let server = Server::start("");
    // Both hear only what comes from the port that was asked.
    let (mut asking, mut named) = (Link::udp(server.sip), Link::udp(server.sip));
    // With a transaction, and without one.
    for (method, expected) in [("OPTIONS", 200), ("REGISTER", 401)] {
        // What it says of its address is believed in no case.
        for host in ["127.0.0.1", "192.0.2.1", "phone.example.com"] {
            let sender = format!("{host}:{}", named.local.port());
            asking.send(&request(method, &sender));
            let answer = named.receive().unwrap();
            let via = header(&answer, "Via").unwrap();
            assert_eq!((status(&answer), via.contains("rport")), (expected, false), "{answer}");
            assert_eq!(via.contains(";received=127.0.0.1"), host != "127.0.0.1", "{answer}");

            asking.send(&request(method, &format!("{sender};rport")));
            let answer = asking.receive().unwrap();
            let via = header(&answer, "Via").unwrap();
            assert_eq!(status(&answer), expected, "{answer}");
            let port = format!(";rport={}", asking.local.port());
            assert!(via.contains(&port) && via.contains(";received=127.0.0.1"), "{answer}");
        }
    }
}

#[test]
fn what_is_malformed_is_answered_with_where_it_came_from_too() {
    let server = Server::start("");
    let mut asking = Link::udp(server.sip);
    for (well, malformed, expected) in [("SIP/2.0\r\n", "SIP/7.0\r\n", 505), ("CSeq: 1 ", "CSeq: none ", 400)] {
        asking.send(&request("OPTIONS", "192.0.2.1;rport").replacen(well, malformed, 1));
        let answer = asking.receive().unwrap();
        let via = header(&answer, "Via").unwrap();
        let port = format!(";rport={}", asking.local.port());
        assert!(via.contains(&port) && via.contains(";received=127.0.0.1"), "{answer}");
        assert_eq!(status(&answer), expected, "{answer}");
    }
}

#[test]
fn of_several_sockets_the_one_that_was_asked_answers_whatever_address_is_shown() {
    let mut sockets = String::from("listen.advertised_address = \"192.0.2.1\"\nlisten.sip_udp = ");
    sockets.push_str("[\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::1]:0\"]");
    let server = Server::start(&sockets);
    let log = server.log();
    let bound: Vec<&str> = log.lines().filter_map(|line| line.split("SIP transport=UDP address=").nth(1)).collect();
    assert_eq!(bound.len(), 3, "{log}");
    for address in bound {
        let at: SocketAddr = address.trim().parse().unwrap();
        let mut phone = Registrant::new(Link::udp(at), &format!("phone-{}", at.port()));
        assert_eq!(status(&phone.register("")), 200, "{at}");
        let answer = phone.ask("OPTIONS", "");
        assert_eq!(status(&answer), 200, "{answer}");
    }
}

#[test]
fn over_a_connection_an_answer_comes_back_over_it_whatever_port_is_named() {
    let place = Place::start("", "");
    let named = TcpListener::bind("127.0.0.1:0").unwrap();
    named.set_nonblocking(true).unwrap();
    for link in place.connections() {
        let mut asker = Registrant::new(link, "asker");
        asker.sent_by = named.local_addr().unwrap().to_string();
        assert_eq!(status(&asker.ask("OPTIONS", "")), 200, "{}", asker.link.transport);
    }
    assert!(named.accept().is_err(), "nobody connects there");
}
