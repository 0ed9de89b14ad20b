-- Removes the hold of a consumer that is expected, once it is there.
-- KEYS: 1 state  2 holds  3 consumers
-- ARGV: 1 token  2 consumer  3 its hold  4 wall time, ms: who has shown no life since then is not there
-- Returns 'ok', also where the hold is gone already; 'absent' where the consumer is not registered or shows no life;
-- 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
if redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 0 then return 'ok' end
local beat = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or '0')
if not beat or beat < tonumber(ARGV[4]) then return 'absent' end
expect({'hash', 'set', 'hash'})
redis.call('SREM', KEYS[2], ARGV[3])
settle_status(KEYS[1], KEYS[2])
return 'ok'
