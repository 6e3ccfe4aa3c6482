//! Who a hardware address was sold to: the longest known prefix wins (IEEE MA-L, MA-M and MA-S are 24, 28 and 36 bits).
//!
//! A prefix is a hint. Blocks are shared by brands of one maker, and anybody can write any address; so nothing here decides.

use super::vendor::{Brand, Vendor};
use super::vendors;
use crate::vocab::MacAddress;

/// Prefixes of brands without templates, in lower-case hexadecimal digits (reference: the vendors' own DHCP and phone guides).
const OTHERS: &[(&str, Brand)] = &[
    ("000413", Brand::Snom),
    ("1c7126", Brand::Snom),
    ("00087b", Brand::Snom),
    ("0004f2", Brand::Poly),
    ("64167f", Brand::Poly),
    ("482567", Brand::Poly),
    ("000b82", Brand::Grandstream),
    ("c074ad", Brand::Grandstream),
    ("ec74d7", Brand::Grandstream),
    ("00a859", Brand::Fanvil),
    ("0c383e", Brand::Fanvil),
    ("00085d", Brand::Mitel),
    ("08000f", Brand::Mitel),
    ("1400e9", Brand::Mitel),
    ("7c2f80", Brand::Gigaset),
    ("002104", Brand::Gigaset),
    ("589ec6", Brand::Gigaset),
    ("0080f0", Brand::Panasonic),
];

/// The vendor whose known prefix is the longest that `mac` begins with, if there is one.
pub fn vendor_of(mac: MacAddress) -> Option<Vendor> {
    let managed = vendors::all().iter().flat_map(|d| d.oui.iter().map(move |prefix| (*prefix, d.vendor)));
    let others = OTHERS.iter().map(|(prefix, brand)| (*prefix, Vendor::Other(*brand)));
    longest(mac, managed.chain(others))
}

fn longest<'a>(mac: MacAddress, table: impl Iterator<Item = (&'a str, Vendor)>) -> Option<Vendor> {
    let digits = mac.to_string();
    table
        .filter(|(prefix, _)| digits.starts_with(prefix))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, vendor)| vendor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_lower_hexadecimal_of_24_28_or_36_bits() {
        let all = OTHERS.iter().map(|(prefix, _)| *prefix).chain(vendors::all().iter().flat_map(|d| d.oui).copied());
        for prefix in all {
            assert!(matches!(prefix.len(), 6 | 7 | 9), "{prefix}");
            assert!(prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{prefix}");
        }
    }

    #[test]
    fn a_known_prefix_names_its_vendor_and_a_strange_one_nobody() {
        let vendor = |text: &str| vendor_of(text.parse().unwrap());
        assert_eq!(vendor("00:90:8F:11:22:33"), Some(Vendor::AudioCodes));
        assert_eq!(vendor("805ec0aabbcc"), Some(Vendor::Yealink));
        assert_eq!(vendor("000413a11fa7"), Some(Vendor::Other(Brand::Snom)));
        assert_eq!(vendor("020000000001"), None);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let table =
            [("0c383e", Vendor::Other(Brand::Fanvil)), ("0c383e1", Vendor::Yealink), ("0c383e123", Vendor::AudioCodes)];
        let vendor = |text: &str| longest(text.parse().unwrap(), table.into_iter());
        assert_eq!(vendor("0c383e999999"), Some(Vendor::Other(Brand::Fanvil)));
        assert_eq!(vendor("0c383e199999"), Some(Vendor::Yealink));
        assert_eq!(vendor("0c383e123999"), Some(Vendor::AudioCodes));
    }
}
