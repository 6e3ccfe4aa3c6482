//! Feature group templates: what a new user is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::user_profile::USER_PROFILES;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{Kind, Listed};
use crate::vocab::{Language, Name};

/// A feature group template: what new users of a group share.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureGroupTemplate {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The profile of its users, by name; none means the system's default.
    #[serde(default)]
    pub profile: Option<String>,
    /// The language of its users.
    #[serde(default)]
    pub locale: Option<Language>,
}

/// Feature group templates.
#[derive(Debug)]
pub struct FeatureGroupTemplates;

impl Listed for FeatureGroupTemplates {
    const TABLE: &'static Table = &FEATURE_GROUP_TEMPLATES;
    type View = Recorded<FeatureGroupTemplate>;
}

impl Kind for FeatureGroupTemplates {
    type Draft = FeatureGroupTemplate;
}

static FEATURE_GROUP_TEMPLATES: Table = Table {
    name: "feature_group_templates",
    what: "feature group template",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("profile", ColumnKind::Reference(&USER_PROFILES)),
        Column::new("locale", ColumnKind::Text),
    ],
    usages: &[],
};
