//! Requests of the program's to others: found by DNS (RFC 3263), over TCP, UDP and TLS (RFC 5922), to the next server where one
//! fails, and within dialogs along their routes.

use std::net::SocketAddr;
use std::path::Path;

use hickory_resolver::proto::rr::RecordType;
use tokio::sync::mpsc;
use tsunagu::sip::message::{Method, Request, Response};
use tsunagu::sip::{
    ClientCertificates, Endpoint, EndpointConfig, Incoming, SipError, Tls, TlsFiles, TlsTrust, opening_request,
};

use crate::PATIENCE;
use crate::authority::Authority;
use crate::dns::{Dns, Zone};
use crate::link::Link;
use crate::peer::Peer;
use crate::registrant::{Registrant, header, headers, status};
use crate::support::server::Server;
use crate::support::wait_for;

/// An endpoint that asks this DNS server and trusts this authority.
async fn endpoint(dns: &Dns, authority: &Authority, folder: &Path) -> (Endpoint, mpsc::Receiver<Incoming>) {
    authority.issue("pbx.example.net").write_as(folder, "own");
    std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    let (certificate, key) = (folder.join("own.pem"), folder.join("own.key"));
    let trust = TlsTrust {
        authorities: Some(folder.join("authority.pem")),
        identity: Some((certificate.clone(), key.clone())),
    };
    let files = TlsFiles { certificate, key, client_certificates: ClientCertificates::Off, client_authorities: None };
    let any = ["127.0.0.1:0", "[::1]:0"].map(|any| any.parse::<SocketAddr>().unwrap()).to_vec();
    let (requests, incoming) = mpsc::channel(16);
    let config = EndpointConfig {
        udp: any.clone(),
        tcp: any.clone(),
        tls: any,
        identity: Some(Tls::open(files).unwrap()),
        transactions: 100,
        connections: 100,
        connections_per_address: 100,
        dns: vec![dns.address],
        trust,
        ..EndpointConfig::default()
    };
    (Endpoint::start(config, requests).await.unwrap(), incoming)
}

/// What comes of an OPTIONS to a URI, with so many octets in it.
async fn ask(endpoint: &Endpoint, uri: &str, octets: usize) -> Result<Response, SipError> {
    let target: tsunagu::sip::message::SipUri = uri.parse().unwrap();
    let to = target.clone();
    let call = format!("{:032x}", octets + uri.len());
    let make = move |flow| {
        let mut request: Request = opening_request(Method::Options, to.clone().into(), flow, None, Some("them"));
        request.headers.set("Call-ID", &call);
        request.with_body("text/plain", "x".repeat(octets))
    };
    endpoint.request_to(&target, make).await?.answer().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_says_by_what_and_where_it_is_reached_and_is_asked_once() {
    let (authority, folder) = (Authority::new("elsewhere"), tempfile::tempdir().unwrap());
    let (datagrams, stream) = (Peer::udp(0, Some("200 OK")), Peer::tcp("200 OK"));
    let dns = Zone::default()
        .naptr("example.com", 20, "SIP+D2U", "_sip._udp.example.com")
        .naptr("example.com", 10, "SIP+D2T", "_sip._tcp.example.com")
        .srv("_sip._udp.example.com", 0, datagrams.address.port(), "one.example.com")
        .srv("_sip._tcp.example.com", 0, stream.address.port(), "one.example.com")
        .host("one.example.com", "127.0.0.1")
        .serve();
    let (endpoint, _incoming) = endpoint(&dns, &authority, folder.path()).await;
    for _ in 0..3 {
        assert_eq!(ask(&endpoint, "sip:bob@example.com", 0).await.unwrap().status, 200);
    }
    assert_eq!((stream.requests().len(), stream.connections(), datagrams.requests().len()), (3, 1, 0));
    let request = &stream.requests()[0];
    assert!(header(request, "Via").unwrap().starts_with("SIP/2.0/TCP 127.0.0.1:"), "{request}");
    assert!(header(request, "Contact").unwrap().contains(";transport=tcp"), "{request}");
    assert_eq!((dns.asked(RecordType::NAPTR), dns.asked(RecordType::SRV), dns.asked(RecordType::A)), (1, 1, 1));
    assert_eq!(ask(&endpoint, "sip:bob@example.com;transport=udp", 0).await.unwrap().status, 200);
    assert_eq!(datagrams.requests().len(), 1);
    let nowhere = ask(&endpoint, "sip:bob@nowhere.example.com", 0).await.unwrap_err();
    assert!(matches!(&nowhere, SipError::Unresolvable(why) if why.contains("nowhere.example.com")), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_busy_or_silent_has_the_next_one_tried_and_is_tried_last_for_a_time() {
    let (authority, folder) = (Authority::new("elsewhere"), tempfile::tempdir().unwrap());
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (busy, well) = (Peer::tcp("503 Service Unavailable"), Peer::tcp("200 OK"));
    let (silent, answering) = (Peer::udp(0, None), Peer::udp(0, Some("200 OK")));
    let dns = Zone::default()
        .srv("_sip._tcp.example.com", 1, gone.port(), "one.example.com")
        .srv("_sip._tcp.example.com", 2, busy.address.port(), "one.example.com")
        .srv("_sip._tcp.example.com", 3, well.address.port(), "one.example.com")
        .srv("_sip._udp.example.com", 1, silent.address.port(), "one.example.com")
        .srv("_sip._udp.example.com", 2, answering.address.port(), "one.example.com")
        .srv("_sip._tcp.busy.example.com", 2, busy.address.port(), "one.example.com")
        .host("one.example.com", "127.0.0.1")
        .serve();
    let (endpoint, _incoming) = endpoint(&dns, &authority, folder.path()).await;
    let uri = "sip:bob@example.com;transport=tcp";
    assert_eq!(ask(&endpoint, uri, 0).await.unwrap().status, 200);
    assert_eq!((busy.requests().len(), well.requests().len()), (1, 1));
    let branch = |request: &String| header(request, "Via").unwrap().split("branch=").nth(1).unwrap().to_owned();
    assert_ne!(branch(&busy.requests()[0]), branch(&well.requests()[0]), "another transaction");
    let call = |request: &String| header(request, "Call-ID").unwrap().to_owned();
    assert_eq!(call(&busy.requests()[0]), call(&well.requests()[0]), "the same request");
    assert_eq!(ask(&endpoint, uri, 0).await.unwrap().status, 200);
    assert_eq!((busy.requests().len(), well.requests().len()), (1, 2), "it has asked to be left alone");
    // Where there is nobody else, its answer is the answer.
    let answer = ask(&endpoint, "sip:bob@busy.example.com;transport=tcp", 0).await.unwrap();
    assert_eq!((answer.status, answer.headers.get("Retry-After")), (503, Some("120")));

    let uri = "sip:bob@example.com;transport=udp";
    assert_eq!(ask(&endpoint, uri, 0).await.unwrap().status, 200);
    let tried = silent.requests().len();
    assert!(tried > 1, "it was sent again before it was given up");
    assert_eq!(ask(&endpoint, uri, 0).await.unwrap().status, 200);
    assert_eq!((silent.requests().len(), answering.requests().len()), (tried, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_reached_at_whichever_of_its_addresses_somebody_listens() {
    let (authority, folder) = (Authority::new("elsewhere"), tempfile::tempdir().unwrap());
    let (four, six) = (Peer::tcp("200 OK"), Peer::tcp_at("::1", "200 OK"));
    let dns = Zone::default()
        .host("six.example.com", "::1")
        .host("both.example.com", "127.0.0.1")
        .host("both.example.com", "::1")
        .serve();
    let (endpoint, _incoming) = endpoint(&dns, &authority, folder.path()).await;
    // At either port nobody listens at one of the addresses: whichever is tried first, the other is tried, too.
    for (host, peer) in [("six", &six), ("both", &six), ("both", &four)] {
        let uri = format!("sip:bob@{host}.example.com:{};transport=tcp", peer.address.port());
        assert_eq!(ask(&endpoint, &uri, 0).await.unwrap().status, 200, "{uri}");
    }
    assert_eq!((six.requests().len(), four.requests().len()), (2, 1));
    let request = &six.requests()[0];
    assert!(header(request, "Via").unwrap().starts_with("SIP/2.0/TCP [::1]:"), "{request}");
    assert!(header(request, "Contact").unwrap().contains("[::1]:"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
async fn within_tls_only_the_domain_that_was_asked_for_is_believed() {
    let (authority, folder) = (Authority::new("elsewhere"), tempfile::tempdir().unwrap());
    let strangers = Authority::new("strangers");
    let right = Peer::tls(&authority.issue("example.com"), &authority);
    let unknown = Peer::tls(&strangers.issue("example.com"), &strangers);
    let (a, b) = (right.address.port(), unknown.address.port());
    let dns = Zone::default()
        .srv("_sips._tcp.example.com", 2, a, "server.hosting.example")
        .srv("_sips._tcp.example.com", 1, b, "server.hosting.example")
        .srv("_sips._tcp.example.org", 1, a, "server.hosting.example")
        .srv("_sips._tcp.bad.example.com", 1, b, "server.hosting.example")
        .host("server.hosting.example", "127.0.0.1")
        .serve();
    let (endpoint, _incoming) = endpoint(&dns, &authority, folder.path()).await;
    // The first is nobody's we know, the second is of that domain though its host has another name.
    for _ in 0..2 {
        assert_eq!(ask(&endpoint, "sips:bob@example.com", 0).await.unwrap().status, 200);
    }
    assert_eq!((right.requests().len(), right.connections(), right.certificates()), (2, 1, 1), "ours was shown");
    let request = &right.requests()[0];
    assert!(header(request, "Via").unwrap().starts_with("SIP/2.0/TLS "), "{request}");
    assert!(header(request, "Contact").unwrap().starts_with("<sips:"), "{request}");
    assert!(unknown.requests().is_empty());
    // Neither over the connection that is there, nor by one of its own.
    let refused = ask(&endpoint, "sips:bob@example.org", 0).await.unwrap_err();
    assert!(matches!(refused, SipError::Transport(peer) if peer == right.address), "{refused}");
    let refused = ask(&endpoint, "sips:bob@bad.example.com", 0).await.unwrap_err();
    assert!(matches!(refused, SipError::Transport(peer) if peer == unknown.address), "{refused}");
    assert_eq!((right.requests().len(), unknown.requests().len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_a_datagram_goes_by_tcp_where_somebody_takes_it() {
    let (authority, folder) = (Authority::new("elsewhere"), tempfile::tempdir().unwrap());
    let stream = Peer::tcp("200 OK");
    let datagrams = Peer::udp(stream.address.port(), Some("200 OK"));
    let only = Peer::udp(0, Some("200 OK"));
    let dns = Zone::default().serve();
    let (endpoint, _incoming) = endpoint(&dns, &authority, folder.path()).await;
    let counts = || (datagrams.requests().len(), stream.requests().len());
    let uri = format!("sip:bob@{}", stream.address);
    assert_eq!(ask(&endpoint, &uri, 10).await.unwrap().status, 200);
    assert_eq!(counts(), (1, 0));
    assert_eq!(ask(&endpoint, &uri, 2000).await.unwrap().status, 200);
    assert_eq!(counts(), (1, 1));
    assert_eq!(ask(&endpoint, &format!("{uri};transport=udp"), 2000).await.unwrap().status, 200);
    assert_eq!(counts(), (2, 1));
    assert_eq!(ask(&endpoint, &format!("sip:bob@{}", only.address), 2000).await.unwrap().status, 200);
    assert_eq!(only.requests().len(), 1, "nobody takes TCP there");
}

#[test]
fn what_is_told_within_a_dialog_takes_the_route_its_proxies_have_recorded() {
    let proxy = Peer::udp(0, Some("200 OK"));
    let dns = Zone::default()
        .srv("_sip._udp.edge.example.com", 1, proxy.address.port(), "one.example.com")
        .host("one.example.com", "127.0.0.1")
        .serve();
    let server = Server::start(&format!("dns.servers = [\"{}\"]", dns.address));
    let mut phone = Registrant::new(Link::udp(server.sip), "routed");
    assert_eq!(status(&phone.register("")), 200);
    let recorded = "Record-Route: <sip:edge.example.com;lr>\r\n";
    assert_eq!(status(&phone.subscribe("routed", &format!("Event: message-summary\r\n{recorded}"))), 200);
    let told = wait_for("a NOTIFY at the proxy", PATIENCE, || proxy.requests().into_iter().next());
    assert!(
        told.starts_with("NOTIFY sip:routed@") && headers(&told, "Route") == ["<sip:edge.example.com;lr>"],
        "{told}"
    );
    // Where nobody knows the proxy, the way the phone came is as good.
    let recorded = "Record-Route: <sip:lost.example.com;lr>\r\n";
    assert_eq!(status(&phone.subscribe("routed", &format!("Event: message-summary\r\n{recorded}"))), 200);
    assert!(phone.serve().starts_with("NOTIFY sip:routed@"));
    // A name in its Contact is followed, too.
    let own = std::mem::replace(&mut phone.contact, "<sip:routed@edge.example.com>".to_owned());
    assert_eq!(status(&phone.subscribe("routed", "Event: message-summary\r\n")), 200);
    let followed = || proxy.requests().into_iter().find(|told| told.starts_with("NOTIFY sip:routed@edge.example.com "));
    wait_for("a NOTIFY where the name leads", PATIENCE, followed);
    phone.contact = own;
}
