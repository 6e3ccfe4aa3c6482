//! A PostgreSQL of the tests' own: a cluster in a temporary folder, ended with the process however that ends.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::programs::Program;

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Settings for a cluster that is thrown away. What was committed need not survive.
const SETTINGS: &str = "-c fsync=off -c max_connections=400 -c unix_socket_directories=''";

/// A running cluster.
#[derive(Debug)]
pub struct Postgres {
    address: String,
    port: u16,
    data: PathBuf,
    databases: AtomicU32,
    /// Stops the cluster and removes its folder when the pipe to it is closed.
    _keeper: Program,
}

impl Postgres {
    /// The one that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of the test's own, to be stopped and started.
    pub fn start() -> Self {
        Self::start_for("127.0.0.1/32", "127.0.0.1")
    }

    /// One of the test's own that listens at `address` for a network's programs.
    pub fn start_for(network: &str, address: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tsunagu-postgres-").tempdir().expect("a temporary folder").keep();
        let data = folder.join("data");
        // PostgreSQL doesn't run as root.
        let own = Command::new("chown").arg(user()).arg(&folder).status();
        assert!(own.is_ok_and(|status| status.success()), "the folder could not be given to {}", user());
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("permissions");
        let script = format!(
            "cat > /dev/null; {0} -D {1}/data -m immediate stop > /dev/null 2>&1; rm -rf {1}",
            bin("pg_ctl"),
            folder.display()
        );
        let mut keeper = command("setsid", &["sh", "-c", &script]);
        let keeper = Program::start(keeper.stdin(Stdio::piped()));
        let place = data.display().to_string();
        let options = ["-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", "tsunagu", "--no-sync"];
        run(command(&bin("initdb"), &["-D", &place]).args(options));
        // Free a moment ago.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let rule = format!("host all all {network} trust\n");
        let rules = std::fs::OpenOptions::new().append(true).open(data.join("pg_hba.conf"));
        rules.and_then(|mut rules| rules.write_all(rule.as_bytes())).expect("a rule of who may connect");
        let (port, databases) = (free.expect("a port").port(), AtomicU32::new(0));
        let cluster = Self { address: address.to_owned(), port, data, databases, _keeper: keeper };
        cluster.launch();
        cluster
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("house{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        run(&mut command(&bin("createdb"), &["-h", &self.address, "-p", &port, "-U", "tsunagu", &name]));
        format!("postgres://tsunagu@{}:{}/{name}", self.address, self.port)
    }

    /// What a statement says, in the database at this address.
    pub fn ask(&self, database: &str, statement: &str) -> String {
        run(&mut command(&bin("psql"), &["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", database, "-c", statement]))
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&self) {
        self.control(&["-m", "immediate", "-w", "stop"]);
    }

    /// Starts it again, at the same place.
    pub fn launch(&self) {
        let options = format!("-p {} -c listen_addresses={} {SETTINGS}", self.port, self.address);
        let log = self.data.with_file_name("log").display().to_string();
        self.control(&["-l", &log, "-o", &options, "-w", "start"]);
    }

    /// Has its processes do nothing at all, as on a machine that hangs: connections are taken, and nothing is said.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Has them go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let told = std::fs::read_to_string(self.data.join("postmaster.pid")).expect("its process");
        let first = told.lines().next().expect("its process");
        let its = Command::new("pgrep").args(["-P", first]).output().expect("its processes").stdout;
        let its = String::from_utf8(its).expect("numbers");
        let done = Command::new("kill").arg(format!("-{name}")).arg(first).args(its.lines()).status();
        assert!(done.is_ok_and(|status| status.success()), "{name} {first} {its}");
    }

    fn control(&self, arguments: &[&str]) {
        assert!(self.is_done(arguments), "pg_ctl {arguments:?}");
    }

    fn is_done(&self, arguments: &[&str]) -> bool {
        let mut control = command(&bin("pg_ctl"), &["-D", &self.data.display().to_string()]);
        // What it starts keeps its output: nobody may wait for the end of that.
        let status = control.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.is_done(&["-m", "immediate", "-w", "stop"]);
        let folder = self.data.with_file_name("").display().to_string();
        let _ = command("rm", &["-rf", &folder]).status();
    }
}

/// Everything in the database at this address.
pub fn dump(database: &str) -> String {
    run(&mut command(&bin("pg_dump"), &["--data-only", database]))
}

/// True if servers are to use PostgreSQL: those of `tests/postgres.rs`, and all where TSUNAGU_TEST_DATABASE says "postgres".
pub fn is_wanted() -> bool {
    env!("CARGO_CRATE_NAME") == "postgres" || std::env::var("TSUNAGU_TEST_DATABASE").is_ok_and(|it| it == "postgres")
}

/// A program of the newest version installed.
fn bin(program: &str) -> String {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest =
        versions.map(|entry| entry.path()).filter(|path| version(path).is_some()).max_by_key(|path| version(path));
    let found = newest.map(|path| path.join("bin").join(program)).filter(|path| path.is_file());
    found.map(|path| path.display().to_string()).unwrap_or_else(|| {
        panic!(
            "PostgreSQL is not installed, and this test shows nothing without it: run `apt-get update && apt-get \
             install -y postgresql`, or `tests/run`, which installs all that tests need"
        )
    })
}

/// Who runs it: the tests' own user, or if that is root, the one Debian's package makes.
fn user() -> String {
    let own = std::fs::metadata("/proc/self").expect("a process").uid();
    if own == 0 { "postgres".to_owned() } else { own.to_string() }
}

/// A command of whoever runs it, in a folder they may be in.
fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = match user().as_str() {
        "postgres" => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program]);
            command
        }
        _ => Command::new(program),
    };
    command.args(arguments).current_dir("/").stdin(Stdio::null());
    command
}

/// Carries a command out and gives what it said.
fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
