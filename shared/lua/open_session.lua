-- Turns a created session into a running one.
-- KEYS: 1 state  2 symbols
-- ARGV: 1 token  2 first clock  3 end  4 zone  5 stop or ''  6 number of symbols  7... symbol, record
-- Returns 'ok' (also when it is open already) or 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
if redis.call('HGET', KEYS[1], 'status') ~= 'created' then return 'ok' end
for i = 7, 6 + 2 * tonumber(ARGV[6]), 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'stop_ms', ARGV[5]) end
redis.call('HSET', KEYS[1], 'status', 'running', 'clock_ms', ARGV[2], 'first_ms', ARGV[2], 'end_ms', ARGV[3], 'zone', ARGV[4])
return 'ok'
