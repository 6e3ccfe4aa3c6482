//! Kamailio on the same database: it routes to phones that registered with us, and we reach phones that registered with it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::line_status::Desk;
use crate::link::Link;
use crate::phone::{Phone, header, headers};
use crate::registrant::status;
use crate::support::kamailio::{Kamailio, edge};
use crate::support::postgres::Postgres;
use crate::support::programs::{self, Program};
use crate::support::server::{Server, USERS};
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(30);

fn beside(server: &Server) -> Kamailio {
    Kamailio::registrar(server.database(), server.ports.one(), server.folder())
}

/// An edge at this address that takes REGISTERs to `first`; what `second` sends is from a node all the same.
fn edge_before(address: &str, first: SocketAddr, second: SocketAddr, folder: &Path) -> Kamailio {
    let text = edge(address, &[first], folder);
    std::fs::write(folder.join("dispatcher.list"), format!("1 sip:{first}\n2 sip:{second}\n")).unwrap();
    Kamailio::start(&text, format!("{address}:5060").parse().unwrap(), folder, &[])
}

/// A phone at 127.0.0.`host` that registers with Kamailio, which asks for nothing.
struct Plain {
    socket: UdpSocket,
    number: &'static str,
}

impl Plain {
    fn new(host: u8, number: &'static str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, number }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn register(&self, at: SocketAddr, cseq: u32, expires: u32) {
        self.register_as(&format!("sip:{}@{}", self.number, self.at()), at, cseq, expires);
    }

    /// The same with this Contact.
    fn register_as(&self, contact: &str, at: SocketAddr, cseq: u32, expires: u32) {
        let (own, number) = (self.at(), self.number);
        let request = format!(
            "REGISTER sip:{at} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@{at}>;tag=1\r\nTo: <sip:{number}@{at}>\r\nCall-ID: {own}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <{contact}>\r\nExpires: {expires}\r\nUser-Agent: Desk/1.0\r\nContent-Length: 0\r\n\r\n"
        );
        self.socket.send_to(request.as_bytes(), at).unwrap();
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert_eq!(status(&answer), 200, "{answer}");
    }

    /// SIPp takes its place and answers one call.
    fn answers_a_call(self) -> Program {
        let at = self.at();
        drop(self.socket);
        answers_at(at)
    }
}

fn answers_at(at: SocketAddr) -> Program {
    sipp("answers", &["-i", &at.ip().to_string(), "-p", &at.port().to_string()])
}

pub fn sipp(scenario: &str, arguments: &[&str]) -> Program {
    programs::need("sipp", "sip-tester");
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(format!("{}/tests/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"))).args(arguments);
    command.args(["-m", "1", "-nostdin", "-timeout", "60s", "-timeout_error"]).stdin(Stdio::null());
    Program::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

pub fn ends_well(what: &str, program: &mut Program) {
    let ended = wait_for(what, PATIENCE * 3, || program.ended());
    assert!(ended.success(), "{what}: {ended}");
}

fn call(kamailio: &Kamailio, number: &str) -> Program {
    sipp("calls", &["-i", "127.0.0.1", "-key", "user", "caller", "-s", number, &kamailio.sip.to_string()])
}

pub fn is_registered(server: &Server, line: &str, wanted: bool) {
    wait_for(&format!("the line's being registered to be {wanted}"), PATIENCE, || {
        let status = server.api_get(&format!("/lines/{line}/status"));
        ((status["state"] == "registered") == wanted).then_some(())
    });
}

#[test]
fn kamailio_routes_a_call_to_a_phone_that_registered_with_us() {
    let server = crate::server("calls.ring_back = false");
    let kamailio = beside(&server);
    let desk = Desk::of(&server, 0x51, 0);
    let mut phone = desk.at(&server, 51);
    // Behind a translation: where it says it is leads nowhere, and we have noted where it is.
    phone.reached_at = Some("10.255.255.1:5060".parse().unwrap());
    assert_eq!(status(&phone.register()), 200);
    let place = phone.place();
    drop(phone);
    let mut answers = answers_at(place);
    ends_well("the call by way of Kamailio", &mut call(&kamailio, USERS[0].extension));
    ends_well("the phone's part in it", &mut answers);
    // Where nobody is registered, it knows so.
    let mut to_nobody = call(&kamailio, USERS[1].extension);
    let ended = wait_for("the call to nobody", PATIENCE * 3, || to_nobody.ended());
    assert!(!ended.success());
}

#[test]
fn kamailio_routes_a_call_by_way_of_the_edge_in_its_path_to_a_phone_that_registered_with_us() {
    const EDGE: &str = "127.77.0.30";
    let server = crate::server(&format!("registrar.edges = [\"{EDGE}/32\"]\nflood.trusted = [\"{EDGE}/32\"]"));
    let registrar = beside(&server);
    let folder = tempfile::tempdir().unwrap();
    let edge = edge_before(EDGE, server.sip, registrar.sip, folder.path());
    // Its socket takes nothing but from the edge, and what it says of where it is leads nowhere.
    let mut phone = Phone::new(Link::udp(edge.sip), "behind");
    phone.contact = phone.contact.replace("127.0.0.1", "10.255.255.1");
    let answer = phone.registers("");
    assert_eq!(status(&answer), 200, "{answer}");
    let row = Postgres::shared().ask(server.database(), "SELECT left(ruid, 8), path, received FROM location");
    assert_eq!(row, format!("tsunagu-|<sip:{EDGE};lr;received=sip:{}>|sip:{}", phone.link.local, edge.sip));
    let mut caller = call(&registrar, &phone.name);
    let invite = phone.rings();
    assert!(invite.starts_with("INVITE sip:behind@10.255.255.1"), "{invite}");
    let by = [format!("SIP/2.0/UDP {EDGE}"), format!("SIP/2.0/UDP {}", registrar.sip)];
    let vias = headers(&invite, "Via");
    assert!(vias.len() == 3 && vias.iter().zip(&by).all(|(via, by)| via.starts_with(by)), "{invite}");
    // The route was the edge's own, and has brought it here.
    assert_eq!(header(&invite, "Route"), None, "{invite}");
    phone.takes(&invite);
    phone.next("ACK ");
    let bye = phone.next("BYE ");
    phone.answers(&bye, "200 OK", "", "");
    ends_well("the call by way of the Path", &mut caller);
}

#[test]
fn we_reach_a_phone_that_registered_with_kamailio_and_know_when_it_has_gone() {
    let server = crate::server("");
    let other = server.neighbour("dialogue.languages = [\"en\"]\n");
    let kamailio = beside(&server);
    let desk = Desk::of(&server, 0x52, 1);
    let phone = Plain::new(52, USERS[1].extension);
    phone.register(kamailio.sip, 1, 600);
    for node in [&server, &other] {
        is_registered(node, &desk.line, true);
    }
    let status = server.api_get(&format!("/lines/{}/status", desk.line));
    assert_eq!(status["last_register"]["user_agent"], "Desk/1.0", "{status}");
    // To be on its line is the end of the enrolment: it is called, and told its number.
    let at = phone.at();
    ends_well("the call back", &mut phone.answers_a_call());
    wait_for("the enrolment to be complete", PATIENCE, || {
        let enrolments = server.api_get("/enrolments");
        (enrolments[0]["ending"] == "complete").then_some(())
    });
    let socket = UdpSocket::bind(at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let phone = Plain { socket, number: USERS[1].extension };
    phone.register(kamailio.sip, 2, 0);
    for node in [&server, &other] {
        is_registered(node, &desk.line, false);
    }
    let events = server.api_get("/events?type=phone.*&sort=sequence");
    let told = events.as_array().unwrap().iter().filter_map(|event| event["type"].as_str());
    let told: Vec<&str> = told.filter(|told| ["phone.registered", "phone.lost"].contains(told)).collect();
    assert_eq!(told, ["phone.registered", "phone.lost"], "{events}");
}

#[test]
fn we_reach_a_phone_that_registered_with_kamailio_by_way_of_an_edge_at_its_path() {
    const EDGE: &str = "127.77.0.20";
    let server = crate::server(&format!("registrar.edges = [\"{EDGE}/32\"]\nflood.trusted = [\"{EDGE}/32\"]"));
    let registrar = beside(&server);
    let desk = Desk::of(&server, 0x56, 0);
    let folder = tempfile::tempdir().unwrap();
    let edge = edge_before(EDGE, registrar.sip, server.sip, folder.path());
    let phone = Plain::new(58, USERS[0].extension);
    let at = phone.at();
    // What it says of where it is leads nowhere.
    phone.register_as(&format!("sip:{}@10.255.255.1", phone.number), edge.sip, 1, 600);
    is_registered(&server, &desk.line, true);
    let row = Postgres::shared().ask(server.database(), "SELECT ruid, path, received FROM location");
    let [ruid, path, received] = row.trim().split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    assert!(ruid.starts_with("uloc-") && path.contains(&format!("sip:{EDGE};lr;received=sip:{at}")), "{row}");
    assert_eq!(received, format!("sip:{at}"));
    let known = server.api_get(&format!("/phones?auth_name={}", desk.auth_name));
    assert_eq!(known[0]["registrations"][0]["from"], at.to_string(), "{known:#}");
    // To be on its line is the end of the enrolment: it is called, and told its number.
    ends_well("the call back by way of the edge", &mut phone.answers_a_call());
}

#[test]
fn a_phone_that_goes_from_one_to_the_other_has_one_binding() {
    let server = crate::server("calls.ring_back = false");
    let kamailio = beside(&server);
    let desk = Desk::of(&server, 0x53, 2);
    let ours = desk.at(&server, 53);
    assert_eq!(status(&ours.register()), 200);
    let rows = "SELECT count(*), min(left(ruid, 5)) FROM location";
    let stored = || Postgres::shared().ask(server.database(), rows);
    assert_eq!(stored(), "1|tsuna");
    // The same contact by way of Kamailio is the same binding.
    let socket = ours.into_socket();
    let phone = Plain { socket, number: USERS[2].extension };
    phone.register(kamailio.sip, 900, 600);
    assert_eq!(stored(), "1|tsuna");
    phone.register(kamailio.sip, 901, 0);
    assert_eq!(stored(), "0|");
    is_registered(&server, &desk.line, false);
    // And what it wrote first is replaced when the phone comes to us.
    phone.register(kamailio.sip, 902, 600);
    assert_eq!(stored(), "1|uloc-");
    is_registered(&server, &desk.line, true);
    let ours = desk.at(&server, 54).on(phone.socket, 1000);
    assert_eq!(status(&ours.register()), 200);
    assert_eq!(stored(), "1|tsuna");
}

#[test]
fn a_flow_another_program_wrote_is_reached_by_its_proxy_and_is_one_with_that_of_the_phone() {
    let server = crate::server("calls.ring_back = false");
    let desk = Desk::of(&server, 0x55, 0);
    let number = USERS[0].extension;
    let instance = "<urn:uuid:00000000-0000-1000-8000-00908f200055>";
    Postgres::shared().ask(
        server.database(),
        &format!(
            "INSERT INTO location (ruid, username, contact, received, path, expires, instance, reg_id, socket) \
             VALUES ('uloc-1', '{number}', 'sip:{number}@10.9.9.9', 'sip:10.9.9.8:4711', '<sip:127.0.0.56:5099;lr>', \
                timezone('UTC', now()) + interval '1 hour', '{instance}', 1, 'udp:127.0.0.57:5060')"
        ),
    );
    is_registered(&server, &desk.line, true);
    let known = || {
        let phone = server.api_get(&format!("/phones?auth_name={}", desk.auth_name));
        let all = phone[0]["registrations"].as_array().unwrap().clone();
        all.iter().map(|one| one["from"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(known(), ["127.0.0.56:5099"], "by way of the proxy, not past it");
    // The phone itself comes by the same flow, and its contact is another.
    let mut phone = desk.at(&server, 55);
    phone.headers = "Supported: path, outbound\r\n".to_owned();
    phone.contact_params = format!(";+sip.instance=\"{instance}\";reg-id=1");
    assert_eq!(status(&phone.register()), 200);
    assert_eq!(
        Postgres::shared().ask(server.database(), "SELECT count(*), min(left(ruid, 5)) FROM location"),
        "1|tsuna"
    );
    assert_eq!(known(), [phone.place().to_string()]);
    let row = "SELECT received, socket, path IS NULL FROM location";
    let expected = format!("sip:{}|udp:{}|t", phone.place(), server.sip);
    assert_eq!(Postgres::shared().ask(server.database(), row).trim(), expected);
    phone.headers.push_str("Expires: 0\r\n");
    assert_eq!(status(&phone.register()), 200);
    assert_eq!(Postgres::shared().ask(server.database(), "SELECT count(*) FROM location"), "0");
}

#[test]
fn a_table_of_another_schema_is_refused_with_what_it_should_be() {
    let cluster = Postgres::shared();
    let server = crate::server("");
    cluster.ask(server.database(), "UPDATE version SET table_version = 8 WHERE table_name = 'location'");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(server.data_dir().join("secret.key"), folder.path().join("secret.key")).unwrap();
    let started = Command::new(env!("CARGO_BIN_EXE_tsunagu"))
        .args(["serve", "--data-dir"])
        .arg(folder.path())
        .env("TSUNAGU_DATABASE_URL", server.database())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success() && said.contains("schema 8") && said.contains("schema 9"), "{said}");
}
