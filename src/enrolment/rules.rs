//! Who may be given a phone: the seed's four preconditions. Pure.

use crate::directory::{PhoneState, User, UserProfile};
use crate::vocab::DirectoryNumber;

/// Why a phone is not given to somebody who has shown who they are, or to anybody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// The user profile does not allow self-provisioning (needed even where an administrator does it).
    NotEnabled,
    /// The user has no primary extension.
    NoPrimaryExtension,
    /// The user profile links no universal device template.
    NoDeviceTemplate,
    /// The user has as many phones as the profile allows.
    DeviceLimit,
    /// The phone belongs to somebody.
    AlreadyProvisioned,
    /// The phone is reserved for somebody else.
    Reserved,
    /// The caller's phone is not one that waits to be claimed.
    PhoneUnknown,
    /// Too many wrong attempts for this user, from this phone, or over all.
    LockedOut,
}

impl Refusal {
    /// The names of them all.
    pub const NAMES: &'static [&'static str] = &[
        Self::NotEnabled.as_str(),
        Self::NoPrimaryExtension.as_str(),
        Self::NoDeviceTemplate.as_str(),
        Self::DeviceLimit.as_str(),
        Self::AlreadyProvisioned.as_str(),
        Self::Reserved.as_str(),
        Self::PhoneUnknown.as_str(),
        Self::LockedOut.as_str(),
    ];

    /// Its name in the timeline, metrics and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotEnabled => "not-enabled",
            Self::NoPrimaryExtension => "no-primary-extension",
            Self::NoDeviceTemplate => "no-device-template",
            Self::DeviceLimit => "device-limit",
            Self::AlreadyProvisioned => "already-provisioned",
            Self::Reserved => "reserved",
            Self::PhoneUnknown => "phone-unknown",
            Self::LockedOut => "locked-out",
        }
    }
}

/// Whether a phone can be claimed at all.
pub(super) fn claimable(state: Option<PhoneState>) -> Result<(), Refusal> {
    match state {
        Some(PhoneState::Quarantine) => Ok(()),
        Some(PhoneState::Enrolled) => Err(Refusal::AlreadyProvisioned),
        Some(PhoneState::Released) | None => Err(Refusal::PhoneUnknown),
    }
}

/// What a bind needs of the directory.
#[derive(Debug)]
pub(super) struct Grounds<'a> {
    pub extension: &'a DirectoryNumber,
    pub device_template: &'a str,
    pub line_template: Option<&'a str>,
}

/// Whether this user may have one more phone, in the order the seed names the conditions.
pub(super) fn eligible<'a>(
    user: &'a User,
    profile: Option<&'a UserProfile>,
    phones: usize,
) -> Result<Grounds<'a>, Refusal> {
    let profile = profile.filter(|profile| profile.allow_provisioning && user.is_active).ok_or(Refusal::NotEnabled)?;
    let extension = user.primary_extension.as_ref().ok_or(Refusal::NoPrimaryExtension)?;
    let device_template = profile.desk_template.as_deref().ok_or(Refusal::NoDeviceTemplate)?;
    if phones >= usize::from(profile.device_limit) {
        return Err(Refusal::DeviceLimit);
    }
    Ok(Grounds { extension, device_template, line_template: profile.line_template.as_deref() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{UnixMillis, UserId};

    fn user() -> User {
        User {
            id: UserId::new(UnixMillis::new(0), [1; 10]),
            user_id: "sato".to_owned(),
            self_service_id: "1001".parse().unwrap(),
            name: "Satō".to_owned(),
            locale: None,
            primary_extension: Some("1001".parse().unwrap()),
            profile: None,
            is_active: true,
        }
    }

    fn profile() -> UserProfile {
        UserProfile {
            name: "Standard".to_owned(),
            desk_template: Some("Desk".to_owned()),
            line_template: None,
            allow_provisioning: true,
            device_limit: 2,
        }
    }

    fn refusal(user: &User, profile: Option<&UserProfile>, phones: usize) -> Refusal {
        eligible(user, profile, phones).unwrap_err()
    }

    #[test]
    fn each_precondition_is_needed() {
        assert!(eligible(&user(), Some(&profile()), 1).is_ok());
        assert_eq!(refusal(&user(), None, 0), Refusal::NotEnabled);
        assert_eq!(
            refusal(&user(), Some(&UserProfile { allow_provisioning: false, ..profile() }), 0),
            Refusal::NotEnabled
        );
        assert_eq!(refusal(&User { is_active: false, ..user() }, Some(&profile()), 0), Refusal::NotEnabled);
        let unnumbered = User { primary_extension: None, ..user() };
        assert_eq!(refusal(&unnumbered, Some(&profile()), 0), Refusal::NoPrimaryExtension);
        let bare = UserProfile { desk_template: None, ..profile() };
        assert_eq!(refusal(&user(), Some(&bare), 0), Refusal::NoDeviceTemplate);
        assert_eq!(refusal(&user(), Some(&profile()), 2), Refusal::DeviceLimit);
        assert_eq!(refusal(&user(), Some(&UserProfile { device_limit: 0, ..profile() }), 0), Refusal::DeviceLimit);
    }

    #[test]
    fn only_a_phone_in_quarantine_can_be_claimed() {
        assert_eq!(claimable(Some(PhoneState::Quarantine)), Ok(()));
        assert_eq!(claimable(Some(PhoneState::Enrolled)), Err(Refusal::AlreadyProvisioned));
        assert_eq!(claimable(None), Err(Refusal::PhoneUnknown));
    }
}
