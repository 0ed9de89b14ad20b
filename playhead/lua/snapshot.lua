-- Reads session data of one symbol and interval together with the flag that allows it.
-- KEYS: 1 state  2 symbols  3 bars
-- ARGV: 1 symbol
-- Returns {'ok', {field, run, ...}}, {'inactive'} during an addition, {'unknown'} where the symbol is not in the
-- session, or {'missing'} where there is no session.
local active = redis.call('HGET', KEYS[1], 'active')
if not active then return {'missing'} end
if active == '0' then return {'inactive'} end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return {'unknown'} end
return {'ok', redis.call('HGETALL', KEYS[3])}
