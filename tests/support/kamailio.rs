//! Kamailio beside the server, on loopback.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::programs::{self, Program};
use super::wait_for;

/// How long it may take to start, and at most to run, in seconds.
const START: Duration = Duration::from_secs(20);
const LONGEST: &str = "300";

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    /// Where it takes SIP, by UDP.
    pub sip: SocketAddr,
    /// It and, when it ends, its processes: `timeout` passes the signal on.
    program: Program,
}

/// What every routing needs: the modules, and what belongs to a dialog.
const COMMON: &str = r#"
debug=2
log_stderror=yes
children=2
disable_tcp=yes
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
"#;

const ROUTES: &str = r#"
request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (has_totag()) {
        if (loose_route() || is_method("ACK")) { t_relay(); } else { sl_send_reply("404", "Not Here"); }
        exit;
    }
    route(OUTSIDE);
}
"#;

/// What `tsunagu deployment print kamailio` has, for this address and these nodes.
pub fn edge(address: &str, nodes: &[SocketAddr], folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
    let printed = command.args(["deployment", "print", "kamailio"]).output().expect("the program");
    let list = folder.join("dispatcher.list");
    std::fs::write(&list, nodes.iter().map(|node| format!("1 sip:{node}\n")).collect::<String>()).expect("a list");
    let list = list.display().to_string();
    let text = String::from_utf8(printed.stdout).expect("a text");
    let text = text.replace("192.0.2.10", address).replace("/etc/kamailio/dispatcher.list", &list);
    assert!(text.contains(address) && text.contains(&list), "{text}");
    text
}

impl Kamailio {
    /// A registrar that keeps its bindings in `database` and nowhere else (`db_mode` 3), and routes calls by it.
    pub fn registrar(database: &str, sip: SocketAddr, folder: &Path) -> Self {
        let routing = r#"
loadmodule "db_postgres.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_url", "DATABASE")
modparam("usrloc", "db_mode", 3)
modparam("usrloc", "use_domain", 0)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 0)
modparam("registrar", "path_use_received", 1)
route[OUTSIDE] {
    if (is_method("REGISTER")) { if (!save("location")) { sl_reply_error(); } exit; }
    record_route();
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"#;
        let routing = routing.replace("DATABASE", database);
        let text = format!("#!KAMAILIO\n{COMMON}listen=udp:{sip}\n{routing}{ROUTES}");
        Self::start(&text, sip, folder, &[])
    }

    /// One with this configuration, by way of the command `within`.
    pub fn start(text: &str, sip: SocketAddr, folder: &Path, within: &[&str]) -> Self {
        programs::need(
            "kamailio",
            "kamailio kamailio-postgres-modules kamailio-tls-modules kamailio-websocket-modules",
        );
        let file = folder.join("kamailio.cfg");
        std::fs::write(&file, text).expect("a configuration");
        let log = File::create(folder.join("kamailio.log")).expect("a log");
        let mut command = Command::new("timeout");
        command.arg(LONGEST).args(within).args(["kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-f"]).arg(&file);
        command.arg("-w").arg(folder).arg("-Y").arg(folder);
        // The instants in its tables are its own local time.
        command.env("TZ", "UTC").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let program = Program::start(&mut command);
        let mut kamailio = Self { sip, program };
        let any = if sip.ip().is_loopback() { sip.ip() } else { Ipv4Addr::UNSPECIFIED.into() };
        let asking = UdpSocket::bind((any, 0)).expect("a socket");
        asking.connect(sip).expect("a way there");
        asking.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        wait_for("Kamailio to answer", START, || {
            let ended = kamailio.program.ended();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(folder.join("kamailio.log")).unwrap_or_default());
            let own = asking.local_addr().expect("an address");
            let options = format!(
                "OPTIONS sip:nobody@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1\r\nMax-Forwards: 0\r\n\
                 From: <sip:test@{own}>;tag=1\r\nTo: <sip:nobody@{sip}>\r\nCall-ID: test\r\nCSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            asking.send(options.as_bytes()).ok()?;
            asking.recv(&mut [0; 2048]).ok()
        });
        kamailio
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        let pid = self.program.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        if told.is_ok_and(|status| status.success()) {
            wait_for("Kamailio to end", START, || self.program.ended());
        }
    }
}
