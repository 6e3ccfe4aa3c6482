//! The load: SIPp with a scenario and accounts written for it, and what it counted.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process;

/// The number of the first phone.
pub const FIRST_NUMBER: u32 = 2_000_000;

/// What a phone authenticates as, and its password.
pub fn name_of(index: u32) -> String {
    format!("p{index:07}")
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// SIPp left no figures.
    #[error("SIPp left no figures: {0}")]
    Uncounted(String),
    /// The process to be measured.
    #[error("there is no process {0} to be measured")]
    NoProcess(u32),
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Cycles a second that were asked for.
    pub rate: u32,
    /// Cycles that ended well.
    pub registered: u64,
    /// Cycles that did not.
    pub failed: u64,
    /// Requests that were sent again.
    pub sent_twice: u64,
    /// How long it took.
    pub seconds: f64,
    /// CPU-seconds the server used.
    pub cpu_seconds: f64,
    /// CPU-seconds its database used, where that is a server of its own.
    pub database_seconds: Option<f64>,
    /// The server's resident memory afterwards, in bytes.
    pub resident: u64,
}

impl Outcome {
    /// CPU-seconds of the server per 1,000 cycles.
    pub fn cpu_per_thousand(&self) -> f64 {
        self.per_thousand(self.cpu_seconds)
    }

    /// The same of its database.
    pub fn database_per_thousand(&self) -> Option<f64> {
        self.database_seconds.map(|seconds| self.per_thousand(seconds))
    }

    fn per_thousand(&self, seconds: f64) -> f64 {
        1000.0 * seconds / self.registered.max(1) as f64
    }

    /// For programs.
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "rate": self.rate,
            "registered": self.registered,
            "failed": self.failed,
            "sent_twice": self.sent_twice,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "cpu_seconds_per_1000": self.cpu_per_thousand(),
            "database_cpu_seconds_per_1000": self.database_per_thousand(),
            "resident": self.resident,
        })
    }
}

/// How phones follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Each after the one made before it.
    InTurn,
    /// Any after any.
    Random,
}

impl Order {
    /// What SIPp calls it.
    fn as_sipp(self) -> &'static str {
        match self {
            Self::InTurn => "SEQUENTIAL",
            Self::Random => "RANDOM",
        }
    }
}

/// A scenario and the accounts it runs through.
#[derive(Debug)]
pub struct Load {
    folder: tempfile::TempDir,
    scenario: PathBuf,
}

impl Load {
    /// One for so many phones.
    pub fn new(phones: u32) -> Result<Self, LoadError> {
        let system = |doing| move |source| LoadError::System { doing, source };
        let folder = tempfile::tempdir().map_err(system("making a folder"))?;
        let scenario = folder.path().join("register.xml");
        std::fs::write(&scenario, self::scenario()).map_err(system("writing a scenario"))?;
        let mut lines = String::new();
        for index in 0..phones {
            let (number, name) = (FIRST_NUMBER + index, name_of(index));
            let _ = writeln!(lines, "{number};[authentication username={name} password={name}];");
        }
        for order in [Order::InTurn, Order::Random] {
            let file = folder.path().join(order.as_sipp());
            std::fs::write(file, format!("{}\n{lines}", order.as_sipp())).map_err(system("writing accounts"))?;
        }
        Ok(Self { folder, scenario })
    }

    /// Registers at this rate for so long, with the server of this process and its children, and a database likewise.
    pub fn run(
        &self,
        target: &str,
        (pid, database): (u32, Option<u32>),
        order: Order,
        rate: u32,
        seconds: u32,
    ) -> Result<Outcome, LoadError> {
        let system = |doing| move |source| LoadError::System { doing, source };
        let figures = self.folder.path().join("figures.csv");
        let _ = std::fs::remove_file(&figures);
        let cycles = u64::from(rate) * u64::from(seconds);
        let used = |pid: u32| family(pid).ok_or(LoadError::NoProcess(pid));
        let (before, database_before) = (used(pid)?, database.map(used).transpose()?);
        let ended = Command::new("sipp")
            .arg(target)
            .args(["-i", "127.0.0.1", "-l", "20000", "-nostdin", "-fd", "1", "-buff_size", "4194304"])
            .args(["-r", &rate.to_string(), "-m", &cycles.to_string(), "-timeout", &(3 * seconds + 20).to_string()])
            .arg("-sf")
            .arg(&self.scenario)
            .arg("-inf")
            .arg(self.folder.path().join(order.as_sipp()))
            .args(["-trace_stat", "-stf"])
            .arg(&figures)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(system("starting sipp (Debian: sip-tester)"))?;
        let (after, database_after) = (used(pid)?, database.map(used).transpose()?);
        let text = std::fs::read_to_string(&figures).map_err(|_| LoadError::Uncounted(ended.to_string()))?;
        let counted = Counted::read(&text).ok_or_else(|| LoadError::Uncounted(ended.to_string()))?;
        Ok(Outcome {
            rate,
            registered: counted.number("SuccessfulCall(C)"),
            failed: counted.number("FailedCall(C)"),
            sent_twice: counted.number("Retransmissions(C)"),
            seconds: counted.time("ElapsedTime(C)").as_secs_f64(),
            cpu_seconds: after - before,
            database_seconds: database_after.zip(database_before).map(|(after, before)| after - before),
            resident: process::resident(pid).unwrap_or(0),
        })
    }
}

/// CPU-seconds a process and its children have used.
fn family(pid: u32) -> Option<f64> {
    let own = process::cpu_seconds(pid)?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| process::cpu_seconds(child.parse().ok()?));
    Some(own + children.sum::<f64>())
}

/// The last line of SIPp's figures, with its heading.
struct Counted<'a> {
    names: Vec<&'a str>,
    values: Vec<&'a str>,
}

impl<'a> Counted<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (first, last) = (text.lines().next()?, text.lines().last()?);
        (first != last).then(|| Self { names: first.split(';').collect(), values: last.split(';').collect() })
    }

    fn value(&self, name: &str) -> &str {
        let at = self.names.iter().position(|known| *known == name);
        at.and_then(|at| self.values.get(at)).copied().unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.value(name).parse().unwrap_or(0)
    }

    /// `00:00:08`, or with more behind it.
    fn time(&self, name: &str) -> Duration {
        let parts = self.value(name).split(':').take(3).map(|part| part.parse::<f64>().unwrap_or(0.0));
        Duration::from_secs_f64(parts.fold(0.0, |sum, part| sum * 60.0 + part))
    }
}

/// REGISTER, 401, REGISTER with digest, 200.
fn scenario() -> String {
    let (first, second) = (register(1, ""), register(2, "    [field1]\n"));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="A phone registers: challenged, and let in">
{first}  <recv response="401" auth="true"></recv>
{second}  <recv response="200"></recv>
</scenario>
"#
    )
}

fn register(cseq: u8, credentials: &str) -> String {
    format!(
        r#"  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
    Max-Forwards: 70
    From: <sip:[field0]@[remote_ip]>;tag=[pid]-[call_number]
    To: <sip:[field0]@[remote_ip]>
    Call-ID: [call_id]
    CSeq: {cseq} REGISTER
    Contact: <sip:[field0]@[local_ip]:[local_port]>
    Expires: 3600
{credentials}    User-Agent: SIPp
    Content-Length: 0

  ]]></send>
"#
    )
}
