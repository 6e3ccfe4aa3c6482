//! Port pairs for RTP and RTCP (RFC 3550 section 11). Must not know streams or packets.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::error::MediaError;
use super::filter;

/// Receive buffer asked for, in octets: over a second of audio, should the program be kept from reading.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// Expedited forwarding (RFC 3246) in the upper six bits of the traffic class.
const EXPEDITED: u32 = 46 << 2;
/// Random pairs tried before the range is searched from one end to the other.
const RANDOM_TRIES: u32 = 64;

/// The ports RTP may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Whatever ports the system has free: for tests and demonstrations without a firewall.
    pub const EPHEMERAL: Self = Self { first: 0, last: 0 };

    /// The ports from `first` to `last`, both included. There must be an even port and the odd one after it.
    pub fn new(first: u16, last: u16) -> Result<Self, MediaError> {
        let range = Self { first, last };
        if first > 0 && range.pairs() > 0 { Ok(range) } else { Err(MediaError::EmptyPortRange { first, last }) }
    }

    /// How many calls fit into the range.
    pub fn pairs(self) -> u32 {
        let end = u32::from(self.last) + 1;
        end.saturating_sub(u32::from(self.first).next_multiple_of(2)) / 2
    }

    /// The even port of a pair.
    fn even_port(self, pair: u32) -> Option<u16> {
        u16::try_from(u32::from(self.first).next_multiple_of(2) + 2 * pair).ok()
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::EPHEMERAL { f.write_str("any port") } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// An even port for RTP and the odd one after it for RTCP, both bound. Dropping it gives them back.
#[derive(Debug)]
pub struct RtpPort {
    rtp: UdpSocket,
    /// Held so that nobody else gets the port. Nothing is sent from it, and what comes stays in the kernel.
    _rtcp: UdpSocket,
    local: SocketAddr,
}

impl RtpPort {
    /// Binds a pair on `ip`, at random within `range` so that it cannot be guessed.
    pub fn bind(ip: IpAddr, range: PortRange) -> Result<Self, MediaError> {
        if range == PortRange::EPHEMERAL {
            return Self::bind_ephemeral(ip);
        }
        let pairs = range.pairs();
        let random = (0..RANDOM_TRIES).map(|_| rand::random_range(0..pairs));
        for pair in random.chain(0..pairs) {
            if let Some(port) = range.even_port(pair)
                && let Some(port) = Self::try_bind(ip, port)?
            {
                return Ok(port);
            }
        }
        Err(MediaError::NoPort { ip, range })
    }

    /// Where RTP is received and sent from.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The RTP socket, which does not block.
    pub fn rtp(&self) -> &UdpSocket {
        &self.rtp
    }

    fn bind_ephemeral(ip: IpAddr) -> Result<Self, MediaError> {
        for _ in 0..RANDOM_TRIES {
            // The system picks a port; its even neighbour and the odd one are tried in its place.
            let picked = bind_socket(SocketAddr::new(ip, 0)).and_then(|socket| socket.local_addr());
            let port = picked.map_err(MediaError::system("finding a free RTP port"))?.port() & !1;
            if let Some(port) = Self::try_bind(ip, port)? {
                return Ok(port);
            }
        }
        Err(MediaError::NoPort { ip, range: PortRange::EPHEMERAL })
    }

    /// Binds `even` and the port after it; `None` if either is taken.
    fn try_bind(ip: IpAddr, even: u16) -> Result<Option<Self>, MediaError> {
        let bind = |port| match bind_socket(SocketAddr::new(ip, port)) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
                Ok(None)
            }
            Err(error) => Err(MediaError::system("binding an RTP port")(error)),
        };
        let Some(odd) = even.checked_add(1) else { return Ok(None) };
        let Some(rtp) = bind(even)? else { return Ok(None) };
        let Some(rtcp) = bind(odd)? else { return Ok(None) };
        // Where it cannot be attached, the small remainder of the receive buffer fills and the kernel drops the rest.
        let _ = filter::pass_nothing(&rtcp);
        let _ = SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER);
        let local = rtp.local_addr().map_err(MediaError::system("reading an RTP port's address"))?;
        Ok(Some(Self { rtp, _rtcp: rtcp, local }))
    }
}

fn bind_socket(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    // A network that does not honour the mark carries the packets all the same.
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
        let _ = socket.set_tclass_v6(EXPEDITED);
    } else {
        let _ = socket.set_tos_v4(EXPEDITED);
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_range_counts_whole_pairs() {
        assert_eq!(PortRange::new(20_000, 20_001).unwrap().pairs(), 1);
        assert_eq!(PortRange::new(20_001, 20_004).unwrap().pairs(), 1);
        assert_eq!(PortRange::new(20_001, 20_004).unwrap().even_port(0), Some(20_002));
        assert_eq!(PortRange::new(65_534, 65_535).unwrap().pairs(), 1);
        for (first, last) in [(20_001, 20_002), (20_000, 20_000), (20_002, 20_001), (0, 100)] {
            assert!(PortRange::new(first, last).is_err(), "{first}-{last}");
        }
    }

    #[test]
    fn a_pair_is_even_and_odd_and_is_given_back() {
        let port = RtpPort::bind(LOOPBACK, PortRange::EPHEMERAL).unwrap();
        let even = port.local_addr().port();
        assert_eq!(even % 2, 0);
        assert!(UdpSocket::bind((LOOPBACK, even)).is_err() && UdpSocket::bind((LOOPBACK, even + 1)).is_err());
        drop(port);
        assert!(UdpSocket::bind((LOOPBACK, even)).is_ok());
    }

    #[test]
    fn a_range_is_used_up_to_its_last_pair() {
        // Somewhere in the range others may hold ports, so only what is bound is counted.
        let range = PortRange::new(41_001, 41_009).unwrap();
        let bound: Vec<RtpPort> = std::iter::from_fn(|| RtpPort::bind(LOOPBACK, range).ok()).collect();
        assert!(!bound.is_empty() && bound.len() <= 4);
        assert!(bound.iter().all(|port| (41_002..41_009).contains(&port.local_addr().port())));
        assert!(matches!(RtpPort::bind(LOOPBACK, range), Err(MediaError::NoPort { .. })));
    }

    #[test]
    fn ipv6_ports_are_bound_too_and_a_foreign_address_is_an_error() {
        if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            assert!(RtpPort::bind(Ipv6Addr::LOCALHOST.into(), PortRange::EPHEMERAL).unwrap().local_addr().is_ipv6());
        }
        let foreign = RtpPort::bind(Ipv4Addr::new(192, 0, 2, 1).into(), PortRange::EPHEMERAL);
        assert!(matches!(foreign, Err(MediaError::System { .. })));
    }
}
