//! What phones authenticate with, kept in memory: asked on every request.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, RwLock};

use compact_str::CompactString;
use smallvec::SmallVec;

use super::PhoneState;
use crate::sip::digest::Algorithm;
use crate::vocab::{DirectoryNumber, PhoneId, Secret};

/// One phone's SIP account. There are as many as there are phones: what is short, and what there is mostly one of, is kept in place.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub phone: PhoneId,
    /// Where that phone stands.
    pub state: PhoneState,
    /// The user name of its digest credentials.
    pub auth_name: CompactString,
    /// Its password. None for a phone that takes no configuration: that one is known by where it registers from.
    pub secret: Option<Secret>,
    /// The password before the last bind, while the phone may not have the new one yet.
    pub old_secret: Option<Secret>,
    /// Digest algorithms offered to it, in order.
    pub algorithms: SmallVec<[Algorithm; 2]>,
    /// The numbers of its lines.
    pub lines: SmallVec<[DirectoryNumber; 1]>,
    /// Its temporary number; after a bind still there while the phone may be using it.
    pub temporary_number: Option<DirectoryNumber>,
    /// Numbers it had before and may still ask to register.
    pub former_numbers: Vec<DirectoryNumber>,
    /// True while its user is inactive: it may do nothing.
    pub is_suspended: bool,
    /// The address it was first seen at.
    pub source: IpAddr,
}

impl Account {
    /// The address-of-record it gets when it asks to register `user`: a number of its own, or its own name. What it asks
    /// for under a number it had before is kept under its name: it can be reached there, and the number rings on it no more.
    pub fn address_of(&self, user: &str) -> Option<&str> {
        let own = self.lines.iter().chain(&self.temporary_number).map(DirectoryNumber::as_str);
        if let Some(number) = own.into_iter().find(|number| *number == user) {
            return Some(number);
        }
        let is_former = self.former_numbers.iter().any(|number| number.as_str() == user);
        (is_former || user == self.auth_name).then_some(&self.auth_name)
    }
}

/// Every account, by the name it authenticates as.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<RwLock<Table>>);

/// Accounts, found by what they are asked for by.
#[derive(Debug, Default)]
pub(super) struct Table {
    by_name: HashSet<ByName>,
    by_phone: HashMap<PhoneId, Arc<Account>>,
    by_number: HashMap<DirectoryNumber, SmallVec<[PhoneId; 1]>>,
}

/// An account, found by the name it authenticates as.
#[derive(Debug)]
struct ByName(Arc<Account>);

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.auth_name
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.auth_name.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.auth_name == other.0.auth_name
    }
}

impl Eq for ByName {}

impl Table {
    /// For so many accounts with a line each.
    pub(super) fn with_capacity(accounts: usize) -> Self {
        Self {
            by_name: HashSet::with_capacity(accounts),
            by_phone: HashMap::with_capacity(accounts),
            by_number: HashMap::with_capacity(accounts),
        }
    }

    /// Adds an account of a phone that has none.
    pub(super) fn add(&mut self, account: Account) {
        self.number(&account);
        let account = Arc::new(account);
        self.by_phone.insert(account.phone, account.clone());
        self.by_name.replace(ByName(account));
    }

    /// Takes the account of a phone away.
    fn remove(&mut self, phone: PhoneId) {
        let Some(account) = self.by_phone.remove(&phone) else { return };
        self.unnumber(&account);
        // Another phone may have its name by now.
        if self.by_name.get(account.auth_name.as_str()).is_some_and(|named| named.0.phone == phone) {
            self.by_name.remove(account.auth_name.as_str());
        }
    }

    /// Puts the numbers of a phone's lines on the index.
    fn number(&mut self, account: &Account) {
        for number in &account.lines {
            self.by_number.entry(number.clone()).or_default().push(account.phone);
        }
    }

    /// Takes the numbers of a phone's lines off the index.
    fn unnumber(&mut self, account: &Account) {
        for number in &account.lines {
            if let Some(phones) = self.by_number.get_mut(number) {
                phones.retain(|known| *known != account.phone);
                if phones.is_empty() {
                    self.by_number.remove(number);
                }
            }
        }
    }
}

impl Accounts {
    /// The account of this name.
    pub fn named(&self, auth_name: &str) -> Option<Arc<Account>> {
        self.read().by_name.get(auth_name).map(|named| named.0.clone())
    }

    /// The account of this phone.
    pub fn of(&self, phone: PhoneId) -> Option<Arc<Account>> {
        self.read().by_phone.get(&phone).cloned()
    }

    /// The phones a number rings on.
    pub fn ringing_on(&self, number: &DirectoryNumber) -> Vec<PhoneId> {
        self.with_line(number.as_str(), usize::MAX)
    }

    /// Some phones with a line of this number: at most `most`.
    pub fn with_line(&self, number: &str, most: usize) -> Vec<PhoneId> {
        self.read().by_number.get(number).into_iter().flatten().take(most).copied().collect()
    }

    pub(super) fn put(&self, account: Account) {
        let mut table = self.write();
        table.remove(account.phone);
        table.add(account);
    }

    /// Puts these in the place of all there are. Gives the phones that are not among them.
    pub(super) fn replace(&self, fresh: Table) -> Vec<PhoneId> {
        let before = std::mem::replace(&mut *self.write(), fresh);
        let table = self.read();
        before.by_phone.into_keys().filter(|phone| !table.by_phone.contains_key(phone)).collect()
    }

    pub(super) fn remove(&self, phone: PhoneId) {
        self.write().remove(phone);
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::UnixMillis;

    fn account(number: u8, lines: &[&str]) -> Account {
        Account {
            phone: PhoneId::new(UnixMillis::new(0), [number; 10]),
            state: PhoneState::Enrolled,
            auth_name: format!("p{number}").into(),
            secret: None,
            old_secret: None,
            algorithms: SmallVec::new(),
            lines: lines.iter().map(|number| number.parse().unwrap()).collect(),
            temporary_number: Some("9000".parse().unwrap()),
            former_numbers: vec!["1001".parse().unwrap()],
            is_suspended: false,
            source: std::net::Ipv4Addr::LOCALHOST.into(),
        }
    }

    #[test]
    fn the_phones_with_a_line_of_a_number_are_those_that_have_it_now() {
        let accounts = Accounts::default();
        accounts.put(account(1, &["1002", "1003"]));
        accounts.put(account(2, &["1002"]));
        assert_eq!(accounts.with_line("1002", 9).len(), 2);
        assert_eq!(accounts.with_line("1002", 1).len(), 1);
        accounts.put(account(1, &["1004"]));
        assert_eq!((accounts.with_line("1003", 9).len(), accounts.with_line("1004", 9).len()), (0, 1));
        accounts.remove(account(2, &[]).phone);
        assert!(accounts.with_line("1002", 9).is_empty() && accounts.read().by_number.len() == 1);
    }

    #[test]
    fn a_number_a_phone_had_before_is_kept_under_its_name() {
        let account = account(1, &["1002"]);
        let of = |user| account.address_of(user);
        assert_eq!(["1002", "9000", "1001", "p1"].map(of), [Some("1002"), Some("9000"), Some("p1"), Some("p1")]);
        assert_eq!(of("1003"), None);
    }
}
