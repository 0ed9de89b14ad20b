-- Gives the coordinator a command, if there is a session: one that was deleted gets no new key.
-- KEYS: 1 state  2 commands  3 replies
-- ARGV: the fields and values of the command
-- Returns {entry of the command, id of the last reply or '0-0'}, or nil where there is no session.
if redis.call('EXISTS', KEYS[1]) == 0 then return nil end
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)
return {redis.call('XADD', KEYS[2], '*', unpack(ARGV)), last[1] and last[1][1] or '0-0'}
