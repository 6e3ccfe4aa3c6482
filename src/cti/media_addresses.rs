//! Where media is bound, and what callers are told of it. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sip::Flow;

/// Where media is bound and what callers are told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaAddresses {
    /// The address of the voice by settings.
    pub chosen: Option<IpAddr>,
    /// What peers are shown where this server stands behind a translation.
    pub advertised: Option<IpAddr>,
}

impl MediaAddresses {
    /// The address to bind for a caller. The one peers are shown may be none of this machine's.
    pub fn bound(&self, flow: &Flow) -> IpAddr {
        match (self.chosen, self.advertised) {
            (Some(chosen), _) => chosen,
            (None, Some(_)) if flow.peer.is_ipv6() => Ipv6Addr::UNSPECIFIED.into(),
            (None, Some(_)) => Ipv4Addr::UNSPECIFIED.into(),
            (None, None) => flow.local.ip(),
        }
    }

    /// The address to tell a caller.
    pub fn shown(&self, flow: &Flow) -> IpAddr {
        self.advertised.or(self.chosen).unwrap_or(flow.local.ip())
    }
}
