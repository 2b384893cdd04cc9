"""Words that decide whether two messages may be one pattern: data of `pattern_merge`, general English of operations.

None was chosen for one system's logs; which words stand here is a guess, to be widened when users report a pattern
that joins what they tell apart.
"""


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


# fmt: off
OPPOSITES = (
    "start stop", "starting stopping", "started stopped", "start end", "started finished", "starting ending",
    "starts stops", "begin end", "began ended", "beginning ending", "begin finish", "enter exit", "entered exited",
    "entering exiting", "enter leave", "entering leaving", "open close", "opened closed", "opening closing",
    "accept reject", "accepted rejected", "accepting rejecting", "accept refuse", "accepted refused",
    "success failure", "success fail", "success failed", "succeeded failed", "successful failed",
    "successfully unsuccessfully", "succeed fail", "ok failed", "ok error", "passed failed", "pass fail",
    "completed failed", "completed aborted", "complete incomplete", "done failed", "up down", "on off", "yes no",
    "enable disable", "enabled disabled", "enabling disabling", "active inactive", "activated deactivated",
    "connect disconnect", "connected disconnected", "connecting disconnecting", "connection disconnection",
    "attach detach", "attached detached", "mount unmount", "mounted unmounted", "load unload", "loaded unloaded",
    "loading unloading", "lock unlock", "locked unlocked", "acquire release", "acquired released",
    "allocate free", "allocated freed", "add remove", "added removed", "adding removing", "add delete",
    "create delete", "created deleted", "creating deleting", "create destroy", "created destroyed",
    "insert delete", "inserted deleted", "push pull", "pushed pulled", "upload download", "uploaded downloaded",
    "send receive", "sent received", "sending receiving", "read write", "reading writing", "request response",
    "login logout", "logon logoff", "register unregister", "registered unregistered", "registered deregistered",
    "subscribe unsubscribe", "subscribed unsubscribed", "pause resume", "paused resumed", "suspend resume",
    "suspended resumed", "running stopped", "available unavailable", "reachable unreachable", "found missing",
    "found lost", "healthy unhealthy", "valid invalid", "allow deny", "allowed denied", "granted denied",
    "granted revoked", "authenticated unauthenticated", "known unknown", "online offline", "primary secondary",
    "leader follower", "master slave", "increase decrease", "increased decreased", "scaled unscaled",
    "commit rollback", "committed aborted", "before after", "first last", "hit miss", "empty full", "high low",
    "min max", "minimum maximum", "input output", "incoming outgoing", "inbound outbound", "ready notready",
    "sleep wake", "powered unpowered", "install uninstall", "installed uninstalled", "import export", "grow shrink",
    "backup restore", "promote demote", "promoted demoted", "encrypt decrypt", "encode decode", "show hide",
    "timeout success", "expired renewed", "opened shut", "killed spawned", "joined left", "join leave",
)
# fmt: on
"""Pairs, for the reader; what counts is that each is a state."""

STATES = _words(
    *OPPOSITES,
    "pending queued waiting blocked idle busy degraded failing terminated terminating",
    "aborting canceled cancelled crashed crash killed evicted restarting restarted restart reset refused denied",
    "timed timeout overloaded exhausted exceeded throttled dropped ignored skipped retry retrying retried",
    "initializing initialized initialised warning warn error errors fatal critical info debug trace normal",
    "abnormal none never not no cannot without shutdown rebooting rebooted recovering recovered recover",
    "scheduled unscheduled closed disconnected unreachable corrupt corrupted damaged detected corrected",
)
"""Words that say how things stand. A slot never swallows one."""

CHINESE_STATES = _words(
    "成功 失败 成败 超时 异常 错误 正常 拒绝 接受 通过 启动 停止 开始 结束 完成 中断 打开 关闭 连接 断开 上线 下线",
    "启用 禁用 可用 不可 无法 未能 没有 已满 为空 丢失 恢复 重启 重试 取消 过期 失效 有效 无效 登录 登出 注册 注销",
    "创建 删除 增加 减少 扩容 缩容 发送 接收 读取 写入 上传 下载 提交 回滚 加锁 解锁 警告 告警 熔断 降级",
    "限流 宕机 崩溃",
)
"""The same in Chinese, where a state is part of a run of signs without blanks."""

LITERALS = frozenset({"true", "false", "null", "nil", "undefined", "nan"})
"""Values that programs print for themselves; they vary like numbers."""

NAMES_WITH_DIGITS = _words(
    "ssh1 ssh2 ssl2 ssl3 ipv4 ipv6 http1 http2 http3 http/1.0 http/1.1 http/2 http/2.0 utf8 utf-8 utf16 utf-16",
    "utf32 latin1 iso-8859-1 sha1 sha-1 sha256 sha-256 sha512 sha-512 md5 base64 base32 aes128 aes256 oauth2 x509",
    "pkcs8 pkcs12 s3 ec2 h2 k8s log4j log4j2 i18n l10n a11y x86 x86_64 amd64 arm64 aarch64 mp3 mp4 h264 h265 es6",
    "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 win32 socks4 socks5 smtp pop3 imap4 db2",
)
"""Words whose digits are part of the name."""

HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})

NAMING_NOUNS = _words(
    "user username account host hostname node pod container service topic queue table database schema bucket key",
    "file directory folder class thread session client server member tenant customer owner group channel",
    "partition consumer producer index shard volume device interface domain namespace cluster region zone city",
    "station country address email name id",
)
CHINESE_NOUNS = tuple(
    _words(
        "用户 账号 账户 主机 节点 容器 服务 主题 队列 数据库 数据表 文件",
        "目录 客户 设备 区域 城市 地址 接口 域名 租户",
    )
)
"""What follows one of these is often a name."""

CAUSE_KEYS = _words(
    "error err errors reason cause status state result level severity msg message exception action event phase",
    "method op operation type kind mode code verdict outcome",
)
"""`key=value` with such a key says what happened: its values stay apart unless there are many."""

UNITS = (
    "%|[kKmMgGtTpP]i?[bB](?:/s|ps)?|[bB]/s|bps|bytes?|[nuµm]s|msecs?|usecs?|nsecs?|secs?|seconds?|millis(?:econds)?|"
    "milliseconds?|microseconds?|nanoseconds?|mins?|minutes?|hours?|hrs?|days?|[sSmhdBbKMGT]|[kKMG]?Hz|°?[CF]"
)
"""Unit symbols and words that may follow a number, as a regular expression."""
