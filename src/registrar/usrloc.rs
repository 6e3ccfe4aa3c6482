//! Bindings in PostgreSQL, in the table `location` as Kamailio's usrloc has it (`use_domain` 0, instants in UTC): a Kamailio with
//! `db_mode` 3 on the same database finds the phones registered here, and those registered there are found here.
//!
//! A row of ours names its phone in `ruid`; whose another program's is, its address-of-record says. `socket` is where the phone's
//! request arrived, `received` where it came from. How long a binding lasts is reckoned by the database's clock.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::{AssertSqlSafe, Row};

use super::RegistrarError;
use super::binding::Binding;
use super::journal::{Batch, Fate};
use super::keeper::{Found, Whose};
use crate::db::read_server;
use crate::sip::message::{NameAddr, SipUri};
use crate::sip::{Flow, Transport};
use crate::vocab::{PhoneId, UnixMillis};

/// The schema of `location` that is understood.
const SCHEMA: i32 = 9;
/// What the `ruid` of a row of ours begins with.
const OURS: &str = "tsunagu-";
/// What waited longer than this until it could be written gives way to what others have written since.
const LATE: Duration = Duration::from_secs(10);
/// How long a row stays after it has lapsed, so that clocks that differ a little forget nobody's.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// That the table is the one that is understood.
pub(super) async fn check(db: &PgPool) -> Result<(), RegistrarError> {
    let found: Option<i32> = sqlx::query_scalar("SELECT table_version FROM version WHERE table_name = 'location'")
        .fetch_optional(db)
        .await?;
    match found {
        Some(SCHEMA) => Ok(()),
        found => Err(RegistrarError::LocationSchema { found: found.unwrap_or(0), known: SCHEMA }),
    }
}

/// The rows that have not lapsed.
const LIVE: &str = "SELECT ruid, username, contact, received, callid, cseq, user_agent, socket, path, instance, reg_id, \
    CAST(date_part('epoch', expires - timezone('UTC', now())) * 1000 AS bigint), \
    CAST(date_part('epoch', timezone('UTC', now()) - last_modified) * 1000 AS bigint) \
    FROM location WHERE expires > timezone('UTC', now())";

/// Puts every binding that has not lapsed and is somebody's into what is made for about so many.
pub(super) async fn read<T: Send + 'static>(
    db: &PgPool,
    whose: &Arc<Whose>,
    now: Instant,
    all: fn(usize) -> T,
    put: fn(&mut T, Found),
) -> Result<T, RegistrarError> {
    let whose = whose.clone();
    let parse = move |rows: Vec<PgRow>| Ok(live(&rows, &*whose, now).collect());
    read_server(db, "location", LIVE.to_owned(), parse, all, put).await
}

/// Those of some addresses-of-record.
pub(super) async fn read_some(
    db: &PgPool,
    aors: &[String],
    whose: &Whose,
    now: Instant,
) -> Result<Vec<Found>, RegistrarError> {
    let some = AssertSqlSafe(format!("{LIVE} AND username = ANY($1)"));
    let rows = sqlx::query(some).bind(aors).fetch_all(db).await?;
    Ok(live(&rows, whose, now).collect())
}

fn live<'r>(rows: &'r [PgRow], whose: &'r Whose, now: Instant) -> impl Iterator<Item = Found> + 'r {
    // A row another program wrote and that makes no sense is no reason to know nobody.
    let found =
        move |row: &PgRow| found(row, whose, now).inspect_err(|error| tracing::debug!(%error, "a row of location"));
    rows.iter().filter_map(move |row| found(row).ok()?)
}

/// Rows come in their thousands: what type a column has is not looked up for each.
fn found(row: &PgRow, whose: &Whose, now: Instant) -> Result<Option<Found>, sqlx::Error> {
    let (ruid, aor, contact): (&str, &str, &str) =
        (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?, row.try_get_unchecked(2)?);
    let Some(phone) = whose(phone_of(ruid), aor) else { return Ok(None) };
    let text =
        |column: usize| Ok::<_, sqlx::Error>(row.try_get_unchecked::<Option<&str>, _>(column)?.unwrap_or_default());
    let path = text(8)?;
    // Ours says where the phone's request came from; of another program's the next hop is the first proxy, if there is one.
    let by_path = if ruid.starts_with(OURS) || path.is_empty() { None } else { flow_of(contact, "", path, text(7)?) };
    let Some(flow) = by_path.or(flow_of(contact, text(3)?, path, text(7)?)) else { return Ok(None) };
    let left = Duration::from_millis(row.try_get_unchecked::<i64, _>(11)?.try_into().unwrap_or(0));
    let number =
        |column: usize| Ok::<_, sqlx::Error>(u32::try_from(row.try_get_unchecked::<i32, _>(column)?).unwrap_or(0));
    let binding = Binding {
        contact: contact.to_owned(),
        phone,
        call_id: row.try_get_unchecked(4)?,
        cseq: number(5)?,
        expires: now + left,
        refreshed: now.checked_sub(Duration::from_millis(row.try_get_unchecked::<i64, _>(12)?.try_into().unwrap_or(0))),
        flow,
        user_agent: text(6)?.into(),
        path: path.into(),
        instance: text(9)?.into(),
        reg_id: number(10)?,
    };
    Ok(Some(Found { aor: aor.to_owned(), binding }))
}

/// The phone a row of ours names.
fn phone_of(ruid: &str) -> Option<PhoneId> {
    ruid.strip_prefix(OURS)?.get(..32)?.parse().ok()
}

/// Where requests go: to where the registration came from, or else to the contact, if that is an address. Between another program
/// and the phone there may be proxies: then to the first of them.
fn flow_of(contact: &str, received: &str, path: &str, socket: &str) -> Option<Flow> {
    let next = match (received, path) {
        ("", "") => contact.parse().ok()?,
        ("", path) => path.split(',').next()?.parse::<NameAddr>().ok()?.uri,
        (received, _) => received.parse().ok()?,
    };
    let uri: &SipUri = next.sip()?;
    let transport = uri.params.get("transport").map_or(Some(Transport::Udp), Transport::from_param)?;
    let transport = if uri.secure && transport == Transport::Udp { Transport::Tls } else { transport };
    let peer = SocketAddr::new(uri.host.ip()?, uri.port.unwrap_or(transport.default_port()));
    let local = socket.split_once(':').and_then(|(_, address)| address.parse().ok());
    let local = local.unwrap_or_else(|| match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    });
    Some(Flow { transport, local, peer })
}

/// Writes a batch: all of it, or nothing.
pub(super) async fn write(db: &PgPool, batch: &Batch) -> Result<(), RegistrarError> {
    let now = Instant::now();
    let age = |decided: &Instant| now.saturating_duration_since(*decided).as_secs_f64();
    let (mut stale, mut kept) = (Named::default(), Columns::default());
    for ((aor, name), fate) in &batch.bindings {
        match fate {
            Fate::Bound(binding, at) => {
                let ruid = ruid(aor, binding);
                // One row a contact or a flow, whoever wrote it before; a flow's contact may be that of another flow.
                stale.push(aor, Stale::Replaced(binding), &ruid, age(at));
                kept.push(aor, binding, ruid, now, age(at));
            }
            Fate::Removed(at) => stale.push(aor, Stale::Removed(name), "", age(at)),
            // It went because it ended: the row says so too, unless it was refreshed elsewhere.
            Fate::Lapsed(_) => {}
        }
    }
    let mut transaction = db.begin().await?;
    stale.remove(&mut transaction).await?;
    kept.put(&mut transaction).await?;
    touch(&mut transaction, batch).await?;
    Ok(transaction.commit().await?)
}

/// Why a row is to go.
enum Stale<'a> {
    /// This binding takes its place.
    Replaced(&'a Binding),
    /// What this names is over (see [`Binding::ruid`]).
    Removed(&'a str),
}

/// Rows that are to go: those of an address-of-record with this contact, this flow or this mark, but for the one of this `ruid`.
#[derive(Default)]
struct Named {
    aors: Vec<String>,
    contacts: Vec<String>,
    instances: Vec<String>,
    reg_ids: Vec<i32>,
    marks: Vec<String>,
    but: Vec<String>,
    /// Seconds since that was decided.
    ages: Vec<f64>,
}

impl Named {
    fn push(&mut self, aor: &str, which: Stale<'_>, but: &str, age: f64) {
        let (contact, instance, reg_id, mark) = match which {
            Stale::Replaced(Binding { contact, reg_id: 0, .. }) => (&**contact, "", 0, String::new()),
            Stale::Replaced(Binding { instance, reg_id, .. }) => ("", &**instance, *reg_id, String::new()),
            Stale::Removed(name) => match Binding::flow_named(name) {
                Some((instance, reg_id)) => ("", instance, reg_id, mark(aor, name)),
                None => (name, "", 0, mark(aor, name)),
            },
        };
        self.aors.push(aor.to_owned());
        self.contacts.push(contact.to_owned());
        self.instances.push(instance.to_owned());
        self.reg_ids.push(i32::try_from(reg_id).unwrap_or(0));
        self.marks.push(mark);
        self.but.push(but.to_owned());
        self.ages.push(age);
    }

    async fn remove(self, db: &mut PgConnection) -> Result<(), RegistrarError> {
        if self.aors.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "DELETE FROM location USING \
                unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $8::float8[]) \
                AS stale (aor, contact, instance, reg_id, mark, but, age) \
             WHERE location.username = stale.aor AND location.ruid <> stale.but \
                AND (stale.age < $9 OR location.last_modified <= timezone('UTC', now()) - make_interval(secs => stale.age)) \
                AND (right(location.ruid, 16) = stale.mark \
                OR location.reg_id = stale.reg_id \
                    AND CASE stale.reg_id WHEN 0 THEN location.contact = stale.contact \
                        ELSE location.instance = stale.instance AND NOT starts_with(location.ruid, $7) END)",
        )
        .bind(self.aors)
        .bind(self.contacts)
        .bind(self.instances)
        .bind(self.reg_ids)
        .bind(self.marks)
        .bind(self.but)
        // One of ours with the same flow is the same row, or another phone's.
        .bind(OURS)
        .bind(self.ages)
        .bind(LATE.as_secs_f64())
        .execute(db)
        .await?;
        Ok(())
    }
}

/// What is written, column by column: a statement has a parameter a column, however many rows there are.
#[derive(Default)]
struct Columns {
    ruids: Vec<String>,
    aors: Vec<String>,
    contacts: Vec<String>,
    received: Vec<String>,
    paths: Vec<Option<String>>,
    /// Seconds left.
    left: Vec<f64>,
    call_ids: Vec<String>,
    cseqs: Vec<i32>,
    user_agents: Vec<String>,
    sockets: Vec<String>,
    instances: Vec<Option<String>>,
    reg_ids: Vec<i32>,
    /// Seconds since it was decided.
    ages: Vec<f64>,
}

impl Columns {
    fn push(&mut self, aor: &str, binding: &Binding, ruid: String, now: Instant, age: f64) {
        let Flow { transport, local, peer } = binding.flow;
        let mut received = SipUri::new(None, peer.ip().into(), Some(peer.port()));
        if transport != Transport::Udp {
            received.params.set("transport", Some(transport.as_param().to_owned()));
        }
        let if_any = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.ruids.push(ruid);
        self.aors.push(aor.to_owned());
        self.contacts.push(binding.contact.clone());
        self.received.push(received.to_string());
        self.paths.push(if_any(&binding.path));
        self.left.push(binding.expires.saturating_duration_since(now).as_secs_f64());
        self.call_ids.push(text(&binding.call_id));
        self.cseqs.push(i32::try_from(binding.cseq).unwrap_or(i32::MAX));
        self.user_agents.push(text(&binding.user_agent));
        self.sockets.push(format!("{}:{local}", transport.as_param()));
        self.instances.push(if_any(&binding.instance));
        self.reg_ids.push(i32::try_from(binding.reg_id).unwrap_or(0));
        self.ages.push(age);
    }

    async fn put(self, db: &mut PgConnection) -> Result<(), RegistrarError> {
        if self.ruids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO location (ruid, username, contact, received, path, expires, callid, cseq, user_agent, socket, \
                instance, reg_id, last_modified) \
             SELECT ruid, aor, contact, received, path, timezone('UTC', now()) + make_interval(secs => seconds), call_id, \
                cseq, user_agent, socket, instance, reg_id, timezone('UTC', now()) - make_interval(secs => age) \
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::int[], \
                $9::text[], $10::text[], $11::text[], $12::int[], $13::float8[]) AS new \
                (ruid, aor, contact, received, path, seconds, call_id, cseq, user_agent, socket, instance, reg_id, age) \
             ON CONFLICT (ruid) DO UPDATE SET contact = excluded.contact, received = excluded.received, \
                path = excluded.path, expires = excluded.expires, callid = excluded.callid, cseq = excluded.cseq, \
                user_agent = excluded.user_agent, socket = excluded.socket, instance = excluded.instance, \
                last_modified = excluded.last_modified \
             WHERE location.last_modified <= excluded.last_modified \
                OR excluded.last_modified > timezone('UTC', now()) - make_interval(secs => $14)",
        )
        .bind(self.ruids)
        .bind(self.aors)
        .bind(self.contacts)
        .bind(self.received)
        .bind(self.paths)
        .bind(self.left)
        .bind(self.call_ids)
        .bind(self.cseqs)
        .bind(self.user_agents)
        .bind(self.sockets)
        .bind(self.instances)
        .bind(self.reg_ids)
        .bind(self.ages)
        .bind(LATE.as_secs_f64())
        .execute(db)
        .await?;
        Ok(())
    }
}

/// PostgreSQL takes every character but one.
fn text(text: &str) -> String {
    text.replace('\0', "")
}

/// The same for the same binding of the same phone; at most 64 characters.
fn ruid(aor: &str, binding: &Binding) -> String {
    format!("{OURS}{}-{}", binding.phone, mark(aor, &binding.ruid()))
}

/// Stands for what names a binding among those of its address-of-record.
fn mark(aor: &str, name: &str) -> String {
    let digest = Sha256::new().chain_update(aor).chain_update(" ").chain_update(name).finalize();
    hex::encode(digest.get(..8).unwrap_or_default())
}

/// Leases of phones that are registered go on.
async fn touch(db: &mut PgConnection, batch: &Batch) -> Result<(), RegistrarError> {
    if batch.seen.is_empty() {
        return Ok(());
    }
    let phones: Vec<String> = batch.seen.iter().map(ToString::to_string).collect();
    sqlx::query("UPDATE phones SET seen_at = $2 WHERE id = ANY($1)")
        .bind(phones)
        .bind(UnixMillis::now().get())
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets rows of ours that lapsed a while ago.
pub(super) async fn forget_lapsed(db: &PgPool) -> Result<(), RegistrarError> {
    sqlx::query(
        "DELETE FROM location WHERE expires < timezone('UTC', now()) - make_interval(secs => $1) AND starts_with(ruid, $2)",
    )
    .bind(AFTERWARDS.as_secs_f64())
    .bind(OURS)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(contact: &str, received: &str, path: &str, socket: &str) -> Option<String> {
        flow_of(contact, received, path, socket).map(|flow| format!("{} {} {}", flow.transport, flow.local, flow.peer))
    }

    #[test]
    fn a_phone_is_reached_where_it_registered_from_and_else_by_its_proxy_or_at_its_contact() {
        let behind = "sip:192.0.2.7:4711;transport=tcp";
        let proxies = "<sip:192.0.2.9;lr>,<sip:192.0.2.10;lr>";
        let reached = |contact, received, path, socket| flow(contact, received, path, socket).unwrap();
        assert_eq!(
            reached("sip:a@10.0.0.1", behind, proxies, "tcp:192.0.2.1:5060"),
            "TCP 192.0.2.1:5060 192.0.2.7:4711"
        );
        assert_eq!(reached("sip:a@10.0.0.1", "", proxies, "udp:192.0.2.1:5060"), "UDP 192.0.2.1:5060 192.0.2.9:5060");
        assert_eq!(reached("sip:a@10.0.0.1:5070", "", "", ""), "UDP 0.0.0.0:0 10.0.0.1:5070");
        assert_eq!(reached("sips:a@10.0.0.1", "", "", ""), "TLS 0.0.0.0:0 10.0.0.1:5061");
        assert_eq!(reached("sip:a@[2001:db8::1]", "", "", ""), "UDP [::]:0 [2001:db8::1]:5060");
        assert_eq!(flow("sip:a@phone.example", "", "", ""), None, "a name is no address");
        assert_eq!(flow("sip:a@10.0.0.1;transport=sctp", "", "", ""), None);
    }

    #[test]
    fn a_row_is_named_by_phone_and_binding_within_what_the_column_holds() {
        let phone = PhoneId::new(UnixMillis::new(0), [1; 10]);
        let binding = |contact: &str| Binding {
            contact: contact.to_owned(),
            phone,
            call_id: "c".to_owned(),
            cseq: 1,
            expires: Instant::now(),
            refreshed: None,
            flow: flow_of("sip:a@10.0.0.1", "", "", "").unwrap(),
            user_agent: "".into(),
            path: "".into(),
            instance: "".into(),
            reg_id: 0,
        };
        let one = ruid("1001", &binding("sip:a@10.0.0.1"));
        assert_eq!(one, ruid("1001", &binding("sip:a@10.0.0.1")));
        assert!(one != ruid("1002", &binding("sip:a@10.0.0.1")) && one != ruid("1001", &binding("sip:a@10.0.0.2")));
        assert!(one.len() <= 64 && one.ends_with(&mark("1001", "sip:a@10.0.0.1")), "{one}");
        assert_eq!((phone_of(&one), phone_of("uloc-65f0-1a2b-1")), (Some(phone), None));
    }
}
