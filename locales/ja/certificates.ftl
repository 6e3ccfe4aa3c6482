### 電話機に示す証明書についての `tsunagu doctor` の診断結果。

doctor-certificates-not-looked-at = 証明書は調べていません。--config で設定ファイルを指定してください。
doctor-certificate = 証明書 { $file }({ $names })は { $until } まで有効です。
doctor-certificate-unusable = 証明書を使えません: { $why }
doctor-certificate-unusable-remedy = tls.certificate と tls.key が対になる PEM ファイルであること、サーバーが読めることを確かめてください。
doctor-certificate-expired = 証明書 { $file } は { $until } に期限が切れました。
doctor-certificate-expired-remedy = 新しい証明書と鍵を同じファイルに置いてください。サーバーが自動で読み込みます。
doctor-certificate-expires = 証明書 { $file } はあと { $days } 日、{ $until } に期限が切れます。
doctor-certificate-expires-remedy = 新しい証明書と鍵を同じファイルに置いてください。サーバーが自動で読み込みます。
doctor-certificate-early = 証明書 { $file } は { $from } からでないと有効になりません。
doctor-certificate-early-remedy = このマシンの時計が正しいか確かめてください。
doctor-transports = TLS 又は WebSocket のポートは、設定ファイルの証明書で応答しています: { $ports }
doctor-transports-other-certificate = 次のポートは tls.certificate と異なる証明書を示しています: { $ports }
doctor-transports-other-certificate-remedy = サーバーにファイルを読み直させてください（`systemctl reload` 又は SIGHUP）。以前の証明書を使い続ける理由はログにあります。
