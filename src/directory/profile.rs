//! User profiles as the other rooms know them.

/// What a group of users shares (seed 003, table 2).
#[derive(Clone, Debug)]
pub struct UserProfile {
    /// Its name.
    pub name: String,
    /// The universal device template for desk phones, by name.
    pub desk_template: Option<String>,
    /// The universal line template, by name. Self-provisioning does without.
    pub line_template: Option<String>,
    /// "Allow end user to provision their own phones".
    pub allow_provisioning: bool,
    /// "Limit provisioning once end user has this many phones": 0 to 20.
    pub device_limit: u8,
}
