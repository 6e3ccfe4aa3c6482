//! The range temporary numbers are taken from. Pure.

use crate::vocab::{DirectoryNumber, VocabError};

/// A range of directory numbers, all with the same count of digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberRange {
    first: u64,
    last: u64,
    digits: usize,
}

impl NumberRange {
    /// From `first` to `last`, both included: digits only, equally many, not descending, at most 100,000 numbers.
    pub fn new(first: &DirectoryNumber, last: &DirectoryNumber) -> Result<Self, VocabError> {
        let fault = |fault| VocabError {
            what: "auto-registration range",
            fault,
            remedy: "give two numbers of equally many digits, the first not above the last, such as 9000 and 9999",
        };
        let read = |number: &DirectoryNumber| digits_only(number.as_str()).ok_or_else(|| fault("not digits only"));
        let range = Self { first: read(first)?, last: read(last)?, digits: first.as_str().len() };
        if last.as_str().len() != range.digits {
            return Err(fault("the two numbers differ in length"));
        }
        match range.last.checked_sub(range.first) {
            Some(0..100_000) => Ok(range),
            Some(_) => Err(fault("more than 100,000 numbers")),
            None => Err(fault("the last number comes before the first")),
        }
    }

    /// Each of them, the lowest first.
    pub(super) fn numbers(&self) -> impl Iterator<Item = String> + '_ {
        (self.first..=self.last).map(|number| self.written(number))
    }

    /// The lowest.
    pub(super) fn first(&self) -> String {
        self.written(self.first)
    }

    /// The highest.
    pub(super) fn last(&self) -> String {
        self.written(self.last)
    }

    fn written(&self, number: u64) -> String {
        format!("{number:0width$}", width = self.digits)
    }

    /// How many numbers it has.
    pub fn len(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Never true; a range has at least one number.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// True if `number` is one of them.
    pub fn contains(&self, number: &str) -> bool {
        number.len() == self.digits
            && digits_only(number).is_some_and(|number| (self.first..=self.last).contains(&number))
    }
}

/// What a number of digits comes to: no `+` before them.
fn digits_only(number: &str) -> Option<u64> {
    number.bytes().all(|octet| octet.is_ascii_digit()).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> Result<NumberRange, VocabError> {
        NumberRange::new(&first.parse().unwrap(), &last.parse().unwrap())
    }

    #[test]
    fn a_range_keeps_leading_zeros_and_both_its_ends() {
        let range = range("0098", "0101").unwrap();
        assert_eq!(range.numbers().collect::<Vec<_>>(), ["0098", "0099", "0100", "0101"]);
        assert_eq!(range.len(), 4);
        assert!(range.contains("0101") && !range.contains("101") && !range.contains("0102") && !range.contains("+101"));
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for (first, last) in [("9", "10"), ("20", "10"), ("1*", "20"), ("+900", "+999"), ("000000", "999999")] {
            assert!(range(first, last).is_err(), "{first} {last}");
        }
    }
}
