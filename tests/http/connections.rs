//! The phones' door, pressed by clients that mean it no good: they are cut or turned away, and others are served.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::house::{House, agent, mac};
use crate::raw::ask;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A house with these limits of its doors.
async fn house(limits: &str) -> House {
    House::open(&format!("{limits}\n[auto_registration]\nenabled = true\n")).await
}

/// A connection that has said this much, from this address of loopback.
fn opened(door: SocketAddr, from: u8, said: &str) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let own = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)), 0);
    socket.bind(&own.into()).unwrap();
    socket.connect(&door.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    stream
}

/// Reads until the server has closed the connection; gives what it said before.
fn closing(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the server keeps the connection"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The status of an ordinary request.
fn served(door: SocketAddr) -> u16 {
    ask(door, "GET /420HD.cfg", &agent(&mac(1))).status
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_finish_their_request_are_cut_while_others_are_served() {
    let house = house("handset_request_seconds = 2").await;
    let door = house.running.handset;
    let begun = ["", "GET", "GET /00908f200001.cfg HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: AUDC"];
    let mut slow: Vec<TcpStream> = begun.iter().map(|said| opened(door, 1, said)).collect();
    // One that never stops, an octet at a time: only the server ends it.
    let mut drip = opened(door, 1, "GET / HTTP/1.1\r\nX: ");
    let dripping = std::thread::spawn(move || {
        while drip.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(served(door), 200);
    for stream in &mut slow {
        assert!(!closing(stream).contains(" 200 "));
    }
    dripping.join().unwrap();
    assert_eq!(served(door), 200);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections_and_no_more_and_another_has_its_own() {
    let house = house("handset_connections_per_address = 3\nhandset_request_seconds = 120").await;
    let door = house.running.handset;
    let held: Vec<TcpStream> = (0..3).map(|_| opened(door, 1, "GET / HTTP/1.1\r\n")).collect();
    let refused = house.figure("handset_connections_refused_total");
    assert_eq!(closing(&mut opened(door, 1, "")), "");
    assert!(house.figure("handset_connections_refused_total") > refused);
    let request = "GET /420HD.cfg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(closing(&mut opened(door, 2, request)).starts_with("HTTP/1.1 200"));
    // Whoever leaves makes room.
    drop(held);
    let answered = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        ask(door, "GET /420HD.cfg", &agent(&mac(1))).status == 200
    });
    assert!(answered);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_door_is_held_by_nobody_who_says_nothing_or_comes_too_often() {
    let house = house("admin_connections_per_address = 3\nadmin_request_seconds = 2").await;
    let door = house.running.admin;
    let health = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut held: Vec<TcpStream> =
        ["", "GET", "GET /healthz HTTP/1.1\r\n"].iter().map(|said| opened(door, 1, said)).collect();
    assert_eq!(closing(&mut opened(door, 1, "")), "", "one too many");
    assert!(closing(&mut opened(door, 2, health)).starts_with("HTTP/1.1 200"), "somebody else");
    for stream in &mut held {
        assert!(!closing(stream).contains(" 200 "), "who doesn't finish a request");
    }
    let login = "POST /api/v1/portal/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Content-Length: 50\r\n\r\n{";
    let unfinished = closing(&mut opened(door, 1, login));
    assert!(unfinished.starts_with("HTTP/1.1 4"), "who doesn't finish a body: {unfinished}");
    assert!(closing(&mut opened(door, 1, health)).starts_with("HTTP/1.1 200"));
    assert!(house.figure("admin_connections_refused_total") >= 1.0);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_place_is_taken_others_wait_until_the_idle_are_cut() {
    let house = house("handset_connections = 4\nhandset_request_seconds = 1").await;
    let door = house.running.handset;
    let mut idle: Vec<TcpStream> = (0..4).map(|_| opened(door, 1, "")).collect();
    assert_eq!(served(door), 200);
    for stream in &mut idle {
        closing(stream);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_uploaded_here_however_long_it_is_said_to_be() {
    let house = house("handset_request_seconds = 120").await;
    let door = house.running.handset;
    for body in ["Content-Length: 1000000000000\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"] {
        for request in ["PUT /805ec0200001-local.cfg", "POST /00908f200001.cfg", "GET /00908f200001.cfg"] {
            let mut stream = opened(door, 1, &format!("{request} HTTP/1.1\r\nHost: x\r\n{body}"));
            assert!(closing(&mut stream).starts_with("HTTP/1.1 413 "), "{request} {body}");
        }
    }
    // A head without an end, as fast as it goes.
    let mut stream = opened(door, 1, "GET / HTTP/1.1\r\n");
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    while stream.write_all(line.as_bytes()).is_ok() {}
    assert_eq!(served(door), 200);
    house.close().await;
}
