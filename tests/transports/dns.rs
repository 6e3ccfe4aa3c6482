//! A domain name server of the tests: it has a few records, answers by datagram, and remembers what it was asked.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// What it has.
#[derive(Clone, Default)]
pub struct Zone(Vec<Record>);

impl Zone {
    /// A service of a domain.
    pub fn naptr(mut self, domain: &str, order: u16, service: &str, replacement: &str) -> Self {
        let text = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
        let data = NAPTR::new(order, 50, text("s"), text(service), text(""), name(replacement));
        self.0.push(Record::from_rdata(name(domain), 300, RData::NAPTR(data)));
        self
    }

    /// A server of a service.
    pub fn srv(mut self, service: &str, priority: u16, port: u16, host: &str) -> Self {
        let data = RData::SRV(SRV::new(priority, 1, port, name(host)));
        self.0.push(Record::from_rdata(name(service), 300, data));
        self
    }

    /// An address of a host.
    pub fn host(mut self, host: &str, ip: &str) -> Self {
        let data = match ip.parse().unwrap() {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        self.0.push(Record::from_rdata(name(host), 300, data));
        self
    }

    /// Serves it until the test ends.
    pub fn serve(self) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let dns = Dns { address: socket.local_addr().unwrap(), asked: Arc::default() };
        let asked = dns.asked.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Ok(query) = Message::from_vec(&buffer[..length]) else { continue };
                let question = query.queries.first().unwrap().clone();
                asked.lock().unwrap().push(format!("{} {}", question.query_type(), question.name()));
                let mut answer = Message::response(query.metadata.id, OpCode::Query);
                answer.metadata.recursion_available = true;
                answer.add_query(question.clone());
                let is_it = |record: &&Record| {
                    record.name.to_lowercase() == question.name().to_lowercase()
                        && record.record_type() == question.query_type()
                };
                answer.add_answers(self.0.iter().filter(is_it).cloned());
                let is_known = self.0.iter().any(|record| record.name.to_lowercase() == question.name().to_lowercase());
                answer.metadata.response_code = if is_known { ResponseCode::NoError } else { ResponseCode::NXDomain };
                socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
            }
        });
        dns
    }
}

/// It, while it runs.
pub struct Dns {
    /// Where it is asked.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dns {
    /// How often it was asked for records of a type.
    pub fn asked(&self, of: RecordType) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(&format!("{of} "))).count()
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}
