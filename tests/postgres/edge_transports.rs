//! Phones on any transport before the Kamailio of the README and two nodes behind it, on loopback: whichever node a registration or
//! a call goes to, all are reached.

use std::net::SocketAddr;

use crate::authority::Authority;
use crate::link::Link;
use crate::phone::{QUIET, all_call_each_other, header, phones_over, status};
use crate::server;
use crate::support::kamailio::{Kamailio, edge};

/// An address of loopback no other test has.
const EDGE: &str = "127.77.0.10";

#[test]
fn phones_on_connections_to_the_edge_call_and_are_called_whichever_node_they_registered_with() {
    let settings = format!("{QUIET}registrar.edges = [\"{EDGE}/32\"]\nflood.trusted = [\"{EDGE}/32\"]\n");
    let one = server(&settings);
    let other = one.neighbour(&format!("dialogue.languages = [\"en\"]\n{settings}"));
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("edge");
    authority.issue("edge").write(folder.path());
    let text = edge(EDGE, &[one.sip, other.sip], folder.path());
    let text = text.replace("##!define", "#!define").replace("/etc/kamailio", &folder.path().display().to_string());
    let edge = Kamailio::start(&text, at("5060"), folder.path(), &[]);
    let links = [
        Link::udp(edge.sip),
        Link::tcp(edge.sip),
        Link::tls(at("5061"), &authority, None).unwrap(),
        Link::ws(edge.sip, Some("sip"), None).unwrap(),
        Link::wss(at("5061"), &authority),
    ];
    let mut phones = phones_over(&one, links);
    all_call_each_other(&mut phones);
    let took_part = |log: String| log.matches("a phone registered").count();
    assert!(took_part(one.log()) > 0 && took_part(other.log()) > 0, "phones registered with both nodes");
    // One that is behind a translation says where it is as it sees it.
    for (phone, _) in &mut phones[..3] {
        assert_eq!(status(&phone.registers("Expires: 0\r\n")), 200);
        phone.contact = phone.contact.replace("127.0.0.1", "10.255.255.1");
        assert_eq!(status(&phone.registers("")), 200);
    }
    all_call_each_other(&mut phones);
    // Where each of them is shows. Of a WebSocket within TLS Kamailio's Path says what a URI says of it (RFC 7118 section 5.4).
    let shown = other.api_get("/phones");
    let registrations = shown.as_array().unwrap().iter().flat_map(|phone| phone["registrations"].as_array().unwrap());
    let places: Vec<(&str, &str)> =
        registrations.map(|at| (at["from"].as_str().unwrap(), at["transport"].as_str().unwrap())).collect();
    for (phone, _) in &phones {
        let transport = phone.link.transport.replace("WSS", "WS");
        assert!(places.contains(&(&phone.link.local.to_string(), &transport)), "{} in {places:?}", phone.name);
    }
    // It passes on nothing but what is for a node.
    let (stranger, _) = &mut phones[0];
    let onward = format!("Route: <sip:{EDGE}:5060;lr>\r\nRoute: <sip:127.0.0.1:9;lr>\r\n");
    let named = [("From", "<sip:a@a>;tag=1"), ("To", "<sip:b@b>;tag=2"), ("Call-ID", "onward"), ("CSeq", "1 BYE")];
    stranger.sends("BYE", "sip:b@127.0.0.1:9", &named, &onward, "");
    let answer = stranger.next("SIP/2.0 ");
    assert_eq!((status(&answer), header(&answer, "CSeq")), (404, Some("1 BYE")), "{answer}");
}

fn at(port: &str) -> SocketAddr {
    format!("{EDGE}:{port}").parse().unwrap()
}
