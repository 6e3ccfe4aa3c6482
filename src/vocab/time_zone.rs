//! A time zone as people name it, and an instant on its clocks. The rules of all zones are in the program.

use std::fmt;
use std::str::FromStr;

use super::{UnixMillis, VocabError};

/// A time zone of the IANA database, such as `Asia/Tokyo`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeZone(jiff::tz::TimeZone);

impl TimeZone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// An instant as the clocks of this zone show it, for example `2017-11-27 10:11:52 JST`.
    pub fn clock(&self, instant: UnixMillis) -> String {
        match jiff::Timestamp::from_millisecond(instant.get()) {
            Ok(at) => at.to_zoned(self.0.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            Err(_) => instant.to_string(),
        }
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::UTC
    }
}

impl serde::Serialize for TimeZone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for TimeZone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl FromStr for TimeZone {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let fault = |_| VocabError {
            what: "time zone",
            fault: "there is no such time zone",
            remedy: "name one as the IANA database does, such as Asia/Tokyo, Europe/Berlin or UTC",
        };
        jiff::tz::db().get(text).map(Self).map_err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_as_the_clocks_of_a_zone_have_it() {
        // As the error list of a telephone service shows it.
        let at: UnixMillis = "2017-11-27T01:11:52Z".parse().unwrap();
        let clock = |zone: &str| zone.parse::<TimeZone>().unwrap().clock(at);
        assert_eq!(clock("Asia/Tokyo"), "2017-11-27 10:11:52 JST");
        assert_eq!(clock("Europe/Berlin"), "2017-11-27 02:11:52 CET");
        assert_eq!((clock("UTC"), TimeZone::UTC.clock(at)), (clock("Etc/UTC"), "2017-11-27 01:11:52 UTC".to_owned()));
        assert_eq!("Asia/Tokyo".parse::<TimeZone>().unwrap().to_string(), "Asia/Tokyo");
    }

    #[test]
    fn a_zone_nobody_knows_is_refused() {
        for text in ["", "Asia/Edo", "+09:00", "../etc/passwd"] {
            assert!(text.parse::<TimeZone>().is_err(), "{text}");
        }
    }
}
