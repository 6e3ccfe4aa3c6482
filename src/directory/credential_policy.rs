//! Which PINs and passwords are taken, and for how long.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::DirectoryError;
use crate::vocab::{Secret, UnixMillis};

/// The most digits of a PIN: what a keypad's entry holds.
const LONGEST_PIN: usize = 20;
/// The most characters of a password.
const LONGEST_PASSWORD: usize = 128;
/// The most days a PIN is taken for.
const LONGEST_LIFE: usize = 3650;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What PINs and passwords must be like.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialPolicy {
    /// The fewest digits of a PIN: 4 to 20.
    #[schemars(range(min = 4, max = 20))]
    pub pin_digits: usize,
    /// Refuse PINs anybody would guess: one digit over and over, digits in a row, the user's own number or ID.
    pub refuse_trivial_pins: bool,
    /// The fewest characters of a password: 8 to 128.
    #[schemars(range(min = 8, max = 128))]
    pub password_characters: usize,
    /// Days until a PIN must be changed, at the phone; 0 for never.
    #[schemars(range(min = 0, max = 3650))]
    pub pin_days: u32,
}

impl Default for CredentialPolicy {
    fn default() -> Self {
        Self { pin_digits: 4, refuse_trivial_pins: true, password_characters: 8, pin_days: 0 }
    }
}

impl CredentialPolicy {
    /// Refuses a policy no PIN or password could meet, or that guards nothing.
    pub fn check(&self) -> Result<(), DirectoryError> {
        let ranges = [
            ("pin_digits", self.pin_digits, 4, LONGEST_PIN),
            ("password_characters", self.password_characters, 8, LONGEST_PASSWORD),
            ("pin_days", usize::try_from(self.pin_days).unwrap_or(usize::MAX), 0, LONGEST_LIFE),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return refuse(field, "range", format!("it is not from {least} to {most}"), "give another number");
            }
        }
        Ok(())
    }

    /// True if a PIN set then has to be changed by now.
    pub fn pin_is_over(&self, set_at: UnixMillis, now: UnixMillis) -> bool {
        self.pin_days > 0 && set_at.after(DAY.saturating_mul(self.pin_days)) <= now
    }

    /// Refuses a PIN that is none, or that is easily guessed of somebody with these numbers.
    pub fn check_pin(&self, pin: &Secret, own_numbers: &[&str]) -> Result<(), DirectoryError> {
        let digits = pin.expose_secret();
        let fits = (self.pin_digits..=LONGEST_PIN).contains(&digits.len());
        if !fits || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            let fault = format!("it is not {} to {LONGEST_PIN} digits", self.pin_digits);
            return refuse("pin", "pin-form", fault, "use the digits 0-9 only");
        }
        if self.refuse_trivial_pins && (is_in_a_row(digits) || own_numbers.contains(&digits)) {
            let fault = "anybody would guess it".to_owned();
            return refuse(
                "pin",
                "pin-trivial",
                fault,
                "take digits that are not equal, in a row, or the user's own number",
            );
        }
        Ok(())
    }

    /// Refuses a password that is too short or too long.
    pub fn check_password(&self, password: &Secret) -> Result<(), DirectoryError> {
        let characters = password.expose_secret().chars().count();
        if (self.password_characters..=LONGEST_PASSWORD).contains(&characters) {
            return Ok(());
        }
        let fault = format!("it is not {} to {LONGEST_PASSWORD} characters", self.password_characters);
        refuse("password", "password-length", fault, "choose a longer sentence, or a shorter one")
    }
}

fn refuse(field: &str, code: &'static str, fault: String, remedy: &'static str) -> Result<(), DirectoryError> {
    Err(DirectoryError::Refused { field: field.to_owned(), code, fault, remedy })
}

/// Equal digits, or each one more (or one less) than the one before, as 7890 or 4321.
fn is_in_a_row(digits: &str) -> bool {
    let digits: Vec<i32> = digits.bytes().map(|octet| i32::from(octet) - i32::from(b'0')).collect();
    [0, 1, 9].iter().any(|step| digits.windows(2).all(|pair| matches!(pair, [a, b] if (b - a).rem_euclid(10) == *step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pin: &str) -> Option<&'static str> {
        match CredentialPolicy::default().check_pin(&Secret::from(pin.to_owned()), &["2001"]) {
            Ok(()) => None,
            Err(DirectoryError::Refused { code, .. }) => Some(code),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_pin_is_digits_nobody_guesses() {
        for pin in ["4711", "284613", "12345679"] {
            assert_eq!(fault(pin), None, "{pin}");
        }
        for pin in ["", "123", "12a4", "123456789012345678901"] {
            assert_eq!(fault(pin), Some("pin-form"), "{pin}");
        }
        for pin in ["0000", "1234", "7890", "4321", "2109", "2001"] {
            assert_eq!(fault(pin), Some("pin-trivial"), "{pin}");
        }
    }
}
