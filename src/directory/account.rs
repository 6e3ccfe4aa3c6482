//! What phones authenticate with, kept in memory: asked on every request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, RwLock};

use super::PhoneState;
use crate::vocab::{DirectoryNumber, PhoneId, Secret};

/// One phone's SIP account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub phone: PhoneId,
    /// Where that phone stands.
    pub state: PhoneState,
    /// The user name of its digest credentials.
    pub auth_name: String,
    /// Its password. None for a phone that takes no configuration: that one is known by where it registers from.
    pub secret: Option<Secret>,
    /// The password before the last bind, while the phone may not have the new one yet.
    pub old_secret: Option<Secret>,
    /// Digest algorithms offered to it, in order.
    pub algorithms: Vec<String>,
    /// The numbers of its lines.
    pub lines: Vec<DirectoryNumber>,
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
    /// True if this digest algorithm is one it is offered.
    pub fn offers(&self, algorithm: &str) -> bool {
        self.algorithms.iter().any(|offered| offered.eq_ignore_ascii_case(algorithm))
    }

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

#[derive(Debug, Default)]
struct Table {
    by_name: HashMap<String, Arc<Account>>,
    by_phone: HashMap<PhoneId, String>,
    by_number: HashMap<String, Vec<PhoneId>>,
}

impl Table {
    /// Puts the numbers of a phone's lines on the index.
    fn number(&mut self, account: &Account) {
        for number in &account.lines {
            self.by_number.entry(number.as_str().to_owned()).or_default().push(account.phone);
        }
    }

    /// Takes the numbers of a phone's lines off the index.
    fn unnumber(&mut self, phone: PhoneId) {
        let Some(account) = self.by_phone.get(&phone).and_then(|name| self.by_name.get(name)) else { return };
        for number in &account.lines {
            if let Some(phones) = self.by_number.get_mut(number.as_str()) {
                phones.retain(|known| *known != phone);
                if phones.is_empty() {
                    self.by_number.remove(number.as_str());
                }
            }
        }
    }
}

impl Accounts {
    /// The account of this name.
    pub fn named(&self, auth_name: &str) -> Option<Arc<Account>> {
        self.read().by_name.get(auth_name).cloned()
    }

    /// The account of this phone.
    pub fn of(&self, phone: PhoneId) -> Option<Arc<Account>> {
        let table = self.read();
        table.by_phone.get(&phone).and_then(|name| table.by_name.get(name)).cloned()
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
        table.unnumber(account.phone);
        let before = table.by_phone.insert(account.phone, account.auth_name.clone());
        if let Some(other) = before.filter(|before| *before != account.auth_name) {
            table.by_name.remove(&other);
        }
        table.number(&account);
        table.by_name.insert(account.auth_name.clone(), Arc::new(account));
    }

    /// Puts these in the place of all there are. Gives the phones that are not among them.
    pub(super) fn replace(&self, accounts: Vec<Account>) -> Vec<PhoneId> {
        let mut fresh = Table::default();
        for account in accounts {
            fresh.number(&account);
            fresh.by_phone.insert(account.phone, account.auth_name.clone());
            fresh.by_name.insert(account.auth_name.clone(), Arc::new(account));
        }
        let before = std::mem::replace(&mut *self.write(), fresh);
        let table = self.read();
        before.by_phone.into_keys().filter(|phone| !table.by_phone.contains_key(phone)).collect()
    }

    pub(super) fn remove(&self, phone: PhoneId) {
        let mut table = self.write();
        table.unnumber(phone);
        if let Some(name) = table.by_phone.remove(&phone) {
            table.by_name.remove(&name);
        }
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
            auth_name: format!("p{number}"),
            secret: None,
            old_secret: None,
            algorithms: Vec::new(),
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
