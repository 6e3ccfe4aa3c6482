//! Keep-alives (RFC 5626 sections 3.5 and 8): empty lines on whatever is a connection, STUN where SIP comes as datagrams; and those of
//! the system below them.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::link::Link;
use crate::registrant::{Registrant, status};
use crate::support::wait_for;
use crate::{PATIENCE, Place};

#[test]
fn an_empty_line_twice_is_answered_by_one_on_every_connection() {
    let place = Place::start("", "");
    for link in place.connections() {
        let mut phone = Registrant::new(link, "asker");
        for _ in 0..2 {
            phone.link.send("\r\n\r\n");
            assert_eq!(phone.link.receive().as_deref(), Some("\r\n"), "{}", phone.link.transport);
            assert_eq!(status(&phone.ask("OPTIONS", "")), 200, "{}", phone.link.transport);
        }
    }
}

#[test]
fn who_asks_by_stun_on_the_sip_port_is_told_its_address_and_is_served_sip_beside() {
    let place = Place::start("", "");
    let socket = UdpSocket::bind("127.0.0.7:0").unwrap();
    socket.connect(place.server.sip).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let header = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    let identity = *b"twelve-bytes";
    // One that is cut, one that is an answer, and a good one: only that is answered.
    socket.send(&header).unwrap();
    socket.send(&[&[1, 1, 0, 0], &header[4..], &identity[..]].concat()).unwrap();
    socket.send(&[&header[..], &identity[..]].concat()).unwrap();
    let mut answer = [0; 2048];
    let length = socket.recv(&mut answer).unwrap();
    let port = socket.local_addr().unwrap().port() ^ 0x2112;
    let address: Vec<u8> = [127, 0, 0, 7].iter().zip(&header[4..]).map(|(plain, mask)| plain ^ mask).collect();
    let told =
        [&[1, 1, 0, 12][..], &header[4..], &identity, &[0, 0x20, 0, 8, 0, 1], &port.to_be_bytes(), &address].concat();
    assert_eq!(answer[..length], told);
    let mut phone = Registrant::new(Link::udp(place.server.sip), "asker");
    assert_eq!(status(&phone.ask("OPTIONS", "")), 200);
}

#[test]
fn a_peer_that_vanished_is_asked_for_by_the_system_over_every_connection() {
    let place = Place::start("", "");
    for link in place.connections() {
        let mut phone = Registrant::new(link, "vanishes");
        assert_eq!(status(&phone.register("")), 200);
        let (transport, peer) = (phone.link.transport, phone.link.local);
        // What is underway otherwise is a retransmission, or an acknowledgement that waits.
        wait_for(&format!("the keep-alive of {transport}"), PATIENCE, || (timer_of(peer) == Some(2)).then_some(()));
    }
}

/// What the system waits for on the other side of a connection from this address: 2 is a keep-alive (`proc_net_tcp`, `tr`).
fn timer_of(peer: SocketAddr) -> Option<u8> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let SocketAddr::V4(peer) = peer else { panic!("{peer}") };
    let remote = format!("{:08X}:{:04X}", u32::from_ne_bytes(peer.ip().octets()), peer.port());
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let timer = fields.filter(|fields| fields.get(2) == Some(&&*remote)).find_map(|fields| fields.get(5).copied())?;
    u8::from_str_radix(timer.split_once(':')?.0, 16).ok()
}
