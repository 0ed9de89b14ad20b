-- Writes one part of what a job stages. Everything it writes has a lifetime.
-- KEYS: 1 operation  2 manifest  3 reports  4 staged feed  5... staged bars
-- ARGV: 1 job  2 attempt  3 number of this part, from 1  4 lifetime, ms  5 manifest (JSON) with the last part, else ''
--       6 number of runs  7 number of feed entries
--       8... for each run its bars key (counted from the first), start, bytes; for each entry id, number of fields, ...
-- Returns 'ok', also for a part that was written before; 'stale' where the attempt is no longer the current one;
-- 'parts' where a part is missing (the staged keys have run out); 'foreign' where another hand has written to the feed.
if redis.call('HGET', KEYS[1], 'attempt:' .. ARGV[1]) ~= ARGV[2] then return 'stale' end
expect({'hash', 'hash', 'stream', 'stream'})
for k = 5, #KEYS do expect_type(KEYS[k], 'hash') end
local parts, part = number_in(KEYS[2], 'parts'), tonumber(ARGV[3])
if part <= parts then return 'ok' end
if part ~= parts + 1 then return 'parts' end
-- The feed comes first: an id that it refuses ends the script before anything has been written.
local runs = tonumber(ARGV[6])
local at = 8 + 3 * runs
for n = 1, tonumber(ARGV[7]) do
  local fields = 2 * tonumber(ARGV[at + 1])
  local done = redis.pcall('XADD', KEYS[4], ARGV[at], unpack(ARGV, at + 2, at + 1 + fields))
  if type(done) == 'table' then
    if n > 1 or not string.find(done.err, 'equal or smaller', 1, true) then error(done) end
    return 'foreign'
  end
  at = at + 2 + fields
end
for at = 8, 5 + 3 * runs, 3 do
  redis.call('HSET', KEYS[4 + tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2])
end
redis.call('HSET', KEYS[2], 'parts', ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[2], 'complete', ARGV[5])
  add(KEYS[3], {'job', ARGV[1], 'attempt', ARGV[2], 'report', 'staged'})
end
for k = 2, #KEYS do redis.call('PEXPIRE', KEYS[k], ARGV[4]) end
return 'ok'
