"""動能策略：中文名稱與鍵。"""
視窗 = 60  # 20..120, 天數
收盤 = data.get("收盤價") if data.has("收盤價") else data.get("close")


def 動能(價格, 天數=20):
    """計算動能。"""
    return 價格 / 價格.shift(天數) - 1


class 策略:
    def __init__(self, 名稱):
        self._名稱 = 名稱

    def 訊號(self, 價格):
        print(f"{self._名稱}：{價格.shape}")
        return 動能(價格, 視窗) > 0


position = 策略("動能").訊號(收盤)
