//! User profiles and the universal templates they link (seed 003, table 2).

use serde::{Deserialize, Serialize};

use crate::sip::Transport;

/// What a group of users shares.
#[derive(Clone, Debug, Serialize)]
pub struct UserProfile {
    /// Its record.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// True for the one that applies to users without a profile.
    pub is_default: bool,
    /// The universal device template for desk phones, by name.
    pub desk_template: Option<String>,
    /// The universal line template, by name. Self-provisioning does without.
    pub line_template: Option<String>,
    /// "Allow end user to provision their own phones".
    pub allow_provisioning: bool,
    /// "Limit provisioning once end user has this many phones": 0 to 20.
    pub device_limit: u8,
}

/// A profile to add.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProfile {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Make it the system's default.
    #[serde(default)]
    pub is_default: bool,
    /// A device template's name.
    #[serde(default)]
    pub desk_template: Option<String>,
    /// A line template's name.
    #[serde(default)]
    pub line_template: Option<String>,
    /// Allow its users to provision their own phones.
    #[serde(default)]
    pub allow_provisioning: bool,
    /// 0 to 20; 10 if not given.
    #[serde(default = "ten")]
    pub device_limit: u8,
}

fn ten() -> u8 {
    10
}

/// A universal device template: what a new phone is made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceTemplate {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The phone's name, with variables in braces.
    pub phone_name: String,
    /// How SIP travels.
    #[serde(default)]
    pub transport: Transport,
    /// Phone settings that differ from the system's, as the provisioning room names them.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A universal line template: what a new line is made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineTemplate {
    /// Unique.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What the phone shows beside the line key, with variables in braces.
    pub label: String,
    /// The name callers see, with variables in braces.
    pub display: String,
}

/// What the variables of a template stand for.
#[derive(Clone, Debug)]
pub struct TemplateVariables<'a> {
    /// `{user_id}`
    pub user_id: &'a str,
    /// `{user_name}`
    pub user_name: &'a str,
    /// `{extension}`
    pub extension: &'a str,
    /// `{model}`
    pub model: &'a str,
    /// `{mac}`
    pub mac: &'a str,
}

impl TemplateVariables<'_> {
    /// The names a pattern may use.
    pub const NAMES: [&'static str; 5] = ["user_id", "user_name", "extension", "model", "mac"];

    /// Fills a pattern in. A name it doesn't know stays as it stands.
    pub fn fill(&self, pattern: &str) -> String {
        let values = [self.user_id, self.user_name, self.extension, self.model, self.mac];
        let mut filled = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = Self::NAMES.iter().zip(values).find_map(|(name, value)| {
                let tail = after.strip_prefix(name)?.strip_prefix('}')?;
                Some((value, tail))
            });
            match known {
                Some((value, tail)) => {
                    filled.push_str(value);
                    rest = tail;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_once_and_unknown_ones_stay() {
        let variables = TemplateVariables {
            user_id: "sato",
            user_name: "{mac} Satō",
            extension: "1001",
            model: "420HD",
            mac: "00908f112233",
        };
        assert_eq!(variables.fill("{user_name} ({extension}) {colour} {"), "{mac} Satō (1001) {colour} {");
    }
}
