#!lua flags=allow-oom
-- Renews a lease, also one that ran out meanwhile, as long as nobody else has taken it.
-- KEYS: 1 lease  2 state
-- ARGV: 1 owner  2 lifetime, ms  3 role  4 token
-- Returns 1, or 0 where the lease has gone to another or the session is gone.
local holder = redis.call('GET', KEYS[1])
if redis.call('HGET', KEYS[2], ARGV[3] .. '_token') ~= ARGV[4] or (holder and holder ~= ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
