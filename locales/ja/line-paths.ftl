### サーバーまでの経路（証明書、プロキシ）に原因がある場合の、回線が使えない理由。

line-reason-certificate-refused = TLS接続で電話機が示した証明書を受け入れられないか、必要な証明書が示されませんでした。
line-reason-server-certificate-refused = TLS接続で、電話機がこのサーバーの証明書を受け入れませんでした。
line-reason-first-hop-lacks-outbound = 電話機が複数の経路（Outbound）を求めましたが、直近のプロキシが対応していません（439）。

line-remedy-certificate-refused = tls.client_authorities に指定した認証局の証明書を電話機に設定し、有効期限と電話機の時計を確認してください。証明書が不要な場合は tls.client_certificates を "optional" または "off" にしてください。
line-remedy-server-certificate-refused = サーバー証明書の認証局を電話機に登録し、証明書にある名前で接続するように設定し、電話機の時計を確認してください。証明書の有効期限は `tsunagu doctor` で分かります。
line-remedy-first-hop-lacks-outbound = 電話機の Outbound（RFC 5626）を無効にするか、経由するプロキシで有効にしてください。
