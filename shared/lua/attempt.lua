-- Gives a job of the addition to a new attempt. The old one can then stage and commit nothing.
-- KEYS: 1 state  2 operation
-- ARGV: 1 token  2 operation id  3 job  4 old attempt  5 new attempt
-- Returns 'ok', also for a call that was carried out before; 'other' where the attempt is not the old one; 'fenced'.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
local now = redis.call('HMGET', KEYS[2], 'operation', 'attempt:' .. ARGV[3])
if now[1] ~= ARGV[2] or (now[2] ~= ARGV[4] and now[2] ~= ARGV[5]) then return 'other' end
redis.call('HSET', KEYS[2], 'attempt:' .. ARGV[3], ARGV[5])
return 'ok'
