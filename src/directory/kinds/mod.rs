//! The kinds of records: what administrators give, what they see, and how each is kept.

mod application_user;
mod credential_policy;
mod feature_group_template;
mod line;
mod line_group;
mod number;
mod phone;
mod phone_reservation;
mod portal_account;
mod route_point;
mod template;
mod token;
mod user;
mod user_profile;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use application_user::{ApplicationUserDraft, ApplicationUserFields, ApplicationUsers};
pub use credential_policy::CredentialPolicyKind;
pub use feature_group_template::{FeatureGroupTemplate, FeatureGroupTemplates};
pub use line::{LinePatch, LineRecord, LineStateName, Lines};
pub use line_group::{LineGroup, LineGroups};
pub use number::{DirectoryNumberDraft, DirectoryNumbers, NumberPool, NumberPools};
pub use phone::{PhoneRow, Phones};
pub use phone_reservation::{PhoneReservation, PhoneReservations};
pub use portal_account::{PortalAccountDraft, PortalAccountFields, PortalAccounts};
pub use route_point::{CodecName, RoutePoint, RoutePoints};
pub use template::{DeskTransport, DeviceTemplate, DeviceTemplates, DeviceType, LineTemplate, LineTemplates};
pub use token::{TokenDraft, Tokens};
pub use user::{UserDraft, UserFields, UserStatus, Users};
pub use user_profile::{DeviceLimit, UserProfileDraft, UserProfiles};

use crate::vocab::{RecordId, UnixMillis};

/// A record as it is shown: what was given, and what the directory adds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Record")]
pub struct Recorded<T> {
    /// Names the record.
    pub id: RecordId,
    /// Grows with every change.
    pub version: u64,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
    /// What was given.
    #[serde(flatten)]
    pub fields: T,
}
