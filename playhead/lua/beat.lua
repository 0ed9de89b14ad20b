#!lua flags=allow-oom
-- Shows that a consumer lives, or that its name is free: it has left, or makes way for another process that goes on.
-- KEYS: 1 state  2 consumers  3 consumer
-- ARGV: 1 name  2 holder  3 '1' alive, '0' leaving, 'next' making way: it is waited for as if it lived
-- Returns 1, or 0 where the name is no longer this holder's, or the session is gone. One that was dropped and lives is
-- there again.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[3], 'holder') ~= ARGV[2] then return 0 end
local known = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 -- before the first write: another hand may have spoilt the key
if ARGV[3] ~= '1' then redis.call('HSET', KEYS[3], 'holder', '') end
if ARGV[3] ~= '0' then
  if not known and redis.call('HEXISTS', KEYS[1], 'lead') == 1 then
    redis.call('HINCRBY', KEYS[1], 'joined', 1)
  end
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000)))
else
  redis.call('HSET', KEYS[2], ARGV[1], '0')
end
return 1
