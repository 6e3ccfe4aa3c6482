### 端末の画面と電話機の画面の言葉。

quarantine-label = 新しい電話 { $number }
quarantine-display = 新しい電話

story-title = 新しい電話機が、利用者の電話機になるまで
story-server = サーバーが起動しました。SIP は { $sip }、電話機の設定ファイルは { $handset }、管理者の窓口は { $admin } です。
story-fetched-first = 工場出荷時の電話機が MAC アドレスで設定を求め、隔離用の回線を受け取りました（{ $bytes } バイト、{ $took } ミリ秒）。
story-fetched-own = 電話機が専用の URL から自分の設定を取得しました（{ $bytes } バイト、{ $took } ミリ秒）。
story-fetch-failed = 設定を取得できませんでした: { $status }。
story-registered = 番号 { $number } でレジストされました（{ $expires } 秒間）。
story-unregistered = 番号 { $number } のレジストを取り消しました。
story-registration-failed = レジストできませんでした: { $status } { $reason }。
story-calling = { $number } に発信します。
story-ringing = 呼び出し中です。
story-answered = 応答がありました（{ $codec }）。
story-heard = 音声:「{ $caption }」
story-pressed = キーが { $digits } 回押されました。
story-ended = 通話が終わりました: { $reason }。
story-incoming = { $from } から着信です。
story-resync = サーバーが電話機に設定の取得を指示しました（{ $event }）。
story-ladder = 電話機から見た、回線上のやり取り:
story-timeline = サーバーの記録:
story-verified = { $seconds } 秒で完了: { $user } の電話機（内線 { $extension }）になったことを確認しました。
story-failed = 利用者の電話機になりませんでした: { $why }

try-title = サーバーは動き続けます。お手元の電話機でお試しください:
try-generic = SIP 電話機またはソフトフォン: サーバー { $sip }、ユーザー名は英字を含む任意の名前 (例: desk-7)、パスワードは任意。レジストされたら { $number } に発信してください。
try-handset = 設定を取得する電話機 (AudioCodes 4xxHD、Yealink T4x/T5x): 設定サーバーに { $url } を指定してください。
try-users = 利用者を選んでください:
try-user = { $name }: セルフサービスID { $id }、暗証番号 { $pin }、内線 { $extension }
try-admin = 経過を見る: curl -H "Authorization: Bearer { $token }" { $url }/api/v1/enrolments
try-stop = 止めるには Ctrl+C を押してください。

step-fetched = 最初の設定を取得
step-registered = 一時番号でレジスト
step-called = ルートポイントに発信
step-identified = 発信者が名乗った
step-authenticated = 発信者が認証された
step-pin-changed = 発信者が暗証番号を変更した
step-refused = 拒否
step-bound = 利用者に割り当て
step-notified = 通知を受け取った
step-not-notified = 通知できなかった
step-fetched-again = 新しい設定を取得
step-registered-again = 利用者の内線でレジスト
step-answered = 応答あり
step-complete = 完了
step-ended = 終了

enrolment-ending-complete = 利用者の電話機になったことを確認しました。
enrolment-ending-abandoned = 割り当てられる前に、電話機がいなくなりました。
enrolment-ending-replaced = 同じ電話機の新しい登録に置き換わりました。
enrolment-ending-not-reachable = 割り当て済みですが、電話機に設定の取得を指示できませんでした。
enrolment-ending-did-not-fetch = 設定の取得を指示しましたが、電話機が取得しませんでした。
enrolment-ending-did-not-register = 設定は取得しましたが、内線でレジストしませんでした。
enrolment-remedy-complete = 対処は不要です。
enrolment-remedy-abandoned = 電話機をつなぎ直し、ルートポイントに発信してください。
enrolment-remedy-replaced = 対処は不要です。新しい登録をご覧ください。
enrolment-remedy-not-reachable = 電話機を再起動してください。起動時に設定を取得します。
enrolment-remedy-did-not-fetch = 電話機を再起動してください。取得しない場合は、電話機から設定の窓口に届くか確認してください。
enrolment-remedy-did-not-register = 電話機側でレジストできない理由を確認し、割り当てを解除してから、やり直してください。
