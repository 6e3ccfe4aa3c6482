//! `registrar-bench`: SIPp registers phones with a server on loopback, which is measured while it does.
//!
//! It measures and reports; it judges nothing. Exit status 0 means that it could measure.

mod house;
mod load;
#[path = "../../src/process.rs"]
#[allow(dead_code, reason = "the other bench asks for more")]
mod process;

use std::path::PathBuf;

use clap::Parser;

use self::house::{House, HouseError};
use self::load::{Load, LoadError, Order, Outcome};

/// Registrations by SIPp, and what they cost.
///
/// Each cycle is REGISTER, 401, REGISTER with digest, 200, of another phone each time until all have had their turn. A line a run:
/// a run is clean if nothing failed and nothing was sent twice. The first run registers, those after it refresh.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  registrar-bench                                        100,000 phones, 10,000 cycles a second, three runs, SQLite
  registrar-bench --rates 8000,12000,16000 --runs 2
  registrar-bench --database postgres://bench@127.0.0.1/bench
                                                         an empty database of a PostgreSQL server
  registrar-bench --phones 1000000 --random --restart    in no order, and how long a start takes with all that is registered
  registrar-bench --target 127.0.0.1:5060 --pid 4711     another server, whose accounts are p0000000 with the password
                                                         of the same name, numbers 2000000 and up")]
struct Arguments {
    /// The program; without it, that of a release build here.
    #[arg(long, default_value = "target/release/tsunagu")]
    program: PathBuf,
    /// Phones with an account.
    #[arg(long, default_value_t = 100_000)]
    phones: u32,
    /// Cycles a second, one series of runs each.
    #[arg(long, value_delimiter = ',', default_value = "10000")]
    rates: Vec<u32>,
    /// Runs of each rate.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Phones come in no order, after the first run.
    #[arg(long)]
    random: bool,
    /// The address of an empty PostgreSQL database; without it, SQLite.
    #[arg(long)]
    database: Option<String>,
    /// PostgreSQL's first process, whose CPU and that of its children is shown too.
    #[arg(long)]
    database_pid: Option<u32>,
    /// Kill the server at the end, and start it with what is registered.
    #[arg(long, conflicts_with = "target")]
    restart: bool,
    /// Measure the server that takes SIP here, in place of one of one's own.
    #[arg(long, requires = "pid")]
    target: Option<String>,
    /// Its first process.
    #[arg(long, requires = "target")]
    pid: Option<u32>,
    /// One line of JSON a run.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    House(#[from] HouseError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match measure(&Arguments::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registrar-bench: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<(), BenchError> {
    let load = Load::new(arguments.phones)?;
    let mut house = match &arguments.target {
        Some(_) => None,
        None => Some(House::open(&arguments.program, arguments.phones, arguments.database.as_deref()).await?),
    };
    let (target, pid) = match (&arguments.target, arguments.pid, &house) {
        (Some(target), Some(pid), _) => (target.clone(), pid),
        (_, _, Some(house)) => (house.sip.clone(), house.pid()),
        _ => return Ok(()),
    };
    if let Some(house) = house.as_ref().filter(|_| !arguments.json) {
        println!("{} phones; ready after {:.1} s", arguments.phones, house.ready_after.as_secs_f64());
    }
    let mut order = Order::InTurn;
    for &rate in &arguments.rates {
        for _ in 0..arguments.runs {
            let outcome = load.run(&target, (pid, arguments.database_pid), order, rate, arguments.seconds)?;
            if arguments.random {
                order = Order::Random;
            }
            say(&outcome, arguments.json);
        }
    }
    if let Some(house) = house.as_mut().filter(|_| arguments.restart) {
        house.restart()?;
        let (seconds, resident) = (house.ready_after.as_secs_f64(), process::resident(house.pid()).unwrap_or(0));
        match arguments.json {
            true => println!("{}", serde_json::json!({ "ready_again_after": seconds, "resident": resident })),
            false => println!("killed; ready again after {seconds:.1} s; {} MB", resident / 1_000_000),
        }
    }
    Ok(())
}

fn say(outcome: &Outcome, is_json: bool) {
    if is_json {
        return println!("{}", outcome.as_json());
    }
    let Outcome { rate, registered, failed, sent_twice, seconds, resident, .. } = outcome;
    let database = outcome.database_per_thousand().map(|cpu| format!(", its database's {cpu:.4}"));
    println!(
        "{rate} a second: {registered} registered in {seconds:.1} s, {failed} failed, {sent_twice} sent twice; \
         {:.4} CPU-seconds per 1,000{}; {} MB",
        outcome.cpu_per_thousand(),
        database.unwrap_or_default(),
        resident / 1_000_000
    );
}
