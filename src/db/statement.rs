//! Statements put together from pieces. Parameters are numbered, as both databases understand them, but where there are many.

use std::fmt::{Display, Write};

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::{Query, QueryScalar};
use sqlx::{Any, Arguments, AssertSqlSafe, Encode, FromRow, Type};

use super::DbConnection;

/// What SQLite is called where it is one of two.
pub(super) const SQLITE: &str = "SQLite";

/// A list in pieces for statements of many rows, each with at most `most`: a power of two, so that there are few statements to
/// be prepared, each once.
pub fn by_rows<T>(mut all: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let rows = 1 << all.len().min(most).checked_ilog2()?;
        let (some, rest) = all.split_at_checked(rows)?;
        all = rest;
        Some(some)
    })
}

/// A statement that grows, and the values of its parameters.
pub struct Statement {
    sql: String,
    arguments: AnyArguments,
    is_sound: bool,
    parameters: usize,
    is_numbered: bool,
}

impl Statement {
    /// One that begins so.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), arguments: AnyArguments::default(), is_sound: true, parameters: 0, is_numbered: true }
    }

    /// One of many rows. SQLite looks for a parameter with a number among all of them: hundreds would take as long to be found
    /// as to be written.
    pub fn of_rows(db: &DbConnection, sql: impl Into<String>) -> Self {
        Self { is_numbered: db.backend_name() != SQLITE, ..Self::new(sql) }
    }

    /// Adds a piece of SQL. It must not come from outside.
    pub fn push(&mut self, sql: impl Display) -> &mut Self {
        // Writing to a text can't fail.
        let _ = write!(self.sql, "{sql}");
        self
    }

    /// Adds a parameter with its value.
    pub fn push_bind<'t, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'t, Any> + Type<Any>,
    {
        self.is_sound &= self.arguments.add(value).is_ok();
        self.parameters += 1;
        let parameter = self.parameters;
        if self.is_numbered { self.push(format_args!("${parameter}")) } else { self.push("?") }
    }

    /// Adds `VALUES` and a row for each of these.
    pub fn push_values<I>(
        &mut self,
        rows: impl IntoIterator<Item = I>,
        mut fill: impl FnMut(Values<'_>, I),
    ) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.push(if index == 0 { "VALUES (" } else { ", (" });
            fill(Values { statement: self, is_first: true }, row);
            self.push(")");
        }
        self
    }

    /// Ready to be executed. A value that could not be taken fails it then.
    pub fn build(self) -> Query<'static, Any, AnyArguments> {
        let (sql, arguments) = self.finished();
        sqlx::query_with(sql, arguments)
    }

    /// Ready to be executed, for the one value of its rows.
    pub fn build_scalar<T>(self) -> QueryScalar<'static, Any, T, AnyArguments>
    where
        (T,): for<'r> FromRow<'r, AnyRow>,
    {
        let (sql, arguments) = self.finished();
        sqlx::query_scalar_with(sql, arguments)
    }

    fn finished(self) -> (AssertSqlSafe<String>, AnyArguments) {
        // What is no SQL is refused by either database; with a value missing, it might not be.
        let sql = if self.is_sound { self.sql } else { "a value could not be encoded".to_owned() };
        (AssertSqlSafe(sql), self.arguments)
    }
}

/// A row of values.
#[derive(Debug)]
pub struct Values<'a> {
    statement: &'a mut Statement,
    is_first: bool,
}

impl Values<'_> {
    /// Adds a value.
    pub fn push_bind<'t, T>(&mut self, value: T) -> &mut Self
    where
        T: Encode<'t, Any> + Type<Any>,
    {
        if !std::mem::replace(&mut self.is_first, false) {
            self.statement.push(", ");
        }
        self.statement.push_bind(value);
        self
    }
}

impl std::fmt::Debug for Statement {
    /// Without the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Statement").field(&self.sql).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_pieces_of_few_lengths() {
        let lengths = |rows: usize| by_rows(&vec![(); rows], 8).map(<[()]>::len).collect::<Vec<_>>();
        assert_eq!((lengths(0), lengths(1), lengths(23)), (vec![], vec![1], vec![8, 8, 4, 2, 1]));
    }

    #[test]
    fn parameters_are_numbered_in_the_order_they_come() {
        let mut statement = Statement::new("SELECT a FROM b WHERE c = ");
        statement.push_bind(1_i64).push(" AND d IN (").push_bind("x").push(", ").push_bind(None::<String>).push(")");
        assert_eq!(statement.sql, "SELECT a FROM b WHERE c = $1 AND d IN ($2, $3)");
        let mut statement = Statement::new("INSERT INTO a (b, c) ");
        statement.push_values([1_i64, 2], |mut row, value| {
            row.push_bind(value).push_bind("x");
        });
        assert_eq!(statement.sql, "INSERT INTO a (b, c) VALUES ($1, $2), ($3, $4)");
    }
}
