//! The directory's kinds and their places in the API.

use super::collection::{Collection, Shown};
use crate::directory::{
    ApplicationUsers, Audit, DeviceTemplate, DeviceTemplates, DirectoryError, DirectoryNumbers, FeatureGroupTemplates,
    LineGroups, LineTemplates, NumberPools, PhoneReservations, PortalAccounts, RoutePoints, UserProfiles, Users,
};
use crate::enrolment::check_template;

macro_rules! places {
    ($($kind:ty: $path:literal),* $(,)?) => {
        $(impl Shown for $kind {
            const PATH: &'static str = $path;
        })*
    };
}

places! {
    Users: "users",
    UserProfiles: "user-profiles",
    DeviceTemplates: "device-templates",
    LineTemplates: "line-templates",
    FeatureGroupTemplates: "feature-group-templates",
    ApplicationUsers: "application-users",
    RoutePoints: "route-points",
    DirectoryNumbers: "directory-numbers",
    NumberPools: "number-pools",
    LineGroups: "line-groups",
    PhoneReservations: "phone-reservations",
    PortalAccounts: "portal-accounts",
    Audit: "audit",
}

macro_rules! unchecked {
    ($($kind:ty),* $(,)?) => {
        $(impl Collection for $kind {})*
    };
}

unchecked! {
    Users, UserProfiles, LineTemplates, FeatureGroupTemplates, ApplicationUsers, RoutePoints, DirectoryNumbers,
    NumberPools, LineGroups, PhoneReservations, PortalAccounts,
}

impl Collection for DeviceTemplates {
    fn check(draft: &DeviceTemplate) -> Result<(), DirectoryError> {
        check_template(&draft.settings).map_err(|fault| DirectoryError::Refused {
            field: "settings".to_owned(),
            code: "phone-setting",
            fault: fault.to_string(),
            remedy: "see the documentation of phone settings",
        })
    }
}
