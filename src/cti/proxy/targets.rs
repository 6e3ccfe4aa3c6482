//! Where a number rings. Pure.

use std::collections::VecDeque;

use crate::registrar::Binding;
use crate::sip::Flow;
use crate::sip::message::{NameAddr, RequestUri};
use crate::vocab::PhoneId;

/// The most phones one call rings.
const MOST: usize = 32;

/// One place a request can go.
#[derive(Clone, Debug)]
pub(in crate::cti) struct Target {
    /// The Request-URI it gets.
    pub uri: RequestUri,
    /// The proxies it passes on its way (RFC 3327).
    pub routes: Vec<String>,
    /// What it is sent over.
    pub way: Way,
    /// Whose it is; none for a peer.
    pub phone: Option<PhoneId>,
}

/// How a place is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cti) enum Way {
    /// Over this flow and no other: that of a phone.
    Flow(Flow),
    /// Along its routes, or over this flow where those lead nowhere: that of the peer site, within a call.
    Along(Flow),
    /// To where its URI leads (RFC 3263): the peer site.
    Search,
}

impl Target {
    /// Where a binding leads; none if its contact can't be written into a request.
    fn of(binding: &Binding) -> Option<Self> {
        let uri = binding.contact.parse().ok()?;
        let mut routes = crate::sip::message::Headers::default();
        if !binding.path.is_empty() {
            routes.push("Route", &binding.path);
        }
        let routes = routes.list("Route").into_iter().map(str::to_owned).collect();
        Some(Self { uri, routes, way: Way::Flow(binding.flow), phone: Some(binding.phone) })
    }
}

/// The places of a number's phones. What stands in one group are ways to the same phone, the latest first: of several flows with
/// one instance, one is used at a time (RFC 5626 section 7).
pub(super) fn groups(bindings: &[Binding]) -> Vec<VecDeque<Target>> {
    let mut groups: Vec<(&str, VecDeque<Target>)> = Vec::new();
    for binding in bindings {
        let Some(target) = Target::of(binding) else { continue };
        let instance = if binding.reg_id == 0 { "" } else { &*binding.instance };
        let known = groups.iter_mut().find(|(known, _)| !instance.is_empty() && *known == instance);
        match known {
            Some((_, group)) => group.push_back(target),
            None => groups.push((instance, [target].into())),
        }
    }
    groups.into_iter().take(MOST).map(|(_, group)| group).collect()
}

/// True for a route whose proxy is a loose router, as all are that follow RFC 3261.
pub(super) fn is_loose(route: &str) -> bool {
    let address: Option<NameAddr> = route.parse().ok();
    address.is_some_and(|address| address.uri.sip().is_some_and(|uri| uri.params.contains("lr")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::sip::Transport;
    use crate::vocab::UnixMillis;

    fn binding(port: u16, instance: &str, reg_id: u32) -> Binding {
        let address = |port: u16| ([192, 0, 2, 1], port).into();
        Binding {
            contact: format!("sip:a@192.0.2.1:{port}"),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "c".to_owned(),
            cseq: 1,
            expires: Instant::now(),
            refreshed: None,
            flow: Flow { transport: Transport::Udp, local: address(5060), peer: address(port) },
            user_agent: "".into(),
            path: "<sip:edge;lr>, <sip:core;lr>".into(),
            instance: instance.into(),
            reg_id,
        }
    }

    #[test]
    fn flows_of_one_instance_are_ways_to_one_phone_and_all_else_rings_at_once() {
        let bindings = [
            binding(1, "<urn:uuid:1>", 1),
            binding(2, "", 0),
            binding(3, "<urn:uuid:1>", 2),
            binding(4, "", 0),
            binding(5, "<urn:uuid:1>", 0),
        ];
        let groups = groups(&bindings);
        let port = |target: &Target| match target.way {
            Way::Flow(flow) => flow.peer.port(),
            Way::Along(_) | Way::Search => 0,
        };
        let ports = |group: &VecDeque<Target>| group.iter().map(port).collect::<Vec<_>>();
        assert_eq!(groups.iter().map(ports).collect::<Vec<_>>(), [vec![1, 3], vec![2], vec![4], vec![5]]);
        assert_eq!(groups[0][0].routes, ["<sip:edge;lr>", "<sip:core;lr>"]);
    }

    #[test]
    fn one_call_rings_no_more_phones_than_may_be() {
        let bindings: Vec<Binding> = (1..100).map(|port| binding(port, "", 0)).collect();
        assert_eq!(groups(&bindings).len(), MOST);
    }
}
