-- Reads session data of one symbol and interval, of one trading day or more, together with the flag that allows it.
-- KEYS: 1 state  2 symbols  3... bars keys of the days
-- ARGV: 1 symbol  2 clock from which these are the right days  3 clock from which they are not any more
--       4 the symbol's record by which they are
-- Returns {'ok', clock, {field, run, ...}, ...}, {'inactive'} during an addition, {'unknown'} where the symbol is not in
-- the session, {'moved', clock} where other days are the right ones or the symbol was removed and added again
-- meanwhile, or {'missing'} where there is no session.
local now = redis.call('HMGET', KEYS[1], 'active', 'clock_ms')
local active, clock = now[1], now[2] or '0'
if not active then return {'missing'} end
if active == '0' then return {'inactive'} end
local record = redis.call('HGET', KEYS[2], ARGV[1])
if not record then return {'unknown'} end
if record ~= ARGV[4] then return {'moved', clock} end
if not tonumber(clock) then return redis.error_reply('MALFORMED ' .. KEYS[1] .. ' has no number as clock_ms') end
if tonumber(clock) < tonumber(ARGV[2]) or tonumber(clock) >= tonumber(ARGV[3]) then return {'moved', clock} end
local answer = {'ok', clock}
for k = 3, #KEYS do answer[k] = redis.call('HGETALL', KEYS[k]) end
return answer
