//! Slow clients on TCP, TLS and WebSocket that take all the connections their address may have: phones at that address that are
//! connected go on, and an operator makes room for others. (`transports/idle.rs` has the deadlines that end such connections.)

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::authority::Authority;
use crate::link::{Link, connect};
use crate::link_registrant::{Registrant, status};
use crate::neighbours;
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Connections of one address.
const MOST: usize = 12;

/// A connection that has said so much and says no more.
fn slow(to: SocketAddr, said: &str) -> TcpStream {
    let mut stream = connect(to.ip(), to);
    stream.write_all(said.as_bytes()).unwrap();
    stream
}

#[test]
fn slow_clients_that_fill_an_address_take_nothing_from_its_phones_and_make_room_when_lifted() {
    let authority = Authority::new("ground");
    let files = tempfile::tempdir().unwrap();
    authority.issue("server").write(files.path());
    let shown = files.path().display();
    let server = Server::start(&format!(
        "limits.connections_per_address = {MOST}\n\
         listen = {{ sip_tls = [\"127.0.0.1:0\"], sip_ws = [\"127.0.0.1:0\"] }}\n\
         tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\" }}"
    ));
    let (tls, ws) = (server.sip_at("TLS"), server.sip_at("WS"));
    let mut phones = [
        Registrant::new(Link::tcp(server.sip), "over-tcp"),
        Registrant::new(Link::tls(tls, &authority, None).unwrap(), "over-tls"),
        Registrant::new(Link::ws(ws, Some("sip"), None).unwrap(), "over-ws"),
    ];
    for phone in &mut phones {
        assert_eq!(status(&phone.register("")), 200);
    }
    // As many as the address may still have, in every way.
    let ways = [
        (server.sip, "REGISTER sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/TCP a"),
        (tls, "\u{16}\u{3}\u{1}"),
        (ws, "GET / HTTP/1.1\r\nHost: localhost\r\nUpg"),
    ];
    let standing: Vec<TcpStream> = (0..MOST).map(|turn| slow(ways[turn % 3].0, ways[turn % 3].1)).collect();
    wait_for("all connections to be open", PATIENCE, || (server.connections() == phones.len() + MOST).then_some(()));
    let mut one_more = connect(server.sip.ip(), server.sip);
    assert!(matches!(one_more.read(&mut [0]), Ok(0) | Err(_)), "closed at once");

    for phone in &mut phones {
        assert_eq!(status(&phone.register("")), 200, "{}", phone.link.transport);
    }
    // By datagrams one comes new to that address, too.
    assert_eq!(status(&neighbours::managed(&server, 1, 1).register()), 200);

    let full = |server: &Server| server.api_get("/shut-outs?reason=too-many-connections")[0].clone();
    let listed = full(&server);
    assert_eq!((&listed["address"], &listed["scope"]), (&"127.0.0.1".into(), &"address".into()), "{listed:#}");
    assert!(listed["refused"].as_u64() >= Some(1) && listed["until"].is_string(), "{listed:#}");
    let told = wait_for("the log", PATIENCE, || {
        let log = server.log();
        log.lines().find(|line| line.contains("too many SIP connections: no more are taken")).map(str::to_owned)
    });
    for field in ["WARN", "address=\"127.0.0.1\"", "scope=\"address\"", "reason=\"too-many-connections\"", "until=20"] {
        assert!(told.contains(field), "{field}: {told}");
    }
    assert_eq!(server.api_delete(&format!("/shut-outs/{}", listed["id"].as_str().unwrap())).status, 204);
    assert_eq!(full(&server), Value::Null);
    wait_for("room for others", PATIENCE, || (server.connections() == phones.len()).then_some(()));
    // What only stood about is closed …
    let mut of_tcp = standing.into_iter().next().unwrap();
    let end = of_tcp.read_to_end(&mut Vec::new());
    assert!(end.as_ref().err().is_none_or(|error| error.kind() != std::io::ErrorKind::WouldBlock), "{end:?}");
    // … others get in, and the phones are still there.
    assert_eq!(status(&Registrant::new(Link::tcp(server.sip), "one-more").register("")), 200);
    for phone in &mut phones {
        assert_eq!(status(&phone.register("")), 200, "{}", phone.link.transport);
    }
}
