### APIのエラー（RFC 9457）。種類ごとの見出しと、何が誤りで何をすればよいか。

problem-title-unauthorized = 認証が必要です
problem-detail-unauthorized = ヘッダー Authorization: Bearer … に有効なトークンを指定してください。
problem-title-forbidden = 権限がありません
problem-detail-forbidden = この操作には{ $needed ->
    [view] 閲覧
    [operate] 運用
   *[administer] 管理
  }の権限を持つトークンが必要です。管理者に依頼してください。
problem-title-not-found = 見つかりません
problem-detail-not-found = この名前または識別子のものはありません。一覧で確認してください。
problem-title-method-not-allowed = ここではできない操作です
problem-detail-method-not-allowed = この操作はできません。できる操作はヘッダー Allow に示されています。
problem-title-too-many = 要求が多すぎます
problem-detail-too-many = { $seconds }秒待ってからもう一度お試しください。
problem-title-failed = 現在処理できません
problem-detail-failed = サーバーで処理できませんでした。原因はサーバーのログを確認してください。
problem-title-too-large = 大きすぎます
problem-detail-too-large = 本文が2 MiBを超えています。分けて送信してください。
problem-title-unsupported = 対応していない形式です
problem-detail-unsupported = ヘッダー Content-Type: application/json を付けてJSONを送信してください。
problem-title-taken = すでに使われています
problem-detail-taken = { $field }：「{ $value }」はすでに使われています。別の値を指定してください。
problem-title-outdated = 変更されています
problem-detail-outdated = 読み込んだ後に変更されています。もう一度読み込んでから変更してください。
problem-title-in-use = 使用中です
problem-detail-in-use = { $names } で使われています。先にそちらから外してください。

problem-title-form = 値が正しくありません
problem-detail-form = { $field }：{ $fault }
problem-detail-form-name = { $field }：表示できる文字を1～128文字で指定してください。
problem-detail-form-directory-number = { $field }：電話番号は0～9、*、#の1～24桁（先頭に+を付けられます）で指定してください。
problem-detail-form-self-service-id = { $field }：セルフサービスIDは1～20桁の数字で指定してください。
problem-detail-form-language = { $field }：言語はja、en、pt-BRのようなBCP 47のタグで指定してください。
problem-detail-form-device-limit = { $field }：0～20の数を指定してください。
problem-detail-form-instant = { $field }：日時は2026-11-01T08:30:00ZのようなRFC 3339の形式で指定してください。

problem-title-pin-form = 暗証番号が正しくありません
problem-detail-pin-form = 暗証番号の桁数が合っていないか、0～9以外の文字が含まれています。
problem-title-pin-trivial = 推測されやすい暗証番号です
problem-detail-pin-trivial = 同じ数字の繰り返し、連続する数字、本人の番号やIDは使えません。
problem-title-password-length = パスワードが正しくありません
problem-detail-password-length = パスワードの長さが合っていません（{ $fault }）。
problem-title-unknown-record = 値が正しくありません
problem-detail-unknown-record = { $field }：この名前のものはありません。先に作成するか、あるものを指定してください。
problem-title-number-taken = 番号はすでに使われています
problem-detail-number-taken = { $field }：{ $fault }。別の番号を指定するか、先にそちらから外してください。

problem-title-service = サービスを開始できません
problem-detail-service = サービスは以前のまま動いています。{ $reason ->
    [no-route-point] ルートポイントが選択されていません。
    [no-number] ルートポイント「{ $name }」に番号が割り当てられていません。
    [no-application-user] アプリケーションユーザが選択されていません。
    [no-cti-role] アプリケーションユーザ「{ $name }」に"標準CTIを有効にする"権限がありません。
    [no-credentials] アプリケーションユーザ「{ $name }」にパスワードが設定されていません。
   *[unspoken] { $name }の音声がありません。
  }修正してからもう一度お試しください。
problem-title-code-missing = 認証コードがありません
problem-detail-code-missing = この認証モードには認証コードが必要です。1～20桁の数字を指定してください。
problem-detail-form-languages = [選択した言語] には、少なくとも1つの言語を指定する必要があります（最大9つ、重複なし）。
problem-title-last-administrator = 唯一の管理者です
problem-detail-last-administrator = { $field }：管理できるトークンはこれだけです。先に別のトークンを作成してください。
