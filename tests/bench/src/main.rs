//! `dialogue-bench`: the server holds many calls in the dialogue at once, and is measured from where the callers are.
//!
//! It measures and reports; it judges nothing. Exit status 0 means that it could measure.

mod caller;
mod media;
mod meter;
mod plan;
mod process;
mod realtime;
mod report;
mod rtp;
mod server;
mod signalling;
mod talker;
mod wire;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use caller::Place;
use media::Media;
use plan::{Plan, Shape, User};
use report::Report;
use server::{NUMBER, Server, ServerError};
use signalling::{Phase, Signalling};

/// Ports of every caller, on an address of its own.
const SIP_PORT: u16 = 10_000;
const RTP_PORT: u16 = 10_002;
/// From the last call's start to the window.
const SETTLE: Duration = Duration::from_secs(2);
/// Longer than a key is down.
const KEY: Duration = Duration::from_millis(500);
/// What is being set up may take so much longer than planned.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures how many calls at once `tsunagu serve` holds in its dialogue, from where the callers are.
///
/// Starts the server on loopback with a folder and a configuration of its own. Every caller is a generic SIP phone with an
/// address and a port pair of its own: it registers, calls the route point, talks all the while (PCMU, silence), keys digits
/// as RFC 4733 events, hears prompts, hangs up after 30 s and calls again. Give the machine to it: it shares the cores with
/// the server.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  dialogue-bench\n  dialogue-bench --calls 500 --shape claim --claims 4\n  dialogue-bench --json > figures.json"
)]
struct Arguments {
    /// Calls at once.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=5000))]
    calls: u16,
    /// Seconds to measure, once all calls are up.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=120))]
    window: u16,
    /// Seconds in which the calls begin. 30, the length of a call, spreads hanging up and calling again evenly.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=60))]
    ramp: u16,
    /// What callers do.
    #[arg(long, value_enum, default_value = "stay")]
    shape: Shape,
    /// Claims (a PIN to be hashed) a second, in the shape `claim`; 0 for none.
    #[arg(long, default_value_t = 2.0, value_parser = claims)]
    claims: f64,
    /// The server; by default the one beside this program, or in target/release of a folder above it.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Run server and callers without real-time scheduling.
    #[arg(long)]
    no_realtime: bool,
    /// Only the line of JSON.
    #[arg(long)]
    json: bool,
}

fn claims(text: &str) -> Result<f64, String> {
    let claims: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=100.0).contains(&claims) { Ok(claims) } else { Err("choose from 0 to 100".to_owned()) }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("there is no server beside this program; build it (cargo build --release) or name it (--server)")]
    NoServer,
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("{0}")]
    Callers(#[from] std::io::Error),
    #[error(
        "only {done} of {wanted} {what} after {seconds} s; requests failed by status: {failed:?}. The end of the server's log:\n{log}"
    )]
    TooFew { done: u64, wanted: usize, what: &'static str, seconds: u64, failed: BTreeMap<u16, u64>, log: String },
    #[error("the server ended while it was measured")]
    Ended,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(report) => {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", report.json());
            if !arguments.json {
                let _ = writeln!(out, "\n{}\n{}", report.machine, report.table());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "dialogue-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Report, BenchError> {
    let calls = usize::from(arguments.calls);
    let (is_realtime, window) = (!arguments.no_realtime, Duration::from_secs(arguments.window.into()));
    let ramp = Duration::from_secs(arguments.ramp.into());
    // The server inherits it. Three sockets a caller here, two a call there.
    raise_open_files();
    let program = arguments.server.clone().or_else(find_server).ok_or(BenchError::NoServer)?;
    let server = Server::start(&program, calls, is_realtime)?;
    let pid = server.pid();
    // Hashing leaves memory behind that comes and goes; where nobody claims, none is hashed, and calls are all that grows.
    let (users, claim_cpu) = match arguments.shape {
        Shape::Claim => server.fill()?,
        Shape::Stay => (vec![User { id: "1000".to_owned(), pin: String::new() }], 0.0),
    };
    let rss_at_start = process::resident(pid);

    let places: Vec<Place> = (0..calls).map(|number| place(number, &server)).collect();
    let media = Media::start(&places, window, is_realtime)?;
    let plan = Plan::new(NUMBER, ramp, arguments.shape, users, arguments.claims);
    let signalling = Signalling::start(&places, media.clone(), plan)?;
    let tally = signalling.tally.clone();
    let wait = |what, limit: Duration, counter: &dyn Fn() -> u64| {
        let begun = Instant::now();
        while counter() < calls as u64 {
            if begun.elapsed() > limit {
                let (done, failed, log) = (counter(), tally.failures(), server.log_end());
                return Err(BenchError::TooFew { done, wanted: calls, what, seconds: limit.as_secs(), failed, log });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    wait("phones registered", PATIENCE, &|| tally.registered.load(Relaxed))?;
    std::thread::sleep(SETTLE);
    let rss_before_calls = process::resident(pid);
    let digits_before = server.figure("ivr_digits_total")?;

    signalling.go(Phase::Call);
    wait("calls answered", ramp + PATIENCE, &|| tally.answered.load(Relaxed))?;
    std::thread::sleep(SETTLE);
    let decided = || -> Result<f64, ServerError> {
        Ok(server.figure("enrolment_wrong_credentials_total")? + server.figure("enrolments_bound_total")?)
    };
    let claims_before = decided()?;
    let before = Moment::now(pid).ok_or(BenchError::Ended)?;
    media.begin_window();
    std::thread::sleep(window);
    let heard = media.end_window().ok_or(BenchError::Ended)?;
    let after = Moment::now(pid).ok_or(BenchError::Ended)?;
    let claims = decided()? - claims_before;

    // A key that is down while its caller hangs up may count or not.
    media.no_more_keys();
    std::thread::sleep(KEY);
    signalling.go(Phase::HangUp);
    let begun = Instant::now();
    while tally.up.load(Relaxed) > 0 && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(SETTLE);
    let counted = server.figure("ivr_digits_total")? - digits_before;
    signalling.go(Phase::Stop);

    let resident = [rss_at_start, rss_before_calls, Some(after.resident), process::most_resident(pid)];
    Ok(Report {
        machine: process::machine(),
        calls,
        shape: arguments.shape,
        window: (after.at - before.at).as_secs_f64(),
        heard,
        server_cpu: after.server - before.server,
        server_threads: process::used_by_name(&before.threads, &after.threads),
        own_cpu: after.own - before.own,
        machine_cpu: after.machine - before.machine,
        claims,
        claim_cpu,
        resident: resident.map(Option::unwrap_or_default),
        keyed: media.keyed(),
        counted,
        answered: tally.answered.load(Relaxed),
        ended_by_server: tally.ended_by_server.load(Relaxed),
        failed: tally.failures(),
        repeated: tally.repeated.load(Relaxed),
        complaints: server.complaints(),
        open_files: process::open_file_limit(pid).unwrap_or_default(),
    })
}

/// What had been used at a moment.
struct Moment {
    at: Instant,
    server: f64,
    threads: BTreeMap<u32, (String, f64)>,
    own: f64,
    machine: f64,
    resident: u64,
}

impl Moment {
    fn now(pid: u32) -> Option<Self> {
        Some(Self {
            at: Instant::now(),
            server: process::cpu_seconds(pid)?,
            threads: process::threads(pid),
            own: process::cpu_seconds(std::process::id())?,
            machine: process::machine_busy_seconds()?,
            resident: process::resident(pid)?,
        })
    }
}

/// Every caller has an address in 127.16.0.0/12.
fn place(number: usize, server: &Server) -> Place {
    let [_, _, high, low] = u32::try_from(number + 1).unwrap_or(0).to_be_bytes();
    Place { number, ip: Ipv4Addr::new(127, 16, high, low), sip: SIP_PORT, rtp: RTP_PORT, server: server.sip }
}

fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it can't be raised, the first socket too many says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn find_server() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let beside = own.with_file_name("tsunagu");
    let above = own.ancestors().map(|folder| folder.join("target/release/tsunagu"));
    std::iter::once(beside).chain(above).find(|path| path.is_file())
}
