"""The words by which questions are read: intents, references, identifiers, and what to leave out."""

import re

_TIME_UNIT = r"(?:second|sec|minute|min|hour|hr|day|night|week|weekend|month|year)s?"

INTENTS = {
    "changed": r"\bwhat(?:'s| is| has|’s)? (?:changed|new|different)\b|有什么变化|有何变化|什么变了",
    "count": r"\bhow (?:many|often)\b|\bnumber of\b|多少次|几次|多少条|次数|有多少|多少个",
    "first": (
        r"\bfirst (?:time|seen|happen|occur|incident|outage|problem)|\bsince when\b|\bdid .{1,80} first\b"
        r"|\bwhen (?:was|were|is) (?:the |our )?(?:very )?first\b|\bthe (?:very )?first thing (?:that|to)\b"
        r"|第一次|首次|最早"
    ),
    "last": (
        r"\b(?:last|latest|most recent) (?:time|one|occurrence|case|incident|accident|outage|problem|failure)\b"
        r"|\bwhen .{1,80} last\b|\bwhen (?:was|were|is) (?:the |our )?(?:last|latest|most recent)\b"
        rf"|\b(?:the|our) (?:last|latest|most recent) (?!\d|few\b|couple\b|(?:[a-z]+ ){{0,2}}{_TIME_UNIT}\b)[a-z]"
        r"|上一?次|最后一次|最近一次"
    ),
    "recall": (
        r"^\W*(?:has|have|had|did|do|does|was|were|is|are|any|ever)\b|\b(?:ever|before|any earlier|earlier incident)\b"
        r"|\b(?:have|has) (?:we|this|there|it)\b"
        r"|有没有|是否|有过|发生过|出现过|遇到过|曾经|吗|有无|之前"
    ),
}
"""The first that matches is what the question wants; none: a list."""

INTENT_PATTERNS = {intent: re.compile(pattern, re.IGNORECASE) for intent, pattern in INTENTS.items()}

LIKE_THIS = re.compile(
    r"\b(?:like (?:this|it)|similar|this (?:kind|type|sort)|such an?|same (?:problem|issue|thing|incident)"
    r"|this (?:incident|outage|one)|seen this)\b"
    r"|类似|相似|这样的|这种|这类|同样的|同类|这个(?:问题|故障|事故|事件)",
    re.IGNORECASE,
)

WRITTEN = re.compile(
    r"(\b(?:was|were|is|are)\s+(?:\S+\s+)+?)(?:first |last )?(?:written|logged|printed)\b", re.IGNORECASE
)
"""Asked when or how often something was written, that is what logs are for; "was written to disk" says more."""

ANYTHING = re.compile(
    r"\b(?:what (?:was|is) the (?:very )?(?:first|last|latest) thing (?:that|to)"
    r" (?:went|go|broke|break|happen(?:ed)?)(?: wrong)?"
    r"|what(?: all)? (?:happened|went wrong|was going on|broke)|(?:first )?incidents?|accidents?|anomal(?:y|ies)"
    r"|(?:any|what|which|a|the|last|latest|first) (?:problem|issue|trouble)s?"
    r"|anything (?:wrong|unusual|odd|strange|abnormal|bad|go wrong|happen))\b"
    r"|(?:什么|哪些|任何|有没有|有无|是否有|有过|出现|发生)(?:过|了)?(?:什么|哪些)?(?:的)?(?:异常|故障|问题|事故|事件|事)(?:发生)?"
    r"|(?:一?次|一起|一个|的)(?:故障|事故|事件)|事故|出(?:过|了)?(?:什么)?事",
    re.IGNORECASE,
)
"""Asks for incidents in general. Beside anything that names a subject it says nothing."""

HAN_ASKING = re.compile("有没有|有没|是不是|是否|有无|曾经|到底|究竟|(?:出现|发生|遇到|碰到)过")
"""Words that make a question and stand between two that belong together: 磁盘有没有写满 asks about 磁盘写满."""

HAN_AFTER_ONE = re.compile(r"[^\u4e00-\u9fff]|$|[了吗呢吧过的着住死得很不没时后]")
"""What may follow a word of one character; anything else makes it part of a longer word."""

CONSEQUENCE = re.compile(
    r"\b(?:so|therefore|hence|causing|making)\b|导致|造成|以致|所以|从而|而(?=[^且是言])", re.IGNORECASE
)
"""What follows is what people saw; what stands before is why."""

CAUSE = re.compile(
    r"\b(?:since|because|due to|owing to|as a result of|after)\b|因为|由于|因(?![此而果素])", re.IGNORECASE
)
"""What follows is why; what stands before is what people saw."""

UNABLE_BEFORE = re.compile(
    r"(?:\b(?:could|can|was|were|is|are|be|being)(?: not|n.t)(?: able to)?|\bcannot|\bunable to"
    r"|\b(?:nobody|no one|none) (?:could|can)"
    r"|无法|不能|没法|没能)\s*(?:\w+\s+){0,1}$",
    re.IGNORECASE,
)
UNABLE_AFTER = re.compile(r"\s*(?:不了|不上|不成|不出)")
"""Around something that people could not do: a symptom, which logs need not name."""

REACHED_BEFORE = re.compile(
    r"(?:\b(?:up|down|over|through|way|on|back|everybody|everyone|everything|all|spread|spreading) to(?: the| our)?"
    r"|(?:蔓延|扩散|传导|传播|波及|涌|打|压)到(?:了)?)\s*$",
    re.IGNORECASE,
)
"""Before how far something went: what came of it."""

ASKS_FOR_LINES = re.compile(
    r"\b(?:logged|written|printed|lines?|(?:log|error|warning|such|any|these|those) messages?"
    r"|messages? (?:saying|about|like|containing|that says?)|entries|entry|warnings?|logs)\b"
    r"|日志|打印|写过|写出|警告|告警",
    re.IGNORECASE,
)
"""Asked for lines, lines are the answer, whether or not they mean trouble."""

QUOTED = re.compile(r"\"([^\"]{2,200})\"|“([^”]{2,200})”|「([^」]{2,200})」|`([^`]{2,200})`|『([^』]{2,200})』")

IDENTIFIER = re.compile(
    r"(?<![\w.-])(?:"
    r"(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?=[\w-]{0,64}\d)(?=[\w-]{0,64}[a-z])[a-z0-9_-]{0,64}\d{3,}[a-z0-9_-]{0,64}"
    r"|\d{12,40}"
    r")(?![\w.-]*\w)",
    re.IGNORECASE | re.ASCII,
)
"""Addresses, ids of requests and the like: tokens that a person copies from a line."""

HEX_ID = re.compile(r"(?<![\w-])[0-9a-f]{16}(?![\w-])")
"""What the id of an incident or a pattern looks like."""

GENERAL_CONCEPTS = frozenset({"failure"})
"""What every incident is: of a service at a named time they ask whether anything went wrong."""

IGNORED_CONCEPTS = frozenset({"incident", "service", "log", "message", "first_time", "count"})
"""What everything here is; a question that says so says nothing."""

_FILLER_LINES = (
    "problem issue case situation trouble incident service log line message cause reason result new old still use",
    "user tell told go went come came make made take took need want try tried people anybody anyone someone",
    "somebody nobody back lead due far long short often never always usually really actually maybe possibly whole",
    "entire several various able unable start end day week month hour minute second date today morning night",
    "evening number name help please similar type explain describe detail exactly affect affected impact around",
    "early late later while",
)
FILLER = frozenset(" ".join(_FILLER_LINES).split())
"""English words beside the stop words that are not what a question is about."""

_HAN_FILLER_LINES = (
    "有没有 是不是 是否 有无 什么时候 为什么 怎么样 怎么 如何 哪些 哪个 哪里 哪台 什么 多少",
    "几次 次数 曾经 之前 以前 发生 出现 遇到 存在 导致 造成 引起 由于 因为",
    "所以 而且 并且 以及 还是 或者 情况 问题 现象 类似 这样 这种 这类 同样 系统 请问 一下",
    "我们 他们 用户 过去 现在 目前 可能 应该 大面积 大量 突然 一直 经常 历史",
    "最近一次 最后一次 第一次 上一次 写出 写过 写了 一共 总共 总计",
    "时候 时间 期间 今天 所有 任何 一些 某个 找到 看到 显示 记录",
)
HAN_FILLER = re.compile(
    "|".join(
        [
            *" ".join(_HAN_FILLER_LINES).split(),
            "[的了吗呢吧过在是被把给和与及或对从到向因而就都也还又很太最只能会要请查看让使其该此有没不上下中里个次条种时]",
        ]
    )
)
"""The same in Chinese: words first, then single characters."""
