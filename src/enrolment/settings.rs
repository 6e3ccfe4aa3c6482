//! Settings of self-provisioning (seed 003, table 1) and of what phones are told.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::CredentialHash;
use crate::vocab::{AuthenticationCode, Language};

/// What a caller must prove.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticationMode {
    /// "Allow authentication for users only (via PIN)".
    #[default]
    UsersOnly,
    /// "Allow authentication for users (via PIN) and administrators (via authentication code)".
    UsersAndAdministrators,
    /// The seed's secure mode: administrators provision on behalf of users, who can't themselves.
    AdministratorsOnly,
    /// "No authentication required": not for everyday use.
    None,
}

impl AuthenticationMode {
    /// True where an authentication code is needed.
    pub fn takes_code(self) -> bool {
        matches!(self, Self::UsersAndAdministrators | Self::AdministratorsOnly)
    }

    /// True where a user's PIN is taken.
    pub fn takes_pin(self) -> bool {
        matches!(self, Self::UsersOnly | Self::UsersAndAdministrators)
    }
}

/// What a caller must prove, and what an authentication code is compared with.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// What they must prove.
    pub mode: AuthenticationMode,
    /// The hash of the administrators' code, where there is one.
    pub code: Option<CredentialHash>,
}

/// How wrong credentials are met.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutSettings {
    /// Wrong attempts for one user, or from one phone, before it is locked out.
    pub attempts: u32,
    /// Wrong attempts over all before everybody is.
    pub attempts_over_all: u32,
    /// Seconds of the first lockout of a user or phone; each further one is twice as long.
    pub seconds: u64,
    /// Seconds of the first lockout of everybody.
    pub seconds_over_all: u64,
    /// Seconds of the longest lockout.
    pub longest_seconds: u64,
    /// Seconds without a wrong attempt after which all is forgotten.
    pub forget_seconds: u64,
    /// Seconds in which the wrong attempts that lock everybody out must come; older ones leak away.
    pub forget_over_all_seconds: u64,
}

impl Default for LockoutSettings {
    fn default() -> Self {
        Self {
            attempts: 5,
            attempts_over_all: 200,
            seconds: 300,
            seconds_over_all: 60,
            longest_seconds: 24 * 3600,
            forget_seconds: 24 * 3600,
            forget_over_all_seconds: 3600,
        }
    }
}

/// Settings of enrolments.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrolmentSettings {
    /// Whether the service is active after the first start.
    pub active: bool,
    /// What a caller must prove, after the first start.
    pub authentication: AuthenticationMode,
    /// The administrators' authentication code after the first start, 1 to 20 digits; needed where the mode takes one.
    #[serde(deserialize_with = "code", serialize_with = "hidden")]
    pub authentication_code: Option<AuthenticationCode>,
    /// How wrong credentials are met.
    pub lockout: LockoutSettings,
    /// Times an enrolment is waited for.
    pub completion: CompletionSettings,
    /// What every phone is told unless its device template says otherwise.
    pub phones: PhoneDefaults,
    /// Days the record of an ended enrolment is kept, and with it that of a released phone.
    pub keep_records_days: NonZeroU32,
    /// Seconds after the bind in which an administrator may undo it.
    pub undo_seconds: u64,
    /// The most phones told in a second to fetch a configuration that a change of the directory has changed.
    pub phones_told_per_second: NonZeroU32,
}

impl Default for EnrolmentSettings {
    fn default() -> Self {
        Self {
            active: false,
            authentication: AuthenticationMode::default(),
            authentication_code: None,
            lockout: LockoutSettings::default(),
            completion: CompletionSettings::default(),
            phones: PhoneDefaults::default(),
            keep_records_days: NonZeroU32::new(90).unwrap_or(NonZeroU32::MIN),
            undo_seconds: 600,
            phones_told_per_second: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// How long a bound phone may take.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompletionSettings {
    /// Seconds from the bind until an enrolment that is not complete counts as failed.
    pub seconds: u64,
    /// Seconds between two notifications of a phone that did not react.
    pub notify_again_seconds: u64,
}

impl Default for CompletionSettings {
    fn default() -> Self {
        Self { seconds: 300, notify_again_seconds: 30 }
    }
}

/// What every phone is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneDefaults {
    /// Seconds a registration is asked for.
    pub registration_seconds: u32,
    /// The language of its screen.
    pub language: Language,
    /// Where it gets the time; empty leaves the phone's own choice.
    pub ntp: String,
    /// Minutes its clock is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// Whether its own web pages are served once it is enrolled.
    pub web_pages: bool,
}

impl Default for PhoneDefaults {
    fn default() -> Self {
        Self {
            registration_seconds: 300,
            language: Language::JAPANESE,
            ntp: String::new(),
            utc_offset_minutes: 540,
            web_pages: false,
        }
    }
}

/// A secret is never written back.
fn hidden<S: serde::Serializer>(_: &Option<AuthenticationCode>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("")
}

fn code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<AuthenticationCode>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
