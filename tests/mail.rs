//! Password reminders of portal accounts, sent to a real SMTP server on loopback that nobody here wrote: aiosmtpd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::http::{self, Answer};
use support::ports::Ports;
use support::programs::Program;
use support::server::Server;
use support::wait_for;

const SOON: Duration = Duration::from_secs(60);
const OLD: &str = "correct horse battery";
const NEW: &str = "staple of another kind";
/// Reads letters as mail programs do, and gives them as JSON.
const READER: &str = "import email, email.policy, json, pathlib, sys\n\
    read = lambda file: email.message_from_bytes(file.read_bytes(), policy=email.policy.default)\n\
    letters = [read(file) for file in sorted(pathlib.Path(sys.argv[1], 'new').iterdir())]\n\
    print(json.dumps([{'to': l['To'], 'from': l['From'], 'subject': l['Subject'], 'text': l.get_content()} for l in letters]))";

/// Where `tests/run` puts the SMTP server.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("tools/aiosmtpd/bin/python");
    assert!(python.is_file(), "aiosmtpd is not installed at {}; run tests/run once", python.display());
    python
}

/// An SMTP server with a mailbox.
struct PostOffice {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    _program: Option<Program>,
}

impl PostOffice {
    fn open(address: std::net::SocketAddr) -> Self {
        let mut office = Self { folder: tempfile::tempdir().unwrap(), address, _program: None };
        office.start();
        office
    }

    fn start(&mut self) {
        let mut command = Command::new(python());
        command
            .args(["-m", "aiosmtpd", "-n", "-l", &self.address.to_string(), "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(self.mailbox())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self._program = Some(Program::start(&mut command));
        wait_for("the SMTP server", SOON, || std::net::TcpStream::connect(self.address).ok());
    }

    fn mailbox(&self) -> PathBuf {
        self.folder.path().join("mailbox")
    }

    /// Every letter that has come.
    fn letters(&self) -> Vec<Value> {
        if !self.mailbox().join("new").is_dir() {
            return Vec::new();
        }
        let read = Command::new(python()).args(["-c", READER]).arg(self.mailbox()).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        serde_json::from_slice::<Value>(&read.stdout).unwrap().as_array().unwrap().clone()
    }
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    http::post(&format!("http://{}/api/v1/portal{path}", server.admin), &[], body).unwrap()
}

fn log_in(server: &Server, password: &str) -> u16 {
    post(server, "/login", &json!({ "login": "osaka", "password": password })).status
}

fn server(smtp: std::net::SocketAddr) -> Server {
    let server = Server::start(&format!(
        "limits.api_requests_of_strangers = 1000\n\
         mail = {{ server = \"127.0.0.1\", port = {}, tls = \"none\", from = \"Tsunagu <tsunagu@example.com>\", \
         reset_url = \"https://portal.example/reset?token={{token}}\" }}",
        smtp.port()
    ));
    let account = json!({ "login": "osaka", "mail": "osaka@example.com", "locale": "ja", "time_zone": "Asia/Tokyo",
                          "password": OLD });
    assert_eq!(server.api_post("/portal-accounts", &account).status, 201);
    server
}

/// The token of a letter's link.
fn token(letter: &Value) -> String {
    let text = letter["text"].as_str().unwrap();
    let token = text.split("https://portal.example/reset?token=").nth(1).unwrap();
    token.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_letter_comes_in_the_accounts_language_and_its_token_sets_a_password_once() {
    let ports = Ports::take();
    let office = PostOffice::open(ports.one());
    let server = server(office.address);
    // Nobody learns who has an account.
    let asked = ["osaka", "nobody"].map(|login| {
        let answer = post(&server, "/password-reminder", &json!({ "login": login }));
        (answer.status, answer.body)
    });
    assert_eq!(asked[0], (202, String::new()));
    assert_eq!(asked[0], asked[1]);
    let letters = wait_for("a letter", SOON, || Some(office.letters()).filter(|letters| !letters.is_empty()));
    let [letter] = &letters[..] else { panic!("{letters:#?}") };
    assert_eq!(
        (&letter["to"], &letter["from"]),
        (&json!("osaka@example.com"), &json!("Tsunagu <tsunagu@example.com>"))
    );
    assert!(letter["subject"].as_str().unwrap().contains("パスワード"), "{letter:#}");
    let text = letter["text"].as_str().unwrap();
    assert!(text.contains("osaka") && text.contains(" JST ") && !text.contains(OLD), "{text}");
    // Again at once: not another letter.
    assert_eq!(post(&server, "/password-reminder", &json!({ "login": "osaka" })).status, 202);

    let token = token(letter);
    let set =
        |token: &str, password: &str| post(&server, "/password", &json!({ "token": token, "password": password }));
    // A password that can't be taken doesn't cost the token; a wrong token sets nothing.
    assert_eq!(set(&token, "short").json()["field"], "password");
    assert_eq!(set("tsu_0000", NEW).json()["field"], "token");
    assert_eq!(log_in(&server, OLD), 200);
    assert_eq!(set(&token, NEW).status, 204);
    assert_eq!((log_in(&server, OLD), log_in(&server, NEW)), (401, 200));
    let again = set(&token, "yet another password");
    assert_eq!((again.status, &again.json()["field"]), (422, &json!("token")), "{again:?}");
    assert_eq!(log_in(&server, NEW), 200);
    let trail = server.admin_get("/api/v1/audit?kind=portal%20account&action=change").json();
    assert_eq!((&trail["total"], &trail["items"][0]["actor"]), (&json!(1), &json!("osaka")), "{trail:#}");
    assert_eq!(office.letters().len(), 1);
    let log = server.log();
    assert!(!log.contains(&token) && !log.contains(NEW));
}

#[test]
fn a_letter_waits_for_a_server_that_is_away_and_without_one_nobody_can_ask() {
    let ports = Ports::take();
    let address = ports.one();
    let server = server(address);
    assert_eq!(post(&server, "/password-reminder", &json!({ "login": "osaka" })).status, 202);
    wait_for("a first try", SOON, || server.log().contains("it is tried again").then_some(()));
    let office = PostOffice::open(address);
    wait_for("the letter", SOON, || (office.letters().len() == 1).then_some(()));

    let without = Server::start("");
    let refusal = post(&without, "/password-reminder", &json!({ "login": "osaka" }));
    assert_eq!(refusal.status, 409, "{refusal:?}");
}
