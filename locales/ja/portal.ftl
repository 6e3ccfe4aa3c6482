### お客様ポータル。ログインと、回線のパスワード。

problem-title-login = ログインできません
problem-detail-login = ログインIDまたはパスワードが正しくありません。
problem-title-no-password = パスワードはありません
problem-detail-no-password = この回線の電話機は設定を取得しないため、こちらにパスワードがありません。電話機を設定し直してください。
problem-title-sip-password-form = パスワードが正しくありません
problem-detail-sip-password-form = { $field }：英数字と - . _ ~ ! * + , : = @ ^ だけを使ってください。

problem-title-no-mail = メールを送信できません
problem-detail-no-mail = このサーバーにはメールの設定がありません。新しいパスワードは管理者に依頼してください。
problem-title-no-reminder = 値が正しくありません
problem-detail-no-reminder = { $field }：トークンが正しくないか、使用済みか、期限切れです。もう一度リマインドメールを送信してください。

mail-reminder-subject = ポータルのパスワードについて
mail-reminder-text =
    アカウント { $login } のパスワード再設定の依頼を受け付けました。

    次のものを使って、{ $ends } までに新しいパスワードを設定してください（使えるのは1回だけです）。

    { $way }

    お心当たりがない場合は、何もする必要はありません。パスワードは変わりません。
