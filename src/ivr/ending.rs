//! How a conversation ends, and why a phone isn't given away: the catalogue.
//!
//! It must not know the rules behind a refusal, nor its words (`endings.ftl`, `spoken.ftl`).

/// Why a caller is not given the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The user profile doesn't allow self-provisioning.
    NotEnabled,
    /// The user has no primary extension.
    NoPrimaryExtension,
    /// The user profile has no universal device template.
    NoDeviceTemplate,
    /// The user has as many phones as the user profile allows.
    DeviceLimit,
    /// The phone belongs to a user already.
    AlreadyProvisioned,
    /// Too many wrong attempts of late, by this user, from this phone, or in all.
    LockedOut,
    /// The call doesn't come from a phone waiting to be claimed.
    PhoneUnknown,
    /// The service is about to stop and takes no new conversations.
    ServiceClosing,
    /// It couldn't be decided in time, or a part of the server is failing. Nothing was changed.
    NotNow,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 9] = [
        Self::NotEnabled,
        Self::NoPrimaryExtension,
        Self::NoDeviceTemplate,
        Self::DeviceLimit,
        Self::AlreadyProvisioned,
        Self::LockedOut,
        Self::PhoneUnknown,
        Self::ServiceClosing,
        Self::NotNow,
    ];

    /// Its stable name: a sentence in `spoken.ftl`, and a code in events, metrics and the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotEnabled => "not-enabled",
            Self::NoPrimaryExtension => "no-primary-extension",
            Self::NoDeviceTemplate => "no-device-template",
            Self::DeviceLimit => "device-limit",
            Self::AlreadyProvisioned => "already-provisioned",
            Self::LockedOut => "locked-out",
            Self::PhoneUnknown => "phone-unknown",
            Self::ServiceClosing => "service-closing",
            Self::NotNow => "not-now",
        }
    }
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialogueEnding {
    /// The phone is its user's.
    Bound,
    /// The phone was not given away.
    Refused(Refusal),
    /// Wrong ID or PIN each time.
    TooManyTries,
    /// Silence, however often helped.
    NoAnswer,
    /// The caller left first.
    CallerHungUp,
    /// The service stopped during the conversation.
    ServiceClosed,
    /// The conversation reached its time limit.
    TooLong,
    /// An administrator called it off.
    CalledOff,
}

impl DialogueEnding {
    /// Its stable name, for events, metrics and the API; `dialogue-ending-<code>` says it in words. A refusal's is the refusal's own.
    pub fn code(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Refused(refusal) => refusal.code(),
            Self::TooManyTries => "too-many-tries",
            Self::NoAnswer => "no-answer",
            Self::CallerHungUp => "caller-hung-up",
            Self::ServiceClosed => "service-closed",
            Self::TooLong => "too-long",
            Self::CalledOff => "called-off",
        }
    }

    /// Every ending.
    pub fn all() -> impl Iterator<Item = Self> {
        use DialogueEnding::*;
        let others = [Bound, TooManyTries, NoAnswer, CallerHungUp, ServiceClosed, TooLong, CalledOff];
        others.into_iter().chain(Refusal::ALL.into_iter().map(Refused))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::locale::Locales;

    #[test]
    fn every_ending_has_a_code_of_its_own_and_words_in_every_language() {
        let codes: BTreeSet<_> = DialogueEnding::all().map(DialogueEnding::code).collect();
        assert_eq!(codes.len(), DialogueEnding::all().count());
        let locales = Locales::embedded().unwrap();
        for language in locales.languages() {
            for code in &codes {
                let id = format!("dialogue-ending-{code}");
                assert!(locales.words(&language).knows(&id), "{language} {id}");
            }
        }
    }
}
