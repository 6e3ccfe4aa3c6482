//! `tsunagu doctor`: looks at a running installation as phones and administrators see it, and says what to mend.
//!
//! What it makes for that, it takes away again, whatever happens in between ([`test_user`]).

pub mod arguments;
mod certificates;
mod enrolment;
mod finding;
mod host;
mod server;
mod test_user;
mod transports;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use self::arguments::DoctorArguments;
use self::finding::Report;
use self::test_user::TestUser;
use super::client::{Answer, Client, CommandFault, Method, Request};
use super::config::Config;
use super::{output, probe};
use crate::db::DatabaseUrl;

/// `tsunagu doctor`
pub async fn run(arguments: DoctorArguments) -> ExitCode {
    let words = match arguments.connection.words() {
        Ok(words) => words,
        Err(error) => return output::fail(&error),
    };
    let client = match arguments.connection.client(&words) {
        Ok(client) => client,
        Err(fault) => return fault.tell(&words, arguments.connection.json),
    };
    let config = match arguments.config.as_deref().map(Config::read).transpose() {
        Ok(config) => config,
        Err(error) => {
            output::fail(&error);
            return ExitCode::from(2);
        }
    };
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)] = signals else {
        return output::fail(&std::io::Error::other("signals can't be taken"));
    };
    let mut report = Report::new(words.clone(), arguments.connection.json);
    let places = Places::of(&arguments, config.as_ref());
    let configured = config.as_ref().map(|config| config.database.url.clone()).unwrap_or_default();
    let database = arguments.database_url.clone().unwrap_or(configured);
    let test_user = TestUser::new(client.clone());
    let is_finished = tokio::select! {
        () = examine(&mut report, &client, &arguments, (config.as_ref(), &database), &places, &test_user) => true,
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        _ = hang_up.recv() => false,
    };
    if !is_finished {
        report.mend("doctor-interrupted", &[]);
    }
    if let Err((left, why)) = test_user.remove().await {
        report.mend("doctor-left-behind", &[("names", &left), ("why", &why.in_words(&words))]);
    }
    if report.conclude() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn examine(
    report: &mut Report,
    client: &Client,
    arguments: &DoctorArguments,
    (config, database): (Option<&Config>, &DatabaseUrl),
    places: &Places,
    test_user: &TestUser,
) {
    host::clock(report).await;
    if !database.is_empty() {
        host::server(report, database).await;
    }
    match &arguments.data_dir {
        Some(data) => {
            if database.is_empty() {
                host::file(report, data).await;
            }
            host::disk(report, data);
        }
        None if database.is_empty() => report.skip("doctor-data-not-looked-at", &[]),
        None => {}
    }
    certificates::examine(report, config);
    let is_up = server::reachable(report, client).await;
    places.examine(report).await;
    if let Some(config) = config {
        transports::examine(report, config).await;
    }
    if !is_up {
        return;
    }
    let Some(settings) = server::settings(report, client).await else { return };
    let is_ready = server::readiness(report, client, &settings).await;
    server::pool(report, client).await;
    match (arguments.no_enrolment, is_ready) {
        (true, _) => report.skip("doctor-enrolment-not-wanted", &[]),
        (_, false) => report.skip("doctor-enrolment-not-possible", &[]),
        _ => enrolment::examine(report, client, arguments, &settings, places, test_user).await,
    }
}

/// Where the server is for phones.
struct Places {
    sip_udp: Vec<SocketAddr>,
    sip_tcp: Vec<SocketAddr>,
    handset: Option<SocketAddr>,
    /// The base of what phones fetch.
    handset_url: String,
}

impl Places {
    fn of(arguments: &DoctorArguments, config: Option<&Config>) -> Self {
        let host = arguments.connection.server.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let at = |port: u16| format!("{host}:{port}").to_socket_addrs().ok().and_then(|mut found| found.next());
        let listen = config.map(|config| config.listen.clone());
        let reached = |listening: Vec<SocketAddr>| listening.into_iter().map(probe::reached).collect::<Vec<_>>();
        let given = arguments.sip.map(|address| vec![address]);
        let usual = || at(5060).into_iter().collect::<Vec<_>>();
        let (udp, tcp, handset) = match listen {
            Some(listen) => (reached(listen.sip_udp), reached(listen.sip_tcp), Some(probe::reached(listen.handset))),
            None => (usual(), usual(), at(8081)),
        };
        let from_url = arguments.handset_url.as_deref().and_then(|url| {
            let authority = url.trim_start_matches("http://").split('/').next()?;
            let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
            with_port.to_socket_addrs().ok()?.next()
        });
        let handset = from_url.or(handset);
        Self {
            sip_udp: given.clone().unwrap_or(udp),
            sip_tcp: given.unwrap_or(tcp),
            handset,
            handset_url: arguments
                .handset_url
                .clone()
                .unwrap_or_else(|| handset.map(|address| format!("http://{address}")).unwrap_or_default()),
        }
    }

    async fn examine(&self, report: &mut Report) {
        let (mut answering, mut silent) = (Vec::new(), Vec::new());
        let mut note = |name: String, answer: std::io::Result<()>| match answer {
            Ok(()) => answering.push(name),
            Err(error) => silent.push(format!("{name} ({error})")),
        };
        for (over, addresses, transport) in
            [(probe::Over::Udp, &self.sip_udp, "SIP/UDP"), (probe::Over::Tcp, &self.sip_tcp, "SIP/TCP")]
        {
            for address in addresses {
                note(format!("{transport} {address}"), probe::sip(*address, over).await);
            }
        }
        if let Some(handset) = self.handset {
            note(format!("HTTP {handset}"), probe::http(handset, "/").await.map(drop));
        }
        if !answering.is_empty() {
            report.well("doctor-ports", &[("ports", &answering.join(", "))]);
        }
        if !silent.is_empty() {
            report.mend("doctor-ports-silent", &[("ports", &silent.join(", "))]);
        }
    }
}

/// Asks off the async threads.
async fn ask(client: &Client, request: Request) -> Result<Answer, CommandFault> {
    let client = client.clone();
    let asked = tokio::task::spawn_blocking(move || client.ask(&request)).await;
    asked.unwrap_or_else(|error| {
        Err(CommandFault::Failed(super::client::Said::new("command-refused", &[("status", &error.to_string())])))
    })
}

/// What is read at a path.
async fn read(client: &Client, path: impl Into<String>, query: &[(&str, &str)]) -> Result<Value, CommandFault> {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = ask(client, Request::new(Method::Get, path).with_query(query)).await?;
    Ok(answer.json().unwrap_or_default())
}
