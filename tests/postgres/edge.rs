//! The deployment of the README: two nodes on one PostgreSQL behind a Kamailio, each in a network namespace of its own.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::registrant::{Registrant, status};
use crate::support::kamailio::Kamailio;
use crate::support::postgres::Postgres;
use crate::support::programs::{self, Program};
use crate::support::{http, wait_for};

/// Says that the test is within its namespace: what the namespaces' names begin with.
const WITHIN: &str = "TSUNAGU_TEST_NAMESPACE";
/// The network between the namespaces; the phones, the database and the test are at .1.
const NETWORK: &str = "10.77.0.0/24";
const HERE: &str = "10.77.0.1";
const EDGE: &str = "10.77.0.10";
const NODES: [&str; 2] = ["10.77.0.11", "10.77.0.12"];
const PATIENCE: Duration = Duration::from_secs(60);

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
    run(&format!("-n {names}-house addr add {HERE}/24 dev lan"));
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
    log: std::path::PathBuf,
    program: Program,
}

impl Node {
    fn start(names: &str, name: &str, address: &str, database: &str, folder: &Path) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let settings = format!(
            "listen = {{ sip_udp = [\"{address}:5060\"], sip_tcp = [\"{address}:5060\"], handset = \"{address}:8081\", \
             admin = \"{address}:8080\" }}\n\
             database.url = \"{database}\"\n\
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
        Self { admin, log, program }
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
    for (here, there, first) in [(&one, &other, "8100"), (&other, &one, "8200")] {
        let began = Instant::now();
        set(here, &json!({ "first": first, "last": "8999" }));
        wait_for("the setting to be in force on the other node", PATIENCE, || {
            (get(there, "/auto-registration")["first"] == first).then_some(())
        });
        eprintln!("a setting was in force on the other node after {:?}", began.elapsed());
    }

    let phone = |name: &str| Registrant::by(UdpSocket::bind((HERE, 0)).unwrap(), edge.sip, name, "any");
    let before = phone("before");
    assert_eq!(status(&before.register()), 200);
    let path = cluster.ask(&database, "SELECT path FROM location");
    assert!(path.contains(&format!("sip:{EDGE}")) && path.contains(&format!("received=sip:{HERE}")), "{path}");
    assert_eq!(call(&before), 200);

    // The one that serves this phone goes.
    let serves = |node: &Node| node.log().contains("a phone registered");
    let (gone, stays) = if serves(&one) { (one, other) } else { (other, one) };
    assert!(serves(&gone) && !serves(&stays));
    drop(gone.program);
    assert_eq!(status(&before.register()), 200, "the phone is still registered");
    assert_eq!(call(&before), 200, "and may call");
    let after = phone("after");
    assert_eq!(status(&after.register()), 200, "a new phone comes in");
    assert_eq!(call(&after), 200, "and may call");
    assert_eq!(cluster.ask(&database, "SELECT count(DISTINCT username) FROM location"), "2");
    drop(stays);
}

/// The status of a call to the route point.
fn call(phone: &Registrant) -> u16 {
    let answer = phone.knock("INVITE");
    // A phone that proves itself by nothing but its address is asked for nothing more.
    if status(&answer) == 401 { status(&phone.answer("INVITE", &answer, Some(1))) } else { status(&answer) }
}

/// Kamailio as `tsunagu deployment print kamailio` has it, with the addresses put in.
fn edge(names: &str, folder: &Path) -> Kamailio {
    let printed =
        Command::new(env!("CARGO_BIN_EXE_tsunagu")).args(["deployment", "print", "kamailio"]).output().unwrap();
    let list = folder.join("dispatcher.list");
    std::fs::write(&list, NODES.map(|node| format!("1 sip:{node}:5060\n")).concat()).unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    let text = text.replace("192.0.2.10", EDGE).replace("/etc/kamailio/dispatcher.list", &list.display().to_string());
    assert!(text.contains(EDGE) && text.contains(&*list.display().to_string()), "{text}");
    let sip: SocketAddr = format!("{EDGE}:5060").parse().unwrap();
    Kamailio::start(&text, sip, folder, &["ip", "netns", "exec", &format!("{names}-edge")])
}
