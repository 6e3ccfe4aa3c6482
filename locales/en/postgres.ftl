### What commands say of a database on PostgreSQL.

backup-saved-without-database = Saved the key and the language packs ({ $octets } octets) to { $file }: keep it safe. The database is not in it; save that with pg_dump ({ $database }).
backup-restored-without-database = Restored key and language packs to { $folder }, as they were on { $made }. Restore the database with pg_restore, and start the server with its database.url.

doctor-postgres = The database { $database } answers (PostgreSQL { $version }); its schema is this version's.
doctor-postgres-schema = The schema of the database { $database } is { $schema }, and this version's is { $newest }.
doctor-postgres-schema-remedy = Run the same version everywhere: the first server of a newer version that starts brings the schema up to date.
doctor-postgres-away = The database { $database } can't be reached: { $why }
doctor-postgres-away-remedy = See that PostgreSQL runs there, that database.url is right, and that pg_hba.conf lets this machine in.
