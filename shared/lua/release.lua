-- Gives a lease back.
-- KEYS: 1 lease
-- ARGV: 1 owner
-- Returns 1 where it was held by this owner, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
