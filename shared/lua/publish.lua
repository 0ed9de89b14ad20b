-- Appends entries to the main feed.
-- KEYS: 1 state  2 feed
-- ARGV: 1 token  2 id of the feed's last entry as the caller knows it  3 number of entries
--       4... for each entry: id, number of fields, field, value, ...
-- Returns {'ok', length of the feed}, also for a call that was carried out before; {'other', last id} where the feed
-- ends elsewhere; {'fenced'}; {'missing'} where the session is gone.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'missing'} end
if fenced(KEYS[1], 'producer', ARGV[1]) then return {'fenced'} end
local last = '0-0'
if redis.call('EXISTS', KEYS[2]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
local at, ids, final = 4, {}, nil
for n = 1, tonumber(ARGV[3]) do
  ids[n] = at
  final = ARGV[at]
  at = at + 2 + 2 * tonumber(ARGV[at + 1])
end
if last ~= ARGV[2] then
  if last == final then return {'ok', redis.call('XLEN', KEYS[2])} end
  return {'other', last}
end
for n = 1, #ids do
  local first = ids[n]
  redis.call('XADD', KEYS[2], ARGV[first], unpack(ARGV, first + 2, first + 1 + 2 * tonumber(ARGV[first + 1])))
end
redis.call('HSET', KEYS[1], 'ready', '1')
return {'ok', redis.call('XLEN', KEYS[2])}
