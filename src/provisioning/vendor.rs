//! Whose phone it is: the vendors this server writes configurations for, and the brands it only recognises.
//!
//! Knows no file name, User-Agent or template; those rooms speak in these words.

use std::fmt;
use std::str::FromStr;

use super::ProvisioningError;

/// A phone's maker, as far as provisioning cares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Vendor {
    /// AudioCodes 4xxHD and C4xxHD (also sold as Genesys 420HD).
    AudioCodes,
    /// Yealink T4x, T5x and their relatives.
    Yealink,
    /// A phone this server writes no files for.
    Other(Brand),
}

/// Brands that are recognised, so that what they ask gets a quick 404 and what they are sent is what they obey.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Brand {
    /// Snom desk and DECT phones.
    Snom,
    /// Poly and Polycom UC Software phones.
    Poly,
    /// Grandstream.
    Grandstream,
    /// Cisco SPA and 3PCC (multiplatform) phones.
    CiscoMpp,
    /// Cisco phones with enterprise firmware (SEP files).
    CiscoEnterprise,
    /// Fanvil and phones of its make.
    Fanvil,
    /// Mitel 68xx/69xx and Aastra.
    Mitel,
    /// Gigaset N and Maxwell.
    Gigaset,
    /// Panasonic KX.
    Panasonic,
    /// None of those, or not to be told.
    Unknown,
}

impl Vendor {
    /// Every vendor and brand, those with templates first.
    pub const ALL: [Self; 12] = [
        Self::AudioCodes,
        Self::Yealink,
        Self::Other(Brand::Snom),
        Self::Other(Brand::Poly),
        Self::Other(Brand::Grandstream),
        Self::Other(Brand::CiscoMpp),
        Self::Other(Brand::CiscoEnterprise),
        Self::Other(Brand::Fanvil),
        Self::Other(Brand::Mitel),
        Self::Other(Brand::Gigaset),
        Self::Other(Brand::Panasonic),
        Self::Other(Brand::Unknown),
    ];

    /// The word databases, settings and logs use for this vendor: lower case, no blanks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AudioCodes => "audiocodes",
            Self::Yealink => "yealink",
            Self::Other(Brand::Snom) => "snom",
            Self::Other(Brand::Poly) => "poly",
            Self::Other(Brand::Grandstream) => "grandstream",
            Self::Other(Brand::CiscoMpp) => "cisco-mpp",
            Self::Other(Brand::CiscoEnterprise) => "cisco-enterprise",
            Self::Other(Brand::Fanvil) => "fanvil",
            Self::Other(Brand::Mitel) => "mitel",
            Self::Other(Brand::Gigaset) => "gigaset",
            Self::Other(Brand::Panasonic) => "panasonic",
            Self::Other(Brand::Unknown) => "unknown",
        }
    }

    /// Whether this server writes configuration files for the vendor.
    pub const fn is_managed(self) -> bool {
        matches!(self, Self::AudioCodes | Self::Yealink)
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Vendor {
    type Err = ProvisioningError;

    fn from_str(text: &str) -> Result<Self, ProvisioningError> {
        Self::ALL
            .into_iter()
            .find(|vendor| vendor.as_str() == text)
            .ok_or_else(|| ProvisioningError::UnknownVendor(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_is_read_back_from_its_word() {
        for vendor in Vendor::ALL {
            assert_eq!(vendor.to_string().parse::<Vendor>().unwrap(), vendor);
        }
        assert!("AudioCodes ".parse::<Vendor>().is_err());
    }
}
