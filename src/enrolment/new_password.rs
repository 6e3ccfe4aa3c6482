//! A phone's SIP password is overwritten by somebody who looks after it: the one before is worth nothing from then on, and
//! the phone is told to fetch the new one.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::fetch::random_secret;
use super::service::Enrolments;
use super::{EnrolmentError, store};
use crate::directory::{Action, Actor, Change, DirectoryError, load_phone, write_audit};
use crate::vocab::{PhoneId, Secret, UnixMillis};

impl Enrolments {
    /// Overwrites the password of a phone that is somebody's; one is made if none is given. None if the phone has none of
    /// ours: it takes no configuration, or is nobody's.
    ///
    /// # Errors
    /// If the password can't be taken, or the database fails.
    pub async fn overwrite_password(
        &self,
        phone: PhoneId,
        given: Option<Secret>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Option<Secret>, EnrolmentError> {
        if let Some(password) = &given {
            self.directory.credential_policy().await?.check_password(password)?;
            check_characters(password)?;
        }
        let password = given.unwrap_or_else(random_secret);
        let sealed = self.directory.sealer().seal(&password, rand::random())?;
        let mut transaction = self.directory.db().write().await?;
        let Some(record) = load_phone(&mut transaction, phone).await? else { return Ok(None) };
        if !store::overwrite_secret(&mut transaction, phone, &sealed).await? {
            return Ok(None);
        }
        store::make_due(&mut transaction, phone, now).await?;
        let change = Change {
            action: Action::Act,
            kind: "phone",
            record: phone.to_string(),
            name: record.name,
            before: None,
            after: Some("overwrite password".into()),
        };
        write_audit(&mut transaction, actor, &change, now).await?;
        transaction.commit().await?;
        self.directory.refresh_account(phone).await?;
        tracing::info!(%phone, by = %actor.name, "a phone's password was overwritten");
        self.may_notify(phone, Duration::ZERO);
        // How long that takes is the phone's; what it doesn't hear now it is told again.
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = this.push(phone).await {
                tracing::error!(%error, %phone, "a phone could not be told of its new password");
            }
        });
        Ok(Some(password))
    }
}

/// Phones take their passwords from files of several forms, and people key them in.
fn check_characters(password: &Secret) -> Result<(), DirectoryError> {
    let is_fit = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~!*+,:=@^".contains(&octet);
    if password.expose_secret().bytes().all(is_fit) {
        return Ok(());
    }
    Err(DirectoryError::Refused {
        field: "password".to_owned(),
        code: "sip-password-form",
        fault: "it has a character that not every phone takes".to_owned(),
        remedy: "use letters, digits and - . _ ~ ! * + , : = @ ^",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_of_characters_every_phone_takes() {
        let check = |text: &str| check_characters(&Secret::from(text.to_owned())).is_ok();
        assert!(check("correct-horse.battery~9"));
        for text in ["two words", "quote\"", "a<b", "line\n", "日本語の合言葉", "x;y", "$x{y}"] {
            assert!(!check(text), "{text}");
        }
    }
}
