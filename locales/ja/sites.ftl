# 二つの拠点それぞれでの回線の状態
site-state-registered = 登録済み
site-state-not-registered = 未登録
site-state-no-line = この番号の回線がありません
site-state-unknown = 不明
site-fault-not-set = 相手拠点の API の場所またはトークンが、拠点の設定にありません。
site-fault-unreachable = 相手拠点の API から応答がありません。
site-fault-refused = 拠点の設定にあるトークンを、相手拠点の API が受け付けません。
site-fault-unreadable = 相手拠点の API の応答を読み取れません。両拠点が同じバージョンか確認してください。
