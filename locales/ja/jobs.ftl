### ジョブと、ファイルの行の誤り。

job-waiting = 先のジョブの終了を待っています。
job-checking = 行を確認しています。まだ何も書き込まれていません。
job-writing = 行を書き込んでいます。
job-looked = 行を確認しました。指定どおり、何も書き込まれていません。
job-done = 完了しました。
job-refused = ファイルに誤りがあるため、何も書き込まれていません。修正してからもう一度送信してください。
job-cancelled = 中止されました。
job-interrupted = 完了する前にサーバーが停止しました。all-or-nothingの場合は何も書き込まれていません。best-effortの場合は表示された行までが書き込まれています。
job-failed = サーバーで処理できませんでした。原因はサーバーのログを確認してください。

problem-title-jobs-waiting = 現在受け付けられません
problem-detail-jobs-waiting = すでに4つのジョブがあります。いずれかが終了してからもう一度お試しください。
problem-title-job-ended = 終了しています
problem-detail-job-ended = このジョブはすでに終了しているため、中止できません。
problem-title-unsupported-csv = 対応していない形式です
problem-detail-unsupported-csv = ヘッダー Content-Type: text/csv を付けてCSVを送信してください。
problem-title-file-too-large = 大きすぎます
problem-detail-file-too-large = ファイルが32 MiBを超えています。分けて送信してください。

problem-detail-file-workbook = これはブック形式のファイルです。CSVで保存し直してから送信してください。
problem-detail-file-charset = 文字コード{ $charset }には対応していません。UTF-8またはShift_JISで送信してください。
problem-detail-file-encoding = 文字コードが正しくないか、テキストではありません。「CSV UTF-8」で保存し直してから送信してください。
problem-detail-file-rows = 行数が{ $most }を超えています。分けて送信してください。
problem-detail-column-unknown = 「{ $field }」という項目はありません。使える項目：{ $known }
problem-detail-column-twice = { $field }：同じ列が2つあります（最初は{ $first }列目）。一方を削除してください。
problem-detail-column-missing = 列 { $field } がありません。すべての行に必要です。
problem-detail-row-columns = 列が256を超えています。不要な列を削除してください。
problem-detail-row-short = セルの数が見出しより少なくなっています。区切り文字や引用符の抜けがないか確認してください。
problem-detail-row-twice = { $field }：{ $first }行目と同じ値です。一方の行を削除するか、別の値にしてください。
problem-detail-cell-length = セルが4096文字を超えています。引用符の抜けがないか確認してください。
problem-detail-cell-unnamed = このセルの列に見出しがありません。見出しを付けるか、セルを空にしてください。
problem-detail-cell-empty = { $field } が空です。すべての行に必要です。
problem-detail-cell-flag = { $field }：true または false を指定してください。
problem-detail-cell-number = { $field }：整数を数字で指定してください。
problem-detail-cell-json = { $field }：JSONの配列またはオブジェクトで指定してください。
