### 端末でコマンドが表示することば。

command-problem = { $title }({ $status })
command-problem-field = 項目: { $field }
command-refused = サーバーが要求を断りました(状態コード { $status })。理由は示されませんでした。
command-unreachable = { $server } に接続できません: { $why }。サーバーが動いているか確かめ、場所を --server または TSUNAGU_SERVER で指定してください。
command-server-url = 「{ $server }」はサーバーのアドレスではありません。http://127.0.0.1:8080 のように書いてください。
command-token = トークンに使えない文字が含まれています。表示されたとおりに指定してください。
command-no-document = { $server } から API の説明を得られません。Tsunagu の管理用アドレスか確かめてください。
command-file = { $file }: { $why }
command-no-collection = 「{ $name }」というものはありません。{ $nearest ->
    [none] { "" }
   *[other] { $nearest } ではありませんか。
  }`tsunagu admin` で一覧を表示できます。
command-no-verb = { $collection } に「{ $verb }」はできません。できること: { $verbs }
command-no-field = 「{ $name }」という項目はありません。{ $nearest ->
    [none] { "" }
   *[other] { $nearest } ではありませんか。
  }
command-no-parameter = 「{ $name }」では指定できません。{ $nearest ->
    [none] { "" }
   *[other] { $nearest } ではありませんか。
  }
command-no-sort = 「{ $name }」では並べ替えられません。{ $nearest ->
    [none] { "" }
   *[other] { $nearest } ではありませんか。
  }
command-no-action = 「{ $name }」という操作はありません。{ $nearest ->
    [none] { "" }
   *[other] { $nearest } ではありませんか。
  }
command-parameter-sign = 「{ $name }」は項目ではなくパラメーターです。{ $name }==値 と書いてください。
command-choice = { $name }: 「{ $value }」は選べません。選べるもの: { $choices }
command-item = 「{ $item }」の意味が分かりません。項目=値 と書いてください。
command-filter = 「{ $item }」では絞り込めません。項目=値 と書いてください。
command-json = { $name }: := の後が JSON ではありません: { $why }
command-body = 本体は JSON オブジェクトでなければなりません。{ $why }
command-which = 対象を指定してください: `tsunagu admin { $collection } { $verb } 名前`
command-no-name = { $collection } は一つだけです。「{ $name }」を取り除いてください。
command-no-change = 変更する内容を 項目=値 で指定してください。
command-nothing = 見つかりませんでした。
command-more = { $total } 件中 { $shown } 件を表示しました。--limit または --all で続きを表示できます。
command-added = 追加しました。
command-changed = 変更しました。
command-deleted = 削除しました: { $name }
command-done = 完了しました。
command-progress = { $total } 件中 { $done } 件
command-job-failed = ジョブは正常に終わりませんでした({ $state })。理由は上に示したとおりです。
command-healthy = サーバーは電話機を受け付けています。
command-unhealthy = サーバーは今、電話機を受け付けていません。起動中か停止中であるか、データベースが応答していません。
command-hint = `tsunagu admin 名前` で項目とできること、`tsunagu admin --help` で書き方を表示します。
command-filters = 一覧の絞り込みに使える項目:
command-head-collection = 名前
command-head-verbs = できること
command-head-actions = 操作
command-head-field = 項目(* は必須)
command-head-kind = 値
command-head-about = 意味
command-head-takes = 指定するもの
