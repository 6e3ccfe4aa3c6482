//! What counts as one place when it is counted what comes from there.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the 64-bit network of an IPv6 address: within it, whoever has one address has them all.
pub fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_place_and_so_is_an_address_of_ipv4_however_written() {
        let is_one = |one: &str, two: &str| site(one.parse().unwrap()) == site(two.parse().unwrap());
        assert!(is_one("10.0.0.1", "::ffff:10.0.0.1") && !is_one("10.0.0.1", "10.0.0.2"));
        assert!(is_one("2001:db8::1", "2001:db8::ffff:0:0:1") && !is_one("2001:db8::1", "2001:db8:0:1::1"));
    }
}
