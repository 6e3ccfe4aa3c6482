### セルフプロビジョニングのサービスと設定。

service-ready = 準備が完了しました
service-off = オフ：{ $names }
service-name-auto-registration = 自動登録
service-name-self-provisioning = セルフプロビジョニングIVRサービス
service-saved = 保存に成功しました
service-saved-restarted = 保存に成功しました。セルフプロビジョニングIVRサービスは正常に再起動しました
service-saved-restart-failed = 保存に成功しました。セルフプロビジョニングIVRサービスの再起動に失敗しました。
service-checked = 設定を確認しました。保存はしていません。
service-instruction = 電話から{ $numbers }をダイヤルして内線を割り当てます。

service-fault-no-route-point = ルートポイントが選択されていません。選択してください。
service-fault-no-number = ルートポイントに割り当てられているDNがありません。ルートポイントにDNを割り当ててください。
service-fault-no-application-user = アプリケーションユーザが選択されていません。セルフプロビジョニングIVRサービスが機能しません。選択してください。
service-fault-no-cti-role = "標準CTIを有効にする"権限はこのアプリケーションユーザに割り当てられていません。セルフプロビジョニングIVRサービスが機能しません。
service-fault-no-credentials = 有効なクレデンシャルがこのアプリケーションユーザに設定されていません。セルフプロビジョニングIVRサービスが機能しません。
service-fault-unspoken = { $name }の音声がありません。インストールされている言語を選択してください。
service-fault-no-authentication = 本人の確認をしない設定です。日常の運用には推奨されません。
service-fault-failed = 原因はサーバーのログを確認してください。
service-codec-left-out = 選択した言語に { $name } の録音がないため、その他のコーデックで応答します。
