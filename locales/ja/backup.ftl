### `tsunagu backup` と `tsunagu restore` が表示することば。

backup-saved = { $file } に保存しました({ $octets } バイト)。パスワードを封じる鍵を含むので、安全に保管してください。
backup-restored = { $made } 時点の状態を { $folder } に復元しました。それより後に電話機や利用者が行ったことは含まれません。
backup-exists = { $file } は既にあります。上書きはしません。別の名前を指定してください。
backup-no-data = { $file } がありません。データフォルダーの場所を --data-dir で指定してください。
backup-damaged = { $file } が壊れています({ $why })。以前のバックアップを復元してください。
backup-in-use = { $file } はサーバーが使用中です。先に停止するか、別のフォルダーに復元してください。
backup-not-empty = { $file } は空ではありません。上書きはしません。新しいフォルダーに復元してください。
backup-unusable = { $file } は復元できません: { $why }
backup-newer = このバックアップはバージョン { $version } で作られ、そのデータベースをこのバージョンは扱えません。そのバージョン以降で復元してください。
backup-interrupted = 中断しました。何も変更していません。
