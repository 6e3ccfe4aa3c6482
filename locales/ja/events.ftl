problem-title-too-many-subscribers = 購読者が多すぎます
problem-detail-too-many-subscribers = イベントを購読しているプログラムの数が上限に達しています。いずれかを終了するか、しばらくしてからもう一度お試しください。
