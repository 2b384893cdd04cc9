"""What Redis does in one step for the chunk stream: Lua scripts, each all or nothing, and what they promise.

Scripts that take chunks out, or that say which worker is alive, may run when Redis' memory is full (`allow-oom`):
otherwise a full Redis could never be emptied.
"""

APPEND = """
-- KEYS stream, held.  ARGV limit, size, then names and values.
-- {1, id} with the entry appended and counted, or {0, bytes held} with nothing done.
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
if held > 0 and held + tonumber(ARGV[2]) > tonumber(ARGV[1]) then
  return {0, held}
end
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
redis.call('INCRBY', KEYS[2], ARGV[2])
return {1, id}
"""

SETTLE = """#!lua flags=allow-oom
-- KEYS stream, held.  ARGV group, then id and size of each entry. How many were there; each is counted off once.
local gone = 0
for at = 2, #ARGV, 2 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[at])
  if redis.call('XDEL', KEYS[1], ARGV[at]) == 1 then
    redis.call('DECRBY', KEYS[2], ARGV[at + 1])
    gone = gone + 1
  end
end
return gone
"""

BURY = """#!lua flags=allow-oom
-- KEYS stream, held, dead.  ARGV group, id, bytes that the reason adds, then names and values of the reason.
-- Whether the entry was there; it then stands in `dead` with the reason before its own fields.
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if not entry then
  return 0
end
local fields = {unpack(ARGV, 4)}
for _, part in ipairs(entry[2]) do
  fields[#fields + 1] = part
end
redis.call('XADD', KEYS[3], '*', unpack(fields))
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('INCRBY', KEYS[2], ARGV[3])
return 1
"""

REVIVE = """#!lua flags=allow-oom
-- KEYS dead, held, stream.  ARGV id, bytes that the reason added, how many of its first parts are the reason.
-- Whether the entry was there; it then stands at the end of the stream again, without the reason.
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then
  return 0
end
redis.call('XADD', KEYS[3], '*', unpack(entry[2], tonumber(ARGV[3]) + 1))
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('DECRBY', KEYS[2], ARGV[2])
return 1
"""

HOLD = """#!lua flags=allow-oom
-- KEYS members, owners.  ARGV me, ms that a member lives, partitions, whether to give surplus up.
-- Makes me a member and the owner of my share of the partitions; answers those that I own.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], now, ARGV[1])
local partitions = tonumber(ARGV[3])
local share = math.ceil(partitions / redis.call('ZCARD', KEYS[1]))
local mine, free = {}, {}
for partition = 0, partitions - 1 do
  local owner = redis.call('HGET', KEYS[2], partition)
  if owner == ARGV[1] then
    if #mine < share or ARGV[4] == '0' then
      mine[#mine + 1] = partition
    else
      redis.call('HDEL', KEYS[2], partition)
    end
  elseif not owner or not redis.call('ZSCORE', KEYS[1], owner) then
    free[#free + 1] = partition
  end
end
for _, partition in ipairs(free) do
  if #mine < share and ARGV[4] ~= '0' then
    redis.call('HSET', KEYS[2], partition, ARGV[1])
    mine[#mine + 1] = partition
  end
end
return mine
"""

LEAVE = """#!lua flags=allow-oom
-- KEYS members, owners.  ARGV me. My partitions are free for others at once.
redis.call('ZREM', KEYS[1], ARGV[1])
for _, partition in ipairs(redis.call('HKEYS', KEYS[2])) do
  if redis.call('HGET', KEYS[2], partition) == ARGV[1] then
    redis.call('HDEL', KEYS[2], partition)
  end
end
return 1
"""

TIDY = """#!lua flags=allow-oom
-- KEYS stream, members.  ARGV group. Forgets consumers that are no members and hold nothing: deleting one that holds
-- entries would lose them.
local gone = 0
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for at = 1, #row, 2 do
    of[row[at]] = row[at + 1]
  end
  if of['pending'] == 0 and not redis.call('ZSCORE', KEYS[2], of['name']) then
    gone = gone + 1
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
  end
end
return gone
"""
