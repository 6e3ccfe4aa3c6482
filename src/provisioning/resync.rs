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
    /// Whether the phone may challenge the NOTIFY and is then answered with its line's credentials: it does so from the box,
    /// can be set to, or no source says that it doesn't.
    pub challenges: bool,
}

/// What is different in a phone's configuration from the one it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing of its SIP account.
    Settings,
    /// Its SIP account: number, name, password, server or transport.
    Account,
}

impl Change {
    /// Whether a phone of this vendor has to be given leave to reboot, or be told to, so that the change is taken on.
    pub fn needs_reboot(self, vendor: &Vendor) -> bool {
        match (self, *vendor) {
            // `reboot=false` could keep it from a reboot it needs; without, it reboots only if it does (420HD guide, table 4).
            (Self::Account, Vendor::AudioCodes) => true,
            // Vendors.md §13: in the field always with a reboot.
            (Self::Account, Vendor::Other(Brand::Panasonic)) => true,
            // These take on a new account at once, or see for themselves that they must reboot.
            (Self::Account | Self::Settings, _) => false,
        }
    }
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
    let asking = |event, reboot| Resync { event, body: None, reboot, challenges: true };
    match (*vendor, reboot) {
        // Nothing is known of its check (vendors.md §2.5).
        (Vendor::AudioCodes, false) => asking("check-sync;reboot=false", Reboot::AsConfigured),
        // Only force_reboot_enabled makes it reboot for certain (420HD guide, table 4).
        (Vendor::AudioCodes, true) => asking("check-sync", Reboot::AsConfigured),
        // With sip.notify_reboot_enable = 0, which every file from here sets unless asked otherwise.
        (Vendor::Yealink, false) => plain("check-sync;reboot=false", Reboot::AsConfigured),
        (Vendor::Yealink, true) => plain("check-sync;reboot=true", Reboot::Yes),
        (Vendor::Other(brand), reboot) => other(brand, model, reboot),
    }
}

fn other(brand: Brand, model: Option<&str>, reboot: bool) -> Resync {
    let plain = |event, reboot| Resync { event, body: None, reboot, challenges: false };
    let asking = |event, reboot| Resync { event, body: None, reboot, challenges: true };
    let reset =
        "action=reset\nRegisterCallId={}\nConfigVersionStamp={}\nDialplanVersionStamp={}\nSoftkeyVersionStamp={}\n";
    let restart =
        "action=restart\nRegisterCallId={}\nConfigVersionStamp={}\nDialplanVersionStamp={}\nSoftkeyVersionStamp={}\n";
    match (brand, reboot) {
        (Brand::Snom, false) => asking("check-sync;reboot=false", Reboot::No),
        (Brand::Poly, false) => asking("check-sync", Reboot::IfNeeded),
        // Only voIpProt.SIP.specialEvent.checkSync.alwaysReboot makes it reboot for certain.
        (Brand::Poly, true) => asking("check-sync", Reboot::AsConfigured),
        (Brand::Panasonic, true) => asking("check-sync;reboot=true", Reboot::AsConfigured),
        (Brand::Grandstream, false) => asking("resync", Reboot::No),
        (Brand::CiscoMpp, false) => asking("resync", Reboot::IfNeeded),
        (Brand::CiscoMpp, true) => asking("reboot_now", Reboot::Yes),
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
        (Brand::Panasonic, false) => asking("check-sync", Reboot::IfNeeded),
        (Brand::Unknown, false) => asking("check-sync;reboot=false", Reboot::IfNeeded),
        (Brand::Snom | Brand::Grandstream, true) => asking("check-sync;reboot=true", Reboot::Yes),
        (Brand::Mitel, true) => plain("check-sync;reboot=true", Reboot::Yes),
        (Brand::Fanvil, true) => plain("check-sync;reboot=true", Reboot::AsConfigured),
        (Brand::Unknown, true) => asking("check-sync;reboot=true", Reboot::AsConfigured),
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
    fn only_makes_that_check_otherwise_than_by_digest_are_not_answered() {
        let quiet = Vendor::ALL.into_iter().filter(|vendor| !resync(vendor, None, false).challenges);
        let brands = [Brand::CiscoEnterprise, Brand::Fanvil, Brand::Mitel, Brand::Gigaset].map(Vendor::Other);
        assert!(quiet.eq([Vendor::Yealink].into_iter().chain(brands)));
        for vendor in Vendor::ALL {
            let [gently, with_reboot] = [false, true].map(|reboot| resync(&vendor, None, reboot).challenges);
            assert_eq!(gently, with_reboot, "{vendor}");
        }
    }

    #[test]
    fn a_new_account_may_cost_a_reboot_and_nothing_else_does() {
        let may_reboot = |change: Change| Vendor::ALL.into_iter().filter(move |vendor| change.needs_reboot(vendor));
        assert!(may_reboot(Change::Account).eq([Vendor::AudioCodes, Vendor::Other(Brand::Panasonic)]));
        assert_eq!(may_reboot(Change::Settings).count(), 0);
    }

    #[test]
    fn a_gigaset_that_ignores_the_flag_is_known_not_to_reboot() {
        assert_eq!(resync(&Vendor::Other(Brand::Gigaset), Some("N720"), true).reboot, Reboot::No);
    }
}
