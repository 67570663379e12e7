//! A page of the list of images: its order, where it begins, and the search by name.

use std::fmt;

use sea_orm::{
    Condition, DbBackend, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    entity::prelude::*,
    sea_query::{BinOper, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::{
    Bounded, Catalog,
    entity::images,
    rights::{owned, public, readable},
};
use crate::{
    account::principal::Principal,
    fault::{Doing, Fault},
    image::{Image, ImageId},
    user_id::UserId,
};

/// The order of a list of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By time of upload, the newest first.
    #[default]
    Newest,
    /// By time of upload, the oldest first.
    Oldest,
    /// By name, without the case of ASCII letters; images without a name first, equal names by time.
    Name,
    /// By the length of the original, the largest first.
    Size,
}

impl Sort {
    /// Every order.
    pub const ALL: [Sort; 4] = [Sort::Newest, Sort::Oldest, Sort::Name, Sort::Size];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Newest => "newest",
            Sort::Oldest => "oldest",
            Sort::Name => "name",
            Sort::Size => "size",
        }
    }

    /// The order of that name.
    pub fn named(name: &str) -> Option<Self> {
        Sort::ALL.into_iter().find(|sort| sort.name() == name)
    }

    fn is_descending(self) -> bool {
        matches!(self, Sort::Newest | Sort::Size)
    }
}

/// A place in an ordered list: that of an image, whether it is still stored or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    key: Key,
    id: ImageId,
}

/// What an order compares before the id, which has the time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Time,
    Name(String),
    Bytes(i64),
}

impl Cursor {
    /// The place of `image`.
    pub fn of(image: &Image, sort: Sort) -> Self {
        let metadata = &image.metadata;
        Cursor::new(sort, image.id, metadata.name.as_deref(), metadata.bytes as i64)
    }

    fn new(sort: Sort, id: ImageId, name: Option<&str>, bytes: i64) -> Self {
        let key = match sort {
            Sort::Newest | Sort::Oldest => Key::Time,
            Sort::Name => Key::Name(name.unwrap_or_default().to_ascii_lowercase()),
            Sort::Size => Key::Bytes(bytes),
        };
        Cursor { key, id }
    }

    /// Parses what [`Display`](fmt::Display) writes for a place in that order; `None` if it is none.
    pub fn parse(text: &str, sort: Sort) -> Option<Self> {
        let (id, key) = match text.split_once('.') {
            Some((id, key)) => (id, Some(key)),
            None => (text, None),
        };
        let key = match (sort, key) {
            (Sort::Newest | Sort::Oldest, None) => Key::Time,
            // PostgreSQL refuses a text with this character
            (Sort::Name, Some(name)) if !name.contains('\0') => Key::Name(name.to_owned()),
            (Sort::Size, Some(bytes)) => Key::Bytes(bytes.parse().ok()?),
            _ => return None,
        };
        Some(Cursor { key, id: id.parse().ok()? })
    }

    fn values(&self) -> SimpleExpr {
        let id = self.id.0.into();
        match &self.key {
            Key::Time => id,
            Key::Name(name) => Expr::tuple([name.as_str().into(), id]),
            Key::Bytes(bytes) => Expr::tuple([(*bytes).into(), id]),
        }
    }
}

impl From<ImageId> for Cursor {
    /// The place of an image in a list by time.
    fn from(id: ImageId) -> Self {
        Cursor { key: Key::Time, id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Time => self.id.fmt(f),
            Key::Name(name) => write!(f, "{}.{name}", self.id),
            Key::Bytes(bytes) => write!(f, "{}.{bytes}", self.id),
        }
    }
}

/// Which images to list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The order of the list.
    pub sort: Sort,
    /// Only images beyond this place.
    pub cursor: Option<Cursor>,
    /// Goes against the order: lists the images before the place, those nearest to it first.
    pub is_backward: bool,
    /// Only images up to this place, itself included.
    pub until: Option<Cursor>,
    /// Only images of this user.
    pub owner: Option<UserId>,
    /// Only images with this SHA-256, lower-case hex.
    pub sha256: Option<String>,
    /// Only images whose name has each of these texts, in whatever case.
    pub words: Vec<String>,
    /// At most this many.
    pub limit: u64,
}

impl Page {
    fn order(&self) -> Order {
        match self.sort.is_descending() != self.is_backward {
            true => Order::Desc,
            false => Order::Asc,
        }
    }

    /// The places of the page: between `cursor` and `until`.
    fn range(&self, backend: DbBackend) -> Condition {
        let place = || match key(self.sort, backend) {
            None => id(),
            Some(key) => Expr::tuple([key, id()]),
        };
        let is_descending = self.order() == Order::Desc;
        let from = self.cursor.as_ref().map(|cursor| match is_descending {
            true => place().lt(cursor.values()),
            false => place().gt(cursor.values()),
        });
        let until = self.until.as_ref().map(|cursor| match is_descending {
            true => place().gte(cursor.values()),
            false => place().lte(cursor.values()),
        });
        Condition::all().add_option(from).add_option(until)
    }

    fn sorted<S: QueryOrder>(&self, query: S, backend: DbBackend) -> S {
        let query = match key(self.sort, backend) {
            None => query,
            Some(key) => query.order_by(key, self.order()),
        };
        query.order_by(images::Column::Id, self.order())
    }

    /// The images of the page without its limit, in no order, for every reader.
    fn filtered(&self, backend: DbBackend) -> Select<images::Entity> {
        let mut query = stored().filter(self.range(backend));
        if let Some(sha256) = &self.sha256 {
            query = query.filter(images::Column::Sha256.eq(sha256));
        }
        for word in &self.words {
            query = query.filter(match backend {
                // the key is in the index of names, so that their rows are not read
                DbBackend::Sqlite => Expr::col((images::Entity, "name_key"))
                    .binary(BinOper::Custom("GLOB"), glob_pattern(word)),
                _ => Expr::col((images::Entity, images::Column::Name))
                    .binary(BinOper::Custom("~"), regex_pattern(word)),
            });
        }
        query
    }

    /// The images of the page, in its order, for every reader.
    pub(super) fn select(&self, backend: DbBackend) -> Select<images::Entity> {
        self.sorted(self.filtered(backend), backend).limit(self.limit)
    }

    /// A subquery for the ids of those images of the page that `reader` may read, in its order.
    pub(super) fn ids(&self, reader: &Principal, backend: DbBackend) -> SelectStatement {
        self.ids_of(&self.filtered(backend), reader, backend, 0, self.limit)
    }

    /// A subquery for the ids of those of `images` that `reader` may read, in the order of the page:
    /// up to `limit` after the first `offset`.
    fn ids_of(
        &self,
        images: &Select<images::Entity>,
        reader: &Principal,
        backend: DbBackend,
        offset: u64,
        limit: u64,
    ) -> SelectStatement {
        let ids = |condition: Condition| {
            let ids = images.clone().filter(condition).select_only().column(images::Column::Id);
            self.sorted(ids, backend)
        };
        match (reader, self.owner) {
            (Principal::User(caller), None) if !caller.is_admin() => {
                let either =
                    [Condition::all().add(owned(caller.id)), Condition::all().add(public())];
                let either = either.map(|condition| {
                    let first = ids(condition).limit(offset + limit);
                    match key(self.sort, backend) {
                        None => first.into_query(),
                        Some(key) => first.column_as(key, KEY).into_query(),
                    }
                });
                self.first_of_either(either, offset, limit)
            }
            (_, owner) => {
                let condition = match owner {
                    None => readable(reader),
                    Some(owner) if reader.user() == Some(owner) => {
                        Condition::all().add(owned(owner))
                    }
                    Some(owner) => Condition::all().add(readable(reader)).add(owned(owner)),
                };
                ids(condition)
                    .offset(Some(offset).filter(|offset| *offset > 0))
                    .limit(limit)
                    .into_query()
            }
        }
    }

    /// The first ids of two subqueries in the order of the page. "Own or public" as one condition
    /// would read the images of everyone else; these have an index each.
    fn first_of_either(
        &self,
        either: [SelectStatement; 2],
        offset: u64,
        limit: u64,
    ) -> SelectStatement {
        let [one, other] = either.map(|part| {
            // SQLite allows an order and a limit within a part of a union only in a subquery
            Query::select().expr(Expr::cust("*")).from_subquery(part, "part").to_owned()
        });
        let mut both = one;
        both.union(UnionType::Distinct, other);
        let mut first = Query::select();
        first.column(images::Column::Id).from_subquery(both, "either");
        if !matches!(self.sort, Sort::Newest | Sort::Oldest) {
            first.order_by(KEY, self.order());
        }
        first.order_by(images::Column::Id, self.order()).offset(offset).limit(limit).to_owned()
    }

    /// Sorts images that were looked up, as the page has them.
    pub(super) fn sort<T>(&self, images: &mut [(Image, T)]) {
        images.sort_by_cached_key(|(image, _)| Cursor::of(image, self.sort));
        if self.order() == Order::Desc {
            images.reverse();
        }
    }
}

impl Catalog {
    /// The last of the next `count` places of a list of `reader`, whatever the names of its images
    /// are; `None` if there are fewer.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn place_after(
        &self,
        page: &Page,
        count: u64,
        reader: &Principal,
    ) -> Result<Option<Cursor>, Fault> {
        let backend = self.db.get_database_backend();
        let all = images::Entity::find().filter(page.range(backend));
        let ids = page.ids_of(&all, reader, backend, count.saturating_sub(1), 1);
        let row: Option<(Uuid, Option<String>, i64)> = images::Entity::find()
            .select_only()
            .columns([images::Column::Id, images::Column::Name, images::Column::Bytes])
            .filter(images::Column::Id.in_subquery(ids))
            .into_tuple()
            .one(&self.db)
            .bounded("look up a place in the list")
            .await?;
        Ok(row.map(|(id, name, bytes)| Cursor::new(page.sort, ImageId(id), name.as_deref(), bytes)))
    }

    /// How many images that `reader` may read a page has, up to its limit.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_images(&self, page: &Page, reader: &Principal) -> Result<u64, Fault> {
        let counted = page.ids(reader, self.db.get_database_backend());
        let query = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .from_subquery(counted, "counted")
            .to_owned();
        let row = self.db.query_one(&query).bounded("count images").await?;
        let count = row.map(|row| row.try_get_by_index::<i64>(0)).transpose();
        Ok(count.doing("count images")?.unwrap_or_default() as u64)
    }
}

/// Stored images.
pub(super) fn stored() -> Select<images::Entity> {
    images::Entity::find().filter(images::Column::State.eq(images::State::Stored))
}

/// The name of the [`key`] in a union.
const KEY: &str = "sort_key";

fn id() -> SimpleExpr {
    Expr::col((images::Entity, images::Column::Id))
}

/// What an order compares before the id, as it is indexed.
fn key(sort: Sort, backend: DbBackend) -> Option<SimpleExpr> {
    match (sort, backend) {
        (Sort::Newest | Sort::Oldest, _) => None,
        (Sort::Name, DbBackend::Sqlite) => Some(Expr::col((images::Entity, "name_key"))),
        (Sort::Name, _) => Some(Expr::cust(r#"lower(coalesce("images"."name", '') COLLATE "C")"#)),
        (Sort::Size, _) => Some(Expr::col((images::Entity, images::Column::Bytes))),
    }
}

/// A character in each case. The databases do not agree on the case of letters beyond ASCII.
fn cases(c: char) -> Vec<char> {
    let mut cases = vec![c];
    for other in [c.to_lowercase().collect::<Vec<_>>(), c.to_uppercase().collect()] {
        match other.as_slice() {
            [other] if !cases.contains(other) => cases.push(*other),
            _ => {}
        }
    }
    cases
}

/// A pattern of SQLite's GLOB for texts that have `word`.
fn glob_pattern(word: &str) -> String {
    let classes = word.chars().map(|c| match cases(c).as_slice() {
        [c @ ('*' | '?' | '[')] => format!("[{c}]"),
        [c] => c.to_string(),
        cases => format!("[{}]", String::from_iter(cases)),
    });
    format!("*{}*", String::from_iter(classes))
}

/// A regular expression of PostgreSQL for texts that have `word`.
fn regex_pattern(word: &str) -> String {
    let classes = word.chars().map(|c| match cases(c).as_slice() {
        [c] if c.is_ascii_punctuation() => format!("\\{c}"),
        [c] => c.to_string(),
        cases => format!("[{}]", String::from_iter(cases)),
    });
    classes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_whatever_case() {
        assert_eq!(glob_pattern("aÄ*]1"), "*[aA][Ää][*]]1*");
        assert_eq!(regex_pattern("aÄ*]1"), r"[aA][Ää]\*\]1");
    }

    #[test]
    fn a_cursor_has_the_key_of_its_order() {
        let id = ImageId(Uuid::from_u128(7));
        for (sort, text) in [
            (Sort::Newest, format!("{id}")),
            (Sort::Oldest, format!("{id}")),
            (Sort::Name, format!("{id}.a.b.png")),
            (Sort::Name, format!("{id}.")),
            (Sort::Size, format!("{id}.512")),
        ] {
            let cursor = Cursor::parse(&text, sort).unwrap();
            assert_eq!(cursor.to_string(), text);
        }
        for (sort, text) in [(Sort::Newest, "lena"), (Sort::Size, "x.1"), (Sort::Name, "x")] {
            assert_eq!(Cursor::parse(text, sort), None);
        }
        assert_eq!(Cursor::parse(&id.to_string(), Sort::Size), None);
        assert_eq!(Cursor::parse(&format!("{id}.many"), Sort::Size), None);
    }
}
