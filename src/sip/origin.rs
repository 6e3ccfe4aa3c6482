//! Where a request began its way: at whoever sent it here, or, where that is a proxy of one's own, at whoever the proxy had it from.
//!
//! Answers and requests go over the [`Flow`]; whom a request is from is judged by its origin.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::message::{Headers, NameAddr, RequestUri, Via, split_list, unescape};
use super::{Flow, Transport};

/// Where somebody is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// How they speak.
    pub transport: Transport,
    /// Their address, as the first to hear them saw it.
    pub peer: SocketAddr,
}

impl Origin {
    /// The address.
    pub fn ip(self) -> IpAddr {
        self.peer.ip()
    }

    /// What a proxy says in the `received` of its Path URI.
    fn of_path(proxy: &str) -> Option<Self> {
        let proxy: NameAddr = proxy.parse().ok()?;
        let received: RequestUri = unescape(proxy.uri.sip()?.params.get("received")?).parse().ok()?;
        let uri = received.sip()?;
        let transport = uri.params.get("transport").map_or(Some(Transport::Udp), Transport::from_param)?;
        Some(Self { transport, peer: SocketAddr::new(uri.host.ip()?, uri.port.unwrap_or(transport.default_port())) })
    }

    /// What whoever received from there wrote into a Via (RFC 3261 section 18.2.1, RFC 3581).
    fn of_via(via: &Via) -> Option<Self> {
        let transport = Transport::from_param(&via.transport)?;
        let ip = match via.received() {
            Some(received) => received.trim_matches(['[', ']']).parse().ok()?,
            None => via.host.ip()?,
        };
        // Any other port is what the sender says of itself.
        let port = via.rport().flatten().unwrap_or(0);
        Some(Self { transport, peer: SocketAddr::new(ip, port) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.peer, self.transport)
    }
}

impl From<Flow> for Origin {
    fn from(flow: Flow) -> Self {
        Self { transport: flow.transport, peer: flow.peer }
    }
}

/// The networks of proxies that are believed about where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Edges(Arc<[IpNet]>);

impl Edges {
    /// Those in these networks.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Where a request that came over `flow` began its way.
    pub fn origin(&self, headers: &Headers, flow: Flow) -> Origin {
        let mut hops = headers.all("Via").flat_map(split_list).skip(1);
        self.before(flow, || hops.next().and_then(|via| Origin::of_via(&via.parse().ok()?)))
    }

    /// Where a phone is that registered over `flow` and by this Path.
    pub fn origin_by_path(&self, path: &str, flow: Flow) -> Origin {
        let mut proxies = split_list(path);
        self.before(flow, || proxies.next().and_then(Origin::of_path))
    }

    /// From one proxy that is believed to the one it had a request from, to the first that is none.
    fn before(&self, flow: Flow, mut previous: impl FnMut() -> Option<Origin>) -> Origin {
        let mut origin = Origin::from(flow);
        while self.has(origin.ip())
            && let Some(before) = previous()
        {
            origin = before;
        }
        origin
    }

    fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, Request, parse_datagram};

    fn request(vias: &[&str]) -> Option<Request> {
        let vias: String = vias.iter().map(|via| format!("Via: SIP/2.0/{via}\r\n")).collect();
        let text = format!(
            "REGISTER sip:a SIP/2.0\r\n{vias}From: <sip:a@a>;tag=1\r\nTo: <sip:a@a>\r\nCall-ID: 1\r\n\
             CSeq: 1 REGISTER\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()) {
            Ok(Message::Request(request)) => Some(request),
            _ => None,
        }
    }

    fn origin(edges: &str, from: &str, vias: &[&str]) -> String {
        let (local, peer) = ("192.0.2.1:5060".parse().unwrap(), from.parse().unwrap());
        let flow = Flow { transport: Transport::Udp, local, peer };
        let headers = request(vias).unwrap().headers;
        let Origin { transport, peer } = Edges::new(&[edges.parse().unwrap()]).origin(&headers, flow);
        format!("{transport} {peer}")
    }

    #[test]
    fn a_proxy_of_ones_own_is_believed_about_where_a_request_came_from() {
        let edge = "UDP 192.0.2.10;branch=z9hG4bK1;received=192.0.2.10";
        let phone = "TLS 10.0.0.5:5061;branch=z9hG4bK2;received=198.51.100.7;rport=4711";
        let at_edge = "192.0.2.10:5060";
        assert_eq!(origin("192.0.2.10/32", at_edge, &[edge, phone]), "TLS 198.51.100.7:4711");
        assert_eq!(
            origin("192.0.2.10/32", at_edge, &[edge, phone, "UDP 203.0.113.1;branch=z9hG4bK3"]),
            "TLS 198.51.100.7:4711",
            "what a phone writes below is its own affair"
        );
        assert_eq!(
            origin("192.0.2.8/29", at_edge, &[edge, "UDP a;branch=z9hG4bK4;received=192.0.2.11;rport=5060", phone]),
            "TLS 198.51.100.7:4711",
            "several of them, one after the other"
        );
        assert_eq!(
            origin(
                "192.0.2.10/32",
                at_edge,
                &["UDP 192.0.2.10;branch=z9hG4bK1, SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK2;rport=5060"]
            ),
            "UDP [2001:db8::1]:5060"
        );
        assert_eq!(
            origin("192.0.2.10/32", at_edge, &[edge, "UDP phone.example;branch=z9hG4bK2"]),
            "UDP 192.0.2.10:5060"
        );
        assert_eq!(origin("192.0.2.10/32", at_edge, &[edge]), "UDP 192.0.2.10:5060");
    }

    #[test]
    fn nobody_else_is() {
        let vias = ["UDP 198.51.100.7;branch=z9hG4bK1", "UDP 10.0.0.1;branch=z9hG4bK2;received=192.0.2.99"];
        assert_eq!(origin("192.0.2.10/32", "198.51.100.7:5060", &vias), "UDP 198.51.100.7:5060");
    }

    #[test]
    fn nobody_names_another_place_by_saying_more_than_once_where_they_are() {
        let edge = "UDP 192.0.2.10;branch=z9hG4bK1";
        let forged = "UDP 10.0.0.5;branch=z9hG4bK2;received=203.0.113.9;rport=5060;received=198.51.100.7;rport=4711";
        assert!(request(&[edge, forged]).is_none(), "it is malformed");
        let alone = "UDP 198.51.100.7:4711;branch=z9hG4bK2";
        assert_eq!(
            origin("192.0.2.10/32", "192.0.2.10:5060", &[edge, alone]),
            "UDP 198.51.100.7:0",
            "its port is not known"
        );
    }

    #[test]
    fn the_path_of_a_phone_says_where_it_is_if_a_proxy_of_ones_own_wrote_it() {
        let edges = Edges::new(&["192.0.2.10/31".parse().unwrap()]);
        let origin = |peer: &str, path| {
            let flow = Flow {
                transport: Transport::Udp,
                local: "192.0.2.1:5060".parse().unwrap(),
                peer: peer.parse().unwrap(),
            };
            edges.origin_by_path(path, flow).to_string()
        };
        let edge = "<sip:192.0.2.11;lr;received=sip:192.0.2.10>, <sip:192.0.2.10;lr;received=sip:198.51.100.7:4711%3Btransport%3Dtcp>";
        assert_eq!(origin("192.0.2.11:5060", edge), "198.51.100.7:4711 (TCP)");
        assert_eq!(
            origin("192.0.2.10:5060", "<sip:192.0.2.10;lr;received=sip:198.51.100.7:4711>"),
            "198.51.100.7:4711 (UDP)"
        );
        assert_eq!(origin("192.0.2.10:5060", "<sip:192.0.2.10;lr>"), "192.0.2.10:5060 (UDP)");
        assert_eq!(
            origin("198.51.100.9:5060", "<sip:192.0.2.10;lr;received=sip:198.51.100.7>"),
            "198.51.100.9:5060 (UDP)"
        );
    }
}
