//! A phone's hardware address. It names a phone and unlocks nothing.

use std::fmt;
use std::str::FromStr;

use super::VocabError;

/// An EUI-48 address. Written as 12 lower-case hexadecimal digits; read in any case, with or without `:`, `-` or `.`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The six octets, first on the wire first.
    pub fn octets(&self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for MacAddress {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl FromStr for MacAddress {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let error = VocabError {
            what: "MAC address",
            fault: "not 12 hexadecimal digits",
            remedy: "write it as on the phone's label, for example 00908f112233",
        };
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let mut octets = [0; 6];
        match hex::decode_to_slice(&digits, &mut octets) {
            Ok(()) => Ok(Self(octets)),
            Err(_) => Err(error),
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for MacAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for MacAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_usual_spelling_is_the_same_address() {
        let plain: MacAddress = "00908f112233".parse().unwrap();
        for text in ["00:90:8F:11:22:33", "00-90-8f-11-22-33", "0090.8f11.2233", "00908F112233"] {
            assert_eq!(text.parse::<MacAddress>().unwrap(), plain);
        }
        assert_eq!(plain.to_string(), "00908f112233");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "00908f11223", "00908f1122334", "zz908f112233", "../../etc/pass"] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
