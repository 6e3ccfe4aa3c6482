### お客様ポータル。ログインと、回線のパスワード。

problem-title-login = ログインできません
problem-detail-login = ログインIDまたはパスワードが正しくありません。
problem-title-no-password = パスワードはありません
problem-detail-no-password = この回線の電話機は設定を取得しないため、こちらにパスワードがありません。電話機を設定し直してください。
problem-title-sip-password-form = パスワードが正しくありません
problem-detail-sip-password-form = { $field }：英数字と - . _ ~ ! * + , : = @ ^ だけを使ってください。
