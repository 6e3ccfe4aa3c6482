### 回線の接続状態。状態（line-state-）、理由（line-reason-）、対処（line-remedy-）、種類（line-type-）。

line-state-registered = 回線はレジストされています。
line-state-not-registered = 回線はレジストされていません！
line-state-not-supported = この回線の種類は状態表示に対応していません。

line-type-desk-phone = SIP端末
line-type-smartphone = スマートフォン
line-type-softphone = ソフトフォン
line-type-video-phone = ビデオ電話
line-type-sip-trunk = SIPトランク
line-type-ip-trunk = SIPトランク（IPアドレス認証）
line-type-virtual = 仮想回線（転送・会議室・案内など）

line-reason-registered = レジストされました。
line-reason-unregistered = 端末がレジストを取り消しました。
line-reason-never-received = REGISTER最終受信日時：REGISTERメッセージが受信されていません。
line-reason-never-registered = REGISTERメッセージは受信しましたが、まだ一度もレジストされていません。
line-reason-not-supported = この種類の回線は認証を必要としないため、レジストされません。
line-reason-wrong-password = REGISTER又はINVITEに含まれる認証パスワードが間違っているため、REGISTER又はINVITEの認証に失敗しました。
line-reason-unknown-user = REGISTER又はINVITEに含まれる認証ユーザー名が登録されていないため、認証に失敗しました。
line-reason-wrong-network = 許可されていないネットワークからのREGISTER又はINVITEです。
line-reason-other-address = パスワードを持たない端末が、最初に接続したアドレスとは別のアドレスから接続しました。
line-reason-suspended = 利用者が無効になっているため、利用を停止しています。
line-reason-shut-out = パスワードの誤りが続いたため、一時的に認証を停止しています。
line-reason-wrong-number = 端末が、自分の回線ではない番号でレジストしようとしました。
line-reason-too-many-contacts = 1つの番号にレジストできる端末の数を超えました。
line-reason-malformed = REGISTERメッセージの内容が正しくありません。
line-reason-wrong-algorithm = 端末が、許可されていないダイジェスト認証の方式を使いました。
line-reason-stale-nonce = 端末が古い認証要求（nonce）に答え続けています。
line-reason-challenge-unanswered = REGISTERメッセージは受信しましたが、パスワードの要求（401）に端末が応答しませんでした。
line-reason-nat-mapping-changed = 端末の送信元アドレスまたはポート（NATの割り当て）が変わりました。
line-reason-expired = 有効期限までに次のREGISTERメッセージが受信されませんでした。
line-reason-renumbered = 回線の番号が変わり、端末はまだ新しい番号でレジストしていません。
line-reason-not-admitted = 未知の端末のため、受け入れませんでした。
line-reason-flapping = レジストと切断を繰り返しています。
line-reason-steady = 状態が安定しました。

line-remedy-never-received = VoIP電話機が正しくインターネットに接続できているか確認してください。接続できていても、電話機に設定した回線番号（ユーザー名）またはログインサーバー名が誤っている可能性があります。電話機の設定を確認してください。
line-remedy-never-registered = 電話機に設定したユーザー名とパスワードを確認してください。
line-remedy-unregistered = 電話機の電源が入っていて、アカウントが有効になっているか確認してください。
line-remedy-wrong-password = 設定されている端末パスワードが誤っている可能性があります。パスワードを失念された場合は、パスワードの上書きを行ってください。新しいパスワードは電話機が自動的に取得します。取得しない場合は電話機に設定してください。
line-remedy-unknown-user = 電話機に設定した認証ユーザー名を確認してください。内線番号とは異なる場合があります。
line-remedy-wrong-network = 電話機を許可されたネットワークに接続するか、設定でそのネットワークを許可してください。
line-remedy-other-address = 電話機を元のネットワークに戻すか、電話機を解放してからつなぎ直してください。
line-remedy-suspended = 利用者を有効にしてください。
line-remedy-shut-out = パスワードを直してからしばらく待つか、管理者が停止を解除してください。
line-remedy-wrong-number = 電話機に設定した回線番号を確認してください。
line-remedy-too-many-contacts = 使っていない電話機のレジストを取り消すか、有効期限が切れるまで待ってください。
line-remedy-malformed = 電話機のファームウェアを更新してください。直らない場合は、電話機のSIPの記録を確認してください。
line-remedy-wrong-algorithm = 端末テンプレートのダイジェスト方式を、電話機が対応するものにしてください。
line-remedy-stale-nonce = 電話機を再起動してください。時刻の設定と、途中にあるSIP対応ルーター（SIP ALG）も確認してください。
line-remedy-challenge-unanswered = 電話機にパスワードが設定されているか、サーバーからの応答がルーターやファイアウォールで止められていないか（SIP ALGは無効に）確認してください。
line-remedy-nat-mapping-changed = 頻繁に起きる場合は、電話機のキープアライブを有効にするか、レジストの間隔を短くしてください。
line-remedy-expired = VoIP電話機の電源が入っていて、正しくインターネットに接続できているか確認してください。
line-remedy-renumbered = 電話機は自動的に設定を取得します。数分たっても変わらない場合は再起動してください。
line-remedy-not-admitted = 受け入れる電話機であれば、自動登録を有効にし、番号範囲に空きがあることを確認してください。そうでなければ、回線の認証名とパスワードを電話機に設定してください。
line-remedy-flapping = 電話機のネットワーク（無線LAN、ケーブル、ルーター）が不安定です。同じ設定の電話機が2台ないかも確認してください。

problem-title-time-zone = タイムゾーンが正しくありません
problem-detail-time-zone = { $field }：「{ $value }」というタイムゾーンはありません。Asia/Tokyo や UTC のように、IANAの名前で指定してください。
problem-title-ambiguous = どれか特定できません
problem-detail-ambiguous = 「{ $name }」に当てはまるものが複数あります。識別子で指定してください：{ $names }
