//! The directory as other rooms ask it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::account_store;
use super::hashing;
use super::store::{self, UserColumn};
use super::token::{Bearer, new_token};
use super::{
    Accounts, Actor, Credential, CredentialHash, CredentialPolicy, DeviceTemplate, DirectoryError, Feed, Kept,
    LineTemplate, Listing, Page, Phone, Phones, Pin, Record, Recorded, Sealer, TokenDraft, TokenHash, Tokens, UnderWay,
    User, UserProfile,
};
use crate::db::{Db, DbConnection, DbError};
use crate::vocab::{PhoneId, Secret, SelfServiceId, UnixMillis, UserId};

/// The directory.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    sealer: Sealer,
    accounts: Accounts,
    /// One account is read at a time: what was read last is what is kept.
    refreshing: Arc<tokio::sync::Mutex<()>>,
    feed: Feed,
    under_way: UnderWay,
    /// While records are imported: the policy they are judged by. Users' secrets are then sealed, to be hashed later.
    pub(super) importing: Option<CredentialPolicy>,
}

impl Directory {
    /// Reads the accounts into memory.
    pub async fn open(db: Db, sealer: Sealer) -> Result<Self, DirectoryError> {
        if !store::is_sealed_with(&db, &sealer.mark("installation", "key")).await? {
            return Err(DirectoryError::OtherKey);
        }
        let directory = Self {
            feed: Feed::open(&db),
            db,
            sealer,
            accounts: Accounts::default(),
            refreshing: Arc::default(),
            under_way: UnderWay::default(),
            importing: None,
        };
        directory.refresh_accounts().await?;
        Ok(directory)
    }

    /// The database under it.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What phones authenticate with.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Seals secrets for storage.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// What happens.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Which enrolment each phone is in.
    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// Reads a phone's account again after its record changed.
    pub async fn refresh_account(&self, phone: PhoneId) -> Result<(), DirectoryError> {
        let _turn = self.refreshing.lock().await;
        match account_store::one(&self.db, &self.sealer, phone).await? {
            Some(account) => self.accounts.put(account),
            None => self.accounts.remove(phone),
        }
        Ok(())
    }

    /// Reads every account again. Gives the phones that have none any more.
    pub async fn refresh_accounts(&self) -> Result<Vec<PhoneId>, DirectoryError> {
        let _turn = self.refreshing.lock().await;
        Ok(self.accounts.replace(account_store::all(&self.db, &self.sealer).await?))
    }

    /// A page of phones.
    pub async fn phones(&self, listing: &Listing) -> Result<Page<Phone>, DirectoryError> {
        let Page { items, next, total } = self.list::<Phones>(listing).await?;
        let ids: Vec<PhoneId> = items.into_iter().map(|row| row.id).collect();
        Ok(Page { items: store::phones(self.db.reader(), &ids).await?, next, total })
    }

    /// One phone.
    pub async fn phone(&self, id: PhoneId) -> Result<Option<Phone>, DirectoryError> {
        let mut connection = self.db.reader().acquire().await?;
        store::load_phone(&mut connection, id).await
    }

    /// The user with this self-service ID, and their PIN.
    pub async fn user_by_self_service_id(
        &self,
        id: &SelfServiceId,
    ) -> Result<Option<(User, Option<Pin>)>, DirectoryError> {
        let mut connection = self.db.reader().acquire().await?;
        let found = store::user_by(&mut connection, UserColumn::SelfServiceId, id.as_str()).await?;
        found
            .map(|(user, stored)| {
                let kept = Credential::of(stored.hash, stored.sealed, &self.sealer)?;
                let (set_at, must_change) = (stored.set_at, stored.must_change);
                Ok((user, kept.map(|kept| Pin { kept, set_at, must_change })))
            })
            .transpose()
    }

    /// Makes a token and returns it with its record: it is not shown again.
    pub async fn make_token(
        &self,
        draft: TokenDraft,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<(Secret, Kept<Recorded<TokenDraft>>), DirectoryError> {
        let token = new_token();
        let kept = self.create::<Tokens>(TokenDraft { secret: Some(token.clone()), ..draft }, actor, now).await?;
        Ok((token, kept))
    }

    /// True if a token was ever made.
    pub async fn has_tokens(&self) -> Result<bool, DirectoryError> {
        Ok(store::tokens(self.db.reader()).await? > 0)
    }

    /// Who bears `token`, if it is worth anything.
    pub async fn bearer_of(&self, token: &Secret, now: UnixMillis) -> Result<Option<Bearer>, DirectoryError> {
        store::bearer(self.db.reader(), &TokenHash::of(token), now).await
    }

    /// Whether the token with this identifier is still worth anything.
    pub async fn is_bearer(&self, token: &str, now: UnixMillis) -> Result<bool, DirectoryError> {
        store::is_bearer(self.db.reader(), token, now).await
    }

    /// Puts a password, if one is given and the policy takes it, into the columns of a record.
    pub(super) async fn keep_password(
        &self,
        record: &mut Record,
        password: Option<Secret>,
        now: UnixMillis,
    ) -> Result<(), DirectoryError> {
        let Some(password) = password else { return Ok(()) };
        self.credential_policy().await?.check_password(&password)?;
        record.insert("password_hash".to_owned(), self.hash(password).await?.as_stored().into());
        record.insert("password_set_at".to_owned(), now.get().into());
        Ok(())
    }

    /// Hashing takes 20 ms of a core: not on the threads that serve calls, and no thread waits for memory to hash in.
    pub async fn hash(&self, secret: Secret) -> Result<CredentialHash, DirectoryError> {
        static TURNS: Semaphore = Semaphore::const_new(hashing::AT_ONCE);
        let _turn = TURNS.acquire().await;
        let salt = rand::random();
        match tokio::task::spawn_blocking(move || CredentialHash::of(&secret, &salt)).await {
            Ok(hash) => hash,
            Err(_) => Err(DbError::Statement(sqlx::Error::WorkerCrashed).into()),
        }
    }
}

/// Questions asked inside somebody else's transaction.
impl Directory {
    /// One user.
    pub async fn user_in(db: &mut DbConnection, id: UserId) -> Result<Option<User>, DirectoryError> {
        Ok(store::user_by(db, UserColumn::Id, &id.to_string()).await?.map(|(user, _)| user))
    }

    /// The profile that applies to a user.
    pub async fn profile_in(db: &mut DbConnection, user: UserId) -> Result<Option<UserProfile>, DirectoryError> {
        store::profile_of(db, user).await
    }

    /// A device template and its record, by name or record.
    pub async fn device_template_in(
        db: &mut DbConnection,
        name_or_id: &str,
    ) -> Result<Option<(String, DeviceTemplate)>, DirectoryError> {
        store::device_template(db, name_or_id).await
    }

    /// A line template, by name.
    pub async fn line_template_in(db: &mut DbConnection, name: &str) -> Result<Option<LineTemplate>, DirectoryError> {
        store::line_template(db, name).await
    }

    /// How many phones a user has.
    pub async fn phones_of_in(db: &mut DbConnection, user: UserId) -> Result<usize, DirectoryError> {
        Ok(usize::try_from(store::phones_of(db, user).await?).unwrap_or(usize::MAX))
    }
}
