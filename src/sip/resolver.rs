//! DNS for [`super::targets`]: asks what the plan wants to know and remembers answers for as long as they are good. The only file
//! that knows the DNS crate.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver as Client, TokioResolver};
use tokio::time::{Instant as Moment, timeout_at};

use super::flow::Transport;
use super::message::SipUri;
use super::targets::{Answers, MOST_RECORDS, Naptr, Place, Plan, Question, Srv, plan};

/// How long one server may take to answer, and all of a search.
const PATIENCE: Duration = Duration::from_secs(2);
const SEARCH: Duration = Duration::from_secs(5);
/// Rounds of questions: services, servers, addresses, and one to spare.
const ROUNDS: usize = 4;
/// Answers remembered, for no longer than their records say and than this; that there are none, for no longer than the second.
const REMEMBERED: u64 = 4096;
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_NONE: Duration = Duration::from_secs(60);
/// How long a host that could not be looked up isn't looked up again, and how many are known.
const FAILED: Duration = Duration::from_secs(20);
const MOST_FAILED: usize = 1024;

/// Asks DNS.
#[derive(Clone)]
pub(super) struct Resolver {
    client: Option<Arc<TokioResolver>>,
    failed: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Resolver {
    /// Asks these servers, or those the system is set up with. Reads /etc/hosts too.
    pub(super) fn open(servers: &[SocketAddr]) -> Self {
        let client = client(servers).map(Arc::new);
        if let Err(error) = &client {
            tracing::warn!(%error, "no DNS server is known: only addresses are reached, no host names");
        }
        Self { client: client.ok(), failed: Arc::default() }
    }

    /// Where to send a request to `uri`, by the transports `spoken`, in order. In words why there is nowhere.
    pub(super) async fn places(&self, uri: &SipUri, spoken: &[Transport]) -> Result<Vec<Place>, String> {
        let mut known = Answers::default();
        let mut fault = None;
        let deadline = Moment::now() + SEARCH;
        for _ in 0..ROUNDS {
            let questions = match plan(uri, spoken, &known, &mut |most| rand::random_range(0..=most)) {
                Plan::Ask(questions) => questions,
                Plan::Impossible(why) => return Err(format!("{uri}: {why}")),
                Plan::Try(places) if places.is_empty() => break,
                Plan::Try(places) => return Ok(places),
            };
            let host = uri.host.to_string();
            if let Some(why) = self.has_failed(&host) {
                return Err(why);
            }
            for question in questions {
                if let Err(error) = self.ask(&question, &mut known, deadline).await {
                    tracing::debug!(?question, error, "DNS did not answer");
                    fault = Some(error);
                }
            }
            if fault.is_some() && Moment::now() >= deadline {
                self.note_failed(host);
                break;
            }
        }
        Err(match fault {
            Some(fault) => {
                self.note_failed(uri.host.to_string());
                format!("{}: DNS did not answer: {fault}", uri.host)
            }
            None => format!("{}: DNS knows no server of that name for what is spoken here", uri.host),
        })
    }

    fn has_failed(&self, host: &str) -> Option<String> {
        let is_recent = self.failed().get(host).is_some_and(|until| *until > Instant::now());
        is_recent.then(|| format!("{host}: DNS did not answer moments ago"))
    }

    fn note_failed(&self, host: String) {
        let (mut failed, now) = (self.failed(), Instant::now());
        if failed.len() >= MOST_FAILED {
            failed.retain(|_, until| *until > now);
        }
        if failed.len() < MOST_FAILED {
            failed.insert(host, now + FAILED);
        }
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the answer to what is known. Where there is none, nothing is known by that name, so that the plan goes on.
    async fn ask(&self, question: &Question, known: &mut Answers, deadline: Moment) -> Result<(), String> {
        let record_type = match question {
            Question::Naptr(_) => RecordType::NAPTR,
            Question::Srv(_) => RecordType::SRV,
            Question::Addresses(name) => {
                let found = self.addresses(name, deadline).await;
                let (addresses, outcome) = split(found);
                known.addresses.insert(name.clone(), addresses);
                return outcome;
            }
        };
        let (Question::Naptr(name) | Question::Srv(name) | Question::Addresses(name)) = question;
        let (records, outcome) = split(self.records(name, record_type, deadline).await);
        match question {
            Question::Naptr(name) => {
                known.naptr.insert(name.clone(), records.iter().filter_map(naptr).collect()).map(drop)
            }
            _ => known.srv.insert(name.clone(), records.iter().filter_map(srv).collect()).map(drop),
        };
        outcome
    }

    async fn records(&self, name: &str, of: RecordType, deadline: Moment) -> Result<Vec<RData>, String> {
        let client = self.client.as_ref().ok_or_else(|| "no server is known".to_owned())?;
        // With the dot the name is whole: the domains this machine searches are not tried.
        match timeout_at(deadline, client.lookup(format!("{name}."), of)).await {
            Ok(Ok(lookup)) => {
                let records = lookup.answers().iter().filter(|record| record.record_type() == of);
                Ok(records.take(MOST_RECORDS).map(|record| record.data.clone()).collect())
            }
            Ok(Err(error)) => none_or_fault(error),
            Err(_) => Err("it takes too long".to_owned()),
        }
    }

    async fn addresses(&self, name: &str, deadline: Moment) -> Result<Vec<std::net::IpAddr>, String> {
        let client = self.client.as_ref().ok_or_else(|| "no server is known".to_owned())?;
        // A name without a dot may be one of the domains this machine searches.
        let whole = if name.contains('.') { format!("{name}.") } else { name.to_owned() };
        match timeout_at(deadline, client.lookup_ip(whole)).await {
            Ok(Ok(lookup)) => Ok(lookup.iter().take(MOST_RECORDS).collect()),
            Ok(Err(error)) => none_or_fault(error),
            Err(_) => Err("it takes too long".to_owned()),
        }
    }
}

fn split<T>(found: Result<Vec<T>, String>) -> (Vec<T>, Result<(), String>) {
    match found {
        Ok(found) => (found, Ok(())),
        Err(fault) => (Vec::new(), Err(fault)),
    }
}

/// That there is nothing is an answer.
fn none_or_fault<T>(error: NetError) -> Result<Vec<T>, String> {
    if error.is_no_records_found() || error.is_nx_domain() { Ok(Vec::new()) } else { Err(error.to_string()) }
}

fn naptr(record: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = record else { return None };
    let is_terminal = record.flags.eq_ignore_ascii_case(b"s") && record.regexp.is_empty();
    is_terminal.then(|| Naptr {
        order: record.order,
        preference: record.preference,
        service: String::from_utf8_lossy(&record.services).into_owned(),
        replacement: text(&record.replacement),
    })
}

fn srv(record: &RData) -> Option<Srv> {
    let RData::SRV(record) = record else { return None };
    let (priority, weight, port) = (record.priority, record.weight, record.port);
    Some(Srv { priority, weight, port, host: text(&record.target) })
}

fn text(name: &Name) -> String {
    name.to_ascii().to_ascii_lowercase().trim_end_matches('.').to_owned()
}

fn client(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|server| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            NameServerConfig::new(server.ip(), true, connections)
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        Client::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = PATIENCE;
    options.attempts = 1;
    options.cache_size = REMEMBERED;
    options.positive_max_ttl = Some(LONGEST);
    options.negative_max_ttl = Some(LONGEST_NONE);
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    builder.build()
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("asks", &self.client.is_some()).finish_non_exhaustive()
    }
}
