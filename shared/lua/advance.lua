-- Moves the clock. The only script that does.
-- KEYS: 1 state  2 holds  3 notifications  4 schedule  5 journal  then the feeds, then the bars keys
-- ARGV: 1 token  2 id of this call  3 expected clock  4 new clock  5 ticks left of a step, '' where there is none
--       6 run hash after the ticks and days  7 number of days that open at the new clock  8 number of feeds
--       9 number of blocks of runs  10 number of ticks or stretches of them  11 registrations that the caller knows of, '' where they do not matter
--       12 which of the feeds is the main one, 0 for none  13 entries taken out that the caller knows of
--       then for each day its calendar and date; for each feed 'trim' or 'drop'; for each block of runs the bars key of
--       the first (counted from the first of all), number of runs, start, their bytes one after the other; then ticks:
--       one: its time, 1, number of fields, field, value, ...
--       a stretch: time of the first, number of ticks, from each to the next, interval, start of the first, value of all
-- Returns 'ok', also for a call that was carried out before; 'held'; 'stopped' beyond a stop; 'due' beyond a scheduled
-- command; 'others' where another consumer has come; 'clock' where the clock is not as expected; 'ended' where the session
-- is; 'foreign' where the caller may have read what another hand wrote to the main feed: it has been taken out, and is to be
-- read again; 'fenced'. In all but 'ok' nothing else was changed but the status.
-- Reaching a stop places the hold `user`.
local state, holds, notifications = KEYS[1], KEYS[2], KEYS[3]
if fenced(state, 'coordinator', ARGV[1]) then return 'fenced' end
local now = redis.call('HMGET', state, 'status', 'clock_ms', 'stop_ms', 'advanced', 'joined', 'noted', 'published', 'skipped')
if now[4] == ARGV[2] then return 'ok' end
local days, feeds = tonumber(ARGV[7]), tonumber(ARGV[8])
local runs, ticks = tonumber(ARGV[9]), tonumber(ARGV[10])
local bars = 5 + feeds
expect({'hash', 'set', 'stream', 'zset', 'stream'})
for k = 6, bars do expect_type(KEYS[k], 'stream') end
check_emit(state)
number_in(state, 'stop_ms')
entry_in(state, 'published')
if now[1] ~= 'running' and now[1] ~= 'paused' then return 'ended' end
if redis.call('SCARD', holds) > 0 then
  settle_status(state, holds)
  return 'held'
end
if now[2] ~= ARGV[3] or tonumber(ARGV[4]) < tonumber(ARGV[3]) then return 'clock' end
if now[3] and tonumber(ARGV[4]) > tonumber(now[3]) then return 'stopped' end
if ARGV[11] ~= '' and (now[5] or '0') ~= ARGV[11] then return 'others' end

local due = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
if due[2] and tonumber(due[2]) < tonumber(ARGV[4]) then return 'due' end

local main = tonumber(ARGV[12])
if main > 0 and now[7] then
  if (now[8] or '0') ~= ARGV[13] then return 'foreign' end
  -- What is published ends with a mark of the number 2. Before that nothing is known beyond the last entry.
  local through, number = string.match(now[7], '^(%d+)%-(%d+)$')
  if number ~= '2' and tonumber(ARGV[4]) > tonumber(through) then
    disown(state, KEYS[5 + main], now[7])
    return 'foreign'
  end
end

local feed_at = 14 + 2 * days
local run_at = feed_at + feeds
local tick_at = run_at + 4 * runs
-- The bars come first: whether all of their keys are hashes is not asked beforehand, since they are many. Where one is
-- not, what was written is taken back.
for at = run_at, run_at + 4 * (runs - 1), 4 do
  local first, count, start, packed = bars + tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local size = #packed / count
  for n = 0, count - 1 do
    local done = redis.pcall('HSET', KEYS[first + n], start, string.sub(packed, n * size + 1, (n + 1) * size))
    if type(done) == 'table' then
      for back = run_at, at, 4 do
        local through = back == at and n or tonumber(ARGV[back + 1])
        for k = 0, through - 1 do redis.call('HDEL', KEYS[bars + tonumber(ARGV[back]) + k], ARGV[back + 2]) end
      end
      expect_type(KEYS[first + n], 'hash')
      error(done)
    end
  end
end
local call, format, sub = redis.call, string.format, string.sub
local last = now[6] or '0-0'
if ticks > 0 then clear_behind(state, notifications, last) end
for _ = 1, ticks do
  local close, count = tonumber(ARGV[tick_at]), tonumber(ARGV[tick_at + 1])
  if count == 1 then
    local fields = 2 * tonumber(ARGV[tick_at + 2])
    local id = ARGV[tick_at] .. '-0'
    append_next(state, notifications, last, id, unpack(ARGV, tick_at + 3, tick_at + 2 + fields))
    last = id
    tick_at = tick_at + 3 + fields
  else
    local step, of, start, value = tonumber(ARGV[tick_at + 2]), ARGV[tick_at + 3], tonumber(ARGV[tick_at + 4]), ARGV[tick_at + 5]
    local head = string.find(value, '\n', 1, true)
    local names, size = string.sub(value, 1, head), (#value - head) / count
    local id, field = WHOLE .. '-0', of .. '@' .. WHOLE
    append_next(state, notifications, last, format(id, close), 'type', 'tick', format(field, start), names .. sub(value, head + 1, head + size))
    -- Nothing can be in the way of an entry behind one that was appended just now.
    for n = 1, count - 1 do
      local group = names .. sub(value, head + n * size + 1, head + (n + 1) * size)
      call('XADD', notifications, format(id, close + n * step), 'type', 'tick', format(field, start + n * step), group)
    end
    last = format(id, close + (count - 1) * step)
    tick_at = tick_at + 6
  end
end
for n = 1, feeds do
  if ARGV[feed_at + n - 1] == 'drop' then
    redis.call('DEL', KEYS[5 + n])
  else
    -- The mark at the end of a window has an id of the window's end: it stays until the clock is past it.
    redis.call('XTRIM', KEYS[5 + n], 'MINID', ARGV[4] .. '-1')
  end
end
redis.call('HSET', state, 'clock_ms', ARGV[4], 'advanced', ARGV[2], 'status', 'running', 'run_hash', ARGV[6])
if ticks > 0 then redis.call('HSET', state, 'noted', last) end
if ARGV[4] ~= ARGV[3] then redis.call('HSET', state, 'events', '0') end
emit_days(state, notifications, ARGV, 14, days)
for at = 14, 12 + 2 * days, 2 do note(state, KEYS[5], {'op', 'day-opened', 'calendar', ARGV[at], 'date', ARGV[at + 1]}) end
if now[3] == ARGV[4] or ARGV[5] == '0' then
  redis.call('HDEL', state, 'stop_ms', 'stop_ticks')
  redis.call('SADD', holds, 'user')
  settle_status(state, holds)
elseif ARGV[5] ~= '' then
  redis.call('HSET', state, 'stop_ticks', ARGV[5])
end
return 'ok'
