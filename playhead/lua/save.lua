-- Saves the cursor of a consumer. A cursor never moves back: a call that was thought lost may arrive late.
-- KEYS: 1 state  2 consumer  3 acks
-- ARGV: 1 holder  2 cursor  3 name  4 epoch in which the caller knows the cursor's entry to be there
-- In a session with a lead it wakes the coordinator, whose clock may wait for that.
-- Returns 1; 0 where the name is no longer this holder's, or the session is gone; -1 where another epoch has begun, or
-- there is no entry yet at the cursor: the server may have lost it. Nothing is changed then.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'holder') ~= ARGV[1] then return 0 end
local now = redis.call('HMGET', KEYS[1], 'epoch', 'noted')
local noted_ms, noted_n = string.match(now[2] or '', '^(%d+)-(%d+)$')
local had_ms, had_n = string.match(redis.call('HGET', KEYS[2], 'cursor') or '', '^(%d+)-(%d+)$')
local new_ms, new_n = string.match(ARGV[2], '^(%d+)-(%d+)$')
if not new_ms then return redis.error_reply('MALFORMED ' .. string.sub(ARGV[2], 1, 40) .. ' is no position') end
local beyond_ms = tonumber(new_ms) - tonumber(noted_ms or '0')
if (now[1] or '') ~= ARGV[4] or beyond_ms > 0 or beyond_ms == 0 and tonumber(new_n) > tonumber(noted_n or '0') then return -1 end
local ahead_ms = tonumber(new_ms) - tonumber(had_ms or '0')
if ahead_ms > 0 or ahead_ms == 0 and tonumber(new_n) > tonumber(had_n or '0') then
  redis.call('HSET', KEYS[2], 'cursor', ARGV[2])
end
if redis.call('HEXISTS', KEYS[1], 'lead') == 1 then
  -- Whatever another hand has made of that stream: it only wakes, and the cursor is saved.
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'consumer', ARGV[3], 'cursor', ARGV[2])
end
return 1
