//! Phones on any transport before the Kamailio of the README and two nodes behind it, on loopback: whichever node a registration or
//! a call goes to, all are reached.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::authority::Authority;
use crate::link::Link;
use crate::phone::{Phone, QUIET, all_call_each_other, connects, header, phones_over, status, within};
use crate::server;
use crate::support::kamailio::{Kamailio, edge};
use crate::support::server::Server;
use crate::support::wait_for;

/// An address of loopback no other test has.
const EDGE: &str = "127.77.0.10";
/// Phones that register until both nodes have had one.
const MOST_SPARE: usize = 40;
/// How long until one node knows what phones told the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing is to come to whom nothing is for.
const QUIET_FOR: Duration = Duration::from_secs(1);

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
    are_known(&phones, [&one, &other]);
    all_call_each_other(&mut phones);
    let took_part = |node: &Server| node.log().contains("a phone registered");
    // Which node a phone registers with is up to its Call-ID.
    for turn in (0..MOST_SPARE).take_while(|_| !(took_part(&one) && took_part(&other))) {
        Phone::register(Link::udp(edge.sip), &format!("spare-{turn}"));
    }
    assert!(took_part(&one) && took_part(&other), "phones registered with both nodes");
    // One that is behind a translation says where it is as it sees it.
    for (phone, _) in &mut phones[..3] {
        assert_eq!(status(&phone.registers("Expires: 0\r\n")), 200);
        phone.contact = phone.contact.replace("127.0.0.1", "10.255.255.1");
        assert_eq!(status(&phone.registers("")), 200);
    }
    // Where each of them is shows at both nodes, moments later at the one it did not register with.
    are_known(&phones, [&one, &other]);
    all_call_each_other(&mut phones);
    is_no_way_to_anybody_else(&mut phones);
    assert!(Link::ws(edge.sip, Some("sip"), Some("https://phone.example.com")).is_ok());
    assert!(Link::ws(edge.sip, Some("sip"), Some("https://elsewhere.example.com")).is_err());
    let log = std::fs::read_to_string(folder.path().join("kamailio.log")).unwrap();
    assert!(!log.contains("tcpops"), "{log}");
}

fn are_known(phones: &[(Phone, String)], nodes: [&Server; 2]) {
    nodes.iter().for_each(|node| wait_for("the phones' places", PATIENCE, || are_shown(phones, node).then_some(())));
}

/// True if a node knows where all phones are, and what they say of it.
fn are_shown(phones: &[(Phone, String)], node: &Server) -> bool {
    let shown = node.api_get("/phones");
    let registrations = shown.as_array().unwrap().iter().flat_map(|phone| phone["registrations"].as_array().unwrap());
    let places: Vec<[&str; 3]> =
        registrations.map(|at| ["from", "transport", "contact"].map(|field| at[field].as_str().unwrap())).collect();
    phones.iter().all(|(phone, _)| {
        // Of a WebSocket within TLS Kamailio's Path says what a URI says of it (RFC 7118 section 5.4).
        let transport = phone.link.transport.replace("WSS", "WS");
        let contact = phone.contact.trim_matches(['<', '>']);
        places.contains(&[&phone.link.local.to_string(), &transport, contact])
    })
}

/// Whatever a phone writes into its messages, what comes of them goes to nodes and to phones.
fn is_no_way_to_anybody_else(phones: &mut [(Phone, String)]) {
    let bystander = UdpSocket::bind("127.0.0.1:0").unwrap();
    bystander.set_read_timeout(Some(QUIET_FOR)).unwrap();
    let there = bystander.local_addr().unwrap();
    // By its Route, as an address or as a name.
    let (stranger, _) = &mut phones[0];
    for (turn, host) in [there.to_string(), format!("localhost:{}", there.port())].iter().enumerate() {
        let onward = format!("Route: <sip:{EDGE}:5060;lr>\r\nRoute: <sip:{host};lr>\r\n");
        let call_id = format!("onward-{turn}");
        let named = [("From", "<sip:a@a>;tag=1"), ("To", "<sip:b@b>;tag=2"), ("Call-ID", &*call_id), ("CSeq", "1 BYE")];
        stranger.sends("BYE", &format!("sip:b@{host}"), &named, &onward, "");
        let answer = stranger.next("SIP/2.0 ");
        assert_eq!((status(&answer), header(&answer, "Call-ID")), (404, Some(&*call_id)), "{answer}");
    }
    // By an answer nobody asked for.
    stranger.link.send(&format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {EDGE}:5060;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP {there};branch=z9hG4bK2\r\n\
         From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>;tag=2\r\nCall-ID: answer\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ));
    // By what it says of where it is: the edge says so too, and twice is once too often.
    let [(caller, _), (callee, number), ..] = phones else { panic!("two phones") };
    let own = caller.contact.clone();
    caller.contact = own.replace('>', &format!(";alias={}~{}~1>", there.ip(), there.port()));
    let mut forged = caller.calls(number, "");
    assert_eq!(status(&caller.hears(&mut forged)), 400);
    // By what it says of the way there.
    caller.contact = own;
    let mut calling = caller.calls(number, &format!("Record-Route: <sip:{there};lr>\r\n"));
    let (_, mut called) = connects(caller, &mut calling, callee);
    within(callee, &mut called, caller, "BYE");
    let heard = bystander.recv(&mut [0; 2048]);
    assert!(heard.is_err(), "somebody else was sent {heard:?} octets");
}

fn at(port: &str) -> SocketAddr {
    format!("{EDGE}:{port}").parse().unwrap()
}
