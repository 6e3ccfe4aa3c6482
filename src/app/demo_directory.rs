//! The small directory of the demo: users, a profile, templates.

use rand::RngExt;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::directory::{DeviceTemplate, Directory, DirectoryError, LineTemplate, NewProfile, NewUser};
use crate::sip::Transport;
use crate::vocab::{Secret, UnixMillis};

const USERS: [(&str, &str, &str); 8] = [
    ("sato", "佐藤 花子", "1001"),
    ("suzuki", "鈴木 一郎", "1002"),
    ("takahashi", "高橋 美咲", "1003"),
    ("smith", "Alex Smith", "1004"),
    ("jones", "Robin Jones", "1005"),
    ("brown", "Sam Brown", "1006"),
    ("tanaka", "田中 健", "1007"),
    ("demo", "Demo User", "1099"),
];

/// A user of the demo. The PIN is told: there is nothing behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DemoUser {
    /// The name they log in with.
    pub user_id: String,
    /// Their name.
    pub name: String,
    /// What they key in to say who they are.
    pub self_service_id: String,
    /// What they key in to prove it.
    pub pin: String,
    /// Their number.
    pub extension: String,
}

/// Fills the directory; the last user is the demo's own.
pub async fn fill(directory: &Directory) -> Result<Vec<DemoUser>, DirectoryError> {
    directory
        .add_device_template(&DeviceTemplate {
            name: "Desk phone".to_owned(),
            description: String::new(),
            phone_name: "{model} {user_name}".to_owned(),
            transport: Transport::default(),
            settings: serde_json::Map::from_iter([("talk_event".to_owned(), true.into())]),
        })
        .await?;
    directory
        .add_line_template(&LineTemplate {
            name: "Line".to_owned(),
            description: String::new(),
            label: "{extension} {user_name}".to_owned(),
            display: "{user_name}".to_owned(),
        })
        .await?;
    directory
        .add_profile(&NewProfile {
            name: "Everybody".to_owned(),
            description: String::new(),
            is_default: true,
            desk_template: Some("Desk phone".to_owned()),
            line_template: Some("Line".to_owned()),
            allow_provisioning: true,
            device_limit: 10,
        })
        .await?;
    let mut users = Vec::with_capacity(USERS.len());
    for (user_id, name, extension) in USERS {
        let pin = Secret::from(format!("{:04}", rand::rng().random_range(0..10_000)));
        let user = DemoUser {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            self_service_id: extension.to_owned(),
            pin: pin.expose_secret().to_owned(),
            extension: extension.to_owned(),
        };
        let new = NewUser {
            user_id: user.user_id.clone(),
            self_service_id: None,
            name: Some(user.name.clone()),
            locale: None,
            pin: Some(pin),
            primary_extension: extension.parse().ok(),
            profile: None,
        };
        directory.add_user(new, UnixMillis::now()).await?;
        users.push(user);
    }
    Ok(users)
}
