//! A new user with everything they need, in one step and one transaction: profile, extension, PIN, and if wanted a phone
//! that only they may claim.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::{Kind, Written};
use super::kinds::{
    FeatureGroupTemplates, NumberPool, NumberPools, PhoneReservation, PhoneReservations, Recorded, UserDraft,
    UserFields, UserStatus, Users,
};
use super::{Actor, Directory, DirectoryError, as_record};
use crate::db::DbConnection;
use crate::vocab::{DirectoryNumber, MacAddress, Name, RecordId, Secret, SelfServiceId, UnixMillis};

/// How often another number is taken because somebody was faster.
const TRIES: usize = 5;

/// What is given of a new user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuickAdd {
    /// The name they log in with; unique.
    pub user_id: Name,
    /// Their given name.
    #[serde(default)]
    pub given_name: String,
    /// Their family name.
    #[serde(default)]
    pub family_name: String,
    /// Their name for people; if not given, made of family and given name, or the user ID.
    #[serde(default)]
    pub name: Option<Name>,
    /// Their mail address.
    #[serde(default)]
    pub mail: String,
    /// The feature group template they are made from, by name: it gives their profile and language.
    pub feature_group_template: String,
    /// Their extension. Either this or `number_pool`.
    #[serde(default)]
    pub extension: Option<DirectoryNumber>,
    /// The pool whose next free number becomes their extension, by name.
    #[serde(default)]
    pub number_pool: Option<String>,
    /// What they key in to say who they are; if not given, the extension.
    #[serde(default)]
    pub self_service_id: Option<SelfServiceId>,
    /// Their PIN, at the phone; not shown again.
    #[serde(default)]
    pub pin: Option<Secret>,
    /// They must change their PIN before they use it for anything else.
    #[serde(default)]
    pub pin_must_change: bool,
    /// The hardware address of a phone that only they may claim.
    #[serde(default)]
    pub mac: Option<MacAddress>,
}

/// What was made.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct QuickAdded {
    /// The user.
    pub user: Recorded<UserFields>,
    /// The phone that waits for them.
    pub reservation: Option<Recorded<PhoneReservation>>,
}

impl Directory {
    /// Adds a user, their extension and the reservation of their phone: all of it or nothing.
    pub async fn quick_add(
        &self,
        given: &QuickAdd,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<QuickAdded, DirectoryError> {
        let Some(template) = self.find::<FeatureGroupTemplates>(&given.feature_group_template).await? else {
            return Err(unknown("feature_group_template", &given.feature_group_template));
        };
        let template = template.view.fields;
        let pool = match (&given.extension, &given.number_pool) {
            (Some(_), None) => None,
            (None, Some(name)) => {
                let pool = self.find::<NumberPools>(name).await?.ok_or_else(|| unknown("number_pool", name))?;
                Some((pool.id, pool.view.fields))
            }
            _ => {
                return Err(DirectoryError::Refused {
                    field: "extension".to_owned(),
                    code: "extension-or-pool",
                    fault: "there is to be one of extension and number_pool".to_owned(),
                    remedy: "give the extension, or the pool its number comes from",
                });
            }
        };
        for _ in 0..TRIES {
            let extension = match (&pool, &given.extension) {
                (Some((id, pool)), _) => {
                    let mut reader = self.db().reader().acquire().await?;
                    next_free(&mut reader, id, pool).await?
                }
                (None, extension) => extension.clone(),
            };
            let draft = UserDraft {
                user_id: given.user_id.clone(),
                self_service_id: given.self_service_id.clone(),
                name: given.name.clone(),
                given_name: given.given_name.clone(),
                family_name: given.family_name.clone(),
                mail: given.mail.clone(),
                locale: template.locale.clone(),
                status: UserStatus::default(),
                pin: given.pin.clone(),
                pin_must_change: given.pin_must_change,
                password: None,
                password_must_change: false,
                primary_extension: extension.clone(),
                profile: template.profile.clone(),
            };
            let record = Users::record(self, draft, None, now).await.map_err(as_given)?;
            let mut transaction = self.db().write().await?;
            if let Some((id, pool)) = &pool
                && next_free(&mut transaction, id, pool).await? != extension
            {
                continue;
            }
            let user = Written { id: RecordId::new(now, rand::random()), record };
            let user = Self::insert::<Users>(&mut transaction, user, actor, now).await.map_err(as_given)?.view;
            if let (Some((id, _)), Some(extension)) = (&pool, &extension) {
                sqlx::query("UPDATE directory_numbers SET pool = $1 WHERE number = $2 AND pool IS NULL")
                    .bind(id)
                    .bind(extension.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
            let reservation = match given.mac {
                Some(mac) => {
                    let user = given.user_id.as_str().to_owned();
                    let record = as_record(&PhoneReservation { mac, user, description: String::new() })?;
                    let reservation = Written { id: RecordId::new(now, rand::random()), record };
                    let kept = Self::insert::<PhoneReservations>(&mut transaction, reservation, actor, now).await?;
                    Some(kept.view)
                }
                None => None,
            };
            transaction.commit().await?;
            return Ok(QuickAdded { user, reservation });
        }
        Err(DirectoryError::Outdated { what: "number pool" })
    }
}

/// The first number of a pool that nobody has: it rings nothing, is nobody's self-service ID and lent to no phone, and if
/// there is a record of it, that is one of the pool.
async fn next_free(
    db: &mut DbConnection,
    id: &str,
    pool: &NumberPool,
) -> Result<Option<DirectoryNumber>, DirectoryError> {
    let number: Option<String> = sqlx::query_scalar(
        "WITH RECURSIVE \
           counted (number) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT number + 1 FROM counted WHERE number < CAST($2 AS BIGINT)), \
           padded (number) AS (SELECT '00000000000000000000' || CAST(number AS TEXT) FROM counted), \
           written (number) AS (SELECT substr(number, length(number) - length($1) + 1) FROM padded) \
         SELECT number FROM written WHERE \
           NOT EXISTS (SELECT 1 FROM users WHERE primary_extension = written.number) \
           AND NOT EXISTS (SELECT 1 FROM users WHERE self_service_id = written.number) \
           AND NOT EXISTS (SELECT 1 FROM lines WHERE lines.number = written.number) \
           AND NOT EXISTS (SELECT 1 FROM leases WHERE leases.number = written.number) \
           AND NOT EXISTS (SELECT 1 FROM route_points, json_each(numbers) WHERE value = written.number) \
           AND NOT EXISTS (SELECT 1 FROM directory_numbers AS known WHERE known.number = written.number AND pool IS DISTINCT FROM $3) \
         LIMIT 1",
    )
    .bind(pool.first.as_str())
    .bind(pool.last.as_str())
    .bind(id)
    .fetch_optional(db)
    .await?;
    match number.and_then(|number| number.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(DirectoryError::Refused {
            field: "number_pool".to_owned(),
            code: "pool-empty",
            fault: format!("no number of \"{}\" is free", pool.name),
            remedy: "widen the pool, or name another",
        }),
    }
}

fn unknown(field: &str, name: &str) -> DirectoryError {
    DirectoryError::Refused {
        field: field.to_owned(),
        code: "unknown-record",
        fault: format!("there is none named \"{name}\""),
        remedy: "create it first, or name one that exists",
    }
}

/// A fault with its field named as it was given.
fn as_given(error: DirectoryError) -> DirectoryError {
    match error {
        DirectoryError::Refused { field, code, fault, remedy } if field == "primary_extension" => {
            DirectoryError::Refused { field: "extension".to_owned(), code, fault, remedy }
        }
        error => error,
    }
}
