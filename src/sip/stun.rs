//! STUN binding requests on the SIP port (RFC 5626 section 8, RFC 8489): a phone behind a translation learns which address it
//! is seen at, and the translation is kept. Pure.
//!
//! An answer is hardly longer than its question, and there is none to what is no question: nobody is flooded by way of us.

use std::net::{IpAddr, SocketAddr};

const HEADER: usize = 20;
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const BINDING_ERROR: [u8; 2] = [0x01, 0x11];
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
/// 420, and a reason.
const UNKNOWN_ATTRIBUTE: [u8; 8] = [0, 0, 4, 20, b'?', b'?', b'?', b'?'];
/// The longest question looked at.
const LARGEST: usize = 548;
/// Unknown attributes that are named.
const NAMED: usize = 4;

/// True for what can't be SIP and may be STUN: no SIP message begins with two bits of zero and the magic number.
pub(super) fn is_stun(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| *first < 0x40) && octets.get(4..8) == Some(MAGIC.as_slice())
}

/// The answer to a binding request that came from `peer`; none to anything else.
pub(super) fn answer(octets: &[u8], peer: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = octets.split_at_checked(HEADER).filter(|_| octets.len() <= LARGEST)?;
    let length = header.get(2..4).and_then(|length| length.try_into().ok()).map(u16::from_be_bytes)?;
    if !is_stun(octets) || header.get(..2) != Some(&BINDING_REQUEST) || usize::from(length) != attributes.len() {
        return None;
    }
    let identity = header.get(4..)?;
    let unknown = unknown(attributes)?;
    if unknown.is_empty() {
        return Some(message(BINDING_SUCCESS, identity, &attribute(XOR_MAPPED_ADDRESS, &mapped(peer, identity))));
    }
    let types: Vec<u8> = unknown.iter().take(NAMED).flat_map(|kind| kind.to_be_bytes()).collect();
    let mut body = attribute(ERROR_CODE, &UNKNOWN_ATTRIBUTE);
    body.extend(attribute(UNKNOWN_ATTRIBUTES, &types));
    // Each of them took four octets of the question at least.
    Some(message(BINDING_ERROR, identity, &body))
}

/// The attributes that have to be understood and are not (RFC 8489 section 14); nothing if they can't be read. Credentials are
/// not asked for and not looked at.
fn unknown(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !attributes.is_empty() {
        let (head, rest) = attributes.split_first_chunk::<4>()?;
        let [kind @ .., high, low] = head;
        let kind = u16::from_be_bytes(*kind);
        let padded = usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        attributes = rest.get(padded..)?;
        // USERNAME, MESSAGE-INTEGRITY, and with SHA-256.
        let is_known = matches!(kind, 0x0006 | 0x0008 | 0x001c) || kind >= 0x8000;
        if !is_known {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

/// The value of XOR-MAPPED-ADDRESS (section 14.2): no translation on the way recognises and changes it.
fn mapped(peer: SocketAddr, identity: &[u8]) -> Vec<u8> {
    let ip = peer.ip().to_canonical();
    let (family, address) = match ip {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let port = peer.port().to_be_bytes();
    let hidden = |plain: &[u8]| plain.iter().zip(identity).map(|(plain, mask)| plain ^ mask).collect::<Vec<u8>>();
    [vec![0, family], hidden(&port), hidden(&address)].concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(0);
    let mut attribute = [kind.to_be_bytes(), length.to_be_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

fn message(kind: [u8; 2], identity: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(0).to_be_bytes();
    [kind.as_slice(), &length, identity, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transaction of RFC 5769.
    const IDENTITY: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn question(attributes: &[u8]) -> Vec<u8> {
        message(BINDING_REQUEST, &[MAGIC.as_slice(), &IDENTITY].concat(), attributes)
    }

    #[test]
    fn addresses_are_told_as_the_test_vectors_of_rfc_5769_have_them() {
        let told = answer(&question(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(hex::encode(&told), "0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643");
        let told = answer(&question(&[]), "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap()).unwrap();
        assert_eq!(hex::encode(told.get(20..).unwrap()), "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9");
        let mapped = answer(&question(&[]), "[::ffff:192.0.2.1]:32853".parse().unwrap()).unwrap();
        assert_eq!(mapped.len(), 32, "an IPv4 address however it is written");
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_named_and_the_rest_overlooked() {
        let mut attributes = attribute(0x8022, b"phone");
        assert_eq!(
            answer(&question(&attributes), "192.0.2.1:1".parse().unwrap()).unwrap().get(..2),
            Some(&BINDING_SUCCESS[..])
        );
        attributes.extend(attribute(0x0003, &[0, 0, 0, 6]));
        let told = answer(&question(&attributes), "192.0.2.1:1".parse().unwrap()).unwrap();
        assert_eq!(told.get(..2), Some(&BINDING_ERROR[..]));
        assert_eq!(told.get(32..), Some(&[0, 10, 0, 2, 0, 3, 0, 0][..]));
    }

    #[test]
    fn what_is_no_question_has_no_answer() {
        let peer = "192.0.2.1:1".parse().unwrap();
        let good = question(&attribute(0x8022, b"phone"));
        for cut in 0..good.len() {
            assert!(answer(&good[..cut], peer).is_none(), "{cut}");
        }
        let told = answer(&good, peer).unwrap();
        assert!(answer(&told, peer).is_none(), "an answer is not answered");
        let mut long = question(&vec![0; 600]);
        assert!(answer(&long, peer).is_none());
        long.clear();
        assert!(answer(&long, peer).is_none());
        assert!(!is_stun(b"OPTIONS sip:a SIP/2.0"));
    }
}
