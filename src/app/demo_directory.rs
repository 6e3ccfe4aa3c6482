//! The small directory of the demo: users, a profile, templates.

use rand::RngExt;
use serde::Serialize;
use serde_json::json;

use crate::directory::{
    Actor, CredentialPolicy, DeviceTemplates, Directory, DirectoryError, LineTemplates, UserProfiles, Users, read_draft,
};
use crate::vocab::UnixMillis;

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
    let (actor, now) = (Actor::system("demo"), UnixMillis::now());
    let template =
        json!({ "name": "Desk phone", "phone_name": "{model} {user_name}", "settings": { "talk_event": true } });
    directory.create::<DeviceTemplates>(read_draft(template)?, &actor, now).await?;
    let line = json!({ "name": "Line", "label": "{extension} {user_name}", "display": "{user_name}" });
    directory.create::<LineTemplates>(read_draft(line)?, &actor, now).await?;
    let profile = json!({
        "name": "Everybody",
        "is_default": true,
        "desk_template": "Desk phone",
        "line_template": "Line",
        "allow_provisioning": true,
    });
    directory.create::<UserProfiles>(read_draft(profile)?, &actor, now).await?;
    let mut users = Vec::with_capacity(USERS.len());
    for (user_id, name, extension) in USERS {
        let pin = new_pin();
        let new = json!({ "user_id": user_id, "name": name, "pin": pin, "primary_extension": extension });
        directory.create::<Users>(read_draft(new)?, &actor, now).await?;
        users.push(DemoUser {
            user_id: user_id.to_owned(),
            name: name.to_owned(),
            self_service_id: extension.to_owned(),
            pin,
            extension: extension.to_owned(),
        });
    }
    Ok(users)
}

/// Four digits that are not trivial.
fn new_pin() -> String {
    loop {
        let pin = format!("{:04}", rand::rng().random_range(0..10_000));
        if CredentialPolicy::default().check_pin(&pin.clone().into(), &[]).is_ok() {
            return pin;
        }
    }
}
