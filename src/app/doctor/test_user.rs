//! The reserved user a virtual phone is set up for, and taking away all that came of it: phones, user, number.
//!
//! Every name is chosen before anything is made, so that what there may be is known whatever happens in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{ask, read};
use crate::app::client::Members;
use crate::app::client::{Client, CommandFault, Method, Request, path};
use crate::directory::CredentialPolicy;
use crate::vocab::{MacAddress, Secret, UnixMillis};

/// What the names of reserved users begin with.
const RESERVED: &str = "tsunagu-doctor-";
/// After how long a reserved user is one that a doctor could not take away. No examination takes as long.
const ABANDONED: Duration = Duration::from_secs(15 * 60);
/// The most digits of a PIN.
const LONGEST_PIN: usize = 20;
/// Times something is taken away again that came back meanwhile.
const ROUNDS: usize = 3;

/// A user nobody is.
pub struct TestUser {
    client: Client,
    /// The name it would log in with.
    pub user_id: String,
    /// The phone's hardware address: of a make that fetches its configuration.
    pub mac: MacAddress,
    /// Random digits, as many as a PIN may have.
    digits: Secret,
    number: Mutex<Option<String>>,
    /// Nothing was asked of the server before this is true.
    is_begun: AtomicBool,
    /// Held while something is being made: what is under way must end before it can be taken away.
    making: Arc<Mutex<()>>,
}

impl TestUser {
    /// Chooses names.
    pub fn new(client: Client) -> Self {
        let mark: [u8; 3] = rand::random();
        let [a, b, c] = mark;
        // What begins so is never trivial, however long.
        let begin = loop {
            let pin = format!("{:04}", rand::rng().random_range(0..10_000));
            if CredentialPolicy::default().check_pin(&Secret::from(pin.clone()), &[]).is_ok() {
                break pin;
            }
        };
        let rest: String = (begin.len()..LONGEST_PIN).map(|_| rand::rng().random_range('0'..='9')).collect();
        Self {
            client,
            user_id: format!("{RESERVED}{}", hex::encode(mark)),
            mac: MacAddress::from([0x00, 0x90, 0x8f, a, b, c]),
            digits: Secret::from(begin + &rest),
            number: Mutex::default(),
            is_begun: AtomicBool::new(false),
            making: Arc::default(),
        }
    }

    /// Its PIN, of that many digits.
    pub fn pin(&self, digits: usize) -> Secret {
        Secret::from(self.digits.expose_secret().chars().take(digits).collect::<String>())
    }

    /// Makes it, with this PIN and a number of `digits` digits that is nobody's; gives the number. `None` if none was found.
    pub async fn make(&self, digits: usize, pin: &Secret, profile: &str) -> Result<Option<String>, CommandFault> {
        for _ in 0..16 {
            let number = format!("9{}", (1..digits).map(|_| rand::rng().random_range('0'..='9')).collect::<String>());
            if read(&self.client, path(["directory-numbers", number.as_str()]), &[]).await.is_ok() {
                continue;
            }
            *self.number.lock().unwrap_or_else(PoisonError::into_inner) = Some(number.clone());
            let user = json!({
                "user_id": self.user_id,
                "name": "Tsunagu doctor",
                "primary_extension": number,
                "self_service_id": number,
                "pin": pin.expose_secret(),
                "profile": profile,
            });
            self.is_begun.store(true, Ordering::SeqCst);
            let (client, making) = (self.client.clone(), self.making.clone());
            let made = tokio::task::spawn_blocking(move || {
                let _making = making.lock().unwrap_or_else(PoisonError::into_inner);
                client.ask(&Request::new(Method::Post, path(["users"])).with_json(&user))
            });
            return match made.await {
                Ok(Err(fault)) => Err(fault),
                _ => Ok(Some(number)),
            };
        }
        Ok(None)
    }

    /// Takes away what came of it. An error names what is still there, and why.
    pub async fn remove(&self) -> Result<(), (String, CommandFault)> {
        if !self.is_begun.load(Ordering::SeqCst) {
            return Ok(());
        }
        let making = self.making.clone();
        let _ = tokio::task::spawn_blocking(move || drop(making.lock().unwrap_or_else(PoisonError::into_inner))).await;
        let number = self.number.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mac = self.mac.to_string();
        let removed = remove(&self.client, &self.user_id, number.as_deref(), Some(&mac)).await;
        removed.map_err(|fault| (format!("{}, {mac}", self.user_id), fault))
    }
}

/// Takes away what a doctor has left that was killed. Gives how many users that were.
pub async fn remove_abandoned(client: &Client) -> Result<usize, CommandFault> {
    let begins = format!("{RESERVED}*");
    let users = read(client, path(["users"]), &[("user_id", &begins), ("limit", "1000")]).await?;
    let mut removed = 0;
    for user in users.at("items").as_array().into_iter().flatten() {
        let made: Option<UnixMillis> = user.at("created_at").as_str().and_then(|made| made.parse().ok());
        let is_abandoned = made.is_some_and(|made| UnixMillis::now().since(made) > ABANDONED);
        if let (true, Some(user_id)) = (is_abandoned, user.at("user_id").as_str()) {
            let mac = user_id.strip_prefix(RESERVED).map(|mark| format!("00908f{mark}"));
            remove(client, user_id, user.at("primary_extension").as_str(), mac.as_deref()).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Phones first, since a user with phones can't be deleted; then the user, then the number, which is the user's until then.
async fn remove(client: &Client, user_id: &str, number: Option<&str>, mac: Option<&str>) -> Result<(), CommandFault> {
    for round in 1.. {
        if let Some(mac) = mac {
            release(client, "mac", mac).await?;
        }
        release(client, "user", user_id).await?;
        match delete(client, path(["users", user_id])).await {
            // A phone became the user's meanwhile.
            Err(CommandFault::Refused(409, _)) if round < ROUNDS => {}
            Err(fault) => return Err(fault),
            Ok(()) => break,
        }
    }
    match number {
        Some(number) => delete(client, path(["directory-numbers", number])).await,
        None => Ok(()),
    }
}

async fn release(client: &Client, field: &str, value: &str) -> Result<(), CommandFault> {
    let phones = match read(client, path(["phones"]), &[(field, value), ("limit", "1000")]).await {
        // A list filtered by a user who is not there any more.
        Err(CommandFault::Refused(400 | 404 | 422, _)) => Value::Null,
        phones => phones?,
    };
    for phone in phones.at("items").as_array().into_iter().flatten().filter(|phone| phone.at("state") != "released") {
        let id = phone.at("id").as_str().unwrap_or_default();
        absent_is_well(ask(client, Request::new(Method::Post, path(["phones", id, "release"]))).await)?;
    }
    Ok(())
}

async fn delete(client: &Client, place: String) -> Result<(), CommandFault> {
    absent_is_well(ask(client, Request::new(Method::Delete, place)).await)
}

fn absent_is_well<T>(asked: Result<T, CommandFault>) -> Result<(), CommandFault> {
    match asked {
        Ok(_) | Err(CommandFault::Refused(404, _)) => Ok(()),
        Err(fault) => Err(fault),
    }
}
