### 締め出されている相手：理由（shut-out-）と対処（shut-out-remedy-）。

shut-out-wrong-passwords = 誤ったSIPの名前またはパスワードが多すぎました。解除されるまで、正しくても照合しません。
shut-out-wrong-logins = ポータルへの誤ったログインが多すぎました。解除されるまで、正しくても照合しません。
shut-out-wrong-pins = 誤ったID、PINまたはコードが多すぎました。解除されるまで、正しくてもすべて拒否します。
shut-out-flood = SIPメッセージが上限を超えて届いています。超えた分は読みません。
shut-out-too-many-connections = このアドレスのSIP接続が上限に達しています。新しい接続は受け付けません。

shut-out-remedy-wrong-passwords = 送信元の電話機の名前とパスワードを確認してから解除してください。心当たりがなければそのままにしてください。誰かが推測しています。
shut-out-remedy-wrong-logins = アカウントの持ち主に心当たりを確認し、必要なら新しいパスワードを渡してから解除してください。心当たりがなければそのままにしてください。誰かが推測しています。
shut-out-remedy-wrong-pins = ユーザーに心当たりを確認し、必要なら新しいPINを渡してから解除してください。心当たりがなければそのままにしてください。誰かが推測しています。
shut-out-remedy-flood = 送信元を調べてください。故障した電話機か攻撃者です。自社のプロキシであれば、そのネットワークをflood.trustedに加えてください。
shut-out-remedy-too-many-connections = そのアドレスの後ろに電話機が多くあるなら、limits.connections_per_addressを増やしてください。解除すると、登録にも通話にも使われていない接続を閉じます。
