"""Texts by which failures are recognised, in English and in Traditional and Simplified Chinese.

Used where the class of an error says too little (ValueError, RuntimeError, Exception). Patterns are read in
order; the first that is found decides. They were written against messages of Python, pandas, NumPy, SciPy,
finlab and the tools around notebooks.
"""

from __future__ import annotations

import re

from outsample.model import ErrorCategory

__all__ = ["PATTERNS", "WRAPPERS"]

# Errors around an error: the inner one counts.
WRAPPERS = frozenset(
    {"CellExecutionError", "PapermillExecutionError", "CellFailed", "RemoteTraceback", "TransportError"}
)

_TEXTS: tuple[tuple[ErrorCategory, tuple[str, ...]], ...] = (
    (
        ErrorCategory.SYNTAX,
        (
            r"invalid syntax",
            r"unexpected indent",
            r"unindent does not match",
            r"expected an indented block",
            r"was never closed",
            r"unterminated (?:string|f-string|triple)",
            r"unmatched '",
            r"unexpected EOF while parsing",
            r"invalid (?:non-printable )?character",
            r"[语語]法[错錯][误誤]",
            r"縮排錯誤|缩进错误",
        ),
    ),
    (
        ErrorCategory.IMPORT,
        (
            r"no module named",
            r"cannot import name",
            r"(?:無法|无法|不能)(?:匯入|導入|导入|載入模組|加载模块)",
            r"(?:找不到|沒有|没有|缺少)(?:名為|名为)?.{0,40}?(?:模組|模块|套件)",
            r"(?:模組|模块|套件).{0,40}?(?:不存在|未安裝|未安装)",
            r"missing optional dependency",
            r"is not installed",
        ),
    ),
    (
        ErrorCategory.MEMORY,
        (
            r"out of memory",
            r"unable to allocate",
            r"cannot allocate memory",
            r"bad_alloc",
            r"memory limit",
            r"(?:無法|无法)(?:分配|配置)(?:記憶體|内存|內存)|(?:頁面檔|页面文件)太小",
            r"(?:記憶體|内存|內存)(?:空間|空间|資源|资源)?(?:不足|溢出|耗盡|耗尽|用盡|用尽|超出|超過|超过)",
            r"超(?:出|過|过)(?:了)?(?:記憶體|内存|內存)",
        ),
    ),
    (
        ErrorCategory.ZERO_TRADES,
        (
            r"\b(?:no|zero|0) trades?\b",
            r"(?:沒有|没有|無|无)(?:任何)?(?:交易|成交)(?!日|資料|数据|數據|權限|权限)",
            r"交易(?:次數|次数|筆數|笔数)(?:為|为|是)?\s*(?:0|零)",
        ),
    ),
    (
        # A login that fails, for whatever reason, is not a matter of time limits: it stays what it is.
        ErrorCategory.OTHER,
        (
            r"log[ -]?in|sign[ -]?in|authenticat|unauthori[sz]ed|api[ _-]?(?:token|key)",
            r"登入|登錄|登录|登陸|登陆|權杖|令牌|憑證|凭证|身份驗證|身份验证|API ?(?:金鑰|密鑰|密钥)",
        ),
    ),
    (
        ErrorCategory.DATA_MISSING,
        (
            r"not in (?:the )?index",
            r"not found in axis",
            r"no such (?:key|column|file|frame|dataset)",
            r"not in (?:the )?columns|columns? .{1,80} (?:does not exist|not found)",
            r"(?:key|column|dataset|table|data) .{0,80}?(?:does not exist|not found|not exists)",
            r"no columns to parse",
            r"(?:找不到|查無|查无|沒有|没有|缺少|缺乏)[^，。,]{0,30}?(?:資料|数据|數據|欄位|字段|檔案|文件)",
            r"(?:資料|数据|數據|欄位|字段|檔案|文件|資料集|数据集)[^，。,]{0,40}?(?:不存在|缺失|遺失|丢失|為空|为空)",
            r"(?:沒有|没有)(?:此一|那个|那個)(?:檔案|文件)|(?:關聯|关系|關係|欄位|字段) ?[\"「“].{1,80}不存在",
            r"(?:鍵|键)(?:值)?[^，。,]{0,40}?(?:不存在|找不到)",
        ),
    ),
    (
        ErrorCategory.CALCULATION,
        (
            r"division by zero|divide by zero",
            r"singular matrix|not positive[- ]definite|did not converge",
            r"broadcast",
            r"shapes? .*(?:not aligned|mismatch)|operands could not|shape mismatch|shape of passed values",
            r"matmul: |mismatch in its core dimension",
            r"length of values|length mismatch|lengths must (?:match|be the same)",
            r"arrays? must (?:all )?be (?:of )?(?:the )?same length",
            r"truth value of (?:a|an) .{1,40} is ambiguous",
            r"cannot convert (?:float )?(?:nan|infinity|non-finite)|cannot convert float",
            r"could not convert string .{1,80} to (?:float|numeric)|could not convert string to float",
            r"invalid literal for int|iterable argument is empty",
            r"can only compare identically-labeled|cannot reindex|duplicate (?:labels|keys|names)",
            r"contains? (?:nan|infinity|infs or nans)|input (?:x )?contains|must not contain infs or nans",
            r"unsupported operand type|not supported between instances|ufunc '",
            r"cannot perform|no numeric types|could not be (?:cast|converted)",
            r"cannot (?:compare|subtract|add|join) tz|Invalid frequency",
            r"out of bounds|index out of range|math domain error|math range error|zero-size array",
            r"cannot reshape|must match exactly|can only concatenate|invalid comparison|should be a positive",
            r"different signs|duplicate entries|cannot be empty|at least one data point|empty sequence",
            r"no objects to concatenate",
            r"window must be|cannot mask with|bins must|Bin edges must be unique|need at least one array",
            r"除以零|除[數数][為为](?:零|0)|被零除|零除",
            r"計算(?:錯誤|失敗|異常)|计算(?:错误|失败|异常)",
            r"(?:維度|维度|形狀|形状|長度|长度)(?:不(?:符|一致|相符|匹配|同|相同|吻合))",
            r"奇異矩陣|奇异矩阵|無法(?:轉換|收斂)|无法(?:转换|收敛)|數值溢出|数值溢出|數值(?:錯誤|異常)|数值(?:错误|异常)",
        ),
    ),
    (
        ErrorCategory.TIMEOUT,
        (
            r"timed? ?out",
            r"(?:exceeded|over|reached) the (?:time|wall[- ]clock) limit|time limit (?:was )?(?:exceeded|reached)",
            r"deadline exceeded",
            r"逾時|超時|超时|(?:執行|执行|运行|運行)(?:時間|时间)(?:過長|过长|太長|太长|超過|超过)",
            r"一段(?:時間|时间).{0,12}(?:沒有|没有|並未|并未)正[確确]",
            r"超[過过出](?:了)?(?:時間|时间)",
        ),
    ),
    (
        ErrorCategory.KILLED,
        (
            r"kernel (?:died|appears to have died)|killed by signal|SIGKILL|segmentation fault",
            r"(?:核心|內核|内核)似?乎?(?:已經|已经|已)?(?:死亡|掛掉|挂掉)|已杀死|段错误|區段錯誤",
        ),
    ),
    (
        ErrorCategory.CANCELLED,
        (r"\bcancell?ed\b|interrupted by (?:the )?user|(?:已|被)?(?:取消|中斷|中断)(?:執行|执行|了)?$",),
    ),
    (
        ErrorCategory.VALIDATION,
        (
            r"驗證(?:失敗|錯誤)|验证(?:失败|错误)|參數(?:錯誤|無效|不合法)|参数(?:错误|无效|不合法)",
            r"is not a valid|must be (?:one of|a)\b",
        ),
    ),
    (ErrorCategory.LOOKAHEAD, (r"look-?ahead|前視偏差|前视偏差|未來函數|未来函数|偷看未來|偷看未来",)),
)

# Compiled once, all texts of a category as one.
PATTERNS: tuple[tuple[re.Pattern[str], ErrorCategory], ...] = tuple(
    (re.compile("|".join(texts), re.IGNORECASE), category) for category, texts in _TEXTS
)
