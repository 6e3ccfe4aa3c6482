//! Nonces nobody here ever made, or made long ago: they are challenged again, and stop nobody else.

use std::net::UdpSocket;
use std::time::Duration;

use tsunagu::phone::SipTransport;

use crate::caller::{Handset, Place, generic};
use crate::house::{agent, mac, parameter};
use crate::registrant::{Registrant, challenges, status};
use crate::support::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_nonce_is_challenged_and_stops_nobody() {
    let server = Server::start("");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.sip).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let own = socket.local_addr().unwrap();
    for (turn, nonce) in ["", "0", "forged", &"0".repeat(64), &"f".repeat(64), &"a".repeat(1000)].iter().enumerate() {
        let request = format!(
            "REGISTER sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{turn}\r\nMax-Forwards: 70\r\n\
             From: <sip:somebody@{0}>;tag=1\r\nTo: <sip:somebody@{0}>\r\nCall-ID: forged@{own}\r\n\
             CSeq: {1} REGISTER\r\nContact: <sip:somebody@{own}>\r\nAuthorization: Digest username=\"somebody\", \
             realm=\"tsunagu\", nonce=\"{nonce}\", uri=\"sip:{0}\", response=\"{2}\", algorithm=MD5, cnonce=\"c\", \
             qop=auth, nc=00000001\r\nContent-Length: 0\r\n\r\n",
            server.sip,
            turn + 1,
            "0".repeat(32)
        );
        socket.send(request.as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no answer to nonce {nonce:?}: {error}"));
        let answer = String::from_utf8_lossy(&buffer[..length]);
        assert!(answer.starts_with("SIP/2.0 401"), "{nonce:?}: {answer}");
        assert!(answer.contains("WWW-Authenticate: Digest"), "{answer}");
    }
    let place = Place { sip: server.sip, handset: server.handset };
    Handset::plug_in(generic(&place, "honest", SipTransport::Udp)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_good_once_for_a_client_that_counts_nothing_and_on_for_one_that_counts() {
    let server = Server::start("");
    let phone = |number: u16| {
        let file = server.handset_get(&format!("/{}.cfg", mac(number)), &agent(&mac(number))).body;
        let value = |name: &str| parameter(&file, name).unwrap();
        Registrant::new(server.sip, 1, &value("voip/line/0/auth_name"), &value("voip/line/0/auth_password"))
    };
    let old = phone(1);
    let challenged = old.knock("REGISTER");
    assert_eq!(status(&old.answer("REGISTER", &challenged, None)), 200);
    let again = old.answer("REGISTER", &challenged, None);
    assert_eq!(status(&again), 401, "the same answer would pass from anybody who overheard it: {again}");
    assert!(challenges(&again).iter().all(|challenge| challenge.contains("stale=true")), "{again}");
    assert_eq!(status(&old.answer("REGISTER", &again, None)), 200);
    let new = phone(2);
    let challenged = new.knock("REGISTER");
    for count in 1..4 {
        assert_eq!(status(&new.answer("REGISTER", &challenged, Some(count))), 200, "{count}");
        assert_eq!(status(&new.answer("REGISTER", &challenged, Some(count))), 401, "{count}");
    }
}
