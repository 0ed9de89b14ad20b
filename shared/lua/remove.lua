-- Removes symbols, and answers the command. They are gone from reads and from later ticks; what a position before that
-- may still read is put aside. One script: removal, position, reply.
-- KEYS: 1 state  2 symbols  3 removed  4 notifications  5 replies  6 answered  7 journal  8 schedule  9 scheduled
--       then the feeds that carry nobody any more, then for each bars key: live, put aside
-- ARGV: 1 token  2 position before  3 entry of the command, or its number where it was scheduled  4 id of the command
--       5 expected clock  6 symbols joined by commas  7 run hash after the event  8 number of symbols
--       9 number of feeds  10 number of bars keys  11 number of reply items  12 number of journal items
--       13... for each symbol: symbol, the name of what is put aside, its record; reply; journal
-- The record's "removed_entry":"" is filled with the id of the event.
-- Returns 'ok', also for a call that was carried out before; 'repeated' where the id was answered before: the first
-- reply is given again and nothing else is done; 'position' where the position is elsewhere; 'clock' where the clock is
-- not as expected, or a symbol is not there; 'ended' where the session is; 'fenced'. In all but 'ok' and 'repeated'
-- nothing was changed.
local state, symbols = KEYS[1], tonumber(ARGV[8])
if fenced(state, 'coordinator', ARGV[1]) then return 'fenced' end
if is_done(state, KEYS[9], ARGV[3]) then return 'ok' end
expect({'hash', 'hash', 'hash', 'stream', 'stream', 'hash', 'stream', 'zset', 'hash'})
local now = redis.call('HMGET', state, 'commands_at', 'status', 'clock_ms')
if now[1] ~= ARGV[2] then return 'position' end

local given = first_reply(KEYS[5], KEYS[6], ARGV[3], ARGV[4])
if given then
  answer(state, KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], ARGV[3], ARGV[4], given, {})
  return 'repeated'
end

if now[2] ~= 'running' and now[2] ~= 'paused' then return 'ended' end
if now[3] ~= ARGV[5] then return 'clock' end
for at = 13, 10 + 3 * symbols, 3 do
  if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 0 then return 'clock' end
end

check_emit(state)

local id = emit(state, KEYS[4], {'type', 'symbol-removed', 'symbols', ARGV[6], 'command', ARGV[4]})
for at = 13, 10 + 3 * symbols, 3 do
  redis.call('HDEL', KEYS[2], ARGV[at])
  local record = string.gsub(ARGV[at + 2], '"removed_entry":""', '"removed_entry":"' .. id .. '"')
  redis.call('HSET', KEYS[3], ARGV[at + 1], record)
end
local bars_at = 10 + tonumber(ARGV[9])
for k = 10, bars_at - 1 do redis.call('UNLINK', KEYS[k]) end
for k = bars_at, bars_at + 2 * (tonumber(ARGV[10]) - 1), 2 do
  if redis.call('EXISTS', KEYS[k]) == 1 then redis.call('RENAME', KEYS[k], KEYS[k + 1]) end
end
redis.call('HSET', state, 'run_hash', ARGV[7])
local at, reply, done = 13 + 3 * symbols, {}, {}
for i = 1, tonumber(ARGV[11]) do reply[i] = ARGV[at + i - 1] end
at = at + tonumber(ARGV[11])
for i = 1, tonumber(ARGV[12]) do done[i] = ARGV[at + i - 1] end
answer(state, KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], ARGV[3], ARGV[4], reply, done)
return 'ok'
