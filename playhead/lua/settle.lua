-- Finds out whether a consumer's transaction was applied, and makes sure that it cannot be any more.
-- KEYS: 1 state  2 consumer
-- ARGV: 1 holder
-- Returns {'ok', cursor}; {'missing'} where there is no session; {'taken'} where the name is another holder's. The
-- write changes nothing, but it breaks the WATCH of a transaction that is still on its way.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'missing'} end
if redis.call('HGET', KEYS[2], 'holder') ~= ARGV[1] then return {'taken'} end
redis.call('HSET', KEYS[2], 'holder', ARGV[1])
return {'ok', redis.call('HGET', KEYS[2], 'cursor')}
