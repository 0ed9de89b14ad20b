-- Takes entries that are none of ours out of a stream, and counts them.
-- KEYS: 1 state  2 stream
-- ARGV: 1 token  2 the field of the state that names our last entry, then all behind it goes; or '' and  3... ids
-- Returns how many were ever taken out in this session, or 'fenced'. The stream goes on with the ids that it had before.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
expect({'hash', 'stream'})
number_in(KEYS[1], 'skipped')
if ARGV[2] ~= '' then
  local last = entry_in(KEYS[1], ARGV[2])
  if last and newest(KEYS[2]) ~= last then disown(KEYS[1], KEYS[2], last) end
else
  local count = redis.call('XDEL', KEYS[2], unpack(ARGV, 3))
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if count > 0 then set_back(KEYS[2], last and last[1] or '0-0') end
  skip(KEYS[1], count)
end
return whole(number_in(KEYS[1], 'skipped'))
