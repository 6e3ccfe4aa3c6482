//! The directory as other rooms ask it.

use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Semaphore;

use super::hashing;
use super::store::{self, UserColumn};
use super::{
    Accounts, CredentialHash, DeviceTemplate, DirectoryError, Event, LineTemplate, NewProfile, NewUser, Phone, Role,
    Sealer, TokenHash, User, UserProfile,
};
use crate::db::{Db, DbError};
use crate::vocab::{PhoneId, Secret, SelfServiceId, UnixMillis, UserId};

/// Fewest and most digits of a PIN.
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=20;
/// Longest name of anything, in characters.
const LONGEST_NAME: usize = 128;

/// The directory.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    sealer: Sealer,
    accounts: Accounts,
}

impl Directory {
    /// Reads the accounts into memory.
    pub async fn open(db: Db, sealer: Sealer) -> Result<Self, DirectoryError> {
        let accounts = Accounts::default();
        for account in store::accounts(db.reader(), &sealer, None).await? {
            accounts.put(account);
        }
        Ok(Self { db, sealer, accounts })
    }

    /// The database under it.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What phones authenticate with.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Seals secrets for storage.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Reads a phone's account again after its record changed.
    pub async fn refresh_account(&self, phone: PhoneId) -> Result<(), DirectoryError> {
        match store::accounts(self.db.reader(), &self.sealer, Some(phone)).await?.pop() {
            Some(account) => self.accounts.put(account),
            None => self.accounts.remove(phone),
        }
        Ok(())
    }

    /// Every phone, newest first.
    pub async fn phones(&self) -> Result<Vec<Phone>, DirectoryError> {
        store::phones(self.db.reader()).await
    }

    /// One phone.
    pub async fn phone(&self, id: PhoneId) -> Result<Option<Phone>, DirectoryError> {
        let mut connection = self.db.reader().acquire().await?;
        store::load_phone(&mut connection, id).await
    }

    /// Every user, by user ID.
    pub async fn users(&self) -> Result<Vec<User>, DirectoryError> {
        store::users(self.db.reader()).await
    }

    /// Adds a user; the PIN is hashed and forgotten.
    pub async fn add_user(&self, new: NewUser, now: UnixMillis) -> Result<User, DirectoryError> {
        let (user, pin) = checked_user(new, now)?;
        let hash = match pin {
            Some(pin) => Some(hash(pin).await?),
            None => None,
        };
        let mut transaction = self.db.write().await?;
        store::insert_user(&mut transaction, &user, hash.as_ref(), now).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// The user with this self-service ID, and the hash of their PIN.
    pub async fn user_by_self_service_id(
        &self,
        id: &SelfServiceId,
    ) -> Result<Option<(User, Option<CredentialHash>)>, DirectoryError> {
        let mut connection = self.db.reader().acquire().await?;
        store::user_by(&mut connection, UserColumn::SelfServiceId, id.as_str()).await
    }

    /// Every profile, by name.
    pub async fn profiles(&self) -> Result<Vec<UserProfile>, DirectoryError> {
        store::profiles(self.db.reader()).await
    }

    /// What operators should know of, the newest first, at most `most`.
    pub async fn events(&self, most: u32) -> Result<Vec<Event>, DirectoryError> {
        store::events(self.db.reader(), most).await
    }

    /// Adds a profile.
    pub async fn add_profile(&self, profile: &NewProfile) -> Result<(), DirectoryError> {
        check_name("name", &profile.name)?;
        if profile.device_limit > 20 {
            return Err(DirectoryError::Refused {
                field: "device_limit",
                fault: format!("{} is more than 20", profile.device_limit),
                remedy: "give a number from 0 to 20",
            });
        }
        let mut transaction = self.db.write().await?;
        store::insert_profile(&mut transaction, &record(), profile).await?;
        Ok(transaction.commit().await?)
    }

    /// Adds a universal device template.
    pub async fn add_device_template(&self, template: &DeviceTemplate) -> Result<(), DirectoryError> {
        check_name("name", &template.name)?;
        let mut transaction = self.db.write().await?;
        store::insert_device_template(&mut transaction, &record(), template).await?;
        Ok(transaction.commit().await?)
    }

    /// Adds a universal line template.
    pub async fn add_line_template(&self, template: &LineTemplate) -> Result<(), DirectoryError> {
        check_name("name", &template.name)?;
        let mut transaction = self.db.write().await?;
        store::insert_line_template(&mut transaction, &record(), template).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes a token that may do everything and returns it: it is not shown again.
    pub async fn make_token(&self, name: &str, now: UnixMillis) -> Result<Secret, DirectoryError> {
        let token = Secret::from(format!("tsu_{}", hex::encode(rand::random::<[u8; 32]>())));
        let mut transaction = self.db.write().await?;
        store::insert_token(&mut transaction, &TokenHash::of(&token), name, now).await?;
        transaction.commit().await?;
        Ok(token)
    }

    /// True if a token was ever made.
    pub async fn has_tokens(&self) -> Result<bool, DirectoryError> {
        Ok(store::tokens(self.db.reader()).await? > 0)
    }

    /// What the bearer of `token` may do.
    pub async fn role_of(&self, token: &Secret) -> Result<Option<Role>, DirectoryError> {
        store::token_role(self.db.reader(), &TokenHash::of(token)).await
    }
}

/// Questions asked inside somebody else's transaction.
impl Directory {
    /// One user.
    pub async fn user_in(db: &mut SqliteConnection, id: UserId) -> Result<Option<User>, DirectoryError> {
        Ok(store::user_by(db, UserColumn::Id, &id.to_string()).await?.map(|(user, _)| user))
    }

    /// The profile that applies to a user.
    pub async fn profile_in(db: &mut SqliteConnection, user: UserId) -> Result<Option<UserProfile>, DirectoryError> {
        store::profile_of(db, user).await
    }

    /// A device template and its record, by name or record.
    pub async fn device_template_in(
        db: &mut SqliteConnection,
        name_or_id: &str,
    ) -> Result<Option<(String, DeviceTemplate)>, DirectoryError> {
        store::device_template(db, name_or_id).await
    }

    /// A line template, by name.
    pub async fn line_template_in(
        db: &mut SqliteConnection,
        name: &str,
    ) -> Result<Option<LineTemplate>, DirectoryError> {
        store::line_template(db, name).await
    }

    /// How many phones a user has.
    pub async fn phones_of_in(db: &mut SqliteConnection, user: UserId) -> Result<usize, DirectoryError> {
        Ok(usize::try_from(store::phones_of(db, user).await?).unwrap_or(usize::MAX))
    }
}

fn checked_user(new: NewUser, now: UnixMillis) -> Result<(User, Option<Secret>), DirectoryError> {
    check_name("user_id", &new.user_id)?;
    if let Some(name) = &new.name {
        check_name("name", name)?;
    }
    if let Some(pin) = &new.pin {
        let digits = pin.expose_secret();
        if !PIN_DIGITS.contains(&digits.len()) || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(DirectoryError::Refused {
                field: "pin",
                fault: "it is not 4 to 20 digits".to_owned(),
                remedy: "use the digits 0-9 only",
            });
        }
    }
    let self_service_id = match (new.self_service_id, &new.primary_extension) {
        (Some(id), _) => id,
        (None, Some(extension)) => extension.as_str().parse().map_err(|_| missing_self_service_id())?,
        (None, None) => return Err(missing_self_service_id()),
    };
    let user = User {
        id: UserId::new(now, rand::random()),
        name: new.name.unwrap_or_else(|| new.user_id.clone()),
        user_id: new.user_id,
        self_service_id,
        locale: new.locale,
        primary_extension: new.primary_extension,
        profile: new.profile,
    };
    Ok((user, new.pin))
}

fn missing_self_service_id() -> DirectoryError {
    DirectoryError::Refused {
        field: "self_service_id",
        fault: "it is missing and can't be made from the primary extension".to_owned(),
        remedy: "give 1 to 20 digits",
    }
}

fn check_name(field: &'static str, name: &str) -> Result<(), DirectoryError> {
    let fault = match name {
        name if name.trim().is_empty() => "it is empty".to_owned(),
        name if name.chars().count() > LONGEST_NAME => format!("it is longer than {LONGEST_NAME} characters"),
        name if name.chars().any(char::is_control) => "it has control characters".to_owned(),
        _ => return Ok(()),
    };
    Err(DirectoryError::Refused { field, fault, remedy: "give 1 to 128 printable characters" })
}

/// Hashing takes 20 ms of a core: not on the threads that serve calls, and no thread waits for memory to hash in.
async fn hash(secret: Secret) -> Result<CredentialHash, DirectoryError> {
    static TURNS: Semaphore = Semaphore::const_new(hashing::AT_ONCE);
    let _turn = TURNS.acquire().await;
    let salt = rand::random();
    match tokio::task::spawn_blocking(move || CredentialHash::of(&secret, &salt)).await {
        Ok(hash) => hash,
        Err(_) => Err(DbError::Statement(sqlx::Error::WorkerCrashed).into()),
    }
}

fn record() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
