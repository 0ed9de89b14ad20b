-- Turns a created session into a running one.
-- KEYS: 1 state  2 symbols  3 calendars  4 holds  5 notifications  6 schedule  7 scheduled
-- ARGV: 1 token  2 first clock  3 end  4 zone  5 stop or ''  6 run hash after the events  7 '1' where history is to be
--       read first, which holds the clock  8 number of symbols  9 number of calendars  10 number of days that open
--       11 number of commands that wait for their time
--       12... for each symbol: symbol, record; for each calendar: calendar, trading days; for each day: calendar, date;
--       for each command: market time, command (JSON); the holds of consumers that are expected
-- Returns 'ok' (also when it is open already) or 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
if redis.call('HGET', KEYS[1], 'status') ~= 'created' then return 'ok' end
expect({'hash', 'hash', 'hash', 'set', 'stream', 'zset', 'hash'})
number_in(KEYS[1], 'scheduled')
number_in(KEYS[1], 'events')
local calendars_at = 12 + 2 * tonumber(ARGV[8])
local days_at = calendars_at + 2 * tonumber(ARGV[9])
for i = 12, calendars_at - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = calendars_at, days_at - 1, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'stop_ms', ARGV[5]) end
redis.call('HSET', KEYS[1], 'status', 'running', 'clock_ms', ARGV[2], 'first_ms', ARGV[2], 'end_ms', ARGV[3], 'zone', ARGV[4],
  'run_hash', ARGV[6], 'published', '0-0')
if ARGV[7] == '1' then
  redis.call('HSET', KEYS[1], 'active', '0', 'warming', '1')
  redis.call('SADD', KEYS[4], 'warm-up')
end
local scheduled_at = days_at + 2 * tonumber(ARGV[10])
local holds_at = scheduled_at + 2 * tonumber(ARGV[11])
for i = holds_at, #ARGV do redis.call('SADD', KEYS[4], ARGV[i]) end
settle_status(KEYS[1], KEYS[4])
for i = scheduled_at, holds_at - 1, 2 do
  schedule(KEYS[1], KEYS[6], KEYS[7], ARGV[i], ARGV[i + 1])
end
-- Who is told of a day may read what was before it: with history to be read first that is said by `commit`.
if ARGV[7] ~= '1' then emit_days(KEYS[1], KEYS[5], ARGV, days_at, tonumber(ARGV[10])) end
return 'ok'
