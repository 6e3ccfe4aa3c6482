//! Tables read from one end to the other, as at a start: of SQLite a page of rows a statement, as JSON (a row at a time takes five
//! times as long), of PostgreSQL all with one statement, in its own types.

use std::pin::pin;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use sqlx::any::AnyArguments;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, Decode, Encode, FromRow, Postgres, Type};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Db;

/// Rows of a page.
const ROWS: u32 = 1024;
/// Pages that wait to be put.
const PAGES: usize = 8;

/// Rows that are read in pages.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// The table that has about as many.
    pub table: &'static str,
    /// What they are read from.
    pub from: &'static str,
    /// Which of them.
    pub only: &'static str,
    /// Their columns.
    pub columns: &'static str,
    /// The column that names a row. SQLite reads them in its order.
    pub key: &'static str,
}

/// What a row is read as: the columns in their order, and by their names.
pub trait Columns: DeserializeOwned + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}
impl<R> Columns for R where R: DeserializeOwned + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}

/// What can be a key. The least of all comes before every row.
pub trait Key:
    for<'q> Encode<'q, Any> + for<'r> Decode<'r, Any> + Type<Any> + Default + Send + Unpin + 'static
{
}
impl Key for i64 {}
impl Key for String {}

/// The key of the last row and the rows, each as a JSON array, one after the other; nothing where there are no rows.
type Page<K> = (Option<K>, Option<String>);

impl Pages {
    /// Makes of every row what it stands for, if anything, and puts that into what is made for about so many (see [`assemble`]).
    ///
    /// # Errors
    /// If the database fails or a row can't be understood.
    pub async fn read<K, C, R, T, E>(
        &self,
        db: &Db,
        understand: impl Fn(C) -> Result<Option<R>, E> + Clone + Send + 'static,
        all: impl FnOnce(usize) -> T,
        put: impl Fn(&mut T, R) + Send + 'static,
    ) -> Result<T, E>
    where
        K: Key,
        C: Columns,
        R: Send + 'static,
        T: Send + 'static,
        E: From<sqlx::Error> + Send + 'static,
    {
        let Self { table, from, only, columns, key: _ } = self;
        if let Some(server) = db.shared() {
            let parse = move |rows: Vec<PgRow>| understood(rows.iter().map(|row| C::from_row(row)), &understand);
            return read_server(server, table, format!("SELECT {columns} FROM {from} WHERE {only}"), parse, all, put)
                .await;
        }
        let file = db.reader();
        let counting = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(counting).fetch_one(file).await?;
        let all = all(usize::try_from(rows).unwrap_or(0));
        let parse = move |page: String| understood(columns_of(&page), &understand);
        let pages = stream::try_unfold(K::default(), |last| async {
            match self.page(last).fetch_one(file).await? {
                (Some(last), Some(page)) => Ok(Some((page, last))),
                _ => Ok(None),
            }
        });
        assemble(pages, parse, all, put).await
    }

    /// The rows with this value in a column.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn with<C: Columns>(&self, db: &Db, column: &str, value: String) -> Result<Vec<C>, sqlx::Error> {
        let Self { from, only, columns, .. } = self;
        if let Some(server) = db.shared() {
            let select = AssertSqlSafe(format!("SELECT {columns} FROM {from} WHERE {only} AND {column} = $1"));
            return sqlx::query_as::<Postgres, C>(select).bind(value).fetch_all(server).await;
        }
        let rows = AssertSqlSafe(format!("SELECT json_array({columns}) FROM {from} WHERE {only} AND {column} = $1"));
        let rows: Vec<String> = sqlx::query_scalar(rows).bind(value).fetch_all(db.reader()).await?;
        rows.iter().flat_map(|row| columns_of(row)).collect()
    }

    /// That after a key, of SQLite.
    fn page<K: Key>(&self, after: K) -> QueryAs<'static, Any, Page<K>, AnyArguments> {
        let Self { table: _, from, only, columns, key } = self;
        let page = format!(
            "SELECT {key} AS page_key, json_array({columns}) AS page_row FROM {from} \
             WHERE {only} AND {key} > $1 ORDER BY {key} LIMIT {ROWS}"
        );
        let page = format!("SELECT max(page_key), string_agg(page_row, '') FROM ({page}) AS page");
        sqlx::query_as(AssertSqlSafe(page)).bind(after)
    }
}

/// The rows of a page of JSON.
fn columns_of<C: Columns>(page: &str) -> impl Iterator<Item = Result<C, sqlx::Error>> {
    serde_json::Deserializer::from_str(page)
        .into_iter()
        .map(|row| row.map_err(|fault| sqlx::Error::Decode(fault.into())))
}

/// What there is of that which rows stand for.
fn understood<C, R, E: From<sqlx::Error>>(
    rows: impl Iterator<Item = Result<C, sqlx::Error>>,
    understand: impl Fn(C) -> Result<Option<R>, E>,
) -> Result<Vec<R>, E> {
    rows.filter_map(|row| row.map_err(E::from).and_then(&understand).transpose()).collect()
}

/// Parses all rows that a statement finds in PostgreSQL, and puts what they hold into what is made for about as many as a table has
/// (see [`assemble`]). The statement must not come from outside.
///
/// # Errors
/// If the database fails or rows can't be parsed.
pub async fn read_server<R, T, E>(
    server: &PgPool,
    table: &str,
    select: String,
    parse: impl Fn(Vec<PgRow>) -> Result<Vec<R>, E> + Clone + Send + 'static,
    all: impl FnOnce(usize) -> T,
    put: impl Fn(&mut T, R) + Send + 'static,
) -> Result<T, E>
where
    R: Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    // As PostgreSQL counted them last: to count them now takes as long as to read them.
    let about = "SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = to_regclass($1)";
    let rows: i64 = sqlx::query_scalar(about).bind(table).fetch_one(server).await?;
    let all = all(usize::try_from(rows).unwrap_or(0));
    let pages = sqlx::query(AssertSqlSafe(select)).fetch(server).try_chunks(ROWS as usize);
    assemble(pages.map_err(|failed| failed.1), parse, all, put).await
}

/// Parses pages and puts what they hold into `all`, in their order. Reading, parsing and putting go on at once.
///
/// # Errors
/// If a page can't be read or parsed.
async fn assemble<P, R, T, E>(
    pages: impl Stream<Item = Result<P, sqlx::Error>>,
    parse: impl Fn(P) -> Result<Vec<R>, E> + Clone + Send + 'static,
    mut all: T,
    put: impl Fn(&mut T, R) + Send + 'static,
) -> Result<T, E>
where
    P: Send + 'static,
    R: Send + 'static,
    T: Send + 'static,
    E: From<sqlx::Error> + Send + 'static,
{
    let (parsing, mut parsed) = mpsc::channel::<JoinHandle<Result<Vec<R>, E>>>(PAGES);
    let runtime = Handle::current();
    let putting = spawn_blocking(move || {
        while let Some(page) = parsed.blocking_recv() {
            let rows = runtime.block_on(page).map_err(|_| sqlx::Error::WorkerCrashed)??;
            rows.into_iter().for_each(|row| put(&mut all, row));
        }
        Ok(all)
    });
    let mut pages = pin!(pages);
    while let Some(page) = pages.next().await {
        let (page, parse) = (page?, parse.clone());
        // Who takes them may have given up, and says below why.
        if parsing.send(spawn_blocking(move || parse(page))).await.is_err() {
            break;
        }
    }
    drop(parsing);
    putting.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Pages =
        Pages { table: "installation", from: "installation", only: "name <> 'x'", columns: "value, name", key: "name" };

    type Row = (String, String);

    async fn all(db: &Db) -> Result<Vec<Row>, sqlx::Error> {
        ALL.read::<String, Row, _, _, _>(db, |row| Ok(Some(row)), Vec::with_capacity, Vec::push).await
    }

    async fn execute(db: &Db, statement: &'static str) {
        let mut writing = db.write().await.unwrap();
        sqlx::query(statement).execute(&mut *writing).await.unwrap();
        writing.commit().await.unwrap();
    }

    #[tokio::test]
    async fn every_row_is_given_once_in_the_order_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        assert!(all(&db).await.unwrap().is_empty());
        execute(
            &db,
            "WITH RECURSIVE more (n) AS (SELECT 10000 UNION ALL SELECT n + 1 FROM more WHERE n < 12999) \
             INSERT INTO installation (name, value) SELECT n, '\"' || n FROM more",
        )
        .await;
        let expected: Vec<_> = (10_000..13_000).map(|n| (format!("\"{n}"), n.to_string())).collect();
        assert_eq!(all(&db).await.unwrap(), expected);
        let with = |name: &str| ALL.with::<Row>(&db, "name", name.to_owned());
        assert_eq!(with("10007").await.unwrap(), [("\"10007".to_owned(), "10007".to_owned())]);
        assert_eq!(with("x").await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_row_that_can_not_be_understood_ends_the_reading() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await.unwrap();
        execute(&db, "INSERT INTO installation (name, value) VALUES ('a', 'b')").await;
        let understand = |_: Row| Err::<Option<()>, _>(sqlx::Error::RowNotFound);
        let refused = ALL.read::<String, _, _, _, _>(&db, understand, |_| (), |(), ()| ()).await;
        assert!(matches!(refused, Err(sqlx::Error::RowNotFound)));
    }
}
