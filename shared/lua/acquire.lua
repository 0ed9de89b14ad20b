#!lua flags=allow-oom
-- Takes the lease of one role for one session.
-- KEYS: 1 lease  2 state  3 epochs
-- ARGV: 1 owner  2 lifetime, ms  3 role  4 version of the owner's program
-- Returns the fencing token, or nil where another process holds the lease or the session is gone. The same owner gets
-- the same token again, so a repeated call does no harm. A coordinator begins an epoch: the server may have lost what
-- another one has written, and nobody could tell by the notifications once there are new ones.
local holder = redis.call('GET', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 0 or (holder and holder ~= ARGV[1]) then return nil end
expect({'string', 'hash', 'stream'})
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if holder then return redis.call('HGET', KEYS[2], ARGV[3] .. '_token') end
-- At least the server's time: the token of a session that was deleted and made again is higher too.
local now = redis.call('TIME')
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[3] .. '_token') or '0') or 0
local token = string.format('%.0f', math.max(last + 1, now[1] * 1000 + math.floor(now[2] / 1000)))
redis.call('HSET', KEYS[2], ARGV[3] .. '_token', token, ARGV[3] .. '_version', ARGV[4])
if ARGV[3] == 'coordinator' then
  add(KEYS[3], {'epoch', ARGV[1], 'after', redis.call('HGET', KEYS[2], 'noted') or '0-0'})
  redis.call('XTRIM', KEYS[3], 'MAXLEN', 1000)
  redis.call('HSET', KEYS[2], 'epoch', ARGV[1])
end
return token
