### 音声で話す言葉、日本語。
###
### ターム (`-name`) は録音ひとつ: その文は prompts/ja/name.flac の読み上げ内容。
### メッセージは文: 録音と数字の読み上げを、この言語の語順で並べる。
### DIGITS($x) は番号を一桁ずつ、録音 digit-0 から digit-9、digit-star、digit-pound で読む。
### 録音の間の句読点や空白は音にならず、画面に字で出すときだけ使われる。文字は置けない。

-digit-0 = ゼロ
-digit-1 = いち
-digit-2 = に
-digit-3 = さん
-digit-4 = よん
-digit-5 = ご
-digit-6 = ろく
-digit-7 = なな
-digit-8 = はち
-digit-9 = きゅう
-digit-star = アスタリスク
-digit-pound = シャープ

-welcome = お電話ありがとうございます。新しい電話機の設定を始めます。
-language-lead = 日本語をご希望の方は、
-language-tail = を、押してください。
-ask-id = セルフサービスIDを入力し、最後にシャープを、押してください。
-help-id = 入力が確認できませんでした。セルフサービスIDは、管理者からお知らせした番号です。番号を入力し、最後にシャープを、押してください。最初からやり直すには、アスタリスクを、押してください。
-confirm-lead = 入力された番号は、
-confirm-tail = です。正しければ、シャープを、押してください。入力し直すには、アスタリスクを、押してください。
-help-confirm = 入力が確認できませんでした。番号が正しければ、シャープを、入力し直すには、アスタリスクを、押してください。
-ask-pin = 暗証番号を入力し、最後にシャープを、押してください。
-ask-pin-or-code = 暗証番号、または管理者の認証コードを入力し、最後にシャープを、押してください。
-ask-code = 管理者の認証コードを入力し、最後にシャープを、押してください。
-help-pin = 入力が確認できませんでした。暗証番号を入力し、最後にシャープを、押してください。最初からやり直すには、アスタリスクを、押してください。
-help-code = 入力が確認できませんでした。認証コードを入力し、最後にシャープを、押してください。最初からやり直すには、アスタリスクを、押してください。
-entry-too-long = 入力された番号が長すぎます。
-checking = 少々お待ちください。
-wrong-credentials = IDまたは暗証番号が正しくありません。もう一度入力してください。
-too-many-tries = IDまたは暗証番号が正しくありません。両方をご確認のうえ、おかけ直しください。
-locked-out = 入力の誤りが続いたため、受け付けを止めています。しばらく待っておかけ直しになるか、システム管理者にお問い合わせください。
-not-enabled = このアカウントでは、セルフプロビジョニングが有効になっていません。システム管理者に、許可を依頼してください。
-no-primary-extension = このアカウントには、プライマリ内線がありません。システム管理者に割り当てを依頼してから、おかけ直しください。
-no-device-template = デバイスをアカウントに関連付けることができませんでした。プロビジョニングを完了するには、システム管理者に問い合わせてください。
-device-limit = お使いの電話機の数が、上限に達しています。システム管理者に、電話機の削除を依頼してから、おかけ直しください。
-already-provisioned = この電話機は、すでに利用者に割り当てられています。別の方が使うには、システム管理者に、割り当ての解除を依頼してください。
-phone-unknown = この電話機は、ここからは設定できません。電話機をつなぎ直し、番号が表示されるのを待って、おかけ直しください。
-not-now = ただいま処理を完了できませんでした。変更は行われていません。数分後に、おかけ直しください。
-service-closing = 申し訳ございません。まもなくサービスを一時停止します。数分後に、おかけ直しください。
-no-answer = 入力が確認できませんでした。ご準備ができましたら、おかけ直しください。
-call-too-long = 通話が制限時間に達しました。恐れ入りますが、おかけ直しください。
-extension-lead = ありがとうございます。あなたの内線番号は、
-number-tail = です。
-next-restart = 電話機は、まもなく新しい設定を受け取り、再起動することがあります。電話を切って、お待ちください。
-next-ready = この電話機は、すぐにお使いになれます。電話を切ってください。
-goodbye = 失礼いたします。
-ring-back-lead = この電話機の準備ができました。内線番号は、

welcome = { -welcome }
language-choice = { -language-lead }{ DIGITS($key) }{ -language-tail }
ask-id = { -ask-id }
help-id = { -help-id }
confirm-id = { -confirm-lead }{ DIGITS($id) }{ -confirm-tail }
help-confirm = { -help-confirm }
ask-pin = { -ask-pin }
ask-pin-or-code = { -ask-pin-or-code }
ask-code = { -ask-code }
help-pin = { -help-pin }
help-code = { -help-code }
entry-too-long = { -entry-too-long }
checking = { -checking }
wrong-credentials = { -wrong-credentials }
too-many-tries = { -too-many-tries }{ -goodbye }
locked-out = { -locked-out }{ -goodbye }
not-enabled = { -not-enabled }{ -goodbye }
no-primary-extension = { -no-primary-extension }{ -goodbye }
no-device-template = { -no-device-template }{ -goodbye }
device-limit = { -device-limit }{ -goodbye }
already-provisioned = { -already-provisioned }{ -goodbye }
phone-unknown = { -phone-unknown }{ -goodbye }
not-now = { -not-now }{ -goodbye }
service-closing = { -service-closing }{ -goodbye }
no-answer = { -no-answer }{ -goodbye }
too-long = { -call-too-long }{ -goodbye }
bound-restart = { -extension-lead }{ DIGITS($extension) }{ -number-tail }{ -next-restart }{ -goodbye }
bound-ready = { -extension-lead }{ DIGITS($extension) }{ -number-tail }{ -next-ready }{ -goodbye }
ring-back = { -ring-back-lead }{ DIGITS($extension) }{ -number-tail }
