### What `tsunagu backup` and `tsunagu restore` say.

backup-saved = Saved { $octets } octets to { $file }. It holds the key that seals passwords: keep it safe.
backup-restored = Restored to { $folder }, as it was on { $made }. What phones and people did since then is not in it.
backup-exists = { $file } is there already; nothing is overwritten. Choose another name.
backup-no-data = { $file } is not there; say where the data folder is with --data-dir.
backup-damaged = { $file } is damaged ({ $why }); restore an older backup.
backup-in-use = A server is working in { $file }; stop it first, or restore to another folder.
backup-not-empty = { $file } is not empty; nothing in it is overwritten. Restore to a new folder.
backup-unusable = { $file } can't be restored: { $why }
backup-newer = The backup was made by version { $version }, whose database this version doesn't know. Restore it with that version or a later one.
backup-interrupted = Interrupted; nothing was changed.
