//! SIPp as a phone: scenarios of `tests/sipp/`, one after the other, from one address.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::keys;
use crate::support::programs::{self, Program};
use crate::support::server::Server;
use crate::support::wait_for;

/// Longest time any scenario may take, on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of each trace shown when a test fails.
const MOST_SHOWN: usize = 20_000;

/// A phone that plays scenarios.
#[derive(Debug)]
pub struct Phone {
    /// The name it registers and calls with.
    pub user: String,
    /// The name and password it answers challenges with.
    pub credentials: (String, String),
    /// How it names itself.
    pub agent: String,
    /// `u1` for UDP, `t1` for TCP: SIPp's words.
    pub transport: &'static str,
    /// The RTP payload type it offers: 0 is PCMU, 8 is PCMA.
    pub codec: u8,
    /// The scenario of what reaches it outside its own calls.
    pub waiting: &'static str,
    server: std::net::SocketAddr,
    port: u16,
    media_port: u16,
    folder: PathBuf,
}

impl Phone {
    /// A phone nobody knows.
    pub fn new(server: &Server, user: &str) -> Self {
        programs::need("sipp", "sip-tester");
        let folder = server.folder().join(user);
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            user: user.to_owned(),
            credentials: (user.to_owned(), "anything".to_owned()),
            agent: "Generic phone".to_owned(),
            transport: "u1",
            codec: 0,
            waiting: "waiting",
            server: server.sip,
            port: server.ports.some(2),
            media_port: server.ports.some(4),
            folder,
        }
    }

    /// Registers and gives what came of it.
    pub fn register(&self) -> Played {
        self.play("register", &[]).finish()
    }

    /// Plays a scenario; `keys` are its own, besides those every scenario may use.
    pub fn play(&self, scenario: &str, keys: &[(&str, &str)]) -> Playing {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
        let file = |kind: &str| self.folder.join(format!("{scenario}.{kind}"));
        for kind in ["messages", "errors", "log"] {
            let _ = std::fs::remove_file(file(kind));
        }
        let mut command = Command::new("sipp");
        command
            .current_dir(&self.folder)
            .arg(self.server.to_string())
            .arg("-sf")
            .arg(place.join(format!("{scenario}.xml")))
            .arg("-oocsf")
            .arg(place.join(format!("{}.xml", self.waiting)))
            .args(["-t", self.transport, "-i", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-mi", "127.0.0.1", "-mp", &self.media_port.to_string()])
            .args(["-m", "1", "-nostdin", "-timeout", "150s", "-timeout_error"])
            .args(["-au", &self.credentials.0, "-ap", &self.credentials.1])
            .args(["-key", "user", &self.user, "-key", "agent", &self.agent, "-key", "codec", &self.codec.to_string()]);
        let usual = [("number", "2000")].iter().filter(|(name, _)| keys.iter().all(|(own, _)| own != name));
        for (name, value) in usual.chain(keys) {
            command.args(["-key", name, value]);
        }
        command.args(["-trace_msg", "-message_file"]).arg(file("messages"));
        command.args(["-trace_err", "-error_file"]).arg(file("errors"));
        command.args(["-trace_logs", "-log_file"]).arg(file("log"));
        let screen = File::create(file("screen")).unwrap();
        command.stdin(Stdio::null()).stdout(screen.try_clone().unwrap()).stderr(screen);
        Playing {
            program: Program::start(&mut command),
            traces: Played { scenario: scenario.to_owned(), folder: self.folder.clone() },
        }
    }

    /// Plays a scenario that keys `digits` in with a capture.
    pub fn play_keying(&self, scenario: &str, digits: &str) -> Playing {
        self.write_keys(digits);
        self.play(scenario, &[])
    }

    /// Writes the capture that a scenario may key in `digits` with.
    pub fn write_keys(&self, digits: &str) {
        keys::write_capture(&self.folder.join("digits.pcap"), digits);
    }
}

/// A scenario being played; killed when dropped.
#[derive(Debug)]
pub struct Playing {
    program: Program,
    traces: Played,
}

impl Playing {
    /// Waits until the scenario has said `word` in its log. Fails at once if SIPp ends without it.
    pub fn await_word(&mut self, word: &str) -> &Played {
        let Self { program, traces } = self;
        let deadline = Instant::now() + PATIENCE;
        wait_for(&format!("`{word}` in the log of {}", traces.scenario), PATIENCE * 2, || {
            let is_over = program.ended().is_some() || Instant::now() >= deadline;
            let is_said = traces.file("log").contains(word);
            assert!(is_said || !is_over, "SIPp ended, or went on too long, without `{word}`:\n{}", traces.everything());
            is_said.then_some(())
        });
        &self.traces
    }

    /// Waits until SIPp has ended and found everything as the scenario has it.
    pub fn finish(mut self) -> Played {
        let status = wait_for(&format!("the end of {}", self.traces.scenario), PATIENCE, || self.program.ended());
        assert!(status.success(), "SIPp was not content ({status}):\n{}", self.traces.everything());
        self.traces
    }
}

/// What SIPp wrote of a scenario.
#[derive(Debug)]
pub struct Played {
    scenario: String,
    folder: PathBuf,
}

impl Played {
    /// Every message that came and went.
    pub fn messages(&self) -> String {
        self.file("messages")
    }

    /// Messages the phone received whose first line starts so.
    pub fn received(&self, start: &str) -> Vec<String> {
        let messages = self.messages().replace('\r', "");
        let received = messages.split("message received ").skip(1);
        let texts = received.filter_map(|part| part.split_once("\n\n")).map(|(_, text)| text.trim_start().to_owned());
        texts.filter(|text| text.starts_with(start)).collect()
    }

    fn file(&self, kind: &str) -> String {
        let bytes = std::fs::read(self.folder.join(format!("{}.{kind}", self.scenario))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn everything(&self) -> String {
        let start = |kind: &str| self.file(kind).chars().take(MOST_SHOWN).collect::<String>();
        ["errors", "log", "messages", "screen"].map(|kind| format!("--- {kind}\n{}", start(kind))).join("\n")
    }
}
