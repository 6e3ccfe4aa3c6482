### What `tsunagu doctor` finds, and what to do about it.

doctor-all-well = All is well.
doctor-to-mend = { $count ->
    [1] There is something to mend.
   *[other] There are { $count } things to mend.
  }
doctor-interrupted = Interrupted: not everything was looked at.
doctor-interrupted-remedy = Run it again.
doctor-left-behind = Not everything made for the examination could be taken away ({ $names }): { $why }
doctor-left-behind-remedy = Run the doctor again a quarter of an hour later: it takes away what is left of earlier examinations.
doctor-cleared-up = { $users } test users of earlier examinations were taken away.

doctor-clock = This machine's clock is kept right by NTP.
doctor-clock-not-kept = This machine's clock is not kept right by NTP.
doctor-clock-not-kept-remedy = Switch it on (`timedatectl set-ntp true`): leases and lockouts rest on the clock.
doctor-clock-unknown = The system doesn't say whether its clock is kept right.
doctor-clocks-apart = This machine's clock and the server's are { $seconds } s apart.
doctor-clocks-apart-remedy = See which one is wrong, and have NTP keep it.
doctor-certificates = Certificates: the configuration names none, so no TLS is spoken.

doctor-database = The database { $file } is sound.
doctor-database-damaged = The database { $file } is damaged: { $why }
doctor-database-damaged-remedy = Stop the server, keep a copy of the folder, and restore the newest backup (`tsunagu restore`).
doctor-database-unreadable = { $file } can't be looked at: { $why }
doctor-database-unreadable-remedy = See that the folder is the server's data folder, and that whoever runs the doctor may read it.
doctor-disk = { $free } MiB are free where the database is.
doctor-disk-full = Only { $free } MiB are free where the database is.
doctor-disk-full-remedy = Make room: when the disk is full, nothing can be saved and no phone registers.
doctor-data-not-looked-at = The database's file and disk were not looked at; --data-dir says where they are.

doctor-server = The server answers at { $server } and takes phones; its database answers.
doctor-server-database = The server's database doesn't answer.
doctor-server-database-remedy = The server's log says why; see whether the disk is full or the data folder read-only.
doctor-server-not-ready = The server takes no phones now: it is starting or stopping.
doctor-server-not-ready-remedy = Wait and run the doctor again.
doctor-unreachable = The server's API doesn't answer at { $server }.
doctor-unreachable-remedy = See that the server runs and that --server (or TSUNAGU_SERVER) is the address of its administrators' door.
doctor-token = The token is not taken.
doctor-token-remedy = Give a valid one with the role administer, in --token-file or TSUNAGU_TOKEN.

doctor-ports = These ports answer: { $ports }
doctor-ports-silent = These ports don't answer: { $ports }
doctor-ports-silent-remedy = See that the server listens there (--config says where) and that no firewall is in between.

doctor-settings = The settings of self-provisioning lack nothing.
doctor-settings-lack = The settings of self-provisioning: { $warnings }
doctor-settings-lack-remedy = Change them: `tsunagu admin self-provisioning show`, then `… change`.
doctor-prompts = Every sentence has its recording in the languages spoken ({ $languages }).
doctor-prompts-lack = Recordings: { $faults }
doctor-prompts-lack-remedy = Put them in, or take the language out of dialogue.languages.
doctor-prompts-other-version = The recordings were not looked at: the server is another version than this program.
doctor-packs-lack = Language packs: { $faults }
doctor-packs-lack-remedy = Mend them (`tsunagu prompts check` says whether all is there), then `tsunagu service restart`.
doctor-ready = Self-provisioning: { $message }
doctor-not-ready = Self-provisioning: { $message }
doctor-not-ready-remedy = Switch on what is off: `tsunagu service activate`; auto-registration with enabled = true.
doctor-waits-for-restart = Changed settings wait for a restart of the service: { $fields }
doctor-waits-for-restart-remedy = `tsunagu service restart` takes them up and cuts no call.
doctor-pool = { $free } of { $total } temporary numbers are free.
doctor-pool-low = Only { $free } of { $total } temporary numbers are free.
doctor-pool-low-remedy = Widen the range of auto-registration, or release phones that nobody sets up (`tsunagu admin phones list state=quarantine`).

doctor-enrolment = A virtual phone was set up for a test user by calling the service, in { $seconds } s; both are gone again.
doctor-enrolment-failed = A virtual phone could not be set up: { $why }
doctor-enrolment-failed-remedy = `tsunagu admin enrolments list` shows how far it came and what to do; the server's log says more.
doctor-enrolment-not-wanted = No virtual phone was set up, as asked.
doctor-enrolment-not-possible = No virtual phone was set up, since self-provisioning is not ready.
doctor-no-profile = There is no user profile to set up a phone by.
doctor-no-profile-remedy = Make one the default (is_default), or name one with --profile.
doctor-profile-unfit = By the user profile “{ $name }” nobody can set up a phone.
doctor-profile-unfit-remedy = Give it a desk_template, allow_provisioning=true and a device_limit above 0, or name another with --profile.
doctor-code-needed = No virtual phone was set up, since only the authentication code is accepted; --code-file holds it.
doctor-no-number = No number that is nobody's was found for a test user.
doctor-no-number-remedy = Allow longer self-service IDs (dialogue.id_digits).
doctor-no-test-user = The test user could not be made: { $why }
doctor-no-test-user-remedy = The doctor needs a token with the role administer, and a database that can be written.
