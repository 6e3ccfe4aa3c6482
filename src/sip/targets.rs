//! Where a request to a URI can be sent (RFC 3263 section 4, RFC 2782): which transport, which addresses, in which order. Pure: it
//! says what DNS is to be asked, is given the answers, and draws lots with what it is handed. Knows no socket and no resolver.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::flow::Transport;
use super::message::{Host, SipUri};

/// Targets that are tried for one request; what a domain names beyond them is overlooked.
pub(super) const MOST_TARGETS: usize = 24;
/// Records of one answer that are looked at.
pub(super) const MOST_RECORDS: usize = 16;

/// What DNS is to be asked. Names are lower-case and without the dot at their end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Question {
    /// Which services a domain has.
    Naptr(String),
    /// Which servers a service has.
    Srv(String),
    /// Which addresses a host has.
    Addresses(String),
}

/// A service of a domain (RFC 3403): the terminal ones, whose replacement is a name to ask for servers (flag `s`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Naptr {
    pub order: u16,
    pub preference: u16,
    /// `SIP+D2U` and its kin.
    pub service: String,
    pub replacement: String,
}

/// A server of a service (RFC 2782).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// Empty: the domain says that it has no such service.
    pub host: String,
}

/// What DNS has answered so far. A name without records has an empty answer.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub naptr: HashMap<String, Vec<Naptr>>,
    pub srv: HashMap<String, Vec<Srv>>,
    pub addresses: HashMap<String, Vec<IpAddr>>,
}

/// One place to send to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub transport: Transport,
    pub address: SocketAddr,
}

/// What is next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Plan {
    /// DNS is to be asked all of this.
    Ask(Vec<Question>),
    /// All is known: the first is to be tried first. None if the domain has no server that we could reach.
    Try(Vec<Place>),
    /// There is no way to what this URI asks for.
    Impossible(&'static str),
}

/// Which place comes next, by what is known. `spoken` are the transports we can open ways by; `draw` draws a number from 0 to
/// the one it is given.
pub(super) fn plan(uri: &SipUri, spoken: &[Transport], known: &Answers, draw: &mut dyn FnMut(u32) -> u32) -> Plan {
    let named = match transport_named(uri) {
        Ok(named) => named,
        Err(fault) => return Plan::Impossible(fault),
    };
    if named.is_some_and(|named| !spoken.contains(&named)) {
        return Plan::Impossible("nothing listens here for the transport it names");
    }
    let usual = if uri.secure { Transport::Tls } else { Transport::Udp };
    let transport = named.unwrap_or(usual);
    let host = uri.params.get("maddr").and_then(|maddr| maddr.parse().ok()).unwrap_or_else(|| uri.host.clone());
    let name = match (host.ip(), host) {
        (Some(ip), _) => {
            let address = SocketAddr::new(ip, uri.port.unwrap_or_else(|| transport.default_port()));
            return found(vec![Place { transport, address }], spoken);
        }
        (None, Host::Name(name)) => name.trim_end_matches('.').to_owned(),
        (None, _) => return Plan::Impossible("its host can't be read"),
    };
    if let Some(port) = uri.port {
        return at_host(&name, transport, port, spoken, known);
    }
    let services = match services(&name, uri.secure, named, spoken, known) {
        Ok(services) => services,
        Err(question) => return Plan::Ask(vec![question]),
    };
    let unknown = |(_, service): &&(Transport, String)| !known.srv.contains_key(service);
    let questions: Vec<Question> = services.iter().filter(unknown).map(|(_, it)| Question::Srv(it.clone())).collect();
    if !questions.is_empty() {
        return Plan::Ask(questions);
    }
    let servers = |service: &String| known.srv.get(service).map(Vec::as_slice).unwrap_or_default();
    if services.iter().all(|(_, service)| servers(service).is_empty()) {
        // No service is named: the domain is a host (section 4.2).
        return at_host(&name, transport, transport.default_port(), spoken, known);
    }
    let hosts = services.iter().flat_map(|(_, service)| servers(service)).filter(|server| !server.host.is_empty());
    let mut questions: Vec<Question> = Vec::new();
    for server in hosts {
        let question = Question::Addresses(server.host.clone());
        let is_known = known.addresses.contains_key(&server.host) || server.host.parse::<IpAddr>().is_ok();
        if !is_known && !questions.contains(&question) && questions.len() < MOST_RECORDS {
            questions.push(question);
        }
    }
    if !questions.is_empty() && known.addresses.len() < MOST_RECORDS {
        return Plan::Ask(questions);
    }
    let mut places = Vec::new();
    for (transport, service) in &services {
        for server in in_order(servers(service), draw) {
            let addresses = known.addresses.get(&server.host).map(Vec::as_slice).unwrap_or_default();
            let place = |ip: &IpAddr| Place { transport: *transport, address: SocketAddr::new(*ip, server.port) };
            places.extend(addresses.iter().map(place));
        }
    }
    found(places, spoken)
}

/// The transport a URI names, as `sips:` means it (RFC 3261 section 26.2.2); none if it leaves that open.
fn transport_named(uri: &SipUri) -> Result<Option<Transport>, &'static str> {
    let Some(param) = uri.params.get("transport") else { return Ok(None) };
    match (Transport::from_param(param), uri.secure) {
        (None, _) => Err("the transport it names is not spoken here"),
        (Some(Transport::Udp), true) => Err("sips: is never carried by UDP"),
        (Some(Transport::Tcp), true) => Ok(Some(Transport::Tls)),
        (Some(Transport::Ws), true) => Ok(Some(Transport::Wss)),
        (named, _) => Ok(named),
    }
}

/// The services to ask for, the preferred first (section 4.1); or what is to be known before.
fn services(
    name: &str,
    secure: bool,
    named: Option<Transport>,
    spoken: &[Transport],
    known: &Answers,
) -> Result<Vec<(Transport, String)>, Question> {
    if let Some(transport) = named {
        return Ok(vec![(transport, service_of(name, transport))]);
    }
    let Some(records) = known.naptr.get(name) else { return Err(Question::Naptr(name.to_owned())) };
    let mut usable: Vec<(&Naptr, Transport)> = records
        .iter()
        .filter_map(|record| Some((record, transport_of(&record.service)?)))
        .filter(|(_, transport)| spoken.contains(transport) && (!secure || transport.is_secure()))
        .collect();
    usable.sort_by_key(|(record, _)| (record.order, record.preference));
    // Where an order has something for us, others are not looked at (RFC 3403 section 4.1).
    let order = usable.first().map(|(record, _)| record.order);
    let chosen: Vec<(Transport, String)> = usable
        .iter()
        .filter(|(record, _)| Some(record.order) == order)
        .map(|(record, transport)| (*transport, record.replacement.clone()))
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let possible: &[Transport] = if secure { &[Transport::Tls] } else { &[Transport::Udp, Transport::Tcp] };
    let usable = possible.iter().filter(|transport| spoken.contains(transport));
    Ok(usable.map(|transport| (*transport, service_of(name, *transport))).collect())
}

/// What a NAPTR's service travels by (RFC 3263 section 4.1).
fn transport_of(service: &str) -> Option<Transport> {
    let all = [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    all.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(service)).map(|(_, transport)| transport)
}

/// The name a domain's servers for a transport stand under.
fn service_of(name: &str, transport: Transport) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{service}.{name}")
}

fn at_host(name: &str, transport: Transport, port: u16, spoken: &[Transport], known: &Answers) -> Plan {
    match known.addresses.get(name) {
        None => Plan::Ask(vec![Question::Addresses(name.to_owned())]),
        Some(addresses) => {
            let place = |ip: &IpAddr| Place { transport, address: SocketAddr::new(*ip, port) };
            found(addresses.iter().map(place).collect(), spoken)
        }
    }
}

fn found(mut places: Vec<Place>, spoken: &[Transport]) -> Plan {
    if places.iter().all(|place| !spoken.contains(&place.transport)) && !places.is_empty() {
        return Plan::Impossible("nothing listens here for the transport it takes");
    }
    let mut seen = Vec::new();
    places.retain(|place| {
        !seen.contains(place) && place.address.port() != 0 && {
            seen.push(*place);
            true
        }
    });
    places.truncate(MOST_TARGETS);
    Plan::Try(places)
}

/// The servers of one service in the order they are to be tried: by priority, and among those of one by lot, the heavier ones
/// more often first (RFC 2782).
fn in_order<'a>(servers: &'a [Srv], draw: &mut dyn FnMut(u32) -> u32) -> Vec<&'a Srv> {
    let mut left: Vec<&Srv> = servers.iter().take(MOST_RECORDS).filter(|server| !server.host.is_empty()).collect();
    // Those without weight come first, so that a lot of 0 is theirs.
    left.sort_by_key(|server| (server.priority, server.weight));
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(priority) = left.first().map(|server| server.priority) {
        let equals = left.iter().take_while(|server| server.priority == priority);
        let total: u32 = equals.map(|server| u32::from(server.weight)).sum();
        let lot = draw(total);
        let mut sum = 0;
        let drawn = left.iter().position(|server| {
            sum += u32::from(server.weight);
            sum >= lot || server.priority != priority
        });
        ordered.push(left.remove(drawn.unwrap_or(0).min(left.len().saturating_sub(1))));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

    /// A domain name system of a few records.
    #[derive(Default)]
    struct Dns(Vec<(&'static str, Vec<Record>)>);

    #[derive(Clone)]
    enum Record {
        Naptr(u16, u16, &'static str, &'static str),
        Srv(u16, u16, u16, &'static str),
        Address(&'static str),
    }
    use Record::{Address, Naptr as N, Srv as S};

    impl Dns {
        fn of(&self, name: &str) -> Vec<Record> {
            self.0.iter().filter(|(known, _)| *known == name).flat_map(|(_, records)| records.clone()).collect()
        }

        /// The places for a URI, and what was asked on the way.
        fn places(&self, uri: &str, spoken: &[Transport], lots: &[u32]) -> (Vec<String>, Vec<Question>) {
            let (mut known, mut asked) = (Answers::default(), Vec::new());
            let mut lots = lots.iter().copied();
            let uri = uri.parse().unwrap();
            for _ in 0..8 {
                let plan = plan(&uri, spoken, &known, &mut |most| lots.next().unwrap_or(0).min(most));
                let questions = match plan {
                    Plan::Ask(questions) => questions,
                    Plan::Try(places) => {
                        let text = |place: &Place| format!("{} {}", place.transport, place.address);
                        return (places.iter().map(text).collect(), asked);
                    }
                    Plan::Impossible(why) => return (vec![why.to_owned()], asked),
                };
                for question in questions {
                    match &question {
                        Question::Naptr(name) => {
                            let read = |record| match record {
                                N(order, preference, service, replacement) => Some(Naptr {
                                    order,
                                    preference,
                                    service: service.to_owned(),
                                    replacement: replacement.to_owned(),
                                }),
                                _ => None,
                            };
                            known.naptr.insert(name.clone(), self.of(name).into_iter().filter_map(read).collect());
                        }
                        Question::Srv(name) => {
                            let read = |record| match record {
                                S(priority, weight, port, host) => {
                                    Some(Srv { priority, weight, port, host: host.to_owned() })
                                }
                                _ => None,
                            };
                            known.srv.insert(name.clone(), self.of(name).into_iter().filter_map(read).collect());
                        }
                        Question::Addresses(name) => {
                            let read = |record| match record {
                                Address(ip) => ip.parse().ok(),
                                _ => None,
                            };
                            known.addresses.insert(name.clone(), self.of(name).into_iter().filter_map(read).collect());
                        }
                    }
                    asked.push(question);
                }
            }
            panic!("it asks for ever: {asked:?}");
        }
    }

    fn example() -> Dns {
        Dns(vec![
            (
                "example.com",
                vec![
                    N(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
                    N(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
                    N(100, 50, "SIP+D2U", "_sip._udp.example.com"),
                ],
            ),
            ("_sip._tcp.example.com", vec![S(0, 1, 5060, "server1.example.com"), S(0, 2, 5060, "server2.example.com")]),
            (
                "_sips._tcp.example.com",
                vec![S(1, 0, 5071, "server2.example.com"), S(0, 0, 5061, "server1.example.com")],
            ),
            ("_sip._udp.example.com", vec![S(0, 0, 5060, "server1.example.com")]),
            ("server1.example.com", vec![Address("192.0.2.1"), Address("2001:db8::1")]),
            ("server2.example.com", vec![Address("192.0.2.2")]),
        ])
    }

    #[test]
    fn the_domain_says_what_it_prefers_and_what_is_not_spoken_here_is_passed_over() {
        let dns = example();
        let (places, asked) = dns.places("sip:alice@example.com", &ALL, &[]);
        assert_eq!(places, ["TLS 192.0.2.1:5061", "TLS [2001:db8::1]:5061", "TLS 192.0.2.2:5071"]);
        assert_eq!(asked.first(), Some(&Question::Naptr("example.com".to_owned())));
        let (places, _) = dns.places("sip:alice@example.com", &[Transport::Udp], &[]);
        assert_eq!(places, ["UDP 192.0.2.1:5060", "UDP [2001:db8::1]:5060"]);
        let (places, _) = dns.places("sips:alice@example.com", &ALL, &[]);
        assert!(places.iter().all(|place| place.starts_with("TLS")) && places.len() == 3, "{places:?}");
    }

    #[test]
    fn addresses_ports_and_transports_that_are_written_are_not_asked_for() {
        let dns = example();
        for (uri, place) in [
            ("sip:a@192.0.2.9", "UDP 192.0.2.9:5060"),
            ("sips:a@192.0.2.9", "TLS 192.0.2.9:5061"),
            ("sips:a@192.0.2.9;transport=tcp", "TLS 192.0.2.9:5061"),
            ("sip:a@[2001:db8::9]:5070;transport=tcp", "TCP [2001:db8::9]:5070"),
            ("sip:a@example.com;maddr=192.0.2.8", "UDP 192.0.2.8:5060"),
        ] {
            assert_eq!(dns.places(uri, &ALL, &[]), (vec![place.to_owned()], Vec::new()), "{uri}");
        }
        let host = Question::Addresses("server2.example.com".to_owned());
        let (places, asked) = dns.places("sip:a@server2.example.com:5099", &ALL, &[]);
        assert_eq!((places, asked), (vec!["UDP 192.0.2.2:5099".to_owned()], vec![host]));
        let (places, asked) = dns.places("sip:a@example.com;transport=tcp", &ALL, &[2]);
        assert_eq!(places, ["TCP 192.0.2.2:5060", "TCP 192.0.2.1:5060", "TCP [2001:db8::1]:5060"]);
        assert_eq!(asked.first(), Some(&Question::Srv("_sip._tcp.example.com".to_owned())));
    }

    #[test]
    fn a_domain_without_services_is_a_host_and_one_that_denies_them_is_not() {
        let dns = Dns(vec![
            ("plain.example", vec![Address("192.0.2.3")]),
            ("none.example", vec![Address("192.0.2.4")]),
            ("_sip._udp.none.example", vec![S(0, 0, 0, "")]),
        ]);
        assert_eq!(dns.places("sip:plain.example", &ALL, &[]).0, ["UDP 192.0.2.3:5060"]);
        assert_eq!(dns.places("sips:plain.example", &ALL, &[]).0, ["TLS 192.0.2.3:5061"]);
        assert!(dns.places("sip:none.example", &ALL, &[]).0.is_empty());
        assert!(dns.places("sip:nowhere.example", &ALL, &[]).0.is_empty());
    }

    #[test]
    fn without_a_preference_of_the_domain_datagrams_come_first() {
        let mut dns = example();
        dns.0.retain(|(name, _)| *name != "example.com");
        let (places, _) = dns.places("sip:a@example.com", &ALL, &[0, 0]);
        assert_eq!(places.first().map(String::as_str), Some("UDP 192.0.2.1:5060"));
        assert!(places.iter().any(|place| place == "TCP 192.0.2.2:5060"), "{places:?}");
    }

    #[test]
    fn what_can_not_be_reached_is_told() {
        let dns = example();
        for (uri, spoken) in [
            ("sips:a@example.com;transport=udp", &ALL[..]),
            ("sip:a@example.com;transport=sctp", &ALL),
            ("sip:a@192.0.2.1;transport=tls", &ALL[..2]),
            ("sip:a@192.0.2.1;transport=ws", &ALL),
            ("sips:a@192.0.2.1", &ALL[..1]),
        ] {
            let (told, asked) = dns.places(uri, spoken, &[]);
            let is_told =
                matches!(&told[..], [why] if ["spoken", "carried", "listens"].iter().any(|it| why.contains(it)));
            assert!(asked.is_empty() && is_told, "{uri}: {told:?}");
        }
    }

    #[test]
    fn lots_are_drawn_by_weight_within_a_priority_only() {
        let server = |priority, weight, host: &str| Srv { priority, weight, port: 5060, host: host.to_owned() };
        let servers = [server(1, 0, "last"), server(0, 60, "heavy"), server(0, 20, "light"), server(0, 0, "none")];
        let order = |lots: &[u32]| -> Vec<&str> {
            let mut lots = lots.iter().copied();
            let mut draw = |most: u32| lots.next().unwrap_or(0).min(most);
            in_order(&servers, &mut draw).iter().map(|server| server.host.as_str()).collect()
        };
        assert_eq!(order(&[0, 0, 0]), ["none", "light", "heavy", "last"]);
        assert_eq!(order(&[80, 20, 0]), ["heavy", "light", "none", "last"]);
        assert_eq!(order(&[20, 60, 0]), ["light", "heavy", "none", "last"]);
        // A third of the weight is first in a third of the lots.
        let two = [server(0, 10, "a"), server(0, 20, "b")];
        let firsts = (0..=30).filter(|lot| in_order(&two, &mut |_| *lot)[0].host == "a").count();
        assert_eq!(firsts, 11, "lots 0 to 10");
    }

    #[test]
    fn a_domain_that_names_very_much_is_tried_within_bounds() {
        let hosts: Vec<Record> = (0..60).map(|host| S(host, 0, 5060, "many.example")).collect();
        let addresses = vec![Address("192.0.2.1"); 40];
        let dns = Dns(vec![("_sip._udp.example.com", hosts), ("many.example", addresses)]);
        let (places, asked) = dns.places("sip:example.com;transport=udp", &ALL, &[]);
        assert_eq!((places.len(), asked.len()), (1, 2), "the same address is tried once");
    }
}
