//! The data folder, and what the first start makes in it.

use std::path::Path;

use serde_json::json;

use super::config::Config;
use super::data_lock::{DataLock, LockError};
use crate::cti::{SELF_PROVISIONING, SelfProvisioningDraft, SelfProvisioningKind};
use crate::db::{DatabaseUrl, Db, DbError};
use crate::directory::{
    Actor, ApplicationUsers, CredentialPolicy, CredentialPolicyKind, DeviceTemplates, Directory, DirectoryError,
    LineTemplates, Listed, RoutePoints, Sealer, read_draft,
};
use crate::registrar::{AutoRegistrationKind, AutoRegistrationSettings};
use crate::sites::{SitesKind, SitesSettings};
use crate::vocab::{Secret, UnixMillis};

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder or the key in it.
    #[error("cannot use the data folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Somebody else works in it.
    #[error("cannot use the data folder {folder}: {source}")]
    Lock {
        /// The folder.
        folder: String,
        /// Why not.
        source: LockError,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The directory in it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Opens the data folder: `secret.key`, which seals the phones' passwords in the database, and `tsunagu.db`, unless the
/// database is elsewhere. Makes what isn't there. Nobody else may work in the folder while the lock is held.
pub async fn open(folder: &Path, database: &DatabaseUrl) -> Result<(Directory, DataLock), DataError> {
    let unusable = |source| DataError::Folder { folder: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let lock =
        DataLock::take(folder).map_err(|source| DataError::Lock { folder: folder.display().to_string(), source })?;
    let key = folder.join("secret.key");
    let is_new = !key.exists();
    let sealer = Sealer::from_file(&key, rand::random()).map_err(unusable)?;
    let place = database.or_file(&folder.join("tsunagu.db"));
    let opened = match Db::open_at(&place).await {
        Ok(db) => Directory::open(db, sealer).await.map_err(DataError::from),
        Err(error) => Err(error.into()),
    };
    if opened.is_err() && is_new {
        // The key that belongs to the database is to be put here.
        let _ = std::fs::remove_file(&key);
    }
    Ok((opened?, lock))
}

/// On the first start: the settings administrators change from then on.
pub async fn settings(directory: &Directory, config: &Config) -> Result<(), DataError> {
    let (actor, now) = (Actor::system("first start"), UnixMillis::now());
    if !directory.has_settings::<CredentialPolicyKind>().await? {
        directory.create::<CredentialPolicyKind>(CredentialPolicy::default(), &actor, now).await?;
    }
    if !directory.has_settings::<AutoRegistrationKind>().await? {
        auto_registration(directory, &config.auto_registration).await?;
    }
    if !directory.has_settings::<SitesKind>().await? {
        directory.create::<SitesKind>(SitesSettings::default(), &actor, now).await?;
    }
    if !directory.has_settings::<SelfProvisioningKind>().await? {
        self_provisioning(directory, config).await?;
    }
    Ok(())
}

/// The settings of auto-registration. Where it is on, templates of the same name go with it (the note of seed 003 on upgrades):
/// phones that are let in are made from them, and profiles can name them.
async fn auto_registration(directory: &Directory, given: &AutoRegistrationSettings) -> Result<(), DataError> {
    let (actor, now) = (Actor::system("first start"), UnixMillis::now());
    let mut settings = given.clone();
    if given.enabled {
        let name = AutoRegistrationKind::TABLE.what;
        let device = json!({ "name": name, "phone_name": "{model} {user_name}" });
        let line = json!({ "name": name, "label": "{extension} {user_name}", "display": "{user_name}" });
        if directory.find::<DeviceTemplates>(name).await?.is_none() {
            directory.create::<DeviceTemplates>(read_draft(device)?, &actor, now).await?;
        }
        if directory.find::<LineTemplates>(name).await?.is_none() {
            directory.create::<LineTemplates>(read_draft(line)?, &actor, now).await?;
        }
        settings.device_template = Some(name.to_owned());
    }
    directory.create::<AutoRegistrationKind>(settings, &actor, now).await?;
    Ok(())
}

/// The settings of self-provisioning, with a route point and an application user it can run with.
async fn self_provisioning(directory: &Directory, config: &Config) -> Result<(), DataError> {
    let (actor, now) = (Actor::system("first start"), UnixMillis::now());
    let (given, route_point) = (&config.self_provisioning, &config.route_point);
    let password = hex::encode(rand::random::<[u8; 16]>());
    let user = json!({ "name": SELF_PROVISIONING, "cti_enabled": true, "password": password });
    directory.create::<ApplicationUsers>(read_draft(user)?, &actor, now).await?;
    let point = json!({
        "name": SELF_PROVISIONING,
        "numbers": route_point.numbers,
        "codecs": route_point.codecs,
        "calls": route_point.calls,
        "application_user": SELF_PROVISIONING,
    });
    directory.create::<RoutePoints>(read_draft(point)?, &actor, now).await?;
    let settings = json!({
        "active": given.active,
        "authentication": given.authentication,
        "route_point": SELF_PROVISIONING,
        "application_user": SELF_PROVISIONING,
        "ports": route_point.ports,
        "dialogue": config.dialogue,
    });
    let settings =
        SelfProvisioningDraft { authentication_code: given.authentication_code.clone(), ..read_draft(settings)? };
    directory.create::<SelfProvisioningKind>(settings, &actor, now).await?;
    Ok(())
}

/// On the first start: an administrator's token, to be shown once. Asked for when nothing can fail any more, or a start
/// that fails would take the token with it.
pub async fn token(directory: &Directory) -> Result<Option<Secret>, DataError> {
    match directory.has_tokens().await? {
        true => Ok(None),
        false => {
            let draft = read_draft(json!({ "name": "first administrator", "role": "administer" }))?;
            let (token, _) = directory.make_token(draft, &Actor::system("first start"), UnixMillis::now()).await?;
            Ok(Some(token))
        }
    }
}
