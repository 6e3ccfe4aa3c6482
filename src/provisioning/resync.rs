//! How a phone is told over SIP to fetch its configuration again: the `Event` of a NOTIFY, and what it causes.
//!
//! A table (vendors.md §17). Knows neither bindings nor transports; who is notified, and how often, is decided above.

use super::vendor::{Brand, Vendor};

/// The NOTIFY a phone obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resync {
    /// The value of the `Event` header.
    pub event: &'static str,
    /// The body and its media type, where one is needed.
    pub body: Option<(&'static str, &'static str)>,
    /// Whether the phone reboots.
    pub reboot: Reboot,
    /// Whether the phone challenges the NOTIFY with a digest of its line's credentials from the box.
    pub challenges: bool,
}

/// Whether a phone reboots when it obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reboot {
    /// It doesn't.
    No,
    /// If what changed needs it.
    IfNeeded,
    /// If its configuration says so (`PhoneSettings::reboot_on_check_sync`, or the vendor's own setting), whatever the event says.
    AsConfigured,
    /// It does.
    Yes,
}

/// The event that makes a phone of this vendor fetch its configuration, with or without a reboot. Managed phones answer
/// as their configurations from here have set them; others as they come. A phone of an unknown make is told what most obey.
pub fn resync(vendor: &Vendor, model: Option<&str>, reboot: bool) -> Resync {
    let plain = |event, reboot| Resync { event, body: None, reboot, challenges: false };
    match (*vendor, reboot) {
        (Vendor::AudioCodes, false) => plain("check-sync;reboot=false", Reboot::AsConfigured),
        // Only force_reboot_enabled makes it reboot (420HD guide, table 4).
        (Vendor::AudioCodes, true) => plain("check-sync", Reboot::AsConfigured),
        // With sip.notify_reboot_enable = 0, which every file from here sets unless asked otherwise.
        (Vendor::Yealink, false) => plain("check-sync;reboot=false", Reboot::AsConfigured),
        (Vendor::Yealink, true) => plain("check-sync;reboot=true", Reboot::Yes),
        (Vendor::Other(brand), reboot) => other(brand, model, reboot),
    }
}

fn other(brand: Brand, model: Option<&str>, reboot: bool) -> Resync {
    let plain = |event, reboot| Resync { event, body: None, reboot, challenges: false };
    let reset =
        "action=reset\nRegisterCallId={}\nConfigVersionStamp={}\nDialplanVersionStamp={}\nSoftkeyVersionStamp={}\n";
    let restart =
        "action=restart\nRegisterCallId={}\nConfigVersionStamp={}\nDialplanVersionStamp={}\nSoftkeyVersionStamp={}\n";
    match (brand, reboot) {
        (Brand::Snom, false) => plain("check-sync;reboot=false", Reboot::No),
        (Brand::Poly, false) => plain("check-sync", Reboot::IfNeeded),
        // Only voIpProt.SIP.specialEvent.checkSync.alwaysReboot makes it reboot for certain.
        (Brand::Poly, true) => plain("check-sync", Reboot::AsConfigured),
        (Brand::Panasonic, true) => plain("check-sync;reboot=true", Reboot::AsConfigured),
        (Brand::Grandstream, false) => plain("resync", Reboot::No),
        (Brand::CiscoMpp, false) => Resync { challenges: true, ..plain("resync", Reboot::IfNeeded) },
        (Brand::CiscoMpp, true) => Resync { challenges: true, ..plain("reboot_now", Reboot::Yes) },
        (Brand::CiscoEnterprise, false) => {
            Resync { body: Some(("text/plain", restart)), ..plain("service-control", Reboot::IfNeeded) }
        }
        (Brand::CiscoEnterprise, true) => {
            Resync { body: Some(("text/plain", reset)), ..plain("service-control", Reboot::Yes) }
        }
        (Brand::Fanvil, false) => plain("check-sync", Reboot::No),
        // These two DECT bases pay no heed to the flag.
        (Brand::Gigaset, _) if model.is_some_and(|m| m.starts_with("N510") || m.starts_with("N720")) => {
            plain("check-sync;reboot=false", Reboot::No)
        }
        (Brand::Gigaset, false) => plain("check-sync;reboot=false", Reboot::No),
        (Brand::Gigaset, true) => plain("check-sync;reboot=true", Reboot::AsConfigured),
        (Brand::Mitel, false) => plain("check-sync", Reboot::IfNeeded),
        (Brand::Panasonic, false) => plain("check-sync", Reboot::IfNeeded),
        (Brand::Unknown, false) => plain("check-sync;reboot=false", Reboot::IfNeeded),
        (Brand::Snom | Brand::Grandstream | Brand::Mitel, true) => plain("check-sync;reboot=true", Reboot::Yes),
        (Brand::Fanvil | Brand::Unknown, true) => plain("check-sync;reboot=true", Reboot::AsConfigured),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_is_told_in_its_own_words() {
        #[rustfmt::skip]
        let table = [
            (Vendor::AudioCodes, "check-sync;reboot=false", "check-sync"),
            (Vendor::Yealink, "check-sync;reboot=false", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Snom), "check-sync;reboot=false", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Poly), "check-sync", "check-sync"),
            (Vendor::Other(Brand::Grandstream), "resync", "check-sync;reboot=true"),
            (Vendor::Other(Brand::CiscoMpp), "resync", "reboot_now"),
            (Vendor::Other(Brand::CiscoEnterprise), "service-control", "service-control"),
            (Vendor::Other(Brand::Fanvil), "check-sync", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Mitel), "check-sync", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Gigaset), "check-sync;reboot=false", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Panasonic), "check-sync", "check-sync;reboot=true"),
            (Vendor::Other(Brand::Unknown), "check-sync;reboot=false", "check-sync;reboot=true"),
        ];
        assert_eq!(table.len(), Vendor::ALL.len());
        for (vendor, gently, with_reboot) in table {
            assert_eq!(resync(&vendor, None, false).event, gently, "{vendor}");
            assert_eq!(resync(&vendor, None, true).event, with_reboot, "{vendor}");
        }
    }

    #[test]
    fn nobody_is_rebooted_unasked() {
        for vendor in Vendor::ALL {
            assert_ne!(resync(&vendor, None, false).reboot, Reboot::Yes, "{vendor}");
        }
    }

    #[test]
    fn cisco_enterprise_is_told_in_the_body_and_cisco_mpp_wants_a_digest() {
        let (_, body) = resync(&Vendor::Other(Brand::CiscoEnterprise), None, true).body.unwrap();
        assert!(body.starts_with("action=reset\n"));
        assert!(resync(&Vendor::Other(Brand::CiscoMpp), None, false).challenges);
    }

    #[test]
    fn a_gigaset_that_ignores_the_flag_is_known_not_to_reboot() {
        assert_eq!(resync(&Vendor::Other(Brand::Gigaset), Some("N720"), true).reboot, Reboot::No);
    }
}
