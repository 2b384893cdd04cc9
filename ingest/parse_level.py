"""The level of a line, from a field or from the head of its text, in the words of `ingest.line.LEVELS`."""

import polars as pl

_WORDS = {
    "fatal": "fatal critical crit emergency emerg alert panic dpanic 致命 严重 紧急",
    "error": "error err severe failure e 错误 异常",
    "warn": "warn warning w 警告 告警",
    "info": "info information informational notice i 信息 提示 通知",
    "debug": "debug dbg fine config d 调试",
    "trace": "trace finer finest verbose v 跟踪",
}
_NUMBERS = {
    # Severities of syslog (RFC 5424, table 2), which GELF writes as a number.
    "0": "fatal", "1": "fatal", "2": "fatal", "3": "error", "4": "warn", "5": "info", "6": "info", "7": "debug",
    # Levels of bunyan and pino.
    "10": "trace", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "fatal",
}  # fmt: skip
LEVEL_OF = {word: level for level, words in _WORDS.items() for word in words.split()}
FIELD_LEVELS = LEVEL_OF | _NUMBERS
"""From a level field's value, lower case, to the level."""

HEAD_CHARACTERS = 120
"""How far from the start of a message its level may end. A guess: a time, a thread and a logger's name fit."""

_BARE = (
    "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|EMERG|EMERGENCY|ALERT"
    "|FINE|FINER|FINEST"
)
_ANY_CASE = (
    "trace|debug|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|panic|emerg|emergency|alert"
    "|verbose"
)
_CHINESE = "致命|严重|紧急|错误|异常|警告|告警|信息|提示|通知|调试|跟踪"
_TOKEN = (
    rf"(?:^|[^A-Za-z0-9_./=-])({_BARE}|(?i:{_ANY_CASE}):)(?:$|[^A-Za-z0-9_./=-])"
    rf"|([\[(<|](?:(?i:{_ANY_CASE})|[EWIDV])[\])>|]|[\[【(（](?:{_CHINESE})[\]】)）]|, (?:Info|Warning|Error)  )"
)
"""A level near the head: an upper-case word, any case before a colon or in brackets, Chinese in brackets, or Windows'
`, Info  `."""
_AROUND = ":[]()<>|【】（）, "
_KLOG = r"^([IWEFD])[01][0-9][0-3][0-9] [0-9]{2}:"
_LOGCAT = r"^[01][0-9]-[0-3][0-9] [0-9:.]+ +[0-9]+ +[0-9]+ ([VDIWEF]) "
_PRIORITY = r"^<([0-9]{1,3})>"
_LETTERS = {"E": "error", "W": "warn", "I": "info", "D": "debug", "F": "fatal", "V": "trace"}
_SEVERITIES = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")


def field_level(value: pl.Expr) -> pl.Expr:
    """The level that a field's value names, null where it names none."""
    return value.str.strip_chars().str.to_lowercase().replace_strict(FIELD_LEVELS, default=None, return_dtype=pl.String)


def text_level(message: pl.Series) -> pl.Series:
    """The level of each text, empty where none is found. The leftmost word within the head decides; letters and numbers
    are looked for only where no word is.
    """
    head = message.str.head(HEAD_CHARACTERS)
    words = head.to_frame("head").select_seq(pl.coalesce(pl.col("head").str.extract_groups(_TOKEN).struct.field("*")))
    found = _levels_of(words.to_series())
    if found.null_count():
        rest = found.is_null() & head.str.contains(rf"{_KLOG}|{_LOGCAT}|{_PRIORITY}")
        if rest.any():
            frame = head.to_frame("head")
            found = frame.select(pl.when(rest).then(_letter_or_priority()).otherwise(found)).to_series()
    return found.fill_null("")


def _levels_of(words: pl.Series) -> pl.Series:
    """Levels of the words found; a chunk holds few different ones."""
    distinct = words.unique().drop_nulls()
    levels = [LEVEL_OF.get(word.strip(_AROUND).lower()) for word in distinct]
    return words.replace_strict(distinct, pl.Series(levels, dtype=pl.String), default=None, return_dtype=pl.String)


def _letter_or_priority() -> pl.Expr:
    head = pl.col("head")
    letter = pl.coalesce(head.str.extract(_KLOG), head.str.extract(_LOGCAT))
    severity = head.str.extract(_PRIORITY).cast(pl.Int64) % 8
    return pl.coalesce(
        letter.replace_strict(_LETTERS, default=None, return_dtype=pl.String),
        severity.replace_strict(dict(enumerate(_SEVERITIES)), default=None, return_dtype=pl.String),
    )
