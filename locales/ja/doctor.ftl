### `tsunagu doctor` の診断結果と対処。

doctor-all-well = すべて正常です。
doctor-to-mend = 対処の必要な点が { $count } 件あります。
doctor-interrupted = 中断されたため、すべては調べていません。
doctor-interrupted-remedy = もう一度実行してください。
doctor-left-behind = 診断のために作ったものを一部取り除けませんでした({ $names }): { $why }
doctor-left-behind-remedy = 15 分後にもう一度実行してください。以前の診断で残ったものを取り除きます。
doctor-cleared-up = 以前の診断で残っていたテストユーザー { $users } 人を取り除きました。

doctor-clock = このマシンの時計は NTP で合わせられています。
doctor-clock-not-kept = このマシンの時計は NTP で合わせられていません。
doctor-clock-not-kept-remedy = NTP を有効にしてください(`timedatectl set-ntp true`)。番号の貸し出しとロックアウトは時計に基づきます。
doctor-clock-unknown = 時計が合わせられているかをシステムから得られません。
doctor-clocks-apart = このマシンとサーバーの時計が { $seconds } 秒ずれています。
doctor-clocks-apart-remedy = どちらが違うかを確かめ、NTP で合わせてください。
doctor-certificates = 証明書: 設定に指定がないため、TLS は使いません。

doctor-database = データベース { $file } は正常です。
doctor-database-damaged = データベース { $file } が壊れています: { $why }
doctor-database-damaged-remedy = サーバーを止め、フォルダーの写しを取ってから、最新のバックアップを復元してください(`tsunagu restore`)。
doctor-database-unreadable = { $file } を調べられません: { $why }
doctor-database-unreadable-remedy = サーバーのデータフォルダーであること、実行した人が読めることを確かめてください。
doctor-disk = データベースのディスクの空きは { $free } MiB です。
doctor-disk-full = データベースのディスクの空きが { $free } MiB しかありません。
doctor-disk-full-remedy = 空きを増やしてください。一杯になると何も保存できず、電話機を登録できません。
doctor-data-not-looked-at = データベースのファイルとディスクは調べていません。場所は --data-dir で指定できます。

doctor-server = サーバーは { $server } で応答し、電話機を受け付けています。データベースも応答しています。
doctor-server-database = サーバーのデータベースが応答しません。
doctor-server-database-remedy = 理由はサーバーのログにあります。ディスクの空きと、データフォルダーに書き込めることを確かめてください。
doctor-server-not-ready = サーバーは今、電話機を受け付けていません。起動中か停止中です。
doctor-server-not-ready-remedy = しばらく待ってから、もう一度実行してください。
doctor-unreachable = サーバーの API が { $server } で応答しません。
doctor-unreachable-remedy = サーバーが動いていること、--server(または TSUNAGU_SERVER)が管理用アドレスであることを確かめてください。
doctor-token = トークンが受け付けられません。
doctor-token-remedy = 役割 administer の有効なトークンを --token-file または TSUNAGU_TOKEN で指定してください。

doctor-ports = 応答したポート: { $ports }
doctor-ports-silent = 応答しないポート: { $ports }
doctor-ports-silent-remedy = サーバーがそこで待ち受けていること(--config で指定)、間にファイアウォールがないことを確かめてください。

doctor-settings = セルフプロビジョニングの設定に不足はありません。
doctor-settings-lack = セルフプロビジョニングの設定: { $warnings }
doctor-settings-lack-remedy = `tsunagu admin self-provisioning show` で確かめ、`… change` で変更してください。
doctor-prompts = 使う言語({ $languages })の音声はすべてそろっています。
doctor-prompts-lack = 音声: { $faults }
doctor-prompts-lack-remedy = 音声を加えるか、その言語を dialogue.languages から外してください。
doctor-prompts-other-version = サーバーのバージョンがこのプログラムと異なるため、音声は調べていません。
doctor-packs-lack = 言語パック: { $faults }
doctor-packs-lack-remedy = 直してから(`tsunagu prompts check` で確認できます)`tsunagu service restart` を実行してください。
doctor-ready = セルフプロビジョニング: { $message }
doctor-not-ready = セルフプロビジョニング: { $message }
doctor-not-ready-remedy = オフのものをオンにしてください。サービスは `tsunagu service activate`、自動登録は enabled = true です。
doctor-waits-for-restart = 変更された設定がサービスの再起動を待っています: { $fields }
doctor-waits-for-restart-remedy = `tsunagu service restart` で反映されます。通話は切れません。
doctor-pool = 一時番号は { $total } 個のうち { $free } 個が空いています。
doctor-pool-low = 一時番号は { $total } 個のうち { $free } 個しか空いていません。
doctor-pool-low-remedy = 自動登録の範囲を広げるか、使われない電話機を解放してください(`tsunagu admin phones list state=quarantine`)。

doctor-enrolment = 仮想の電話機がサービスに電話をかけ、テストユーザーの電話機になりました({ $seconds } 秒)。どちらも取り除きました。
doctor-enrolment-failed = 仮想の電話機を設定できませんでした: { $why }
doctor-enrolment-failed-remedy = どこまで進んだかと対処は `tsunagu admin enrolments list` で分かります。詳しくはサーバーのログを見てください。
doctor-enrolment-not-wanted = 指定により、仮想の電話機による確認は行っていません。
doctor-enrolment-not-possible = セルフプロビジョニングの準備ができていないため、仮想の電話機による確認は行っていません。
doctor-no-profile = 電話機の設定に使うユーザープロファイルがありません。
doctor-no-profile-remedy = 一つを既定(is_default)にするか、--profile で指定してください。
doctor-profile-unfit = ユーザープロファイル「{ $name }」では電話機を設定できません。
doctor-profile-unfit-remedy = desk_template、allow_provisioning=true、0 より大きい device_limit を設定するか、--profile で別のものを指定してください。
doctor-code-needed = 認証コードだけが受け付けられる設定のため、仮想の電話機による確認は行っていません。コードは --code-file で指定できます。
doctor-no-number = テストユーザーに使える番号が見つかりませんでした。
doctor-no-number-remedy = セルフサービス ID の桁数(dialogue.id_digits)を増やしてください。
doctor-no-test-user = テストユーザーを作れませんでした: { $why }
doctor-no-test-user-remedy = 役割 administer のトークンと、書き込めるデータベースが必要です。
