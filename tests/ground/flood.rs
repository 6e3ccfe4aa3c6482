//! A flood of REGISTERs, from one socket and from many: what is too much costs next to nothing, and phones are served, those at the
//! flooder's own address too.
//!
//! `TSUNAGU_FLOOD` says for how many seconds. Only then are the times judged too: they need a machine that does nothing else.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::neighbours::{ATTACKER, ELSEWHERE, Served, managed};
use crate::registrant::{Registrant, status};
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Datagrams a second.
const RATE: u32 = 20_000;
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
fn register(server: SocketAddr, own: SocketAddr, turn: u32, with_credentials: bool) -> String {
    let credentials = format!(
        "Authorization: Digest username=\"{turn}\", realm=\"tsunagu\", nonce=\"{:064x}\", uri=\"sip:{server}\", \
         response=\"{:032x}\", algorithm=MD5, cnonce=\"c\", qop=auth, nc=00000001\r\n",
        turn, turn
    );
    format!(
        "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{turn}\r\nMax-Forwards: 70\r\n\
         From: <sip:{turn}@{server}>;tag={turn}\r\nTo: <sip:{turn}@{server}>\r\nCall-ID: {turn}@{own}\r\n\
         CSeq: 1 REGISTER\r\nContact: <sip:{turn}@{own}>\r\n{}Content-Length: 0\r\n\r\n",
        if with_credentials { &credentials } else { "" }
    )
}

/// Sends so many a second for so long, from these sockets in turn, and reads no answer. Gives how many that were, and the most
/// memory the server took meanwhile.
fn flood(server: &Server, sockets: &[UdpSocket], with_credentials: bool) -> (u32, u64) {
    let (began, lasts) = (Instant::now(), Duration::from_secs(seconds()));
    let (mut sent, mut most) = (0, 0);
    while began.elapsed() < lasts {
        let due = u32::try_from(began.elapsed().as_millis()).unwrap() * (RATE / 1000);
        while sent < due {
            let socket = &sockets[sent as usize % sockets.len()];
            let text = register(server.sip, socket.local_addr().unwrap(), sent, with_credentials);
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

fn figure(server: &Server, name: &str) -> f64 {
    let text = server.admin_get("/metrics").body;
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    found.unwrap_or_else(|| panic!("{name}: {text}"))
}

/// Floods from so many sockets while three phones register again and again: one elsewhere, one at the flooder's address that was
/// registered before, and, where there is only one socket, one that comes new to that address.
fn stand(sockets: usize, with_credentials: bool, scope: &str) {
    let server = Server::start("flood.trusted = []");
    let phones = [managed(&server, 1, ELSEWHERE), managed(&server, 2, ATTACKER), managed(&server, 3, ATTACKER)];
    for phone in &phones[..2] {
        assert_eq!(status(&phone.register()), 200);
    }
    let sockets: Vec<UdpSocket> =
        (0..sockets).map(|_| UdpSocket::bind((Ipv4Addr::new(127, 0, 0, ATTACKER), 0)).unwrap()).collect();
    let (before, idle) = (memory(&server), processor_time(&server));
    let is_over = AtomicBool::new(false);
    let ((sent, most), served) = std::thread::scope(|scope| {
        let beside = if sockets.len() == 1 { &phones[..] } else { &phones[..2] };
        let beside: Vec<_> =
            beside.iter().map(|phone| scope.spawn(|| Served::while_attacked(phone, &is_over))).collect();
        let sent = flood(&server, &sockets, with_credentials);
        is_over.store(true, Ordering::Relaxed);
        (sent, beside.into_iter().map(|phone| phone.join().unwrap()).collect::<Vec<_>>())
    });
    let (grown, busy) = (most.saturating_sub(before), processor_time(&server) - idle);
    for (served, whose) in served.iter().zip(["elsewhere", "at the flooder's address", "new at that address"]) {
        assert!(served.count() > 0, "{whose}");
        println!("{whose}: {served}");
        if is_judged() {
            assert!(served.at_once() * 100 >= served.count() * 99 && served.p99() < SERVED_WITHIN, "{whose}: {served}");
        }
    }
    println!(
        "{sent} REGISTERs in {} s from {} sockets; the server took {} ms of a processor, its memory grew by {} KiB",
        seconds(),
        sockets.len(),
        busy * 10,
        grown >> 10
    );
    assert!(grown < GROWTH, "{grown}");

    let refused = format!("sip_flood_refused_total{{scope=\"{scope}\"}}");
    wait_for("the flood in the figures", PATIENCE, || (figure(&server, &refused) > 0.0).then_some(()));
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
    stand(1, false, "peer");
}

#[test]
fn a_flood_with_made_up_credentials_leaves_nothing_behind_either() {
    stand(1, true, "peer");
}

#[test]
fn a_flood_from_many_sockets_leaves_registered_phones_at_its_address_alone() {
    stand(300, false, "address");
}
