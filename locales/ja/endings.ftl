### セルフプロビジョニングサービスへの通話がどう終わったか (画面表示用): dialogue-ending-<コード>。

dialogue-ending-bound = 電話機を利用者に割り当てました。
dialogue-ending-not-enabled = この利用者のセルフプロビジョニングは有効になっていません。ユーザプロファイルで許可してください。
dialogue-ending-no-primary-extension = この利用者にはプライマリ内線がありません。割り当ててください。
dialogue-ending-no-device-template = この利用者のユーザプロファイルにユニバーサルデバイステンプレートがありません。選択してください。
dialogue-ending-device-limit = 電話機の数がユーザプロファイルの上限に達しています。割り当てを解除するか、上限を上げてください。
dialogue-ending-already-provisioned = この電話機はすでに利用者に割り当てられています。先に割り当てを解除してください。
dialogue-ending-locked-out = 入力の誤りが続きました。ロックアウトが終わるのを待つか、解除してください。
dialogue-ending-phone-unknown = 割り当て待ちでない電話機からの通話です。電話機をつなぎ直し、登録されるのを待ってください。
dialogue-ending-not-now = 割り当てを完了できませんでした。変更は行われていません。ログを確認し、かけ直してください。
dialogue-ending-service-closing = サービス停止の準備中で、新しい通話を受け付けませんでした。再開後にかけ直してください。
dialogue-ending-too-many-tries = IDまたは暗証番号が毎回誤っていました。両方を確認してください。
dialogue-ending-no-answer = 入力がありませんでした。入力したのであれば、電話機のDTMFの送り方を確認してください。
dialogue-ending-caller-hung-up = 発信者が途中で電話を切りました。
dialogue-ending-service-closed = 通話中にサービスが停止しました。再開後にかけ直してください。
dialogue-ending-too-long = 通話が制限時間に達しました。
