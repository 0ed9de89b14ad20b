-- Ends an addition: what is staged becomes live, all at once, or with no symbol it is called off.
-- KEYS: 1 state  2 holds  3 operation  4 symbols  5 notifications  6 replies  7 answered  8 journal  9 reports
--       10 calendars  11 schedule  12 scheduled  13 digests  then for each job: manifest, staged feed, live feed; then
--       for each bars key: staged, live
-- ARGV: 1 token  2 operation id  3 end of the session  4 symbols joined by commas or ''  5 command id  6 command entry,
--       '' where nobody is answered  7 run hash after the event  8 number of jobs  9 number of bars keys
--       10 number of symbols  11 number of calendars  12 number of reply items  13 number of journal items
--       14... for each job: job, attempt; for each symbol: symbol, record; for each calendar: calendar, trading days;
--       reply; journal; then for each digest that an added symbol may have from before it was removed: field, symbol;
--       where nobody is answered, for each day that opens at the first clock: calendar, date
-- The record's "added_entry":"" is filled with the id of the event.
-- Returns 'ok', also for a call that was carried out before; 'gone' where the operation is another one; 'clock' where
-- the clock is not T or the own hold is missing; 'attempt' where an attempt is not the current one; 'staged' where
-- something that was staged is not there; 'ended' where the session is; 'fenced'. In all but 'ok' nothing was changed.
local state, operation = KEYS[1], KEYS[3]
if fenced(state, 'coordinator', ARGV[1]) then return 'fenced' end
if ARGV[6] ~= '' and is_done(state, KEYS[12], ARGV[6]) then return 'ok' end
local now = redis.call('HMGET', operation, 'operation', 'clock_ms', 'hold')
if now[1] ~= ARGV[2] then return 'gone' end
local hold = now[3]
local jobs, bars, symbols, calendars = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local bars_at, symbols_at = 14 + 3 * jobs, 14 + 2 * jobs
expect({'hash', 'set', 'hash', 'hash', 'stream', 'stream', 'hash', 'stream', 'stream', 'hash', 'zset', 'hash', 'hash'})
if symbols > 0 then check_emit(state) end
local function is(kind, key)
  return redis.call('TYPE', key).ok == kind
end
if jobs > 0 then
  local status = redis.call('HGET', state, 'status')
  if status ~= 'running' and status ~= 'paused' then return 'ended' end
  if redis.call('HGET', state, 'clock_ms') ~= now[2] or redis.call('SISMEMBER', KEYS[2], hold) == 0 then return 'clock' end
  for n = 0, jobs - 1 do
    if redis.call('HGET', operation, 'attempt:' .. ARGV[14 + 2 * n]) ~= ARGV[15 + 2 * n] then return 'attempt' end
    local manifest = KEYS[14 + 3 * n]
    if not is('hash', manifest) or redis.call('HEXISTS', manifest, 'complete') == 0 then return 'staged' end
    if not is('stream', KEYS[15 + 3 * n]) then return 'staged' end
  end
  for k = bars_at, bars_at + 2 * (bars - 1), 2 do
    if not is('hash', KEYS[k]) then return 'staged' end
  end
end

for n = 0, jobs - 1 do
  if symbols > 0 then
    redis.call('RENAME', KEYS[15 + 3 * n], KEYS[16 + 3 * n])
    redis.call('PERSIST', KEYS[16 + 3 * n])
  else
    redis.call('DEL', KEYS[15 + 3 * n])
  end
  redis.call('DEL', KEYS[14 + 3 * n])
end
for k = bars_at, bars_at + 2 * (bars - 1), 2 do
  redis.call('RENAME', KEYS[k], KEYS[k + 1])
  redis.call('PERSIST', KEYS[k + 1])
end
if symbols > 0 then
  redis.call('HSET', state, 'end_ms', ARGV[3], 'run_hash', ARGV[7])
  local id = emit(state, KEYS[5], {'type', 'symbol-added', 'symbols', ARGV[4], 'command', ARGV[5]})
  for n = 0, symbols - 1 do
    local record = string.gsub(ARGV[symbols_at + 2 * n + 1], '"added_entry":""', '"added_entry":"' .. id .. '"')
    redis.call('HSET', KEYS[4], ARGV[symbols_at + 2 * n], record)
  end
end
local at = symbols_at + 2 * symbols
for _ = 1, calendars do
  redis.call('HSET', KEYS[10], ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('HSET', state, 'active', '1')
redis.call('HDEL', state, 'warming')
redis.call('SREM', KEYS[2], hold)
settle_status(state, KEYS[2])
if ARGV[6] ~= '' then
  local reply, done = {}, {}
  for i = 1, tonumber(ARGV[12]) do reply[i] = ARGV[at + i - 1] end
  at = at + tonumber(ARGV[12])
  for i = 1, tonumber(ARGV[13]) do done[i] = ARGV[at + i - 1] end
  at = at + tonumber(ARGV[13])
  answer(state, KEYS[6], KEYS[7], KEYS[8], KEYS[11], KEYS[12], ARGV[6], ARGV[5], reply, done)
else
  at = at + tonumber(ARGV[12]) + tonumber(ARGV[13])
end
if ARGV[6] == '' then
  emit_days(state, KEYS[5], ARGV, at, (#ARGV - at + 1) / 2)
  at = #ARGV + 1
end
for k = at, #ARGV, 2 do
  -- What is no JSON is the work of a hand, and is left as it is.
  local known, digests = pcall(cjson.decode, redis.call('HGET', KEYS[13], ARGV[k]) or '')
  if known and type(digests) == 'table' and digests[ARGV[k + 1]] then
    digests[ARGV[k + 1]] = nil
    redis.call('HSET', KEYS[13], ARGV[k], cjson.encode(digests))
  end
end
redis.call('DEL', operation, KEYS[9])
return 'ok'
