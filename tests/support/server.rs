//! The real server, `tsunagu serve`, with a data folder and ports of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{self, Answer};
use super::ports::Ports;
use super::postgres::{self, Postgres};
use super::programs::Program;
use super::wait_for;

/// How long a start may take on a machine that has much else to do.
const START: Duration = Duration::from_secs(60);
/// RTP ports of the server.
const RTP: u16 = 40;
/// Lines of the log shown when a test fails.
const LAST_LINES: usize = 80;

/// An end user of every server: their self-service ID is their extension.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// The name they log in with.
    pub user_id: &'static str,
    /// Their name.
    pub name: &'static str,
    /// Their number and self-service ID.
    pub extension: &'static str,
    /// Their PIN.
    pub pin: &'static str,
}

/// The users of every server.
pub const USERS: [User; 3] = [
    User { user_id: "sato", name: "佐藤 花子", extension: "1001", pin: "284613" },
    User { user_id: "smith", name: "Alex Smith", extension: "1002", pin: "730952" },
    User { user_id: "tanaka", name: "田中 健", extension: "1003", pin: "415087" },
];

/// The steps of a phone that takes configurations, from its box to its user.
pub const WHOLE_WAY: [&str; 10] = [
    "fetched",
    "registered",
    "called",
    "identified",
    "authenticated",
    "bound",
    "notified",
    "fetched-again",
    "registered-again",
    "complete",
];

/// A running server with a small directory. Killed when dropped; if the test has failed, the end of its log is shown.
#[derive(Debug)]
pub struct Server {
    /// Where SIP is taken, UDP and TCP.
    pub sip: SocketAddr,
    /// The phones' door.
    pub handset: SocketAddr,
    /// The administrators' door.
    pub admin: SocketAddr,
    /// The administrator's token.
    pub token: String,
    /// Ports for the phones of the test.
    pub ports: Ports,
    database: String,
    folder: TempDir,
    process: Option<Program>,
}

impl Server {
    /// Starts a server on `settings` (TOML, added to what every test needs: its ports, auto-registration), and fills its
    /// directory with [`USERS`], a default profile and templates.
    pub fn start(settings: &str) -> Self {
        let server = Self::start_empty(settings);
        server.fill();
        server
    }

    /// The same with an empty directory.
    pub fn start_empty(settings: &str) -> Self {
        let database = postgres::is_wanted().then(|| Postgres::shared().database());
        Self::start_at(database.as_deref().unwrap_or_default(), settings)
    }

    /// The same on this database.
    pub fn start_at(database: &str, settings: &str) -> Self {
        let mut server = Self::new(database, settings);
        server.launch(&[]);
        server.token = wait_for("the administrator's token on standard output", START, || {
            let told = std::fs::read_to_string(server.output_file()).unwrap_or_default();
            told.lines().find_map(|line| line.split_once("token (shown once): ")).map(|(_, token)| token.to_owned())
        });
        server
    }

    /// Another node beside this one, on the same database.
    pub fn neighbour(&self, settings: &str) -> Self {
        let mut server = Self::new(&self.database, settings);
        std::fs::create_dir(server.data_dir()).expect("a data folder");
        std::fs::copy(self.data_dir().join("secret.key"), server.data_dir().join("secret.key")).expect("the key");
        server.launch(&[]);
        server.token.clone_from(&self.token);
        server
    }

    /// Has it know its peer site, by what that is called, where it takes SIP and its API; `mode` is what becomes of calls to
    /// lines that are live there only.
    pub fn knows_peer(&self, name: &str, peer: (&str, SocketAddr, &Self), mode: &str, transport: &str) {
        let (peer_name, at, server) = peer;
        let token = server.api_post("/tokens", &json!({ "name": format!("of {name}"), "role": "view" }));
        assert_eq!(token.status, 201, "{token:?}");
        let settings = json!({
            "name": name,
            "peer_name": peer_name,
            "peer_address": at.ip().to_string(),
            "peer_port": at.port(),
            "peer_transport": transport,
            "peer_networks": [format!("{}/32", at.ip())],
            "peer_api": format!("http://{}", server.admin),
            "peer_token": token.json()["token"],
            "dr_forward": mode,
        });
        let kept = self.api_patch("/sites", &settings);
        assert_eq!(kept.status, 200, "{kept:?}");
        assert!(!kept.body.contains("token"), "{}", kept.body);
    }

    fn new(database: &str, settings: &str) -> Self {
        let ports = Ports::take();
        let (sip, handset, admin, rtp) = (ports.one(), ports.one(), ports.one(), ports.some(RTP));
        let folder = tempfile::Builder::new().prefix("tsunagu-test-").tempdir().expect("a temporary folder");
        let mut config: toml::Table = toml::toml! {
            [limits]
            drain_seconds = 1
            [self_provisioning]
            active = true
            [auto_registration]
            enabled = true
            per_address_per_minute = 600
            numbers_per_address = 1000
        };
        merge(
            &mut config,
            format!(
                "database.url = \"{database}\"\n\
                 listen = {{ sip_udp = [\"{sip}\"], sip_tcp = [\"{sip}\"], handset = \"{handset}\", admin = \"{admin}\" }}\n\
                 calls = {{ rtp_first_port = {rtp}, rtp_last_port = {} }}\n",
                rtp + RTP - 1
            )
            .parse()
            .expect("TOML"),
        );
        merge(&mut config, settings.parse().expect("settings in TOML"));
        std::fs::write(folder.path().join("tsunagu.toml"), config.to_string()).expect("a configuration");
        let (token, database) = (String::new(), database.to_owned());
        Self { sip, handset, admin, token, ports, database, folder, process: None }
    }

    /// The address of its database; empty for a file.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// All that is in its database, as it is stored.
    pub fn stored_octets(&self) -> Vec<u8> {
        if self.database.is_empty() {
            let files = ["tsunagu.db", "tsunagu.db-wal"].map(|name| self.data_dir().join(name));
            return files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
        }
        postgres::dump(&self.database).into_bytes()
    }

    /// A folder of the test's own; the server's is `data` in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's data folder.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder().join("data")
    }

    /// The id of the server's process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map(|process| process.id()).expect("a server that runs")
    }

    /// Ends the server at once, as a power cut would.
    pub fn kill9(&mut self) {
        self.process = None;
    }

    /// Sends the server a signal.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "the server could not be sent {name}");
    }

    /// Tells the server to stop and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let mut process = self.process.take().expect("a server that runs");
        wait_for("the end of the server", START, || process.ended())
    }

    /// Starts the server again, on the same ports and data. One that runs is killed first.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same, with these variables in its environment.
    pub fn restart_with(&mut self, environment: &[(&str, &Path)]) {
        self.kill9();
        self.launch(environment);
    }

    /// Where it takes SIP over this transport, by its log: the first place, where there are several.
    pub fn sip_at(&self, transport: &str) -> SocketAddr {
        let log = self.log();
        let line = log.lines().find(|line| line.contains(&format!("SIP transport={transport} address=")));
        line.unwrap_or_else(|| panic!("{log}")).split("address=").nth(1).unwrap().trim().parse().unwrap()
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// What the server wrote to standard output.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.output_file()).unwrap_or_default()
    }

    /// GET of the API's `/api/v1{path}`, which must succeed. Of a list, what is on all of its pages.
    pub fn api_get(&self, path: &str) -> Value {
        let mut items = Vec::new();
        let mut place = path.to_owned();
        loop {
            let answer = self.admin_get(&format!("/api/v1{place}"));
            assert_eq!(answer.status, 200, "GET {place}: {answer:?}");
            let body = answer.json();
            let Some(page) = body["items"].as_array() else { return body };
            items.extend(page.iter().cloned());
            match body["next"].as_str() {
                Some(cursor) => place = format!("{path}?cursor={cursor}"),
                None => return Value::Array(items),
            }
        }
    }

    /// PATCH of the API's `/api/v1{path}`, whatever comes of it.
    pub fn api_patch(&self, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let url = format!("http://{}/api/v1{path}", self.admin);
        http::patch(&url, &[("Authorization", &bearer)], body).expect("an answer")
    }

    /// POST to the API's `/api/v1{path}`, whatever comes of it.
    pub fn api_post(&self, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let url = format!("http://{}/api/v1{path}", self.admin);
        http::post(&url, &[("Authorization", &bearer)], body).expect("an answer of the administrators' door")
    }

    /// DELETE of the API's `/api/v1{path}`, whatever comes of it.
    pub fn api_delete(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let url = format!("http://{}/api/v1{path}", self.admin);
        http::delete(&url, &[("Authorization", &bearer)]).expect("an answer of the administrators' door")
    }

    /// GET at the administrators' door, with the token.
    pub fn admin_get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        http::get(&format!("http://{}{path}", self.admin), &[("Authorization", &bearer)])
            .expect("an answer of the administrators' door")
    }

    /// A figure of `/metrics`, with these labels if any are named, else all of its summed up; 0 where there is none.
    pub fn figure(&self, name: &str) -> f64 {
        http::figure(&self.admin_get("/metrics").body, name)
    }

    /// SIP connections that are open.
    pub fn connections(&self) -> usize {
        self.figure("sip_connections") as usize
    }

    /// GET at the phones' door, as a phone with this User-Agent.
    pub fn handset_get(&self, path: &str, user_agent: &str) -> Answer {
        http::get(&format!("http://{}{path}", self.handset), &[("User-Agent", user_agent)])
            .expect("an answer of the phones' door")
    }

    fn launch(&mut self, environment: &[(&str, &Path)]) {
        let append = |name: &str| {
            let file = File::options().create(true).append(true).open(self.folder().join(name));
            Stdio::from(file.expect("a file in the test's folder"))
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
        command
            .args(["serve", "--config"])
            .arg(self.folder().join("tsunagu.toml"))
            .arg("--data-dir")
            .arg(self.data_dir())
            .env("RUST_LOG", "info,tsunagu=debug")
            .env("NO_COLOR", "1")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(append("output"))
            .stderr(append("log"));
        let mut process = Program::start(&mut command);
        let ready = format!("http://{}/readyz", self.admin);
        wait_for("readiness", START, || {
            if let Some(status) = process.ended() {
                panic!("the server did not start ({status}):\n{}", self.log());
            }
            http::get(&ready, &[]).ok().filter(|answer| answer.status == 200)
        });
        self.process = Some(process);
    }

    fn output_file(&self) -> std::path::PathBuf {
        self.folder().join("output")
    }

    /// Fills an empty directory as [`Self::start`] does.
    pub fn fill(&self) {
        let add = |path: &str, body: Value| {
            let answer = self.api_post(path, &body);
            assert_eq!(answer.status, 201, "POST {path}: {answer:?}");
        };
        add(
            "/device-templates",
            json!({ "name": "Desk phone", "phone_name": "{model} {user_name}", "settings": { "talk_event": true } }),
        );
        add("/line-templates", json!({ "name": "Line", "label": "{extension} {user_name}", "display": "{user_name}" }));
        add(
            "/user-profiles",
            json!({
                "name": "Everybody",
                "is_default": true,
                "desk_template": "Desk phone",
                "line_template": "Line",
                "allow_provisioning": true,
            }),
        );
        for user in USERS {
            add(
                "/users",
                json!({
                    "user_id": user.user_id,
                    "name": user.name,
                    "pin": user.pin,
                    "primary_extension": user.extension,
                }),
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let figures = http::get(&format!("http://{}/metrics", self.admin), &[]).map(|answer| answer.body);
            eprintln!("the server's figures:\n{}", figures.unwrap_or_default());
            let bearer = format!("Bearer {}", self.token);
            for list in ["enrolments", "calls"] {
                let url = format!("http://{}/api/v1/{list}", self.admin);
                let shown = http::get(&url, &[("Authorization", &bearer)]).map(|answer| answer.body);
                eprintln!("{list}: {}", shown.unwrap_or_default());
            }
        }
        self.kill9();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the server's log:\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
        }
    }
}

/// Adds `more` to `table`, tables within too; what is in both is taken from `more`.
fn merge(table: &mut toml::Table, more: toml::Table) {
    for (name, value) in more {
        match (table.get_mut(&name), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                table.insert(name, value);
            }
        }
    }
}
