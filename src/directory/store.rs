//! The directory's SQL.

use std::str::FromStr;

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Row, SqliteExecutor};

use super::{
    Account, CredentialHash, DeviceTemplate, DirectoryError, Event, Line, LineTemplate, NewProfile, Phone, Role,
    Sealer, TokenHash, User, UserProfile,
};
use crate::sip::Transport;
use crate::vocab::{PhoneId, UnixMillis, UserId};

/// Reads a stored word back.
fn word<T: FromStr>(what: &'static str, text: String) -> Result<T, DirectoryError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|fault: T::Err| DirectoryError::Unreadable { what, fault: fault.to_string() })
}

fn optional<T: FromStr>(what: &'static str, text: Option<String>) -> Result<Option<T>, DirectoryError>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| word(what, text)).transpose()
}

fn transport(row: &SqliteRow) -> Result<Transport, DirectoryError> {
    let text: String = row.try_get("transport")?;
    Transport::from_param(&text).ok_or(DirectoryError::Unreadable { what: "transport", fault: text })
}

/// A unique column that is taken, as the API names it.
fn taken(error: sqlx::Error, field: &'static str, value: &str) -> DirectoryError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => DirectoryError::Taken { field, value: value.to_owned() },
        _ => error.into(),
    }
}

const PHONE: &str = "SELECT phones.*, leases.number AS temporary_number FROM phones \
    LEFT JOIN leases ON leases.phone = phones.id AND leases.cooling_until IS NULL";

fn phone(row: &SqliteRow, lines: Vec<Line>) -> Result<Phone, DirectoryError> {
    Ok(Phone {
        id: word("phone", row.try_get("id")?)?,
        state: row.try_get::<String, _>("state")?.parse()?,
        mac: optional("MAC address", row.try_get("mac")?)?,
        vendor: row.try_get("vendor")?,
        model: row.try_get("model")?,
        name: row.try_get("name")?,
        user: optional("user", row.try_get("user")?)?,
        auth_name: row.try_get("auth_name")?,
        is_managed: row.try_get::<Option<String>, _>("sealed_secret")?.is_some(),
        transport: transport(row)?,
        temporary_number: optional("temporary number", row.try_get("temporary_number")?)?,
        lines,
        device_template: row.try_get("device_template")?,
        source: word("address", row.try_get("source")?)?,
        created_at: UnixMillis::new(row.try_get("created_at")?),
        seen_at: UnixMillis::new(row.try_get("seen_at")?),
    })
}

async fn lines(db: impl SqliteExecutor<'_>, phone: PhoneId) -> Result<Vec<Line>, DirectoryError> {
    let rows = sqlx::query("SELECT number, label, display FROM lines WHERE phone = $1 ORDER BY position")
        .bind(phone.to_string())
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Line {
                number: word("line number", row.try_get("number")?)?,
                label: row.try_get("label")?,
                display: row.try_get("display")?,
            })
        })
        .collect()
}

/// One phone with its lines.
pub async fn load_phone(db: &mut SqliteConnection, id: PhoneId) -> Result<Option<Phone>, DirectoryError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{PHONE} WHERE phones.id = $1")))
        .bind(id.to_string())
        .fetch_optional(&mut *db)
        .await?;
    match row {
        Some(row) => Ok(Some(phone(&row, lines(&mut *db, id).await?)?)),
        None => Ok(None),
    }
}

/// Every phone, newest first.
pub(super) async fn phones(db: &SqlitePool) -> Result<Vec<Phone>, DirectoryError> {
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(format!("{PHONE} ORDER BY phones.created_at DESC"))).fetch_all(db).await?;
    let mut phones = Vec::with_capacity(rows.len());
    for row in &rows {
        let id = word("phone", row.try_get("id")?)?;
        phones.push(phone(row, lines(db, id).await?)?);
    }
    Ok(phones)
}

/// Puts a number on a key of a phone.
pub async fn insert_line(
    db: &mut SqliteConnection,
    phone: PhoneId,
    position: u8,
    line: &Line,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO lines (phone, position, number, label, display) VALUES ($1, $2, $3, $4, $5)")
        .bind(phone.to_string())
        .bind(i64::from(position))
        .bind(line.number.as_str())
        .bind(&line.label)
        .bind(&line.display)
        .execute(db)
        .await?;
    Ok(())
}

/// What a phone authenticates with and the numbers it may register.
pub(super) async fn accounts(
    db: &SqlitePool,
    sealer: &Sealer,
    only: Option<PhoneId>,
) -> Result<Vec<Account>, DirectoryError> {
    let rows = sqlx::query(
        "SELECT phones.id, state, auth_name, sealed_secret, sealed_old_secret, algorithms, source, \
                leases.number AS temporary_number, \
                (SELECT group_concat(number) FROM lines WHERE phone = phones.id) AS numbers \
         FROM phones LEFT JOIN leases ON leases.phone = phones.id \
         WHERE state <> 'released' AND ($1 IS NULL OR phones.id = $1)",
    )
    .bind(only.map(|id| id.to_string()))
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| account(row, sealer)).collect()
}

fn account(row: &SqliteRow, sealer: &Sealer) -> Result<Account, DirectoryError> {
    let open = |sealed: Option<String>| sealed.map(|sealed| sealer.open(&sealed)).transpose();
    let numbers: Option<String> = row.try_get("numbers")?;
    let algorithms: String = row.try_get("algorithms")?;
    Ok(Account {
        phone: word("phone", row.try_get("id")?)?,
        state: row.try_get::<String, _>("state")?.parse()?,
        auth_name: row.try_get("auth_name")?,
        secret: open(row.try_get("sealed_secret")?)?,
        old_secret: open(row.try_get("sealed_old_secret")?)?,
        algorithms: algorithms.split(',').map(|name| name.trim().to_owned()).collect(),
        lines: numbers
            .iter()
            .flat_map(|numbers| numbers.split(','))
            .map(|number| word("line number", number.to_owned()))
            .collect::<Result<_, _>>()?,
        temporary_number: optional("temporary number", row.try_get("temporary_number")?)?,
        source: word("address", row.try_get("source")?)?,
    })
}

/// The sealed secret a phone will be given next becomes its own; the one before stays good until it has fetched the new one.
pub async fn next_phone_secret(db: &mut SqliteConnection, phone: PhoneId, sealed: &str) -> Result<(), DirectoryError> {
    sqlx::query("UPDATE phones SET sealed_old_secret = sealed_secret, sealed_secret = $2 WHERE id = $1")
        .bind(phone.to_string())
        .bind(sealed)
        .execute(db)
        .await?;
    Ok(())
}

const USER: &str = "SELECT users.*, user_profiles.name AS profile_name FROM users \
    LEFT JOIN user_profiles ON user_profiles.id = users.profile";

fn user(row: &SqliteRow) -> Result<User, DirectoryError> {
    Ok(User {
        id: word("user", row.try_get("id")?)?,
        user_id: row.try_get("user_id")?,
        self_service_id: word("self-service ID", row.try_get("self_service_id")?)?,
        name: row.try_get("name")?,
        locale: optional("language", row.try_get("locale")?)?,
        primary_extension: optional("primary extension", row.try_get("primary_extension")?)?,
        profile: row.try_get("profile_name")?,
    })
}

/// Every user, by user ID.
pub(super) async fn users(db: &SqlitePool) -> Result<Vec<User>, DirectoryError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{USER} ORDER BY user_id"))).fetch_all(db).await?;
    rows.iter().map(user).collect()
}

/// One user and the hash of their PIN, found by one of the columns that name a user.
pub(super) async fn user_by(
    db: &mut SqliteConnection,
    column: UserColumn,
    value: &str,
) -> Result<Option<(User, Option<CredentialHash>)>, DirectoryError> {
    let statement = format!("{USER} WHERE users.{} = $1", column.name());
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(value).fetch_optional(db).await?;
    row.map(|row| {
        let hash: Option<String> = row.try_get("pin_hash")?;
        Ok((user(&row)?, hash.map(CredentialHash::from_stored)))
    })
    .transpose()
}

/// The columns that name a user.
#[derive(Clone, Copy)]
pub(super) enum UserColumn {
    Id,
    SelfServiceId,
}

impl UserColumn {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::SelfServiceId => "self_service_id",
        }
    }
}

/// Adds a user.
pub(super) async fn insert_user(
    db: &mut SqliteConnection,
    user: &User,
    pin: Option<&CredentialHash>,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let profile = match &user.profile {
        Some(name) => Some(named(db, "user_profiles", "profile", name).await?),
        None => None,
    };
    sqlx::query(
        "INSERT INTO users (id, user_id, self_service_id, name, locale, pin_hash, primary_extension, profile, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(user.id.to_string())
    .bind(&user.user_id)
    .bind(user.self_service_id.as_str())
    .bind(&user.name)
    .bind(user.locale.as_ref().map(ToString::to_string))
    .bind(pin.map(CredentialHash::as_stored))
    .bind(user.primary_extension.as_ref().map(|number| number.as_str()))
    .bind(profile)
    .bind(now.get())
    .execute(db)
    .await
    .map_err(|error| {
        let is_id = error.as_database_error().is_some_and(|error| error.message().contains("self_service_id"));
        match is_id {
            true => taken(error, "self_service_id", user.self_service_id.as_str()),
            false => taken(error, "user_id", &user.user_id),
        }
    })?;
    Ok(())
}

/// The record of something known by its name.
async fn named(
    db: &mut SqliteConnection,
    table: &'static str,
    field: &'static str,
    name: &str,
) -> Result<String, DirectoryError> {
    let statement = format!("SELECT id FROM {table} WHERE name = $1");
    let id = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).bind(name).fetch_optional(db).await?;
    id.ok_or_else(|| DirectoryError::Refused {
        field,
        fault: format!("there is none named \"{name}\""),
        remedy: "create it first, or name one that exists",
    })
}

const PROFILE: &str = "SELECT user_profiles.*, device_templates.name AS desk_name, line_templates.name AS line_name \
    FROM user_profiles LEFT JOIN device_templates ON device_templates.id = desk_template \
    LEFT JOIN line_templates ON line_templates.id = line_template";

fn profile(row: &SqliteRow) -> Result<UserProfile, DirectoryError> {
    Ok(UserProfile {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        is_default: row.try_get("is_default")?,
        desk_template: row.try_get("desk_name")?,
        line_template: row.try_get("line_name")?,
        allow_provisioning: row.try_get("allow_provisioning")?,
        device_limit: u8::try_from(row.try_get::<i64, _>("device_limit")?).unwrap_or(0),
    })
}

/// Every profile, by name.
pub(super) async fn profiles(db: &SqlitePool) -> Result<Vec<UserProfile>, DirectoryError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{PROFILE} ORDER BY user_profiles.name"))).fetch_all(db).await?;
    rows.iter().map(profile).collect()
}

/// The profile that applies to a user: their own, or the system's default.
pub(super) async fn profile_of(db: &mut SqliteConnection, user: UserId) -> Result<Option<UserProfile>, DirectoryError> {
    let statement = format!(
        "{PROFILE} WHERE user_profiles.id = (SELECT profile FROM users WHERE id = $1) OR is_default = 1 \
         ORDER BY user_profiles.id = (SELECT profile FROM users WHERE id = $1) DESC LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(user.to_string()).fetch_optional(db).await?;
    row.as_ref().map(profile).transpose()
}

/// Adds a profile; a new system default takes the place of the old one.
pub(super) async fn insert_profile(
    db: &mut SqliteConnection,
    id: &str,
    profile: &NewProfile,
) -> Result<(), DirectoryError> {
    let desk = match &profile.desk_template {
        Some(name) => Some(named(db, "device_templates", "desk_template", name).await?),
        None => None,
    };
    let line = match &profile.line_template {
        Some(name) => Some(named(db, "line_templates", "line_template", name).await?),
        None => None,
    };
    if profile.is_default {
        sqlx::query("UPDATE user_profiles SET is_default = 0").execute(&mut *db).await?;
    }
    sqlx::query(
        "INSERT INTO user_profiles \
         (id, name, description, is_default, desk_template, line_template, allow_provisioning, device_limit) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(&profile.name)
    .bind(&profile.description)
    .bind(profile.is_default)
    .bind(desk)
    .bind(line)
    .bind(profile.allow_provisioning)
    .bind(i64::from(profile.device_limit))
    .execute(db)
    .await
    .map_err(|error| taken(error, "name", &profile.name))?;
    Ok(())
}

/// Adds a universal device template.
pub(super) async fn insert_device_template(
    db: &mut SqliteConnection,
    id: &str,
    template: &DeviceTemplate,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO device_templates (id, name, description, phone_name, transport, settings) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(&template.name)
    .bind(&template.description)
    .bind(&template.phone_name)
    .bind(template.transport.as_param())
    .bind(serde_json::Value::Object(template.settings.clone()).to_string())
    .execute(db)
    .await
    .map_err(|error| taken(error, "name", &template.name))?;
    Ok(())
}

/// Adds a universal line template.
pub(super) async fn insert_line_template(
    db: &mut SqliteConnection,
    id: &str,
    template: &LineTemplate,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO line_templates (id, name, description, label, display) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(&template.name)
        .bind(&template.description)
        .bind(&template.label)
        .bind(&template.display)
        .execute(db)
        .await
        .map_err(|error| taken(error, "name", &template.name))?;
    Ok(())
}

/// A device template and its record, by name or by record.
pub(super) async fn device_template(
    db: &mut SqliteConnection,
    name_or_id: &str,
) -> Result<Option<(String, DeviceTemplate)>, DirectoryError> {
    let row = sqlx::query("SELECT * FROM device_templates WHERE name = $1 OR id = $1")
        .bind(name_or_id)
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        let settings: String = row.try_get("settings")?;
        let settings = serde_json::from_str(&settings)
            .map_err(|fault| DirectoryError::Unreadable { what: "device template", fault: fault.to_string() })?;
        let template = DeviceTemplate {
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            phone_name: row.try_get("phone_name")?,
            transport: transport(&row)?,
            settings,
        };
        Ok((row.try_get("id")?, template))
    })
    .transpose()
}

/// A line template, by name.
pub(super) async fn line_template(
    db: &mut SqliteConnection,
    name: &str,
) -> Result<Option<LineTemplate>, DirectoryError> {
    let row = sqlx::query("SELECT * FROM line_templates WHERE name = $1").bind(name).fetch_optional(db).await?;
    row.map(|row| {
        Ok(LineTemplate {
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            label: row.try_get("label")?,
            display: row.try_get("display")?,
        })
    })
    .transpose()
}

/// How many phones a user has.
pub(super) async fn phones_of(db: &mut SqliteConnection, user: UserId) -> Result<i64, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM phones WHERE user = $1 AND state = 'enrolled'")
        .bind(user.to_string())
        .fetch_one(db)
        .await?)
}

/// Adds a token.
pub(super) async fn insert_token(
    db: &mut SqliteConnection,
    hash: &TokenHash,
    name: &str,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO tokens (hash, name, role, created_at) VALUES ($1, $2, 'administer', $3)")
        .bind(hash.as_str())
        .bind(name)
        .bind(now.get())
        .execute(db)
        .await?;
    Ok(())
}

/// What a token may do; `None` if there is no such token.
pub(super) async fn token_role(db: &SqlitePool, hash: &TokenHash) -> Result<Option<Role>, DirectoryError> {
    let role: Option<String> =
        sqlx::query_scalar("SELECT role FROM tokens WHERE hash = $1").bind(hash.as_str()).fetch_optional(db).await?;
    Ok(role.and_then(|role| role.parse().ok()))
}

/// How many tokens there are.
pub(super) async fn tokens(db: &SqlitePool) -> Result<i64, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM tokens").fetch_one(db).await?)
}

/// Notes a happening for operators.
pub async fn record_event(
    db: &mut SqliteConnection,
    now: UnixMillis,
    severity: &'static str,
    kind: &'static str,
    detail: &str,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO events (at, severity, kind, detail) VALUES ($1, $2, $3, $4)")
        .bind(now.get())
        .bind(severity)
        .bind(kind)
        .bind(detail)
        .execute(db)
        .await?;
    Ok(())
}

/// What operators should know of, the newest first, at most `most`.
pub(super) async fn events(db: &SqlitePool, most: u32) -> Result<Vec<Event>, DirectoryError> {
    let rows = sqlx::query("SELECT at, severity, kind, detail FROM events ORDER BY id DESC LIMIT $1")
        .bind(i64::from(most))
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Event {
                at: UnixMillis::new(row.try_get("at")?),
                severity: row.try_get("severity")?,
                kind: row.try_get("kind")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}
