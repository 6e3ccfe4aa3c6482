### クイック追加、プレビュー、予約された電話機。

obstacle-not-enabled = ユーザプロファイルで、エンドユーザによる電話のプロビジョニングが許可されていません。プロファイルで許可してください。
obstacle-no-primary-extension = ユーザにプライマリ内線がありません。割り当ててください。
obstacle-no-device-template = ユーザプロファイルにデスク電話用のユニバーサルデバイステンプレートがありません。設定してください。
obstacle-device-limit = ユーザの電話機の台数がユーザプロファイルの上限に達しています。上限を上げるか、電話機を解放してください。

problem-title-extension-or-pool = 値が正しくありません
problem-detail-extension-or-pool = 内線番号か、番号を割り当てる番号プールのどちらか一方を指定してください。
problem-title-pool-empty = 空いている番号がありません
problem-detail-pool-empty = { $field }：プールに空いている番号がありません。範囲を広げるか、別のプールを指定してください。
problem-title-phone-taken = すでに使われています
problem-detail-phone-taken = { $field }：この電話機はすでに別のユーザのものです。先に解放してください。
problem-title-make = 値が正しくありません
problem-detail-make = { $field }：audiocodes または yealink を指定してください。
problem-detail-form-mac-address = { $field }：電話機のラベルにあるとおり、00908f112233のように指定してください。
