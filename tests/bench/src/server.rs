//! The server under test: started with a folder and a configuration of its own, filled over its API, and stopped.
//! Must not know callers.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::plan::User;
use crate::process;

/// The number of the route point.
pub const NUMBER: &str = "2000";
/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// Users made. Each may have twenty phones.
const USERS: usize = 40;

/// Why the server could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// It stopped, or never became ready.
    #[error("the server did not become ready; the end of its log:\n{0}")]
    NotReady(String),
    /// Its API or figures.
    #[error("the administrators' door: {0}")]
    Door(Box<ureq::Error>),
    /// Its API refused.
    #[error("the API answered {status} to {path}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// What was asked.
        path: String,
        /// What it said.
        body: String,
    },
}

impl From<ureq::Error> for ServerError {
    fn from(error: ureq::Error) -> Self {
        Self::Door(Box::new(error))
    }
}

/// A running server. Stopped, and its folder removed, when dropped.
pub struct Server {
    child: Child,
    folder: PathBuf,
    token: String,
    admin: String,
    http: ureq::Agent,
    /// Where it takes SIP.
    pub sip: SocketAddr,
}

impl Server {
    /// Starts `program` for so many calls at once, and waits until it is ready.
    pub fn start(program: &Path, calls: usize, is_realtime: bool) -> Result<Self, ServerError> {
        let system = |doing: String| move |source| ServerError::System { doing, source };
        let folder = std::env::temp_dir().join(format!("dialogue-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(system(format!("making {}", folder.display())))?;
        let free = || free_port().map_err(system("looking for a free port".to_owned()));
        let (sip, handset, admin) = (free()?, free()?, free()?);
        let config = folder.join("tsunagu.toml");
        fs::write(&config, configuration(calls, is_realtime, [sip, handset, admin]))
            .map_err(system(format!("writing {}", config.display())))?;
        let log = File::create(folder.join("log")).map_err(system("making a log".to_owned()))?;
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&config).arg("--data-dir").arg(folder.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(system(format!("starting {}", program.display())))?;
        let stdout = child.stdout.take();
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        let mut server = Self {
            child,
            folder,
            token: String::new(),
            admin: format!("http://127.0.0.1:{admin}"),
            http,
            sip: SocketAddr::from(([127, 0, 0, 1], sip)),
        };
        let first = stdout.and_then(|stdout| BufReader::new(stdout).lines().next()).and_then(Result::ok);
        server.token = first.as_deref().and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned();
        let deadline = Instant::now() + START;
        while !server.is_ready() {
            let has_ended = !matches!(server.child.try_wait(), Ok(None));
            if has_ended || Instant::now() > deadline {
                return Err(ServerError::NotReady(server.log_end()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes the users and what they need. Gives them, and the CPU-seconds it took for each: nearly all of it one hash of a PIN,
    /// which is what a claim costs too.
    pub fn fill(&self) -> Result<(Vec<User>, f64), ServerError> {
        self.post("/device-templates", &json!({ "name": "Desk", "phone_name": "{model} {user_name}" }))?;
        self.post("/line-templates", &json!({ "name": "Line", "label": "{extension}", "display": "{user_name}" }))?;
        let profile = json!({
            "name": "Everybody", "is_default": true, "desk_template": "Desk", "line_template": "Line",
            "allow_provisioning": true, "device_limit": 20,
        });
        self.post("/user-profiles", &profile)?;
        let before = process::cpu_seconds(self.pid());
        let mut users = Vec::with_capacity(USERS);
        for n in 0..USERS {
            let user = User { id: (1000 + n).to_string(), pin: "246810".to_owned() };
            let new = json!({
                "user_id": format!("user{n}"), "name": format!("User {n}"), "pin": user.pin,
                "primary_extension": user.id, "self_service_id": user.id,
            });
            self.post("/users", &new)?;
            users.push(user);
        }
        let used = process::cpu_seconds(self.pid()).zip(before).map_or(0.0, |(after, before)| after - before);
        Ok((users, used / USERS as f64))
    }

    /// The sum of a figure over its labels; 0 for one that does not exist yet.
    pub fn figure(&self, name: &str) -> Result<f64, ServerError> {
        let text = self.http.get(format!("{}/metrics", self.admin)).call()?.body_mut().read_to_string()?;
        Ok(sum_of(&text, name))
    }

    fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.admin)).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> Result<(), ServerError> {
        let request = self.http.post(format!("{}/api/v1{path}", self.admin));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        let mut answer = request.header("Content-Type", "application/json").send(body.to_string())?;
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(());
        }
        let body = answer.body_mut().read_to_string().unwrap_or_default();
        Err(ServerError::Refused { status, path: path.to_owned(), body })
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    /// Warnings and errors in its log.
    pub fn complaints(&self) -> usize {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR")).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> io::Result<u16> {
    Ok(UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Room for so many calls, for twice as many phones (some are replaced), and no lockouts.
fn configuration(calls: usize, is_realtime: bool, [sip, handset, admin]: [u16; 3]) -> String {
    // A caller may call again before the place of its call before is free.
    let limit = calls + calls / 10 + 10;
    let last = 900_000 + (2 * calls + 1000).min(99_999);
    format!(
        "[listen]\nsip_udp = [\"127.0.0.1:{sip}\"]\nsip_tcp = [\"127.0.0.1:{sip}\"]\nhandset = \"127.0.0.1:{handset}\"\n\
         admin = \"127.0.0.1:{admin}\"\n\n\
         [self_provisioning]\nactive = true\n\n\
         [auto_registration]\nenabled = true\nfirst = \"900000\"\nlast = \"{last}\"\nper_address_per_minute = 1000\n\
         numbers_per_address = 100000\n\n\
         [self_provisioning.lockout]\nattempts = 1000000\nattempts_over_all = 1000000\n\n\
         [route_point]\nnumbers = [\"{NUMBER}\"]\ncalls = {limit}\nports = {limit}\n\n\
         [dialogue]\ntries = 10\nhelps = 10\n\n\
         [calls]\nrealtime = {is_realtime}\nring_back = false\n"
    )
}

fn sum_of(text: &str, name: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let (figure, value) = line.rsplit_once(' ')?;
        let of = figure.split('{').next()?;
        (of == name).then(|| value.parse::<f64>().ok()).flatten()
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_summed_over_its_labels() {
        let text = "# TYPE a counter\na{x=\"1 2\"} 3\na 4\nab 5\n";
        assert_eq!(sum_of(text, "a"), 7.0);
        assert_eq!(sum_of(text, "b"), 0.0);
    }
}
