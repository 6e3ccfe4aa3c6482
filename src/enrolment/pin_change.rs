//! A PIN that has to be changed before it is good for a claim: chosen at the phone, kept with the bind or not at all.

use secrecy::ExposeSecret;

use super::claim::Claim;
use super::service::Enrolments;
use super::{EnrolmentError, judgement::Proven};
use crate::directory::{CredentialHash, CredentialPolicy, DirectoryError};
use crate::vocab::{DirectoryNumber, Secret};

/// Why somebody has to choose another PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewPinReason {
    /// The one they have is due.
    Due,
    /// The one they chose has too few digits.
    TooShort,
    /// Anybody would guess it.
    TooEasy,
    /// It is the one they have.
    NotNew,
}

impl Enrolments {
    /// What becomes of the PIN with this claim: the hash of a new one, none if it stays, or why another has to be chosen.
    pub(super) async fn pin_change(
        &self,
        claim: &Claim,
        proven: &Proven,
    ) -> Result<Result<Option<CredentialHash>, NewPinReason>, EnrolmentError> {
        if !proven.by_pin {
            return Ok(Ok(None));
        }
        let Some(chosen) = &claim.new_pin else {
            return Ok(if proven.is_pin_due { Err(NewPinReason::Due) } else { Ok(None) });
        };
        let extension = proven.user.primary_extension.as_ref().map(DirectoryNumber::as_str).unwrap_or_default();
        let own_numbers = [extension, proven.user.self_service_id.as_str()];
        let policy = self.directory.credential_policy().await?;
        if let Some(fault) = fault(&policy, chosen, claim.credential.as_ref(), &own_numbers) {
            return Ok(Err(fault));
        }
        Ok(Ok(Some(self.directory.hash(chosen.clone()).await?)))
    }
}

fn fault(policy: &CredentialPolicy, chosen: &Secret, old: Option<&Secret>, own: &[&str]) -> Option<NewPinReason> {
    if old.is_some_and(|old| old.expose_secret() == chosen.expose_secret()) {
        return Some(NewPinReason::NotNew);
    }
    match policy.check_pin(chosen, own) {
        Ok(()) => None,
        Err(DirectoryError::Refused { code: "pin-trivial", .. }) => Some(NewPinReason::TooEasy),
        // A keypad's entry has no letters and is never too long.
        Err(_) => Some(NewPinReason::TooShort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pin_is_another_one_and_meets_the_policy() {
        let policy = CredentialPolicy { pin_digits: 6, ..CredentialPolicy::default() };
        let secret = |digits: &str| Secret::from(digits.to_owned());
        let of = |digits: &str| fault(&policy, &secret(digits), Some(&secret("284613")), &["100123"]);
        assert_eq!(of("284613"), Some(NewPinReason::NotNew));
        assert_eq!(of("28461"), Some(NewPinReason::TooShort));
        assert_eq!(of("777777"), Some(NewPinReason::TooEasy));
        assert_eq!(of("100123"), Some(NewPinReason::TooEasy));
        assert_eq!(of("284614"), None);
    }
}
