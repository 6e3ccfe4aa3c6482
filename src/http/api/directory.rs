//! The directory's kinds and their places in the API.

use super::collection::Collection;
use crate::directory::{
    ApplicationUsers, Audit, DeviceTemplate, DeviceTemplates, DirectoryError, DirectoryNumbers, FeatureGroupTemplates,
    LineTemplates, NumberPools, RoutePoints, UserProfiles, Users,
};
use crate::enrolment::check_template;

macro_rules! collections {
    ($($kind:ty: $path:literal),* $(,)?) => {
        $(impl Collection for $kind {
            const PATH: &'static str = $path;
        })*
    };
}

collections! {
    Users: "users",
    UserProfiles: "user-profiles",
    LineTemplates: "line-templates",
    FeatureGroupTemplates: "feature-group-templates",
    ApplicationUsers: "application-users",
    RoutePoints: "route-points",
    DirectoryNumbers: "directory-numbers",
    NumberPools: "number-pools",
    Audit: "audit",
}

impl Collection for DeviceTemplates {
    const PATH: &'static str = "device-templates";

    fn check(draft: &DeviceTemplate) -> Result<(), DirectoryError> {
        check_template(&draft.settings).map_err(|fault| DirectoryError::Refused {
            field: "settings".to_owned(),
            code: "phone-setting",
            fault: fault.to_string(),
            remedy: "see the documentation of phone settings",
        })
    }
}
