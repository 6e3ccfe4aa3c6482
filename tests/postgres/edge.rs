//! The deployment of the README: two nodes on one PostgreSQL behind a Kamailio, each in a network namespace of its own.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{agent, mac, parameter};
use crate::kamailio::{ends_well, sipp};
use crate::registrant::{Registrant, header, status};
use crate::support::kamailio::Kamailio;
use crate::support::postgres::Postgres;
use crate::support::programs::{self, Program};
use crate::support::{self, http, wait_for};

/// Says that the test is within its namespace: what the namespaces' names begin with.
const WITHIN: &str = "TSUNAGU_TEST_NAMESPACE";
/// The network between the namespaces; the phones, the database and the test are at .1.
const NETWORK: &str = "10.77.0.0/24";
const HERE: &str = "10.77.0.1";
const ATTACKER: &str = "10.77.0.2";
const EDGE: &str = "10.77.0.10";
const NODES: [&str; 2] = ["10.77.0.11", "10.77.0.12"];
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of a node's log shown when the test fails.
const LAST_LINES: usize = 60;
/// Requests of a flood: more than the edge takes of one address in its ten seconds.
const FLOOD: u32 = 60_000;

#[test]
fn phones_and_new_calls_go_on_when_a_node_behind_the_edge_is_gone() {
    match std::env::var(WITHIN) {
        Ok(names) => house(&names),
        Err(_) => in_namespaces("edge::phones_and_new_calls_go_on_when_a_node_behind_the_edge_is_gone"),
    }
}

/// Makes the namespaces, runs the test again within one of them, and takes them away.
fn in_namespaces(test: &str) {
    programs::need("ip", "iproute2");
    let names = format!("tsunagu{}", std::process::id());
    let namespaces = Namespaces(names.clone());
    let run = |arguments: &str| {
        let done = Command::new("ip").args(arguments.split(' ')).output().unwrap();
        assert!(done.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(&format!("netns add {names}-house"));
    run(&format!("-n {names}-house link set lo up"));
    run(&format!("-n {names}-house link add lan type bridge"));
    for address in [HERE, ATTACKER] {
        run(&format!("-n {names}-house addr add {address}/24 dev lan"));
    }
    run(&format!("-n {names}-house link set lan up"));
    for (number, (name, address)) in [("edge", EDGE), ("one", NODES[0]), ("other", NODES[1])].into_iter().enumerate() {
        run(&format!("netns add {names}-{name}"));
        run(&format!("-n {names}-house link add port{number} type veth peer name wire netns {names}-{name}"));
        run(&format!("-n {names}-house link set port{number} master lan up"));
        run(&format!("-n {names}-{name} link set lo up"));
        run(&format!("-n {names}-{name} addr add {address}/24 dev wire"));
        run(&format!("-n {names}-{name} link set wire up"));
    }
    let own = std::env::current_exe().unwrap();
    let house = format!("{names}-house");
    let mut inner = Command::new("ip");
    inner.args(["netns", "exec", &house]).arg(own).args(["--exact", test, "--nocapture"]).env(WITHIN, &names);
    let ended = inner.stdin(Stdio::null()).status().unwrap();
    drop(namespaces);
    assert!(ended.success(), "the test within the namespace: {ended}");
}

/// Takes the namespaces away.
struct Namespaces(String);

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in ["house", "edge", "one", "other"] {
            let _ = Command::new("ip").args(["netns", "delete", &format!("{}-{name}", self.0)]).output();
        }
    }
}

/// A node in its namespace.
struct Node {
    admin: String,
    handset: String,
    log: std::path::PathBuf,
    _program: Program,
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(LAST_LINES).collect();
            eprintln!("the log of {}:", self.admin);
            last.into_iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl Node {
    fn start(names: &str, name: &str, address: &str, database: &str, folder: &Path) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let settings = format!(
            "listen = {{ sip_udp = [\"{address}:5060\"], sip_tcp = [\"{address}:5060\"], handset = \"{address}:8081\", \
             admin = \"{address}:8080\" }}\n\
             database.url = \"{database}\"\n\
             flood.trusted = [\"{EDGE}/32\"]\n\
             registrar.edges = [\"{EDGE}/32\"]\n\
             calls.ring_back = false\n\
             [self_provisioning]\nactive = true\n\
             [auto_registration]\nenabled = true\nnetworks = [\"{NETWORK}\"]\n"
        );
        std::fs::write(folder.join("tsunagu.toml"), settings).unwrap();
        let log = folder.join("log");
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &format!("{names}-{name}"), env!("CARGO_BIN_EXE_tsunagu"), "serve", "--config"])
            .arg(folder.join("tsunagu.toml"))
            .arg("--data-dir")
            .arg(folder.join("data"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("output")).unwrap())
            .stderr(File::create(&log).unwrap());
        let mut program = Program::start(&mut command);
        let admin = format!("http://{address}:8080");
        wait_for("the node to be ready", PATIENCE, || {
            let ended = program.ended();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
            http::get(&format!("{admin}/readyz"), &[]).ok().filter(|answer| answer.status == 200)
        });
        let handset = format!("http://{address}:8081");
        Self { admin, handset, log, _program: program }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn house(names: &str) {
    let cluster = Postgres::start_for(NETWORK, HERE);
    let database = cluster.database();
    let folder = tempfile::tempdir().unwrap();
    let one = Node::start(names, "one", NODES[0], &database, folder.path());
    let token = wait_for("the administrator's token", PATIENCE, || {
        let told = std::fs::read_to_string(folder.path().join("one/output")).unwrap_or_default();
        told.lines().find_map(|line| line.split_once("token (shown once): ")).map(|(_, token)| token.to_owned())
    });
    std::fs::create_dir_all(folder.path().join("other/data")).unwrap();
    let key = |name: &str| folder.path().join(name).join("data/secret.key");
    std::fs::copy(key("one"), key("other")).unwrap();
    let other = Node::start(names, "other", NODES[1], &database, folder.path());
    let edge = edge(names, folder.path());

    let bearer = format!("Bearer {token}");
    let get = |node: &Node, path: &str| -> Value {
        http::get(&format!("{}/api/v1{path}", node.admin), &[("Authorization", &bearer)]).unwrap().json()
    };
    // What is set on one node is in force on the other.
    let set = |node: &Node, body: &Value| {
        let url = format!("{}/api/v1/auto-registration", node.admin);
        assert_eq!(http::patch(&url, &[("Authorization", &bearer)], body).unwrap().status, 200);
    };
    let turns = (0..5).map(|turn| if turn % 2 == 0 { (&one, &other, turn) } else { (&other, &one, turn) });
    let mut times: Vec<Duration> = turns
        .map(|(here, there, turn)| {
            let (began, first) = (Instant::now(), format!("8{turn}00"));
            set(here, &json!({ "first": first, "last": "8999" }));
            wait_for("the setting to be in force on the other node", PATIENCE, || {
                (get(there, "/auto-registration")["first"] == first.as_str()).then_some(())
            });
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    eprintln!("a setting was in force on the other node after {times:?}");
    // As it mostly is: the machine has much else to do.
    assert!(times[2] < Duration::from_secs(1), "{times:?}");

    let phone = |name: &str| Registrant::by(UdpSocket::bind((HERE, 0)).unwrap(), edge.sip, name, "any");
    let before = phone("before");
    assert_eq!(status(&before.register()), 200);
    let path = cluster.ask(&database, "SELECT path FROM location");
    assert!(path.contains(&format!("sip:{EDGE}")) && path.contains(&format!("received=sip:{HERE}")), "{path}");
    assert_eq!(call(&before), 200);
    let shown = get(&one, "/phones?auth_name=before");
    assert_eq!(
        shown["items"][0]["registrations"][0]["from"],
        before.place().to_string(),
        "where the phone is: {shown}"
    );

    // Two that are somebody's call each other by way of the edge.
    let post = |node: &Node, path: &str, body: Value| {
        let url = format!("{}/api/v1{path}", node.admin);
        let answer = http::post(&url, &[("Authorization", &bearer)], &body).unwrap();
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
    };
    post(&one, "/device-templates", json!({ "name": "Desk phone", "phone_name": "{model}" }));
    let profile =
        json!({ "name": "Everybody", "is_default": true, "desk_template": "Desk phone", "allow_provisioning": true });
    post(&one, "/user-profiles", profile);
    let given = |name: &str, number: &str| {
        let phone = phone(name);
        assert_eq!(status(&phone.register()), 200);
        post(&one, "/users", json!({ "user_id": name, "pin": "284613", "primary_extension": number }));
        let phones = get(&one, &format!("/phones?auth_name={name}"));
        post(&one, "/enrolments", json!({ "phone": phones["items"][0]["id"], "user": name }));
        phone.answers_when_asked();
        phone
    };
    let (mut caller, mut callee) = (given("caller", "1001"), given("callee", "1002"));
    (caller, callee) = calls(&edge, caller, callee, "1002");

    // Who guesses at a phone's password through the edge is shut out, and neither the phone nor anybody else behind the edge is.
    let desk = managed(&one, &edge);
    assert_eq!(status(&desk.register()), 200);
    let attacker = || UdpSocket::bind((ATTACKER, 0)).unwrap();
    let judged = (0..30).take_while(|_| {
        let guess = Registrant::by(attacker(), edge.sip, &desk.name, "wrong").with_number(&desk.number);
        let refusal = guess.register();
        assert_eq!(status(&refusal), 403, "{refusal}");
        header(&refusal, "Retry-After").is_none()
    });
    // Whichever node a call of theirs goes to: all nodes count together. One may be judged before the other has heard.
    assert!((10..=12).contains(&judged.count()));
    assert_eq!((status(&desk.register()), status(&caller.register())), (200, 200));
    let kept_out: Vec<Value> =
        [&one, &other].map(|node| get(node, "/shut-outs")["items"].as_array().unwrap().clone()).concat();
    assert!(kept_out.iter().any(|it| it["name"] == desk.name.as_str() && it["address"] == ATTACKER), "{kept_out:#?}");
    assert!(kept_out.iter().filter(|it| it["address"] == ATTACKER).count() >= 2, "both know: {kept_out:#?}");
    assert!(kept_out.iter().all(|it| it["address"] != EDGE && it["address"] != HERE), "{kept_out:#?}");

    // Nobody is another phone by saying so in their Via.
    let forger = attacker();
    forger.set_read_timeout(Some(PATIENCE)).unwrap();
    let there = before.place();
    let forged = format!(";received={};rport={}", there.ip(), there.port());
    for (turn, forged) in [forged.clone(), format!("{forged};received=192.0.2.1;rport=9")].iter().enumerate() {
        let own = forger.local_addr().unwrap();
        let invite = format!(
            "INVITE sip:2000@{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKforged{turn}{forged}\r\nMax-Forwards: 70\r\n\
             From: <sip:before@{EDGE}>;tag=1\r\nTo: <sip:2000@{EDGE}>\r\nCall-ID: forged{turn}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:before@{own}>\r\nContent-Length: 0\r\n\r\n"
        );
        forger.send_to(invite.as_bytes(), edge.sip).unwrap();
        let mut buffer = [0; 4096];
        let answer = loop {
            let length = forger.recv(&mut buffer).unwrap();
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if status(&answer) >= 200 {
                break answer;
            }
        };
        assert!([400, 401].contains(&status(&answer)), "{answer}");
    }

    // A flood ends at the edge.
    let flooder = Registrant::by(attacker(), edge.sip, "flooder", "any");
    assert_eq!(status(&flooder.knock("OPTIONS")), 200);
    let socket = attacker();
    for turn in 0..FLOOD {
        let options = format!(
            "OPTIONS sip:{EDGE} SIP/2.0\r\nVia: SIP/2.0/UDP {ATTACKER}:9;branch=z9hG4bKf{turn}\r\nMax-Forwards: 0\r\n\
             From: <sip:a@a>;tag=1\r\nTo: <sip:a@a>\r\nCall-ID: f{turn}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(options.as_bytes(), edge.sip).unwrap();
        if turn % 20 == 0 {
            // No faster than it is heard: what the kernel drops is no flood.
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert!(flooder.is_ignored("OPTIONS"), "the flooder is still heard");
    assert_eq!((status(&desk.register()), status(&caller.register())), (200, 200));

    // The one that serves this phone goes.
    let serves = |node: &Node| node.log().contains("aor=\"before\"") || node.log().contains("aor=before");
    let (gone, stays) = if serves(&one) { (one, other) } else { (other, one) };
    assert!(serves(&gone) && !serves(&stays));
    drop(gone);
    assert_eq!(status(&before.register()), 200, "the phone is still registered");
    assert_eq!(call(&before), 200, "and may call");
    let after = phone("after");
    assert_eq!(status(&after.register()), 200, "a new phone comes in");
    assert_eq!(call(&after), 200, "and may call");
    // Phones that registered when both were there are called, though nobody has registered anew.
    calls(&edge, caller, callee, "1002");
    let known = "SELECT string_agg(DISTINCT username, ' ' ORDER BY username) FROM location WHERE username IN ('before', 'after')";
    assert_eq!(cluster.ask(&database, known), "after before");
    drop(stays);
}

/// SIPp takes both their places: one calls a number, the other answers, and both see it end.
fn calls(edge: &Kamailio, caller: Registrant, callee: Registrant, number: &str) -> (Registrant, Registrant) {
    let (from, to) = (caller.place(), callee.place());
    let name = caller.name.clone();
    let turns = (caller.turn(), callee.turn());
    drop((caller.into_socket(), callee.into_socket()));
    let at = |place: SocketAddr| (place.ip().to_string(), place.port().to_string());
    let ((ip, port), (callee_ip, callee_port)) = (at(from), at(to));
    let mut answers = sipp("answers", &["-i", &callee_ip, "-p", &callee_port]);
    let edge_sip = edge.sip.to_string();
    let mut calls = sipp("calls", &["-i", &ip, "-p", &port, "-key", "user", &name, "-s", number, &edge_sip]);
    ends_well("the call by way of the edge", &mut calls);
    ends_well("the phone's part in it", &mut answers);
    let again = |place: SocketAddr, name: &str, turn: u32| {
        Registrant::by(UdpSocket::bind(place).unwrap(), edge.sip, name, "any").going_on_from(turn)
    };
    (again(from, "caller", turns.0), again(to, "callee", turns.1))
}

/// A new phone that takes its configuration from a node and registers by way of the edge.
fn managed(node: &Node, edge: &Kamailio) -> Registrant {
    let mac = mac(0x77);
    let url = format!("{}/{mac}.cfg", node.handset);
    let file = http::get(&url, &[("User-Agent", &agent(&mac))]).unwrap().body;
    let value = |name: &str| parameter(&file, name).unwrap_or_else(|| panic!("{name} in {file}"));
    let (name, password) = (value("voip/line/0/auth_name"), value("voip/line/0/auth_password"));
    Registrant::by(UdpSocket::bind((HERE, 0)).unwrap(), edge.sip, &name, &password)
        .with_number(&value("voip/line/0/id"))
}

/// The status of a call to the route point.
fn call(phone: &Registrant) -> u16 {
    let answer = phone.knock("INVITE");
    // A phone that proves itself by nothing but its address is asked for nothing more.
    if status(&answer) == 401 { status(&phone.answer("INVITE", &answer, Some(1))) } else { status(&answer) }
}

/// The edge in its namespace.
fn edge(names: &str, folder: &Path) -> Kamailio {
    let sip = |address: &str| format!("{address}:5060").parse().unwrap();
    let text = support::kamailio::edge(EDGE, &NODES.map(sip), folder);
    Kamailio::start(&text, sip(EDGE), folder, &["ip", "netns", "exec", &format!("{names}-edge")])
}
