//! A server inside the test's own process: what it decides can be asked without a call, and at any time of day.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::json;
use tempfile::TempDir;
use tsunagu::app::{Config, Running, start};
use tsunagu::directory::{
    Actor, DeviceTemplates, Event, EventFilter, LARGEST_PAGE, Listed, Listing, Phone, Phones, UserProfiles, Users,
    read_draft,
};
use tsunagu::enrolment::{Claim, ClaimVerdict};
use tsunagu::vocab::{Language, PhoneId, Secret, UnixMillis};

use crate::support::http;
use crate::support::postgres::{self, Postgres};

/// The PIN of every user.
pub const PIN: &str = "284613";
/// Users: 1001 and up.
const USERS: u16 = 20;

/// A running server with users 1001 to 1020, who may have three phones each.
pub struct House {
    /// The server.
    pub running: Running,
    database: String,
    folder: TempDir,
}

impl House {
    /// Opens one with these settings (TOML).
    pub async fn open(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = if postgres::is_wanted() { Postgres::shared().database() } else { String::new() };
        let running = start(config(&database, settings), folder.path()).await.unwrap();
        let house = Self { running, database, folder };
        house.fill().await;
        house
    }

    /// Stops the server and starts it again with other settings.
    pub async fn reopen(self, settings: &str) -> Self {
        let Self { running, database, folder } = self;
        running.drain().await;
        Self { running: start(config(&database, settings), folder.path()).await.unwrap(), database, folder }
    }

    /// Its data folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    async fn fill(&self) {
        let (directory, actor, now) = (&self.running.directory, Actor::system("test"), UnixMillis::now());
        let template = json!({ "name": "Desk phone", "phone_name": "{model} {user_name}" });
        directory.create::<DeviceTemplates>(read_draft(template).unwrap(), &actor, now).await.unwrap();
        let profile = json!({
            "name": "Everybody",
            "is_default": true,
            "desk_template": "Desk phone",
            "allow_provisioning": true,
            "device_limit": 3,
        });
        directory.create::<UserProfiles>(read_draft(profile).unwrap(), &actor, now).await.unwrap();
        for number in 1001..=1000 + USERS {
            let extension = number.to_string();
            let user = json!({ "user_id": format!("user{number}"), "pin": PIN, "primary_extension": extension });
            directory.create::<Users>(read_draft(user).unwrap(), &actor, now).await.unwrap();
        }
    }

    /// Lets no new phone in from now on.
    pub async fn shut(&self) {
        let (shut, actor) = (json!({ "enabled": false }), Actor::system("test"));
        self.running.registrar.auto_registration().change(&shut, None, &actor, UnixMillis::now()).await.unwrap();
    }

    /// The first configuration of the AudioCodes phone with these last octets of its hardware address, as the door gives it.
    pub fn first_file(&self, number: u16) -> String {
        let answer = self.ask_door(&mac(number));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// What the door answers to a 420HD that asks by its hardware address.
    pub fn ask_door(&self, mac: &str) -> http::Answer {
        let url = format!("http://{}/{mac}.cfg", self.running.handset);
        http::get(&url, &[("User-Agent", &agent(mac))]).unwrap()
    }

    /// Every phone, newest first.
    pub async fn phones(&self) -> Vec<Phone> {
        let mut phones = Vec::new();
        let mut query = vec![("limit".to_owned(), LARGEST_PAGE.to_string())];
        loop {
            let listing = Listing::parse(Phones::TABLE, &query).unwrap();
            let page = self.running.directory.phones(&listing).await.unwrap();
            phones.extend(page.items);
            let Some(cursor) = page.next else { return phones };
            query.truncate(1);
            query.push(("cursor".to_owned(), cursor));
        }
    }

    /// The phone that authenticates as this.
    pub async fn phone_named(&self, auth_name: &str) -> PhoneId {
        let query = [("auth_name".to_owned(), auth_name.to_owned())];
        let listing = Listing::parse(Phones::TABLE, &query).unwrap();
        self.running.directory.phones(&listing).await.unwrap().items[0].id
    }

    /// A new phone in quarantine.
    pub async fn new_phone(&self, number: u16) -> PhoneId {
        let file = self.first_file(number);
        self.phone_named(&parameter(&file, "voip/line/0/auth_name").unwrap()).await
    }

    /// Claims a phone at a time of day.
    pub async fn claim(&self, phone: PhoneId, id: &str, pin: &str, now: UnixMillis) -> ClaimVerdict {
        self.claim_choosing(phone, id, pin, None, now).await
    }

    /// The same by somebody who has chosen a new PIN.
    pub async fn claim_choosing(
        &self,
        phone: PhoneId,
        id: &str,
        pin: &str,
        new_pin: Option<&str>,
        now: UnixMillis,
    ) -> ClaimVerdict {
        let claim = Claim {
            phone,
            id: id.parse().unwrap(),
            credential: Some(Secret::from(pin.to_owned())),
            new_pin: new_pin.map(|pin| Secret::from(pin.to_owned())),
            proof: self.running.service.service().proof.clone(),
            language: Language::ENGLISH,
            deadline: Instant::now() + Duration::from_secs(60),
        };
        self.running.enrolments.claim(&claim, now).await.unwrap()
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        self.running.token.as_ref().map(|token| token.expose_secret().to_owned()).unwrap()
    }

    /// The events there were, the oldest first.
    pub async fn events(&self) -> Vec<Event> {
        self.running.directory.feed().settle().await;
        let page = self.running.directory.events_after(0, &EventFilter::default(), 10_000).await.unwrap();
        page.events.into_iter().map(|(_, event)| event).collect()
    }

    /// Their types.
    pub async fn event_types(&self) -> Vec<String> {
        let name = |event: &Event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned();
        self.events().await.iter().map(name).collect()
    }

    /// A figure of `/metrics`, all its labels summed up. Every house of one process has the same.
    pub fn figure(&self, name: &str) -> f64 {
        http::figure(&self.admin_get("/metrics").body, name)
    }

    /// GET at the administrators' door.
    pub fn admin_get(&self, path: &str) -> http::Answer {
        let bearer = self.running.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()));
        let bearer = bearer.unwrap_or_default();
        http::get(&format!("http://{}{path}", self.running.admin), &[("Authorization", &bearer)]).unwrap()
    }

    /// Stops it.
    pub async fn close(self) {
        self.running.drain().await;
    }
}

fn config(database: &str, settings: &str) -> Config {
    let usual = "[listen]\nsip_udp = [\"127.0.0.1:0\"]\nsip_tcp = []\nhandset = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
                 [limits]\ndrain_seconds = 0\n";
    Config::parse(&format!("database.url = \"{database}\"\n{usual}{settings}")).unwrap()
}

/// An AudioCodes hardware address.
pub fn mac(number: u16) -> String {
    format!("00908f20{number:04x}")
}

/// What a 420HD with this hardware address says it is.
pub fn agent(mac: &str) -> String {
    format!("AUDC-IPPhone/2.2.8.61 (420HD; {})", mac.to_uppercase())
}

/// A parameter of an AudioCodes configuration.
pub fn parameter(file: &str, name: &str) -> Option<String> {
    file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(|value| value.trim().to_owned())
}
