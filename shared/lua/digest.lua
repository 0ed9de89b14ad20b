-- Keeps digests of session data.
-- KEYS: 1 state  2 digests
-- ARGV: 1 token  2... field, value, ...
-- Returns 'ok' or 'fenced'. It may be repeated: the same data have the same digest.
if fenced(KEYS[1], 'coordinator', ARGV[1]) then return 'fenced' end
expect({'hash', 'hash'})
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 'ok'
