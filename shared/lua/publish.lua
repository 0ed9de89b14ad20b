-- Appends entries to the main feed.
-- KEYS: 1 state  2 feed
-- ARGV: 1 token  2 id of the feed's last entry as the caller knows it  3 number of entries
--       4... for each entry: id, number of fields, field, value, ...
-- Returns {'ok', the clock}, also for a call that was carried out before; {'other', last id} where another
-- producer has published meanwhile; {'fenced'}; {'missing'} where the session is gone. What another hand has put behind the
-- last entry is taken out.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'missing'} end
if fenced(KEYS[1], 'producer', ARGV[1]) then return {'fenced'} end
expect({'hash', 'stream'})
number_in(KEYS[1], 'skipped')
number_in(KEYS[1], 'clock_ms')
local last = entry_in(KEYS[1], 'published') or newest(KEYS[2]) -- an earlier version did not say it
local at, ids, final = 4, {}, nil
for n = 1, tonumber(ARGV[3]) do
  ids[n] = at
  final = ARGV[at]
  at = at + 2 + 2 * tonumber(ARGV[at + 1])
end
if last ~= ARGV[2] then
  if last == final then return {'ok', redis.call('HGET', KEYS[1], 'clock_ms') or '0'} end
  return {'other', last}
end
clear_behind(KEYS[1], KEYS[2], last)
for n = 1, #ids do
  local first = ids[n]
  local through = first + 1 + 2 * tonumber(ARGV[first + 1])
  append_next(KEYS[1], KEYS[2], last, ARGV[first], unpack(ARGV, first + 2, through))
  last = ARGV[first]
end
redis.call('HSET', KEYS[1], 'ready', '1', 'published', last)
return {'ok', redis.call('HGET', KEYS[1], 'clock_ms') or '0'}
