//! Who asks for what: a request's path, User-Agent and hardware address put together.
//!
//! The path says what is wanted, the User-Agent is a claim, the address' prefix a hint; none of them is proof and none
//! unlocks anything. Contradictions are reported, not judged: that is for the door and the inventory.

use super::file_name::{self, FileRole};
use super::oui;
use super::user_agent;
use super::vendor::{Brand, Vendor};
use super::vendors::yealink::families;
use crate::vocab::MacAddress;

/// What a request asks for, and who it seems to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What the file is.
    pub role: FileRole,
    /// The phone's address: the one in the file name or, where that has none, the one the User-Agent claims.
    pub mac: Option<MacAddress>,
    /// Whose phone it seems to be.
    pub vendor: Vendor,
    /// What `vendor` rests on.
    pub basis: Basis,
    /// The model, for example `420HD` or `T46S`.
    pub model: Option<String>,
    /// The firmware version the User-Agent claims.
    pub firmware: Option<String>,
    /// What doesn't fit together. Empty for an honest phone (and for a careful liar).
    pub suspicions: Vec<Suspicion>,
}

/// What the vendor of a request was told from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Only this vendor names files so.
    FileName,
    /// The User-Agent says so.
    UserAgent,
    /// Nothing but the address' prefix: a guess to be confirmed by the inventory before it is relied on.
    AddressPrefix,
    /// Nothing at all.
    Nothing,
}

/// Two parts of one request that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// The User-Agent claims one vendor, the address belongs to another.
    AddressOfAnotherVendor {
        /// What the User-Agent claims.
        claimed: Vendor,
        /// Whose prefix the address has.
        prefix: Vendor,
    },
    /// The User-Agent claims one vendor, the file is named as another's.
    FileOfAnotherVendor {
        /// What the User-Agent claims.
        claimed: Vendor,
        /// Whose naming the file has.
        named: Vendor,
    },
    /// The address in the User-Agent is not the one in the file name.
    AnotherAddress {
        /// The address the User-Agent claims.
        claimed: MacAddress,
    },
    /// The common file asked for is of another model than the User-Agent claims.
    FileOfAnotherModel,
}

/// Reads a request for a file. `None` when the path is none that a phone sends; then it isn't
/// worth a further look. `path` is the request target without query, not decoded.
pub fn identify(path: &str, user_agent: Option<&str>) -> Option<Asked> {
    let named = file_name::read(path)?;
    let claim = user_agent.and_then(user_agent::read);
    let claimed = claim.as_ref().map(|claim| claim.vendor);
    let mac = named.mac.or(claim.as_ref().and_then(|claim| claim.mac));
    let prefix = mac.and_then(oui::vendor_of);

    // Cisco and Gigaset share `<mac>.xml`: such a name rules the managed vendors out, and the rest may tell which brand.
    let shared = Some(Vendor::Other(Brand::Unknown));
    let (vendor, basis) = match (named.vendor, claimed, prefix) {
        (named, Some(claimed), _) if named == shared && !claimed.is_managed() => (claimed, Basis::UserAgent),
        (Some(named), ..) => (named, Basis::FileName),
        (None, Some(claimed), _) => (claimed, Basis::UserAgent),
        (None, None, Some(prefix)) => (prefix, Basis::AddressPrefix),
        (None, None, None) => (Vendor::Other(Brand::Unknown), Basis::Nothing),
    };

    let mut suspicions = Vec::new();
    if let Some(claimed) = claimed {
        if let Some(prefix) = prefix.filter(|prefix| *prefix != claimed) {
            suspicions.push(Suspicion::AddressOfAnotherVendor { claimed, prefix });
        }
        let contradicts = |named: &Vendor| match *named {
            Vendor::Other(Brand::Unknown) => claimed.is_managed(),
            named => named != claimed,
        };
        if let Some(named) = named.vendor.filter(contradicts) {
            suspicions.push(Suspicion::FileOfAnotherVendor { claimed, named });
        }
    }
    if let Some(claim) = &claim {
        if let Some(claimed) = claim.mac.filter(|claimed| named.mac.is_some_and(|named| named != *claimed)) {
            suspicions.push(Suspicion::AnotherAddress { claimed });
        }
        let wrong_model = |family| !families::fits(family, claim.model.as_deref(), claim.firmware.as_deref());
        if claim.vendor == Vendor::Yealink && named.family.is_some_and(wrong_model) {
            suspicions.push(Suspicion::FileOfAnotherModel);
        }
    }

    // A model is only worth something beside the vendor that was settled on.
    let claim = claim.filter(|claim| claim.vendor == vendor);
    let (model, firmware) = claim.map_or((None, None), |claim| (claim.model, claim.firmware));
    let model = model.or_else(|| named.model().map(str::to_owned));
    Some(Asked { role: named.role, mac, vendor, basis, model, firmware, suspicions })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD420: &str = "AUDC-IPPhone/2.0.0_build_15 (420HD; 00908F3BBCBA)";
    const T46G: &str = "Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:37";

    fn asked(path: &str, user_agent: &str) -> Asked {
        identify(path, Some(user_agent)).unwrap()
    }

    #[test]
    fn a_factory_new_420hd_is_told_by_its_user_agent_and_fits_its_address() {
        let asked = asked("/00908F3BBCBA.cfg", HD420);
        assert_eq!(
            (asked.role, asked.vendor, asked.basis),
            (FileRole::Configuration, Vendor::AudioCodes, Basis::UserAgent)
        );
        assert_eq!(asked.mac.unwrap().to_string(), "00908f3bbcba");
        assert_eq!((asked.model.as_deref(), asked.firmware.as_deref()), (Some("420HD"), Some("2.0.0_build_15")));
        assert_eq!(asked.suspicions, []);
    }

    #[test]
    fn the_same_name_is_each_vendors_by_user_agent() {
        assert_eq!(asked("/0015654aa937.cfg", T46G).vendor, Vendor::Yealink);
        let fanvil = asked("/0c383e07e16c.cfg", "Fanvil X4 2.10.2.6887 0c383e07e16c");
        assert_eq!(fanvil.vendor, Vendor::Other(Brand::Fanvil));
    }

    #[test]
    fn a_prefix_alone_is_only_a_guess() {
        let asked = identify("/00908f112233.cfg", None).unwrap();
        assert_eq!((asked.vendor, asked.basis), (Vendor::AudioCodes, Basis::AddressPrefix));
        let stranger = identify("/020000000001.cfg", Some("curl/8.5.0")).unwrap();
        assert_eq!((stranger.vendor, stranger.basis), (Vendor::Other(Brand::Unknown), Basis::Nothing));
    }

    #[test]
    fn a_user_agent_that_contradicts_the_prefix_is_believed_as_a_hint_and_reported() {
        let asked = asked("/000413a11fa7.cfg", "AUDC-IPPhone/2.0.0_build_15 (420HD; 000413A11FA7)");
        assert_eq!(asked.vendor, Vendor::AudioCodes);
        let prefix = Vendor::Other(Brand::Snom);
        assert_eq!(asked.suspicions, [Suspicion::AddressOfAnotherVendor { claimed: Vendor::AudioCodes, prefix }]);
    }

    #[test]
    fn an_unlisted_prefix_contradicts_nobody() {
        assert_eq!(asked("/020000000001.cfg", "Yealink SIP-T46S 66.86.0.15 02:00:00:00:00:01").suspicions, []);
    }

    #[test]
    fn asking_for_another_phones_file_is_reported() {
        let claimed = "00908f3bbcba".parse().unwrap();
        assert_eq!(asked("/00908f112233.cfg", HD420).suspicions, [Suspicion::AnotherAddress { claimed }]);
    }

    #[test]
    fn a_common_file_is_checked_against_model_and_firmware() {
        let own = asked("/y000000000028.cfg", T46G);
        assert_eq!((own.role, own.model.as_deref(), own.suspicions.len()), (FileRole::Common, Some("T46G"), 0));
        assert_eq!(own.mac.unwrap().to_string(), "0015654aa937");
        assert_eq!(asked("/y000000000036.cfg", T46G).suspicions, [Suspicion::FileOfAnotherModel]);
        assert_eq!(identify("/y000000000028.cfg", None).unwrap().model.as_deref(), Some("T46G"));
    }

    #[test]
    fn a_yealink_name_from_an_audiocodes_phone_is_reported() {
        let asked = asked("/0015654aa937.boot", "AUDC/3.4.6.604 AUDC-IPPhone-C450HD_UC_3.4.6.604/1");
        assert_eq!((asked.vendor, asked.model), (Vendor::Yealink, None));
        assert_eq!(asked.suspicions.len(), 2);
    }

    #[test]
    fn other_vendors_files_are_theirs_whoever_asks() {
        let asked = identify("/SEP001122334455.cnf.xml", None).unwrap();
        assert_eq!((asked.vendor, asked.suspicions.len()), (Vendor::Other(Brand::CiscoEnterprise), 0));
        let gigaset = self::asked("/7C2F80CA21E4.xml", "Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4");
        assert_eq!((gigaset.vendor, gigaset.suspicions.len()), (Vendor::Other(Brand::Gigaset), 0));
        let liar = self::asked("/00908F3BBCBA.xml", HD420);
        assert_eq!((liar.vendor, liar.suspicions.len()), (Vendor::Other(Brand::Unknown), 1));
    }

    #[test]
    fn a_path_no_phone_sends_is_nobodys_whatever_the_user_agent() {
        assert_eq!(identify("/../00908F3BBCBA.cfg", Some(HD420)), None);
        assert_eq!(identify("/%2e%2e%2f00908F3BBCBA.cfg", Some(HD420)), None);
    }
}
