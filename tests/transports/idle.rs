//! Connections that only stand about, in every way a connection can: they take nothing from phones, and they are closed.
//!
//! `TSUNAGU_IDLE` says how many there are. Only then are the times judged too: they need a machine that does nothing else.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::link::{Link, Octets, connect, secure};
use crate::registrant::{Registrant, status};
use crate::support::wait_for;
use crate::{PATIENCE, Place};

const USUAL: usize = 210;
/// Connections from one address, fewer than the server lets in.
const PER_ADDRESS: usize = 100;

/// How long after the last was opened all are to be gone, and what 99 of 100 registrations are done within.
const FREED_WITHIN: Duration = Duration::from_secs(30);
const SERVED_WITHIN: Duration = Duration::from_millis(500);

/// The ways to stand about.
const WAYS: [&str; 7] = [
    "TCP that says nothing",
    "TCP that doesn't finish its message",
    "TCP that only pings",
    "TLS without a handshake",
    "TLS that says nothing",
    "HTTP that doesn't finish its request",
    "WebSocket that says nothing",
];

fn stand_about(place: &Place, way: usize, from: IpAddr) -> Box<dyn Octets> {
    let plain = |to, said: &str| {
        let mut stream = connect(from, to);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        stream
    };
    let upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n";
    match way {
        0 => Box::new(plain(place.server.sip, "")),
        1 => Box::new(plain(place.server.sip, "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/TCP a")),
        2 => Box::new(plain(place.server.sip, "\r\n\r\n")),
        3 => Box::new(plain(place.tls, "")),
        4 => Box::new(secure(connect(from, place.tls), &place.authority, None).unwrap()),
        5 => Box::new(plain(place.ws, upgrade)),
        _ => Box::new(plain(place.ws, &format!("{upgrade}\r\n"))),
    }
}

#[test]
fn connections_that_only_stand_about_are_closed_and_phones_are_served_meanwhile() {
    let count = std::env::var("TSUNAGU_IDLE").map_or(USUAL, |count| count.parse().unwrap());
    let place = Place::start("", "");
    let began = Instant::now();
    let standing: Vec<_> = (0..count)
        .map(|index| {
            let host = u8::try_from(index / PER_ADDRESS + 10).unwrap();
            stand_about(&place, index % WAYS.len(), Ipv4Addr::new(127, 0, 0, host).into())
        })
        .collect();
    let opened = began.elapsed();
    wait_for("all connections to be open", PATIENCE, || (place.server.connections() == count).then_some(()));

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let phone = scope.spawn(|| {
            let mut phone = Registrant::new(Link::udp(place.server.sip), "steady");
            let mut took = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                assert_eq!(status(&phone.register("")), 200);
                took.push(asked.elapsed());
                std::thread::sleep(Duration::from_millis(20));
            }
            took.sort();
            took
        });
        for (index, mut stream) in standing.into_iter().enumerate() {
            let mut rest = Vec::new();
            // An answer to what was said may come first; then the end, or a reset.
            let end = stream.read_to_end(&mut rest);
            let is_closed = end.as_ref().err().is_none_or(|error| error.kind() != std::io::ErrorKind::WouldBlock);
            assert!(is_closed, "{}: {end:?}", WAYS[index % WAYS.len()]);
        }
        let closed = began.elapsed();
        wait_for("nothing left of them", PATIENCE, || (place.server.connections() == 0).then_some(()));
        is_over.store(true, Ordering::Relaxed);
        let took = phone.join().unwrap();
        let p99 = took[took.len() * 99 / 100];
        println!(
            "{count} connections opened in {opened:?}, all closed {closed:?} after the first; meanwhile {} registrations, \
             99 of 100 within {p99:?}",
            took.len()
        );
        if std::env::var_os("TSUNAGU_IDLE").is_some() {
            assert!(
                closed - opened < FREED_WITHIN && p99 < SERVED_WITHIN,
                "freed after {closed:?}, served within {p99:?}"
            );
        }
    });
}

/// Octets the system keeps for a peer that reads nothing, at its own end, and those of its requests that are answered with as many.
const SMALL: usize = 4096;
const LONG: usize = 30_000;
/// How long it may take until such a peer is cut: what the system keeps is full, and then the server's patience is over.
const CUT_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_peer_that_never_reads_is_cut_and_takes_nothing_from_phones() {
    let place = Place::start("flood.trusted = []", "");
    let deaf = |host, to| {
        let stream = connect(Ipv4Addr::new(127, 0, 0, host).into(), to);
        socket2::SockRef::from(&stream).set_recv_buffer_size(SMALL).unwrap();
        stream.set_write_timeout(Some(CUT_WITHIN)).unwrap();
        stream
    };
    let plain: Box<dyn Octets> = Box::new(deaf(8, place.server.sip));
    let secured: Box<dyn Octets> = Box::new(secure(deaf(9, place.tls), &place.authority, None).unwrap());
    let name = "x".repeat(LONG);
    std::thread::scope(|scope| {
        let peers = [plain, secured].map(|mut stream| {
            let name = &name;
            scope.spawn(move || {
                let began = Instant::now();
                for turn in 0.. {
                    let options = format!(
                        "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/TCP deaf.invalid;branch=z9hG4bKdeaf{turn}\r\n\
                         Max-Forwards: 70\r\nFrom: \"{name}\" <sip:deaf@a>;tag=1\r\nTo: <sip:tsunagu>\r\n\
                         Call-ID: deaf{turn}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                    );
                    if stream.write_all(options.as_bytes()).is_err() {
                        break;
                    }
                    assert!(began.elapsed() < CUT_WITHIN, "{turn} requests were taken");
                }
                began.elapsed()
            })
        });
        let mut phone = Registrant::new(Link::tcp(place.server.sip), "steady");
        let mut took = Vec::new();
        while !peers.iter().all(|peer| peer.is_finished()) {
            let asked = Instant::now();
            assert_eq!(status(&phone.register("")), 200);
            took.push(asked.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        let cut: Vec<Duration> = peers.into_iter().map(|peer| peer.join().unwrap()).collect();
        assert!(cut.iter().all(|after| *after < CUT_WITHIN), "{cut:?}");
        took.sort();
        let p99 = took[took.len() * 99 / 100];
        println!("cut after {cut:?}; meanwhile {} registrations, 99 of 100 within {p99:?}", took.len());
        if std::env::var_os("TSUNAGU_IDLE").is_some() {
            assert!(p99 < SERVED_WITHIN, "served within {p99:?}");
        }
        wait_for("only the phone's connection", PATIENCE, || (place.server.connections() == 1).then_some(()));
    });
}

/// Far shorter than connections are given where nothing is set.
const SHORT: Duration = Duration::from_secs(1);

#[test]
fn a_connection_may_say_nothing_for_as_long_as_the_settings_say() {
    let place = Place::start(
        &format!(
            "limits.connection_opening_seconds = {}\nlimits.connection_idle_seconds = {}\nlimits.connection_lasting_seconds = {}",
            SHORT.as_secs(),
            2 * SHORT.as_secs(),
            6 * SHORT.as_secs()
        ),
        "",
    );
    let mut silent = connect(Ipv4Addr::LOCALHOST.into(), place.server.sip);
    let mut known = Registrant::new(Link::tcp(place.server.sip), "known");
    assert_eq!(status(&known.register("")), 200);
    let mut stranger = Registrant::new(Link::tcp(place.server.sip), "stranger");
    assert_eq!(status(&stranger.ask("OPTIONS", "")), 200);
    silent.set_read_timeout(Some(SHORT * 5)).unwrap();
    let end = silent.read(&mut [0]);
    let is_open = matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_open && !matches!(end, Ok(1)), "it has said nothing, and is still open: {end:?}");
    wait_for("the phone's connection alone", PATIENCE, || (place.server.connections() == 1).then_some(()));
    // It keeps it by empty lines, and loses it when it has gone without a word.
    known.link.send("\r\n\r\n");
    assert_eq!(known.link.receive().as_deref(), Some("\r\n"));
    let since = Instant::now();
    wait_for("the connection of a phone that has gone to be closed", PATIENCE, || {
        (place.server.connections() == 0).then_some(())
    });
    assert!(since.elapsed() > SHORT * 3, "as long as is set");
}

#[test]
fn who_sends_an_octet_now_and_then_is_cut_by_the_same_deadline() {
    const OPENING: Duration = Duration::from_secs(4);
    let place = Place::start(&format!("limits.connection_opening_seconds = {}", OPENING.as_secs()), "");
    let mut phone = Registrant::new(Link::tcp(place.server.sip), "beside");
    assert_eq!(status(&phone.register("")), 200);
    // From the first octet on, and after a first whole message.
    let whole = "OPTIONS sip:tsunagu SIP/2.0\r\nVia: SIP/2.0/TCP a.invalid;branch=z9hG4bKdrip\r\nMax-Forwards: 70\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: drip\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let dripping = ["", whole].map(|said| {
        let mut stream = connect(Ipv4Addr::LOCALHOST.into(), place.server.sip);
        stream.write_all(said.as_bytes()).unwrap();
        std::thread::spawn(move || {
            let mut octets = "OPTIONS sip:tsunagu SIP/2.0\r\nSubject: ".bytes().chain(std::iter::repeat(b'x'));
            let began = Instant::now();
            while stream.write_all(&[octets.next().unwrap()]).is_ok() {
                assert!(began.elapsed() < PATIENCE, "still heard");
                std::thread::sleep(OPENING / 40);
            }
        })
    });
    for drip in dripping {
        drip.join().unwrap();
    }
    wait_for("the phone's connection alone", PATIENCE, || (place.server.connections() == 1).then_some(()));
    assert_eq!(status(&phone.register("")), 200);
}

#[test]
fn pings_over_a_websocket_keep_nobodys_connection() {
    const IDLE: Duration = Duration::from_secs(4);
    let place = Place::start(&format!("limits.connection_idle_seconds = {}", IDLE.as_secs()), "");
    let mut stranger = Registrant::new(Link::ws(place.ws, Some("sip"), None).unwrap(), "stranger");
    let began = Instant::now();
    assert_eq!(status(&stranger.ask("OPTIONS", "")), 200);
    for _ in 0..3 {
        std::thread::sleep(IDLE / 4);
        stranger.link.send("\r\n\r\n");
    }
    while stranger.link.receive().is_some() {}
    let lasted = began.elapsed();
    assert!(lasted < IDLE * 3 / 2, "it was closed after {lasted:?}");
}

#[test]
fn a_websocket_that_answers_no_ping_is_closed_and_one_that_does_is_kept() {
    const PING: [u8; 2] = [0x89, 0];
    const MASKED_PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
    const OPENING: Duration = Duration::from_secs(60);
    let place = Place::start("limits.websocket_silence_seconds = 20\nlimits.connection_opening_seconds = 60", "");
    let began = Instant::now();
    let upgraded = || {
        let mut stream = stand_about(&place, 6, Ipv4Addr::LOCALHOST.into());
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            stream.read_exact(&mut octet).unwrap();
            answer.push(octet[0]);
        }
        stream
    };
    let [mut silent, mut well] = [upgraded(), upgraded()];
    let mut ping = [0; 2];
    for stream in [&mut silent, &mut well] {
        stream.read_exact(&mut ping).unwrap();
        assert_eq!(ping, PING);
    }
    well.write_all(&MASKED_PONG).unwrap();
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest);
    assert!(rest.is_empty() || rest[0] == 0x88, "nothing more, or a closing frame: {rest:?}");
    well.read_exact(&mut ping).unwrap();
    assert_eq!(ping, PING, "it is asked again, and open");
    well.write_all(&MASKED_PONG).unwrap();
    wait_for("one of them alone", PATIENCE, || (place.server.connections() == 1).then_some(()));
    assert!(began.elapsed() < OPENING, "it was not for want of a message");
}

#[test]
fn an_address_has_no_more_connections_than_it_may_and_others_are_let_in() {
    let place = Place::start("limits.connections_per_address = 3", "");
    let at = |host| IpAddr::from(Ipv4Addr::new(127, 0, 0, host));
    let _held: Vec<TcpStream> =
        [place.server.sip, place.tls, place.ws].into_iter().map(|to| connect(at(9), to)).collect();
    wait_for("three connections", PATIENCE, || (place.server.connections() == 3).then_some(()));
    let mut one_more = connect(at(9), place.tls);
    assert!(matches!(one_more.read(&mut [0]), Ok(0) | Err(_)), "closed at once");
    let mut other = Registrant::new(Link::tcp_from(at(8), place.server.sip), "other");
    assert_eq!(status(&other.ask("OPTIONS", "")), 200);
}
