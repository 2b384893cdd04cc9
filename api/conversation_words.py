"""The words of follow-ups and small talk, in English and Chinese: tables for api/conversation_read.py."""

import re
from collections.abc import Mapping
from typing import Literal

Talk = Literal["hello", "thanks", "who"]
Step = Literal["before", "after", "ever_before"]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def _whole(*patterns: str) -> re.Pattern[str]:
    alone = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(rf"[\W_]*(?:{alone})(?:[\s,,]*(?:dejalog|bot|机器人))?[\W_]*", re.IGNORECASE)


SMALL_TALK: Mapping[Talk, re.Pattern[str]] = {
    "hello": _whole(
        r"(?:hi|hello|hey|howdy|hiya|greetings|good (?:morning|afternoon|evening|day))"
        r"(?: there| all| everyone| again)*",
        r"how are you(?: doing)?(?: today)?",
        "(?:你|您|大家|各位)好[啊呀]?|嗨|哈喽|哈啰|早上好|上午好|下午好|晚上好|早安|在吗|在不在",
    ),
    "thanks": _whole(
        r"(?:(?:ok(?:ay)?|great|perfect|cool|nice|many|good)[\s,]+)*(?:thanks?|thank you|thx|cheers|ty)"
        r"(?: (?:a lot|so much|very much|a million|again|for (?:the|your) help|that helped|that helps))*",
        r"(?:great|perfect|cool|nice|awesome|excellent|ok(?:ay)?|got it|i see|understood|well done|good job|good bot)",
        r"(?:good ?bye|bye|see you|see you later)(?: bye)?",
        "(?:好的?|太好了)?[,,\\s]*(?:谢谢|多谢|感谢|谢了|辛苦)(?:你|您|了|啦|大家)?(?:的帮助)?",
        "好的?|好吧|行|知道了|明白了?|懂了|收到|了解|再见|拜拜|太好了|不错|很好",
    ),
    "who": _whole(
        r"(?:who|what) are you|what(?: can| do) you do(?: for me)?|what (?:is|are) (?:dejalog|you for)|what is this",
        r"help(?: me)?|what can i ask(?: you)?|how (?:do|can|should) i (?:use (?:this|you|it)|ask(?: you)?)"
        r"|how does this work|introduce yourself",
        "你是谁|你是什么|你(?:都)?[能会可以]+(?:做|干|帮我做)?(?:些)?(?:什么|啥)|怎么用(?:你)?|怎么使用|怎么提问|帮助|介绍一下(?:你)?自己?"
        "|我能问(?:你)?(?:些)?什么",
    ),
}
"""A whole message of these words asks nothing of the store."""

GREETING = re.compile(
    r"\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|你好|您好|谢谢|嗨)"
    r"(?: there| all| dejalog)?\s*[,,.!!。::]\s*(?=\S)",
    re.IGNORECASE,
)
"""Before what is really asked."""

_OF_IT = r"(?: (?:it|that|this|them|then|last time|happen(?:ed|ing)?|so|we|you|they|one|somebody|did|was|is))*"
LINES = _any(
    r"\b(?:(?:can|could|may) (?:i|you|we) )?(?:please )?(?:show|give|send|get|list|print|display|see|let)(?: me| us)?"
    r"(?: see)?(?: (?:all|some|the|those|these|its|their|actual|raw|cited|relevant|matching|of|exact))*"
    r" (?:log ?)?(?:lines?|logs|entries|evidence|proof|messages)\b(?: (?:please|that prove (?:it|that|this)))?",
    r"\b(?:which|what) (?:log )?lines(?: (?:show|prove|say|are) (?:it|that|this|they|those))?\b",
    r"^\W*(?:the )?(?:log )?(?:lines|logs|evidence|proof)\W*$|\bprove (?:it|that|this)\b",
    "(?:给我|让我|请|能|可以|再|帮我)*(?:看看|看一?下|看|显示|列出|列一?下|给出|给|打印|展示|贴出|贴一?下|查看|发)(?:我|出|一下)*"
    "(?:具体|相关|那些|这些|原始|对应|引用|完整|的|是哪些)*(?:日志|证据|原文|日志行)(?:吧|吗|呢)?",
    "把?(?:具体|相关|那些|这些|原始|的)*日志(?:都)?(?:给我|发我)?(?:看看|看一?下|列出来|贴出来|发出来)",
    "(?:具体|相关|对应|有|是)*(?:哪些|哪几条|哪几行)日志(?:能|可以)?(?:证明|说明|看出来?)?(?:这一点|的)?",
)
WHY = _any(
    rf"\bwhy\b{_OF_IT}",
    r"\bwhat (?:was|is|were|are) the (?:root )?(?:causes?|reasons?)(?: (?:of|for|behind) (?:it|that|this))?\b",
    r"\bwhat (?:caused|triggered) (?:it|that|this)\b|\b(?:the )?root cause\b|\bhow come\b|\bthe (?:cause|reason)\b",
    "为什么(?:会|呢|这样|发生|出现)*|为何|为啥|(?:根本|具体)?原因(?:是什么|是啥|呢)?|根因(?:是什么)?|怎么回事"
    "|(?:是)?(?:怎么|什么|由什么)(?:原因)?(?:引起|造成|导致|触发)(?:的|了)?",
)
_MEND = (
    r"(?:fix|solve|resolve|repair|handle|mitigate|remed(?:y|i)|recover|address|deal with|dealt with|get rid of)(?:e?d)?"
)
FIX = _any(
    rf"\bhow (?:was|were|is|did|do|does|can|could|should|would)(?: (?:it|that|this|we|you|they|i|one|somebody|people))*"
    rf"(?: \w+)? {_MEND}\b{_OF_IT}(?: from (?:it|that|this))?",
    r"\bwhat (?:was|is) the (?:fix|solution|remedy|resolution|workaround)\b"
    r"|\b(?:what|who) (?:fixed|solved|resolved|helped)\b"
    rf"{_OF_IT}|\b(?:the )?(?:fix|solution|workaround|runbook)\s*\??$",
    "(?:当时|上次|后来|最后|那次|那时|之前)?(?:又)?(?:是)?(?:怎么|如何|怎样)(?:样)?(?:被)?(?:解决|处理|修复|恢复|修好|修|搞定)(?:它|的|了|好的)*"
    "|(?:解决|处理|修复)(?:办法|方法|方案)(?:是什么|是啥|呢|有哪些)?",
)
_CASE = r"(?:one|time|incident|case|occurrence|outage|failure)"
STEPS: Mapping[Step, re.Pattern[str]] = {
    "ever_before": _any(
        r"\b(?:has|have|had|did) (?:this|it|that|we|the same)(?: ever)?(?: had| seen)?(?: it| this| that)?"
        r"(?: happen(?:ed)?| occur(?:red)?)?(?: to us)? (?:ever )?before\b",
        r"\bany(?:thing)? (?:like (?:it|this|that) )?(?:earlier|before(?: (?:that|then|it))?)\b",
        "(?:之前|以前|过去|先前)(?:也|还|有没有|是否)*(?:有|发生|出现|遇到|碰到)(?:过)(?:没有|吗|么)?(?:类似的?|这种|同样)*(?:情况|问题|事)?(?:吗)?",
    ),
    "before": _any(
        rf"\b(?:and )?(?:the )?{_CASE} before(?: (?:that|this|it|then))?(?: one)?\b",
        rf"\b(?:the |an )?(?:previous|earlier|preceding|prior) {_CASE}\b|\bbefore (?:that|then|it)(?: one)?\b",
        "再(?:早|往前|前|之前)(?:的)?(?:那|一)?(?:一)?(?:次|回|起|点|些)?|更早(?:的)?(?:那|一)?(?:一)?(?:次|回|起)?"
        "|(?:之前|前面)(?:的)?(?:那|一)(?:一)?(?:次|起|回)|前一(?:次|起|回)",
    ),
    "after": _any(
        rf"\b(?:and )?(?:the )?(?:next|following|later|subsequent) {_CASE}\b"
        rf"|\b(?:the )?{_CASE} after(?: (?:that|this|it))?(?: one)?\b|\bafter (?:that|then|it)(?: one)?\b",
        r"\b(?:has|did|does) (?:it|this|that) (?:ever )?(?:happen(?:ed)?|occur(?:red)?|come back|recur(?:red)?) "
        r"(?:again|since)(?: then)?\b|\bsince then\b|\bafterwards\b|\band again\b",
        "(?:之后|后来|此后)(?:还|又|再|有没有|是否)*(?:有|发生|出现)过?(?:没有|吗|么)?|又(?:发生|出现)过?(?:没有|吗)?",
        "(?:之后|后面|后来)(?:的)?(?:那|下)(?:一)?(?:次|起|回)|下一?(?:次|起|回)|再(?:晚|往后|后)(?:的)?(?:那|一)?(?:一)?(?:次|回|起|点|些)?",
    ),
}
SHIFT_BACK = _any(
    r"\b(?:the )?(?P<a>minute|hour|day|week|month) (?:before|earlier)(?: (?:that|this|then))?\b",
    r"\b(?:the )?(?:previous|preceding) (?P<b>minute|hour|day|week|month)\b",
    "(?:再)?(?:往)?前(?:面)?(?:的)?一个?(?P<c>分钟|小时|钟头|天|周|星期|月)",
)
SHIFT_ON = _any(
    r"\b(?:the )?(?P<a>minute|hour|day|week|month) (?:after|later)(?: (?:that|this|then))?\b",
    r"\b(?:the )?(?:next|following) (?P<b>minute|hour|day|week|month)\b",
    "(?:再)?(?:往)?后(?:面)?(?:的)?一个?(?P<c>分钟|小时|钟头|天|周|星期|月)|(?P<d>第二天)",
)
SHIFT_S: Mapping[str, int] = {
    "minute": 60, "分钟": 60, "hour": 3600, "小时": 3600, "钟头": 3600, "day": 86400, "天": 86400, "第二天": 86400,
    "week": 604800, "周": 604800, "星期": 604800, "month": 30 * 86400, "月": 30 * 86400,
}  # fmt: skip

ALL_TIME = _any(
    r"\b(?:ever|at all|overall|in total|of all time|(?:in |of |for )?all (?:the )?time|whenever|regardless of time)\b",
    "历史上|一直以来|(?:全部|所有|整个)(?:的)?时间(?:段|范围)?|不限时间|有史以来|从来",
)
ALL_SERVICES = _any(
    r"\b(?:everywhere|(?:in |for |of |across )?(?:all|every|the whole|whole)(?: the)? (?:services?|system|shop))\b"
    r"|\b(?:in |for |of )?(?:any|every) service\b",
    "(?:所有|全部|整个|各个?)(?:的)?(?:服务|系统)|不限服务",
)
THAT_MESSAGE = _any(
    r"\b(?:that|this|the same|the) (?:log )?(?:message|error|warning|pattern|line)\b",
    "(?:那|这|该|同)(?:一)?(?:条|个|种|类)(?:日志|消息|报错|错误|警告|告警|模式)",
)
SAME_FRAME = _any(
    r"\b(?:at|in|during|around) (?:that|the same|those|this) (?:same )?(?:times?|windows?|periods?|hours?|days?)\b",
    r"\b(?:in|for|of|by) (?:that|the same|those|this|these) (?:same )?services?\b|\bback then\b|\baround then\b",
    "同一?(?:时间|时段|时候)|那段时间|那个?时候|当时|同期|(?:那|同一?)个?服务",
)
"""Beside a topic of its own: there and then, as before."""
OPENER = re.compile(
    r"^\W*(?:(?:and|so|ok(?:ay)?|but|also|now|well)\W+)*"
    r"(?:and|what about|how about|what of|just|only|same (?:for|with|in)|but)\b"
    r"|^\W*(?:那么?|还有|只看|只要|只查|仅看?|单看|换成|改成|那)|呢\W*$",
    re.IGNORECASE,
)
"""What begins like this goes on with what was said."""
SAYS_NOTHING = _any(
    r"\b(?:ok(?:ay)?|well|please|too|also|again|exactly|more|detail(?:s|ed)?|same|check|filter|restrict|limit|narrow"
    r"|focus|switch|only|just|instead|now|services?|results?|down|there|did|does|happen(?:ed|ing)?|really|sure|tell"
    r"|about|what|how|fixed|happen|only|start(?:ed|s)?|beg[iau]n|end(?:ed|s)?|stop(?:ped|s)?|over|still|affect(?:ed|s)?|hit|impact(?:ed)?|touch(?:ed)?|compare[ds]?|versus|vs|question|answer)\b",
    "那么|还有|只看|只要|只查|仅看|单看|换成|改成|看看|看一?下|再看|查一?下|查查|一下|服务|请|麻烦|具体|详细|情况|怎么样"
    "|如何|什么时候|当时|限定|过滤|缩小|结果|的话|发生|出现|是否|有没有|开始|结束|停止|持续|影响到?|波及到?",
    "[那呢仅再又也在的吧啊呀和跟是有了吗么过看查]",
)
"""What is left of a follow-up may be made of these."""
PARTS = re.compile(r"\s*(?:,|,|、|/|&|\+|;|\band\b|\bor\b|\bplus\b|和|与|及|或|跟|以及)\s*", re.IGNORECASE)
"""Between the services of a list."""
