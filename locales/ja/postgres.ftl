### PostgreSQL 上のデータベースについてコマンドが表示することば。

backup-saved-without-database = 鍵と言語パックを { $file } に保存しました({ $octets } バイト)。安全に保管してください。データベースは含まれません。pg_dump で保存してください({ $database })。
backup-restored-without-database = { $made } 時点の鍵と言語パックを { $folder } に復元しました。データベースは pg_restore で復元し、その database.url を指定してサーバーを起動してください。

doctor-postgres = データベース { $database } は応答しています(PostgreSQL { $version })。スキーマはこのバージョンのものです。
doctor-postgres-schema = データベース { $database } のスキーマは { $schema } ですが、このバージョンのスキーマは { $newest } です。
doctor-postgres-schema-remedy = すべてのノードで同じバージョンを使ってください。新しいバージョンのサーバーを最初に起動したときに、スキーマが更新されます。
doctor-postgres-away = データベース { $database } に接続できません: { $why }
doctor-postgres-away-remedy = PostgreSQL が動いていること、database.url が正しいこと、pg_hba.conf がこのマシンを許可していることを確かめてください。
