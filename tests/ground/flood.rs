//! A flood of REGISTERs, from one socket, from many and over a connection: what is too much costs next to nothing, and phones are
//! served, those at the flooder's own address too.
//!
//! `TSUNAGU_FLOOD` says for how many seconds. Only then are the times judged too: they need a machine that does nothing else.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::link::{Link, connect};
use crate::link_registrant;
use crate::neighbours::{ATTACKER, ELSEWHERE, Served, managed};
use crate::registrant::{Registrant, status};
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Datagrams a second.
const RATE: u32 = 20_000;
/// The flooder's address.
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, ATTACKER));
/// Messages of a stranger that are taken each second, and ten times as many at once.
const TAKEN: f64 = 100.0;
/// What the server's memory may grow by.
const GROWTH: u64 = 64 << 20;
/// What 99 of 100 registrations are done within.
const SERVED_WITHIN: Duration = Duration::from_millis(500);

/// Whether the times phones were served in are judged.
pub fn is_judged() -> bool {
    std::env::var_os("TSUNAGU_FLOOD").is_some()
}

fn seconds() -> u64 {
    std::env::var("TSUNAGU_FLOOD").map_or(3, |seconds| seconds.parse().unwrap())
}

/// Memory of the server's process, in octets.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

/// Processor time the server's process has taken, in hundredths of a second.
fn processor_time(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// What is sent: a bare REGISTER, or one with credentials nobody was asked for.
fn register(server: SocketAddr, transport: &str, own: SocketAddr, turn: u32, with_credentials: bool) -> String {
    let credentials = format!(
        "Authorization: Digest username=\"{turn}\", realm=\"tsunagu\", nonce=\"{:064x}\", uri=\"sip:{server}\", \
         response=\"{:032x}\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\n",
        turn, turn
    );
    format!(
        "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};rport;branch=z9hG4bK{turn}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{turn}@{server}>;tag={turn}\r\nTo: <sip:{turn}@{server}>\r\n\
         Call-ID: {turn}@{own}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{turn}@{own}>\r\n{}Content-Length: 0\r\n\r\n",
        if with_credentials { &credentials } else { "" }
    )
}

/// Sends so many a second for so long, from so many sockets in turn, and reads no answer. Gives how many that were, and the most
/// memory the server took meanwhile.
fn flood(server: &Server, sockets: usize, with_credentials: bool) -> (u32, u64) {
    let sockets: Vec<UdpSocket> = (0..sockets).map(|_| UdpSocket::bind((THERE, 0)).unwrap()).collect();
    let (began, lasts) = (Instant::now(), Duration::from_secs(seconds()));
    let (mut sent, mut most) = (0, 0);
    while began.elapsed() < lasts {
        let due = u32::try_from(began.elapsed().as_millis()).unwrap() * (RATE / 1000);
        while sent < due {
            let socket = &sockets[sent as usize % sockets.len()];
            let text = register(server.sip, "UDP", socket.local_addr().unwrap(), sent, with_credentials);
            // A full buffer loses it, as a network would.
            let _ = socket.send_to(text.as_bytes(), server.sip);
            sent += 1;
            if sent.is_multiple_of(RATE / 10) {
                most = memory(server).max(most);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (sent, most)
}

/// The same over a connection, as many as it takes, from somebody who reads all answers: no more come than may be asked for.
fn flood_over_a_connection(server: &Server) -> (u32, u64) {
    let (began, lasts) = (Instant::now(), Duration::from_secs(seconds()));
    let mut stream = connect(THERE, server.sip);
    stream.set_write_timeout(Some(lasts)).unwrap();
    let (own, mut reading) = (stream.local_addr().unwrap(), stream.try_clone().unwrap());
    let answers = std::thread::spawn(move || {
        let mut heard = Vec::new();
        let _ = reading.read_to_end(&mut heard);
        String::from_utf8_lossy(&heard).matches("SIP/2.0 401 ").count()
    });
    let mut sent = 0;
    let mut send = |turn| stream.write_all(register(server.sip, "TCP", own, turn, false).as_bytes());
    // Nothing can be written any more when all that is kept on the way is full.
    while began.elapsed() < lasts && send(sent).is_ok() {
        sent += 1;
    }
    let most = memory(server);
    stream.shutdown(Shutdown::Both).unwrap();
    let (answers, took) = (answers.join().unwrap(), began.elapsed().as_secs_f64());
    assert!(answers > 0 && answers as f64 <= TAKEN * (10.0 + took), "{answers} answers in {took} s");
    (sent, most)
}

/// Floods while four phones register again and again: one elsewhere, two at the flooder's address that were registered before, one
/// of them over a connection, and, where not the whole address is held back, one that comes new to it.
fn stand(scope: &str, flood: impl FnOnce(&Server) -> (u32, u64)) {
    let server = Server::start("flood.trusted = []");
    let phones = [managed(&server, 1, ELSEWHERE), managed(&server, 2, ATTACKER), managed(&server, 3, ATTACKER)];
    let mut connected = link_registrant::Registrant::new(Link::tcp_from(THERE, server.sip), "connected");
    for phone in &phones[..2] {
        assert_eq!(status(&phone.register()), 200);
    }
    assert_eq!(status(&connected.register("")), 200);
    let (before, idle) = (memory(&server), processor_time(&server));
    let is_over = AtomicBool::new(false);
    let beside = if scope == "address" { &phones[..2] } else { &phones[..] };
    let ((sent, most), served) = std::thread::scope(|scope| {
        let connected = scope.spawn(|| Served::registering(|| connected.register(""), &is_over));
        let beside = beside.iter().map(|phone| scope.spawn(|| Served::while_attacked(phone, &is_over)));
        let beside: Vec<_> = std::iter::once(connected).chain(beside).collect();
        let sent = flood(&server);
        is_over.store(true, Ordering::Relaxed);
        (sent, beside.into_iter().map(|phone| phone.join().unwrap()).collect::<Vec<_>>())
    });
    let (grown, busy) = (most.saturating_sub(before), processor_time(&server) - idle);
    let whose = ["connected from the flooder's address", "elsewhere", "at the flooder's address", "new there"];
    for (served, whose) in served.iter().zip(whose) {
        assert!(served.count() > 0, "{whose}");
        println!("{whose}: {served}");
        if is_judged() {
            assert!(served.at_once() * 100 >= served.count() * 99 && served.p99() < SERVED_WITHIN, "{whose}: {served}");
        }
    }
    println!(
        "{sent} REGISTERs in {} s; the server took {} ms of a processor, its memory grew by {} KiB",
        seconds(),
        busy * 10,
        grown >> 10
    );
    assert!(grown < GROWTH, "{grown}");

    let refused = format!("sip_flood_refused_total{{scope=\"{scope}\"}}");
    wait_for("the flood in the figures", PATIENCE, || (server.figure(&refused) > 0.0).then_some(()));
    let listed = server.api_get("/shut-outs?reason=flood");
    let found = listed.as_array().unwrap().iter().find(|it| it["scope"] == scope).expect("a flooder");
    assert_eq!(found["address"], format!("127.0.0.{ATTACKER}"), "{found:#}");
    assert_eq!(found["port"].is_number(), scope == "peer", "{found:#}");
    let log = server.log();
    let address = format!("127.0.0.{ATTACKER}");
    let told = log.lines().find(|line| line.contains("WARN") && line.contains("too many SIP messages"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert!([&*address, "flood", scope, "until"].iter().all(|part| told.contains(part)), "{told}");
    // Lifted, it is as if nothing had come before.
    let asker = Registrant::new(server.sip, ATTACKER, "somebody-new", "").patient();
    assert_eq!(server.api_delete(&format!("/shut-outs/{}", found["id"].as_str().unwrap())).status, 204);
    assert_eq!(status(&asker.knock("OPTIONS")), 200);
}

#[test]
fn a_flood_from_one_socket_takes_nothing_from_anybody_else() {
    stand("peer", |server| flood(server, 1, false));
}

#[test]
fn a_flood_with_made_up_credentials_leaves_nothing_behind_either() {
    stand("peer", |server| flood(server, 1, true));
}

#[test]
fn a_flood_from_many_sockets_leaves_registered_phones_at_its_address_alone() {
    stand("address", |server| flood(server, 300, false));
}

#[test]
fn a_flood_over_a_connection_is_read_as_slowly_as_a_stranger_is_and_takes_nothing_from_anybody_else() {
    stand("peer", flood_over_a_connection);
}
